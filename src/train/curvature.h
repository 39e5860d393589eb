/*
 * How steeply the loss bends along each weight: the diagonal of the empirical
 * Fisher matrix, here the sum over mini-batches of the squared gradient (method
 * cards P7 c, P9).  Near a minimum it stands in for the diagonal of the Hessian
 * that Optimal Brain Damage goes by, needs no pass but the ordinary ones, and
 * is never negative.
 */
#ifndef TRAIN_CURVATURE_H
#define TRAIN_CURVATURE_H

#include "par/progress.h"
#include "train/trainer.h"

struct curvature;

/*
 * Returns new, or NULL on an error.  Makes `steps` steps of a training with
 * these settings (order, random shifts and dropout are those of its seed)
 * in which no weight moves.  net is left as it is; a copy of it, and as much
 * again as its weights, is kept.
 * Threads: the pool's; the same bits at any number.
 */
struct curvature *curvature_new(const struct net *net,
                                const struct dataset *data,
                                const struct train_settings *settings,
                                int steps, struct pool *pool,
                                const struct progress *progress,
                                struct err *err) MUST_CHECK;
void curvature_free(struct curvature *c);
/* One number a weight of a parameter that learns, pruned ones too; borrowed. */
const float *curvature_of(const struct curvature *c, int node, int param);

#endif
