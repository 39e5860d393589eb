/*
 * Counts every allocation of the process, of its libraries too, while
 * mini-batches run: there is none.  Besides, what a plan says it needs is what
 * it takes.
 */
#include "tests/support.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/exec.h"
#include "net/zoo.h"
#include "tests/learning.h"
#include "train/eval.h"
#include "train/trainer.h"

static atomic_long calls;

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define COUNTS 1

/* What the program defines comes before what the C library does, in every
 * shared library as well. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

void *malloc(size_t n)
{
    atomic_fetch_add(&calls, 1);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    atomic_fetch_add(&calls, 1);
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t n)
{
    atomic_fetch_add(&calls, 1);
    return __libc_realloc(old, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    atomic_fetch_add(&calls, 1);
    return __libc_memalign(alignment, n);
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
    atomic_fetch_add(&calls, 1);
    *out = __libc_memalign(alignment, n);
    return *out == NULL;
}
#else
#define COUNTS 0
#endif

static void test_the_counter_counts(void **state)
{
    long before = atomic_load(&calls);
    void *volatile p = malloc(10);

    (void)state;
    free(p);
    if (!COUNTS)
        skip();
    assert_int_equal(atomic_load(&calls), before + 1);
}

static struct net *net_of(const struct zoo_row *row)
{
    struct err err;
    struct net *net = zoo_make(row, NULL, 10, &err);

    if (net == NULL)
        fail_msg("%s: %s", row->name, err.msg);
    net_init(net, 1);
    return net;
}

static struct dataset *data_of(const struct net *net)
{
    char shape[64];

    return learning_data(shape_text(&net->input, shape, sizeof(shape)), 10, 20,
                         1);
}

/* Five steps reach a second epoch, whose order is drawn anew. */
static void check_training(const char *name, const char *optimiser)
{
    struct net *net = net_of(zoo_find(name));
    struct dataset *data = data_of(net);
    struct pool *pool = learning_pool(2);
    struct train_settings s = train_defaults();
    struct step_report report;
    struct trainer *t;
    struct err err;
    long before;
    int i;

    s.batch = 5;
    s.optim = optim_find(optimiser);
    t = trainer_new(net, data, &s, 0, pool, &err);
    assert_non_null(t);
    assert_ok(trainer_step(t, &report, &err));
    before = atomic_load(&calls);
    for (i = 0; i < 5; i++)
        assert_ok(trainer_step(t, &report, &err));
    if (atomic_load(&calls) != before)
        fail_msg("%s: %ld allocations in five steps", name,
                 atomic_load(&calls) - before);
    trainer_free(t);
    net_free(net);
    dataset_free(data);
    pool_free(pool);
}

static void test_no_step_of_training_allocates(void **state)
{
    (void)state;
    check_training("lenet-300-100", "adam");
    check_training("lenet-300-100", "momentum");
    check_training("lenet-5", "adamw");
    check_training("conv-2", "sgd");
    check_training("resnet-mini", "nesterov");
    check_training("mobilenet-mini", "adam");
}

/* Every kind of net that the zoo has, without the sizes. */
static const char *const nets[] = {"lenet-300-100", "lenet-5", "conv-2",
                                   "resnet-mini", "mobilenet-mini"};

static void test_no_batch_of_an_evaluation_allocates(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(nets); i++) {
        struct net *net = net_of(zoo_find(nets[i]));
        struct dataset *data = data_of(net);
        struct pool *pool = learning_pool(2);
        struct evaluation out;
        struct err err;
        struct evaluator *e = evaluator_new(net, data, pool, &err);
        long before;

        assert_non_null(e);
        assert_ok(
            evaluator_run(e, &data->test, NULL, 3, &out, NULL, NULL, &err));
        before = atomic_load(&calls);
        assert_ok(
            evaluator_run(e, &data->test, NULL, 10, &out, NULL, NULL, &err));
        if (atomic_load(&calls) != before)
            fail_msg("%s: %ld allocations", nets[i],
                     atomic_load(&calls) - before);
        evaluator_free(e);
        net_free(net);
        dataset_free(data);
        pool_free(pool);
    }
}

static void test_a_plan_takes_what_it_said(void **state)
{
    static const unsigned uses[] = {EXEC_EVAL, EXEC_TRAIN, EXEC_NORM,
                                    EXEC_EVAL | EXEC_KEEP};
    struct pool *pool = learning_pool(3);
    size_t n, i;

    (void)state;
    for (n = 0; n < LENGTH(nets); n++) {
        struct net *net = net_of(zoo_find(nets[n]));

        for (i = 0; i < LENGTH(uses); i++) {
            struct err err;
            struct exec *e = exec_new(net, 40, uses[i], pool, &err);

            assert_non_null(e);
            assert_int_equal(exec_bytes(e), exec_need(net, 40, uses[i], 3));
            exec_free(e);
        }
        net_free(net);
    }
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_counter_counts),
        cmocka_unit_test(test_no_step_of_training_allocates),
        cmocka_unit_test(test_no_batch_of_an_evaluation_allocates),
        cmocka_unit_test(test_a_plan_takes_what_it_said),
    };

    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
