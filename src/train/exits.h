/*
 * Nets with several classifiers ("exits", the last is the main one): who leaves
 * where, what that costs, which thresholds to take.  Pure functions on outputs
 * that were computed once; cards E1 to E9 and F.
 * Honesty: what decides where a sample leaves is given its probabilities and
 * nothing else; labels only judge afterwards.
 * Threads: no shared state.
 */
#ifndef TRAIN_EXITS_H
#define TRAIN_EXITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/net.h"

#define EXIT_MAX NET_OUTPUT_MAX

/* A row: how sure an exit is.  A sample leaves at the first exit whose score
 * reaches the threshold, or for a falling criterion lies below it. */
struct exit_criterion {
    const char *name, *help;
    bool falling;
    bool whole;   /* scores are whole numbers */
    double usual; /* threshold */
    /* p (at + 1, classes): what the exits 0..at say of one sample. */
    float (*score)(const float *p, int at, int classes);
    /* No score is larger. */
    double (*most)(int exits, int classes);
};
extern const struct exit_criterion exit_criteria[]; /* ends with a NULL name */
/* NULL when there is none. */
const struct exit_criterion *exit_criterion_find(const char *name);

/* How to decide.  The last exit always answers. */
struct exit_rule {
    const struct exit_criterion *by;
    double threshold[EXIT_MAX];   /* of exits 0..exits-2 */
    double temperature[EXIT_MAX]; /* logits are divided by it */
};
/* One threshold for all, temperatures 1. */
struct exit_rule exit_rule_make(const struct exit_criterion *by,
                                double threshold);
/* Thresholds at which nobody and everybody leaves. */
double exit_never(const struct exit_criterion *by);
double exit_always(const struct exit_criterion *by);
bool exit_leaves(const struct exit_criterion *by, float score,
                 double threshold);

/* p (classes) = softmax(z / temperature) */
void exit_probabilities(const float *z, int classes, double temperature,
                        float *p);

/* Of every exit and sample: how sure it is and what it says. */
struct exit_table {
    int samples, exits, classes;
    const struct exit_criterion *by;
    float *score;         /* (exits, samples) */
    int32_t *guess;       /* (exits, samples) */
    float *confidence;    /* (exits, samples): probability of the guess */
    const int32_t *label; /* samples; borrowed */
};
/* Of logits (samples, exits, classes); exit_table_done afterwards. */
void exit_table_make(struct exit_table *t, const float *logits,
                     const int32_t *label, int samples, int exits, int classes,
                     const struct exit_rule *rule);
void exit_table_done(struct exit_table *t);

/* What happens to all samples under given thresholds. */
struct exit_result {
    int samples;
    int left[EXIT_MAX];  /* samples that leave there */
    int right[EXIT_MAX]; /* of those, rightly classified */
    int hits;
    double accuracy;
    double cost; /* mean of cost[exit] */
};
/* cost (exits): of a sample that leaves there.  where (samples, may be NULL)
 * gets the exit of each. */
void exits_apply(const struct exit_table *t, const double *threshold,
                 const double *cost, struct exit_result *out, uint8_t *where);
/* Share of samples that exit `at` classifies rightly, asked alone. */
double exits_alone(const struct exit_table *t, int at);
/* Likewise of the mean of the probabilities of exits 0..at (card E6). */
double exits_ensemble(const float *logits, const int32_t *label, int samples,
                      int exits, int classes, const struct exit_rule *rule,
                      int at);

/* One threshold for all exits, over its whole range: from nobody leaving early
 * to all leaving at the first exit. */
struct exit_point {
    double threshold, accuracy, cost;
};
/* At most `most` points (at least 2), evenly spread over the samples' changes
 * of exit; returns their number. */
int exits_sweep(const struct exit_table *t, const double *cost,
                struct exit_point *out, int most);

/*
 * Budgeted batch (card E6).  Shares leaving at each exit, proportional to
 * p^exit, whose mean cost is the budget; returns p, which is 1 - q where each
 * exit lets go the share q of those that reach it.  Budgets out of reach give
 * the nearest that is not.
 */
double exits_shares(const double *cost, int exits, double budget,
                    double *share);
/* Thresholds at which these shares leave, exactly as the card says: ties leave
 * together; an exit that nobody is to leave at lets nobody go. */
void exits_thresholds(const struct exit_table *t, const double *share,
                      double *threshold);
/* Coordinate search from the thresholds given: the best accuracy whose mean
 * cost is within the budget.  They stay when nothing better is found. */
void exits_search(const struct exit_table *t, const double *cost, double budget,
                  double *threshold);

/* Overthinking (card E4). */
struct exit_study {
    double cumulative;  /* right at some exit */
    double wasteful;    /* right at the last and at one before */
    double destructive; /* right at one before, wrong at the last */
    double oracle_cost; /* leaving at the first exit that is right */
    int oracle[EXIT_MAX];
};
void exits_study(const struct exit_table *t, const double *cost,
                 struct exit_study *out);
/* Mean place (0 for the first exit) where each class leaves; classes without
 * samples get -1.  where as exits_apply gave it. */
void exits_classes(const struct exit_table *t, const uint8_t *where,
                   double *mean);
/* How well the score of exit `at` tells right from wrong: area under the ROC
 * curve, 0.5 for chance (card E7); NAN when all are right or all wrong. */
double exits_auroc(const struct exit_table *t, int at);

/* Calibration (card E8). */
#define RELIABILITY_MOST 32
struct reliability {
    int bins;
    int count[RELIABILITY_MOST];
    double confidence[RELIABILITY_MOST]; /* means; 0 in an empty bin */
    double accuracy[RELIABILITY_MOST];
    double ece, mce;
    double mean_confidence, mean_accuracy;
    double brier; /* of the guess's probability */
};
/* Equal bins (low, high] of confidence; right[i] is 0 or 1. */
void exits_reliability(const float *confidence, const uint8_t *right, int n,
                       int bins, struct reliability *out);
/* The same of exit `at` of a table. */
void exits_reliability_of(const struct exit_table *t, int at, int bins,
                          struct reliability *out);
/* The temperature in [e^-3, e^3] with the least negative log likelihood of
 * exit `at`; 1 without samples.  Give validation samples. */
double exits_temperature(const float *logits, const int32_t *label, int samples,
                         int exits, int classes, int at);
/* Mean negative log likelihood of exit `at` at a temperature. */
double exits_likelihood(const float *logits, const int32_t *label, int samples,
                        int exits, int classes, int at, double temperature);

#endif
