#include "tests/rig.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support.h"

#include "base/mem.h"
#include "tensor/gemm.h"

static void *room(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size);

    if (p == NULL)
        abort();
    return p;
}

static float *floats(size_t n)
{
    return room(n, sizeof(float));
}

static void poison(float *x, size_t n)
{
    size_t i;

    for (i = 0; x != NULL && i < n; i++)
        x[i] = NAN;
}

static enum err_code parse(const char *spec, const struct layer_kind **kind,
                           void *config, struct err *err)
{
    struct args a;
    enum err_code code = args_parse(spec, &a, err);

    if (code != ERR_OK)
        return code;
    *kind = layer_find(a.word[0]);
    if (*kind == NULL)
        fail_msg("no kind \"%s\"", a.word[0]);
    code = layer_parse(*kind, &a, config, err);
    args_done(&a);
    return code;
}

enum err_code rig_shape(const char *spec, const struct shape *in, int in_count,
                        struct shape *out, struct err *err)
{
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    const struct layer_kind *kind = NULL;
    enum err_code code = parse(spec, &kind, config, err);

    return code != ERR_OK ? code : kind->shape(config, in, in_count, out, err);
}

static void add_params(struct rig *r)
{
    int i, s;

    while (r->kind->param != NULL && r->param_count < LAYER_PARAM_MAX &&
           r->kind->param(r->config, r->in, r->param_count,
                          &r->def[r->param_count]))
        r->param_count++;
    for (i = 0; i < r->param_count; i++) {
        r->param_size[i] = shape_count(&r->def[i].shape);
        r->param[i] = floats(r->param_size[i]);
        if (!r->def[i].trainable)
            continue;
        r->dparam[i] = floats(r->param_size[i]);
        for (s = 0; s < r->shards; s++)
            r->slot[s][i] = floats(r->param_size[i]);
    }
}

/* Samples of the largest shard. */
static int most_of(const struct rig *r)
{
    int most = 0, s;

    for (s = 0; s < r->shards; s++) {
        int n = r->first[s + 1] - r->first[s];

        most = n > most ? n : most;
    }
    return most;
}

/* The largest shard decides scratch, as one is used after the other. */
static void add_memory(struct rig *r)
{
    const struct layer_kind *k = r->kind;
    int most = most_of(r), s;

    for (s = 0; s < r->shards; s++) {
        int n = r->first[s + 1] - r->first[s];

        if (k->keep != NULL)
            r->keep[s] = floats(k->keep(r->config, r->in, &r->out, n));
    }
    if (k->scratch != NULL)
        r->scratch = floats(
            mem_larger(k->scratch(r->config, r->in, &r->out, most, true),
                       k->scratch(r->config, r->in, &r->out, most, false)));
    if (k->shared != NULL)
        r->shared = floats(k->shared(r->config, r->in));
    if (k->part_count != NULL)
        r->parts = room(k->part_count(r->config, r->in) * (size_t)r->shards,
                        sizeof(double));
}

struct rig *rig_new(const char *spec, const struct shape *in, int in_count,
                    int n, int shards)
{
    struct rig *r = room(1, sizeof(*r));
    struct err err;
    int i;

    gemm_start();
    assert_ok(parse(spec, &r->kind, r->config, &err));
    assert_ok(r->kind->shape(r->config, in, in_count, &r->out, &err));
    r->n = n;
    r->shards = shards < n ? shards : n;
    for (i = 0; i <= r->shards; i++)
        r->first[i] = n * i / r->shards;
    r->in_count = in_count;
    for (i = 0; i < in_count; i++) {
        r->in[i] = in[i];
        r->x_size[i] = (size_t)n * shape_count(&in[i]);
        r->x[i] = floats(r->x_size[i]);
        r->dx[i] = floats(r->x_size[i]);
    }
    r->y_size = (size_t)n * shape_count(&r->out);
    r->y = floats(r->y_size);
    r->dy = floats(r->y_size);
    add_params(r);
    add_memory(r);
    return r;
}

void rig_free(struct rig *r)
{
    int i, s;

    for (i = 0; i < r->in_count; i++) {
        free(r->x[i]);
        free(r->dx[i]);
    }
    for (i = 0; i < r->param_count; i++) {
        free(r->param[i]);
        free(r->dparam[i]);
        for (s = 0; s < r->shards; s++)
            free(r->slot[s][i]);
    }
    for (s = 0; s < r->shards; s++)
        free(r->keep[s]);
    free(r->y);
    free(r->dy);
    free(r->scratch);
    free(r->shared);
    free(r->parts);
    free(r->ready);
    free(r);
}

/* Pointers of one shard's pass live as long as this. */
struct shard {
    struct layer_pass pass;
    const float *x[LAYER_INPUT_MAX];
    float *dx[LAYER_INPUT_MAX];
};

