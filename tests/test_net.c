#include "tests/support.h"

#include "base/mem.h"
#include "net/net.h"
#include "tests/learning.h"

static const struct shape vector5 = {.rank = 1, .dim = {5}};

static struct net *two_layers(void)
{
    struct net *net = net_new("n", &vector5);
    struct err err;
    int units = 4, in = NET_INPUT;
    unsigned char config[LAYER_CONFIG_MAX];
    const struct layer_kind *dense = layer_find("dense");

    layer_defaults(dense, config);
    memcpy(config, &units, sizeof(units));
    assert_ok(net_add(net, dense, config, NULL, &in, 1, false, &in, &err));
    assert_ok(net_add(net, dense, config, NULL, &in, 1, false, &in, &err));
    return net;
}

static void test_layers_without_a_name_are_counted_by_kind(void **state)
{
    struct net *net = two_layers();

    (void)state;
    assert_string_equal(net->node[0].name, "dense");
    assert_string_equal(net->node[1].name, "dense_1");
    assert_int_equal(net_find(net, "dense_1"), 1);
    assert_int_equal(net_find(net, "dense_2"), -1);
    net_free(net);
}

static void test_a_slip_in_the_graph_is_refused_and_changes_nothing(
    void **state)
{
    struct net *net = two_layers();
    const struct layer_kind *relu = layer_find("relu"),
                            *add = layer_find("add");
    int one = 0, later = 2, both[] = {NET_INPUT, 0}, twice[] = {1, 1};
    struct err err;

    (void)state;
    assert_refused(
        net_add(net, relu, NULL, "dense", &one, 1, false, NULL, &err),
        ERR_VALUE, "two layers are named \"dense\"");
    assert_refused(net_add(net, relu, NULL, "", &one, 1, false, NULL, &err),
                   ERR_VALUE, "needs a name");
    assert_refused(net_add(net, relu, NULL, NULL, &later, 1, false, NULL, &err),
                   ERR_SHAPE, "only 2 nodes stand before it");
    assert_refused(net_add(net, relu, NULL, NULL, both, 2, false, NULL, &err),
                   ERR_SHAPE, "relu takes 1 input, got 2");
    assert_refused(net_add(net, add, NULL, NULL, both, 2, false, NULL, &err),
                   ERR_SHAPE, "add");
    assert_refused(net_finish(net, &later, 1, &err), ERR_SHAPE, "node 2 of 2");
    assert_refused(net_finish(net, twice, 2, &err), ERR_SHAPE, "output twice");
    assert_refused(net_finish(net, &one, 1, &err), ERR_SHAPE,
                   "\"dense_1\" leads to no output");
    assert_int_equal(net->node_count, 2);
    assert_ok(net_finish(net, NULL, 0, &err));
    net_free(net);
}

static void test_a_net_without_layers_is_refused(void **state)
{
    struct net *net = net_new("n", &vector5);
    struct err err;

    (void)state;
    assert_refused(net_finish(net, NULL, 0, &err), ERR_SHAPE, "without layers");
    net_free(net);
}

static void test_softmax_at_an_output_is_found(void **state)
{
    struct net *a = learning_net("input 4, dense 3 softmax", 1);
    struct net *b = learning_net("input 4, dense 3 relu", 1);

    (void)state;
    assert_int_equal(net_softmax_of(a, 0), 1);
    assert_int_equal(net_softmax_of(b, 0), -1);
    net_free(a);
    net_free(b);
}

static void test_initial_values_follow_the_rule_and_the_mask(void **state)
{
    struct net *net = learning_net("input 300, dense 100, batch_norm", 5);
    struct param *w = &net->node[0].param[0], *b = &net->node[0].param[1];
    struct param *gamma = &net->node[1].param[0];
    double bound = sqrt(6.0 / 400.0), sum = 0.0, squares = 0.0, first;
    struct err err;
    size_t i;

    (void)state;
    first = (double)w->value[0];
    for (i = 0; i < w->count; i++) {
        assert_true(fabs((double)w->value[i]) <= bound);
        sum += (double)w->value[i];
        squares += (double)w->value[i] * (double)w->value[i];
    }
    /* Uniform: mean 0, variance bound^2 / 3; 30,000 draws. */
    assert_close(sum / 3e4, 0.0, 4.0 * bound / sqrt(3.0 * 3e4));
    assert_close(squares / 3e4 / (bound * bound / 3.0), 1.0, 0.02);
    assert_close(b->value[99], 0.0, 0.0);
    assert_close(gamma->value[7], 1.0, 0.0);

    assert_ok(param_need_mask(w, &err));
    w->mask[0] = 0;
    net_init(net, 5);
    assert_true(w->value[0] == 0.0f && !signbit(w->value[0]));
    w->mask[0] = 1;
    net_init(net, 5);
    assert_close(w->value[0], first, 0.0);
    net_init(net, 6);
    assert_true((double)w->value[0] != first);
    net_free(net);
}

static void fill_state(struct net *net)
{
    struct err err;

    assert_ok(net_need_moments(net, 2, &err));
    assert_ok(param_need_mask(&net->node[0].param[0], &err));
    net->node[0].param[0].mask[2] = 0;
    net->node[0].param[0].value[2] = 0.0f;
    net->node[0].param[0].moment[1][3] = 7.0f;
    net->node[1].param[2].value[1] = 0.5f; /* a running mean */
}

