/*
 * Products, sums, windows: against plain loops, the C library in double, and
 * cases worked by hand.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support.h"

#include "tensor/gemm.h"
#include "tensor/shape.h"
#include "tensor/vec.h"
#include "tests/geometry.h"

/* Lengths round the widths of registers and tiles. */
static const size_t lengths[] = {0,  1,  2,  3,  5,  7,  8,   15,  16,  17,
                                 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000};

static void test_a_product_worked_by_hand(void **state)
{
    const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {7, 8, 9, 10, 11, 12};
    const float want[] = {58, 64, 139, 154};
    float c[4], ref[4];

    (void)state;
    gemm(&(struct gemm){.m = 2, .n = 2, .k = 3, .a = a, .b = b, .c = c});
    gemm_ref(&(struct gemm){.m = 2, .n = 2, .k = 3, .a = a, .b = b, .c = ref});
    assert_all_close(c, want, 4, 0, 0);
    assert_all_close(ref, want, 4, 0, 0);
}

static void compare_product(int m, int n, int k, bool a_turned, bool b_turned,
                            float beta)
{
    const int gap = 3;
    struct gemm g = {.m = m,
                     .n = n,
                     .k = k,
                     .a_stride = (a_turned ? m : k) + gap,
                     .b_stride = (b_turned ? k : n) + gap,
                     .c_stride = n + gap,
                     .a_turned = a_turned,
                     .b_turned = b_turned,
                     .beta = beta};
    size_t size = (size_t)m * (size_t)(n + gap);
    float *a =
        random_floats((size_t)(a_turned ? k : m) * (size_t)g.a_stride, 1);
    float *b =
        random_floats((size_t)(b_turned ? n : k) * (size_t)g.b_stride, 2);
    float *c = random_floats(size, 3), *want = random_floats(size, 3);

    g.a = a;
    g.b = b;
    g.c = c;
    gemm(&g);
    g.c = want;
    gemm_ref(&g);
    assert_all_close(c, want, size, 1e-5, 2e-6 * k);
    if (beta == 0.0f) {
        float *scratch = random_floats(gemm_thin_scratch(m, n, k), 4);

        g.c = c;
        gemm_thin(&g, scratch);
        assert_all_close(c, want, size, 1e-5, 2e-6 * k);
        free(scratch);
    }
    free(a);
    free(b);
    free(c);
    free(want);
}

static void test_products_agree_with_plain_loops(void **state)
{
    static const int sizes[] = {1, 2, 3, 7, 16, 17, 33, 65};
    size_t i, j, l;
    int turned;

    (void)state;
    for (i = 0; i < LENGTH(sizes); i++) {
        for (j = 0; j < LENGTH(sizes); j++) {
            for (l = 0; l < LENGTH(sizes); l += 2) {
                for (turned = 0; turned < 4; turned++)
                    compare_product(sizes[i], sizes[j], sizes[l],
                                    (turned & 1) != 0, (turned & 2) != 0,
                                    (i + j) % 2 == 0 ? 0.0f : 1.0f);
            }
        }
    }
}

static void test_a_product_ignores_what_was_there(void **state)
{
    const float a[] = {2}, b[] = {3};
    float c = NAN;

    (void)state;
    gemm(&(struct gemm){.m = 1, .n = 1, .k = 1, .a = a, .b = b, .c = &c});
    assert_close(c, 6, 0);
}

/* The order of vec_sum as its header gives it: 16 lanes, folded in halves. */
static float sum_in_lanes(const float *x, const float *z, size_t n)
{
    float lane[16] = {0};
    size_t i, half;

    for (i = 0; i < n; i++) {
        volatile float product = z != NULL ? x[i] * z[i] : x[i];

        lane[i % 16] += product;
    }
    for (half = 8; half > 0; half /= 2) {
        for (i = 0; i < half; i++)
            lane[i] += lane[i + half];
    }
    return lane[0];
}

