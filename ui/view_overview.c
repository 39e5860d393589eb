/* The layers as a table, and how training went, as a curve over its steps. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/list.h"
#include "ui/plot.h"
#include "ui/table.h"
#include "ui/view.h"
#include "ui/words.h"

enum chart { CHART_ACCURACY, CHART_LOSS, CHART_COUNT };

/* From here on table and chart stand side by side; below, the chart wants at
 * least so many rows, and both charts are shown where so many are left. */
enum { SIDE_COLS = 118, CHART_ROWS = 7, BOTH_ROWS = 22, ZOOM_MOST = 6 };

struct overview {
    struct list list;
    enum chart chart;
    bool reading; /* the chart has a cursor … */
    int point;    /* … at this sample, from the last one back */
    int zoom;     /* of the accuracy: each halves what is seen below 100 % */
    int table_row;
};

enum column {
    COL_NAME,
    COL_KIND,
    COL_SHAPE,
    COL_KERNEL,
    COL_WEIGHTS,
    COL_BAR,
    COL_DENSITY,
    COL_BITS,
    COL_ALIVE,
    COL_BYTES,
    COL_MACS,
    COL_SHARE
};

static void overview_columns(struct table *t, const struct layers_sheet *s,
                             const struct canvas *c)
{
    int i;

    table_add(t, "layer", 5, 0, ALIGN_LEFT);
    table_add(t, "kind", 4, 7, ALIGN_LEFT);
    table_add(t, "output", 6, 8, ALIGN_LEFT);
    table_add(t, "kernel", 6, 6, ALIGN_LEFT);
    table_add(t, "weights", 9, 2, ALIGN_RIGHT);
    table_add(t, "left", 10, 1, ALIGN_LEFT);
    table_add(t, "", 6, 0, ALIGN_RIGHT);
    table_add(t, "bits", 4, 4, ALIGN_RIGHT);
    table_add(t, "alive", 9, 9, ALIGN_RIGHT);
    table_add(t, "as floats", 9, 3, ALIGN_RIGHT);
    table_add(t, "MACs", 6, 10, ALIGN_RIGHT);
    table_add(t, "of MACs", 7, 5, ALIGN_RIGHT);
    for (i = 0; i < s->count; i++) {
        table_widen(t, COL_NAME, c, s->row[i].name, 20);
        table_widen(t, COL_KIND, c, s->row[i].kind, 16);
        table_widen(t, COL_SHAPE, c, s->row[i].shape, 14);
        table_widen(t, COL_KERNEL, c, s->row[i].kernel, 14);
    }
}

static void overview_weights(const struct table *t, struct pane p, int row,
                             const struct layer_row *r)
{
    const struct table_column *bar = &t->column[COL_BAR];
    char buf[WORDS_SIZE];

    if (r->weights <= 0)
        return;
    table_cell(t, p, row, COL_WEIGHTS, ROLE_NORMAL,
               words_count(r->weights, buf));
    table_cell(t, p, row, COL_ALIVE, ROLE_NORMAL, words_count(r->alive, buf));
    table_cell(t, p, row, COL_DENSITY, ROLE_NORMAL,
               words_percent(r->density, 1, buf));
    if (bar->col >= 0)
        plot_bar(p, row, bar->col, bar->width, ROLE_SERIES1,
                 isfinite(r->density) ? r->density : 0);
}

/* What a layer rounds to stands where others have their weights. */
static void overview_range(const struct table *t, struct pane p, int row,
                           const struct layer_row *r)
{
    const struct table_column *bar = &t->column[COL_BAR];
    const struct table_column *density = &t->column[COL_DENSITY];

    if (r->range[0] != '\0' && bar->col >= 0 && density->col >= 0)
        pane_field(p, row, bar->col,
                   density->col + density->width + 1 - bar->col, ALIGN_LEFT,
                   ROLE_DIM, r->range);
}

