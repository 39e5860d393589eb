#include "tests/support.h"

#include <float.h>

#include "base/mem.h"
#include "net/exec.h"
#include "net/zoo.h"
#include "tests/probe.h"

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
    assert_int_equal(n, 9);
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

/* Forward leaves x, what both convolutions wrote, and what the dense layer
 * reads, which is not made again: four layers as large as x.  One gradient
 * alone is handed on at a time. */
static void test_what_no_cache_holds_is_counted(void **state)
{
    struct net *net = learning_net("input 4x4x16\n"
                                   "conv2d 16 3x3 padding=same\nbatch_norm\n"
                                   "conv2d 16 3x3 padding=same\nbatch_norm\n"
                                   "flatten\ndense 2 softmax\n",
                                   3);
    struct pool *pool = learning_pool(2);
    struct exec *e = new_exec(net, EXEC_TRAIN, pool);
    double layer =
        256.0 * sizeof(float) * exec_shard_size(e) * exec_shards(e, BATCH);

    (void)state;
    assert_true(exec_spilled(e, 4.0 * layer) == 0.0);
    assert_true(exec_spilled(e, 2.0 * layer) == 4.0 * layer);
    assert_true(exec_spilled(e, 0.5 * layer) == 6.0 * layer);
    exec_free(e);
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
        cmocka_unit_test(test_what_no_cache_holds_is_counted),
        cmocka_unit_test(test_the_layer_that_overflows_is_named),
    };

    return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
