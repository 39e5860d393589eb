/* The values stay where they are; only the shape changes. */
#include "layer/kinds.h"
#include "tensor/vec.h"

struct config {
    struct shape target_shape;
};

static const struct layer_attr attrs[] = {
    {.name = "target_shape",
     .keras = "target_shape",
     .help = "new shape, such as 7x7x64",
     .type = ATTR_SHAPE,
     .offset = ATTR_AT(target_shape),
     .positional = true,
     .required = true},
};

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    const struct config *c = config;
    char from[64], to[64];

    (void)in_count;
    if (shape_count(in) != shape_count(&c->target_shape))
        return err_set(err, ERR_SHAPE,
                       "reshape: %s has %zu values, its input of %s has %zu",
                       shape_text(&c->target_shape, to, sizeof(to)),
                       shape_count(&c->target_shape),
                       shape_text(in, from, sizeof(from)), shape_count(in));
    *out = c->target_shape;
    return ERR_OK;
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

const struct layer_kind reshape_layer = {
    .name = "reshape",
    .keras = "Reshape",
    .help = "the same values in another shape",
    .attrs = attrs,
    .attr_count = ATTR_COUNT(attrs),
    .config_size = sizeof(struct config),
    .least_in = 1,
    .most_in = 1,
    .in_place = true,
    .view = true,
    .ignores_x = true,
    .ignores_y = true,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
