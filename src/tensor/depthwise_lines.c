/*
 * Forward, y sees x; for the gradient of x, dx sees dy, and with a stride s the
 * pixels of x fall into s * s classes, by their coordinates modulo s, each with
 * every s-th tap only.  Both are lines of places that see some taps; the first
 * and last places of a line see fewer.
 *
 * One core of a Zen 4 with AVX-512, 3x3, 32 channels at 32x32 and 256 at 8x8:
 * 61 and 45 Gflop/s forward, 71 and 52 for the kernel, 57 and 45 for x, where
 * the loops for all windows have 23 and 42, 29 and 34, 22 and 32.
 */
#include "tensor/depthwise_lines.h"

#include <assert.h>
#include <stddef.h>

#include "tensor/isa.h"
#include "tensor/vec.h"

#define TAPS_MOST    3
#define RUNS_MOST    5  /* two places at each end of a line see fewer taps */
#define SUM_COL      16 /* floats: the widest vector */
#define GROUP_PLACES 64 /* whose sums are added in float … */
#define GROUP_MOST   8  /* … of at most so many lines */
#define SUM_ROW      (TAPS_MOST * SUM_COL)

/* Places first…: from tap `tap` of the axis on they see `taps`, first of all
 * that of pixel `pixel`. */
struct run {
    int first, count;
    int tap, taps, pixel;
};

/* The places of an axis: those that see all their taps at once, the others,
 * which are some of the first and last, one by one. */
struct runs {
    struct run run[RUNS_MOST];
    int count;
};

/* One line of places: y = sum over taps of x k; or sum += x dy, which are added
 * to dk when some lines are done. */
struct line {
    const struct runs *runs;
    const float *x, *k, *dy; /* x: at its first pixel */
    float *y, *sum, *dk;
    ptrdiff_t x_place, x_row, x_col, y_place, k_row, k_col;
};

typedef void line_loop(const struct line *l);

struct kernel {
    ptrdiff_t lanes;
    line_loop *product[TAPS_MOST + 1][TAPS_MOST + 1];
    line_loop *gradient[TAPS_MOST + 1][TAPS_MOST + 1];
    void (*clear)(float *sum);
    void (*join)(const struct line *l, int rows, int cols);
};

/* Vectors that may lie on any float. */
typedef float lanes1 __attribute__((may_alias));
typedef float lanes4 __attribute__((vector_size(16), aligned(4), may_alias));

#define KERNEL_TARGET
#define KERNEL(name) single_##name
#define VECTOR       lanes1
#define LANES        1
#include "tensor/depthwise_kernel.h"

#define KERNEL_TARGET
#define KERNEL(name) plain_##name
#define VECTOR       lanes4
#define LANES        4
#include "tensor/depthwise_kernel.h"

#if defined(__x86_64__)
typedef float lanes8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float lanes16 __attribute__((vector_size(64), aligned(4), may_alias));

#define KERNEL_TARGET __attribute__((target("avx2")))
#define KERNEL(name)  avx2_##name
#define VECTOR        lanes8
#define LANES         8
#include "tensor/depthwise_kernel.h"

#define KERNEL_TARGET __attribute__((target("avx512f")))
#define KERNEL(name)  avx512_##name
#define VECTOR        lanes16
#define LANES         16
#include "tensor/depthwise_kernel.h"
#endif

/* The processor's kernels, the widest first; the last takes any channel. */
static const struct kernel *const *kernels(void)
{
#if defined(__x86_64__)
    static const struct kernel *const all[] = {&avx512_kernel, &avx2_kernel,
                                               &plain_kernel, &single_kernel};

    return all + (isa_now() == ISA_AVX512 ? 0 : isa_now() == ISA_AVX2 ? 1 : 2);
#else
    static const struct kernel *const all[] = {&plain_kernel, &single_kernel};

    return all;
#endif
}

/*
 * One axis: `count` places, which write to `to`, to + to_step, …; place i sees
 * the `taps` pixels from start + i * step on, as far as there are, through taps
 * tap, tap + tap_step, …
 */
struct axis {
    int count, to, to_step;
    int start, step, size;
    int tap, taps, tap_step;
};

/* y sees x. */
static struct axis axis_forward(int places, int stride, int before, int size,
                                int taps)
{
    return (struct axis){.count = places,
                         .to_step = 1,
                         .start = -before,
                         .step = stride,
                         .size = size,
                         .taps = taps,
                         .tap_step = 1};
}

/* Pixels first, first + stride, … of x see dy, of `size` places: with the last
 * of their taps the first place. */
