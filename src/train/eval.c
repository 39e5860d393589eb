#include "train/eval.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "train/loss.h"
#include "train/match.h"

/* Samples between two looks at the cancel flag: some milliseconds of a small
 * net.  Activations are for each worker, so this costs next to nothing. */
#define BATCH EVAL_BATCH

#define Z95 1.96 /* standard normal: 95 % lie within */

struct evaluator {
    struct net *net;
    const struct dataset *data;
    struct exec *exec;
    /* The run at work. */
    const struct samples *samples;
    const int32_t *row; /* NULL: all */
    int at;             /* of the batch */
    int32_t *guess;     /* of the batch */
    int32_t *label;
    float *confidence; /* of the batch; NULL: not asked for */
    int *hits;         /* (shards, outputs) */
};

struct evaluator *evaluator_new(struct net *net, const struct dataset *data,
                                struct pool *pool, struct err *err)
{
    struct evaluator *e;
    size_t shards;

    if (match_check(net, data, err) != ERR_OK)
        return NULL;
    e = mem_zalloc(sizeof(*e));
    e->net = net;
    e->data = data;
    e->exec = exec_new(net, BATCH, EXEC_EVAL, pool, err);
    if (e->exec == NULL) {
        evaluator_free(e);
        return NULL;
    }
    shards = (size_t)exec_shards(e->exec, BATCH);
    e->guess = mem_array(BATCH, sizeof(*e->guess));
    e->label = mem_array(BATCH, sizeof(*e->label));
    e->hits = mem_array(shards * (size_t)net->output_count, sizeof(*e->hits));
    return e;
}

void evaluator_free(struct evaluator *e)
{
    if (e == NULL)
        return;
    exec_free(e->exec);
    mem_free(e->guess);
    mem_free(e->label);
    mem_free(e->hits);
    mem_free(e);
}

static int32_t row_of(const struct evaluator *e, int i)
{
    return e->row != NULL ? e->row[e->at + i] : e->at + i;
}

static void fill(void *arg, int first, int n, float *x)
{
    struct evaluator *e = arg;
    int32_t row;
    int i;

    if (e->row != NULL) {
        dataset_fill(e->data, e->samples, e->row + e->at + first, n,
                     e->net->scale, e->net->offset, x);
        return;
    }
    for (i = 0; i < n; i++) {
        row = row_of(e, first + i);
        dataset_fill(e->data, e->samples, &row, 1, e->net->scale,
                     e->net->offset,
                     x + (size_t)i * shape_count(&e->net->input));
    }
}

/* All outputs are counted; the last, the main classifier, is judged. */
static double head(void *arg, int shard, int first, int n,
                   const float *const *y, float *const *dy)
{
    struct evaluator *e = arg;
    int classes = e->data->classes, outputs = e->net->output_count, i;
    int *hits = e->hits + (size_t)shard * (size_t)outputs;
    const float *z = y[outputs - 1];

    (void)dy;
    for (i = first; i < first + n; i++)
        e->label[i] = e->samples->label[row_of(e, i)];
    for (i = 0; i < outputs - 1; i++)
        hits[i] = loss_hits(y[i], e->label + first, n, classes);
    loss_guess(z, n, classes, e->guess + first,
               e->confidence != NULL ? e->confidence + first : NULL);
    return loss_cross_entropy(z, e->label + first, n, classes, 1.0f, NULL,
                              &hits[outputs - 1]);
}

/* What a batch adds to the details. */
static void note(const struct evaluator *e, int n, struct eval_details *more)
{
    int i;

    if (more == NULL)
        return;
    for (i = 0; i < n; i++) {
        if (more->guess != NULL)
            more->guess[e->at + i] = e->guess[i];
        if (more->confusion != NULL)
            more->confusion[e->label[i] * e->data->classes + e->guess[i]]++;
    }
}

static void clear(const struct evaluator *e, struct eval_details *more)
{
    int i, cells = e->data->classes * e->data->classes;

    for (i = 0; more != NULL && more->confusion != NULL && i < cells; i++)
        more->confusion[i] = 0;
}

/* Sums over all batches; false when cancelled. */
static bool run_batches(struct evaluator *e, int n, struct evaluation *sums,
                        struct eval_details *more,
                        const struct progress *progress)
{
    struct exec_hooks hooks = {.fill = fill, .head = head, .arg = e};
    int i, count;

    for (e->at = 0; e->at < n; e->at += count) {
        if (progress_cancelled(progress))
            return false;
        count = n - e->at < BATCH ? n - e->at : BATCH;
        e->confidence = more != NULL && more->confidence != NULL
                            ? more->confidence + e->at
                            : NULL;
        sums->loss += exec_run(e->exec, PASS_EVAL, false, count, 0, 0, &hooks);
        for (i = 0; i < exec_shards(e->exec, count) * sums->exits; i++)
            sums->exit_hits[i % sums->exits] += e->hits[i];
        note(e, count, more);
        progress_tell(progress, (double)(e->at + count) / n);
    }
    return true;
}

enum err_code evaluator_run(struct evaluator *e, const struct samples *s,
                            const int32_t *row, int n, struct evaluation *out,
                            struct eval_details *more,
                            const struct progress *progress, struct err *err)
{
    struct evaluation made = {.n = n, .exits = e->net->output_count};
    bool done;

    e->samples = s;
    e->row = row;
    clear(e, more);
    exec_hold(e->exec, true);
    done = run_batches(e, n, &made, more, progress);
    exec_hold(e->exec, false);
    if (!done)
        return err_set(err, ERR_CANCELLED, "stopped on request");
    made.hits = made.exit_hits[made.exits - 1];
    if (n > 0) {
        made.accuracy = (double)made.hits / n;
        made.loss /= n;
    }
    eval_wilson(made.hits, n, &made.low, &made.high);
    *out = made;
    return ERR_OK;
}

void eval_wilson(int hits, int n, double *low, double *high)
{
    double p, z2, centre, half;

    *low = 0.0;
    *high = 1.0;
    if (n < 1)
        return;
    p = (double)hits / n;
    z2 = Z95 * Z95 / n;
    centre = (p + z2 / 2.0) / (1.0 + z2);
    half = Z95 * sqrt(p * (1.0 - p) / n + z2 / (4.0 * n)) / (1.0 + z2);
    *low = fmax(0.0, centre - half);
    *high = fmin(1.0, centre + half);
}

double eval_mcnemar(int only_a, int only_b)
{
    double apart = fmax(0.0, abs(only_a - only_b) - 1.0);

    if (only_a + only_b == 0)
        return 0.0;
    return apart * apart / ((double)only_a + only_b);
}
