/*
 * The terminal: the only user of curses.  Takes whole frames (canvas.h) and
 * gives keys (key.h), one at a time and without waiting, for a loop that
 * polls term_fd() itself:
 *
 *     signals_start(); term_start();       in this order: curses would
 *                                          else take signals for itself
 *     for (;;) {
 *         poll(term_fd(), signals_fd(), board_fd(), timeout);
 *         while (term_key(&key)) …         POLLIN, prompt closed
 *         term_show(canvas);               something changed
 *     }
 *     term_stop();
 *
 * POLLHUP, POLLERR, or POLLIN with term_lost() afterwards: the terminal is
 * gone; save and leave.  While the program has the screen, what libraries
 * write to standard error goes to a file that term_stop shows.
 * Threads: main thread only, but for term_restore.
 */
#ifndef UI_TERM_H
#define UI_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ui/canvas.h"
#include "ui/key.h"

struct term_options {
    int colours; /* an enum colours, or -1: what NO_COLOR and terminal say */
    bool ascii;  /* 7-bit signs only */
    bool mouse;
    bool light; /* dark text on a light background */
};

/*
 * Takes the terminal.  Fails (ERR_UNSUPPORTED, the sentence says what to do)
 * without a terminal on standard input and output, or when TERM is unknown or
 * cannot place a cursor: main ends with status 2.  setlocale(LC_CTYPE, "")
 * has to come first.
 */
enum err_code term_start(const struct term_options *o,
                         struct err *err) MUST_CHECK;
/* Gives the terminal back; nothing when it was not taken. */
void term_stop(void);
/*
 * Gives the terminal back from a signal handler, the panic hook or another
 * thread, just before the process ends: writes without waiting, calls no
 * curses.
 */
void term_restore(void);

int term_fd(void);
/* True once a read found the end: term_show draws nothing any more. */
bool term_lost(void);

enum glyphs term_glyphs(void);
enum colours term_colours(void);
/* Choices of a running program; the next frame is repainted.  More than the
 * locale or the terminal can do is cut to what it can. */
void term_set_glyphs(enum glyphs glyphs);
void term_set_colours(enum colours colours);
void term_set_light(bool light);
void term_set_mouse(bool on);

void term_size(int *rows, int *cols);
/* After SIGWINCH or SIGCONT: asks for the size; true when it changed. */
bool term_resize(void);

/* The next key; false when there is none now. */
struct key {
    uint32_t code; /* key.h */
    bool alt;
    int row, col; /* of the mouse, else -1 */
};
bool term_key(struct key *out);
/* Keys and mouse belong to the prompt, which reads term_fd() itself. */
void term_lend(bool on);

/* Shows a frame: only what changed travels. */
void term_show(const struct canvas *c);
/* The next term_show writes everything: Ctrl-L, return from elsewhere. */
void term_repaint(void);

/* Ctrl-Z: gives the terminal back, stops the process (and its group), and
 * comes back with a repaint when it is continued. */
void term_suspend(void);
/* SIGCONT that was not our own: takes the terminal again. */
void term_resume(void);

struct term_stats {
    uint64_t frames;
    uint64_t bytes;      /* written to the terminal; 0 where the system does
                            not say */
    uint64_t last_bytes; /* of the last frame */
    double last_seconds; /* how long the last frame took to write: a slow
                            line shows here */
};
struct term_stats term_get_stats(void);

#endif
