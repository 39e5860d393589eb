/*
 * The backward pass of a convolution, leaving out the zeros of dy: behind a
 * 2x2 max pool three of four are, behind relu half of the rest.
 * Threads: no shared state.
 */
#ifndef TENSOR_CONV_ZEROS_H
#define TENSOR_CONV_ZEROS_H

#include "tensor/conv.h"

/* x (n,H,W,C), kernel (kh,kw,C,K), dy (n,OH,OW,K). */
struct conv_zeros {
    const struct window *w;
    int n, filters;
    float *scratch; /* conv_zeros_scratch floats, aligned to 8 bytes */
};

/* Whether it can be done, and beats a general product, with that dy. */
bool conv_zeros_fit(const struct window *w);
bool conv_zeros_pay(const struct conv_zeros *z, const float *dy);
size_t conv_zeros_scratch(const struct window *w, int filters);

/* dk (kh,kw,C,K) and dx (n,H,W,C), both overwritten; dx may be NULL. */
void conv_zeros_backward(const struct conv_zeros *z, const float *x,
                         const float *kernel, const float *dy, float *dk,
                         float *dx);
/* The same by plain loops, added to sums in double. */
void conv_zeros_backward_ref(const struct conv_zeros *z, const float *x,
                             const float *kernel, const float *dy, double *dk,
                             double *dx);

#endif
