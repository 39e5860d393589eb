#include "tensor/conv.h"

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

/* A memcpy whose common short lengths need no call. */
static inline void copy_short(float *restrict to, const float *restrict from,
                              size_t n)
{
    switch (n) {
    case 1:
        to[0] = from[0];
        break;
    case 3:
        memcpy(to, from, 3 * sizeof(*to));
        break;
    case 5:
        memcpy(to, from, 5 * sizeof(*to));
        break;
    case 9:
        memcpy(to, from, 9 * sizeof(*to));
        break;
    default:
        memcpy(to, from, n * sizeof(*to));
    }
}

/*
 * One tap row of a place: kw * width floats at col, from the image line that
 * starts at line.  Without dilation and with all channels the taps are one run.
 */
static inline void gather_row(const struct window *w, const struct patch *p,
                              struct taps t, const float *line, float *col)
{
    size_t width = (size_t)p->width, c = (size_t)w->c;
    size_t before = (size_t)t.first * width, k;
    const float *from = line + (size_t)t.at * c + p->from;

    vec_zero(col, before);
    if (w->step_w == 1 && width == c) {
        copy_short(col + before, from, (size_t)t.count * c);
    } else {
        for (k = 0; k < (size_t)t.count; k++)
            copy_short(col + before + k * width,
                       from + k * (size_t)w->step_w * c, width);
    }
    before += (size_t)t.count * width;
    vec_zero(col + before, (size_t)w->kw * width - before);
}

void conv_im2col(const struct window *w, const struct patch *p, const float *x,
                 float *cols)
{
    size_t row = (size_t)w->kw * (size_t)p->width;
    size_t line_size = (size_t)w->w * (size_t)w->c;
    int i, ox, ky;

    for (i = p->first; i < p->first + p->count; i++) {
        const float *image =
            x + (size_t)(i / w->out_h) * (size_t)w->h * line_size;
        struct taps down = taps_down(w, i % w->out_h);

        for (ox = 0; ox < w->out_w; ox++) {
            struct taps across = taps_across(w, ox);

            for (ky = 0; ky < w->kh; ky++, cols += row) {
                int inside = ky - down.first;

                if (inside < 0 || inside >= down.count || across.count == 0) {
                    vec_zero(cols, row);
                    continue;
                }
                gather_row(w, p, across,
                           image + (size_t)(down.at + inside * w->step_h) *
                                       line_size,
                           cols);
            }
        }
    }
}

/* The reverse of gather_row: adds. */
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
}
