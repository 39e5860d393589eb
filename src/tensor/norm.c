/*
 * Loops over rows in the order of memory: x and dy of a batch are in no cache,
 * and come fast only when they are fetched ahead.  Several rows at a time, with
 * factors or sums in registers, are faster in the second-level cache and take
 * twice as long from memory; just the sums of x, which follow the layer that
 * wrote it, are made so.  Several short rows count as a long one, with factors
 * repeated and sums of their own; up to 32 channels the sums of one are
 * registers.
 *
 * ns an element of a Zen 4 with AVX-512, 16 to 256 channels: from the
 * second-level cache sums 0.07, products 0.09 (above 32 channels 0.15), scale
 * 0.09, input 0.13, from memory products 0.27, scale 0.30, input 0.40.
 */
#include "tensor/norm.h"

#include <string.h>

#include "tensor/vec.h"

#define WIDE    256 /* floats of repeated rows, and of sums */
#define VECTORS 4
#define NARROW  (VECTORS * VEC_LANES) /* floats whose sums are registers */
#define SOME    4                     /* long rows that sums are loaded for */
#define BLOCK   64 /* long rows summed in float before they join the total */

/* Rows that make a long one. */
ALWAYS_INLINE size_t rows_together(const struct norm *m)
{
    return m->n <= WIDE / 2 && m->stride == m->n ? WIDE / m->n : 1;
}

/* many copies of a (n), in wide; one is a itself */
static const float *repeated(const float *a, size_t n, size_t many, float *wide)
{
    size_t all = n * many, have = n;

    if (many == 1)
        return a;
    memcpy(wide, a, n * sizeof(*a));
    for (; have < all; have *= 2)
        memcpy(wide + have, wide,
               (all - have < have ? all - have : have) * sizeof(*a));
    return wide;
}

/* The bounds of y. */
ALWAYS_INLINE float within(float y, float least, float most)
{
    return least > y ? least : most < y ? most : y;
}

/* What dy counts for, at y before its bounds. */
ALWAYS_INLINE float counted(float dy, float y, float least, float most)
{
    return ((y > least) & (y < most)) ? dy : 0.0f;
}

ALWAYS_INLINE void scale_rows(const struct norm *m, bool bounded)
{
    float wide[3][WIDE], least = m->least, most = m->most;
    size_t n = m->n, many = rows_together(m), r, c;
    const float *mean = repeated(m->mean, n, many, wide[0]);
    const float *factor = repeated(m->factor, n, many, wide[1]);
    const float *offset = repeated(m->offset, n, many, wide[2]);

    for (r = 0; r < m->rows; r += many) {
        size_t length = (m->rows - r < many ? m->rows - r : many) * n;
        const float *x = m->x + r * m->stride;
        float *y = m->out + r * m->stride;

        VEC_LOOP
        for (c = 0; c < length; c++) {
            float v = (x[c] - mean[c]) * factor[c] + offset[c];

            y[c] = bounded ? within(v, least, most) : v;
        }
    }
}

VEC_CLONES
void norm_scale(const struct norm *m)
{
    if (m->bounded)
        scale_rows(m, true);
    else
        scale_rows(m, false);
}

ALWAYS_INLINE void input_rows(const struct norm *m, bool bounded)
{
    float wide[5][WIDE], least = m->least, most = m->most;
    size_t n = m->n, many = rows_together(m), r, c;
    const float *mean = repeated(m->mean, n, many, wide[0]);
    const float *factor = repeated(m->factor, n, many, wide[1]);
    const float *offset = repeated(m->offset, n, many, wide[2]);
    const float *slope = repeated(m->slope, n, many, wide[3]);
    const float *level = repeated(m->level, n, many, wide[4]);

    for (r = 0; r < m->rows; r += many) {
        size_t length = (m->rows - r < many ? m->rows - r : many) * n;
        const float *x = m->x + r * m->stride, *dy = m->dy + r * m->stride;
        float *dx = m->out + r * m->stride;

        VEC_LOOP
        for (c = 0; c < length; c++) {
            float off = x[c] - mean[c], g = dy[c];

            if (bounded)
                g = counted(g, off * factor[c] + offset[c], least, most);
            dx[c] = factor[c] * (g - level[c] - off * slope[c]);
        }
    }
}

VEC_CLONES
void norm_input(const struct norm *m)
{
    if (m->bounded)
        input_rows(m, true);
    else
        input_rows(m, false);
}

