/*
 * y_j = exp(x_j - m) / sum_k exp(x_k - m), m = max x, along the last axis;
 * dx_j = y_j (dy_j - sum_k dy_k y_k)
 */
#include "layer/kinds.h"
#include "tensor/vec.h"

static size_t width_of(const struct layer_pass *p)
{
    return (size_t)shape_last(&p->out);
}

/* The largest of x; a NaN shows in the sum, whatever is found here. */
static float greatest(const float *x, size_t n)
{
    float most = x[0];
    size_t j;

    for (j = 1; j < n; j++)
        most = most >= x[j] ? most : x[j];
    return most;
}

VEC_CLONES
static void forward_row(const float *x, float *y, size_t width)
{
    float most = greatest(x, width);
    size_t j;

    VEC_LOOP
    for (j = 0; j < width; j++)
        y[j] = vec_exp(x[j] - most);
    vec_scale(1.0f / vec_sum(y, width), y, y, width);
}

static void forward(const struct layer_pass *p)
{
    size_t width = width_of(p), n = pass_out(p), i;

    for (i = 0; i < n; i += width)
        forward_row(p->x[0] + i, p->y + i, width);
}

VEC_CLONES
static void backward_row(const float *y, const float *dy, float *dx,
                         size_t width)
{
    float common = vec_dot(dy, y, width);
    size_t j;

    VEC_LOOP
    for (j = 0; j < width; j++)
        dx[j] = y[j] * (dy[j] - common);
}

static void backward(const struct layer_pass *p)
{
    size_t width = width_of(p), n = pass_out(p), i;

    if (p->dx[0] == NULL)
        return;
    for (i = 0; i < n; i += width)
        backward_row(p->y + i, p->dy + i, p->dx[0] + i, width);
}

const struct layer_kind softmax_layer = {
    .name = "softmax",
    .keras = "Activation",
    .help = "shares of one along the last axis",
    .least_in = 1,
    .most_in = 1,
    .in_place = true,
    .ignores_x = true,
    .activation = true,
    .shape = layer_same_shape,
    .forward = forward,
    .backward = backward,
};
