#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "net/branch.h"
#include "net/exec.h"
#include "par/meter.h"
#include "train/augment.h"
#include "train/bound.h"
#include "train/loss.h"
#include "train/match.h"

/* Elements of a parameter that are updated in one go. */
#define CHUNK_COUNT ((size_t)16384)

struct trainer {
    struct net *net;
    const struct dataset *data;
    struct pool *pool;
    struct train_settings settings;
    struct exec *exec;
    uint64_t done;
    int batch; /* settings.batch, or all fit rows when they are fewer */
    /* The fit rows in the order of one epoch, UINT64_MAX for none yet. */
    int32_t *order;
    uint64_t order_epoch;
    /* The mini-batch at work. */
    int n;
    int32_t *row, *label;
    int *hits; /* (shards, outputs) */
    float weight[NET_OUTPUT_MAX];
    bool *frozen; /* a node; NULL: all learn */
    double lr;
    /* The update. */
    struct chunk *chunk;
    int chunk_count;
    int *turn;           /* chunks in the order in which the pool deals them */
    struct bound *bound; /* NULL: every parameter is free */
    bool *finite;        /* a chunk */
    const float **grad;  /* the shards' gradients, for each worker */
};

struct train_settings train_defaults(void)
{
    return (struct train_settings){.optim = optim_find("adam"),
                                   .rate = {.lr = 1e-3,
                                            .momentum = 0.9,
                                            .beta1 = 0.9,
                                            .beta2 = 0.999,
                                            .epsilon = 1e-8},
                                   .schedule = lr_schedule_find("constant"),
                                   .batch = 64};
}

static enum err_code check_settings(const struct train_settings *s,
                                    const struct dataset *data, struct err *err)
{
    int shift = s->augment_shift;

    if (s->batch < 1)
        return err_set(err, ERR_VALUE, "a batch of %d; at least 1 is possible",
                       s->batch);
    if (data->fit_count < 1)
        return err_set(err, ERR_VALUE, "no samples are left to train on");
    if (shift < 0)
        return err_set(err, ERR_VALUE, "a random shift of %d pixels", shift);
    if (shift > 0 && data->shape.rank != 3)
        return err_set(err, ERR_SHAPE,
                       "random shifts need pictures, the data is vectors");
    if (shift > 0 &&
        (shift >= data->shape.dim[0] || shift >= data->shape.dim[1]))
        return err_set(err, ERR_VALUE,
                       "a random shift of %d pixels moves pictures of %dx%d "
                       "out of sight",
                       shift, data->shape.dim[0], data->shape.dim[1]);
    return ERR_OK;
}

static enum err_code check_exits(const struct train_settings *s,
                                 const struct net *net, struct err *err)
{
    int o;

    if (s->exit_weight_count > 0 && s->exit_weight_count != net->output_count)
        return err_set(err, ERR_VALUE,
                       "%d weights for %d exit%s (the last is the main"
                       " classifier)",
                       s->exit_weight_count, net->output_count,
                       net->output_count == 1 ? "" : "s");
    for (o = 0; o < s->exit_weight_count; o++) {
        if (!(s->exit_weight[o] >= 0.0f && isfinite(s->exit_weight[o])))
            return err_set(err, ERR_VALUE,
                           "an exit's weight is %g; 0 or more is possible",
                           (double)s->exit_weight[o]);
    }
    if (s->heads_only && net->output_count == 1)
        return err_set(err, ERR_STATE,
                       "\"%s\" has no early exit to train; `exit add` makes"
                       " one",
                       net->name);
    return ERR_OK;
}

/* Does p, of that node, learn? */
static bool learns(const struct trainer *t, const struct param *p, int node)
{
    return p->def.trainable && (t->frozen == NULL || !t->frozen[node]);
}

/* Elements along the first axis. */
static size_t row_of(const struct param *p)
{
    return p->count / (size_t)p->def.shape.dim[0];
}

/* Elements of p that are updated in one go; of a gradient that is made late,
 * the rows that are made together. */