static void overview_row(const struct table *t, struct pane p, int row,
                         const struct layer_row *r, bool total)
{
    enum role role = total            ? ROLE_TITLE
                     : r->weights > 0 ? ROLE_NORMAL
                                      : ROLE_DIM;
    char buf[WORDS_SIZE];

    table_cell(t, p, row, COL_NAME, role, total ? "all" : r->name);
    overview_weights(t, p, row, r);
    overview_range(t, p, row, r);
    if (r->bits > 0)
        table_cell(t, p, row, COL_BITS, r->bits < 32 ? ROLE_NORMAL : ROLE_DIM,
                   words_count(r->bits, buf));
    if (r->params > 0)
        table_cell(t, p, row, COL_BYTES, role, words_size(r->bytes, buf));
    if (r->macs > 0)
        table_cell(t, p, row, COL_MACS, role, words_si(r->macs, buf));
    if (total)
        return;
    table_cell(t, p, row, COL_KIND, ROLE_DIM, r->kind);
    table_cell(t, p, row, COL_SHAPE, ROLE_DIM, r->shape);
    table_cell(t, p, row, COL_KERNEL, ROLE_DIM, r->kernel);
    if (r->macs > 0)
        table_cell(t, p, row, COL_SHARE, role,
                   words_percent(r->macs_share, 1, buf));
}

/* The rule below the table says what is not on the screen. */
static void overview_rule(struct pane p, int row, const struct table *t,
                          const struct list *l)
{
    char hidden[96], rows[64] = "", title[192];

    table_hidden(t, hidden, sizeof(hidden));
    if (l->rows < l->count)
        snprintf(rows, sizeof(rows), "layers %d to %d of %d", l->top + 1,
                 l->top + l->rows, l->count);
    snprintf(title, sizeof(title), "%s%s%s", rows, *rows && *hidden ? "; " : "",
             hidden);
    pane_rule(p, row, *title ? title : NULL);
}

static void overview_table(struct overview *o, const struct layers_sheet *s,
                           struct pane p, bool focused)
{
    struct table t = {.count = 0};
    int rows = p.at.rows - 3, i; /* head, total, rule */

    overview_columns(&t, s, p.canvas);
    table_fit(&t, 2, p.at.cols);
    list_fit(&o->list, s->count, rows);
    o->table_row = 1;
    table_head(&t, p, 0);
    for (i = 0; i < o->list.rows && o->list.top + i < s->count; i++) {
        const struct layer_row *r = &s->row[o->list.top + i];

        overview_row(&t, p, 1 + i, r, false);
        if (o->list.top + i != o->list.at)
            continue;
        pane_put(p, 1 + i, 0, ROLE_ACCENT, 0x25B8); /* ▸ */
        if (focused)
            pane_restyle(pane_sub(p, (struct rect){1 + i, 0, 1, t.cols}),
                         ROLE_SELECTED);
    }
    overview_row(&t, p, 1 + i, &s->total, true);
    overview_rule(p, 2 + i, &t, &o->list);
}

/* How many samples of the curve have an accuracy (or a loss). */
static bool chart_known(const struct curve_point *p, enum chart chart)
{
    return isfinite(chart == CHART_LOSS ? p->loss : p->accuracy);
}

/* The sample under the cursor: the point-th known one from the end. */
static const struct curve_point *chart_cursor(struct overview *o,
                                              const struct curve_sheet *c)
{
    const struct curve_point *found = NULL;
    int i, n = 0;

    for (i = c->count - 1; i >= 0; i--) {
        if (!chart_known(&c->point[i], o->chart))
            continue;
        found = &c->point[i];
        if (n++ == o->point)
            break;
    }
    if (found && n <= o->point)
        o->point = n - 1;
    return found;
}

/* The least and the most accuracy there is. */
static void chart_range(const struct curve_sheet *c, double *least,
                        double *most)
{
    int i;

    *least = 1;
    *most = 0;
    for (i = 0; i < c->count; i++) {
        if (!isfinite(c->point[i].accuracy))
            continue;
        *least = fmin(*least, c->point[i].accuracy);
        *most = fmax(*most, c->point[i].accuracy);
    }
}

enum { EVENTS_MOST = 64 };

static int chart_events(const struct curve_sheet *c,
                        struct plot_event out[EVENTS_MOST])
{
    int first = c->event_count > EVENTS_MOST ? c->event_count - EVENTS_MOST : 0;
    int i;

