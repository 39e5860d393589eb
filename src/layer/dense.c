/*
 * y (n,K) = x (n,I) W (I,K) + b (K)
 * Inputs of a higher rank are rows along their last axis, as in Keras.
 * Where many x are zero they are left out of the products with x.
 */
#include "base/mem.h"
#include "layer/kinds.h"
#include "tensor/gemm.h"
#include "tensor/vec.h"
#include "tensor/zeros.h"

#define GRAIN        16  /* units: a line of the cache */
#define PANEL        320 /* units side by side at most */
#define PANELS_LEAST 2   /* where threads are worth it */
#define LATE_SAMPLES 64  /* whose dy stays near the core */

struct config {
    int units;
    bool use_bias;
};

static const struct layer_attr attrs[] = {
    {.name = "units",
     .keras = "units",
     .help = "outputs",
     .type = ATTR_INT,
     .offset = ATTR_AT(units),
     .positional = true,
     .required = true,
     .usual = 1,
     .least = 1,
     .most = 1e6},
    ATTR_BOOL_ROW(struct config, use_bias, "add a bias to every output", 1),
};

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    const struct config *c = config;
    long long dim[SHAPE_RANK_MAX] = {0};
    int i;

    (void)in_count;
    if (in->rank < 1)
        return err_set(err, ERR_SHAPE, "dense wants at least one input value");
    for (i = 0; i < in->rank; i++)
        dim[i] = in->dim[i];
    dim[in->rank - 1] = c->units;
    if ((long long)shape_last(in) * c->units >= 1LL << 31)
        return err_set(err, ERR_SHAPE,
                       "dense: a kernel of %d x %d is too large",
                       shape_last(in), c->units);
    return shape_make(out, in->rank, dim, err);
}

static bool param(const void *config, const struct shape *in, int i,
                  struct param_def *out)
{
    const struct config *c = config;
    int inputs = shape_last(in);

    if (i == 0)
        *out = param_kernel(
            "kernel", &(struct shape){.rank = 2, .dim = {inputs, c->units}},
            inputs, c->units);
    else if (i == 1 && c->use_bias)
        *out = param_bias(c->units);
    else
        return false;
    return true;
}

static double macs(const void *config, const struct shape *in,
                   const struct shape *out)
{
    (void)config;
    return (double)shape_count(out) * shape_last(in);
}

/* Rows of the shard: samples times all axes but the last. */
static int rows_of(const struct layer_pass *p)
{
    return (int)(pass_in(p, 0) / (size_t)shape_last(&p->in[0]));
}

static struct zeros zeros_of(const struct layer_pass *p)
{
    const struct config *c = p->config;

    return (struct zeros){.rows = (size_t)rows_of(p),
                          .inputs = (size_t)shape_last(&p->in[0]),
                          .units = (size_t)c->units,
                          .scratch = p->scratch};
}

static size_t scratch(const void *config, const struct shape *in,
                      const struct shape *out, int n, bool train)
{
    const struct config *c = config;
    size_t inputs = (size_t)shape_last(in);
    size_t rows = (size_t)n * shape_count(in) / inputs;
    size_t count = zeros_scratch(rows, (size_t)c->units);

    (void)out;
    if (!train)
        return count;
    return mem_larger(count,
                      gemm_thin_scratch((int)rows, (int)inputs, c->units));
}

/*
 * The kernel of a few rows is as large as their products are many: it is read
 * once, as fast as a cache gives it.  Made ready it is panels (I, width) of
 * units, each in one stretch and each row on lines of its own: 500 units take
 * 10 us of two threads for 800 inputs, where they take 13 as they are, since a
 * row of 2000 bytes has most vectors across two lines, and what is fetched
 * ahead is the other thread's.  A core of a Zen 4 has 31 bytes a cycle from
 * either cache, which is 8 us.
 */
struct panels {
    int count;
    size_t lines; /* of GRAIN units, in all panels */
};

static struct panels panels_of(size_t inputs, size_t units)
{
    struct panels p = {.count = (int)((units + PANEL - 1) / PANEL),
                       .lines = (units + GRAIN - 1) / GRAIN};

    /* A few lines, or the last panel might be narrower than a vector. */
    if (p.count == 1 && p.lines >= 4)
        p.count = pieces_for((double)inputs * (double)units, PANELS_LEAST);
    return p;
}

/* The first unit of a panel. */
static size_t panel_first(const struct panels *p, int i)
{
    return p->lines * (size_t)i / (size_t)p->count * GRAIN;
}

static size_t ready_count(const void *config, const struct shape *in, int n)
{
    const struct config *c = config;
    size_t inputs = (size_t)shape_last(in);
    struct zeros z = {.rows = (size_t)n * shape_count(in) / inputs,
                      .units = (size_t)c->units};

    if (z.rows > ZEROS_FEW || !zeros_pay(&z, NULL))
        return 0;
    return inputs * panels_of(inputs, z.units).lines * GRAIN;
}