static size_t chunk_of(const struct trainer *t, const struct param_walk *w,
                       const struct param *p)
{
    size_t rows = exec_late_rows(t->exec, w->node, w->param);

    if (rows == 0)
        return CHUNK_COUNT;
    return rows * row_of(p);
}

static int count_chunks(const struct trainer *t)
{
    struct param_walk w;
    struct param *p;
    size_t count = 0;

    for (p = net_first(t->net, &w); p != NULL; p = net_next(&w)) {
        if (learns(t, p, w.node))
            count += (p->count + chunk_of(t, &w, p) - 1) / chunk_of(t, &w, p);
    }
    return (int)count;
}

static void cut_into_chunks(struct trainer *t)
{
    struct param_walk w;
    struct param *p;
    size_t at, most;

    t->chunk = mem_array((size_t)count_chunks(t), sizeof(*t->chunk));
    for (p = net_first(t->net, &w); p != NULL; p = net_next(&w)) {
        most = chunk_of(t, &w, p);
        for (at = 0; learns(t, p, w.node) && at < p->count; at += most) {
            struct chunk *c = &t->chunk[t->chunk_count++];
            size_t left = p->count - at;

            c->param = p;
            c->node = w.node;
            c->index = w.param;
            c->at = at;
            c->count = left < most ? left : most;
        }
    }
}

/* Chunks of the parameter that chunk `first` begins. */
static int chunks_from(const struct trainer *t, int first)
{
    int i = first;

    while (i < t->chunk_count && t->chunk[i].param == t->chunk[first].param)
        i++;
    return i - first;
}

/*
 * Every thread gets the same part of every parameter, as the sums of rows are
 * cut (plan.h): what it wrote, it reads itself in the next forward pass.  The
 * pool gives neighbouring turns to a thread; parameters of one chunk come first
 * in each part, where a thread with less to do may have them.
 */
static void deal_chunks(struct trainer *t)
{
    int threads = pool_threads(t->pool), at = 0, i, thread, whole, count, k;

    t->turn = mem_array((size_t)t->chunk_count, sizeof(*t->turn));
    for (thread = 0; thread < threads; thread++) {
        for (whole = 1; whole >= 0; whole--) {
            for (i = 0; i < t->chunk_count; i += count) {
                count = chunks_from(t, i);
                if ((count == 1) != whole)
                    continue;
                for (k = count * thread / threads;
                     k < count * (thread + 1) / threads; k++)
                    t->turn[at++] = i + k;
            }
        }
    }
}

/* A codebook of several layers moves as one or not at all. */
static enum err_code check_groups(const struct trainer *t, struct err *err)
{
    struct param_walk w;
    struct param *p;
    int i;

    for (p = net_first(t->net, &w); p != NULL; p = net_next(&w)) {
        if (p->book == NULL || p->book->group == 0 || learns(t, p, w.node))
            continue;
        for (i = 0; i < t->chunk_count; i++) {
            const struct chunk *c = &t->chunk[i];

            if (c->param->book != NULL &&
                c->param->book->group == p->book->group)
                return err_set(err, ERR_STATE,
                               "layers \"%s\" and \"%s\" have one codebook, "
                               "but only the second is to learn; `quantize` "
                               "gives them their own",
                               t->net->node[w.node].name,
                               t->net->node[c->node].name);
        }
    }
    return ERR_OK;
}

/* Moments, and what else a training that goes on needs of the net. */
static bool has_moments(struct net *net, int count)
{
    struct param_walk w;
    struct param *p;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        float *const *moment = p->book != NULL ? p->book->moment : p->moment;

        if (p->def.trainable && count > 0 && moment[count - 1] == NULL)
            return false;
        if (p->def.trainable && p->grid != NULL && p->grid->latent == NULL)
            return false;
    }
    return true;
}

static enum err_code prepare(struct trainer *t, struct err *err)
{
    size_t batch = (size_t)t->batch, shards;

