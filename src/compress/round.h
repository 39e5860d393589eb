/*
 * Linear quantisation of weights (method cards Q1, Q5): each value goes to the
 * nearest number of a grid.  Zero is a number of every grid, so pruned weights
 * stay.
 */
#ifndef COMPRESS_ROUND_H
#define COMPRESS_ROUND_H

#include <stdbool.h>

#include "net/net.h"

/* How a grid's range is chosen: a row each. */
struct range_rule {
    const char *name, *help;
    bool fixed; /* scales stay in training; else they follow the weights */
    void (*fit)(struct grid *g, const float *value);
};
extern const struct range_rule range_rules[]; /* ends with a NULL name */
const struct range_rule *range_rule_find(const char *name);

struct round_request {
    enum grid_kind kind;
    int bits;
    bool by_channel; /* a scale for each unit or filter */
    const struct range_rule *range;
    const char *layers; /* pattern; NULL: all with weights */
    /* Told for every chosen layer; may be NULL.  error: mean squared change of
     * its alive weights.  Called when nothing can fail any more. */
    void (*tell)(void *arg, int node, const struct grid *g, double error);
    void *arg;
};

/* Symmetric, 8 bits, a scale for each channel, up to the largest weight. */
struct round_request round_defaults(void);

/* Binds the chosen layers; on failure nothing is changed.  Layers with a
 * codebook are refused: its values would be others. */
enum err_code round_apply(struct net *net, const struct round_request *r,
                          struct err *err) MUST_CHECK;

/* Frees the chosen layers of codebook and grid; values stay.  How many. */
int round_free(struct net *net, const char *layers);

#endif
