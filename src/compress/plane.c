#include "compress/plane_look.h"

#define TABLE 16 /* bits of the largest table of nodes */

unsigned plane_hint(size_t count)
{
    return count == 0 ? 0 : count == 1 ? 1 : count < 4 ? 2 : 3;
}

void plane_set_all(struct counter *c, size_t n, uint32_t one)
{
    size_t i;

    for (i = 0; i < n; i++)
        counter_set(&c[i], one);
}

/* The row `back` rows above i, or one of zeros. */
const uint16_t *plane_above(const struct look *l, int i, int back)
{
    if (l->g->near == 0 || back <= 0 || back > i)
        return l->none;
    return l->g->code + (size_t)(i - back) * (size_t)l->g->cols;
}

static bool alive_above(const struct look *l, int i, int back)
{
    return l->g->near != 0 && back > 0 && back <= i && l->row_alive[i - back];
}

/* Which rows are alive at all. */
static void code_rows(struct look *l)
{
    int near = l->g->near, far = l->g->far, i;
    int back[BESIDE] = {near, far, far + near, far - near, 2 * near, 2 * far};

    for (i = 0; i < l->g->rows; i++) {
        unsigned hint = l->g->row_hint != NULL ? l->g->row_hint[i] : 0u;
        unsigned seen = 0;
        int k;

        for (k = 0; k < BESIDE; k++)
            seen |= (unsigned)alive_above(l, i, back[k]) << k;
        guess_ask(&l->flags, &l->alive[0][hint], &l->flag);
        guess_ask(&l->flags, &l->alive[1][hint * 64 + (seen & 3)], &l->flag);
        guess_ask(&l->flags, &l->alive[2][hint * 64 + seen], &l->flag);
        l->row_alive[i] =
            (uint8_t)guess_bit(&l->flags, l->r, 0, 3, l->row_alive[i]);
    }
}

static void code_cols(struct look *l)
{
    struct counter c[PLANE_HINTS];
    int j;

    plane_set_all(c, PLANE_HINTS, RANGE_HALF);
    for (j = 0; j < l->g->cols; j++) {
        unsigned hint = l->g->col_hint != NULL ? l->g->col_hint[j] : 0u;

        l->col_alive[j] =
            (uint8_t)counter_bit(&c[hint], &l->flag, l->r, l->col_alive[j]);
    }
}

/* What a new row is taken for: its neighbours' mean, drawn to the usual. */
static uint32_t first_guess(const struct look *l, int i)
{
    int near = l->g->near, far = l->g->far, k;
    int back[4] = {near, far, far + near, far - near};
    uint32_t sum = 0, n = 0, one;

    for (k = 0; k < 4; k++) {
        if (alive_above(l, i, back[k])) {
            sum += counter_one(&l->row[i - back[k]]);
            n++;
        }
    }
    one = n > 0 ? (2 * sum / n + l->usual) / 3 : l->usual;
    return one < 16 ? 16 : one;
}

void plane_around(const struct look *l, int i, struct around *a)
{
    int near = l->g->near, far = l->g->far, k;
    int beside[BESIDE] = {near, far, far + near, far - near, 2 * near, 2 * far};
    int window[WINDOW] = {
        far - 2 * near,     far + 2 * near,     2 * far - near, 2 * far + near,
        2 * far - 2 * near, 2 * far + 2 * near, 3 * near,       3 * far};

    for (k = 0; k < BESIDE; k++)
        a->beside[k] = plane_above(l, i, beside[k]);
    for (k = 0; k < WINDOW; k++)
        a->window[k] = plane_above(l, i, window[k]);
    a->hints = l->g->row_hint != NULL ? l->g->row_hint[i] : 0u;
    a->hints <<= BESIDE;
}

static void code_places(struct look *l)
{
    int i;

    for (i = 0; i < l->g->rows; i++) {
        if (!l->row_alive[i])
            continue;
        counter_set(&l->row[i], first_guess(l, i));
        if (l->effort == PLANE_STRIPS)
            plane_strips_row(l, i);
        else
            plane_cells_row(l, i);
    }
}

/* Writing: which rows and columns are alive; reading: all may be. */
static size_t find_alive(struct look *l)
{
    size_t count = 0, cols = (size_t)l->g->cols;
    int i, j;

    memset(l->row_alive, 1, (size_t)l->g->rows);
    memset(l->col_alive, 1, cols);
    if (!l->r->writes)
        return 0;
    if (l->g->rows > 1) {
        memset(l->row_alive, 0, (size_t)l->g->rows);
        memset(l->col_alive, 0, cols);
    }
    for (i = 0; i < l->g->rows; i++) {
        for (j = 0; j < l->g->cols; j++) {
            if (l->g->code[(size_t)i * cols + (size_t)j] != 0) {
                l->row_alive[i] = l->col_alive[j] = 1;
                count++;
            }
        }
    }
    return count;
}

