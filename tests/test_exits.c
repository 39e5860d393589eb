/*
 * Nets with several classifiers: criteria, costs, thresholds, budgets,
 * calibration (vectors of cards E1, E3, E4, E6, E7, E8), and inference that
 * stops.
 */
#include "tests/support.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "base/rng.h"
#include "net/size.h"
#include "tests/learning.h"
#include "train/exit_run.h"

#define TINY 1e-6

static const struct exit_criterion *by(const char *name)
{
    const struct exit_criterion *c = exit_criterion_find(name);

    assert_non_null(c);
    return c;
}

/* Criteria. */

static void test_entropy_is_that_of_the_card(void **unused)
{
    static const struct {
        float p[3];
        double h;
    } rows[] = {{{1, 0, 0}, 0},
                {{.98f, .01f, .01f}, .111902},
                {{.7f, .2f, .1f}, .801819},
                {{1 / 3.0f, 1 / 3.0f, 1 / 3.0f}, 1.098612}};
    size_t i;

    (void)unused;
    for (i = 0; i < LENGTH(rows); i++)
        assert_close(by("entropy")->score(rows[i].p, 0, 3), rows[i].h, TINY);
}

static void test_entropy_sees_what_the_largest_probability_does_not(
    void **unused)
{
    float two[10] = {.6f, .4f}, many[10];
    int c;

    (void)unused;
    many[0] = .6f;
    for (c = 1; c < 10; c++)
        many[c] = .4f / 9;
    assert_close(by("probability")->score(two, 0, 10), .6, TINY);
    assert_close(by("probability")->score(many, 0, 10), .6, TINY);
    assert_close(by("entropy")->score(two, 0, 10), .673012, TINY);
    assert_close(by("entropy")->score(many, 0, 10), 1.551901, TINY);
    assert_close(by("margin")->score(two, 0, 10), .2, TINY);
}

/* With two classes probability, margin and entropy order samples alike. */
static void test_two_classes_make_the_criteria_one(void **unused)
{
    float last[3] = {0, 0, 0};
    int i;

    (void)unused;
    for (i = 0; i <= 100; i++) {
        float p[2] = {.5f + .005f * (float)i, .5f - .005f * (float)i};
        float now[3] = {by("probability")->score(p, 0, 2),
                        by("margin")->score(p, 0, 2),
                        -by("entropy")->score(p, 0, 2)};
        int k;

        for (k = 0; k < 3 && i > 0; k++)
            assert_true(now[k] > last[k]);
        memcpy(last, now, sizeof(last));
    }
}

static void test_patience_counts_exits_that_agree_in_a_row(void **unused)
{
    static const float p[] = {.9f, .1f, .2f, .8f, .4f, .6f, .1f, .9f, .8f, .2f};

    (void)unused;
    assert_close(by("patience")->score(p, 0, 2), 1, 0);
    assert_close(by("patience")->score(p, 1, 2), 1, 0);
    assert_close(by("patience")->score(p, 2, 2), 2, 0);
    assert_close(by("patience")->score(p, 3, 2), 3, 0);
    assert_close(by("patience")->score(p, 4, 2), 1, 0);
}

static void test_thresholds_are_strict_where_the_card_says_so(void **unused)
{
    (void)unused;
    assert_false(exit_leaves(by("entropy"), 0.0f, 0.0));
    assert_false(exit_leaves(by("entropy"), 0.0f, exit_never(by("entropy"))));
    assert_true(exit_leaves(by("entropy"), 2.302585f, 2.31));
    assert_true(exit_leaves(by("probability"), 0.5f, 0.5));
    assert_false(
        exit_leaves(by("probability"), 1.0f, exit_never(by("probability"))));
}

/* Eight samples at three exits: the example of card E6. */

static const double costs[3] = {1, 2, 4};
static const int32_t labels[8] = {1, 1, 1, 1, 1, 1, 1, 1};

static void card_table(struct exit_table *t)
{
    static const float score[3][8] = {
        {.99f, .95f, .90f, .85f, .60f, .55f, .40f, .35f},
        {.99f, .99f, .97f, .96f, .92f, .70f, .65f, .50f},
        {1, 1, 1, 1, .95f, .9f, .8f, .6f}};
    static const int32_t right[3][8] = {{1, 1, 1, 0, 1, 0, 0, 0},
                                        {1, 1, 1, 1, 1, 0, 1, 0},
                                        {1, 1, 1, 1, 1, 1, 1, 0}};

    *t = (struct exit_table){.samples = 8,
                             .exits = 3,
                             .classes = 2,
                             .by = by("probability"),
                             .label = labels};
    t->score = mem_array(24, sizeof(float));
    t->confidence = mem_array(24, sizeof(float));
    t->guess = mem_array(24, sizeof(int32_t));
    memcpy(t->score, score, sizeof(score));
    memcpy(t->confidence, score, sizeof(score));
    memcpy(t->guess, right, sizeof(right));
}

