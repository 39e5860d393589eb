/*
 * What quantises activations by itself: the mapping of card Q1, and the layer
 * with its ranges and its gradient straight through (cards Q3, Q4).
 */
#include "tests/support.h"

#include "base/rng.h"
#include "layer/fake_quant.h"
#include "tensor/levels.h"
#include "tests/rig.h"

static void test_the_vectors_of_card_q1(void **state)
{
    static const float x[] = {-1, -0.31f, 0, 0.71f, 2, 3};
    static const int q[] = {0, 59, 85, 145, 255, 255};
    static const double real[] = {-1, -0.305882, 0, 0.705882, 2, 2};
    static const float w[] = {0.9f, -0.31f, 0.04f, -0.77f};
    static const int bits[] = {8, 4, 3, 2};
    static const int codes[][4] = {
        {127, -44, 6, -109}, {7, -2, 0, -6}, {3, -1, 0, -3}, {1, 0, 0, -1}};
    struct levels l = levels_of(false, 8, -1.0f, 2.0f);
    float y[6];
    size_t i, k;

    (void)state;
    assert_close(l.scale, 0.0117647, 1e-7);
    assert_int_equal(l.zero, 85);
    levels_round(&l, x, y, 6);
    for (i = 0; i < 6; i++) {
        assert_int_equal(levels_code(&l, x[i]), q[i]);
        assert_close(y[i], real[i], 1e-6);
        assert_int_equal(levels_code(&l, y[i]), q[i]);
    }
    for (i = 0; i < LENGTH(bits); i++) {
        l = levels_of(true, bits[i], -0.77f, 0.9f);
        for (k = 0; k < 4; k++)
            assert_int_equal(levels_code(&l, w[k]), codes[i][k]);
    }
}

static void test_ties_go_to_even_and_empty_ranges_have_scale_1(void **state)
{
    static const float x[] = {0.5f, 1.5f, 2.5f, -0.5f};
    static const float want[] = {0, 2, 2, 0};
    struct levels l = levels_of(true, 8, 0.0f, 0.0f);
    float y[4];

    (void)state;
    assert_close(l.scale, 1.0, 0.0);
    levels_round(&l, x, y, 4);
    assert_same_bits(y, want, sizeof(want)); /* no -0 */
    /* 0 is a number of every range. */
    l = levels_of(false, 3, 2.0f, 7.0f);
    assert_close(l.scale, 1.0, 0.0);
    assert_int_equal(l.zero, 0);
    l = levels_of(false, 3, -7.0f, -2.0f);
    assert_int_equal(l.zero, 7);
}

/* The fast loop against one number at a time, all widths of bits. */
static void test_rows_are_rounded_as_single_numbers_are(void **state)
{
    enum { COUNT = 603 };
    struct rng r = rng_at(7, RNG_TEST, 0, 0);
    float x[COUNT], y[COUNT], again[COUNT];
    int bits, i;

    (void)state;
    for (i = 0; i < COUNT; i++)
        x[i] = (float)rng_normal(&r) * (i % 50 == 0 ? 1e6f : 1.5f);
    x[0] = -0.0f;
    x[1] = 1e-42f;
    for (bits = 2; bits <= 16; bits++) {
        struct levels l =
            levels_of(bits % 3 == 0, bits, -0.3f * (float)bits, 3.1f);

        levels_round(&l, x, y, COUNT);
        for (i = 0; i < COUNT; i++) {
            float want = levels_real(&l, levels_code(&l, x[i]));

            assert_same_bits(&y[i], &want, sizeof(want));
        }
        levels_round(&l, y, again, COUNT);
        assert_same_bits(again, y, sizeof(y));
    }
}

static void test_ends_and_what_is_not_finite(void **state)
{
    float x[75], y[75], low = 0.0f, high = 0.0f;
    struct levels l = levels_of(false, 8, -1.0f, 1.0f);
    int i;

    (void)state;
    for (i = 0; i < 75; i++)
        x[i] = 0.01f * (float)i;
    x[40] = -3.0f;
    x[70] = 5.0f;
    x[3] = NAN;
    levels_ends(x, 75, &low, &high);
    assert_close(low, -3.0, 0.0);
    assert_close(high, 5.0, 0.0);
    x[50] = INFINITY;
    levels_round(&l, x, y, 75);
    assert_true(isnan(y[3]) && isnan(y[50]) && !isnan(y[70]));
}

/* A rig with a range, x = -2, -1.9, … */
static struct rig *ramp(const char *spec, float low, float high)
{
    struct shape in = {.rank = 1, .dim = {41}};
    struct rig *r = rig_new(spec, &in, 1, 2, 2);
    size_t i;

