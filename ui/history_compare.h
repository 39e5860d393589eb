/*
 * Two stages side by side, for the view of the history.
 * Threads: main thread only.
 */
#ifndef UI_HISTORY_COMPARE_H
#define UI_HISTORY_COMPARE_H

#include "engine/board.h"
#include "ui/canvas.h"

/* Both stages, whether they differ, and what their layers have in common. */
void history_compare_draw(const struct compare_sheet *s, struct pane p);

#endif
