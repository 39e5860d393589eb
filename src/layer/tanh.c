/* y = tanh(x), dx = (1 - y^2) dy */
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
        y[i] = vec_tanh(x[i]);
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
        dx[i] = (1.0f - y[i] * y[i]) * dy[i];
}

const struct layer_kind tanh_layer = {
    .name = "tanh",
    .keras = "Activation",
    .help = "hyperbolic tangent",
    .least_in = 1,
    .most_in = 1,
    .in_place = true,
    .ignores_x = true,
    .activation = true,
    .shape = layer_same_shape,
    .forward = forward,
    .backward = backward,
};
