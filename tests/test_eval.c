#include "tests/support.h"

#include "base/mem.h"
#include "tests/learning.h"
#include "train/eval.h"
#include "train/trainer.h"

/* Two inputs are the two logits: class 1 is guessed when the second is larger.
 */
static const uint8_t points[] = {3, 1, 0, 2, 5, 5, 1, 4, 2, 0};
static const int32_t labels[] = {0, 1, 1, 0, 0};

static struct net *identity(void)
{
    struct net *net = learning_net("input 2, dense 2 use_bias=no softmax", 1);
    const float eye[] = {1, 0, 0, 1};

    memcpy(net->node[0].param[0].value, eye, sizeof(eye));
    return net;
}

static struct evaluator *new_evaluator(struct net *net, const struct dataset *d,
                                       struct pool *pool)
{
    struct err err;
    struct evaluator *e = evaluator_new(net, d, pool, &err);

    if (e == NULL)
        fail_msg("%s", err.msg);
    return e;
}

static void test_an_evaluation_counts_what_hand_counting_does(void **state)
{
    struct dataset *d = learning_rows(points, labels, 5, 2, 2);
    struct pool *pool = learning_pool(2);
    struct net *net = identity();
    struct evaluator *e = new_evaluator(net, d, pool);
    int32_t guess[5], confusion[4];
    float confidence[5];
    struct eval_details more = {guess, confidence, confusion};
    const int32_t want_guess[] = {0, 1, 0, 1, 0}, want[] = {2, 1, 1, 1};
    struct evaluation r;
    struct err err;

    (void)state;
    assert_ok(evaluator_run(e, &d->test, NULL, 5, &r, &more, NULL, &err));
    assert_int_equal(r.n, 5);
    assert_int_equal(r.hits, 3);
    assert_close(r.accuracy, 0.6, 1e-12);
    /* log(1 + e^-2) three times, log 2, log(1 + e^3) */
    assert_close(r.loss, (3 * 0.126928011 + 0.693147181 + 3.048587352) / 5,
                 1e-7);
    assert_same_bits(guess, want_guess, sizeof(guess));
    assert_same_bits(confusion, want, sizeof(want));
    assert_close(confidence[0], 0.880797078, 1e-6);
    assert_close(confidence[2], 0.5, 1e-6);
    assert_close(confidence[3], 0.952574127, 1e-6);
    evaluator_free(e);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

static void test_rows_choose_the_samples(void **state)
{
    struct dataset *d = learning_rows(points, labels, 5, 2, 2);
    struct pool *pool = learning_pool(2);
    struct net *net = identity();
    struct evaluator *e = new_evaluator(net, d, pool);
    const int32_t row[] = {3, 4, 1, 1}, want[] = {1, 0, 1, 1};
    int32_t guess[4];
    struct eval_details more = {.guess = guess};
    struct evaluation r;
    struct err err;

    (void)state;
    assert_ok(evaluator_run(e, &d->test, row, 4, &r, &more, NULL, &err));
    assert_int_equal(r.hits, 3);
    assert_same_bits(guess, want, sizeof(want));
    assert_ok(evaluator_run(e, &d->test, NULL, 0, &r, &more, NULL, &err));
    assert_int_equal(r.n, 0);
    assert_close(r.accuracy, 0.0, 0.0);
    evaluator_free(e);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

static void test_the_last_output_is_the_one_judged(void **state)
{
    struct dataset *d = learning_rows(points, labels, 5, 2, 2);
    struct pool *pool = learning_pool(1);
    struct net *net = learning_net("input 2; dense 2 name=a softmax;"
                                   "dense 2 name=b from=input;"
                                   "output a_softmax b",
                                   1);
    const float crossed[] = {0, 1, 1, 0}, eye[] = {1, 0, 0, 1};
    struct evaluator *e = new_evaluator(net, d, pool);
    struct evaluation r;
    struct err err;

    (void)state;
    memcpy(net->node[net_find(net, "a")].param[0].value, crossed, 16);
    memcpy(net->node[net_find(net, "b")].param[0].value, eye, 16);
    assert_ok(evaluator_run(e, &d->test, NULL, 5, &r, NULL, NULL, &err));
    assert_int_equal(r.hits, 3);
    evaluator_free(e);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

/* More samples than an evaluator takes at a time. */
static void test_threads_do_not_change_a_bit_of_an_evaluation(void **state)
{
    struct dataset *d = learning_data("6x6x1", 5, 10000, 1);
    struct net *net =
        learning_net("input 6x6x1; conv2d 4 3x3 relu; flatten; dense 5", 1);
    const int threads[] = {1, 2, 3, 8};
    struct evaluation r, first = {0};
    unsigned long calls;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(threads); i++) {
        struct pool *pool = learning_pool(threads[i]);
        struct evaluator *e = new_evaluator(net, d, pool);

        calls = mem_block_calls();
        assert_ok(
            evaluator_run(e, &d->test, NULL, d->test.n, &r, NULL, NULL, &err));
        assert_true(mem_block_calls() == calls);
        if (i == 0)
            first = r;
        assert_int_equal(r.hits, first.hits);
        assert_same_bits(&r.loss, &first.loss, sizeof(r.loss));
        evaluator_free(e);
        pool_free(pool);
    }
    assert_in_range(first.hits, 1, d->test.n - 1);
    net_free(net);
    dataset_free(d);
}

/* Cancels itself when it hears of progress. */
struct listener {
    atomic_bool cancel;
    double share;
};

static void hear(void *arg, double share)
{
    struct listener *l = arg;

    l->share = share;
    atomic_store(&l->cancel, true);
}

static void test_a_cancelled_evaluation_leaves_the_result_alone(void **state)
{
    struct dataset *d = learning_data("6x6x1", 5, 10000, 1);
    struct pool *pool = learning_pool(2);
    struct net *net = learning_net("input 6x6x1; flatten; dense 5", 1);
    struct evaluator *e = new_evaluator(net, d, pool);
    struct listener l = {.cancel = false};
    struct progress progress = {hear, &l, &l.cancel};
    struct evaluation r = {.n = -7};
    struct err err;

    (void)state;
    assert_refused(
        evaluator_run(e, &d->test, NULL, d->test.n, &r, NULL, &progress, &err),
        ERR_CANCELLED, "");
    assert_int_equal(r.n, -7);
    assert_true(l.share > 0.0 && l.share < 1.0);
    evaluator_free(e);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

static void test_a_net_that_does_not_fit_is_refused(void **state)
{
    struct dataset *d = learning_rows(points, labels, 5, 2, 2);
    struct pool *pool = learning_pool(1);
    struct net *net = learning_net("input 3, dense 2", 1);
    int64_t counts[2], total;
    struct err err;

    (void)state;
    assert_null(evaluator_new(net, d, pool, &err));
    assert_non_null(strstr(err.msg, "takes 3, but the data is 2"));
    assert_refused(
        eval_activity(net, 0, d, &d->test, NULL, 5, pool, counts, &total, &err),
        ERR_SHAPE, "takes 3");
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

/* Card M3. */
static void test_wilson_intervals_are_those_of_the_card(void **state)
{
    const struct {
        int hits, n;
        double low, high;
    } rows[] = {{9841, 10000, 0.9815, 0.9864},
                {9200, 10000, 0.9145, 0.9252},
                {492, 500, 0.9687, 0.9919},
                {100, 100, 0.9630, 1.0},
                {0, 0, 0.0, 1.0}};
    double low, high;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        eval_wilson(rows[i].hits, rows[i].n, &low, &high);
        assert_close(low, rows[i].low, 5e-5);
        assert_close(high, rows[i].high, 5e-5);
    }
}

static void test_mcnemar_is_that_of_the_card(void **state)
{
    (void)state;
    assert_close(eval_mcnemar(30, 48), 3.705, 5e-4);
    assert_close(eval_mcnemar(48, 30), 3.705, 5e-4);
    assert_close(eval_mcnemar(0, 0), 0.0, 0.0);
    assert_close(eval_mcnemar(9, 9), 0.0, 0.0);
}

/* Card N1: activations [[0,1],[0,0],[2,3],[0,4]] are not zero (1, 3) times. */
static void test_activity_counts_are_those_of_the_card(void **state)
{
    const uint8_t x[] = {0, 1, 0, 0, 2, 3, 0, 4};
    const int32_t label[] = {0, 0, 1, 1};
    struct dataset *d = learning_rows(x, label, 4, 2, 2);
    struct pool *pool = learning_pool(2);
    struct net *net = learning_net("input 2; relu name=r; dense 2 softmax", 1);
    const int32_t row[] = {2, 2, 3};
    int64_t counts[2], total;
    struct err err;

    (void)state;
    assert_ok(eval_activity(net, 0, d, &d->test, NULL, 4, pool, counts, &total,
                            &err));
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 3);
    assert_int_equal(total, 4);
    assert_ok(
        eval_activity(net, 0, d, &d->test, row, 3, pool, counts, &total, &err));
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[1], 3);
    assert_int_equal(total, 3);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

/* Channels of a picture, over positions and several batches: the first is the
 * input itself (every pixel that is not 0), the second always 1, the third
 * always 0. */
static void test_activity_of_channels_counts_positions(void **state)
{
    struct dataset *d = learning_data("4x4x1", 3, 2600, 1);
    struct pool *pool = learning_pool(3);
    struct net *net =
        learning_net("input 4x4x1; conv2d 3 1x1 relu; flatten; dense 3", 1);
    const float kernel[] = {1, 0, -1}, bias[] = {0, 1, 0};
    int64_t counts[3], total, lit = 0;
    struct err err;
    int i;

    (void)state;
    for (i = 0; i < d->test.n * 16; i++)
        lit += d->test.u8[i] != 0;
    memcpy(net->node[0].param[0].value, kernel, sizeof(kernel));
    memcpy(net->node[0].param[1].value, bias, sizeof(bias));
    assert_ok(eval_activity(net, 1, d, &d->test, NULL, d->test.n, pool, counts,
                            &total, &err));
    assert_int_equal(total, d->test.n * 16);
    assert_int_equal(counts[0], lit);
    assert_int_equal(counts[1], total);
    assert_int_equal(counts[2], 0);
    net_free(net);
    dataset_free(d);
    pool_free(pool);
}

static const char normed[] = "input 3, batch_norm name=n, dense 2";

static struct dataset *columns(void)
{
    /* Means 3, 20, 7; biased variances 2, 200, 0. */
    static const uint8_t x[] = {1, 0, 7,  2, 10, 7,  3, 20,
                                7, 4, 30, 7, 5,  40, 7};
    static const int32_t label[] = {0, 1, 0, 1, 0};

    return learning_rows(x, label, 5, 3, 2);
}

static void test_statistics_afresh_are_plain_averages(void **state)
{
    const float mean[] = {3, 20, 7}, whole[] = {2, 200, 0}, none[] = {0, 0, 0};
    struct dataset *d = columns();
    struct pool *pool = learning_pool(2);
    struct net *net = learning_net(normed, 1), *old;
    struct param *p = net->node[0].param;
    struct err err;

    (void)state;
    old = net_clone(net, &err);
    assert_non_null(old);
    p[2].value[0] = NAN; /* what was there must not matter */
    assert_ok(train_reestimate(net, d, 5, 1, 1, pool, NULL, &err));
    assert_all_close(p[2].value, mean, 3, 1e-6, 0);
    assert_all_close(p[3].value, whole, 3, 1e-6, 1e-6);
    /* Batches of one have no variance; their mean is the same. */
    assert_ok(train_reestimate(net, d, 1, 1000, 1, pool, NULL, &err));
    assert_all_close(p[2].value, mean, 3, 1e-6, 0);
    assert_all_close(p[3].value, none, 3, 0, 1e-6);
    /* Nothing that is learnt has moved. */
    assert_same_bits(p[0].value, old->node[0].param[0].value, 12);
    assert_same_bits(p[1].value, old->node[0].param[1].value, 12);
    assert_same_bits(net->node[1].param[0].value, old->node[1].param[0].value,
                     24);
    net_free(net);
    net_free(old);
    dataset_free(d);
    pool_free(pool);
}

/* Whatever is in the two batches of two, the mean is (all - one left out) / 4,
 * and each variance ((a - b) / 2)^2: the third column's is 0. */
static void test_statistics_of_some_batches_come_from_fit_rows(void **state)
{
    struct dataset *d = columns();
    struct pool *pool = learning_pool(1);
    struct net *net = learning_net(normed, 1), *same = learning_net(normed, 9);
    struct param *p = net->node[0].param;
    struct err err;
    double mean;

    (void)state;
    assert_ok(train_reestimate(net, d, 2, 2, 4, pool, NULL, &err));
    mean = (double)p[2].value[0];
    assert_close(mean * 4, round(mean * 4), 1e-5);
    assert_in_range(15 - (int)lround(mean * 4), 1, 5);
    assert_close(p[2].value[1], 10 * mean - 10, 1e-4);
    assert_close(p[3].value[1], 100 * p[3].value[0], 1e-3);
    assert_true(p[3].value[0] > 0.2f);
    assert_ok(train_reestimate(same, d, 2, 2, 4, pool, NULL, &err));
    assert_same_bits(same->node[0].param[2].value, p[2].value, 12);
    assert_same_bits(same->node[0].param[3].value, p[3].value, 12);
    net_free(net);
    net_free(same);
    dataset_free(d);
    pool_free(pool);
}

static void test_statistics_stay_when_the_work_is_stopped(void **state)
{
    struct dataset *d = columns();
    struct pool *pool = learning_pool(2);
    struct net *net = learning_net(normed, 1);
    struct net *none = learning_net("input 3, dense 2", 1);
    struct listener l = {.cancel = false};
    struct progress progress = {hear, &l, &l.cancel};
    const float zeros[] = {0, 0, 0}, ones[] = {1, 1, 1};
    struct err err;
    int n;

    (void)state;
    assert_refused(train_reestimate(net, d, 2, 2, 1, pool, &progress, &err),
                   ERR_CANCELLED, "");
    assert_close(l.share, 0.5, 1e-9);
    assert_same_bits(net->node[0].param[2].value, zeros, sizeof(zeros));
    assert_same_bits(net->node[0].param[3].value, ones, sizeof(ones));
    assert_refused(train_reestimate(net, d, 0, 2, 1, pool, NULL, &err),
                   ERR_VALUE, "2 batches of 0");
    for (n = 0;; n++) {
        mem_fail_after(n);
        if (train_reestimate(net, d, 2, 2, 1, pool, NULL, &err) == ERR_OK)
            break;
        assert_int_equal(err.code, ERR_MEMORY);
        assert_same_bits(net->node[0].param[3].value, ones, sizeof(ones));
    }
    mem_fail_after(-1);
    assert_true(n > 4);
    /* No statistics, no work, no complaint. */
    assert_ok(train_reestimate(none, d, 2, 2, 1, pool, NULL, &err));
    net_free(net);
    net_free(none);
    dataset_free(d);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_evaluation_counts_what_hand_counting_does),
        cmocka_unit_test(test_rows_choose_the_samples),
        cmocka_unit_test(test_the_last_output_is_the_one_judged),
        cmocka_unit_test(test_threads_do_not_change_a_bit_of_an_evaluation),
        cmocka_unit_test(test_a_cancelled_evaluation_leaves_the_result_alone),
        cmocka_unit_test(test_a_net_that_does_not_fit_is_refused),
        cmocka_unit_test(test_wilson_intervals_are_those_of_the_card),
        cmocka_unit_test(test_mcnemar_is_that_of_the_card),
        cmocka_unit_test(test_activity_counts_are_those_of_the_card),
        cmocka_unit_test(test_activity_of_channels_counts_positions),
        cmocka_unit_test(test_statistics_afresh_are_plain_averages),
        cmocka_unit_test(test_statistics_of_some_batches_come_from_fit_rows),
        cmocka_unit_test(test_statistics_stay_when_the_work_is_stopped),
    };

    return cmocka_run_group_tests_name("eval", tests, NULL, NULL);
}