static void test_shares_give_the_thresholds_of_the_card(void **unused)
{
    static const double share[3] = {.5, .25, .25};
    static const uint8_t places[8] = {0, 0, 0, 0, 1, 1, 2, 2};
    double threshold[3];
    struct exit_result r;
    struct exit_table t;
    uint8_t where[8];

    (void)unused;
    card_table(&t);
    exits_thresholds(&t, share, threshold);
    assert_close(threshold[0], .85, TINY);
    assert_close(threshold[1], .70, TINY);
    exits_apply(&t, threshold, costs, &r, where);
    assert_memory_equal(where, places, sizeof(places));
    assert_close(r.accuracy, .625, 0);
    assert_close(r.cost, 2.0, 0);
    assert_int_equal(r.left[0], 4);
    assert_int_equal(r.left[1], 2);
    assert_int_equal(r.left[2], 2);
    assert_close(exits_alone(&t, 0), .5, 0);
    assert_close(exits_alone(&t, 1), .75, 0);
    assert_close(exits_alone(&t, 2), .875, 0);
    exit_table_done(&t);
}

static void test_overthinking_is_counted_as_the_card_does(void **unused)
{
    struct exit_study s;
    struct exit_table t;

    (void)unused;
    card_table(&t);
    exits_study(&t, costs, &s);
    assert_close(s.cumulative, .875, 0);
    assert_close(s.wasteful, .75, 0);
    assert_close(s.destructive, 0, 0);
    assert_close(s.oracle_cost, 2.0, 0);
    assert_int_equal(s.oracle[0], 4);
    assert_int_equal(s.oracle[1], 2);
    assert_int_equal(s.oracle[2], 2);
    /* Sample 0 forgets what it knew: destructive, and the identity holds. */
    t.guess[16] = 0;
    exits_study(&t, costs, &s);
    assert_close(s.destructive, 1 / 8.0, 0);
    assert_close(s.cumulative, exits_alone(&t, 2) + s.destructive, 0);
    exit_table_done(&t);
}

static void test_edges_of_shares_are_those_of_the_card(void **unused)
{
    static const double none[3] = {0, .5, .5}, all[3] = {.5, .9, 0};
    double threshold[3];
    struct exit_result r;
    struct exit_table t;

    (void)unused;
    card_table(&t);
    exits_thresholds(&t, none, threshold);
    assert_true(isinf(threshold[0]) && threshold[0] > 0);
    exits_thresholds(&t, all, threshold);
    assert_close(threshold[1], .50, TINY);
    exits_apply(&t, threshold, costs, &r, NULL);
    assert_int_equal(r.left[2], 0);
    exit_table_done(&t);
}

/* Card E1: nothing shared costs 3.40, a shared trunk 2.55. */
static void test_a_cascade_pays_for_every_net_it_asked(void **unused)
{
    static const double alone[3] = {1, 4, 12}, shared[3] = {1, 3, 8};
    static const int exit_of[20] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                    0, 0, 1, 1, 1, 1, 1, 2, 2, 2};
    const double threshold[2] = {.5, .5};
    struct exit_table t = {
        .samples = 20, .exits = 3, .classes = 2, .by = by("probability")};
    const int32_t label[20] = {0};
    struct exit_result r;
    int i, k;

    (void)unused;
    t.score = mem_array(60, sizeof(float));
    t.guess = mem_array(60, sizeof(int32_t));
    t.label = label;
    for (i = 0; i < 20; i++) {
        for (k = 0; k < 3; k++)
            t.score[k * 20 + i] = k >= exit_of[i] ? .9f : .1f;
    }
    exits_apply(&t, threshold, alone, &r, NULL);
    assert_close(r.cost, 3.40, 1e-12);
    exits_apply(&t, threshold, shared, &r, NULL);
    assert_close(r.cost, 2.55, 1e-12);
    exit_table_done(&t);
}

