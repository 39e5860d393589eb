/* Keys of the view one comes from, keys that always work, commands. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "ui/keys.h"
#include "ui/list.h"
#include "ui/view.h"

struct help_view {
    int top, rows, lines; /* first line shown, how many fit, how many are */
    char find[64];        /* only entries with this; "": all */
};

/* Writes lines one by one and draws those that are on the screen. */
struct writer {
    struct help_view *view;
    struct pane p;
    int line;
    const char *section; /* title that waits for its first entry */
};

enum { KEYS_COLS = 12 };

/* Whether the text has the word, capitals or not. */
static bool has_word(const char *text, const char *word)
{
    size_t i, n = strlen(word);

    for (; *text; text++) {
        for (i = 0; i < n; i++)
            if (tolower((unsigned char)text[i]) !=
                tolower((unsigned char)word[i]))
                break;
        if (i == n)
            return true;
    }
    return n == 0;
}

static int row_of(const struct writer *w)
{
    return w->line - w->view->top;
}

static void write_title(struct writer *w)
{
    if (!w->section)
        return;
    if (w->line > 0)
        w->line++;
    pane_text(w->p, row_of(w), 1, ROLE_TITLE, w->section);
    w->line++;
    w->section = NULL;
}

/* An entry: what one types, and what it does, wrapped beside it. */
static void write_entry(struct writer *w, const char *left, const char *text,
                        int indent)
{
    struct pane right =
        pane_sub(w->p, (struct rect){0, indent, w->p.at.rows,
                                     w->p.at.cols - indent - 1});
    int end;

    if (!has_word(left, w->view->find) && !has_word(text, w->view->find))
        return;
    write_title(w);
    end = pane_text(w->p, row_of(w), 3, ROLE_KEY, left);
    if (end + 1 >= indent)
        w->line++;
    end = pane_wrap(right, row_of(w), ROLE_NORMAL, text) + w->view->top;
    w->line = end > w->line ? end : w->line + 1;
}

static void write_view_keys(struct writer *w, const struct view_kind *kind)
{
    const struct view_bind *b;
    char title[64];

    snprintf(title, sizeof(title), "Keys of the %s view", kind->title);
    w->section = title;
    for (b = kind->keys; b->press; b++)
        if (b->what)
            write_entry(w, b->keys, b->what, KEYS_COLS + 3);
    w->section = NULL;
}

static void write_keys(struct writer *w)
{
    const struct key_row *r;
    char text[192];
    int i;

    w->section = "Views";
    for (i = 0; view_kinds[i]; i++) {
        snprintf(text, sizeof(text), "%s: %s", view_kinds[i]->title,
                 view_kinds[i]->help);
        write_entry(w, (char[]){view_kinds[i]->key, '\0'}, text, KEYS_COLS + 3);
    }
    w->section = "Keys that work everywhere";
    for (r = key_rows; r->keys; r++) {
        if (r->command)
            snprintf(text, sizeof(text), "%s (:%s)", r->what, r->command);
        else
            snprintf(text, sizeof(text), "%s", r->what);
        write_entry(w, r->keys, text, KEYS_COLS + 3);
    }
}

static void write_commands(struct writer *w, const struct command_help *c)
{
    const char *group = NULL;
    char left[192], title[96];

    for (; c && c->name; c++) {
        if (!group || strcmp(group, c->group) != 0) {
            group = c->group;
            snprintf(title, sizeof(title), "Commands: %s", group);
            w->section = title;
        }
        snprintf(left, sizeof(left), ":%s %s", c->name, c->usage);
        write_entry(w, left, c->help, KEYS_COLS + 3);
    }
}

static void write_all(struct writer *w, const struct view_input *in)
{
    const char *none = "no key and no command has it";

    if (in->asked)
        write_view_keys(w, in->asked);
    write_keys(w);
    write_commands(w, in->commands);
    if (w->line == 0)
        pane_text(w->p, 1, 2, ROLE_DIM, none);
}

static void help_draw(void *state, const struct view_input *in,
                      struct canvas *to, struct rect area, bool focused)
{
    struct help_view *v = state;
    struct pane p = pane_at(to, area);
    struct writer w = {.view = v, .p = p};
    struct pane says = pane_take_bottom(&w.p, p.at.rows > 4 ? 1 : 0);
    int most;

    (void)focused;
    v->rows = w.p.at.rows;
    write_all(&w, in);
    v->lines = w.line;
    most = v->lines > v->rows ? v->lines - v->rows : 0;
    if (v->top > most) {
        /* The list got shorter: once more, from where it now ends. */
        v->top = most;
        pane_fill(p, ROLE_NORMAL);
        w.line = 0;
        write_all(&w, in);
    }
    if (*v->find)
        pane_textf(says, 0, 1, ROLE_DIM, "with \"%s\"; Esc shows all", v->find);
    else if (v->top < most)
        pane_textf(says, 0, 1, ROLE_DIM, "%d more lines below; / searches",
                   most - v->top);
}

static void help_move(void *state, const struct view_input *in, int key,
                      struct view_reply *reply)
{
    struct help_view *v = state;
    struct list l = {.at = v->top, .count = v->lines, .rows = v->rows};

    (void)in;
    reply->used = list_key(&l, key);
    v->top = l.at;
    if (v->top > v->lines - v->rows)
        v->top = v->lines - v->rows;
    if (v->top < 0)
        v->top = 0;
}

static void help_search(void *state, const struct view_input *in,
                        const char *text)
{
    struct help_view *v = state;

    (void)in;
    snprintf(v->find, sizeof(v->find), "%s", text);
    v->top = 0;
}

static void help_all(void *state, const struct view_input *in, int key,
                     struct view_reply *reply)
{
    struct help_view *v = state;

    (void)in;
    (void)key;
    reply->used = *v->find != '\0';
    v->find[0] = '\0';
}

/* clang-format off */
static const struct view_bind help_keys[] = {
    {{LIST_KEYS}, "j k", "scroll", "scroll", help_move},
    {{VIEW_KEY_ESCAPE}, "Esc", "all of it again, after a search", NULL,
     help_all},
    {.press = NULL},
};
/* clang-format on */

extern const struct view_kind help_view;
const struct view_kind help_view = {
    .name = "help",
    .title = "Help",
    .key = '?',
    .help = "keys and commands; / searches them",
    .keys = help_keys,
    .state_size = sizeof(struct help_view),
    .draw = help_draw,
    .search = help_search,
};
