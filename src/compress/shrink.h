/*
 * Neurons and filters removed for real (method card N4).  Pruning leaves units
 * (values on the last axis of what a layer gives) without use: nobody reads
 * them, or no weight leads to them, so that they always give the same.  Here
 * they go, and with them their rows and columns in every array around; what a
 * constant unit gave its readers is added to their biases.  The smaller net
 * computes the same, up to the rounding of those sums.
 *
 * A unit stays when it cannot be taken away without changing the shape of
 * something else: outputs of the net, inputs of softmax and reshape, grouped
 * convolutions; of units that are added to one another all go or none.  Nor
 * does a constant go that would change biases which are bound to a codebook or
 * a grid.  Every layer keeps at least one unit.
 */
#ifndef COMPRESS_SHRINK_H
#define COMPRESS_SHRINK_H

#include "net/net.h"

/* What is known of a node's units. */
struct unit {
    bool read;     /* something that matters depends on it */
    bool constant; /* it gives `value` for every sample, at every place */
    bool fits;     /* constant, and its readers' biases can take it over */
    bool keep;
    float value;
};

struct units {
    int node_count;
    int *count; /* per node */
    /* unit[i + 1] are node i's, unit[0] the net's input's; each with slots of
     * its own. */
    struct unit **unit;
};

/* Which units of net have a use, in the net as it is.  Never fails. */
void units_find(struct units *u, const struct net *net);
void units_done(struct units *u);
/* Of node (or NET_INPUT), how many stay. */
int units_kept(const struct units *u, int node);

struct shrink_report {
    int units_before, units_after; /* of layers with weights */
    long long params_before, params_after;
};

/* Returns a new net without the units that have no use, or NULL on an error.
 * Names, masks, codebooks and grids stay; moments do not
 * come along. */
struct net *shrink_net(const struct net *net, struct shrink_report *report,
                       struct err *err) MUST_CHECK;

#endif
