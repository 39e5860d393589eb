/*
 * Heat maps.  Values are first reduced to pixels, pixels to one of twelve
 * levels (so that a small drift repaints nothing), levels to cells of two
 * pixels: half blocks where there are 256 colours, else signs of growing
 * weight.  Pruned values are no colour at all: a dot where a whole cell is.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/pixels.h"
#include "ui/plot.h"

/* What a pixel may be besides a level. */
enum { PIXEL_PRUNED = HEAT_LEVELS, PIXEL_NONE };

static const char ramp[] = "-:;=+*xo#%&@";
static const char diverging_ramp[] = "O0o=~-+x*#%@";

struct heat {
    const struct plot_heat *from;
    struct pane p;
    struct pixel_fit fit;
    int height, width; /* with the gaps between tiles, from top, left on */
    double least, most;
    uint8_t *levels; /* (fit.rows, fit.cols) */
};

void plot_memory_done(struct plot_memory *m)
{
    mem_free(m->levels);
    *m = (struct plot_memory){0};
}

/* n values cut into tiles have a gap after each but the last. */
static int with_gaps(int n, int tile)
{
    return tile > 0 && n > 0 ? n + (n - 1) / tile : n;
}

/* The index of the value at a place counted with gaps; -1 in a gap. */
static int without_gaps(int at, int tile)
{
    if (tile <= 0)
        return at;
    return at % (tile + 1) == tile ? -1 : at - at / (tile + 1);
}

static bool is_pruned(const struct plot_heat *h, size_t i)
{
    return (h->mask != NULL && h->mask[i] == 0) ||
           (h->minus_pruned && h->values[i] < 0);
}

static void find_range(struct heat *m)
{
    const struct plot_heat *h = m->from;
    size_t n = (size_t)h->rows * (size_t)h->cols, i;

    m->least = h->least;
    m->most = h->most;
    if (!(h->least < h->most)) {
        m->least = HUGE_VAL;
        m->most = -HUGE_VAL;
        for (i = 0; i < n; i++) {
            if (isfinite(h->values[i]) && !is_pruned(h, i)) {
                m->least = fmin(m->least, (double)h->values[i]);
                m->most = fmax(m->most, (double)h->values[i]);
            }
        }
    }
    if (m->least > m->most)
        m->least = m->most = 0;
    if (h->diverging) {
        m->most = fmax(fabs(m->least), fabs(m->most));
        m->least = -m->most;
    }
    if (!(m->most > m->least))
        m->most = m->least + 1;
}

/* Keeps the range of the last picture while the new one fills most of it. */
static void keep_range(struct heat *m)
{
    const struct plot_memory *memory = m->from->memory;

    if (memory == NULL || memory->levels == NULL)
        return;
    if (m->least >= memory->least && m->most <= memory->most &&
        m->most - m->least > 0.8 * (memory->most - memory->least)) {
        m->least = memory->least;
        m->most = memory->most;
    }
}

/* The values under a pixel as one: false when there is none, *pruned when all
 * of them are. */
static bool reduce(const struct heat *m, int row, int col, double *out,
                   bool *pruned)
{
    const struct plot_heat *h = m->from;
    int top = h->top + row / m->fit.up * m->fit.down;
    int left = h->left + col / m->fit.up * m->fit.across;
    double sum = 0, extreme = 0;
    int live = 0, dead = 0, i, j;

    for (i = top; i < top + m->fit.down; i++) {
        for (j = left; j < left + m->fit.across; j++) {
            int r = without_gaps(i, h->tile_rows);
            int c = without_gaps(j, h->tile_cols);
            size_t at = (size_t)r * (size_t)h->cols + (size_t)c;

            if (r < 0 || c < 0 || r >= h->rows || c >= h->cols)
                continue;
            if (is_pruned(h, at)) {
                dead++;
            } else if (!isnan(h->values[at])) {
                double v = (double)h->values[at];

                sum += v;
                extreme = live == 0 || fabs(v) > fabs(extreme) ? v : extreme;
                live++;
            }
        }
    }
    *pruned = live == 0 && dead > 0;
    *out = h->reduce == PLOT_MEAN && live > 0 ? sum / live : extreme;
    return live > 0;
}

