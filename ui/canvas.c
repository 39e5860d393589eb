#include "ui/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ui/glyph.h"

static const struct cell blank = {.point = {' '}, .width = 1};

/* Whether a role brings its own background along. */
static bool has_ground(enum role role)
{
    static const bool has[] = {
#define ROLE(name, letter, dark, light, basic, gdark, ...) (gdark) >= 0,
#include "ui/roles.def"
#undef ROLE
    };
    return role < ROLE_NAMED && has[role];
}

void canvas_init(struct canvas *c, int rows, int cols)
{
    *c = (struct canvas){.glyphs = GLYPHS_BRAILLE, .colours = COLOURS_256};
    canvas_resize(c, rows, cols);
}

void canvas_done(struct canvas *c)
{
    mem_free(c->cells);
    *c = (struct canvas){0};
}

void canvas_resize(struct canvas *c, int rows, int cols)
{
    mem_free(c->cells);
    c->rows = rows > 0 ? rows : 0;
    c->cols = cols > 0 ? cols : 0;
    c->cells =
        mem_array((size_t)c->rows * (size_t)c->cols + 1, sizeof(*c->cells));
    canvas_clear(c);
}

void canvas_clear(struct canvas *c)
{
    size_t n = (size_t)c->rows * (size_t)c->cols, i;

    for (i = 0; i < n; i++)
        c->cells[i] = blank;
    c->cursor_row = c->cursor_col = -1;
}

static struct cell *cell_at(const struct canvas *c, int row, int col)
{
    return &c->cells[(size_t)row * (size_t)c->cols + (size_t)col];
}

static void trim(struct str *s)
{
    while (s->len > 0 && s->text[s->len - 1] == ' ')
        s->text[--s->len] = '\0';
    str_add(s, "\n");
}

void canvas_dump(const struct canvas *c, struct str *out)
{
    int row, col, i;

    for (row = 0; row < c->rows; row++) {
        for (col = 0; col < c->cols; col++) {
            const struct cell *cell = cell_at(c, row, col);

            for (i = 0; i < CELL_POINTS && cell->width > 0; i++)
                if (cell->point[i] != 0)
                    glyph_add(out, cell->point[i]);
        }
        trim(out);
    }
}

void canvas_dump_roles(const struct canvas *c, struct str *out)
{
    static const char letters[] = {
#define ROLE(name, letter, ...) letter,
#include "ui/roles.def"
#undef ROLE
    };
    int row, col;

    for (row = 0; row < c->rows; row++) {
        for (col = 0; col < c->cols; col++) {
            unsigned role = cell_at(c, row, col)->role;
            char letter = role < ROLE_NAMED ? letters[role] : '~';

            str_add_bytes(out, &letter, 1);
        }
        trim(out);
    }
}

