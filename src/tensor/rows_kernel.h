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

/* The values of a list lie next to one another. */
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
            else
                *alive++ = alive_bits(x + k * r->x_step, n, r->x_step);
        }
    }
}

/* Of a list's bits those of every step-th value; step is a constant of the
 * caller. */
ALWAYS_INLINE KERNEL_TARGET uint64_t *KERNEL(thin_list)(
    const struct thinning *t, const uint64_t *from, size_t step, uint64_t *to)
{
    size_t k, part, s;

    for (k = 0; k < t->words; k += step) {
        uint64_t all = 0;

        for (part = 0; part < step && k + part < t->words; part++) {
            uint64_t bits = from[k + part] >> t->first;

            for (s = step; s > 1; s /= 2)
                bits = EVEN(bits);
            all |= bits << part * (ROWS_BITS / step);
        }
        *to++ = all;
    }
    return to;
}

static KERNEL_TARGET void KERNEL(thin)(const struct thinning *t, uint64_t *to)
{
    const uint64_t *from = t->alive;
    size_t i;

    for (i = 0; i < t->lists; i++, from += t->words) {
        if (t->step == 4)
            to = KERNEL(thin_list)(t, from, 4, to);
        else
            to = KERNEL(thin_list)(t, from, 2, to);
    }
}

/* A list's sum.  n is a constant of the caller: the sums are registers.  The
 * last vector begins `last` floats into the tile, over part of the one before
 * it, and gets the same there: both are read before either is written. */
ALWAYS_INLINE KERNEL_TARGET void KERNEL(list)(struct list l, size_t n)
{
    const uint64_t *end = l.alive + l.words;
    WIDE sum[TILE] = {{0}};
    size_t v;

    if (l.start != NULL) {
#pragma GCC unroll 16
        for (v = 0; v < n - 1; v++)
            sum[v] = *(const WIDE *)(l.start + v * WIDE_FLOATS);
        sum[n - 1] = *(const WIDE *)(l.start + l.last);
    }
    for (; l.alive < end; l.alive++) {
        uint64_t left;

        for (left = *l.alive; left != 0; left &= left - 1) {
            int k = __builtin_ctzll(left);
            const float *from = l.w + l.w_at[k];
            WIDE a = SPREAD(l.x[(size_t)k * l.x_step]);

#pragma GCC unroll 16
            for (v = 0; v < n - 1; v++)
                sum[v] =
                    MADD(a, *(const WIDE *)(from + v * WIDE_FLOATS), sum[v]);
            sum[n - 1] = MADD(a, *(const WIDE *)(from + l.last), sum[n - 1]);
        }
        l.w_at += ROWS_BITS;
        l.x += ROWS_BITS * l.x_step;
    }
#pragma GCC unroll 16
    for (v = 0; v < n - 1; v++)
        *(WIDE *)(l.y + v * WIDE_FLOATS) = sum[v];
    *(WIDE *)(l.y + l.last) = sum[n - 1];
}

/* A function for each number of vectors: together they would run out of
 * registers.  What it needs of r is read once: sums that are written might be
 * anything, and a list is short. */
#define LISTS(n)                                                            \
    static KERNEL_TARGET void KERNEL(lists##n)(const struct rows *r,        \
                                               const struct tile *t)        \
    {                                                                       \
        struct list l = list_of(r, t, (n - 1) * WIDE_FLOATS - t->back);     \
        size_t x_list = r->x_list, y_stride = r->y_stride, left = r->lists; \
        const uint32_t *y_at = r->y_at;                                     \
        float *y = l.y;                                                     \
        bool add = r->add;                                                  \
                                                                            \
        for (; left > 0; left--) {                                          \
            l.y = y_at != NULL ? y + *y_at++ : y;                           \
            if (add)                                                        \
                l.start = l.y;                                              \
            KERNEL(list)(l, n);                                             \
            l.alive += l.words;                                             \
            l.x += x_list;                                                  \
            y += y_at != NULL ? 0 : y_stride;                               \
        }                                                                   \
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
    .thin = KERNEL(thin),
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
