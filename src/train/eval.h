/* Accuracy and what else a pass over labelled samples tells. */
#ifndef TRAIN_EVAL_H
#define TRAIN_EVAL_H

#include <stdint.h>

#include "data/dataset.h"
#include "net/exec.h"
#include "net/net.h"
#include "par/pool.h"
#include "par/progress.h"

/* Samples at a time. */
#define EVAL_BATCH 2048

struct evaluation {
    int n, hits;
    double accuracy;  /* hits / n */
    double loss;      /* mean cross-entropy */
    double low, high; /* Wilson interval of accuracy, z = 1.96 (card M3) */
    int exits;        /* outputs; all above is of the last, the main one */
    int exit_hits[NET_OUTPUT_MAX]; /* of each output asked alone */
};

/* What evaluator_run may fill besides; any pointer may be NULL. */
struct eval_details {
    int32_t *guess;     /* n */
    float *confidence;  /* n: probability of the guess */
    int32_t *confusion; /* (classes, classes): [label][guess] counts */
};

/* Reused between evaluations of one net: a plan and its buffers. */
struct evaluator;
struct evaluator *evaluator_new(struct net *net, const struct dataset *data,
                                struct pool *pool, struct err *err) MUST_CHECK;
void evaluator_free(struct evaluator *e);

/* Rows row[0..n-1] of s; NULL: the first n.  ERR_CANCELLED leaves *out alone,
 * not the details. */
enum err_code evaluator_run(struct evaluator *e, const struct samples *s,
                            const int32_t *row, int n, struct evaluation *out,
                            struct eval_details *more,
                            const struct progress *progress,
                            struct err *err) MUST_CHECK;

void eval_wilson(int hits, int n, double *low, double *high);
/* McNemar with continuity correction on two guesses of the same samples. */
double eval_mcnemar(int only_a, int only_b);

/* Per unit (last axis) of a node's output: how many samples (times positions)
 * were not zero: card N1.  counts has dim[rank-1] entries; *total is n times
 * positions. */
enum err_code eval_activity(struct net *net, int node,
                            const struct dataset *data, const struct samples *s,
                            const int32_t *row, int n, struct pool *pool,
                            int64_t *counts, int64_t *total,
                            struct err *err) MUST_CHECK;

#endif
