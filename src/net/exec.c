#include "net/exec.h"

#include <assert.h>

#include "base/mem.h"
#include "net/pass.h"
#include "net/plan.h"
#include "tensor/gemm.h"

/* Smaller nets are done before warming up pays. */
#define WARM_WEIGHTS 50000

static void *block(struct exec *e, size_t n, size_t size, const char *what,
                   struct err *err)
{
    void *made = mem_block_array(n, size, what, err);

    if (made != NULL)
        e->bytes += n * size;
    return made;
}

static enum err_code allocate(struct exec *e, struct err *err)
{
    const struct plan *p = &e->plan;
    size_t shards = (size_t)p->shards, workers = (size_t)pool_threads(e->pool);
    size_t floats, scratch, late, grads, parts;

    if (!mem_mul(p->floats, shards, &floats) ||
        !mem_mul(p->scratch, sizeof(float), &scratch) ||
        !mem_mul(p->late, sizeof(float), &late) ||
        !mem_mul(p->grads, sizeof(float), &grads) ||
        !mem_mul(p->parts, sizeof(double), &parts))
        return err_set(err, ERR_MEMORY, "a batch of %d does not fit", p->batch);
    /* One block, so that it is large: see mem_block. */
    e->memory = block(e, floats + workers * p->local, sizeof(float),
                      "activations", err);
    if (e->memory == NULL)
        return err->code;
    e->local = e->memory + floats;
    e->whole = block(e, p->whole, sizeof(float), "activations", err);
    if (e->whole == NULL)
        return err->code;
    e->late = block(e, workers, late, "gradients", err);
    if (e->late == NULL)
        return err->code;
    e->scratch = block(e, workers, scratch, "scratch memory of layers", err);
    if (e->scratch == NULL)
        return err->code;
    e->ready = block(e, p->ready, sizeof(float), "kernels", err);
    if (e->ready == NULL)
        return err->code;
    e->shared = block(e, p->shared, sizeof(float), "batch statistics", err);
    if (e->shared == NULL)
        return err->code;
    e->parts = block(e, shards, parts, "batch statistics", err);
    if (e->parts == NULL)
        return err->code;
    if (p->use & EXEC_TRAIN) {
        e->grads = block(e, shards, grads, "gradients", err);
        if (e->grads == NULL)
            return err->code;
    }
    return ERR_OK;
}

static void allocate_stages(struct exec *e)
{
    const struct plan *p = &e->plan;

    e->sample = mem_array((size_t)p->batch, sizeof(*e->sample));
    e->stay = mem_array((size_t)p->batch, sizeof(*e->stay));
    e->ran = mem_array((size_t)p->shards * (size_t)e->net->node_count,
                       sizeof(*e->ran));
}

struct exec *exec_new(struct net *net, int batch, unsigned use,
                      struct pool *pool, struct err *err)
{
    return exec_new_frozen(net, batch, use, NULL, pool, err);
}

struct exec *exec_new_frozen(struct net *net, int batch, unsigned use,
                             const bool *frozen, struct pool *pool,
                             struct err *err)
{
    struct exec *e = mem_zalloc(sizeof(*e));

    assert(net->finished && batch > 0);
    gemm_start();
    if (net->value_count >= WARM_WEIGHTS)
        gemm_warm(pool);
    plan_make(&e->plan, net, batch, use, frozen);
    e->net = net;
    e->pool = pool;
    e->loss = mem_array((size_t)e->plan.shards, sizeof(*e->loss));
    e->bad = mem_array((size_t)e->plan.shards, sizeof(*e->bad));
    e->wide.chunks = mem_array((size_t)e->plan.op_count + 1, sizeof(int));
    e->wide.first = mem_array((size_t)e->plan.op_count + 2, sizeof(int));
    if (use & EXEC_STAGED)
        allocate_stages(e);
    if (allocate(e, err) != ERR_OK) {
        exec_free(e);
        return NULL;
    }
    return e;
}

