/* Pictures, what the net makes of them, and the confusion matrix. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/sheets.h"

#define SAMPLES_MOST 10000 /* of a set that are looked through */

/* Guesses for the first n samples of a set, at one state of the weights. */
struct guesses {
    char set[16];
    uint64_t weights;
    int data, n;
    int32_t *guess;
    float *confidence;
};

struct guesses *guesses_new(void)
{
    return mem_zalloc(sizeof(struct guesses));
}

static void empty(struct guesses *g)
{
    mem_free(g->guess);
    mem_free(g->confidence);
    *g = (struct guesses){0};
}

void guesses_free(struct guesses *g)
{
    if (g == NULL)
        return;
    empty(g);
    mem_free(g);
}

void guesses_keep(struct guesses *g, const char *set, unsigned long weights,
                  const int32_t *guess, const float *confidence, int n)
{
    if (n > SAMPLES_MOST)
        n = SAMPLES_MOST;
    empty(g);
    snprintf(g->set, sizeof(g->set), "%s", set);
    g->weights = weights;
    g->n = n;
    g->guess = mem_array((size_t)n, sizeof(g->guess[0]));
    g->confidence = mem_array((size_t)n, sizeof(g->confidence[0]));
    memcpy(g->guess, guess, (size_t)n * sizeof(g->guess[0]));
    memcpy(g->confidence, confidence, (size_t)n * sizeof(g->confidence[0]));
}

/* A set as rows of samples; row NULL: all, in order. */
struct rows {
    const struct samples *samples;
    const int32_t *row;
    int n;
};

static struct rows rows_of(const struct dataset *d, const char *set)
{
    struct rows r = {&d->train, d->validation, d->validation_count};

    if (strcmp(set, "test") == 0)
        r = (struct rows){&d->test, NULL, d->test.n};
    else if (strcmp(set, "train") == 0)
        r = (struct rows){&d->train, d->fit, d->fit_count};
    if (r.n > SAMPLES_MOST)
        r.n = SAMPLES_MOST;
    return r;
}

/* The test set is read by `eval test` alone: no guesses are made for it here,
 * those of the last reading are shown while the weights stay. */
static bool need_guesses(struct bench *b, const char *set,
                         const struct rows *rows, struct guesses *g)
{
    struct eval_details more = {0};
    struct evaluation e;
    struct err err;
    enum err_code code;

    if (strcmp(g->set, set) == 0 && g->weights == b->weights && g->n == rows->n)
        return true;
    if (strcmp(set, "test") == 0 || rows->n == 0)
        return false;
    more.guess = mem_array((size_t)rows->n, sizeof(more.guess[0]));
    more.confidence = mem_array((size_t)rows->n, sizeof(more.confidence[0]));
    code =
        bench_evaluate(b, rows->samples, rows->row, rows->n, &e, &more, &err);
    if (code == ERR_OK)
        guesses_keep(g, set, b->weights, more.guess, more.confidence, rows->n);
    mem_free(more.guess);
    mem_free(more.confidence);
    return code == ERR_OK;
}

static int sample_at(const struct rows *r, int i)
{
    return r->row == NULL ? i : (int)r->row[i];
}

/* "all", "wrong", "right", "class 3"; g NULL: guesses are not known. */
static bool passes(const char *filter, int label, const struct guesses *g,
                   int i)
{
    if (str_starts(filter, "class "))
        return label == atoi(filter + strlen("class "));
    if (strcmp(filter, "wrong") == 0)
        return g != NULL && g->guess[i] != label;
    if (strcmp(filter, "right") == 0)
        return g != NULL && g->guess[i] == label;
    return true;
}

const uint8_t *sheets_pixels(void *s, const struct dataset *d,
                             const struct samples *from, int sample)
{
    size_t n = shape_count(&d->shape), i;
    uint8_t *to = sheet_array(s, n, 1);

    if (from->u8 != NULL) {
        memcpy(to, from->u8 + (size_t)sample * n, n);
        return to;
    }
    for (i = 0; i < n; i++) {
        float v = from->f32[(size_t)sample * n + i] * d->scale * 255.0f;

        to[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    return to;
}

static void fill_pictures(struct data_sheet *s, const struct dataset *d,
                          const struct rows *r, const struct guesses *g,
                          const struct board_wish *wish)
{
    struct picture *to = sheet_array(
        s, (size_t)(wish->count < 0 ? 0 : wish->count), sizeof(to[0]));
    int i;

    s->first = wish->first;
    for (i = 0; i < r->n; i++) {
        int sample = sample_at(r, i), label = r->samples->label[sample];
        struct picture *p;

        if (!passes(s->filter, label, g, i))
            continue;
        if (s->total++ < wish->first || s->count >= wish->count)
            continue;
        p = &to[s->count++];
        p->index = i;
        p->label = label;
        p->guess = g == NULL ? -1 : g->guess[i];
        p->confidence = g == NULL ? 0 : g->confidence[i];
        p->pixel = sheets_pixels(s, d, r->samples, sample);
    }
    s->picture = to;
}

static void fill_confusion(struct data_sheet *s, const struct rows *r,
                           const struct guesses *g)
{
    size_t classes = (size_t)s->classes;
    int32_t *to = sheet_array(s, classes * classes, sizeof(to[0]));
    int i;

    for (i = 0; i < r->n; i++) {
        size_t label = (size_t)r->samples->label[sample_at(r, i)];

        to[label * classes + (size_t)g->guess[i]]++;
    }
    s->confusion = to;
}

const char (*sheets_classes(void *s, const struct dataset *d))[NAME_SIZE]
{
    char(*name)[NAME_SIZE] =
        sheet_array(s, (size_t)d->classes, sizeof(name[0]));
    int i;

    for (i = 0; i < d->classes; i++) {
        if (d->class_name != NULL)
            snprintf(name[i], NAME_SIZE, "%s", d->class_name[i]);
        else
            snprintf(name[i], NAME_SIZE, "%d", i);
    }
    return (const char(*)[NAME_SIZE])name;
}

static void fill_facts(struct data_sheet *s, const struct dataset *d)
{
    bool flat = d->shape.rank != 3;

    s->h = flat ? 1 : d->shape.dim[0];
    s->w = flat ? (int)shape_count(&d->shape) : d->shape.dim[1];
    s->c = flat ? 1 : d->shape.dim[2];
    s->classes = d->classes;
    s->class_name = sheets_classes(s, d);
    s->train_n = d->fit_count;
    s->validation_n = d->validation_count;
    s->test_n = d->test.n;
    snprintf(s->origin, sizeof(s->origin), "%s",
             d->origin == NULL ? "" : d->origin);
}

struct data_sheet *sheets_data(struct bench *b, const struct board_wish *wish,
                               struct guesses *cache)
{
    struct data_sheet *s = sheet_new(SHEET_DATA);
    const struct dataset *d = b->data;
    struct rows r;
    bool known;

    snprintf(s->set, sizeof(s->set), "%s",
             wish->set[0] == '\0' ? "validation" : wish->set);
    snprintf(s->filter, sizeof(s->filter), "%s",
             wish->filter[0] == '\0' ? "all" : wish->filter);
    r = rows_of(d, s->set);
    fill_facts(s, d);
    known = need_guesses(b, s->set, &r, cache);
    fill_pictures(s, d, &r, known ? cache : NULL, wish);
    if (known)
        fill_confusion(s, &r, cache);
    return s;
}
