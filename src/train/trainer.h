/*
 * The training loop, one step at a time.  The order of samples, dropout and
 * everything else is a function of (seed, step), so a trainer can be dropped
 * and made again at any step and goes on bit for bit, given the net's values,
 * moments and statistics.
 */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "data/dataset.h"
#include "net/net.h"
#include "par/pool.h"
#include "par/progress.h"
#include "train/optim.h"

struct train_settings {
    const struct optim_kind *optim;
    struct optim_settings rate;
    const struct lr_schedule *schedule;
    double warmup; /* share of all steps with a linear rise */
    int batch;
    uint64_t total; /* steps in all; the schedule's end */
    uint64_t seed;
    int augment_shift; /* pixels of random translation, 0: none */
    /* What the loss of each output counts in the sum (cards E2, E3); the last
     * is the main one.  A count of 0: 1 for all. */
    int exit_weight_count;
    float exit_weight[NET_OUTPUT_MAX];
    /* Only what the main classifier does not need learns; the rest stays as it
     * is, statistics of batch norm included (card E4). */
    bool heads_only;
    bool sums_shared; /* shared values take the sum of gradients (bound.h) */
};

/* adam, lr 1e-3, constant, batch 64, no decay: the defaults of `train`. */
struct train_settings train_defaults(void);

struct step_report {
    uint64_t step; /* 1 for the first */
    double loss;   /* mean over the batch, before the update: the weighted sum
                      over the outputs */
    double lr;
    int hits, n; /* hits: of the main output */
    int exits;   /* outputs */
    int exit_hits[NET_OUTPUT_MAX];
};

struct trainer;

/* Borrows net, data and pool.  done: steps already made (0 at the start, then
 * moments are zeroed).  Trains on data->fit rows. */
struct trainer *trainer_new(struct net *net, const struct dataset *data,
                            const struct train_settings *settings,
                            uint64_t done, struct pool *pool,
                            struct err *err) MUST_CHECK;
void trainer_free(struct trainer *t);

/* One mini-batch.  A loss or update that is not finite is ERR_DIVERGED, naming
 * the layer; the net is then as the step left it. */
enum err_code trainer_step(struct trainer *t, struct step_report *out,
                           struct err *err) MUST_CHECK;
/* A step on exactly these rows of train (tests, trajectories). */
enum err_code trainer_step_rows(struct trainer *t, const int32_t *row, int n,
                                struct step_report *out,
                                struct err *err) MUST_CHECK;

/* Takes effect with the next step. */
void trainer_set(struct trainer *t, const struct optim_settings *rate);

uint64_t trainer_done(const struct trainer *t);
uint64_t trainer_steps_per_epoch(const struct trainer *t);
size_t trainer_bytes(const struct trainer *t);

/* Batch norm's running statistics afresh from `batches` batches of fit rows
 * (plain averages), nothing else changed.  A net without them: no work. */
enum err_code train_reestimate(struct net *net, const struct dataset *data,
                               int batch, int batches, uint64_t seed,
                               struct pool *pool,
                               const struct progress *progress,
                               struct err *err) MUST_CHECK;

#endif
