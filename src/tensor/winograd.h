/*
 * Convolutions of 3x3 and 5x5 taps with fewer products (Winograd 1980; Lavin
 * and Gray 2016, arXiv 1509.09308): a tile of 6x6 pixels becomes 4x4 outputs of
 * a 3x3 window, or 2x2 of a 5x5 one, by 36 products a channel and filter where
 * the definition has 144, or 100.
 *
 *   tile of y = A' [ sum over c of (G g G') * (B' d B) ] A
 *
 * with the points 0, 3/4, -3/4, 3/2, -3/2 and infinity for both.  Rounding
 * errors are less than twice those of plain sums. Threads: no shared state.
 */
#ifndef TENSOR_WINOGRAD_H
#define TENSOR_WINOGRAD_H

#include "tensor/conv.h"

/* Stride 1, 3x3 or 5x5, and enough samples, channels and filters to pay for
 * the transforms. */
bool winograd_pays(const struct window *w, int n, int filters);
size_t winograd_scratch(const struct window *w, int filters);

/* y (n,OH,OW,K) = conv of x (n,H,W,C) with kernel (kh,kw,C,K) + bias (K), which
 * may be NULL */
void winograd(const struct window *w, int n, const float *x,
              const float *kernel, const float *bias, int filters,
              float *scratch, float *y);

#endif
