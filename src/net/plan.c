#include "net/plan.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/vec.h"

/*
 * Shards.  Every shard of a training batch has a gradient slot as large as what
 * of the net is not made late, written and summed again: that must cost little
 * beside the products, of which a sample has (multiply-accumulates / weights)
 * for each weight.  On the other hand what a few layers of one shard read and
 * write should stay in the caches: the fewer samples the better, as long as
 * products keep their speed, and in a convolution one sample is many rows.  But
 * every shard packs or transforms the kernels anew.  Samples a second with
 * batches of 64, by samples of a shard, on two threads of a Zen 4:
 *
 *   products a weight        1     2     4     8    16    32
 *   lenet-300-100     1                      93k  119k  142k
 *   lenet-5           5               6727  9455 11000 12257
 *   conv-4           40    256   360   510   578   612   654
 *   resnet-mini      74   2356  2512  2587  3216  3375  3516
 *   mobilenet-mini  127    972  1019  1052  1040   925   893
 *
 * Many shards serve many threads, so that 16 samples are the rule where little
 * is lost by it.  The number of shards is a power of two, so that 2, 4 and 8
 * threads have equal work.
 */
#define SLOT_FACTOR    80.0   /* least samples, times products a weight */
#define CACHE_FACTOR   1000.0 /* the same where caches decide, up to … */
#define CACHE_SAMPLES  16
#define MOST_SAMPLES   32
#define SHARDS_USUAL   16 /* at most; more while their slots are small */
#define SHARDS_MAX     64
#define SMALL_SLOTS    ((size_t)32 << 20)
#define GRADIENT_BYTES ((size_t)2 << 30)

/* Without gradients a shard is as large as the caches like it, but not so small
 * that each sample pays for reading all weights. */
#define EVAL_BYTES  ((size_t)512 << 10)
#define EVAL_FACTOR 500.0
#define EVAL_LEAST  32 /* at most this */
#define EVAL_MOST   128

/*
 * Rows of a gradient that are made together.  The more, the less often dy is
 * read, which fills the first-level cache: LATE_FLOATS that are made stay in
 * the second.  But so many chunks there should be that no thread waits long for
 * the last one, if none is too small.  16 rows share the lines of x that they
 * read.  A batch of lenet-300-100 on two threads of a Zen 4, by rows of fc1:
 *
 *   rows   16   32   48   64   96  112
 *   us    239  235  232  230  232  239
 */
#define LATE_FLOATS ((size_t)20 << 10)
#define LATE_LEAST  ((size_t)4 << 10)
#define LATE_CHUNKS 9
#define LATE_GRAIN  16
#define LATE_MOST   ((size_t)64 << 10) /* floats that 16 rows may be */
#define WHOLE_BYTES ((size_t)32 << 20) /* of a layer, for all samples */

/* Kernels whose rows are summed by those who update them: so large that what is
 * spared, 9 ns for each line of the cache that another core has read and that
 * is written, is more than two stops of all threads; and in how many parts. */
#define SUMS_LEAST ((size_t)64 << 10)
#define SUMS_MOST  4

#define READY_MOST ((size_t)8 << 20) /* floats of all kernels made ready */

static int ceil_div(int a, int b)
{
    return a / b + (a % b != 0);
}

static double macs_of(const struct plan *p, int node)
{
    const struct node *n = &p->net->node[node];

    if (n->kind->macs == NULL)
        return 0.0;
    return n->kind->macs(n->config, p->node[node].in, &n->out);
}

/* Weights over multiply-accumulates of a sample. */
static double weights_a_product(const struct plan *p)
{
    double macs = 1.0, weights = 0.0;
    int i, k;

    for (i = 0; i < p->net->node_count; i++) {
        macs += macs_of(p, i);
        for (k = 0; k < p->net->node[i].param_count; k++)
            weights += (double)p->net->node[i].param[k].count;
    }
    return weights / macs;
}

