/*
 * Curves.  Samples that fall into one column of dots are drawn as the span
 * from their least to their most value and joined to the next column by a
 * line from the last of them: every extreme is seen, at a cost that grows
 * with the samples, not with their number times the height.
 */
#include <math.h>
#include <string.h>

#include "ui/plot_frame.h"

enum { LABELS = 12, SIGN_EVERY = 14, OUT_OF_SIGHT = 1000000 };

static double sample(const double *from, const struct plot_series *s, size_t i)
{
    size_t stride = s->stride != 0 ? s->stride : sizeof(double);
    double value;

    memcpy(&value, (const char *)from + i * stride, sizeof(value));
    return value;
}

static double sample_x(const struct plot_series *s, size_t i)
{
    return s->x != NULL ? sample(s->x, s, i) : (double)i;
}

static enum role role_of(const struct plot *plot, int i)
{
    enum role role = plot->series[i].role;

    return role != ROLE_NORMAL ? role : (enum role)(ROLE_SERIES1 + i % 6);
}

static char mark_of(const struct plot *plot, int i)
{
    return plot->series[i].mark != 0 ? plot->series[i].mark : "o+x*#%"[i % 6];
}

static void see(const struct plot *plot, struct frame_want *want)
{
    int k;
    size_t i;

    for (k = 0; k < plot->series_count; k++) {
        const struct plot_series *s = &plot->series[k];

        for (i = 0; i < s->n; i++) {
            double y = sample(s->y, s, i);

            if (!isnan(y)) {
                span_add(&want->seen_x, &plot->x, sample_x(s, i));
                span_add(&want->seen_y, &plot->y, y);
            }
        }
    }
    if (want->seen_x.least > want->seen_x.most)
        return; /* nothing to compare the lines with */
    for (k = 0; k < plot->line_count; k++)
        span_add(&want->seen_y, &plot->y, plot->lines[k].y);
}

static int margin_of(const struct plot *plot, struct pane p)
{
    int most = 0, i;

    for (i = 0; i < plot->series_count; i++) {
        const char *name = plot->series[i].name;
        int width = name != NULL ? canvas_width(p.canvas, name) + 4 : 0;

        most = width > most ? width : most;
    }
    for (i = 0; i < plot->line_count; i++) {
        const char *name = plot->lines[i].label;
        int width = name != NULL ? canvas_width(p.canvas, name) + 2 : 0;

        most = width > most ? width : most;
    }
    return most < p.at.cols / 4 ? most : p.at.cols / 4;
}

/* A pen that follows one series; see the top of the file. */
struct pen {
    struct frame *f;
    enum role role;
    enum plot_style style;
    char sign; /* put now and then where colour does not tell; 0: never */
    bool down;
    double col, low, high, last;
};

static void pen_flush(struct pen *pen)
{
    int every = pen->style == PLOT_GHOST ? 2 : 1;

    if (!pen->down)
        return;
    frame_line(pen->f, pen->col, pen->low, pen->col, pen->high, pen->role,
               every);
    if (pen->sign != 0 &&
        (int)pen->col / pen->f->per_col % SIGN_EVERY == SIGN_EVERY / 2)
        frame_sign(pen->f, pen->col, pen->last, pen->role, pen->sign);
}

static void pen_join(struct pen *pen, double col, double row)
{
    int every = pen->style == PLOT_GHOST ? 2 : 1;

    if (pen->style == PLOT_DOTS)
        return;
    if (pen->style == PLOT_STEPS) {
        frame_line(pen->f, pen->col, pen->last, col, pen->last, pen->role, 1);
        frame_line(pen->f, col, pen->last, col, row, pen->role, 1);
    } else {
        frame_line(pen->f, pen->col, pen->last, col, row, pen->role, every);
    }
}

static void pen_to(struct pen *pen, double col, double row)
{
    if (pen->down && pen->col == col) {
        pen->low = fmin(pen->low, row);
        pen->high = fmax(pen->high, row);
        pen->last = row;
        return;
    }
    pen_flush(pen);
    if (pen->down)
        pen_join(pen, col, row);
    pen->down = true;
    pen->col = col;
    pen->low = pen->high = pen->last = row;
}

static void pen_lift(struct pen *pen)
{
    pen_flush(pen);
    pen->down = false;
}

/* A value that is not finite, as a sign at the edge it left by. */
static void draw_infinity(struct frame *f, enum role role, double col, double y)
{
    frame_sign(f, col, y > 0 ? 0 : f->dot_rows - 1, role, y > 0 ? '^' : 'v');
}

