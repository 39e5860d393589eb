/*
 * The early exits of the net on the bench: the rule by which samples leave, and
 * what its exits say of the validation samples, computed once for a state of
 * the weights.
 * Threads: the job thread.
 */
#ifndef ENGINE_EXITS_H
#define ENGINE_EXITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "engine/bench.h"
#include "train/exit_run.h"
#include "train/exits.h"

#define RELIABILITY_BINS 15
#define LADDER_MOST      EXIT_MAX

/* Outputs of all exits, for some validation samples. */
struct exit_cache {
    uint64_t weights; /* of the bench when they were computed */
    int data, n, exits, classes;
    float *logits;  /* (n, exits, classes), owned; NULL: nothing yet */
    int32_t *label; /* n, owned */
};

/* Milliseconds a sample, measured: median, least and most of some rounds. */
struct exit_time {
    double median, least, most;
};
struct exit_timing {
    uint64_t weights;
    uint64_t rule;                 /* its number */
    int nodes;                     /* of the net … */
    double macs;                   /* … and its products: other weights in the
                                      same graph take as long */
    struct exit_time at[EXIT_MAX]; /* batch 1, leaving there */
    struct exit_time plain;        /* the last exit as if alone in the net */
    struct exit_time ruled;        /* by the rule */
    int batch;                     /* a larger one … */
    struct exit_time plain_batch, ruled_batch;
};

/* Separate nets of growing size, tried in order (card E1), on the axes of the
 * exits: validation samples, products. */
struct exit_ladder {
    int count; /* 0: none */
    int data;
    char name[LADDER_MOST][NAME_SIZE];
    double cost[LADDER_MOST]; /* in turn */
    double alone[LADDER_MOST], accuracy[LADDER_MOST];
    int point_count;
    struct exit_point *point; /* owned */
};

/* What the rule gave when it was last looked at, for `expect`. */
struct exit_figures {
    uint64_t weights, rule; /* of the bench and of the rule then; 0: nothing */
    double accuracy, last_accuracy;
    double cost;  /* over that of the last exit alone */
    double first; /* share that left at the first exit */
    bool tested;
    double test_accuracy, test_cost, test_first;
};

/* The curve of a stage, as the last `exits` there gave it. */
struct exit_course {
    int stage, data, count;   /* count 0: none */
    struct exit_point *point; /* owned */
};

struct exits {
    struct exit_rule rule;
    uint64_t number; /* grows with every change of the rule */
    int made_for;    /* exits of the net whose thresholds these are; 0: one
                        threshold for any net */
    struct exit_cache cache;
    struct exit_timing timing; /* weights 0: none */
    struct exit_ladder ladder;
    struct exit_course now, before; /* before: of another stage than now */
    struct exit_figures figures;
};

/* How a budget becomes thresholds (validation samples): a row. */
struct exit_choice {
    const char *name, *help;
    void (*choose)(const struct exit_table *t, const double *cost,
                   double budget, double *threshold);
};
extern const struct exit_choice exit_choices[]; /* ends with a NULL name */

struct exits *exits_new(void);
void exits_free(struct exits *e);

/* The name of an exit's classifier, its softmax left out. */
const char *exits_name(const struct net *net, int at);
/* ERR_STATE with advice when the net has one classifier only. */
enum err_code exits_need(const struct bench *b, struct err *err) MUST_CHECK;
/* Fills the cache with `most` validation samples (0: all) where it is not of
 * the current weights. */
enum err_code exits_fill(struct bench *b, int most, struct err *err) MUST_CHECK;
/* The table of the cache under the rule; exit_table_done afterwards. */
void exits_table(const struct bench *b, struct exit_table *t);
/* Takes a rule of a net with that many exits (0: fits any). */
void exits_take(struct bench *b, const struct exit_rule *rule, int made_for);
/* Keeps the curve of the current stage, and that of the stage before it. */
void exits_remember(struct bench *b, const struct exit_table *t,
                    const double *cost);
/* One threshold for all again where thresholds were another net's. */
void exits_fit_rule(struct bench *b);

/* "by=entropy threshold=0.3,0.2 temperature=1.5,1.2" and back. */
void exits_print_rule(const struct exits *e, struct str *out);
enum err_code exits_read_rule(struct bench *b, const char *by,
                              const char *threshold, const char *temperature,
                              int made_for, struct err *err) MUST_CHECK;
/* "0.9" or "0.9,never,…" for exits - 1 exits into out, all EXIT_MAX filled;
 * exits 0: any number.  *count: how many were given. */
enum err_code exits_read_list(const char *text, const char *what,
                              const struct exit_criterion *by, int exits,
                              double *out, int *count,
                              struct err *err) MUST_CHECK;

/* `exits time`, `exits ladder`. */
enum err_code exits_measure(struct bench *b, struct err *err) MUST_CHECK;
enum err_code exits_compare_ladder(struct bench *b, const char *stages,
                                   struct err *err) MUST_CHECK;

#endif