static int samples_for_gradients(const struct plan *p)
{
    double ratio = weights_a_product(p);
    double slots = SLOT_FACTOR * ratio, caches = CACHE_FACTOR * ratio;

    if (caches > CACHE_SAMPLES)
        caches = CACHE_SAMPLES;
    if (slots < caches)
        slots = caches;
    if (slots > MOST_SAMPLES)
        return MOST_SAMPLES;
    return slots < 1.0 ? 1 : (int)slots;
}

static int train_shards(const struct plan *p)
{
    int least = samples_for_gradients(p), shards = 1;
    size_t slots = 2 * p->grads * sizeof(float); /* of twice as many shards */

    while (shards < SHARDS_MAX && p->batch / (2 * shards) >= least &&
           slots <= (shards < SHARDS_USUAL ? GRADIENT_BYTES : SMALL_SLOTS)) {
        shards *= 2;
        slots *= 2;
    }
    return shards;
}

static int eval_least(const struct plan *p)
{
    double samples = EVAL_FACTOR * weights_a_product(p);

    if (samples > EVAL_LEAST)
        return EVAL_LEAST;
    return samples < 1.0 ? 1 : (int)samples;
}

/* Samples whose widest layer, with its input, fits into EVAL_BYTES. */
static int eval_samples(const struct plan *p)
{
    size_t widest = 1, count, samples;
    int least = eval_least(p), i, k, spread = ceil_div(p->batch, SHARDS_USUAL);

    for (i = 0; i < p->net->node_count; i++) {
        const struct node *node = &p->net->node[i];

        count = shape_count(&node->out);
        for (k = 0; k < node->in_count; k++)
            count += shape_count(&p->node[i].in[k]);
        if (count > widest)
            widest = count;
    }
    samples = EVAL_BYTES / (widest * sizeof(float));
    if (samples > EVAL_MOST)
        samples = EVAL_MOST;
    if (samples > (size_t)spread)
        samples = (size_t)spread;
    return samples < (size_t)least ? least : (int)samples;
}

static void cut_into_shards(struct plan *p)
{
    if (p->use & EXEC_TRAIN)
        p->shard = ceil_div(p->batch, train_shards(p));
    else
        p->shard = eval_samples(p);
    if (p->shard > p->batch)
        p->shard = p->batch;
    p->shards = ceil_div(p->batch, p->shard);
}

/* Offsets of gradients, shared floats and parts; scratch of the largest. */
static void count_node(struct plan *p, int i)
{
    const struct node *node = &p->net->node[i];
    struct plan_node *plan = &p->node[i];
    int k;

    for (k = 0; k < node->param_count; k++) {
        plan->grad[k] = p->grads;
        if (node->param[k].def.trainable && !plan->frozen &&
            (k > 0 || plan->late_left == 0))
            p->grads += vec_lines(node->param[k].count);
    }
    plan->shared = p->shared;
    if (node->kind->shared != NULL)
        p->shared += vec_lines(node->kind->shared(node->config, plan->in));
    plan->part = p->parts;
    if (node->kind->part_count != NULL)
        plan->part_count = node->kind->part_count(node->config, plan->in);
    p->parts += plan->part_count;
}

static size_t late_row(const struct node *n)
{
    return n->param[0].count / (size_t)n->param[0].def.shape.dim[0];
}

/* Slots take less memory where a batch is as large as some data sets. */
static bool fits_whole(const struct plan *p, size_t floats)
{
    return floats <= WHOLE_BYTES / sizeof(float) / (size_t)p->batch;
}

/* How many of `all` rows of so many floats are made together. */
static size_t late_rows(size_t all, size_t row)
{
    size_t rows = LATE_FLOATS / row, least = LATE_LEAST / row;

    if (rows > all / LATE_CHUNKS)
        rows = all / LATE_CHUNKS;
    if (rows < least)
        rows = least;
    rows = rows / LATE_GRAIN * LATE_GRAIN;
    if (rows == 0)
        rows = row * LATE_GRAIN <= LATE_MOST ? LATE_GRAIN : LATE_MOST / row;
    return rows > 0 ? rows : 1;
}

