/*
 * Early exits: what a threshold gives, before it is taken.  The curve and the
 * samples' scores come from the job thread; the slider is answered here.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "ui/exits_parts.h"
#include "ui/list.h"
#include "ui/view.h"
#include "ui/words.h"

/* Below this one part is shown, from the others on four. */
enum { SPLIT_COLS = 64, ALL_COLS = 110, ALL_ROWS = 34, LEAP = 16 };

struct exits_view {
    bool moved;                   /* thresholds are the user's own … */
    double threshold[EXITS_MOST]; /* … these */
    int chosen;                   /* 0: all exits, else the exit, from 1 */
    int part;                     /* beside the chart, or alone */
    bool alone, ms;
    double *late; /* scratch: classes */
    int classes;
};

/* The thresholds shown: the user's, else those in force. */
static const double *thresholds(struct exits_view *v,
                                const struct exits_sheet *s)
{
    int k;

    for (k = 0; k < EXITS_MOST && !v->moved; k++)
        v->threshold[k] = s->row[k].threshold;
    return v->threshold;
}

static bool is_common(const struct exits_view *v, const struct exits_sheet *s)
{
    int k;

    for (k = 1; k < s->exits - 1; k++)
        if (v->threshold[k] != v->threshold[0])
            return false;
    return true;
}

static void threshold_add(const struct exits_sheet *s, double value,
                          const char *format, struct str *out)
{
    char number[48];

    if (s->falling ? !(value > 0) : isinf(value) && value > 0) {
        str_add(out, "never");
        return;
    }
    snprintf(number, sizeof(number), format[0] == 'w' ? "%.4g" : "%.9g", value);
    str_add(out, number);
}

/* "0.912" or "0.912, never": in words, or as the command has it. */
static void thresholds_add(const struct exits_view *v,
                           const struct exits_sheet *s, bool words,
                           struct str *out)
{
    int n = is_common(v, s) ? 1 : s->exits - 1, k;

    for (k = 0; k < n; k++) {
        str_add(out, k == 0 ? "" : words ? ", " : ",");
        threshold_add(s, v->threshold[k], words ? "w" : "c", out);
    }
}

static void draw_title(const struct exits_view *v, const struct exits_sheet *s,
                       const struct exits_try *now, struct pane p)
{
    struct str text = {0};
    char a[WORDS_SIZE], b[WORDS_SIZE], n[WORDS_SIZE];
    int col, last = s->exits - 1;

    thresholds_add(v, s, true, &text);
    col = pane_textf(p, 0, 0, ROLE_TITLE, "leave by %s ", s->by);
    col = pane_textf(p, 0, col, v->moved ? ROLE_ACCENT : ROLE_NORMAL, "%s %s",
                     s->falling ? "below" : "from", text.text);
    col = pane_text(p, 0, col, ROLE_DIM,
                    v->moved ? "  tried: Enter takes it" : "  in force");
    str_clear(&text);
    str_addf(&text, "  %s validation samples%s", words_count(s->samples, n),
             s->is_training ? ", while training"
             : s->subset    ? " (:exits takes all)"
                            : "");
    if (pane_text_whole(p, 0, col, ROLE_DIM, text.text) == col) {
        str_clear(&text);
        str_addf(&text, "  %s samples", n);
        (void)pane_text_whole(p, 0, col, ROLE_DIM, text.text);
    }
    words_percent(now->accuracy, 2, a);
    words_percent(s->row[last].accuracy, 2, b);
    col = pane_textf(p, 1, 0, ROLE_NORMAL, "accuracy %s ", a);
    col = pane_textf(p, 1, col, ROLE_DIM, "(last %s)  ", b);
    words_percent(s->alone > 0 ? now->cost / s->alone : -1, 1, a);
    col = pane_textf(p, 1, col, ROLE_NORMAL, "%s MACs (%s)",
                     words_si(now->cost, n), a);
    if (isfinite(now->ms) && now->ms > 0)
        pane_textf(p, 1, col, ROLE_NORMAL, "  %s ms, %.2fx as fast",
                   words_number(now->ms, b), s->alone_ms / now->ms);
    else
        (void)pane_text_whole(p, 1, col, ROLE_DIM, "  t measures the time");
    str_done(&text);
}

static int part_next(const struct exits_view *v, const struct exits_sheet *s,
                     int by, bool chart)
{
    int at = v->part, i;

    for (i = 0; i < EXITS_PARTS; i++) {
        at = (at + by + EXITS_PARTS) % EXITS_PARTS;
        if (exits_parts[at].known(s) && (chart || at != EXITS_CURVE))
            break;
    }
    return at;
}

