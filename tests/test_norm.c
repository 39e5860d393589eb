/*
 * The passes of batch normalisation against plain loops in double, for numbers
 * of channels and rows that fall into long rows and blocks in every way.
 */
#include "tests/support.h"

#include "base/mem.h"
#include "base/rng.h"
#include "tensor/norm.h"

#define MOST_N    300
#define MOST_ROWS 330
#define MOST      (MOST_ROWS * (MOST_N + 2))

static const size_t widths[] = {1, 3, 16, 20, 67, 128, 200, MOST_N};
static const size_t heights[] = {1, 2, 65, MOST_ROWS};

struct arrays {
    size_t rows, n, stride;
    float x[MOST], dy[MOST], out[MOST];
    float mean[MOST_N], factor[MOST_N], offset[MOST_N];
    float level[MOST_N], slope[MOST_N];
    double sum[MOST_N], product[MOST_N];
};

/* Channel c has a mean of 10 c and a deviation of 1. */
static struct arrays *arrays_new(size_t rows, size_t n, size_t stride)
{
    struct arrays *a = mem_zalloc(sizeof(*a));
    struct rng r = rng_at(1, RNG_TEST, 0, 0);
    size_t i;

    a->rows = rows;
    a->n = n;
    a->stride = stride;
    for (i = 0; i < rows * stride; i++) {
        a->x[i] = (float)(10.0 * (double)(i % stride) + rng_normal(&r));
        a->dy[i] = (float)rng_normal(&r);
    }
    for (i = 0; i < n; i++) {
        a->mean[i] = 10.0f * (float)i;
        a->factor[i] = (float)rng_normal(&r);
        a->offset[i] = (float)rng_normal(&r);
        a->level[i] = (float)rng_normal(&r);
        a->slope[i] = (float)rng_normal(&r);
    }
    return a;
}

static struct norm norm_of(struct arrays *a, bool bounded)
{
    return (struct norm){.x = a->x,
                         .dy = a->dy,
                         .out = a->out,
                         .rows = a->rows,
                         .stride = a->stride,
                         .n = a->n,
                         .mean = a->mean,
                         .factor = a->factor,
                         .offset = a->offset,
                         .level = a->level,
                         .slope = a->slope,
                         .bounded = bounded,
                         .least = -0.25f,
                         .most = 0.5f,
                         .sum = a->sum,
                         .product = a->product};
}

/* y before its bounds, and what dy of it counts for. */
static float y_of(const struct arrays *a, size_t i)
{
    size_t c = i % a->stride;

    return (a->x[i] - a->mean[c]) * a->factor[c] + a->offset[c];
}

static float counted(const struct arrays *a, size_t i, bool bounded)
{
    float y = y_of(a, i);

    return bounded && (y <= -0.25f || y >= 0.5f) ? 0.0f : a->dy[i];
}

/* The variance of x from its sums, where 1e-6 of the sum of squares would be
 * more than all of it. */
static void check_sums(struct arrays *a)
{
    struct norm m = norm_of(a, false);
    size_t r, c;

    norm_sums(&m);
    for (c = 0; c < a->n; c++) {
        double sum = 0.0, spread = 0.0, mean, count = (double)a->rows;

        for (r = 0; r < a->rows; r++)
            sum += (double)a->x[r * a->stride + c];
        mean = sum / count;
        for (r = 0; r < a->rows; r++) {
            double off = (double)a->x[r * a->stride + c] - mean;

            spread += off * off;
        }
        assert_close(a->sum[c], sum, 1e-6 * count);
        assert_close(a->product[c] - a->sum[c] * a->sum[c] / count, spread,
                     2e-6 * count);
    }
}

static void check_products(struct arrays *a, bool bounded)
{
    struct norm m = norm_of(a, bounded);
    size_t r, c;

    norm_products(&m);
    for (c = 0; c < a->n; c++) {
        double sum = 0.0, product = 0.0;

        for (r = 0; r < a->rows; r++) {
            double dy = (double)counted(a, r * a->stride + c, bounded);

            sum += dy;
            product +=
                dy * ((double)a->x[r * a->stride + c] - (double)a->mean[c]);
        }
        assert_close(a->sum[c], sum, 2e-6 * (double)a->rows);
        assert_close(a->product[c], product, 2e-6 * (double)a->rows);
    }
}

/* Every element has the bits of the formula; what lies beside is left alone. */
static void check_elements(struct arrays *a, bool bounded, bool input)
{
    struct norm m = norm_of(a, bounded);
    size_t i;

    if (input)
        norm_input(&m);
    else
        norm_scale(&m);
    for (i = 0; i < a->rows * a->stride; i++) {
        size_t c = i % a->stride;
        float want = 0.0f;

        if (c < a->n) {
            float y = y_of(a, i), dy = counted(a, i, bounded);

            if (bounded)
                y = y < -0.25f ? -0.25f : y > 0.5f ? 0.5f : y;
            want = input ? a->factor[c] * (dy - a->level[c] -
                                           (a->x[i] - a->mean[c]) * a->slope[c])
                         : y;
        }
        assert_same_bits(&a->out[i], &want, sizeof(want));
    }
}

static void check_passes(size_t rows, size_t n, size_t stride)
{
    int what;

    for (what = 0; what < 7; what++) {
        struct arrays *a = arrays_new(rows, n, stride);

        if (what == 0)
            check_sums(a);
        else if (what < 3)
            check_products(a, what == 2);
        else
            check_elements(a, what % 2 == 0, what >= 5);
        mem_free(a);
    }
}

static void test_passes_agree_with_plain_loops(void **state)
{
    size_t i, k;

    (void)state;
    for (i = 0; i < LENGTH(widths); i++) {
        for (k = 0; k < LENGTH(heights); k++) {
            check_passes(heights[k], widths[i], widths[i]);
            check_passes(heights[k], widths[i], widths[i] + 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_agree_with_plain_loops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
