/*
 * One layer's codebook: the weights as a histogram with the shared values under
 * it, how often each value is used and how long its code is, and what another
 * number of bits would come to.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ui/list.h"
#include "ui/plot.h"
#include "ui/table.h"
#include "ui/view.h"
#include "ui/words.h"

/* From so many columns on the values stand beside the histogram. */
enum { SPLIT_COLS = 64, VALUES_COLS = 38, TICKS_MOST = 4096 };

struct codebook_view {
    char name[NAME_SIZE]; /* of the layer asked for; "": the first */
    int bits;             /* chosen by [ and ]; 0: those of the layer */
    struct list list;     /* over the values */
    bool reads;           /* the histogram shows which */
};

/* The bits that are shown as chosen, 1 to BOOK_TRIES. */
static int chosen_bits(const struct codebook_view *v,
                       const struct book_sheet *s)
{
    int bits = v->bits;

    if (bits == 0)
        bits = s->value_count > 0 && s->fixed >= 1 && s->fixed <= BOOK_TRIES
                   ? (int)s->fixed
                   : 5;
    return bits < 1 ? 1 : bits > BOOK_TRIES ? BOOK_TRIES : bits;
}

/* Would sharing with that many bits leave every value as it is? */
static bool has_all(const struct book_sheet *s, int bits)
{
    return s->value_count > 0 && s->try_count > 0 &&
           s->tries[bits - 1].k >= s->value_count;
}

static void draw_title(const struct codebook_view *v,
                       const struct book_sheet *s, struct pane p)
{
    char left[WORDS_SIZE], all[WORDS_SIZE], size[WORDS_SIZE];
    int col;

    col = pane_text(p, 0, 0, ROLE_TITLE, s->name);
    col = pane_textf(p, 0, col, ROLE_DIM, "  %s  %s  ", s->kind, s->kernel);
    col = pane_textf(p, 0, col, ROLE_NORMAL, "%s of %s weights left",
                     words_count(s->alive, left), words_count(s->weights, all));
    if (*v->name && strcmp(v->name, s->name) != 0)
        pane_textf(p, 0, col, ROLE_DIM, "  reading %s …", v->name);
    else if (col + 8 < p.at.cols)
        pane_fieldf(p, 0, p.at.cols - 8, 8, ALIGN_RIGHT, ROLE_DIM, "%d of %d",
                    s->index + 1, s->count);
    if (s->value_count == 0) {
        pane_textf(p, 1, 0, ROLE_DIM, "%s%s",
                   *s->grid ? "on a grid: " : "32 bits a weight, not shared",
                   s->grid);
        return;
    }
    col = pane_textf(p, 1, 0, ROLE_NORMAL, "%d values%s", s->value_count,
                     s->group ? " of several layers" : "");
    if (s->dead > 0)
        col = pane_textf(p, 1, col, ROLE_WARN, ", %d dead", s->dead);
    col = pane_textf(p, 1, col, ROLE_NORMAL,
                     "  %g bits, Huffman %.2f, least %.2f", s->fixed,
                     s->huffman, s->entropy);
    col = pane_textf(p, 1, col, ROLE_DIM, "  codes %s",
                     words_size(s->bytes, size));
    if (!isfinite(s->error))
        return;
    snprintf(size, sizeof(size), "  rms %.3g", s->error);
    (void)pane_text_whole(p, 1, col, ROLE_DIM, size);
}

/* The bin of the value under the cursor, or -1. */
static int cursor_bin(const struct codebook_view *v, const struct book_sheet *s)
{
    double at;

    if (!v->reads || v->list.at >= s->value_count || !(s->range > 0))
        return -1;
    at = (s->value[v->list.at].value / s->range + 1) * (HIST_BINS / 2);
    return at >= 0 && at < HIST_BINS ? (int)at : -1;
}

static void draw_histogram(const struct codebook_view *v,
                           const struct book_sheet *s, struct pane p)
{
    double *ticks = mem_array(TICKS_MOST, sizeof(*ticks));
    struct plot_histogram h = {
        .title = s->before ? "weights before, values below" : "weights",
        .counts = s->bins,
        .bins = HIST_BINS,
        .least = -s->range,
        .most = s->range,
        .has_zeros = true,
        .zeros = s->zeros,
        .ticks = ticks,
        .cursor = cursor_bin(v, s),
    };
    int i;

    for (i = 0; i < s->value_count && i < TICKS_MOST; i++)
        ticks[h.tick_count++] = s->value[i].value;
    plot_histogram(p, &h);
    mem_free(ticks);
}

static long long most_members(const struct book_sheet *s)
{
    long long most = 1;
    int i;

    for (i = 0; i < s->value_count; i++)
        most = s->value[i].members > most ? s->value[i].members : most;
    return most;
}

