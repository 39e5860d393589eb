#include "tests/support.h"

#include <float.h>

#include "base/mem.h"
#include "net/exec.h"
#include "net/zoo.h"
#include "tests/learning.h"

#define BATCH 131 /* several shards, the last one smaller */
#define MOST  16  /* outputs */

/* A loss that is linear in the outputs: sum of y times fixed random factors,
 * so that every output and sample has a gradient of its own. */
struct probe {
    struct net *net;
    float *x;
    float *out[MOST]; /* (BATCH, output), or NULL */
};

static size_t output_count(const struct net *net, int o)
{
    return shape_count(&net->node[net->output[o]].out);
}

static void probe_fill(void *arg, int first, int n, float *x)
{
    const struct probe *p = arg;
    size_t width = shape_count(&p->net->input);

    memcpy(x, p->x + (size_t)first * width, (size_t)n * width * sizeof(*x));
}

static double probe_head(void *arg, int shard, int first, int n,
                         const float *const *y, float *const *dy)
{
    const struct probe *p = arg;
    double loss = 0.0;
    int o, i;
    size_t k;

    (void)shard;
    for (o = 0; o < p->net->output_count; o++) {
        size_t width = output_count(p->net, o);

        for (i = 0; i < n; i++) {
            struct rng r =
                rng_at(9, RNG_TEST, (uint64_t)o, (uint64_t)(first + i));
            const float *z = y[o] + (size_t)i * width;

            for (k = 0; k < width; k++) {
                float factor = rng_float(&r) - 0.5f;

                loss += (double)factor * (double)z[k];
                if (dy[o] != NULL)
                    dy[o][(size_t)i * width + k] = factor;
            }
            if (p->out[o] != NULL)
                memcpy(p->out[o] + (size_t)(first + i) * width, z,
                       width * sizeof(*z));
        }
    }
    return loss;
}

static void probe_init(struct probe *p, struct net *net)
{
    struct rng r = rng_at(4, RNG_TEST, 0, 0);
    size_t n = (size_t)BATCH * shape_count(&net->input), i;

    memset(p, 0, sizeof(*p));
    p->net = net;
    p->x = mem_array(n, sizeof(*p->x));
    for (i = 0; i < n; i++)
        p->x[i] = (float)rng_normal(&r);
}

static double probe_run(struct exec *e, struct probe *p, enum pass_mode mode,
                        bool backward)
{
    struct exec_hooks hooks = {
        .fill = probe_fill, .head = probe_head, .arg = p};

    return exec_run(e, mode, backward, BATCH, 11, 1, &hooks);
}

static struct exec *new_exec(struct net *net, unsigned use, struct pool *pool)
{
    struct err err;
    struct exec *e = exec_new(net, BATCH, use, pool, &err);

    if (e == NULL)
        fail_msg("%s", err.msg);
    return e;
}

/* The gradient of one parameter, summed over the shards; caller frees. */
static float *gradient(struct exec *e, int node, int param, size_t count)
{
    float *sum = mem_array(count, sizeof(*sum));
    int s;
    size_t i;

    for (s = 0; s < exec_shards(e, BATCH); s++) {
        const float *g = exec_grad(e, s, node, param);

        for (i = 0; i < count; i++)
            sum[i] += g[i];
    }
    return sum;
}

/*
 * Graphs that exercise what exec does between layers.  The first group is
 * smooth, so that differences tell the gradient; the second has kinks.
 */