    for (i = 0; i < r->x_size[0]; i++) {
        r->x[0][i] = 0.1f * (float)(i % 41) - 2.0f;
        r->dy[i] = 1.0f + (float)i;
    }
    r->param[FAKE_QUANT_LOW][0] = low;
    r->param[FAKE_QUANT_HIGH][0] = high;
    return r;
}

static void check_straight_through(const char *spec, float low, float high,
                                   float from, float to)
{
    struct rig *r = ramp(spec, low, high);
    size_t i;

    r->mode = PASS_EVAL;
    rig_forward(r);
    rig_backward(r);
    for (i = 0; i < r->x_size[0]; i++) {
        float x = r->x[0][i];
        float want = x >= from && x <= to ? r->dy[i] : 0.0f;

        assert_same_bits(&r->dx[0][i], &want, sizeof(want));
        if (x >= from && x <= to)
            assert_close(r->y[i], x, 0.5 * (double)(high - low) / 3.0 + 1e-6);
    }
    rig_free(r);
}

static void test_the_gradient_goes_through_inside_the_range(void **state)
{
    (void)state;
    check_straight_through("fake_quant 2", 0.0f, 1.5f, 0.0f, 1.5f);
    check_straight_through("fake_quant 2", -0.55f, 1.25f, -0.55f, 1.25f);
    check_straight_through("fake_quant 4 symmetric=yes", -0.5f, 1.25f, -1.25f,
                           1.25f);
}

static void set_all(struct rig *r, float low, float high)
{
    size_t i;

    for (i = 0; i < r->x_size[0]; i++)
        r->x[0][i] = i == 5 ? low : i == 60 ? high : 0.0f;
}

static void assert_range(const struct rig *r, double low, double high)
{
    assert_close(r->param[FAKE_QUANT_LOW][0], low, 1e-6);
    assert_close(r->param[FAKE_QUANT_HIGH][0], high, 1e-6);
}

/* An empty range takes the first batch; then .9 of the old and .1 of the
 * batch: -1, 2; -1.1, 2.2; -1.19, 1.98. */
static void test_ranges_follow_the_batches(void **state)
{
    struct rig *r = ramp("fake_quant 8 momentum=0.9", 0.0f, 0.0f);

    (void)state;
    r->mode = PASS_TRAIN;
    set_all(r, -1.0f, 2.0f);
    rig_forward(r);
    assert_range(r, -1.0, 2.0);
    set_all(r, -2.0f, 4.0f);
    rig_forward(r);
    assert_range(r, -1.1, 2.2);
    assert_close(r->y[60], 2.2, 0.01); /* the batch's own is in it already */
    set_all(r, -2.0f, 0.0f);
    rig_forward(r);
    assert_range(r, -1.19, 1.98);
    r->x[0][7] = INFINITY;
    rig_forward(r);
    assert_range(r, -1.19, 1.98);
    r->mode = PASS_EVAL;
    set_all(r, -9.0f, 9.0f);
    rig_forward(r);
    assert_range(r, -1.19, 1.98);
    r->mode = PASS_TRAIN;
    r->blend = 0.5; /* as batch norm's statistics are re-estimated */
    rig_forward(r);
    assert_range(r, -5.095, 5.49);
    rig_free(r);
}

static void test_a_frozen_range_stays(void **state)
{
    struct rig *r = ramp("fake_quant 8 momentum=0.9 freeze=yes", -1.0f, 3.0f);

    (void)state;
    r->mode = PASS_TRAIN;
    rig_forward(r);
    assert_range(r, -1.0, 3.0);
    rig_backward(r);
    assert_close(r->dx[0][0], 0.0, 0.0);
    assert_close(r->dx[0][11], r->dy[11], 0.0);
    /* Fresh weights: there is no range to keep. */
    r->param[FAKE_QUANT_LOW][0] = r->param[FAKE_QUANT_HIGH][0] = 0.0f;
    rig_forward(r);
    assert_range(r, -2.0, 2.0);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vectors_of_card_q1),
        cmocka_unit_test(test_ties_go_to_even_and_empty_ranges_have_scale_1),
        cmocka_unit_test(test_rows_are_rounded_as_single_numbers_are),
        cmocka_unit_test(test_ends_and_what_is_not_finite),
        cmocka_unit_test(test_the_gradient_goes_through_inside_the_range),
        cmocka_unit_test(test_ranges_follow_the_batches),
        cmocka_unit_test(test_a_frozen_range_stays),
    };

    return cmocka_run_group_tests_name("fake layer", tests, NULL, NULL);
}
