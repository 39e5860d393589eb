/*
 * y = the largest x of each window, channel by channel; a NaN wins.  Backward
 * gives dy to the first tap, in reading order, that holds the largest value.
 */
#include "layer/kinds.h"
#include "layer/pooling.h"
#include "tensor/vec.h"

#define TILE 64 /* channels that backward handles at a time */

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    (void)in_count;
    return pool_shape("max_pool2d", config, in, out, err);
}

/* One line of windows at a time: down the rows first, which are long, then
 * across, so that few channels do not mean short loops only. */

static inline float larger(float x, float y)
{
    return ((x > y) | (x != x)) ? x : y;
}

/* top (n) = the largest of rows rows of x. */
VEC_CLONES
static void largest_down(const float *restrict x, size_t row, int rows,
                         size_t n, float *restrict top)
{
    size_t i;
    int r;

    if (rows == 1)
        memcpy(top, x, n * sizeof(*top));
    for (i = 0; i < n && rows > 1; i++)
        top[i] = larger(x[row + i], x[i]);
    for (r = 2; r < rows; r++) {
        for (i = 0; i < n; i++)
            top[i] = larger(x[(size_t)r * row + i], top[i]);
    }
}

/* all (n) = the largest of taps values of top, step from one another; near the
 * end of those there are. */
VEC_CLONES
static void largest_along(const float *restrict top, size_t n, size_t step,
                          int taps, float *restrict all)
{
    size_t i, off;
    int q;

    memcpy(all, top, n * sizeof(*all));
    for (q = 1; q < taps; q++) {
        off = (size_t)q * step;
        for (i = 0; i + off < n; i++)
            all[i] = larger(top[i + off], all[i]);
    }
}

/* y (out_w, c) from top (w, c).  Windows that begin left of the picture have
 * fewer taps than those that all counts. */
static void largest_across(const struct window *w, const float *restrict top,
                           float *restrict all, float *restrict y)
{
    size_t channels = (size_t)w->c, n = (size_t)w->w * channels, c;
    int ox, q;

    largest_along(top, n, channels, w->kw, all);
    for (ox = 0; ox < w->out_w; ox++, y += channels) {
        struct taps across =
            window_taps(ox, w->stride_w, 1, w->left, w->kw, w->w);
        bool begins_left = ox * w->stride_w < w->left;
        const float *x =
            (begins_left ? top : all) + (size_t)across.at * channels;

        for (c = 0; c < channels; c++)
            y[c] = x[c];
        for (q = 1; begins_left && q < across.count; q++) {
            for (c = 0; c < channels; c++)
                y[c] = larger(x[(size_t)q * channels + c], y[c]);
        }
    }
}

static size_t scratch(const void *config, const struct shape *in,
                      const struct shape *out, int n, bool train)
{
    (void)config;
    (void)out;
    (void)n;
    (void)train;
    return 2 * (size_t)in->dim[1] * (size_t)in->dim[2];
}

static void forward(const struct layer_pass *p)
{
    struct window w = pool_window(p->config, p->in);
    size_t row = (size_t)w.w * (size_t)w.c;
    size_t out_row = (size_t)w.out_w * (size_t)w.c;
    int line;

    for (line = 0; line < p->n * w.out_h; line++) {
        struct taps down =
            window_taps(line % w.out_h, w.stride_h, 1, w.top, w.kh, w.h);
        size_t at = (size_t)(line / w.out_h) * (size_t)w.h + (size_t)down.at;

        largest_down(p->x[0] + at * row, row, down.count, row, p->scratch);
        largest_across(&w, p->scratch, p->scratch + row,
                       p->y + (size_t)line * out_row);
    }
}

/* Channels first..first+n-1 of one place; left is the gradient that has not
 * found its tap yet. */
static inline void backward_tile(const struct layer_pass *p,
                                 const struct pool_place *at, size_t first,
                                 size_t n)
{
    const float *restrict y = p->y + at->y + first;
    float left[TILE];
    size_t c;
    int r, q;

    memcpy(left, p->dy + at->y + first, n * sizeof(*left));
    for (r = 0; r < at->rows; r++) {
        for (q = 0; q < at->cols; q++) {
            size_t tap =
                at->x + (size_t)r * at->row + (size_t)q * at->c + first;
            const float *restrict x = p->x[0] + tap;
            float *restrict dx = p->dx[0] + tap;

            for (c = 0; c < n; c++) {
                float take = x[c] == y[c] ? left[c] : 0.0f;

                dx[c] += take;
                left[c] = x[c] == y[c] ? 0.0f : left[c];
            }
        }
    }
}

VEC_CLONES
static void backward_place(const struct layer_pass *p,
                           const struct pool_place *at)
{
    size_t first;

    for (first = 0; first < at->c; first += TILE)
        backward_tile(p, at, first,
                      at->c - first < TILE ? at->c - first : TILE);
}

static void backward(const struct layer_pass *p)
{
    if (p->dx[0] == NULL)
        return;
    vec_zero(p->dx[0], pass_in(p, 0));
    pool_each(p, backward_place);
}

const struct layer_kind max_pool2d_layer = {
    .name = "max_pool2d",
    .keras = "MaxPooling2D",
    .help = "the largest value of every window",
    .attrs = pool_attrs,
    .attr_count = POOL_ATTR_COUNT,
    .config_size = sizeof(struct pool_config),
    .least_in = 1,
    .most_in = 1,
    .units = UNITS_SPREAD,
    .shape = shape,
    .scratch = scratch,
    .forward = forward,
    .backward = backward,
};
