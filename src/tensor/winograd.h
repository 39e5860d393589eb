/*
 * Convolutions of 3x3 and 5x5 taps with fewer products (Winograd 1980; Lavin
 * and Gray 2016, arXiv 1509.09308): a tile of 6x6 pixels becomes 4x4 outputs of
 * a 3x3 window, or 2x2 of a 5x5 one, by 36 products a channel and filter where
 * the definition has 144, or 100.
 *
 *   tile of y = A' [ sum over c of (G g G') * (B' d B) ] A
 *
 * with the points 0, 3/4, -3/4, 3/2, -3/2 and infinity for both.  Rounding
 * errors are less than twice those of plain sums.
 *
 * The kernel's part, G g G', is the same for all pictures: whoever has many
 * calls for one kernel makes it ready once.  Threads: no shared state.
 */
#ifndef TENSOR_WINOGRAD_H
#define TENSOR_WINOGRAD_H

#include "tensor/conv.h"

struct winograd {
    const struct window *w;
    int filters;
    const float *kernel; /* (kh,kw,C,K) */
    const float *ready; /* what winograd_make made of it; NULL: every call makes
                           it in its scratch memory */
    const float *bias;  /* (K); may be NULL */
    float *scratch;     /* winograd_scratch floats */
};

/* Stride 1, 3x3 or 5x5, and enough channels and filters to pay for the
 * transforms of x and y, and samples for that of the kernel unless it is ready:
 * then n does not matter. */
bool winograd_pays(const struct window *w, int n, int filters, bool ready);
size_t winograd_scratch(const struct window *w, int filters);

/* Makes c->kernel ready: winograd_ready_count floats. */
size_t winograd_ready_count(const struct window *w, int filters);
void winograd_make(const struct winograd *c, float *ready);

/* y (n,OH,OW,K) = conv of x (n,H,W,C) with the kernel, + bias; only its rows of
 * tiles first..first+rows-1 of all n * winograd_rows(w), with the same bits. */
int winograd_rows(const struct window *w);
/* Into how many pieces n samples are worth being cut at most: each reads all of
 * the kernel, which is ready. */
int winograd_pieces(const struct window *w, int n);
void winograd(const struct winograd *c, int first, int rows, const float *x,
              float *y);

#endif
