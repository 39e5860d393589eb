/* y = the sum of all inputs, in their order. */
#include "layer/kinds.h"
#include "tensor/vec.h"

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    char first[64], other[64];
    int i;

    (void)config;
    for (i = 1; i < in_count; i++) {
        if (!shape_equal(&in[0], &in[i]))
            return err_set(err, ERR_SHAPE,
                           "add wants inputs of one shape, got %s and %s",
                           shape_text(&in[0], first, sizeof(first)),
                           shape_text(&in[i], other, sizeof(other)));
    }
    *out = in[0];
    return ERR_OK;
}

static void forward(const struct layer_pass *p)
{
    struct stretch s = pass_stretch(p);
    float *y = p->y + s.first;
    int i;

    vec_plus(p->x[0] + s.first, p->x[1] + s.first, y, s.count);
    for (i = 2; i < p->in_count; i++)
        vec_add(p->x[i] + s.first, y, s.count);
}

static void backward(const struct layer_pass *p)
{
    int i;

    for (i = 0; i < p->in_count; i++) {
        if (p->dx[i] != NULL)
            vec_copy(p->dy, p->dx[i], pass_out(p));
    }
}

const struct layer_kind add_layer = {
    .name = "add",
    .keras = "Add",
    .help = "the sum of its inputs",
    .least_in = 2,
    .most_in = LAYER_INPUT_MAX,
    .in_place = true,
    .ignores_x = true,
    .ignores_y = true,
    .units = UNITS_JOIN,
    .shape = shape,
    .forward = forward,
    .pieces = pieces_of_values,
    .backward = backward,
};
