/*
 * Where things stand on the screen: a pure function of its size and of what
 * is open.  For every size the rectangles lie inside, do not overlap, and the
 * prompt is visible when it is open.
 */
#ifndef UI_LAYOUT_H
#define UI_LAYOUT_H

#include <stdbool.h>

#include "ui/canvas.h"

/* Below this the screen only asks for room; the prompt still works. */
enum { LAYOUT_ROWS = 16, LAYOUT_COLS = 60 };
/* From here on two views stand side by side. */
enum { LAYOUT_WIDE = 120, LAYOUT_TALL = 48 };

struct layout_want {
    int panes;      /* 1 or 2 */
    bool prompt;    /* the prompt is open */
    int popup_rows; /* of the completion list and its frame; 0: none */
    int popup_cols;
};

/*
 * Row by row: header, body, strip (history), message.  message carries key
 * hints or what was last said.  With the prompt open it stands on the last
 * row, message above it, and strip is empty: the body does not move.  The
 * popup lies over the body, on its lower edge.
 */
struct layout {
    bool roomy; /* false: header, body and strip are empty, message is the
                   place to ask for room */
    int panes;  /* bodies that got a place: 1 or 2 */
    struct rect header, body[2], divider, strip, message, prompt, popup;
};

void layout_make(int rows, int cols, const struct layout_want *want,
                 struct layout *out);

#endif
