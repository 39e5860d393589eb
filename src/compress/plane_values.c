/* Codes of the weights that are not zero, in the styles before strips. */
#include "compress/plane_look.h"

void plane_path(const struct plane *g, struct path *out)
{
    int k;

    *out = (struct path){
        .side = {(unsigned)g->negative, (unsigned)(g->values - g->negative)}};
    for (k = 0; k < 2; k++) {
        while (out->side[k] > 1u << out->bits[k])
            out->bits[k]++;
    }
}

/* Sign of a code that stands above, as 0 (zero), 1 (below zero), 2. */
static unsigned sign_of(const struct look *l, unsigned code)
{
    return code == 0 ? 0 : code <= (unsigned)l->g->negative ? 1 : 2;
}

struct beliefs {
    struct look *l;
    uint32_t context[OPINIONS];
};

static unsigned believed_bit(void *to, uint32_t node, int depth, unsigned bit)
{
    const struct beliefs *b = to;
    struct look *l = b->l;
    int shift = 32 - l->table_bits, k;

    (void)depth;
    for (k = 0; k < OPINIONS; k++) {
        uint32_t at = (node + b->context[k] * 0x9e3779b1u) * 0x85ebca6bu;

        guess_ask(&l->codes, &l->node[k][at >> shift], &l->table);
    }
    return guess_bit(&l->codes, l->r, node == 1 ? 0 : 1, OPINIONS, bit);
}

static void code_row(struct look *l, const struct path *path, int i)
{
    uint16_t *row = l->g->code + (size_t)i * (size_t)l->g->cols;
    const uint16_t *left = plane_above(l, i, l->g->near);
    const uint16_t *over = plane_above(l, i, l->g->far);
    int cols = l->g->cols, j;
    unsigned before = 0;

    for (j = plane_next(row, 0, cols); j < cols;
         j = plane_next(row, j + 1, cols)) {
        struct beliefs b = {.l = l};

        b.context[0] = 0;
        b.context[1] = 1 + sign_of(l, left[j]) + 3 * sign_of(l, over[j]);
        b.context[2] = 16 + l->last[j];
        b.context[3] = (1u << 20) + (unsigned)j;
        b.context[4] = (1u << 21) + before;
        row[j] = (uint16_t)plane_walk(path, believed_bit, &b, row[j]);
        before = sign_of(l, row[j]);
        l->last[j] = row[j];
    }
}

void plane_values(struct look *l)
{
    struct path path;
    int i;

    plane_path(l->g, &path);
    for (i = 0; i < l->g->rows; i++) {
        if (l->row_alive[i])
            code_row(l, &path, i);
    }
}

/* A counter a node and no more. */
struct swift {
    struct range *r;
    struct range_held held;
    struct counter *node;
    const struct pace *pace;
    int shift;
};

static inline unsigned swift_bit(void *to, uint32_t node, int depth,
                                 unsigned bit)
{
    struct swift *s = to;
    struct counter *c = &s->node[node * 0x9e3779b1u >> s->shift];
    uint32_t one = counter_one(c);

    (void)depth;
    one = one < 16 ? 16 : one > RANGE_ONE - 16 ? RANGE_ONE - 16 : one;
    bit = range_held_toss(s->r, &s->held, one, bit);
    counter_learn(c, s->pace, bit);
    return bit;
}

void plane_values_swift(struct look *l)
{
    struct swift s = {.r = l->r,
                      .held = range_hold(l->r),
                      .node = l->node[0],
                      .pace = &l->table,
                      .shift = 32 - l->table_bits};
    int cols = l->g->cols, i, j;
    struct path path;
    uint16_t *row;

    plane_path(l->g, &path);
    for (i = 0; i < l->g->rows; i++) {
        row = l->g->code + (size_t)i * (size_t)cols;
        for (j = plane_next(row, 0, cols); j < cols;
             j = plane_next(row, j + 1, cols))
            row[j] = (uint16_t)plane_walk(&path, swift_bit, &s, row[j]);
    }
    range_release(l->r, &s.held);
}
