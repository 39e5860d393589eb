/*
 * Charts on panes.  Each takes plain values, borrows them for the call, and
 * draws nothing outside its pane; at any size, with no values, with one, with
 * equal ones, with NaN (a gap) and infinities (a sign at the edge) it draws
 * something true.  Curves keep the extremes of every column, so that a spike
 * never vanishes.  The canvas' glyph and colour tiers choose between braille,
 * blocks and ASCII; the numbers are the same in all.
 * Threads: main thread only.
 */
#ifndef UI_PLOT_H
#define UI_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ui/canvas.h"

/* How numbers along an axis are written. */
enum plot_format {
    PLOT_NUMBER,  /* 0.25, 1.5k, 2e-05 */
    PLOT_WHOLE,   /* integers: steps, epochs */
    PLOT_PERCENT, /* 0.975 as 97.5% */
    PLOT_BYTES    /* 1.07MB */
};

/* Zeroed, it spans the values there are. */
struct plot_axis {
    /* The range, where least < most; else from the values. */
    double least, most;
    enum plot_format format;
    bool log;         /* values <= 0 are gaps */
    bool doubling;    /* from 0 (or least) to a power of two times 16: points
                         are appended without moving those drawn before */
    const char *unit; /* behind the axis: "step", "ms"; may be NULL */
};

/* value as the axis writes it, with digits for steps of step (0: 4 digits). */
const char *plot_number(enum plot_format format, double value, double step,
                        char *buf, size_t size);

/*
 * Ticks at 1, 2 or 5 times a power of ten inside [least, most], at most max
 * of them; returns how many, *step their distance.  For log axes powers of
 * ten (and 2 and 5 times such where there is room), *step is 0.
 */
enum { PLOT_TICKS = 32 };
int plot_ticks(double least, double most, int max, double out[PLOT_TICKS],
               double *step);
int plot_ticks_log(double least, double most, int max, double out[PLOT_TICKS]);

enum plot_style {
    PLOT_LINE,  /* joined */
    PLOT_MARKS, /* joined, each sample with its mark */
    PLOT_DOTS,  /* samples only, not joined */
    PLOT_GHOST, /* a dotted line, behind the others */
    PLOT_STEPS  /* constant until the next sample */
};
struct plot_series {
    const char *name; /* at the curve's end */
    const double *x;  /* ascending; NULL: 0, 1, 2 … */
    const double *y;  /* NaN: a gap */
    size_t n;
    size_t stride;  /* bytes from one x or y to the next; 0: an array each */
    bool bridge;    /* NaN is no gap: the line goes on to the next sample */
    enum role role; /* ROLE_NORMAL: SERIES1 and on, by place */
    enum plot_style style;
    char mark; /* the sign of a sample and of the legend; 0: chosen by place */
};
struct plot_event { /* a vertical mark: "pruned 20%" */
    double x;
    const char *label;
};
struct plot_line { /* a horizontal marker: "dense 97.8%" */
    double y;
    const char *label; /* may be NULL */
    enum role role;
};
struct plot {
    const char *title; /* may be NULL */
    struct plot_axis x, y;
    const struct plot_series *series;
    int series_count;
    const struct plot_event *events;
    int event_count;
    const struct plot_line *lines;
    int line_count;
    bool has_cursor; /* read the values at cursor out */
    double cursor;   /* x */
};
void plot_curves(struct pane p, const struct plot *plot);

/* One row of values as eighth blocks, newest to the right. */
void plot_spark(struct pane p, int row, int col, int width, enum role role,
                const double *y, size_t n);

/* A horizontal bar of width columns, share (0 to 1) of it full. */
void plot_bar(struct pane p, int row, int col, int width, enum role role,
              double share);

struct plot_histogram {
    const char *title; /* may be NULL */
    const int64_t *counts;
    int bins;
    double least, most;   /* edges of the first and of the last bin */
    int64_t below, above; /* values outside: bins '<' and '>' at the ends */
    bool has_zeros;       /* exact zeros stand in a bin of their own … */
    int64_t zeros;        /* … and are not among the counts */
    bool log;             /* counts on a log axis */
    bool has_threshold;   /* lines at +-threshold, inside shown as pruned */
    double threshold;
    const double *ticks; /* centroids, say, marked under the axis; or NULL */
    int tick_count;
    int cursor;       /* the bin to read out; -1: none */
    const char *unit; /* of the values; may be NULL */
};
void plot_histogram(struct pane p, const struct plot_histogram *h);

/* How a block of values becomes one cell where there is not room for all. */
enum plot_reduce { PLOT_EXTREME, PLOT_MEAN };

/* What was shown last, so that a cell changes only when its value moved by
 * more than 0.6 of a level.  Zeroed at first; plot_memory_done frees. */
struct plot_memory {
    uint8_t *levels;
    int rows, cols;
    double least, most;
};
void plot_memory_done(struct plot_memory *m);

struct plot_heat {
    const char *title;   /* may be NULL */
    const float *values; /* (rows, cols), row after row; NaN: blank */
    int rows, cols;
    const uint8_t *mask;      /* 0: pruned, drawn as a mark; may be NULL */
    bool minus_pruned;        /* values below 0 say the same */
    int tile_rows, tile_cols; /* a gap after so many; 0: none */
    double least, most;       /* colour range, where least < most; else from the
                                 values that are not pruned */
    bool diverging;           /* range made symmetric, white at 0 */
    enum plot_reduce reduce;
    int top, left;   /* first row and column shown */
    int zoom;        /* values to a pixel side; 0: all fit in, 1: each */
    bool legend;     /* a row with the ramp and its ends below */
    bool has_cursor; /* frame the value at (cursor_row, cursor_col) */
    int cursor_row, cursor_col;
    struct plot_memory *memory; /* may be NULL */
};
void plot_heat(struct pane p, const struct plot_heat *h);

/* A picture, (height, width, channels) bytes with 1 or 3 channels, as large
 * as it fits by whole steps (reduced when it does not fit); half blocks in
 * 256 colours, ASCII shades else.  Returns rows and columns it takes. */
struct plot_picture {
    const uint8_t *pixels;
    int height, width, channels;
    bool invert;
};
struct rect plot_picture(struct pane p, const struct plot_picture *picture);

struct plot_point {
    double x, y;
    char mark;
    enum role role;
    const char *label; /* may be NULL */
};
struct plot_scatter {
    const char *title; /* may be NULL */
    struct plot_axis x, y;
    const struct plot_point *points;
    int point_count;
    bool front; /* the staircase of points none beats: x low, y high */
    int cursor; /* the point to read out; -1: none */
};
void plot_scatter(struct pane p, const struct plot_scatter *s);

#endif
