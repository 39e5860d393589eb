/*
 * The passes of batch normalisation over some channels of a matrix: sums over
 * its rows, and what follows from them for every element.  A row is a place of
 * an image in a sample, `stride` floats after the one before.
 * Threads: no shared state.
 */
#ifndef TENSOR_NORM_H
#define TENSOR_NORM_H

#include <stddef.h>

struct norm {
    const float *x;  /* (rows, n) */
    const float *dy; /* (rows, n), where a pass has it */
    float *out;      /* (rows, n): y or dx, not x nor dy */
    size_t rows, stride, n;
    const float *mean, *factor, *offset, *slope; /* (n) */
    double *sum, *product;                       /* (n) */
};

/* sum += x, product += x^2, summed over the rows */
void norm_sums(const struct norm *m);
/* out = (x - mean) factor + offset */
void norm_scale(const struct norm *m);
/* sum += dy, product += dy (x - mean), summed over the rows */
void norm_products(const struct norm *m);
/* out = factor (dy - offset - (x - mean) slope) */
void norm_input(const struct norm *m);

#endif
