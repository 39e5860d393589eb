/*
 * y = the largest x of each window, channel by channel; a NaN wins.  Backward
 * gives dy to the first tap, in reading order, that holds the largest value.
 */
#include "layer/kinds.h"
#include "layer/pooling.h"
#include "tensor/vec.h"

#define TILE 64 /* channels that backward handles at a time */

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    (void)in_count;
    return pool_shape("max_pool2d", config, in, out, err);
}

VEC_CLONES
static void forward_place(const struct layer_pass *p,
                          const struct pool_place *at)
{
    float *restrict y = p->y + at->y;
    size_t c;
    int r, q;

    memcpy(y, p->x[0] + at->x, at->c * sizeof(*y));
    for (r = 0; r < at->rows; r++) {
        for (q = 0; q < at->cols; q++) {
            const float *restrict x =
                p->x[0] + at->x + (size_t)r * at->row + (size_t)q * at->c;

            for (c = 0; c < at->c; c++)
                y[c] = ((x[c] > y[c]) | (x[c] != x[c])) ? x[c] : y[c];
        }
    }
}

static void forward(const struct layer_pass *p)
{
    pool_each(p, forward_place);
}

/* Channels first..first+n-1 of one place; left is the gradient that has not
 * found its tap yet. */
static inline void backward_tile(const struct layer_pass *p,
                                 const struct pool_place *at, size_t first,
                                 size_t n)
{
    const float *restrict y = p->y + at->y + first;
    float left[TILE];
    size_t c;
    int r, q;

    memcpy(left, p->dy + at->y + first, n * sizeof(*left));
    for (r = 0; r < at->rows; r++) {
        for (q = 0; q < at->cols; q++) {
            size_t tap =
                at->x + (size_t)r * at->row + (size_t)q * at->c + first;
            const float *restrict x = p->x[0] + tap;
            float *restrict dx = p->dx[0] + tap;

            for (c = 0; c < n; c++) {
                float take = x[c] == y[c] ? left[c] : 0.0f;

                dx[c] += take;
                left[c] = x[c] == y[c] ? 0.0f : left[c];
            }
        }
    }
}

VEC_CLONES
static void backward_place(const struct layer_pass *p,
                           const struct pool_place *at)
{
    size_t first;

    for (first = 0; first < at->c; first += TILE)
        backward_tile(p, at, first,
                      at->c - first < TILE ? at->c - first : TILE);
}

static void backward(const struct layer_pass *p)
{
    if (p->dx[0] == NULL)
        return;
    vec_zero(p->dx[0], pass_in(p, 0));
    pool_each(p, backward_place);
}

const struct layer_kind max_pool2d_layer = {
    .name = "max_pool2d",
    .keras = "MaxPooling2D",
    .help = "the largest value of every window",
    .attrs = pool_attrs,
    .attr_count = POOL_ATTR_COUNT,
    .config_size = sizeof(struct pool_config),
    .least_in = 1,
    .most_in = 1,
    .units = UNITS_SPREAD,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