/* The chart and, beside and below it, the others. */
static void draw_all(const struct exits_shown *e, struct pane p)
{
    struct pane upper = pane_take_top(&p, p.at.rows / 2), left;
    int i, last = EXITS_PARTS - 1;

    left = pane_take_left(&upper, upper.at.cols / 2);
    (void)pane_take_right(&left, 2);
    exits_parts[EXITS_CURVE].draw(e, left);
    exits_parts[EXITS_PLACES].draw(e, upper);
    (void)pane_take_top(&p, 1);
    for (i = EXITS_PLACES + 1; i < EXITS_PARTS; i++) {
        left = pane_take_left(&p, p.at.cols / (last - i + 1));
        if (i < last)
            (void)pane_take_right(&left, 2);
        if (exits_parts[i].known(e->s))
            exits_parts[i].draw(e, left);
    }
}

static void draw_parts(struct exits_view *v, const struct exits_shown *e,
                       struct pane p)
{
    bool split = p.at.cols >= SPLIT_COLS && !v->alone;
    struct pane left;

    if (!exits_parts[v->part].known(e->s) || (split && v->part == EXITS_CURVE))
        v->part = part_next(v, e->s, 1, !split);
    if (!split) {
        exits_parts[v->part].draw(e, p);
        return;
    }
    if (p.at.cols >= ALL_COLS && p.at.rows >= ALL_ROWS) {
        draw_all(e, p);
        return;
    }
    left = pane_take_left(&p, p.at.cols / 2);
    (void)pane_take_right(&left, 2);
    exits_parts[EXITS_CURVE].draw(e, left);
    exits_parts[v->part].draw(e, p);
}

static void draw_none(const struct view_input *in, struct pane p)
{
    const struct exits_sheet *s = in->exits;
    const struct exits_try nothing = {.cost = 0};
    struct exits_shown e = {.s = s, .now = &nothing, .chosen = -1};
    struct pane says = pane_take_top(&p, 3);
    const char *text = "reading the exits …";

    if (in->status && !in->status->has_net)
        text = "No network is open: :net lenet-5 opens one.";
    else if (in->status && !in->status->has_data)
        text = "No data is open: :data mnist opens the digits that came along.";
    else if (s && s->exits == 1 && in->status && s->stage == in->status->stage)
        text = "This network has one classifier.  :exit add after=LAYER puts "
               "another behind a layer; samples that are easy can leave there.";
    pane_wrap(pane_sub(says, (struct rect){0, 2, 3, says.at.cols - 4}), 0,
              ROLE_DIM, text);
    if (s && s->ladder_count > 0)
        exits_parts[EXITS_CURVE].draw(&e, p);
}

static void late_fit(struct exits_view *v, const struct exits_sheet *s)
{
    if (s->classes <= v->classes)
        return;
    v->late = mem_grow(v->late, (size_t)s->classes, sizeof(*v->late));
    v->classes = s->classes;
}

static void exits_draw(void *state, const struct view_input *in,
                       struct canvas *to, struct rect area, bool focused)
{
    struct exits_view *v = state;
    const struct exits_sheet *s = in->exits;
    struct pane p = pane_at(to, area);
    struct exits_try now;
    struct exits_shown e;

    if (!s || s->exits < 2 || s->samples < 1) {
        draw_none(in, p);
        return;
    }
    late_fit(v, s);
    v->ms = v->ms && exits_timed(s);
    if (v->chosen >= s->exits)
        v->chosen = 0;
    e = (struct exits_shown){.s = s,
                             .threshold = thresholds(v, s),
                             .now = &now,
                             .late = v->late,
                             .chosen = v->chosen - 1,
                             .ms = v->ms};
    (void)focused;
    exits_try(s, e.threshold, &now, v->late);
    draw_title(v, s, &now, pane_take_top(&p, 2));
    (void)pane_take_top(&p, p.at.rows > 12 ? 1 : 0);
    draw_parts(v, &e, p);
}

/* The place on the curve whose threshold is nearest. */
static int place_of(const struct exits_sheet *s, double threshold)
{
    int best = 0, i;

    for (i = 1; i < s->point_count; i++) {
        double here = s->point[i].threshold, there = s->point[best].threshold;

        if (s->falling ? here <= threshold : here >= threshold)
            best = i;
        else if (isinf(there) ||
                 fabs(here - threshold) < fabs(there - threshold))
            best = i;
        if (s->falling ? here > threshold : here < threshold)
            break;
    }
    return best;
}

static bool has_curve(const struct view_input *in)
{
    return in->exits && in->exits->exits > 1 && in->exits->point_count > 1;
}

/* Along the curve: to the left more leave early. */
static void exits_slide(void *state, const struct view_input *in, int key,
                        struct view_reply *reply)
{
    struct exits_view *v = state;
    const struct exits_sheet *s = in->exits;
    int by = 1, at, k, first, last;

    if (!has_curve(in))
        return;
    reply->used = true;
    thresholds(v, s);
    key = list_arrow(key);
    if (key == '{' || key == '}')
        by = LEAP;
    if (key == ']' || key == '}' || key == VIEW_KEY_RIGHT)
        by = -by;
    first = v->chosen > 0 ? v->chosen - 1 : 0;
    last = v->chosen > 0 ? v->chosen - 1 : EXITS_MOST - 1;
    at = place_of(s, v->threshold[first]) + by;
    at = at < 0 ? 0 : at >= s->point_count ? s->point_count - 1 : at;
    for (k = first; k <= last; k++)
        v->threshold[k] = s->point[at].threshold;
    v->moved = true;
}

