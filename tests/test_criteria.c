/*
 * Criteria that go by more than a weight alone: curvature (method cards P7, P9)
 * and whole units (N2).
 */
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "compress/mask.h"
#include "compress/prune.h"
#include "compress/shrink.h"
#include "tests/learning.h"
#include "tests/tiny.h"

static const char small[] = "input 6x6x1; conv2d 3 3x3; max_pool2d 2; flatten;"
                            "dense 7 relu; batch_norm; dense 5 softmax";

static struct train_settings settings(void)
{
    struct train_settings s = train_defaults();

    s.batch = 32;
    s.total = 100;
    s.seed = 3;
    return s;
}

static struct curvature *curvature(const struct net *net,
                                   const struct dataset *d, int steps,
                                   struct pool *pool)
{
    struct train_settings s = settings();
    struct err err;
    struct curvature *c = curvature_new(net, d, &s, steps, pool, NULL, &err);

    if (c == NULL)
        fail_msg("%s", err.msg);
    return c;
}

/* One step of plain descent at rate 1 moves a weight by its gradient. */
static void test_curvature_is_the_squared_gradient_of_a_step(void **state)
{
    struct dataset *d = learning_data("6x6x1", 5, 200, 1);
    struct pool *pool = learning_pool(1);
    struct net *net = learning_net(small, 1), *moved;
    struct curvature *c = curvature(net, d, 1, pool);
    struct train_settings s = settings();
    struct trainer *t;
    struct step_report report;
    struct err err;
    int i, k, checked = 0;
    size_t j;

    (void)state;
    moved = net_clone(net, &err);
    assert_non_null(moved);
    s.optim = optim_find("sgd");
    s.rate.lr = 1;
    t = trainer_new(moved, d, &s, 0, pool, &err);
    assert_non_null(t);
    assert_ok(trainer_step(t, &report, &err));
    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct param *p = &net->node[i].param[k];
            const float *to = moved->node[i].param[k].value;

            for (j = 0; p->def.trainable && j < p->count; j++, checked++) {
                double g = (double)p->value[j] - (double)to[j];

                assert_close(curvature_of(c, i, k)[j], g * g,
                             1e-6 + 1e-3 * g * g);
            }
        }
    }
    assert_int_equal(checked, 30 + 91 + 14 + 40);
    trainer_free(t);
    curvature_free(c);
    net_free(moved);
    net_free(net);
    pool_free(pool);
    dataset_free(d);
}

static void test_curvature_leaves_the_net_and_ignores_threads(void **state)
{
    struct dataset *d = learning_data("6x6x1", 5, 200, 1);
    struct pool *one = learning_pool(1), *three = learning_pool(3);
    struct net *net = learning_net(small, 1), *before;
    struct curvature *a, *b;
    struct param_walk w;
    struct param *p;
    struct err err;

    (void)state;
    before = net_clone(net, &err);
    assert_non_null(before);
    a = curvature(net, d, 9, one);
    b = curvature(net, d, 9, three);
    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        const struct param *was = &before->node[w.node].param[w.param];

        assert_same_bits(p->value, was->value, p->count * sizeof(float));
        assert_null(p->moment[0]);
        if (p->def.trainable)
            assert_same_bits(curvature_of(a, w.node, w.param),
                             curvature_of(b, w.node, w.param),
                             p->count * sizeof(float));
    }
    curvature_free(a);
    curvature_free(b);
    net_free(before);
    net_free(net);
    pool_free(one);
    pool_free(three);
    dataset_free(d);
}

/* The first pixel is 50 times as bright as the second, so its weights bend the
 * loss 2500 times as much: with weights ten times as small they still matter
 * 25 times as much. */
static void test_damage_takes_large_weights_that_do_not_matter(void **state)
{
    static const uint8_t x[] = {50, 1, 50, 1, 50, 1, 50, 1};
    static const int32_t label[] = {0, 1, 1, 0};
    static const float weight[] = {0.1f, -0.1f, 1.0f, -1.0f};
    static const char *const by[] = {"magnitude", "damage"};
    struct pool *pool = learning_pool(1);
    struct dataset *d = learning_rows(x, label, 4, 2, 2);
    struct curvature *c;
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct net *net = learning_net("input 2; dense 2 softmax", 1);
        struct param *p = &net->node[0].param[0];
        struct prune_request r = prune_defaults();
        struct prune_report report;
        struct err err;

        memcpy(p->value, weight, sizeof(weight));
        c = curvature(net, d, 2, pool);
        r.by = criterion_find(by[i]);
        r.curvature = c;
        r.amount = 0.5;
        r.row_floor = false;
        assert_ok(prune_apply(net, &r, &report, &err));
        assert_int_equal(report.alive_after, 2);
        assert_int_equal(p->mask[0], i);
        assert_int_equal(p->mask[1], i);
        assert_int_equal(p->mask[2], 1 - i);
        assert_int_equal(p->mask[3], 1 - i);
        curvature_free(c);
        net_free(net);
    }
    dataset_free(d);
    pool_free(pool);
}

/* Columns of "dense 4" have norms 2 : 1 : 3 : 0.5; single weights of the second
 * are larger than some of the first. */
