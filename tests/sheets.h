/*
 * Sheets for tests of the screen: plain values as the engine would send them
 * while LeNet-300-100 is pruned, and the worst that files could put into them.
 */
#ifndef TESTS_SHEETS_H
#define TESTS_SHEETS_H

#include "ui/view.h"

enum sheets_kind {
    SHEETS_NONE,    /* every pointer NULL */
    SHEETS_EMPTY,   /* sheets with nothing in them */
    SHEETS_TYPICAL, /* three prunings in, a fourth running */
    SHEETS_EXTREME, /* NaN, huge numbers, hostile names, many rows */
    SHEETS_COUNT
};

/* Valid until the next call. */
const struct view_input *sheets_get(enum sheets_kind kind);

/* The typical status, to be changed by the test. */
struct status_sheet *sheets_status(void);

#endif
