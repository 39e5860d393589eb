/*
 * Products of windows with filters, straight from the image: no matrix of
 * windows is made.  A window row at one place is one run of floats of the
 * image, and the next place begins a few floats further on, so that the matrix
 * a general product would want is there already, with rows that overlap.
 *
 * The widest kernel of the processor is taken (isa.h): 16, 8 or 4 lanes.  A sum
 * goes over its terms in order, in one accumulator, so that the bits depend on
 * the processor but on nothing else. Threads: no shared state.
 */
#ifndef TENSOR_DIRECT_H
#define TENSOR_DIRECT_H

#include <stdbool.h>
#include <stddef.h>

#define DIRECT_LEAST 4 /* units there must be: the narrowest vector */

/*
 * Where x, w and y are; distances in floats.
 *   y[line][place][unit] = sum over row, r of
 *       x[line * x_line + place * x_place + row * x_row + r]
 *       * w[row * run + r][unit]
 */
struct direct {
    int lines, places, rows;
    size_t run, units;
    size_t x_line, x_place, x_row;
    size_t w_row;  /* from w[i] to w[i + 1] */
    size_t w_line; /* direct_product: from the weights of a line to those of the
                      next; 0: all have the same */
    size_t y_line, y_place;
    bool blanks; /* rows of x that a tile sees are often zero, and left out */
};

/* Weights in the order in which direct_product reads them: worth it where many
 * places see more units than one vector has.  packed: direct_pack_count floats;
 * it serves every call with the same rows, run and units. */
size_t direct_pack_count(const struct direct *d);
void direct_pack(const struct direct *d, const float *w, float *packed);

/* y is overwritten; bias (units) may be NULL.  w_row 0: w is packed. */
void direct_product(const struct direct *d, const float *x, const float *w,
                    const float *bias, float *y);
/* dw (rows * run, units) = the sum over lines and places of x dy, where dy lies
 * as y does; add: that is added to dw. */
void direct_gradient(const struct direct *d, const float *x, const float *dy,
                     bool add, float *dw);

/* The same by plain loops in double, dw added to sums in double. */
void direct_product_ref(const struct direct *d, const float *x, const float *w,
                        const float *bias, float *y);
void direct_gradient_ref(const struct direct *d, const float *x,
                         const float *dy, double *dw);

#endif
