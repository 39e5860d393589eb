/*
 * A view draws plain values onto a canvas and turns keys into command lines.
 * It never touches curses, readline, nets or files.  One file and one row of
 * views.def a view.  Threads: main thread only.
 */
#ifndef UI_VIEW_H
#define UI_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/board.h"
#include "ui/canvas.h"
#include "ui/key.h"

struct command_help; /* engine/engine.h */
struct view_kind;

/* The newest sheets; any may be NULL.  Borrowed for the call. */
struct view_input {
    const struct status_sheet *status;
    const struct layers_sheet *layers;
    const struct curve_sheet *curve;
    const struct layer_sheet *layer;
    const struct book_sheet *book;
    const struct history_sheet *history;
    const struct compare_sheet *compare;
    const struct data_sheet *data;
    const struct log_sheet *log;
    const struct exits_sheet *exits;
    const struct ledger_sheet *ledger;
    const struct timing_sheet *timing;
    /* For the help: every command, ending with a NULL name (NULL: none), and
     * the view that was on the screen before (NULL: none). */
    const struct command_help *commands;
    const struct view_kind *asked;
};

/* What a key or a click did. */
struct view_reply {
    bool used;         /* the view took the key */
    char command[256]; /* a line to post, or "" */
    char go[96];       /* "layer fc1": a view to switch to and what its open()
                          is given, or "" */
    char note[128];    /* one line for the message row, or "" */
};

/*
 * One row a key: what it is, what people read about it, what it does.  Help
 * and hints walk the rows, so that no key is shown that does not work.
 */
enum { VIEW_BIND_KEYS = 16 };
struct view_bind {
    int key[VIEW_BIND_KEYS]; /* key.h; 0 ends */
    const char *keys;        /* as people read them: "j k" */
    const char *what;        /* a line of the help */
    const char *hint;        /* a word for the hint row; NULL: none there */
    /* Sets reply->used where the key meant something. */
    void (*press)(void *state, const struct view_input *in, int key,
                  struct view_reply *reply);
};

struct view_kind {
    const char *name;             /* as in `show overview` */
    const char *title;            /* on its tab */
    char key;                     /* '1'.. or '?' */
    const char *help;             /* one sentence */
    const struct view_bind *keys; /* ends with a NULL press */
    size_t state_size;            /* private state, zeroed by the framework */
    void (*draw)(void *state, const struct view_input *in, struct canvas *to,
                 struct rect area, bool focused);
    /* Frees what the state owns; may be NULL: nothing. */
    void (*done)(void *state);
    /* `show NAME WORDS`: words is what follows the name, not empty; false
     * when the view cannot make sense of them.  May be NULL: takes none. */
    bool (*open)(void *state, const struct view_input *in, const char *words);
    /* What sheets it wants from the job thread; may be NULL: none special. */
    void (*wish)(void *state, const struct view_input *in,
                 struct board_wish *wish);
    /* Text search ("/"), called as the text is typed, "" when it was given
     * up; may be NULL: nothing to search. */
    void (*search)(void *state, const struct view_input *in, const char *text);
    /* Button 1 at (row, col) of the area drawn last; may be NULL. */
    void (*click)(void *state, const struct view_input *in, int row, int col,
                  struct view_reply *reply);
};

/* In views.def order, NULL at the end. */
extern const struct view_kind *const view_kinds[];
/* Their names, likewise, for the `show` command. */
extern const char *const view_names[];
enum {
#define VIEW(name) VIEW_##name,
#include "ui/views.def"
#undef VIEW
    VIEW_COUNT
};

/* The place in view_kinds of the view called name, or of the one a prefix of
 * it names alone; -1: none. */
int view_find(const char *name);
/* Gives the key to the row of kind that has it; reply is cleared first. */
void view_press(const struct view_kind *kind, void *state,
                const struct view_input *in, int key, struct view_reply *reply);

/* What a view says that has nothing to show. */
void view_says(struct pane p, const char *text);
/* Is there a layer with weights of that name?  s may be NULL: none. */
bool view_layer_find(const struct layers_sheet *s, const char *name);
/* The name of the layer by (1 or -1) layers from the one called now, along
 * those with weights and round; NULL: there are none. */
const char *view_layer_next(const struct layers_sheet *s, const char *now,
                            int by);

#endif
