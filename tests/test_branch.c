/* Early exits as parts of nets: costs of the literature, adding, removing,
 * pruning. */
#include "tests/support.h"

#include "base/mem.h"
#include "compress/mask.h"
#include "compress/prune.h"
#include "compress/shrink.h"
#include "net/branch.h"
#include "net/size.h"
#include "net/spec.h"
#include "tests/learning.h"
#include "tests/tiny.h"
#include "tests/two_exits.h"
#include "train/eval.h"
#include "train/trainer.h"

#define CLASSES 5

/* Of the nodes that an output needs. */
static struct size_count needs_of(const struct net *net, int output)
{
    bool *needs = mem_array((size_t)net->node_count, sizeof(*needs));
    struct size_count sum = {0}, size;
    int i;

    branch_nodes(net, output, needs);
    for (i = 0; i < net->node_count; i++) {
        size_of_node(net, i, &size);
        sum.params += needs[i] ? size.params : 0;
        sum.macs += needs[i] ? size.macs : 0;
    }
    mem_free(needs);
    return sum;
}

/* Of the nodes up to an output, as the spec has them. */
static struct size_count count_to(const struct net *net, int output)
{
    struct size_count sum = {0}, size;
    int i;

    for (i = 0; i <= net->output[output]; i++) {
        size_of_node(net, i, &size);
        sum.params += size.params;
        sum.macs += size.macs;
    }
    return sum;
}

/* Method cards E3 and E5: parameters and multiply-accumulates of a sample that
 * has tried all exits up to each, when each block is computed whole. */
static const struct {
    const char *name;
    int side, channels, exits;
    double params[5], macs[5];
} costs[] = {
    {"b-lenet", 28, 1, 2, {7000, 74694}, {220150, 1247720}},
    {"msdnet-mini",
     28,
     1,
     5,
     {35130, 69660, 101910, 134416, 162946},
     {1308928, 2271360, 3361536, 4240064, 4915104}},
    {"msdnet-mini",
     32,
     3,
     5,
     {35274, 69804, 102054, 134560, 163090},
     {1777984, 2933376, 4289472, 5346560, 6166080}},
    {"msdnet-grow",
     28,
     1,
     4,
     {35130, 81428, 143590, 219856},
     {1308928, 3063232, 6216960, 9595312}},
};

static void test_exits_cost_what_the_cards_say(void **state)
{
    size_t i;
    int o;

    (void)state;
    for (i = 0; i < LENGTH(costs); i++) {
        struct shape input = {
            .rank = 3,
            .dim = {costs[i].side, costs[i].side, costs[i].channels}};
        struct net *net = zoo_net(costs[i].name, &input);

        assert_int_equal(net->output_count, costs[i].exits);
        for (o = 0; o < net->output_count; o++) {
            struct size_count sum = count_to(net, o);

            assert_close(sum.params, costs[i].params[o], 0);
            assert_close(sum.macs, costs[i].macs[o], 0);
            assert_true(needs_of(net, o).macs <= sum.macs);
        }
        net_free(net);
    }
}

/* Card E3: LeNet alone; card E5: the last of five, so that each head but the
 * last is what is missing. */
static void test_without_its_exits_a_net_costs_what_the_cards_say(void **state)
{
    struct net *lenet = zoo_net("b-lenet", NULL);
    struct net *grid = zoo_net("msdnet-mini", NULL), *bare;
    const bool gone[] = {true, true, true, true, false};
    struct size_count size;
    struct err err;

    (void)state;
    size = needs_of(lenet, 1);
    assert_int_equal(size.params, 67824);
    assert_close(size.macs, 1140070, 0);
    /* The first exit looks at the coarsest scale only: what layer 1 makes of
     * the others is not needed there. */
    size = needs_of(grid, 0);
    assert_close(size.macs,
                 1308928 - 784 * (8 * 4 + 9 * 4 * 4) - 784 * 8 * 4 -
                     196 * (9 * 4 * 4 + 16 * 8 + 9 * 8 * 4),
                 0);
    bare = branch_remove(grid, gone, &err);
    assert_non_null(bare);
    size_of_net(bare, &size);
    assert_int_equal(size.params, 162946 - 23498 - 28106 - 21194 - 25802);
    assert_close(size.macs, 4915104 - 258368 - 332096 - 221504 - 295232, 0);
    net_free(bare);
    net_free(grid);
    net_free(lenet);
}

static struct net *add(const struct net *net, const char *after,
                       const char *head, const char *name)
{
    struct err err;
    struct net *made =
        branch_add(net, net_find(net, after), head, name, 7, &err);

    if (made == NULL)
        fail_msg("%s", err.msg);
    return made;
}

