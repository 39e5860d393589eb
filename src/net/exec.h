/*
 * Running a net on mini-batches.  A plan cuts the batch into shards (by the
 * net and batch size, never by threads), lays out activations, gradients and
 * scratch once, and cuts the graph into segments at layers that need the whole
 * batch (batch norm in training); a shard passes a segment on one thread.
 * Nothing is allocated inside a batch.  Same bits at any thread count.
 */
#ifndef NET_EXEC_H
#define NET_EXEC_H

#include "net/net.h"
#include "par/pool.h"

struct exec;

/* What the caller does per shard; both are called from pool threads. */
struct exec_hooks {
    /* Write samples first..first+n-1 of the batch to x (n, input). */
    void (*fill)(void *arg, int first, int n, float *x);
    /* After forward.  y[o] is (n, output o) as logits when the output ends in
     * softmax (see net_softmax_of), else as it is; dy[o] the same shape to be
     * filled, NULL in a pass without backward.  Returns the shard's loss sum.
     * May be NULL without backward. */
    double (*head)(void *arg, int shard, int first, int n,
                   const float *const *y, float *const *dy);
    void *arg;
};

/* What a plan must be able to do; the less, the less memory. */
enum exec_use {
    EXEC_EVAL = 0,   /* forward in PASS_EVAL */
    EXEC_TRAIN = 1,  /* PASS_TRAIN and backward */
    EXEC_NORM = 2,   /* PASS_TRAIN forward: running statistics */
    EXEC_KEEP = 4,   /* every activation can be read after a run */
    EXEC_STAGED = 8, /* exec_run_staged, alone */
    EXEC_LATE = 16   /* with EXEC_TRAIN: exec_late may be used */
};

/* batch: the largest n for exec_run.  use: of enum exec_use, or-ed.  Borrows
 * net (its graph must not change, its values may) and pool. */
struct exec *exec_new(struct net *net, int batch, unsigned use,
                      struct pool *pool, struct err *err) MUST_CHECK;
/* frozen[i] (node_count; NULL: none): node i runs as in PASS_EVAL always and
 * learns nothing, as do all nodes it takes input from, which must be frozen
 * too. */
struct exec *exec_new_frozen(struct net *net, int batch, unsigned use,
                             const bool *frozen, struct pool *pool,
                             struct err *err) MUST_CHECK;
void exec_free(struct exec *e);

/* Forward over n samples; with backward also gradients.  mode PASS_TRAIN uses
 * batch statistics and dropout.  Returns the sum of head's losses, added in
 * shard order. */
double exec_run(struct exec *e, enum pass_mode mode, bool backward, int n,
                uint64_t seed, uint64_t step, const struct exec_hooks *hooks);

/*
 * EXEC_EVAL or EXEC_STAGED alone: many runs of the same weights.
 * exec_hold(e, true) makes of the net's values what their kernels like best
 * (tiles' transforms, panels on lines of the cache), which takes as long as
 * some samples.  Until exec_hold(e, false) the caller promises that the values
 * stay as they are: runs would not see if they did not.  Rounding errors are
 * others, sizes and threads do not change a bit.
 */
void exec_hold(struct exec *e, bool hold);

/*
 * Inference that stops.  The outputs are computed one after another; after each
 * but the last some samples leave, the others close up and go on, and what only
 * later outputs need is not run for those that left.
 */
struct exec_stages {
    /* As in exec_hooks. */
    void (*fill)(void *arg, int first, int n, float *x);
    /* After output `at` of the n samples still there; row i of y (n, output)
     * is sample[i] of the batch.  Sets stay[i] to 0 where it leaves (all are
     * 1 before; the last output's are not read).  From pool threads. */
    void (*leave)(void *arg, int at, int n, const int32_t *sample,
                  const float *y, uint8_t *stay);
    void *arg;
};
/* PASS_EVAL over n samples, a shard on one thread: times at batch 1 are those
 * of one core. */
void exec_run_staged(struct exec *e, int n, const struct exec_stages *stages);
/* Samples that node was run on in the last staged run; the products that were
 * done in all of it. */
long long exec_ran(const struct exec *e, int node);
double exec_macs(const struct exec *e);

/* Share that later batches in PASS_TRAIN get in running statistics; 0 (at
 * first): what each layer's momentum says. */
void exec_set_blend(struct exec *e, double share);

/* After a run with backward: gradient slots.  The gradient of parameter `param`
 * of node `node` is the sum over shards 0..exec_shards-1, in that order, of
 * exec_grad(e, shard, node, param)[i]; NULL of what does not learn, and where
 * exec_late_rows is not 0. */
int exec_shards(const struct exec *e, int n);
const float *exec_grad(const struct exec *e, int shard, int node, int param);

/*
 * EXEC_LATE: gradients that have no slots and are made when asked for, some
 * rows of parameter 0 at a time (see layer.h).  exec_late_rows: the most rows
 * of one call; 0 for all other parameters.  exec_late: of rows
 * first..first+rows-1, the sum over all samples of the last run, in the scratch
 * memory of that worker of the pool, until the worker's next call or run.  Bits
 * may depend on first and rows.
 */
size_t exec_late_rows(const struct exec *e, int node, int param);
const float *exec_late(const struct exec *e, int worker, int node, size_t first,
                       size_t rows);

/* Samples in a full shard; the last of a run may have fewer. */
int exec_shard_size(const struct exec *e);

/* EXEC_KEEP: activations of node in the last run, samples of one shard: (*n,
 * out); valid until the next run. */
const float *exec_activation(const struct exec *e, int shard, int node, int *n);

/* The first node, in their order, whose activations made the last run's loss
 * not finite; -1 when it was finite or the loss itself overflowed. */
int exec_bad_node(const struct exec *e);

/* Bytes that exec_new would allocate with so many threads. */
size_t exec_need(const struct net *net, int batch, unsigned use, int threads);
/* Bytes the plan has allocated. */
size_t exec_bytes(const struct exec *e);

/* Bytes that a training batch has to write to memory, and to read from it once,
 * when `cache` bytes stay in the caches: what forward leaves for backward,
 * unless all that is there at once fits, and gradients handed from one leg to
 * the next that do not fit by themselves. */
double exec_spilled(const struct exec *e, double cache);

#endif
