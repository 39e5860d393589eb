/* (n,H,W,C) becomes (n,HWC): the values stay where they are. */
#include "layer/kinds.h"
#include "tensor/vec.h"

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    long long count = (long long)shape_count(in);

    (void)config;
    (void)in_count;
    return shape_make(out, 1, &count, err);
}

static void forward(const struct layer_pass *p)
{
    vec_copy(p->x[0], p->y, pass_out(p));
}

static void backward(const struct layer_pass *p)
{
    if (p->dx[0] != NULL)
        vec_copy(p->dy, p->dx[0], pass_out(p));
}

const struct layer_kind flatten_layer = {
    .name = "flatten",
    .keras = "Flatten",
    .help = "an image as one row of values",
    .least_in = 1,
    .most_in = 1,
    .in_place = true,
    .view = true,
    .ignores_x = true,
    .ignores_y = true,
    .units = UNITS_FLAT,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
