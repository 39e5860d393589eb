/*
 * Matrices transposed.
 * Threads: no shared state.
 */
#ifndef TENSOR_TURN_H
#define TENSOR_TURN_H

#include <stddef.h>

/* to (cols,rows) = from (rows,cols); strides: from row to row, in floats. */
void turn(const float *from, size_t from_stride, size_t rows, size_t cols,
          float *to, size_t to_stride);

#endif