static struct axis axis_back(int first, int stride, int before, int pixels,
                             int taps, int size)
{
    int tap = (first + before) % stride, seen;

    seen = tap < taps ? (taps - 1 - tap) / stride + 1 : 0;
    return (struct axis){.count = (pixels - first + stride - 1) / stride,
                         .to = first,
                         .to_step = stride,
                         .start = (first + before - tap) / stride - seen + 1,
                         .step = 1,
                         .size = size,
                         .tap = tap + (seen - 1) * stride,
                         .taps = seen,
                         .tap_step = -stride};
}

static struct run run_at(const struct axis *a, int place)
{
    int start = a->start + place * a->step;
    struct taps t = window_taps(0, 1, 1, -start, a->taps, a->size);
    struct run run = {.first = place, .count = 1};

    if (t.count == 0)
        return run;
    run.tap = t.first;
    run.taps = t.count;
    run.pixel = t.at;
    return run;
}

static struct runs runs_of(const struct axis *a)
{
    struct runs all = {.count = 0};
    int place, room;

    for (place = 0; place < a->count;) {
        struct run *run = &all.run[all.count++];

        assert(all.count <= RUNS_MOST);
        *run = run_at(a, place);
        room = (a->size - a->taps - run->pixel) / a->step;
        if (run->taps == a->taps)
            run->count +=
                room < a->count - place - 1 ? room : a->count - place - 1;
        place += run->count;
    }
    return all;
}

/* Two axes and the arrays of a sample; floats from row to row.  `to` is made
 * from k, or dk from dy. */
struct job {
    struct axis down, across;
    ptrdiff_t channels, from_row, to_row, tap_row;
    const float *from, *k, *dy;
    float *to, *dk;
};

/* A line of places: the arrays at its first place, and at the first tap that
 * lies in the image. */
struct base {
    int tap, rows; /* of the taps down */
    const float *x, *k, *dy;
    float *y;
};

static struct base base_of(const struct job *j, int number)
{
    const struct axis *d = &j->down, *a = &j->across;
    struct run down = run_at(d, number);
    ptrdiff_t to =
        (d->to + number * d->to_step) * j->to_row + a->to * j->channels;
    struct base b = {.tap = down.tap,
                     .rows = down.taps,
                     .x = j->from + down.pixel * j->from_row};

    if (j->dk != NULL) {
        b.dy = j->dy + to;
        return b;
    }
    b.y = j->to + to;
    b.k = j->k + (d->tap + down.tap * d->tap_step) * j->tap_row +
          a->tap * j->channels;
    return b;
}

static struct line line_of(const struct job *j, const struct runs *runs)
{
    return (struct line){.runs = runs,
                         .x_place = j->across.step * j->channels,
                         .x_row = j->from_row,
                         .x_col = j->channels,
                         .y_place = j->across.to_step * j->channels,
                         .k_row = j->down.tap_step * j->tap_row,
                         .k_col = j->across.tap_step * j->channels};
}

/* The channels of one vector from c on; l has all that is the same for others.
 * It is written in parts and read in the same parts: copies by vectors of what
 * was just stored in parts are slow to come. */
static void multiply_line(const struct job *j, const struct base *b,
                          const struct kernel *k, ptrdiff_t c, struct line *l)
{
    l->x = b->x + c;
    l->y = b->y + c;
    l->k = b->k + c;
    k->product[b->rows][j->across.taps](l);
}

static void sum_line(const struct job *j, const struct base *b,
                     const struct kernel *k, ptrdiff_t c, struct line *l,
                     float *sum)
{
    l->x = b->x + c;
    l->dy = b->dy + c;
    l->sum = sum + b->tap * SUM_ROW;
    k->gradient[b->rows][j->across.taps](l);
}

/* Lines whose sums are one in float before they are added to dk. */
struct group {
    struct base line[GROUP_MOST];
    int count;
};

static void take_lines(const struct job *j, int first, int most,
                       struct group *g)
{
    int left = j->down.count - first, i;

    g->count = left < most ? left : most;
    for (i = 0; i < g->count; i++)
        g->line[i] = base_of(j, first + i);
}

static void sum_group(const struct job *j, const struct group *g,
                      const struct kernel *k, ptrdiff_t c, struct line *l)
{
    float sum[TAPS_MOST * SUM_ROW];
    int i;

    k->clear(sum);
    for (i = 0; i < g->count; i++)
        sum_line(j, &g->line[i], k, c, l, sum);
    l->sum = sum;
    l->dk = j->dk + c;
    k->join(l, j->down.taps, j->across.taps);
}

