/*
 * The ':' prompt: the only user of readline.  It never waits and never
 * writes: fed when the terminal is readable, it edits a line that prompt_draw
 * puts on a pane.  History, Ctrl-R, emacs and vi keys as in the user's
 * inputrc.  Esc and Ctrl-C close it, as Ctrl-D does on an empty line.
 *
 *     term_lend(true); prompt_open(":", "");
 *     POLLIN, or prompt_timeout() passed:  switch (prompt_feed()) …
 *     PROMPT_ACCEPTED: prompt_line(); both this and PROMPT_CANCELLED have
 *     closed it: term_lend(false)
 *
 * Threads: main thread only.
 */
#ifndef UI_PROMPT_H
#define UI_PROMPT_H

#include <stdbool.h>

#include "base/err.h"
#include "engine/engine.h"
#include "ui/canvas.h"

typedef void prompt_completer(void *arg, const char *line, int cursor,
                              struct completion *out);

/*
 * Reads the history of earlier sessions from path (NULL: the usual place
 * under the user's state directory; "": none).  A history that cannot be read
 * or written is no error.  fd is the terminal, as term_fd() gives it.
 */
void prompt_start(int fd, const char *history);
void prompt_stop(void);
/* Who knows the words.  May be NULL: Tab does nothing. */
void prompt_set_complete(prompt_completer *fn, void *arg);

/* Opens with sign before the line and text already in it.  Prompts whose sign
 * is not ":" share a history of their own, which is kept in no file. */
void prompt_open(const char *sign, const char *text);
void prompt_close(void);
bool prompt_is_open(void);

enum prompt_result {
    PROMPT_EDITING,
    PROMPT_ACCEPTED,  /* prompt_line is the line; closed */
    PROMPT_CANCELLED, /* closed */
    PROMPT_REPAINT,   /* Ctrl-L: still open, repaint the screen */
    PROMPT_SUSPEND    /* Ctrl-Z: still open, suspend */
};
/* Takes what the terminal has for it, or finds that a lone Esc was meant. */
enum prompt_result prompt_feed(void);
/* Milliseconds until prompt_feed wants to be called without input; -1: it
 * does not. */
int prompt_timeout(void);

/* The line so far, or as accepted: newlines of a paste are "; " then.  Valid
 * until the next call. */
const char *prompt_line(void);
/* Its cursor, in bytes. */
int prompt_cursor(void);

/* The list to pop up after Tab found several words: all candidates at the
 * cursor, kept current while typing; NULL: none.  Further Tabs go through
 * them. */
const struct completion *prompt_list(void);
/* Why Tab did nothing ("no match"), or "". */
const char *prompt_note(void);

/* One row: sign and line, scrolled so that the cursor is inside; sets the
 * canvas' cursor. */
void prompt_draw(struct pane p);
/* The list, on a pane it fills: a word a row with its help, or words in
 * columns where none has any; what does not fit is counted.  prompt_list_rows
 * says how many rows it could use, 0 without a list. */
void prompt_draw_list(struct pane p);
int prompt_list_rows(int cols);

#endif
