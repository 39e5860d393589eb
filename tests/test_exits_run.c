/*
 * Exits that are taken: samples leave, later layers are not run, and what is
 * counted is what the graph says (cards E9, H6).
 */
#include "tests/support.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "net/size.h"
#include "tests/learning.h"
#include "train/exit_run.h"

static const struct exit_criterion *by(const char *name)
{
    const struct exit_criterion *c = exit_criterion_find(name);

    assert_non_null(c);
    return c;
}

/*
 * Inference that stops.  Graphs in which later exits read what earlier ones
 * left behind: residual, concatenated, flattened, in place.
 */
static const char *const graphs[] = {
    /* a chain with side branches */
    "input 6x6x1, conv2d 3 3x3 name=trunk relu, flatten name=f, "
    "dense 4 name=first, conv2d 4 3x3 name=later from=trunk_relu relu, "
    "flatten, dense 9 relu, dense 4 name=last softmax, output first "
    "last_softmax",
    /* residual, three exits, pooling */
    "input 6x6x1, conv2d 4 3x3 name=a padding=same relu, "
    "global_average_pool2d, dense 4 name=one, "
    "conv2d 4 3x3 name=b from=a_relu padding=same relu, add from=b_relu,a_relu "
    "name=sum, global_average_pool2d, dense 4 name=two, "
    "concat from=a_relu,sum name=both, conv2d 5 3x3, batch_norm, relu, "
    "flatten, "
    "dense 4 name=three, output one two three",
    /* an exit out of the middle of the main path, the input read late */
    "input 6x6x1, flatten name=x, dense 8 name=h relu, dense 4 name=early, "
    "dense 6 name=g from=h_relu tanh, concat from=g_tanh,x, "
    "dense 4 name=late, output early late",
};
#define STAGED_SAMPLES 300

struct staged {
    struct net *net;
    struct dataset *data;
    struct pool *pool;
    float *logits;
    struct exit_run run;
    int32_t guess[STAGED_SAMPLES];
    uint8_t where[STAGED_SAMPLES];
};

static void staged_open(struct staged *s, const char *graph, int threads)
{
    struct err err;

    memset(s, 0, sizeof(*s));
    s->net = learning_net(graph, 5);
    s->data = learning_data("6x6x1", 4, 2 * STAGED_SAMPLES, 8);
    s->pool = learning_pool(threads);
    assert_int_equal(s->data->test.n, STAGED_SAMPLES);
    s->logits = mem_array((size_t)STAGED_SAMPLES * 4,
                          (size_t)s->net->output_count * sizeof(float));
    assert_ok(exit_logits(s->net, s->data, &s->data->test, NULL, STAGED_SAMPLES,
                          s->pool, s->logits, NULL, &err));
}

static void staged_close(struct staged *s)
{
    net_free(s->net);
    dataset_free(s->data);
    pool_free(s->pool);
    mem_free(s->logits);
}

/* Thresholds of a middling score, so that samples leave everywhere. */
static struct exit_rule staged_rule(const struct staged *s)
{
    struct exit_rule rule = exit_rule_make(by("probability"), 2);
    struct exit_table t;
    double share[EXIT_MAX];
    int k, exits = s->net->output_count;

    for (k = 0; k < exits; k++)
        share[k] = 1.0 / exits;
    exit_table_make(&t, s->logits, s->data->test.label, STAGED_SAMPLES, exits,
                    4, &rule);
    exits_thresholds(&t, share, rule.threshold);
    /* Between two scores: rounding must not decide. */
    for (k = 0; k < exits - 1; k++)
        rule.threshold[k] -= 1e-6;
    exit_table_done(&t);
    return rule;
}

static void staged_run(struct staged *s, const struct exit_rule *rule,
                       int batch)
{
    struct err err;
    struct exit_runner *r =
        exit_runner_new(s->net, s->data, batch, s->pool, &err);

    if (r == NULL)
        fail_msg("%s", err.msg);
    assert_ok(exit_runner_run(r, &s->data->test, NULL, STAGED_SAMPLES, rule,
                              &s->run, s->guess, s->where, NULL, &err));
    exit_runner_free(r);
}

/* The same exits and answers as looking them up in outputs computed once, and
 * exactly the products that the graph says. */
