#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ui/plot_frame.h"

enum { MARGIN = 12 };

static void see(const struct plot_scatter *s, struct frame_want *want)
{
    int i;

    for (i = 0; i < s->point_count; i++) {
        span_add(&want->seen_x, &s->x, s->points[i].x);
        span_add(&want->seen_y, &s->y, s->points[i].y);
    }
    if (!s->x.log && want->seen_x.least < want->seen_x.most) {
        /* No point on the axis itself. */
        double room = (want->seen_x.most - want->seen_x.least) / 20;

        want->seen_x.least -= room;
        want->seen_x.most += room;
    }
}

/* Left to right, the best of each x first. */
static int by_x(const void *left, const void *right)
{
    const struct plot_point *a = left, *b = right;

    if (a->x != b->x)
        return a->x < b->x ? -1 : 1;
    return (a->y < b->y) - (a->y > b->y);
}

/* From left to right, each point that is higher than all before it. */
static void draw_front(struct frame *f, const struct plot_scatter *s)
{
    size_t n = (size_t)s->point_count, i;
    struct plot_point *sorted = mem_array(n + 1, sizeof(*sorted));
    double col = (double)NAN, row = (double)NAN;
    size_t kept = 0;

    for (i = 0; i < n; i++)
        if (isfinite(s->points[i].x) && isfinite(s->points[i].y))
            sorted[kept++] = s->points[i];
    qsort(sorted, kept, sizeof(*sorted), by_x);
    for (i = 0; i < kept; i++) {
        double x = frame_x(f, sorted[i].x), y = frame_y(f, sorted[i].y);

        if (isnan(x) || isnan(y) || y >= row)
            continue;
        if (!isnan(col)) {
            frame_line(f, col, row, x, row, ROLE_FRAME, 1);
            frame_line(f, x, row, x, y, ROLE_FRAME, 1);
        }
        col = x;
        row = y;
    }
    if (!isnan(col))
        frame_line(f, col, row, f->dot_cols - 1, row, ROLE_FRAME, 1);
    mem_free(sorted);
}

static enum role role_of(const struct plot_scatter *s, int i)
{
    enum role role = s->points[i].role;

    if (i == s->cursor)
        return ROLE_SELECTED;
    return role != ROLE_NORMAL ? role : ROLE_SERIES1;
}

static void draw_point(struct frame *f, const struct plot_scatter *s, int i)
{
    const struct plot_point *point = &s->points[i];

    frame_sign(f, round(frame_x(f, point->x)), round(frame_y(f, point->y)),
               role_of(s, i), point->mark != 0 ? point->mark : 'o');
}

/* A label goes right of its point, or left of it, where all cells are free. */
static bool put_label(struct frame *f, int row, int col, const char *text,
                      int width)
{
    int i;

    if (col < 0 || col + width > f->right.at.cols)
        return false;
    for (i = -1; i <= width; i++)
        if (col + i >= 0 && col + i < f->area.at.cols &&
            !frame_free(f, row, col + i))
            return false;
    pane_text(f->right, row, col, ROLE_DIM, text);
    frame_take(f, row, col, width);
    return true;
}

static void draw_labels(struct frame *f, const struct plot_scatter *s)
{
    int i;

    for (i = 0; i < s->point_count; i++) {
        const struct plot_point *point = &s->points[i];
        double x = frame_x(f, point->x), y = frame_y(f, point->y);
        int row, col, width;

        if (point->label == NULL || !(x >= -0.5) || !(y >= -0.5) ||
            !(x < f->dot_cols - 0.5) || !(y < f->dot_rows - 0.5))
            continue;
        row = (int)lround(y) / f->per_row;
        col = (int)lround(x) / f->per_col;
        width = canvas_width(f->right.canvas, point->label);
        if (!put_label(f, row, col + 2, point->label, width))
            put_label(f, row, col - 1 - width, point->label, width);
    }
}

/* The numbers of the point at the cursor, at the end of the title row. */
static void draw_readout(struct frame *f, const struct plot_scatter *s)
{
    const struct plot_point *point = &s->points[s->cursor];
    struct str text = {0};
    char number[32];

    if (point->label != NULL)
        str_addf(&text, "%s: ", point->label);
    str_add(&text,
            plot_number(f->x.format, point->x, 0, number, sizeof(number)));
    if (f->x.unit != NULL)
        str_addf(&text, " %s", f->x.unit);
    str_addf(&text, ", %s",
             plot_number(f->y.format, point->y, 0, number, sizeof(number)));
    if (f->y.unit != NULL)
        str_addf(&text, " %s", f->y.unit);
    frame_readout(f, text.text);
    str_done(&text);
}

void plot_scatter(struct pane p, const struct plot_scatter *s)
{
    struct frame f;
    struct frame_want want = {.title = s->title,
                              .x = &s->x,
                              .y = &s->y,
                              .seen_x = SPAN_EMPTY,
                              .seen_y = SPAN_EMPTY,
                              .margin = p.at.cols / 4 < MARGIN ? p.at.cols / 4
                                                               : MARGIN};
    bool cursor = s->cursor >= 0 && s->cursor < s->point_count;
    int i;

    see(s, &want);
    frame_open(&f, p, &want);
    if (s->front)
        draw_front(&f, s);
    for (i = 0; i < s->point_count; i++)
        draw_point(&f, s, i);
    if (cursor)
        draw_point(&f, s, s->cursor);
    draw_labels(&f, s);
    if (cursor)
        draw_readout(&f, s);
    if (s->point_count == 0 && f.area.at.rows > 0)
        pane_field(f.area, f.area.at.rows / 2, 0, f.area.at.cols, ALIGN_CENTRE,
                   ROLE_DIM, "no points yet");
    frame_close(&f);
}