static void shard_of(struct rig *r, int s, struct shard *to)
{
    size_t first = (size_t)r->first[s];
    int i;

    for (i = 0; i < r->in_count; i++) {
        size_t at = first * shape_count(&r->in[i]);

        to->x[i] = r->x[i] + at;
        to->dx[i] = r->dx[i] != NULL ? r->dx[i] + at : NULL;
    }
    to->pass = (struct layer_pass){.kind = r->kind,
                                   .config = r->config,
                                   .mode = r->mode,
                                   .n = r->first[s + 1] - r->first[s],
                                   .in_count = r->in_count,
                                   .in = r->in,
                                   .out = r->out,
                                   .x = to->x,
                                   .y = r->y + first * shape_count(&r->out),
                                   .dy = r->dy + first * shape_count(&r->out),
                                   .dx = to->dx,
                                   .param = r->param,
                                   .dparam = r->slot[s],
                                   .scratch = r->scratch,
                                   .keep = r->keep[s],
                                   .ready = r->ready,
                                   .shared = r->shared,
                                   .seed = r->seed,
                                   .step = r->step,
                                   .blend = r->blend,
                                   .node = 7,
                                   .first = r->first[s]};
}

/* The pass that a join sees: the whole batch, no activations. */
static struct layer_pass joined(struct rig *r)
{
    struct shard all;

    shard_of(r, 0, &all);
    all.pass.n = r->n;
    all.pass.x = NULL;
    all.pass.y = NULL;
    all.pass.dy = NULL;
    all.pass.dx = NULL;
    all.pass.keep = NULL;
    all.pass.scratch = NULL;
    all.pass.dparam = r->dparam;
    return all.pass;
}

void rig_forward(struct rig *r)
{
    const struct layer_kind *k = r->kind;
    bool whole = k->part_count != NULL && r->mode == PASS_TRAIN;
    size_t parts = whole ? k->part_count(r->config, r->in) : 0;
    struct shard shard;
    int s;

    if (r->y != r->x[0])
        poison(r->y, r->y_size);
    for (s = 0; whole && s < r->shards; s++) {
        shard_of(r, s, &shard);
        k->forward_part(&shard.pass, r->parts + (size_t)s * parts);
    }
    if (whole) {
        struct layer_pass all = joined(r);

        k->forward_join(&all, r->parts, r->shards);
    }
    for (s = 0; s < r->shards; s++) {
        shard_of(r, s, &shard);
        shard.pass.pieces = r->pieces;
        do {
            k->forward(&shard.pass);
        } while (++shard.pass.piece < r->pieces);
    }
}

void rig_ready(struct rig *r)
{
    struct shard shard;
    size_t count = r->kind->ready_count == NULL
                       ? 0
                       : r->kind->ready_count(r->config, r->in, most_of(r));

    if (count == 0)
        return;
    r->ready = floats(count);
    shard_of(r, 0, &shard);
    r->kind->make_ready(&shard.pass);
}

/* dparam = the sum of the shards' slots, in order */
static void add_slots(struct rig *r)
{
    size_t j;
    int i, s;

    for (i = 0; i < r->param_count; i++) {
        for (s = 0; r->dparam[i] != NULL && s < r->shards; s++) {
            for (j = 0; j < r->param_size[i]; j++)
                r->dparam[i][j] =
                    (s > 0 ? r->dparam[i][j] : 0.0f) + r->slot[s][i][j];
        }
    }
}

static void backward_whole(struct rig *r)
{
    size_t parts = r->kind->part_count(r->config, r->in);
    struct layer_pass all = joined(r);
    struct shard shard;
    int s;

    for (s = 0; s < r->shards; s++) {
        shard_of(r, s, &shard);
        r->kind->backward_part(&shard.pass, r->parts + (size_t)s * parts);
    }
    r->kind->backward_join(&all, r->parts, r->shards);
}

void rig_backward(struct rig *r)
{
    static float *const none[LAYER_PARAM_MAX];
    bool whole = r->kind->backward_join != NULL && r->mode == PASS_TRAIN;
    struct shard shard;
    int i, s;

    for (i = 0; i < r->in_count; i++) {
        if (r->dx[i] != r->dy)
            poison(r->dx[i], r->x_size[i]);
    }
    for (i = 0; i < r->param_count; i++) {
        poison(r->dparam[i], r->param_size[i]);
        for (s = 0; s < r->shards; s++)
            poison(r->slot[s][i], r->param_size[i]);
    }
    if (whole)
        backward_whole(r);
    for (s = 0; s < r->shards; s++) {
        shard_of(r, s, &shard);
        if (whole)
            shard.pass.dparam = none;
        r->kind->backward(&shard.pass);
    }
    if (!whole)
        add_slots(r);
}
