#include "compress/plane.h"

#include "compress/guess.h"

/* Stretched probabilities in so many steps, as a context. */
#define LEVELS   16
#define BESIDE   6  /* neighbours looked at one by one */
#define WINDOW   8  /* further ones that are only counted */
#define FULL     7  /* opinions on a weight */
#define QUICK    3  /* of these, in the quick style */
#define TABLE    16 /* bits of the largest table of nodes */
#define OPINIONS 5  /* on a bit of a code */

/* One way of looking at a plane, and all that is learnt on the way. */
struct look {
    struct range *r;
    struct plane *g;
    enum plane_effort effort;
    uint32_t usual; /* share of weights that are not zero */
    uint8_t *row_alive, *col_alive;
    struct counter *row, *col;
    const uint16_t *none; /* a row of zeros */
    uint16_t *last;       /* by column, the code seen last */
    struct pace line, table, flag;
    struct guess flags, cells, codes;
    struct counter alive[3][PLANE_HINTS * 64];
    struct counter beside[PLANE_HINTS * PLANE_HINTS << BESIDE];
    struct counter joint[LEVELS * LEVELS];
    struct counter pair[4 * LEVELS];
    struct counter wide[2][16 * 4 * LEVELS];
    int table_bits; /* of the tables behind, one an opinion */
    struct counter *node[OPINIONS];
};

unsigned plane_hint(size_t count)
{
    return count == 0 ? 0 : count == 1 ? 1 : count < 4 ? 2 : 3;
}

static void set_all(struct counter *c, size_t n, uint32_t one)
{
    size_t i;

    for (i = 0; i < n; i++)
        counter_set(&c[i], one);
}

static int level(const struct look *l, const struct counter *c)
{
    int s = l->cells.stretch[counter_one(c) >> 4];
    int q = (s + 2000) / 200;

    return q < 0 ? 0 : q >= LEVELS ? LEVELS - 1 : q;
}

/* The row `back` rows above i, or one of zeros. */
static const uint16_t *above(const struct look *l, int i, int back)
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

    set_all(c, PLANE_HINTS, RANGE_HALF);
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

/* Rows above that a weight is judged by: those beside it, and a window. */
struct around {
    const uint16_t *beside[BESIDE], *window[WINDOW];
    unsigned hints; /* of the row, shifted to its place */
};

static void look_around(const struct look *l, int i, struct around *a)
{
    int near = l->g->near, far = l->g->far, k;
    int beside[BESIDE] = {near, far, far + near, far - near, 2 * near, 2 * far};
    int window[WINDOW] = {
        far - 2 * near,     far + 2 * near,     2 * far - near, 2 * far + near,
        2 * far - 2 * near, 2 * far + 2 * near, 3 * near,       3 * far};

    for (k = 0; k < BESIDE; k++)
        a->beside[k] = above(l, i, beside[k]);
    for (k = 0; k < WINDOW; k++)
        a->window[k] = above(l, i, window[k]);
    a->hints = l->g->row_hint != NULL ? l->g->row_hint[i] : 0u;
    a->hints <<= BESIDE;
}

static void ask_more(struct look *l, const struct around *a, int i, int j,
                     unsigned seen)
{
    int row = level(l, &l->row[i]), col = level(l, &l->col[j]);
    int pair = (int)(seen & 3), sum = 0, k;

    for (k = 0; k < BESIDE; k++)
        sum += (int)(seen >> k) & 1;
    for (k = 0; k < WINDOW; k++)
        sum += a->window[k][j] != 0;
    guess_ask(&l->cells, &l->joint[row * LEVELS + col], &l->table);
    guess_ask(&l->cells, &l->pair[pair * LEVELS + col], &l->table);
    guess_ask(&l->cells, &l->wide[0][(sum * 4 + pair) * LEVELS + row],
              &l->table);
    guess_ask(&l->cells, &l->wide[1][sum * LEVELS + col], &l->table);
}