static void test_what_stops_answers_as_the_table_does(void **unused)
{
    static const int batches[] = {1, 7, 64, STAGED_SAMPLES};
    struct staged s;
    struct exit_table t;
    struct exit_result r;
    uint8_t where[STAGED_SAMPLES];
    double cost[EXIT_MAX];
    size_t g, b;
    int i, k;

    (void)unused;
    for (g = 0; g < LENGTH(graphs); g++) {
        struct exit_rule rule;

        staged_open(&s, graphs[g], 2);
        rule = staged_rule(&s);
        size_of_outputs(s.net, cost, NULL);
        exit_table_make(&t, s.logits, s.data->test.label, STAGED_SAMPLES,
                        s.net->output_count, 4, &rule);
        exits_apply(&t, rule.threshold, cost, &r, where);
        for (b = 0; b < LENGTH(batches); b++) {
            staged_run(&s, &rule, batches[b]);
            for (i = 0; i < STAGED_SAMPLES; i++) {
                assert_int_equal(s.where[i], where[i]);
                assert_int_equal(s.guess[i],
                                 t.guess[where[i] * STAGED_SAMPLES + i]);
            }
            assert_int_equal(s.run.hits, r.hits);
            for (k = 0; k < s.net->output_count; k++) {
                assert_true(s.run.left[k] > 20);
                assert_int_equal(s.run.left[k], r.left[k]);
                assert_int_equal(s.run.right[k], r.right[k]);
            }
            assert_true(s.run.macs == s.run.counted);
            assert_close(s.run.macs / STAGED_SAMPLES, r.cost, 1e-9 * r.cost);
        }
        exit_table_done(&t);
        staged_close(&s);
    }
}

/* What only later exits need is run on those alone that come so far. */
static void test_layers_run_on_those_alone_that_come_so_far(void **unused)
{
    struct staged s;
    struct exit_rule rule;
    struct exit_runner *r;
    struct err err;
    int first, later, last;

    (void)unused;
    staged_open(&s, graphs[0], 2);
    first = net_find(s.net, "first");
    later = net_find(s.net, "later");
    last = net_find(s.net, "last");
    rule = staged_rule(&s);
    r = exit_runner_new(s.net, s.data, 64, s.pool, &err);
    assert_non_null(r);
    assert_ok(exit_runner_run(r, &s.data->test, NULL, STAGED_SAMPLES, &rule,
                              &s.run, NULL, NULL, NULL, &err));
    assert_int_equal(exit_runner_ran(r, first), STAGED_SAMPLES);
    assert_int_equal(exit_runner_ran(r, later), s.run.left[1]);
    assert_int_equal(exit_runner_ran(r, last), s.run.left[1]);
    assert_int_equal(exit_runner_ran(r, s.net->output[1]), 0); /* softmax */
    rule.threshold[0] = exit_always(rule.by);
    assert_ok(exit_runner_run(r, &s.data->test, NULL, STAGED_SAMPLES, &rule,
                              &s.run, NULL, NULL, NULL, &err));
    assert_int_equal(exit_runner_ran(r, later), 0);
    assert_int_equal(s.run.left[0], STAGED_SAMPLES);
    exit_runner_free(r);
    staged_close(&s);
}

/* A layer that counts the samples it is called with, out of pool threads. */
static atomic_int witnessed;

static void witness(const struct layer_pass *p)
{
    atomic_fetch_add(&witnessed, p->n);
    memcpy(p->y, p->x[0], (size_t)p->n * shape_count(&p->out) * sizeof(float));
}

static enum err_code same_shape(const void *config, const struct shape *in,
                                int in_count, struct shape *out,
                                struct err *err)
{
    (void)config;
    (void)in_count;
    (void)err;
    *out = in[0];
    return ERR_OK;
}

static const struct layer_kind witness_kind = {.name = "witness",
                                               .keras = "Witness",
                                               .help = "counts its calls",
                                               .least_in = 1,
                                               .most_in = 1,
                                               .shape = same_shape,
                                               .forward = witness};

/* input, flatten, dense early; witness of flatten, dense late. */
static struct net *witness_net(void)
{
    const long long dims[3] = {6, 6, 1};
    unsigned char config[LAYER_CONFIG_MAX];
    const struct layer_kind *dense = layer_find("dense");
    struct args a;
    struct shape shape;
    struct net *net;
    int in = NET_INPUT, flat, outputs[2], seen;
    struct err err;

    assert_ok(shape_make(&shape, 3, dims, &err));
    assert_ok(args_parse("dense 4", &a, &err));
    assert_ok(layer_parse(dense, &a, config, &err));
    args_done(&a);
    net = net_new("witness", &shape);
    assert_ok(net_add(net, layer_find("flatten"), NULL, NULL, &in, 1, false,
                      &flat, &err));
    assert_ok(
        net_add(net, dense, config, NULL, &flat, 1, false, &outputs[0], &err));
    assert_ok(
        net_add(net, &witness_kind, NULL, NULL, &flat, 1, false, &seen, &err));
    assert_ok(
        net_add(net, dense, config, NULL, &seen, 1, false, &outputs[1], &err));
    assert_ok(net_finish(net, outputs, 2, &err));
    net_init(net, 3);
    return net;
}

