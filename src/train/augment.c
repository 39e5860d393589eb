#include "train/augment.h"

#include <stdlib.h>
#include <string.h>

static void blank_out(float *x, size_t n, float blank)
{
    size_t i;

    for (i = 0; i < n; i++)
        x[i] = blank;
}

/* to (W,C) = from (W,C) moved right; they may be the same row. */
static void move_row(float *to, const float *from, size_t width, size_t pixel,
                     int right, float blank)
{
    size_t gap = (size_t)abs(right) * pixel, left;

    if (gap > width)
        gap = width;
    left = width - gap;
    if (right >= 0) {
        memmove(to + gap, from, left * sizeof(*to));
        blank_out(to, gap, blank);
    } else {
        memmove(to, from + gap, left * sizeof(*to));
        blank_out(to + left, gap, blank);
    }
}

void augment_move(float *x, const struct shape *s, int down, int right,
                  float blank)
{
    int rows = s->dim[0], i;
    size_t pixel = (size_t)s->dim[2], width = (size_t)s->dim[1] * pixel;

    /* Away from where rows go, so that none is read after it was written. */
    for (i = 0; i < rows; i++) {
        int row = down > 0 ? rows - 1 - i : i, from = row - down;
        float *to = x + (size_t)row * width;

        if (from < 0 || from >= rows)
            blank_out(to, width, blank);
        else
            move_row(to, x + (size_t)from * width, width, pixel, right, blank);
    }
}

void augment_shift(float *x, const struct shape *s, int most, float blank,
                   struct rng *r)
{
    uint32_t span = 2 * (uint32_t)most + 1;
    int down = (int)rng_below(r, span) - most;
    int right = (int)rng_below(r, span) - most;

    augment_move(x, s, down, right, blank);
}
