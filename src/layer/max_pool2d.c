/*
 * y = the largest x of each window, channel by channel; a NaN wins.  Backward
 * gives dy to the first tap, in reading order, that holds the largest value.
 */
#include "layer/kinds.h"
#include "layer/pooling.h"
#include "tensor/vec.h"

#define TILE     64 /* channels that backward handles at a time */
#define TAP_MACS 25 /* a value takes as long as so many products */

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    (void)in_count;
    return pool_shape("max_pool2d", config, in, out, err);
}

static inline float larger(float x, float y)
{
    return ((x > y) | (x != x)) ? x : y;
}

/*
 * Windows of 2x2 side by side, the usual ones: the four taps of eight channels
 * are in registers, and each x belongs to one window, so that backward writes
 * dx without adding.  The loops below for any window are the reference; with 20
 * channels backward takes five times as long there.  The compiler is given
 * vectors because such short loops it unrolls instead.
 */
struct quads {
    const float *x, *dy, *y; /* x: the upper left tap */
    float *max, *dx;
    size_t row, c; /* floats to the lower taps, to the right ones */
};

static bool is_quads(const struct window *w)
{
    return w->kh == 2 && w->kw == 2 && w->stride_h == 2 && w->stride_w == 2 &&
           w->h >= 2 * w->out_h && w->w >= 2 * w->out_w && w->c >= VEC_LANES;
}

ALWAYS_INLINE void larger_vector(const vec8 *x, const vec8 *y, vec8 *out)
{
    vec8_bits first = (*x > *y) | (*x != *x);

    *out = (vec8)((first & (vec8_bits)*x) | (~first & (vec8_bits)*y));
}

/* Eight channels of a window. */
ALWAYS_INLINE void quad_forward(const struct quads *q, size_t first)
{
    const float *upper = q->x + first, *lower = upper + q->row;
    vec8 a = CONST_VEC8(upper), b = CONST_VEC8(upper + q->c);
    vec8 c = CONST_VEC8(lower), d = CONST_VEC8(lower + q->c);

    larger_vector(&c, &a, &a);
    larger_vector(&d, &b, &b);
    larger_vector(&b, &a, &a);
    VEC8(q->max + first) = a;
}

/* dx = left where x is the largest; it is not left any more then. */
ALWAYS_INLINE void take(const float *x, const vec8 *y, vec8_bits *left,
                        float *dx)
{
    vec8_bits hit = CONST_VEC8(x) == *y;

    VEC8(dx) = (vec8)(hit & *left);
    *left &= ~hit;
}

ALWAYS_INLINE void quad_backward(const struct quads *q, size_t first)
{
    const float *x = q->x + first;
    float *dx = q->dx + first;
    vec8 y = CONST_VEC8(q->y + first);
    vec8_bits left = (vec8_bits)CONST_VEC8(q->dy + first);

    take(x, &y, &left, dx);
    take(x + q->c, &y, &left, dx + q->c);
    take(x + q->row, &y, &left, dx + q->row);
    take(x + q->row + q->c, &y, &left, dx + q->row + q->c);
}

/* All channels of a window.  The last eight overlap those before: what both
 * write is the same. */
ALWAYS_INLINE void quad(const struct quads *q,
                        void (*eight)(const struct quads *q, size_t first))
{
    size_t c;

    for (c = 0; c + VEC_LANES < q->c; c += VEC_LANES)
        eight(q, c);
    eight(q, q->c - VEC_LANES);
}

/* The windows of output line `line` of the shard. */
static struct quads quads_of(const struct layer_pass *p, const struct window *w,
                             int line)
{
    size_t c = (size_t)w->c, row = (size_t)w->w * c;
    size_t at = (size_t)(line / w->out_h) * (size_t)w->h +
                2 * (size_t)(line % w->out_h);
    size_t to = (size_t)line * (size_t)w->out_w * c;

    return (struct quads){.x = p->x[0] + at * row,
                          .max = p->y + to,
                          .y = p->y + to,
                          .row = row,
                          .c = c};
}

VEC_CLONES
static void quads_forward(const struct layer_pass *p, const struct window *w,
                          int first, int end)
{
    int line, ox;

    for (line = first; line < end; line++) {
        struct quads q = quads_of(p, w, line);

        for (ox = 0; ox < w->out_w; ox++, q.x += 2 * q.c, q.max += q.c)
            quad(&q, quad_forward);
    }
}

VEC_CLONES
static void quads_backward(const struct layer_pass *p, const struct window *w)
{
    int line, ox;

    for (line = 0; line < p->n * w->out_h; line++) {
        struct quads q = quads_of(p, w, line);

        q.dx = p->dx[0] + (q.x - p->x[0]);
        q.dy = p->dy + (q.y - p->y);
        for (ox = 0; ox < w->out_w; ox++, q.y += q.c, q.dy += q.c) {
            quad(&q, quad_backward);
            q.x += 2 * q.c;
            q.dx += 2 * q.c;
        }
    }
}

/* Other windows, one line of them at a time: down the rows first, which are
 * long, then across, so that few channels do not mean short loops only. */

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

/* A piece is some lines of y. */
static int pieces(const void *config, const struct shape *in,
                  const struct shape *out, int n, bool ready)
{
    (void)config;
    (void)ready;
    return pieces_for(TAP_MACS * (double)shape_count(in) * n, n * out->dim[0]);
}

static void forward(const struct layer_pass *p)
{
    struct window w = pool_window(p->config, p->in);
    struct span s = pass_span(p, p->n * w.out_h, 1);
    size_t row = (size_t)w.w * (size_t)w.c;
    size_t out_row = (size_t)w.out_w * (size_t)w.c;
    int line;

    if (is_quads(&w)) {
        quads_forward(p, &w, s.first, s.first + s.count);
        return;
    }
    for (line = s.first; line < s.first + s.count; line++) {
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
    struct window w = pool_window(p->config, p->in);

    if (p->dx[0] == NULL)
        return;
    if (!is_quads(&w) || w.h != 2 * w.out_h || w.w != 2 * w.out_w)
        vec_zero(p->dx[0], pass_in(p, 0));
    if (is_quads(&w))
        quads_backward(p, &w);
    else
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
    .pieces = pieces,
    .backward = backward,
};
