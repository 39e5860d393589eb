/*
 * The passes of batch normalisation over some channels of a matrix: sums over
 * its rows, and what follows from them for every element.  A row is a place of
 * an image in a sample, `stride` floats after the one before.
 * Threads: no shared state.
 */
#ifndef TENSOR_NORM_H
#define TENSOR_NORM_H

#include <stdbool.h>
#include <stddef.h>

struct norm {
    const float *x;  /* (rows, n) */
    const float *dy; /* (rows, n), where a pass has it */
    float *out;      /* (rows, n): y or dx, not x nor dy */
    size_t rows, stride, n;
    /* (n): y = (x - mean) factor + offset; see norm_input */
    const float *mean, *factor, *offset, *level, *slope;
    double *sum, *product; /* (n) */
    bool bounded;          /* y is kept within these (a NaN stays one), and dy
                              counts as 0 where y is not between them */
    float least, most;
};

/* sum += x, product += x^2, summed over the rows */
void norm_sums(const struct norm *m);
/* out = y */
void norm_scale(const struct norm *m);
/* sum += dy, product += dy (x - mean), summed over the rows */
void norm_products(const struct norm *m);
/* out = factor (dy - level - (x - mean) slope) */
void norm_input(const struct norm *m);

#endif
