/*
 * A pass takes a block of rows at a time and of it strips of up to four vectors
 * of channels, whose sums or factors are registers.  Sums are in float within a
 * block and in double from block to block, each channel's row by row, so that
 * the bits do not depend on how channels fall into strips.
 *
 * 64 channels in the second-level cache of a Zen 4, ns an element: sums 0.06,
 * products 0.08, scale 0.08, input 0.12; the sums in double throughout took
 * 0.12 and 0.19.  From memory all of them wait for it.
 */
#include "tensor/norm.h"

#include <string.h>

#include "tensor/vec.h"

#define BLOCK 64 /* rows */

/* Of a strip, vectors of channels (known where it is inlined); of the only one
 * of a last strip, which overlaps the one before, just the lanes from..to-1 are
 * added to sums. */
struct lanes {
    size_t vectors, from, to;
};

/* A pass over one strip: m has its block's rows and begins at its channels. */
typedef void strip(const struct norm *m, const struct lanes *l);

/* m without its first so many channels */
ALWAYS_INLINE struct norm from_channel(struct norm m, size_t first)
{
    m.x += first;
    m.dy += m.dy != NULL ? first : 0;
    m.out += m.out != NULL ? first : 0;
    m.mean += m.mean != NULL ? first : 0;
    m.factor += m.factor != NULL ? first : 0;
    m.offset += m.offset != NULL ? first : 0;
    m.slope += m.slope != NULL ? first : 0;
    m.sum += m.sum != NULL ? first : 0;
    m.product += m.product != NULL ? first : 0;
    return m;
}

ALWAYS_INLINE void strips_of(const struct norm *block, strip *pass)
{
    size_t at = 0, n = block->n;
    struct norm m;

    for (; at + 4 * VEC_LANES <= n; at += 4 * VEC_LANES) {
        m = from_channel(*block, at);
        pass(&m, &(struct lanes){4, 0, VEC_LANES});
    }
    for (; at + 2 * VEC_LANES <= n; at += 2 * VEC_LANES) {
        m = from_channel(*block, at);
        pass(&m, &(struct lanes){2, 0, VEC_LANES});
    }
    for (; at < n; at += VEC_LANES) {
        size_t first = at + VEC_LANES <= n ? at : n - VEC_LANES;

        m = from_channel(*block, first);
        pass(&m, &(struct lanes){1, at - first, VEC_LANES});
    }
}

static void copy_rows(const float *from, size_t stride, size_t rows, size_t n,
                      float *to, size_t to_stride)
{
    size_t r;

    for (r = 0; from != NULL && r < rows; r++)
        memcpy(to + r * to_stride, from + r * stride, n * sizeof(*to));
}

/* Fewer channels than a vector has, as a vector made of copies. */
ALWAYS_INLINE void narrow_strip(const struct norm *block, strip *pass)
{
    float x[BLOCK * VEC_LANES] = {0}, dy[BLOCK * VEC_LANES] = {0};
    float out[BLOCK * VEC_LANES], numbers[4][VEC_LANES] = {{0}};
    size_t n = block->n;
    struct norm m = *block;

    copy_rows(m.x, m.stride, m.rows, n, x, VEC_LANES);
    copy_rows(m.dy, m.stride, m.rows, n, dy, VEC_LANES);
    copy_rows(m.mean, 0, 1, n, numbers[0], 0);
    copy_rows(m.factor, 0, 1, n, numbers[1], 0);
    copy_rows(m.offset, 0, 1, n, numbers[2], 0);
    copy_rows(m.slope, 0, 1, n, numbers[3], 0);
    m.x = x;
    m.dy = dy;
    m.out = out;
    m.stride = VEC_LANES;
    m.mean = numbers[0];
    m.factor = numbers[1];
    m.offset = numbers[2];
    m.slope = numbers[3];
    pass(&m, &(struct lanes){1, 0, n});
    if (block->out != NULL)
        copy_rows(out, VEC_LANES, m.rows, n, block->out, block->stride);
}

ALWAYS_INLINE void each_strip(const struct norm *m, strip *pass)
{
    struct norm block = *m;
    size_t r;

    for (r = 0; r < m->rows; r += BLOCK) {
        size_t at = r * m->stride;

        block.rows = m->rows - r < BLOCK ? m->rows - r : BLOCK;
        block.x = m->x + at;
        block.dy = m->dy != NULL ? m->dy + at : NULL;
        block.out = m->out != NULL ? m->out + at : NULL;
        if (m->n < VEC_LANES)
            narrow_strip(&block, pass);
        else
            strips_of(&block, pass);
    }
}

/* The sums of one vector's channels, made whole and added to the double ones:
 * with d = x - start, x = d + start and x^2 = d^2 + start (2 d + start). */
