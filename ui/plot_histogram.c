/*
 * Bars over bins.  A column of cells shows the bin under its middle where
 * there are more columns than bins, else the largest of the bins it covers,
 * so that a lonely spike keeps its height.  Exact zeros, which would dwarf
 * the rest, stand to the left as a share of all values.
 */
#include <math.h>
#include <stdio.h>

#include "ui/plot_frame.h"

enum { ZERO_COLS = 8, ZERO_BAR = 4 };

/* Counts come from anywhere; a sum that does not fit stays at the most. */
static void add_count(int64_t *sum, int64_t count)
{
    if (__builtin_add_overflow(*sum, count, sum))
        *sum = INT64_MAX;
}

static int64_t total_of(const struct plot_histogram *h)
{
    int64_t sum = 0;
    int i;

    add_count(&sum, h->below);
    add_count(&sum, h->above);
    add_count(&sum, h->has_zeros ? h->zeros : 0);
    for (i = 0; i < h->bins; i++)
        add_count(&sum, h->counts[i]);
    return sum;
}

static int64_t largest(const struct plot_histogram *h, int from, int to)
{
    int64_t most = 0;
    int i;

    for (i = from; i < to; i++)
        if (h->counts[i] > most)
            most = h->counts[i];
    return most;
}

/* The bins column col of cols shows: [*from, *to). */
static void bins_of(const struct plot_histogram *h, int col, int cols,
                    int *from, int *to)
{
    if (cols >= h->bins) {
        *from = (int)((2 * (int64_t)col + 1) * h->bins / (2 * (int64_t)cols));
        *to = *from + 1;
    } else {
        *from = (int)((int64_t)col * h->bins / cols);
        *to = (int)(((int64_t)col + 1) * h->bins / cols);
    }
}

/* A bar from the bottom of the pane up, height in eighths of a row. */
static void draw_bar(struct pane p, int col, int height, enum role role,
                     bool shaded)
{
    bool ascii = p.canvas->glyphs == GLYPHS_ASCII;
    int row;

    for (row = p.at.rows - 1; row >= 0 && height > 0; row--, height -= 8) {
        uint32_t point = height >= 8 ? (shaded ? 0x2592 : 0x2588)
                                     : 0x2580u + (unsigned)height;

        if (ascii && height >= 8)
            point = shaded ? ':' : '#';
        else if (ascii)
            point = height >= 4 ? (shaded ? '.' : '=') : '.';
        pane_put(p, row, col, role, point);
    }
}

static int bar_height(double share, int rows)
{
    int height;

    if (!(share > 0))
        return 0;
    height = (int)lround(fmin(share, 1) * rows * 8);
    return height > 0 ? height : 1; /* one value of a million shows */
}

static void draw_zeros(struct pane p, const struct plot_histogram *h,
                       int64_t total)
{
    double share = total > 0 ? (double)h->zeros / (double)total : 0;
    struct pane below, bar;
    int height, col;
    char text[32];

    pane_take_right(&p, 2);
    below = pane_take_bottom(&p, p.at.rows >= 4 ? 2 : 0);
    bar = p;
    pane_take_top(&bar, 1);
    height = bar_height(share, bar.at.rows);
    for (col = 0; col < ZERO_BAR; col++)
        draw_bar(bar, 1 + col, height, ROLE_PRUNED, true);
    plot_number(PLOT_PERCENT, share, 0.001, text, sizeof(text));
    pane_field(p, bar.at.rows - (height + 7) / 8, 0, p.at.cols, ALIGN_CENTRE,
               ROLE_NORMAL, text);
    for (col = 0; col < p.at.cols; col++)
        pane_put(below, 0, col, ROLE_FRAME, 0x2500);
    pane_field(below, 1, 0, p.at.cols, ALIGN_CENTRE, ROLE_DIM, "zeros");
}

/* Height of a count as a share of the area. */
static double share_of(const struct frame *f, int64_t count)
{
    double value = (double)count;

    if (!f->y.log)
        return value / f->y.most;
    if (count <= 0)
        return 0;
    return (log10(value) - log10(f->y.least)) /
           (log10(f->y.most) - log10(f->y.least));
}

static void draw_bars(struct frame *f, const struct plot_histogram *h)
{
    int cols = f->area.at.cols, col, from, to;
    bool shade = f->area.canvas->colours < COLOURS_256 ||
                 f->area.canvas->glyphs == GLYPHS_ASCII;

    for (col = 0; col < cols; col++) {
        double middle = h->least + (h->most - h->least) * (col + 0.5) / cols;
        bool goes = h->has_threshold && fabs(middle) < h->threshold;
        enum role role = goes ? ROLE_PRUNED : ROLE_SERIES1;
        int64_t count;

        bins_of(h, col, cols, &from, &to);
        count = largest(h, from, to);
        if (col == 0 && h->below > count)
            count = h->below;
        if (col == cols - 1 && h->above > count)
            count = h->above;
        if (h->cursor >= from && h->cursor < to)
            role = ROLE_CURSOR;
        draw_bar(f->area, col, bar_height(share_of(f, count), f->area.at.rows),
                 role, goes && shade);
    }
}

