#include "tensor/conv.h"

#include "par/meter.h"
#include "tensor/vec.h"

/* Output size and padding before along one axis. */
static int places(int size, int taps, int stride, int step, bool same,
                  int *before)
{
    long long extent = (long long)(taps - 1) * step + 1, out, total;

    *before = 0;
    if (!same)
        return size < extent ? 0 : (int)((size - extent) / stride + 1);
    out = ((long long)size + stride - 1) / stride;
    total = (out - 1) * stride + extent - size;
    *before = total > 0 ? (int)(total / 2) : 0;
    return (int)out;
}

struct window window_make(const struct shape *image,
                          const struct window_spec *spec)
{
    struct window w = {.h = image->dim[0],
                       .w = image->dim[1],
                       .c = image->dim[2],
                       .kh = spec->size[0],
                       .kw = spec->size[1],
                       .stride_h = spec->stride[0],
                       .stride_w = spec->stride[1],
                       .step_h = spec->step != NULL ? spec->step[0] : 1,
                       .step_w = spec->step != NULL ? spec->step[1] : 1};

    w.out_h = places(w.h, w.kh, w.stride_h, w.step_h, spec->same, &w.top);
    w.out_w = places(w.w, w.kw, w.stride_w, w.step_w, spec->same, &w.left);
    return w;
}

enum err_code window_check(const struct window *w, struct err *err)
{
    if (w->out_h >= 1 && w->out_w >= 1)
        return ERR_OK;
    return err_set(err, ERR_SHAPE,
                   "a window of %dx%d is larger than the image of %dx%d; use"
                   " padding=same or a smaller one",
                   (w->kh - 1) * w->step_h + 1, (w->kw - 1) * w->step_w + 1,
                   w->h, w->w);
}

static struct taps taps_down(const struct window *w, int y)
{
    return window_taps(y, w->stride_h, w->step_h, w->top, w->kh, w->h);
}

static struct taps taps_across(const struct window *w, int x)
{
    return window_taps(x, w->stride_w, w->step_w, w->left, w->kw, w->w);
}

/* count runs of n floats; with a constant n there is no call and no loop. */
static inline void copy_n(const float *from, size_t from_step, float *to,
                          size_t to_step, int count, size_t n)
{
    int i;

    for (i = 0; i < count; i++, from += from_step, to += to_step)
        memcpy(to, from, n * sizeof(*to));
}

static void copy_runs(const float *from, size_t from_step, float *to,
                      size_t to_step, int count, size_t n)
{
    switch (n) {
    case 1:
        copy_n(from, from_step, to, to_step, count, 1);
        break;
    case 2:
        copy_n(from, from_step, to, to_step, count, 2);
        break;
    case 3:
        copy_n(from, from_step, to, to_step, count, 3);
        break;
    case 5:
        copy_n(from, from_step, to, to_step, count, 5);
        break;
    case 7:
        copy_n(from, from_step, to, to_step, count, 7);
        break;
    case 9:
        copy_n(from, from_step, to, to_step, count, 9);
        break;
    case 15:
        copy_n(from, from_step, to, to_step, count, 15);
        break;
    case 48:
        copy_n(from, from_step, to, to_step, count, 48);
        break;
    default:
        copy_n(from, from_step, to, to_step, count, n);
    }
}

/* Places first..last-1 of a line have all their taps inside the image. */
struct inside {
    int first, last;
};

static struct inside inside_of(const struct window *w)
{
    int extent = (w->kw - 1) * w->step_w;
    int first = (w->left + w->stride_w - 1) / w->stride_w;
    int room = w->w - 1 - extent + w->left; /* place * stride at most */
    int last = room < 0 ? 0 : room / w->stride_w + 1;

    last = last < w->out_w ? last : w->out_w;
    first = first < last ? first : last;
    return (struct inside){.first = first, .last = last};
}

/*
 * The taps of one row of the window, for all places of a line: `line` is the
 * image line they see, cell their place in the first row of the matrix, and
 * depth the distance of its rows.
 */
struct tap_row {
    const struct window *w;
    const struct patch *p;
    size_t depth;
};

/* A place at the edge. */
static void gather_edge(const struct tap_row *t, int ox, const float *line,
                        float *cell)
{
    struct taps taps = taps_across(t->w, ox);
    size_t width = (size_t)t->p->width, c = (size_t)t->w->c;
    const float *from = line + (size_t)taps.at * c + t->p->from;

    cell += (size_t)ox * t->depth;
    vec_zero(cell, (size_t)t->w->kw * width);
    copy_runs(from, (size_t)t->w->step_w * c, cell + (size_t)taps.first * width,
              width, taps.count, width);
}

