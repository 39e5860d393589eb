/* y = max(x, 0); a NaN stays one.  Backward sees by y where x was positive. */
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
        y[i] = 0.0f > x[i] ? 0.0f : x[i];
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
        dx[i] = y[i] > 0.0f ? dy[i] : 0.0f;
}

const struct layer_kind relu_layer = {
    .name = "relu",
    .keras = "Activation",
    .help = "max(x, 0)",
    .least_in = 1,
    .most_in = 1,
    .in_place = true,
    .ignores_x = true,
    .activation = true,
    .shape = layer_same_shape,
    .forward = forward,
    .backward = backward,
};
