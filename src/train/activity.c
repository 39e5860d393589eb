/* How often a unit is not zero over a set of samples (method card N1). */
#include <string.h>

#include "base/mem.h"
#include "train/eval.h"
#include "train/match.h"

/* Samples at a time: every activation of all of them is kept. */
#define BATCH_MOST  512
#define BATCH_BYTES ((size_t)64 << 20)

struct count {
    struct net *net;
    const struct dataset *data;
    const struct samples *samples;
    struct exec *exec;
    const int32_t *row; /* of the batch */
    int node, units, batch;
    int64_t *slot; /* units of each shard */
};

static int batch_of(const struct net *net)
{
    size_t floats = shape_count(&net->input), fit;
    int i;

    for (i = 0; i < net->node_count; i++)
        floats += shape_count(&net->node[i].out);
    fit = BATCH_BYTES / (floats * sizeof(float));
    return fit < 1 ? 1 : fit < BATCH_MOST ? (int)fit : BATCH_MOST;
}

static void fill(void *arg, int first, int n, float *x)
{
    const struct count *c = arg;

    dataset_fill(c->data, c->samples, c->row + first, n, c->net->scale,
                 c->net->offset, x);
}

/* Not a loss at all: the place where a shard's activations are at hand. */
static double head(void *arg, int shard, int first, int n,
                   const float *const *y, float *const *dy)
{
    const struct count *c = arg;
    int64_t *slot = c->slot + (size_t)shard * (size_t)c->units;
    const float *a = exec_activation(c->exec, shard, c->node, &n);
    size_t rows =
        (size_t)n * shape_count(&c->net->node[c->node].out) / (size_t)c->units;
    size_t r;
    int u;

    (void)first, (void)y, (void)dy;
    for (r = 0; r < rows; r++, a += c->units) {
        for (u = 0; u < c->units; u++)
            slot[u] += a[u] != 0.0f;
    }
    return 0.0;
}

static void run(struct count *c, const int32_t *row, int n, int32_t *all)
{
    struct exec_hooks hooks = {.fill = fill, .head = head, .arg = c};
    int at, i, count;

    for (at = 0; at < n; at += c->batch) {
        count = n - at < c->batch ? n - at : c->batch;
        for (i = 0; i < count; i++)
            all[i] = row != NULL ? row[at + i] : at + i;
        c->row = all;
        exec_run(c->exec, PASS_EVAL, false, count, 0, 0, &hooks);
    }
}

static void sum_slots(const struct count *c, int64_t *counts)
{
    int shards = exec_shards(c->exec, c->batch), s, u;

    memset(counts, 0, (size_t)c->units * sizeof(*counts));
    for (s = 0; s < shards; s++) {
        for (u = 0; u < c->units; u++)
            counts[u] += c->slot[(size_t)s * (size_t)c->units + (size_t)u];
    }
}

enum err_code eval_activity(struct net *net, int node,
                            const struct dataset *data, const struct samples *s,
                            const int32_t *row, int n, struct pool *pool,
                            int64_t *counts, int64_t *total, struct err *err)
{
    const struct shape *out = &net->node[node].out;
    struct count c = {.net = net, .data = data, .samples = s, .node = node};
    int32_t *all;

    if (match_check(net, data, err) != ERR_OK)
        return err->code;
    c.units = out->rank > 0 ? out->dim[out->rank - 1] : 1;
    c.batch = batch_of(net);
    c.exec = exec_new(net, c.batch, EXEC_KEEP, pool, err);
    if (c.exec == NULL)
        return err->code;
    all = mem_array((size_t)c.batch, sizeof(*all));
    c.slot = mem_array((size_t)exec_shards(c.exec, c.batch) * (size_t)c.units,
                       sizeof(*c.slot));
    run(&c, row, n, all);
    sum_slots(&c, counts);
    *total = (int64_t)n * (int64_t)(shape_count(out) / (size_t)c.units);
    mem_free(c.slot);
    mem_free(all);
    exec_free(c.exec);
    return ERR_OK;
}
