/*
 * A network: a directed acyclic graph of layers with its parameters.
 * Invariants: nodes stand in topological order (inputs have smaller numbers);
 * all values lie in one block; a mask entry of 0 goes with a value of +0.0; a
 * value bound to a codebook or grid is one of its numbers.
 * Ownership: the net owns nodes, parameters and all that belongs to them.
 * Threads: one thread at a time, apart from pool chunks that touch disjoint
 * parts.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "layer/layer.h"
#include "net/quant.h"

#define NET_INPUT      (-1) /* as a node's input: the net's own input */
#define NET_MOMENT_MAX QUANT_MOMENT_MAX
#define NET_OUTPUT_MAX 16

/* One array that the net learns or keeps, with all that belongs to it. */
struct param {
    const char *name;     /* "kernel"; borrowed from the kind */
    struct param_def def; /* shape and facts */
    size_t count;
    float *value;
    uint8_t *mask;                 /* 1 alive, 0 pruned; NULL: all alive */
    float *moment[NET_MOMENT_MAX]; /* NULL until an optimiser asks */
    struct codebook *book;         /* its moments stand in for the above */
    struct grid *grid;             /* at most one of the two; NULL: free */
};

struct node {
    char *name; /* unique in the net */
    const struct layer_kind *kind;
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    int in_count;
    int in[LAYER_INPUT_MAX]; /* node numbers or NET_INPUT */
    bool folded;             /* activation written as its input's argument */
    struct shape out;
    int param_count;
    struct param param[LAYER_PARAM_MAX];
};

struct net {
    char *name;
    struct shape input;
    float scale, offset; /* what the net wants: pixel * scale + offset */
    int node_count;
    struct node *node;
    int output_count;
    int *output; /* node numbers; the last is the main classifier */
    /* private to net.c */
    float *values; /* the block behind every param.value */
    size_t value_count;
    bool finished;
};

/* Building: net_new, net_add in topological order, net_finish. */
struct net *net_new(const char *name, const struct shape *input);
/* Copies config (may be NULL: defaults) and name (may be NULL: made up from the
 * kind, "dense", "dense_1", …); checks shapes.  *out is the new node's number
 * (out may be NULL). */
enum err_code net_add(struct net *net, const struct layer_kind *kind,
                      const void *config, const char *name, const int *in,
                      int in_count, bool folded, int *out,
                      struct err *err) MUST_CHECK;
/* Allocates the parameters (zero).  outputs NULL: the last node. */
enum err_code net_finish(struct net *net, const int *outputs, int count,
                         struct err *err) MUST_CHECK;
void net_free(struct net *net);
/* Returns new: same graph, values, masks, moments, codebooks, grids. */
struct net *net_clone(const struct net *net, struct err *err) MUST_CHECK;
/* Copies all of that between nets of one graph. */
enum err_code net_copy_state(struct net *to, const struct net *from,
                             struct err *err) MUST_CHECK;

/* Initial values by each parameter's init rule, from (seed, node, param). */
void net_init(struct net *net, uint64_t seed);

/* By name; -1 when there is none. */
int net_find(const struct net *net, const char *name);

/* Walks all parameters: for (p = net_first(net, &w); p; p = net_next(&w)). */
struct param_walk {
    const struct net *net;
    int node, param;
};
struct param *net_first(struct net *net, struct param_walk *w);
struct param *net_next(struct param_walk *w);

/* Gives p a mask of ones when it has none. */
enum err_code param_need_mask(struct param *p, struct err *err) MUST_CHECK;
/* Takes book or grid (one of them, or neither) in place of what p has; its
 * moments go. */
void param_bind(struct param *p, struct codebook *book, struct grid *grid);
/* Bits of a code that tells p's values apart: of its codebook, with one code
 * for pruned weights, or grid; 32 when they are free. */
int param_bits(const struct param *p);
/* Gives every trainable parameter, or its codebook, that many zeroed moments
 * (0 drops them). */
enum err_code net_need_moments(struct net *net, int count,
                               struct err *err) MUST_CHECK;
/* Gives every trainable grid latent values, those that the weights have. */
enum err_code net_need_latent(struct net *net, struct err *err) MUST_CHECK;
/* Frees every parameter of its codebook or grid; values stay. */
void net_unbind(struct net *net);
/* Drops what only training needs: moments and latent values. */
void net_drop_training(struct net *net);

/* The node whose softmax ends output o, or -1: then the loss is taken at its
 * input (logits) and softmax is only applied for showing probabilities. */
int net_softmax_of(const struct net *net, int output);

/* Both nets have the same nodes, kinds, shapes. */
bool net_same_graph(const struct net *a, const struct net *b);
/* Copies attributes (rates of dropout, bits, …) between nets of one graph;
 * whether any was another.  What was planned for `to` does not fit then. */
bool net_copy_settings(struct net *to, const struct net *from);

#endif
