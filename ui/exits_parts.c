#include "ui/exits_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/plot.h"
#include "ui/table.h"
#include "ui/words.h"

bool exits_timed(const struct exits_sheet *s)
{
    return s->exits > 1 && isfinite(s->row[0].ms);
}

static bool always(const struct exits_sheet *s)
{
    (void)s;
    return true;
}

static bool has_exits(const struct exits_sheet *s)
{
    return s->exits > 1;
}

/* Accuracy against cost. */

/* The curve from cheap to dear, as plots want it. */
struct course {
    double *x, *y;
    int n;
};

static void course_make(struct course *c, const struct exits_point *p, int n,
                        bool ms)
{
    int i;

    c->x = mem_array((size_t)n + 1, sizeof(*c->x));
    c->y = mem_array((size_t)n + 1, sizeof(*c->y));
    c->n = n;
    for (i = 0; i < n; i++) {
        c->x[n - 1 - i] = ms ? p[i].ms : p[i].cost;
        c->y[n - 1 - i] = p[i].accuracy;
    }
}

static void course_done(struct course *c)
{
    mem_free(c->x);
    mem_free(c->y);
}

static void add_series(struct plot *plot, struct plot_series *to,
                       const char *name, const double *x, const double *y,
                       int n, enum plot_style style, enum role role, char mark)
{
    if (n <= 0)
        return;
    *to = (struct plot_series){.name = name,
                               .x = x,
                               .y = y,
                               .n = (size_t)n,
                               .style = style,
                               .role = role,
                               .mark = mark};
    plot->series_count++;
}

/* Three curves, the exits and the nets of the ladder one by one, the last exit
 * alone, what was measured. */
enum { SERIES_MOST = 3 + 2 * EXITS_MOST + 2 };

static void add_point(struct plot *plot, struct plot_series *series,
                      const double *x, const double *y, enum role role,
                      char mark)
{
    if (isfinite(*x))
        add_series(plot, &series[plot->series_count], NULL, x, y, 1, PLOT_MARKS,
                   role, mark);
}

static void add_points(const struct exits_shown *e, struct plot *plot,
                       struct plot_series *series)
{
    const struct exits_sheet *s = e->s;
    int k;

    for (k = 0; k < s->ladder_count && !e->ms; k++)
        add_point(plot, series, &s->ladder_alone[k], &s->ladder_accuracy[k],
                  ROLE_SERIES2, (char)('a' + k));
    for (k = 0; k < s->exits && s->exits > 1; k++)
        add_point(plot, series, e->ms ? &s->row[k].ms : &s->row[k].cost,
                  &s->row[k].accuracy, ROLE_SERIES3, (char)('1' + k % 9));
    if (s->exits > 1)
        add_point(plot, series, e->ms ? &s->alone_ms : &s->alone,
                  &s->row[s->exits - 1].accuracy, ROLE_SERIES4, '@');
    if (e->ms)
        add_point(plot, series, &s->measured_ms, &s->measured_accuracy,
                  ROLE_WARN, '*');
}

static void draw_chart(const struct exits_shown *e, struct pane p,
                       struct plot *plot)
{
    const struct exits_sheet *s = e->s;
    struct plot_series series[SERIES_MOST];
    struct course own, ladder, before;
    struct plot_line line = {.label = "last", .role = ROLE_DIM};
    bool several = !e->ms && (s->ladder_count > 0 || s->before_count > 0);

    course_make(&own, s->point, s->exits > 1 ? s->point_count : 0, e->ms);
    course_make(&ladder, s->ladder_point, e->ms ? 0 : s->ladder_point_count,
                false);
    course_make(&before, s->before, e->ms ? 0 : s->before_count, false);
    plot->series = series;
    add_series(plot, &series[plot->series_count], s->before_name, before.x,
               before.y, before.n, PLOT_GHOST, ROLE_DIM, ',');
    add_series(plot, &series[plot->series_count], several ? "exits" : NULL,
               own.x, own.y, own.n, PLOT_LINE, ROLE_SERIES1, '.');
    add_series(plot, &series[plot->series_count], "ladder", ladder.x, ladder.y,
               ladder.n, PLOT_LINE, ROLE_SERIES2, ':');
    add_points(e, plot, series);
    if (s->exits > 1) {
        line.y = s->row[s->exits - 1].accuracy;
        plot->lines = &line;
        plot->line_count = 1;
    }
    plot_curves(p, plot);
    course_done(&own);
    course_done(&ladder);
    course_done(&before);
}

