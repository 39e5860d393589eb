/*
 * The tree of stages: go to any, mark one and compare another with it.
 * Beside the tree stands a chart of what each stage costs and can, or the
 * comparison.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ui/history_compare.h"
#include "ui/list.h"
#include "ui/plot.h"
#include "ui/table.h"
#include "ui/view.h"
#include "ui/words.h"

/* Against what the chart holds the accuracy. */
enum cost { COST_LEFT, COST_BYTES, COST_MACS, COST_COUNT };

enum { SIDE_COLS = 120, CHART_ROWS = 9, LANES_MOST = 12 };

struct history_view {
    struct list list;
    int current; /* the id the cursor followed last, and one more */
    int marked;  /* the id of m, and one more; 0: none */
    enum cost cost;
    bool comparing;
    bool asked;  /* compare A B was posted, its sheet has not come */
    int a, b;    /* what it was asked for */
    int *parent; /* scratch: row of each row's parent, or -1 */
    int parent_size;
    struct plot_point *point; /* scratch, as many */
};

enum column {
    COL_TREE,
    COL_WHAT,
    COL_LEFT,
    COL_BEFORE,
    COL_ACCURACY,
    COL_BYTES,
    COL_MACS
};

static int row_of(const struct history_sheet *s, int id, int from)
{
    while (from >= 0 && s->row[from].id != id)
        from--;
    return from;
}

static void find_parents(struct history_view *v, const struct history_sheet *s)
{
    int i;

    if (s->count > v->parent_size) {
        v->parent = mem_grow(v->parent, (size_t)s->count, sizeof(int));
        v->point = mem_grow(v->point, (size_t)s->count, sizeof(*v->point));
        v->parent_size = s->count;
    }
    for (i = 0; i < s->count; i++)
        v->parent[i] =
            s->row[i].parent < 0 ? -1 : row_of(s, s->row[i].parent, i - 1);
}

static int lane_of(const struct history_row *r)
{
    int lane = r->lane < LANES_MOST ? r->lane : LANES_MOST - 1;

    return lane < 0 ? 0 : lane;
}

/* Bits of the lanes through which a line passes row i, from a parent above
 * to a child below. */
static unsigned lanes_through(const struct history_view *v,
                              const struct history_sheet *s, int i)
{
    unsigned lanes = 0;
    int j;

    for (j = i + 1; j < s->count; j++)
        if (v->parent[j] >= 0 && v->parent[j] < i)
            lanes |= 1U << lane_of(&s->row[v->parent[j]]);
    return lanes;
}

/* Row i of the tree: lines that pass, the fork it hangs on, its own sign. */
static void draw_lanes(const struct history_view *v,
                       const struct history_sheet *s, int i, struct pane p,
                       int row, int col)
{
    const struct history_row *r = &s->row[i];
    unsigned through = lanes_through(v, s, i);
    int own = lane_of(r), from = own, lane;

    if (v->parent[i] >= 0)
        from = lane_of(&s->row[v->parent[i]]);
    for (lane = 0; lane < LANES_MOST; lane++)
        if (through >> lane & 1)
            pane_put(p, row, col + 2 * lane, ROLE_FRAME, 0x2502); /* │ */
    if (from < own) {
        pane_put(p, row, col + 2 * from, ROLE_FRAME,
                 through >> from & 1 ? 0x251C : 0x2514); /* ├ └ */
        for (lane = 2 * from + 1; lane < 2 * own; lane++)
            pane_put(p, row, col + lane, ROLE_FRAME, 0x2500); /* ─ */
    }
    if (r->current)
        pane_put(p, row, col + 2 * own, ROLE_ACCENT, 0x25C6); /* ◆ */
    else
        pane_put(p, row, col + 2 * own, r->on_path ? ROLE_NORMAL : ROLE_DIM,
                 r->on_path ? 0x25CF : 0x25CB); /* ● ○ */
}

