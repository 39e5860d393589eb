/* Early exits in training: weights of their losses, heads that learn alone. */
#include "tests/support.h"

#include "base/mem.h"
#include "net/branch.h"
#include "tests/learning.h"
#include "tests/tiny.h"
#include "tests/two_exits.h"
#include "train/eval.h"
#include "train/trainer.h"

#define CLASSES 5

/* How far one step of plain descent moves each weight, for given weights of
 * the exits. */
static float *moves(const char *spec, const struct dataset *d, float early,
                    float main, size_t *count)
{
    struct net *net = learning_net(spec, 1), *old = learning_net(spec, 1);
    struct train_settings s = settings("sgd", 1.0);
    size_t at = 0, i;
    float *move;

    s.exit_weight_count = 2;
    s.exit_weight[0] = early;
    s.exit_weight[1] = main;
    train(net, d, &s, 1, 1);
    *count = net->value_count;
    move = mem_array(*count, sizeof(*move));
    for (i = 0; i < *count; i++)
        move[at++] = net->values[i] - old->values[i];
    net_free(old);
    net_free(net);
    return move;
}

/* Card E3, and G14: gradients add up where the exit leaves. */
static void test_the_loss_is_the_weighted_sum_over_the_exits(void **state)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 200, 1);
    size_t n, i;
    float *early = moves(plain, d, 1, 0, &n), *main = moves(plain, d, 0, 1, &n);
    float *both = moves(plain, d, 2, 0.25f, &n);
    float *want = mem_array(n, sizeof(*want));
    int moved = 0;

    (void)state;
    for (i = 0; i < n; i++) {
        want[i] = 2.0f * early[i] + 0.25f * main[i];
        moved += early[i] != 0.0f && main[i] != 0.0f;
    }
    assert_true(moved > 100);
    assert_all_close(both, want, n, 1e-4, 1e-6);
    mem_free(want);
    mem_free(both);
    mem_free(main);
    mem_free(early);
    dataset_free(d);
}

/* Card E5: what the first head wants goes no further than its block. */
static void test_the_gradient_of_the_first_exit_stays_before_it(void **state)
{
    struct dataset *d = learning_data("28x28x1", 10, 100, 1);
    struct net *net = zoo_net("msdnet-mini", NULL), *old;
    struct train_settings s = settings("sgd", 0.1);
    bool *needs = mem_array((size_t)net->node_count, sizeof(*needs));
    int inside = 0, outside = 0, i, k;
    struct err err;

    (void)state;
    net_init(net, 1);
    old = net_clone(net, &err);
    assert_non_null(old);
    s.exit_weight_count = 5;
    s.exit_weight[0] = 1.0f;
    train(net, d, &s, 1, 2);
    branch_nodes(net, 0, needs);
    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct param *p = &net->node[i].param[k];
            bool same = memcmp(p->value, old->node[i].param[k].value,
                               p->count * sizeof(float)) == 0;

            if (!p->def.trainable)
                continue;
            if (needs[i])
                inside += !same;
            else
                outside += !same;
        }
    }
    /* Stem, two branches and the exit: nine convolutions with their norms, a
     * dense layer. */
    assert_int_equal(inside, 9 * 3 + 2);
    assert_int_equal(outside, 0);
    mem_free(needs);
    net_free(old);
    net_free(net);
    dataset_free(d);
}

/* Card E4: statistics of batch norm included. */
static void test_heads_alone_leave_the_trunk_as_it_is(void **state)
{
    struct dataset *d = learning_data("8x8x1", CLASSES, 300, 1);
    struct net *net = learning_net(two_exits, 1), *old, *four;
    struct train_settings s = settings("adam", 0.02);
    struct look before, after;
    bool *head = mem_array((size_t)net->node_count, sizeof(*head));
    struct err err;
    int i, k;

    (void)state;
    train(net, d, &s, 20, 2);
    old = net_clone(net, &err);
    four = net_clone(net, &err);
    assert_non_null(old);
    assert_non_null(four);
    /* An exit that has everything to learn. */
    memset(net->node[net_find(net, "e1")].param[0].value, 0, 256 * 5 * 4);
    memset(four->node[net_find(four, "e1")].param[0].value, 0, 256 * 5 * 4);
    look(net, d, &before);
    s.heads_only = true;
    s.rate.weight_decay = 0.01;
    train(net, d, &s, 30, 1);
    train(four, d, &s, 30, 4);
    look(net, d, &after);
    assert_same_main(&before, &after);
    assert_true(after.e.exit_hits[0] > before.e.exit_hits[0] + 30);
    branch_heads(net, head);
    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct param *p = &net->node[i].param[k];

            if (!head[i])
                assert_same_bits(p->value, old->node[i].param[k].value,
                                 p->count * sizeof(float));
            assert_same_bits(four->node[i].param[k].value, p->value,
                             p->count * sizeof(float));
        }
    }
    mem_free(head);
    net_free(four);
    net_free(old);
    net_free(net);
    dataset_free(d);
}