static void test_budgets_give_the_shares_of_the_card(void **unused)
{
    static const double cost[4] = {1, 2, 4, 7};
    static const double half[4] = {.551209, .263163, .125642, .059985};
    static const double rising[4] = {.123077, .184615, .276923, .415385};
    double share[4];
    int k;

    (void)unused;
    assert_close(1 - exits_shares(cost, 4, 1.5, share), .706843, TINY);
    assert_close(1 - exits_shares(cost, 4, 3, share), .186701, TINY);
    assert_close(1 - exits_shares(cost, 4, 2, share), .522571, TINY);
    for (k = 0; k < 4; k++)
        assert_close(share[k], half[k], TINY);
    assert_close(1 - exits_shares(cost, 4, 3.240186, share), .1, TINY);
    assert_close(share[3], .211980, TINY);
    assert_close(1 - exits_shares(cost, 4, 1.122412, share), .9, TINY);
    assert_close(exits_shares(cost, 4, 3.5, share), 1, TINY);
    assert_close(exits_shares(cost, 4, 4.507692, share), 1.5, 1e-5);
    for (k = 0; k < 4; k++)
        assert_close(share[k], rising[k], TINY);
    exits_shares(cost, 4, .5, share);
    assert_close(share[0], 1, TINY);
    exits_shares(cost, 4, 9, share);
    assert_close(share[3], 1, TINY);
}

/* Random outputs: some exits better than others, as trained ones are. */

#define SAMPLES 700
#define EXITS   4
#define CLASSES 5

struct drawn {
    float logits[SAMPLES * EXITS * CLASSES];
    int32_t label[SAMPLES];
};

static struct drawn *draw(void)
{
    struct drawn *d = mem_zalloc(sizeof(*d));
    struct rng r = rng_at(3, RNG_TEST, 0, 0);
    int i, k, c;

    for (i = 0; i < SAMPLES; i++) {
        d->label[i] = (int32_t)rng_below(&r, CLASSES);
        for (k = 0; k < EXITS; k++) {
            float *z = d->logits + (i * EXITS + k) * CLASSES;

            for (c = 0; c < CLASSES; c++)
                z[c] = (float)rng_normal(&r);
            z[d->label[i]] += (float)(1 + k);
        }
    }
    return d;
}

static void draw_table(struct exit_table *t, const struct drawn *d,
                       const struct exit_criterion *c)
{
    struct exit_rule rule = exit_rule_make(c, c->usual);

    exit_table_make(t, d->logits, d->label, SAMPLES, EXITS, CLASSES, &rule);
}

static const double steps[EXITS] = {10, 25, 45, 100};

/* Each point of the sweep is what applying its threshold gives. */
static void test_a_sweep_agrees_with_applying_each_threshold(void **unused)
{
    struct drawn *d = draw();
    const struct exit_criterion *c;
    struct exit_point point[64];
    struct exit_result r;
    struct exit_table t;
    double threshold[EXIT_MAX];
    int n, i, k;

    (void)unused;
    for (c = exit_criteria; c->name != NULL; c++) {
        draw_table(&t, d, c);
        n = exits_sweep(&t, steps, point, (int)LENGTH(point));
        assert_in_range(n, 2, LENGTH(point));
        for (i = 0; i < n; i++) {
            for (k = 0; k < EXITS; k++)
                threshold[k] = point[i].threshold;
            exits_apply(&t, threshold, steps, &r, NULL);
            assert_close(r.accuracy, point[i].accuracy, 1e-12);
            assert_close(r.cost, point[i].cost, 1e-9);
            assert_true(i == 0 || point[i].cost <= point[i - 1].cost);
        }
        assert_close(point[0].cost, 100, 0);
        assert_close(point[0].accuracy, exits_alone(&t, EXITS - 1), 0);
        assert_close(point[n - 1].cost, 10, 0);
        assert_close(point[n - 1].accuracy, exits_alone(&t, 0), 0);
        exit_table_done(&t);
    }
    mem_free(d);
}

static void test_realised_shares_differ_by_less_than_a_sample(void **unused)
{
    struct drawn *d = draw();
    const struct exit_criterion *c;
    struct exit_table t;
    struct exit_result r;
    double share[EXITS], threshold[EXIT_MAX];
    int k;

    (void)unused;
    for (c = exit_criteria; c->name != NULL; c++) {
        if (c->whole)
            continue; /* full of ties */
        draw_table(&t, d, c);
        exits_shares(steps, EXITS, 40, share);
        exits_thresholds(&t, share, threshold);
        exits_apply(&t, threshold, steps, &r, NULL);
        for (k = 0; k < EXITS - 1; k++)
            assert_true(fabs((double)r.left[k] / SAMPLES - share[k]) <
                        1.0 / SAMPLES + 1e-12);
        exit_table_done(&t);
    }
    mem_free(d);
}

