/*
 * What must hold for every row of layer_kinds, so that a new kind is tested
 * when its row is there: gradients against central differences along random
 * directions, and the promises an executor builds on (in place, what backward
 * does not read, gradients nobody wants).
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/rig.h"
#include "tests/support.h"

#include "base/rng.h"

#define SPEC_SIZE 128
#define STEP      (1.0 / 128.0)

struct row_case {
    const char *spec;
    int in_count;
    struct shape in[3];
};

#define D1(a)                   \
    {                           \
        .rank = 1, .dim = { a } \
    }
#define D2(a, b)                   \
    {                              \
        .rank = 2, .dim = { a, b } \
    }
#define D3(a, b, c)                   \
    {                                 \
        .rank = 3, .dim = { a, b, c } \
    }

/* Besides each row with its defaults: attributes and shapes at their edges. */
static const struct row_case awkward[] = {
    {"dense 5 use_bias=no", 1, {D1(7)}},
    {"dense 4", 1, {D3(2, 3, 5)}},
    {"dense 1", 1, {D1(1)}},
    {"dense 330", 1, {D1(9)}}, /* two panels */
    {"dense 17", 1, {D1(20000)}},
    {"conv2d 6 3x2 strides=2x1 padding=same groups=2 use_bias=no",
     1,
     {D3(5, 7, 4)}},
    {"conv2d 4 2x3 dilation_rate=2 padding=same", 1, {D3(6, 5, 3)}},
    {"conv2d 4 2x3 dilation_rate=2x1 strides=1x2", 1, {D3(6, 5, 3)}},
    {"conv2d 3 3 strides=2 padding=same", 1, {D3(1, 9, 1)}},
    {"conv2d 3 1x1 groups=3", 1, {D3(3, 2, 9)}},
    {"conv2d 5 1x1 strides=2x3", 1, {D3(3, 5, 2)}},
    {"conv2d 3 5x7 padding=same", 1, {D3(2, 3, 2)}},
    {"conv2d 3 4x3", 1, {D3(4, 3, 2)}},
    {"conv2d 7 3x3 padding=same", 1, {D3(24, 24, 16)}}, /* several blocks */
    {"conv2d 4 3x3 strides=3 padding=same", 1, {D3(7, 7, 3)}},
    {"conv2d 9 5x5 padding=same", 1, {D3(8, 10, 8)}}, /* by tiles */
    {"depthwise_conv2d 3 strides=2 padding=same depth_multiplier=3",
     1,
     {D3(5, 6, 3)}},
    {"depthwise_conv2d 2x3 dilation_rate=2x1 padding=same use_bias=no",
     1,
     {D3(4, 5, 37)}},
    {"depthwise_conv2d 3x5 strides=1x3 padding=same", 1, {D3(2, 3, 64)}},
    {"depthwise_conv2d 2 dilation_rate=2 depth_multiplier=2", 1, {D3(4, 5, 3)}},
    {"max_pool2d 3x2 strides=2x1 padding=same", 1, {D3(5, 4, 7)}},
    {"max_pool2d 2", 1, {D3(5, 5, 21)}},
    {"max_pool2d 2 padding=same", 1, {D3(5, 6, 9)}},
    {"max_pool2d 2x3 strides=1", 1, {D3(3, 4, 67)}},
    {"average_pool2d 3 strides=1 padding=same", 1, {D3(4, 3, 5)}},
    {"average_pool2d 2x1 strides=3", 1, {D3(6, 4, 3)}},
    {"global_average_pool2d", 1, {D3(9, 8, 3)}},
    {"batch_norm scale=no", 1, {D3(3, 2, 67)}},
    {"batch_norm center=no epsilon=0.1", 1, {D1(5)}},
    {"batch_norm scale=no center=no", 1, {D2(3, 4)}},
    {"dropout 0.3", 1, {D3(7, 5, 11)}},
    {"dropout 0", 1, {D1(9)}},
    {"leaky_relu 0", 1, {D1(33)}},
    {"elu 0.7", 1, {D1(35)}},
    {"softmax", 1, {D3(3, 2, 5)}},
    {"softmax", 1, {D1(1)}},
    {"zero_padding2d 0,2,1,0", 1, {D3(3, 2, 5)}},
    {"zero_padding2d 0", 1, {D3(3, 2, 5)}},
    {"add", 3, {D2(3, 5), D2(3, 5), D2(3, 5)}},
    {"concat", 3, {D3(2, 3, 1), D3(2, 3, 5), D3(2, 3, 2)}},
    {"reshape 2x30x2", 1, {D3(5, 4, 6)}},
};