static void gather_inside(const struct tap_row *t, struct inside in,
                          const float *line, float *cell)
{
    const struct window *w = t->w;
    size_t width = (size_t)t->p->width, c = (size_t)w->c, kx;
    size_t step = (size_t)w->stride_w * c;
    int count = in.last - in.first;
    const float *from =
        line + (size_t)(in.first * w->stride_w - w->left) * c + t->p->from;

    cell += (size_t)in.first * t->depth;
    if (w->step_w == 1 && width == c) {
        copy_runs(from, step, cell, t->depth, count, (size_t)w->kw * c);
        return;
    }
    for (kx = 0; kx < (size_t)w->kw; kx++)
        copy_runs(from + kx * (size_t)w->step_w * c, step, cell + kx * width,
                  t->depth, count, width);
}

static void gather_row(const struct tap_row *t, struct inside in,
                       const float *line, float *cell)
{
    int ox;

    for (ox = 0; ox < in.first; ox++)
        gather_edge(t, ox, line, cell);
    if (in.last > in.first)
        gather_inside(t, in, line, cell);
    for (ox = in.last; ox < t->w->out_w; ox++)
        gather_edge(t, ox, line, cell);
}

/* The row of taps lies in the padding. */
static void clear_row(const struct tap_row *t, float *cell)
{
    int ox;

    for (ox = 0; ox < t->w->out_w; ox++, cell += t->depth)
        vec_zero(cell, (size_t)t->w->kw * (size_t)t->p->width);
}

void conv_im2col(const struct window *w, const struct patch *p, const float *x,
                 float *cols)
{
    size_t row = (size_t)w->kw * (size_t)p->width;
    size_t line_size = (size_t)w->w * (size_t)w->c;
    struct tap_row t = {.w = w, .p = p, .depth = row * (size_t)w->kh};
    struct inside in = inside_of(w);
    enum meter_phase before = meter_enter(METER_IM2COL);
    int i, ky;

    for (i = p->first; i < p->first + p->count; i++) {
        const float *image =
            x + (size_t)(i / w->out_h) * (size_t)w->h * line_size;
        struct taps down = taps_down(w, i % w->out_h);

        for (ky = 0; ky < w->kh; ky++) {
            int at = down.at + (ky - down.first) * w->step_h;
            float *cell = cols + (size_t)ky * row;

            if (ky < down.first || ky >= down.first + down.count)
                clear_row(&t, cell);
            else
                gather_row(&t, in, image + (size_t)at * line_size, cell);
        }
        cols += (size_t)w->out_w * t.depth;
    }
    meter_enter(before);
}

/* The taps of one row of the window at one place: adds. */
static inline void scatter_row(const struct window *w, const struct patch *p,
                               struct taps t, const float *col, float *line)
{
    size_t width = (size_t)p->width, c = (size_t)w->c, k;
    float *to = line + (size_t)t.at * c + p->from;

    col += (size_t)t.first * width;
    if (w->step_w == 1 && width == c) {
        vec_add(col, to, (size_t)t.count * c);
        return;
    }
    for (k = 0; k < (size_t)t.count; k++)
        vec_add(col + k * width, to + k * (size_t)w->step_w * c, width);
}

void conv_col2im(const struct window *w, const struct patch *p,
                 const float *cols, float *dx)
{
    size_t row = (size_t)w->kw * (size_t)p->width;
    size_t line_size = (size_t)w->w * (size_t)w->c;
    enum meter_phase before = meter_enter(METER_IM2COL);
    int i, ox, k;

    for (i = p->first; i < p->first + p->count; i++) {
        float *image = dx + (size_t)(i / w->out_h) * (size_t)w->h * line_size;
        struct taps down = taps_down(w, i % w->out_h);

        for (ox = 0; ox < w->out_w; ox++, cols += row * (size_t)w->kh) {
            struct taps across = taps_across(w, ox);

            for (k = 0; k < down.count && across.count > 0; k++)
                scatter_row(w, p, across, cols + (size_t)(down.first + k) * row,
                            image +
                                (size_t)(down.at + k * w->step_h) * line_size);
        }
    }
    meter_enter(before);
}
