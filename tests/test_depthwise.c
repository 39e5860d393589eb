/*
 * Depthwise convolutions against their definition, and the same bits from the
 * kernels of all processors.
 */
#include "tests/support.h"

#include <stdlib.h>

#include "tensor/isa.h"
#include "tests/geometry.h"

static const struct geometry geometries[] = {
    {5, 7, 3, 3, 2, 1, 1, true},   {5, 7, 3, 3, 2, 2, 1, false},
    {6, 5, 1, 2, 3, 1, 2, true},   {4, 4, 8, 1, 1, 3, 1, false},
    {9, 9, 2, 3, 3, 2, 2, true},   {2, 3, 4, 5, 5, 1, 1, true},
    {7, 6, 35, 3, 3, 1, 1, true},  {5, 5, 64, 2, 2, 2, 1, true},
    {19, 3, 29, 3, 3, 2, 1, true}, {3, 70, 16, 3, 2, 3, 1, true},
    {1, 9, 33, 3, 3, 1, 1, true},  {6, 1, 20, 3, 3, 1, 1, true},
    {4, 2, 16, 3, 3, 1, 1, true},  {4, 2, 17, 1, 2, 1, 1, true},
};

/* A depthwise convolution; y, dx and dk are sums in double. */
struct depthwise {
    const struct window *w;
    int mult;
    const float *x, *k, *dy;
    double *y, *dx, *dk;
};

/* By the definition, one product at a time: those of one place. */
static void depthwise_place(const struct depthwise *d, int i, int oy, int ox)
{
    const struct window *w = d->w;
    int place = (i * w->out_h + oy) * w->out_w + ox, ky, kx, c;

    for (ky = 0; ky < w->kh; ky++) {
        for (kx = 0; kx < w->kw; kx++) {
            int iy = oy * w->stride_h - w->top + ky * w->step_h;
            int ix = ox * w->stride_w - w->left + kx * w->step_w;

            if (iy < 0 || iy >= w->h || ix < 0 || ix >= w->w)
                continue;
            for (c = 0; c < w->c * d->mult; c++) {
                int y = place * w->c * d->mult + c;
                int x = ((i * w->h + iy) * w->w + ix) * w->c + c / d->mult;
                int k = (ky * w->kw + kx) * w->c * d->mult + c;

                d->y[y] += (double)d->x[x] * (double)d->k[k];
                d->dx[x] += (double)d->dy[y] * (double)d->k[k];
                d->dk[k] += (double)d->dy[y] * (double)d->x[x];
            }
        }
    }
}

static double *depthwise_doubles(size_t n)
{
    double *made = calloc(n, sizeof(*made));

    assert_non_null(made);
    return made;
}

static void depthwise_close(const float *got, double *want, size_t n,
                            double within)
{
    size_t i;

    for (i = 0; i < n; i++)
        assert_close(got[i], want[i], within);
    free(want);
}

static void compare_depthwise(const struct geometry *g, int mult)
{
    const int n = 3;
    struct window w = window_of(g);
    size_t x_size = (size_t)(n * g->h * g->w * g->c);
    size_t k_size = (size_t)(g->kh * g->kw * g->c * mult);
    size_t y_size = (size_t)(n * w.out_h * w.out_w * g->c * mult);
    float *x = random_floats(x_size, 1), *k = random_floats(k_size, 2);
    float *y = random_floats(y_size, 3), *dy = random_floats(y_size, 4);
    float *dx = random_floats(x_size, 5), *dk = random_floats(k_size, 6);
    struct depthwise d = {.w = &w,
                          .mult = mult,
                          .x = x,
                          .k = k,
                          .dy = dy,
                          .y = depthwise_doubles(y_size),
                          .dx = depthwise_doubles(x_size),
                          .dk = depthwise_doubles(k_size)};
    int i;

    for (i = 0; i < n * w.out_h * w.out_w; i++)
        depthwise_place(&d, i / (w.out_h * w.out_w), i / w.out_w % w.out_h,
                        i % w.out_w);
    conv_depthwise(&w, mult, n, x, k, y);
    conv_depthwise_input(&w, mult, n, k, dy, dx);
    conv_depthwise_kernel(&w, mult, n, x, dy, dk);
    depthwise_close(y, d.y, y_size, 1e-5);
    depthwise_close(dx, d.dx, x_size, 1e-5);
    depthwise_close(dk, d.dk, k_size, 1e-4);
    free(x);
    free(k);
    free(y);
    free(dy);
    free(dx);
    free(dk);
}

/* What conv_depthwise and both gradients write, one behind another. */
static float *depthwise_results(const struct geometry *g, enum isa isa,
                                size_t *count)
{
    const int n = 2;
    struct window w = window_of(g);
    size_t x_size = (size_t)(n * g->h * g->w * g->c);
    size_t k_size = (size_t)(g->kh * g->kw * g->c);
    size_t y_size = (size_t)(n * w.out_h * w.out_w * g->c);
    float *x = random_floats(x_size, 1), *k = random_floats(k_size, 2);
    float *dy = random_floats(y_size, 4), *all;

    *count = x_size + k_size + y_size;
    all = random_floats(*count, 3);
    isa_limit(isa);
    conv_depthwise(&w, 1, n, x, k, all);
    conv_depthwise_input(&w, 1, n, k, dy, all + y_size);
    conv_depthwise_kernel(&w, 1, n, x, dy, all + y_size + x_size);
    isa_limit(ISA_AVX512);
    free(x);
    free(k);
    free(dy);
    return all;
}

static void test_depthwise_convolution_has_the_same_bits_everywhere(
    void **state)
{
    size_t i, count;
    enum isa isa;

    (void)state;
    for (i = 0; i < LENGTH(geometries); i++) {
        float *want = depthwise_results(&geometries[i], ISA_PLAIN, &count);

        for (isa = ISA_AVX2; isa < ISA_COUNT; isa++) {
            float *got = depthwise_results(&geometries[i], isa, &count);

            assert_same_bits(got, want, count * sizeof(*got));
            free(got);
        }
        free(want);
    }
}

static void test_depthwise_convolution_agrees_with_its_definition(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(geometries); i++) {
        compare_depthwise(&geometries[i], 1);
        compare_depthwise(&geometries[i], 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depthwise_convolution_agrees_with_its_definition),
        cmocka_unit_test(
            test_depthwise_convolution_has_the_same_bits_everywhere),
    };

    return cmocka_run_group_tests_name("depthwise", tests, NULL, NULL);
}
