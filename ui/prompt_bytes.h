/*
 * Bytes of a terminal on their way to readline, held back until they are
 * characters: half of one would stay in readline for the next line, and wait
 * there.  Private to prompt.c.
 */
#ifndef UI_PROMPT_BYTES_H
#define UI_PROMPT_BYTES_H

#include <stdbool.h>

struct bytes {
    int fd;
    char held[8]; /* a character so far, terminated */
    int held_len;
    bool ended; /* the terminal is gone */
};

/* There is something to read, now or within ms. */
bool bytes_readable(const struct bytes *b, int ms);

/* Takes one byte in, which has to be there; true when those held may go to
 * readline: a whole character, a question mark for what is none, or nothing
 * because the terminal is gone. */
bool bytes_take(struct bytes *b);

/* The next byte held, or else of the terminal, waiting for it; -1 when it is
 * gone. */
int bytes_next(struct bytes *b);

#endif
