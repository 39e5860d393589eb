/*
 * Convolutions without a matrix of windows, forward and backward: direct.h on
 * one sample after the other, or winograd.h where that pays.  Padding is a
 * frame of zeros around the sample.
 * Threads: no shared state.
 */
#ifndef TENSOR_CONV_DIRECT_H
#define TENSOR_CONV_DIRECT_H

#include "tensor/conv.h"

/* x (n,H,W,C), kernel (kh,kw,C,K), y and dy (n,OH,OW,K). */
struct conv_direct {
    const struct window *w;
    int n, filters;
    const float *ready; /* for conv_direct_forward: what conv_direct_make made
                           of the kernel; NULL: the call makes it */
    float *scratch;     /* conv_direct_scratch floats */
};

/* Whether forward and the kernel's gradient can be had, and that of x. */
bool conv_direct_fits(const struct window *w, int filters);
bool conv_direct_input_fits(const struct window *w, int filters);
/* For n samples or fewer; backward: also for the gradients. */
size_t conv_direct_scratch(const struct window *w, int n, int filters,
                           bool backward);

/* Makes a kernel ready: tiles', or in the order in which it is read.  How many
 * floats that is. */
size_t conv_direct_ready_count(const struct window *w, int filters);
void conv_direct_make(const struct conv_direct *c, const float *kernel,
                      float *ready);

/* y = conv(x) + bias (K), which may be NULL; only its parts
 * first..first+parts-1, which are lines or rows of tiles, of so many, with the
 * same bits. */
int conv_direct_parts(const struct window *w, int n, int filters, bool ready);
/* Into how many pieces of some parts it is worth being cut at most. */
int conv_direct_pieces(const struct window *w, int n, int filters, bool ready);
void conv_direct_forward(const struct conv_direct *c, int first, int parts,
                         const float *x, const float *kernel, const float *bias,
                         float *y);
/* dk is overwritten */
void conv_direct_kernel(const struct conv_direct *c, const float *x,
                        const float *dy, float *dk);
/* dx is overwritten */
void conv_direct_input(const struct conv_direct *c, const float *kernel,
                       const float *dy, float *dx);

#endif
