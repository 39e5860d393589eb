/*
 * The loops of rows.c.  Included there once for each instruction set:
 * KERNEL(name) names a function, KERNEL_TARGET says what it is compiled for,
 * WIDE is a vector of WIDE_FLOATS that may lie on any float, SPREAD fills one,
 * MADD is a * b + c, ALIVE(x) the bits of a vector at x, EVEN those of even
 * number; a tile is at most TILE vectors, 8, 12 or 16.
 */

/* Bits of n <= 64 values; the last vector goes over part of the one before. */
static inline KERNEL_TARGET uint64_t KERNEL(bits)(const float *x, size_t n)
{
    uint64_t bits = 0;
    size_t k;

    if (n < WIDE_FLOATS)
        return alive_bits(x, n, 1);
    for (k = 0; k + WIDE_FLOATS < n; k += WIDE_FLOATS)
        bits |= (uint64_t)ALIVE(x + k) << k;
    return bits | (uint64_t)ALIVE(x + n - WIDE_FLOATS) << (n - WIDE_FLOATS);
}

/* Bits of n <= 64 values, of which every other float of x is one. */
static inline KERNEL_TARGET uint64_t KERNEL(bits_of_even)(const float *x,
                                                          size_t n)
{
    uint64_t bits;

    if (n <= ROWS_BITS / 2)
        return EVEN(KERNEL(bits)(x, 2 * n - 1));
    bits = EVEN(KERNEL(bits)(x + ROWS_BITS, 2 * n - 1 - ROWS_BITS));
    return EVEN(KERNEL(bits)(x, ROWS_BITS)) | bits << ROWS_BITS / 2;
}

/* The values of a list lie next to one another, or nearly. */
static KERNEL_TARGET void KERNEL(find)(const struct rows *r)
{
    uint64_t *alive = r->alive;
    size_t i, k;

    for (i = 0; i < r->lists; i++) {
        const float *x = r->x + i * r->x_list;

        for (k = 0; k < r->values; k += ROWS_BITS) {
            size_t left = r->values - k;
            size_t n = left < ROWS_BITS ? left : ROWS_BITS;

            if (r->x_step == 1)
                *alive++ = KERNEL(bits)(x + k, n);
            else if (r->x_step == 2)
                *alive++ = KERNEL(bits_of_even)(x + 2 * k, n);
            else
                *alive++ = alive_bits(x + k * r->x_step, n, r->x_step);
        }
    }
}

/* List i.  n is a constant of the caller: the sums are registers.  The last
 * vector begins `last` floats into the tile, over part of the one before it,
 * and gets the same there: both are read before either is written. */
ALWAYS_INLINE KERNEL_TARGET void KERNEL(list)(const struct rows *r,
                                              const struct tile *t, size_t i,
                                              size_t n)
{
    size_t last = (n - 1) * WIDE_FLOATS - t->back, step = r->x_step, v;
    size_t words = rows_words(r->values);
    const uint64_t *alive = r->alive + i * words, *end = alive + words;
    const uint32_t *w_at = r->w_at;
    const float *x = r->x + i * r->x_list, *w = r->w + t->first, *start;
    float *y =
        r->y + t->first + (r->y_at != NULL ? r->y_at[i] : i * r->y_stride);
    WIDE sum[TILE] = {{0}};

    if (r->add || r->start != NULL) {
        start = r->add ? y : r->start + t->first;
#pragma GCC unroll 16
        for (v = 0; v < n - 1; v++)
            sum[v] = *(const WIDE *)(start + v * WIDE_FLOATS);
        sum[n - 1] = *(const WIDE *)(start + last);
    }
    for (; alive < end; alive++) {
        uint64_t left;

        for (left = *alive; left != 0; left &= left - 1) {
            int k = __builtin_ctzll(left);
            const float *from = w + w_at[k];
            WIDE a = SPREAD(x[(size_t)k * step]);

#pragma GCC unroll 16
            for (v = 0; v < n - 1; v++)
                sum[v] =
                    MADD(a, *(const WIDE *)(from + v * WIDE_FLOATS), sum[v]);
            sum[n - 1] = MADD(a, *(const WIDE *)(from + last), sum[n - 1]);
        }
        w_at += ROWS_BITS;
        x += ROWS_BITS * step;
    }
#pragma GCC unroll 16
    for (v = 0; v < n - 1; v++)
        *(WIDE *)(y + v * WIDE_FLOATS) = sum[v];
    *(WIDE *)(y + last) = sum[n - 1];
}

/* A function for each number of vectors: together they would run out of
 * registers. */
#define LISTS(n)                                                     \
    static KERNEL_TARGET void KERNEL(lists##n)(const struct rows *r, \
                                               const struct tile *t) \
    {                                                                \
        size_t i;                                                    \
                                                                     \
        for (i = 0; i < r->lists; i++)                               \
            KERNEL(list)(r, t, i, n);                                \
    }

LISTS(1)
LISTS(2)
LISTS(3)
LISTS(4)
LISTS(5)
LISTS(6)
LISTS(7)
LISTS(8)
#if TILE > 8
LISTS(9)
LISTS(10)
LISTS(11)
LISTS(12)
#endif
#if TILE > 12
LISTS(13)
LISTS(14)
LISTS(15)
LISTS(16)
#endif

static const struct kernel KERNEL(kernel) = {
    .lanes = WIDE_FLOATS,
    .tile = TILE,
    .find = KERNEL(find),
    .sum = {NULL, KERNEL(lists1), KERNEL(lists2), KERNEL(lists3),
            KERNEL(lists4), KERNEL(lists5), KERNEL(lists6), KERNEL(lists7),
            KERNEL(lists8),
#if TILE > 8
            KERNEL(lists9), KERNEL(lists10), KERNEL(lists11), KERNEL(lists12),
#endif
#if TILE > 12
            KERNEL(lists13), KERNEL(lists14), KERNEL(lists15), KERNEL(lists16)
#endif
    }};

#undef ALIVE
#undef EVEN
#undef KERNEL
#undef KERNEL_TARGET
#undef LISTS
#undef MADD
#undef SPREAD
#undef TILE
#undef WIDE
#undef WIDE_FLOATS
