/*
 * Pruning against the vectors of its sources (method cards P1, P3, P5, P6) and
 * by properties: exact counts, floors, what a failure leaves as it was.
 */
#include "tests/support.h"

#include "base/mem.h"
#include "base/rng.h"
#include "compress/mask.h"
#include "compress/prune.h"
#include "net/size.h"
#include "net/spec.h"

static struct net *net_of(const char *spec)
{
    struct err err;
    struct net *net = spec_parse(spec, "test", &err);

    if (net == NULL)
        fail_msg("%s: %s", spec, err.msg);
    return net;
}

static struct param *kernel(struct net *net, const char *node)
{
    int i = net_find(net, node);

    assert_true(i >= 0);
    return &net->node[i].param[0];
}

static void fill_normal(struct param *p, uint64_t seed, double scale)
{
    struct rng rng = rng_at(seed, RNG_TEST, 0, 0);
    size_t i;

    for (i = 0; i < p->count; i++)
        p->value[i] = (float)(scale * rng_normal(&rng));
}

/* No floors: what the rule alone says. */
static struct prune_request bare(int rule, double amount)
{
    struct prune_request r = prune_defaults();

    if (rule == PRUNE_TO)
        r.rule = PRUNE_TO;
    else if (rule == PRUNE_STD)
        r.rule = PRUNE_STD;
    else
        r.rule = PRUNE_SURVIVORS;
    r.amount = amount;
    r.least_share = 0;
    r.row_floor = false;
    return r;
}

static struct prune_report prune(struct net *net, const struct prune_request *r)
{
    struct prune_report report;
    struct err err;

    assert_ok(prune_apply(net, r, &report, &err));
    return report;
}

static void assert_kept(const struct param *p, const char *want)
{
    size_t i;

    for (i = 0; i < p->count; i++) {
        bool kept = p->mask == NULL || p->mask[i] != 0;

        if (kept != (want[i] == '1'))
            fail_msg("weight %zu is %s, expected %s", i, kept ? "kept" : "gone",
                     want);
        if (!kept)
            assert_same_bits(&p->value[i], (const float[]){0.0f}, 4);
    }
}

static const float worked[8] = {0.05f,  -0.30f, 0.10f, 0.60f,
                                -0.02f, -0.45f, 0.20f, -0.10f};

static struct net *worked_net(void)
{
    struct net *net = net_of("input 8; dense 1 name=fc");

    memcpy(kernel(net, "fc")->value, worked, sizeof(worked));
    return net;
}

static void test_the_worked_example_keeps_what_the_card_says(void **state)
{
    /* std 0.29887 of the population, 0.31951 of a sample: q = 1 tells them
     * apart by -0.30. */
    static const struct {
        int rule;
        double amount;
        const char *kept;
    } rows[] = {
        {PRUNE_STD, 0.5, "01010110"},       {PRUNE_STD, 1.0, "01010100"},
        {PRUNE_TO, 0.5, "01010110"},        {PRUNE_TO, 0.0, "11111111"},
        {PRUNE_SURVIVORS, 0.2, "11110111"}, /* ceil(0.8 * 8) = 7 */
    };
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        struct net *net = worked_net();
        struct prune_request r = bare(rows[i].rule, rows[i].amount);

        prune(net, &r);
        assert_kept(kernel(net, "fc"), rows[i].kept);
        net_free(net);
    }
}

static void test_a_second_threshold_counts_survivors_only(void **state)
{
    struct net *net = worked_net();
    struct prune_request r = bare(PRUNE_STD, 0.5);

    (void)state;
    prune(net, &r);
    /* Alive -0.30, 0.60, -0.45, 0.20: mean 0.0125, population std 0.41966;
     * with the zeros it would be 0.298 and -0.30 would stay. */
    r.amount = 1.0;
    prune(net, &r);
    assert_kept(kernel(net, "fc"), "00010100");
    net_free(net);
}

