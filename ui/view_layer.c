/*
 * One layer: its weights as a histogram with a threshold that can be moved,
 * as a map, by input pixel, and how often its units are active.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/list.h"
#include "ui/plot.h"
#include "ui/view.h"
#include "ui/words.h"

enum part { PART_HISTOGRAM, PART_MAP, PART_PIXELS, PART_ACTIVITY, PART_COUNT };

/* Below this one chart is shown, from the others on all four. */
enum { SPLIT_COLS = 64, ALL_COLS = 100, ALL_ROWS = 32, ZOOM_MOST = 8 };

struct unit {
    double rank, share;
};

struct layer_view {
    char name[NAME_SIZE]; /* of the layer asked for; "": the first */
    enum part part;       /* beside the histogram, or alone */
    bool alone;           /* on the whole view, with a cursor */
    bool split;           /* the histogram is on the screen anyway */
    int edge;             /* bins from 0 to the threshold; 0: the sheet's */
    int bin, unit;        /* cursors of the charts */
    int row, col, zoom;   /* of the map */
    int pixel_row, pixel_col;
    struct unit *sorted; /* scratch of a draw … */
    size_t sorted_size;  /* … and how much it holds */
    struct plot_memory map_memory, pixel_memory;
};

static bool part_known(const struct layer_sheet *s, enum part part)
{
    switch (part) {
    case PART_HISTOGRAM:
        return true;
    case PART_MAP:
        return s->map && s->map_rows > 0 && s->map_cols > 0;
    case PART_PIXELS:
        return s->pixel && s->pixel_h > 0 && s->pixel_w > 0;
    case PART_ACTIVITY:
        return s->activity && s->units > 0;
    case PART_COUNT:
        break;
    }
    return false;
}

/* The next chart there is, forwards or backwards. */
static enum part part_next(const struct layer_sheet *s, enum part part, int by,
                           bool histogram)
{
    int i, at = (int)part;

    for (i = 0; i < (int)PART_COUNT; i++) {
        at = (at + by + PART_COUNT) % PART_COUNT;
        if (at == PART_HISTOGRAM && !histogram)
            continue;
        if (part_known(s, (enum part)at))
            break;
    }
    return (enum part)at;
}

/* Where the threshold stands, how many weights lie below. */
struct cut {
    double threshold, share;
    long long taken;
};

static void cut_find(const struct layer_view *v, const struct layer_sheet *s,
                     struct cut *out)
{
    double bin = s->range / (HIST_BINS / 2.0);
    int half = HIST_BINS / 2, edge = v->edge, i;

    out->threshold = edge ? edge * bin : s->threshold;
    /* The sheet's own threshold lies between two edges: the bin it cuts
     * counts by its part. */
    out->taken = 0;
    for (i = 0; i < half; i++) {
        double part = bin > 0 ? out->threshold / bin - i : 0;
        double both = (double)s->bins[half + i] + (double)s->bins[half - 1 - i];

        if (!(part > 0))
            break;
        out->taken += llround(both * fmin(part, 1));
    }
    out->share = s->alive > 0 ? (double)out->taken / (double)s->alive : 0;
}

/* The command that the threshold stands for. */
static void cut_command(const struct layer_sheet *s, const struct cut *cut,
                        char *buf, size_t size)
{
    snprintf(buf, size, "prune %.2f%% layers=%s", 100 * cut->share, s->name);
}

static void draw_histogram(struct layer_view *v, const struct layer_sheet *s,
                           struct pane p, bool cursor)
{
    struct plot_histogram h = {
        .title = "weights",
        .counts = s->bins,
        .bins = HIST_BINS,
        .least = -s->range,
        .most = s->range,
        .has_zeros = true,
        .zeros = s->zeros,
        .cursor = cursor ? v->bin : -1,
    };
    struct pane says = pane_take_bottom(&p, p.at.rows > 8 ? 2 : 0);
    char command[128], count[WORDS_SIZE], share[WORDS_SIZE];
    struct cut cut;