static const char *const smooth[] = {
    /* a chain, folded activations in place */
    "input 5, dense 7 tanh, dense 6 sigmoid, dense 3",
    /* logits, not probabilities, are what the head sees */
    "input 5, dense 7 tanh, dense 3 softmax",
    /* one layer read by three others, and added to itself */
    "input 5; dense 4 name=a; tanh name=b; dense 4 name=c from=a;"
    "sigmoid name=d from=a; add from=b,c,d,a; dense 3",
    "input 5; dense 4 name=a tanh; add from=a_tanh,a_tanh; dense 3",
    /* the input read twice */
    "input 5; dense 4 name=a; dense 4 name=b from=input; add from=a,b;"
    "tanh; dense 2",
    /* the input, or a view of it, in place for one but not for all */
    "input 5; tanh name=t; dense 4 name=a; dense 4 name=b from=input;"
    "add from=a,b",
    "input 6; reshape 3x2 name=r; tanh; flatten; dense 4 name=a;"
    "dense 4 name=b from=input; add from=a,b",
    /* concat of branches of different widths */
    "input 5; dense 4 name=a tanh; dense 3 name=b; dense 2 name=c from=a;"
    "concat name=d from=b,c,a; tanh; dense 3",
    /* two outputs, the first inside the net, with softmax behind both */
    "input 5; dense 6 name=a tanh; dense 3 name=early softmax;"
    "dense 6 name=b tanh from=a_tanh; dense 3 name=late softmax;"
    "output early_softmax late_softmax",
    /* outputs with the same logits, and a hidden layer that is an output */
    "input 5; dense 4 name=a; softmax name=s; tanh name=t from=a;"
    "dense 4 name=b; output s a t b",
    /* views: read by two, one of them in place */
    "input 4x3x2; flatten name=f; tanh name=t; dense 4 name=a;"
    "reshape 2x2x1 name=r; flatten name=g; sigmoid name=s;"
    "dense 4 name=b from=g; add from=s,b",
    /* a view of a layer that another layer reads too */
    "input 6x6x2; conv2d 3 3x3 name=c; flatten name=f; dense 4 name=a tanh;"
    "global_average_pool2d name=p from=c; dense 4 name=b; add from=a_tanh,b",
    /* a residual block */
    "input 6x6x2; conv2d 4 3x3 padding=same name=c tanh;"
    "conv2d 4 3x3 padding=same name=d; add from=c_tanh,d; tanh;"
    "average_pool2d 2; flatten; dense 3",
};

static const char *const with_batch_norm[] = {
    "input 5, dense 6, batch_norm, tanh, dense 3",
    "input 6x6x2; conv2d 4 3x3 padding=same use_bias=no name=c; batch_norm;"
    "tanh; conv2d 3 3x3, batch_norm, tanh, flatten, dense 3",
    /* branches whose statistics are joined together, and one after them */
    "input 6x6x2; conv2d 4 3x3 padding=same name=a; batch_norm name=na;"
    "conv2d 4 1x1 name=b from=input; batch_norm name=nb; add from=na,nb;"
    "tanh; batch_norm; flatten; dense 3",
    /* batch norm read by two, and right at the input */
    "input 5; batch_norm name=n; dense 4 name=a; tanh name=t from=n;"
    "dense 4 name=b; add from=a,b; dense 3",
};

static const char *const kinked[] = {
    "input 5, dense 17 relu, dropout 0.3, dense 9 relu, dense 3",
    "input 5, dense 17 tanh, dropout 0.3, dense 9 relu, dropout 0.5, dense 3",
    "input 8x8x2; conv2d 6 3x3 name=c relu; max_pool2d 2; dropout 0.25;"
    "flatten; dense 9 relu, dropout, dense 4 softmax",
    "input 8x8x2; conv2d 4 3x3 padding=same use_bias=no name=c; batch_norm;"
    "relu name=r; conv2d 4 3x3 padding=same name=d; batch_norm name=e;"
    "add from=r,e; relu; max_pool2d 2; dropout; flatten; dense 4 softmax",
    /* bounds behind batch norm, made again for layers that read them */
    "input 8x8x2; conv2d 5 3x3 padding=same use_bias=no; batch_norm; relu;"
    "depthwise_conv2d 3 padding=same use_bias=no; batch_norm; relu6;"
    "conv2d 6 1x1; batch_norm scale=no; relu; global_average_pool2d; dense 3",
    /* the same with readers in two legs, behind a view, and as an output */
    "input 6x6x2; conv2d 4 3x3 padding=same name=c; batch_norm; relu name=r;"
    "conv2d 4 3x3 padding=same name=d; batch_norm name=n; relu name=s;"
    "conv2d 4 1x1 name=e from=r; add from=s,e; batch_norm center=no; relu;"
    "flatten name=f; dense 5 name=g; batch_norm; relu name=t; dense 3 name=u;"
    "output t u",
};

/* Slope of the loss along a random direction of one parameter, by central
 * differences, against the gradient. */
