/* The samples as pictures with what the network takes them for, and which
 * classes it takes for which. */
#include <stdio.h>
#include <string.h>

#include "ui/list.h"
#include "ui/plot.h"
#include "ui/view.h"
#include "ui/words.h"

enum { CELL_LEAST = 9, PICTURES_MOST = 256, SIDE_COLS = 124 };

enum filter { FILTER_ALL, FILTER_WRONG, FILTER_RIGHT, FILTER_CLASS };

/* The test set is not among them: it is read by `eval test` only. */
static const char *const sets[] = {"validation", "train"};
enum { SET_COUNT = sizeof(sets) / sizeof(sets[0]) };

struct data_view {
    int set;
    enum filter filter;
    int class_at; /* of FILTER_CLASS */
    int first;    /* picture at the top left */
    int at;       /* picture with the cursor, from first */
    int larger;   /* steps by which pictures are larger than usual */
    bool matrix;  /* the confusion matrix instead of pictures */
    int row, col; /* its cursor */
    /* What was drawn last. */
    int across, down, cell_rows, cell_cols;
};

static const char *filter_text(const struct data_view *v, char *buf,
                               size_t size)
{
    static const char *const names[] = {"all", "wrong", "right"};

    if (v->filter == FILTER_CLASS)
        snprintf(buf, size, "class %d", v->class_at);
    else
        snprintf(buf, size, "%s", names[v->filter]);
    return buf;
}

/* A class by its name where there is one, by its number else. */
static const char *class_text(const struct data_sheet *s, int k, char *buf)
{
    if (k >= 0 && k < s->classes && s->class_name && *s->class_name[k])
        snprintf(buf, NAME_SIZE, "%s", s->class_name[k]);
    else if (k < 0)
        snprintf(buf, NAME_SIZE, "?");
    else
        snprintf(buf, NAME_SIZE, "%d", k);
    return buf;
}

/* By how much pictures shrink, so that some dozen fit; v->larger undoes it. */
static int picture_shrink(const struct data_view *v, const struct data_sheet *s,
                          struct pane p)
{
    int side = s->w > s->h ? s->w : s->h, shrink = 1;

    while (side / shrink > 16 || (shrink < side && side / shrink > p.at.cols))
        shrink++;
    shrink -= v->larger;
    return shrink > 1 ? shrink : 1;
}

static void grid_fit(struct data_view *v, const struct data_sheet *s,
                     struct pane p)
{
    int shrink = picture_shrink(v, s, p);

    v->cell_cols = (s->w + shrink - 1) / shrink + 2;
    if (v->cell_cols < CELL_LEAST)
        v->cell_cols = CELL_LEAST;
    v->cell_rows = ((s->h + shrink - 1) / shrink + 1) / 2 + 1;
    v->across = (p.at.cols + 1) / v->cell_cols;
    v->down = p.at.rows / v->cell_rows;
    v->across = v->across < 1 ? 1 : v->across;
    v->down = v->down < 1 ? 1 : v->down;
    if (v->across > PICTURES_MOST)
        v->across = PICTURES_MOST;
    if (v->down > PICTURES_MOST / v->across)
        v->down = PICTURES_MOST / v->across;
}

static void draw_caption(const struct picture *it, struct pane cell, int row,
                         bool here)
{
    bool wrong = it->guess >= 0 && it->guess != it->label;
    char share[WORDS_SIZE] = "";

    if (it->guess >= 0)
        words_percent((double)it->confidence, 0, share);
    if (wrong)
        pane_textf(cell, row, 0, ROLE_BAD, "%d not %d %s", it->guess, it->label,
                   share);
    else
        pane_textf(cell, row, 0, it->guess < 0 ? ROLE_DIM : ROLE_GOOD, "%d %s",
                   it->label, share);
    if (here) {
        pane_put(cell, row, cell.at.cols - 2, ROLE_ACCENT, 0x25C0); /* ◀ */
        pane_restyle(pane_sub(cell, (struct rect){row, 0, 1, cell.at.cols - 1}),
                     ROLE_SELECTED);
    }
}

static void draw_pictures(struct data_view *v, const struct data_sheet *s,
                          struct pane p, bool focused)
{
    long long skip = (long long)v->first - s->first;
    int i;

    for (i = 0; i < v->across * v->down; i++) {
        struct rect r = {i / v->across * v->cell_rows,
                         i % v->across * v->cell_cols, v->cell_rows,
                         v->cell_cols};
        struct pane cell = pane_sub(p, r);
        const struct picture *it;

        if (i + skip < 0 || i + skip >= s->count)
            continue;
        it = &s->picture[i + skip];
        if (it->pixel)
            plot_picture(
                pane_sub(cell, (struct rect){0, 0, v->cell_rows - 1,
                                             v->cell_cols - 1}),
                &(struct plot_picture){it->pixel, s->h, s->w, s->c, false});
        draw_caption(it, cell, v->cell_rows - 1, focused && i == v->at);
    }
}

