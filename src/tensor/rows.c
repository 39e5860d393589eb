/*
 * A tile of some vectors of a sum stays in registers while its list is walked:
 * an entry costs a broadcast, and for each vector a load and a fused step, of
 * which a core does as many loads as steps.  Callers arrange that the tiles of
 * the rows that a set of lists sees (80 kB at most) stay near the core, and
 * that rows begin on a line of the cache where that is cheap, or on half of one
 * with AVX2: a vector across two lines takes two loads.
 *
 * Bits instead of lists of numbers: they take 16 comparisons where a list takes
 * 64 steps, and the lowest bit and the others are an instruction each.
 *
 * With AVX-512 there are 32 registers for vectors of eight too: rows of 104
 * floats are 13 of them in one tile.
 *
 * One core of a Zen 4, rows of 300 floats on lines, 19 % of 64 alive: 39
 * multiply-adds a nanosecond, with AVX2 33; on any float 26.  The steps alone
 * would be 58.
 */
#include "tensor/rows.h"

#include <string.h>

#include "tensor/isa.h"
#include "tensor/vec.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define TILE_MOST   16
#define NARROW_TILE 16
#define HALF        32 /* bits of an integer in a vector */
#define ACROSS      64 /* lists that are found together */

typedef float lanes8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float lanes16 __attribute__((vector_size(64), aligned(4), may_alias));

/* A tile of a row of sums: where it begins, and by how much its last vector
 * moves back so that it ends where the row does. */
struct tile {
    size_t first, back;
};

/* A list at a tile: its sum begins with `start`, or NULL. */
struct list {
    const float *x, *w, *start;
    const uint64_t *alive;
    const uint32_t *w_at;
    float *y;
    size_t x_step, words, last; /* last: where the last vector begins */
};

/* The first of the lists of r. */
static inline struct list list_of(const struct rows *r, const struct tile *t,
                                  size_t last)
{
    return (struct list){.x = r->x,
                         .w = r->w + t->first,
                         .start = r->start != NULL ? r->start + t->first : NULL,
                         .alive = r->alive,
                         .w_at = r->w_at,
                         .y = r->y + t->first,
                         .x_step = r->x_step,
                         .words = rows_words(r->values),
                         .last = last};
}

struct kernel {
    size_t lanes, tile; /* floats of a vector, vectors of a tile */
    void (*find)(const struct rows *r);
    void (*thin)(const struct thinning *t, uint64_t *to);
    /* tiles of so many vectors */
    void (*sum[TILE_MOST + 1])(const struct rows *r, const struct tile *t);
};

/* Bits of n <= 64 values. */
static uint64_t alive_bits(const float *x, size_t n, size_t step)
{
    uint64_t bits = 0;
    size_t k;

    for (k = 0; k < n; k++)
        bits |= (uint64_t)(x[k * step] != 0.0f) << k;
    return bits;
}

/* The bits of even number. */
static uint64_t even_bits(uint64_t bits)
{
    bits &= 0x5555555555555555;
    bits = (bits | bits >> 1) & 0x3333333333333333;
    bits = (bits | bits >> 2) & 0x0F0F0F0F0F0F0F0F;
    bits = (bits | bits >> 4) & 0x00FF00FF00FF00FF;
    bits = (bits | bits >> 8) & 0x0000FFFF0000FFFF;
    return (bits | bits >> 16) & 0x00000000FFFFFFFF;
}

#define KERNEL_TARGET
#define KERNEL(name)  plain_##name
#define WIDE          lanes8
#define WIDE_FLOATS   8
#define TILE          8
#define SPREAD(v)     ((v) - (lanes8){0})
#define MADD(a, b, c) ((a) * (b) + (c))
#define ALIVE(x)      alive_bits((x), 8, 1)
#define EVEN(bits)    even_bits(bits)
#include "tensor/rows_kernel.h"

#if defined(__x86_64__)
#define KERNEL_TARGET __attribute__((target("avx2,fma,bmi")))
#define KERNEL(name)  avx2_##name
#define WIDE          lanes8
#define WIDE_FLOATS   8
#define TILE          8
#define SPREAD(v)     ((lanes8)_mm256_set1_ps(v))
#define MADD(a, b, c) ((lanes8)_mm256_fmadd_ps((a), (b), (c)))
#define ALIVE(x)                   \
    ((uint32_t)_mm256_movemask_ps( \
        _mm256_cmp_ps(_mm256_loadu_ps(x), _mm256_setzero_ps(), _CMP_NEQ_UQ)))
#define EVEN(bits) even_bits(bits) /* pext is slow on the first with AVX2 */
#include "tensor/rows_kernel.h"

