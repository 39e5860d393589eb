/*
 * Layers: every kind against values by PyTorch, and every row of layer_kinds
 * by differences along random directions, by what it refuses, and by its
 * spec text.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fixture.h"
#include "tests/rig.h"
#include "tests/support.h"

#define SPEC_SIZE 256

/* ---- against PyTorch ---------------------------------------------------- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_layer_agrees_with_pytorch),
        cmocka_unit_test(test_layers_cut_into_shards_agree_with_pytorch),
    };

    return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
