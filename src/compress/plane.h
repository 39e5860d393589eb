/*
 * The context coder: a matrix of codes, most of them zero, into a range coder
 * (method card D7, with mixed contexts).  First which rows and columns are
 * alive at all, then which weights of these are not zero, then their codes.
 * Whether a weight is zero is judged by how full its row and its column have
 * been, by the weights beside it in the picture (or kernel) it looks at, and by
 * what is known of the units it joins.
 * Threads: no shared state.
 */
#ifndef COMPRESS_PLANE_H
#define COMPRESS_PLANE_H

#include "base/err.h"
#include "compress/range.h"

#define PLANE_CODES 65535 /* most values */
#define PLANE_HINTS 4

struct plane {
    int rows, cols; /* inputs (of all kernel positions) by units */
    uint16_t *code; /* (rows, cols): 0 is zero, 1..values a value */
    int values;
    int negative; /* codes 1..negative stand for values below zero, ascending */
    /* Rows back to the neighbour at the left and the one above, in a picture
     * or kernel; 0: rows have no neighbours. */
    int near, far;
    /* What is known of the unit a row (column) stands for, 0..PLANE_HINTS-1;
     * NULL: nothing. */
    const uint8_t *row_hint, *col_hint;
};

/* How many opinions a weight gets; bytes against time. */
enum plane_effort {
    PLANE_SWIFT, /* its row and column only, not mixed: for millions */
    PLANE_QUICK, /* three */
    PLANE_FULL,  /* seven */
    PLANE_STRIPS /* four, on sixteen weights at a time */
};

/* How it is coded; the file says.  Quick and full are of the first version:
 * strips take as few bytes and are many times as fast. */
struct plane_style {
    enum plane_effort effort;
    int rate; /* of the mixers, of quick and full: 0..3, slow to fast */
};

struct plane_sizes {
    size_t places, codes; /* bytes, each within one */
};

/* Writes g->code or fills it (zeroed by the caller), as r goes.  sizes may be
 * NULL. */
enum err_code plane_code(struct range *r, struct plane *g,
                         const struct plane_style *style,
                         struct plane_sizes *sizes, struct err *err) MUST_CHECK;

/* 0 for none, 1, 2 and 3, more: a hint out of a count of weights. */
unsigned plane_hint(size_t count);

#endif