static void draw_series(struct frame *f, const struct plot *plot, int k)
{
    const struct plot_series *s = &plot->series[k];
    bool told = f->area.canvas->colours > COLOURS_8 &&
                f->area.canvas->glyphs != GLYPHS_ASCII;
    bool signs = plot->series_count > 1 && !told;
    struct pen pen = {.f = f, .role = role_of(plot, k), .style = s->style};
    size_t i;

    pen.sign = signs ? mark_of(plot, k) : 0;
    for (i = 0; i < s->n; i++) {
        double y = sample(s->y, s, i), col = round(frame_x(f, sample_x(s, i)));
        double row = isfinite(y) ? frame_y(f, y) : (double)NAN;

        if (isnan(y) && s->bridge)
            continue;
        if (isnan(col) || isnan(row) || fabs(col) > OUT_OF_SIGHT) {
            pen_lift(&pen);
            if (isinf(y))
                draw_infinity(f, pen.role, col, y);
            continue;
        }
        pen_to(&pen, col, row);
        if (s->style == PLOT_MARKS)
            frame_sign(f, col, row, pen.role, mark_of(plot, k));
    }
    pen_lift(&pen);
}

/* Lines and events go into cells that no curve uses. */
static void draw_lines(struct frame *f, const struct plot *plot)
{
    int i, col;

    for (i = 0; i < plot->line_count; i++) {
        double at = frame_y(f, plot->lines[i].y);

        if (!(at >= -0.5) || !(at < f->dot_rows - 0.5))
            continue;
        for (col = 0; col < f->area.at.cols; col++)
            if (frame_free(f, (int)lround(at) / f->per_row, col))
                pane_put(f->area, (int)lround(at) / f->per_row, col,
                         plot->lines[i].role, 0x254C);
    }
}

static void draw_column(struct frame *f, int col, enum role role,
                        uint32_t point)
{
    int row;

    for (row = 0; row < f->area.at.rows; row++)
        if (frame_free(f, row, col))
            pane_put(f->area, row, col, role, point);
}

static void draw_events(struct frame *f, const struct plot *plot)
{
    int free = 0, i;

    for (i = 0; i < plot->event_count; i++) {
        double at = frame_x(f, plot->events[i].x);
        int col;

        if (!(at >= -0.5) || !(at < f->dot_cols - 0.5))
            continue;
        col = (int)lround(at) / f->per_col;
        draw_column(f, col, ROLE_FRAME, 0x250A);
        if (plot->events[i].label == NULL || col < free)
            continue;
        if (col + canvas_width(f->above.canvas, plot->events[i].label) <=
            f->above.at.cols)
            free = pane_text(f->above, 0, col, ROLE_ACCENT,
                             plot->events[i].label) +
                   1;
    }
}

/* A name at the end of what it names: row and column of its start. */
struct label {
    const char *text;
    char mark; /* 0: none */
    enum role role;
    int row, col;
};

/* Labels sorted from top to bottom are pushed down until none hides another,
 * then up from the bottom where there is no room left. */
static void spread(struct label *label, int n, int rows)
{
    int i, k;

    for (i = 1; i < n; i++) {
        struct label moved = label[i];

        for (k = i; k > 0 && label[k - 1].row > moved.row; k--)
            label[k] = label[k - 1];
        label[k] = moved;
    }
    for (i = 1; i < n; i++)
        if (label[i].row <= label[i - 1].row)
            label[i].row = label[i - 1].row + 1;
    for (i = n - 1; i >= 0; i--)
        if (label[i].row > rows - n + i)
            label[i].row = rows - n + i;
}

/* Where series k ends: the last sample that is inside; false for none. */
static bool end_of(const struct frame *f, const struct plot_series *s,
                   double *col, double *row)
{
    size_t i;

    for (i = s->n; i-- > 0;) {
        *col = frame_x(f, sample_x(s, i));
        *row = frame_y(f, sample(s->y, s, i));
        if (*col >= -0.5 && *col <= f->dot_cols - 0.5 && isfinite(*row))
            return true;
    }
    return false;
}

static int clamp_row(const struct frame *f, double row)
{
    return (int)lround(fmin(fmax(row, 0), f->dot_rows - 1)) / f->per_row;
}

static int collect_labels(const struct frame *f, const struct plot *plot,
                          struct label out[LABELS])
{
    int n = 0, i;