static void test_cost_rises_with_every_threshold(void **unused)
{
    struct drawn *d = draw();
    struct exit_table t;
    struct exit_result r;
    int k, i;

    (void)unused;
    draw_table(&t, d, by("probability"));
    for (k = 0; k < EXITS - 1; k++) {
        double threshold[EXIT_MAX] = {.7, .7, .7}, last = 0;

        for (i = 0; i <= 100; i++) {
            threshold[k] = i / 100.0;
            exits_apply(&t, threshold, steps, &r, NULL);
            assert_true(r.cost >= last);
            last = r.cost;
        }
    }
    exit_table_done(&t);
    mem_free(d);
}

static void test_a_search_keeps_the_budget_and_never_loses(void **unused)
{
    struct drawn *d = draw();
    struct exit_table t;
    struct exit_result before, after;
    double share[EXITS], threshold[EXIT_MAX];

    (void)unused;
    draw_table(&t, d, by("probability"));
    exits_shares(steps, EXITS, 38, share);
    exits_thresholds(&t, share, threshold);
    exits_apply(&t, threshold, steps, &before, NULL);
    exits_search(&t, steps, 40, threshold);
    exits_apply(&t, threshold, steps, &after, NULL);
    assert_true(before.cost <= 40);
    assert_true(after.cost <= 40);
    assert_true(after.hits > before.hits);
    exit_table_done(&t);
    mem_free(d);
}

static void test_labels_do_not_change_where_samples_leave(void **unused)
{
    struct drawn *d = draw();
    const double threshold[EXIT_MAX] = {.8, .8, .8};
    uint8_t honest[SAMPLES], blind[SAMPLES];
    struct exit_table t;
    struct exit_result r;

    (void)unused;
    draw_table(&t, d, by("probability"));
    exits_apply(&t, threshold, steps, &r, honest);
    exit_table_done(&t);
    memset(d->label, 0, sizeof(d->label));
    draw_table(&t, d, by("probability"));
    exits_apply(&t, threshold, steps, &r, blind);
    assert_memory_equal(honest, blind, sizeof(honest));
    exit_table_done(&t);
    mem_free(d);
}

static void test_an_ensemble_of_one_is_that_exit(void **unused)
{
    struct drawn *d = draw();
    struct exit_rule rule = exit_rule_make(by("probability"), 1);
    struct exit_table t;
    double all;

    (void)unused;
    draw_table(&t, d, by("probability"));
    assert_close(
        exits_ensemble(d->logits, d->label, SAMPLES, EXITS, CLASSES, &rule, 0),
        exits_alone(&t, 0), 0);
    all = exits_ensemble(d->logits, d->label, SAMPLES, EXITS, CLASSES, &rule,
                         EXITS - 1);
    assert_true(all > exits_alone(&t, EXITS - 1));
    exit_table_done(&t);
    mem_free(d);
}

static void test_classes_that_leave_late_are_found(void **unused)
{
    static const int32_t label[4] = {0, 0, 1, 1};
    static const uint8_t where[4] = {0, 1, 2, 2};
    const struct exit_table t = {
        .samples = 4, .exits = 3, .classes = 3, .label = label};
    double mean[3];

    (void)unused;
    exits_classes(&t, where, mean);
    assert_close(mean[0], .5, 0);
    assert_close(mean[1], 2, 0);
    assert_close(mean[2], -1, 0);
}

/* Pairs by hand: rights .9 .7 .6, wrongs .7 .5: 3 + 1.5 + 1 of 6 … */
static void test_auroc_counts_pairs(void **unused)
{
    static const int32_t label[5] = {1, 1, 1, 1, 1};
    float score[5] = {.9f, .7f, .6f, .7f, .5f};
    int32_t guess[5] = {1, 1, 1, 0, 0};
    struct exit_table t = {.samples = 5,
                           .exits = 1,
                           .classes = 2,
                           .by = by("probability"),
                           .score = score,
                           .guess = guess,
                           .label = label};

    (void)unused;
    assert_close(exits_auroc(&t, 0), (2 + 1.5 + 1) / 6, 1e-12);
    t.by = by("entropy");
    assert_close(exits_auroc(&t, 0), 1 - (2 + 1.5 + 1) / 6, 1e-12);
    guess[3] = guess[4] = 1;
    assert_true(isnan(exits_auroc(&t, 0)));
}