/* All exits, or one whose threshold alone is moved. */
static void exits_choose(void *state, const struct view_input *in, int key,
                         struct view_reply *reply)
{
    struct exits_view *v = state;
    int n = in->exits ? in->exits->exits : 0;

    if (n < 2)
        return;
    reply->used = true;
    key = list_arrow(key);
    v->chosen = (v->chosen + (key == VIEW_KEY_DOWN ? 1 : n - 1)) % n;
}

static void exits_take(void *state, const struct view_input *in, int key,
                       struct view_reply *reply)
{
    struct exits_view *v = state;
    struct str line = {0};

    (void)key;
    if (!has_curve(in) || !v->moved)
        return;
    reply->used = true;
    str_add(&line, "exits threshold=");
    thresholds_add(v, in->exits, false, &line);
    snprintf(reply->command, sizeof(reply->command), "%s", line.text);
    str_done(&line);
    v->moved = false;
}

static void exits_back(void *state, const struct view_input *in, int key,
                       struct view_reply *reply)
{
    struct exits_view *v = state;

    (void)in;
    (void)key;
    reply->used = v->moved || v->alone;
    if (v->moved)
        v->moved = false;
    else
        v->alone = false;
}

static void exits_tab(void *state, const struct view_input *in, int key,
                      struct view_reply *reply)
{
    struct exits_view *v = state;

    if (!in->exits || in->exits->exits < 2)
        return;
    reply->used = true;
    v->part = part_next(v, in->exits, key == VIEW_KEY_BACK_TAB ? -1 : 1, true);
}

static void exits_switch(void *state, const struct view_input *in, int key,
                         struct view_reply *reply)
{
    struct exits_view *v = state;

    reply->used = true;
    if (key == 'a') {
        v->alone = !v->alone;
    } else if (in->exits && exits_timed(in->exits)) {
        v->ms = !v->ms;
    } else {
        snprintf(reply->note, sizeof(reply->note),
                 "nothing was measured yet: t does");
    }
}

static void exits_post(void *state, const struct view_input *in, int key,
                       struct view_reply *reply)
{
    static const char *const by[] = {"probability", "entropy", "margin",
                                     "patience"};
    struct exits_view *v = state;
    size_t n = sizeof(by) / sizeof(by[0]), i;

    if (!in->exits || in->exits->exits < 2)
        return;
    reply->used = true;
    if (key == 't') {
        snprintf(reply->command, sizeof(reply->command), "exits time");
        return;
    }
    for (i = 0; i < n - 1 && strcmp(in->exits->by, by[i]) != 0; i++)
        ;
    snprintf(reply->command, sizeof(reply->command), "exits by=%s",
             by[(i + 1) % n]);
    v->moved = false;
}

static void exits_wish(void *state, const struct view_input *in,
                       struct board_wish *wish)
{
    (void)state;
    (void)in;
    wish->want_exits = true;
}

static void exits_done(void *state)
{
    mem_free(((struct exits_view *)state)->late);
}

/* clang-format off */
static const struct view_bind exits_keys[] = {
    {{'[', ']', '{', '}', 'h', 'l', VIEW_KEY_LEFT, VIEW_KEY_RIGHT}, "[ ]",
     "move the threshold: more leave early, fewer; { } by leaps", "threshold",
     exits_slide},
    {{'j', 'k', VIEW_KEY_DOWN, VIEW_KEY_UP}, "j k",
     "whose threshold moves: that of all exits, or of one", "exit",
     exits_choose},
    {{VIEW_KEY_ENTER}, "Enter", "take the thresholds tried", "take",
     exits_take},
    {{VIEW_KEY_ESCAPE}, "Esc", "back to those in force", NULL, exits_back},
    {{VIEW_KEY_TAB, VIEW_KEY_BACK_TAB}, "Tab", "the next part", "part",
     exits_tab},
    {{'c'}, "c", "the next criterion", NULL, exits_post},
    {{'t'}, "t", "measure time with exits taken", "time", exits_post},
    {{'y'}, "y", "by MACs or by measured time", NULL, exits_switch},
    {{'a'}, "a", "one part alone", NULL, exits_switch},
    {.press = NULL},
};
/* clang-format on */

extern const struct view_kind exits_view;
const struct view_kind exits_view = {
    .name = "exits",
    .title = "Exits",
    .key = '4',
    .help = "early exits: accuracy by cost for every threshold, who leaves "
            "where",
    .keys = exits_keys,
    .state_size = sizeof(struct exits_view),
    .draw = exits_draw,
    .done = exits_done,
    .wish = exits_wish,
};