/* The share of weights alive is coded in eighths of an octave. */
static void code_usual(struct look *l, size_t alive)
{
    size_t rows = 0, cols = 0;
    double share;
    uint32_t step = 0;
    int i;

    for (i = 0; i < l->g->rows; i++)
        rows += l->row_alive[i];
    for (i = 0; i < l->g->cols; i++)
        cols += l->col_alive[i];
    share = rows * cols > 0 ? (double)alive / ((double)rows * (double)cols) : 1;
    while (step < 63 && share < 0.8)
        share /= 0.8, step++;
    step = range_bits(l->r, 6, step);
    l->usual = 60000;
    for (; step > 0 && l->usual > 20; step--)
        l->usual = l->usual * 4 / 5;
}

static void start(struct look *l, const struct plane_style *style)
{
    int k;

    pace_set(&l->line, 20, 255);
    pace_set(&l->table, 6, 1000);
    pace_set(&l->flag, 1.6, 255);
    guess_start(&l->flags, 3, 13);
    guess_start(&l->codes, OPINIONS, 17 - style->rate);
    for (k = 0; k < 3; k++)
        plane_set_all(l->alive[k], PLANE_HINTS * 64, RANGE_HALF);
    for (k = 0; k < l->tables; k++)
        plane_set_all(l->node[k], (size_t)1 << l->table_bits, RANGE_HALF);
    plane_set_all(l->col, (size_t)l->g->cols, l->usual);
}

/* What the places need, once it is known which columns are alive. */
static enum err_code start_places(struct look *l,
                                  const struct plane_style *style,
                                  struct err *err)
{
    if (l->effort == PLANE_STRIPS)
        l->strips = plane_strips_new(l, err);
    else if (l->effort != PLANE_SWIFT)
        l->cells = plane_cells_new(l, style->rate, err);
    else
        return ERR_OK;
    return l->strips != NULL || l->cells != NULL ? ERR_OK : err->code;
}

/* Tables in proportion to what there is to learn. */
static int table_bits(const struct plane *g)
{
    size_t n = (size_t)g->rows * (size_t)g->cols;
    int bits = 10;

    while (bits < TABLE && n >> bits != 0)
        bits++;
    return bits;
}

/* One block for all that a look needs. */
static struct look *look_new(struct range *r, struct plane *g,
                             enum plane_effort effort, struct err *err)
{
    size_t rows = (size_t)g->rows, cols = (size_t)g->cols;
    int tables = effort == PLANE_STRIPS  ? 0
                 : effort == PLANE_SWIFT ? 1
                                         : OPINIONS;
    int bits = table_bits(g), k;
    size_t counters = rows + cols + ((size_t)tables << bits);
    size_t bytes = sizeof(struct look) + counters * sizeof(struct counter) +
                   (2 * cols + PLANE_ROOM) * sizeof(uint16_t) + rows + cols;
    struct look *l = mem_block(bytes, "the context coder", err);

    if (l == NULL)
        return NULL;
    l->r = r;
    l->g = g;
    l->table_bits = bits;
    l->row = (struct counter *)(l + 1);
    l->col = l->row + rows;
    l->tables = tables;
    l->effort = effort;
    for (k = 0; k < tables; k++)
        l->node[k] = l->col + cols + ((size_t)k << bits);
    l->last = (uint16_t *)(l->col + cols + ((size_t)tables << bits));
    l->none = l->last + cols;
    l->row_alive = (uint8_t *)(l->last + 2 * cols + PLANE_ROOM);
    l->col_alive = l->row_alive + rows;
    return l;
}

static enum err_code code_values(struct look *l, struct err *err)
{
    if (l->g->values < 2)
        return ERR_OK;
    if (l->effort == PLANE_STRIPS)
        return plane_trees(l, err);
    if (l->effort == PLANE_SWIFT)
        plane_values_swift(l);
    else
        plane_values(l);
    return ERR_OK;
}

enum err_code plane_code(struct range *r, struct plane *g,
                         const struct plane_style *style,
                         struct plane_sizes *sizes, struct err *err)
{
    struct look *l = look_new(r, g, style->effort, err);
    struct plane_sizes got = {0, 0};
    size_t start_at = range_written(r);
    enum err_code code;

    if (l == NULL)
        return err->code;
    code_usual(l, find_alive(l));
    start(l, style);
    if (g->rows > 1) {
        code_rows(l);
        code_cols(l);
    }
    code = start_places(l, style, err);
    if (code == ERR_OK) {
        code_places(l);
        got.places = range_written(r) - start_at;
        code = code_values(l, err);
        got.codes = range_written(r) - start_at - got.places;
    }
    if (sizes != NULL)
        *sizes = got;
    mem_block_free(l->cells);
    mem_block_free(l->strips);
    mem_block_free(l);
    return code;
}