static void check_slope(struct exec *e, struct probe *p, enum pass_mode mode,
                        int node, int param, const float *grad)
{
    const double step = 1e-2;
    struct param *q = &p->net->node[node].param[param];
    struct rng r = rng_at(8, RNG_TEST, (uint64_t)node, (uint64_t)param);
    float *kept = mem_array(q->count, sizeof(*kept));
    double slope = 0.0, size = 0.0, up, down;
    float *dir = mem_array(q->count, sizeof(*dir));
    size_t i;

    memcpy(kept, q->value, q->count * sizeof(*kept));
    for (i = 0; i < q->count; i++) {
        dir[i] = (float)(rng_normal(&r) / sqrt((double)q->count));
        slope += (double)dir[i] * (double)grad[i];
        size += fabs((double)dir[i] * (double)grad[i]);
    }
    for (i = 0; i < q->count; i++)
        q->value[i] = kept[i] + (float)step * dir[i];
    up = probe_run(e, p, mode, false);
    for (i = 0; i < q->count; i++)
        q->value[i] = kept[i] - (float)step * dir[i];
    down = probe_run(e, p, mode, false);
    memcpy(q->value, kept, q->count * sizeof(*kept));
    if (fabs((up - down) / (2.0 * step) - slope) > 2e-3 * size + 2e-3)
        fail_msg("%s: slope %.6g, gradient says %.6g", p->net->node[node].name,
                 (up - down) / (2.0 * step), slope);
    mem_free(kept);
    mem_free(dir);
}

static void check_slopes(const char *spec, enum pass_mode mode)
{
    struct net *net = learning_net(spec, 2);
    struct pool *pool = learning_pool(1);
    struct exec *e = new_exec(net, EXEC_TRAIN, pool);
    struct param_walk w;
    struct param *p;
    struct probe probe;

    probe_init(&probe, net);
    /* What a run of the other kind leaves in memory must not matter. */
    probe_run(e, &probe, mode == PASS_TRAIN ? PASS_EVAL : PASS_TRAIN, true);
    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        float *grad;

        if (!p->def.trainable)
            continue;
        probe_run(e, &probe, mode, true);
        grad = gradient(e, w.node, w.param, p->count);
        check_slope(e, &probe, mode, w.node, w.param, grad);
        mem_free(grad);
    }
    mem_free(probe.x);
    exec_free(e);
    pool_free(pool);
    net_free(net);
}

static void test_gradients_agree_with_differences_in_every_graph(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(smooth); i++)
        check_slopes(smooth[i], PASS_TRAIN);
    for (i = 0; i < LENGTH(with_batch_norm); i++) {
        check_slopes(with_batch_norm[i], PASS_TRAIN);
        check_slopes(with_batch_norm[i], PASS_EVAL);
    }
}

/* Outputs of a run, all outputs behind one another; caller frees. */
static float *outputs(struct exec *e, struct probe *p, enum pass_mode mode,
                      bool backward, size_t *count)
{
    float *all;
    size_t at = 0;
    int o;

    for (*count = 0, o = 0; o < p->net->output_count; o++)
        *count += (size_t)BATCH * output_count(p->net, o);
    all = mem_array(*count, sizeof(*all));
    for (o = 0; o < p->net->output_count; o++) {
        p->out[o] = all + at;
        at += (size_t)BATCH * output_count(p->net, o);
    }
    probe_run(e, p, mode, backward);
    memset(p->out, 0, sizeof(p->out));
    return all;
}

/* The plan that shares memory as much as it can, on `threads`, gives the bits
 * of the one that shares nothing. */
static void check_sharing(const char *spec, enum pass_mode mode, int threads)
{
    struct net *net = learning_net(spec, 2);
    struct net *same = learning_net(spec, 2);
    struct pool *one = learning_pool(1), *many = learning_pool(threads);
    struct exec *kept = new_exec(net, EXEC_TRAIN | EXEC_KEEP, one);
    struct exec *tight = new_exec(same, EXEC_TRAIN, many);
    struct probe p, q;
    struct param_walk w;
    struct param *param;
    size_t count;
    float *a, *b;

    probe_init(&p, net);
    probe_init(&q, same);
    a = outputs(kept, &p, mode, true, &count);
    b = outputs(tight, &q, mode, true, &count);
    assert_same_bits(b, a, count * sizeof(*a));
    mem_free(a);
    mem_free(b);
    for (param = net_first(net, &w); param != NULL; param = net_next(&w)) {
        assert_same_bits(same->node[w.node].param[w.param].value, param->value,
                         param->count * sizeof(float));
        if (!param->def.trainable)
            continue;
        a = gradient(kept, w.node, w.param, param->count);
        b = gradient(tight, w.node, w.param, param->count);
        assert_same_bits(b, a, param->count * sizeof(*a));
        mem_free(a);
        mem_free(b);
    }
    mem_free(p.x);
    mem_free(q.x);
    exec_free(kept);
    exec_free(tight);
    pool_free(one);
    pool_free(many);
    net_free(net);
    net_free(same);
}

