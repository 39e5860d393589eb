/*
 * What one shard does, and what happens between shards.  Private to exec.c.
 */
#ifndef NET_PASS_H
#define NET_PASS_H

#include "net/exec.h"
#include "net/plan.h"

/* A pass of one shard as loops that all threads share: loop i has chunks[i] and
 * goes from operation first[i] to first[i + 1]; one that has several chunks is
 * a layer in so many pieces. */
struct wide {
    int *chunks, *first;
    int loops, n, end; /* of n samples, to operation `end` … */
    bool held;         /* … with kernels made ready, or not */
};

struct exec {
    struct plan plan;
    struct net *net;
    struct pool *pool;
    float *memory;  /* plan.floats a shard */
    float *local;   /* plan.local a worker */
    float *whole;   /* plan.whole */
    float *scratch; /* plan.scratch a worker */
    float *late;    /* plan.late a worker */
    float *grads;   /* plan.grads a shard */
    float *shared;
    float *ready;  /* plan.ready: of the values there are while … */
    bool held;     /* … exec_hold says so */
    double *parts; /* plan.parts of each shard, node by node */
    double *loss;  /* a shard */
    int *bad;      /* a shard: first node that is not finite, or -1 */
    struct wide wide;
    int last_n; /* samples of the last run */
    /* EXEC_STAGED, else NULL. */
    int32_t *sample; /* batch: those still there, shard by shard */
    uint8_t *stay;   /* batch */
    int *ran;        /* (shards, nodes): samples run on */
    double blend;    /* see exec_set_blend */
    size_t bytes;
};

/* One exec_run. */
struct work {
    struct exec *e;
    const struct exec_hooks *hooks;
    const struct exec_stages *stages; /* NULL: not staged */
    enum pass_mode mode;
    bool backward;
    int n;
    uint64_t seed, step;
    int leg, from, to; /* and its operations */
};

/* One shard on one worker. */
struct shard {
    const struct work *work;
    int index, first, n;
    float *memory, *local, *scratch;
};

/* A pool body; arg is a struct work: one leg on shard `chunk`. */
void pass_shard(void *arg, int chunk, int worker);

/* A pass in PASS_EVAL of a single shard whose layers all threads share; false,
 * and nothing is done, where no layer of it is worth more than one thread. */
bool pass_wide(struct work *w);

/* A pool body; arg is a struct work of which only e is read: makes ready what
 * node `chunk` wants. */
void pass_make_ready(void *arg, int chunk, int worker);
/* What was made ready of a node's parameters; NULL where nothing is held. */
float *pass_ready(const struct exec *e, int node);

/* A pool body; arg is a struct work: a leg of OP_SUM_ROWS, its part `chunk`. */
void pass_sums(void *arg, int chunk, int worker);

/* Likewise, a staged program. */
void pass_staged(void *arg, int chunk, int worker);

/* What a shard is, and the steps of pass_shard: x, one operation; a piece of a
 * layer forward, pieces 0: all of it. */
struct shard pass_shard_of(const struct work *w, int index, int worker);
void pass_fill(const struct shard *s);
void pass_op(const struct shard *s, const struct plan_op *op);
void pass_piece(const struct shard *s, int node, int piece, int pieces);

/* One layer forward; an activation's place in the shard's memory. */
void pass_forward(const struct shard *s, int node);
float *pass_place(const struct shard *s, int buffer);

/* Rows of a gradient or of sums, before it is said which. */
struct layer_rows pass_rows(const struct exec *e, int node, int worker);

/* The joins that end the leg. */
void pass_joins(const struct work *w);

/* The gradients of a shard; NULL without EXEC_TRAIN. */
float *pass_gradients(const struct exec *e, int shard);

#endif