static void assert_same_state(const struct net *a, const struct net *b)
{
    int i, k, m;

    assert_true(net_same_graph(a, b));
    for (i = 0; i < a->node_count; i++) {
        for (k = 0; k < a->node[i].param_count; k++) {
            const struct param *p = &a->node[i].param[k];
            const struct param *q = &b->node[i].param[k];

            assert_same_bits(p->value, q->value, p->count * sizeof(float));
            assert_int_equal(p->mask == NULL, q->mask == NULL);
            if (p->mask != NULL)
                assert_same_bits(p->mask, q->mask, p->count);
            for (m = 0; m < NET_MOMENT_MAX; m++) {
                assert_int_equal(p->moment[m] == NULL, q->moment[m] == NULL);
                if (p->moment[m] != NULL)
                    assert_same_bits(p->moment[m], q->moment[m],
                                     p->count * sizeof(float));
            }
        }
    }
}

static const char small_spec[] = "input 6, dense 4 name=a, batch_norm, dense 3";

static void test_a_clone_has_everything_and_shares_nothing(void **state)
{
    struct net *net = learning_net(small_spec, 3), *copy;
    struct err err;

    (void)state;
    fill_state(net);
    net->scale = 2.0f;
    copy = net_clone(net, &err);
    assert_non_null(copy);
    assert_same_state(copy, net);
    assert_close(copy->scale, 2.0, 0.0);
    assert_string_equal(copy->node[0].name, "a");
    copy->node[0].param[0].value[0] += 1.0f;
    copy->node[0].param[0].mask[5] = 0;
    assert_int_equal(net->node[0].param[0].mask[5], 1);
    assert_true(copy->node[0].param[0].value[0] !=
                net->node[0].param[0].value[0]);
    net_free(net);
    net_free(copy);
}

static void test_state_moves_both_ways_between_nets_of_one_graph(void **state)
{
    struct net *full = learning_net(small_spec, 3);
    struct net *bare = learning_net(small_spec, 4);
    struct net *to = learning_net(small_spec, 5);
    struct net *other = learning_net("input 6, dense 4, dense 3", 1);
    struct err err;

    (void)state;
    fill_state(full);
    assert_ok(net_copy_state(to, full, &err));
    assert_same_state(to, full);
    assert_ok(net_copy_state(to, bare, &err));
    assert_same_state(to, bare);
    assert_refused(net_copy_state(to, other, &err), ERR_SHAPE, "different");
    net_free(full);
    net_free(bare);
    net_free(to);
    net_free(other);
}

static void test_moments_are_zeroed_or_dropped(void **state)
{
    struct net *net = learning_net(small_spec, 3);
    struct param *w = &net->node[0].param[0], *mean = &net->node[1].param[2];
    struct err err;

    (void)state;
    assert_ok(net_need_moments(net, 1, &err));
    assert_non_null(w->moment[0]);
    assert_null(w->moment[1]);
    assert_null(mean->moment[0]);
    w->moment[0][0] = 1.0f;
    assert_ok(net_need_moments(net, 2, &err));
    assert_close(w->moment[0][0], 0.0, 0.0);
    assert_non_null(w->moment[1]);
    assert_ok(net_need_moments(net, 0, &err));
    assert_null(w->moment[0]);
    net_free(net);
}

static void test_want_of_memory_leaves_a_net_as_it_was(void **state)
{
    struct net *full = learning_net(small_spec, 3);
    struct net *to = learning_net(small_spec, 4), *same, *copy = NULL;
    size_t bytes;
    struct err err;
    int n;

    (void)state;
    fill_state(full);
    same = net_clone(to, &err);
    assert_non_null(same);
    bytes = mem_block_bytes();
    for (n = 0; copy == NULL; n++) {
        mem_fail_after(n);
        copy = net_clone(full, &err);
        mem_fail_after(-1);
        if (copy == NULL) {
            assert_int_equal(err.code, ERR_MEMORY);
            assert_true(mem_block_bytes() == bytes);
        }
    }
    assert_true(n > 10);
    for (n = 0;; n++) {
        mem_fail_after(n);
        if (net_copy_state(to, full, &err) == ERR_OK)
            break;
        assert_same_state(to, same);
    }
    mem_fail_after(-1);
    assert_same_state(to, full);
    net_free(full);
    net_free(to);
    net_free(same);
    net_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers_without_a_name_are_counted_by_kind),
        cmocka_unit_test(
            test_a_slip_in_the_graph_is_refused_and_changes_nothing),
        cmocka_unit_test(test_a_net_without_layers_is_refused),
        cmocka_unit_test(test_softmax_at_an_output_is_found),
        cmocka_unit_test(test_initial_values_follow_the_rule_and_the_mask),
        cmocka_unit_test(test_a_clone_has_everything_and_shares_nothing),
        cmocka_unit_test(test_state_moves_both_ways_between_nets_of_one_graph),
        cmocka_unit_test(test_moments_are_zeroed_or_dropped),
        cmocka_unit_test(test_want_of_memory_leaves_a_net_as_it_was),
    };

    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
