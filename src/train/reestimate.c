/* Batch norm's running statistics afresh: after pruning those of the dense net
 * no longer fit (method card P2). */
#include <string.h>

#include "base/mem.h"
#include "net/exec.h"
#include "train/match.h"
#include "train/trainer.h"

struct job {
    struct net *net;
    const struct dataset *data;
    int32_t *order;
    int at; /* of the batch, in order */
};

static bool has_statistics(const struct net *net)
{
    int i;

    for (i = 0; i < net->node_count; i++) {
        if (net->node[i].kind->forward_join != NULL)
            return true;
    }
    return false;
}

static void fill(void *arg, int first, int n, float *x)
{
    const struct job *j = arg;

    dataset_fill(j->data, &j->data->train, j->order + j->at + first, n,
                 j->net->scale, j->net->offset, x);
}

/* Copies what training keeps without learning it, to or from `saved`. */
static void save_statistics(struct net *net, float *saved, bool back)
{
    struct param_walk w;
    struct param *p;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        if (p->def.trainable)
            continue;
        if (back)
            memcpy(p->value, saved, p->count * sizeof(*saved));
        else
            memcpy(saved, p->value, p->count * sizeof(*saved));
        saved += p->count;
    }
}

static size_t count_statistics(struct net *net)
{
    struct param_walk w;
    struct param *p;
    size_t count = 0;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        if (!p->def.trainable)
            count += p->count;
    }
    return count;
}

/* The k-th batch has a share of 1/k: a plain average in the end, and the first
 * replaces what was there. */
static enum err_code run_batches(struct job *j, struct exec *e, int batch,
                                 int batches, uint64_t seed,
                                 const struct progress *progress,
                                 struct err *err)
{
    struct exec_hooks hooks = {.fill = fill, .arg = j};
    int k;

    for (k = 0; k < batches; k++) {
        if (progress_cancelled(progress))
            return err_set(err, ERR_CANCELLED, "stopped on request");
        j->at = k * batch;
        exec_set_blend(e, 1.0 / (k + 1));
        exec_run(e, PASS_TRAIN, false, batch, seed, (uint64_t)k, &hooks);
        progress_tell(progress, (double)(k + 1) / batches);
    }
    return ERR_OK;
}

static enum err_code reestimate(struct job *j, struct exec *e, float *saved,
                                int batch, int batches, uint64_t seed,
                                const struct progress *progress,
                                struct err *err)
{
    size_t count = (size_t)j->data->fit_count;
    struct rng r = rng_at(seed, RNG_ORDER, 0, 1);

    memcpy(j->order, j->data->fit, count * sizeof(*j->order));
    rng_shuffle(&r, j->order, count);
    save_statistics(j->net, saved, false);
    if (run_batches(j, e, batch, batches, seed, progress, err) != ERR_OK)
        save_statistics(j->net, saved, true);
    else
        err->code = ERR_OK;
    return err->code;
}

static enum err_code check_batches(const struct dataset *data, int *batch,
                                   int *batches, struct err *err)
{
    if (*batch < 1 || *batches < 1)
        return err_set(err, ERR_VALUE,
                       "%d batches of %d; at least 1 of 1 is possible",
                       *batches, *batch);
    if (data->fit_count < 1)
        return err_set(err, ERR_VALUE, "no samples are left to train on");
    if (*batch > data->fit_count)
        *batch = data->fit_count;
    if (*batches > data->fit_count / *batch)
        *batches = data->fit_count / *batch;
    return ERR_OK;
}

enum err_code train_reestimate(struct net *net, const struct dataset *data,
                               int batch, int batches, uint64_t seed,
                               struct pool *pool,
                               const struct progress *progress, struct err *err)
{
    struct job j = {.net = net, .data = data};
    struct exec *e = NULL;
    float *saved = NULL;
    enum err_code code;

    if (!has_statistics(net))
        return ERR_OK;
    if (match_check(net, data, err) != ERR_OK ||
        check_batches(data, &batch, &batches, err) != ERR_OK)
        return err->code;
    e = exec_new(net, batch, EXEC_NORM, pool, err);
    if (e != NULL)
        j.order = mem_block_array((size_t)data->fit_count, sizeof(*j.order),
                                  "the order of samples", err);
    if (j.order != NULL)
        saved = mem_block_array(count_statistics(net), sizeof(*saved),
                                "running statistics", err);
    code = saved == NULL
               ? err->code
               : reestimate(&j, e, saved, batch, batches, seed, progress, err);
    mem_block_free(saved);
    mem_block_free(j.order);
    exec_free(e);
    return code;
}