static void test_normal_weights_lose_what_the_error_function_says(void **state)
{
    static const struct {
        double q, pruned;
    } rows[] = {{0.25, .197}, {0.5, .383},  {0.75, .547},
                {1.0, .683},  {1.25, .789}, {1.5, .866},
                {1.75, .920}, {2.0, .955},  {2.5, .988}};
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        struct net *net = net_of("input 400; dense 250 name=fc");
        struct prune_request r = bare(PRUNE_STD, rows[i].q);
        struct prune_report report;

        fill_normal(kernel(net, "fc"), 7, 0.1);
        report = prune(net, &r);
        assert_close(1 - (double)report.alive_after / 100000, rows[i].pruned,
                     0.005);
        net_free(net);
    }
}

static void test_counts_are_exact_when_all_weights_are_equal(void **state)
{
    static const struct {
        int rule;
        double amount;
        long long kept;
    } rows[] = {{PRUNE_TO, 0.333, 401 * 3 - 401},
                {PRUNE_TO, 0.9999, 0},
                {PRUNE_SURVIVORS, 0.2, 963},
                {PRUNE_SURVIVORS, 0.999, 2}};
    size_t i, j;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        struct net *net = net_of("input 401; dense 3 name=fc");
        struct param *p = kernel(net, "fc");
        struct prune_request r = bare(rows[i].rule, rows[i].amount);
        long long kept = rows[i].kept > 0 ? rows[i].kept : 1;

        for (j = 0; j < p->count; j++)
            p->value[j] = j % 2 == 0 ? 0.25f : -0.25f;
        prune(net, &r);
        assert_int_equal(mask_alive(p), kept);
        /* Of equal weights those with the smaller index stay. */
        for (j = 0; j < p->count; j++)
            assert_int_equal(p->mask[j], j < (size_t)kept);
        net_free(net);
    }
}

static void test_twenty_percent_of_survivors_each_round(void **state)
{
    static const double want[] = {.2,    .36,   .488,  .5904, .6723,
                                  .7379, .7903, .8322, .8658, .8926};
    struct net *net = net_of("input 500; dense 200 name=fc");
    struct prune_request r = bare(PRUNE_SURVIVORS, 0.2);
    size_t i;

    (void)state;
    fill_normal(kernel(net, "fc"), 3, 1);
    for (i = 0; i < LENGTH(want); i++) {
        struct prune_report report = prune(net, &r);

        assert_close(1 - (double)report.alive_after / 100000, want[i], 1e-4);
    }
    net_free(net);
}

#define TWO "input 40; dense 30 name=a relu; dense 20 name=b"

static struct net *two(double scale_a, double scale_b)
{
    struct net *net = net_of(TWO);

    fill_normal(kernel(net, "a"), 1, scale_a);
    fill_normal(kernel(net, "b"), 2, scale_b);
    return net;
}

static bool same_masks(struct net *x, struct net *y, const char *node)
{
    const struct param *p = kernel(x, node), *q = kernel(y, node);

    return memcmp(p->mask, q->mask, p->count) == 0;
}

static void test_scale_of_a_layer_matters_only_globally(void **state)
{
    struct net *plain = two(1, 1), *both = two(4, 4), *one = two(4, 1);
    struct prune_request r = bare(PRUNE_TO, 0.7);

    (void)state;
    prune(plain, &r);
    prune(one, &r);
    assert_true(same_masks(plain, one, "a") && same_masks(plain, one, "b"));
    net_free(plain);
    net_free(one);

    r.scope = SCOPE_GLOBAL;
    plain = two(1, 1);
    one = two(4, 1);
    prune(plain, &r);
    prune(both, &r);
    prune(one, &r);
    assert_true(same_masks(plain, both, "a") && same_masks(plain, both, "b"));
    assert_false(same_masks(plain, one, "b"));
    assert_int_equal(
        mask_alive(kernel(one, "a")) + mask_alive(kernel(one, "b")), 540);
    net_free(plain);
    net_free(both);
    net_free(one);
}

