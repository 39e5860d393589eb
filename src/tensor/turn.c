/*
 * Square by square: reading or writing only whole lines of one would miss the
 * cache at every step of the other.
 */
#include "tensor/turn.h"

#define SIDE 8

void turn(const float *from, size_t from_stride, size_t rows, size_t cols,
          float *to, size_t to_stride)
{
    size_t r, c, i, j;

    for (r = 0; r < rows; r += SIDE) {
        size_t high = rows - r < SIDE ? rows - r : SIDE;

        for (c = 0; c < cols; c += SIDE) {
            size_t wide = cols - c < SIDE ? cols - c : SIDE;

            for (j = 0; j < wide; j++) {
                for (i = 0; i < high; i++)
                    to[(c + j) * to_stride + r + i] =
                        from[(r + i) * from_stride + c + j];
            }
        }
    }
}
