#include "ui/keys.h"

#include <stdio.h>

#include "ui/screen.h"

enum { CTRL = 0x1F };

/* clang-format off */
const struct key_row key_rows[] = {
    {{' '}, "Space", "run the schedule; pause; go on", "run", NULL,
     screen_run_or_pause, false},
    {{'n'}, "n", "the next step: prune, re-estimate, fine-tune", "step",
     "step", NULL, false},
    {{'u'}, "u", "undo: back to the stage before", "undo", "undo", NULL,
     false},
    {{'R' & CTRL}, "Ctrl-R", "redo", NULL, "redo", NULL, false},
    {{'C' & CTRL}, "Ctrl-C", "stop the job at the next mini-batch", NULL,
     NULL, screen_stop, false},
    {{'X', TERM_KEY_DELETE}, "X", "take back the command that waits last", NULL,
     NULL, screen_take_back, false},
    {{':'}, ":", "type a command; Tab completes", "command", NULL,
     screen_prompt, true},
    {{'/'}, "/", "search in the view", NULL, NULL, screen_search_open, false},
    {{VIEW_KEY_TAB}, "Tab", "the other view, or the next", NULL, NULL,
     screen_next, false},
    {{VIEW_KEY_BACK_TAB}, "S-Tab", "the other view, or the one before", NULL,
     NULL, screen_previous, false},
    {{VIEW_KEY_ESCAPE, VIEW_KEY_BACKSPACE}, "Esc", "back to the view before",
     NULL, NULL, screen_back, false},
    {{'|'}, "|", "one view, or two where there is room", NULL, NULL,
     screen_split, false},
    {{'?'}, "?", "help on the keys of the view, and on commands", "help",
     NULL, screen_help, true},
    {{'L' & CTRL}, "Ctrl-L", "draw the screen afresh", NULL, NULL,
     screen_repaint, false},
    {{'Z' & CTRL}, "Ctrl-Z", "suspend; fg comes back", NULL, NULL,
     screen_suspend, false},
    {{'q'}, "q", "save and leave", "quit", NULL, screen_quit, true},
    {.keys = NULL},
};
/* clang-format on */

const struct key_row *key_find(int key)
{
    const struct key_row *r;
    int i;

    for (r = key_rows; r->keys; r++)
        for (i = 0; i < KEY_ROW_KEYS && r->key[i]; i++)
            if (r->key[i] == key)
                return r;
    return NULL;
}

const char *key_hint(const struct key_row *row,
                     const struct status_sheet *status)
{
    if (!row->hint || !status || row->act != screen_run_or_pause)
        return row->hint;
    if (status->lesson_waits || status->job == JOB_PAUSED)
        return "go on";
    return status->job == JOB_IDLE ? row->hint : "pause";
}

const char *key_name(int key, char *buf)
{
    static const struct {
        int key;
        const char *name;
    } names[] = {
        {' ', "Space"},
        {VIEW_KEY_UP, "Up"},
        {VIEW_KEY_DOWN, "Down"},
        {VIEW_KEY_LEFT, "Left"},
        {VIEW_KEY_RIGHT, "Right"},
        {VIEW_KEY_PAGE_UP, "PgUp"},
        {VIEW_KEY_PAGE_DOWN, "PgDn"},
        {VIEW_KEY_HOME, "Home"},
        {VIEW_KEY_END, "End"},
        {VIEW_KEY_ENTER, "Enter"},
        {VIEW_KEY_ESCAPE, "Esc"},
        {VIEW_KEY_TAB, "Tab"},
        {VIEW_KEY_BACK_TAB, "S-Tab"},
        {VIEW_KEY_BACKSPACE, "Backspace"},
        {TERM_KEY_DELETE, "Del"},
        {TERM_KEY_INSERT, "Ins"},
    };
    size_t i;

    snprintf(buf, KEY_NAME_SIZE, "that key");
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].key == key)
            snprintf(buf, KEY_NAME_SIZE, "%s", names[i].name);
    if (key >= TERM_KEY_F1)
        snprintf(buf, KEY_NAME_SIZE, "F%d", key - TERM_KEY_F1 + 1);
    else if (key > 0 && key < ' ')
        snprintf(buf, KEY_NAME_SIZE, "Ctrl-%c", key + 'A' - 1);
    else if (key > ' ' && key < 0x7F)
        snprintf(buf, KEY_NAME_SIZE, "%c", key);
    return buf;
}