/* A head that learns alone gets the gradient that it gets with the others. */
static void test_a_frozen_trunk_does_not_change_what_a_head_learns(void **state)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 200, 1);
    struct net *alone = learning_net(plain, 1), *joint = learning_net(plain, 1);
    struct train_settings s = settings("sgd", 0.5);
    const struct param *a, *b;
    unsigned long calls;
    struct pool *pool = learning_pool(2);
    struct step_report report;
    struct trainer *t;
    struct err err;

    (void)state;
    train(joint, d, &s, 1, 1);
    s.heads_only = true;
    train(alone, d, &s, 1, 1);
    a = &alone->node[net_find(alone, "e1")].param[0];
    b = &joint->node[net_find(joint, "e1")].param[0];
    assert_all_close(a->value, b->value, a->count, 1e-5, 1e-6);

    t = trainer_new(alone, d, &s, 0, pool, &err);
    assert_non_null(t);
    calls = mem_block_calls();
    assert_ok(trainer_step(t, &report, &err));
    assert_true(mem_block_calls() == calls);
    trainer_free(t);
    pool_free(pool);
    net_free(joint);
    net_free(alone);
    dataset_free(d);
}

static void test_what_does_not_fit_the_exits_is_refused(void **state)
{
    struct dataset *d = learning_data("6x6x1", CLASSES, 50, 1);
    struct net *net = learning_net(plain, 1);
    struct net *one = learning_net("input 6x6x1; flatten; dense 5", 1);
    struct train_settings s = settings("sgd", 0.1);
    struct pool *pool = learning_pool(1);
    struct err err;

    (void)state;
    s.exit_weight_count = 3;
    assert_null(trainer_new(net, d, &s, 0, pool, &err));
    assert_non_null(strstr(err.msg, "3 weights for 2 exits"));
    s.exit_weight_count = 2;
    s.exit_weight[1] = -1.0f;
    assert_null(trainer_new(net, d, &s, 0, pool, &err));
    assert_non_null(strstr(err.msg, "-1"));
    s = settings("sgd", 0.1);
    s.heads_only = true;
    assert_null(trainer_new(one, d, &s, 0, pool, &err));
    assert_non_null(strstr(err.msg, "no early exit"));
    pool_free(pool);
    net_free(one);
    net_free(net);
    dataset_free(d);
}

/* Every exit is counted as if it stood alone. */
static void test_exits_are_counted_one_by_one(void **state)
{
    struct dataset *d = learning_data("8x8x1", CLASSES, 300, 1);
    struct net *net = learning_net(two_exits, 1), *alone;
    struct train_settings s = settings("adam", 0.02);
    const bool gone[2][2] = {{false, true}, {true, false}};
    struct look all, one;
    struct err err;
    int o;

    (void)state;
    train(net, d, &s, 8, 2);
    look(net, d, &all);
    assert_int_equal(all.e.exits, 2);
    assert_int_equal(all.e.hits, all.e.exit_hits[1]);
    assert_int_not_equal(all.e.exit_hits[0], all.e.exit_hits[1]);
    for (o = 0; o < 2; o++) {
        alone = branch_remove(net, gone[o], &err);
        assert_non_null(alone);
        look(alone, d, &one);
        assert_int_equal(one.e.exits, 1);
        assert_int_equal(one.e.hits, all.e.exit_hits[o]);
        net_free(alone);
    }
    net_free(net);
    dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_loss_is_the_weighted_sum_over_the_exits),
        cmocka_unit_test(test_the_gradient_of_the_first_exit_stays_before_it),
        cmocka_unit_test(test_heads_alone_leave_the_trunk_as_it_is),
        cmocka_unit_test(
            test_a_frozen_trunk_does_not_change_what_a_head_learns),
        cmocka_unit_test(test_what_does_not_fit_the_exits_is_refused),
        cmocka_unit_test(test_exits_are_counted_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
