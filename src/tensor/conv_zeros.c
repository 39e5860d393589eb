/*
 * A row of the window at one place is one run of kw * C floats of the image, so
 * no matrix of windows is made.  For window row ky
 *
 *   dk'[k][ky] = sum over places of dy[place][k] * run of x at the place
 *   run of dx at the place += sum over k of dy[place][k] * kernel'[k][ky]
 *
 * where ' has filters first.  Both are sums of rows (rows.h) whose lists hold
 * only what is not zero.  Images with padding are copied into a frame of zeros,
 * which is also where their gradient is gathered.  Places are taken some lines
 * at a time, so that lists and runs stay in cache.
 *
 * One core of a first EPYC, conv2 of lenet-5 with 25 % of dy alive: three times
 * as fast as im2col, two OpenBLAS products and back.
 */
#include "tensor/conv_zeros.h"

#include <string.h>

#include "par/meter.h"
#include "tensor/rows.h"
#include "tensor/vec.h"

#define PLACES     128 /* in a block of lines, at least a line */
#define DENSE_FROM 0.45
#define RUN_LEAST  (2 * ROWS_LEAST)
#define SIDE       8 /* of the squares a matrix is turned by */

/* Sizes in floats but for what counts something. */
struct frame {
    size_t h, w, c;     /* of the frame, w and h in pixels */
    size_t line;        /* from image line to image line */
    size_t run, kernel; /* kw * C, kh * kw * C */
    size_t places, k;   /* of a block; filters */
    int lines;          /* of a block */
    bool padded;
};

struct scratch {
    float *turned;  /* kernel' (K, kernel) */
    float *dturned; /* its gradient */
    float *x, *dx;  /* frames */
    struct rows_entry *list;
    uint32_t *count;
};

static struct frame frame_of(const struct window *w, int filters)
{
    struct frame f = {.h = (size_t)((w->out_h - 1) * w->stride_h +
                                    (w->kh - 1) * w->step_h + 1),
                      .w = (size_t)((w->out_w - 1) * w->stride_w + w->kw),
                      .c = (size_t)w->c,
                      .run = (size_t)w->kw * (size_t)w->c,
                      .k = (size_t)filters};

    f.padded =
        w->top > 0 || w->left > 0 || f.h > (size_t)w->h || f.w > (size_t)w->w;
    f.line = (f.padded ? f.w : (size_t)w->w) * f.c;
    f.kernel = f.run * (size_t)w->kh;
    f.lines = w->out_w < PLACES ? PLACES / w->out_w : 1;
    if (f.lines > w->out_h)
        f.lines = w->out_h;
    f.places = (size_t)f.lines * (size_t)w->out_w;
    return f;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t conv_zeros_scratch(const struct window *w, int filters)
{
    struct frame f = frame_of(w, filters);

    return 2 * f.k * f.kernel + 2 * f.h * f.line + 2 * f.k * f.places +
           most(f.k, f.places);
}

static struct scratch scratch_of(const struct conv_zeros *z,
                                 const struct frame *f)
{
    struct scratch s = {.turned = z->scratch};

    s.dturned = s.turned + f->k * f->kernel;
    s.x = s.dturned + f->k * f->kernel;
    s.dx = s.x + f->h * f->line;
    s.list = (struct rows_entry *)(void *)(s.dx + f->h * f->line);
    s.count = (uint32_t *)(void *)(s.list + f->k * f->places);
    return s;
}

bool conv_zeros_fit(const struct window *w)
{
    return w->step_w == 1 && w->kw * w->c >= RUN_LEAST;
}

bool conv_zeros_pay(const struct conv_zeros *z, const float *dy)
{
    size_t n = (size_t)z->n * (size_t)z->w->out_h * (size_t)z->w->out_w *
               (size_t)z->filters,
           alive = 0, i;

    if (!conv_zeros_fit(z->w))
        return false;
    for (i = 0; i < n; i++)
        alive += dy[i] != 0.0f;
    return (double)alive < DENSE_FROM * (double)n;
}

/* to (cols,rows) = from (rows,cols), square by square: reading or writing only
 * whole lines of one would miss the cache at every step of the other. */
static void turn(const float *from, size_t rows, size_t cols, float *to)
{
    size_t r, c, i, j;

    for (r = 0; r < rows; r += SIDE) {
        size_t high = rows - r < SIDE ? rows - r : SIDE;

        for (c = 0; c < cols; c += SIDE) {
            size_t wide = cols - c < SIDE ? cols - c : SIDE;

            for (j = 0; j < wide; j++) {
                for (i = 0; i < high; i++)
                    to[(c + j) * rows + r + i] = from[(r + i) * cols + c + j];
            }
        }
    }
}

/* Part of an image line that the frame shows. */
struct strip {
    size_t at, count; /* in the frame; floats */
};

static struct strip strip_of(const struct window *w, const struct frame *f)
{
    size_t left = (size_t)w->left, room = f->w - left;

