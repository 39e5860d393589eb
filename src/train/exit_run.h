/*
 * Running a net's exits: all of them once, for exits.h to work on, or one after
 * another, stopping where a sample leaves.
 */
#ifndef TRAIN_EXIT_RUN_H
#define TRAIN_EXIT_RUN_H

#include "data/dataset.h"
#include "par/pool.h"
#include "par/progress.h"
#include "train/exits.h"

/* Logits (n, outputs, classes) of rows row[0..n-1] of s (NULL: the first n). */
enum err_code exit_logits(struct net *net, const struct dataset *data,
                          const struct samples *s, const int32_t *row, int n,
                          struct pool *pool, float *logits,
                          const struct progress *progress,
                          struct err *err) MUST_CHECK;

struct exit_run {
    int n, hits;
    int left[EXIT_MAX], right[EXIT_MAX];
    double macs;    /* products that were done */
    double counted; /* products that those who left there cost by the graph */
};

/* A plan and its buffers, reused.  Borrows net, data and pool. */
struct exit_runner;
struct exit_runner *exit_runner_new(struct net *net, const struct dataset *data,
                                    int batch, struct pool *pool,
                                    struct err *err) MUST_CHECK;
void exit_runner_free(struct exit_runner *r);
/* Batch by batch.  guess and where (n, either may be NULL) get each sample's
 * answer and exit. */
enum err_code exit_runner_run(struct exit_runner *r, const struct samples *s,
                              const int32_t *row, int n,
                              const struct exit_rule *rule,
                              struct exit_run *out, int32_t *guess,
                              uint8_t *where, const struct progress *progress,
                              struct err *err) MUST_CHECK;
/* Samples that node was run on in the last exit_runner_run. */
long long exit_runner_ran(const struct exit_runner *r, int node);

#endif
