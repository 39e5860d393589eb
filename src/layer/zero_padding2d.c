/* (n,H,W,C) inside zeros: (n,top+H+bottom,left+W+right,C). */
#include "layer/kinds.h"
#include "tensor/vec.h"

struct config {
    int padding[4]; /* top, bottom, left, right */
};

static const struct layer_attr attrs[] = {
    {.name = "padding",
     .keras = "padding",
     .help = "lines of zeros: on all sides, or rows,columns, or"
             " top,bottom,left,right",
     .type = ATTR_PADS,
     .offset = ATTR_AT(padding),
     .positional = true,
     .usual = 1,
     .least = 0,
     .most = 10000},
};

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    const struct config *c = config;
    const int *pad = c->padding;
    enum err_code code = layer_want_image("zero_padding2d", in, err);

    (void)in_count;
    if (code != ERR_OK)
        return code;
    return shape_make(out, 3,
                      (long long[]){(long long)in->dim[0] + pad[0] + pad[1],
                                    (long long)in->dim[1] + pad[2] + pad[3],
                                    in->dim[2]},
                      err);
}

/* Offset in the padded shard of row `row` of all n * H input rows. */
static size_t place_of(const struct layer_pass *p, size_t row)
{
    const struct config *c = p->config;
    size_t h = (size_t)p->in->dim[0], out_h = (size_t)p->out.dim[0];
    size_t line = row / h * out_h + (size_t)c->padding[0] + row % h;

    return (line * (size_t)p->out.dim[1] + (size_t)c->padding[2]) *
           (size_t)p->in->dim[2];
}

static size_t row_size(const struct layer_pass *p)
{
    return (size_t)p->in->dim[1] * (size_t)p->in->dim[2];
}

static void forward(const struct layer_pass *p)
{
    size_t rows = (size_t)p->n * (size_t)p->in->dim[0], size = row_size(p), r;

    vec_zero(p->y, pass_out(p));
    for (r = 0; r < rows; r++)
        vec_copy(p->x[0] + r * size, p->y + place_of(p, r), size);
}

static void backward(const struct layer_pass *p)
{
    size_t rows = (size_t)p->n * (size_t)p->in->dim[0], size = row_size(p), r;

    if (p->dx[0] == NULL)
        return;
    for (r = 0; r < rows; r++)
        vec_copy(p->dy + place_of(p, r), p->dx[0] + r * size, size);
}

const struct layer_kind zero_padding2d_layer = {
    .name = "zero_padding2d",
    .keras = "ZeroPadding2D",
    .help = "zeros round an image",
    .attrs = attrs,
    .attr_count = ATTR_COUNT(attrs),
    .config_size = sizeof(struct config),
    .least_in = 1,
    .most_in = 1,
    .ignores_x = true,
    .ignores_y = true,
    .units = UNITS_EDGE,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
