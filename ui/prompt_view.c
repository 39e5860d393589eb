#include "ui/prompt_view.h"

#include <string.h>

#include "ui/glyph.h"

enum { GAP = 2, WORD_MOST = 40 };

size_t list_common(const struct completion *c)
{
    size_t n;
    int i;

    if (c->count == 0)
        return 0;
    n = strlen(c->text[0]);
    for (i = 1; i < c->count; i++) {
        size_t k = 0;

        while (k < n && c->text[i][k] == c->text[0][k])
            k++;
        n = k;
    }
    while (n > 0 && (c->text[0][n] & 0xC0) == 0x80)
        n--; /* not in the middle of a character */
    return n;
}

static bool has_help(const struct completion *c)
{
    int i;

    for (i = 0; i < c->count; i++)
        if (c->help != NULL && c->help[i] != NULL && *c->help[i] != '\0')
            return true;
    return false;
}

/* Columns of the longest word, within reason. */
static int word_cols(const struct completion *c, const struct canvas *canvas)
{
    int most = 1, i;

    for (i = 0; i < c->count; i++) {
        int width = canvas_width(canvas, c->text[i]);

        most = width > most ? width : most;
    }
    return most < WORD_MOST ? most : WORD_MOST;
}

static int per_row(const struct completion *c, const struct canvas *canvas,
                   int cols)
{
    int n = cols / (word_cols(c, canvas) + GAP);

    return has_help(c) || n < 1 ? 1 : n;
}

int list_rows(const struct completion *c, int cols)
{
    const struct canvas any = {.glyphs = GLYPHS_BRAILLE};
    int n = per_row(c, &any, cols);

    return (c->count + n - 1) / n;
}

static void draw_word(const struct completion *c, int i, bool chosen,
                      struct pane cell, int width)
{
    pane_field(cell, 0, 1, width, ALIGN_LEFT, ROLE_NORMAL, c->text[i]);
    if (c->help != NULL && c->help[i] != NULL)
        pane_text(cell, 0, 1 + width + GAP, ROLE_DIM, c->help[i]);
    if (chosen)
        pane_restyle(cell, ROLE_SELECTED);
}

void list_draw(const struct completion *c, int chosen, struct pane p)
{
    int n = per_row(c, p.canvas, p.at.cols), i;
    int rows = (c->count + n - 1) / n, shown = p.at.rows, first = 0;
    int width = word_cols(c, p.canvas), cell = p.at.cols / n;

    pane_fill(p, ROLE_POPUP);
    if (rows > shown && shown > 1)
        shown--; /* the last row counts the rest */
    if (chosen >= 0 && chosen / n >= shown)
        first = chosen / n - shown + 1;
    for (i = first * n; i < c->count && i / n < first + shown; i++)
        draw_word(
            c, i, i == chosen,
            pane_sub(p, (struct rect){i / n - first, i % n * cell, 1, cell}),
            width);
    if (shown < p.at.rows && i < c->count)
        pane_textf(p, shown, 1, ROLE_DIM, "… %d more", c->count - i);
}

/* The next character as it is shown: control characters as ^X. */
static struct glyph shown(enum glyphs tier, const char *text, char *control)
{
    unsigned char byte = (unsigned char)*text;
    struct glyph g = glyph_next(tier, text);

    *control = 0;
    if (byte != 0 && (byte < 0x20 || byte == 0x7F)) {
        g.point = '^';
        g.width = 2;
        *control = (char)(byte ^ 0x40);
    }
    return g;
}

/* Columns of the first n bytes of text. */
static int columns(enum glyphs tier, const char *text, size_t n)
{
    size_t at = 0;
    int cols = 0;
    char control;

    while (at < n && text[at] != '\0') {
        struct glyph g = shown(tier, text + at, &control);

        cols += g.width;
        at += (size_t)g.bytes;
    }
    return cols;
}

/* Draws text from column col on, which may lie left of the pane. */
static void draw_text(struct pane p, int col, enum role role, const char *text)
{
    char control;

    while (*text != '\0' && col < p.at.cols) {
        struct glyph g = shown(p.canvas->glyphs, text, &control);
        struct str one = {0};

        str_add_bytes(&one, text, (size_t)g.bytes);
        if (control != 0) {
            pane_put(p, 0, col, ROLE_DIM, '^');
            pane_put(p, 0, col + 1, ROLE_DIM, (unsigned char)control);
        } else if (col >= 0 && col + g.width <= p.at.cols) {
            pane_text(p, 0, col, role, one.text);
        }
        str_done(&one);
        col += g.width;
        text += g.bytes;
    }
}

/* Moves what is cut off so that the cursor stays away from the ends. */
static int scroll_to(int scroll, int cursor, int cols)
{
    int margin = cols > 8 ? 2 : 0;

    if (cursor < scroll + margin)
        scroll = cursor - cols / 3;
    if (cursor > scroll + cols - 1 - margin)
        scroll = cursor - cols + 1 + (cols > 8 ? cols / 3 : 0);
    return scroll > 0 ? scroll : 0;
}

int line_draw(const struct line_view *v, int scroll, struct pane p)
{
    enum glyphs tier = p.canvas->glyphs;
    int start = columns(tier, v->sign, strlen(v->sign));
    int cursor = start + columns(tier, v->text, v->cursor);
    int end = start + columns(tier, v->text, strlen(v->text));

    if (p.at.rows == 0 || p.at.cols == 0)
        return scroll;
    scroll = scroll_to(scroll, cursor, p.at.cols);
    pane_fill(p, ROLE_NORMAL);
    draw_text(p, -scroll, ROLE_KEY, v->sign);
    draw_text(p, start - scroll, ROLE_NORMAL, v->text);
    if (scroll > 0 && cursor != scroll)
        pane_put(p, 0, 0, ROLE_DIM, '<');
    if (end - scroll > p.at.cols)
        pane_put(p, 0, p.at.cols - 1, ROLE_DIM, '>');
    pane_cursor(p, 0, cursor - scroll);
    return scroll;
}