static void test_an_exit_stands_behind_its_layer_in_order(void **state)
{
    struct dataset *d = learning_data("8x8x1", CLASSES, 200, 1);
    struct net *net = learning_net(two_exits, 1), *late, *both;
    struct look before, after;

    (void)state;
    late = add(net, "m1", NULL, "late");
    both = add(late, "c1", "conv2d 3 3x3 relu, global_average_pool2d", "early");
    assert_int_equal(both->output_count, 4);
    assert_string_equal(branch_name(both, 0), "early");
    assert_string_equal(branch_name(both, 1), "e1");
    assert_string_equal(branch_name(both, 2), "late");
    assert_string_equal(branch_name(both, 3), "main");
    assert_int_equal(branch_point(both, 0), net_find(both, "c1"));
    assert_int_equal(branch_point(both, 1), net_find(both, "r1"));
    /* Behind the activation that is folded there. */
    assert_int_equal(branch_point(both, 2), net_find(both, "m1_relu"));
    assert_int_equal(net_find(both, "early_conv2d"), net_find(both, "c1") + 1);
    assert_true(net_find(both, "early_global_average_pool2d") >= 0);
    assert_int_equal(
        shape_count(&both->node[net_find(both, "early")].param[0].def.shape),
        3 * CLASSES);
    look(net, d, &before);
    look(both, d, &after);
    assert_same_main(&before, &after);
    assert_int_equal(before.e.exit_hits[0], after.e.exit_hits[1]);
    net_free(both);
    net_free(late);
    net_free(net);
    dataset_free(d);
}

/* What a spec that is printed and read again gives is the same graph. */
static void test_an_exit_that_is_removed_leaves_no_trace(void **state)
{
    struct net *net = learning_net(two_exits, 1), *more, *back, *printed;
    const bool gone[] = {false, true, false};
    struct prune_request r = prune_defaults();
    struct prune_report report;
    struct str text = {0};
    struct err err;
    int i, k;

    (void)state;
    assert_ok(prune_apply(net, &r, &report, &err));
    more = add(net, "r2", NULL, "mid");
    spec_print(more, &text);
    printed = spec_parse(text.text, "test", &err);
    if (printed == NULL)
        fail_msg("%s in\n%s", err.msg, text.text);
    assert_true(net_same_graph(more, printed));
    back = branch_remove(more, gone, &err);
    assert_non_null(back);
    assert_true(net_same_graph(net, back));
    for (i = 0; i < net->node_count; i++) {
        assert_string_equal(net->node[i].name, back->node[i].name);
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct param *p = &net->node[i].param[k];
            const struct param *q = &back->node[i].param[k];

            assert_same_bits(q->value, p->value, p->count * sizeof(float));
            assert_int_equal(q->mask != NULL, p->mask != NULL);
            if (p->mask != NULL)
                assert_same_bits(q->mask, p->mask, p->count);
        }
    }
    str_done(&text);
    net_free(printed);
    net_free(back);
    net_free(more);
    net_free(net);
}

