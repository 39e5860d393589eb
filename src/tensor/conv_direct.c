/*
 * The gradient of x is itself a convolution, of dy with the kernel turned
 * round.  With a stride s the pixels of x fall into s * s classes, by their
 * coordinates modulo s: a class sees every s-th tap only, and is a convolution
 * of stride 1.
 *
 * One core of a Zen 4, 3x3 with 16, 64 and 128 channels: 110 to 116 Gflop/s
 * forward and 109 to 115 for the kernel's gradient, where im2col had an
 * OpenBLAS product of 76 to 94 after it.
 */
#include "tensor/conv_direct.h"

#include "base/mem.h"
#include "par/meter.h"
#include "tensor/border.h"
#include "tensor/direct.h"
#include "tensor/turn.h"
#include "tensor/vec.h"
#include "tensor/winograd.h"

/* Fewer places than this in all do not pay for packing the kernel. */
#define PACK_FROM 200

bool conv_direct_fits(const struct window *w, int filters)
{
    return w->step_h == 1 && w->step_w == 1 && filters >= DIRECT_LEAST;
}

bool conv_direct_input_fits(const struct window *w, int filters)
{
    return conv_direct_fits(w, filters) && w->c >= DIRECT_LEAST;
}

/* What the places of a window see of x. */
static struct border border_of(const struct window *w)
{
    return (struct border){.image_h = (size_t)w->h,
                           .image_w = (size_t)w->w,
                           .c = (size_t)w->c,
                           .h = (size_t)((w->out_h - 1) * w->stride_h + w->kh),
                           .w = (size_t)((w->out_w - 1) * w->stride_w + w->kw),
                           .top = (size_t)w->top,
                           .left = (size_t)w->left};
}

static struct direct direct_of(const struct window *w, const struct border *f,
                               int filters)
{
    size_t line = border_line(f), k = (size_t)filters;

    return (struct direct){.lines = w->out_h,
                           .places = w->out_w,
                           .rows = w->kh,
                           .run = (size_t)(w->kw * w->c),
                           .units = k,
                           .x_line = (size_t)w->stride_h * line,
                           .x_place = (size_t)(w->stride_w * w->c),
                           .x_row = line,
                           .w_row = k,
                           .y_line = (size_t)w->out_w * k,
                           .y_place = k,
                           .blanks = w->c == 1};
}

/* Samples of x through one frame. */
struct reader {
    const struct border *f;
    float *frame;
    size_t image; /* floats of a sample */
};

static struct reader reader_of(const struct border *f, float *frame)
{
    vec_zero(frame, border_count(f));
    return (struct reader){
        .f = f, .frame = frame, .image = f->image_h * f->image_w * f->c};
}

/* Sample i from line `first` of its frame on; `lines` of it may be read. */
static const float *sample(const struct reader *r, const float *x, int i,
                           size_t first, size_t lines)
{
    size_t at = first * border_line(r->f);
    enum meter_phase before;

    x += (size_t)i * r->image;
    if (border_is_none(r->f))
        return x + at;
    before = meter_enter(METER_IM2COL);
    border_put(r->f, x, first, lines, r->frame);
    meter_enter(before);
    return r->frame + at;
}

/* The kernel as direct_product likes it, packed into `to` where that pays. */
static const float *packed(struct direct *d, int n, const float *kernel,
                           float *to)
{
    if (n * d->lines * d->places < PACK_FROM)
        return kernel;
    direct_pack(d, kernel, to);
    d->w_row = 0;
    return to;
}

/* The part of line numbers first..first+lines-1 that lies in sample i. */
struct lines {
    int first, count;
};

static struct lines lines_in(const struct window *w, int i, int first,
                             int lines)
{
    int from = first - i * w->out_h, to = from + lines;

    from = from > 0 ? from : 0;
    to = to < w->out_h ? to : w->out_h;
    return (struct lines){.first = from, .count = to - from};
}

static void forward_lines(const struct conv_direct *c, int first, int lines,
                          const float *x, const float *kernel,
                          const float *bias, float *y)
{
    const struct window *w = c->w;
    struct border f = border_of(w);
    struct direct d = direct_of(w, &f, c->filters);
    struct reader r = reader_of(&f, c->scratch);
    size_t result = (size_t)w->out_h * d.y_line;
    int i;

    if (c->ready != NULL) {
        kernel = c->ready;
        d.w_row = 0;
    } else {
        kernel = packed(&d, c->n, kernel, c->scratch + border_count(&f));
    }
    for (i = first / w->out_h; i * w->out_h < first + lines; i++) {
        struct lines l = lines_in(w, i, first, lines);
        size_t at = (size_t)l.first;

        d.lines = l.count;
        direct_product(&d,
                       sample(&r, x, i, at * (size_t)w->stride_h,
                              (size_t)((l.count - 1) * w->stride_h + w->kh)),
                       kernel, bias, y + (size_t)i * result + at * d.y_line);
    }
}

