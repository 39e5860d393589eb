/*
 * The first row: what is open, what runs, how good and how small the network
 * is; and the strip of stages that led there.  Both say less in less room, the
 * least important first.
 */
#ifndef UI_HEADER_H
#define UI_HEADER_H

#include "engine/board.h"
#include "ui/canvas.h"

/* status may be NULL. */
void header_draw(struct pane p, const struct status_sheet *status);
/* history may be NULL. */
void header_strip(struct pane p, const struct history_sheet *history);

#endif