    t->exec = exec_new_frozen(t->net, t->batch, EXEC_TRAIN | EXEC_LATE,
                              t->frozen, t->pool, err);
    if (t->exec == NULL)
        return err->code;
    t->order = mem_block_array((size_t)t->data->fit_count, sizeof(*t->order),
                               "the order of samples", err);
    if (t->order == NULL)
        return err->code;
    shards = (size_t)exec_shards(t->exec, t->batch);
    t->row = mem_array(batch, sizeof(*t->row));
    t->label = mem_array(batch, sizeof(*t->label));
    t->hits =
        mem_array(shards * (size_t)t->net->output_count, sizeof(*t->hits));
    t->grad = mem_array((size_t)pool_threads(t->pool) * shards,
                        sizeof(const float *));
    cut_into_chunks(t);
    deal_chunks(t);
    t->finite = mem_array((size_t)t->chunk_count, sizeof(*t->finite));
    if (check_groups(t, err) != ERR_OK ||
        bound_new(t->chunk, t->chunk_count, pool_threads(t->pool), &t->bound,
                  err) != ERR_OK)
        return err->code;
    if (t->done > 0 && has_moments(t->net, t->settings.optim->moments))
        return ERR_OK;
    if (net_need_moments(t->net, t->settings.optim->moments, err) != ERR_OK)
        return err->code;
    return net_need_latent(t->net, err);
}

/* Weights of the outputs; what does not learn. */
static void take_exits(struct trainer *t)
{
    int o, i;

    for (o = 0; o < t->net->output_count; o++)
        t->weight[o] = t->settings.exit_weight_count > 0
                           ? t->settings.exit_weight[o]
                           : 1.0f;
    if (!t->settings.heads_only)
        return;
    t->frozen = mem_array((size_t)t->net->node_count, sizeof(*t->frozen));
    branch_heads(t->net, t->frozen);
    for (i = 0; i < t->net->node_count; i++)
        t->frozen[i] = !t->frozen[i];
}

struct trainer *trainer_new(struct net *net, const struct dataset *data,
                            const struct train_settings *settings,
                            uint64_t done, struct pool *pool, struct err *err)
{
    struct trainer *t;

    if (match_check(net, data, err) != ERR_OK ||
        check_settings(settings, data, err) != ERR_OK ||
        check_exits(settings, net, err) != ERR_OK)
        return NULL;
    t = mem_zalloc(sizeof(*t));
    t->net = net;
    t->data = data;
    t->pool = pool;
    t->settings = *settings;
    t->done = done;
    t->batch =
        settings->batch < data->fit_count ? settings->batch : data->fit_count;
    t->order_epoch = UINT64_MAX;
    take_exits(t);
    if (prepare(t, err) != ERR_OK) {
        trainer_free(t);
        return NULL;
    }
    return t;
}

void trainer_free(struct trainer *t)
{
    if (t == NULL)
        return;
    exec_free(t->exec);
    mem_block_free(t->order);
    mem_free(t->row);
    mem_free(t->label);
    mem_free(t->hits);
    mem_free(t->grad);
    bound_free(t->bound);
    mem_free(t->chunk);
    mem_free(t->turn);
    mem_free(t->finite);
    mem_free(t->frozen);
    mem_free(t);
}

uint64_t trainer_steps_per_epoch(const struct trainer *t)
{
    uint64_t rows = (uint64_t)t->data->fit_count, batch = (uint64_t)t->batch;

    return (rows + batch - 1) / batch;
}

static uint64_t epoch_of(const struct trainer *t)
{
    return t->done / trainer_steps_per_epoch(t);
}

static void fill(void *arg, int first, int n, float *x)
{
    const struct trainer *t = arg;
    const struct dataset *d = t->data;
    size_t width = shape_count(&d->shape);
    int i;

    dataset_fill(d, &d->train, t->row + first, n, t->net->scale, t->net->offset,
                 x);
    if (t->settings.augment_shift == 0)
        return;
    for (i = 0; i < n; i++) {
        struct rng r = rng_at(t->settings.seed, RNG_AUGMENT, epoch_of(t),
                              (uint64_t)t->row[first + i]);

        augment_shift(x + (size_t)i * width, &d->shape,
                      t->settings.augment_shift, t->net->offset, &r);
    }
}