void exec_free(struct exec *e)
{
    if (e == NULL)
        return;
    plan_done(&e->plan);
    mem_block_free(e->memory);
    mem_block_free(e->whole);
    mem_block_free(e->late);
    mem_block_free(e->scratch);
    mem_block_free(e->grads);
    mem_block_free(e->shared);
    mem_block_free(e->ready);
    mem_block_free(e->parts);
    mem_free(e->loss);
    mem_free(e->bad);
    mem_free(e->wide.chunks);
    mem_free(e->wide.first);
    mem_free(e->sample);
    mem_free(e->stay);
    mem_free(e->ran);
    mem_free(e);
}

static void run_legs(struct work *w, int end)
{
    const struct plan *p = &w->e->plan;
    int shards = exec_shards(w->e, w->n), leg;

    for (leg = 0; leg < p->leg_count && p->leg[leg] < end; leg++) {
        w->leg = leg;
        w->from = p->leg[leg];
        w->to = plan_leg_end(p, leg);
        if (w->to > end)
            w->to = end;
        if (p->op[w->from].kind == OP_SUM_ROWS && w->from < w->to) {
            pool_run(w->e->pool, pass_sums, w,
                     p->node[p->op[w->from].node].sum_parts);
            continue;
        }
        pool_run(w->e->pool, pass_shard, w, shards);
        pass_joins(w);
    }
}

void exec_hold(struct exec *e, bool hold)
{
    struct work w = {.e = e};

    e->held = hold;
    if (hold && e->plan.ready > 0)
        pool_run(e->pool, pass_make_ready, &w, e->net->node_count);
}

/* A pass in PASS_EVAL.  With a single shard the threads share its layers. */
static void run_eval(struct work *w)
{
    struct exec *e = w->e;
    int shards = exec_shards(e, w->n);

    if (shards > 1 || pool_threads(e->pool) == 1 || w->backward ||
        !pass_wide(w))
        pool_run(e->pool, pass_shard, w, shards);
}

double exec_run(struct exec *e, enum pass_mode mode, bool backward, int n,
                uint64_t seed, uint64_t step, const struct exec_hooks *hooks)
{
    const struct plan *p = &e->plan;
    struct work w = {.e = e,
                     .hooks = hooks,
                     .mode = mode,
                     .backward = backward,
                     .n = n,
                     .seed = seed,
                     .step = step};
    int end = backward ? p->op_count : p->head + 1, i;
    double loss = 0.0;

    assert(n > 0 && n <= p->batch && !(p->use & EXEC_STAGED));
    assert(!backward || (p->use & EXEC_TRAIN));
    assert(mode == PASS_EVAL || (p->use & (EXEC_TRAIN | EXEC_NORM)));
    e->last_n = n;
    if (mode == PASS_TRAIN) {
        run_legs(&w, end);
    } else {
        w.to = end;
        run_eval(&w);
    }
    for (i = 0; i < exec_shards(e, n); i++)
        loss += e->loss[i];
    return loss;
}

void exec_run_staged(struct exec *e, int n, const struct exec_stages *stages)
{
    struct work w = {.e = e, .stages = stages, .mode = PASS_EVAL, .n = n};

    assert(n > 0 && n <= e->plan.batch && e->plan.use == EXEC_STAGED);
    e->last_n = n;
    pool_run(e->pool, pass_staged, &w, exec_shards(e, n));
}

long long exec_ran(const struct exec *e, int node)
{
    long long sum = 0;
    int i;

    for (i = 0; i < exec_shards(e, e->last_n); i++)
        sum += e->ran[i * e->net->node_count + node];
    return sum;
}

double exec_macs(const struct exec *e)
{
    double sum = 0.0;
    int i;

    for (i = 0; i < e->net->node_count; i++) {
        const struct node *n = &e->net->node[i];

        if (n->kind->macs != NULL)
            sum += n->kind->macs(n->config, e->plan.node[i].in, &n->out) *
                   (double)exec_ran(e, i);
    }
    return sum;
}