static void make_ready(const struct layer_pass *p)
{
    const struct config *c = p->config;
    size_t units = (size_t)c->units, inputs = (size_t)shape_last(&p->in[0]), k;
    struct panels panels = panels_of(inputs, units);
    int i;

    for (i = 0; i < panels.count; i++) {
        size_t first = panel_first(&panels, i);
        size_t width = panel_first(&panels, i + 1) - first;
        size_t there = first + width < units ? width : units - first;
        float *to = p->ready + inputs * first;

        for (k = 0; k < inputs; k++)
            vec_copy(p->param[0] + k * units + first, to + k * width, there);
    }
}

/* Units of a piece begin on lines of the cache, so that every piece takes the
 * same way as the whole.  More rows than a vector go as one: their product may
 * be OpenBLAS', whose bits depend on its width. */
static int pieces(const void *config, const struct shape *in,
                  const struct shape *out, int n, bool ready)
{
    const struct config *c = config;
    size_t rows = (size_t)n * shape_count(in) / (size_t)shape_last(in);

    if (rows > ZEROS_FEW)
        return 1;
    return pieces_for(
        macs(config, in, out) * n,
        ready ? panels_of((size_t)shape_last(in), (size_t)c->units).count
              : c->units / (2 * GRAIN));
}

/* A kernel that every sample uses once is left to be made late. */
static size_t late_left(const void *config, const struct shape *in,
                        const struct shape *out)
{
    const struct config *c = config;

    (void)out;
    if (shape_count(in) > (size_t)shape_last(in))
        return 0;
    return vec_lines((size_t)c->units);
}

static size_t late_scratch(const void *config, const struct shape *in, int n,
                           size_t rows)
{
    const struct config *c = config;
    size_t samples = n < LATE_SAMPLES ? (size_t)n : LATE_SAMPLES;

    (void)in;
    return mem_larger(zeros_some_scratch(samples, rows),
                      zeros_scratch(samples, (size_t)c->units));
}

static void sum_block(const struct layer_rows *l, int first, int n)
{
    const struct config *c = l->config;
    size_t inputs = shape_count(l->in), units = (size_t)c->units;
    size_t line = vec_lines(units);
    const float *x = l->x + (size_t)first * inputs + l->first;
    const float *w = l->param + l->first * units;
    float *y = l->sums + (size_t)first * line;
    struct zeros z = {.rows = (size_t)n,
                      .inputs = l->rows,
                      .units = units,
                      .x_apart = inputs,
                      .y_apart = line,
                      .scratch = l->scratch};

    if (zeros_pay(&z, x))
        zeros_forward(&z, x, w, NULL, y);
    else
        gemm(&(struct gemm){.m = n,
                            .n = c->units,
                            .k = (int)l->rows,
                            .a = x,
                            .a_stride = (int)inputs,
                            .b = w,
                            .c = y,
                            .c_stride = (int)line});
}

static void sum_rows(const struct layer_rows *l)
{
    int first, n;

    for (first = 0; first < l->n; first += n) {
        n = l->n - first < LATE_SAMPLES ? l->n - first : LATE_SAMPLES;
        sum_block(l, first, n);
    }
}

/* y = the sums of all rows, in their order, and b */
static void join_sums(const struct layer_pass *p)
{
    const struct config *c = p->config;
    size_t units = (size_t)c->units, line = vec_lines(units);
    int i, k;

    for (i = 0; i < p->n; i++) {
        const float *sums = p->sums + (size_t)i * line;
        float *y = p->y + (size_t)i * units;

        vec_plus(sums, sums + p->sum_apart, y, units);
        for (k = 2; k < p->sum_count; k++)
            vec_add(sums + (size_t)k * p->sum_apart, y, units);
    }
    if (c->use_bias)
        vec_add_row(p->param[1], p->y, (size_t)p->n, units);
}

/* Samples first..first+n-1 of them. */
static void late_block(const struct layer_rows *l, int first, int n)
{
    const struct config *c = l->config;
    size_t inputs = shape_count(l->in), line = vec_lines((size_t)c->units);
    const float *x = l->x + (size_t)first * inputs + l->first;
    const float *dy = l->left + (size_t)first * line;
    struct zeros z = {.rows = (size_t)n,
                      .inputs = l->rows,
                      .units = (size_t)c->units,
                      .x_apart = inputs,
                      .scratch = l->scratch};

    if (zeros_kernel_some(&z, x, dy, first > 0, l->dparam))
        return;
    gemm(&(struct gemm){.m = (int)l->rows,
                        .n = c->units,
                        .k = n,
                        .a = x,
                        .a_turned = true,
                        .a_stride = (int)inputs,
                        .b = dy,
                        .b_stride = (int)line,
                        .beta = first > 0 ? 1.0f : 0.0f,
                        .c = l->dparam});
}

