/*
 * The command table.  A command is a row in the file of its group; parsing,
 * checks, help, completion and the man page use the row.
 *
 *     verb [words] [name=value …]     ; separates commands, # starts a comment
 */
#ifndef ENGINE_CMD_H
#define ENGINE_CMD_H

#include <stdbool.h>

#include "base/args.h"
#include "base/err.h"
#include "base/str.h"
#include "engine/arg.h"
#include "engine/settings.h"

struct bench;

enum cmd_flag {
    CMD_NEEDS_NET = 1,
    CMD_NEEDS_DATA = 2,
    CMD_JOB = 4,       /* long: reports progress, can be stopped */
    CMD_STEERS = 8,    /* acts at once, between two mini-batches of a job */
    CMD_RECORDED = 16, /* goes to the journal */
    CMD_QUIET = 32     /* is not echoed: say, ask, reveal */
};

#define CMD_TABLES   4
#define CMD_ARGS_MAX 32

struct cmd_row;

/* One command as read from a line. */
struct cmd_call {
    const struct cmd_row *row;
    struct args args;
    int count;
    struct arg_def def[CMD_ARGS_MAX]; /* full */
    struct arg_value value[CMD_ARGS_MAX];
    char *joined; /* text of a rest argument, owned */
};

struct cmd_row {
    const char *name;
    const char *usage; /* without the name */
    const char *help;  /* one sentence, no full stop */
    const char *more;  /* a paragraph for the man page; may be NULL */
    /* Tables of arguments, each ending with a NULL name; words are filled in
     * this order. */
    const struct arg_def *args[CMD_TABLES];
    bool settings; /* pairs are names of settings */
    unsigned flags;
    enum err_code (*run)(struct bench *b, const struct cmd_call *call,
                         struct err *err);
};

struct cmd_group {
    const char *name, *title;
    const struct cmd_row *rows; /* ends with a NULL name */
};
extern const struct cmd_group cmd_groups[]; /* ends with a NULL name */

/* The i-th row of all groups, or NULL. */
const struct cmd_row *cmd_row_at(int i);
const struct cmd_row *cmd_find(const char *name);
/* ERR_USAGE with the nearest verb when there is none. */
enum err_code cmd_need(const char *name, const struct cmd_row **out,
                       struct err *err) MUST_CHECK;

/* Reads one command.  A line without words gives row NULL.  What is not given
 * is filled from the argument's setting.  cmd_done afterwards, unless it
 * failed. */
enum err_code cmd_parse(const char *text, const struct settings *s,
                        struct cmd_call *out, struct err *err) MUST_CHECK;
void cmd_done(struct cmd_call *call);

/* Values of an argument that the row has. */
const struct arg_value *cmd_value(const struct cmd_call *call,
                                  const char *name);
bool cmd_given(const struct cmd_call *call, const char *name);
double cmd_number(const struct cmd_call *call, const char *name);
const char *cmd_text(const struct cmd_call *call, const char *name);

/* The first command of *line, up to a ; or end of line outside quotes, into out
 * (cleared first), without comments; *line moves behind it.  False at the end.
 */
bool cmd_split(const char **line, struct str *out);

/* Is line one command, and one that may act while a job runs?  Any thread. */
bool cmd_steers(const char *line);

#endif
