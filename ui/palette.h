/*
 * From roles to colours of the terminal, by how many it has.  Pure, but for
 * the table of colour pairs at the end.  Threads: main thread only.
 */
#ifndef UI_PALETTE_H
#define UI_PALETTE_H

#include "ui/canvas.h"

struct look {
    int fg, bg;    /* colour numbers; -1: the terminal's own */
    unsigned attr; /* ATTR_* */
};
/* light: the terminal's background is. */
struct look palette_look(const struct cell *cell, enum colours colours,
                         bool light);

/* The colour of a ramp's or cube's role, out of 256. */
int palette_ramp(enum role role);

/*
 * Terminals know pairs of colours by number, and only so many.  Pairs are
 * made when first asked for; when there are none left the nearest there is
 * must do.  make tells the terminal (0 on success).
 */
struct pairs {
    int limit; /* pairs there can be, with pair 0, the terminal's own */
    int (*make)(int pair, int fg, int bg);
    int count; /* made so far, with pair 0 */
    struct pair {
        short fg, bg;
    } * made;
    uint16_t *number; /* [fg + 1][bg + 1]: 0 not made yet */
};
void pairs_init(struct pairs *p, int limit,
                int (*make)(int pair, int fg, int bg));
void pairs_done(struct pairs *p);
int pairs_find(struct pairs *p, int fg, int bg);

#endif
