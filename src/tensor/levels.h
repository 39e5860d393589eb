/*
 * Real numbers as whole ones, all values with one scale (method card Q1):
 * real = scale (q - zero), q from least to most.  0 is always one of them.
 * Threads: no shared state.
 */
#ifndef TENSOR_LEVELS_H
#define TENSOR_LEVELS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct levels {
    float scale;
    int32_t zero; /* in least..most */
    int32_t least, most;
};

/* Those for values from low to high, both widened to 0.  Symmetric: -(2^(bits
 * - 1) - 1) to 2^(bits - 1) - 1 with zero 0; else 0 to 2^bits - 1.  An empty
 * range has scale 1.  bits: 2 to 16. */
struct levels levels_of(bool symmetric, int bits, float low, float high);

/* The nearest whole number, ties to even, and back. */
static inline int32_t levels_code(const struct levels *l, float x)
{
    /* In floats until it is in range: it may be too large for an int. */
    float q = nearbyintf(x / l->scale) + (float)l->zero;

    return q < (float)l->least  ? l->least
           : q > (float)l->most ? l->most
                                : (int32_t)q;
}
static inline float levels_real(const struct levels *l, int32_t q)
{
    return (float)(q - l->zero) * l->scale;
}

/* y = levels_real(levels_code(x)), bit for bit; what is not finite becomes
 * NaN.  y may be x. */
void levels_round(const struct levels *l, const float *x, float *y, size_t n);
/* dx = dy where low <= x <= high, else 0 (card Q4); dx may be dy. */
void levels_pass(float low, float high, const float *x, const float *dy,
                 float *dx, size_t n);
/* Widens *low and *high to the least and the largest of x; a NaN is left out.
 */
void levels_ends(const float *x, size_t n, float *low, float *high);

#endif
