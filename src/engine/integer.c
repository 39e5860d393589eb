#include "engine/integer.h"

#include <string.h>

#include "base/mem.h"
#include "compress/integer.h"
#include "engine/bench.h"
#include "engine/recipe.h"
#include "net/branch.h"
#include "net/fake.h"

#define CALIBRATION 500  /* samples */
#define SIMULATED   1000 /* at most: reals are slow, one after another */

const struct arg_def integer_args[] = {
    {.name = "by",
     .help = "how far activations reach; minmax without it",
     .type = ARG_WORD,
     .source = SOURCE_CALIBRATORS},
    {.name = "samples",
     .help = "training samples that say so; 500 without it",
     .type = ARG_INT,
     .least = 1,
     .most = 1e9},
    {0}};

/* One way of running the validation set. */
struct trial {
    int32_t *guess;
    int n, hits;
    double seconds;
};

static void count_hits(const struct bench *b, struct trial *t, int n)
{
    int i;

    t->n = n;
    for (i = 0; i < n; i++)
        t->hits += t->guess[i] == b->data->train.label[b->data->validation[i]];
}

/* net: what m was made from. */
static enum err_code run_whole(struct bench *b, const struct net *net,
                               const struct integer *m, bool simulated,
                               struct trial *t, struct err *err)
{
    struct progress progress = bench_progress(b);
    int n = b->data->validation_count;
    double start = clock_now();

    if (simulated && n > SIMULATED)
        n = SIMULATED;
    if (integer_evaluate(m, net, b->data, &b->data->train, b->data->validation,
                         n, simulated, b->pool, &progress, t->guess,
                         err) != ERR_OK)
        return err->code;
    t->seconds = clock_now() - start;
    count_hits(b, t, n);
    return ERR_OK;
}

static enum err_code run_floats(struct bench *b, struct trial *t,
                                struct err *err)
{
    struct eval_details more = {.guess = t->guess};
    struct evaluation e;
    int n = b->data->validation_count;
    double start = clock_now();

    if (bench_evaluate(b, &b->data->train, b->data->validation, n, &e, &more,
                       err) != ERR_OK)
        return err->code;
    t->seconds = clock_now() - start;
    t->hits = e.hits;
    return ERR_OK;
}

static int count_same(const struct trial *a, const struct trial *b, int n)
{
    int i, same = 0;

    for (i = 0; i < n; i++)
        same += a->guess[i] == b->guess[i];
    return same;
}

static void say(struct bench *b, const struct integer *m,
                const struct trial *whole, const struct trial *simulated,
                const struct trial *floats)
{
    int n = b->data->validation_count;
    char bytes[32], all[32], some[32], same[32];

    str_commas(n, all, sizeof(all));
    bench_say(b, LOG_NOTE,
              "weights, biases and factors take %s; %.3g ms a sample, floats "
              "%.3g ms",
              str_size((double)integer_bytes(m), bytes, sizeof(bytes)),
              1e3 * whole->seconds / n, 1e3 * floats->seconds / n);
    bench_say(b, LOG_RESULT, "simulated with reals: the same guess on %s of %s",
              str_commas(count_same(whole, simulated, simulated->n), same,
                         sizeof(same)),
              str_commas(simulated->n, some, sizeof(some)));
    if (fake_count(b->net) > 0)
        bench_say(b, LOG_RESULT,
                  "the net as it is, its activations rounded in floats: the "
                  "same guess on %s of %s",
                  str_commas(count_same(whole, floats, n), same, sizeof(same)),
                  all);
    bench_say(b, LOG_RESULT,
              "accuracy in whole numbers %.2f %%, in floats %.2f %% (%s "
              "validation samples)",
              100.0 * whole->hits / n, 100.0 * floats->hits / n, all);
}

static enum err_code run_trials(struct bench *b, const struct net *net,
                                const struct integer *m, struct err *err)
{
    size_t n = (size_t)b->data->validation_count;
    struct trial t[3] = {{0}};
    enum err_code code;
    int i;

    for (i = 0; i < 3; i++)
        t[i].guess = mem_array(n, sizeof(int32_t));
    code = run_whole(b, net, m, false, &t[0], err);
    if (code == ERR_OK)
        code = run_whole(b, net, m, true, &t[1], err);
    if (code == ERR_OK)
        code = run_floats(b, &t[2], err);
    if (code == ERR_OK)
        say(b, m, &t[0], &t[1], &t[2]);
    for (i = 0; i < 3; i++)
        mem_free(t[i].guess);
    return code;
}

/* A copy with its last classifier alone, which is what decides. */
static struct net *without_exits(struct bench *b, struct err *err)
{
    bool gone[NET_OUTPUT_MAX] = {false};
    int exits = b->net->output_count - 1, o;

    if (exits == 0)
        return net_clone(b->net, err);
    for (o = 0; o < exits; o++)
        gone[o] = true;
    bench_say(b, LOG_NOTE,
              "of its %d classifiers the last alone, without exits", exits + 1);
    return branch_remove(b->net, gone, err);
}

static enum err_code try_net(struct bench *b, struct net *net,
                             const struct calibrator *by, int samples,
                             struct err *err)
{
    struct progress progress = bench_progress(b);
    struct act_range *range =
        mem_array((size_t)net->node_count + 1, sizeof(*range));
    struct integer *m = NULL;
    enum err_code code = calibrate(net, b->data, samples, by, NULL, b->pool,
                                   &progress, range, err);

    if (code == ERR_OK) {
        m = integer_new(net, range, err);
        code = m == NULL ? err->code : run_trials(b, net, m, err);
    }
    integer_free(m);
    mem_free(range);
    return code;
}

enum err_code integer_try(struct bench *b, const struct cmd_call *call,
                          struct err *err)
{
    const char *by = cmd_given(call, "by") ? cmd_text(call, "by") : "minmax";
    int n = cmd_given(call, "samples") ? (int)cmd_number(call, "samples")
                                       : CALIBRATION;
    struct net *net;
    enum err_code code;

    if (bench_fit(b, err) != ERR_OK)
        return err->code;
    net = without_exits(b, err);
    if (net == NULL)
        return err->code;
    code = try_net(b, net, calibrator_find(by), n, err);
    net_free(net);
    return code;
}
