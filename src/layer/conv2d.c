/*
 * y (n,OH,OW,K) = conv of x (n,H,W,C) with kernel (kh,kw,C/groups,K), + b (K).
 *
 * Forward and backward go straight over the image (conv_direct.h); where most
 * of dy is zero, as behind a max pool, backward leaves the zeros out instead
 * (conv_zeros.h).  What neither can do (groups, dilation, fewer filters or
 * channels than a vector has) goes through a matrix: a block of output lines is
 * written out, one row a place, one column a tap and channel (im2col), small
 * enough for the second-level cache; then the block is one matrix product.  A
 * 1x1 window with stride 1 needs no such matrix: x is it.  Backward makes the
 * blocks again, which is cheaper than keeping them.
 */
#include "base/mem.h"
#include "layer/kinds.h"
#include "tensor/conv.h"
#include "tensor/conv_direct.h"
#include "tensor/conv_zeros.h"
#include "tensor/gemm.h"
#include "tensor/vec.h"

#define BLOCK_FLOATS (192 * 1024)

struct config {
    int filters;
    int kernel_size[2], strides[2], dilation_rate[2];
    int groups;
    enum padding padding;
    bool use_bias;
};

static const struct layer_attr attrs[] = {
    {.name = "filters",
     .keras = "filters",
     .help = "output channels",
     .type = ATTR_INT,
     .offset = ATTR_AT(filters),
     .positional = true,
     .required = true,
     .usual = 1,
     .least = 1,
     .most = 1e6},
    ATTR_PAIR_ROW(struct config, kernel_size, "height and width of the window",
                  .positional = true, .required = true, .usual = 1),
    ATTR_PAIR_ROW(struct config, strides, "from place to place", .usual = 1),
    ATTR_PADDING_ROW(struct config),
    ATTR_PAIR_ROW(struct config, dilation_rate, "from tap to tap", .usual = 1),
    {.name = "groups",
     .keras = "groups",
     .help = "channels are cut into so many groups that do not mix",
     .type = ATTR_INT,
     .offset = ATTR_AT(groups),
     .usual = 1,
     .least = 1,
     .most = 1e6},
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

static enum err_code check_groups(const struct config *c,
                                  const struct shape *in, struct err *err)
{
    double weights = (double)c->kernel_size[0] * c->kernel_size[1] *
                     (in->dim[2] / c->groups) * c->filters;

    if (in->dim[2] % c->groups != 0)
        return err_set(err, ERR_SHAPE,
                       "conv2d: groups=%d does not divide the %d input"
                       " channels",
                       c->groups, in->dim[2]);
    if (c->filters % c->groups != 0)
        return err_set(err, ERR_SHAPE,
                       "conv2d: groups=%d does not divide the %d filters",
                       c->groups, c->filters);
    if (weights >= 2147483648.0)
        return err_set(err, ERR_SHAPE, "conv2d: %.3g weights are too many",
                       weights);
    return ERR_OK;
}

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    const struct config *c = config;
    enum err_code code = layer_want_image("conv2d", in, err);
    struct window w;

    (void)in_count;
    if (code == ERR_OK)
        code = check_groups(c, in, err);
    if (code != ERR_OK)
        return code;
    w = window_of(config, in);
    return layer_window_shape("conv2d", &w, c->filters, out, err);
}

static bool param(const void *config, const struct shape *in, int i,
                  struct param_def *out)
{
    const struct config *c = config;
    int taps = c->kernel_size[0] * c->kernel_size[1];
    int channels = in->dim[2] / c->groups;

    if (i == 0)
        *out = param_kernel(
            "kernel",
            &(struct shape){.rank = 4,
                            .dim = {c->kernel_size[0], c->kernel_size[1],
                                    channels, c->filters}},
            taps * channels, taps * (c->filters / c->groups));
    else if (i == 1 && c->use_bias)
        *out = param_bias(c->filters);
    else
        return false;
    return true;
}

/* How to do it without a matrix of windows. */
static bool is_grey(const struct config *c, const struct window *w)
{
    return conv_grey_fits(w, c->filters);
}

static bool is_direct(const struct config *c, const struct window *w)
{
    return c->groups == 1 && conv_direct_fits(w, c->filters);
}

/* Everything a pass with a matrix needs to know: of dilated windows, groups,
 * and a filter or two. */
struct plan {
    struct window w;
    bool bare;               /* x itself is the matrix: 1x1, every place */
    int group_in, group_out; /* channels of a group */
    int depth;               /* kh * kw * group_in: columns of the matrix */
    int lines, block;        /* output lines of the shard, of a block */
};

static struct plan plan_of(const void *config, const struct shape *in, int n)
{
    const struct config *c = config;
    struct plan p = {.w = window_of(config, in),
                     .group_in = in->dim[2] / c->groups,
                     .group_out = c->filters / c->groups};
    size_t line;

