/*
 * Where the bytes of the packed net are, what every stage gave and cost, what
 * the net would take stored otherwise; and how long a layer takes in several
 * forms, when `timing` has measured one.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/list.h"
#include "ui/plot.h"
#include "ui/table.h"
#include "ui/timing.h"
#include "ui/view.h"
#include "ui/words.h"

/* Below the table of arrays, or beside it. */
enum part { PART_STAGES, PART_STORES, PART_TIME, PART_COUNT };

/* From so many columns on parts stand beside the table; each wants so many
 * rows. */
enum { SIDE_COLS = 128, TABLE_COLS = 78, PART_ROWS = 6, OTHER_ROWS = 4 };

struct size_view {
    struct list list;
    enum part part;
    int batch; /* of the times, where one is shown at a time */
};

enum column {
    COL_LAYER,
    COL_ARRAY,
    COL_LEFT,
    COL_PLACES,
    COL_VALUES,
    COL_BOOK,
    COL_TABLES,
    COL_BYTES,
    COL_SHARE,
    COL_BITS,
    COL_BOUND
};

/* Bytes, "-" where there are none or nobody knows. */
static const char *bytes_text(double bytes, char *buf)
{
    if (!(bytes >= 0.5) || bytes > 1e15)
        return bytes >= 0.5 ? words_size(bytes, buf) : "-";
    return words_count((long long)bytes, buf);
}

static void arrays_columns(struct table *t, const struct ledger_sheet *s,
                           const struct canvas *c)
{
    int i;

    table_add(t, "layer", 5, 0, ALIGN_LEFT);
    table_add(t, "array", 6, 1, ALIGN_LEFT);
    table_add(t, "left", 6, 7, ALIGN_RIGHT);
    table_add(t, "places", 7, 3, ALIGN_RIGHT);
    table_add(t, "values", 7, 3, ALIGN_RIGHT);
    table_add(t, "book", 5, 4, ALIGN_RIGHT);
    table_add(t, "tables", 6, 4, ALIGN_RIGHT);
    table_add(t, "bytes", 7, 0, ALIGN_RIGHT);
    table_add(t, "of all", 6, 8, ALIGN_RIGHT);
    table_add(t, "bits", 6, 2, ALIGN_RIGHT);
    table_add(t, "bound", 6, 2, ALIGN_RIGHT);
    for (i = 0; i < s->count; i++) {
        table_widen(t, COL_LAYER, c, s->row[i].layer, 16);
        table_widen(t, COL_ARRAY, c, s->row[i].array, 12);
    }
}

static void bits_cell(const struct table *t, struct pane p, int row, int col,
                      enum role role, double bits)
{
    char buf[WORDS_SIZE];

    if (!(bits >= 0) || bits >= 1e5)
        return;
    snprintf(buf, sizeof(buf), "%.*f", bits < 99.95 ? 3 : 0, bits);
    buf[6] = '\0';
    table_cell(t, p, row, col, role, buf);
}

static void array_row(const struct table *t, struct pane p, int row,
                      const struct ledger_sheet *s, const struct ledger_row *r,
                      enum role role)
{
    char buf[WORDS_SIZE];

    table_cell(t, p, row, COL_ARRAY, ROLE_DIM, r->array);
    if (r->weights > 0)
        table_cell(
            t, p, row, COL_LEFT, role,
            words_percent((double)r->alive / (double)r->weights, 1, buf));
    table_cell(t, p, row, COL_PLACES, role, bytes_text(r->places, buf));
    table_cell(t, p, row, COL_VALUES, role, bytes_text(r->values, buf));
    table_cell(t, p, row, COL_BOOK, role, bytes_text(r->codebook, buf));
    table_cell(t, p, row, COL_TABLES, role, bytes_text(r->tables, buf));
    table_cell(t, p, row, COL_BYTES, role, bytes_text(r->bytes, buf));
    if (s->file > 0 && r->bytes >= 0)
        table_cell(t, p, row, COL_SHARE, ROLE_DIM,
                   words_percent(r->bytes / s->file, 0, buf));
    bits_cell(t, p, row, COL_BITS, role, r->bits);
    bits_cell(t, p, row, COL_BOUND, ROLE_DIM, r->bound);
}

