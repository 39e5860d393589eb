#include "data/dataset.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tensor/vec.h"

#define LINE       64   /* bytes */
#define AHEAD      4    /* samples fetched before they are needed */
#define FETCH_MOST 4096 /* bytes of one; the rest follows by itself */

static void samples_done(struct samples *s)
{
    mem_block_free(s->u8);
    mem_block_free(s->f32);
    mem_block_free(s->label);
}

void dataset_free(struct dataset *d)
{
    int i;

    if (d == NULL)
        return;
    samples_done(&d->train);
    samples_done(&d->test);
    if (d->class_name != NULL) {
        for (i = 0; i < d->classes; i++)
            mem_free(d->class_name[i]);
    }
    mem_free(d->class_name);
    mem_block_free(d->fit);
    mem_block_free(d->validation);
    mem_free(d->name);
    mem_free(d->path);
    mem_free(d->origin);
    mem_free(d->licence);
    mem_free(d);
}

/* How one split is worked out; an entry a class. */
struct quotas {
    int64_t *size;   /* training samples of that class */
    int64_t *tail;   /* of those, among the last `want` samples */
    int64_t *seats;  /* validation samples it gets */
    int64_t *rest;   /* size * want modulo n: its claim to one more */
    int32_t *random; /* a shuffled rank: cuts equal claims */
};

static void count_classes(const struct samples *s, int want, struct quotas *q)
{
    int i;

    for (i = 0; i < s->n; i++) {
        q->size[s->label[i]]++;
        if (i >= s->n - want)
            q->tail[s->label[i]]++;
    }
}

/* The last `want` samples do when no class is a whole sample off its share and
 * none would be gone from training. */
static bool tail_is_stratified(const struct quotas *q, int classes)
{
    int c;

    for (c = 0; c < classes; c++) {
        if (q->tail[c] != q->seats[c] &&
            (q->rest[c] == 0 || q->tail[c] != q->seats[c] + 1))
            return false;
        if (q->tail[c] > 0 && q->tail[c] == q->size[c])
            return false;
    }
    return true;
}

/* The class with the largest claim that may still give a sample, or -1. */
static int next_claim(const struct quotas *q, int classes)
{
    int best = -1, c;

    for (c = 0; c < classes; c++) {
        if (q->rest[c] == 0 || q->seats[c] + 1 >= q->size[c])
            continue;
        if (best < 0 || q->rest[c] > q->rest[best] ||
            (q->rest[c] == q->rest[best] && q->random[c] < q->random[best]))
            best = c;
    }
    return best;
}

/*
 * Seats by largest remainder.  Every class keeps at least one sample to learn
 * from, so with tiny classes fewer than `want` seats may be given.
 */
static void give_seats(struct quotas *q, int classes, int n, int want,
                       uint64_t seed)
{
    struct rng r = rng_at(seed, RNG_SPLIT, 0, 0);
    int64_t left = want;
    int c;

    for (c = 0; c < classes; c++) {
        q->seats[c] = q->size[c] * want / n;
        q->rest[c] = q->size[c] * want % n;
        q->random[c] = c;
        left -= q->seats[c];
    }
    if (tail_is_stratified(q, classes)) {
        memcpy(q->seats, q->tail, (size_t)classes * sizeof(*q->seats));
        return;
    }
    rng_shuffle(&r, q->random, (size_t)classes);
    for (; left > 0; left--) {
        c = next_claim(q, classes);
        if (c < 0)
            return;
        q->seats[c]++;
        q->rest[c] = 0;
    }
}

/* From the end: the last seats[c] samples of each class c go to validation. */
static void deal_rows(struct dataset *d, struct quotas *q)
{
    int fit = d->fit_count, validation = d->validation_count, i;

    for (i = d->train.n - 1; i >= 0; i--) {
        int64_t *seats = &q->seats[d->train.label[i]];

        if (*seats > 0) {
            --*seats;
            d->validation[--validation] = i;
        } else {
            d->fit[--fit] = i;
        }
    }
    assert(fit == 0 && validation == 0);
}

