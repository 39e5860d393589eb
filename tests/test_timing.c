/*
 * A layer timed in several forms: what is kept, what is removed, what is said.
 * Times themselves belong to a benchmark; here they only have to be there, and
 * in order.
 */
#include <stdlib.h>

#include "tests/support.h"

#include "base/mem.h"
#include "base/rng.h"
#include "compress/cut.h"
#include "compress/timing.h"
#include "engine/board.h"
#include "tests/tiny.h"

/* (3,4): inputs 0 and 2 are strong, outputs 1, 2 and 3. */
static const float hand[] = {0, 5, 4, 3, 0, 0.5f, 0, 0, 1, 6, 7, 8};

static void test_the_strongest_inputs_and_outputs_stay(void **state)
{
    const float want[] = {5, 4, 3, 6, 7, 8};
    struct cut c;
    struct err err;

    (void)state;
    assert_ok(cut_make(&c, hand, 3, 4, 6, &err));
    /* 3 sqrt(6 / 12) = 2.12 inputs, 3; then 2 outputs make 6 weights. */
    assert_int_equal(c.in, 3);
    assert_int_equal(c.out, 2);
    assert_int_equal(c.output[0], 1);
    cut_done(&c);
    /* 3 sqrt(5 / 12) = 1.94 inputs, 2; 3 outputs make the least over 5. */
    assert_ok(cut_make(&c, hand, 3, 4, 5, &err));
    assert_int_equal(c.in, 2);
    assert_int_equal(c.out, 3);
    assert_int_equal(c.input[0], 0);
    assert_int_equal(c.input[1], 2);
    assert_all_close(c.w, want, 6, 0, 0);
    cut_done(&c);
}

static void test_a_smaller_layer_has_no_fewer_weights(void **state)
{
    static const int sizes[][2] = {{1, 1}, {1, 9}, {7, 1}, {13, 11}, {784, 30}};
    size_t k, weights;

    (void)state;
    for (k = 0; k < LENGTH(sizes); k++) {
        int in = sizes[k][0], out = sizes[k][1];
        size_t n = (size_t)in * (size_t)out, step = n > 200 ? n / 50 : 1;
        float *w = calloc(n, sizeof(*w));
        struct cut c;
        struct err err;

        assert_non_null(w);
        for (weights = 1; weights <= n; weights += step) {
            size_t left;

            assert_ok(cut_make(&c, w, in, out, weights, &err));
            left = (size_t)c.in * (size_t)c.out;
            assert_true(c.in >= 1 && c.in <= in && c.out >= 1 && c.out <= out);
            assert_true(left >= weights && left < weights + (size_t)c.in);
            cut_done(&c);
        }
        free(w);
    }
}

static float *random_weights(size_t n)
{
    struct rng r = rng_at(9, RNG_TEST, 0, 0);
    float *w = malloc(n * sizeof(*w));
    size_t i;

    assert_non_null(w);
    for (i = 0; i < n; i++)
        w[i] = (float)rng_normal(&r);
    return w;
}

static void test_what_was_measured_is_told(void **state)
{
    float *w = random_weights(50 * 20);
    struct timing_request r = {.w = w,
                               .in = 50,
                               .out = 20,
                               .keep = 100,
                               .batch = 1,
                               .runs = 5,
                               .seed = 1};
    size_t before = mem_block_bytes();
    struct timing t;
    struct err err;
    int f;

    (void)state;
    for (r.batch = 1; r.batch <= 17; r.batch += 8) {
        assert_ok(timing_measure(&r, NULL, &t, &err));
        assert_close(t.sparsity, 0.9, 1e-12);
        assert_int_equal(t.weights, 100);
        assert_int_equal(t.batch, r.batch);
        assert_int_equal(t.runs, 5);
        assert_true(t.small_in * t.small_out >= 100);
        assert_int_equal(t.bytes[TIMING_DENSE], 4000);
        assert_int_equal(t.bytes[TIMING_CSR], 4 * (200 + 21));
        for (f = 0; f < TIMING_FORMS; f++) {
            assert_true(t.form[f].low > 0);
            assert_true(t.form[f].low <= t.form[f].median);
            assert_true(t.form[f].median <= t.form[f].high);
        }
        assert_int_equal(mem_block_bytes(), before);
    }
    free(w);
}

static void test_timing_can_be_stopped(void **state)
{
    float *w = random_weights(50 * 20);
    const struct timing_request r = {
        .w = w, .in = 50, .out = 20, .keep = 100, .batch = 1, .runs = 5};
    const atomic_bool stop = true;
    const struct progress p = {.cancel = &stop};
    struct timing t;
    struct err err;

    (void)state;
    assert_refused(timing_measure(&r, &p, &t, &err), ERR_CANCELLED, "stopped");
    free(w);
}