    for (i = first; i < c->event_count; i++) {
        out[i - first].x = c->event[i].step;
        out[i - first].label = c->event[i].label;
    }
    return c->event_count - first;
}

static void chart_accuracy(const struct overview *o,
                           const struct curve_sheet *c, struct plot *plot,
                           struct plot_series *series, struct plot_line *line)
{
    double least, most;

    series->name = "accuracy";
    series->y = &c->point[0].accuracy;
    series->style = PLOT_MARKS;
    plot->title = "validation accuracy";
    plot->y.format = PLOT_PERCENT;
    chart_range(c, &least, &most);
    if (o->zoom) {
        plot->y.most = 1;
        plot->y.least = 1 - ldexp(1 - least, -o->zoom);
    } else if (least == most) {
        /* One value gives no range; no accuracy is over 100 %. */
        plot->y.least = fmax(0, least - 0.05);
        plot->y.most = fmin(1, least + 0.05);
    }
    if (c->dense_accuracy >= 0) {
        line->y = c->dense_accuracy;
        line->label = "dense";
        line->role = ROLE_DIM;
        plot->lines = line;
        plot->line_count = 1;
    }
}

static void overview_chart(struct overview *o, const struct curve_sheet *c,
                           enum chart chart, struct pane p, bool focused)
{
    struct plot_event event[EVENTS_MOST];
    struct plot_series series = {.bridge = true, .role = ROLE_SERIES1};
    struct plot_line line;
    struct plot plot = {.x = {.format = PLOT_WHOLE, .unit = "step"}};
    const struct curve_point *at;

    if (!c || c->count <= 0) {
        pane_text(p, 0, 2, ROLE_TITLE, "training curve");
        view_says(p, "nothing trained yet: Space prunes and fine-tunes by the "
                     "schedule, n does one step of it");
        return;
    }
    series.x = &c->point[0].step;
    series.n = (size_t)c->count;
    series.stride = sizeof(*c->point);
    plot.x.doubling = true;
    if (chart == CHART_ACCURACY) {
        chart_accuracy(o, c, &plot, &series, &line);
    } else {
        series.name = "loss";
        series.y = &c->point[0].loss;
        series.role = ROLE_SERIES2;
        plot.title = "training loss";
    }
    plot.series = &series;
    plot.series_count = 1;
    plot.event_count = chart_events(c, event);
    plot.events = event;
    at = focused && o->reading && chart == o->chart ? chart_cursor(o, c) : NULL;
    plot.has_cursor = at != NULL;
    plot.cursor = at ? at->step : 0;
    plot_curves(p, &plot);
}

static void overview_charts(struct overview *o, const struct view_input *in,
                            struct pane p, bool focused)
{
    struct pane upper;

    if (p.at.rows < BOTH_ROWS) {
        overview_chart(o, in->curve, o->chart, p, focused);
        return;
    }
    upper = pane_take_top(&p, (p.at.rows * 3 + 4) / 5);
    overview_chart(o, in->curve, o->chart, upper, focused);
    overview_chart(o, in->curve, (enum chart)(CHART_COUNT - 1 - (int)o->chart),
                   p, focused);
}

static void overview_empty(const struct view_input *in, struct pane p)
{
    bool opening = !in->status || in->status->has_net;

    view_says(p, opening
                     ? "reading the network …"
                     : "No network is open.  Type :net lenet-300-100 or "
                       ":net FILE.h5 to open one, :data mnist for its data.");
}

static void overview_draw(void *state, const struct view_input *in,
                          struct canvas *to, struct rect area, bool focused)
{
    struct overview *o = state;
    struct pane p = pane_at(to, area), table;
    int rows, want;

    if (!in->layers || in->layers->count <= 0) {
        overview_empty(in, p);
        return;
    }
    if (p.at.cols >= SIDE_COLS) {
        table = pane_take_left(&p, p.at.cols * 11 / 20);
        overview_table(o, in->layers, table, focused);
        pane_divider(p, 0);
        (void)pane_take_left(&p, 2);
    } else {
        want = in->layers->count + 3;
        rows = p.at.rows - CHART_ROWS;
        if (rows > p.at.rows * 11 / 20)
            rows = p.at.rows * 11 / 20;
        if (rows < 5)
            rows = p.at.rows;
        table = pane_take_top(&p, want < rows ? want : rows);
        overview_table(o, in->layers, table, focused);
    }
    overview_charts(o, in, p, focused);
}