static uint8_t level_of(const struct heat *m, double value, size_t at)
{
    const struct plot_memory *memory = m->from->memory;
    double place = (value - m->least) / (m->most - m->least) * HEAT_LEVELS;

    place = fmin(fmax(place, 0), HEAT_LEVELS - 1e-9);
    if (memory != NULL && memory->levels != NULL &&
        memory->levels[at] < HEAT_LEVELS &&
        fabs(place - (memory->levels[at] + 0.5)) <= 0.6)
        return memory->levels[at];
    return (uint8_t)place;
}

static void find_levels(struct heat *m)
{
    size_t at = 0;
    int row, col;

    for (row = 0; row < m->fit.rows; row++) {
        for (col = 0; col < m->fit.cols; col++, at++) {
            double value;
            bool pruned;

            if (reduce(m, row, col, &value, &pruned))
                m->levels[at] = level_of(m, value, at);
            else
                m->levels[at] = pruned ? PIXEL_PRUNED : PIXEL_NONE;
        }
    }
}

static int level_at(const struct heat *m, int row, int col)
{
    if (row >= m->fit.rows)
        return PIXEL_NONE;
    return m->levels[(size_t)row * (size_t)m->fit.cols + (size_t)col];
}

static enum role role_of(const struct plot_heat *h, int level)
{
    return (enum role)((h->diverging ? ROLE_DIVERGE : ROLE_HEAT) + level);
}

static bool in_colour(struct pane p)
{
    return p.canvas->colours == COLOURS_256 && p.canvas->glyphs != GLYPHS_ASCII;
}

/* One sign for two pixels: that of the one farther from the middle, or from
 * the bottom, of the scale. */
static void draw_sign(const struct plot_heat *h, struct pane p, int row,
                      int col, int upper, int lower)
{
    int level = upper;
    enum role role = ROLE_NORMAL;

    if (upper >= HEAT_LEVELS)
        level = lower;
    else if (lower < HEAT_LEVELS &&
             (h->diverging ? abs(2 * lower - 11) > abs(2 * upper - 11)
                           : lower > upper))
        level = lower;
    if (h->diverging)
        role = level < HEAT_LEVELS / 2 ? ROLE_SERIES1 : ROLE_SERIES2;
    pane_put(p, row, col, role,
             (unsigned char)(h->diverging ? diverging_ramp : ramp)[level]);
}

static void draw_cell(const struct plot_heat *h, struct pane p, int row,
                      int col, int upper, int lower)
{
    bool up = upper < HEAT_LEVELS, low = lower < HEAT_LEVELS;

    if (!up && !low) {
        bool pruned = upper == PIXEL_PRUNED || lower == PIXEL_PRUNED;

        pane_put(p, row, col, ROLE_PRUNED, pruned ? 0xB7 : ' ');
    } else if (!in_colour(p)) {
        draw_sign(h, p, row, col, upper, lower);
    } else if (up && low) {
        pane_half(p, row, col, role_of(h, upper), role_of(h, lower));
    } else {
        pane_put(p, row, col, role_of(h, up ? upper : lower),
                 up ? 0x2580 : 0x2584);
    }
}

static void draw_pixels(const struct heat *m)
{
    int row, col;

    for (row = 0; row < m->fit.rows; row += 2)
        for (col = 0; col < m->fit.cols; col++)
            draw_cell(m->from, m->p, row / 2, col, level_at(m, row, col),
                      level_at(m, row + 1, col));
}

static void draw_legend(const struct heat *m, struct pane row)
{
    const struct plot_heat *h = m->from;
    double step = (m->most - m->least) / 100;
    char text[32];
    int col, i;

    step = step > 0 ? pow(10, floor(log10(step))) : 0;
    col = pane_text(
              row, 0, 0, ROLE_DIM,
              plot_number(PLOT_NUMBER, m->least, step, text, sizeof(text))) +
          1;
    for (i = 0; i < HEAT_LEVELS; i++)
        draw_cell(h, row, 0, col + i, i, i);
    col =
        pane_text(row, 0, col + HEAT_LEVELS + 1, ROLE_DIM,
                  plot_number(PLOT_NUMBER, m->most, step, text, sizeof(text)));
    if (h->mask != NULL || h->minus_pruned)
        pane_text(row, 0, col + 2, ROLE_DIM, "· pruned");
}

