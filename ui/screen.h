/*
 * What is on the screen and what keys do to it, without a terminal: the loop
 * feeds keys and sheets and shows the frames; a test does the same.
 * Threads: main thread only.
 */
#ifndef UI_SCREEN_H
#define UI_SCREEN_H

#include <stdbool.h>

#include "engine/board.h"
#include "ui/layout.h"
#include "ui/view.h"

/* From here on two views stand side by side. */
enum { SCREEN_WIDE = 140 };

/* Where the screen's commands go; all return at once. */
struct screen_hooks {
    void *arg;
    void (*post)(void *arg, const char *line);
    void (*stop)(void *arg);
    void (*pause)(void *arg, bool on);
    void (*go_on)(void *arg); /* the lesson */
};

/* What the loop is to do next; screen_wants clears it. */
enum {
    SCREEN_QUIT = 1,
    SCREEN_SUSPEND = 2,
    SCREEN_REPAINT = 4,
    SCREEN_PROMPT = 8, /* open the prompt with the sign ":" */
    SCREEN_SEARCH = 16 /* … with "/" */
};

struct screen {
    struct view_input in; /* holds a reference to each sheet */
    const void *sheet[SHEET_COUNT];
    void *state[VIEW_COUNT];
    int at;     /* the view that has the keys */
    int beside; /* the view beside the overview where two fit */
    int before; /* where Esc goes back to */
    bool single;
    char note[512]; /* last message, or "" */
    enum role note_role;
    long long said;       /* number after the last log entry noted */
    unsigned long shows;  /* of the status sheet, obeyed so far */
    bool quit_asked;      /* q was pressed while a job runs */
    bool touched;         /* a key was pressed, or the mouse */
    bool prompt;          /* the prompt is open */
    unsigned wants;       /* SCREEN_* */
    struct layout layout; /* of the last frame */
    struct rect area[2];  /* of the views in it */
    int shown[2];         /* which they are; -1: none */
    struct screen_hooks hooks;
};

/* commands: as engine_commands, or NULL; borrowed. */
void screen_init(struct screen *s, const struct screen_hooks *hooks,
                 const struct command_help *commands);
void screen_done(struct screen *s);

/* Takes the newest sheets; true when one changed. */
bool screen_take(struct screen *s, struct board *b);
/* What the views on the screen would like to see. */
void screen_wish(struct screen *s, struct board_wish *wish);

void screen_key(struct screen *s, int key);
void screen_click(struct screen *s, int row, int col);
/* Wheel at (row, col): key is VIEW_KEY_UP or _DOWN. */
void screen_wheel(struct screen *s, int row, int col, int key);
/* A line typed at the ":" prompt. */
void screen_line(struct screen *s, const char *line);
/* The text typed so far at the "/" prompt; "" gives up. */
void screen_search(struct screen *s, const char *text);
/* Goes to "layer fc1"; false and a note when there is no such view. */
bool screen_show(struct screen *s, const char *words);
void screen_say(struct screen *s, enum role role, const char *text);
unsigned screen_wants(struct screen *s);
/* How many commands wait for the job that runs. */
int screen_waiting(const struct screen *s);

/* What the rows of keys.c do. */
void screen_run_or_pause(struct screen *s);
void screen_stop(struct screen *s);
void screen_take_back(struct screen *s);
void screen_prompt(struct screen *s);
void screen_search_open(struct screen *s);
void screen_next(struct screen *s);
void screen_previous(struct screen *s);
void screen_back(struct screen *s);
void screen_split(struct screen *s);
void screen_help(struct screen *s);
void screen_repaint(struct screen *s);
void screen_suspend(struct screen *s);
void screen_quit(struct screen *s);

#endif
