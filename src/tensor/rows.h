/*
 * Sums of chosen rows of a matrix: the core of every product that leaves out
 * zeros.  A list names rows and weights; the sum of each list goes to a row of
 * its own.
 * Threads: no shared state.
 */
#ifndef TENSOR_ROWS_H
#define TENSOR_ROWS_H

#include <stddef.h>
#include <stdint.h>

#define ROWS_LEAST 8 /* floats a row must have: a vector */

struct rows_entry {
    float weight;
    uint32_t row;
};

/* y[i] = start[i] + sum over list i of weight * w[row]; list i is the first
 * count[i] of list + i * room.  All strides in floats; start may be y, one row
 * for all (start_stride 0), or NULL for zeros. */
struct rows {
    const struct rows_entry *list;
    const uint32_t *count;
    size_t lists, room;
    const float *w, *start;
    float *y;
    size_t w_stride, start_stride, y_stride;
};

/* width: floats of a row, at least ROWS_LEAST. */
void rows_sum(const struct rows *r, size_t width);

#endif