static void check_sharing_of(const char *const *spec, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        check_sharing(spec[i], PASS_TRAIN, 1);
        check_sharing(spec[i], PASS_TRAIN, 3);
        check_sharing(spec[i], PASS_EVAL, 2);
    }
}

static void test_shared_memory_and_threads_do_not_change_a_bit(void **state)
{
    (void)state;
    check_sharing_of(smooth, LENGTH(smooth));
    check_sharing_of(with_batch_norm, LENGTH(with_batch_norm));
    check_sharing_of(kinked, LENGTH(kinked));
}

/* Outputs of the first n samples on so many threads; caller frees. */
static float *outputs_of_few(struct net *net, int n, int threads)
{
    struct pool *pool = learning_pool(threads);
    struct err err;
    struct exec *e = exec_new(net, n, EXEC_EVAL, pool, &err);
    struct probe p;
    struct exec_hooks hooks = {
        .fill = probe_fill, .head = probe_head, .arg = &p};

    assert_non_null(e);
    probe_init(&p, net);
    p.out[0] = mem_array((size_t)n * output_count(net, 0), sizeof(*p.out[0]));
    exec_run(e, PASS_EVAL, false, n, 11, 1, &hooks);
    mem_free(p.x);
    exec_free(e);
    pool_free(pool);
    return p.out[0];
}

/* Fewer shards than threads: the threads share layers, piece by piece. */
static void test_few_samples_have_the_same_bits_on_many_threads(void **state)
{
    static const char *const nets[] = {"lenet-300-100", "lenet-5", "b-lenet",
                                       "resnet-mini", "mobilenet-mini"};
    size_t i, t;
    int n;

    (void)state;
    for (i = 0; i < LENGTH(nets); i++) {
        struct err err;
        struct net *net = zoo_make(zoo_find(nets[i]), NULL, 10, &err);

        assert_non_null(net);
        net_init(net, 5);
        for (n = 1; n <= 5; n += 2) {
            static const int threads[] = {2, 3, 8};
            float *want = outputs_of_few(net, n, 1), *got;
            size_t size = (size_t)n * output_count(net, 0) * sizeof(*want);

            for (t = 0; t < LENGTH(threads); t++) {
                got = outputs_of_few(net, n, threads[t]);
                assert_same_bits(got, want, size);
                mem_free(got);
            }
            mem_free(want);
        }
        net_free(net);
    }
}

/* The same for the three uses of a plan: one shard size, one result. */
static void test_plans_for_evaluation_give_the_outputs_of_training_plans(
    void **state)
{
    const unsigned uses[] = {EXEC_EVAL, EXEC_NORM, EXEC_KEEP};
    size_t i, u, count;

    (void)state;
    for (i = 0; i < LENGTH(kinked); i++) {
        struct net *net = learning_net(kinked[i], 2);
        struct pool *pool = learning_pool(2);
        struct exec *e = new_exec(net, EXEC_TRAIN, pool);
        struct probe p;
        float *want, *got;

        probe_init(&p, net);
        want = outputs(e, &p, PASS_EVAL, false, &count);
        for (u = 0; u < LENGTH(uses); u++) {
            struct exec *other = new_exec(net, uses[u], pool);

            got = outputs(other, &p, PASS_EVAL, false, &count);
            assert_all_close(got, want, count, 1e-5, 1e-5);
            mem_free(got);
            exec_free(other);
        }
        mem_free(want);
        mem_free(p.x);
        exec_free(e);
        pool_free(pool);
        net_free(net);
    }
}

static void test_kept_activations_are_those_of_each_layer(void **state)
{
    struct net *net = learning_net("input 5, dense 4 relu, dense 3 softmax", 1);
    struct pool *pool = learning_pool(2);
    struct exec *e = new_exec(net, EXEC_KEEP, pool);
    int shard, n, seen = 0, i, k;
    struct probe p;

    (void)state;
    probe_init(&p, net);
    probe_run(e, &p, PASS_EVAL, false);
    for (shard = 0; shard < exec_shards(e, BATCH); shard++) {
        const float *sum = exec_activation(e, shard, 0, &n);
        const float *relu = exec_activation(e, shard, 1, &n);
        const float *share = exec_activation(e, shard, 3, &n);

        for (i = 0; i < n; i++) {
            for (k = 0; k < 4; k++)
                assert_close(relu[4 * i + k], fmax(0.0, sum[4 * i + k]), 0.0);
            assert_close(share[3 * i] + share[3 * i + 1] + share[3 * i + 2],
                         1.0, 1e-6);
        }
        seen += n;
    }
    assert_int_equal(seen, BATCH);
    mem_free(p.x);
    exec_free(e);
    pool_free(pool);
    net_free(net);
}

