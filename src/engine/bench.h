/*
 * The bench: what is open, and what happens to it.  Every command works on it.
 * Threads: the job thread owns it whole; others reach it only through the
 * board (plain copies) and the job (lines, flags).
 *
 * The working net is always that of the current stage, but within a command:
 * a command that fails puts it back.
 */
#ifndef ENGINE_BENCH_H
#define ENGINE_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "data/dataset.h"
#include "engine/board.h"
#include "engine/cmd.h"
#include "engine/job.h"
#include "engine/settings.h"
#include "engine/stages.h"
#include "engine/transcript.h"
#include "net/net.h"
#include "par/pool.h"
#include "par/progress.h"
#include "train/eval.h"

struct engine_options;
struct exits;
struct lesson;
struct running;
struct session;
struct sheets;

/* Data sets seen in this session: scores of stages belong to one of them. */
struct seen_data {
    char *path;
    int validation;
    uint64_t seed;
};

/* A reading of the test set. */
struct test_reading {
    int count; /* readings so far */
    int stage; /* of the last */
    struct score score;
};

/* Where a recipe is to go on; see recipe.h. */
struct position {
    int round;       /* rounds done */
    uint64_t before; /* training steps of this command in those rounds */
    uint64_t step;   /* steps done in this round's training */
    double from;     /* sparsity at the start of the command */
    int first;       /* first stage the command made; -1 none yet */
};

/* What is being read, innermost first: a line, or a script. */
struct frame {
    struct frame *up;
    const char *rest;   /* of a line, behind the command that runs */
    const char *script; /* path, or NULL */
    int next;           /* its next line, from 1 */
};

struct bench {
    const char *data_dir;     /* borrowed; may be NULL */
    const char *const *views; /* borrowed; may be NULL */
    struct settings set;
    struct pool *pool;
    struct job *job;
    struct board *board;
    struct transcript *log;
    void (*json)(void *arg, const char *object); /* may be NULL */
    void *json_arg;

    struct dataset *data; /* NULL: none */
    int data_number;      /* in seen; -1 none */
    int seen_count;
    struct seen_data *seen;

    struct net *net; /* NULL: none */
    struct evaluator *evaluator;
    uint64_t weights; /* grows with every change of the net's values */
    long long leaks;
    struct stages *history;
    struct test_reading test;

    struct session *session; /* NULL: nothing is kept */
    struct running *running; /* NULL: no training is going on */
    struct lesson *lesson;   /* NULL: none is played */
    struct sheets *sheets;   /* what the screen is shown */
    struct exits *exits;

    /* The command that runs. */
    const char *line;    /* as typed, or "" */
    struct str record;   /* as the journal will have it */
    struct str at;       /* its changes: "512:lr=0.0005" */
    bool partial;        /* it failed, but what it made stays */
    bool said;           /* it failed, and that was said */
    struct str results;  /* lines it said */
    struct frame *frame; /* where it was read; NULL outside of lines */
    struct str after;    /* settings changed while it runs, as commands */
    bool goes;           /* it was interrupted, and goes on at: */
    struct position at_start;
    char *pending; /* what a resumed session has still to run; owned */
    bool quit;     /* `quit` was given */
};

struct bench *bench_new(const struct engine_options *o, struct job *job,
                        struct board *board, struct err *err) MUST_CHECK;
void bench_free(struct bench *b);

/* Runs every command of line, in order, up to the first that fails. */
enum err_code bench_line(struct bench *b, const char *line,
                         struct err *err) MUST_CHECK;
/* Runs one command. */
enum err_code bench_command(struct bench *b, const char *text,
                            struct err *err) MUST_CHECK;
/* Runs a script from its line `from` on, naming file and line on failure. */
enum err_code bench_script(struct bench *b, const char *path, int from,
                           struct err *err) MUST_CHECK;
/* Between two mini-batches: steering, pause, sheets.  ERR_CANCELLED when the
 * job is to stop. */
enum err_code bench_boundary(struct bench *b, struct err *err) MUST_CHECK;
/* Says which waiting lines were stopped or taken back. */
void bench_tell_refused(struct bench *b);
/* For long work below; told about share 0..1 of it. */
struct progress bench_progress(struct bench *b);

/* Takes net as a new root stage. */
enum err_code bench_open_net(struct bench *b, struct net *net, const char *text,
                             struct err *err) MUST_CHECK;
/* Takes data. */
enum err_code bench_open_data(struct bench *b, struct dataset *data,
                              int validation, struct err *err) MUST_CHECK;
/* Do net and data fit? */
enum err_code bench_fit(const struct bench *b, struct err *err) MUST_CHECK;
/* The path of a named file: as it is, or name.h5 or name.pack among the shipped
 * data; out is cleared first.  False when there is none. */
bool bench_find_file(const struct bench *b, const char *name, struct str *out);

/* Makes the working net that of stage id; scores it where unknown. */
enum err_code bench_go(struct bench *b, int id, struct err *err) MUST_CHECK;
/* Puts the working net back to the current stage. */
void bench_restore(struct bench *b);
/* A new current stage out of the working net; it is saved.  before and after
 * may be NULL.  The new stage, which may still be filled in until
 * session_commit; NULL on failure. */
struct stage *bench_stage(struct bench *b, const char *text, struct err *err);

/* Takes net, another graph made out of the working one, whether or not it
 * succeeds; then as bench_stage.  What is known of layers by node follows
 * their names. */
struct stage *bench_change_net(struct bench *b, struct net *net,
                               const char *text, struct err *err) MUST_CHECK;

/* Accuracy of the working net. */
enum err_code bench_score(struct bench *b, struct score *out,
                          struct err *err) MUST_CHECK;
enum err_code bench_evaluate(struct bench *b, const struct samples *s,
                             const int32_t *row, int n, struct evaluation *out,
                             struct eval_details *more,
                             struct err *err) MUST_CHECK;
/* After the working net's values changed. */
void bench_touched(struct bench *b);
/* Whether stages of the working net are packed unasked, to know their bytes:
 * that of a larger one takes longer than a blink. */
bool bench_counts(const struct bench *b);
/* Weights that should be zero and are not. */
void bench_count_leaks(struct bench *b);

/* One line for the user; results also go to the journal and to JSON. */
void bench_say(struct bench *b, enum log_kind kind, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The same for text of many lines; NULL: none. */
void bench_say_lines(struct bench *b, enum log_kind kind, const char *text);
/* "accuracy 97.96 %  sparsity 20.0 % …" of the current stage. */
void bench_say_stage(struct bench *b, const struct stage *s);

/* The seed of what starts at training step `step`: another one at every step,
 * the same on every path that comes there in as many steps. */
uint64_t bench_seed(const struct bench *b, uint64_t step);

#endif
