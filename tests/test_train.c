#include "tests/support.h"

#include <stdio.h>

#include "base/mem.h"
#include "tests/learning.h"
#include "train/trainer.h"

#define CLASSES 5

static const char plain[] = "input 6x6x1; flatten; dense 20 relu;"
                            "dense 5 softmax";

static const char normed[] =
    "input 12x12x1; conv2d 8 3x3; batch_norm; relu; dropout 0.2; flatten;"
    "dense 30; batch_norm; tanh; dense 5";

static struct train_settings settings(const char *optim, double lr, int batch)
{
    struct train_settings s = train_defaults();

    s.optim = optim_find(optim);
    s.rate.lr = lr;
    s.batch = batch;
    s.total = 100;
    s.seed = 3;
    return s;
}

static struct trainer *new_trainer(struct net *net, const struct dataset *data,
                                   const struct train_settings *s,
                                   uint64_t done, struct pool *pool)
{
    struct err err;
    struct trainer *t = trainer_new(net, data, s, done, pool, &err);

    if (t == NULL)
        fail_msg("%s", err.msg);
    return t;
}

/* The loss of the last of n steps. */
static double make_steps(struct trainer *t, int n)
{
    struct step_report r = {0};
    struct err err;

    while (n-- > 0)
        assert_ok(trainer_step(t, &r, &err));
    return r.loss;
}

static void test_every_optimiser_learns(void **state)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 400, 1);
    struct pool *pool = learning_pool(2);
    const double rate[] = {0.1, 0.02, 0.005}; /* by moments */
    const struct optim_kind *kind;

    (void)state;
    for (kind = optim_kinds; kind->name != NULL; kind++) {
        struct net *net = learning_net(plain, 1);
        struct train_settings s = settings(kind->name, rate[kind->moments], 32);
        struct trainer *t = new_trainer(net, d, &s, 0, pool);
        double first = make_steps(t, 1), last = make_steps(t, 99);

        assert_true(first > 1.0);
        assert_true(last < 0.5 * first);
        trainer_free(t);
        net_free(net);
    }
    dataset_free(d);
    pool_free(pool);
}

/* Sample i is 1 at place i and 0 elsewhere: row i of the kernel moves when, and
 * only when, sample i was in a batch. */
static void test_an_epoch_takes_every_fit_row_once(void **state)
{
    enum { ROWS = 50, BATCH = 8 };
    static uint8_t x[ROWS * ROWS];
    int32_t label[ROWS];
    struct dataset *d;
    struct pool *pool = learning_pool(1);
    struct net *net = learning_net("input 50, dense 5 use_bias=no", 1), *old;
    struct train_settings s = settings("sgd", 1.0, BATCH);
    struct trainer *t;
    struct step_report r;
    struct err err;
    int i, seen[ROWS], samples = 0, order_differs = 0;

    (void)state;
    for (i = 0; i < ROWS; i++) {
        x[i * ROWS + i] = 1;
        label[i] = i % CLASSES;
    }
    d = learning_rows(x, label, ROWS, ROWS, CLASSES);
    assert_ok(dataset_split(d, 10, 1, &err));
    t = new_trainer(net, d, &s, 0, pool);
    assert_true(trainer_steps_per_epoch(t) == 5);
    memset(seen, -1, sizeof(seen));
    while (trainer_done(t) < 10) {
        int step = (int)trainer_done(t) % 5;

        old = net_clone(net, &err);
        assert_non_null(old);
        assert_ok(trainer_step(t, &r, &err));
        assert_int_equal(r.n, 8);
        samples += r.n;
        for (i = 0; i < ROWS; i++) {
            if (old->node[0].param[0].value[i * CLASSES] ==
                net->node[0].param[0].value[i * CLASSES])
                continue;
            if (trainer_done(t) <= 5)
                assert_int_equal(seen[i], -1);
            else
                order_differs += seen[i] != step;
            seen[i] = step;
        }
        net_free(old);
    }
    assert_int_equal(samples, 80);
    assert_true(order_differs > 10);
    for (i = 0; i < d->fit_count; i++)
        assert_int_not_equal(seen[d->fit[i]], -1);
    for (i = 0; i < d->validation_count; i++)
        assert_int_equal(seen[d->validation[i]], -1);
    trainer_free(t);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

static void test_the_last_batch_of_an_epoch_may_be_smaller(void **state)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 50, 1);
    struct pool *pool = learning_pool(1);
    struct net *net = learning_net(plain, 1);
    struct train_settings s = settings("adam", 0.01, 16);
    struct trainer *t = new_trainer(net, d, &s, 0, pool);
    const int want[] = {16, 16, 8, 16, 16, 8};
    struct step_report r;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(want); i++) {
        assert_ok(trainer_step(t, &r, &err));
        assert_int_equal(r.n, want[i]);
        assert_true(r.step == i + 1);
        assert_in_range(r.hits, 0, r.n);
    }
    trainer_free(t);
    /* A batch larger than the data is the data. */
    s.batch = 1000;
    t = new_trainer(net, d, &s, 0, pool);
    assert_ok(trainer_step(t, &r, &err));
    assert_int_equal(r.n, 40);
    trainer_free(t);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