size_t conv_direct_ready_count(const struct window *w, int filters)
{
    struct border f = border_of(w);
    struct direct d = direct_of(w, &f, filters);

    if (winograd_pays(w, 1, filters, true))
        return winograd_ready_count(w, filters);
    return direct_pack_count(&d);
}

static struct winograd tiles_of(const struct conv_direct *c,
                                const float *kernel, const float *bias)
{
    return (struct winograd){.w = c->w,
                             .filters = c->filters,
                             .kernel = kernel,
                             .ready = c->ready,
                             .bias = bias,
                             .scratch = c->scratch};
}

void conv_direct_make(const struct conv_direct *c, const float *kernel,
                      float *ready)
{
    struct winograd tiles = tiles_of(c, kernel, NULL);
    struct border f = border_of(c->w);
    struct direct d = direct_of(c->w, &f, c->filters);

    if (winograd_pays(c->w, c->n, c->filters, true))
        winograd_make(&tiles, ready);
    else
        direct_pack(&d, kernel, ready);
}

int conv_direct_parts(const struct window *w, int n, int filters, bool ready)
{
    if (winograd_pays(w, n, filters, ready))
        return n * winograd_rows(w);
    return n * w->out_h;
}

int conv_direct_pieces(const struct window *w, int n, int filters, bool ready)
{
    if (!winograd_pays(w, n, filters, ready))
        return n * w->out_h;
    return ready ? winograd_pieces(w, n) : 1;
}

void conv_direct_forward(const struct conv_direct *c, int first, int parts,
                         const float *x, const float *kernel, const float *bias,
                         float *y)
{
    struct winograd tiles = tiles_of(c, kernel, bias);

    if (winograd_pays(c->w, c->n, c->filters, c->ready != NULL))
        winograd(&tiles, first, parts, x, y);
    else
        forward_lines(c, first, parts, x, kernel, bias, y);
}

void conv_direct_kernel(const struct conv_direct *c, const float *x,
                        const float *dy, float *dk)
{
    struct border f = border_of(c->w);
    struct direct d = direct_of(c->w, &f, c->filters);
    struct reader r = reader_of(&f, c->scratch);
    size_t result = (size_t)d.lines * d.y_line;
    int i;

    for (i = 0; i < c->n; i++)
        direct_gradient(&d, sample(&r, x, i, 0, f.h), dy + (size_t)i * result,
                        i > 0, dk);
}

/*
 * Along one axis, the pixels at first + stride * q: which taps they see, and
 * where in dy the first of them, in the order of dy, is for q = 0.
 */
struct class
{
    int first, count; /* pixels */
    int tap, taps;    /* the first tap; further ones a stride apart */
    int start;
};

static struct class class_of(int first, int size, int stride, int before,
                             int taps)
{
    struct class c = {.first = first,
                      .count = (size - first + stride - 1) / stride,
                      .tap = (first + before) % stride};

    if (c.tap < taps)
        c.taps = (taps - 1 - c.tap) / stride + 1;
    c.start = (first + before - c.tap) / stride - (c.taps - 1);
    return c;
}

static struct class class_down(const struct window *w, int first)
{
    return class_of(first, w->h, w->stride_h, w->top, w->kh);
}

static struct class class_across(const struct window *w, int first)
{
    return class_of(first, w->w, w->stride_w, w->left, w->kw);
}

/* Places of dy, `size` of them, that classes see before and after it. */
struct margin {
    int before, size;
};

static void widen(struct margin *m, const struct class *c)
{
    int end = c->start + c->count - 1 + c->taps;

    if (c->count < 1 || c->taps < 1)
        return;
    m->before = -c->start > m->before ? -c->start : m->before;
    m->size = end > m->size ? end : m->size;
}

/* What all classes see of dy; its size is counted from the first place. */
static struct border slope_border(const struct window *w, int filters)
{
    struct margin down = {.size = 1}, across = {.size = 1};
    struct class c;
    int i;

    for (i = 0; i < w->stride_h; i++) {
        c = class_down(w, i);
        widen(&down, &c);
    }
    for (i = 0; i < w->stride_w; i++) {
        c = class_across(w, i);
        widen(&across, &c);
    }
    return (struct border){.image_h = (size_t)w->out_h,
                           .image_w = (size_t)w->out_w,
                           .c = (size_t)filters,
                           .h = (size_t)(down.before + down.size),
                           .w = (size_t)(across.before + across.size),
                           .top = (size_t)down.before,
                           .left = (size_t)across.before};
}

/* The pixels of a class as places that see dy. */
static struct direct class_direct(const struct window *w,
                                  const struct border *f,
                                  const struct class *down,
                                  const struct class *across)
{
    size_t line = border_line(f), c = (size_t)w->c;
    bool seen = down->taps > 0 && across->taps > 0;

    return (struct direct){.lines = down->count,
                           .places = across->count,
                           .rows = seen ? down->taps : 0,
                           .run = seen ? (size_t)across->taps * f->c : 0,
                           .units = c,
                           .x_line = line,
                           .x_place = f->c,
                           .x_row = line,
                           .w_row = c,
                           .y_line = (size_t)(w->stride_h * w->w) * c,
                           .y_place = (size_t)w->stride_w * c};
}

