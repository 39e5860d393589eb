/* Whole numbers: cards Q2 and Q3. */
#include "support.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "compress/integer.h"
#include "compress/round.h"
#include "learning.h"
#include "net/exec.h"

static void test_the_factor_of_card_q2(void **state)
{
    int32_t m0;
    int shift;

    (void)state;
    /* M = Sx Sw / Sy = .00588235 = .752941 * 2^-7 */
    integer_factor(3.0 / 255.0 * (1.0 / 127.0) / (2.0 / 127.0), &m0, &shift);
    assert_int_equal(m0, 1616928864);
    assert_int_equal(shift, 31 + 7);
    assert_int_equal(integer_scale(18005, m0, shift), 106);
    integer_factor(1.0, &m0, &shift);
    assert_int_equal(integer_scale(-12345, m0, shift), -12345);
    integer_factor(0.5, &m0, &shift);
    assert_int_equal(integer_scale(3, m0, shift), 2);
    assert_int_equal(integer_scale(-3, m0, shift), -1);
    assert_int_equal(integer_scale(INT32_MIN, m0, shift), INT32_MIN / 2);
    integer_factor(1e-30, &m0, &shift);
    assert_int_equal(integer_scale(INT32_MAX, m0, shift), 0);
    integer_factor(1e30, &m0, &shift);
    assert_true(integer_scale(5, m0, shift) > 255);
}

static void test_factors_are_true_to_31_bits(void **state)
{
    struct rng r = rng_at(6, RNG_TEST, 0, 0);
    int i;

    (void)state;
    for (i = 0; i < 2000; i++) {
        double factor = exp(-12.0 * rng_double(&r));
        int32_t acc = (int32_t)rng_below(&r, 2000000) - 1000000, m0;
        double want = (double)acc * factor;
        int shift;

        integer_factor(factor, &m0, &shift);
        assert_true(fabs(integer_scale(acc, m0, shift) - want) <=
                    0.5 + fabs(want) * 1e-9);
    }
}

/* The product of the card, as a net of one layer behind another. */
static void test_the_product_of_card_q2(void **state)
{
    static const float x[] = {0.91f, -0.41f, 1.72f};
    struct net *net = learning_net("input 3, dense 1, dense 1", 1);
    struct act_range range[3] = {
        {-(127.0f + 21.0f) / 127.0f, 2.0f}, {-1.0f, 1.0f}, {-1.0f, 2.0f}};
    struct integer_work *w;
    struct integer *m;
    struct err err;
    float *k = net->node[0].param[0].value, logit;
    struct grid *g = grid_new(GRID_SYMMETRIC, 8, 1, 3, &err);
    double sy;

    (void)state;
    /* The weights of the card lie on a grid of 1/127. */
    g->scale[0] = 1.0f / 127.0f;
    k[0] = grid_real(g, 32, 0);
    k[1] = grid_real(g, -127, 0);
    k[2] = grid_real(g, 76, 0);
    param_bind(&net->node[0].param[0], NULL, g);
    net->node[1].param[0].value[0] = 1.0f;
    m = integer_new(net, range, &err);
    assert_non_null(m);
    w = integer_work_new(m);
    integer_run(m, w, x, false, &logit);
    /* acc 18005 makes 1.66790; the layer's own scale and zero point: */
    sy = (2.0 + 148.0 / 127.0) / 255.0;
    assert_int_equal(*integer_output(m, w, 0),
                     (int)lround(148.0 / 127.0 / sy) +
                         (int)lround(18005.0 * 3.0 / 255.0 / 127.0 / sy));
    assert_close(logit, 1.66790, sy);
    integer_work_free(w);
    integer_free(m);
    net_free(net);
}

static void see(struct act_seen *s, const float *x, size_t n)
{
    act_ends(s, x, n);
    act_count(s, x, n);
}

