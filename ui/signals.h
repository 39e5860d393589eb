/*
 * Signals as something to poll: handlers write one byte to a pipe and do
 * nothing else, so it does not matter which thread runs them.  A guard thread
 * saves and ends the process when it is told to end while the main thread
 * hangs in a write to a terminal that nobody reads.
 * Threads: signals_start and _stop from the main thread before others start
 * and after they ended; signals_answer from any.
 */
#ifndef UI_SIGNALS_H
#define UI_SIGNALS_H

#include "base/err.h"

enum {
    SIGNALS_RESIZE = 1,    /* SIGWINCH: term_resize */
    SIGNALS_SUSPEND = 2,   /* SIGTSTP from outside: term_suspend */
    SIGNALS_CONTINUE = 4,  /* SIGCONT: term_resume */
    SIGNALS_INTERRUPT = 8, /* SIGINT: as Ctrl-C */
    SIGNALS_END = 16,      /* SIGTERM, SIGQUIT: save and leave */
    SIGNALS_HANGUP = 32    /* SIGHUP: the same, the terminal is gone */
};

struct signals_hooks {
    /* Guard thread, after the deadline: save what can be saved.  May be NULL.
     */
    void (*save)(void);
    /* Just before the process ends, also in the handler of a crash: only
     * what such a handler may call.  May be NULL. */
    void (*restore)(void);
    int deadline_ms; /* for END and HANGUP to be answered; 0: 1000 */
};

/* Installs the handlers; SIGPIPE is ignored. */
enum err_code signals_start(const struct signals_hooks *hooks,
                            struct err *err) MUST_CHECK;
void signals_stop(void);

/* Readable when a signal came. */
int signals_fd(void);
/* What came since the last call, as SIGNALS_* bits; 0 for nothing. */
unsigned signals_read(void);

/* END or HANGUP is being dealt with: the guard waits for another grace_ms
 * (at most) for the process to end. */
void signals_answer(int grace_ms);

#endif