static void test_order_of_layers_does_not_matter(void **state)
{
    struct net *ab = net_of("input 30; dense 30 name=a; dense 30 name=b");
    struct net *ba = net_of("input 30; dense 30 name=b; dense 30 name=a");
    struct prune_request r = bare(PRUNE_TO, 0.83);

    (void)state;
    r.scope = SCOPE_GLOBAL;
    fill_normal(kernel(ab, "a"), 1, 1);
    fill_normal(kernel(ba, "a"), 1, 1);
    fill_normal(kernel(ab, "b"), 2, 2);
    fill_normal(kernel(ba, "b"), 2, 2);
    prune(ab, &r);
    prune(ba, &r);
    assert_true(same_masks(ab, ba, "a") && same_masks(ab, ba, "b"));
    net_free(ab);
    net_free(ba);
}

static void test_floors_keep_every_unit_and_every_layer(void **state)
{
    struct net *net = two(1, 1e-6);
    struct prune_request r = bare(PRUNE_TO, 0.99);
    struct prune_report report;
    const struct param *b = kernel(net, "b");
    size_t i;

    (void)state;
    r.scope = SCOPE_GLOBAL;
    report = prune(net, &r);
    assert_int_equal(mask_alive(b), 1); /* a layer never dies */
    net_free(net);

    net = two(1, 1e-6);
    r.row_floor = true;
    report = prune(net, &r);
    b = kernel(net, "b");
    assert_int_equal(mask_alive(b), 20);
    assert_true(report.layers_floored >= 1);
    assert_int_equal(report.wanted, 18); /* 1800 - round(0.99 * 1800) */
    for (i = 0; i < b->count; i++)
        assert_true(b->mask[i] != 0 || b->value[i] == 0);
    net_free(net);

    net = two(1, 1e-6);
    r.row_floor = false;
    r.least_share = 0.1;
    prune(net, &r);
    assert_int_equal(mask_alive(kernel(net, "b")), 60);
    net_free(net);
}

static void test_what_is_pruned_stays_pruned(void **state)
{
    struct net *net = two(1, 1);
    struct param *a = kernel(net, "a");
    struct prune_request r = bare(PRUNE_TO, 0.6);
    uint8_t *before = mem_alloc(a->count);
    size_t i;

    (void)state;
    prune(net, &r);
    memcpy(before, a->mask, a->count);
    for (i = 0; i < a->count; i++)
        a->value[i] = a->mask[i] ? 1e-3f * (float)(i + 1) : 0.0f;
    r = bare(PRUNE_TO, 0.8);
    r.by = criterion_find("random");
    prune(net, &r);
    for (i = 0; i < a->count; i++)
        assert_true(a->mask[i] <= before[i]);
    assert_int_equal(mask_alive(a), 240);
    /* To a lower sparsity than there is: nothing comes back. */
    r.amount = 0.1;
    prune(net, &r);
    assert_int_equal(mask_alive(a), 240);
    assert_int_equal(mask_leaks(net, NULL), 0);
    mem_free(before);
    net_free(net);
}

static void test_chance_is_seeded_and_shuffle_counts_as_magnitude(void **state)
{
    struct net *x = two(1, 3), *y = two(1, 3), *z = two(1, 3), *m = two(1, 3);
    struct prune_request r = bare(PRUNE_TO, 0.75);

    (void)state;
    r.scope = SCOPE_GLOBAL;
    prune(m, &r);
    r.by = criterion_find("shuffle");
    r.seed = 1;
    prune(x, &r);
    prune(y, &r);
    r.seed = 2;
    prune(z, &r);
    assert_true(same_masks(x, y, "a") && same_masks(x, y, "b"));
    assert_false(same_masks(x, z, "a"));
    assert_false(same_masks(x, m, "a"));
    assert_int_equal(mask_alive(kernel(x, "a")), mask_alive(kernel(m, "a")));
    assert_int_equal(mask_alive(kernel(x, "b")), mask_alive(kernel(m, "b")));
    net_free(x);
    net_free(y);
    net_free(z);
    net_free(m);
}