/* Long rows `length` long, `count` of them and `step` floats apart: sum,
 * product (length) are what their values sum to in float; then they are added
 * to those of the n channels. */
struct block {
    const float *x, *dy, *mean, *factor, *offset;
    float least, most;
    size_t n, length, count, step;
    float sum[WIDE], product[WIDE];
    double *to, *also;
};

/*
 * What is summed are differences to the block's first row.  It is one of those
 * whose spread is wanted, so that their squares are comparable with it however
 * far from 0 the values are.
 */
ALWAYS_INLINE void sum_wide(struct block *b)
{
    const float *start = b->x;
    float *sum = b->sum, *product = b->product;
    size_t r = 0, step = b->step, c, k;

    for (; r + SOME <= b->count; r += SOME) {
        const float *x = b->x + r * step;

        VEC_LOOP
        for (c = 0; c < b->length; c++) {
            float s = sum[c], q = product[c];

#pragma GCC unroll 4
            for (k = 0; k < SOME; k++) {
                float off = x[k * step + c] - start[c];

                s += off;
                q += off * off;
            }
            sum[c] = s;
            product[c] = q;
        }
    }
    for (; r < b->count; r++) {
        const float *x = b->x + r * step;

        VEC_LOOP
        for (c = 0; c < b->length; c++) {
            float off = x[c] - start[c];

            sum[c] += off;
            product[c] += off * off;
        }
    }
}

ALWAYS_INLINE void keep_narrow(struct block *b, const vec8 *sum,
                               const vec8 *product)
{
    size_t v;

#pragma GCC unroll 4
    for (v = 0; v < VECTORS; v++) {
        VEC8(b->sum + v * VEC_LANES) = sum[v];
        VEC8(b->product + v * VEC_LANES) = product[v];
    }
}

/* The same of NARROW floats, whose sums are registers. */
ALWAYS_INLINE void sum_narrow(struct block *b)
{
    vec8 start[VECTORS], sum[VECTORS] = {{0}}, squares[VECTORS] = {{0}};
    size_t r, v;

#pragma GCC unroll 4
    for (v = 0; v < VECTORS; v++)
        start[v] = CONST_VEC8(b->x + v * VEC_LANES);
    for (r = 1; r < b->count; r++) {
        const float *x = b->x + r * NARROW;

#pragma GCC unroll 4
        for (v = 0; v < VECTORS; v++) {
            vec8 off = CONST_VEC8(x + v * VEC_LANES) - start[v];

            sum[v] += off;
            squares[v] += off * off;
        }
    }
    keep_narrow(b, sum, squares);
}

/* With d = x - start: x = d + start, x^2 = d^2 + start (2 d + start). */
ALWAYS_INLINE void join_sums(const struct block *b)
{
    double rows = (double)b->count;
    size_t first, c;

    for (first = 0; first < b->length; first += b->n) {
        const float *start = b->x + first, *sum = b->sum + first;
        const float *product = b->product + first;

        VEC_LOOP
        for (c = 0; c < b->n; c++) {
            double from = (double)start[c], rest = (double)sum[c];

            b->to[c] += rest + rows * from;
            b->also[c] +=
                (double)product[c] + from * (2.0 * rest + rows * from);
        }
    }
}

ALWAYS_INLINE void multiply_wide(struct block *b, bool bounded)
{
    const float *mean = b->mean, *factor = b->factor, *offset = b->offset;
    float least = b->least, most = b->most;
    float *sum = b->sum, *product = b->product;
    size_t r, c;

    for (r = 0; r < b->count; r++) {
        const float *x = b->x + r * b->step, *dy = b->dy + r * b->step;

        VEC_LOOP
        for (c = 0; c < b->length; c++) {
            float off = x[c] - mean[c], g = dy[c];

            if (bounded)
                g = counted(g, off * factor[c] + offset[c], least, most);
            sum[c] += g;
            product[c] += g * off;
        }
    }
}

/* counted() of eight. */
#define COUNTED8(dy, y, least, most) \
    ((vec8)((vec8_bits)(dy) & ((y) > (least)) & ((y) < (most))))

