/*
 * Layers: every kind against values by PyTorch, and every row of layer_kinds
 * by differences along random directions, by what it refuses, and by its
 * spec text.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/fixture.h"
#include "tests/rig.h"
#include "tests/support.h"

#define SPEC_SIZE 256

/* What a comparison with the fixtures adds up. */
struct tally {
    struct fixture *f;
    int cases, arrays, close; /* close: within 1e-5 */
    char group[128];
};

/* The worst of |got - want| / (|want| + root mean square of want). */
static double distance(const float *got, const float *want, size_t n)
{
    double squares = 0.0, scale, worst = 0.0;
    size_t i;

    for (i = 0; i < n; i++)
        squares += (double)want[i] * (double)want[i];
    scale = sqrt(squares / (double)n);
    for (i = 0; i < n; i++) {
        double off = fabs((double)got[i] - (double)want[i]);

        off /= fabs((double)want[i]) + scale + 1e-30;
        if (!(off <= worst))
            worst = off;
    }
    return worst;
}

static const char *in_group(const struct tally *t, const char *name)
{
    static char path[192];

    snprintf(path, sizeof(path), "%s/%s", t->group, name);
    return path;
}

/* Fills to from the group's dataset of that name; the size must be right. */
static void load(const struct tally *t, const char *name, float *to, size_t n)
{
    size_t count;
    float *values = fixture_floats(t->f, in_group(t, name), &count);

    if (count != n)
        fail_msg("%s has %zu values, the layer %zu", in_group(t, name), count,
                 n);
    memcpy(to, values, n * sizeof(*to));
    free(values);
}

static void compare(struct tally *t, const char *name, const float *got,
                    size_t n)
{
    size_t count;
    float *want = fixture_floats(t->f, in_group(t, name), &count);
    double off;

    assert_int_equal(count, n);
    off = distance(got, want, n);
    free(want);
    if (!(off <= 1e-4))
        fail_msg("%s is off by %.3g", in_group(t, name), off);
    t->arrays++;
    t->close += off <= 1e-5;
}

/* Dimensions of a dataset without the first one, as a sample's shape. */
static struct shape sample_shape(const struct tally *t, const char *name,
                                 int *n)
{
    size_t dim[8];
    struct shape s = {.rank = fixture_shape(t->f, in_group(t, name), dim) - 1};
    int i;

    *n = (int)dim[0];
    for (i = 0; i < s.rank; i++)
        s.dim[i] = (int)dim[i + 1];
    return s;
}

static const char *text_of(const struct tally *t, const char *attr)
{
    static char text[32];

    return fixture_text(t->f, t->group, attr, text, sizeof(text));
}

static int number_of(const struct tally *t, const char *attr)
{
    return (int)fixture_number(t->f, t->group, attr);
}

static void dense_spec(const struct tally *t, char *spec)
{
    size_t dim[8];

    fixture_shape(t->f, in_group(t, "w"), dim);
    snprintf(spec, SPEC_SIZE, "dense %zu", dim[1]);
}

static void conv2d_spec(const struct tally *t, char *spec)
{
    size_t dim[8];

    fixture_shape(t->f, in_group(t, "w"), dim);
    snprintf(spec, SPEC_SIZE,
             "conv2d %zu %zux%zu strides=%d dilation_rate=%d groups=%d"
             " padding=%s",
             dim[3], dim[0], dim[1], number_of(t, "stride"),
             number_of(t, "dilation"), number_of(t, "groups"),
             text_of(t, "padding"));
}

static void depthwise_spec(const struct tally *t, char *spec)
{
    size_t dim[8];

    fixture_shape(t->f, in_group(t, "w"), dim);
    snprintf(spec, SPEC_SIZE,
             "depthwise_conv2d %zux%zu strides=%d depth_multiplier=%zu"
             " padding=%s",
             dim[0], dim[1], number_of(t, "stride"), dim[3],
             text_of(t, "padding"));
}

static void pool_spec(const struct tally *t, char *spec)
{
    int used = snprintf(spec, SPEC_SIZE, "%s2d", text_of(t, "op"));

    snprintf(spec + used, SPEC_SIZE - (size_t)used, " %d strides=%d padding=%s",
             number_of(t, "size"), number_of(t, "stride"),
             text_of(t, "padding"));
}

static void global_pool_spec(const struct tally *t, char *spec)
{
    (void)t;
    strcpy(spec, "global_average_pool2d");
}

