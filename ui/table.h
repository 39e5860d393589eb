/*
 * Columns of a table in the room there is: those of least rank go first, and
 * the screen says which are hidden.
 */
#ifndef UI_TABLE_H
#define UI_TABLE_H

#include <stdbool.h>

#include "base/str.h"
#include "ui/canvas.h"

enum { TABLE_COLUMNS = 16, TABLE_GAP = 2 };

struct table_column {
    const char *title;
    int width; /* of its content; the title may make it wider */
    int rank;  /* 0 stays to the last, the highest goes first */
    enum align align;
    /* Filled by table_fit: */
    int col; /* where it starts; -1: hidden */
};

struct table {
    struct table_column column[TABLE_COLUMNS];
    int count;
    int cols;   /* what the shown columns take */
    int hidden; /* how many are not shown */
};

/* Appends a column; returns its number. */
int table_add(struct table *t, const char *title, int width, int rank,
              enum align align);
/* Widens column i so that text fits, up to most columns. */
void table_widen(struct table *t, int i, const struct canvas *c,
                 const char *text, int most);
/* Gives the columns their places in cols columns, the first at indent. */
void table_fit(struct table *t, int indent, int cols);
void table_head(const struct table *t, struct pane p, int row);
/* Nothing for a hidden column; "" leaves the field blank. */
void table_cell(const struct table *t, struct pane p, int row, int i,
                enum role role, const char *text);
/* "hidden: kernel, alive", or "" when all are shown. */
const char *table_hidden(const struct table *t, char *buf, size_t size);

#endif