static void say_marks(const struct exits_shown *e, struct pane p)
{
    const struct exits_sheet *s = e->s;
    int col = 0, k;

    if (s->exits > 1)
        col = pane_textf(p, 0, col, ROLE_DIM, "1-%d asked of all  @ last alone",
                         s->exits);
    if (e->ms && isfinite(s->measured_ms))
        pane_text(p, 0, col, ROLE_DIM, "  * measured");
    for (k = 0; k < s->ladder_count && !e->ms; k++)
        col = pane_textf(p, 0, col, ROLE_DIM, "%s%c %s", col > 0 ? "  " : "",
                         'a' + k, s->ladder_name[k]);
}

static void draw_curve(const struct exits_shown *e, struct pane p)
{
    struct plot_event now = {e->ms ? e->now->ms : e->now->cost, "here"};
    struct plot plot = {
        .title = e->ms ? "accuracy by measured ms a sample"
                       : "accuracy by mean MACs a sample",
        .x = {.unit = e->ms ? "ms" : "MACs"},
        .y = {.format = PLOT_PERCENT},
        .events = &now,
        .event_count = e->s->exits > 1,
    };
    struct pane says = pane_take_bottom(&p, p.at.rows > 9 ? 1 : 0);

    draw_chart(e, p, &plot);
    say_marks(e, says);
}

/* Who leaves where. */

enum place_column {
    PLACE_EXIT,
    PLACE_BAR,
    PLACE_SHARE,
    PLACE_RIGHT,
    PLACE_ALONE,
    PLACE_MACS,
    PLACE_MS,
    PLACE_THRESHOLD,
    PLACE_NAME
};

static void place_columns(struct table *t, const struct exits_sheet *s,
                          const struct canvas *c)
{
    int k;

    table_add(t, "exit", 4, 0, ALIGN_LEFT);
    table_add(t, "leave", 8, 2, ALIGN_LEFT);
    table_add(t, "", 6, 0, ALIGN_RIGHT);
    table_add(t, "right", 6, 0, ALIGN_RIGHT);
    table_add(t, "of all", 6, 1, ALIGN_RIGHT);
    table_add(t, "MACs", 6, 3, ALIGN_RIGHT);
    table_add(t, "ms", 6, 5, ALIGN_RIGHT);
    table_add(t, "from", 6, 4, ALIGN_RIGHT);
    table_add(t, "name", 4, 6, ALIGN_LEFT);
    for (k = 0; k < s->exits; k++)
        table_widen(t, PLACE_NAME, c, s->row[k].name, 16);
}

static const char *threshold_text(const struct exits_sheet *s, double value,
                                  char *buf)
{
    bool never = s->falling ? !(value > 0) : isinf(value) && value > 0;

    if (never)
        snprintf(buf, WORDS_SIZE, "never");
    else
        words_number(value, buf);
    return buf;
}

static void draw_place(const struct table *t, const struct exits_shown *e,
                       struct pane p, int row, int k)
{
    const struct exits_row *r = &e->s->row[k];
    const struct table_column *bar = &t->column[PLACE_BAR];
    double n = e->s->samples > 0 ? e->s->samples : 1;
    double share = e->now->left[k] / n;
    char buf[WORDS_SIZE];

    snprintf(buf, sizeof(buf), "%s%d", k == e->chosen ? "> " : "  ", k + 1);
    table_cell(t, p, row, PLACE_EXIT,
               k == e->chosen ? ROLE_ACCENT : ROLE_NORMAL, buf);
    if (bar->col >= 0)
        plot_bar(p, row, bar->col, bar->width, ROLE_SERIES1, share);
    table_cell(t, p, row, PLACE_SHARE, ROLE_NORMAL,
               words_percent(share, 1, buf));
    table_cell(t, p, row, PLACE_RIGHT, ROLE_NORMAL,
               words_percent(e->now->left[k] > 0
                                 ? (double)e->now->right[k] / e->now->left[k]
                                 : -1,
                             1, buf));
    table_cell(t, p, row, PLACE_ALONE, ROLE_DIM,
               words_percent(r->accuracy, 1, buf));
    table_cell(t, p, row, PLACE_MACS, ROLE_DIM, words_si(r->cost, buf));
    table_cell(t, p, row, PLACE_MS, ROLE_DIM,
               isfinite(r->ms) ? words_number(r->ms, buf) : "-");
    table_cell(t, p, row, PLACE_THRESHOLD, ROLE_DIM,
               k < e->s->exits - 1 ? threshold_text(e->s, e->threshold[k], buf)
                                   : "rest");
    table_cell(t, p, row, PLACE_NAME, ROLE_DIM, r->name);
}

