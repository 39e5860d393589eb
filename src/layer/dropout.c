/*
 * Training: every value is dropped with probability rate, the others grow by
 * 1 / (1 - rate).  The draw of a value depends on seed, step, node and sample
 * alone, not on how the batch was cut.  One byte a value is kept.
 */
#include "layer/kinds.h"
#include "tensor/vec.h"

#define BLOCK 256 /* values drawn at a time */

struct config {
    float rate;
};

static const struct layer_attr attrs[] = {
    {.name = "rate",
     .keras = "rate",
     .help = "share that is dropped while training",
     .type = ATTR_REAL,
     .offset = ATTR_AT(rate),
     .positional = true,
     .usual = 0.5,
     .least = 0,
     .most = 0.999},
};

static size_t keep(const void *config, const struct shape *in,
                   const struct shape *out, int n)
{
    (void)config;
    (void)out;
    return ((size_t)n * shape_count(in) + sizeof(float) - 1) / sizeof(float);
}

static void draw(struct rng *r, uint32_t below, unsigned char *alive, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        alive[i] = rng_u32(r) >= below;
}

/* y = alive ? x * scale : 0 */
VEC_CLONES
static void apply(const unsigned char *alive, float scale, const float *x,
                  float *y, size_t n)
{
    size_t i;

    VEC_LOOP
    for (i = 0; i < n; i++) {
        float value = x[i] * scale;
        uint32_t bits;

        /* Not a product with 0, which would keep infinities as NaN. */
        memcpy(&bits, &value, sizeof(bits));
        bits &= 0u - (uint32_t)alive[i];
        memcpy(&y[i], &bits, sizeof(bits));
    }
}

static float scale_of(const struct layer_pass *p)
{
    const struct config *c = p->config;

    return 1.0f / (1.0f - c->rate);
}

static void forward_sample(const struct layer_pass *p, int i)
{
    const struct config *c = p->config;
    uint64_t index = (uint64_t)p->node << 32 | (uint64_t)(p->first + i);
    struct rng r = rng_at(p->seed, RNG_DROPOUT, p->step, index);
    uint32_t below = (uint32_t)((double)c->rate * 4294967296.0);
    size_t size = shape_count(p->in), start = (size_t)i * size, at;
    unsigned char alive[BLOCK];

    for (at = 0; at < size; at += BLOCK) {
        size_t n = size - at < BLOCK ? size - at : BLOCK;

        draw(&r, below, alive, n);
        apply(alive, scale_of(p), p->x[0] + start + at, p->y + start + at, n);
        if (p->keep != NULL)
            memcpy((unsigned char *)p->keep + start + at, alive, n);
    }
}

static void forward(const struct layer_pass *p)
{
    int i;

    if (p->mode == PASS_EVAL) {
        vec_copy(p->x[0], p->y, pass_out(p));
        return;
    }
    for (i = 0; i < p->n; i++)
        forward_sample(p, i);
}

static void backward(const struct layer_pass *p)
{
    if (p->dx[0] == NULL)
        return;
    if (p->mode == PASS_EVAL)
        vec_copy(p->dy, p->dx[0], pass_out(p));
    else
        apply((const unsigned char *)p->keep, scale_of(p), p->dy, p->dx[0],
              pass_out(p));
}

const struct layer_kind dropout_layer = {
    .name = "dropout",
    .keras = "Dropout",
    .help = "drops values at random while training",
    .attrs = attrs,
    .attr_count = ATTR_COUNT(attrs),
    .config_size = sizeof(struct config),
    .least_in = 1,
    .most_in = 1,
    .in_place = true,
    .ignores_x = true,
    .ignores_y = true,
    .train_only = true,
    .units = UNITS_EACH,
    .shape = layer_same_shape,
    .keep = keep,
    .forward = forward,
    .backward = backward,
};
