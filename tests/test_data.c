#include "tests/support.h"

#include "base/mem.h"
#include "data/dataset.h"

/* A set of n samples of two bytes; label(i) is the class of sample i. */
static struct dataset *make(int n, int classes, int (*label)(int i, int n))
{
    struct err err;
    struct dataset *d = mem_zalloc(sizeof(*d));
    int i;

    d->shape = (struct shape){.rank = 1, .dim = {2}};
    d->classes = classes;
    d->scale = 1.0f / 255.0f;
    d->train.n = n;
    d->train.u8 = mem_block_array((size_t)n, 2, "test", &err);
    d->train.label = mem_block_array((size_t)n, sizeof(int32_t), "test", &err);
    assert_non_null(d->train.u8);
    assert_non_null(d->train.label);
    for (i = 0; i < n; i++) {
        d->train.label[i] = label(i, n);
        d->train.u8[2 * i] = (uint8_t)i;
        d->train.u8[2 * i + 1] = (uint8_t)(255 - i);
    }
    return d;
}

static int cycle10(int i, int n)
{
    (void)n;
    return i % 10;
}

/* As files of some collections come: class by class. */
static int sorted4(int i, int n)
{
    return i * 4 / n;
}

/* 60 % of class 0, 30 % of 1, 10 % of 2, mixed. */
static int skewed(int i, int n)
{
    int k = i % 10;

    (void)n;
    return k < 6 ? 0 : k < 9 ? 1 : 2;
}

/* Class 3 has one sample, the last. */
static int lonely(int i, int n)
{
    return i == n - 1 ? 3 : i % 3;
}

static int of_class(const struct dataset *d, const int32_t *row, int n, int c)
{
    int i, count = 0;

    for (i = 0; i < n; i++)
        count += d->train.label[row[i]] == c;
    return count;
}

/* Every row is in exactly one part, and both are ascending. */
static void assert_is_partition(const struct dataset *d)
{
    int f = 0, v = 0, i;

    assert_int_equal(d->fit_count + d->validation_count, d->train.n);
    for (i = 0; i < d->train.n; i++) {
        if (f < d->fit_count && d->fit[f] == i) {
            f++;
        } else {
            assert_true(v < d->validation_count);
            assert_int_equal(d->validation[v], i);
            v++;
        }
    }
}

static void test_a_balanced_tail_is_taken_as_it_stands(void **state)
{
    struct dataset *d = make(600, 10, cycle10);
    struct err err;
    int i;

    (void)state;
    assert_ok(dataset_split(d, 50, 1, &err));
    assert_is_partition(d);
    assert_int_equal(d->validation_count, 50);
    for (i = 0; i < 50; i++)
        assert_int_equal(d->validation[i], 550 + i);
    dataset_free(d);
}

static void test_sorted_classes_give_their_last_samples(void **state)
{
    struct dataset *d = make(400, 4, sorted4);
    struct err err;
    int c, i;

    (void)state;
    assert_ok(dataset_split(d, 40, 1, &err));
    assert_is_partition(d);
    for (c = 0; c < 4; c++) {
        for (i = 0; i < 10; i++)
            assert_int_equal(d->validation[10 * c + i], 100 * c + 90 + i);
    }
    dataset_free(d);
}

static void test_skewed_classes_keep_their_shares(void **state)
{
    struct dataset *d = make(1000, 3, skewed);
    struct err err;

    (void)state;
    /* The last 95 would be 57 + 28.5 + 9.5 in proportion. */
    assert_ok(dataset_split(d, 95, 1, &err));
    assert_is_partition(d);
    assert_int_equal(d->validation_count, 95);
    assert_int_equal(of_class(d, d->validation, 95, 0), 57);
    assert_in_range(of_class(d, d->validation, 95, 1), 28, 29);
    assert_in_range(of_class(d, d->validation, 95, 2), 9, 10);
    dataset_free(d);
}

static void test_equal_claims_are_cut_by_the_seed(void **state)
{
    struct dataset *d = make(400, 4, sorted4);
    struct err err;
    int winners = 0, c;
    uint64_t seed;

    (void)state;
    /* 10.5 each: two of the four classes get the odd sample. */
    for (seed = 0; seed < 20; seed++) {
        int first[4];

        assert_ok(dataset_split(d, 42, seed, &err));
        assert_int_equal(d->validation_count, 42);
        for (c = 0; c < 4; c++) {
            first[c] = of_class(d, d->validation, 42, c);
            assert_in_range(first[c], 10, 11);
            winners |= (first[c] == 11) << c;
        }
        assert_ok(dataset_split(d, 42, seed, &err));
        for (c = 0; c < 4; c++)
            assert_int_equal(of_class(d, d->validation, 42, c), first[c]);
    }
    assert_int_equal(winners, 15);
    dataset_free(d);
}

