/*
 * Thresholds tried on the sheet of exits: plain arithmetic on plain values, so
 * that the screen answers within a frame whatever the job thread does.
 * Threads: no shared state.
 */
#ifndef ENGINE_EXITS_TRY_H
#define ENGINE_EXITS_TRY_H

#include "engine/board.h"

struct exits_try {
    int left[EXITS_MOST], right[EXITS_MOST];
    double accuracy, cost;
    double ms; /* NAN where exits were not measured */
};

/* threshold (exits - 1).  late (classes; may be NULL) gets the share of each
 * class that comes to the last exit; <0 without samples. */
void exits_try(const struct exits_sheet *s, const double *threshold,
               struct exits_try *out, double *late);

#endif
