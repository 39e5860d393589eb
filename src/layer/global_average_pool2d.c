/* y (n,C) = the mean of x (n,H,W,C) over H and W. */
#include "layer/kinds.h"
#include "tensor/vec.h"

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    enum err_code code = layer_want_image("global_average_pool2d", in, err);

    (void)config;
    (void)in_count;
    if (code != ERR_OK)
        return code;
    return shape_make(out, 1, (long long[]){in->dim[2]}, err);
}

static size_t places_of(const struct layer_pass *p)
{
    return (size_t)p->in->dim[0] * (size_t)p->in->dim[1];
}

static void forward(const struct layer_pass *p)
{
    size_t c = (size_t)p->in->dim[2], places = places_of(p);
    int i;

    for (i = 0; i < p->n; i++)
        vec_sum_rows(p->x[0] + (size_t)i * places * c, p->y + (size_t)i * c,
                     places, c);
    vec_scale(1.0f / (float)places, p->y, p->y, pass_out(p));
}

static void backward(const struct layer_pass *p)
{
    size_t c = (size_t)p->in->dim[2], places = places_of(p), k;
    float share = 1.0f / (float)places;
    int i;

    if (p->dx[0] == NULL)
        return;
    for (i = 0; i < p->n; i++) {
        float *dx = p->dx[0] + (size_t)i * places * c;

        vec_scale(share, p->dy + (size_t)i * c, dx, c);
        for (k = 1; k < places; k++)
            vec_copy(dx, dx + k * c, c);
    }
}

const struct layer_kind global_average_pool2d_layer = {
    .name = "global_average_pool2d",
    .keras = "GlobalAveragePooling2D",
    .help = "the mean of every channel",
    .least_in = 1,
    .most_in = 1,
    .ignores_x = true,
    .ignores_y = true,
    .units = UNITS_SPREAD,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