static void overview_move(void *state, const struct view_input *in, int key,
                          struct view_reply *reply)
{
    struct overview *o = state;

    (void)in;
    reply->used = list_key(&o->list, key);
}

static void overview_read(void *state, const struct view_input *in, int key,
                          struct view_reply *reply)
{
    struct overview *o = state;

    if (!in->curve || in->curve->count <= 0)
        return;
    reply->used = true;
    if (o->reading)
        o->point += list_arrow(key) == VIEW_KEY_LEFT ? 1 : -1;
    if (o->point < 0)
        o->point = 0;
    o->reading = true;
}

static void overview_leave(void *state, const struct view_input *in, int key,
                           struct view_reply *reply)
{
    struct overview *o = state;

    (void)in;
    (void)key;
    reply->used = o->reading;
    o->reading = false;
    o->point = 0;
}

static void overview_enter(void *state, const struct view_input *in, int key,
                           struct view_reply *reply)
{
    const struct overview *o = state;
    const struct layer_row *r;

    (void)key;
    if (!in->layers || o->list.at >= in->layers->count)
        return;
    reply->used = true;
    r = &in->layers->row[o->list.at];
    if (r->weights > 0)
        snprintf(reply->go, sizeof(reply->go), "layer %s", r->name);
    else
        snprintf(reply->note, sizeof(reply->note),
                 "%s has no weights to look at", r->name);
}

static void overview_chart_key(void *state, const struct view_input *in,
                               int key, struct view_reply *reply)
{
    struct overview *o = state;

    (void)in;
    reply->used = true;
    if (key == 'v')
        o->chart = (enum chart)(((int)o->chart + 1) % CHART_COUNT);
    else if (key == '-')
        o->zoom -= o->zoom > 0;
    else
        o->zoom += o->zoom < ZOOM_MOST;
}

static void overview_search(void *state, const struct view_input *in,
                            const char *text)
{
    struct overview *o = state;
    const struct layers_sheet *s = in->layers;
    int i;

    for (i = 0; s && *text && i < s->count; i++)
        if (strstr(s->row[i].name, text)) {
            list_go(&o->list, i);
            return;
        }
}

static void overview_click(void *state, const struct view_input *in, int row,
                           int col, struct view_reply *reply)
{
    struct overview *o = state;
    int at = o->list.top + row - o->table_row;

    (void)col;
    if (row < o->table_row || row >= o->table_row + o->list.rows ||
        at >= o->list.count)
        return;
    reply->used = true;
    if (at == o->list.at)
        overview_enter(o, in, VIEW_KEY_ENTER, reply);
    list_go(&o->list, at);
}

/* clang-format off */
static const struct view_bind overview_keys[] = {
    {{LIST_KEYS}, "j k", "move in the table", NULL, overview_move},
    {{VIEW_KEY_ENTER}, "Enter", "look into the layer", "layer",
     overview_enter},
    {{'h', 'l', VIEW_KEY_LEFT, VIEW_KEY_RIGHT}, "h l",
     "read the curve, sample by sample", "read curve", overview_read},
    {{VIEW_KEY_ESCAPE}, "Esc", "stop reading the curve", NULL, overview_leave},
    {{'v'}, "v", "accuracy or loss", "loss", overview_chart_key},
    {{'+', '=', '-'}, "+ -", "zoom in on high accuracy, out again", "zoom",
     overview_chart_key},
    {.press = NULL},
};
/* clang-format on */

extern const struct view_kind overview_view;
const struct view_kind overview_view = {
    .name = "overview",
    .title = "Overview",
    .key = '1',
    .help = "every layer with its weights, and how accuracy went",
    .keys = overview_keys,
    .state_size = sizeof(struct overview),
    .draw = overview_draw,
    .search = overview_search,
    .click = overview_click,
};
