/* Small nets with two exits, trained, and what they say. */
#ifndef TESTS_TWO_EXITS_H
#define TESTS_TWO_EXITS_H

#include "support.h"

#include "base/mem.h"
#include "learning.h"
#include "net/zoo.h"
#include "train/eval.h"
#include "train/trainer.h"

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

static inline struct net *zoo_net(const char *name, const struct shape *input)
{
    struct err err;
    struct net *net = zoo_make(zoo_find(name), input, 10, &err);

    if (net == NULL)
        fail_msg("%s: %s", name, err.msg);
    return net;
}

/* Guesses and confidences of the main classifier, and hits of each exit. */
struct look {
    struct evaluation e;
    int32_t guess[100];
    float confidence[100];
};

static inline void look(struct net *net, const struct dataset *d,
                        struct look *out)
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

static inline void assert_same_main(const struct look *a, const struct look *b)
{
    assert_same_bits(a->guess, b->guess, sizeof(a->guess));
    assert_same_bits(a->confidence, b->confidence, sizeof(a->confidence));
}

static inline void train(struct net *net, const struct dataset *d,
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

static inline struct train_settings settings(const char *optim, double lr)
{
    struct train_settings s = train_defaults();

    s.optim = optim_find(optim);
    s.rate.lr = lr;
    s.batch = 32;
    s.total = 100;
    s.seed = 3;
    return s;
}

#endif
