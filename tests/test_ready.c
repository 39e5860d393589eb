/*
 * What is made of the weights before samples are answered (kernels by tiles, in
 * panels) is never of weights that were.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "net/zoo.h"
#include "tests/learning.h"
#include "tests/probe.h"
#include "tests/tiny.h"

static struct net *new_net(const char *name)
{
    struct err err;
    struct net *net = zoo_make(zoo_find(name), NULL, 10, &err);

    assert_non_null(net);
    net_init(net, 5);
    return net;
}

static struct exec *new_plan(struct net *net, int batch, unsigned use,
                             struct pool *pool)
{
    struct err err;
    struct exec *e = exec_new(net, batch, use, pool, &err);

    assert_non_null(e);
    return e;
}

/* Outputs of the first n samples, to be freed. */
static float *answers(struct exec *e, struct net *net, int n)
{
    struct probe p;
    struct exec_hooks hooks = {
        .fill = probe_fill, .head = probe_head, .arg = &p};

    probe_init(&p, net);
    p.out[0] = mem_array((size_t)n * output_count(net, 0), sizeof(*p.out[0]));
    exec_run(e, PASS_EVAL, false, n, 11, 1, &hooks);
    mem_free(p.x);
    return p.out[0];
}

/* Single answers and those of a few, held and not, against a plan that makes
 * nothing ready. */
static void test_answers_are_those_of_the_plain_kernels(void **state)
{
    static const char *const nets[] = {"lenet-300-100", "lenet-5", "conv-4",
                                       "resnet-mini", "mobilenet-mini"};
    struct pool *pool = learning_pool(2);
    size_t i;
    int n;

    (void)state;
    for (i = 0; i < LENGTH(nets); i++) {
        struct net *net = new_net(nets[i]);

        for (n = 1; n <= 3; n += 2) {
            struct exec *plain = new_plan(net, n, EXEC_TRAIN, pool);
            struct exec *e = new_plan(net, n, EXEC_EVAL, pool);
            size_t size = (size_t)n * output_count(net, 0);
            float *want = answers(plain, net, n), *got = answers(e, net, n);
            float *held;

            exec_hold(e, true);
            held = answers(e, net, n);
            assert_same_bits(got, want, size * sizeof(*got));
            assert_all_close(held, want, size, 1e-5, 1e-5);
            mem_free(held);
            mem_free(want);
            mem_free(got);
            exec_free(plain);
            exec_free(e);
        }
        net_free(net);
    }
    pool_free(pool);
}

/* The first kernel of a kind; every net here has one. */
static struct param *kernel_of(struct net *net, const char *kind)
{
    int i = 0;

    while (strcmp(net->node[i].kind->name, kind) != 0 ||
           (strcmp(kind, "conv2d") == 0 && net->node[i].in[0] == NET_INPUT))
        i++;
    return &net->node[i].param[0];
}

/* Answers are the same until they are held no more, and of the new weights
 * then: of a kernel by tiles, and one in panels. */
static void test_weights_that_change_are_seen(void **state)
{
    static const char *const kinds[] = {"conv2d", "dense"};
    struct pool *pool = learning_pool(2);
    struct net *net = new_net("lenet-5");
    struct exec *e = new_plan(net, 1, EXEC_EVAL, pool);
    size_t i, size = output_count(net, 0) * sizeof(float);

    (void)state;
    for (i = 0; i < LENGTH(kinds); i++) {
        struct param *p = kernel_of(net, kinds[i]);
        float *before, *held, *after, *want;
        struct exec *other;

        exec_hold(e, true);
        before = answers(e, net, 1);
        p->value[3] += 1.0f;
        held = answers(e, net, 1);
        exec_hold(e, false);
        after = answers(e, net, 1);
        other = new_plan(net, 1, EXEC_EVAL, pool);
        want = answers(other, net, 1);
        assert_same_bits(held, before, size);
        assert_same_bits(after, want, size);
        assert_true(memcmp(after, before, size) != 0);
        exec_free(other);
        mem_free(before);
        mem_free(held);
        mem_free(after);
        mem_free(want);
    }
    exec_free(e);
    net_free(net);
    pool_free(pool);
}

/* The memory of what is ready is part of what a plan says it takes. */
static void test_what_is_ready_is_counted(void **state)
{
    struct pool *pool = learning_pool(1);
    struct net *net = new_net("lenet-5");
    struct exec *e = new_plan(net, 1, EXEC_EVAL, pool);
    size_t kernels = 36 * 20 * 50 + 800 * 500;

    (void)state;
    assert_true(exec_bytes(e) > kernels * sizeof(float));
    assert_true(exec_bytes(e) == exec_need(net, 1, EXEC_EVAL, 1));
    exec_free(e);
    net_free(net);
    pool_free(pool);
}

static double last_loss(const struct tiny *t)
{
    const char *at = t->json.text, *found = NULL;

    while (at != NULL && (at = strstr(at, "\"loss\": ")) != NULL)
        found = at += strlen("\"loss\": ");
    assert_non_null(found);
    return strtod(found, NULL);
}

/* The loss of the same weights where nothing was before. */
static double loss_anew(struct tiny *t, void *const *state)
{
    const char *path = support_path(state, "now.h5");
    struct str line = {0};
    struct tiny other = {0};
    double loss;

    str_addf(&line, "save %s", path);
    tiny_do(t, line.text);
    str_clear(&line);
    str_addf(&line, "data %s validation=100; net %s",
             support_path(state, "tiny.h5"), path);
    tiny_open(&other, (struct engine_options){0});
    tiny_do(&other, line.text);
    loss = last_loss(&other);
    tiny_close(&other);
    str_done(&line);
    return loss;
}

/* One evaluator sees a net through all that changes its weights. */
static void test_no_command_leaves_answers_of_old_weights(void **state)
{
    static const char net[] =
        "new \"input 8x8x1; conv2d 9 3x3 padding=same relu;"
        " conv2d 12 3x3 padding=same name=b relu; max_pool2d 2; flatten;"
        " dense 24 name=fc1 relu; dense 4 name=fc2 softmax\"";
    static const char *const lines[] = {
        "train steps=5",
        "prune 30% layers=b",
        "finetune steps=5",
        "undo",
        "redo",
        "init masks=keep",
        "goto 1",
        "train steps=3 optimiser=sgd",
        "quantize shared bits=3 layers=b",
        "train steps=3",
        "undo; undo",
        "quantize symmetric bits=4",
        "goto 3",
        "prune 40% by=units layers=b",
        "shrink",
        "train steps=2",
        "undo; undo; undo; undo",
    };
    struct tiny t = {0};
    struct str line = {0};
    double loss, old = 0.0;
    size_t i;

    tiny_data(state);
    tiny_open(&t, (struct engine_options){0});
    str_addf(&line, "data %s validation=100", support_path(state, "tiny.h5"));
    tiny_do(&t, line.text);
    tiny_do(&t, net);
    for (i = 0; i < LENGTH(lines); i++) {
        tiny_do(&t, lines[i]);
        loss = last_loss(&t);
        if (loss == old)
            fail_msg("\"%s\" changed nothing", lines[i]);
        assert_close(loss, loss_anew(&t, state), 0.0);
        old = loss;
    }
    str_done(&line);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_those_of_the_plain_kernels),
        cmocka_unit_test(test_weights_that_change_are_seen),
        cmocka_unit_test(test_what_is_ready_is_counted),
        unit_test_in_folder(test_no_command_leaves_answers_of_old_weights),
    };

    return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