static void test_a_weight_that_is_no_number_is_refused(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(bad); i++) {
        struct net *net = two(1, 1), *copy;
        struct prune_request r = bare(PRUNE_TO, 0.5);
        struct prune_report report;
        struct param *b = kernel(net, "b");
        struct err err;

        b->value[599] = bad[i];
        copy = net_clone(net, &err);
        assert_non_null(copy);
        assert_refused(prune_apply(net, &r, &report, &err), ERR_DIVERGED, "b");
        assert_same_bits(kernel(net, "a")->value, kernel(copy, "a")->value,
                         kernel(net, "a")->count * sizeof(float));
        assert_same_bits(b->value, kernel(copy, "b")->value,
                         b->count * sizeof(float));
        assert_int_equal(mask_alive(kernel(net, "a")), 1200);
        net_free(copy);
        net_free(net);
    }
}

static void test_a_pattern_chooses_layers(void **state)
{
    struct net *net = two(1, 1);
    struct prune_request r = bare(PRUNE_TO, 0.5);
    struct prune_report report;

    (void)state;
    r.layers = "b*";
    report = prune(net, &r);
    assert_int_equal(report.considered, 600);
    assert_int_equal(mask_alive(kernel(net, "a")), 1200);
    assert_int_equal(mask_alive(kernel(net, "b")), 300);
    net_free(net);
}

static void test_dropout_follows_the_share_of_connections(void **state)
{
    (void)state;
    assert_close(0.5 * prune_dropout_factor(9, 100), 0.15, 1e-12);
    assert_close(0.5 * prune_dropout_factor(25, 100), 0.25, 1e-12);
    assert_close(prune_dropout_factor(100, 100), 1, 0);
    assert_close(prune_dropout_factor(0, 100), 0, 0);
}

static float rate(const struct net *net, const char *name)
{
    float value;

    memcpy(&value, net->node[net_find(net, name)].config, sizeof(value));
    return value;
}

static void count_told(void *arg, int node, float before, float after)
{
    (void)node;
    assert_true(after < before);
    ++*(int *)arg;
}

/* A quarter of what a had left stays: its dropout halves.  b is left alone. */
static void test_pruning_makes_the_dropout_behind_it_milder(void **state)
{
    struct net *net = net_of("input 40, dropout 0.2 name=first, "
                             "dense 30 name=a, relu, dropout 0.5 name=mid, "
                             "dense 20 name=b, dropout 0.4 name=last");
    struct prune_request r = bare(PRUNE_SURVIVORS, 0.5);
    int told = 0;

    (void)state;
    r.layers = "a";
    r.tell_dropout = count_told;
    r.arg = &told;
    (void)prune(net, &r);
    assert_close(rate(net, "mid"), 0.5, 0);
    r.adjust_dropout = true;
    r.rule = PRUNE_TO;
    r.amount = 0.875;
    (void)prune(net, &r);
    assert_close(rate(net, "first"), 0.2, 1e-7);
    assert_close(rate(net, "mid"), 0.25, 1e-7);
    assert_close(rate(net, "last"), 0.4, 1e-7);
    assert_int_equal(told, 1);
    (void)prune(net, &r);
    assert_int_equal(told, 1);
    net_free(net);
}

/* Zhu and Gupta's schedule as worked out on the card; the others by hand. */
static const struct {
    const char *name;
    double from, to;
    int n;
    double want[11];
} schedules[] = {
    {"cubic", 0, .9, 4, {0, .5203, .7875, .8859, .9}},
    {"cubic",
     0,
     .9,
     10,
     {0, .2439, .4392, .5913, .7056, .7875, .8424, .8757, .8928, .8991, .9}},
    {"linear", 0, .8, 4, {0, .2, .4, .6, .8}},
    {"linear", .2, .8, 3, {.2, .4, .6, .8}},
    {"one-shot", 0, .9, 3, {0, .9, .9, .9}},
    {"survivors", 0, .5904, 4, {0, .2, .36, .488, .5904}},
};

static void test_schedules_follow_their_tables(void **state)
{
    size_t i;
    int k;

    (void)state;
    for (i = 0; i < LENGTH(schedules); i++) {
        const struct sparsity_schedule *by =
            sparsity_schedule_find(schedules[i].name);

        assert_non_null(by);
        for (k = 0; k <= schedules[i].n; k++)
            assert_close(sparsity_at(by, schedules[i].from, schedules[i].to, k,
                                     schedules[i].n),
                         schedules[i].want[k], 1e-4);
    }
}

