/* Commands and what they said, newest below. */
#include <stdio.h>
#include <string.h>

#include "ui/list.h"
#include "ui/view.h"

struct log_view {
    int back;       /* entries between the last one and the lowest shown */
    long long seen; /* number after the last entry, to stay in place */
    char find[64];  /* only entries with this are shown; "": all */
    int shown;      /* entries on the screen */
    bool answer;    /* the next frame starts with the last command */
};

static const struct {
    const char *sign;
    enum role role;
} kinds[] = {
    [LOG_COMMAND] = {":", ROLE_KEY}, [LOG_RESULT] = {" ", ROLE_NORMAL},
    [LOG_NOTE] = {"·", ROLE_DIM},    [LOG_ERROR] = {"!", ROLE_BAD},
    [LOG_SAY] = {"\"", ROLE_ACCENT}, [LOG_ASIDE] = {"·", ROLE_DIM},
};

static const char *entry_text(const struct log_entry *e)
{
    return e->text ? e->text : "";
}

static bool entry_shown(const struct log_view *v, const struct log_entry *e)
{
    return !*v->find || strstr(entry_text(e), v->find);
}

/* The entry before i (or i itself) that is shown, or -1. */
static int shown_before(const struct log_view *v, const struct log_sheet *s,
                        int i)
{
    while (i >= 0 && !entry_shown(v, &s->entry[i]))
        i--;
    return i;
}

enum { TEXT_COL = 11 };

static struct pane text_pane(struct pane p)
{
    (void)pane_take_left(&p, TEXT_COL);
    return p;
}

static int entry_rows(struct pane p, const struct log_entry *e)
{
    int rows = pane_wrap_rows(text_pane(p), entry_text(e));

    return rows > 1 ? rows : 1;
}

static void draw_entry(struct pane p, int row, const struct log_entry *e)
{
    size_t kind = (size_t)e->kind < sizeof(kinds) / sizeof(kinds[0])
                      ? (size_t)e->kind
                      : (size_t)LOG_NOTE;

    if (e->seconds >= 0 && e->seconds < 1e7)
        pane_fieldf(p, row, 0, 8, ALIGN_RIGHT, ROLE_DIM, "%.1f", e->seconds);
    pane_text(p, row, 9, kinds[kind].role, kinds[kind].sign);
    pane_wrap(text_pane(p), row, kinds[kind].role, entry_text(e));
}

/* Keeps what is read in place while new entries come. */
static void stay(struct log_view *v, const struct log_sheet *s)
{
    long long end = s->first + s->count;

    if (v->back > 0 && end > v->seen)
        v->back += (int)(end - v->seen < s->count ? end - v->seen : s->count);
    v->seen = end;
    if (v->back > s->count - 1)
        v->back = s->count > 0 ? s->count - 1 : 0;
}

/* An answer longer than the view is read from its beginning. */
static void start_with_answer(struct log_view *v, const struct log_sheet *s,
                              struct pane p)
{
    int i = s->count - 1, rows = 0;

    v->back = 0;
    v->answer = false;
    while (i > 0 && s->entry[i].kind != LOG_COMMAND)
        i--;
    for (; i < s->count && rows <= p.at.rows; i++)
        rows += entry_rows(p, &s->entry[i]);
    if (rows <= p.at.rows)
        return;
    /* The last one is too much, and there is a row that says so. */
    while (i > 1 && rows > p.at.rows - 1)
        rows -= entry_rows(p, &s->entry[--i]);
    v->back = s->count - i;
}

static void log_draw(void *state, const struct view_input *in,
                     struct canvas *to, struct rect area, bool focused)
{
    struct log_view *v = state;
    struct pane p = pane_at(to, area);
    const struct log_sheet *s = in->log;
    int i, row;

    (void)focused;
    if (!s || s->count <= 0) {
        pane_text(p, 1, 2, ROLE_DIM, "nothing said yet");
        return;
    }
    stay(v, s);
    if (v->answer)
        start_with_answer(v, s, p);
    if (*v->find || v->back) {
        struct pane says = pane_take_bottom(&p, 1);

        pane_textf(says, 0, 0, ROLE_DIM, "%s%s%s%s", *v->find ? "with " : "",
                   v->find, *v->find ? "  " : "",
                   v->back ? "newer lines below: G goes to the last" : "");
    }
    row = p.at.rows;
    i = shown_before(v, s, s->count - 1 - v->back);
    if (i < 0)
        pane_text(p, 1, 2, ROLE_DIM, "no line has it");
    v->shown = 0;
    while (row > 0 && i >= 0) {
        row -= entry_rows(p, &s->entry[i]);
        v->shown++;
        i = shown_before(v, s, i - 1);
    }
    /* Fewer than fill the view start at its top. */
    row = row > 0 ? 0 : row;
    for (i++; i < s->count && row < p.at.rows; i++)
        if (entry_shown(v, &s->entry[i])) {
            draw_entry(p, row, &s->entry[i]);
            row += entry_rows(p, &s->entry[i]);
        }
}

static void log_move(void *state, const struct view_input *in, int key,
                     struct view_reply *reply)
{
    struct log_view *v = state;
    int count = in->log ? in->log->count : 0;
    int page = v->shown > 2 ? v->shown - 1 : 1;

    reply->used = true;
    switch (list_arrow(key)) {
    case VIEW_KEY_UP:
        v->back++;
        break;
    case VIEW_KEY_DOWN:
        v->back--;
        break;
    case VIEW_KEY_PAGE_UP:
        v->back += page;
        break;
    case VIEW_KEY_PAGE_DOWN:
        v->back -= page;
        break;
    case VIEW_KEY_HOME:
        v->back = count - v->shown;
        break;
    default:
        v->back = 0;
        break;
    }
    if (v->back > count - v->shown)
        v->back = count - v->shown;
    if (v->back < 0)
        v->back = 0;
}

static void log_search(void *state, const struct view_input *in,
                       const char *text)
{
    struct log_view *v = state;

    (void)in;
    snprintf(v->find, sizeof(v->find), "%s", text);
    v->back = 0;
}

/* "show log answer" */
static bool log_open(void *state, const struct view_input *in,
                     const char *words)
{
    struct log_view *v = state;

    (void)in;
    if (strcmp(words, "answer") != 0)
        return false;
    v->find[0] = '\0';
    v->answer = true;
    return true;
}

static void log_all(void *state, const struct view_input *in, int key,
                    struct view_reply *reply)
{
    struct log_view *v = state;

    (void)in;
    (void)key;
    reply->used = *v->find || v->back;
    v->find[0] = '\0';
    v->back = 0;
}

/* clang-format off */
static const struct view_bind log_keys[] = {
    {{LIST_KEYS}, "j k", "scroll; G goes to the newest line", "scroll",
     log_move},
    {{VIEW_KEY_ESCAPE}, "Esc", "all lines again, after a search", NULL,
     log_all},
    {.press = NULL},
};
/* clang-format on */

extern const struct view_kind log_view;
const struct view_kind log_view = {
    .name = "log",
    .title = "Log",
    .key = '9',
    .help = "the commands that were given, by key or by name, and what came "
            "of them",
    .keys = log_keys,
    .state_size = sizeof(struct log_view),
    .draw = log_draw,
    .open = log_open,
    .search = log_search,
};