static void test_what_makes_no_exit_is_refused(void **state)
{
    struct net *net = learning_net(two_exits, 1);
    const bool all[] = {true, true};
    struct err err;
    const struct {
        const char *after, *head, *name, *text;
    } bad[] = {
        {"main", NULL, "x", "saves nothing"},
        {"main_softmax", NULL, "x", "saves nothing"},
        {"f1", NULL, "x", "belongs to an exit"},
        {"r1", NULL, "c2", "already"},
        {"r1", NULL, "a,b", "cannot be the name"},
        {"r1", NULL, "input", "cannot be the name"},
        {"r1", "conv2d 3 20x20", "x", "head of \"x\""},
        {"r1", "nonsense 3", "x", "no layer kind"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(bad); i++) {
        struct net *made = branch_add(net, net_find(net, bad[i].after),
                                      bad[i].head, bad[i].name, 1, &err);

        if (made != NULL)
            fail_msg("behind %s was not refused", bad[i].after);
        if (strstr(err.msg, bad[i].text) == NULL)
            fail_msg("behind %s: %s", bad[i].after, err.msg);
    }
    assert_null(branch_remove(net, all, &err));
    assert_non_null(strstr(err.msg, "at least one"));
    net_free(net);
}

/* A net fails to be made at every single allocation and leaves nothing. */
static void test_a_graft_that_finds_no_memory_leaves_no_trace(void **state)
{
    struct net *net = learning_net(two_exits, 1), *made = NULL;
    struct prune_request r = prune_defaults();
    struct prune_report report;
    struct err err;
    size_t bytes;
    int n;

    (void)state;
    assert_ok(prune_apply(net, &r, &report, &err));
    bytes = mem_block_bytes();
    for (n = 0; made == NULL; n++) {
        mem_fail_after(n);
        made = branch_add(net, net_find(net, "r2"), NULL, "mid", 1, &err);
        mem_fail_after(-1);
        if (made == NULL) {
            assert_int_equal(err.code, ERR_MEMORY);
            assert_true(mem_block_bytes() == bytes);
        }
    }
    assert_true(n > 3);
    net_free(made);
    net_free(net);
}

static void test_pruned_and_shrunk_exits_say_the_same(void **state)
{
    struct dataset *d = learning_data("8x8x1", CLASSES, 300, 1);
    struct net *net = learning_net(two_exits, 1), *small;
    struct train_settings s = settings("adam", 0.02);
    struct prune_request r = prune_defaults();
    struct prune_report pruned;
    struct shrink_report shrunk;
    struct look before, after;
    const char *where;
    struct err err;
    int i;

    (void)state;
    train(net, d, &s, 20, 2);
    r.rule = PRUNE_TO;
    r.amount = 0.8;
    assert_ok(prune_apply(net, &r, &pruned, &err));
    train(net, d, &s, 20, 2);
    assert_int_equal(mask_leaks(net, &where), 0);
    /* Filters of the trunk that neither the exit nor the rest reads. */
    for (i = 0; i < 9; i++)
        net->node[0].param[0].value[i * 4 + 1] = 0.0f;
    look(net, d, &before);
    small = shrink_net(net, &shrunk, &err);
    if (small == NULL)
        fail_msg("%s", err.msg);
    assert_int_equal(small->output_count, 2);
    look(small, d, &after);
    assert_same_bits(after.guess, before.guess, sizeof(after.guess));
    assert_all_close(after.confidence, before.confidence, 100, 1e-4, 1e-5);
    assert_int_equal(before.e.exit_hits[0], after.e.exit_hits[0]);
    assert_true(shrunk.params_after < shrunk.params_before);
    net_free(small);
    net_free(net);
    dataset_free(d);
}

/* The commands, in a session that goes on. */
static void test_exits_come_and_go_as_stages(void **state)
{
    struct engine_options o = {.seed = 1, .session = support_path(state, "s")};
    struct tiny t = {.folder = *state};
    struct tiny again = {.folder = *state};

    tiny_data(state);
    tiny_open(&t, o);
    tiny_begin(&t, state);
    tiny_do(&t, "train steps=20; exit add after=fc1");
    assert_non_null(strstr(t.said.text, "exit 1  exit1"));
    tiny_do(&t, "train steps=20 heads_only=yes; expect stage==3");
    tiny_do(&t, "train steps=5 exit_weights=1,0.3; prune 50%");
    tiny_do(&t, "exit add after=fc1 head=\"dense 6 relu\" name=other");
    tiny_do(&t, "exit remove exit1; undo; redo; expect weights==1800");
    tiny_refuse(&t, "exit remove nothing", ERR_MISSING, "other");
    tiny_refuse(&t, "exit remove *", ERR_VALUE, "at least one");
    tiny_refuse(&t, "exit add after=fc3", ERR_MISSING, "fc1");
    tiny_refuse(&t, "exit add", ERR_USAGE, "after=LAYER");
    tiny_refuse(&t, "train exit_weights=1", ERR_VALUE, "1 weights for 2");
    tiny_refuse(&t, "train exit_weights=1,x", ERR_VALUE, "exit_weights");
    tiny_do(&t, "eval test");
    assert_non_null(strstr(t.said.text, "exit 2  fc2"));
    tiny_close(&t);

    o.resume = true;
    tiny_open(&again, o);
    tiny_do(&again, "expect stage==7; expect weights==1800; goto 2");
    tiny_do(&again, "expect weights==1728; eval");
    assert_non_null(strstr(again.said.text, "exit 1  exit1"));
    tiny_close(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exits_cost_what_the_cards_say),
        cmocka_unit_test(test_without_its_exits_a_net_costs_what_the_cards_say),
        cmocka_unit_test(test_an_exit_stands_behind_its_layer_in_order),
        cmocka_unit_test(test_an_exit_that_is_removed_leaves_no_trace),
        cmocka_unit_test(test_what_makes_no_exit_is_refused),
        cmocka_unit_test(test_a_graft_that_finds_no_memory_leaves_no_trace),
        cmocka_unit_test(test_pruned_and_shrunk_exits_say_the_same),
        unit_test_in_folder(test_exits_come_and_go_as_stages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
