/*
 * How a net is run on mini-batches: the cut into shards, the order of work,
 * and a place in memory for everything a shard needs.  Private to exec.c; made
 * once, read only afterwards.
 *
 * The program is a list of operations.  A leg is the part of it that every
 * shard passes on its own; between two legs stands a join, for the layers whose
 * OP_..._PART operations end the leg:
 *
 *   leg 0: conv, bn part | leg 1: bn, relu, …, HEAD, …, bn backward part | …
 *
 * A layer whose rows are summed by those who update them (layer.h, sum_rows)
 * has a leg of its own between two others: its chunks are parts of the rows,
 * not shards.
 *
 * Outside training the parts are skipped and all is one leg.  With EXEC_STAGED
 * the leg runs what output 0 needs, OP_EXIT, what output 1 needs besides,
 * OP_EXIT, and so on, without a head.
 */
#ifndef NET_PLAN_H
#define NET_PLAN_H

#include "net/exec.h"
#include "net/net.h"

enum plan_op_kind {
    OP_FORWARD,
    OP_FORWARD_PART,
    OP_SUM_ROWS, /* a leg of its own: parts of one layer, all samples */
    OP_HEAD,
    OP_EXIT,
    OP_AGAIN, /* y once more, for those whose backward reads it */
    OP_BACKWARD_PART,
    OP_BACKWARD
};

struct plan_op {
    enum plan_op_kind kind;
    int node; /* -1 for OP_HEAD, the output for OP_EXIT */
};

/* Floats of one shard that are alive from operation first to last.  Those that
 * do not outlive a leg, on which the shard stays on one thread, are in the
 * worker's memory: there one shard after another finds them in its caches.
 * Those that a gradient made late reads are whole: of all shards, sample by
 * sample, until the next run. */
struct plan_buffer {
    size_t count;
    size_t row; /* floats of a sample */
    int first, last;
    bool local, whole; /* in the worker's memory; in neither's */
    size_t at;         /* floats from its start */
};

/* Buffers are named by number, -1 for none. */
struct plan_node {
    struct shape in[LAYER_INPUT_MAX];
    bool forward, backward;  /* runs at all */
    bool frozen;             /* as in PASS_EVAL, without learning */
    bool root;               /* an output's logits: the head reads y */
    bool view;               /* nothing to do: y is x, dx is dy */
    const struct clip *clip; /* the bounds of the one reader, a view now */
    int readers;             /* nodes that take y, once an input */
    int y, dy, keep;
    bool again; /* backward finds y in … */
    int y_again;
    int left;                /* for a gradient that is made late */
    size_t late_left;        /* floats of a sample there; 0: none is */
    size_t late_rows;        /* most rows of it that are made together */
    int sums;                /* partial sums of the output, part by part … */
    int sum_parts;           /* … so many; 0: forward makes it whole */
    int dx[LAYER_INPUT_MAX]; /* what backward writes for input i … */
    bool dx_add[LAYER_INPUT_MAX]; /* … and whether it is added to that node's
                                     dy afterwards */
    size_t grad[LAYER_PARAM_MAX]; /* floats into a gradient slot */
    size_t shared;                /* floats into the shared block */
    size_t part, part_count;      /* doubles into, and of, a shard's parts */
    size_t ready, ready_count;    /* floats into, and of, what is made ready */
};

struct plan_output {
    int root; /* node whose y the head sees */
    int dy;
    bool dy_add; /* another output has the same root: add to its dy */
};

struct plan {
    const struct net *net;
    unsigned use;
    int batch, shard, shards; /* samples of a shard; shards of a full batch */
    int input, input_readers; /* buffer of x */
    struct plan_node *node;   /* net->node_count */
    struct plan_output *output;
    struct plan_op *op;
    int op_count, head; /* op[head] is OP_HEAD, or the last OP_EXIT */
    int *leg;           /* leg[i] is the first operation of leg i */
    int leg_count;
    struct plan_buffer *buffer;
    int buffer_count;
    size_t floats;         /* of a shard's memory */
    size_t local, scratch; /* of a worker's, and of what its layers use */
    size_t whole, late;    /* of what is whole; of a worker's late gradient */
    size_t grads, shared;  /* floats of a gradient slot and of all shards */
    size_t parts;          /* doubles of a shard */
    size_t ready;          /* floats that kernels made ready take */
};

/* Fills *p, which needs plan_done afterwards.  frozen: see exec.h. */
void plan_make(struct plan *p, const struct net *net, int batch, unsigned use,
               const bool *frozen);
void plan_done(struct plan *p);

/* The buffer of node's y (NET_INPUT: of x) for forward, for backward. */
int plan_y(const struct plan *p, int node, bool backward);

/* Where a leg ends: the operation after its last. */
int plan_leg_end(const struct plan *p, int leg);

/* The first of the rows of parameter 0 that part `part` of the sums goes over;
 * a part begins where a gradient made late does. */
size_t plan_part_row(const struct plan *p, int node, int part);

/* The last steps of plan_make: the program, and then places in memory. */
void plan_order(struct plan *p);
void plan_place(struct plan *p);

#endif
