/*
 * Depthwise convolution line by line, for windows of up to three taps a side
 * without dilation: what conv.h says of multiplier 1.  Products and sums are
 * not fused, so that every processor has the same bits.
 * Threads: no shared state.
 */
#ifndef TENSOR_DEPTHWISE_LINES_H
#define TENSOR_DEPTHWISE_LINES_H

#include "tensor/conv.h"

/* Whether it can be done. */
bool depthwise_lines_fit(const struct window *w);

void depthwise_lines(const struct window *w, int n, const float *x,
                     const float *k, float *y);
void depthwise_lines_kernel(const struct window *w, int n, const float *x,
                            const float *dy, float *dk);
void depthwise_lines_input(const struct window *w, int n, const float *k,
                           const float *dy, float *dx);

#endif