/* to (taps down, taps across, K, C) = the class's taps in reverse order */
static void turn_taps(const struct window *w, const struct class *down,
                      const struct class *across, int filters,
                      const float *kernel, float *to)
{
    size_t c = (size_t)w->c, k = (size_t)filters;
    int i, j;

    for (i = down->taps - 1; i >= 0; i--) {
        for (j = across->taps - 1; j >= 0; j--, to += c * k) {
            int tap = (down->tap + i * w->stride_h) * w->kw + across->tap +
                      j * w->stride_w;

            turn(kernel + (size_t)tap * c * k, k, c, k, to, c);
        }
    }
}

/* The class's pixels of every sample. */
static void class_input(const struct conv_direct *c, const struct border *f,
                        const struct class *down, const struct class *across,
                        const float *kernel, const float *dy, float *dx)
{
    const struct window *w = c->w;
    struct direct d = class_direct(w, f, down, across);
    struct reader r = reader_of(f, c->scratch);
    float *turned = c->scratch + border_count(f);
    size_t count = (size_t)d.rows * d.run * d.units, from = 0, i;
    size_t to =
        ((size_t)(down->first * w->w) + (size_t)across->first) * d.units;

    if (count > 0) {
        turn_taps(w, down, across, c->filters, kernel, turned);
        from = (size_t)((int)f->top + down->start) * border_line(f) +
               (size_t)((int)f->left + across->start) * f->c;
    }
    kernel = packed(&d, c->n, turned, turned + count);
    for (i = 0; i < (size_t)c->n; i++)
        direct_product(&d, sample(&r, dy, (int)i, 0, f->h) + from, kernel, NULL,
                       dx + i * (size_t)(w->h * w->w) * d.units + to);
}

static void input_by_classes(const struct conv_direct *c, const float *kernel,
                             const float *dy, float *dx)
{
    struct border f = slope_border(c->w, c->filters);
    int i, j;

    for (i = 0; i < c->w->stride_h; i++) {
        struct class down = class_down(c->w, i);

        for (j = 0; j < c->w->stride_w && down.count > 0; j++) {
            struct class across = class_across(c->w, j);

            if (across.count > 0)
                class_input(c, &f, &down, &across, kernel, dy, dx);
        }
    }
}

/* The window through which the pixels of x see dy, with stride 1. */
static struct window turned_window(const struct window *w, int filters)
{
    struct window t = *w;

    t.h = w->out_h;
    t.w = w->out_w;
    t.c = filters;
    t.out_h = w->h;
    t.out_w = w->w;
    t.top = w->kh - 1 - w->top;
    t.left = w->kw - 1 - w->left;
    return t;
}

/* Floats of the kernel turned round, whole cache lines. */
static size_t kernel_room(const struct window *w, int filters)
{
    return vec_lines((size_t)(w->kh * w->kw * w->c * filters));
}

static bool turned_pays(const struct window *w, int n, int filters)
{
    struct window t = turned_window(w, filters);

    return winograd_pays(&t, n, w->c, false);
}

void conv_direct_input(const struct conv_direct *c, const float *kernel,
                       const float *dy, float *dx)
{
    struct window t = turned_window(c->w, c->filters);
    struct class down = class_down(c->w, 0), across = class_across(c->w, 0);
    struct winograd tiles = {.w = &t,
                             .filters = c->w->c,
                             .kernel = c->scratch,
                             .scratch =
                                 c->scratch + kernel_room(c->w, c->filters)};

    if (!turned_pays(c->w, c->n, c->filters)) {
        input_by_classes(c, kernel, dy, dx);
        return;
    }
    turn_taps(c->w, &down, &across, c->filters, kernel, c->scratch);
    winograd(&tiles, 0, c->n * winograd_rows(&t), dy, dx);
}

static size_t input_scratch(const struct window *w, int n, int filters)
{
    struct border s = slope_border(w, filters);
    struct direct d = {
        .rows = w->kh, .run = (size_t)(w->kw * filters), .units = (size_t)w->c};
    struct window t = turned_window(w, filters);
    size_t count = border_count(&s) + direct_pack_count(&d) +
                   (size_t)d.rows * d.run * d.units;

    if (turned_pays(w, n, filters))
        count = mem_larger(count, kernel_room(w, filters) +
                                      winograd_scratch(&t, w->c));
    return count;
}

size_t conv_direct_scratch(const struct window *w, int n, int filters,
                           bool backward)
{
    struct border f = border_of(w);
    struct direct d = direct_of(w, &f, filters);
    size_t count = border_count(&f) + direct_pack_count(&d);

    if (winograd_pays(w, n, filters, !backward))
        count = mem_larger(count, winograd_scratch(w, filters));
    if (backward && conv_direct_input_fits(w, filters))
        count = mem_larger(count, input_scratch(w, n, filters));
    return count;
}
