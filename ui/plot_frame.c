/*
 * A frame has its parts from the outside in; what there is no room for is
 * left out, the area last:
 *
 *     title                          readout
 *     ......... above: labels ................
 *      1.0 ┤                     |
 *          │        area         | margin
 *      0.5 ┤                     |
 *          └┬────────┬────────┬───
 *           0       100      200       step
 */
#include "ui/plot_frame.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* Below these sizes of a pane its labels give way to the area. */
enum {
    TITLE_ROWS = 4,
    ABOVE_ROWS = 8,
    AXIS_ROWS = 6,
    AXIS_COLS = 20,
    MARGIN_COLS = 40
};

void span_add(struct span *s, const struct plot_axis *axis, double value)
{
    if (!isfinite(value) || (axis->log && value <= 0))
        return;
    s->least = fmin(s->least, value);
    s->most = fmax(s->most, value);
}

/* Values that do not differ get some room to both sides. */
static void widen(struct plot_axis *axis)
{
    double v = axis->least;

    if (axis->log) {
        axis->least = v / 2;
        axis->most = v * 2;
    } else if (v == 0) {
        axis->most = 1;
    } else {
        axis->least = v - fabs(v) * 0.1;
        axis->most = v + fabs(v) * 0.1;
    }
}

static struct plot_axis settle(const struct plot_axis *wanted, struct span seen)
{
    struct plot_axis axis = *wanted;
    double most = 16;

    if (axis.least < axis.most && isfinite(axis.most - axis.least) &&
        !(axis.log && axis.least <= 0))
        return axis;
    if (seen.least > seen.most)
        seen = axis.log ? (struct span){0.1, 1} : (struct span){0, 1};
    axis.least = seen.least;
    axis.most = seen.most;
    if (axis.doubling && !axis.log) {
        while (most < axis.most && most < 1e300)
            most *= 2;
        axis.least = fmin(0, axis.least);
        axis.most = most;
    } else if (!(axis.most > axis.least) || !isfinite(axis.most - axis.least)) {
        axis.most = axis.least;
        widen(&axis);
    }
    return axis;
}

/* Ticks of an axis: how many, their places, their distance. */
struct ticks {
    int n;
    double at[PLOT_TICKS], step;
};

static struct ticks find_ticks(const struct plot_axis *axis, int max)
{
    struct ticks t = {0};

    if (axis->log) {
        t.n = plot_ticks_log(axis->least, axis->most, max, t.at);
        return t;
    }
    t.n = plot_ticks(axis->least, axis->most, max, t.at, &t.step);
    if (axis->format == PLOT_WHOLE && t.step > 0 && t.step < 1) {
        double range = floor(axis->most - axis->least);

        t.n = plot_ticks(axis->least, axis->most, range < 1 ? 1 : (int)range,
                         t.at, &t.step);
    }
    return t;
}

/* Moves the ends of a vertical axis out to the next ticks, so that the curves
 * move only when a value passes one. */
static void round_out(struct plot_axis *axis, const struct plot_axis *wanted,
                      int max)
{
    struct ticks t;
    double least, most;

    if (axis->log || wanted->least < wanted->most)
        return;
    t = find_ticks(axis, max);
    if (t.step <= 0)
        return;
    least = floor(axis->least / t.step + 1e-9) * t.step;
    most = ceil(axis->most / t.step - 1e-9) * t.step;
    if (isfinite(least) && isfinite(most) && least < most) {
        axis->least = least;
        axis->most = most;
    }
}

static double place(const struct plot_axis *axis, double value, int dots)
{
    double low = axis->least, high = axis->most;

    if (axis->log) {
        if (!(value > 0))
            return (double)NAN;
        low = log10(low);
        high = log10(high);
        value = log10(value);
    }
    return (value - low) / (high - low) * (dots - 1);
}

double frame_x(const struct frame *f, double value)
{
    return place(&f->x, value, f->dot_cols);
}

double frame_y(const struct frame *f, double value)
{
    return f->dot_rows - 1 - place(&f->y, value, f->dot_rows);
}

static int label_width(const struct canvas *c, const struct plot_axis *axis,
                       const struct ticks *t)
{
    char text[32];
    int most = 0, i;

    for (i = 0; i < t->n; i++) {
        int width = canvas_width(c, plot_number(axis->format, t->at[i], t->step,
                                                text, sizeof(text)));

        most = width > most ? width : most;
    }
    return most;
}

static void draw_title(struct pane title, const struct frame_want *want)
{
    int col = 0;

    if (want->title != NULL)
        col = pane_text(title, 0, 0, ROLE_TITLE, want->title);
    if (want->y->unit != NULL)
        pane_textf(title, 0, col + (col > 0), ROLE_DIM, "[%s]", want->y->unit);
}

