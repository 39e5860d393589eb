/*
 * From what a terminal sends to keys: Esc and Alt, mouse reports, pastes that
 * must not act as keys, sequences nobody knows.  Pure but for the reader it
 * is given.  Private to term.c.
 */
#ifndef UI_TERM_INPUT_H
#define UI_TERM_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "ui/term.h"

/* What a reader may give besides code points and the keys of key.h. */
enum {
    INPUT_UNKNOWN = 0x110300, /* a special key nobody wants */
    INPUT_PASTE_START,
    INPUT_PASTE_END,
    INPUT_MOUSE_SGR, /* "\033[<": a report follows as text */
    INPUT_MOUSE_OLD  /* "\033[M": three bytes follow */
};

struct input {
    char report[32]; /* a mouse report so far */
    int report_len;
    bool in_report;
    int skip; /* bytes still to be thrown away */
    bool pasting;
    double last; /* when the last one came, in seconds */
};

/* The next code, without waiting; false when there is none. */
typedef bool input_reader(uint32_t *code);

/* The next key; false when next has nothing more.  now in seconds; the screen
 * has rows and cols. */
bool input_key(struct input *in, input_reader *next, double now, int rows,
               int cols, struct key *out);

#endif
