/*
 * y (n,OH,OW,C*M): every channel of x (n,H,W,C) is convolved with its own M
 * filters, depthwise_kernel (kh,kw,C,M); output channel c * M + m.
 */
#include "layer/kinds.h"
#include "tensor/conv.h"
#include "tensor/vec.h"

#define TAP_MACS 4 /* a tap takes as long as so many products */

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

/* Lines first..first+lines-1 of sample i: they are all lines of a window over
 * the image from where they begin on. */
static void forward_lines(const struct layer_pass *p, const struct window *w,
                          int i, struct span lines)
{
    const struct config *c = p->config;
    size_t row = (size_t)w->w * (size_t)w->c;
    size_t out = (size_t)w->out_w * (size_t)shape_last(&p->out);
    int down = lines.first * w->stride_h - w->top;
    int from = down > 0 ? down : 0;
    struct window part = *w;

    part.h = w->h - from;
    part.top = from - down;
    part.out_h = lines.count;
    conv_depthwise(&part, c->depth_multiplier, 1,
                   p->x[0] + (size_t)(i * w->h + from) * row, p->param[0],
                   p->y + (size_t)(i * w->out_h + lines.first) * out);
}

static void forward(const struct layer_pass *p)
{
    const struct config *c = p->config;
    struct window w = window_of(c, p->in);
    struct span s = pass_span(p, p->n * w.out_h, 1);
    size_t channels = (size_t)shape_last(&p->out);
    size_t line = (size_t)w.out_w * channels;
    int i, end = s.first + s.count;

    if (s.count == p->n * w.out_h)
        conv_depthwise(&w, c->depth_multiplier, p->n, p->x[0], p->param[0],
                       p->y);
    else
        for (i = s.first / w.out_h; i * w.out_h < end; i++)
            forward_lines(p, &w, i, span_within(s, i * w.out_h, w.out_h));
    if (c->use_bias)
        vec_add_row(p->param[1], p->y + (size_t)s.first * line,
                    (size_t)s.count * (size_t)w.out_w, channels);
}

/* A piece is some lines. */
static int pieces(const void *config, const struct shape *in,
                  const struct shape *out, int n, bool ready)
{
    (void)ready;
    return pieces_for(TAP_MACS * macs(config, in, out) * n, n * out->dim[0]);
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
    .pieces = pieces,
    .backward = backward,
};