static int lines_together(const struct job *j)
{
    int lines = GROUP_PLACES / j->across.count;

    if (j->dk == NULL || lines < 1)
        return 1;
    return lines < GROUP_MOST ? lines : GROUP_MOST;
}

/*
 * Asks for the line of places after these, so much of it as the channels from c
 * on are of all.  A vector goes over the places with steps of all channels, so
 * that no prefetcher sees that what it writes, and what comes from memory, is a
 * run without gaps.  Training of mobilenet-mini, batches of 64, one core of a
 * Zen 4: forward takes 79 us of a sample without it and 50 with it.
 */
static void fetch_next(const struct job *j, const struct group *g, ptrdiff_t c,
                       ptrdiff_t lanes)
{
    ptrdiff_t places = j->across.count * j->across.to_step;
    ptrdiff_t next = j->down.to_step * j->to_row;

    vec_soon(g->line->y + next + c * places, (size_t)(lanes * places));
}

static void each_line(const struct job *j)
{
    struct runs runs = runs_of(&j->across);
    struct line l = line_of(j, &runs);
    int most = lines_together(j), first;
    struct group g;

    for (first = 0; first < j->down.count; first += most) {
        const struct kernel *const *k = kernels();
        ptrdiff_t c;

        take_lines(j, first, most, &g);
        for (c = 0; c < j->channels; c += (*k)->lanes) {
            while ((*k)->lanes > j->channels - c)
                k++;
            if (j->dk != NULL) {
                sum_group(j, &g, *k, c, &l);
                continue;
            }
            if (first + 1 < j->down.count && j->across.to == 0)
                fetch_next(j, &g, c, (*k)->lanes);
            multiply_line(j, g.line, *k, c, &l);
        }
    }
}

static size_t image_in(const struct window *w)
{
    return (size_t)w->h * (size_t)w->w * (size_t)w->c;
}

static size_t image_out(const struct window *w)
{
    return (size_t)w->out_h * (size_t)w->out_w * (size_t)w->c;
}

/* Forward, and the kernel's gradient: places see x. */
static struct job job_forward(const struct window *w)
{
    return (struct job){
        .down = axis_forward(w->out_h, w->stride_h, w->top, w->h, w->kh),
        .across = axis_forward(w->out_w, w->stride_w, w->left, w->w, w->kw),
        .channels = w->c,
        .from_row = (ptrdiff_t)w->w * w->c,
        .to_row = (ptrdiff_t)w->out_w * w->c,
        .tap_row = (ptrdiff_t)w->kw * w->c};
}

bool depthwise_lines_fit(const struct window *w)
{
    return w->kh <= TAPS_MOST && w->kw <= TAPS_MOST && w->step_h == 1 &&
           w->step_w == 1;
}

void depthwise_lines(const struct window *w, int n, const float *x,
                     const float *k, float *y)
{
    struct job j = job_forward(w);
    int i;

    j.from = x;
    j.k = k;
    j.to = y;
    for (i = 0; i < n; i++, j.from += image_in(w), j.to += image_out(w))
        each_line(&j);
}

void depthwise_lines_kernel(const struct window *w, int n, const float *x,
                            const float *dy, float *dk)
{
    struct job j = job_forward(w);
    int i;

    vec_zero(dk, (size_t)(w->kh * w->kw) * (size_t)w->c);
    j.from = x;
    j.dk = dk;
    j.dy = dy;
    for (i = 0; i < n; i++, j.from += image_in(w), j.dy += image_out(w))
        each_line(&j);
}

/* Pixels row, row + stride, … and col, col + stride, … of one sample. */
static void run_class(const struct window *w, int row, int col, const float *k,
                      const float *dy, float *dx)
{
    struct job j = {
        .down = axis_back(row, w->stride_h, w->top, w->h, w->kh, w->out_h),
        .across = axis_back(col, w->stride_w, w->left, w->w, w->kw, w->out_w),
        .channels = w->c,
        .from_row = (ptrdiff_t)w->out_w * w->c,
        .to_row = (ptrdiff_t)w->w * w->c,
        .tap_row = (ptrdiff_t)w->kw * w->c,
        .from = dy,
        .k = k,
        .to = dx};

    each_line(&j);
}

void depthwise_lines_input(const struct window *w, int n, const float *k,
                           const float *dy, float *dx)
{
    int i, row, col;

    for (i = 0; i < n; i++, dy += image_out(w), dx += image_in(w)) {
        for (row = 0; row < w->stride_h && row < w->h; row++) {
            for (col = 0; col < w->stride_w && col < w->w; col++)
                run_class(w, row, col, k, dy, dx);
        }
    }
}