/* One value: number, value, how far it moved, code, how many have it. */
static void draw_value(const struct book_sheet *s, struct pane p, int row,
                       int i, long long most)
{
    const struct book_value *e = &s->value[i];
    double moved = e->value - e->start;
    char text[WORDS_SIZE];
    int bar = p.at.cols - 37;

    pane_fieldf(p, row, 0, 4, ALIGN_RIGHT, ROLE_DIM, "%d", i + 1);
    pane_fieldf(p, row, 5, 9, ALIGN_RIGHT, ROLE_NORMAL, "%.5f", e->value);
    if (moved != 0.0)
        pane_fieldf(p, row, 15, 8, ALIGN_RIGHT, ROLE_NORMAL, "%+.4f", moved);
    if (e->members == 0)
        pane_field(p, row, 24, 4, ALIGN_RIGHT, ROLE_WARN, "dead");
    else
        pane_fieldf(p, row, 24, 4, ALIGN_RIGHT, ROLE_NORMAL, "%d", e->length);
    pane_field(p, row, 29, 7, ALIGN_RIGHT, ROLE_NORMAL,
               words_count(e->members, text));
    if (bar > 2)
        plot_bar(p, row, 37, bar, ROLE_SERIES1,
                 (double)e->members / (double)most);
}

static void draw_values(struct codebook_view *v, const struct book_sheet *s,
                        struct pane p, bool focused)
{
    long long most = most_members(s);
    int i, rows = p.at.rows - 1;

    list_fit(&v->list, s->value_count, rows);
    pane_field(p, 0, 5, 9, ALIGN_RIGHT, ROLE_DIM, "value");
    pane_field(p, 0, 15, 8, ALIGN_RIGHT, ROLE_DIM, "moved");
    pane_field(p, 0, 24, 4, ALIGN_RIGHT, ROLE_DIM, "code");
    pane_field(p, 0, 29, 7, ALIGN_RIGHT, ROLE_DIM, "weights");
    for (i = 0; i < rows && v->list.top + i < s->value_count; i++) {
        draw_value(s, p, 1 + i, v->list.top + i, most);
        if (focused && v->reads && v->list.top + i == v->list.at)
            pane_restyle(pane_sub(p, (struct rect){1 + i, 0, 1, p.at.cols}),
                         ROLE_SELECTED);
    }
}

/* What the chosen bits would come to, and the others for comparison. */
static void draw_tries(const struct codebook_view *v,
                       const struct book_sheet *s, struct pane p)
{
    int bits = chosen_bits(v, s), i, row = 0;
    char size[WORDS_SIZE];
    struct table t = {0};
    char text[WORDS_SIZE];

    if (s->try_count == 0) {
        pane_text(p, 0, 0, ROLE_DIM,
                  *s->grid ? "quantize off frees the layer for shared values"
                           : "too many weights to try other bits");
        return;
    }
    table_add(&t, "bits", 6, 0, ALIGN_RIGHT);
    table_add(&t, "values", 6, 1, ALIGN_RIGHT);
    table_add(&t, "rms error", 9, 0, ALIGN_RIGHT);
    table_add(&t, "codes", 9, 0, ALIGN_RIGHT);
    table_fit(&t, 0, p.at.cols);
    table_head(&t, p, row++);
    for (i = 0; i < s->try_count; i++) {
        const struct book_try *e = &s->tries[i];
        enum role role = e->bits == bits ? ROLE_NORMAL : ROLE_DIM;

        /* The chosen one alone where there is room for no more. */
        if (e->bits != bits && p.at.rows < BOOK_TRIES + 2)
            continue;
        snprintf(text, sizeof(text), "%s%d", e->bits == bits ? "> " : "",
                 e->bits);
        table_cell(&t, p, row, 0, role, text);
        snprintf(text, sizeof(text), "%d", e->k);
        table_cell(&t, p, row, 1, role, text);
        snprintf(text, sizeof(text), "%.3g", e->error);
        table_cell(&t, p, row, 2, role, text);
        table_cell(&t, p, row++, 3, role, words_size(e->bytes, size));
    }
    if (has_all(s, bits))
        pane_text(p, row, 0, ROLE_DIM,
                  "the values it has; [ takes fewer, u undoes");
    else
        pane_textf(p, row, 0, ROLE_DIM, "Enter: quantize bits=%d layers=%s",
                   bits, s->name);
}

static void codebook_draw(void *state, const struct view_input *in,
                          struct canvas *to, struct rect area, bool focused)
{
    struct codebook_view *v = state;
    const struct book_sheet *s = in->book;
    struct pane p = pane_at(to, area), left, tries;
    bool tall;