static void test_the_rate_follows_schedule_warm_up_and_setting(void **state)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 50, 1);
    struct pool *pool = learning_pool(1);
    struct net *net = learning_net(plain, 1);
    struct train_settings s = settings("sgd", 0.1, 16);
    const double want[] = {0.02, 0.036, 0.048, 0.056, 0.06, 0.05,
                           0.04, 0.03,  0.2,   0.1,   0.0};
    struct trainer *t;
    struct step_report r;
    struct err err;
    size_t i;

    (void)state;
    s.total = 10;
    s.schedule = lr_schedule_find("linear");
    s.warmup = 0.5;
    t = new_trainer(net, d, &s, 0, pool);
    for (i = 0; i < LENGTH(want); i++) {
        if (i == 8) {
            s.rate.lr = 1.0;
            trainer_set(t, &s.rate);
        }
        assert_ok(trainer_step(t, &r, &err));
        assert_close(r.lr, want[i], 1e-12);
    }
    trainer_free(t);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

static void test_a_new_run_starts_without_old_moments(void **state)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 50, 1);
    struct pool *pool = learning_pool(1);
    struct net *a = learning_net(plain, 1), *b = learning_net(plain, 1);
    struct train_settings s = settings("adam", 0.01, 16);
    struct trainer *t;
    struct err err;

    (void)state;
    assert_ok(net_need_moments(a, 2, &err));
    a->node[1].param[0].moment[0][0] = 5.0f;
    t = new_trainer(a, d, &s, 0, pool);
    make_steps(t, 2);
    trainer_free(t);
    t = new_trainer(b, d, &s, 0, pool);
    make_steps(t, 2);
    trainer_free(t);
    assert_same_bits(a->node[1].param[0].value, b->node[1].param[0].value,
                     a->node[1].param[0].count * sizeof(float));
    net_free(a);
    net_free(b);
    dataset_free(d);
    pool_free(pool);
}

static bool is_plus_zero(float x)
{
    return x == 0.0f && !signbit(x);
}

static void check_masks(const struct net *net)
{
    int i, k, m;
    size_t j;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct param *p = &net->node[i].param[k];

            for (j = 0; p->mask != NULL && j < p->count; j++) {
                if (p->mask[j] != 0)
                    continue;
                assert_true(is_plus_zero(p->value[j]));
                for (m = 0; m < NET_MOMENT_MAX && p->moment[m] != NULL; m++)
                    assert_true(is_plus_zero(p->moment[m][j]));
            }
        }
    }
}

static void mask_some(struct net *net)
{
    struct rng r = rng_at(1, RNG_TEST, 0, 0);
    struct param_walk w;
    struct param *p;
    struct err err;
    size_t j;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        if (!p->def.prunable)
            continue;
        assert_ok(param_need_mask(p, &err));
        for (j = 0; j < p->count; j++)
            p->mask[j] = rng_below(&r, 10) < 3;
    }
    net_init(net, 1);
}