ALWAYS_INLINE void multiply_narrow(struct block *b, bool bounded)
{
    vec8 mean[VECTORS], sum[VECTORS] = {{0}}, product[VECTORS] = {{0}};
    vec8 factor[VECTORS], offset[VECTORS];
    size_t r, v;

#pragma GCC unroll 4
    for (v = 0; v < VECTORS; v++)
        mean[v] = CONST_VEC8(b->mean + v * VEC_LANES);
#pragma GCC unroll 4
    for (v = 0; bounded && v < VECTORS; v++) {
        factor[v] = CONST_VEC8(b->factor + v * VEC_LANES);
        offset[v] = CONST_VEC8(b->offset + v * VEC_LANES);
    }
    for (r = 0; r < b->count; r++) {
        const float *x = b->x + r * NARROW, *dy = b->dy + r * NARROW;

#pragma GCC unroll 4
        for (v = 0; v < VECTORS; v++) {
            vec8 off = CONST_VEC8(x + v * VEC_LANES) - mean[v];
            vec8 g = CONST_VEC8(dy + v * VEC_LANES);

            if (bounded)
                g = COUNTED8(g, off * factor[v] + offset[v], b->least, b->most);
            sum[v] += g;
            product[v] += g * off;
        }
    }
    keep_narrow(b, sum, product);
}

ALWAYS_INLINE void join_products(const struct block *b)
{
    size_t first, c;

    for (first = 0; first < b->length; first += b->n) {
        const float *sum = b->sum + first, *product = b->product + first;

        VEC_LOOP
        for (c = 0; c < b->n; c++) {
            b->to[c] += (double)sum[c];
            b->also[c] += (double)product[c];
        }
    }
}

ALWAYS_INLINE void sum_block(struct block *b)
{
    if (b->step == NARROW && b->length == NARROW)
        sum_narrow(b);
    else
        sum_wide(b);
}

ALWAYS_INLINE void multiply_block(struct block *b)
{
    if (b->step == NARROW && b->length == NARROW)
        multiply_narrow(b, false);
    else
        multiply_wide(b, false);
}

ALWAYS_INLINE void multiply_bounded(struct block *b)
{
    if (b->step == NARROW && b->length == NARROW)
        multiply_narrow(b, true);
    else
        multiply_wide(b, true);
}

/* Rows that make a long one, for sums. */
ALWAYS_INLINE size_t rows_summed(const struct norm *m)
{
    return m->stride == m->n && NARROW % m->n == 0 ? NARROW / m->n
                                                   : rows_together(m);
}

/* Blocks of long rows, then one of the rows that make none. */
ALWAYS_INLINE void each_block(const struct norm *m, struct block *b,
                              size_t many, void (*add)(struct block *b),
                              void (*join)(const struct block *b))
{
    size_t left = m->rows;

    b->step = many * m->stride;
    while (left > 0) {
        size_t whole = left / many, rows = left;

        b->count = 1;
        if (whole > 0) {
            b->count = whole < BLOCK ? whole : BLOCK;
            rows = b->count * many;
        }
        b->length = (whole > 0 ? many : left) * b->n;
        memset(b->sum, 0, sizeof(b->sum));
        memset(b->product, 0, sizeof(b->product));
        add(b);
        join(b);
        b->x += rows * m->stride;
        b->dy += b->dy != NULL ? rows * m->stride : 0;
        left -= rows;
    }
}

/* Channels from `first` on, of which there are sums for WIDE. */
ALWAYS_INLINE void start_tile(const struct norm *m, size_t first,
                              struct block *b)
{
    b->x = m->x + first;
    b->dy = m->dy != NULL ? m->dy + first : NULL;
    b->n = m->n - first < WIDE ? m->n - first : WIDE;
    b->to = m->sum + first;
    b->also = m->product + first;
}

VEC_CLONES
void norm_sums(const struct norm *m)
{
    size_t first;

    for (first = 0; first < m->n; first += WIDE) {
        struct block b;

        start_tile(m, first, &b);
        each_block(m, &b, rows_summed(m), sum_block, join_sums);
    }
}

VEC_CLONES
void norm_products(const struct norm *m)
{
    size_t first, many = rows_summed(m);
    float wide[3][WIDE];

    for (first = 0; first < m->n; first += WIDE) {
        struct block b;

        start_tile(m, first, &b);
        b.mean = repeated(m->mean + first, b.n, many, wide[0]);
        b.least = m->least;
        b.most = m->most;
        if (m->bounded) {
            b.factor = repeated(m->factor + first, b.n, many, wide[1]);
            b.offset = repeated(m->offset + first, b.n, many, wide[2]);
            each_block(m, &b, many, multiply_bounded, join_products);
        } else {
            each_block(m, &b, many, multiply_block, join_products);
        }
    }
}
