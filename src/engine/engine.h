/*
 * The engine as its users (screen, batch mode, lessons, tests) see it: commands
 * in, sheets and lines out.  One engine a process; one job thread owns nets,
 * data, history and files.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "engine/board.h"

struct engine;

struct engine_options {
    int threads; /* <= 0: all */
    uint64_t seed;
    size_t hold;          /* bytes of nets in the history's memory; 0: usual */
    const char *session;  /* folder to keep a session in; NULL: a new folder
                             under the user's state directory when `keep` */
    bool keep;            /* write a session at all */
    bool resume;          /* session names one to go on with */
    const char *data_dir; /* where shipped data lies */
    /* Names that `show` takes, NULL at the end; borrowed; may be NULL. */
    const char *const *views;
    /* Every line a command says, on the job thread; may be NULL. */
    void (*say)(void *arg, enum log_kind kind, const char *text);
    /* Metrics of finished commands as one JSON object a line; may be NULL. */
    void (*json)(void *arg, const char *object);
    void *arg;
};

struct engine *engine_new(const struct engine_options *o,
                          struct err *err) MUST_CHECK;
/* What runs gives up at the next mini-batch, so that a session can go on with
 * it; what waits or comes is refused.  Any thread. */
void engine_leave(struct engine *e);
/* engine_leave, waits, saves. */
void engine_free(struct engine *e);
struct board *engine_board(struct engine *e);

/* Queues one line ("prune 20%; finetune"); any thread; returns at once.
 * Commands that only steer (stop, pause, set lr=) act while a job runs.
 * Returns a ticket. */
unsigned long engine_post(struct engine *e, const char *line);
/* Waits until the ticket's line is done; its error, if any, in *err. */
enum err_code engine_wait(struct engine *e, unsigned long ticket,
                          struct err *err) MUST_CHECK;
/* engine_post and engine_wait. */
enum err_code engine_do(struct engine *e, const char *line,
                        struct err *err) MUST_CHECK;

/* The ticket of what a resumed session had still to do; 0: nothing. */
unsigned long engine_resumed(struct engine *e);

/* Job control, any thread, never blocks. */
void engine_stop(struct engine *e); /* at the next mini-batch */
void engine_pause(struct engine *e, bool on);
bool engine_busy(struct engine *e);

/* Runs a script, each line as a command, up to the first failure, which names
 * file and line.  wait_for_user: plays it as a lesson, whose `pause`, `ask` and
 * `reveal` wait for engine_go_on, and returns when it has begun. */
enum err_code engine_play(struct engine *e, const char *path,
                          bool wait_for_user, struct err *err) MUST_CHECK;
void engine_go_on(struct engine *e);

/* Completion of the word at cursor; any thread. */
struct completion {
    int start; /* byte offset of the word in line */
    int count;
    char **text; /* owned; completion_done */
    char **help; /* same count; entries may be NULL */
};
void engine_complete(struct engine *e, const char *line, int cursor,
                     struct completion *out);
void completion_done(struct completion *c);

/* The command table, for help views and man pages; ends with a NULL name. */
struct command_help {
    const char *group, *name, *usage, *help;
};
/* count may be NULL. */
const struct command_help *engine_commands(int *count);
/* The tables of espalier-commands(7) in mdoc. */
void engine_print_man(struct str *out);

#endif
