/*
 * What charts with two axes share: the ranges, axes and ticks round an area,
 * and dots finer than cells inside it.  Private to plot_*.c.
 */
#ifndef UI_PLOT_FRAME_H
#define UI_PLOT_FRAME_H

#include "ui/plot.h"

/* The finite values seen so far. */
struct span {
    double least, most;
};
#define SPAN_EMPTY ((struct span){HUGE_VAL, -HUGE_VAL})
void span_add(struct span *s, const struct plot_axis *axis, double value);

struct frame {
    struct pane area;      /* between the axes */
    struct pane right;     /* area and the margin to its right, for labels */
    struct pane above;     /* a row of labels over the area; may be empty */
    struct pane title;     /* one row; may be empty */
    bool has_below;        /* there is an axis line under the area */
    struct plot_axis x, y; /* with the ranges that are drawn */
    int per_row, per_col;  /* dots to a cell */
    int dot_rows, dot_cols;
    uint8_t *dots;  /* bits of every cell */
    uint16_t *role; /* of every cell's dots */
    char *sign;     /* put into the cell instead of dots; 0: dots */
    bool *taken;    /* the cell has text */
};

struct frame_want {
    const char *title;
    const struct plot_axis *x, *y;
    struct span seen_x, seen_y;
    bool above; /* a row for labels over the area */
    int margin; /* columns wanted on the right */
};

/* Draws title and axes.  frame_close puts the dots onto the pane. */
void frame_open(struct frame *f, struct pane p, const struct frame_want *want);
void frame_close(struct frame *f);

/* Numbers at the right end of the title row, over the title where it is long.
 */
void frame_readout(struct frame *f, const char *text);

/* A value in dots from the left, or from the top; not rounded, outside of
 * [0, dots - 1] where it is outside of the range, NaN where it has no place. */
double frame_x(const struct frame *f, double value);
double frame_y(const struct frame *f, double value);

/* Dots outside the area are left out. */
void frame_dot(struct frame *f, int col, int row, enum role role);
/* A straight line, clipped; every-th dot of it (1: all). */
void frame_line(struct frame *f, double col0, double row0, double col1,
                double row1, enum role role, int every);
/* A sign in the cell of that dot. */
void frame_sign(struct frame *f, double col, double row, enum role role,
                char sign);
/* The cell is inside and has nothing yet. */
bool frame_free(const struct frame *f, int cell_row, int cell_col);
/* Text was written into these cells. */
void frame_take(struct frame *f, int cell_row, int cell_col, int cols);

#endif
