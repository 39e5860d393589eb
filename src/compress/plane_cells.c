/* Places weight by weight: the row and the column of each, or these and more
 * mixed. */
#include "compress/plane_look.h"

#define FULL  7 /* opinions on a weight */
#define QUICK 3 /* of these, in the quick style */

struct cells {
    struct guess guess;
    struct counter beside[PLANE_HINTS * PLANE_HINTS << BESIDE];
    struct counter joint[LEVELS * LEVELS];
    struct counter pair[4 * LEVELS];
    struct counter wide[2][16 * 4 * LEVELS];
};

struct cells *plane_cells_new(struct look *l, int rate, struct err *err)
{
    struct cells *c = mem_block(sizeof(*c), "the context coder", err);
    int k;

    if (c == NULL)
        return NULL;
    guess_start(&c->guess, l->effort == PLANE_FULL ? FULL : QUICK, 17 - rate);
    plane_set_all(c->beside, sizeof(c->beside) / sizeof(c->beside[0]),
                  l->usual);
    plane_set_all(c->joint, LEVELS * LEVELS, l->usual);
    plane_set_all(c->pair, 4 * LEVELS, l->usual);
    for (k = 0; k < 2; k++)
        plane_set_all(c->wide[k], 16 * 4 * LEVELS, l->usual);
    return c;
}

static int level(const struct counter *c)
{
    int s = guess_stretch[counter_one(c) >> 4];
    int q = (s + 2000) / 200;

    return q < 0 ? 0 : q >= LEVELS ? LEVELS - 1 : q;
}

static void ask_more(struct look *l, const struct around *a, int i, int j,
                     unsigned seen)
{
    struct cells *c = l->cells;
    int row = level(&l->row[i]), col = level(&l->col[j]);
    int pair = (int)(seen & 3), sum = 0, k;

    for (k = 0; k < BESIDE; k++)
        sum += (int)(seen >> k) & 1;
    for (k = 0; k < WINDOW; k++)
        sum += a->window[k][j] != 0;
    guess_ask(&c->guess, &c->joint[row * LEVELS + col], &l->table);
    guess_ask(&c->guess, &c->pair[pair * LEVELS + col], &l->table);
    guess_ask(&c->guess, &c->wide[0][(sum * 4 + pair) * LEVELS + row],
              &l->table);
    guess_ask(&c->guess, &c->wide[1][sum * LEVELS + col], &l->table);
}

static void code_cell(struct look *l, const struct around *a, uint16_t *cell,
                      int i, int j)
{
    struct guess *guess = &l->cells->guess;
    unsigned seen = 0, hints = a->hints;
    int k;

    for (k = 0; l->g->near > 0 && k < BESIDE; k++)
        seen |= (unsigned)(a->beside[k][j] != 0) << k;
    if (l->g->col_hint != NULL)
        hints |= (unsigned)l->g->col_hint[j] << (BESIDE + 2);
    guess_ask(guess, &l->row[i], &l->line);
    guess_ask(guess, &l->col[j], &l->line);
    guess_ask(guess, &l->cells->beside[hints | seen], &l->table);
    if (l->effort == PLANE_FULL)
        ask_more(l, a, i, j, seen);
    seen = l->effort == PLANE_FULL
               ? guess_bit(guess, l->r, 0, FULL, *cell != 0)
               : guess_bit(guess, l->r, 0, QUICK, *cell != 0);
    if (!l->r->writes)
        *cell = (uint16_t)seen;
}

/* By the mean of two counters, the row's and each column's. */
static void swift_row(struct look *l, uint16_t *row, struct counter *own)
{
    struct counter *col = l->col, mine = *own;
    struct range_held h = range_hold(l->r);
    int j, cols = l->g->cols;

    for (j = 0; j < cols; j++) {
        uint32_t one = (counter_one(&mine) + counter_one(&col[j])) / 2;
        unsigned bit;

        if (!l->col_alive[j])
            continue;
        one = one < 16 ? 16 : one > RANGE_ONE - 16 ? RANGE_ONE - 16 : one;
        bit = range_held_bit(l->r, &h, one, row[j] != 0);
        if (!h.writes)
            row[j] = (uint16_t)bit;
        counter_learn(&mine, &l->line, bit);
        counter_learn(&col[j], &l->line, bit);
    }
    *own = mine;
    range_release(l->r, &h);
}

void plane_cells_row(struct look *l, int i)
{
    uint16_t *row = l->g->code + (size_t)i * (size_t)l->g->cols;
    struct around a;
    int j;

    if (l->effort == PLANE_SWIFT) {
        swift_row(l, row, &l->row[i]);
        return;
    }
    plane_around(l, i, &a);
    for (j = 0; j < l->g->cols; j++) {
        if (l->col_alive[j])
            code_cell(l, &a, &row[j], i, j);
    }
}
