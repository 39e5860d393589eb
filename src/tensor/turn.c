/*
 * Squares of four by four are turned in registers: going along whole lines of
 * one matrix would miss the cache at every step of the other.
 */
#include "tensor/turn.h"

#define SIDE 4

typedef float lanes4 __attribute__((vector_size(16), aligned(4), may_alias));

static void turn_square(const float *from, size_t from_stride, float *to,
                        size_t to_stride)
{
    lanes4 a = *(const lanes4 *)(const void *)from;
    lanes4 b = *(const lanes4 *)(const void *)(from + from_stride);
    lanes4 c = *(const lanes4 *)(const void *)(from + 2 * from_stride);
    lanes4 d = *(const lanes4 *)(const void *)(from + 3 * from_stride);
    lanes4 ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    lanes4 ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    lanes4 cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    lanes4 cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);

    *(lanes4 *)(void *)to = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
    *(lanes4 *)(void *)(to + to_stride) =
        __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
    *(lanes4 *)(void *)(to + 2 * to_stride) =
        __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
    *(lanes4 *)(void *)(to + 3 * to_stride) =
        __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
}

void turn(const float *from, size_t from_stride, size_t rows, size_t cols,
          float *to, size_t to_stride)
{
    size_t r, c, k;

    for (r = 0; r < rows; r += SIDE) {
        const float *line = from + r * from_stride;
        size_t high = rows - r < SIDE ? rows - r : SIDE;

        for (c = 0; high == SIDE && c + SIDE <= cols; c += SIDE)
            turn_square(line + c, from_stride, to + c * to_stride + r,
                        to_stride);
        for (c = high == SIDE ? cols / SIDE * SIDE : 0; c < cols; c++) {
            for (k = 0; k < high; k++)
                to[c * to_stride + r + k] = line[k * from_stride + c];
        }
    }
}
