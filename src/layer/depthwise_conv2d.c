/*
 * y (n,OH,OW,C*M): every channel of x (n,H,W,C) is convolved with its own M
 * filters, depthwise_kernel (kh,kw,C,M); output channel c * M + m.
 */
#include "layer/kinds.h"
#include "tensor/conv.h"
#include "tensor/vec.h"

struct config {
    int kernel_size[2], strides[2], dilation_rate[2];
    int depth_multiplier;
    enum padding padding;
    bool use_bias;
};

static const struct layer_attr attrs[] = {
    ATTR_PAIR_ROW(struct config, kernel_size, "height and width of the window",
                  .positional = true, .required = true, .usual = 1),
    ATTR_PAIR_ROW(struct config, strides, "from place to place", .usual = 1),
    ATTR_PADDING_ROW(struct config),
    ATTR_PAIR_ROW(struct config, dilation_rate, "from tap to tap", .usual = 1),
    {.name = "depth_multiplier",
     .keras = "depth_multiplier",
     .help = "output channels for every input channel",
     .type = ATTR_INT,
     .offset = ATTR_AT(depth_multiplier),
     .usual = 1,
     .least = 1,
     .most = 10000},
    ATTR_BOOL_ROW(struct config, use_bias, "add a bias to every channel", 1),
};

static struct window window_of(const void *config, const struct shape *in)
{
    const struct config *c = config;

    return window_make(
        in, &(struct window_spec){.size = c->kernel_size,
                                  .stride = c->strides,
                                  .step = c->dilation_rate,
                                  .same = c->padding == PADDING_SAME});
}

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    const struct config *c = config;
    enum err_code code = layer_want_image("depthwise_conv2d", in, err);
    struct window w;
    double weights;

    (void)in_count;
    if (code != ERR_OK)
        return code;
    weights = (double)c->kernel_size[0] * c->kernel_size[1] * in->dim[2] *
              c->depth_multiplier;
    if (weights >= 2147483648.0)
        return err_set(err, ERR_SHAPE,
                       "depthwise_conv2d: %.3g weights are too many", weights);
    w = window_of(config, in);
    return layer_window_shape("depthwise_conv2d", &w,
                              (long long)w.c * c->depth_multiplier, out, err);
}

static bool param(const void *config, const struct shape *in, int i,
                  struct param_def *out)
{
    const struct config *c = config;
    int taps = c->kernel_size[0] * c->kernel_size[1];

    if (i == 0)
        *out = param_kernel(
            "depthwise_kernel",
            &(struct shape){.rank = 4,
                            .dim = {c->kernel_size[0], c->kernel_size[1],
                                    in->dim[2], c->depth_multiplier}},
            taps, taps * c->depth_multiplier);
    else if (i == 1 && c->use_bias)
        *out = param_bias(in->dim[2] * c->depth_multiplier);
    else
        return false;
    return true;
}

static double macs(const void *config, const struct shape *in,
                   const struct shape *out)
{
    const struct config *c = config;

    (void)in;
    return (double)shape_count(out) * c->kernel_size[0] * c->kernel_size[1];
}

static void forward(const struct layer_pass *p)
{
    const struct config *c = p->config;
    struct window w = window_of(c, p->in);
    size_t channels = (size_t)shape_last(&p->out);

    conv_depthwise(&w, c->depth_multiplier, p->n, p->x[0], p->param[0], p->y);
    if (c->use_bias)
        vec_add_row(p->param[1], p->y, pass_out(p) / channels, channels);
}

static void backward(const struct layer_pass *p)
{
    const struct config *c = p->config;
    struct window w = window_of(c, p->in);
    size_t channels = (size_t)shape_last(&p->out);

    conv_depthwise_kernel(&w, c->depth_multiplier, p->n, p->x[0], p->dy,
                          p->dparam[0]);
    if (c->use_bias)
        vec_sum_rows(p->dy, p->dparam[1], pass_out(p) / channels, channels);
    if (p->dx[0] != NULL)
        conv_depthwise_input(&w, c->depth_multiplier, p->n, p->param[0], p->dy,
                             p->dx[0]);
}

const struct layer_kind depthwise_conv2d_layer = {
    .name = "depthwise_conv2d",
    .keras = "DepthwiseConv2D",
    .help = "every channel has filters of its own",
    .attrs = attrs,
    .attr_count = ATTR_COUNT(attrs),
    .config_size = sizeof(struct config),
    .least_in = 1,
    .most_in = 1,
    .ignores_y = true,
    .units = UNITS_EDGE,
    .shape = shape,
    .param = param,
    .macs = macs,
    .forward = forward,
    .backward = backward,
};
