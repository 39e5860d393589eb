/*
 * Windows over pictures that take a way of their own, against their definition,
 * one value at a time: largest values, and pictures of one channel.
 */
#include "tests/support.h"

#include <stdio.h>

#include "base/rng.h"
#include "tensor/conv.h"
#include "tests/rig.h"

/* Small whole numbers, so that windows hold equal values, and some negative. */
static void fill(float *x, size_t n, uint64_t stream)
{
    struct rng r = rng_at(8, RNG_TEST, stream, 0);
    size_t i;

    for (i = 0; i < n; i++)
        x[i] = (float)rng_below(&r, 21) - 14.0f;
}

struct pooling {
    const char *spec;
    int kh, kw, stride_h, stride_w;
    bool same;
};

static const struct pooling poolings[] = {
    {"max_pool2d", 2, 2, 2, 2, false},
    {"max_pool2d padding=same", 2, 2, 2, 2, true},
    {"max_pool2d 3 strides=1 padding=same", 3, 3, 1, 1, true},
    {"max_pool2d 3x2 strides=2x1 padding=same", 3, 2, 2, 1, true},
    {"max_pool2d 5 strides=2 padding=same", 5, 5, 2, 2, true},
    {"max_pool2d 1x4 strides=3", 1, 4, 3, 3, false},
};

static float largest(const struct rig *r, const struct pooling *g, int place,
                     int top, int left, int c)
{
    const struct shape *in = &r->in[0];
    int oy = place / r->out.dim[1] % r->out.dim[0], ox = place % r->out.dim[1];
    int sample = place / (r->out.dim[0] * r->out.dim[1]), y, x;
    float most = -INFINITY;

    for (y = oy * g->stride_h - top; y < oy * g->stride_h - top + g->kh; y++)
        for (x = ox * g->stride_w - left; x < ox * g->stride_w - left + g->kw;
             x++) {
            int at = ((sample * in->dim[0] + y) * in->dim[1] + x) * in->dim[2];

            if (y >= 0 && y < in->dim[0] && x >= 0 && x < in->dim[1])
                most = fmaxf(most, r->x[0][at + c]);
        }
    return most;
}

/* Padding before the picture, as Keras shares it out. */
static int before(bool same, int in, int out, int size, int stride)
{
    int all = (out - 1) * stride + size - in;

    return same && all > 0 ? all / 2 : 0;
}

static void compare_pooling(const struct pooling *g, const struct shape *in)
{
    struct rig *r = rig_new(g->spec, in, 1, 3, 2);
    int h = r->out.dim[0], w = r->out.dim[1], channels = in->dim[2], i, c;
    int top = before(g->same, in->dim[0], h, g->kh, g->stride_h);
    int left = before(g->same, in->dim[1], w, g->kw, g->stride_w);

    fill(r->x[0], 3 * shape_count(in), (uint64_t)channels);
    rig_forward(r);
    for (i = 0; i < 3 * h * w; i++)
        for (c = 0; c < channels; c++)
            assert_close(r->y[i * channels + c], largest(r, g, i, top, left, c),
                         0);
    rig_free(r);
}

static void test_max_pooling_agrees_with_its_definition(void **unused)
{
    static const struct shape images[] = {
        {.rank = 3, .dim = {5, 6, 1}},
        {.rank = 3, .dim = {7, 4, 5}},
        {.rank = 3, .dim = {6, 9, 17}},
    };
    size_t i, k;

    (void)unused;
    for (i = 0; i < LENGTH(poolings); i++)
        for (k = 0; k < LENGTH(images); k++)
            compare_pooling(&poolings[i], &images[k]);
}

static void test_a_nan_wins_wherever_it_stands(void **unused)
{
    const struct shape in = {.rank = 3, .dim = {2, 2, 1}};
    int at;

    (void)unused;
    for (at = 0; at < 4; at++) {
        struct rig *r = rig_new("max_pool2d", &in, 1, 1, 1);

        r->x[0][at] = NAN;
        rig_forward(r);
        assert_true(isnan(r->y[0]));
        rig_free(r);
    }
}

/* One channel, few filters: the sum over the taps, with the bias. */
static void compare_grey(int h, int w, int k, int filters)
{
    const struct shape in = {.rank = 3, .dim = {h, w, 1}};
    char spec[64];
    struct rig *r;
    int i, f, y, x, out_h = h - k + 1, out_w = w - k + 1;

    snprintf(spec, sizeof(spec), "conv2d %d %dx%d", filters, k, k);
    r = rig_new(spec, &in, 1, 3, 2);
    fill(r->x[0], 3 * shape_count(&in), 1);
    fill(r->param[0], r->param_size[0], 2);
    fill(r->param[1], r->param_size[1], 3);
    rig_forward(r);
    for (i = 0; i < 3 * out_h * out_w; i++)
        for (f = 0; f < filters; f++) {
            const float *from = r->x[0] + i / (out_h * out_w) * h * w +
                                i / out_w % out_h * w + i % out_w;
            float sum = r->param[1][f];

            for (y = 0; y < k; y++)
                for (x = 0; x < k; x++)
                    sum += from[y * w + x] *
                           r->param[0][(y * k + x) * filters + f];
            /* Whole numbers: no rounding. */
            assert_close(r->y[i * filters + f], sum, 0);
        }
    rig_free(r);
}

static void test_a_grey_picture_agrees_with_the_definition(void **unused)
{
    struct window w = {.c = 1,
                       .h = 20,
                       .w = 20,
                       .out_h = 18,
                       .out_w = 18,
                       .kh = 3,
                       .kw = 3,
                       .stride_h = 1,
                       .stride_w = 1,
                       .step_h = 1,
                       .step_w = 1};
    int filters;

    (void)unused;
    assert_true(conv_grey_fits(&w, 5)); /* or nothing below is tested */
    for (filters = 1; filters <= 9; filters++) {
        compare_grey(20, 20, 3, filters);
        compare_grey(9, 34, 5, filters);
        compare_grey(7, 16, 1, filters);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_max_pooling_agrees_with_its_definition),
        cmocka_unit_test(test_a_nan_wins_wherever_it_stands),
        cmocka_unit_test(test_a_grey_picture_agrees_with_the_definition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