ALWAYS_INLINE void join_sums(const struct norm *m, const struct lanes *l,
                             const vec8 *start, const vec8 *sum,
                             const vec8 *squares, size_t first)
{
    double rows = (double)m->rows, add[VEC_LANES], also[VEC_LANES];
    size_t i;

    for (i = 0; i < VEC_LANES; i++) {
        double from = (double)(*start)[i], rest = (double)(*sum)[i];

        add[i] = rest + rows * from;
        also[i] = (double)(*squares)[i] + from * (2.0 * rest + rows * from);
    }
    for (i = l->from; i < l->to; i++) {
        m->sum[first + i] += add[i];
        m->product[first + i] += also[i];
    }
}

/*
 * What is summed in float are differences to the block's first row.  It is one
 * of those whose spread is wanted, so that their squares are comparable with it
 * however far from 0 the values are.
 */
ALWAYS_INLINE void sums_strip(const struct norm *m, const struct lanes *l)
{
    vec8 start[4], sum[4] = {{0}}, squares[4] = {{0}};
    size_t r, v;

#pragma GCC unroll 4
    for (v = 0; v < l->vectors; v++)
        start[v] = CONST_VEC8(m->x + v * VEC_LANES);
    for (r = 1; r < m->rows; r++) {
        const float *x = m->x + r * m->stride;

#pragma GCC unroll 4
        for (v = 0; v < l->vectors; v++) {
            vec8 off = CONST_VEC8(x + v * VEC_LANES) - start[v];

            sum[v] += off;
            squares[v] += off * off;
        }
    }
    for (v = 0; v < l->vectors; v++)
        join_sums(m, l, &start[v], &sum[v], &squares[v], v * VEC_LANES);
}

VEC_CLONES
void norm_sums(const struct norm *m)
{
    each_strip(m, sums_strip);
}

ALWAYS_INLINE void scale_strip(const struct norm *m, const struct lanes *l)
{
    vec8 mean[4], factor[4], offset[4];
    size_t r, v;

#pragma GCC unroll 4
    for (v = 0; v < l->vectors; v++) {
        mean[v] = CONST_VEC8(m->mean + v * VEC_LANES);
        factor[v] = CONST_VEC8(m->factor + v * VEC_LANES);
        offset[v] = CONST_VEC8(m->offset + v * VEC_LANES);
    }
    for (r = 0; r < m->rows; r++) {
        const float *x = m->x + r * m->stride;
        float *y = m->out + r * m->stride;

#pragma GCC unroll 4
        for (v = 0; v < l->vectors; v++)
            VEC8(y + v * VEC_LANES) =
                (CONST_VEC8(x + v * VEC_LANES) - mean[v]) * factor[v] +
                offset[v];
    }
}

VEC_CLONES
void norm_scale(const struct norm *m)
{
    each_strip(m, scale_strip);
}

ALWAYS_INLINE void products_strip(const struct norm *m, const struct lanes *l)
{
    vec8 mean[4], sum[4] = {{0}}, product[4] = {{0}};
    size_t r, v, i;

#pragma GCC unroll 4
    for (v = 0; v < l->vectors; v++)
        mean[v] = CONST_VEC8(m->mean + v * VEC_LANES);
    for (r = 0; r < m->rows; r++) {
        const float *x = m->x + r * m->stride, *dy = m->dy + r * m->stride;

#pragma GCC unroll 4
        for (v = 0; v < l->vectors; v++) {
            vec8 slope = CONST_VEC8(dy + v * VEC_LANES);

            sum[v] += slope;
            product[v] += slope * (CONST_VEC8(x + v * VEC_LANES) - mean[v]);
        }
    }
    for (v = 0; v < l->vectors; v++) {
        for (i = l->from; i < l->to; i++) {
            m->sum[v * VEC_LANES + i] += (double)sum[v][i];
            m->product[v * VEC_LANES + i] += (double)product[v][i];
        }
    }
}

VEC_CLONES
void norm_products(const struct norm *m)
{
    each_strip(m, products_strip);
}

ALWAYS_INLINE void input_strip(const struct norm *m, const struct lanes *l)
{
    vec8 mean[4], factor[4], offset[4], slope[4];
    size_t r, v;

#pragma GCC unroll 4
    for (v = 0; v < l->vectors; v++) {
        mean[v] = CONST_VEC8(m->mean + v * VEC_LANES);
        factor[v] = CONST_VEC8(m->factor + v * VEC_LANES);
        offset[v] = CONST_VEC8(m->offset + v * VEC_LANES);
        slope[v] = CONST_VEC8(m->slope + v * VEC_LANES);
    }
    for (r = 0; r < m->rows; r++) {
        const float *x = m->x + r * m->stride, *dy = m->dy + r * m->stride;
        float *dx = m->out + r * m->stride;

#pragma GCC unroll 4
        for (v = 0; v < l->vectors; v++) {
            size_t i = v * VEC_LANES;

            VEC8(dx + i) =
                factor[v] * (CONST_VEC8(dy + i) - offset[v] -
                             (CONST_VEC8(x + i) - mean[v]) * slope[v]);
        }
    }
}

VEC_CLONES
void norm_input(const struct norm *m)
{
    each_strip(m, input_strip);
}