static void test_a_class_never_loses_its_only_sample(void **state)
{
    struct dataset *d = make(31, 4, lonely);
    struct err err;

    (void)state;
    assert_ok(dataset_split(d, 15, 1, &err));
    assert_is_partition(d);
    assert_int_equal(of_class(d, d->fit, d->fit_count, 3), 1);
    dataset_free(d);
}

static void test_at_most_half_goes_to_validation(void **state)
{
    struct dataset *d = make(101, 10, cycle10);
    struct err err;

    (void)state;
    assert_ok(dataset_split(d, 5000, 1, &err));
    assert_is_partition(d);
    assert_int_equal(d->validation_count, 50);
    assert_ok(dataset_split(d, 0, 1, &err));
    assert_int_equal(d->validation_count, 0);
    assert_int_equal(d->fit_count, 101);
    assert_refused(dataset_split(d, -1, 1, &err), ERR_VALUE, "-1");
    d->train.n = 0;
    assert_refused(dataset_split(d, 10, 1, &err), ERR_VALUE,
                   "no training samples");
    assert_int_equal(d->fit_count, 101);
    dataset_free(d);
}

static void test_a_failed_split_leaves_the_old_one(void **state)
{
    struct dataset *d = make(600, 10, cycle10);
    struct err err;
    int i;

    (void)state;
    assert_ok(dataset_split(d, 50, 1, &err));
    for (i = 0; i < 2; i++) {
        mem_fail_after(i);
        assert_refused(dataset_split(d, 100, 1, &err), ERR_MEMORY, "");
        mem_fail_after(-1);
        assert_int_equal(d->validation_count, 50);
        assert_is_partition(d);
    }
    dataset_free(d);
}

static void test_filling_scales_rows_in_the_order_asked_for(void **state)
{
    static const int32_t row[] = {200, 0, 51};
    static const double pixel[] = {200, 55, 0, 255, 51, 204};
    struct dataset *d = make(256, 10, cycle10);
    float x[7];
    int i;

    (void)state;
    x[6] = 7.0f;
    dataset_fill(d, &d->train, row, 3, 2.0f, -1.0f, x);
    for (i = 0; i < 6; i++)
        assert_close(x[i], pixel[i] / 255.0 * 2.0 - 1.0, 1e-6);
    assert_true(x[6] == 7.0f);
    dataset_fill(d, &d->train, NULL, 3, 1.0f, 0.0f, x);
    assert_close(x[4], 2.0 / 255.0, 1e-7);
    assert_close(x[5], 253.0 / 255.0, 1e-7);
    dataset_free(d);
}

static void test_filling_takes_stored_floats_too(void **state)
{
    static const int32_t row[] = {1, 1};
    float stored[] = {1.0f, -2.0f, 3.0f, 0.5f}, x[4];
    struct dataset d = {.shape = {.rank = 1, .dim = {2}}, .scale = 1.0f};
    struct samples s = {.n = 2, .f32 = stored};

    (void)state;
    dataset_fill(&d, &s, row, 2, 0.5f, 1.0f, x);
    assert_close(x[0], 2.5, 0);
    assert_close(x[1], 1.25, 0);
    assert_close(x[2], 2.5, 0);
    assert_close(x[3], 1.25, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_balanced_tail_is_taken_as_it_stands),
        cmocka_unit_test(test_sorted_classes_give_their_last_samples),
        cmocka_unit_test(test_skewed_classes_keep_their_shares),
        cmocka_unit_test(test_equal_claims_are_cut_by_the_seed),
        cmocka_unit_test(test_a_class_never_loses_its_only_sample),
        cmocka_unit_test(test_at_most_half_goes_to_validation),
        cmocka_unit_test(test_a_failed_split_leaves_the_old_one),
        cmocka_unit_test(test_filling_scales_rows_in_the_order_asked_for),
        cmocka_unit_test(test_filling_takes_stored_floats_too),
    };

    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