static void code_cell(struct look *l, const struct around *a, uint16_t *cell,
                      int i, int j)
{
    unsigned seen = 0, hints = a->hints;
    int k;

    for (k = 0; l->g->near > 0 && k < BESIDE; k++)
        seen |= (unsigned)(a->beside[k][j] != 0) << k;
    if (l->g->col_hint != NULL)
        hints |= (unsigned)l->g->col_hint[j] << (BESIDE + 2);
    guess_ask(&l->cells, &l->row[i], &l->line);
    guess_ask(&l->cells, &l->col[j], &l->line);
    guess_ask(&l->cells, &l->beside[hints | seen], &l->table);
    if (l->effort == PLANE_FULL)
        ask_more(l, a, i, j, seen);
    seen = l->effort == PLANE_FULL
               ? guess_bit(&l->cells, l->r, 0, FULL, *cell != 0)
               : guess_bit(&l->cells, l->r, 0, QUICK, *cell != 0);
    if (!l->r->writes)
        *cell = (uint16_t)seen;
}

/* A row by the mean of two counters, its own and each column's. */
static void code_row(struct look *l, uint16_t *row, struct counter *own)
{
    struct counter *col = l->col;
    int j, cols = l->g->cols;

    for (j = 0; j < cols; j++) {
        uint32_t one = (counter_one(own) + counter_one(&col[j])) / 2;
        unsigned bit;

        if (!l->col_alive[j])
            continue;
        one = one < 16 ? 16 : one > RANGE_ONE - 16 ? RANGE_ONE - 16 : one;
        bit = range_bit(l->r, one, row[j] != 0);
        if (!l->r->writes)
            row[j] = (uint16_t)bit;
        counter_learn(own, &l->line, bit);
        counter_learn(&col[j], &l->line, bit);
    }
}

static void code_places(struct look *l)
{
    struct around a;
    uint16_t *row;
    int i, j;

    if (l->g->rows > 1) {
        code_rows(l);
        code_cols(l);
    }
    for (i = 0; i < l->g->rows; i++) {
        if (!l->row_alive[i])
            continue;
        counter_set(&l->row[i], first_guess(l, i));
        look_around(l, i, &a);
        row = l->g->code + (size_t)i * (size_t)l->g->cols;
        if (l->effort == PLANE_SWIFT) {
            code_row(l, row, &l->row[i]);
            continue;
        }
        for (j = 0; j < l->g->cols; j++) {
            if (l->col_alive[j])
                code_cell(l, &a, &row[j], i, j);
        }
    }
}

/* Sign of a code that stands above, as 0 (zero), 1 (below zero), 2. */
static unsigned sign_of(const struct look *l, unsigned code)
{
    return code == 0 ? 0 : code <= (unsigned)l->g->negative ? 1 : 2;
}

struct beliefs {
    uint32_t context[OPINIONS];
};

static unsigned code_bit(struct look *l, const struct beliefs *b, uint32_t node,
                         unsigned bit)
{
    int shift = 32 - l->table_bits, k;

    if (l->effort == PLANE_SWIFT)
        return counter_bit(&l->node[0][node * 0x9e3779b1u >> shift], &l->table,
                           l->r, bit);
    for (k = 0; k < OPINIONS; k++) {
        uint32_t at = (node + b->context[k] * 0x9e3779b1u) * 0x85ebca6bu;

        guess_ask(&l->codes, &l->node[k][at >> shift], &l->table);
    }
    return guess_bit(&l->codes, l->r, node == 1 ? 0 : 1, OPINIONS, bit);
}

/* The sign, then how far from zero among those of this sign, in bits from the
 * highest; a tree of which each node has its counters. */
static unsigned code_value(struct look *l, const struct beliefs *b,
                           unsigned code)
{
    unsigned negative = (unsigned)l->g->negative;
    unsigned positive = (unsigned)l->g->values - negative;
    unsigned above_zero = code > negative, side, rank, node, got = 0;
    int bits = 0, i;

    if (negative > 0 && positive > 0)
        above_zero = code_bit(l, b, 1, above_zero);
    else
        above_zero = positive > 0;
    side = above_zero ? positive : negative;
    rank = above_zero ? code - negative - 1 : negative - code;
    node = 2 + above_zero;
    while (side > 1u << bits)
        bits++;
    for (i = bits - 1; i >= 0; i--) {
        unsigned bit;

        if ((got | 1u << i) >= side)
            bit = 0; /* there is no such value */
        else
            bit = code_bit(l, b, node, (rank >> i) & 1);
        got |= bit << i;
        node = 2 * node + bit;
    }
    return above_zero ? negative + 1 + got : negative - got;
}

