#include "tensor/vec.h"

#include "par/meter.h"

#define LANES 16  /* one AVX-512 register; other sets use several smaller */
#define WIDE  256 /* floats of repeated short rows, columns summed at a time */
#define BLOCK 64  /* rows summed before they join the total */

void vec_zero(float *y, size_t n)
{
    memset(y, 0, n * sizeof(*y));
}

void vec_copy(const float *x, float *y, size_t n)
{
    if (x != y)
        memcpy(y, x, n * sizeof(*y));
}

VEC_CLONES
void vec_add(const float *x, float *y, size_t n)
{
    size_t i;

    VEC_LOOP
    for (i = 0; i < n; i++)
        y[i] += x[i];
}

VEC_CLONES
void vec_plus(const float *x, const float *z, float *y, size_t n)
{
    size_t i;

    VEC_LOOP
    for (i = 0; i < n; i++)
        y[i] = x[i] + z[i];
}

VEC_CLONES
void vec_scale(float a, const float *x, float *y, size_t n)
{
    size_t i;

    VEC_LOOP
    for (i = 0; i < n; i++)
        y[i] = a * x[i];
}

/* Folds the lanes in halves: the order does not depend on the set. */
static float fold(float lane[LANES])
{
    size_t half, j;

    for (half = LANES / 2; half > 0; half /= 2) {
        for (j = 0; j < half; j++)
            lane[j] += lane[j + half];
    }
    return lane[0];
}

VEC_CLONES
float vec_sum(const float *x, size_t n)
{
    float lane[LANES] = {0};
    size_t i, j;

    for (i = 0; i + LANES <= n; i += LANES) {
        for (j = 0; j < LANES; j++)
            lane[j] += x[i + j];
    }
    for (j = 0; i + j < n; j++)
        lane[j] += x[i + j];
    return fold(lane);
}

VEC_CLONES
float vec_dot(const float *x, const float *z, size_t n)
{
    float lane[LANES] = {0};
    size_t i, j;

    for (i = 0; i + LANES <= n; i += LANES) {
        for (j = 0; j < LANES; j++)
            lane[j] += x[i + j] * z[i + j];
    }
    for (j = 0; i + j < n; j++)
        lane[j] += x[i + j] * z[i + j];
    return fold(lane);
}

VEC_CLONES
double vec_squares(const float *x, size_t n)
{
    double lane[LANES] = {0}, sum = 0.0;
    size_t i, j;

    for (i = 0; i + LANES <= n; i += LANES) {
        for (j = 0; j < LANES; j++)
            lane[j] += (double)x[i + j] * (double)x[i + j];
    }
    for (j = 0; i + j < n; j++)
        lane[j] += (double)x[i + j] * (double)x[i + j];
    for (j = 0; j < LANES; j++)
        sum += lane[j];
    return sum;
}

/* Short rows are taken several at a time, so that registers are full. */
VEC_CLONES
void vec_add_row(const float *b, float *y, size_t rows, size_t cols)
{
    float wide[WIDE];
    size_t many = 1, r, c;

    if (cols > 0 && cols <= WIDE / 2) {
        many = WIDE / cols;
        for (r = 0; r < many; r++)
            memcpy(wide + r * cols, b, cols * sizeof(*b));
        b = wide;
    }
    for (r = 0; r < rows; r += many) {
        size_t n = (rows - r < many ? rows - r : many) * cols;
        float *to = y + r * cols;

        VEC_LOOP
        for (c = 0; c < n; c++)
            to[c] += b[c];
    }
}

/* part (length) = sum of `count` rows, `step` floats apart.  Four at a time, so
 * that sums are loaded and stored for four terms. */
ALWAYS_INLINE void sum_block(const float *x, size_t count, size_t length,
                             size_t step, float *restrict part)
{
    size_t r, c;

    memset(part, 0, length * sizeof(*part));
    for (r = 0; r + 4 <= count; r += 4, x += 4 * step) {
        VEC_LOOP
        for (c = 0; c < length; c++) {
            part[c] = part[c] + x[c] + x[step + c] + x[2 * step + c] +
                      x[3 * step + c];
        }
    }
    for (; r < count; r++, x += step) {
        VEC_LOOP
        for (c = 0; c < length; c++)
            part[c] += x[c];
    }
}

/* s (width) = sum over rows of x, `cols` floats apart.  Several short rows are
 * taken for a long one. */
ALWAYS_INLINE void sum_tile(const float *x, float *s, size_t rows, size_t width,
                            size_t cols)
{
    size_t many = cols <= WIDE / 2 ? WIDE / cols : 1, count, length, at, c;
    double total[WIDE];
    float part[WIDE];

    memset(total, 0, width * sizeof(*total));
    while (rows > 0) {
        count = rows < many ? 1 : rows / many < BLOCK ? rows / many : BLOCK;
        length = (rows < many ? rows : many) * width;
        sum_block(x, count, length, many * cols, part);
        for (at = 0; at < length; at += width) {
            VEC_LOOP
            for (c = 0; c < width; c++)
                total[c] += (double)part[at + c];
        }
        count *= rows < many ? rows : many;
        x += count * cols;
        rows -= count;
    }
    for (c = 0; c < width; c++)
        s[c] = (float)total[c];
}

VEC_CLONES
void vec_sum_rows(const float *x, float *s, size_t rows, size_t cols)
{
    enum meter_phase before = meter_enter(METER_REDUCTION);
    size_t first;

    for (first = 0; first < cols; first += WIDE)
        sum_tile(x + first, s + first, rows,
                 cols - first < WIDE ? cols - first : WIDE, cols);
    meter_enter(before);
}