/* So any two instruction sets agree, too. */
static void test_sums_have_the_bits_of_a_plain_loop_over_lanes(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(lengths); i++) {
        float *x = random_floats(lengths[i], 1);
        float *z = random_floats(lengths[i], 2);
        float sum = vec_sum(x, lengths[i]), dot = vec_dot(x, z, lengths[i]);
        float want = sum_in_lanes(x, NULL, lengths[i]);
        float want_dot = sum_in_lanes(x, z, lengths[i]);

        assert_same_bits(&sum, &want, sizeof(sum));
        assert_same_bits(&dot, &want_dot, sizeof(dot));
        free(x);
        free(z);
    }
}

static void test_sums_are_right(void **state)
{
    size_t i, j;

    (void)state;
    for (i = 0; i < LENGTH(lengths); i++) {
        float *x = random_floats(lengths[i], 1);
        double sum = 0.0, squares = 0.0;

        for (j = 0; j < lengths[i]; j++) {
            sum += (double)x[j];
            squares += (double)x[j] * (double)x[j];
        }
        assert_close(vec_sum(x, lengths[i]), sum, 1e-4);
        assert_close(vec_squares(x, lengths[i]), squares, 1e-9);
        free(x);
    }
}

static void test_rows_are_summed_column_by_column(void **state)
{
    static const size_t rows[] = {1, 2, 63, 64, 65, 1000};
    size_t i, j, r, c;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        for (j = 1; j < LENGTH(lengths) - 1; j++) {
            size_t cols = lengths[j];
            float *x = random_floats(rows[i] * cols, 4);
            float *s = random_floats(cols, 5);

            vec_sum_rows(x, s, rows[i], cols);
            for (c = 0; c < cols; c++) {
                double sum = 0.0;

                for (r = 0; r < rows[i]; r++)
                    sum += (double)x[r * cols + c];
                assert_close(s[c], sum, 5e-5);
            }
            free(x);
            free(s);
        }
    }
}

/* A million equal terms: one running float sum would be off by a per cent. */
static void test_long_sums_do_not_drift(void **state)
{
    const size_t n = 1000000;
    float *x = random_floats(n, 0), s;
    size_t i;

    (void)state;
    for (i = 0; i < n; i++)
        x[i] = 0.1f;
    vec_sum_rows(x, &s, n, 1);
    assert_close(s, 100000.0, 0.2);
    free(x);
}

static void test_element_wise_passes(void **state)
{
    size_t i, j;

    (void)state;
    for (i = 0; i < LENGTH(lengths); i++) {
        size_t n = lengths[i], bytes = n * sizeof(float);
        float *x = random_floats(n, 6), *y = random_floats(n, 7);
        float *old = random_floats(n, 7);

        vec_add(x, y, n);
        for (j = 0; j < n; j++)
            assert_true(y[j] == old[j] + x[j]);
        vec_plus(x, old, y, n);
        for (j = 0; j < n; j++)
            assert_true(y[j] == x[j] + old[j]);
        vec_scale(2.0f, x, y, n);
        for (j = 0; j < n; j++)
            assert_true(y[j] == 2.0f * x[j]);
        vec_copy(x, y, n);
        assert_same_bits(y, x, bytes);
        vec_add_row(old, y, 1, n);
        for (j = 0; j < n; j++)
            assert_true(y[j] == x[j] + old[j]);
        vec_zero(y, n);
        for (j = 0; j < n; j++)
            assert_true(y[j] == 0.0f && !signbit(y[j]));
        free(x);
        free(y);
        free(old);
    }
}

/* The worst relative error of got over steps of x. */
static double worst(float (*got)(float), double (*want)(double), double from,
                    double to)
{
    double most = 0.0, x;

    for (x = from; x < to; x += 0.00317) {
        float f = (float)x;
        double right = want((double)f);
        double off = fabs((double)got(f) - right) / (fabs(right) + 1e-300);

        most = off > most ? off : most;
    }
    return most;
}

static float exp_of(float x)
{
    return vec_exp(x);
}

static float tanh_of(float x)
{
    return vec_tanh(x);
}

static float expm1_of(float x)
{
    return vec_expm1(x);
}

static void test_exp_and_tanh_agree_with_the_c_library(void **state)
{
    (void)state;
    assert_true(worst(exp_of, exp, -86.9, 88.7) < 2.4e-7);
    assert_true(worst(tanh_of, tanh, -20.0, 20.0) < 3e-7);
    assert_true(worst(expm1_of, expm1, -20.0, -0.001) < 3e-7);
    assert_true(worst(tanh_of, tanh, 0.0001, 0.01) < 2e-7);
}