void frame_readout(struct frame *f, const char *text)
{
    int cols = f->title.at.cols;
    int width = canvas_width(f->title.canvas, text);

    if (f->title.at.rows == 0)
        return;
    width = width < cols ? width : cols;
    if (width < cols)
        pane_put(f->title, 0, cols - width - 1, ROLE_NORMAL, ' ');
    pane_field(f->title, 0, cols - width, width, ALIGN_LEFT, ROLE_CURSOR, text);
}

/* Line, ticks and labels left of the area; labels is the pane for them. */
static void draw_y(struct frame *f, struct pane labels, const struct ticks *t)
{
    int line = labels.at.cols - 1, i;
    char text[32];

    pane_divider(labels, line);
    for (i = 0; i < t->n; i++) {
        int row = (int)lround(frame_y(f, t->at[i])) / f->per_row;

        pane_put(labels, row, line, ROLE_FRAME, 0x2524);
        plot_number(f->y.format, t->at[i], t->step, text, sizeof(text));
        pane_field(labels, row, 0, line - 1, ALIGN_RIGHT, ROLE_DIM, text);
    }
}

/* The row of numbers below the line; a number that would touch the one before
 * it, or the unit, is left out. */
static void draw_x_numbers(struct frame *f, struct pane row, int shift,
                           const struct ticks *t)
{
    int unit = f->x.unit != NULL ? canvas_width(row.canvas, f->x.unit) + 1 : 0;
    int end = row.at.cols - unit, free = 0, i;
    char text[32];

    for (i = 0; i < t->n; i++) {
        int at = shift + (int)lround(frame_x(f, t->at[i])) / f->per_col;
        int width, start;

        plot_number(f->x.format, t->at[i], t->step, text, sizeof(text));
        width = canvas_width(row.canvas, text);
        start = at - width / 2;
        if (start < 0)
            start = 0;
        if (start >= free && start + width <= end) {
            pane_text(row, 0, start, ROLE_DIM, text);
            free = start + width + 1;
        }
    }
    if (unit > 0 && end >= free)
        pane_text(row, 0, end + 1, ROLE_DIM, f->x.unit);
}

/* below: two rows under the whole frame; the area starts at column shift. */
static void draw_x(struct frame *f, struct pane below, int shift)
{
    struct ticks t = find_ticks(&f->x, f->area.at.cols / 8 + 2);
    int i;

    for (i = 0; i < f->area.at.cols; i++)
        pane_put(below, 0, shift + i, ROLE_FRAME, 0x2500);
    for (i = 0; i < t.n; i++)
        pane_put(below, 0,
                 shift + (int)lround(frame_x(f, t.at[i])) / f->per_col,
                 ROLE_FRAME, 0x252C);
    if (shift > 0)
        pane_put(below, 0, shift - 1, ROLE_FRAME, 0x2514);
    draw_x_numbers(f, pane_sub(below, (struct rect){1, 0, 1, below.at.cols}),
                   shift, &t);
}

static void set_dots(struct frame *f, enum glyphs glyphs)
{
    size_t cells;

    f->per_col = glyphs == GLYPHS_ASCII ? 1 : 2;
    f->per_row = glyphs == GLYPHS_BRAILLE ? 4 : 2;
    f->dot_rows = f->area.at.rows * f->per_row;
    f->dot_cols = f->area.at.cols * f->per_col;
    cells = (size_t)f->area.at.rows * (size_t)f->area.at.cols + 1;
    f->dots = mem_array(cells, sizeof(*f->dots));
    f->role = mem_array(cells, sizeof(*f->role));
    f->sign = mem_array(cells, sizeof(*f->sign));
    f->taken = mem_array(cells, sizeof(*f->taken));
}

void frame_open(struct frame *f, struct pane p, const struct frame_want *want)
{
    struct pane below = {p.canvas, {0}}, labels = {p.canvas, {0}}, all = p;
    struct ticks t = {0};
    int max;

    *f = (struct frame){.title =
                            pane_take_top(&p, p.at.rows >= TITLE_ROWS ? 1 : 0)};
    f->above = pane_take_top(&p, want->above && all.at.rows >= ABOVE_ROWS);
    if (all.at.rows >= AXIS_ROWS)
        below = pane_take_bottom(&p, 2);
    f->x = settle(want->x, want->seen_x);
    f->y = settle(want->y, want->seen_y);
    max = p.at.rows / 3 > 2 ? p.at.rows / 3 : 2;
    round_out(&f->y, want->y, max);
    if (all.at.cols >= AXIS_COLS) {
        t = find_ticks(&f->y, max + 1);
        labels = pane_take_left(&p, label_width(p.canvas, &f->y, &t) + 2);
        pane_take_left(&f->above, labels.at.cols);
    }
    f->has_below = below.at.rows > 0;
    f->right = p;
    if (all.at.cols >= MARGIN_COLS)
        pane_take_right(&p, want->margin);
    f->area = p;
    set_dots(f, p.canvas->glyphs);
    draw_title(f->title, want);
    if (f->area.at.cols <= 0 || f->area.at.rows <= 0)
        return;
    if (labels.at.cols > 0)
        draw_y(f, labels, &t);
    if (below.at.rows > 0)
        draw_x(f, below, labels.at.cols);
}