/* Architecture, header and the file itself. */
static int other_rows(const struct table *t, struct pane p, int row,
                      const struct ledger_sheet *s)
{
    char buf[WORDS_SIZE];

    table_cell(t, p, row, COL_LAYER, ROLE_NORMAL, "all");
    array_row(t, p, row, s, &s->total, ROLE_NORMAL);
    pane_textf(p, ++row, t->column[COL_LAYER].col, ROLE_DIM,
               "architecture %.0f, header and checksum %.0f", s->architecture,
               s->header);
    table_cell(t, p, row, COL_BYTES, ROLE_NORMAL,
               bytes_text(s->architecture + s->header, buf));
    row++;
    table_cell(t, p, row, COL_LAYER, ROLE_TITLE, "file");
    table_cell(t, p, row, COL_BYTES, ROLE_TITLE, bytes_text(s->file, buf));
    return row + 1;
}

/* The rule says how the array under the cursor is stored. */
static void arrays_rule(struct pane p, int row, const struct size_view *v,
                        const struct ledger_sheet *s, const struct table *t)
{
    char hidden[96], title[360];
    const struct ledger_row *r =
        v->list.at < s->count ? &s->row[v->list.at] : NULL;

    table_hidden(t, hidden, sizeof(hidden));
    snprintf(title, sizeof(title), "%s %s by %s%s%s", r ? r->layer : "",
             r ? r->array : "", r ? r->method : "", *hidden ? "; " : "",
             hidden);
    pane_rule(p, row, r ? title : NULL);
}

static void arrays_draw(struct size_view *v, const struct ledger_sheet *s,
                        struct pane p, bool focused)
{
    struct table t = {.count = 0};
    int i, row = 1;

    arrays_columns(&t, s, p.canvas);
    table_fit(&t, 2, p.at.cols);
    list_fit(&v->list, s->count, p.at.rows - 2 - OTHER_ROWS + 1);
    table_head(&t, p, 0);
    for (i = v->list.top; i < s->count && i < v->list.top + v->list.rows; i++) {
        table_cell(&t, p, row, COL_LAYER, ROLE_NORMAL, s->row[i].layer);
        array_row(&t, p, row, s, &s->row[i], ROLE_NORMAL);
        if (i == v->list.at) {
            pane_put(p, row, 0, ROLE_ACCENT, 0x25B8); /* ▸ */
            if (focused)
                pane_restyle(pane_sub(p, (struct rect){row, 0, 1, t.cols}),
                             ROLE_SELECTED);
        }
        row++;
    }
    row = other_rows(&t, p, row, s);
    arrays_rule(p, row, v, s, &t);
}

/* bytes between half the least and the most there are, by their logarithms. */
static double log_share(double bytes, double least, double most)
{
    double share = log(2 * bytes / least) / log(2 * most / least);

    return share >= 0 && share <= 1 ? share : 0;
}

enum step_column {
    STEP_STAGE,
    STEP_TEXT,
    STEP_BAR,
    STEP_BYTES,
    STEP_GAVE,
    STEP_ACCURACY,
    STEP_COST
};

static void step_row(const struct table *t, struct pane p, int row,
                     const struct ledger_sheet *s, int i, double least,
                     double most)
{
    const struct ledger_step *now = &s->step[i];
    const struct ledger_step *old = i > 0 ? now - 1 : NULL;
    const struct table_column *bar = &t->column[STEP_BAR];
    char buf[WORDS_SIZE], text[WORDS_SIZE + 2];

    snprintf(text, sizeof(text), "#%d", now->stage);
    table_cell(t, p, row, STEP_STAGE, ROLE_DIM, text);
    table_cell(t, p, row, STEP_TEXT, ROLE_NORMAL, now->text);
    table_cell(t, p, row, STEP_BYTES, ROLE_NORMAL, bytes_text(now->bytes, buf));
    if (bar->col >= 0)
        plot_bar(p, row, bar->col, bar->width, ROLE_SERIES1,
                 log_share(now->bytes, least, most));
    table_cell(t, p, row, STEP_ACCURACY, ROLE_NORMAL,
               words_percent(now->accuracy, 2, buf));
    if (old == NULL)
        return;
    if (now->bytes > 0 && old->bytes > 0) {
        snprintf(text, sizeof(text), "%.3gx", old->bytes / now->bytes);
        table_cell(t, p, row, STEP_GAVE, ROLE_NORMAL, text);
    }
    if (now->accuracy >= 0 && old->accuracy >= 0)
        table_cell(t, p, row, STEP_COST, ROLE_NORMAL,
                   words_points(now->accuracy - old->accuracy, buf));
}