#define KERNEL_TARGET __attribute__((target("avx512f,avx512vl,fma,bmi")))
#define KERNEL(name)  narrow_##name
#define WIDE          lanes8
#define WIDE_FLOATS   8
#define TILE          NARROW_TILE
#define SPREAD(v)     ((lanes8)_mm256_set1_ps(v))
#define MADD(a, b, c) ((lanes8)_mm256_fmadd_ps((a), (b), (c)))
#define ALIVE(x)                   \
    ((uint32_t)_mm256_movemask_ps( \
        _mm256_cmp_ps(_mm256_loadu_ps(x), _mm256_setzero_ps(), _CMP_NEQ_UQ)))
#define EVEN(bits) even_bits(bits)
#include "tensor/rows_kernel.h"

#define KERNEL_TARGET __attribute__((target("avx512f,bmi,bmi2")))
#define KERNEL(name)  avx512_##name
#define WIDE          lanes16
#define WIDE_FLOATS   16
#define TILE          12
#define SPREAD(v)     ((lanes16)_mm512_set1_ps(v))
#define MADD(a, b, c) ((lanes16)_mm512_fmadd_ps((a), (b), (c)))
#define ALIVE(x) \
    _mm512_cmp_ps_mask(_mm512_loadu_ps(x), _mm512_setzero_ps(), _CMP_NEQ_UQ)
#define EVEN(bits) _pext_u64((bits), 0x5555555555555555)
#include "tensor/rows_kernel.h"
#endif

typedef uint32_t whole16 __attribute__((vector_size(64), aligned(4)));

/* Lists next to one another, of up to 32 values each.  Sixteen of them stay in
 * a register. */
VEC_CLONES
static void find_half(const float *x, size_t lists, size_t values, size_t step,
                      uint32_t *bits)
{
    size_t i;
    uint32_t k;

    for (; lists >= 16; lists -= 16, x += 16, bits += 16) {
        whole16 found = {0};

        for (k = 0; k < (uint32_t)values; k++) {
            lanes16 v = *(const lanes16 *)(x + k * step);

            found |= (whole16)(v != 0.0f) & (1U << k);
        }
        memcpy(bits, &found, sizeof(found));
    }
    memset(bits, 0, lists * sizeof(*bits));
    for (k = 0; k < (uint32_t)values; k++, x += step) {
        for (i = 0; i < lists; i++)
            bits[i] |= (uint32_t)(x[i] != 0.0f) << k;
    }
}

static void find_across(const struct rows *r)
{
    size_t words = rows_words(r->values), first, i, k;
    uint32_t bits[ACROSS];

    memset(r->alive, 0, r->lists * words * sizeof(*r->alive));
    for (first = 0; first < r->lists; first += ACROSS) {
        size_t lists = r->lists - first < ACROSS ? r->lists - first : ACROSS;

        for (k = 0; k < r->values; k += HALF) {
            size_t left = r->values - k;
            uint64_t *alive = r->alive + first * words + k / ROWS_BITS;

            find_half(r->x + first + k * r->x_step, lists,
                      left < HALF ? left : HALF, r->x_step, bits);
            for (i = 0; i < lists; i++)
                alive[i * words] |= (uint64_t)bits[i] << k % ROWS_BITS;
        }
    }
}

static const struct kernel *kernel_of(enum isa isa)
{
#if defined(__x86_64__)
    if (isa == ISA_AVX512)
        return &avx512_kernel;
    if (isa == ISA_AVX2)
        return &avx2_kernel;
#else
    (void)isa;
#endif
    return &plain_kernel;
}

/* Vectors of eight with the registers of AVX-512. */
static const struct kernel *narrow(void)
{
#if defined(__x86_64__)
    return &narrow_kernel;
#else
    return &plain_kernel;
#endif
}

void rows_find(const struct rows *r)
{
    if (r->x_list == 1)
        find_across(r);
    else
        kernel_of(isa_now())->find(r);
}

void rows_thin(const struct thinning *t, uint64_t *to)
{
    kernel_of(isa_now())->thin(t, to);
}

/* An odd number of eights, all in one tile, loses half a vector of sixteen; and
 * where rows of y overlap by eights, as dx of a convolution does, what was just
 * written is read back at once only in the same pieces. */
static bool is_narrow(const struct kernel *k, size_t width)
{
    size_t eights = (width + 7) / 8;

    return width < k->lanes || (eights < NARROW_TILE && eights % 2 == 1);
}

/* Tiles as equal as can be: only then has the last one two vectors or more,
 * where it must move back over its own. */
void rows_sum(const struct rows *r, size_t width)
{
    enum isa isa = isa_now();
    const struct kernel *k = kernel_of(isa);
    size_t vectors, tiles, i;
    struct tile t = {0};

    if (isa == ISA_AVX512 && is_narrow(k, width))
        k = narrow();
    vectors = (width + k->lanes - 1) / k->lanes;
    tiles = (vectors + k->tile - 1) / k->tile;
    for (i = 0; i < tiles; i++) {
        size_t here = vectors / tiles + (i < vectors % tiles);

        if (i + 1 == tiles)
            t.back = vectors * k->lanes - width;
        k->sum[here](r, &t);
        t.first += here * k->lanes;
    }
}
