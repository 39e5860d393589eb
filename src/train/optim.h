/*
 * Optimisers and learning-rate schedules: a row each.  Updates are fused with
 * the sum over gradient shards, weight decay and the mask: after every step a
 * pruned weight and its moments are +0.0 (method card P2).
 */
#ifndef TRAIN_OPTIM_H
#define TRAIN_OPTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct optim_settings {
    double lr, momentum, weight_decay, beta1, beta2, epsilon;
    bool decay_all; /* weight decay on biases and gains too */
};

/* One piece of one parameter: count elements. */
struct optim_piece {
    float *value;
    const uint8_t *mask; /* NULL: all alive */
    float *moment[2];
    const float *const *grad; /* one pointer a shard, added in this order */
    int shards;
    size_t count;
    bool decays; /* weight decay applies */
};

struct optim_kind {
    const char *name, *help;
    int moments;
    /* step counts from 1; lr stands in for s->lr.  Formulas as in PyTorch.
     * False when a value or moment is not finite any more. */
    bool (*update)(const struct optim_settings *s, double lr, uint64_t step,
                   const struct optim_piece *p);
};
extern const struct optim_kind optim_kinds[]; /* ends with a NULL name */
const struct optim_kind *optim_find(const char *name);

/* Learning rate at position done/total (steps), before warm-up. */
struct lr_schedule {
    const char *name, *help;
    double (*factor)(double position); /* position in [0,1] -> factor of lr */
};
extern const struct lr_schedule lr_schedules[]; /* ends with a NULL name */
const struct lr_schedule *lr_schedule_find(const char *name);

#endif
