/*
 * The parts of the view of exits: what is drawn for one setting of the
 * thresholds.  Threads: main thread only.
 */
#ifndef UI_EXITS_PARTS_H
#define UI_EXITS_PARTS_H

#include "engine/exits_try.h"
#include "ui/canvas.h"

/* What is shown: a sheet, thresholds, and what comes of them. */
struct exits_shown {
    const struct exits_sheet *s;
    const double *threshold; /* exits - 1 */
    const struct exits_try *now;
    const double *late; /* classes: share that comes to the last exit */
    int chosen;         /* exit whose threshold is moved; -1: all */
    bool ms;            /* by measured time, not products */
};

/* Each is one row; the first is the chart that stands at the left. */
struct exits_part {
    const char *name;
    bool (*known)(const struct exits_sheet *s);
    void (*draw)(const struct exits_shown *e, struct pane p);
};
enum { EXITS_CURVE, EXITS_PLACES, EXITS_PARTS = 5 };
extern const struct exits_part exits_parts[EXITS_PARTS];

/* Whether exits were measured, so that a chart by time can be drawn. */
bool exits_timed(const struct exits_sheet *s);

#endif
