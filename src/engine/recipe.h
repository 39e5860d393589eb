/*
 * A recipe: rounds of prune, re-estimate, train, each ending in a stage of the
 * history.  train, finetune, prune, step and iterate are recipes; one routine
 * runs them all, so stopping, live settings, checkpoints and resuming are
 * written once.
 *
 * Steps are counted from the start of the command.  A change (a setting, or
 * "stop") that comes after step N acts before step N + 1; as at=N:lr=0.01 it
 * is part of the command in the journal, which therefore replays to the same
 * bits.
 * Threads: the job thread.
 */
#ifndef ENGINE_RECIPE_H
#define ENGINE_RECIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "compress/prune.h"
#include "engine/bench.h"
#include "engine/metrics.h"
#include "train/trainer.h"

#define CHANGE_STOP (-1)

struct change {
    uint64_t step;
    int setting; /* enum setting_id, or CHANGE_STOP */
    double number;
};

struct recipe {
    bool finetunes; /* rather than trains: so its stages say */
    int rounds;
    bool prunes, trains;
    int reestimate; /* mini-batches for batch norm; 0: not */
    struct prune_request prune;
    char *layers; /* behind prune.layers; owned; may be NULL */
    /* NULL: prune.rule and amount in every round. */
    const struct sparsity_schedule *schedule;
    double to;
    struct train_settings train; /* total and seed are filled in each round */
    double epochs;
    uint64_t steps;           /* instead of epochs; 0: epochs */
    bool has_until, has_hold; /* end when the first holds, the second fails */
    struct expr until, hold;
    int change_count;
    struct change *change; /* ascending; owned */
};

void recipe_done(struct recipe *p);

/* What is going on, for the screen. */
struct running {
    struct recipe *recipe;
    struct position at;
    const char *phase;
    struct trainer *trainer; /* NULL: not training */
    uint64_t total;          /* steps of this round's training */
    uint64_t epoch;          /* steps of one epoch */
    double lr, loss;         /* of the last step; mean since the last point */
    double since;            /* clock when measuring the speed began */
    uint64_t since_step;
    double speed; /* samples a second; 0 unknown */
    /* Of this round so far. */
    struct score before;
    float *threshold; /* per node */
    double removed;   /* weights this round's pruning took */
    bool stop;        /* a stop was met: */
    bool asked;       /* the user's, not one of the command's */
    double loss_sum;
    int loss_count;
    int point_count;
    struct curve_point *point;
    double checkpoint; /* clock of the last one */
};

/*
 * Runs p on the bench, from b->at_start when b->goes.  On failure the working
 * net is that of the last finished stage.  ERR_CANCELLED after a stop; what
 * was reached is a stage then.
 */
enum err_code recipe_run(struct bench *b, struct recipe *p,
                         struct err *err) MUST_CHECK;

/* The pruning of the round that r is in; on failure weights stay. */
enum err_code recipe_prune(struct bench *b, struct running *r,
                           struct err *err) MUST_CHECK;

/* A live setting for the training that is going on. */
void recipe_change(struct bench *b, int setting, double number);

/* "512:lr=0.0005,700:stop" */
enum err_code recipe_read_changes(struct recipe *p, const char *text,
                                  struct err *err) MUST_CHECK;
void recipe_print_changes(const struct recipe *p, struct str *out);

/* Arguments and how they become a recipe. */
extern const struct arg_def train_args[], finetune_args[], optim_args[],
    prune_args[];
enum err_code recipe_take_training(struct recipe *p,
                                   const struct cmd_call *call,
                                   const struct settings *s,
                                   struct err *err) MUST_CHECK;
enum err_code recipe_take_pruning(struct recipe *p, const struct cmd_call *call,
                                  const struct settings *s,
                                  struct err *err) MUST_CHECK;

/* The curvature that `by` goes by, met on a training like that; *out is new, or
 * NULL when the weights are enough. */
enum err_code recipe_curvature(struct bench *b, const struct criterion *by,
                               const struct train_settings *like,
                               struct curvature **out,
                               struct err *err) MUST_CHECK;

/* Steps of one round and of all rounds. */
uint64_t recipe_round_steps(const struct recipe *p, const struct dataset *data);

double clock_now(void);

#endif