/* Calibration: card E8. */

static void test_reliability_is_that_of_the_card(void **unused)
{
    static const float confidence[10] = {.95f, .92f, .88f, .85f, .75f,
                                         .72f, .65f, .55f, .45f, .35f};
    static const uint8_t right[10] = {1, 1, 1, 0, 1, 0, 1, 0, 0, 1};
    static const float sure[2] = {1.0f, 0.0f};
    struct reliability r;

    (void)unused;
    exits_reliability(confidence, right, 10, 5, &r);
    assert_close(r.ece, .237, TINY);
    assert_close(r.mce, .65, TINY);
    assert_close(r.mean_accuracy, .6, TINY);
    assert_close(r.mean_confidence, .707, TINY);
    assert_close(r.brier, .23767, TINY);
    assert_int_equal(r.count[0], 0);
    assert_int_equal(r.count[1], 1);
    assert_int_equal(r.count[2], 2);
    assert_int_equal(r.count[3], 3);
    assert_int_equal(r.count[4], 4);
    exits_reliability(sure, right, 2, 15, &r);
    assert_int_equal(r.count[14], 1);
    assert_int_equal(r.count[0], 1);
}

static void test_temperature_is_that_of_the_card(void **unused)
{
    /* Margins 4 3 2 1 at exit 1; exit 0 is noise between. */
    static const float z[16] = {9, 8, 0, 4, 9, 8, 0, 3, 9, 8, 0, 2, 9, 8, 0, 1};
    static const int32_t label[4] = {1, 1, 0, 1};
    double t = exits_temperature(z, label, 4, 2, 2, 1), sum = 0;
    struct exit_rule rule = exit_rule_make(by("probability"), 1);
    struct exit_table table;
    int i, k;

    (void)unused;
    assert_close(t, 2.0607, 5e-5);
    assert_close(exits_likelihood(z, label, 4, 2, 2, 1, 1), .626732, TINY);
    assert_close(exits_likelihood(z, label, 4, 2, 2, 1, t), .528808, TINY);
    for (i = 0; i < 4; i++) {
        double m = 4 - i, p = 1 / (1 + exp(-m / t));

        sum += m * (p - label[i]);
    }
    assert_close(sum, 0, TINY);
    for (i = 0; i < 2; i++) {
        rule.temperature[1] = i == 0 ? 1 : t;
        exit_table_make(&table, z, label, 4, 2, 2, &rule);
        sum = 0;
        for (k = 0; k < 4; k++)
            sum += (double)table.confidence[4 + k] / 4;
        /* The card gives T to four places. */
        assert_close(sum, i == 0 ? .886611 : .757396, 2e-6);
        assert_close(exits_alone(&table, 1), .75, 0);
        exit_table_done(&table);
    }
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
        cmocka_unit_test(test_entropy_is_that_of_the_card),
        cmocka_unit_test(
            test_entropy_sees_what_the_largest_probability_does_not),
        cmocka_unit_test(test_two_classes_make_the_criteria_one),
        cmocka_unit_test(test_patience_counts_exits_that_agree_in_a_row),
        cmocka_unit_test(test_thresholds_are_strict_where_the_card_says_so),
        cmocka_unit_test(test_shares_give_the_thresholds_of_the_card),
        cmocka_unit_test(test_overthinking_is_counted_as_the_card_does),
        cmocka_unit_test(test_edges_of_shares_are_those_of_the_card),
        cmocka_unit_test(test_a_cascade_pays_for_every_net_it_asked),
        cmocka_unit_test(test_budgets_give_the_shares_of_the_card),
        cmocka_unit_test(test_a_sweep_agrees_with_applying_each_threshold),
        cmocka_unit_test(test_realised_shares_differ_by_less_than_a_sample),
        cmocka_unit_test(test_cost_rises_with_every_threshold),
        cmocka_unit_test(test_a_search_keeps_the_budget_and_never_loses),
        cmocka_unit_test(test_labels_do_not_change_where_samples_leave),
        cmocka_unit_test(test_an_ensemble_of_one_is_that_exit),
        cmocka_unit_test(test_classes_that_leave_late_are_found),
        cmocka_unit_test(test_auroc_counts_pairs),
        cmocka_unit_test(test_reliability_is_that_of_the_card),
        cmocka_unit_test(test_temperature_is_that_of_the_card),
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