static void history_columns(struct table *t, const struct history_sheet *s,
                            int cols)
{
    int lanes = 1, i, what;

    for (i = 0; i < s->count; i++)
        if (lane_of(&s->row[i]) + 1 > lanes)
            lanes = lane_of(&s->row[i]) + 1;
    table_add(t, "", 2 * lanes + 4, 0, ALIGN_LEFT);
    what = cols - (2 * lanes + 4) - 2 - 6 - 8 - 3 * TABLE_GAP;
    table_add(t, "stage",
              what < 10   ? 10
              : what > 34 ? 34
                          : what,
              1, ALIGN_LEFT);
    table_add(t, "left", 6, 0, ALIGN_RIGHT);
    table_add(t, "pruned", 7, 4, ALIGN_RIGHT);
    table_add(t, "accuracy", 8, 0, ALIGN_RIGHT);
    table_add(t, "packed", 9, 3, ALIGN_RIGHT);
    table_add(t, "MACs", 7, 5, ALIGN_RIGHT);
    table_fit(t, 2, cols);
}

static void draw_row(const struct history_view *v,
                     const struct history_sheet *s, const struct table *t,
                     int i, struct pane p, int row)
{
    const struct history_row *r = &s->row[i];
    enum role role = r->current   ? ROLE_TITLE
                     : r->on_path ? ROLE_NORMAL
                                  : ROLE_DIM;
    const struct table_column *tree = &t->column[COL_TREE];
    char buf[WORDS_SIZE], what[TEXT_SIZE + NAME_SIZE + 4];

    draw_lanes(v, s, i, p, row, tree->col);
    pane_fieldf(p, row, tree->col + tree->width - 4, 4, ALIGN_RIGHT, role,
                "#%d", r->id);
    if (v->marked == r->id + 1)
        pane_text(p, row, 0, ROLE_WARN, "m");
    snprintf(what, sizeof(what), "%s%s%s", r->name, *r->name ? ": " : "",
             r->text);
    table_cell(t, p, row, COL_WHAT, role, what);
    table_cell(t, p, row, COL_LEFT, role,
               words_percent(1 - r->sparsity, 1, buf));
    table_cell(t, p, row, COL_BEFORE, ROLE_DIM,
               words_percent(r->accuracy_before, 2, buf));
    table_cell(t, p, row, COL_ACCURACY, role,
               words_percent(r->accuracy, 2, buf));
    table_cell(t, p, row, COL_BYTES, role,
               r->packed > 0 ? words_size(r->packed, buf) : "-");
    table_cell(t, p, row, COL_MACS, role, words_si(r->macs_alive, buf));
}

/* The cursor goes along when another stage becomes the current one. */
static void follow_current(struct history_view *v,
                           const struct history_sheet *s)
{
    int i;

    for (i = 0; i < s->count; i++)
        if (s->row[i].current && v->current != s->row[i].id + 1) {
            v->current = s->row[i].id + 1;
            v->list.at = i;
        }
}

static void draw_tree(struct history_view *v, const struct history_sheet *s,
                      struct pane p, bool focused)
{
    struct table t = {.count = 0};
    int i, row;

    follow_current(v, s);
    list_fit(&v->list, s->count, p.at.rows - 1);
    history_columns(&t, s, p.at.cols);
    table_head(&t, p, 0);
    for (i = v->list.top; i < s->count && i < v->list.top + v->list.rows; i++) {
        row = 1 + i - v->list.top;
        draw_row(v, s, &t, i, p, row);
        if (i != v->list.at)
            continue;
        pane_put(p, row, 1, ROLE_ACCENT, 0x25B8); /* ▸ */
        if (focused)
            pane_restyle(pane_sub(p, (struct rect){row, 0, 1, t.cols}),
                         ROLE_SELECTED);
    }
}

static double row_cost(const struct history_row *r, enum cost cost)
{
    switch (cost) {
    case COST_BYTES:
        return r->packed > 0 ? r->packed : (double)NAN;
    case COST_MACS:
        return r->macs_alive >= 0 ? r->macs_alive : (double)NAN;
    case COST_LEFT:
    case COST_COUNT:
        break;
    }
    return 1 - r->sparsity;
}