    for (i = 0; i < plot->series_count && n < LABELS; i++) {
        const struct plot_series *s = &plot->series[i];
        double col, row;

        if (s->name != NULL && end_of(f, s, &col, &row))
            out[n++] = (struct label){s->name, mark_of(plot, i),
                                      role_of(plot, i), clamp_row(f, row),
                                      (int)lround(col) / f->per_col + 2};
    }
    for (i = 0; i < plot->line_count && n < LABELS; i++) {
        double row = frame_y(f, plot->lines[i].y);

        if (plot->lines[i].label != NULL && row >= -0.5 &&
            row < f->dot_rows - 0.5)
            out[n++] =
                (struct label){plot->lines[i].label, 0, plot->lines[i].role,
                               clamp_row(f, row), f->area.at.cols + 1};
    }
    return n;
}

static void draw_labels(struct frame *f, const struct plot *plot)
{
    struct label label[LABELS];
    int n, i;

    if (f->right.at.cols <= f->area.at.cols)
        return; /* no margin: the legend is in the title */
    n = collect_labels(f, plot, label);
    spread(label, n, f->area.at.rows);
    for (i = 0; i < n; i++) {
        char mark[] = {label[i].mark, ' ', '\0'};

        /* Blanks round it keep it apart from what it stands on. */
        pane_textf(f->right, label[i].row, label[i].col - 1, label[i].role,
                   " %s%s ", mark[0] != 0 ? mark : "", label[i].text);
    }
}

static double value_near(const struct plot_series *s, double x)
{
    double best = HUGE_VAL, value = (double)NAN;
    size_t i;

    for (i = 0; i < s->n; i++) {
        double y = sample(s->y, s, i), away = fabs(sample_x(s, i) - x);

        if (!isnan(y) && away < best) {
            best = away;
            value = y;
        }
    }
    return value;
}

/* The numbers at the cursor, at the right end of the title row. */
static void draw_readout(struct frame *f, const struct plot *plot)
{
    struct str text = {0};
    char number[32];
    int i;

    str_addf(&text, "%s%s%s", f->x.unit != NULL ? f->x.unit : "",
             f->x.unit != NULL ? " " : "",
             plot_number(f->x.format, plot->cursor, 0, number, sizeof(number)));
    for (i = 0; i < plot->series_count; i++) {
        const struct plot_series *s = &plot->series[i];

        str_addf(&text, "  %s %s", s->name != NULL ? s->name : "",
                 plot_number(f->y.format, value_near(s, plot->cursor), 0,
                             number, sizeof(number)));
    }
    frame_readout(f, text.text);
    str_done(&text);
}

static void draw_cursor(struct frame *f, const struct plot *plot)
{
    double at = frame_x(f, plot->cursor);

    if (at >= -0.5 && at < f->dot_cols - 0.5)
        draw_column(f, (int)lround(at) / f->per_col, ROLE_CURSOR, 0x2502);
    draw_readout(f, plot);
}

/* Names in the title row, where there is no margin for them. */
static void draw_legend(struct frame *f, const struct plot *plot)
{
    int col = plot->title != NULL
                  ? canvas_width(f->title.canvas, plot->title) + 2
                  : 0;
    int i;

    if (f->right.at.cols > f->area.at.cols || f->title.at.rows == 0)
        return;
    for (i = 0; i < plot->series_count; i++) {
        if (plot->series[i].name == NULL)
            continue;
        col = pane_textf(f->title, 0, col, role_of(plot, i), "%c %s",
                         mark_of(plot, i), plot->series[i].name) +
              2;
    }
}

void plot_curves(struct pane p, const struct plot *plot)
{
    struct frame f;
    struct frame_want want = {.title = plot->title,
                              .x = &plot->x,
                              .y = &plot->y,
                              .seen_x = SPAN_EMPTY,
                              .seen_y = SPAN_EMPTY,
                              .above = plot->event_count > 0,
                              .margin = margin_of(plot, p)};
    int i;

    see(plot, &want);
    frame_open(&f, p, &want);
    for (i = 0; i < plot->series_count; i++)
        if (plot->series[i].style == PLOT_GHOST)
            draw_series(&f, plot, i);
    for (i = 0; i < plot->series_count; i++)
        if (plot->series[i].style != PLOT_GHOST)
            draw_series(&f, plot, i);
    draw_lines(&f, plot);
    draw_events(&f, plot);
    draw_legend(&f, plot);
    if (plot->has_cursor)
        draw_cursor(&f, plot);
    draw_labels(&f, plot);
    if (want.seen_x.least > want.seen_x.most && f.area.at.rows > 0)
        pane_field(f.area, f.area.at.rows / 2, 0, f.area.at.cols, ALIGN_CENTRE,
                   ROLE_DIM, "no samples yet");
    frame_close(&f);
}
