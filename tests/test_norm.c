/*
 * The passes of batch normalisation against plain loops in double, for numbers
 * of channels and rows that fall into strips and blocks in every way.
 */
#include "tests/support.h"

#include "base/mem.h"
#include "base/rng.h"
#include "tensor/norm.h"

#define MOST_N    67
#define MOST_ROWS 130
#define STRIDE    (MOST_N + 2)

static const size_t widths[] = {1, 3, 8, 11, 16, 20, 40, MOST_N};
static const size_t heights[] = {1, 2, 64, 65, MOST_ROWS};

struct arrays {
    float x[MOST_ROWS * STRIDE], dy[MOST_ROWS * STRIDE];
    float out[MOST_ROWS * STRIDE];
    float mean[MOST_N], factor[MOST_N], offset[MOST_N], slope[MOST_N];
    double sum[MOST_N], product[MOST_N];
};

/* Channel c has a mean of 100 c and a deviation of 1. */
static struct arrays *arrays_new(void)
{
    struct arrays *a = mem_zalloc(sizeof(*a));
    struct rng r = rng_at(1, RNG_TEST, 0, 0);
    int i;

    for (i = 0; i < MOST_ROWS * STRIDE; i++) {
        a->x[i] = (float)(100.0 * (i % STRIDE) + rng_normal(&r));
        a->dy[i] = (float)rng_normal(&r);
    }
    for (i = 0; i < MOST_N; i++) {
        a->mean[i] = 100.0f * (float)i;
        a->factor[i] = (float)rng_normal(&r);
        a->offset[i] = (float)rng_normal(&r);
        a->slope[i] = (float)rng_normal(&r);
    }
    return a;
}

/* n channels of so many rows, from channel `first` on */
static struct norm norm_of(struct arrays *a, size_t rows, size_t first,
                           size_t n)
{
    return (struct norm){.x = a->x + first,
                         .dy = a->dy + first,
                         .out = a->out + first,
                         .rows = rows,
                         .stride = STRIDE,
                         .n = n,
                         .mean = a->mean + first,
                         .factor = a->factor + first,
                         .offset = a->offset + first,
                         .slope = a->slope + first,
                         .sum = a->sum + first,
                         .product = a->product + first};
}

/* The variance of x from its sums, where 1e-6 of the sum of squares would be
 * more than all of it. */
static void check_sums(struct arrays *a, size_t rows, size_t n)
{
    struct norm m = norm_of(a, rows, 0, n);
    size_t r, c;

    norm_sums(&m);
    for (c = 0; c < n; c++) {
        double sum = 0.0, spread = 0.0, mean, count = (double)rows;

        for (r = 0; r < rows; r++)
            sum += (double)a->x[r * STRIDE + c];
        mean = sum / count;
        for (r = 0; r < rows; r++) {
            double off = (double)a->x[r * STRIDE + c] - mean;

            spread += off * off;
        }
        assert_close(a->sum[c], sum, 1e-6 * count);
        assert_close(a->product[c] - a->sum[c] * a->sum[c] / count, spread,
                     2e-6 * count);
    }
}

static void check_products(struct arrays *a, size_t rows, size_t n)
{
    struct norm m = norm_of(a, rows, 0, n);
    size_t r, c;

    norm_products(&m);
    for (c = 0; c < n; c++) {
        double sum = 0.0, product = 0.0;

        for (r = 0; r < rows; r++) {
            double dy = (double)a->dy[r * STRIDE + c];

            sum += dy;
            product += dy * ((double)a->x[r * STRIDE + c] - (double)a->mean[c]);
        }
        assert_close(a->sum[c], sum, 2e-6 * (double)rows);
        assert_close(a->product[c], product, 2e-6 * (double)rows);
    }
}

/* Every element has the bits of the formula; what lies beside is left alone. */
static void check_elements(struct arrays *a, size_t rows, size_t n, bool input)
{
    struct norm m = norm_of(a, rows, 0, n);
    size_t i;

    if (input)
        norm_input(&m);
    else
        norm_scale(&m);
    for (i = 0; i < MOST_ROWS * STRIDE; i++) {
        size_t c = i % STRIDE;
        float want = 0.0f;

        if (c < n && i / STRIDE < rows) {
            float off = a->x[i] - a->mean[c];

            want = input ? a->factor[c] *
                               (a->dy[i] - a->offset[c] - off * a->slope[c])
                         : off * a->factor[c] + a->offset[c];
        }
        assert_same_bits(&a->out[i], &want, sizeof(want));
    }
}

static void test_passes_agree_with_plain_loops(void **state)
{
    size_t i, k;
    int what;

    (void)state;
    for (i = 0; i < LENGTH(widths); i++) {
        for (k = 0; k < LENGTH(heights); k++) {
            for (what = 0; what < 4; what++) {
                struct arrays *a = arrays_new();

                if (what == 0)
                    check_sums(a, heights[k], widths[i]);
                else if (what == 1)
                    check_products(a, heights[k], widths[i]);
                else
                    check_elements(a, heights[k], widths[i], what == 3);
                mem_free(a);
            }
        }
    }
}

static void test_a_channel_alone_has_the_same_bits(void **state)
{
    struct arrays *a = arrays_new(), *b = arrays_new();
    struct norm m = norm_of(a, MOST_ROWS, 0, MOST_N);
    size_t c;

    (void)state;
    norm_sums(&m);
    norm_products(&m);
    norm_input(&m);
    for (c = 0; c < MOST_N; c++) {
        m = norm_of(b, MOST_ROWS, c, 1);
        norm_sums(&m);
        norm_products(&m);
        norm_input(&m);
    }
    assert_same_bits(a, b, sizeof(*a));
    mem_free(a);
    mem_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_agree_with_plain_loops),
        cmocka_unit_test(test_a_channel_alone_has_the_same_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