/* What a required attribute gets; all shapes of `plain` hold 120 values. */
static const char *required_value(enum attr_type type)
{
    static const char *const values[] = {
        [ATTR_INT] = "3",       [ATTR_PAIR] = "2x3",     [ATTR_REAL] = "0.5",
        [ATTR_BOOL] = "yes",    [ATTR_PADDING] = "same", [ATTR_SHAPE] = "8x15",
        [ATTR_PADS] = "1,0,2,1"};

    return values[type];
}

/* "conv2d filters=3 kernel_size=2x3" */
static void usual_spec(const struct layer_kind *kind, char *spec)
{
    int i, used = snprintf(spec, SPEC_SIZE, "%s", kind->name);

    for (i = 0; i < kind->attr_count; i++) {
        const struct layer_attr *a = &kind->attrs[i];

        if (a->required)
            used += snprintf(spec + used, SPEC_SIZE - (size_t)used, " %s=%s",
                             a->name, required_value(a->type));
    }
}

static void rig_fill(struct rig *r);

/* Calls check with a filled rig for every row at its defaults, with the least
 * inputs and (where more are possible) three, and for every awkward case. */
static void each_case(void (*check)(struct rig *r, const char *spec))
{
    static const struct shape plain[] = {D3(5, 4, 6), D1(120)};
    char spec[SPEC_SIZE];
    struct shape out;
    struct err err;
    size_t i, s;
    int k;

    for (k = 0; layer_kinds[k] != NULL; k++) {
        const struct layer_kind *kind = layer_kinds[k];
        int most = kind->most_in < 3 ? kind->most_in : 3, taken = 0, count;

        usual_spec(kind, spec);
        for (s = 0; s < LENGTH(plain); s++) {
            struct shape in[3] = {plain[s], plain[s], plain[s]};

            for (count = kind->least_in; count <= most; count++) {
                struct rig *r;

                if (rig_shape(spec, in, count, &out, &err) != ERR_OK)
                    continue;
                taken++;
                r = rig_new(spec, in, count, 3, 1);
                rig_fill(r);
                check(r, spec);
                rig_free(r);
            }
        }
        if (taken == 0)
            fail_msg("%s takes none of the shapes: %s", spec, err.msg);
    }
    for (i = 0; i < LENGTH(awkward); i++) {
        struct rig *r =
            rig_new(awkward[i].spec, awkward[i].in, awkward[i].in_count, 5, 2);

        rig_fill(r);
        check(r, awkward[i].spec);
        rig_free(r);
    }
}

static void fill_normal(float *x, size_t n, float scale, struct rng *r)
{
    size_t i;

    for (i = 0; i < n; i++)
        x[i] = scale * (float)rng_normal(r);
}

/* Distinct values, 0.05 apart and at least 0.017 from any multiple of 0.05, in
 * random order: no kink of a kind lies within a step, and no two values tie.
 * Past 5,000 values they would grow too large for differences in float. */
static void fill_apart(float *x, size_t n, struct rng *r)
{
    int32_t *order;
    size_t i;

    if (n > 5000) {
        fill_normal(x, n, 1.0f, r);
        return;
    }
    order = calloc(n, sizeof(*order));
    assert_non_null(order);
    for (i = 0; i < n; i++)
        order[i] = (int32_t)i;
    rng_shuffle(r, order, n);
    for (i = 0; i < n; i++)
        x[i] = 0.05f * (float)(order[i] - (int32_t)(n / 2)) + 0.0175f;
    free(order);
}