static struct net *units_net(void)
{
    static const float weight[] = {2.0f, 0.0f, 1.0f, 0.5f, 0.1f, 1.0f,
                                   3.0f, 0.0f, 0.0f, 0.1f, 0.0f, 0.1f};
    struct net *net =
        learning_net("input 3; dense 4 name=a relu; dense 2 name=b", 1);

    memcpy(net->node[0].param[0].value, weight, sizeof(weight));
    return net;
}

static void test_units_go_whole_and_the_smallest_first(void **state)
{
    /* Alive in each column; a share that cuts a unit leaves all of it. */
    static const struct {
        double to;
        const char *kept;
        int alive;
    } rows[] = {{0.25, "1110", 9},
                {0.5, "1010", 6},
                {0.6, "1010", 6},
                {0.75, "0010", 3}};
    size_t i, k;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        struct net *net = units_net();
        struct prune_request r = prune_defaults();
        struct prune_report report;
        struct err err;

        r.by = criterion_find("units");
        r.rule = PRUNE_TO;
        r.amount = rows[i].to;
        r.layers = "a";
        r.row_floor = false;
        assert_ok(prune_apply(net, &r, &report, &err));
        assert_int_equal(report.alive_after, rows[i].alive);
        for (k = 0; k < 12; k++)
            assert_int_equal(net->node[0].param[0].mask[k],
                             rows[i].kept[k % 4] == '1');
        net_free(net);
    }
}

static void test_units_that_went_can_be_removed(void **state)
{
    struct net *net = units_net(), *less;
    struct prune_request r = prune_defaults();
    struct prune_report report;
    struct shrink_report removed;
    struct err err;

    (void)state;
    r.by = criterion_find("units");
    r.amount = 0.5;
    r.layers = "a";
    r.row_floor = false;
    assert_ok(prune_apply(net, &r, &report, &err));
    less = shrink_net(net, &removed, &err);
    assert_non_null(less);
    assert_int_equal(removed.units_before - removed.units_after, 2);
    net_free(less);
    net_free(net);
}

/* The filters of one layer are a hundred times as small: in the whole net they
 * go first, whatever the number of weights in them. */
static void test_units_of_all_layers_compete(void **state)
{
    struct net *net = learning_net("input 8x8x1; conv2d 4 3x3 name=c; flatten;"
                                   "dense 6 name=d relu; dense 3 name=e",
                                   2);
    struct param *c = &net->node[net_find(net, "c")].param[0];
    struct param *e = &net->node[net_find(net, "e")].param[0];
    struct prune_request r = prune_defaults();
    struct prune_report report;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < c->count; i++)
        c->value[i] = 0.01f * (float)(1 + i % 4);
    for (i = 0; i < e->count; i++)
        e->value[i] = 5.0f;
    r.by = criterion_find("units");
    r.scope = SCOPE_GLOBAL;
    r.rule = PRUNE_TO;
    r.amount = 18.0 / (36 + 864 + 18);
    r.row_floor = false;
    r.least_share = 0;
    assert_ok(prune_apply(net, &r, &report, &err));
    assert_int_equal(report.alive_before - report.alive_after, 18);
    for (i = 0; i < c->count; i++)
        assert_int_equal(c->mask[i], i % 4 >= 2);
    assert_int_equal(mask_alive(e), e->count);
    net_free(net);
}

/* As a user meets it, resumed rounds and all. */
static void test_commands_watch_gradients_where_the_criterion_asks(void **state)
{
    struct tiny t = {.folder = *state};
    struct stage_weights {
        char *bytes;
        size_t n;
    } by[2];
    int i;

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 5});
    tiny_do(&t, TINY_NET);
    tiny_refuse(&t, "prune 50% by=damage", ERR_STATE, "by=damage needs data");
    tiny_begin(&t, state);
    tiny_do(&t, "set batch=20; train epochs=3 lr=0.01");
    tiny_do(&t, "sensitivity by=damage levels=0%,50%");
    for (i = 0; i < 2; i++) {
        tiny_do(&t,
                i == 0 ? "prune 50% by=damage" : "undo; prune 50% by=damage");
        by[i].bytes = tiny_weights(&t, state, &by[i].n);
    }
    assert_int_equal(by[0].n, by[1].n);
    assert_same_bits(by[0].bytes, by[1].bytes, by[0].n);
    tiny_do(&t, "iterate 2 30% by=units epochs=1");
    mem_free(by[0].bytes);
    mem_free(by[1].bytes);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curvature_is_the_squared_gradient_of_a_step),
        cmocka_unit_test(test_curvature_leaves_the_net_and_ignores_threads),
        cmocka_unit_test(test_damage_takes_large_weights_that_do_not_matter),
        cmocka_unit_test(test_units_go_whole_and_the_smallest_first),
        cmocka_unit_test(test_units_that_went_can_be_removed),
        cmocka_unit_test(test_units_of_all_layers_compete),
        unit_test_in_folder(
            test_commands_watch_gradients_where_the_criterion_asks),
    };

    return cmocka_run_group_tests_name("criteria", tests, NULL, NULL);
}