static size_t cell_of(const struct frame *f, int row, int col)
{
    return (size_t)row * (size_t)f->area.at.cols + (size_t)col;
}

void frame_dot(struct frame *f, int col, int row, enum role role)
{
    size_t cell;
    int bit;

    if (col < 0 || row < 0 || col >= f->dot_cols || row >= f->dot_rows)
        return;
    cell = cell_of(f, row / f->per_row, col / f->per_col);
    bit = row % f->per_row * f->per_col + col % f->per_col;
    f->dots[cell] |= (uint8_t)(1u << bit);
    f->role[cell] = (uint16_t)role;
}

/* One side of a Liang-Barsky clip: keeps the part of [*t0, *t1] where
 * start + t * delta is at least 0; false when nothing is left. */
static bool clip_side(double delta, double start, double *t0, double *t1)
{
    double t;

    if (delta == 0)
        return start >= 0;
    t = -start / delta;
    if (delta > 0)
        *t0 = fmax(*t0, t);
    else
        *t1 = fmin(*t1, t);
    return *t0 <= *t1;
}

void frame_line(struct frame *f, double col0, double row0, double col1,
                double row1, enum role role, int every)
{
    double dx = col1 - col0, dy = row1 - row0, t0 = 0, t1 = 1;
    int steps, i;

    if (!isfinite(dx) || !isfinite(dy) ||
        !clip_side(dx, col0 + 0.5, &t0, &t1) ||
        !clip_side(-dx, f->dot_cols - 0.5 - col0, &t0, &t1) ||
        !clip_side(dy, row0 + 0.5, &t0, &t1) ||
        !clip_side(-dy, f->dot_rows - 0.5 - row0, &t0, &t1))
        return;
    steps = (int)ceil(fmax(fabs(dx), fabs(dy)) * (t1 - t0));
    for (i = 0; i <= steps; i++) {
        double t = steps > 0 ? t0 + (t1 - t0) * i / steps : t0;
        int col = (int)lround(col0 + t * dx), row = (int)lround(row0 + t * dy);

        if (every <= 1 || (col % (2 * every) < every && dx != 0) ||
            (dx == 0 && row % (2 * every) < every))
            frame_dot(f, col, row, role);
    }
}

void frame_sign(struct frame *f, double col, double row, enum role role,
                char sign)
{
    size_t cell;

    if (!(col >= -0.5) || !(row >= -0.5) || !(col < f->dot_cols - 0.5) ||
        !(row < f->dot_rows - 0.5))
        return;
    cell = cell_of(f, (int)lround(row) / f->per_row,
                   (int)lround(col) / f->per_col);
    f->sign[cell] = sign;
    f->role[cell] = (uint16_t)role;
}

bool frame_free(const struct frame *f, int row, int col)
{
    size_t cell = cell_of(f, row, col);

    return row >= 0 && col >= 0 && row < f->area.at.rows &&
           col < f->area.at.cols && f->dots[cell] == 0 && f->sign[cell] == 0 &&
           !f->taken[cell];
}

void frame_take(struct frame *f, int row, int col, int cols)
{
    int i;

    for (i = 0; i < cols; i++)
        if (frame_free(f, row, col + i))
            f->taken[cell_of(f, row, col + i)] = true;
}

/* The character for the bits of a cell, counted by row, then column. */
static uint32_t dots_point(enum glyphs glyphs, unsigned bits)
{
    static const uint8_t braille[] = {0x01, 0x08, 0x02, 0x10,
                                      0x04, 0x20, 0x40, 0x80};
    static const uint16_t quadrant[] = {
        ' ',    0x2598, 0x259D, 0x2580, 0x2596, 0x258C, 0x259E, 0x259B,
        0x2597, 0x259A, 0x2590, 0x259C, 0x2584, 0x2599, 0x259F, 0x2588};
    uint32_t point = 0x2800;
    int i;

    if (glyphs == GLYPHS_ASCII)
        return (unsigned char)" '.:"[bits & 3];
    if (glyphs == GLYPHS_BLOCK)
        return quadrant[bits & 15];
    for (i = 0; i < 8; i++)
        if (bits & 1u << i)
            point |= braille[i];
    return point;
}

void frame_close(struct frame *f)
{
    int row, col;

    for (row = 0; row < f->area.at.rows; row++) {
        for (col = 0; col < f->area.at.cols; col++) {
            size_t cell = cell_of(f, row, col);
            uint32_t point =
                f->sign[cell] != 0
                    ? (unsigned char)f->sign[cell]
                    : dots_point(f->area.canvas->glyphs, f->dots[cell]);

            if (f->sign[cell] != 0 || f->dots[cell] != 0)
                pane_put(f->area, row, col, (enum role)f->role[cell], point);
        }
    }
    mem_free(f->dots);
    mem_free(f->role);
    mem_free(f->sign);
    mem_free(f->taken);
}