static void batch_norm_spec(const struct tally *t, char *spec)
{
    (void)t;
    strcpy(spec, "batch_norm");
}

static void activation_spec(const struct tally *t, char *spec)
{
    snprintf(spec, SPEC_SIZE, "%s", text_of(t, "op"));
}

/* Groups of the file; params: what the file calls the parameters. */
static const struct {
    const char *folder;
    void (*spec)(const struct tally *t, char *spec);
    const char *params[LAYER_PARAM_MAX];
    enum pass_mode mode;
    int cases;
} folders[] = {
    {"dense", dense_spec, {"w", "b"}, PASS_TRAIN, 4},
    {"conv2d", conv2d_spec, {"w", "b"}, PASS_TRAIN, 15},
    {"depthwise", depthwise_spec, {"w", "b"}, PASS_TRAIN, 4},
    {"max_pool", pool_spec, {NULL}, PASS_TRAIN, 5},
    {"average_pool", pool_spec, {NULL}, PASS_TRAIN, 5},
    {"global_average_pool", global_pool_spec, {NULL}, PASS_TRAIN, 1},
    {"batch_norm_train",
     batch_norm_spec,
     {"gamma", "beta", "moving_mean", "moving_variance"},
     PASS_TRAIN,
     2},
    {"batch_norm_infer",
     batch_norm_spec,
     {"gamma", "beta", "moving_mean", "moving_variance"},
     PASS_EVAL,
     2},
    {"activation", activation_spec, {NULL}, PASS_TRAIN, 9},
};

/* Compares the array called prefix + name where the file has one. */
static void compare_if_there(struct tally *t, const char *prefix,
                             const char *name, const float *got, size_t n)
{
    char full[64];

    snprintf(full, sizeof(full), "%s%s", prefix, name);
    if (fixture_has(t->f, in_group(t, full)))
        compare(t, full, got, n);
}

static void run_case(struct tally *t, size_t row, int shards)
{
    char spec[SPEC_SIZE];
    int i, n;
    struct shape in = sample_shape(t, "x", &n);
    struct rig *r;

    folders[row].spec(t, spec);
    r = rig_new(spec, &in, 1, n, shards);
    r->mode = folders[row].mode;
    load(t, "x", r->x[0], r->x_size[0]);
    for (i = 0; i < r->param_count; i++)
        load(t, folders[row].params[i], r->param[i], r->param_size[i]);
    rig_forward(r);
    compare(t, "y", r->y, r->y_size);
    for (i = 0; i < r->param_count; i++)
        compare_if_there(t, "new_", folders[row].params[i], r->param[i],
                         r->param_size[i]);
    if (fixture_has(t->f, in_group(t, "dy"))) {
        load(t, "dy", r->dy, r->y_size);
        rig_backward(r);
        compare(t, "dx", r->dx[0], r->x_size[0]);
        for (i = 0; i < r->param_count; i++)
            compare_if_there(t, "d", folders[row].params[i], r->dparam[i],
                             r->param_size[i]);
    }
    t->cases++;
    rig_free(r);
}

static void run_folders(struct tally *t, int shards)
{
    char name[64];
    size_t row, i;

    t->f = fixture_open("layers.h5");
    for (row = 0; row < LENGTH(folders); row++) {
        for (i = 0;
             fixture_member(t->f, folders[row].folder, i, name, sizeof(name));
             i++) {
            snprintf(t->group, sizeof(t->group), "%s/%s", folders[row].folder,
                     name);
            run_case(t, row, shards);
        }
        assert_int_equal(i, folders[row].cases);
    }
    fixture_close(t->f);
}

static void test_every_layer_agrees_with_pytorch(void **state)
{
    struct tally t = {0};

    (void)state;
    run_folders(&t, 1);
    assert_int_equal(t.cases, 47);
    print_message("%d of %d arrays within 1e-5\n", t.close, t.arrays);
    assert_true(t.close * 100 >= t.arrays * 95);
}

static void test_layers_cut_into_shards_agree_with_pytorch(void **state)
{
    struct tally t = {0};

    (void)state;
    run_folders(&t, 3);
    assert_int_equal(t.cases, 47);
    assert_true(t.close * 100 >= t.arrays * 95);
}