void exec_set_blend(struct exec *e, double share)
{
    e->blend = share;
}

int exec_shards(const struct exec *e, int n)
{
    return n / e->plan.shard + (n % e->plan.shard != 0);
}

int exec_shard_size(const struct exec *e)
{
    return e->plan.shard;
}

const float *exec_grad(const struct exec *e, int shard, int node, int param)
{
    if (!e->net->node[node].param[param].def.trainable ||
        e->plan.node[node].frozen || exec_late_rows(e, node, param) > 0)
        return NULL;
    return pass_gradients(e, shard) + e->plan.node[node].grad[param];
}

size_t exec_late_rows(const struct exec *e, int node, int param)
{
    return param == 0 ? e->plan.node[node].late_rows : 0;
}

const float *exec_late(const struct exec *e, int worker, int node, size_t first,
                       size_t rows)
{
    struct layer_rows r = pass_rows(e, node, worker);

    assert(rows > 0 && rows <= e->plan.node[node].late_rows);
    r.first = first;
    r.rows = rows;
    r.dparam = e->late + (size_t)worker * e->plan.late;
    e->net->node[node].kind->late(&r);
    return r.dparam;
}

const float *exec_activation(const struct exec *e, int shard, int node, int *n)
{
    const struct plan *p = &e->plan;
    const struct plan_buffer *b = &p->buffer[p->node[node].y];
    int left = e->last_n - shard * p->shard;

    assert(p->use & EXEC_KEEP);
    *n = left < p->shard ? left : p->shard;
    if (b->whole)
        return e->whole + b->at + (size_t)shard * (size_t)p->shard * b->row;
    return e->memory + (size_t)shard * p->floats + b->at;
}

int exec_bad_node(const struct exec *e)
{
    int i, bad = -1;

    for (i = 0; i < exec_shards(e, e->last_n); i++) {
        if (e->bad[i] >= 0 && (bad < 0 || e->bad[i] < bad))
            bad = e->bad[i];
    }
    return bad;
}

size_t exec_need(const struct net *net, int batch, unsigned use, int threads)
{
    struct plan p;
    size_t workers = (size_t)threads, shards, floats, bytes;

    plan_make(&p, net, batch, use, NULL);
    shards = (size_t)p.shards;
    floats = p.floats * shards + (p.local + p.scratch + p.late) * workers +
             p.whole + p.shared + p.ready;
    if (use & EXEC_TRAIN)
        floats += p.grads * shards;
    bytes = floats * sizeof(float) + p.parts * shards * sizeof(double);
    plan_done(&p);
    return bytes;
}

size_t exec_bytes(const struct exec *e)
{
    return e->bytes;
}

/* Bytes of a batch in a buffer, or of what is there of it at once. */
static double buffer_bytes(const struct exec *e, const struct plan_buffer *b,
                           bool at_once)
{
    const struct plan *p = &e->plan;
    int copies = p->shards;

    if (b->whole)
        return (double)(b->row * (size_t)p->batch * sizeof(float));
    if (at_once && b->local && pool_threads(e->pool) < copies)
        copies = pool_threads(e->pool);
    return (double)(b->count * sizeof(float)) * copies;
}

double exec_spilled(const struct exec *e, double cache)
{
    const struct plan *p = &e->plan;
    double kept = 0.0, there = 0.0, handed = 0.0;
    int i;

    for (i = 0; i < p->buffer_count; i++) {
        const struct plan_buffer *b = &p->buffer[i];
        double bytes = buffer_bytes(e, b, false);

        if (b->first < p->head && b->last > p->head) {
            kept += bytes;
            there += buffer_bytes(e, b, true);
        } else if (b->first >= p->head && !b->local && bytes > cache) {
            handed += bytes;
        }
    }
    return handed + (there > cache ? kept : 0.0);
}
