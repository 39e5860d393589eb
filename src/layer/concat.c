/* The inputs side by side along the last axis. */
#include "layer/kinds.h"
#include "tensor/vec.h"

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    long long dim[SHAPE_RANK_MAX] = {0}, width = 0;
    char first[64], other[64];
    int i;

    (void)config;
    if (in->rank < 1)
        return err_set(err, ERR_SHAPE, "concat wants at least one axis");
    for (i = 0; i < in_count; i++) {
        struct shape same = in[i];

        width += shape_last(&in[i]);
        if (same.rank == in->rank)
            same.dim[same.rank - 1] = shape_last(in);
        if (!shape_equal(&same, in))
            return err_set(err, ERR_SHAPE,
                           "concat wants inputs that differ in the last axis"
                           " only, got %s and %s",
                           shape_text(in, first, sizeof(first)),
                           shape_text(&in[i], other, sizeof(other)));
    }
    for (i = 0; i < in->rank; i++)
        dim[i] = in->dim[i];
    dim[in->rank - 1] = width;
    return shape_make(out, in->rank, dim, err);
}

static void forward(const struct layer_pass *p)
{
    size_t width = (size_t)shape_last(&p->out), rows = pass_out(p) / width;
    float *to = p->y;
    size_t r;
    int i;

    for (i = 0; i < p->in_count; i++) {
        size_t part = (size_t)shape_last(&p->in[i]);

        for (r = 0; r < rows; r++)
            vec_copy(p->x[i] + r * part, to + r * width, part);
        to += part;
    }
}

static void backward(const struct layer_pass *p)
{
    size_t width = (size_t)shape_last(&p->out), rows = pass_out(p) / width;
    const float *from = p->dy;
    size_t r;
    int i;

    for (i = 0; i < p->in_count; i++) {
        size_t part = (size_t)shape_last(&p->in[i]);

        for (r = 0; p->dx[i] != NULL && r < rows; r++)
            vec_copy(from + r * width, p->dx[i] + r * part, part);
        from += part;
    }
}

const struct layer_kind concat_layer = {
    .name = "concat",
    .keras = "Concatenate",
    .help = "its inputs side by side along the last axis",
    .least_in = 2,
    .most_in = LAYER_INPUT_MAX,
    .ignores_x = true,
    .ignores_y = true,
    .units = UNITS_STACK,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