static void test_ranges_of_card_q3(void **state)
{
    struct act_seen *s = mem_zalloc(sizeof(*s));
    float *x = mem_array(10001, sizeof(*x));
    const struct calibrator *c;
    int i;

    (void)state;
    for (i = 0; i < 10000; i++)
        x[i] = ((float)i + 0.5f) / 10000.0f;
    see(s, x, 10000);
    for (c = calibrators; c->name != NULL; c++)
        assert_close(act_choose(s, c, 8).high, 1.0, 0.01);
    memset(s, 0, sizeof(*s));
    x[10000] = 100.0f;
    see(s, x, 10001);
    assert_close(act_choose(s, calibrator_find("minmax"), 8).high, 100.0, 1e-5);
    assert_close(act_choose(s, calibrator_find("percentile"), 8).high, 1.0,
                 0.05);
    assert_true(act_choose(s, calibrator_find("kl"), 8).high < 100.0f);
    assert_close(act_choose(s, calibrator_find("kl"), 8).low, 0.0, 0.0);
    mem_free(x);
    mem_free(s);
}

/* A few values far out are not worth the levels. */
static void test_kl_cuts_a_long_tail(void **state)
{
    struct act_seen *s = mem_zalloc(sizeof(*s));
    float *x = mem_array(60000, sizeof(*x));
    struct rng r = rng_at(6, RNG_TEST, 1, 0);
    struct act_range got;
    int i;

    (void)state;
    for (i = 0; i < 60000; i++)
        x[i] = (float)rng_normal(&r) * (i % 100 == 0 ? 8.0f : 1.0f);
    see(s, x, 60000);
    got = act_choose(s, calibrator_find("kl"), 8);
    assert_true(-got.low < 0.9f * (float)s->top && -got.low > 2.0f);
    mem_free(x);
    mem_free(s);
}

#define CONV                                                           \
    "input 9x9x2, conv2d 5 3x3 padding=same, relu, max_pool2d 2x2 "    \
    "padding=same, conv2d 4 2x2 strides=2 padding=same relu, "         \
    "average_pool2d 2x2 padding=same, flatten, dense 7 relu, dense 4 " \
    "softmax"

/* Batch norms behind a convolution with a bias, one without, a dense layer and
 * the logits; zeros around; the mean of all places. */
#define NORMS                                                               \
    "input 9x9x2, zero_padding2d 1,2,0,3, conv2d 5 3x3, batch_norm, relu, " \
    "conv2d 6 3x3 use_bias=no padding=same, batch_norm scale=no, "          \
    "max_pool2d 2x2, zero_padding2d, conv2d 8 3x3, batch_norm center=no, "  \
    "relu, global_average_pool2d, dense 7 use_bias=no, batch_norm, relu, "  \
    "dense 4, batch_norm, softmax"

static float first_logits[64][4];

static void fill(void *arg, int first, int n, float *x)
{
    size_t width = 9 * 9 * 2;

    memcpy(x, (const float *)arg + (size_t)first * width,
           (size_t)n * width * sizeof(float));
}

static double head(void *arg, int shard, int first, int n,
                   const float *const *y, float *const *dy)
{
    (void)arg, (void)shard, (void)dy;
    memcpy(first_logits[first], y[0], (size_t)n * 4 * sizeof(float));
    return 0.0;
}

/* Ends of every node's activations, by running the net on the samples. */
static void ranges_of(struct net *net, float *x, int n, struct act_range *range)
{
    struct pool *pool = learning_pool(1);
    struct exec_hooks hooks = {.fill = fill, .head = head, .arg = x};
    struct act_seen *seen = mem_zalloc(sizeof(*seen));
    struct err err;
    struct exec *e = exec_new(net, n, EXEC_KEEP, pool, &err);
    int i, s, count;

    assert_non_null(e);
    exec_run(e, PASS_EVAL, false, n, 0, 0, &hooks);
    for (i = 0; i <= net->node_count; i++) {
        memset(seen, 0, sizeof(*seen));
        if (i == net->node_count)
            act_ends(seen, x, (size_t)n * 9 * 9 * 2);
        for (s = 0; i < net->node_count - 1 && s < exec_shards(e, n); s++) {
            const float *y = exec_activation(e, s, i, &count);

            act_ends(seen, y, (size_t)count * shape_count(&net->node[i].out));
        }
        range[i] = (struct act_range){seen->low, seen->high};
    }
    exec_free(e);
    mem_free(seen);
    pool_free(pool);
}