static int place_of(int value, int tile, int first, int each, int up)
{
    int at = tile > 0 ? value + value / tile : value;

    return (at - first) / each * up;
}

static void draw_cursor(const struct heat *m, struct pane title)
{
    const struct plot_heat *h = m->from;
    size_t at = (size_t)h->cursor_row * (size_t)h->cols + (size_t)h->cursor_col;
    int row =
        place_of(h->cursor_row, h->tile_rows, h->top, m->fit.down, m->fit.up);
    int col = place_of(h->cursor_col, h->tile_cols, h->left, m->fit.across,
                       m->fit.up);
    char text[96], number[32];
    int width;

    pane_add_attr(pane_sub(m->p, (struct rect){row / 2, col, 1, 1}),
                  ATTR_REVERSE);
    snprintf(text, sizeof(text), "%d,%d: %s", h->cursor_row, h->cursor_col,
             is_pruned(h, at) ? "pruned"
                              : plot_number(PLOT_NUMBER, (double)h->values[at],
                                            0, number, sizeof(number)));
    width = canvas_width(title.canvas, text);
    pane_field(title, 0, title.at.cols - width, width, ALIGN_LEFT, ROLE_CURSOR,
               text);
}

static void set_fit(struct heat *m)
{
    const struct plot_heat *h = m->from;
    int rows = m->p.at.rows * 2, cols = m->p.at.cols;

    m->height = with_gaps(h->rows, h->tile_rows) - h->top;
    m->width = with_gaps(h->cols, h->tile_cols) - h->left;
    if (h->zoom <= 0) {
        m->fit = pixel_fit(m->height, m->width, rows, cols, false);
        return;
    }
    m->fit = (struct pixel_fit){1, h->zoom, h->zoom, 0, 0};
    m->fit.rows = (m->height + h->zoom - 1) / h->zoom;
    m->fit.cols = (m->width + h->zoom - 1) / h->zoom;
    m->fit.rows = m->fit.rows < rows ? m->fit.rows : rows;
    m->fit.cols = m->fit.cols < cols ? m->fit.cols : cols;
}

/* The levels just drawn are the memory for the next time. */
static void remember(struct heat *m)
{
    struct plot_memory *memory = m->from->memory;

    if (memory == NULL) {
        mem_free(m->levels);
        return;
    }
    plot_memory_done(memory);
    *memory = (struct plot_memory){m->levels, m->fit.rows, m->fit.cols,
                                   m->least, m->most};
}

/* A memory of another size says nothing about these pixels. */
static void check_memory(const struct heat *m)
{
    struct plot_memory *memory = m->from->memory;

    if (memory != NULL &&
        (memory->rows != m->fit.rows || memory->cols != m->fit.cols))
        plot_memory_done(memory);
}

void plot_heat(struct pane p, const struct plot_heat *h)
{
    struct heat m = {.from = h};
    struct pane title = pane_take_top(&p, (h->title != NULL || h->has_cursor) &&
                                              p.at.rows >= 3);
    struct pane all = p;
    bool legend = h->legend && p.at.rows >= 4;

    if (legend)
        pane_take_bottom(&p, 1);
    m.p = p;
    set_fit(&m);
    if (h->title != NULL)
        pane_text(title, 0, 0, ROLE_TITLE, h->title);
    if (m.fit.rows <= 0 || m.fit.cols <= 0)
        return;
    m.levels = mem_array((size_t)m.fit.rows * (size_t)m.fit.cols, 1);
    check_memory(&m);
    find_range(&m);
    keep_range(&m);
    find_levels(&m);
    draw_pixels(&m);
    if (legend)
        draw_legend(&m, pane_sub(all, (struct rect){(m.fit.rows + 1) / 2, 0, 1,
                                                    all.at.cols}));
    if (h->has_cursor && h->cursor_row >= 0 && h->cursor_row < h->rows &&
        h->cursor_col >= 0 && h->cursor_col < h->cols)
        draw_cursor(&m, title);
    remember(&m);
}
