/*
 * What the terminal was told besides curses (mouse, paste), and how it is
 * given back when there is no time for curses.  Private to term.c.
 */
#ifndef UI_TERM_MODES_H
#define UI_TERM_MODES_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

/* Remembers descriptor, line settings, and the text that puts the terminal
 * back to what a shell expects. */
void modes_arm(int fd, const struct termios *before, const char *text);
void modes_disarm(void);
/* Any thread, also in a signal handler; the first call does it. */
void modes_restore(void);

/* Writes all of text; false when the terminal does not take it. */
bool modes_write(int fd, const char *text);

/* Standard output and error go to a file without a name … */
void modes_divert(void);
/* … and come back; what was written there is then shown on standard error. */
void modes_undivert(void);

/* Seconds of a clock that nobody sets. */
double modes_now(void);
/* Bytes this thread has written to anything; 0 where the system does not
 * say. */
uint64_t modes_written(void);

/*
 * Stops all of the process' group, as Ctrl-Z in a shell does, and returns when
 * it was continued.  The stop may reach this process a moment after it was
 * sent, hence the wait; a group without a shell to continue it is not stopped
 * at all, hence its limit.
 */
void modes_stop_group(void);

#endif