    p.bare =
        p.w.kh == 1 && p.w.kw == 1 && p.w.stride_h == 1 && p.w.stride_w == 1;
    p.depth = p.w.kh * p.w.kw * p.group_in;
    p.lines = n * p.w.out_h;
    line = (size_t)p.w.out_w * (size_t)p.depth;
    p.block = p.lines;
    if (!p.bare && line * (size_t)p.lines > BLOCK_FLOATS)
        p.block = line < BLOCK_FLOATS ? (int)(BLOCK_FLOATS / line) : 1;
    return p;
}

static size_t scratch(const void *config, const struct shape *in,
                      const struct shape *out, int n, bool train)
{
    const struct config *c = config;
    struct plan p = plan_of(config, in, n);
    size_t count = 0;

    (void)out;
    if (is_direct(c, &p.w))
        count = conv_direct_scratch(&p.w, n, c->filters, train);
    if (!p.bare && (!is_direct(c, &p.w) ||
                    (train && !conv_direct_input_fits(&p.w, c->filters))))
        count = mem_larger(count, (size_t)p.block * (size_t)p.w.out_w *
                                      (size_t)p.depth);
    if (train && c->groups == 1 && conv_zeros_fit(&p.w))
        count = mem_larger(count, conv_zeros_scratch(&p.w, c->filters));
    return count;
}

static double macs(const void *config, const struct shape *in,
                   const struct shape *out)
{
    struct plan p = plan_of(config, in, 1);

    return (double)shape_count(out) * p.depth;
}

/* The matrix of a block and group: rows (places) of depth, `stride` apart. */
static const float *matrix(const struct layer_pass *p, const struct plan *plan,
                           int first, int lines, int group, int *stride)
{
    struct patch patch = {.first = first,
                          .count = lines,
                          .from = group * plan->group_in,
                          .width = plan->group_in};

    if (plan->bare) {
        *stride = plan->w.c;
        return p->x[0] +
               (size_t)first * (size_t)plan->w.out_w * (size_t)plan->w.c +
               patch.from;
    }
    *stride = plan->depth;
    conv_im2col(&plan->w, &patch, p->x[0], p->scratch);
    return p->scratch;
}

static void forward_block(const struct layer_pass *p, const struct plan *plan,
                          int first, int lines)
{
    const struct config *c = p->config;
    int rows = lines * plan->w.out_w, group, stride;
    float *y =
        p->y + (size_t)first * (size_t)plan->w.out_w * (size_t)c->filters;

    for (group = 0; group < c->groups; group++) {
        const float *cols = matrix(p, plan, first, lines, group, &stride);
        int to = group * plan->group_out;

        gemm(&(struct gemm){.m = rows,
                            .n = plan->group_out,
                            .k = plan->depth,
                            .a = cols,
                            .a_stride = stride,
                            .b = p->param[0] + to,
                            .b_stride = c->filters,
                            .c = y + to,
                            .c_stride = c->filters});
    }
    if (c->use_bias)
        vec_add_row(p->param[1], y, (size_t)rows, (size_t)c->filters);
}

static void forward_matrix(const struct layer_pass *p)
{
    struct plan plan = plan_of(p->config, p->in, p->n);
    int first;

    for (first = 0; first < plan.lines; first += plan.block) {
        int left = plan.lines - first;

        forward_block(p, &plan, first, left < plan.block ? left : plan.block);
    }
}

static struct conv_direct direct_of(const struct layer_pass *p,
                                    const struct window *w)
{
    const struct config *c = p->config;

    return (struct conv_direct){.w = w,
                                .n = p->n,
                                .filters = c->filters,
                                .ready = p->ready,
                                .scratch = p->scratch};
}

/* Of what forward can make one at a time. */
static int parts_of(const struct config *c, const struct window *w, int n,
                    bool ready)
{
    if (is_direct(c, w) && !is_grey(c, w))
        return conv_direct_parts(w, n, c->filters, ready);
    return n * w->out_h;
}

/* A piece is some lines, or rows of tiles where the kernel is ready; with a
 * matrix, whose product's bits may depend on its size, there is only one. */
static int pieces(const void *config, const struct shape *in,
                  const struct shape *out, int n, bool ready)
{
    const struct config *c = config;
    struct window w = window_of(config, in);
    int most = n * w.out_h;

    if (!is_grey(c, &w))
        most =
            is_direct(c, &w) ? conv_direct_pieces(&w, n, c->filters, ready) : 1;
    return pieces_for(macs(config, in, out) * n, most);
}

static size_t ready_count(const void *config, const struct shape *in, int n)
{
    const struct config *c = config;
    struct window w = window_of(config, in);

    (void)n;
    if (is_grey(c, &w) || !is_direct(c, &w))
        return 0;
    return conv_direct_ready_count(&w, c->filters);
}

static void make_ready(const struct layer_pass *p)
{
    struct window w = window_of(p->config, p->in);
    struct conv_direct d = direct_of(p, &w);

    conv_direct_make(&d, p->param[0], p->ready);
}

