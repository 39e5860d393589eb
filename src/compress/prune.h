/*
 * Pruning weights: a criterion gives every prunable weight a score, a scope
 * says which weights compete, a rule how many go.  Cards P1, P3, P5, P6.
 */
#ifndef COMPRESS_PRUNE_H
#define COMPRESS_PRUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"

/* One row a criterion. */
struct criterion {
    const char *name, *help;
    /* score[i] for all of p; larger stays.  stream makes random scores
     * reproducible: (seed, times this net was pruned, node, param). */
    void (*score)(const struct param *p, uint64_t seed, uint64_t round,
                  int node, int param, float *score);
};
extern const struct criterion criteria[]; /* ends with a NULL name */
const struct criterion *criterion_find(const char *name);

enum prune_scope { SCOPE_LAYER, SCOPE_GLOBAL };

struct prune_request {
    const struct criterion *by;
    enum prune_scope scope;
    const char *layers; /* pattern over node names; NULL: all prunable */
    /* Exactly one rule is used: */
    enum {
        PRUNE_SURVIVORS, /* share of those alive */
        PRUNE_TO,        /* to this sparsity of the chosen weights */
        PRUNE_STD        /* Han: |w| < amount * population std of the alive */
    } rule;
    double amount;
    /* Floors: never fewer than least_share of a layer, nor than one weight an
     * output row (unit, filter) times rows * least_per_row. */
    double least_share;
    bool row_floor;
    uint64_t seed, round;
};

/* 20 % of survivors by magnitude in each layer, floors 1 % and one weight. */
struct prune_request prune_defaults(void);

struct prune_report {
    long long considered, alive_before, alive_after;
    int layers_floored; /* layers in which a floor held weights back */
};

/* Changes masks, values and moments; on failure nothing.  Weights only ever
 * go: what was pruned stays pruned. */
enum err_code prune_apply(struct net *net, const struct prune_request *r,
                          struct prune_report *report,
                          struct err *err) MUST_CHECK;

/* Sparsity after event k of n (k = 0..n) from `from` to `to`: one row each;
 * at(.., n, n) is exactly `to`. */
struct sparsity_schedule {
    const char *name, *help;
    double (*at)(double from, double to, int k, int n);
};
extern const struct sparsity_schedule sparsity_schedules[];
const struct sparsity_schedule *sparsity_schedule_find(const char *name);

/* Dropout after pruning: rate * sqrt(alive / all) of the layer that feeds it
 * (card P3).  Returns the factor for one layer. */
double prune_dropout_factor(long long alive, long long all);

#endif
