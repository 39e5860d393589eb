/* The same run gives the same bits: at any number of threads, unbroken or not.
 */
#include "tests/support.h"

#include "net/zoo.h"
#include "tests/learning.h"
#include "train/trainer.h"

#define CLASSES 5

/* Everything that a run leaves in a net. */
static void assert_same_net(const struct net *a, const struct net *b)
{
    int i, k, m;

    for (i = 0; i < a->node_count; i++) {
        for (k = 0; k < a->node[i].param_count; k++) {
            const struct param *p = &a->node[i].param[k];
            const struct param *q = &b->node[i].param[k];

            assert_same_bits(p->value, q->value, p->count * sizeof(float));
            for (m = 0; m < NET_MOMENT_MAX; m++) {
                assert_int_equal(p->moment[m] == NULL, q->moment[m] == NULL);
                if (p->moment[m] != NULL)
                    assert_same_bits(p->moment[m], q->moment[m],
                                     p->count * sizeof(float));
            }
        }
    }
}

/* Nets with everything that could depend on threads or on where a run began:
 * shards of several sizes, dropout, joins, random shifts. */
static const struct {
    const char *name, *data, *spec; /* spec NULL: the zoo's */
    const char *optim;
    int batch, shift;
} runs[] = {
    {"lenet-300-100", "28x28x1", NULL, "adam", 100, 0},
    {"lenet-5 with dropout", "28x28x1",
     "input 28x28x1; conv2d 20 5x5; max_pool2d 2; conv2d 50 5x5; max_pool2d 2;"
     "dropout 0.25; flatten; dense 100 relu; dropout 0.5; dense 5 softmax",
     "momentum", 64, 2},
    {"resnet-mini", "28x28x1", NULL, "nesterov", 50, 0},
    {"batch norm and dropout", "12x12x1",
     "input 12x12x1; conv2d 8 3x3 name=a; batch_norm; relu; dropout 0.2;"
     "conv2d 8 3x3 padding=same name=b; batch_norm name=n; add from=dropout,n;"
     "relu; flatten; dense 30; batch_norm; tanh; dense 5",
     "adamw", 64, 1},
    {"quantised activations", "12x12x1",
     "input 12x12x1; fake_quant name=q; conv2d 8 3x3 relu; max_pool2d 2;"
     "fake_quant 4 name=r; dropout 0.2; flatten; dense 30 relu;"
     "fake_quant 2 momentum=0.9 name=s; dense 5",
     "momentum", 64, 1},
};

static struct net *net_of_run(size_t i)
{
    struct net *net;
    struct err err;

    if (runs[i].spec != NULL)
        return learning_net(runs[i].spec, 1);
    net = zoo_make(zoo_find(runs[i].name), NULL, CLASSES, &err);
    assert_non_null(net);
    net_init(net, 1);
    return net;
}

static struct train_settings settings_of_run(size_t i)
{
    struct train_settings s = train_defaults();

    s.optim = optim_find(runs[i].optim);
    s.batch = runs[i].batch;
    s.augment_shift = runs[i].shift;
    s.rate.weight_decay = 1e-3;
    s.schedule = lr_schedule_find("one-cycle");
    s.total = 100;
    s.seed = 3;
    return s;
}

/* Makes steps done..to-1 with a new trainer on so many threads. */
static void continue_run(struct net *net, size_t i, const struct dataset *d,
                         int done, int to, int threads)
{
    struct train_settings s = settings_of_run(i);
    struct pool *pool = learning_pool(threads);
    struct step_report r;
    struct trainer *t;
    struct err err;

    t = trainer_new(net, d, &s, (uint64_t)done, pool, &err);
    if (t == NULL)
        fail_msg("%s: %s", runs[i].name, err.msg);
    for (; done < to; done++)
        assert_ok(trainer_step(t, &r, &err));
    trainer_free(t);
    pool_free(pool);
}

static void test_any_number_of_threads_gives_the_same_bits(void **state)
{
    const int threads[] = {2, 3, 8};
    size_t i, k;

    (void)state;
    for (i = 0; i < LENGTH(runs); i++) {
        struct dataset *d = learning_data(runs[i].data, CLASSES, 300, 1);
        struct net *one = net_of_run(i);

        continue_run(one, i, d, 0, 5, 1);
        for (k = 0; k < LENGTH(threads); k++) {
            struct net *many = net_of_run(i);

            continue_run(many, i, d, 0, 5, threads[k]);
            assert_same_net(many, one);
            net_free(many);
        }
        net_free(one);
        dataset_free(d);
    }
}

/* 240 fit rows: the second trainer begins inside an epoch, the third goes on
 * into the next. */
static void test_a_resumed_run_ends_in_the_bits_of_an_unbroken_one(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(runs); i++) {
        struct dataset *d = learning_data(runs[i].data, CLASSES, 300, 1);
        struct net *whole = net_of_run(i), *broken = net_of_run(i), *copy;
        struct err err;

        continue_run(whole, i, d, 0, 7, 2);
        continue_run(broken, i, d, 0, 2, 1);
        copy = net_clone(broken, &err);
        assert_non_null(copy);
        net_free(broken);
        continue_run(copy, i, d, 2, 4, 2);
        continue_run(copy, i, d, 4, 7, 3);
        assert_same_net(copy, whole);
        net_free(whole);
        net_free(copy);
        dataset_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(
            test_a_resumed_run_ends_in_the_bits_of_an_unbroken_one),
    };

    return cmocka_run_group_tests_name("repeat", tests, NULL, NULL);
}