static enum err_code split_by(struct dataset *d, struct quotas *q,
                              struct err *err)
{
    int64_t total = 0;
    int32_t *fit, *validation;
    int c;

    for (c = 0; c < d->classes; c++)
        total += q->seats[c];
    fit = mem_block_array((size_t)(d->train.n - total), sizeof(*fit),
                          "the split", err);
    if (fit == NULL)
        return err->code;
    validation = mem_block_array((size_t)(total > 0 ? total : 1),
                                 sizeof(*validation), "the split", err);
    if (validation == NULL) {
        mem_block_free(fit);
        return err->code;
    }
    mem_block_free(d->fit);
    mem_block_free(d->validation);
    d->fit = fit;
    d->validation = validation;
    d->fit_count = (int)(d->train.n - total);
    d->validation_count = (int)total;
    deal_rows(d, q);
    return ERR_OK;
}

enum err_code dataset_split(struct dataset *d, int want, uint64_t seed,
                            struct err *err)
{
    size_t classes = (size_t)d->classes;
    struct quotas q;
    enum err_code code;

    if (d->train.n < 1)
        return err_set(err, ERR_VALUE, "there are no training samples");
    if (want < 0)
        return err_set(err, ERR_VALUE,
                       "%d validation samples were asked for, expected 0 or "
                       "more",
                       want);
    if (want > d->train.n / 2)
        want = d->train.n / 2;

    q.size = mem_array(classes, sizeof(*q.size));
    q.tail = mem_array(classes, sizeof(*q.tail));
    q.seats = mem_array(classes, sizeof(*q.seats));
    q.rest = mem_array(classes, sizeof(*q.rest));
    q.random = mem_array(classes, sizeof(*q.random));
    count_classes(&d->train, want, &q);
    give_seats(&q, d->classes, d->train.n, want, seed);
    code = split_by(d, &q, err);
    mem_free(q.size);
    mem_free(q.tail);
    mem_free(q.seats);
    mem_free(q.rest);
    mem_free(q.random);
    return code;
}

/* Two plain loops over one row: both vectorise. */
VEC_CLONES
static void fill_u8(const uint8_t *from, size_t n, float scale, float offset,
                    float *to)
{
    size_t i;

    for (i = 0; i < n; i++)
        to[i] = (float)from[i] * scale + offset;
}

VEC_CLONES
static void fill_f32(const float *from, size_t n, float scale, float offset,
                     float *to)
{
    size_t i;

    for (i = 0; i < n; i++)
        to[i] = from[i] * scale + offset;
}

/* The rows of a batch lie anywhere in memory: some are fetched while others are
 * scaled, which halves the time for digits. */
ALWAYS_INLINE void fetch_row(const struct samples *s, size_t at, size_t width)
{
    const char *from = s->u8 != NULL ? (const char *)(s->u8 + at * width)
                                     : (const char *)(s->f32 + at * width);
    size_t bytes = width * (s->u8 != NULL ? 1 : sizeof(float)), i;

    for (i = 0; i < bytes && i < FETCH_MOST; i += LINE)
        __builtin_prefetch(from + i);
}

void dataset_fill(const struct dataset *d, const struct samples *s,
                  const int32_t *row, int n, float scale, float offset,
                  float *x)
{
    size_t width = shape_count(&d->shape);
    float factor = d->scale * scale;
    int i;

    for (i = 0; i < n; i++) {
        size_t at = (size_t)(row != NULL ? row[i] : i);

        assert(at < (size_t)s->n);
        if (row != NULL && i + AHEAD < n)
            fetch_row(s, (size_t)row[i + AHEAD], width);
        if (s->u8 != NULL)
            fill_u8(s->u8 + at * width, width, factor, offset, x);
        else
            fill_f32(s->f32 + at * width, width, factor, offset, x);
        x += width;
    }
}