static void late(const struct layer_rows *l)
{
    int first, n;

    for (first = 0; first < l->n; first += n) {
        n = l->n - first < LATE_SAMPLES ? l->n - first : LATE_SAMPLES;
        late_block(l, first, n);
    }
}

/* The panels of a piece. */
static void forward_ready(const struct layer_pass *p)
{
    const struct config *c = p->config;
    struct zeros z = zeros_of(p);
    struct panels panels = panels_of(z.inputs, z.units);
    struct span s = pass_span(p, panels.count, 1);
    int i;

    z.y_apart = z.units;
    for (i = s.first; i < s.first + s.count; i++) {
        size_t first = panel_first(&panels, i);
        size_t next = panel_first(&panels, i + 1);

        z.apart = next - first;
        z.units = (next < (size_t)c->units ? next : (size_t)c->units) - first;
        zeros_forward(&z, p->x[0], p->ready + z.inputs * first,
                      c->use_bias ? p->param[1] + first : NULL, p->y + first);
    }
}

static void forward(const struct layer_pass *p)
{
    const struct config *c = p->config;
    struct zeros z = zeros_of(p);
    struct span s = pass_span(p, c->units, GRAIN);
    int rows = rows_of(p);

    if (p->sums != NULL) {
        join_sums(p);
        return;
    }
    if (p->ready != NULL) {
        forward_ready(p);
        return;
    }
    if (zeros_pay(&z, p->x[0])) {
        z.apart = z.units;
        z.units = (size_t)s.count;
        zeros_forward(&z, p->x[0], p->param[0] + s.first,
                      c->use_bias ? p->param[1] + s.first : NULL,
                      p->y + s.first);
        return;
    }
    gemm(&(struct gemm){.m = rows,
                        .n = c->units,
                        .k = shape_last(&p->in[0]),
                        .a = p->x[0],
                        .b = p->param[0],
                        .c = p->y});
    if (c->use_bias)
        vec_add_row(p->param[1], p->y, (size_t)rows, (size_t)c->units);
}

/* dy in rows that begin on lines of the cache. */
static void leave(const struct layer_pass *p)
{
    const struct config *c = p->config;
    size_t units = (size_t)c->units, line = vec_lines(units);
    int i;

    for (i = 0; i < p->n; i++)
        vec_copy(p->dy + (size_t)i * units, p->left + (size_t)i * line, units);
}

static void kernel_gradient(const struct layer_pass *p)
{
    const struct config *c = p->config;
    struct zeros z = zeros_of(p);

    if (zeros_pay(&z, p->x[0]))
        zeros_kernel(&z, p->x[0], p->dy, p->dparam[0]);
    else
        gemm(&(struct gemm){.m = shape_last(&p->in[0]),
                            .n = c->units,
                            .k = rows_of(p),
                            .a = p->x[0],
                            .a_turned = true,
                            .b = p->dy,
                            .c = p->dparam[0]});
}

/* dW (I,K) = x' (I,n) dy (n,K); db = sum of dy; dx (n,I) = dy (n,K) W' (K,I) */
static void backward(const struct layer_pass *p)
{
    const struct config *c = p->config;
    int rows = rows_of(p), inputs = shape_last(&p->in[0]);

    if (p->left != NULL)
        leave(p);
    else
        kernel_gradient(p);
    if (c->use_bias)
        vec_sum_rows(p->dy, p->dparam[1], (size_t)rows, (size_t)c->units);
    if (p->dx[0] == NULL)
        return;
    gemm_thin(&(struct gemm){.m = rows,
                             .n = inputs,
                             .k = c->units,
                             .a = p->dy,
                             .b = p->param[0],
                             .b_turned = true,
                             .c = p->dx[0]},
              p->scratch);
}

const struct layer_kind dense_layer = {
    .name = "dense",
    .keras = "Dense",
    .help = "every output sees every input",
    .attrs = attrs,
    .attr_count = ATTR_COUNT(attrs),
    .config_size = sizeof(struct config),
    .least_in = 1,
    .most_in = 1,
    .ignores_y = true,
    .units = UNITS_MAKE,
    .units_at = ATTR_AT(units),
    .shape = shape,
    .param = param,
    .scratch = scratch,
    .macs = macs,
    .forward = forward,
    .backward = backward,
    .pieces = pieces,
    .ready_count = ready_count,
    .make_ready = make_ready,
    .late_left = late_left,
    .late_scratch = late_scratch,
    .late = late,
    .sum_rows = sum_rows,
};
