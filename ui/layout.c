#include "ui/layout.h"

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

/* The rows below the body, counted from the last one up. */
static void place_bottom(int rows, int cols, const struct layout_want *want,
                         struct layout *out)
{
    int left = rows;

    if (want->prompt && left > 0)
        out->prompt = (struct rect){--left, 0, 1, cols};
    if (left > 0)
        out->message = (struct rect){--left, 0, 1, cols};
    if (out->roomy && !want->prompt)
        out->strip = (struct rect){--left, 0, 1, cols};
    if (out->roomy)
        out->body[0] = (struct rect){1, 0, left - 1, cols};
}

static void split_body(const struct layout_want *want, struct layout *out)
{
    struct rect all = out->body[0];
    int half;

    out->panes = 1;
    if (want->panes < 2)
        return;
    if (all.cols >= LAYOUT_WIDE) {
        half = (all.cols - 1) / 2;
        out->body[0].cols = half;
        out->divider = (struct rect){all.row, half, all.rows, 1};
        out->body[1] =
            (struct rect){all.row, half + 1, all.rows, all.cols - half - 1};
        out->panes = 2;
    } else if (all.rows >= LAYOUT_TALL) {
        half = (all.rows - 1) / 2;
        out->body[0].rows = half;
        out->divider = (struct rect){all.row + half, 0, 1, all.cols};
        out->body[1] =
            (struct rect){all.row + half + 1, 0, all.rows - half - 1, all.cols};
        out->panes = 2;
    }
}

/* Over the rows above message; on a screen too small for a body too. */
static void place_popup(int cols, const struct layout_want *want,
                        struct layout *out)
{
    int top = out->roomy ? 1 : 0, end = out->message.row;
    int rows = least(want->popup_rows, end - top);

    if (rows > 0)
        out->popup = (struct rect){end - rows, 0, rows,
                                   least(cols, most(want->popup_cols, 1))};
}

void layout_make(int rows, int cols, const struct layout_want *want,
                 struct layout *out)
{
    *out = (struct layout){.roomy = rows >= LAYOUT_ROWS && cols >= LAYOUT_COLS};
    if (rows <= 0 || cols <= 0)
        return;
    if (out->roomy)
        out->header = (struct rect){0, 0, 1, cols};
    place_bottom(rows, cols, want, out);
    if (out->roomy)
        split_body(want, out);
    if (want->prompt && want->popup_rows > 0)
        place_popup(cols, want, out);
}