static void test_masked_weights_stay_plus_zero_whatever_trains(void **state)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 300, 1);
    struct pool *pool = learning_pool(2);
    const struct optim_kind *kind;
    int decay, step;

    (void)state;
    for (kind = optim_kinds; kind->name != NULL; kind++) {
        for (decay = 0; decay < 2; decay++) {
            struct net *net = learning_net(plain, 1);
            struct train_settings s = settings(kind->name, 0.02, 32);
            struct trainer *t;

            mask_some(net);
            s.rate.weight_decay = decay * 0.05;
            s.rate.decay_all = true;
            t = new_trainer(net, d, &s, 0, pool);
            for (step = 0; step < 50; step++) {
                make_steps(t, 1);
                check_masks(net);
            }
            trainer_free(t);
            net_free(net);
        }
    }
    dataset_free(d);
    pool_free(pool);
}

/* Without a gradient (inputs are 0, one class) decay alone moves weights. */
static void test_decay_spares_biases_unless_told_otherwise(void **state)
{
    static const uint8_t x[8] = {0};
    static const int32_t label[4] = {0};
    struct dataset *d = learning_rows(x, label, 4, 2, 1);
    struct pool *pool = learning_pool(1);
    int all;

    (void)state;
    for (all = 0; all < 2; all++) {
        struct net *net = learning_net("input 2, dense 1", 1);
        struct param *w = &net->node[0].param[0], *b = &net->node[0].param[1];
        struct train_settings s = settings("sgd", 0.5, 4);
        struct trainer *t;

        w->value[0] = 1.0f;
        b->value[0] = 1.0f;
        s.rate.weight_decay = 0.1;
        s.rate.decay_all = all;
        t = new_trainer(net, d, &s, 0, pool);
        make_steps(t, 1);
        assert_close(w->value[0], 0.95, 1e-6);
        assert_close(b->value[0], all ? 0.95 : 1.0, 1e-6);
        trainer_free(t);
        net_free(net);
    }
    dataset_free(d);
    pool_free(pool);
}

/* Steps until one fails; its message. */
static void assert_diverges(const char *optim, double lr, const char *text)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 100, 1);
    struct pool *pool = learning_pool(2);
    struct net *net = learning_net(plain, 1);
    struct train_settings s = settings(optim, lr, 16);
    struct trainer *t = new_trainer(net, d, &s, 0, pool);
    enum err_code code = ERR_OK;
    struct step_report r;
    struct err err;
    char step[32];

    while (code == ERR_OK && trainer_done(t) < 50)
        code = trainer_step(t, &r, &err);
    assert_int_equal(code, ERR_DIVERGED);
    snprintf(step, sizeof(step), "step %d: ", (int)trainer_done(t) + 1);
    if (strncmp(err.msg, step, strlen(step)) != 0 ||
        strstr(err.msg, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\" and \"%s\"", err.msg, step, text);
    trainer_free(t);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

static void test_divergence_names_layer_and_step(void **state)
{
    (void)state;
    assert_diverges("sgd", 1e20, "what layer \"dense_1\" gives is not finite");
    assert_diverges("adam", 1e39, "the kernel of layer \"dense\"");
}

static void test_what_cannot_be_trained_is_refused(void **state)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 50, 1);
    struct dataset *flat = learning_data("36", CLASSES, 50, 1);
    struct pool *pool = learning_pool(1);
    struct net *net = learning_net(plain, 1);
    struct net *narrow = learning_net("input 6x6x1, flatten, dense 4", 1);
    struct net *wide = learning_net("input 7x6x1, flatten, dense 5", 1);
    struct net *vector = learning_net("input 36, dense 5", 1);
    const struct {
        struct net *net;
        const struct dataset *data;
        int batch, shift;
        const char *text;
    } rows[] = {
        {narrow, d, 16, 0, "\"dense\" with 4 values, but the data has 5"},
        {wide, d, 16, 0, "takes 7x6x1, but the data is 6x6x1"},
        {net, d, 0, 0, "a batch of 0"},
        {net, d, 16, -1, "a random shift of -1"},
        {net, d, 16, 6, "out of sight"},
        {vector, flat, 16, 1, "random shifts need pictures"},
    };
    struct train_settings s;
    struct trainer *t;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        s = settings("adam", 0.01, rows[i].batch);
        s.augment_shift = rows[i].shift;
        t = trainer_new(rows[i].net, rows[i].data, &s, 0, pool, &err);
        if (t != NULL || strstr(err.msg, rows[i].text) == NULL)
            fail_msg("row %zu: \"%s\"", i, t != NULL ? "taken" : err.msg);
        assert_null(rows[i].net->node[0].param[0].moment[0]);
    }
    /* A flat net takes pictures. */
    s = settings("adam", 0.01, 16);
    trainer_free(new_trainer(vector, d, &s, 0, pool));
    net_free(net);
    net_free(narrow);
    net_free(wide);
    net_free(vector);
    dataset_free(d);
    dataset_free(flat);
    pool_free(pool);
}