/* One value gives no range: no share is over 100 %. */
static void part_ranges(struct plot_scatter *plot, bool is_share)
{
    const struct plot_point *point = plot->points;
    bool one_x = plot->point_count > 0, one_y = one_x;
    int i;

    for (i = 1; i < plot->point_count; i++) {
        one_x = one_x && point[i].x == point[0].x;
        one_y = one_y && point[i].y == point[0].y;
    }
    if (one_y) {
        plot->y.least = fmax(0, point[0].y - 0.05);
        plot->y.most = fmin(1, point[0].y + 0.05);
    }
    if (one_x && is_share)
        plot->x.most = 1;
}

static void draw_front(struct history_view *v, const struct history_sheet *s,
                       struct pane p)
{
    static const struct plot_axis axes[COST_COUNT] = {
        [COST_LEFT] = {.format = PLOT_PERCENT, .unit = "weights left"},
        [COST_BYTES] = {.format = PLOT_BYTES, .unit = "bytes packed"},
        [COST_MACS] = {.format = PLOT_NUMBER, .unit = "MACs"},
    };
    struct plot_scatter plot = {
        .title = "accuracy by cost; the best are joined",
        .x = axes[v->cost],
        .y = {.format = PLOT_PERCENT},
        .front = true,
        .cursor = -1,
        .points = v->point,
    };
    int i;

    for (i = 0; i < s->count; i++) {
        const struct history_row *r = &s->row[i];
        struct plot_point *point = &v->point[plot.point_count];

        if (!(r->accuracy >= 0))
            continue;
        *point = (struct plot_point){
            .x = row_cost(r, v->cost),
            .y = r->accuracy,
            .mark = r->current ? '@' : 'o',
            .role = r->current   ? ROLE_ACCENT
                    : r->on_path ? ROLE_SERIES1
                                 : ROLE_SERIES6,
            .label = *r->name ? r->name : NULL,
        };
        if (i == v->list.at)
            plot.cursor = plot.point_count;
        plot.point_count++;
    }
    part_ranges(&plot, v->cost == COST_LEFT);
    plot_scatter(p, &plot);
}

static void draw_compare(struct history_view *v, const struct view_input *in,
                         struct pane p)
{
    const struct compare_sheet *s = in->compare;

    pane_rule(p, 0, "comparison");
    if (s && s->a == v->a && s->b == v->b)
        v->asked = false;
    if (!s || v->asked) {
        pane_text(p, 1, 2, ROLE_DIM, "comparing …");
        return;
    }
    (void)pane_take_top(&p, 1);
    history_compare_draw(s, p);
}

static void history_draw(void *state, const struct view_input *in,
                         struct canvas *to, struct rect area, bool focused)
{
    struct history_view *v = state;
    struct pane p = pane_at(to, area), tree;
    const struct history_sheet *s = in->history;
    int rows, want;

    if (!s || s->count <= 0) {
        view_says(p, "No stages yet.  Each finished prune, fine-tune or step "
                     "becomes one, to go back to at any time.");
        return;
    }
    find_parents(v, s);
    if (p.at.cols >= SIDE_COLS) {
        tree = pane_take_left(&p, p.at.cols / 2);
        pane_divider(p, 0);
        (void)pane_take_left(&p, 2);
    } else {
        want =
            v->comparing && in->compare ? in->compare->count + 5 : CHART_ROWS;
        rows = p.at.rows - want;
        if (rows < p.at.rows / 3)
            rows = p.at.rows / 3;
        if (rows > s->count + 1 && !v->comparing)
            rows = s->count + 1;
        if (p.at.rows < 12)
            rows = p.at.rows;
        tree = pane_take_top(&p, rows);
    }
    draw_tree(v, s, tree, focused);
    if (v->comparing)
        draw_compare(v, in, p);
    else
        draw_front(v, s, p);
}

/* The stage under the cursor, or NULL. */
static const struct history_row *at_cursor(const struct history_view *v,
                                           const struct view_input *in)
{
    if (!in->history || v->list.at >= in->history->count)
        return NULL;
    return &in->history->row[v->list.at];
}

static void history_move(void *state, const struct view_input *in, int key,
                         struct view_reply *reply)
{
    struct history_view *v = state;

    /* Keys may come faster than frames. */
    if (in->history) {
        follow_current(v, in->history);
        list_fit(&v->list, in->history->count, v->list.rows);
    }
    reply->used = list_key(&v->list, key);
}

