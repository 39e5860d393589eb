/*
 * Pruning weights: a rule says how many weights of each layer stay, a criterion
 * says which.  Cards P1, P2, P3, P6, P9, N2.
 *
 * Counts are exact.  With a weights alive of N:
 *   survivors p   keeps ceil((1 - p) a)
 *   to s          prunes up to round(s N) in all, keeps min(a, N - round(s N))
 *   std q         keeps those with |w| >= q * std, std the population standard
 *                 deviation of the alive
 * In scope layer a and N are a layer's; in scope global they are the sums, std
 * is that of all chosen weights, and the layers compete.  Floors may keep more
 * than that; then the other layers give more in scope global, as far as they
 * can, and nothing makes up for it in scope layer.
 */
#ifndef COMPRESS_PRUNE_H
#define COMPRESS_PRUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "compress/schedule.h"
#include "net/net.h"
#include "par/progress.h"
#include "train/curvature.h"

/* Whose scores are asked for, and of which draw.  round: times this net was
 * pruned, so that random scores differ from one pruning to the next. */
struct score_of {
    const struct param *p;
    uint64_t seed, round;
    int node, param;
    const float *curvature; /* a weight; NULL unless the criterion asks */
    const float *unit;      /* a unit of the layer: of `prepare`; or NULL */
    size_t units;
};

/* One row a criterion. */
struct criterion {
    const char *name, *help;
    /* Scores as select.h wants them: arg is a struct score_of; larger stays. */
    void (*score)(const void *arg, size_t first, size_t count, float *score);
    /* The name of the criterion that says how many of each layer stay; NULL:
     * this one. */
    const char *counts_as;
    /* The score of each unit, where weights of a unit share one; NULL: weights
     * have their own.  Units go whole: of equal scores all stay, so that more
     * may be left than the rule says. */
    void (*prepare)(const struct param *p, float *unit, size_t units);
    bool by_curvature; /* the request has one */
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
    /* Floors: a layer keeps at least ceil(least_share * N) weights, with
     * row_floor as many as it has outputs (units, filters), and always one,
     * unless it has fewer alive already. */
    double least_share;
    bool row_floor;
    uint64_t seed, round;
    /* For criteria that go by it; else NULL. */
    const struct curvature *curvature;
    /* Told for every chosen layer; may be NULL.  largest: of the |w| that went;
     * 0 when none did.  Called when nothing can fail any more. */
    void (*tell)(void *arg, int node, long long before, long long after,
                 float largest);
    /* Every dropout layer's rate is multiplied with the factor of the nearest
     * layer with weights before it; told of those that change; may be NULL. */
    bool adjust_dropout;
    void (*tell_dropout)(void *arg, int node, float before, float after);
    void *arg;
    /* May be NULL; a stop is obeyed until weights begin to go. */
    const struct progress *progress;
};

/* 20 % of survivors by magnitude in each layer, floors 1 % and one weight an
 * output. */
struct prune_request prune_defaults(void);

struct prune_report {
    long long considered, alive_before, alive_after;
    long long wanted;   /* what the rule would have left; less than alive_after
                           when floors are in the way */
    int layers_floored; /* layers in which a floor held weights back */
};

/* Changes masks, values and moments; on failure nothing.  Weights only ever
 * go: what was pruned stays pruned.  Weights that are not finite are refused.
 * Beside the masks a few kB of memory are used, whatever the net. */
enum err_code prune_apply(struct net *net, const struct prune_request *r,
                          struct prune_report *report,
                          struct err *err) MUST_CHECK;

/* The smallest |w| that would stay if that share of p's survivors went by
 * magnitude; 0 when all would stay. */
float prune_threshold(const struct param *p, double share);

/* Dropout after pruning (card P3; Han et al. 2015): D_r = D_o sqrt(C_r / C_o)
 * with C the connections of the layer that feeds it.  Pruned again and again,
 * the factors multiply to that of all at once. */
double prune_dropout_factor(long long after, long long before);

/* What prune_apply does when it is asked to: before and after are the weights
 * alive of each node. */
void prune_adjust_dropout(struct net *net, const long long *before,
                          const long long *after,
                          const struct prune_request *r);

#endif