/* Statistics far from their first values, factors of both signs and, where a
 * channel is 0, none. */
static void shake_norms(struct net *net)
{
    struct rng r = rng_at(6, RNG_TEST, 3, 0);
    struct param_walk w;
    struct param *p;
    size_t i;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        for (i = 0; i < p->count; i++) {
            double z = rng_normal(&r);

            if (strcmp(p->name, "gamma") == 0)
                p->value[i] = i == 3 ? 0.0f : (float)(i % 2 ? 1 + z / 4 : -1);
            else if (strcmp(p->name, "moving_variance") == 0)
                p->value[i] = (float)(0.3 + z * z);
            else if (strcmp(p->name, "moving_mean") == 0 ||
                     strcmp(p->name, "beta") == 0)
                p->value[i] = (float)(0.3 * z);
        }
    }
}

/* Every kind of layer, negative inputs (so that padding is no 0), against the
 * floats and against the simulation. */
static void check_spec(const char *spec)
{
    struct net *net = learning_net(spec, 3);
    struct rng r = rng_at(6, RNG_TEST, 2, 0);
    float *x = mem_array((size_t)64 * 9 * 9 * 2, sizeof(*x)), got[4], sim[4];
    struct act_range range[32];
    struct integer_work *w, *v;
    struct integer *m;
    struct err err;
    double off = 0.0, size = 0.0;
    int i, k, node, same = 0, all = 0;

    for (i = 0; i < 64 * 9 * 9 * 2; i++)
        x[i] = (float)rng_normal(&r) + 0.3f;
    for (node = 0; node < net->node_count; node++) {
        struct param *b = &net->node[node].param[1];

        for (i = 0; net->node[node].param_count > 1 && i < (int)b->count; i++)
            b->value[i] = 0.1f * (float)rng_normal(&r);
    }
    shake_norms(net);
    ranges_of(net, x, 64, range);
    m = integer_new(net, range, &err);
    if (m == NULL)
        fail_msg("%s", err.msg);
    w = integer_work_new(m);
    v = integer_work_new(m);
    for (i = 0; i < 64; i++) {
        integer_run(m, w, x + i * 9 * 9 * 2, false, got);
        integer_run(m, v, x + i * 9 * 9 * 2, true, sim);
        for (k = 0; k < 4; k++) {
            off += fabs((double)got[k] - (double)first_logits[i][k]);
            size += fabs((double)first_logits[i][k]);
            assert_close(got[k], sim[k], 0.01);
        }
        for (node = 0; node < net->node_count; node++) {
            const uint8_t *p = integer_output(m, w, node);
            const uint8_t *q = integer_output(m, v, node);
            size_t j;

            for (j = 0; p != NULL && j < shape_count(&net->node[node].out);
                 j++) {
                assert_true(abs(p[j] - q[j]) <= 1);
                same += p[j] == q[j];
                all++;
            }
        }
    }
    assert_true(off < 0.03 * size);
    assert_true(all > 30000 && same > 0.999 * all);
    integer_work_free(w);
    integer_work_free(v);
    integer_free(m);
    mem_free(x);
    net_free(net);
}

static void test_whole_numbers_do_what_floats_do(void **state)
{
    (void)state;
    check_spec(CONV);
}

static void test_batch_norms_are_folded_into_what_is_before_them(void **state)
{
    (void)state;
    check_spec(NORMS);
}

/* The card's: gamma 1.5, beta 0.2, mean 0.4, variance 0.25, epsilon 0 make
 * 3 x - 1.  One weight of 1: whole numbers show the line itself. */
