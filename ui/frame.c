#include "ui/frame.h"

#include <stdio.h>
#include <string.h>

#include "ui/header.h"
#include "ui/keys.h"
#include "ui/prompt.h"
#include "ui/words.h"

enum { POPUP_ROWS = 12, LESSON_LEAST = 3 };

/* How the tabs are written: parted by rules where there is room for that; else
 * close together, and titles of views that are not shown cut to some letters.
 */
struct tabs {
    bool close;
    int letters;
};

static bool is_shown(const struct screen *s, int view)
{
    return view == s->shown[0] || view == s->shown[1];
}

static int tab_letters(const struct screen *s, struct tabs t, int view)
{
    int all = (int)strlen(view_kinds[view]->title);

    return is_shown(s, view) || all < t.letters ? all : t.letters;
}

/* From one tab's first column, a bracket's or a blank's, to the next one's;
 * close tabs share it with the last column of the tab before. */
static int tab_step(const struct screen *s, struct tabs t, int view)
{
    return tab_letters(s, t, view) + (t.close ? 3 : 5);
}

static int tabs_width(const struct screen *s, struct tabs t)
{
    int width = 1, i;

    for (i = 0; i < VIEW_COUNT; i++)
        width += tab_step(s, t, i);
    return width;
}

static struct tabs tabs_fit(const struct screen *s, int cols)
{
    struct tabs t = {.close = false, .letters = 99};

    if (tabs_width(s, t) <= cols)
        return t;
    t.close = true;
    if (tabs_width(s, t) <= cols)
        return t;
    for (t.letters = 12; t.letters > 1 && tabs_width(s, t) > cols;
         t.letters--) {
    }
    return t;
}

int frame_tab_at(const struct screen *s, int row, int col)
{
    const struct rect *body = &s->layout.body[0];
    struct tabs t = tabs_fit(s, s->layout.header.cols);
    int at = t.close ? 0 : 1, i;

    if (!s->layout.roomy || row != body->row)
        return -1;
    for (i = 0; i < VIEW_COUNT; i++) {
        if (col >= at && col < at + tab_step(s, t, i))
            return i;
        at += tab_step(s, t, i);
    }
    return -1;
}

/* "─ 1 Overview ─[2 Layer]─ …": views on the screen stand in brackets, the
 * one with the keys is lit. */
static void draw_tabs(const struct screen *s, struct pane p)
{
    struct tabs t = tabs_fit(s, p.at.cols);
    int at = t.close ? 0 : 1, i;

    pane_rule(p, 0, NULL);
    for (i = 0; i < VIEW_COUNT; i++) {
        const struct view_kind *k = view_kinds[i];
        bool shown = is_shown(s, i), first = !t.close || i == 0;
        char text[48];

        snprintf(text, sizeof(text), "%s%c %.*s%c",
                 shown   ? "["
                 : first ? " "
                         : "",
                 k->key, tab_letters(s, t, i), k->title, shown ? ']' : ' ');
        pane_text(p, 0, shown || first ? at : at + 1,
                  i == s->at ? ROLE_SELECTED
                  : shown    ? ROLE_TITLE
                             : ROLE_NORMAL,
                  text);
        if (!shown)
            pane_put(p, 0, at + 1, ROLE_KEY, (unsigned char)k->key);
        at += tab_step(s, t, i);
    }
}

/* How high the panel of a lesson is, off the bottom of the views. */
static int lesson_rows(const struct status_sheet *st, struct canvas *to,
                       int rows)
{
    struct pane inside = pane_at(to, (struct rect){0, 0, 1, to->cols - 4});
    int want = pane_wrap_rows(inside, st->lesson_text) + 2;

    if (want < LESSON_LEAST)
        want = LESSON_LEAST;
    return want > rows * 3 / 5 ? rows * 3 / 5 : want;
}

/* The title without its full stop, and the step that is shown or on its way. */
static void lesson_title(const struct status_sheet *st, char *to, size_t size)
{
    const char *title = *st->lesson_title ? st->lesson_title : "Lesson";
    int len = (int)strlen(title), step = st->lesson_step + 1;

    if (title[len - 1] == '.')
        len--;
    snprintf(to, size, "%.*s · %d of %d", len, title,
             step < st->lesson_steps ? step : st->lesson_steps,
             st->lesson_steps);
}