/* Which gradients are made late, and how many rows at once. */
static void choose_late(struct plan *p, int i)
{
    const struct node *n = &p->net->node[i];
    struct plan_node *plan = &p->node[i];
    size_t row, left;

    if (!(p->use & EXEC_LATE) || n->kind->late == NULL || plan->frozen ||
        !plan->backward)
        return;
    left = n->kind->late_left(n->config, plan->in, &n->out);
    if (left == 0 || !fits_whole(p, left + shape_count(&plan->in[0])))
        return;
    plan->late_left = left;
    row = late_row(n);
    plan->late_rows = late_rows(n->param[0].count / row, row);
    if (plan->late_rows * row > p->late)
        p->late = vec_lines(plan->late_rows * row);
}

static size_t late_chunks(const struct plan *p, int i)
{
    size_t all = (size_t)p->net->node[i].param[0].def.shape.dim[0];
    size_t rows = p->node[i].late_rows;

    return (all + rows - 1) / rows;
}

/* A large kernel at the beginning of a net, where a shard asks for no dx: that
 * would read all of the rows after all. */
static void choose_sums(struct plan *p, int i)
{
    const struct node *n = &p->net->node[i];
    struct plan_node *plan = &p->node[i];
    int from = n->in[0], most;

    if (plan->late_left == 0 || n->kind->sum_rows == NULL ||
        n->param[0].count < SUMS_LEAST ||
        (from != NET_INPUT && p->node[from].backward))
        return;
    most = (int)late_chunks(p, i);
    if (most > SUMS_MOST)
        most = SUMS_MOST;
    most = p->shards < most ? p->shards : most;
    if (most > 1 && fits_whole(p, plan->late_left * (size_t)most))
        plan->sum_parts = most;
}

size_t plan_part_row(const struct plan *p, int node, int part)
{
    const struct plan_node *plan = &p->node[node];
    size_t all = (size_t)p->net->node[node].param[0].def.shape.dim[0];
    size_t row = late_chunks(p, node) * (size_t)part / (size_t)plan->sum_parts;

    row *= plan->late_rows;
    return row < all ? row : all;
}

/* Tiles of 3x3 windows have four times as many weights as those: no more than
 * READY_MOST are made of a large net's, whose first layers it serves. */
static void choose_ready(struct plan *p, int i)
{
    const struct node *n = &p->net->node[i];
    struct plan_node *plan = &p->node[i];
    size_t count;

    if ((p->use != EXEC_EVAL && p->use != EXEC_STAGED) ||
        n->kind->ready_count == NULL)
        return;
    count = vec_lines(n->kind->ready_count(n->config, plan->in, p->shard));
    if (count > READY_MOST - p->ready)
        return;
    plan->ready = p->ready;
    plan->ready_count = count;
    p->ready += count;
}

static size_t late_scratch(const struct plan *p, int i)
{
    const struct node *n = &p->net->node[i];
    const struct plan_node *plan = &p->node[i];

    if (plan->late_left == 0)
        return 0;
    return n->kind->late_scratch(n->config, plan->in, p->batch,
                                 plan->late_rows);
}

static void count_scratch(struct plan *p)
{
    size_t scratch;
    int i;

    for (i = 0; i < p->net->node_count; i++) {
        const struct node *node = &p->net->node[i];

        if (node->kind->scratch == NULL)
            continue;
        scratch = node->kind->scratch(node->config, p->node[i].in, &node->out,
                                      p->shard, (p->use & EXEC_TRAIN) != 0);
        scratch = mem_larger(scratch, late_scratch(p, i));
        if (scratch > p->scratch)
            p->scratch = scratch;
    }
    p->scratch = vec_lines(p->scratch);
}

static void describe_inputs(struct plan *p)
{
    const struct net *net = p->net;
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].in_count; k++) {
            int from = net->node[i].in[k];

            p->node[i].in[k] =
                from == NET_INPUT ? net->input : net->node[from].out;
        }
    }
}

/* Forward runs what the outputs' logits need (all with EXEC_KEEP); backward
 * runs what has something to learn at or before it. */