    cut_find(v, s, &cut);
    h.has_threshold = cut.threshold > 0;
    h.threshold = cut.threshold;
    plot_histogram(p, &h);
    cut_command(s, &cut, command, sizeof(command));
    pane_textf(says, 0, 0, ROLE_NORMAL, "|w| < %.4g: %s, %s of those left",
               cut.threshold, words_count(cut.taken, count),
               words_percent(cut.share, 1, share));
    pane_textf(says, 1, 0, ROLE_DIM, "p: %s", command);
}

static void draw_map(struct layer_view *v, const struct layer_sheet *s,
                     struct pane p, bool cursor)
{
    struct plot_heat h = {
        .title =
            s->tile_h > 0 ? "filters, mean |w|" : "mean |w|, inputs by units",
        .values = s->map,
        .rows = s->map_rows,
        .cols = s->map_cols,
        .minus_pruned = true,
        .tile_rows = s->tile_h,
        .tile_cols = s->tile_w,
        .least = 0,
        .most = s->map_most,
        .legend = p.at.rows > 8,
        .has_cursor = cursor,
        .memory = &v->map_memory,
    };
    struct pane says;
    float at;

    if (cursor) {
        says = pane_take_bottom(&p, 1);
        v->row = v->row < s->map_rows ? v->row : s->map_rows - 1;
        v->col = v->col < s->map_cols ? v->col : s->map_cols - 1;
        h.cursor_row = v->row;
        h.cursor_col = v->col;
        h.zoom = v->zoom;
        if (v->zoom) {
            h.top = v->row > p.at.rows ? v->row - p.at.rows : 0;
            h.left = v->col > p.at.cols / 2 ? v->col - p.at.cols / 2 : 0;
        }
        at = s->map[(size_t)v->row * (size_t)s->map_cols + (size_t)v->col];
        if (at >= 0)
            pane_textf(says, 0, 0, ROLE_NORMAL,
                       "row %d, column %d: mean |w| %.4g", v->row, v->col,
                       (double)at);
        else
            pane_textf(says, 0, 0, ROLE_NORMAL, "row %d, column %d: pruned",
                       v->row, v->col);
    }
    plot_heat(p, &h);
}

static void draw_pixels(struct layer_view *v, const struct layer_sheet *s,
                        struct pane p, bool cursor)
{
    struct plot_heat h = {
        .title = "weights left by input pixel",
        .values = s->pixel,
        .rows = s->pixel_h,
        .cols = s->pixel_w,
        .least = 0,
        .most = 1,
        .legend = p.at.rows > 8,
        .has_cursor = cursor,
        .memory = &v->pixel_memory,
    };
    char buf[WORDS_SIZE];

    if (cursor) {
        struct pane says = pane_take_bottom(&p, 1);

        v->pixel_row =
            v->pixel_row < s->pixel_h ? v->pixel_row : s->pixel_h - 1;
        v->pixel_col =
            v->pixel_col < s->pixel_w ? v->pixel_col : s->pixel_w - 1;
        h.cursor_row = v->pixel_row;
        h.cursor_col = v->pixel_col;
        pane_textf(
            says, 0, 0, ROLE_NORMAL,
            "pixel row %d, column %d: %s of its weights left", v->pixel_row,
            v->pixel_col,
            words_percent(
                (double)s->pixel[v->pixel_row * s->pixel_w + v->pixel_col], 1,
                buf));
    }
    plot_heat(p, &h);
}

static int unit_compare(const void *a, const void *b)
{
    double x = ((const struct unit *)a)->share;
    double y = ((const struct unit *)b)->share;

    return (x < y) - (x > y);
}

/* The busiest unit first; those not known last. */
static void units_sort(struct layer_view *v, const struct layer_sheet *s)
{
    size_t n = (size_t)s->units, i;

    if (n > v->sorted_size) {
        v->sorted = mem_grow(v->sorted, n, sizeof(*v->sorted));
        v->sorted_size = n;
    }
    for (i = 0; i < n; i++)
        v->sorted[i].share =
            isfinite(s->activity[i]) ? (double)s->activity[i] : -1;
    qsort(v->sorted, n, sizeof(*v->sorted), unit_compare);
    for (i = 0; i < n; i++) {
        v->sorted[i].rank = (double)(i + 1);
        if (v->sorted[i].share < 0)
            v->sorted[i].share = NAN;
    }
}