/* Rows of sparsity and of how many times as fast CSR is as dense. */
static double break_even(const double *sparsity, const double *gain, int n)
{
    struct timing t[8] = {0};
    int i;

    for (i = 0; i < n; i++) {
        t[i].sparsity = sparsity[i];
        t[i].form[TIMING_DENSE].median = 1e-5;
        t[i].form[TIMING_CSR].median = 1e-5 / gain[i];
    }
    return timing_break_even(t, n, TIMING_CSR);
}

static void test_break_even_lies_where_the_curves_cross(void **state)
{
    const double s[] = {0.5, 0.7, 0.8, 0.9};

    (void)state;
    /* log 0.5 and log 2 are as far from 0: half way. */
    assert_close(break_even(s, (double[]){0.1, 0.3, 0.5, 2}, 4), 0.85, 1e-12);
    /* log 0.25 is twice as far as log 2: two thirds of the way. */
    assert_close(break_even(s, (double[]){0.1, 0.25, 2, 4}, 4),
                 0.7 + 0.1 * 2 / 3, 1e-12);
    /* A lucky row before does not count. */
    assert_close(break_even(s, (double[]){2, 0.5, 0.5, 2}, 4), 0.85, 1e-12);
    assert_close(break_even(s, (double[]){2, 3, 4, 5}, 4), 0.5, 0);
    assert_true(isnan(break_even(s, (double[]){2, 3, 4, 0.9}, 4)));
}

static void test_the_command_measures_and_publishes(void **state)
{
    const struct timing_sheet *s;
    struct tiny t = {0};
    char *before, *after;
    size_t n;

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 3});
    tiny_begin(&t, state);
    before = tiny_weights(&t, state, &n);
    tiny_do(&t, "timing fc1 sparsities=90%,0%,50% batch=1,8 runs=4");
    after = tiny_weights(&t, state, &n);
    assert_same_bits(after, before, n);
    s = board_take(engine_board(t.engine), SHEET_TIMING);
    assert_non_null(s);
    assert_string_equal(s->layer, "fc1");
    assert_string_equal(s->kernel, "64x24");
    assert_string_equal(s->form[1], "masked");
    assert_int_equal(s->done, 6);
    assert_int_equal(s->all, 6);
    assert_int_equal(s->batch[1].samples, 8);
    assert_close(s->batch[1].row[1].sparsity, 0.5, 1e-3);
    assert_close(s->batch[1].row[2].bytes[0], 64 * 24 * 4, 0);
    assert_true(s->batch[0].row[0].median[0] > 0);
    sheet_drop(s);
    assert_non_null(strstr(t.said.text, "batch 8, faster than dense: CSR"));
    mem_free(before);
    mem_free(after);
    tiny_close(&t);
}

static void test_a_pruned_layer_starts_where_it_is(void **state)
{
    const struct timing_sheet *s;
    struct tiny t = {0};

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 3});
    tiny_begin(&t, state);
    tiny_do(&t, "prune to=75% layers=fc1");
    tiny_do(&t, "timing sparsities=50%,90% batch=1 runs=4");
    s = board_take(engine_board(t.engine), SHEET_TIMING);
    assert_string_equal(s->layer, "fc1");
    assert_int_equal(s->level_count, 2);
    assert_close(s->batch[0].row[0].sparsity, 0.75, 1e-3);
    assert_close(s->batch[0].row[1].sparsity, 0.9, 1e-3);
    sheet_drop(s);
    tiny_close(&t);
}

static void test_bad_arguments_are_refused(void **state)
{
    struct tiny t = {0};

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 3});
    tiny_begin(&t, state);
    tiny_refuse(&t, "timing fc9", ERR_MISSING, "there are fc1, fc2");
    tiny_refuse(&t, "timing sparsities=100%", ERR_VALUE, "below 100%");
    tiny_refuse(&t, "timing sparsities=99.99%", ERR_VALUE, "no weight");
    tiny_refuse(&t, "timing sparsities=,", ERR_VALUE, "names none");
    tiny_refuse(&t, "timing batch=0", ERR_VALUE, "1 to 4096");
    tiny_refuse(&t, "timing batch=1,2,3,4,5", ERR_VALUE, "more than 4");
    tiny_do(&t, "new \"input 8x8x1; conv2d 4 3x3; flatten; softmax\"");
    tiny_refuse(&t, "timing", ERR_MISSING, "no dense layer");
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_strongest_inputs_and_outputs_stay),
        cmocka_unit_test(test_a_smaller_layer_has_no_fewer_weights),
        cmocka_unit_test(test_what_was_measured_is_told),
        cmocka_unit_test(test_timing_can_be_stopped),
        cmocka_unit_test(test_break_even_lies_where_the_curves_cross),
        unit_test_in_folder(test_the_command_measures_and_publishes),
        unit_test_in_folder(test_a_pruned_layer_starts_where_it_is),
        unit_test_in_folder(test_bad_arguments_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