static void rig_fill(struct rig *r)
{
    struct rng random = rng_at(3, RNG_TEST, 0, 0);
    size_t j;
    int i;

    r->mode = PASS_TRAIN;
    for (i = 0; i < r->in_count; i++)
        fill_apart(r->x[i], r->x_size[i], &random);
    for (i = 0; i < r->param_count; i++) {
        fill_normal(r->param[i], r->param_size[i], 0.5f, &random);
        /* Running variances are positive. */
        for (j = 0; !r->def[i].trainable && j < r->param_size[i]; j++)
            r->param[i][j] = fabsf(r->param[i][j]) + 0.5f;
    }
    fill_normal(r->dy, r->y_size, 1.0f, &random);
}

static float *copy_of(const float *x, size_t n)
{
    float *copy = malloc((n > 0 ? n : 1) * sizeof(*copy));

    assert_non_null(copy);
    memcpy(copy, x, n * sizeof(*copy));
    return copy;
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    size_t i;

    for (i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* sum of dy y after a forward pass that leaves the parameters as they were */
static double loss_of(struct rig *r)
{
    float *saved[LAYER_PARAM_MAX];
    int i;

    for (i = 0; i < r->param_count; i++)
        saved[i] = copy_of(r->param[i], r->param_size[i]);
    rig_forward(r);
    for (i = 0; i < r->param_count; i++) {
        memcpy(r->param[i], saved[i], r->param_size[i] * sizeof(float));
        free(saved[i]);
    }
    return dot(r->dy, r->y, r->y_size);
}

/* The gradient of values (x or a parameter) along a random direction. */
static void check_direction(struct rig *r, const char *what, float *values,
                            const float *gradient, size_t n)
{
    struct rng random = rng_at(4, RNG_TEST, 0, n);
    float *start = copy_of(values, n), *way = copy_of(values, n);
    double up, down, measured, claimed, size;
    size_t i;

    for (i = 0; i < n; i++)
        way[i] = 2.0f * rng_float(&random) - 1.0f;
    for (i = 0; i < n; i++)
        values[i] = start[i] + (float)STEP * way[i];
    up = loss_of(r);
    for (i = 0; i < n; i++)
        values[i] = start[i] - (float)STEP * way[i];
    down = loss_of(r);
    memcpy(values, start, n * sizeof(*values));
    measured = (up - down) / (2.0 * STEP);
    claimed = dot(gradient, way, n);
    size = sqrt(dot(gradient, gradient, n));
    if (!(fabs(measured - claimed) <= 2e-3 * size + 1e-3))
        fail_msg("%s: along a direction %.6g, the gradient says %.6g", what,
                 measured, claimed);
    free(start);
    free(way);
}

static void check_gradients(struct rig *r, const char *spec)
{
    char what[SPEC_SIZE + 64];
    int i;

    if (r->kind->rounds)
        return; /* a staircase: test_fake_quant knows what is wanted instead */
    loss_of(r);
    rig_backward(r);
    for (i = 0; i < r->in_count; i++) {
        float *gradient = copy_of(r->dx[i], r->x_size[i]);

        snprintf(what, sizeof(what), "%s, input %d", spec, i);
        check_direction(r, what, r->x[i], gradient, r->x_size[i]);
        free(gradient);
    }
    for (i = 0; i < r->param_count; i++) {
        if (!r->def[i].trainable)
            continue;
        snprintf(what, sizeof(what), "%s, %s", spec, r->def[i].name);
        check_direction(r, what, r->param[i], r->dparam[i], r->param_size[i]);
    }
}

static void test_gradients_agree_with_differences(void **state)
{
    (void)state;
    each_case(check_gradients);
}

static void check_gradients_of_eval(struct rig *r, const char *spec)
{
    r->mode = PASS_EVAL;
    check_gradients(r, spec);
}

static void test_gradients_agree_with_differences_in_evaluation(void **state)
{
    (void)state;
    each_case(check_gradients_of_eval);
}

/* What a pass gave, to be held against another one. */
struct result {
    float *y, *dx[LAYER_INPUT_MAX], *dparam[LAYER_PARAM_MAX];
};

static struct result result_of(const struct rig *r)
{
    struct result got = {.y = copy_of(r->y, r->y_size)};
    int i;

    for (i = 0; i < r->in_count; i++)
        got.dx[i] = copy_of(r->dx[i], r->x_size[i]);
    for (i = 0; i < r->param_count; i++) {
        if (r->dparam[i] != NULL)
            got.dparam[i] = copy_of(r->dparam[i], r->param_size[i]);
    }
    return got;
}

static void result_done(struct result *got)
{
    int i;

    free(got->y);
    for (i = 0; i < LAYER_INPUT_MAX; i++)
        free(got->dx[i]);
    for (i = 0; i < LAYER_PARAM_MAX; i++)
        free(got->dparam[i]);
}

static void same_gradients(const struct rig *r, const struct result *want)
{
    int i;

    for (i = 0; i < r->in_count; i++) {
        if (r->dx[i] != NULL)
            assert_same_bits(r->dx[i], want->dx[i],
                             r->x_size[i] * sizeof(float));
    }
    for (i = 0; i < r->param_count; i++) {
        if (r->dparam[i] != NULL)
            assert_same_bits(r->dparam[i], want->dparam[i],
                             r->param_size[i] * sizeof(float));
    }
}

static struct result run(struct rig *r)
{
    loss_of(r);
    rig_backward(r);
    return result_of(r);
}

static void check_in_place(struct rig *r, const char *spec)
{
    struct result want;
    float *y = r->y, *dx = r->dx[0];

    (void)spec;
    if (!r->kind->in_place)
        return;
    want = run(r);
    r->y = r->x[0];
    r->dx[0] = r->dy;
    loss_of(r);
    assert_same_bits(r->y, want.y, r->y_size * sizeof(float));
    rig_backward(r);
    same_gradients(r, &want);
    r->y = y;
    r->dx[0] = dx;
    result_done(&want);
}

static void test_a_layer_in_place_gives_the_same_bits(void **state)
{
    (void)state;
    each_case(check_in_place);
}

static void spoil(float *x, size_t n)
{
    size_t i;

    for (i = 0; x != NULL && i < n; i++)
        x[i] = NAN;
}

static size_t scratch_size(const struct rig *r)
{
    int s, n = 0;

    for (s = 0; s < r->shards; s++) {
        int size = r->first[s + 1] - r->first[s];

        n = size > n ? size : n;
    }
    return r->kind->scratch == NULL
               ? 0
               : r->kind->scratch(r->config, r->in, &r->out, n, true);
}

static void check_ignores(struct rig *r, const char *spec)
{
    struct result want = run(r);
    int i;

    (void)spec;
    loss_of(r);
    for (i = 0; r->kind->ignores_x && i < r->in_count; i++)
        spoil(r->x[i], r->x_size[i]);
    if (r->kind->ignores_y)
        spoil(r->y, r->y_size);
    spoil(r->scratch, scratch_size(r));
    rig_backward(r);
    same_gradients(r, &want);
    result_done(&want);
}

static void test_backward_reads_only_what_its_row_says(void **state)
{
    (void)state;
    each_case(check_ignores);
}

static void check_unwanted(struct rig *r, const char *spec)
{
    struct result want = run(r);
    int i;

    (void)spec;
    for (i = 0; i < r->in_count; i++) {
        float *dx = r->dx[i];

        r->dx[i] = NULL;
        loss_of(r);
        rig_backward(r);
        same_gradients(r, &want);
        r->dx[i] = dx;
    }
    result_done(&want);
}

static void test_a_gradient_nobody_needs_is_left_out(void **state)
{
    (void)state;
    each_case(check_unwanted);
}

static void check_forward_only(struct rig *r, const char *spec)
{
    struct result want = run(r);
    int s;

    (void)spec;
    for (s = 0; s < r->shards; s++) {
        free(r->keep[s]);
        r->keep[s] = NULL;
    }
    loss_of(r);
    assert_same_bits(r->y, want.y, r->y_size * sizeof(float));
    result_done(&want);
}

static void test_forward_alone_keeps_nothing(void **state)
{
    (void)state;
    each_case(check_forward_only);
}

static double largest(const float *x, size_t n)
{
    double most = 0.0;
    size_t i;

    for (i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* Pieces give the bits of the whole, with weights made ready or not, and that
 * changes nothing but rounding. */
static void check_pieces(struct rig *r, const char *spec)
{
    float *plain = NULL, *whole;
    int ready;

    (void)spec;
    if (r->kind->pieces == NULL)
        return;
    r->mode = PASS_EVAL;
    for (ready = 0; ready < 2; ready++) {
        if (ready)
            rig_ready(r);
        r->pieces = 0;
        rig_forward(r);
        if (ready)
            assert_all_close(r->y, plain, r->y_size, 1e-5,
                             3e-6 * largest(plain, r->y_size));
        whole = copy_of(r->y, r->y_size);
        for (r->pieces = 2; r->pieces < 5; r->pieces++) {
            rig_forward(r);
            assert_same_bits(r->y, whole, r->y_size * sizeof(*whole));
        }
        if (ready)
            free(plain);
        plain = whole;
    }
    free(plain);
}

static void test_pieces_are_those_of_the_whole(void **state)
{
    (void)state;
    each_case(check_pieces);
}

static void check_bad_value(struct rig *r, const char *spec)
{
    size_t i;

    if (strncmp(spec, "dropout", 7) == 0)
        r->mode = PASS_EVAL; /* or the value may be dropped */
    r->x[0][r->x_size[0] / 2] = NAN;
    loss_of(r);
    for (i = 0; i < r->y_size && !isnan(r->y[i]); i++)
        ;
    /* A window that steps over the value cannot show it. */
    if (i == r->y_size && strstr(spec, "strides=") == NULL)
        fail_msg("%s hides a value that is not a number", spec);
}

static void test_no_layer_hides_a_value_that_is_not_a_number(void **state)
{
    (void)state;
    each_case(check_bad_value);
}

static void test_every_row_says_what_it_is(void **state)
{
    int i, k;

    (void)state;
    for (k = 0; layer_kinds[k] != NULL; k++) {
        const struct layer_kind *kind = layer_kinds[k];

        assert_ptr_equal(layer_find(kind->name), kind);
        assert_true(kind->help[0] != '\0' && kind->keras[0] != '\0');
        assert_true(kind->config_size <= LAYER_CONFIG_MAX);
        assert_true(kind->least_in >= 1 && kind->least_in <= kind->most_in);
        assert_true(kind->most_in <= LAYER_INPUT_MAX);
        assert_true(!kind->view || (kind->in_place && kind->ignores_x));
        assert_true((kind->forward_part != NULL) ==
                    (kind->forward_join != NULL));
        for (i = 0; i < kind->attr_count; i++) {
            assert_true(kind->attrs[i].help[0] != '\0');
            assert_true(kind->attrs[i].offset < kind->config_size);
        }
    }
    assert_null(layer_find("conv"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_says_what_it_is),
        cmocka_unit_test(test_gradients_agree_with_differences),
        cmocka_unit_test(test_gradients_agree_with_differences_in_evaluation),
        cmocka_unit_test(test_a_layer_in_place_gives_the_same_bits),
        cmocka_unit_test(test_backward_reads_only_what_its_row_says),
        cmocka_unit_test(test_a_gradient_nobody_needs_is_left_out),
        cmocka_unit_test(test_forward_alone_keeps_nothing),
        cmocka_unit_test(test_pieces_are_those_of_the_whole),
        cmocka_unit_test(test_no_layer_hides_a_value_that_is_not_a_number),
    };

    return cmocka_run_group_tests_name("layer rows", tests, NULL, NULL);
}
