/* Gradients that are made late, a few rows at a time, against those that every
 * shard has in a slot. */
#include "tests/learning.h"
#include "tests/probe.h"
#include "train/eval.h"
#include "train/trainer.h"

/* Large enough that who updates rows of the first kernel sums them, too. */
static const char large[] =
    "input 300; dense 256 name=a relu; dense 40 name=b relu;"
    "dense 64 name=c from=a_relu; concat from=b_relu,c; dense 3 softmax";

/* The whole gradient of parameter 0, made late; caller frees. */
static float *late_gradient(struct exec *e, int node, const struct param *q,
                            int workers)
{
    float *g = mem_array(q->count, sizeof(*g));
    size_t all = (size_t)q->def.shape.dim[0], row = q->count / all, at, rows;

    for (at = 0; at < all; at += rows) {
        rows = exec_late_rows(e, node, 0);
        rows = all - at < rows ? all - at : rows;
        memcpy(g + at * row,
               exec_late(e, (int)(at % (size_t)workers), node, at, rows),
               rows * row * sizeof(*g));
    }
    return g;
}

/* Gradients of `late` and `same`, on more threads, against the sum of slots;
 * how many were made late. */
static int check_late(struct exec *slots, struct exec *late, struct exec *same,
                      struct net *net)
{
    struct param_walk w;
    struct param *q;
    int found = 0;

    for (q = net_first(net, &w); q != NULL; q = net_next(&w)) {
        float *want, *got, *again;

        if (!q->def.trainable)
            continue;
        want = gradient(slots, w.node, w.param, q->count);
        if (exec_late_rows(late, w.node, w.param) > 0) {
            assert_null(exec_grad(late, 0, w.node, w.param));
            got = late_gradient(late, w.node, q, 1);
            again = late_gradient(same, w.node, q, 3);
            found++;
        } else {
            got = gradient(late, w.node, w.param, q->count);
            again = gradient(same, w.node, w.param, q->count);
        }
        assert_all_close(got, want, q->count, 1e-4, 1e-4);
        assert_same_bits(got, again, q->count * sizeof(*got));
        mem_free(want);
        mem_free(got);
        mem_free(again);
    }
    return found;
}

static int compare_late(const char *spec, enum pass_mode mode)
{
    struct net *net = learning_net(spec, 2), *other = learning_net(spec, 2);
    struct net *third = learning_net(spec, 2);
    struct pool *one = learning_pool(1), *many = learning_pool(3);
    struct exec *slots = new_exec(net, EXEC_TRAIN, one);
    struct exec *late = new_exec(other, EXEC_TRAIN | EXEC_LATE, one);
    struct exec *same = new_exec(third, EXEC_TRAIN | EXEC_LATE, many);
    struct probe p;
    double loss;
    int found;

    probe_init(&p, net);
    probe_run(late, &p, mode == PASS_TRAIN ? PASS_EVAL : PASS_TRAIN, true);
    probe_run(same, &p, mode == PASS_TRAIN ? PASS_EVAL : PASS_TRAIN, true);
    probe_run(slots, &p, mode == PASS_TRAIN ? PASS_EVAL : PASS_TRAIN, true);
    loss = probe_run(slots, &p, mode, true);
    assert_close(probe_run(late, &p, mode, true), loss, 1e-3);
    assert_close(probe_run(same, &p, mode, true), loss, 1e-3);
    found = check_late(slots, late, same, net);
    mem_free(p.x);
    exec_free(slots);
    exec_free(late);
    exec_free(same);
    pool_free(one);
    pool_free(many);
    net_free(net);
    net_free(other);
    net_free(third);
    return found;
}

static void test_gradients_made_late_are_those_of_slots(void **state)
{
    int found = 0;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(smooth); i++)
        found += compare_late(smooth[i], PASS_TRAIN);
    for (i = 0; i < LENGTH(with_batch_norm); i++)
        found += compare_late(with_batch_norm[i], PASS_TRAIN);
    for (i = 0; i < LENGTH(kinked); i++)
        found += compare_late(kinked[i], PASS_TRAIN);
    assert_true(found > 20);
    assert_int_equal(compare_late(large, PASS_TRAIN), 4);
    assert_int_equal(compare_late(large, PASS_EVAL), 4);
    /* Every row of the input is a row of x: slots. */
    assert_int_equal(
        compare_late("input 4x6, dense 5 tanh, flatten, dense 3", PASS_TRAIN),
        1);
}

/* No slot is as large as the kernels that have none. */
static void test_late_gradients_need_no_slots(void **state)
{
    struct net *net = learning_net(large, 2);
    size_t slots = exec_need(net, BATCH, EXEC_TRAIN, 2);
    size_t late = exec_need(net, BATCH, EXEC_TRAIN | EXEC_LATE, 2);

    (void)state;
    assert_true(slots - late > 2 * 76800 * sizeof(float));
    /* Of a batch as large as a data set slots are the smaller. */
    assert_int_equal(exec_need(net, 200000, EXEC_TRAIN | EXEC_LATE, 2),
                     exec_need(net, 200000, EXEC_TRAIN, 2));
    net_free(net);
}

/* A kernel of one row has one part, however many units it has: the loss of a
 * step is that of the net before it. */
static void test_a_kernel_of_one_row_is_not_summed_in_parts(void **state)
{
    enum { ROWS = 64 };
    struct net *net = learning_net("input 1, dense 66000 relu, dense 2", 2);
    struct train_settings settings = train_defaults();
    struct pool *pool = learning_pool(2);
    uint8_t x[ROWS];
    int32_t label[ROWS];
    struct evaluation before;
    struct step_report report;
    struct evaluator *e;
    struct dataset *d;
    struct trainer *t;
    struct err err;
    int i;

    (void)state;
    for (i = 0; i < ROWS; i++) {
        x[i] = (uint8_t)(1 + i * 3);
        label[i] = i % 2;
    }
    d = learning_rows(x, label, ROWS, 1, 2);
    settings.batch = ROWS;
    t = trainer_new(net, d, &settings, 0, pool, &err);
    e = evaluator_new(net, d, pool, &err);
    for (i = 0; i < 3; i++) {
        assert_ok(
            evaluator_run(e, &d->test, NULL, ROWS, &before, NULL, NULL, &err));
        assert_ok(trainer_step(t, &report, &err));
        assert_close(report.loss, before.loss, 1e-4);
    }
    evaluator_free(e);
    trainer_free(t);
    dataset_free(d);
    pool_free(pool);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_made_late_are_those_of_slots),
        cmocka_unit_test(test_late_gradients_need_no_slots),
        cmocka_unit_test(test_a_kernel_of_one_row_is_not_summed_in_parts),
    };

    return cmocka_run_group_tests_name("late", tests, NULL, NULL);
}