static void draw_activity(struct layer_view *v, const struct layer_sheet *s,
                          struct pane p, bool cursor)
{
    struct plot_series series = {
        .name = "active", .style = PLOT_STEPS, .role = ROLE_SERIES3};
    struct plot plot = {
        .title = "how often units are active, sorted",
        .x = {.least = 1, .format = PLOT_WHOLE, .unit = "unit"},
        .y = {.least = 0, .most = 1, .format = PLOT_PERCENT},
        .series = &series,
        .series_count = 1,
        .has_cursor = cursor,
    };
    struct pane says = pane_take_bottom(&p, p.at.rows > 6 ? 1 : 0);

    units_sort(v, s);
    series.x = &v->sorted[0].rank;
    series.y = &v->sorted[0].share;
    series.stride = sizeof(struct unit);
    series.n = (size_t)s->units;
    plot.x.most = s->units > 1 ? s->units : 2;
    v->unit = v->unit < s->units ? v->unit : s->units - 1;
    plot.cursor = v->unit + 1;
    plot_curves(p, &plot);
    pane_textf(says, 0, 0, s->dead_units > 0 ? ROLE_WARN : ROLE_DIM,
               "%d of %d units never active", s->dead_units, s->units);
}

static void draw_part(struct layer_view *v, const struct layer_sheet *s,
                      enum part part, struct pane p, bool cursor)
{
    switch (part) {
    case PART_HISTOGRAM:
        draw_histogram(v, s, p, cursor);
        break;
    case PART_MAP:
        draw_map(v, s, p, cursor);
        break;
    case PART_PIXELS:
        draw_pixels(v, s, p, cursor);
        break;
    case PART_ACTIVITY:
        draw_activity(v, s, p, cursor);
        break;
    case PART_COUNT:
        break;
    }
}

/* Two lines: which layer it is, and its figures. */
static void draw_title(const struct layer_view *v, const struct layer_sheet *s,
                       struct pane p)
{
    char all[WORDS_SIZE], left[WORDS_SIZE], share[WORDS_SIZE];
    double density = s->weights > 0 ? (double)s->alive / (double)s->weights : 0;
    int col;

    col = pane_text(p, 0, 0, ROLE_TITLE, s->name);
    col = pane_textf(p, 0, col, ROLE_DIM, "  %s  %s  ", s->kind, s->kernel);
    col = pane_textf(p, 0, col, ROLE_NORMAL, "%s of %s weights left (%s)",
                     words_count(s->alive, left), words_count(s->weights, all),
                     words_percent(density, 1, share));
    if (*v->name && strcmp(v->name, s->name) != 0)
        pane_textf(p, 0, col, ROLE_DIM, "  reading %s …", v->name);
    else if (col + 8 < p.at.cols)
        pane_fieldf(p, 0, p.at.cols - 8, 8, ALIGN_RIGHT, ROLE_DIM, "%d of %d",
                    s->index + 1, s->count);
    col = pane_textf(p, 1, 0, ROLE_DIM,
                     "left: mean %.2g  std %.3g  from %.3g to %.3g", s->mean,
                     s->std, s->least, s->most);
    if (s->silent_inputs > 0)
        pane_textf(p, 1, col + 2, ROLE_WARN, "%d inputs lead nowhere",
                   s->silent_inputs);
}

/* All four charts in two rows; those there are not leave their room. */
static void draw_all(struct layer_view *v, const struct layer_sheet *s,
                     struct pane p)
{
    struct pane upper = pane_take_top(&p, p.at.rows / 2), left;

    left = pane_take_left(&upper, upper.at.cols / 2);
    (void)pane_take_right(&left, 2);
    draw_part(v, s, PART_HISTOGRAM, left, false);
    if (part_known(s, PART_MAP))
        draw_part(v, s, PART_MAP, upper, false);
    (void)pane_take_top(&p, 1);
    left = p;
    if (part_known(s, PART_PIXELS)) {
        left = pane_take_right(&p, p.at.cols / 2);
        draw_part(v, s, PART_PIXELS, left, false);
        (void)pane_take_right(&p, 2);
    }
    if (part_known(s, PART_ACTIVITY))
        draw_part(v, s, PART_ACTIVITY, p, false);
}