/* Equal values in a window: the first in reading order gets the gradient. */
static void test_max_pool_gives_a_tie_to_the_first(void **state)
{
    const struct shape in = {.rank = 3, .dim = {2, 3, 1}};
    const float x[] = {1, 2, 7, 7, 7, 7}, want[] = {0, 0, 3, 5, 0, 0};
    struct rig *r = rig_new("max_pool2d 2 strides=1", &in, 1, 1, 1);

    (void)state;
    memcpy(r->x[0], x, sizeof(x));
    r->dy[0] = 5.0f;
    r->dy[1] = 3.0f;
    rig_forward(r);
    rig_backward(r);
    assert_all_close(r->dx[0], want, 6, 0, 0);
    rig_free(r);
}

/* y and dx of max_pool2d with windows of 2x2 side by side, tap by tap. */
static void plain_max_pool(const struct rig *r, float *y, float *dx)
{
    int h = r->in[0].dim[0], w = r->in[0].dim[1], c = r->in[0].dim[2];
    int place, tap, best, i;

    memset(dx, 0, r->x_size[0] * sizeof(*dx));
    for (place = 0; place < r->n * (h / 2) * (w / 2); place++) {
        int line = place / (w / 2);
        int at =
            (line / (h / 2) * h + line % (h / 2) * 2) * w + place % (w / 2) * 2;

        for (i = 0; i < c; i++) {
            best = at * c + i;
            for (tap = 1; tap < 4; tap++) {
                int other = (at + tap / 2 * w + tap % 2) * c + i;

                best = r->x[0][other] > r->x[0][best] ? other : best;
            }
            y[place * c + i] = r->x[0][best];
            dx[best] = r->dy[place * c + i];
        }
    }
}

/* Their loop handles 16, 8 or fewer channels; few values, so that many tie. */
static void test_max_pool_of_windows_side_by_side_is_the_plain_one(void **state)
{
    const int channels[] = {1, 3, 8, 13, 16, 20, 35};
    struct rng draw = rng_at(1, RNG_TEST, 0, 0);
    size_t i, k;

    (void)state;
    for (i = 0; i < 2 * LENGTH(channels); i++) {
        const struct shape in = {
            .rank = 3,
            .dim = {4 + (int)i % 2, 6 + (int)i % 2, channels[i / 2]}};
        struct rig *r = rig_new("max_pool2d 2", &in, 1, 2, 1);
        float *y = mem_array(r->y_size, sizeof(*y));
        float *dx = mem_array(r->x_size[0], sizeof(*dx));

        for (k = 0; k < r->x_size[0]; k++)
            r->x[0][k] = (float)rng_below(&draw, 4) - 2.0f;
        for (k = 0; k < r->y_size; k++)
            r->dy[k] = (float)rng_normal(&draw);
        rig_forward(r);
        rig_backward(r);
        plain_max_pool(r, y, dx);
        assert_same_bits(r->y, y, r->y_size * sizeof(*y));
        assert_same_bits(r->dx[0], dx, r->x_size[0] * sizeof(*dx));
        mem_free(y);
        mem_free(dx);
        rig_free(r);
    }
}

/* Worked by hand: 2x2 windows at the edge see two values, one at the corner. */
static void test_average_pool_divides_by_what_lies_inside(void **state)
{
    const struct shape in = {.rank = 3, .dim = {3, 3, 1}};
    const float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const float want[] = {3, 4.5f, 7.5f, 9};
    struct rig *r = rig_new("average_pool2d 2 padding=same", &in, 1, 1, 1);

    (void)state;
    memcpy(r->x[0], x, sizeof(x));
    rig_forward(r);
    assert_all_close(r->y, want, 4, 0, 0);
    rig_free(r);
}

static struct rig *dropout_rig(int shards, uint64_t seed, uint64_t step)
{
    const struct shape in = {.rank = 1, .dim = {1000}};
    struct rig *r = rig_new("dropout 0.3", &in, 1, 10, shards);
    size_t i;

    for (i = 0; i < r->x_size[0]; i++)
        r->x[0][i] = (float)(i % 17) + 1.0f;
    r->mode = PASS_TRAIN;
    r->seed = seed;
    r->step = step;
    rig_forward(r);
    return r;
}

static void test_dropout_drops_its_share_and_scales_the_rest(void **state)
{
    struct rig *r = dropout_rig(1, 1, 1);
    size_t i, dropped = 0;

    (void)state;
    for (i = 0; i < r->y_size; i++) {
        dropped += r->y[i] == 0.0f;
        if (r->y[i] != 0.0f)
            assert_close(r->y[i], (double)r->x[0][i] / 0.7, 1e-5);
    }
    /* 10,000 draws: a deviation is 46. */
    assert_in_range(dropped, 3000 - 230, 3000 + 230);
    rig_free(r);
}