static void history_enter(void *state, const struct view_input *in, int key,
                          struct view_reply *reply)
{
    const struct history_row *r = at_cursor(state, in);

    (void)key;
    if (!r)
        return;
    reply->used = true;
    if (r->current)
        snprintf(reply->note, sizeof(reply->note), "#%d is the stage shown",
                 r->id);
    else
        snprintf(reply->command, sizeof(reply->command), "goto %d", r->id);
}

static void history_mark(void *state, const struct view_input *in, int key,
                         struct view_reply *reply)
{
    struct history_view *v = state;
    const struct history_row *r = at_cursor(v, in);

    (void)key;
    if (!r)
        return;
    reply->used = true;
    v->marked = v->marked == r->id + 1 ? 0 : r->id + 1;
    if (v->marked)
        snprintf(reply->note, sizeof(reply->note),
                 "#%d is marked: c compares another stage with it", r->id);
}

static void history_compare(void *state, const struct view_input *in, int key,
                            struct view_reply *reply)
{
    struct history_view *v = state;
    const struct history_row *r = at_cursor(v, in);

    (void)key;
    if (!r)
        return;
    reply->used = true;
    if (!v->marked || v->marked == r->id + 1) {
        snprintf(reply->note, sizeof(reply->note),
                 "mark a stage with m first, then go to another and press c");
        return;
    }
    v->a = v->marked - 1;
    v->b = r->id;
    v->asked = true;
    v->comparing = true;
    snprintf(reply->command, sizeof(reply->command), "compare %d %d", v->a,
             v->b);
}

static void history_back(void *state, const struct view_input *in, int key,
                         struct view_reply *reply)
{
    struct history_view *v = state;

    (void)in;
    (void)key;
    reply->used = v->comparing;
    v->comparing = false;
}

static void history_cost(void *state, const struct view_input *in, int key,
                         struct view_reply *reply)
{
    struct history_view *v = state;

    (void)in;
    (void)key;
    reply->used = true;
    v->cost = (enum cost)(((int)v->cost + 1) % COST_COUNT);
    v->comparing = false;
}

static bool history_open(void *state, const struct view_input *in,
                         const char *words)
{
    struct history_view *v = state;

    if (strcmp(words, "compare") != 0 || !in->compare)
        return false;
    v->comparing = true;
    v->asked = false;
    return true;
}

static void history_search(void *state, const struct view_input *in,
                           const char *text)
{
    struct history_view *v = state;
    const struct history_sheet *s = in->history;
    int i;

    for (i = 0; s && *text && i < s->count; i++)
        if (strstr(s->row[i].name, text) || strstr(s->row[i].text, text)) {
            list_go(&v->list, i);
            return;
        }
}

static void history_click(void *state, const struct view_input *in, int row,
                          int col, struct view_reply *reply)
{
    struct history_view *v = state;

    (void)in;
    (void)col;
    if (row < 1 || row > v->list.rows || v->list.top + row - 1 >= v->list.count)
        return;
    reply->used = true;
    list_go(&v->list, v->list.top + row - 1);
}

static void history_done(void *state)
{
    struct history_view *v = state;

    mem_free(v->parent);
    mem_free(v->point);
}

/* clang-format off */
static const struct view_bind history_keys[] = {
    {{LIST_KEYS}, "j k", "move in the tree", NULL, history_move},
    {{VIEW_KEY_ENTER}, "Enter", "go to the stage", "go to", history_enter},
    {{'m'}, "m", "mark the stage", "mark", history_mark},
    {{'c'}, "c", "compare the stage with the marked one", "compare",
     history_compare},
    {{VIEW_KEY_ESCAPE}, "Esc", "close the comparison", NULL, history_back},
    {{'x'}, "x", "chart against weights left, bytes or MACs", "chart by",
     history_cost},
    {.press = NULL},
};
/* clang-format on */

extern const struct view_kind history_view;
const struct view_kind history_view = {
    .name = "history",
    .title = "History",
    .key = '6',
    .help = "the tree of stages: go back, mark, compare; accuracy by cost",
    .keys = history_keys,
    .state_size = sizeof(struct history_view),
    .draw = history_draw,
    .done = history_done,
    .open = history_open,
    .search = history_search,
    .click = history_click,
};