static void layer_draw(void *state, const struct view_input *in,
                       struct canvas *to, struct rect area, bool focused)
{
    struct layer_view *v = state;
    const struct layer_sheet *s = in->layer;
    struct pane p = pane_at(to, area), left;

    if (!s || s->count <= 0) {
        view_says(p, in->status && !in->status->has_net
                         ? "No network is open: :net lenet-300-100 opens one."
                         : "reading the layer …");
        return;
    }
    draw_title(v, s, pane_take_top(&p, 2));
    (void)pane_take_top(&p, p.at.rows > 12 ? 1 : 0);
    v->split = p.at.cols >= SPLIT_COLS && !v->alone;
    if (!part_known(s, v->part))
        v->part = PART_HISTOGRAM;
    if (v->split && v->part == PART_HISTOGRAM)
        v->part = part_next(s, v->part, 1, false);
    if (!v->split) {
        draw_part(v, s, v->part, p, focused && v->alone);
    } else if (p.at.cols >= ALL_COLS && p.at.rows >= ALL_ROWS) {
        draw_all(v, s, p);
    } else {
        left = pane_take_left(&p, p.at.cols * 5 / 9);
        (void)pane_take_right(&left, 2);
        draw_part(v, s, PART_HISTOGRAM, left, false);
        if (v->part != PART_HISTOGRAM)
            draw_part(v, s, v->part, p, false);
    }
}

/* The layer by layers along those with weights; wraps round. */
static void layer_step(struct layer_view *v, const struct view_input *in,
                       int by)
{
    const char *now = *v->name || !in->layer ? v->name : in->layer->name;
    const char *next = view_layer_next(in->layers, now, by);

    if (!next)
        return;
    snprintf(v->name, sizeof(v->name), "%s", next);
    v->edge = 0;
}

static int moved(int at, int by, int count)
{
    at += by;
    if (at >= count)
        at = count - 1;
    return at < 0 ? 0 : at;
}

/* Moves the cursor of the chart that has the view for itself. */
static void layer_cursor(struct layer_view *v, const struct layer_sheet *s,
                         int down, int right)
{
    switch (v->part) {
    case PART_HISTOGRAM:
        v->bin = moved(v->bin, right, HIST_BINS);
        break;
    case PART_MAP:
        v->row = moved(v->row, down, s->map_rows);
        v->col = moved(v->col, right, s->map_cols);
        break;
    case PART_PIXELS:
        v->pixel_row = moved(v->pixel_row, down, s->pixel_h);
        v->pixel_col = moved(v->pixel_col, right, s->pixel_w);
        break;
    case PART_ACTIVITY:
        v->unit = moved(v->unit, right, s->units);
        break;
    case PART_COUNT:
        break;
    }
}

static void layer_move(void *state, const struct view_input *in, int key,
                       struct view_reply *reply)
{
    struct layer_view *v = state;
    int down, right;

    key = list_arrow(key);
    down = (key == VIEW_KEY_DOWN) - (key == VIEW_KEY_UP);
    right = (key == VIEW_KEY_RIGHT) - (key == VIEW_KEY_LEFT);
    reply->used = true;
    if (v->alone && in->layer)
        layer_cursor(v, in->layer, down, right);
    else
        layer_step(v, in, down + right);
}

static void layer_threshold(void *state, const struct view_input *in, int key,
                            struct view_reply *reply)
{
    struct layer_view *v = state;
    struct cut cut;
    double bin;

    if (!in->layer || !(in->layer->range > 0))
        return;
    reply->used = true;
    bin = in->layer->range / (HIST_BINS / 2.0);
    cut_find(v, in->layer, &cut);
    if (!v->edge)
        v->edge = (int)fmin(cut.threshold / bin, HIST_BINS / 2);
    v->edge += key == ']' || key == '}' ? 1 : v->edge > 1 ? -1 : 0;
    v->edge = v->edge > HIST_BINS / 2 ? HIST_BINS / 2 : v->edge;
    v->edge = v->edge < 1 ? 1 : v->edge;
}

