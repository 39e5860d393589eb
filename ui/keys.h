/*
 * The keys that mean the same in every view, one row each.  A key stands for a
 * command line where it changes anything of the bench, so that the log shows
 * what to type for it; the others act on the screen only.  Help and hint row
 * walk the rows.
 */
#ifndef UI_KEYS_H
#define UI_KEYS_H

#include "engine/board.h"
#include "ui/key.h"

struct screen;

enum { KEY_ROW_KEYS = 4 };
struct key_row {
    int key[KEY_ROW_KEYS]; /* key.h; 0 ends */
    const char *keys;      /* as people read them: "Ctrl-C" */
    const char *what;      /* a line of the help */
    const char *hint;      /* a word for the hint row; NULL: none there */
    const char *command;   /* the line it posts; NULL: act is called */
    void (*act)(struct screen *s);
    bool last; /* stands at the end of the hint row and goes last */
};

/* Ends with a NULL keys. */
extern const struct key_row key_rows[];

const struct key_row *key_find(int key);
/* The word for the hint row as things are, or NULL. */
const char *key_hint(const struct key_row *row,
                     const struct status_sheet *status);

/* "Ctrl-L", "PgUp", "x": a key as people read it. */
enum { KEY_NAME_SIZE = 16 };
const char *key_name(int key, char *buf);

#endif
