/*
 * Sums of chosen rows of a matrix: the core of every product that leaves out
 * zeros.  A list is some values with a bit for each that is not zero; each of
 * these times the row of its number is added to a row of the list's own.
 * Threads: no shared state.
 */
#ifndef TENSOR_ROWS_H
#define TENSOR_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROWS_LEAST 8 /* floats a row must have */
#define ROWS_BITS  64

/* y[i] = sum over k < values of x[i][k] * row k, which begins at w + w_at[k];
 * with `add`, that is added to y[i], else to the row `start` if that is not
 * NULL.  All strides in floats. */
struct rows {
    const float *x; /* x[i][k] is x[i * x_list + k * x_step] */
    size_t lists, values, x_list, x_step;
    uint64_t *alive; /* (lists, rows_words(values)) bits, of rows_find */
    const float *w, *start;
    const uint32_t *w_at; /* (values) */
    float *y;
    const uint32_t *y_at; /* (lists) y[i] is y + y_at[i] … */
    size_t y_stride;      /* … or where that is NULL, y + i * y_stride */
    bool add;
};

/* Words of bits that so many values take. */
static inline size_t rows_words(size_t values)
{
    return (values + ROWS_BITS - 1) / ROWS_BITS;
}

/* at (n) = 0, stride, 2 stride …: rows one after the other */
static inline void rows_at(uint32_t *at, size_t n, size_t stride)
{
    size_t k;

    for (k = 0; k < n; k++)
        at[k] = (uint32_t)(k * stride);
}

/* Fills alive.  Fast where x_list or x_step is 1. */
void rows_find(const struct rows *r);

/* The bits of lists, of every step-th value from `first` on; step is 2 or 4. */
struct thinning {
    const uint64_t *alive; /* (lists, words) */
    size_t lists, words, step, first;
};
/* to (lists, words / step rounded up) */
void rows_thin(const struct thinning *t, uint64_t *to);

/* width: floats of a row, at least ROWS_LEAST. */
void rows_sum(const struct rows *r, size_t width);

#endif