static void forward(const struct layer_pass *p)
{
    const struct config *c = p->config;
    struct window w = window_of(c, p->in);
    struct span s = pass_span(p, parts_of(c, &w, p->n, p->ready != NULL), 1);
    const float *bias = c->use_bias ? p->param[1] : NULL;
    struct conv_direct d = direct_of(p, &w);

    if (is_grey(c, &w))
        conv_grey(&w, p->x[0], p->param[0], bias, c->filters, s.first, s.count,
                  p->y + (size_t)(s.first * w.out_w) * (size_t)c->filters);
    else if (is_direct(c, &w))
        conv_direct_forward(&d, s.first, s.count, p->x[0], p->param[0], bias,
                            p->y);
    else
        forward_matrix(p);
}

/* dx of a block and group: dy (rows,group_out) W' (group_out,depth), spread
 * over the image. */
static void backward_input(const struct layer_pass *p, const struct plan *plan,
                           int first, int lines, int group)
{
    const struct config *c = p->config;
    size_t places = (size_t)first * (size_t)plan->w.out_w;
    struct patch patch = {.first = first,
                          .count = lines,
                          .from = group * plan->group_in,
                          .width = plan->group_in};
    float *to = plan->bare ? p->dx[0] + places * (size_t)plan->w.c + patch.from
                           : p->scratch;

    gemm(&(struct gemm){.m = lines * plan->w.out_w,
                        .n = plan->depth,
                        .k = plan->group_out,
                        .a = p->dy + places * (size_t)c->filters +
                             group * plan->group_out,
                        .a_stride = c->filters,
                        .b = p->param[0] + group * plan->group_out,
                        .b_turned = true,
                        .b_stride = c->filters,
                        .c = to,
                        .c_stride = plan->bare ? plan->w.c : plan->depth});
    if (!plan->bare)
        conv_col2im(&plan->w, &patch, p->scratch, p->dx[0]);
}

static void kernel_block(const struct layer_pass *p, const struct plan *plan,
                         int first, int lines, int group)
{
    const struct config *c = p->config;
    const float *dy =
        p->dy + (size_t)first * (size_t)plan->w.out_w * (size_t)c->filters;
    int stride, to = group * plan->group_out;
    const float *cols = matrix(p, plan, first, lines, group, &stride);

    gemm(&(struct gemm){.m = plan->depth,
                        .n = plan->group_out,
                        .k = lines * plan->w.out_w,
                        .a = cols,
                        .a_turned = true,
                        .a_stride = stride,
                        .b = dy + to,
                        .b_stride = c->filters,
                        .beta = first > 0 ? 1.0f : 0.0f,
                        .c = p->dparam[0] + to,
                        .c_stride = c->filters});
}

/* Both gradients, or one of them where the other is had without a matrix. */
static void backward_matrix(const struct layer_pass *p, bool kernel, bool input)
{
    const struct config *c = p->config;
    struct plan plan = plan_of(c, p->in, p->n);
    int first, group;

    if (input && !plan.bare)
        vec_zero(p->dx[0], pass_in(p, 0));
    for (first = 0; first < plan.lines; first += plan.block) {
        int left = plan.lines - first;
        int lines = left < plan.block ? left : plan.block;

        for (group = 0; group < c->groups; group++) {
            if (kernel)
                kernel_block(p, &plan, first, lines, group);
            if (input)
                backward_input(p, &plan, first, lines, group);
        }
    }
}

static void backward_direct(const struct layer_pass *p, const struct window *w)
{
    const struct config *c = p->config;
    struct conv_direct d = direct_of(p, w);

    conv_direct_kernel(&d, p->x[0], p->dy, p->dparam[0]);
    if (p->dx[0] == NULL)
        return;
    if (conv_direct_input_fits(w, c->filters))
        conv_direct_input(&d, p->param[0], p->dy, p->dx[0]);
    else
        backward_matrix(p, false, true);
}

static void backward(const struct layer_pass *p)
{
    const struct config *c = p->config;
    struct window w = window_of(c, p->in);
    struct conv_zeros z = {
        .w = &w, .n = p->n, .filters = c->filters, .scratch = p->scratch};

    if (c->groups == 1 && conv_zeros_pay(&z, p->dy))
        conv_zeros_backward(&z, p->x[0], p->param[0], p->dy, p->dparam[0],
                            p->dx[0]);
    else if (is_direct(c, &w))
        backward_direct(p, &w);
    else
        backward_matrix(p, true, p->dx[0] != NULL);
    if (c->use_bias)
        vec_sum_rows(p->dy, p->dparam[1], pass_out(p) / (size_t)c->filters,
                     (size_t)c->filters);
}

const struct layer_kind conv2d_layer = {
    .name = "conv2d",
    .keras = "Conv2D",
    .help = "filters that slide over an image",
    .attrs = attrs,
    .attr_count = ATTR_COUNT(attrs),
    .config_size = sizeof(struct config),
    .least_in = 1,
    .most_in = 1,
    .ignores_y = true,
    .units = UNITS_MAKE,
    .units_at = ATTR_AT(filters),
    .shape = shape,
    .param = param,
    .scratch = scratch,
    .macs = macs,
    .forward = forward,
    .backward = backward,
    .pieces = pieces,
    .ready_count = ready_count,
    .make_ready = make_ready,
};