static void layer_prune(void *state, const struct view_input *in, int key,
                        struct view_reply *reply)
{
    const struct layer_view *v = state;
    struct cut cut;

    (void)key;
    if (!in->layer || in->layer->alive <= 0)
        return;
    reply->used = true;
    cut_find(v, in->layer, &cut);
    if (cut.taken > 0)
        cut_command(in->layer, &cut, reply->command, sizeof(reply->command));
    else
        snprintf(reply->note, sizeof(reply->note),
                 "no weight lies below the threshold: ] moves it up");
}

static void layer_tab(void *state, const struct view_input *in, int key,
                      struct view_reply *reply)
{
    struct layer_view *v = state;

    if (!in->layer)
        return;
    reply->used = true;
    v->part = part_next(in->layer, v->part, key == VIEW_KEY_BACK_TAB ? -1 : 1,
                        !v->split);
}

static void layer_alone(void *state, const struct view_input *in, int key,
                        struct view_reply *reply)
{
    struct layer_view *v = state;

    (void)in;
    reply->used = key == VIEW_KEY_ENTER || v->alone;
    if (reply->used && key == VIEW_KEY_ESCAPE && v->part == PART_HISTOGRAM)
        v->part = PART_MAP;
    v->alone = key == VIEW_KEY_ENTER && !v->alone;
}

static void layer_zoom(void *state, const struct view_input *in, int key,
                       struct view_reply *reply)
{
    struct layer_view *v = state;

    (void)in;
    if (v->part != PART_MAP)
        return;
    reply->used = true;
    v->alone = true;
    v->zoom = key != '-' ? 1 : 0;
}

static bool layer_open(void *state, const struct view_input *in,
                       const char *words)
{
    struct layer_view *v = state;

    if (!view_layer_find(in->layers, words))
        return false;
    snprintf(v->name, sizeof(v->name), "%s", words);
    v->edge = 0;
    return true;
}

static void layer_wish(void *state, const struct view_input *in,
                       struct board_wish *wish)
{
    struct layer_view *v = state;

    (void)in;
    wish->want_layer = true;
    wish->want_activity = true;
    snprintf(wish->layer, sizeof(wish->layer), "%s", v->name);
}

static void layer_done(void *state)
{
    struct layer_view *v = state;

    mem_free(v->sorted);
    plot_memory_done(&v->map_memory);
    plot_memory_done(&v->pixel_memory);
}

/* clang-format off */
static const struct view_bind layer_keys[] = {
    {{'h', 'l', VIEW_KEY_LEFT, VIEW_KEY_RIGHT, 'j', 'k', VIEW_KEY_DOWN,
      VIEW_KEY_UP},
     "h l", "the layer before, the next; alone: move the chart's cursor",
     "layer", layer_move},
    {{VIEW_KEY_TAB, VIEW_KEY_BACK_TAB}, "Tab", "the next chart", "chart",
     layer_tab},
    {{VIEW_KEY_ENTER, VIEW_KEY_ESCAPE}, "Enter",
     "the chart alone, with a cursor that reads it; Esc: back", "alone",
     layer_alone},
    {{'[', ']', '{', '}'}, "[ ]", "move the threshold down, up", "threshold",
     layer_threshold},
    {{'p'}, "p", "prune what lies below the threshold", "prune", layer_prune},
    {{'+', '=', '-'}, "+ -", "weight by weight, or the whole map", NULL,
     layer_zoom},
    {.press = NULL},
};
/* clang-format on */

extern const struct view_kind layer_view;
const struct view_kind layer_view = {
    .name = "layer",
    .title = "Layer",
    .key = '2',
    .help = "one layer: histogram, map, input pixels, activity of its units",
    .keys = layer_keys,
    .state_size = sizeof(struct layer_view),
    .draw = layer_draw,
    .done = layer_done,
    .open = layer_open,
    .wish = layer_wish,
};