static void test_exp_and_tanh_at_their_ends(void **state)
{
    (void)state;
    assert_true(vec_exp(0.0f) == 1.0f);
    assert_true(vec_exp(-100.0f) == 0.0f && vec_exp(-INFINITY) == 0.0f);
    assert_true(isinf(vec_exp(89.0f)) && isinf(vec_exp(INFINITY)));
    assert_true(isnan(vec_exp(NAN)) && isnan(vec_tanh(NAN)));
    assert_true(vec_tanh(100.0f) == 1.0f && vec_tanh(-100.0f) == -1.0f);
    assert_true(vec_sigmoid(-1000.0f) == 0.0f && vec_sigmoid(1000.0f) == 1.0f);
    assert_true(vec_expm1(-100.0f) == -1.0f && vec_expm1(0.0f) == 0.0f);
}

/* size, taps, stride, step, same -> places, padding before; by TensorFlow's
 * rule, by hand. */
static void test_windows_follow_tensorflow(void **state)
{
    static const struct {
        int size, taps, stride, step;
        bool same;
        int places, before;
    } cases[] = {
        {28, 5, 1, 1, false, 24, 0}, {28, 5, 1, 1, true, 28, 2},
        {28, 2, 2, 1, false, 14, 0}, {7, 2, 2, 1, false, 3, 0},
        {7, 2, 2, 1, true, 4, 0},    {224, 3, 2, 1, true, 112, 0},
        {7, 3, 2, 1, true, 4, 1},    {8, 3, 2, 1, true, 4, 0},
        {8, 4, 1, 1, true, 8, 1},    {9, 3, 1, 2, true, 9, 2},
        {9, 3, 1, 2, false, 5, 0},   {1, 3, 1, 1, true, 1, 1},
        {6, 1, 3, 1, true, 2, 0},    {3, 5, 1, 1, false, 0, 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++) {
        const int size[2] = {cases[i].taps, 1};
        const int stride[2] = {cases[i].stride, 1};
        const int step[2] = {cases[i].step, 1};
        struct shape image = {.rank = 3, .dim = {cases[i].size, 1, 1}};
        struct window w =
            window_make(&image, &(struct window_spec){.size = size,
                                                      .stride = stride,
                                                      .step = step,
                                                      .same = cases[i].same});
        struct err err;

        assert_int_equal(w.out_h, cases[i].places);
        assert_int_equal(w.top, cases[i].before);
        assert_int_equal(window_check(&w, &err) == ERR_OK, cases[i].places > 0);
    }
}

/* Against asking every tap where it lies. */
static void test_taps_inside_the_image_are_found(void **state)
{
    int size, taps, stride, step, before, place, t;

    (void)state;
    for (size = 1; size < 6; size++)
        for (taps = 1; taps < 5; taps++)
            for (stride = 1; stride < 4; stride++)
                for (step = 1; step < 4; step++)
                    for (before = 0; before < 4; before++)
                        for (place = 0; place < 4; place++) {
                            struct taps got = window_taps(place, stride, step,
                                                          before, taps, size);
                            int first = -1, count = 0;

                            for (t = 0; t < taps; t++) {
                                int at = place * stride - before + t * step;

                                if (at < 0 || at >= size)
                                    continue;
                                first = first < 0 ? t : first;
                                count++;
                            }
                            assert_int_equal(got.count, count);
                            if (count == 0)
                                continue;
                            assert_int_equal(got.first, first);
                            assert_int_equal(got.at, place * stride - before +
                                                         first * step);
                        }
}

/* An image of 2x3, window 2x2, same: the padding is at the bottom and right. */
static void test_an_image_as_a_matrix_by_hand(void **state)
{
    const float x[] = {1, 2, 3, 4, 5, 6};
    const float want[] = {1, 2, 4, 5, 2, 3, 5, 6, 3, 0, 6, 0,
                          4, 5, 0, 0, 5, 6, 0, 0, 6, 0, 0, 0};
    const int two[2] = {2, 2}, one[2] = {1, 1};
    const struct shape image = {.rank = 3, .dim = {2, 3, 1}};
    struct window w = window_make(
        &image,
        &(struct window_spec){.size = two, .stride = one, .same = true});
    struct patch all = {.first = 0, .count = 2, .from = 0, .width = 1};
    float cols[24];

    (void)state;
    conv_im2col(&w, &all, x, cols);
    assert_all_close(cols, want, 24, 0, 0);
}

static const struct geometry geometries[] = {
    {5, 7, 3, 3, 2, 1, 1, true},  {5, 7, 3, 3, 2, 2, 1, false},
    {6, 5, 1, 2, 3, 1, 2, true},  {4, 4, 8, 1, 1, 3, 1, false},
    {9, 9, 2, 3, 3, 2, 2, true},  {2, 3, 4, 5, 5, 1, 1, true},
    {7, 6, 35, 3, 3, 1, 1, true}, {5, 5, 64, 2, 2, 2, 1, true},
};

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    size_t i;

    for (i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* <im2col(x), c> = <x, col2im(c)>, for any cut into lines and channels. */
static void test_col2im_is_the_adjoint_of_im2col(void **state)
{
    const int n = 2;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(geometries); i++) {
        const struct geometry *g = &geometries[i];
        struct window w = window_of(g);
        struct patch p = {.first = 1,
                          .count = n * w.out_h - 1,
                          .from = g->c / 2,
                          .width = g->c - g->c / 2};
        size_t pixels = (size_t)(n * g->h * g->w * g->c);
        size_t cells = (size_t)(p.count * w.out_w * g->kh * g->kw * p.width);
        float *x = random_floats(pixels, 1), *dx = calloc(pixels, sizeof(*dx));
        float *c = random_floats(cells, 2), *cols = random_floats(cells, 3);

        assert_non_null(dx);
        conv_im2col(&w, &p, x, cols);
        conv_col2im(&w, &p, c, dx);
        assert_close(dot(cols, c, cells), dot(x, dx, pixels), 1e-3);
        free(x);
        free(dx);
        free(c);
        free(cols);
    }
}

static void test_shapes_are_checked_when_made(void **state)
{
    static const struct {
        int rank;
        long long dim[4];
        const char *text; /* NULL: fine */
    } cases[] = {
        {3, {28, 28, 1}, NULL},
        {0, {0}, NULL},
        {1, {2147483647}, NULL},
        {2, {65536, 32768}, "more than 2^31 elements"},
        {4, {2147483647, 2147483647, 2147483647, 2147483647}, "2^31"},
        {2, {5, 0}, "a dimension of 0"},
        {1, {-1}, "a dimension of -1"},
        {1, {1LL << 40}, "a dimension of"},
        {5, {1, 1, 1, 1}, "rank 5"},
    };
    struct shape s;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++) {
        enum err_code code = shape_make(&s, cases[i].rank, cases[i].dim, &err);

        if (cases[i].text == NULL)
            assert_int_equal(code, ERR_OK);
        else
            assert_refused(code, ERR_SHAPE, cases[i].text);
    }
}

static int start(void **state)
{
    (void)state;
    gemm_start();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_product_worked_by_hand),
        cmocka_unit_test(test_products_agree_with_plain_loops),
        cmocka_unit_test(test_a_product_ignores_what_was_there),
        cmocka_unit_test(test_sums_have_the_bits_of_a_plain_loop_over_lanes),
        cmocka_unit_test(test_sums_are_right),
        cmocka_unit_test(test_rows_are_summed_column_by_column),
        cmocka_unit_test(test_long_sums_do_not_drift),
        cmocka_unit_test(test_element_wise_passes),
        cmocka_unit_test(test_exp_and_tanh_agree_with_the_c_library),
        cmocka_unit_test(test_exp_and_tanh_at_their_ends),
        cmocka_unit_test(test_windows_follow_tensorflow),
        cmocka_unit_test(test_taps_inside_the_image_are_found),
        cmocka_unit_test(test_an_image_as_a_matrix_by_hand),
        cmocka_unit_test(test_col2im_is_the_adjoint_of_im2col),
        cmocka_unit_test(test_shapes_are_checked_when_made),
    };

    return cmocka_run_group_tests_name("tensor", tests, start, NULL);
}
