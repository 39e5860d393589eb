/*
 * The update of parameters that are bound to a codebook or a grid.
 *
 * Codebook (method card D3): the gradient of a centroid is the sum of its
 * members' gradients, or their mean: what is left of a step of free weights
 * when it is projected onto tied ones, so that the same learning rate suits
 * clusters of any size.  The optimiser moves the centroids, with moments of
 * their own, and the members are written again.  No weight decay.  Who belongs
 * to which centroid stays.
 * Grid (Q4): the gradient, taken at the rounded values, moves the latent ones
 * (straight through); where the scale is fixed it is 0 for a latent value
 * beyond the grid's end, else the scale follows the largest of them.
 *
 * Threads: the pool's; sums are taken in slots a chunk, added in order.
 */
#ifndef TRAIN_BOUND_H
#define TRAIN_BOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/net.h"
#include "par/pool.h"
#include "train/optim.h"

/* A stretch of a parameter, updated in one go.  Those of a parameter are
 * neighbours. */
struct chunk {
    struct param *param;
    int node, index; /* index: of the parameter in its node */
    size_t at, count;
};

struct bound;

/* *out is NULL when nothing among the chunks is bound.  Borrows chunks. */
enum err_code bound_new(const struct chunk *chunk, int count, int workers,
                        struct bound **out, struct err *err) MUST_CHECK;
void bound_free(struct bound *b);

/* The gradients of a chunk whose parameter has a codebook; from its piece. */
void bound_sum(struct bound *b, int number, const struct optim_piece *piece);
/* Turns the piece of a chunk whose parameter has a grid to the latent values.
 * worker as in pool_body. */
void bound_latent(struct bound *b, int number, int worker,
                  struct optim_piece *piece);

struct bound_step {
    const struct optim_kind *optim;
    const struct optim_settings *rate;
    double lr;
    uint64_t step;
    bool mean; /* of gradients, not their sum */
};
/* When all chunks were worked through: moves centroids and scales, writes the
 * values.  The number of a chunk that is not finite any more, or -1. */
int bound_finish(struct bound *b, struct pool *pool,
                 const struct bound_step *step);

#endif
