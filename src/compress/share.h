/*
 * Weight sharing (method card D2): the alive weights of a layer, or of several
 * together, become the centres of k clusters.  Zeros of pruned weights stay
 * what they are and are not among the k.
 */
#ifndef COMPRESS_SHARE_H
#define COMPRESS_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "compress/cluster.h"
#include "net/net.h"

struct share_request {
    const struct cluster_method *by;
    const char *layers; /* pattern; NULL: all with weights */
    int k;              /* values; 0: as many as bits have codes for */
    int bits; /* 2^bits codes, of which pruned weights take one if there are
                 any */
    bool together; /* one codebook for all chosen layers */
    uint64_t seed, round;
    /* Told for every chosen layer; may be NULL.  error: the mean squared
     * change of its alive weights.  Called when nothing can fail any more. */
    void (*tell)(void *arg, int node, const struct codebook *b, size_t distinct,
                 double error);
    void *arg;
};

/* Linear start, 5 bits, each layer its own. */
struct share_request share_defaults(void);

/* How many values bits give a parameter. */
int share_values(int bits, bool pruned);

/* Binds the chosen layers; on failure nothing is changed.  Layers on a grid are
 * refused: the values would leave it.  Those without an alive weight are left
 * out. */
enum err_code share_apply(struct net *net, const struct share_request *r,
                          struct err *err) MUST_CHECK;

/* p's alive weights as points. */
enum err_code share_points(const struct param *p, struct points *out,
                           struct err *err) MUST_CHECK;

/* Gives every weight of p, which has a codebook, the centroid nearest to what
 * the weight is in `old` (the same layer before it was shared); pruned ones
 * stay.  How many changed. */
long long share_reassign(struct param *p, const struct param *old);

/* Weights that are not their centroid, bit for bit, or not on their grid: the
 * lamp, beside that of masks.  where as in mask_leaks. */
long long share_leaks(const struct net *net, const char **where);

#endif
