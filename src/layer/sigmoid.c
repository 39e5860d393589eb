/* y = 1 / (1 + exp(-x)), dx = y (1 - y) dy */
#include "layer/kinds.h"
#include "tensor/vec.h"

VEC_CLONES
static void forward(const struct layer_pass *p)
{
    const float *x = p->x[0];
    float *y = p->y;
    size_t i, n = pass_out(p);

    VEC_LOOP
    for (i = 0; i < n; i++)
        y[i] = vec_sigmoid(x[i]);
}

VEC_CLONES
static void backward(const struct layer_pass *p)
{
    const float *y = p->y, *dy = p->dy;
    float *dx = p->dx[0];
    size_t i, n = pass_out(p);

    if (dx == NULL)
        return;
    VEC_LOOP
    for (i = 0; i < n; i++)
        dx[i] = y[i] * (1.0f - y[i]) * dy[i];
}

const struct layer_kind sigmoid_layer = {
    .name = "sigmoid",
    .keras = "Activation",
    .help = "1 / (1 + exp(-x))",
    .least_in = 1,
    .most_in = 1,
    .in_place = true,
    .ignores_x = true,
    .activation = true,
    .shape = layer_same_shape,
    .forward = forward,
    .backward = backward,
};