static void test_nothing_is_allocated_inside_a_batch(void **state)
{
    struct net *net = learning_net(kinked[3], 2);
    struct pool *pool = learning_pool(2);
    struct exec *e = new_exec(net, EXEC_TRAIN, pool);
    struct probe p;
    unsigned long calls;

    (void)state;
    probe_init(&p, net);
    calls = mem_block_calls();
    probe_run(e, &p, PASS_TRAIN, true);
    probe_run(e, &p, PASS_EVAL, false);
    assert_true(mem_block_calls() == calls);
    assert_true(exec_bytes(e) > 0);
    mem_free(p.x);
    exec_free(e);
    pool_free(pool);
    net_free(net);
}

static void test_a_plan_that_finds_no_memory_leaves_none_behind(void **state)
{
    struct net *net = learning_net(kinked[3], 2);
    struct pool *pool = learning_pool(2);
    size_t bytes = mem_block_bytes();
    struct exec *e = NULL;
    struct err err;
    int n;

    (void)state;
    for (n = 0; e == NULL; n++) {
        mem_fail_after(n);
        e = exec_new(net, BATCH, EXEC_TRAIN, pool, &err);
        mem_fail_after(-1);
        if (e == NULL) {
            assert_int_equal(err.code, ERR_MEMORY);
            assert_true(mem_block_bytes() == bytes);
        }
    }
    assert_int_equal(n, 7);
    exec_free(e);
    pool_free(pool);
    net_free(net);
}

static void test_memory_is_shared_where_nothing_is_alive_twice(void **state)
{
    static const char deep[] =
        "input 100, dense 100 relu, dense 100 relu, dense 100 relu,"
        "dense 100 relu, dense 100 relu, dense 100 relu, dense 100";
    struct net *net = learning_net(deep, 2);
    struct pool *pool = learning_pool(1);
    struct exec *eval = new_exec(net, EXEC_EVAL, pool);
    struct exec *keep = new_exec(net, EXEC_KEEP, pool);
    size_t row = (size_t)BATCH * 100 * sizeof(float);

    (void)state;
    /* Two layers are alive at a time, with rounding to whole shards. */
    assert_true(exec_bytes(eval) < 3 * row);
    assert_true(exec_bytes(keep) >= 14 * row);
    exec_free(eval);
    exec_free(keep);
    pool_free(pool);
    net_free(net);
}

static void test_the_layer_that_overflows_is_named(void **state)
{
    struct net *net =
        learning_net("input 5, dense 4, tanh, dense 3 name=b, dense 3", 1);
    struct pool *pool = learning_pool(2);
    struct exec *e = new_exec(net, EXEC_TRAIN, pool);
    struct probe p;

    (void)state;
    probe_init(&p, net);
    assert_true(isfinite(probe_run(e, &p, PASS_TRAIN, true)));
    assert_int_equal(exec_bad_node(e), -1);
    net->node[2].param[0].value[1] = FLT_MAX;
    net->node[2].param[0].value[4] = FLT_MAX;
    net->node[2].param[0].value[7] = FLT_MAX;
    net->node[0].param[1].value[0] = net->node[0].param[1].value[1] = 100.0f;
    net->node[0].param[1].value[2] = 100.0f;
    assert_true(!isfinite(probe_run(e, &p, PASS_TRAIN, true)));
    assert_string_equal(net->node[exec_bad_node(e)].name, "b");
    mem_free(p.x);
    exec_free(e);
    pool_free(pool);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_agree_with_differences_in_every_graph),
        cmocka_unit_test(test_shared_memory_and_threads_do_not_change_a_bit),
        cmocka_unit_test(test_few_samples_have_the_same_bits_on_many_threads),
        cmocka_unit_test(
            test_plans_for_evaluation_give_the_outputs_of_training_plans),
        cmocka_unit_test(test_kept_activations_are_those_of_each_layer),
        cmocka_unit_test(test_nothing_is_allocated_inside_a_batch),
        cmocka_unit_test(test_a_plan_that_finds_no_memory_leaves_none_behind),
        cmocka_unit_test(test_memory_is_shared_where_nothing_is_alive_twice),
        cmocka_unit_test(test_the_layer_that_overflows_is_named),
    };

    return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