static void test_a_later_layer_is_not_called_for_those_that_left(void **unused)
{
    struct staged s;
    struct exit_rule rule;

    (void)unused;
    staged_open(&s, graphs[0], 2);
    net_free(s.net);
    s.net = witness_net();
    rule = exit_rule_make(by("probability"), exit_always(by("probability")));
    atomic_store(&witnessed, 0);
    staged_run(&s, &rule, 64);
    assert_int_equal(atomic_load(&witnessed), 0);
    rule.threshold[0] = .5;
    staged_run(&s, &rule, 64);
    assert_in_range(s.run.left[0], 1, STAGED_SAMPLES - 1);
    assert_int_equal(atomic_load(&witnessed), s.run.left[1]);
    staged_close(&s);
}

/* Nor are its values read: they may be anything. */
static void test_values_of_later_layers_do_not_reach_those_that_left(
    void **unused)
{
    struct staged s;
    struct exit_rule rule;
    struct param *p;
    int i;

    (void)unused;
    staged_open(&s, graphs[0], 2);
    rule = exit_rule_make(by("entropy"), exit_always(by("entropy")));
    p = &s.net->node[net_find(s.net, "later")].param[0];
    for (i = 0; i < (int)p->count; i++)
        p->value[i] = NAN;
    staged_run(&s, &rule, 50);
    for (i = 0; i < STAGED_SAMPLES; i++)
        assert_in_range(s.guess[i], 0, 3);
    assert_int_equal(s.run.left[0], STAGED_SAMPLES);
    staged_close(&s);
}

static void test_thread_counts_agree_on_exits(void **unused)
{
    struct staged s;
    uint8_t where[STAGED_SAMPLES];
    int32_t guess[STAGED_SAMPLES];
    int threads;

    (void)unused;
    for (threads = 1; threads <= 4; threads += 3) {
        struct exit_rule rule;

        staged_open(&s, graphs[1], threads);
        rule = staged_rule(&s);
        staged_run(&s, &rule, STAGED_SAMPLES);
        if (threads > 1) {
            assert_memory_equal(where, s.where, sizeof(where));
            assert_memory_equal(guess, s.guess, sizeof(guess));
        }
        memcpy(where, s.where, sizeof(where));
        memcpy(guess, s.guess, sizeof(guess));
        staged_close(&s);
    }
}

static void test_stopping_allocates_nothing_inside_a_batch(void **unused)
{
    struct staged s;
    struct exit_rule rule;
    struct exit_runner *r;
    struct err err;
    unsigned long calls;

    (void)unused;
    staged_open(&s, graphs[1], 2);
    rule = staged_rule(&s);
    r = exit_runner_new(s.net, s.data, 64, s.pool, &err);
    assert_non_null(r);
    calls = mem_block_calls();
    assert_ok(exit_runner_run(r, &s.data->test, NULL, STAGED_SAMPLES, &rule,
                              &s.run, NULL, NULL, NULL, &err));
    assert_int_equal(mem_block_calls(), calls);
    exit_runner_free(r);
    staged_close(&s);
}

/* ExitNet and such: what exits share is paid for once (card E9). */
static void test_costs_in_turn_and_alone_are_those_of_the_graph(void **unused)
{
    struct net *net = learning_net(graphs[0], 1);
    const double trunk = 4 * 4 * 9 * 3, first = 48 * 4;
    const double later = 2 * 2 * 9 * 3 * 4, last = 16 * 9 + 9 * 4;
    double in_turn[2], alone[2];

    (void)unused;
    size_of_outputs(net, in_turn, alone);
    assert_close(in_turn[0], trunk + first, 0);
    assert_close(in_turn[1], trunk + first + later + last, 0);
    assert_close(alone[0], trunk + first, 0);
    assert_close(alone[1], trunk + later + last, 0);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_stops_answers_as_the_table_does),
        cmocka_unit_test(test_layers_run_on_those_alone_that_come_so_far),
        cmocka_unit_test(test_a_later_layer_is_not_called_for_those_that_left),
        cmocka_unit_test(
            test_values_of_later_layers_do_not_reach_those_that_left),
        cmocka_unit_test(test_thread_counts_agree_on_exits),
        cmocka_unit_test(test_stopping_allocates_nothing_inside_a_batch),
        cmocka_unit_test(test_costs_in_turn_and_alone_are_those_of_the_graph),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