static void test_every_schedule_rises_from_start_to_target(void **state)
{
    const struct sparsity_schedule *by;
    int k, n;

    (void)state;
    for (by = sparsity_schedules; by->name != NULL; by++) {
        for (n = 1; n <= 50; n += 7) {
            double last = sparsity_at(by, 0.1, 0.97, -1, n);

            assert_close(last, 0.1, 0);
            for (k = 0; k <= n; k++) {
                double s = sparsity_at(by, 0.1, 0.97, k, n);

                assert_true(s >= last && s <= 0.97);
                last = s;
            }
            assert_close(last, 0.97, 0);
            assert_close(sparsity_at(by, 0.1, 0.97, n + 1, n), 0.97, 0);
        }
    }
}

static void test_the_threshold_is_the_smallest_that_stays(void **state)
{
    struct net *net = worked_net();
    const struct param *p = kernel(net, "fc");

    (void)state;
    assert_close(prune_threshold(p, 0.5), 0.20, 1e-7);
    assert_close(prune_threshold(p, 0.125), 0.05, 1e-7);
    assert_close(prune_threshold(p, 0), 0, 0);
    net_free(net);
}

static void tell_share(void *arg, double share)
{
    double *last = arg;

    assert_true(share >= *last && share <= 1.0);
    *last = share;
}

static void test_progress_is_told_and_a_stop_changes_nothing(void **state)
{
    struct err err;
    struct net *net = spec_parse("input 1500; dense 1500", "n", &err);
    struct prune_request r = prune_defaults();
    struct prune_report report;
    atomic_bool stop = true;
    double last = 0.0;
    const struct progress p = {
        .tell = tell_share, .arg = &last, .cancel = &stop};
    struct net *before;

    (void)state;
    assert_non_null(net);
    net_init(net, 1);
    before = net_clone(net, &err);
    r.scope = SCOPE_GLOBAL;
    r.progress = &p;
    assert_refused(prune_apply(net, &r, &report, &err), ERR_CANCELLED,
                   "stopped");
    assert_null(net->node[0].param[0].mask);
    assert_same_bits(net->node[0].param[0].value,
                     before->node[0].param[0].value,
                     net->node[0].param[0].count * sizeof(float));
    stop = false;
    last = 0.0;
    assert_ok(prune_apply(net, &r, &report, &err));
    assert_true(last > 0.9);
    assert_int_equal(report.alive_after, 1800000);
    net_free(before);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_worked_example_keeps_what_the_card_says),
        cmocka_unit_test(test_a_second_threshold_counts_survivors_only),
        cmocka_unit_test(test_normal_weights_lose_what_the_error_function_says),
        cmocka_unit_test(test_counts_are_exact_when_all_weights_are_equal),
        cmocka_unit_test(test_twenty_percent_of_survivors_each_round),
        cmocka_unit_test(test_scale_of_a_layer_matters_only_globally),
        cmocka_unit_test(test_order_of_layers_does_not_matter),
        cmocka_unit_test(test_floors_keep_every_unit_and_every_layer),
        cmocka_unit_test(test_what_is_pruned_stays_pruned),
        cmocka_unit_test(test_chance_is_seeded_and_shuffle_counts_as_magnitude),
        cmocka_unit_test(test_a_weight_that_is_no_number_is_refused),
        cmocka_unit_test(test_a_pattern_chooses_layers),
        cmocka_unit_test(test_dropout_follows_the_share_of_connections),
        cmocka_unit_test(test_pruning_makes_the_dropout_behind_it_milder),
        cmocka_unit_test(test_schedules_follow_their_tables),
        cmocka_unit_test(test_every_schedule_rises_from_start_to_target),
        cmocka_unit_test(test_the_threshold_is_the_smallest_that_stays),
        cmocka_unit_test(test_progress_is_told_and_a_stop_changes_nothing),
    };

    return cmocka_run_group_tests_name("prune", tests, NULL, NULL);
}
