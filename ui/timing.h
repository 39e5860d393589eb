/*
 * What `timing` measured, as curves: time of a layer's products against the
 * share of zeros, a curve a form, with the points from which on a form is
 * faster than the dense one.
 * Threads: main thread only.
 */
#ifndef UI_TIMING_H
#define UI_TIMING_H

#include "engine/board.h"
#include "ui/canvas.h"

/* Whether there is anything to draw. */
bool timing_shown(const struct timing_sheet *t);

/* Side by side where there is room for all batches, else the one in place
 * `batch`, counted round.  stage is the one on the screen. */
void timing_draw(struct pane p, const struct timing_sheet *t, int batch,
                 int stage);

#endif
