/*
 * Convolution of a picture of one channel with few filters, without a matrix:
 * a product with so few columns is mostly packing.  A filter's sum for a run of
 * places stays in registers while it goes over the taps.
 */
#include "tensor/conv.h"
#include "tensor/vec.h"

#define VECTORS      2
#define RUN          (VEC_LANES * VECTORS) /* places at a time */
#define GROUP        5                     /* filters at a time */
#define FILTERS_MOST 8

bool conv_grey_fits(const struct window *w, int filters)
{
    return w->c == 1 && filters <= FILTERS_MOST && w->out_w >= RUN &&
           w->stride_h == 1 && w->stride_w == 1 && w->step_h == 1 &&
           w->step_w == 1 && w->top == 0 && w->left == 0 &&
           w->out_h + w->kh - 1 <= w->h && w->out_w + w->kw - 1 <= w->w;
}

/* RUN places of n filters from x on; k is their first tap.  n is known where
 * this is inlined: the sums are registers. */
ALWAYS_INLINE void run_of(const struct window *w, const float *x,
                          const float *k, const float *bias, int filters, int n,
                          float *y)
{
    vec8 sum[GROUP][VECTORS] = {{{0}}};
    int i, j, f, p;

#pragma GCC unroll 5
    for (f = 0; f < n && bias != NULL; f++)
        sum[f][0] = sum[f][1] = bias[f] - (vec8){0};

    for (i = 0; i < w->kh; i++, x += w->w) {
        for (j = 0; j < w->kw; j++, k += filters) {
            vec8 left = CONST_VEC8(x + j);
            vec8 right = CONST_VEC8(x + j + VEC_LANES);

#pragma GCC unroll 5
            for (f = 0; f < n; f++) {
                vec8 weight = k[f] - (vec8){0};

                sum[f][0] += weight * left;
                sum[f][1] += weight * right;
            }
        }
    }
#pragma GCC unroll 5
    for (f = 0; f < n; f++) {
#pragma GCC unroll 16
        for (p = 0; p < RUN; p++)
            y[p * filters + f] = sum[f][p / VEC_LANES][p % VEC_LANES];
    }
}

VEC_CLONES
static void runs_of(const struct window *w, const float *x, const float *k,
                    const float *bias, int filters, int n, float *y)
{
    switch (n) {
    case 1:
        run_of(w, x, k, bias, filters, 1, y);
        break;
    case 2:
        run_of(w, x, k, bias, filters, 2, y);
        break;
    case 3:
        run_of(w, x, k, bias, filters, 3, y);
        break;
    case 4:
        run_of(w, x, k, bias, filters, 4, y);
        break;
    default:
        run_of(w, x, k, bias, filters, GROUP, y);
        break;
    }
}

void conv_grey(const struct window *w, const float *x, const float *kernel,
               const float *bias, int filters, int first, int lines, float *y)
{
    int line, at, f;

    for (line = first; line < first + lines; line++) {
        const float *row = x + ((size_t)(line / w->out_h) * (size_t)w->h +
                                (size_t)(line % w->out_h)) *
                                   (size_t)w->w;

        for (at = 0; at < w->out_w; at += RUN) {
            /* The last run begins early, and writes some places again. */
            int from = at + RUN <= w->out_w ? at : w->out_w - RUN;

            for (f = 0; f < filters; f += GROUP)
                runs_of(w, row + from, kernel + f,
                        bias != NULL ? bias + f : NULL, filters,
                        filters - f < GROUP ? filters - f : GROUP,
                        y + from * filters + f);
        }
        y += (size_t)w->out_w * (size_t)filters;
    }
}
