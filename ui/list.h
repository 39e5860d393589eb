/*
 * A cursor in a list of rows of which some are on the screen.  The keys that
 * move in lists are the same in every view.
 */
#ifndef UI_LIST_H
#define UI_LIST_H

#include <stdbool.h>

#include "ui/key.h"

/* Zeroed, it stands on the first row. */
struct list {
    int at;    /* the row with the cursor */
    int top;   /* the first row on the screen */
    int count; /* rows there are */
    int rows;  /* rows on the screen */
};

/* The keys that list_key knows, for a row of a key table. */
/* clang-format off */
#define LIST_KEYS                                                              \
    'j', 'k', VIEW_KEY_DOWN, VIEW_KEY_UP, VIEW_KEY_PAGE_DOWN,                  \
    VIEW_KEY_PAGE_UP, VIEW_KEY_HOME, VIEW_KEY_END, 'g', 'G'
/* clang-format on */

/* Keeps cursor and top inside, and the cursor on the screen. */
void list_fit(struct list *l, int count, int rows);
/* Moves; false when the key moves nothing in a list. */
bool list_key(struct list *l, int key);
void list_go(struct list *l, int at);

/* hjkl as arrow keys, g and G as Home and End; other keys as they are. */
int list_arrow(int key);

#endif
