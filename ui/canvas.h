/*
 * The frame in memory: a grid of cells, each a character and what it is for
 * (its role).  Views draw on panes, rectangles of a canvas; everything is
 * clipped to the pane, so that no size of terminal can make a view write
 * outside.  Only term.c turns roles into colours.  No meaning by colour
 * alone: whatever a colour says, a sign or a word says too.
 *
 * Text is UTF-8 and may be hostile (names out of files): control characters
 * and broken bytes come out as signs of one column.  Rows and columns count
 * from 0 and are relative to the pane.  Threads: main thread only.
 */
#ifndef UI_CANVAS_H
#define UI_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* What the terminal's fonts can show; each tier includes the ones before. */
enum glyphs { GLYPHS_ASCII, GLYPHS_BLOCK, GLYPHS_BRAILLE };

/* How many colours there are. */
enum colours { COLOURS_MONO, COLOURS_8, COLOURS_16, COLOURS_256 };

enum { ATTR_BOLD = 1, ATTR_REVERSE = 2, ATTR_UNDERLINE = 4 };

/*
 * The rows of roles.def, then ramps: HEAT dark blue to yellow, DIVERGE blue
 * over white to orange, GREY black to white, CUBE red*36 + green*6 + blue of
 * 6 steps each.
 */
enum { HEAT_LEVELS = 12, GREY_LEVELS = 24, CUBE_LEVELS = 216 };
enum role {
#define ROLE(name, ...) ROLE_##name,
#include "ui/roles.def"
#undef ROLE
    ROLE_NAMED, /* how many have a name */
    ROLE_HEAT = ROLE_NAMED,
    ROLE_DIVERGE = ROLE_HEAT + HEAT_LEVELS,
    ROLE_GREY = ROLE_DIVERGE + HEAT_LEVELS,
    ROLE_CUBE = ROLE_GREY + GREY_LEVELS,
    ROLE_COUNT = ROLE_CUBE + CUBE_LEVELS
};

/* A character with up to two combining marks; width 0 is the right half of
 * the wide character to the left. */
enum { CELL_POINTS = 3 };
struct cell {
    uint32_t point[CELL_POINTS]; /* unused ones are 0 */
    uint16_t role;
    uint16_t ground; /* whose background: a named role's own (BAR), a ramp
                        role's colour, ROLE_NORMAL: the terminal's */
    uint8_t attr;    /* added to the role's */
    uint8_t width;
};

struct rect {
    int row, col, rows, cols;
};

struct canvas {
    int rows, cols;
    enum glyphs glyphs;
    enum colours colours;
    int cursor_row, cursor_col; /* of the terminal's cursor; -1: hidden */
    struct cell *cells;         /* rows * cols, by row */
};

/* A canvas of rows x cols blanks (each at least 0); canvas_done frees. */
void canvas_init(struct canvas *c, int rows, int cols);
void canvas_done(struct canvas *c);
/* To another size; the content is lost. */
void canvas_resize(struct canvas *c, int rows, int cols);
/* All blank, cursor hidden: the start of a frame. */
void canvas_clear(struct canvas *c);

/* The frame as text, one line a row without trailing blanks. */
void canvas_dump(const struct canvas *c, struct str *out);
/* As many lines of role letters (roles.def; '~' for ramps): for tests. */
void canvas_dump_roles(const struct canvas *c, struct str *out);

/* Columns text takes on this canvas. */
int canvas_width(const struct canvas *c, const char *text);

/* A part of a canvas.  May be empty; drawing on it then does nothing. */
struct pane {
    struct canvas *canvas;
    struct rect at; /* on the canvas, always inside it */
};

struct pane pane_whole(struct canvas *c);
/* r of the canvas itself, as layout.h gives them. */
struct pane pane_at(struct canvas *c, struct rect r);
/* r relative to p, clipped to it. */
struct pane pane_sub(struct pane p, struct rect r);
/* Takes rows off the top or bottom, columns off the left or right of p and
 * gives them back as a pane. */
struct pane pane_take_top(struct pane *p, int rows);
struct pane pane_take_bottom(struct pane *p, int rows);
struct pane pane_take_left(struct pane *p, int cols);
struct pane pane_take_right(struct pane *p, int cols);

/*
 * Writes text from (row, col) on; cut with an ellipsis where the pane ends.
 * Returns the column after it.  A col left of the pane cuts the text's start.
 */
int pane_text(struct pane p, int row, int col, enum role role,
              const char *text);
/* The same, but nothing where the text does not fit whole. */
int pane_text_whole(struct pane p, int row, int col, enum role role,
                    const char *text);
int pane_textf(struct pane p, int row, int col, enum role role, const char *fmt,
               ...) PRINTF_LIKE(5, 6);

/* Writes text into width columns (what of them is inside), padded or cut. */
enum align { ALIGN_LEFT, ALIGN_RIGHT, ALIGN_CENTRE };
void pane_field(struct pane p, int row, int col, int width, enum align align,
                enum role role, const char *text);
void pane_fieldf(struct pane p, int row, int col, int width, enum align align,
                 enum role role, const char *fmt, ...) PRINTF_LIKE(7, 8);

/* Text broken at blanks into lines of p from row on; the row after it, also
 * when that is below the pane.  Newlines break too. */
int pane_wrap(struct pane p, int row, enum role role, const char *text);
/* How many lines that makes. */
int pane_wrap_rows(struct pane p, const char *text);

/* One character of width 1; in the ASCII tier its nearest ASCII sign. */
void pane_put(struct pane p, int row, int col, enum role role, uint32_t point);
/* Two pixels one above the other, each a role's foreground colour. */
void pane_half(struct pane p, int row, int col, enum role upper,
               enum role lower);
/* Blanks of a role all over the pane; text drawn over them keeps the role's
 * ground: first fill with BAR or POPUP, then write in any role. */
void pane_fill(struct pane p, enum role role);
/* Gives cells that are drawn another role and its ground: SELECTED over a
 * table row, say. */
void pane_restyle(struct pane p, enum role role);
/* Adds attributes (ATTR_*) to cells that are drawn. */
void pane_add_attr(struct pane p, unsigned attr);

/* A horizontal line over the whole row with title (may be NULL) in it; a
 * vertical line over the whole column. */
void pane_rule(struct pane p, int row, const char *title);
void pane_divider(struct pane p, int col);
/* A frame with title (may be NULL) round p; returns the inside, cleared. */
struct pane pane_box(struct pane p, enum role role, const char *title);

/* Puts the terminal's cursor there; outside the pane it is hidden. */
void pane_cursor(struct pane p, int row, int col);

#endif