static void draw_places(const struct exits_shown *e, struct pane p)
{
    const struct exits_sheet *s = e->s;
    struct table t = {.count = 0};
    char some[WORDS_SIZE], lost[WORDS_SIZE], oracle[WORDS_SIZE], hidden[96];
    int k, row;

    place_columns(&t, s, p.canvas);
    table_fit(&t, 0, p.at.cols);
    table_head(&t, p, 0);
    for (k = 0; k < s->exits && k + 1 < p.at.rows; k++)
        draw_place(&t, e, p, 1 + k, k);
    pane_text(p, 1 + k, 0, ROLE_DIM, table_hidden(&t, hidden, sizeof(hidden)));
    row = 3 + k;
    if (row + 2 >= p.at.rows)
        return;
    p = pane_sub(p, (struct rect){row, 0, p.at.rows - row, p.at.cols});
    row = pane_wrap(p, 0, ROLE_NORMAL,
                    "overthinking: right early, wrong at the last exit");
    pane_textf(p, row, 2, s->destructive > 0 ? ROLE_WARN : ROLE_NORMAL,
               "%s of all (%s)", words_percent(s->destructive, 2, lost),
               words_count(llround(s->destructive * s->samples), some));
    words_percent(s->cumulative, 2, some);
    pane_textf(p, row + 1, 0, ROLE_DIM, "right at some exit %s", some);
    words_percent(s->alone > 0 ? s->oracle_cost / s->alone : -1, 1, oracle);
    pane_textf(p, row + 2, 0, ROLE_DIM, "leaving at the first right: %s MACs",
               oracle);
}

/* Classes that leave late. */

struct lateness {
    double share;
    int class_at;
};

static int compare_late(const void *a, const void *b)
{
    const struct lateness *x = a, *y = b;

    if (x->share != y->share)
        return x->share < y->share ? 1 : -1;
    return (x->class_at > y->class_at) - (x->class_at < y->class_at);
}

static void draw_classes(const struct exits_shown *e, struct pane p)
{
    const struct exits_sheet *s = e->s;
    struct lateness *order = mem_array((size_t)s->classes + 1, sizeof(*order));
    int width = p.at.cols > 40 ? 14 : 8, i;
    char buf[WORDS_SIZE];

    for (i = 0; i < s->classes; i++)
        order[i] = (struct lateness){e->late[i], i};
    qsort(order, (size_t)s->classes, sizeof(*order), compare_late);
    pane_text(p, 0, 0, ROLE_TITLE, "classes that come to the last exit");
    for (i = 0; i < s->classes && i + 1 < p.at.rows; i++) {
        double share = order[i].share;

        pane_field(p, 1 + i, 0, width, ALIGN_LEFT, ROLE_NORMAL,
                   s->class_name[order[i].class_at]);
        plot_bar(p, 1 + i, width + 1, p.at.cols - width - 9, ROLE_SERIES2,
                 share > 0 ? share : 0);
        pane_field(p, 1 + i, p.at.cols - 7, 7, ALIGN_RIGHT, ROLE_NORMAL,
                   words_percent(share, 1, buf));
    }
    mem_free(order);
}

/* Is a confidence true? */

