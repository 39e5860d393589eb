#include "tensor/levels.h"

#include <float.h>

#include "tensor/vec.h"

/* Added and taken off again it rounds to a whole number, ties to even: the
 * floats from 2^23 on are whole.  For |x| up to 2^22. */
#define ROUNDS 12582912.0f

struct levels levels_of(bool symmetric, int bits, float low, float high)
{
    struct levels l = {.most = (1 << bits) - 1};
    float zero;

    low = fminf(low, 0.0f);
    high = fmaxf(high, 0.0f);
    if (symmetric) {
        l.most = (1 << (bits - 1)) - 1;
        l.least = -l.most;
        l.scale = fmaxf(-low, high) / (float)l.most;
    } else {
        l.scale = high / (float)l.most - low / (float)l.most;
    }
    if (!(l.scale >= FLT_MIN)) /* nothing, or too small to divide by */
        l.scale = 1.0f;
    if (symmetric)
        return l;
    zero = nearbyintf(-low / l.scale);
    l.zero = zero > (float)l.most ? l.most : (int32_t)zero;
    return l;
}

/*
 * Clipped before it is rounded, which comes to the same as both bounds are
 * whole.  x - x is 0, or NaN where x is not finite: an activation that
 * overflowed is not to look like a large one.
 */
VEC_CLONES
void levels_round(const struct levels *l, const float *x, float *y, size_t n)
{
    const float scale = l->scale;
    const float least = (float)(l->least - l->zero);
    const float most = (float)(l->most - l->zero);
    size_t i;

    VEC_LOOP
    for (i = 0; i < n; i++) {
        float q = x[i] / scale;

        q = q < least ? least : q;
        q = q > most ? most : q;
        q = (q + ROUNDS) - ROUNDS;
        y[i] = q * scale + (x[i] - x[i]);
    }
}

VEC_CLONES
void levels_pass(float low, float high, const float *x, const float *dy,
                 float *dx, size_t n)
{
    size_t i;

    VEC_LOOP
    for (i = 0; i < n; i++)
        dx[i] = (x[i] >= low) & (x[i] <= high) ? dy[i] : 0.0f;
}

/* Four vectors at a time: one would wait for itself. */
#define TOGETHER (4 * VEC_LANES)

VEC_CLONES
void levels_ends(const float *x, size_t n, float *low, float *high)
{
    float least[TOGETHER], most[TOGETHER];
    size_t i, k;

    for (k = 0; k < TOGETHER; k++) {
        least[k] = *low;
        most[k] = *high;
    }
    for (i = 0; i + TOGETHER <= n; i += TOGETHER) {
        VEC_LOOP
        for (k = 0; k < TOGETHER; k++) {
            float v = x[i + k];

            least[k] = v < least[k] ? v : least[k];
            most[k] = v > most[k] ? v : most[k];
        }
    }
    for (; i < n; i++) {
        least[0] = x[i] < least[0] ? x[i] : least[0];
        most[0] = x[i] > most[0] ? x[i] : most[0];
    }
    for (k = 0; k < TOGETHER; k++) {
        *low = least[k] < *low ? least[k] : *low;
        *high = most[k] > *high ? most[k] : *high;
    }
}
