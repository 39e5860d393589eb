/* y = the mean of the taps that lie inside the image, channel by channel. */
#include "layer/kinds.h"
#include "layer/pooling.h"
#include "tensor/vec.h"

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    (void)in_count;
    return pool_shape("average_pool2d", config, in, out, err);
}

VEC_CLONES
static void forward_place(const struct layer_pass *p,
                          const struct pool_place *at)
{
    float *restrict y = p->y + at->y;
    float share = 1.0f / (float)(at->rows * at->cols);
    size_t c;
    int r, q;

    memset(y, 0, at->c * sizeof(*y));
    for (r = 0; r < at->rows; r++) {
        for (q = 0; q < at->cols; q++) {
            const float *restrict x =
                p->x[0] + at->x + (size_t)r * at->row + (size_t)q * at->c;

            for (c = 0; c < at->c; c++)
                y[c] += x[c];
        }
    }
    for (c = 0; c < at->c; c++)
        y[c] *= share;
}

static void forward(const struct layer_pass *p)
{
    pool_each(p, forward_place);
}

VEC_CLONES
static void backward_place(const struct layer_pass *p,
                           const struct pool_place *at)
{
    const float *restrict dy = p->dy + at->y;
    float share = 1.0f / (float)(at->rows * at->cols);
    size_t c;
    int r, q;

    for (r = 0; r < at->rows; r++) {
        for (q = 0; q < at->cols; q++) {
            float *restrict dx =
                p->dx[0] + at->x + (size_t)r * at->row + (size_t)q * at->c;

            for (c = 0; c < at->c; c++)
                dx[c] += dy[c] * share;
        }
    }
}

static void backward(const struct layer_pass *p)
{
    if (p->dx[0] == NULL)
        return;
    vec_zero(p->dx[0], pass_in(p, 0));
    pool_each(p, backward_place);
}

const struct layer_kind average_pool2d_layer = {
    .name = "average_pool2d",
    .keras = "AveragePooling2D",
    .help = "the mean of every window",
    .attrs = pool_attrs,
    .attr_count = POOL_ATTR_COUNT,
    .config_size = sizeof(struct pool_config),
    .least_in = 1,
    .most_in = 1,
    .ignores_x = true,
    .ignores_y = true,
    .units = UNITS_SPREAD,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
