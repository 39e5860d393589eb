/*
 * A view draws plain values onto a canvas and turns keys into command lines.
 * It never touches curses, readline, nets or files.  One file and one row of
 * views.def a view.
 */
#ifndef UI_VIEW_H
#define UI_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/board.h"
#include "ui/canvas.h"
#include "ui/key.h"

/* The newest sheets; any may be NULL.  Borrowed for the call. */
struct view_input {
    const struct status_sheet *status;
    const struct layers_sheet *layers;
    const struct curve_sheet *curve;
    const struct layer_sheet *layer;
    const struct history_sheet *history;
    const struct compare_sheet *compare;
    const struct data_sheet *data;
    const struct log_sheet *log;
};

/* One line of the view's own help: keys and what they do. */
struct view_help {
    const char *keys, *what;
};

/* What a key did. */
struct view_reply {
    bool used;         /* the view took the key */
    char command[256]; /* a line to post, or "" */
    char go[16];       /* name of a view to switch to, or "" */
    char note[128];    /* one line for the message row, or "" */
};

struct view_kind {
    const char *name;             /* as in `show overview` */
    const char *title;            /* on its tab */
    char key;                     /* '1'.. or '?' */
    const char *help;             /* one sentence */
    const struct view_help *keys; /* ends with NULL keys */
    size_t state_size;            /* private state, zeroed by the framework */
    void (*draw)(void *state, const struct view_input *in, struct canvas *to,
                 struct rect area, bool focused);
    void (*key_press)(void *state, const struct view_input *in, int key,
                      struct view_reply *reply);
    /* What sheets it wants from the job thread; may be NULL: none special. */
    void (*wish)(void *state, const struct view_input *in,
                 struct board_wish *wish);
    /* Text search ("/"); may be NULL. */
    void (*search)(void *state, const struct view_input *in, const char *text);
};

/* In views.def order, NULL at the end. */
extern const struct view_kind *const view_kinds[];

#endif
