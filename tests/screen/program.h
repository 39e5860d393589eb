/* The real program on a terminal of its own. */
#ifndef TESTS_SCREEN_PROGRAM_H
#define TESTS_SCREEN_PROGRAM_H

#include "tests/screen/terminal.h"

enum { PROGRAM_WORDS = 8, PROGRAM_VARIABLES = 4 };

struct start {
    const char *folder; /* its home */
    const char *term;   /* NULL: xterm-256color */
    const char *locale; /* NULL: C.UTF-8 */
    /* In place of --no-session and the shipped network and digits. */
    const char *word[PROGRAM_WORDS + 1];
    const char *more; /* one word behind them; NULL: none */
    /* "NAME=value", or "NAME" to take it out of the environment. */
    const char *variable[PROGRAM_VARIABLES + 1];
};

/* Where make built it. */
const char *program_path(void);

/* Opens the program and leaves waiting to the caller. */
void program_start(struct terminal *t, int rows, int cols,
                   const struct start *s);
/* Opens it on the shipped files; back when their screen is there. */
struct terminal program_open(void *const *state, int rows, int cols);
/* An interactive shell without settings, with the prompt "ready> ". */
void program_shell(struct terminal *t, int rows, int cols,
                   const struct start *s);

/* q, and it ends well. */
void program_leave(struct terminal *t);

#endif
