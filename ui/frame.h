/*
 * Puts a frame together: header, tabs, one view or two, the lesson's panel,
 * the strip of stages, and the message row or prompt.
 */
#ifndef UI_FRAME_H
#define UI_FRAME_H

#include "ui/canvas.h"
#include "ui/screen.h"

/* Draws all of it and records in s what stands where. */
void frame_draw(struct screen *s, struct canvas *to);

/* The view whose tab is at that place of the last frame; -1: none. */
int frame_tab_at(const struct screen *s, int row, int col);

#endif
