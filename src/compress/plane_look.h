/*
 * The pieces of plane.h, for its own files: one way of looking at a plane, and
 * all that is learnt on the way.
 */
#ifndef COMPRESS_PLANE_LOOK_H
#define COMPRESS_PLANE_LOOK_H

#include "compress/guess.h"
#include "compress/plane.h"
#include "tensor/vec.h"

#define LEVELS   16 /* stretched probabilities in so many steps */
#define BESIDE   6  /* neighbours looked at one by one */
#define WINDOW   8  /* further ones that are only counted */
#define OPINIONS 5  /* on a bit of a code */

#define PLANE_ROOM 16 /* codes that may be read behind a row */

struct cells;
struct strips;

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
    struct guess flags, codes;
    struct counter alive[3][PLANE_HINTS * 64];
    int tables, table_bits; /* of nodes, one an opinion */
    struct counter *node[OPINIONS];
    struct cells *cells;
    struct strips *strips;
};

/* Rows above that a weight is judged by: those beside it, and a window. */
struct around {
    const uint16_t *beside[BESIDE], *window[WINDOW];
    unsigned hints; /* of the row, shifted to its place */
};

/* plane.c */
void plane_set_all(struct counter *c, size_t n, uint32_t one);
/* The row `back` rows above i, or one of zeros. */
const uint16_t *plane_above(const struct look *l, int i, int back);
void plane_around(const struct look *l, int i, struct around *a);

/* plane_cells.c: weight by weight; l->cells is NULL or what the styles need
 * that mix. */
struct cells *plane_cells_new(struct look *l, int rate,
                              struct err *err) MUST_CHECK;
void plane_cells_row(struct look *l, int i);
/* plane_strips.c: sixteen weights at a time. */
struct strips *plane_strips_new(struct look *l, struct err *err) MUST_CHECK;
void plane_strips_row(struct look *l, int i);

/* plane_values.c: the codes of the weights that are not zero. */
void plane_values(struct look *l);
void plane_values_swift(struct look *l);
/* plane_trees.c: the same in the style of strips. */
enum err_code plane_trees(struct look *l, struct err *err) MUST_CHECK;

/*
 * A code as a path in a tree: the sign, then how far from zero among those of
 * this sign, in bits from the highest.
 */
struct path {
    unsigned side[2]; /* codes below zero, and above */
    int bits[2];
};
void plane_path(const struct plane *g, struct path *out);

/* Codes the bit at a node (1: the sign) of depth 0 and more. */
typedef unsigned path_bit(void *to, uint32_t node, int depth, unsigned bit);

/* Walks it, code after code, either way.  Inline, so that bit_at is too. */
ALWAYS_INLINE unsigned plane_walk(const struct path *p, path_bit *bit_at,
                                  void *to, unsigned code)
{
    unsigned negative = p->side[0], above = code > negative, rank, node;
    unsigned got = 0, bit;
    int i;

    if (p->side[0] > 0 && p->side[1] > 0)
        above = bit_at(to, 1, 0, above);
    else
        above = p->side[1] > 0;
    rank = above ? code - negative - 1 : negative - code;
    node = 2 + above;
    for (i = p->bits[above] - 1; i >= 0; i--) {
        bit = 0;
        if ((got | 1u << i) < p->side[above]) /* else there is no such value */
            bit = bit_at(to, node, p->bits[above] - i, (rank >> i) & 1);
        got |= bit << i;
        node = 2 * node + bit;
    }
    return above ? negative + 1 + got : negative - got;
}

/* The next column whose code is not zero, from j on; cols: none. */
static inline int plane_next(const uint16_t *row, int j, int cols)
{
    uint64_t four;

    for (; j + 4 <= cols; j += 4) {
        memcpy(&four, row + j, sizeof(four));
        if (four != 0)
            break;
    }
    while (j < cols && row[j] == 0)
        j++;
    return j;
}

#endif
