/*
 * Matrix products that leave out the zeros of one operand.  Four of five pixels
 * of a digit are zero, after relu every other value is, and of the gradients
 * behind a 2x2 max pool three of four; a general product multiplies them all.
 *
 * Bits may differ from gemm's, which adds in another order, and between
 * processors with and without fused multiply-add.  0 times infinity is left
 * out too.
 * Threads: no shared state.
 */
#ifndef TENSOR_ZEROS_H
#define TENSOR_ZEROS_H

#include <stdbool.h>
#include <stddef.h>

/* x (rows,inputs), w (inputs,units), y (rows,units), without gaps where these
 * are 0: the floats from row to row of w and y, for some of the units in
 * zeros_forward; of x; and of y where it is not as w. */
struct zeros {
    size_t rows, inputs, units, apart;
    size_t x_apart, y_apart;
    float *scratch; /* zeros_scratch floats, aligned to 8 bytes */
};

/* Whether leaving out the zeros of x beats a general product: always for a few
 * rows, of units enough. */
#define ZEROS_FEW 4
bool zeros_pay(const struct zeros *z, const float *x);
/* Floats of scratch for so many rows or fewer, of any number of inputs. */
size_t zeros_scratch(size_t rows, size_t units);

/* y = x w + b; b may be NULL */
void zeros_forward(const struct zeros *z, const float *x, const float *w,
                   const float *b, float *y);
/* dw = x' dy */
void zeros_kernel(const struct zeros *z, const float *x, const float *dy,
                  float *dw);

/*
 * The same for some of the inputs, and where dy has a row every
 * vec_lines(units) floats, from a line on; add: that is added to dw.  False,
 * and nothing is done, where it does not pay.
 */
size_t zeros_some_scratch(size_t rows, size_t inputs);
bool zeros_kernel_some(const struct zeros *z, const float *x, const float *dy,
                       bool add, float *dw);

/* The same without any thought of speed, in double. */
void zeros_forward_ref(const struct zeros *z, const float *x, const float *w,
                       const float *b, float *y);
void zeros_kernel_ref(const struct zeros *z, const float *x, const float *dy,
                      float *dw);

#endif