static void draw_lesson(const struct status_sheet *st, struct pane p)
{
    char title[TEXT_SIZE + 32];
    struct pane inside;

    lesson_title(st, title, sizeof(title));
    inside = pane_box(p, ROLE_ACCENT, title);
    (void)pane_take_left(&inside, 1);
    (void)pane_take_right(&inside, 1);
    pane_wrap(inside, 0, ROLE_NORMAL, st->lesson_text);
    if (st->lesson_waits)
        pane_field(pane_sub(p, (struct rect){p.at.rows - 1, 0, 1, p.at.cols}),
                   0, p.at.cols - 17, 15, ALIGN_LEFT, ROLE_KEY,
                   " Space: go on ");
}

/* Takes rows off the lower end of what the views have. */
static struct rect cut_bottom(struct layout *l, int rows)
{
    struct rect *low = l->panes == 2 && l->body[1].row > l->body[0].row
                           ? &l->body[1]
                           : &l->body[0];
    struct rect out;

    if (rows > low->rows)
        rows = low->rows;
    out = (struct rect){low->row + low->rows - rows, low->col, rows, low->cols};
    low->rows -= rows;
    if (l->panes == 2 && low == &l->body[0]) {
        l->body[1].rows -= rows;
        l->divider.rows -= rows;
        out.cols = l->body[1].col + l->body[1].cols - out.col;
    }
    return out;
}

static void cut_top(struct layout *l)
{
    bool beside = l->panes == 2 && l->body[1].row == l->body[0].row;
    int i;

    for (i = 0; i < (beside ? 2 : 1); i++)
        if (l->body[i].rows > 0) {
            l->body[i].row++;
            l->body[i].rows--;
        }
    if (beside && l->divider.rows > 0) {
        l->divider.row++;
        l->divider.rows--;
    }
}

static void draw_views(struct screen *s, const struct layout *l,
                       struct canvas *to)
{
    int i;

    for (i = 0; i < 2; i++) {
        const struct view_kind *k;

        s->area[i] = l->body[i];
        if (s->shown[i] < 0)
            continue;
        k = view_kinds[s->shown[i]];
        k->draw(s->state[s->shown[i]], &s->in, to, l->body[i],
                s->shown[i] == s->at);
    }
    if (l->panes == 2 && l->divider.rows > 1)
        pane_divider(pane_at(to, l->divider), 0);
    else if (l->panes == 2)
        pane_rule(pane_at(to, l->divider), 0, NULL);
}

/* Hints of rows with `last` as given, as far as they fit; the column after. */
static int draw_hint(struct pane p, int col, const char *keys, const char *hint)
{
    int width = canvas_width(p.canvas, keys) + canvas_width(p.canvas, hint) + 3;

    if (!hint || col + width > p.at.cols)
        return col;
    col = pane_text(p, 0, col, ROLE_KEY, keys);
    col = pane_text(p, 0, col + 1, ROLE_DIM, hint);
    return col + 2;
}

static void draw_hints(const struct screen *s, struct pane p)
{
    const struct view_bind *b;
    const struct key_row *r;
    struct pane end;
    int width = 0, col = 0;

    for (r = key_rows; r->keys; r++)
        if (r->last && r->hint)
            width += canvas_width(p.canvas, r->keys) +
                     canvas_width(p.canvas, r->hint) + 3;
    end = pane_take_right(&p, width < p.at.cols ? width : p.at.cols);
    for (r = key_rows; r->keys; r++)
        if (r->last && r->hint)
            col = draw_hint(end, col, r->keys, r->hint);
    col = 1;
    for (r = key_rows; r->keys; r++)
        if (!r->last && key_hint(r, s->in.status))
            col = draw_hint(p, col, r->keys, key_hint(r, s->in.status));
    for (b = view_kinds[s->at]->keys; b->press; b++)
        if (b->hint)
            col = draw_hint(p, col, b->keys, b->hint);
}

/* "3 wait: undo, …, step  X take the last back": the next one, and the one
 * that the key would take; the column after. */
static int draw_waiting(const struct screen *s, struct pane p)
{
    const struct status_sheet *st = s->in.status;
    const char *hint = st->waiting == 1 ? "take it back" : "take the last back";
    int room = p.at.cols - (int)strlen(hint) - 7, width;
    char text[2 * TEXT_SIZE + 32];

    if (st->waiting == 1)
        snprintf(text, sizeof(text), "waits: %s", st->waits_first);
    else
        snprintf(text, sizeof(text), "%d wait: %s,%s %s", st->waiting,
                 st->waits_first, st->waiting > 2 ? " …," : "", st->waits_last);
    width = canvas_width(p.canvas, text);
    if (width > room)
        width = room;
    pane_field(p, 0, 1, width, ALIGN_LEFT, ROLE_WARN, text);
    return draw_hint(p, width + 3, "X", hint);
}

/* The message where there is one, or what waits; hints in the room that they
 * leave. */