    return (struct strip){.at = left * f->c,
                          .count = (room < (size_t)w->w ? room : (size_t)w->w) *
                                   f->c};
}

static size_t shown_lines(const struct window *w, const struct frame *f)
{
    size_t room = f->h - (size_t)w->top;

    return room < (size_t)w->h ? room : (size_t)w->h;
}

static void to_frame(const struct window *w, const struct frame *f,
                     const float *image, float *frame)
{
    struct strip s = strip_of(w, f);
    size_t i, lines = shown_lines(w, f), line = (size_t)w->w * f->c;

    vec_zero(frame, f->h * f->line);
    for (i = 0; i < lines; i++)
        vec_copy(image + i * line,
                 frame + ((size_t)w->top + i) * f->line + s.at, s.count);
}

static void from_frame(const struct window *w, const struct frame *f,
                       const float *frame, float *image)
{
    struct strip s = strip_of(w, f);
    size_t i, lines = shown_lines(w, f), line = (size_t)w->w * f->c;

    vec_zero(image, (size_t)w->h * line);
    for (i = 0; i < lines; i++)
        vec_copy(frame + ((size_t)w->top + i) * f->line + s.at,
                 image + i * line, s.count);
}

/* A block of output lines of one sample. */
struct block {
    const struct window *w;
    const struct frame *f;
    const struct scratch *s;
    const float *dy;
    int first, lines;
};

/* Where the run of window row 0 begins. */
static size_t run_at(const struct block *b, int line, int ox)
{
    return (size_t)(line * b->w->stride_h) * b->f->line +
           (size_t)(ox * b->w->stride_w) * b->f->c;
}

/* A list a filter: runs of x. */
static void list_by_filter(const struct block *b)
{
    const float *dy = b->dy;
    uint32_t *count = b->s->count;
    int line, ox;
    size_t k;

    memset(count, 0, b->f->k * sizeof(*count));
    for (line = b->first; line < b->first + b->lines; line++) {
        for (ox = 0; ox < b->w->out_w; ox++, dy += b->f->k) {
            uint32_t at = (uint32_t)run_at(b, line, ox);

            for (k = 0; k < b->f->k; k++) {
                b->s->list[k * b->f->places + count[k]] =
                    (struct rows_entry){.weight = dy[k], .row = at};
                count[k] += dy[k] != 0.0f;
            }
        }
    }
}

/* A list a place of the line: filters. */
static void list_by_place(const struct block *b, const float *dy)
{
    uint32_t *count = b->s->count, k;
    int ox;

    for (ox = 0; ox < b->w->out_w; ox++, dy += b->f->k) {
        struct rows_entry *list = b->s->list + (size_t)ox * b->f->k;
        uint32_t n = 0;

        for (k = 0; k < b->f->k; k++) {
            list[n] = (struct rows_entry){.weight = dy[k], .row = k};
            n += dy[k] != 0.0f;
        }
        count[ox] = n;
    }
}

static void add_kernel(const struct block *b, const float *x)
{
    const struct frame *f = b->f;
    struct rows sums = {.list = b->s->list,
                        .count = b->s->count,
                        .lists = f->k,
                        .room = f->places,
                        .w_stride = 1,
                        .start_stride = f->kernel,
                        .y_stride = f->kernel};
    size_t ky;

    list_by_filter(b);
    for (ky = 0; ky < (size_t)b->w->kh; ky++) {
        sums.w = x + ky * (size_t)b->w->step_h * f->line;
        sums.start = sums.y = b->s->dturned + ky * f->run;
        rows_sum(&sums, f->run);
    }
}

static void add_input(const struct block *b, float *dx)
{
    const struct frame *f = b->f;
    size_t step = (size_t)b->w->stride_w * f->c, ky;
    struct rows sums = {.list = b->s->list,
                        .count = b->s->count,
                        .lists = (size_t)b->w->out_w,
                        .room = f->k,
                        .w_stride = f->kernel,
                        .start_stride = step,
                        .y_stride = step};
    int line;

    for (line = 0; line < b->lines; line++) {
        list_by_place(b, b->dy + (size_t)line * (size_t)b->w->out_w * f->k);
        for (ky = 0; ky < (size_t)b->w->kh; ky++) {
            sums.w = b->s->turned + ky * f->run;
            sums.start = sums.y = dx + run_at(b, b->first + line, 0) +
                                  ky * (size_t)b->w->step_h * f->line;
            rows_sum(&sums, f->run);
        }
    }
}

/* One sample; dx may be NULL. */
static void add_sample(const struct conv_zeros *z, const struct frame *f,
                       const struct scratch *s, const float *x, const float *dy,
                       float *dx)
{
    const struct window *w = z->w;
    struct block b = {.w = w, .f = f, .s = s, .dy = dy};
    float *gradient = f->padded ? s->dx : dx;

    if (f->padded)
        to_frame(w, f, x, s->x);
    if (dx != NULL)
        vec_zero(gradient, (f->padded ? f->h : (size_t)w->h) * f->line);
    for (; b.first < w->out_h; b.first += f->lines) {
        b.lines = w->out_h - b.first < f->lines ? w->out_h - b.first : f->lines;
        add_kernel(&b, f->padded ? s->x : x);
        if (dx != NULL)
            add_input(&b, gradient);
        b.dy += (size_t)b.lines * (size_t)w->out_w * f->k;
    }
    if (dx != NULL && f->padded)
        from_frame(w, f, s->dx, dx);
}

void conv_zeros_backward(const struct conv_zeros *z, const float *x,
                         const float *kernel, const float *dy, float *dk,
                         float *dx)
{
    enum meter_phase before = meter_enter(METER_PRODUCTS);
    const struct window *w = z->w;
    struct frame f = frame_of(w, z->filters);
    struct scratch s = scratch_of(z, &f);
    size_t image = (size_t)w->h * (size_t)w->w * f.c;
    size_t result = (size_t)w->out_h * (size_t)w->out_w * f.k, i;

    if (dx != NULL)
        turn(kernel, f.kernel, f.k, s.turned);
    vec_zero(s.dturned, f.k * f.kernel);
    for (i = 0; i < (size_t)z->n; i++)
        add_sample(z, &f, &s, x + i * image, dy + i * result,
                   dx != NULL ? dx + i * image : NULL);
    turn(s.dturned, f.k, f.kernel, dk);
    meter_enter(before);
}

/* One product of dy, kernel and x: every tap of every place. */
static void add_tap(const struct conv_zeros *z, size_t dy_at, size_t x_at,
                    size_t tap, const float *x, const float *kernel,
                    const float *dy, double *dk, double *dx)
{
    size_t c, k, filters = (size_t)z->filters, channels = (size_t)z->w->c;

    for (c = 0; c < channels; c++) {
        for (k = 0; k < filters; k++) {
            size_t at = (tap * channels + c) * filters + k;

            dk[at] += (double)x[x_at + c] * (double)dy[dy_at + k];
            dx[x_at + c] += (double)kernel[at] * (double)dy[dy_at + k];
        }
    }
}

void conv_zeros_backward_ref(const struct conv_zeros *z, const float *x,
                             const float *kernel, const float *dy, double *dk,
                             double *dx)
{
    const struct window *w = z->w;
    int line, ox, ky, kx;

    for (line = 0; line < z->n * w->out_h; line++) {
        for (ox = 0; ox < w->out_w; ox++) {
            for (ky = 0; ky < w->kh; ky++) {
                for (kx = 0; kx < w->kw; kx++) {
                    int y =
                        line % w->out_h * w->stride_h - w->top + ky * w->step_h;
                    int at = ox * w->stride_w - w->left + kx * w->step_w;
                    size_t place = (size_t)line * (size_t)w->out_w + (size_t)ox;
                    size_t image = (size_t)(line / w->out_h) * (size_t)w->h;

                    if (y < 0 || y >= w->h || at < 0 || at >= w->w)
                        continue;
                    add_tap(z, place * (size_t)z->filters,
                            ((image + (size_t)y) * (size_t)w->w + (size_t)at) *
                                (size_t)w->c,
                            (size_t)(ky * w->kw + kx), x, kernel, dy, dk, dx);
                }
            }
        }
    }
}