static void code_row_values(struct look *l, int i)
{
    uint16_t *row = l->g->code + (size_t)i * (size_t)l->g->cols;
    const uint16_t *left = above(l, i, l->g->near);
    const uint16_t *over = above(l, i, l->g->far);
    unsigned before = 0;
    int j;

    for (j = 0; j < l->g->cols; j++) {
        struct beliefs b;

        if (row[j] == 0)
            continue;
        b.context[0] = 0;
        b.context[1] = 1 + sign_of(l, left[j]) + 3 * sign_of(l, over[j]);
        b.context[2] = 16 + l->last[j];
        b.context[3] = (1u << 20) + (unsigned)j;
        b.context[4] = (1u << 21) + before;
        row[j] = (uint16_t)code_value(l, &b, row[j]);
        before = sign_of(l, row[j]);
        l->last[j] = row[j];
    }
}

static void code_values(struct look *l)
{
    int i;

    for (i = 0; i < l->g->rows; i++) {
        if (l->row_alive[i])
            code_row_values(l, i);
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
    guess_start(&l->cells, style->effort == PLANE_FULL ? FULL : QUICK,
                17 - style->rate);
    guess_start(&l->codes, OPINIONS, 17 - style->rate);
    l->effort = style->effort;
    for (k = 0; k < 3; k++)
        set_all(l->alive[k], PLANE_HINTS * 64, RANGE_HALF);
    set_all(l->beside, sizeof(l->beside) / sizeof(l->beside[0]), l->usual);
    set_all(l->joint, LEVELS * LEVELS, l->usual);
    set_all(l->pair, 4 * LEVELS, l->usual);
    for (k = 0; k < 2; k++)
        set_all(l->wide[k], 16 * 4 * LEVELS, l->usual);
    for (k = 0; k < OPINIONS; k++)
        set_all(l->node[k], (size_t)1 << l->table_bits, RANGE_HALF);
    set_all(l->col, (size_t)l->g->cols, l->usual);
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
static struct look *look_new(struct range *r, struct plane *g, struct err *err)
{
    size_t rows = (size_t)g->rows, cols = (size_t)g->cols;
    int bits = table_bits(g), k;
    size_t counters = rows + cols + ((size_t)OPINIONS << bits);
    size_t bytes = sizeof(struct look) + counters * sizeof(struct counter) +
                   2 * cols * sizeof(uint16_t) + rows + cols;
    struct look *l = mem_block(bytes, "the context coder", err);

    if (l == NULL)
        return NULL;
    l->r = r;
    l->g = g;
    l->table_bits = bits;
    l->row = (struct counter *)(l + 1);
    l->col = l->row + rows;
    for (k = 0; k < OPINIONS; k++)
        l->node[k] = l->col + cols + ((size_t)k << bits);
    l->last = (uint16_t *)(l->col + cols + ((size_t)OPINIONS << bits));
    l->none = l->last + cols;
    l->row_alive = (uint8_t *)(l->last + 2 * cols);
    l->col_alive = l->row_alive + rows;
    return l;
}

enum err_code plane_code(struct range *r, struct plane *g,
                         const struct plane_style *style,
                         struct plane_sizes *sizes, struct err *err)
{
    struct look *l = look_new(r, g, err);
    struct plane_sizes got;
    size_t start_at = range_written(r);

    if (l == NULL)
        return err->code;
    code_usual(l, find_alive(l));
    start(l, style);
    code_places(l);
    got.places = range_written(r) - start_at;
    if (g->values > 1)
        code_values(l);
    got.codes = range_written(r) - start_at - got.places;
    if (sizes != NULL)
        *sizes = got;
    mem_block_free(l);
    return ERR_OK;
}
