#include "tensor/vec.h"

#include "par/meter.h"

#define LANES 16  /* one AVX-512 register; other sets use several smaller */
#define TILE  64  /* columns summed at a time */
#define WIDE  256 /* floats of repeated short rows */
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

/* part (TILE) = sum of a block of rows, cols <= TILE of them used */
static inline void sum_block(const float *x, float *restrict part, size_t rows,
                             size_t cols, size_t stride)
{
    size_t r, c;

    memset(part, 0, TILE * sizeof(*part));
    if (cols == TILE) {
        for (r = 0; r < rows; r++) {
            for (c = 0; c < TILE; c++)
                part[c] += x[r * stride + c];
        }
        return;
    }
    for (r = 0; r < rows; r++) {
        for (c = 0; c < cols; c++)
            part[c] += x[r * stride + c];
    }
}

VEC_CLONES
void vec_sum_rows(const float *x, float *s, size_t rows, size_t cols)
{
    enum meter_phase before = meter_enter(METER_REDUCTION);
    float part[TILE];
    double total[TILE];
    size_t first, r, c;

    for (first = 0; first < cols; first += TILE) {
        size_t width = cols - first < TILE ? cols - first : TILE;

        memset(total, 0, sizeof(total));
        for (r = 0; r < rows; r += BLOCK) {
            size_t count = rows - r < BLOCK ? rows - r : BLOCK;

            sum_block(x + r * cols + first, part, count, width, cols);
            for (c = 0; c < TILE; c++)
                total[c] += (double)part[c];
        }
        for (c = 0; c < width; c++)
            s[first + c] = (float)total[c];
    }
    meter_enter(before);
}
