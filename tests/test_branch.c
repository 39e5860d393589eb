/* Early exits as parts of nets: costs of the literature, adding, removing,
 * training, pruning. */
#include "tests/support.h"

#include "base/mem.h"
#include "compress/mask.h"
#include "compress/prune.h"
#include "compress/shrink.h"
#include "net/branch.h"
#include "net/size.h"
#include "net/spec.h"
#include "net/zoo.h"
#include "tests/learning.h"
#include "tests/tiny.h"
#include "train/eval.h"
#include "train/trainer.h"

#define CLASSES 5

/* Two exits and a trunk with all that is special: batch norm, dropout, an add
 * and an activation that is folded. */
static const char two_exits[] =
    "input 8x8x1; conv2d 4 3x3 padding=same name=c1; batch_norm name=b1;"
    "relu name=r1; flatten name=f1; dense 5 name=e1 softmax;"
    "conv2d 4 3x3 padding=same name=c2 from=r1; batch_norm name=b2;"
    "add name=a2 from=b2,r1; relu name=r2; dropout 0.2 name=d2;"
    "flatten name=f2; dense 9 name=m1 relu; dense 5 name=main softmax;"
    "output e1 main";

/* Without anything that looks at a whole batch. */
static const char plain[] =
    "input 6x6x1; flatten name=f; dense 12 name=h1 relu;"
    "dense 5 name=e1 softmax; dense 12 name=h2 relu from=h1;"
    "dense 5 name=main softmax; output e1 main";

static struct net *zoo_net(const char *name, const struct shape *input)
{
    struct err err;
    struct net *net = zoo_make(zoo_find(name), input, 10, &err);

    if (net == NULL)
        fail_msg("%s: %s", name, err.msg);
    return net;
}

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

/* Guesses and confidences of the main classifier, and hits of each exit. */
struct look {
    struct evaluation e;
    int32_t guess[100];
    float confidence[100];
};

static void look(struct net *net, const struct dataset *d, struct look *out)
{
    struct pool *pool = learning_pool(2);
    struct eval_details more = {.guess = out->guess,
                                .confidence = out->confidence};
    struct err err;
    struct evaluator *e = evaluator_new(net, d, pool, &err);

    memset(out->guess, 0, sizeof(out->guess));
    memset(out->confidence, 0, sizeof(out->confidence));
    assert_non_null(e);
    assert_ok(
        evaluator_run(e, &d->test, NULL, 100, &out->e, &more, NULL, &err));
    evaluator_free(e);
    pool_free(pool);
}

static void assert_same_main(const struct look *a, const struct look *b)
{
    assert_same_bits(a->guess, b->guess, sizeof(a->guess));
    assert_same_bits(a->confidence, b->confidence, sizeof(a->confidence));
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

static void train(struct net *net, const struct dataset *d,
                  const struct train_settings *s, int steps, int threads)
{
    struct pool *pool = learning_pool(threads);
    struct step_report report;
    struct err err;
    struct trainer *t = trainer_new(net, d, s, 0, pool, &err);

    if (t == NULL)
        fail_msg("%s", err.msg);
    while (steps-- > 0)
        assert_ok(trainer_step(t, &report, &err));
    assert_int_equal(report.exits, net->output_count);
    assert_int_equal(report.hits, report.exit_hits[report.exits - 1]);
    trainer_free(t);
    pool_free(pool);
}

static struct train_settings settings(const char *optim, double lr)
{
    struct train_settings s = train_defaults();

    s.optim = optim_find(optim);
    s.rate.lr = lr;
    s.batch = 32;
    s.total = 100;
    s.seed = 3;
    return s;
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
        cmocka_unit_test(test_the_loss_is_the_weighted_sum_over_the_exits),
        cmocka_unit_test(test_the_gradient_of_the_first_exit_stays_before_it),
        cmocka_unit_test(test_heads_alone_leave_the_trunk_as_it_is),
        cmocka_unit_test(
            test_a_frozen_trunk_does_not_change_what_a_head_learns),
        cmocka_unit_test(test_what_does_not_fit_the_exits_is_refused),
        cmocka_unit_test(test_exits_are_counted_one_by_one),
        cmocka_unit_test(test_pruned_and_shrunk_exits_say_the_same),
        unit_test_in_folder(test_exits_come_and_go_as_stages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