static void draw_message(const struct screen *s, struct pane p)
{
    int col;

    if (*s->note) {
        col = pane_text(p, 0, 1, s->note_role, s->note);
    } else if (screen_waiting(s) > 0) {
        col = draw_waiting(s, p);
    } else {
        draw_hints(s, p);
        return;
    }
    if (col + 40 > p.at.cols)
        return;
    (void)pane_take_left(&p, col + 2);
    draw_hints(s, p);
}

/* An error that is longer than the message row is shown whole, over the views
 * until a key is pressed. */
static void draw_error(const struct screen *s, const struct layout *l,
                       struct canvas *to)
{
    int low = l->strip.rows > 0 ? l->strip.row : l->message.row, rows;
    struct pane inside = pane_at(to, (struct rect){0, 0, 1, to->cols - 4});

    if (s->note_role != ROLE_BAD ||
        canvas_width(to, s->note) <= l->message.cols - 1)
        return;
    rows = pane_wrap_rows(inside, s->note) + 2;
    inside = pane_box(pane_at(to, (struct rect){low - rows, 0, rows, to->cols}),
                      ROLE_BAD, NULL);
    (void)pane_take_left(&inside, 1);
    pane_wrap(inside, 0, ROLE_NORMAL, s->note);
}

/* No room for views: says so, and that nothing has stopped; but an error or the
 * question whether to leave comes first. */
static void draw_cramped(const struct screen *s, struct pane p,
                         const struct canvas *to)
{
    const struct status_sheet *st = s->in.status;
    char share[WORDS_SIZE];

    if (*s->note && (s->note_role == ROLE_BAD || s->quit_asked))
        pane_text(p, 0, 0, s->note_role, s->note);
    else if (st && st->job != JOB_IDLE && st->progress >= 0)
        pane_textf(p, 0, 0, ROLE_WARN, "%dx%d is too small, want %dx%d; %s %s",
                   to->cols, to->rows, LAYOUT_COLS, LAYOUT_ROWS, st->phase,
                   words_percent(st->progress, 0, share));
    else
        pane_textf(p, 0, 0, ROLE_WARN, "%dx%d is too small, want %dx%d",
                   to->cols, to->rows, LAYOUT_COLS, LAYOUT_ROWS);
}

/* Which views there is room for. */
static void choose_views(struct screen *s)
{
    s->shown[0] = s->at;
    s->shown[1] = -1;
    if (!s->layout.roomy) {
        s->shown[0] = -1;
    } else if (s->layout.panes == 2) {
        s->shown[0] = VIEW_overview;
        s->shown[1] = s->beside;
    }
}

static void place(struct screen *s, const struct canvas *to)
{
    struct layout_want want = {.panes = 1, .prompt = s->prompt};

    if (!s->single && (to->cols >= SCREEN_WIDE || to->cols < LAYOUT_WIDE))
        want.panes = 2;
    if (s->prompt && prompt_list()) {
        want.popup_cols = to->cols;
        want.popup_rows = prompt_list_rows(to->cols - 2) + 2;
        if (want.popup_rows > POPUP_ROWS)
            want.popup_rows = POPUP_ROWS;
    }
    layout_make(to->rows, to->cols, &want, &s->layout);
    choose_views(s);
}

static void draw_prompt(const struct screen *s, struct canvas *to)
{
    struct pane p = pane_at(to, s->layout.popup);

    prompt_draw(pane_at(to, s->layout.prompt));
    if (s->layout.popup.rows > 2)
        prompt_draw_list(pane_box(p, ROLE_POPUP, NULL));
}

void frame_draw(struct screen *s, struct canvas *to)
{
    const struct status_sheet *st = s->in.status;
    struct layout l;
    struct rect lesson = {0, 0, 0, 0};

    canvas_clear(to);
    place(s, to);
    l = s->layout;
    if (!l.roomy) {
        draw_cramped(s, pane_at(to, l.message), to);
    } else {
        header_draw(pane_at(to, l.header), st);
        draw_tabs(s, pane_at(to, (struct rect){l.body[0].row, 0, 1, to->cols}));
        cut_top(&l);
        if (st && st->lesson)
            lesson = cut_bottom(&l, lesson_rows(st, to, l.body[0].rows));
        draw_views(s, &l, to);
        if (lesson.rows)
            draw_lesson(st, pane_at(to, lesson));
        header_strip(pane_at(to, l.strip), s->in.history);
        draw_message(s, pane_at(to, l.message));
        draw_error(s, &l, to);
    }
    if (s->prompt)
        draw_prompt(s, to);
}