/* The column of a value; -1 outside. */
static int column_of(const struct frame *f, double value)
{
    double at = frame_x(f, value);

    if (!(at >= -0.5) || !(at < f->dot_cols - 0.5))
        return -1;
    return (int)lround(at) / f->per_col;
}

static bool is_blank(struct pane p, int row, int col)
{
    const struct cell *cell =
        &p.canvas->cells[(size_t)(p.at.row + row) * (size_t)p.canvas->cols +
                         (size_t)(p.at.col + col)];

    return cell->point[0] == ' ';
}

static void draw_upright(struct frame *f, int col, enum role role,
                         uint32_t point)
{
    int row;

    for (row = 0; row < f->area.at.rows && col >= 0; row++)
        if (is_blank(f->area, row, col))
            pane_put(f->area, row, col, role, point);
}

/* The line under the bars, where marks stand. */
static struct pane base_line(const struct frame *f)
{
    struct rect r = f->area.at;

    r.row += r.rows;
    r.rows = f->has_below ? 1 : 0;
    return pane_at(f->area.canvas, r);
}

static void draw_marks(struct frame *f, const struct plot_histogram *h)
{
    struct pane line = base_line(f);
    int i, sign;

    for (i = 0; i < h->tick_count; i++) {
        int col = column_of(f, h->ticks[i]);

        if (col >= 0)
            pane_put(line, 0, col, ROLE_ACCENT, 0x25B2);
    }
    for (sign = -1; h->has_threshold && sign <= 1; sign += 2) {
        int col = column_of(f, sign * h->threshold);

        draw_upright(f, col, ROLE_WARN, 0x250A);
        if (col >= 0)
            pane_put(line, 0, col, ROLE_WARN, 0x25B2);
    }
    if (h->below > 0)
        pane_put(line, 0, 0, ROLE_WARN, '<');
    if (h->above > 0)
        pane_put(line, 0, line.at.cols - 1, ROLE_WARN, '>');
}

static void draw_readout(struct frame *f, const struct plot_histogram *h,
                         int64_t total)
{
    double step = (h->most - h->least) / h->bins;
    double low = h->least + step * h->cursor;
    int64_t count = h->counts[h->cursor];
    char from[32], to[32], number[32], text[160];

    snprintf(text, sizeof(text), "%s to %s: %s (%.2f%%)",
             plot_number(PLOT_NUMBER, low, 0, from, sizeof(from)),
             plot_number(PLOT_NUMBER, low + step, 0, to, sizeof(to)),
             str_commas(count, number, sizeof(number)),
             total > 0 ? 100.0 * (double)count / (double)total : 0.0);
    frame_readout(f, text);
}

static void draw_cursor(struct frame *f, const struct plot_histogram *h,
                        int64_t total)
{
    double step = (h->most - h->least) / h->bins;

    draw_upright(f, column_of(f, h->least + step * (h->cursor + 0.5)),
                 ROLE_CURSOR, 0x2502);
    draw_readout(f, h, total);
}

static void draw_distribution(struct pane p, const struct plot_histogram *h,
                              int64_t total)
{
    int64_t tails = h->below > h->above ? h->below : h->above;
    int64_t most = largest(h, 0, h->bins);
    struct plot_axis x = {.least = h->least, .most = h->most, .unit = h->unit};
    struct plot_axis y = {.format = PLOT_WHOLE, .log = h->log};
    struct frame_want want = {.title = h->title, .x = &x, .y = &y};
    struct frame f;

    most = tails > most ? tails : most;
    want.seen_y = (struct span){0, most > 0 ? (double)most : 1};
    if (h->log) {
        y.least = 0.5; /* so that a single value has some height */
        y.most = most > 1 ? (double)most : 2;
    }
    frame_open(&f, p, &want);
    if (f.area.at.cols > 0 && f.area.at.rows > 0) {
        draw_bars(&f, h);
        draw_marks(&f, h);
        if (h->cursor >= 0 && h->cursor < h->bins)
            draw_cursor(&f, h, total);
    }
    frame_close(&f);
}

void plot_histogram(struct pane p, const struct plot_histogram *h)
{
    int64_t total = total_of(h);

    if (h->bins <= 0 || !(h->most > h->least)) {
        pane_text(p, 0, 0, ROLE_TITLE, h->title != NULL ? h->title : "");
        pane_text(p, 1, 0, ROLE_DIM, "no values");
        return;
    }
    if (h->has_zeros && p.at.cols >= 5 * ZERO_COLS) {
        struct pane left = pane_take_left(&p, ZERO_COLS);

        if (left.at.rows >= 4)
            pane_take_top(&left, 1); /* the row of the title */
        draw_zeros(left, h, total);
    }
    draw_distribution(p, h, total);
}