    if (!s || s->count <= 0) {
        view_says(p, in->status && !in->status->has_net
                         ? "No network is open: :net lenet-300-100 opens one."
                         : "reading the layer …");
        return;
    }
    draw_title(v, s, pane_take_top(&p, 2));
    tall = p.at.rows >= 30;
    (void)pane_take_top(&p, p.at.rows > 12 ? 1 : 0);
    tries = pane_take_bottom(&p, tall ? BOOK_TRIES + 2 : 3);
    if (s->value_count > 0 && p.at.cols >= SPLIT_COLS) {
        left = pane_take_left(&p, p.at.cols * 9 / 20 < VALUES_COLS
                                      ? p.at.cols - VALUES_COLS
                                      : p.at.cols * 11 / 20);
        (void)pane_take_right(&left, 2);
        draw_histogram(v, s, left);
        draw_values(v, s, p, focused);
    } else {
        draw_histogram(v, s, p);
    }
    draw_tries(v, s, tries);
}

/* The layer by layers along those with weights; wraps round. */
static void step_layer(struct codebook_view *v, const struct view_input *in,
                       int by)
{
    const char *now = *v->name || !in->book ? v->name : in->book->name;
    const char *next = view_layer_next(in->layers, now, by);

    if (!next)
        return;
    snprintf(v->name, sizeof(v->name), "%s", next);
    v->bits = 0;
    v->reads = false;
    v->list = (struct list){0};
}

static void press_layer(void *state, const struct view_input *in, int key,
                        struct view_reply *reply)
{
    key = list_arrow(key);
    reply->used = true;
    step_layer(state, in, key == VIEW_KEY_RIGHT ? 1 : -1);
}

static void press_value(void *state, const struct view_input *in, int key,
                        struct view_reply *reply)
{
    struct codebook_view *v = state;

    reply->used = in->book && in->book->value_count > 0;
    if (reply->used)
        v->reads = list_key(&v->list, key);
}

static void press_bits(void *state, const struct view_input *in, int key,
                       struct view_reply *reply)
{
    struct codebook_view *v = state;

    if (!in->book || in->book->try_count == 0)
        return;
    reply->used = true;
    v->bits = chosen_bits(v, in->book) + (key == ']' ? 1 : -1);
    v->bits = v->bits < 1 ? 1 : v->bits > BOOK_TRIES ? BOOK_TRIES : v->bits;
}

static void press_enter(void *state, const struct view_input *in, int key,
                        struct view_reply *reply)
{
    struct codebook_view *v = state;
    const struct book_sheet *s = in->book;
    int bits;

    (void)key;
    if (!s || s->weights == 0)
        return;
    reply->used = true;
    bits = chosen_bits(v, s);
    if (*s->grid)
        snprintf(reply->note, sizeof(reply->note),
                 "%.40s is on a grid: quantize off layers=%.40s frees it",
                 s->name, s->name);
    else if (has_all(s, bits))
        snprintf(reply->note, sizeof(reply->note),
                 "%.40s has no more than %d values: u undoes, [ takes fewer",
                 s->name, s->value_count);
    else
        snprintf(reply->command, sizeof(reply->command),
                 "quantize bits=%d layers=%s", bits, s->name);
}

static bool codebook_open(void *state, const struct view_input *in,
                          const char *words)
{
    struct codebook_view *v = state;

    if (!view_layer_find(in->layers, words))
        return false;
    snprintf(v->name, sizeof(v->name), "%s", words);
    v->bits = 0;
    return true;
}

static void codebook_wish(void *state, const struct view_input *in,
                          struct board_wish *wish)
{
    struct codebook_view *v = state;

    (void)in;
    wish->want_book = true;
    snprintf(wish->book, sizeof(wish->book), "%s", v->name);
}

/* clang-format off */
static const struct view_bind codebook_keys[] = {
    {{'h', 'l', VIEW_KEY_LEFT, VIEW_KEY_RIGHT}, "h l",
     "the layer before, the next", "layer", press_layer},
    {{'j', 'k', VIEW_KEY_DOWN, VIEW_KEY_UP, VIEW_KEY_PAGE_DOWN,
      VIEW_KEY_PAGE_UP, VIEW_KEY_HOME, VIEW_KEY_END, 'g', 'G'},
     "j k", "along the shared values", "value", press_value},
    {{'[', ']'}, "[ ]", "fewer bits, more: what they would come to", "bits",
     press_bits},
    {{VIEW_KEY_ENTER}, "Enter", "quantise the layer with those bits",
     "quantise", press_enter},
    {.press = NULL},
};
/* clang-format on */

extern const struct view_kind codebook_view;
const struct view_kind codebook_view = {
    .name = "codebook",
    .title = "Codebook",
    .key = '3',
    .help = "the shared values of a layer, and other bits",
    .keys = codebook_keys,
    .state_size = sizeof(struct codebook_view),
    .draw = codebook_draw,
    .open = codebook_open,
    .wish = codebook_wish,
};