static void choose_nodes(struct plan *p)
{
    const struct net *net = p->net;
    int i, k;

    for (i = 0; i < net->output_count; i++) {
        int softmax = net_softmax_of(net, i);

        p->output[i].root =
            softmax < 0 ? net->output[i] : net->node[softmax].in[0];
        p->node[p->output[i].root].root = true;
    }
    for (i = net->node_count - 1; i >= 0; i--) {
        struct plan_node *plan = &p->node[i];

        if (plan->root || plan->readers > 0 || (p->use & EXEC_KEEP))
            plan->forward = true;
        for (k = 0; plan->forward && k < net->node[i].in_count; k++) {
            int from = net->node[i].in[k];

            if (from == NET_INPUT)
                p->input_readers++;
            else
                p->node[from].readers++;
        }
    }
}

/* An activation that is but bounds is done by the layer before it, if that can,
 * nobody else reads what comes between, and it need not be kept. */
static void join_clips(struct plan *p)
{
    const struct net *net = p->net;
    int i;

    for (i = 0; i < net->node_count; i++) {
        const struct node *node = &net->node[i];
        int from = node->in[0];

        p->node[i].view = node->kind->view;
        if (node->kind->clip == NULL || from == NET_INPUT ||
            (p->use & EXEC_KEEP) || !net->node[from].kind->clips ||
            p->node[from].readers != 1 || p->node[from].root)
            continue;
        p->node[from].clip = node->kind->clip;
        p->node[i].view = true;
    }
}

static void choose_backward(struct plan *p)
{
    const struct net *net = p->net;
    bool *led = mem_array((size_t)net->node_count, sizeof(*led));
    int i, k;

    for (i = net->node_count - 1; i >= 0; i--) {
        led[i] = led[i] || p->node[i].root;
        for (k = 0; led[i] && k < net->node[i].in_count; k++) {
            if (net->node[i].in[k] != NET_INPUT)
                led[net->node[i].in[k]] = true;
        }
    }
    for (i = 0; i < net->node_count; i++) {
        const struct node *node = &net->node[i];
        bool learns = false;

        for (k = 0; k < node->param_count && !p->node[i].frozen; k++)
            learns = learns || node->param[k].def.trainable;
        for (k = 0; k < node->in_count; k++) {
            if (node->in[k] != NET_INPUT && p->node[node->in[k]].backward)
                learns = true;
        }
        p->node[i].backward = learns && led[i];
    }
    mem_free(led);
}

static void take_frozen(struct plan *p, const bool *frozen)
{
    int i, k;

    for (i = 0; frozen != NULL && i < p->net->node_count; i++) {
        const struct node *node = &p->net->node[i];

        p->node[i].frozen = frozen[i];
        for (k = 0; frozen[i] && k < node->in_count; k++)
            assert(node->in[k] == NET_INPUT || frozen[node->in[k]]);
    }
}

void plan_make(struct plan *p, const struct net *net, int batch, unsigned use,
               const bool *frozen)
{
    int i;

    memset(p, 0, sizeof(*p));
    p->net = net;
    p->use = use;
    p->batch = batch;
    p->node = mem_array((size_t)net->node_count, sizeof(*p->node));
    p->output = mem_array((size_t)net->output_count, sizeof(*p->output));
    describe_inputs(p);
    take_frozen(p, frozen);
    choose_nodes(p);
    join_clips(p);
    if (use & EXEC_TRAIN)
        choose_backward(p);
    for (i = 0; i < net->node_count; i++) {
        choose_late(p, i);
        count_node(p, i);
    }
    cut_into_shards(p);
    for (i = 0; i < net->node_count; i++) {
        choose_sums(p, i);
        choose_ready(p, i);
    }
    count_scratch(p);
    plan_order(p);
    plan_place(p);
}

void plan_done(struct plan *p)
{
    mem_free(p->node);
    mem_free(p->output);
    mem_free(p->op);
    mem_free(p->leg);
    mem_free(p->buffer);
    memset(p, 0, sizeof(*p));
}