static void stages_draw(const struct ledger_sheet *s, struct pane p)
{
    struct table t = {.count = 0};
    double least = INFINITY, most = 0;
    int rows = p.at.rows - 2, first, i;

    for (i = 0; i < s->step_count; i++) {
        if (!(s->step[i].bytes > 0))
            continue;
        least = fmin(least, s->step[i].bytes);
        most = fmax(most, s->step[i].bytes);
    }
    pane_text(p, 0, 2, ROLE_TITLE, "packed after each stage (bars: logarithm)");
    table_add(&t, "", 3, 3, ALIGN_RIGHT);
    table_add(&t, "stage",
              p.at.cols < 68   ? 12
              : p.at.cols > 90 ? 34
                               : p.at.cols - 56,
              0, ALIGN_LEFT);
    table_add(&t, "", p.at.cols > 76 ? 12 : 8, 0, ALIGN_LEFT);
    table_add(&t, "bytes", 9, 0, ALIGN_RIGHT);
    table_add(&t, "less", 6, 2, ALIGN_RIGHT);
    table_add(&t, "accuracy", 8, 1, ALIGN_RIGHT);
    table_add(&t, "cost", 6, 1, ALIGN_RIGHT);
    table_fit(&t, 2, p.at.cols);
    table_head(&t, p, 1);
    first = s->step_count > rows ? s->step_count - rows : 0;
    for (i = first; i < s->step_count; i++)
        step_row(&t, p, 2 + i - first, s, i, least, most);
}

static void stores_draw(const struct ledger_sheet *s, struct pane p)
{
    double least = INFINITY, most = 0;
    char title[192];
    int i, row = 1;

    for (i = 0; i < s->way_count; i++) {
        if (!(s->way[i].bytes > 0))
            continue;
        least = fmin(least, s->way[i].bytes);
        most = fmax(most, s->way[i].bytes);
    }
    pane_text(p, 0, 2, ROLE_TITLE, "this net, stored as");
    for (i = 0; i < s->way_count; i++, row++) {
        char buf[WORDS_SIZE];

        pane_field(p, row, 2, 22, ALIGN_LEFT, ROLE_NORMAL, s->way[i].name);
        plot_bar(p, row, 25, 20, ROLE_SERIES1,
                 log_share(s->way[i].bytes, least, most));
        pane_field(p, row, 46, 10, ALIGN_RIGHT, ROLE_NORMAL,
                   bytes_text(s->way[i].bytes, buf));
        if (s->way[i].bytes > 0 && isfinite(s->dense))
            pane_fieldf(p, row, 57, 9, ALIGN_RIGHT, ROLE_DIM, "%.1fx",
                        s->dense / s->way[i].bytes);
    }
    if (s->way_count == 0)
        return;
    snprintf(title, sizeof(title),
             "floats pay stored sparsely from %.1f %% (rows), %.1f %% (short "
             "rows), %.1f %% (bitmap)",
             s->pays_rows * 100, s->pays_short_rows * 100,
             s->pays_bitmap * 100);
    pane_wrap(pane_sub(p, (struct rect){row, 2, 2, p.at.cols - 4}), 0, ROLE_DIM,
              title);
}

static bool has_part(const struct view_input *in, enum part part)
{
    return part == PART_TIME ? timing_shown(in->timing)
                             : in->ledger && in->ledger->count > 0;
}

static void part_draw(const struct size_view *v, const struct view_input *in,
                      enum part part, struct pane p)
{
    if (!has_part(in, part) || p.at.rows < 2)
        return;
    if (part == PART_STAGES)
        stages_draw(in->ledger, p);
    else if (part == PART_STORES)
        stores_draw(in->ledger, p);
    else
        timing_draw(p, in->timing, v->batch,
                    in->status ? in->status->stage : -1);
}

/* Why there is nothing, or not the newest. */
static int note_draw(const struct view_input *in, struct pane p)
{
    const struct ledger_sheet *s = in->ledger;

    if (!in->status || !in->status->has_net)
        return pane_wrap(p, 1, ROLE_DIM, "no network is open");
    if (!s || s->count <= 0)
        return pane_wrap(
            pane_sub(p, (struct rect){0, 2, p.at.rows, p.at.cols - 4}), 1,
            ROLE_DIM,
            "Enter counts the bytes: the net is packed in memory, "
            "as are the stages before it.  t times a layer, dense "
            "and sparse.");
    if (s->stage == in->status->stage)
        return 0;
    pane_textf(p, 0, 2, ROLE_WARN,
               "counted at stage %d, you are at %d: Enter counts again",
               s->stage, in->status->stage);
    return 1;
}

