/*
 * A child with a pseudo-terminal of its own; libvterm plays the screen.  Waits
 * end with what is awaited; their limits are only there to end a broken run.
 */
#ifndef TESTS_SCREEN_TERMINAL_H
#define TESTS_SCREEN_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <vterm.h>

#include "base/str.h"

struct terminal {
    int fd, rows, cols;
    pid_t child;
    VTerm *vterm;
    VTermScreen *cells;
    struct str raw; /* all that was written */
};

/* child runs in the new process and does not come back. */
void terminal_open(struct terminal *t, int rows, int cols,
                   void (*child)(const void *arg), const void *arg);

/* Reads until nothing came for a while; how many bytes. */
size_t terminal_settle(struct terminal *t);
/* Reads what comes within ms, if anything does; how many bytes. */
size_t terminal_pause(struct terminal *t, int ms);

/* Reads until text is somewhere on the screen (there: true) or nowhere; fails
 * the test with the screen's text when that never comes. */
void terminal_wait(struct terminal *t, const char *text, bool there);

/* The screen as text, a line a row; free with mem_free. */
char *terminal_text(const struct terminal *t);
VTermScreenCell terminal_cell(const struct terminal *t, int row, int col);

void terminal_press(struct terminal *t, const char *keys);
/* 0 x 0 is a size some terminals tell; the picture stays as it is then. */
void terminal_resize(struct terminal *t, int rows, int cols);

/* All three wait for the child's end and fail when it lives on; its exit
 * status, or -1 after a signal.  Reads what it writes till then; */
int terminal_close(struct terminal *t);
/* leaves it unread, as a line that stands still; */
int terminal_close_unread(struct terminal *t);
/* takes the terminal away first, as a line that breaks. */
int terminal_cut(struct terminal *t);

#endif
