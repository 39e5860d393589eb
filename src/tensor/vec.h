/*
 * Element-wise passes, sums of fixed order, and the transcendental functions
 * that layers need.  The same bits come out on every instruction set: sums use
 * a fixed number of lanes, products and sums are never fused, and exp and tanh
 * are ours rather than the C library's.
 * Threads: no shared state.  Arrays do not overlap unless a comment says so.
 */
#ifndef TENSOR_VEC_H
#define TENSOR_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * VEC_CLONES before a function has it compiled for several instruction sets;
 * the best is bound when the program starts.  Off where the loader cannot bind
 * so early: the resolvers run before a sanitizer has set itself up.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && \
    !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&          \
    !defined(__SANITIZE_THREAD__)
#define VEC_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VEC_CLONES
#endif

/* Before a loop: iterations are independent even where pointers are equal. */
#if defined(__clang__)
#define VEC_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define VEC_LOOP _Pragma("GCC ivdep")
#endif

/* What is inlined into clones must not be left out of them. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/*
 * Eight floats as one value, for sums that must stay in registers and for short
 * loops, which compilers unroll rather than vectorise.  Every set has it: AVX2
 * as one register, SSE as two.
 */
#define VEC_LANES 8
typedef float vec8 __attribute__((vector_size(VEC_LANES * sizeof(float)),
                                  aligned(4), may_alias));
typedef int32_t vec8_bits
    __attribute__((vector_size(VEC_LANES * sizeof(float))));
#define VEC8(place)       (*(vec8 *)(place))
#define CONST_VEC8(place) (*(const vec8 *)(place))

#define VEC_LINE 16 /* floats of a cache line */

/* Asks for n floats from x on, to be in the second-level cache soon, for loops
 * that do not go over memory in its order.  A processor hears some 30 lines at
 * a time and forgets the rest. */
static inline void vec_soon(const float *x, size_t n)
{
    size_t i;

    for (i = 0; i < n; i += VEC_LINE)
        __builtin_prefetch(x + i, 0, 2);
}

/* The number rounded up to whole cache lines. */
static inline size_t vec_lines(size_t floats)
{
    return (floats + VEC_LINE - 1) / VEC_LINE * VEC_LINE;
}

/* y = 0 */
void vec_zero(float *y, size_t n);
/* y = x, nothing when they are the same array */
void vec_copy(const float *x, float *y, size_t n);
/* y += x */
void vec_add(const float *x, float *y, size_t n);
/* y = x + z; y may be one of them */
void vec_plus(const float *x, const float *z, float *y, size_t n);
/* y = a x; y may be x */
void vec_scale(float a, const float *x, float *y, size_t n);

/* Sum, in 16 lanes. */
float vec_sum(const float *x, size_t n);
float vec_dot(const float *x, const float *z, size_t n);
/* Sum of squares, in double. */
double vec_squares(const float *x, size_t n);

/* y (rows,cols) += b (cols) to each row */
void vec_add_row(const float *b, float *y, size_t rows, size_t cols);
/* s (cols) = sum over the rows of x (rows,cols): 64 terms in float, such blocks
 * in double, so that rounding does not grow with their number */
void vec_sum_rows(const float *x, float *s, size_t rows, size_t cols);

/* exp(x), 2 units in the last place; 0 below -86.98, infinity above 88.72. */
static inline float vec_exp(float x)
{
    /* Both bounds keep a NaN: the comparison is false for it. */
    const float most = 88.7228317f, least = -86.98f;
    float c = x > most ? most : x;
    float t, k, r, p, scale;
    int32_t bits;

    c = c < least ? least : c;
    /* x = k ln 2 + r, |r| <= ln 2 / 2; adding 1.5 * 2^23 rounds. */
    t = c * 1.44269504f + 12582912.0f;
    k = t - 12582912.0f;
    r = c - k * 0.693359375f;
    r = r + k * 2.12194440e-4f;
    p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    /* 2^(k-1), doubled after, so that k = 128 stays in range. */
    memcpy(&bits, &t, sizeof(bits));
    bits = (int32_t)((uint32_t)(bits - 0x4B400000 + 126) << 23);
    memcpy(&scale, &bits, sizeof(scale));
    p = p * scale * 2.0f;
    p = x > most ? (float)__builtin_inff() : p;
    return x < least ? 0.0f : p;
}

/* 1 / (1 + exp(-x)) */
static inline float vec_sigmoid(float x)
{
    return 1.0f / (1.0f + vec_exp(-x));
}

/* tanh(x), also close to 0, where the quotient would cancel. */
static inline float vec_tanh(float x)
{
    float z = x * x, small, large;

    small = -5.70498872745e-3f;
    small = small * z + 2.06390887954e-2f;
    small = small * z + -5.37397155531e-2f;
    small = small * z + 1.33314422036e-1f;
    small = small * z + -3.33332819422e-1f;
    small = small * z * x + x;
    large = 1.0f - 2.0f / (vec_exp(2.0f * x) + 1.0f);
    return z < 0.390625f ? small : large;
}

/* exp(x) - 1 for x <= 0, without cancelling near 0. */
static inline float vec_expm1(float x)
{
    float t = vec_tanh(0.5f * x);

    return 2.0f * t / (1.0f - t);
}

#endif
