/*
 * Nets with several classifiers: criteria, costs, thresholds, budgets,
 * calibration (vectors of cards E1, E3, E4, E6, E7, E8).
 */
#include "tests/support.h"

#include "base/mem.h"
#include "base/rng.h"
#include "train/exits.h"

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