/* What the cursor stands on, in words. */
static void draw_detail(const struct data_view *v, const struct data_sheet *s,
                        struct pane p)
{
    long long i = (long long)v->first - s->first + v->at;
    char label[NAME_SIZE], guess[NAME_SIZE], share[WORDS_SIZE];
    const struct picture *it;

    if (i < 0 || i >= s->count)
        return;
    it = &s->picture[i];
    class_text(s, it->label, label);
    class_text(s, it->guess, guess);
    words_percent((double)it->confidence, 1, share);
    if (it->guess < 0)
        pane_textf(p, 0, 0, ROLE_NORMAL, "no. %d: is %s", it->index, label);
    else
        pane_textf(p, 0, 0, it->guess == it->label ? ROLE_NORMAL : ROLE_BAD,
                   "no. %d: is %s, taken for %s (%s)", it->index, label, guess,
                   share);
}

static long long row_sum(const struct data_sheet *s, int row)
{
    long long sum = 0;
    int j;

    for (j = 0; j < s->classes; j++)
        sum += s->confusion[row * s->classes + j];
    return sum;
}

/* Errors stand out the more of the row's samples they take. */
static enum role confusion_role(int row, int col, int32_t n, long long all)
{
    if (n == 0)
        return ROLE_DIM;
    if (row == col)
        return ROLE_GOOD;
    return (long long)n * 50 >= all ? ROLE_BAD : ROLE_WARN;
}

static void draw_confusion_row(const struct data_view *v,
                               const struct data_sheet *s, struct pane p,
                               int row, int i, int left, int width)
{
    long long all = row_sum(s, i);
    char buf[NAME_SIZE], share[WORDS_SIZE];
    int j;

    pane_field(p, row, 0, left - 1, ALIGN_RIGHT, ROLE_TITLE,
               class_text(s, i, buf));
    for (j = 0; j < s->classes; j++) {
        int32_t n = s->confusion[i * s->classes + j];
        int col = left + j * width;

        pane_fieldf(p, row, col, width, ALIGN_RIGHT,
                    confusion_role(i, j, n, all), n ? "%d" : "·", (int)n);
        if (v->matrix && i == v->row && j == v->col)
            pane_restyle(pane_sub(p, (struct rect){row, col, 1, width}),
                         ROLE_SELECTED);
    }
    if (all > 0)
        pane_field(p, row, left + s->classes * width, 8, ALIGN_RIGHT, ROLE_DIM,
                   words_percent((double)s->confusion[i * s->classes + i] /
                                     (double)all,
                                 1, share));
}

static void draw_confusion(struct data_view *v, const struct data_sheet *s,
                           struct pane p)
{
    int left = 2, width = 5, shown, top, i;
    char buf[NAME_SIZE], other[NAME_SIZE];

    if (!s->confusion || s->classes <= 0) {
        pane_text(p, 0, 0, ROLE_DIM, "no predictions yet: :eval makes them");
        return;
    }
    for (i = 0; i < s->classes; i++) {
        int w = canvas_width(p.canvas, class_text(s, i, buf)) + 1;

        left = w > left ? w : left;
    }
    left = left > 14 ? 14 : left;
    while (width > 3 && left + s->classes * width + 8 > p.at.cols)
        width--;
    pane_text(p, 0, 0, ROLE_TITLE, "is (rows), taken for (columns)");
    for (i = 0; i < s->classes; i++)
        pane_field(p, 1, left + i * width + 1, width - 1, ALIGN_RIGHT,
                   ROLE_TITLE, class_text(s, i, buf));
    pane_field(p, 1, left + i * width, 8, ALIGN_RIGHT, ROLE_DIM, "right");
    v->row = v->row < s->classes ? v->row : s->classes - 1;
    v->col = v->col < s->classes ? v->col : s->classes - 1;
    shown = p.at.rows - 3;
    top = v->row >= shown ? v->row - shown + 1 : 0;
    for (i = top; i < s->classes && i < top + shown; i++)
        draw_confusion_row(v, s, p, 2 + i - top, i, left, width);
    if (v->matrix)
        pane_textf(p, p.at.rows - 1, 0, ROLE_NORMAL,
                   "%s taken for %s: %d of %lld", class_text(s, v->row, buf),
                   class_text(s, v->col, other),
                   (int)s->confusion[v->row * s->classes + v->col],
                   row_sum(s, v->row));
}

