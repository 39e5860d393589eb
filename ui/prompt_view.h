/*
 * How the prompt's line and the candidates of a completion look.  Private to
 * prompt.c, which alone knows readline.
 */
#ifndef UI_PROMPT_VIEW_H
#define UI_PROMPT_VIEW_H

#include "engine/engine.h"
#include "ui/canvas.h"

/* How many bytes all candidates start with. */
size_t list_common(const struct completion *c);

/* Rows for all candidates at that width. */
int list_rows(const struct completion *c, int cols);
/* chosen is marked, and visible; -1: none. */
void list_draw(const struct completion *c, int chosen, struct pane p);

struct line_view {
    const char *sign, *text;
    size_t cursor; /* in bytes of text */
};
/*
 * Sign and text on one row, the first scroll columns cut off; control
 * characters as ^X.  Places the canvas' cursor.  Returns scroll as it had to
 * be for the cursor to be seen; hand it in the next time.
 */
int line_draw(const struct line_view *v, int scroll, struct pane p);

#endif