static void draw_reliability(const struct exits_shown *e, struct pane p)
{
    static const double ends[] = {0, 1};
    const struct exits_sheet *s = e->s;
    struct plot_series series[EXITS_MOST + 1];
    char name[EXITS_MOST][24];
    struct plot plot = {
        .title = "how often right, by confidence",
        .x = {.least = 0, .most = 1, .format = PLOT_PERCENT},
        .y = {.least = 0, .most = 1, .format = PLOT_PERCENT},
        .series = series,
    };
    struct pane says = pane_take_bottom(&p, p.at.rows > 8 ? 1 : 0);
    int k, col = 0;

    add_series(&plot, &series[0], NULL, ends, ends, 2, PLOT_GHOST, ROLE_DIM, 0);
    for (k = 0; k < s->exits; k++) {
        snprintf(name[k], sizeof(name[k]), "%d", k + 1);
        add_series(&plot, &series[plot.series_count], name[k],
                   s->bin_confidence[k], s->bin_accuracy[k], EXITS_BINS,
                   PLOT_MARKS, (enum role)(ROLE_SERIES1 + k % 6),
                   (char)('1' + k % 9));
        series[plot.series_count - 1].bridge = true;
    }
    plot_curves(p, &plot);
    col = pane_text(says, 0, 0, ROLE_DIM, "ECE");
    for (k = 0; k < s->exits; k++)
        col = pane_textf(says, 0, col, ROLE_NORMAL, "  %d: %.3f (T %.2f)",
                         k + 1, s->row[k].ece, s->row[k].temperature);
}

/* Pictures. */

static bool has_pictures(const struct exits_sheet *s)
{
    return s->exits > 1 && s->h > 0 && s->w > 0 && s->easy_count > 0;
}

static void class_of(const struct exits_sheet *s, int at, char *buf)
{
    snprintf(buf, NAME_SIZE, "%s",
             at >= 0 && at < s->classes ? s->class_name[at] : "?");
}

/* "9: 4 9 9", what it is and what each exit says. */
static void draw_life(const struct exits_sheet *s,
                      const struct exits_picture *it, struct pane p, int row)
{
    char name[NAME_SIZE];
    int k, col;

    class_of(s, it->label, name);
    if (strlen(name) > 3)
        snprintf(name, sizeof(name), "%d", it->label);
    col = pane_textf(p, row, 0, ROLE_NORMAL, "%s:", name);
    for (k = 0; k < it->exits && k < EXITS_MOST; k++)
        col = pane_textf(
            p, row, col, it->guess[k] == it->label ? ROLE_GOOD : ROLE_BAD,
            "%s%d", it->guess[k] == it->label ? " " : "!", it->guess[k]);
}

static void draw_row(const struct exits_sheet *s, const char *title,
                     const struct exits_picture *it, int count, struct pane p)
{
    int across = 2 * (p.at.rows - 2), life = 4 + 2 * s->exits, i;

    pane_text(p, 0, 0, ROLE_TITLE, title);
    if (p.at.rows < 5)
        return;
    across = across < life ? life : across;
    for (i = 0; i < count && (i + 1) * across <= p.at.cols; i++) {
        struct pane cell = pane_sub(
            p, (struct rect){1, i * across, p.at.rows - 1, across - 1});

        if (it[i].pixel)
            plot_picture(
                pane_sub(cell,
                         (struct rect){0, 0, cell.at.rows - 1, cell.at.cols}),
                &(struct plot_picture){it[i].pixel, s->h, s->w, s->c, false});
        draw_life(s, &it[i], cell, cell.at.rows - 1);
    }
}

static void draw_pictures(const struct exits_shown *e, struct pane p)
{
    const struct exits_sheet *s = e->s;
    int rows = p.at.rows / 3;
    char title[96], total[WORDS_SIZE];

    draw_row(s, "surest at once", s->easy, s->easy_count,
             pane_take_top(&p, rows));
    draw_row(s, "unsure at every exit", s->hard, s->hard_count,
             pane_take_top(&p, rows));
    snprintf(title, sizeof(title), "right early, wrong at the last (%s)",
             words_count(s->lost_total, total));
    draw_row(s, title, s->lost, s->lost_count, p);
}

const struct exits_part exits_parts[EXITS_PARTS] = {
    [EXITS_CURVE] = {"chart", always, draw_curve},
    [EXITS_PLACES] = {"who leaves where", has_exits, draw_places},
    {"classes", has_exits, draw_classes},
    {"calibration", has_exits, draw_reliability},
    {"pictures", has_pictures, draw_pictures},
};