/* How many samples the sets have that are not shown. */
static void draw_other_sets(const struct data_view *v,
                            const struct data_sheet *s, struct pane p, int col)
{
    const struct {
        const char *name;
        int n;
    } all[] = {{"train", s->train_n},
               {"validation", s->validation_n},
               {"test", s->test_n}};
    char number[WORDS_SIZE];
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(all[i].name, sets[v->set]) != 0)
            col = pane_textf(p, 0, col, ROLE_DIM, "  %s %s", all[i].name,
                             words_count(all[i].n, number));
}

static void draw_title(const struct data_view *v, const struct data_sheet *s,
                       struct pane p)
{
    char buf[48], total[WORDS_SIZE];
    const char *filter = filter_text(v, buf, sizeof(buf));
    bool late =
        strcmp(s->set, sets[v->set]) != 0 || strcmp(s->filter, filter) != 0;
    int col = pane_text(p, 0, 0, ROLE_TITLE, sets[v->set]);

    col = pane_textf(p, 0, col, ROLE_NORMAL, "  %s", filter);
    if (late)
        col = pane_text(p, 0, col, ROLE_DIM, "  reading …");
    else if (s->total > 0)
        col =
            pane_textf(p, 0, col, ROLE_NORMAL, "  %lld to %lld of %s",
                       (long long)s->first + 1, (long long)s->first + s->count,
                       words_count(s->total, total));
    else
        col = pane_text(p, 0, col, ROLE_NORMAL, "  none");
    col = pane_textf(p, 0, col, ROLE_DIM, "  %dx%dx%d", s->h, s->w, s->c);
    draw_other_sets(v, s, p, col);
}

static void data_draw(void *state, const struct view_input *in,
                      struct canvas *to, struct rect area, bool focused)
{
    struct data_view *v = state;
    const struct data_sheet *s = in->data;
    struct pane p = pane_at(to, area), matrix, detail;

    if (!s || s->h <= 0 || s->w <= 0) {
        view_says(p, in->status && !in->status->has_data
                         ? "No data is open: :data mnist opens the digits that "
                           "came along, :data FILE.h5 your own."
                         : "reading the pictures …");
        return;
    }
    draw_title(v, s, pane_take_top(&p, 1));
    (void)pane_take_top(&p, p.at.rows > 10 ? 1 : 0);
    if (v->matrix) {
        draw_confusion(v, s, p);
        return;
    }
    if (p.at.cols >= SIDE_COLS && s->confusion && s->classes <= 12) {
        matrix = pane_take_right(&p, s->classes * 5 + 24);
        pane_divider(matrix, 0);
        (void)pane_take_left(&matrix, 2);
        draw_confusion(v, s, matrix);
    }
    detail = pane_take_bottom(&p, p.at.rows > 4 ? 1 : 0);
    grid_fit(v, s, p);
    draw_pictures(v, s, p, focused);
    draw_detail(v, s, detail);
}

static void show_from(struct data_view *v, int first)
{
    v->first = first > 0 ? first : 0;
    v->at = 0;
}

/* Moves the cursor by so many pictures, turning pages at the ends. */
static void data_step(struct data_view *v, const struct data_sheet *s, int by)
{
    int page = v->across * v->down;
    long long to = (long long)v->first + v->at + by;

    if (page < 1)
        return;
    if (to >= s->total)
        to = s->total - 1;
    if (to < 0)
        to = 0;
    if (to < v->first || to >= (long long)v->first + page)
        v->first = (int)(to / page * page);
    v->at = (int)(to - v->first);
}

static void confusion_step(struct data_view *v, const struct data_sheet *s,
                           int key)
{
    v->row += (key == VIEW_KEY_DOWN) - (key == VIEW_KEY_UP);
    v->col += (key == VIEW_KEY_RIGHT) - (key == VIEW_KEY_LEFT);
    v->row = v->row < 0 ? 0 : v->row >= s->classes ? s->classes - 1 : v->row;
    v->col = v->col < 0 ? 0 : v->col >= s->classes ? s->classes - 1 : v->col;
}

static void data_move(void *state, const struct view_input *in, int key,
                      struct view_reply *reply)
{
    struct data_view *v = state;
    const struct data_sheet *s = in->data;

    if (!s)
        return;
    reply->used = true;
    key = list_arrow(key);
    if (v->matrix && s->classes > 0)
        confusion_step(v, s, key);
    else if (key == VIEW_KEY_LEFT || key == VIEW_KEY_RIGHT)
        data_step(v, s, key == VIEW_KEY_LEFT ? -1 : 1);
    else if (key == VIEW_KEY_UP || key == VIEW_KEY_DOWN)
        data_step(v, s, key == VIEW_KEY_UP ? -v->across : v->across);
    else if (key == VIEW_KEY_PAGE_UP || key == VIEW_KEY_PAGE_DOWN)
        data_step(v, s,
                  (key == VIEW_KEY_PAGE_UP ? -1 : 1) * v->across * v->down);
    else if (key == VIEW_KEY_HOME)
        data_step(v, s, -s->total);
    else
        data_step(v, s, s->total);
}