/* The loss is the weighted sum over the outputs. */
static double head(void *arg, int shard, int first, int n,
                   const float *const *y, float *const *dy)
{
    struct trainer *t = arg;
    int outputs = t->net->output_count, o;
    int *hits = t->hits + (size_t)shard * (size_t)outputs;
    double loss = 0.0;

    for (o = 0; o < outputs; o++)
        loss += (double)t->weight[o] *
                loss_cross_entropy(y[o], t->label + first, n, t->data->classes,
                                   t->weight[o] / (float)t->n, dy[o], &hits[o]);
    return loss;
}

/* The gradients of a chunk, a list of this worker's; how many. */
static int gradients_of(const struct trainer *t, const struct chunk *c,
                        int worker, const float ***list)
{
    int shards = exec_shards(t->exec, t->n), s;
    int most = exec_shards(t->exec, t->batch);
    const float **grad = t->grad + (size_t)worker * (size_t)most;

    *list = grad;
    if (exec_late_rows(t->exec, c->node, c->index) > 0) {
        size_t row = row_of(c->param);

        grad[0] =
            exec_late(t->exec, worker, c->node, c->at / row, c->count / row);
        return 1;
    }
    for (s = 0; s < shards; s++)
        grad[s] = exec_grad(t->exec, s, c->node, c->index) + c->at;
    return shards;
}

/* What the optimiser works on. */
static struct optim_piece piece_of(const struct trainer *t,
                                   const struct chunk *c, int worker)
{
    const struct param *p = c->param;
    const float **grad;
    int shards = gradients_of(t, c, worker, &grad), m;
    struct optim_piece piece = {
        .value = p->value + c->at,
        .mask = p->mask != NULL ? p->mask + c->at : NULL,
        .grad = grad,
        .shards = shards,
        .count = c->count,
        .decays = p->def.decays || t->settings.rate.decay_all};

    for (m = 0; p->book == NULL && m < t->settings.optim->moments; m++)
        piece.moment[m] = p->moment[m] + c->at;
    return piece;
}

static void update_chunk(void *arg, int turn, int worker)
{
    struct trainer *t = arg;
    int number = t->turn[turn];
    const struct chunk *c = &t->chunk[number];
    enum meter_phase before = meter_enter(METER_UPDATE);
    struct optim_piece piece = piece_of(t, c, worker);

    t->finite[number] = true;
    if (c->param->grid != NULL)
        bound_latent(t->bound, number, worker, &piece);
    if (c->param->book != NULL)
        bound_sum(t->bound, number, &piece);
    else
        t->finite[number] = t->settings.optim->update(&t->settings.rate, t->lr,
                                                      t->done + 1, &piece);
    meter_enter(before);
}

/* The first chunk that is not finite, or -1. */
static int first_bad(const struct trainer *t)
{
    int i;

    for (i = 0; i < t->chunk_count; i++) {
        if (!t->finite[i])
            return i;
    }
    return -1;
}

static enum err_code update(struct trainer *t, struct err *err)
{
    const struct bound_step step = {.optim = t->settings.optim,
                                    .rate = &t->settings.rate,
                                    .lr = t->lr,
                                    .step = t->done + 1,
                                    .mean = !t->settings.sums_shared};
    int bad;

    pool_run(t->pool, update_chunk, t, t->chunk_count);
    bad = first_bad(t);
    if (bad < 0 && t->bound != NULL)
        bad = bound_finish(t->bound, t->pool, &step);
    if (bad < 0)
        return ERR_OK;
    return err_set(err, ERR_DIVERGED,
                   "step %llu: the %s of layer \"%s\" is not finite "
                   "after the update; a smaller learning rate may help",
                   (unsigned long long)t->done + 1, t->chunk[bad].param->name,
                   t->net->node[t->chunk[bad].node].name);
}