static void test_rows_outside_the_data_are_refused(void **state)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 50, 1);
    struct pool *pool = learning_pool(1);
    struct net *net = learning_net(plain, 1);
    struct train_settings s = settings("adam", 0.01, 2);
    struct trainer *t = new_trainer(net, d, &s, 0, pool);
    const int32_t good[] = {0, 49, 1}, bad[] = {0, 50}, low[] = {-1, 0};
    struct step_report r;
    struct err err;

    (void)state;
    assert_ok(trainer_step_rows(t, good, 2, &r, &err));
    assert_refused(trainer_step_rows(t, good, 3, &r, &err), ERR_VALUE,
                   "a batch of 3; 1 to 2");
    assert_refused(trainer_step_rows(t, good, 0, &r, &err), ERR_VALUE, "0");
    assert_refused(trainer_step_rows(t, bad, 2, &r, &err), ERR_VALUE,
                   "row 50 of 50");
    assert_refused(trainer_step_rows(t, low, 2, &r, &err), ERR_VALUE,
                   "row -1 of 50");
    assert_true(trainer_done(t) == 1);
    trainer_free(t);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

static void test_a_step_allocates_nothing(void **state)
{
    struct dataset *d = learning_data("12x12x1", CLASSES, 100, 1);
    struct pool *pool = learning_pool(2);
    struct net *net = learning_net(normed, 1);
    struct train_settings s = settings("adam", 0.01, 16);
    struct trainer *t = new_trainer(net, d, &s, 0, pool);
    unsigned long calls = mem_block_calls();

    (void)state;
    make_steps(t, 12);
    assert_true(mem_block_calls() == calls);
    assert_true(trainer_bytes(t) > 100 * sizeof(int32_t));
    trainer_free(t);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

static void test_a_trainer_that_finds_no_memory_leaves_no_trace(void **state)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 50, 1);
    struct pool *pool = learning_pool(2);
    struct net *net = learning_net(plain, 1);
    struct train_settings s = settings("adam", 0.01, 16);
    size_t bytes = mem_block_bytes();
    struct trainer *t = NULL;
    struct err err;
    int n;

    (void)state;
    for (n = 0; t == NULL; n++) {
        mem_fail_after(n);
        t = trainer_new(net, d, &s, 0, pool, &err);
        mem_fail_after(-1);
        if (t == NULL) {
            assert_int_equal(err.code, ERR_MEMORY);
            assert_true(mem_block_bytes() == bytes);
            assert_null(net->node[1].param[0].moment[0]);
        }
    }
    assert_true(n > 10);
    trainer_free(t);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_optimiser_learns),
        cmocka_unit_test(test_an_epoch_takes_every_fit_row_once),
        cmocka_unit_test(test_the_last_batch_of_an_epoch_may_be_smaller),
        cmocka_unit_test(test_the_rate_follows_schedule_warm_up_and_setting),
        cmocka_unit_test(test_a_new_run_starts_without_old_moments),
        cmocka_unit_test(test_masked_weights_stay_plus_zero_whatever_trains),
        cmocka_unit_test(test_decay_spares_biases_unless_told_otherwise),
        cmocka_unit_test(test_divergence_names_layer_and_step),
        cmocka_unit_test(test_what_cannot_be_trained_is_refused),
        cmocka_unit_test(test_rows_outside_the_data_are_refused),
        cmocka_unit_test(test_a_step_allocates_nothing),
        cmocka_unit_test(test_a_trainer_that_finds_no_memory_leaves_no_trace),
    };

    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