static void data_filter(void *state, const struct view_input *in, int key,
                        struct view_reply *reply)
{
    struct data_view *v = state;
    int classes = in->data ? in->data->classes : 0;

    reply->used = true;
    v->matrix = false;
    show_from(v, 0);
    switch (key) {
    case 'w':
        v->filter = FILTER_WRONG;
        break;
    case 'r':
        v->filter = FILTER_RIGHT;
        break;
    case 's':
        v->set = (v->set + 1) % SET_COUNT;
        break;
    case '[':
    case ']':
        if (classes <= 0)
            break;
        if (v->filter == FILTER_CLASS)
            v->class_at += key == ']' ? 1 : classes - 1;
        v->class_at %= classes;
        v->filter = FILTER_CLASS;
        break;
    default:
        v->filter = FILTER_ALL;
        break;
    }
}

static void data_size(void *state, const struct view_input *in, int key,
                      struct view_reply *reply)
{
    struct data_view *v = state;

    (void)in;
    reply->used = true;
    v->first += v->at;
    v->at = 0;
    v->larger += key == '-' ? -1 : 1;
    v->larger = v->larger < -2 ? -2 : v->larger > 4 ? 4 : v->larger;
}

static void data_matrix(void *state, const struct view_input *in, int key,
                        struct view_reply *reply)
{
    struct data_view *v = state;

    (void)in;
    reply->used = key == 'x' || v->matrix;
    v->matrix = key == 'x' && !v->matrix;
}

/* From a row of the matrix to the pictures of its class. */
static void data_enter(void *state, const struct view_input *in, int key,
                       struct view_reply *reply)
{
    struct data_view *v = state;

    (void)in;
    (void)key;
    if (!v->matrix)
        return;
    reply->used = true;
    v->matrix = false;
    v->filter = FILTER_CLASS;
    v->class_at = v->row;
    show_from(v, 0);
}

static bool data_open(void *state, const struct view_input *in,
                      const char *words)
{
    struct data_view *v = state;
    struct view_reply reply;

    if (strcmp(words, "wrong") != 0 && strcmp(words, "right") != 0 &&
        strcmp(words, "all") != 0)
        return false;
    data_filter(v, in, words[0], &reply);
    return true;
}

static void data_wish(void *state, const struct view_input *in,
                      struct board_wish *wish)
{
    struct data_view *v = state;

    (void)in;
    wish->want_data = true;
    snprintf(wish->set, sizeof(wish->set), "%s", sets[v->set]);
    filter_text(v, wish->filter, sizeof(wish->filter));
    wish->first = v->first;
    wish->count = v->across > 0 ? v->across * v->down : 16;
}

static void data_click(void *state, const struct view_input *in, int row,
                       int col, struct view_reply *reply)
{
    struct data_view *v = state;
    int at;

    if (v->matrix || !in->data || v->cell_rows < 1 || v->cell_cols < 1)
        return;
    row -= 2; /* title and the blank row below */
    at = row / v->cell_rows * v->across + col / v->cell_cols;
    if (row < 0 || col / v->cell_cols >= v->across || at >= in->data->count)
        return;
    reply->used = true;
    v->at = at;
}

/* clang-format off */
static const struct view_bind data_keys[] = {
    {{LIST_KEYS, 'h', 'l', VIEW_KEY_LEFT, VIEW_KEY_RIGHT}, "h j k l",
     "move; PgUp and PgDn turn the page", NULL, data_move},
    {{'w'}, "w", "only those taken for another class", "wrong", data_filter},
    {{'r'}, "r", "only those taken for their class", "right", data_filter},
    {{'[', ']'}, "[ ]", "only one class: the one before, the next", "class",
     data_filter},
    {{'a'}, "a", "all of the set", "all", data_filter},
    {{'s'}, "s", "validation or training set", "set", data_filter},
    {{'x'}, "x", "the confusion matrix", "matrix", data_matrix},
    {{VIEW_KEY_ENTER}, "Enter", "in the matrix: the pictures of that class",
     NULL, data_enter},
    {{VIEW_KEY_ESCAPE}, "Esc", "back to the pictures", NULL, data_matrix},
    {{'+', '=', '-'}, "+ -", "larger, smaller pictures", "size", data_size},
    {.press = NULL},
};
/* clang-format on */

extern const struct view_kind data_view;
const struct view_kind data_view = {
    .name = "data",
    .title = "Data",
    .key = '7',
    .help = "the samples as pictures, what they are taken for, the confusion "
            "matrix",
    .keys = data_keys,
    .state_size = sizeof(struct data_view),
    .draw = data_draw,
    .open = data_open,
    .wish = data_wish,
    .click = data_click,
};