static enum err_code loss_diverged(const struct trainer *t, double loss,
                                   struct err *err)
{
    unsigned long long step = t->done + 1;
    int bad = exec_bad_node(t->exec);

    if (bad < 0)
        return err_set(err, ERR_DIVERGED, "step %llu: the loss is %g", step,
                       loss);
    return err_set(err, ERR_DIVERGED,
                   "step %llu: what layer \"%s\" gives is not finite (loss "
                   "%g); a smaller learning rate may help",
                   step, t->net->node[bad].name, loss);
}

/* Rate of the next step: schedule, and a linear rise over the warm-up. */
static double rate_now(const struct trainer *t)
{
    const struct train_settings *s = &t->settings;
    double total = (double)s->total, done = (double)t->done;
    double position = done < total ? done / total : total > 0.0 ? 1.0 : 0.0;
    double rise = s->warmup * total, rate;

    rate = s->rate.lr * s->schedule->factor(position);
    return done + 1.0 < rise ? rate * (done + 1.0) / rise : rate;
}

/* t->row[0..n-1] is the batch. */
static enum err_code step(struct trainer *t, int n, struct step_report *out,
                          struct err *err)
{
    struct exec_hooks hooks = {.fill = fill, .head = head, .arg = t};
    int shards = exec_shards(t->exec, n), i;
    double loss;

    t->n = n;
    t->lr = rate_now(t);
    for (i = 0; i < n; i++)
        t->label[i] = t->data->train.label[t->row[i]];
    loss = exec_run(t->exec, PASS_TRAIN, true, n, t->settings.seed, t->done + 1,
                    &hooks) /
           n;
    if (!isfinite(loss))
        return loss_diverged(t, loss, err);
    if (update(t, err) != ERR_OK)
        return err->code;
    t->done++;
    *out = (struct step_report){.step = t->done,
                                .loss = loss,
                                .lr = t->lr,
                                .n = n,
                                .exits = t->net->output_count};
    for (i = 0; i < shards * out->exits; i++)
        out->exit_hits[i % out->exits] += t->hits[i];
    out->hits = out->exit_hits[out->exits - 1];
    return ERR_OK;
}

static void need_order(struct trainer *t)
{
    uint64_t epoch = epoch_of(t);
    size_t count = (size_t)t->data->fit_count;
    struct rng r;

    if (epoch == t->order_epoch)
        return;
    r = rng_at(t->settings.seed, RNG_ORDER, epoch, 0);
    memcpy(t->order, t->data->fit, count * sizeof(*t->order));
    rng_shuffle(&r, t->order, count);
    t->order_epoch = epoch;
}

enum err_code trainer_step(struct trainer *t, struct step_report *out,
                           struct err *err)
{
    uint64_t place = t->done % trainer_steps_per_epoch(t);
    int first = (int)place * t->batch, n = t->data->fit_count - first;

    need_order(t);
    if (n > t->batch)
        n = t->batch;
    memcpy(t->row, t->order + first, (size_t)n * sizeof(*t->row));
    return step(t, n, out, err);
}

enum err_code trainer_step_rows(struct trainer *t, const int32_t *row, int n,
                                struct step_report *out, struct err *err)
{
    int i;

    if (n < 1 || n > t->batch)
        return err_set(err, ERR_VALUE, "a batch of %d; 1 to %d are possible", n,
                       t->batch);
    for (i = 0; i < n; i++) {
        if (row[i] < 0 || row[i] >= t->data->train.n)
            return err_set(err, ERR_VALUE, "row %d of %d", row[i],
                           t->data->train.n);
    }
    memcpy(t->row, row, (size_t)n * sizeof(*row));
    return step(t, n, out, err);
}

void trainer_set(struct trainer *t, const struct optim_settings *rate)
{
    t->settings.rate = *rate;
}

uint64_t trainer_done(const struct trainer *t)
{
    return t->done;
}

size_t trainer_bytes(const struct trainer *t)
{
    return exec_bytes(t->exec) + (size_t)t->data->fit_count * sizeof(*t->order);
}
