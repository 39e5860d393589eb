/*
 * Whole training runs, step by step, against PyTorch in double precision: nets,
 * masks, batches and initial values of tests/fixtures/trajectories.h5 on MNIST.
 */
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/exec.h"
#include "tests/fixture.h"
#include "tests/learning.h"
#include "train/trainer.h"

#define IMAGES  10
#define CLASSES 10

static struct dataset *mnist;
static struct pool *pool;

struct run_kind {
    const char *group, *spec;
};

static const struct run_kind nets[] = {
    {"mlp", "input 28x28x1; flatten; dense 30 name=d1 relu; dense 10 name=d2"},
    {"cnn", "input 28x28x1; conv2d 8 3x3 padding=same use_bias=no name=c1;"
            "batch_norm name=bn; relu; max_pool2d 2; flatten;"
            "dense 10 name=d1"},
};

/* As the file's attribute "settings" says. */
static const struct {
    const char *name, *optim;
    struct optim_settings rate;
} optimisers[] = {
    {"sgd", "sgd", {.lr = 0.1}},
    {"momentum", "momentum", {.lr = 0.05, .momentum = 0.9}},
    {"momentum_decay",
     "momentum",
     {.lr = 0.05, .momentum = 0.9, .weight_decay = 5e-4, .decay_all = true}},
    {"adam",
     "adam",
     {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}},
};

static const char *path_of(const char *run, const char *what,
                           const struct net *net, const struct param_walk *w)
{
    static char path[160];

    snprintf(path, sizeof(path), "%s/%s/%s/%s", run, what,
             net->node[w->node].name, net->node[w->node].param[w->param].name);
    return path;
}

/* Initial values, and masks where there are any. */
static void start(const struct fixture *f, const char *run, struct net *net)
{
    struct param_walk w;
    struct param *p;
    struct err err;
    size_t i, count;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        float *value;
        int32_t *mask;

        if (!p->def.trainable)
            continue;
        value = fixture_floats(f, path_of(run, "init", net, &w), &count);
        assert_int_equal(count, p->count);
        memcpy(p->value, value, count * sizeof(*value));
        free(value);
        if (!fixture_has(f, path_of(run, "mask", net, &w)))
            continue;
        assert_ok(param_need_mask(p, &err));
        mask = fixture_ints(f, path_of(run, "mask", net, &w), &count);
        assert_int_equal(count, p->count);
        for (i = 0; i < count; i++)
            p->mask[i] = mask[i] != 0;
        free(mask);
    }
}

static void follow(const struct fixture *f, const char *run, struct trainer *t)
{
    char path[160];
    size_t dim[8], step;
    int32_t *row;
    double *loss;
    struct step_report r;
    struct err err;

    snprintf(path, sizeof(path), "%s/batches", run);
    fixture_shape(f, path, dim);
    row = fixture_ints(f, path, NULL);
    snprintf(path, sizeof(path), "%s/loss", run);
    loss = fixture_doubles(f, path, NULL);
    for (step = 0; step < dim[0]; step++) {
        assert_ok(
            trainer_step_rows(t, row + step * dim[1], (int)dim[1], &r, &err));
        assert_close(r.loss, loss[step], 1e-4);
    }
    free(row);
    free(loss);
}

/* Length of the difference over length of the wanted values. */
static void check_values(const char *what, const float *got, const float *want,
                         size_t n, double relative)
{
    double apart = 0.0, length = 0.0;
    size_t i;

    for (i = 0; i < n; i++) {
        double d = (double)got[i] - (double)want[i];

        apart += d * d;
        length += (double)want[i] * (double)want[i];
    }
    if (!(sqrt(apart) <= relative * sqrt(length)))
        fail_msg("%s: relative difference %.3g", what,
                 sqrt(apart) / sqrt(length));
}

static void check_final(const struct fixture *f, const char *run,
                        struct net *net)
{
    struct param_walk w;
    struct param *p;
    size_t count, i;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        const char *path = path_of(run, "final", net, &w);
        float *want = fixture_floats(f, path, &count);

        assert_int_equal(count, p->count);
        check_values(path, p->value, want, count, 1e-3);
        for (i = 0; p->mask != NULL && i < count; i++) {
            if (p->mask[i] == 0)
                assert_true(p->value[i] == 0.0f && !signbit(p->value[i]));
        }
        free(want);
    }
}

struct logits {
    const struct net *net;
    float z[IMAGES * CLASSES];
};

static void fill(void *arg, int first, int n, float *x)
{
    const struct logits *l = arg;
    int32_t row[IMAGES];
    int i;

    for (i = 0; i < n; i++)
        row[i] = first + i;
    dataset_fill(mnist, &mnist->test, row, n, l->net->scale, l->net->offset, x);
}

static double head(void *arg, int shard, int first, int n,
                   const float *const *y, float *const *dy)
{
    struct logits *l = arg;

    (void)shard, (void)dy;
    memcpy(l->z + first * CLASSES, y[0], (size_t)n * CLASSES * sizeof(l->z[0]));
    return 0.0;
}

static void check_logits(const struct fixture *f, const char *run,
                         struct net *net)
{
    struct logits l = {.net = net};
    struct exec_hooks hooks = {.fill = fill, .head = head, .arg = &l};
    char path[160];
    struct exec *e;
    struct err err;
    float *want;

    e = exec_new(net, IMAGES, EXEC_EVAL, pool, &err);
    assert_non_null(e);
    exec_run(e, PASS_EVAL, false, IMAGES, 0, 0, &hooks);
    snprintf(path, sizeof(path), "%s/logits", run);
    want = fixture_floats(f, path, NULL);
    check_values(path, l.z, want, IMAGES * CLASSES, 1e-3);
    free(want);
    exec_free(e);
}

static void check_run(const struct fixture *f, const char *run,
                      const char *spec, size_t optimiser)
{
    struct net *net = learning_net(spec, 1);
    struct train_settings s = train_defaults();
    struct trainer *t;
    struct err err;

    s.optim = optim_find(optimisers[optimiser].optim);
    s.rate = optimisers[optimiser].rate;
    start(f, run, net);
    t = trainer_new(net, mnist, &s, 0, pool, &err);
    if (t == NULL)
        fail_msg("%s: %s", run, err.msg);
    follow(f, run, t);
    check_final(f, run, net);
    check_logits(f, run, net);
    trainer_free(t);
    net_free(net);
}

static void test_training_follows_the_reference_step_by_step(void **state)
{
    const struct run_kind *kind = *state;
    struct fixture *f = fixture_open("trajectories.h5");
    char run[80];
    size_t i;
    int masked;

    for (i = 0; i < LENGTH(optimisers); i++) {
        for (masked = 0; masked < 2; masked++) {
            snprintf(run, sizeof(run), "%s/%s%s", kind->group,
                     optimisers[i].name, masked ? "_masked" : "");
            assert_true(fixture_has(f, run));
            check_run(f, run, kind->spec, i);
        }
    }
    fixture_close(f);
}

static int open_all(void **state)
{
    (void)state;
    mnist = learning_mnist();
    pool = learning_pool(2);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    dataset_free(mnist);
    pool_free(pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"test_mlp_training_follows_the_reference_step_by_step",
         test_training_follows_the_reference_step_by_step, NULL, NULL,
         (void *)(uintptr_t)&nets[0]},
        {"test_cnn_training_follows_the_reference_step_by_step",
         test_training_follows_the_reference_step_by_step, NULL, NULL,
         (void *)(uintptr_t)&nets[1]},
    };

    return cmocka_run_group_tests_name("trajectory", tests, open_all,
                                       close_all);
}