int canvas_width(const struct canvas *c, const char *text)
{
    struct glyph g = glyph_next(c->glyphs, text);
    int width = 0;

    for (; g.bytes > 0; g = glyph_next(c->glyphs, text)) {
        width += g.width;
        text += g.bytes;
    }
    return width;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

/* The part of inner that is inside outer; empty ones have no rows and no
 * columns, but a place inside. */
static struct rect clip(struct rect outer, struct rect inner)
{
    struct rect r = {.row = most(outer.row, inner.row),
                     .col = most(outer.col, inner.col)};

    r.rows = least(outer.row + outer.rows, inner.row + inner.rows) - r.row;
    r.cols = least(outer.col + outer.cols, inner.col + inner.cols) - r.col;
    if (r.rows <= 0 || r.cols <= 0)
        r = (struct rect){.row = outer.row, .col = outer.col};
    return r;
}

struct pane pane_whole(struct canvas *c)
{
    return (struct pane){c, {0, 0, c->rows, c->cols}};
}

struct pane pane_at(struct canvas *c, struct rect r)
{
    struct rect all = {0, 0, c->rows, c->cols};

    return (struct pane){c, clip(all, r)};
}

struct pane pane_sub(struct pane p, struct rect r)
{
    r.row += p.at.row;
    r.col += p.at.col;
    return (struct pane){p.canvas, clip(p.at, r)};
}

struct pane pane_take_top(struct pane *p, int rows)
{
    struct pane top = *p;

    top.at.rows = most(0, least(rows, p->at.rows));
    p->at.row += top.at.rows;
    p->at.rows -= top.at.rows;
    return top;
}

struct pane pane_take_bottom(struct pane *p, int rows)
{
    struct pane bottom = *p;

    bottom.at.rows = most(0, least(rows, p->at.rows));
    p->at.rows -= bottom.at.rows;
    bottom.at.row = p->at.row + p->at.rows;
    return bottom;
}

struct pane pane_take_left(struct pane *p, int cols)
{
    struct pane left = *p;

    left.at.cols = most(0, least(cols, p->at.cols));
    p->at.col += left.at.cols;
    p->at.cols -= left.at.cols;
    return left;
}

struct pane pane_take_right(struct pane *p, int cols)
{
    struct pane right = *p;

    right.at.cols = most(0, least(cols, p->at.cols));
    p->at.cols -= right.at.cols;
    right.at.col = p->at.col + p->at.cols;
    return right;
}

/* The cell under (row, col) of a pane, or NULL outside. */
static struct cell *under(struct pane p, int row, int col)
{
    if (row < 0 || col < 0 || row >= p.at.rows || col >= p.at.cols)
        return NULL;
    return cell_at(p.canvas, p.at.row + row, p.at.col + col);
}

/* A cell that is half of a wide character takes the other half with it; the
 * halves may lie on both sides of a pane's edge. */
static void split_wide(struct pane p, int row, int col)
{
    struct cell *cell = under(p, row, col);
    int at = p.at.col + col;

    if (cell->width == 0 && at > 0) {
        cell[-1].point[0] = ' ';
        cell[-1].point[1] = cell[-1].point[2] = 0;
        cell[-1].width = 1;
    }
    if (cell->width == 2 && at + 1 < p.canvas->cols) {
        cell[1].point[0] = ' ';
        cell[1].width = 1;
    }
}

static void set(struct pane p, int row, int col, enum role role, uint32_t point,
                int width)
{
    struct cell *cell = under(p, row, col);

    if (cell == NULL)
        return;
    split_wide(p, row, col);
    cell->point[0] = point;
    cell->point[1] = cell->point[2] = 0;
    cell->role = (uint16_t)role;
    if (has_ground(role))
        cell->ground = (uint16_t)role;
    cell->attr = 0;
    cell->width = (uint8_t)width;
}

static void set_wide(struct pane p, int row, int col, enum role role,
                     uint32_t point)
{
    if (under(p, row, col) == NULL || under(p, row, col + 1) == NULL) {
        set(p, row, col, role, ' ', 1);
        set(p, row, col + 1, role, ' ', 1);
        return;
    }
    set(p, row, col + 1, role, ' ', 1);
    set(p, row, col, role, point, 1);
    under(p, row, col)->width = 2;
    under(p, row, col + 1)->width = 0;
    under(p, row, col + 1)->point[0] = 0;
}

static void combine(struct pane p, int row, int col, uint32_t point)
{
    struct cell *cell = under(p, row, col);
    int i = 1;

    if (cell != NULL && cell->width == 0)
        cell = under(p, row, col - 1);
    if (cell == NULL || cell->width == 0 || point == 0)
        return;
    while (i < CELL_POINTS && cell->point[i] != 0)
        i++;
    if (i < CELL_POINTS)
        cell->point[i] = point;
}

/* Draws what of text fits left of the column end; the column after it. */
static int draw(struct pane p, int row, int col, int end, enum role role,
                const char *text)
{
    struct glyph g = glyph_next(p.canvas->glyphs, text);

    for (; g.bytes > 0; g = glyph_next(p.canvas->glyphs, text)) {
        if (col + g.width > end)
            break;
        if (g.width == 0)
            combine(p, row, col - 1, g.point);
        else if (g.width == 1)
            set(p, row, col, role, g.point, 1);
        else
            set_wide(p, row, col, role, g.point);
        col += g.width;
        text += g.bytes;
    }
    return col;
}

int pane_text(struct pane p, int row, int col, enum role role, const char *text)
{
    bool cut = canvas_width(p.canvas, text) > p.at.cols - col;

    if (col >= p.at.cols)
        return col;
    col = draw(p, row, col, cut ? p.at.cols - 1 : p.at.cols, role, text);
    if (cut) {
        pane_put(p, row, col, role, 0x2026); /* … */
        col++;
    }
    return col;
}

int pane_text_whole(struct pane p, int row, int col, enum role role,
                    const char *text)
{
    if (col + canvas_width(p.canvas, text) > p.at.cols)
        return col;
    return pane_text(p, row, col, role, text);
}

int pane_textf(struct pane p, int row, int col, enum role role, const char *fmt,
               ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return pane_text(p, row, col, role, text);
}

void pane_field(struct pane p, int row, int col, int width, enum align align,
                enum role role, const char *text)
{
    struct pane field = pane_sub(p, (struct rect){row, col, 1, width});
    int room = field.at.cols - canvas_width(p.canvas, text), i;

    if (room < 0 || align == ALIGN_LEFT)
        room = 0;
    for (i = 0; i < field.at.cols; i++)
        set(field, 0, i, role, ' ', 1);
    if (field.at.rows > 0)
        pane_text(field, 0, align == ALIGN_CENTRE ? room / 2 : room, role,
                  text);
}

void pane_fieldf(struct pane p, int row, int col, int width, enum align align,
                 enum role role, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    pane_field(p, row, col, width, align, role, text);
}

/* A number and its per cent sign stay together. */
static bool may_break(const char *text)
{
    return text[0] == ' ' && text[1] != '%';
}

/* Bytes of text that make one line of at most cols columns, without the blank
 * or newline that ends it, which goes to *skip. */
static size_t line_length(const struct pane *p, const char *text, size_t *skip)
{
    size_t at = 0, good = 0;
    int col = 0;

    *skip = 0;
    while (text[at] != '\0' && text[at] != '\n') {
        struct glyph g = glyph_next(p->canvas->glyphs, text + at);

        if (may_break(text + at)) {
            good = at;
            *skip = 1;
        }
        if (col + g.width > p->at.cols && at > 0) {
            if (*skip == 0)
                good = at; /* a word longer than the line */
            return good;
        }
        col += g.width;
        at += (size_t)g.bytes;
    }
    *skip = text[at] == '\n';
    return at;
}

int pane_wrap(struct pane p, int row, enum role role, const char *text)
{
    struct str line = {0};

    if (p.at.cols == 0)
        return row;
    while (*text != '\0') {
        size_t skip, n = line_length(&p, text, &skip);

        str_clear(&line);
        str_add_bytes(&line, text, n);
        if (row >= 0 && row < p.at.rows)
            pane_text(p, row, 0, role, line.text);
        row++;
        text += n + skip;
    }
    str_done(&line);
    return row;
}

int pane_wrap_rows(struct pane p, const char *text)
{
    p.at.rows = 0;
    return pane_wrap(p, 0, ROLE_NORMAL, text);
}

void pane_put(struct pane p, int row, int col, enum role role, uint32_t point)
{
    if (p.canvas->glyphs == GLYPHS_ASCII)
        point = glyph_ascii(point);
    set(p, row, col, role, point, 1);
}

void pane_half(struct pane p, int row, int col, enum role upper,
               enum role lower)
{
    struct cell *cell = under(p, row, col);

    if (cell == NULL)
        return;
    pane_put(p, row, col, upper, upper == lower ? 0x2588 : 0x2580);
    cell->ground = (uint16_t)lower;
}

void pane_fill(struct pane p, enum role role)
{
    int row, col;

    for (row = 0; row < p.at.rows; row++) {
        for (col = 0; col < p.at.cols; col++) {
            set(p, row, col, role, ' ', 1);
            under(p, row, col)->ground =
                (uint16_t)(has_ground(role) ? role : ROLE_NORMAL);
        }
    }
}

void pane_restyle(struct pane p, enum role role)
{
    int row, col;

    for (row = 0; row < p.at.rows; row++) {
        for (col = 0; col < p.at.cols; col++) {
            struct cell *cell = under(p, row, col);

            if (cell == NULL)
                continue;
            cell->role = (uint16_t)role;
            if (has_ground(role))
                cell->ground = (uint16_t)role;
        }
    }
}

void pane_add_attr(struct pane p, unsigned attr)
{
    int row, col;

    for (row = 0; row < p.at.rows; row++)
        for (col = 0; col < p.at.cols; col++)
            under(p, row, col)->attr |= (uint8_t)attr;
}

void pane_rule(struct pane p, int row, const char *title)
{
    int col;

    for (col = 0; col < p.at.cols; col++)
        pane_put(p, row, col, ROLE_FRAME, 0x2500);
    if (title != NULL && p.at.cols > 6) {
        struct pane inside =
            pane_sub(p, (struct rect){row, 3, 1, p.at.cols - 5});

        pane_put(p, row, 2, ROLE_FRAME, ' ');
        col = pane_text(inside, 0, 0, ROLE_TITLE, title);
        pane_put(p, row, 3 + col, ROLE_FRAME, ' ');
    }
}

void pane_divider(struct pane p, int col)
{
    int row;

    for (row = 0; row < p.at.rows; row++)
        pane_put(p, row, col, ROLE_FRAME, 0x2502);
}

struct pane pane_box(struct pane p, enum role role, const char *title)
{
    int rows = p.at.rows, cols = p.at.cols, i;
    struct pane inside = pane_sub(p, (struct rect){1, 1, rows - 2, cols - 2});

    pane_fill(p, role);
    pane_rule(p, 0, title);
    pane_rule(p, rows - 1, NULL);
    for (i = 0; i < rows; i++) {
        pane_put(p, i, 0, ROLE_FRAME, 0x2502);
        pane_put(p, i, cols - 1, ROLE_FRAME, 0x2502);
    }
    pane_put(p, 0, 0, ROLE_FRAME, 0x250C);
    pane_put(p, 0, cols - 1, ROLE_FRAME, 0x2510);
    pane_put(p, rows - 1, 0, ROLE_FRAME, 0x2514);
    pane_put(p, rows - 1, cols - 1, ROLE_FRAME, 0x2518);
    return inside;
}

void pane_cursor(struct pane p, int row, int col)
{
    bool inside = under(p, row, col) != NULL;

    p.canvas->cursor_row = inside ? p.at.row + row : -1;
    p.canvas->cursor_col = inside ? p.at.col + col : -1;
}