static void side_draw(const struct size_view *v, const struct view_input *in,
                      struct pane p)
{
    int parts = 0, part, rows;

    for (part = 0; part < PART_COUNT; part++)
        parts += has_part(in, (enum part)part);
    for (part = 0; part < PART_COUNT; part++) {
        if (!has_part(in, (enum part)part))
            continue;
        rows = part == PART_STORES ? 9 : p.at.rows / (parts > 0 ? parts : 1);
        if (p.at.rows < PART_ROWS)
            break;
        part_draw(v, in, (enum part)part, pane_take_top(&p, rows));
        parts--;
    }
}

static enum part part_now(const struct size_view *v,
                          const struct view_input *in)
{
    int i;

    for (i = 0; i < PART_COUNT; i++) {
        enum part part = (enum part)(((int)v->part + i) % PART_COUNT);

        if (has_part(in, part))
            return part;
    }
    return v->part;
}

static void size_draw(void *state, const struct view_input *in,
                      struct canvas *to, struct rect area, bool focused)
{
    struct size_view *v = state;
    struct pane p = pane_at(to, area), table;
    int note = note_draw(in, p), want;

    (void)pane_take_top(&p, note);
    if (!in->ledger || in->ledger->count <= 0) {
        part_draw(v, in, PART_TIME, p);
        return;
    }
    if (p.at.cols >= SIDE_COLS) {
        table = pane_take_left(&p, TABLE_COLS);
        arrays_draw(v, in->ledger, table, focused);
        side_draw(v, in, p);
        return;
    }
    want = in->ledger->count + 1 + OTHER_ROWS;
    if (want > p.at.rows - PART_ROWS - 2)
        want = p.at.rows - PART_ROWS - 2;
    if (p.at.rows < PART_ROWS + OTHER_ROWS + 4)
        want = p.at.rows;
    table = pane_take_top(&p, want);
    arrays_draw(v, in->ledger, table, focused);
    part_draw(v, in, part_now(v, in), p);
}

static void size_move(void *state, const struct view_input *in, int key,
                      struct view_reply *reply)
{
    struct size_view *v = state;

    if (in->ledger && in->ledger->count > 0)
        reply->used = list_key(&v->list, key);
}

static void size_tab(void *state, const struct view_input *in, int key,
                     struct view_reply *reply)
{
    struct size_view *v = state;
    int by = key == VIEW_KEY_BACK_TAB ? PART_COUNT - 1 : 1, i;

    for (i = 0; i < PART_COUNT; i++) {
        v->part = (enum part)(((int)part_now(v, in) + by) % PART_COUNT);
        if (has_part(in, v->part))
            break;
    }
    reply->used = has_part(in, v->part);
}

static void size_batch(void *state, const struct view_input *in, int key,
                       struct view_reply *reply)
{
    struct size_view *v = state;

    (void)key;
    if (!timing_shown(in->timing))
        return;
    v->batch = (v->batch + 1) % in->timing->batch_count;
    v->part = PART_TIME;
    reply->used = true;
}

static void size_count(void *state, const struct view_input *in, int key,
                       struct view_reply *reply)
{
    (void)state;
    if (!in->status || !in->status->has_net)
        return;
    reply->used = true;
    snprintf(reply->command, sizeof(reply->command), "%s",
             key == 't' ? "timing" : "ledger");
}

/* clang-format off */
static const struct view_bind size_keys[] = {
    {{LIST_KEYS}, "j k", "the array before, the next: how it is stored",
     "array", size_move},
    {{VIEW_KEY_TAB, VIEW_KEY_BACK_TAB}, "Tab",
     "stages, stores, times below the table", "part", size_tab},
    {{VIEW_KEY_ENTER}, "Enter", "pack in memory and count the bytes", "count",
     size_count},
    {{'t'}, "t", "time the largest dense layer, dense and sparse", "time",
     size_count},
    {{'b'}, "b", "times of one sample at once, of many", "batch", size_batch},
    {.press = NULL},
};
/* clang-format on */

extern const struct view_kind size_view;
const struct view_kind size_view = {
    .name = "size",
    .title = "Size",
    .key = '8',
    .help = "where the bytes are, what stages gave and cost; time of a layer",
    .keys = size_keys,
    .state_size = sizeof(struct size_view),
    .draw = size_draw,
};