static void test_the_fold_of_card_q2(void **state)
{
    struct net *net = learning_net("input 1, dense 1 use_bias=no, "
                                   "batch_norm epsilon=0",
                                   1);
    struct act_range range[3] = {{-1.0f, 1.0f}, {-4.0f, 2.0f}, {-1.0f, 1.0f}};
    static const float stats[] = {1.5f, 0.2f, 0.4f, 0.25f};
    static const float x[] = {-1.0f, 0.0f, 1.0f};
    struct integer_work *w;
    struct integer *m;
    struct err err;
    float logit;
    int i;

    (void)state;
    net->node[0].param[0].value[0] = 1.0f;
    for (i = 0; i < 4; i++)
        net->node[1].param[i].value[0] = stats[i];
    m = integer_new(net, range, &err);
    assert_non_null(m);
    w = integer_work_new(m);
    for (i = 0; i < 3; i++) {
        integer_run(m, w, &x[i], false, &logit);
        assert_close(logit, 3.0 * (double)x[i] - 1.0, 0.02);
    }
    integer_work_free(w);
    integer_free(m);
    net_free(net);
}

static void test_layers_without_such_a_form_are_named(void **state)
{
    static const struct {
        const char *spec, *says;
    } rows[] = {
        {"input 4, dense 3 name=a, tanh name=t, dense 2", "\"t\" (tanh)"},
        {"input 4, dense 3, relu, batch_norm name=b, dense 2",
         "\"b\" (batch_norm)"},
        {"input 4, batch_norm name=b, dense 2", "directly behind a dense"},
        {"input 4, dense 3, relu", "ends in a dense layer"},
    };
    struct act_range range[16] = {{0.0f, 0.0f}};
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        struct net *net = learning_net(rows[i].spec, 1);

        assert_null(integer_new(net, range, &err));
        assert_int_equal(err.code, ERR_UNSUPPORTED);
        if (strstr(err.msg, rows[i].says) == NULL)
            fail_msg("%s", err.msg);
        net_free(net);
    }
}

/* Mapping a grid's own numbers changes nothing, whatever the threads. */
static void test_guesses_do_not_depend_on_threads(void **state)
{
    struct net *net =
        learning_net("input 6x6x1, flatten, dense 9 relu, dense 4", 2);
    struct dataset *data = learning_data("6x6x1", 4, 300, 5);
    struct round_request round = round_defaults();
    struct act_range range[8];
    int32_t a[300], b[300];
    struct integer *m;
    struct err err;
    int threads;

    (void)state;
    assert_ok(round_apply(net, &round, &err));
    for (threads = 1; threads <= 3; threads += 2) {
        struct pool *pool = learning_pool(threads);

        assert_ok(calibrate(net, data, 100, calibrator_find("percentile"), NULL,
                            pool, NULL, range, &err));
        m = integer_new(net, range, &err);
        assert_non_null(m);
        assert_ok(integer_evaluate(m, net, data, &data->train, NULL, 240, false,
                                   pool, NULL, threads == 1 ? a : b, &err));
        integer_free(m);
        pool_free(pool);
    }
    assert_same_bits(a, b, 240 * sizeof(*a));
    dataset_free(data);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_factor_of_card_q2),
        cmocka_unit_test(test_factors_are_true_to_31_bits),
        cmocka_unit_test(test_the_product_of_card_q2),
        cmocka_unit_test(test_ranges_of_card_q3),
        cmocka_unit_test(test_kl_cuts_a_long_tail),
        cmocka_unit_test(test_whole_numbers_do_what_floats_do),
        cmocka_unit_test(test_batch_norms_are_folded_into_what_is_before_them),
        cmocka_unit_test(test_the_fold_of_card_q2),
        cmocka_unit_test(test_layers_without_such_a_form_are_named),
        cmocka_unit_test(test_guesses_do_not_depend_on_threads),
    };

    return cmocka_run_group_tests_name("integer", tests, NULL, NULL);
}
