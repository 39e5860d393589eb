/*
 * Windows sliding over images: their geometry, and images as matrices so that
 * a convolution is a matrix product.
 *
 * Padding "same" is TensorFlow's: out = ceil(H / stride), the total padding is
 * max((out - 1) stride + (k - 1) step + 1 - H, 0), its smaller half on top and
 * left.  "valid" has none.
 * Threads: no shared state.
 */
#ifndef TENSOR_CONV_H
#define TENSOR_CONV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "tensor/shape.h"

struct window {
    int h, w, c;      /* input image */
    int out_h, out_w; /* places of the window */
    int kh, kw;       /* taps */
    int stride_h, stride_w;
    int step_h, step_w; /* from tap to tap: dilation */
    int top, left;      /* padding before the image */
};

/* What a kind knows of its window; step NULL: 1. */
struct window_spec {
    const int *size, *stride, *step; /* (height, width) each */
    bool same;
};

/* out_h or out_w is below 1 where a valid window does not fit. */
struct window window_make(const struct shape *image,
                          const struct window_spec *spec);
/* Refuses a window that does not fit its image. */
enum err_code window_check(const struct window *w, struct err *err) MUST_CHECK;

/* Taps at one place along one axis that lie inside the image: the first tap,
 * how many, and the image coordinate of the first. */
struct taps {
    int first, count, at;
};
static inline struct taps window_taps(int place, int stride, int step,
                                      int before, int taps, int size)
{
    int start = place * stride - before, first = 0, last = taps - 1;

    if (start < 0)
        first = (-start + step - 1) / step;
    if (start + last * step > size - 1)
        last = size - 1 < start ? -1 : (size - 1 - start) / step;
    return (struct taps){.first = first,
                         .count = last >= first ? last - first + 1 : 0,
                         .at = start + first * step};
}

/* Part of a shard: output lines first..first+count-1 of n * out_h, and channels
 * from..from+width-1. */
struct patch {
    int first, count;
    int from, width;
};

/* x (n,H,W,C) into cols (count * out_w, kh * kw * width); 0 in the padding. */
void conv_im2col(const struct window *w, const struct patch *p, const float *x,
                 float *cols);
/* Adds cols (count * out_w, kh * kw * width) to dx (n,H,W,C). */
void conv_col2im(const struct window *w, const struct patch *p,
                 const float *cols, float *dx);

/*
 * Depthwise (depthwise.c): y (n,OH,OW,C*M) = sum over taps x (n,H,W,C) k
 * (kh,kw,C,M); output channel c * M + m sees channel c.  multiplier: M.
 */
void conv_depthwise(const struct window *w, int multiplier, int n,
                    const float *x, const float *k, float *y);
/* dk (kh,kw,C,M), overwritten */
void conv_depthwise_kernel(const struct window *w, int multiplier, int n,
                           const float *x, const float *dy, float *dk);
/* dx (n,H,W,C), overwritten */
void conv_depthwise_input(const struct window *w, int multiplier, int n,
                          const float *k, const float *dy, float *dx);

/* Output lines first..first+lines-1 of the shard straight from x, without a
 * matrix: y (lines, out_w, filters), kernel (kh, kw, 1, filters), bias
 * (filters; may be NULL).  Sums go over the taps in order. */
bool conv_grey_fits(const struct window *w, int filters);
void conv_grey(const struct window *w, const float *x, const float *kernel,
               const float *bias, int filters, int first, int lines, float *y);

#endif