static void test_dropout_does_not_depend_on_shards(void **state)
{
    struct rig *whole = dropout_rig(1, 1, 1), *cut = dropout_rig(3, 1, 1);

    (void)state;
    assert_same_bits(cut->y, whole->y, whole->y_size * sizeof(float));
    rig_free(whole);
    rig_free(cut);
}

static void test_dropout_draws_anew_for_each_step_and_seed(void **state)
{
    struct rig *one = dropout_rig(1, 1, 1), *step = dropout_rig(1, 1, 2);
    struct rig *seed = dropout_rig(1, 2, 1);
    size_t bytes = one->y_size * sizeof(float);

    (void)state;
    assert_memory_not_equal(one->y, step->y, bytes);
    assert_memory_not_equal(one->y, seed->y, bytes);
    rig_free(one);
    rig_free(step);
    rig_free(seed);
}

static void test_dropout_is_the_identity_in_evaluation(void **state)
{
    struct rig *r = dropout_rig(1, 1, 1);

    (void)state;
    r->mode = PASS_EVAL;
    rig_forward(r);
    assert_same_bits(r->y, r->x[0], r->y_size * sizeof(float));
    rig_free(r);
}

/* Two batches of {1,3} and {5,9}: means 2 and 7, variances 1 and 4. */
static void test_batch_norm_can_average_its_statistics(void **state)
{
    const struct shape in = {.rank = 1, .dim = {1}};
    struct rig *r = rig_new("batch_norm", &in, 1, 2, 2);

    (void)state;
    r->mode = PASS_TRAIN;
    r->blend = 1.0;
    r->x[0][0] = 1.0f;
    r->x[0][1] = 3.0f;
    rig_forward(r);
    assert_close(r->param[2][0], 2.0, 1e-6);
    assert_close(r->param[3][0], 1.0, 1e-6);
    r->blend = 0.5;
    r->x[0][0] = 5.0f;
    r->x[0][1] = 9.0f;
    rig_forward(r);
    assert_close(r->param[2][0], 4.5, 1e-6);
    assert_close(r->param[3][0], 2.5, 1e-6);
    rig_free(r);
}

/* A large mean with a small deviation: float sums of squares would cancel. */
static void test_batch_norm_keeps_a_small_deviation(void **state)
{
    const struct shape in = {.rank = 1, .dim = {1}};
    struct rig *r = rig_new("batch_norm epsilon=0", &in, 1, 4, 2);
    const float x[] = {4096.5f, 4096.0f, 4096.5f, 4096.0f};
    const float want[] = {1, -1, 1, -1};

    (void)state;
    r->mode = PASS_TRAIN;
    r->param[0][0] = 1.0f;
    memcpy(r->x[0], x, sizeof(x));
    rig_forward(r);
    assert_all_close(r->y, want, 4, 1e-6, 0);
    rig_free(r);
}

static void test_softmax_survives_extreme_values(void **state)
{
    const struct shape in = {.rank = 1, .dim = {3}};
    const float x[] = {1e4f, -1e4f, 9999.0f};
    /* 1 / (1 + exp(-1)) */
    const float want[] = {0.731058579f, 0.0f, 0.268941421f};
    struct rig *r = rig_new("softmax", &in, 1, 1, 1);

    (void)state;
    memcpy(r->x[0], x, sizeof(x));
    rig_forward(r);
    assert_all_close(r->y, want, 3, 1e-6, 0);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_layer_agrees_with_pytorch),
        cmocka_unit_test(test_layers_cut_into_shards_agree_with_pytorch),
        cmocka_unit_test(test_max_pool_gives_a_tie_to_the_first),
        cmocka_unit_test(
            test_max_pool_of_windows_side_by_side_is_the_plain_one),
        cmocka_unit_test(test_average_pool_divides_by_what_lies_inside),
        cmocka_unit_test(test_dropout_drops_its_share_and_scales_the_rest),
        cmocka_unit_test(test_dropout_does_not_depend_on_shards),
        cmocka_unit_test(test_dropout_draws_anew_for_each_step_and_seed),
        cmocka_unit_test(test_dropout_is_the_identity_in_evaluation),
        cmocka_unit_test(test_batch_norm_can_average_its_statistics),
        cmocka_unit_test(test_batch_norm_keeps_a_small_deviation),
        cmocka_unit_test(test_softmax_survives_extreme_values),
    };

    return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
