/*
 * Codes of the weights that are not zero, each a path in a tree: the sign, then
 * how far from zero among those of this sign, the highest bit first.  The sign
 * and the next two bits have a counter for each of three views, which are
 * mixed: by the neighbours in the picture or kernel, by the column's last code
 * and the row's, and by nothing.  Deeper bits are all but even and are left to
 * the last of these.  A tree's nodes lie side by side.
 */
#include "compress/plane_look.h"

#define VIEWS    3
#define CLASSES  7    /* of codes: zero, and three sizes a sign */
#define NODES    4096 /* most of a tree; what goes beyond shares */
#define MIXED    3    /* depths at which views are mixed */
#define MIX_RATE 14   /* the mixers learn by 2^-14 */

struct leaf {
    struct counter counter;
    int32_t said;
};

struct trees {
    struct range *r;
    const struct pace *pace;
    struct path path;
    uint32_t mask;                /* nodes of a tree, a power of two, less 1 */
    int32_t weight[MIXED][VIEWS]; /* of the mixers, by depth */
    struct leaf *view[VIEWS];     /* as many trees as the view has contexts */
    struct leaf *tree[VIEWS];     /* those of the code under way */
    uint8_t *class;               /* by code */
    uint8_t *last;                /* by column, the class seen last */
};

static const size_t contexts[VIEWS] = {(size_t)CLASSES * CLASSES, CLASSES * 3,
                                       1};

static void fill_classes(const struct plane *g, const struct path *path,
                         uint8_t *class)
{
    unsigned negative = path->side[0], code;

    for (code = 1; code <= (unsigned)g->values; code++) {
        bool above = code > negative;
        unsigned rank = above ? code - negative - 1 : negative - code;
        unsigned side = path->side[above];

        class[code] = (uint8_t)((above ? 4 : 1) + (rank * 8 >= side) +
                                (rank * 3 >= side));
    }
}

static struct trees *trees_new(struct look *l, struct err *err)
{
    size_t codes = (size_t)l->g->values + 1, all = 0, nodes, i;
    struct trees *t;
    struct path path;
    int k;

    plane_path(l->g, &path);
    nodes = (size_t)4 << (path.bits[0] > path.bits[1] ? path.bits[0]
                                                      : path.bits[1]);
    nodes = nodes < NODES ? nodes : NODES;
    for (k = 0; k < VIEWS; k++)
        all += contexts[k] * nodes;
    t = mem_block(sizeof(*t) + all * sizeof(struct leaf) + codes +
                      (size_t)l->g->cols,
                  "the context coder", err);
    if (t == NULL)
        return NULL;
    t->r = l->r;
    t->pace = &l->table;
    t->path = path;
    t->mask = (uint32_t)nodes - 1;
    for (k = 0; k < MIXED * VIEWS; k++)
        t->weight[k / VIEWS][k % VIEWS] = 65536 * 5 / (4 * VIEWS);
    t->view[0] = (struct leaf *)(t + 1);
    for (k = 1; k < VIEWS; k++)
        t->view[k] = t->view[k - 1] + contexts[k - 1] * nodes;
    for (i = 0; i < all; i++)
        counter_set(&t->view[0][i].counter, RANGE_HALF);
    t->class = (uint8_t *)(t->view[0] + all);
    t->last = t->class + codes;
    fill_classes(l->g, &path, t->class);
    return t;
}

/* A code under way; what changes with every bit is held in registers. */
struct walk {
    struct trees *t;
    struct range_held held;
    struct leaf *tree[VIEWS];
};

ALWAYS_INLINE void leaf_learn(struct leaf *leaf, const struct pace *pace,
                              unsigned bit)
{
    counter_learn(&leaf->counter, pace, bit);
    leaf->said = guess_stretch[counter_one(&leaf->counter) >> 4];
}

/* A bit by all views. */
ALWAYS_INLINE unsigned mixed_bit(struct walk *w, uint32_t node, int depth,
                                 unsigned bit)
{
    struct trees *t = w->t;
    int32_t *weight = t->weight[depth], sum = 0, miss;
    uint32_t one;
    int k;

    for (k = 0; k < VIEWS; k++)
        sum += weight[k] * w->tree[k][node].said >> 6;
    sum >>= 10;
    sum = sum < -GUESS_FAR ? -GUESS_FAR : sum;
    sum = sum < GUESS_FAR - 1 ? sum : GUESS_FAR - 1;
    one = guess_squashed[sum + GUESS_FAR];
    bit = range_held_toss(t->r, &w->held, one, bit);
    miss = (int32_t)(-bit & (RANGE_ONE - 1)) - (int32_t)one;
    for (k = 0; k < VIEWS; k++) {
        sum = weight[k] + (miss * w->tree[k][node].said >> MIX_RATE);
        sum = sum < -GUESS_TRUST ? -GUESS_TRUST : sum;
        weight[k] = sum < GUESS_TRUST ? sum : GUESS_TRUST;
        leaf_learn(&w->tree[k][node], t->pace, bit);
    }
    return bit;
}

ALWAYS_INLINE unsigned tree_bit(void *to, uint32_t node, int depth,
                                unsigned bit)
{
    struct walk *w = to;
    struct trees *t = w->t;
    struct counter *c = &w->tree[VIEWS - 1][node & t->mask].counter;
    uint32_t one = counter_one(c);

    if (depth < MIXED)
        return mixed_bit(w, node & t->mask, depth, bit);
    one = one < 16 ? 16 : one > RANGE_ONE - 16 ? RANGE_ONE - 16 : one;
    bit = range_held_toss(t->r, &w->held, one, bit);
    counter_learn(c, t->pace, bit);
    return bit;
}

static void code_row(struct look *l, struct trees *t, int i)
{
    uint16_t *row = l->g->code + (size_t)i * (size_t)l->g->cols;
    const uint16_t *left = plane_above(l, i, l->g->near);
    const uint16_t *over = plane_above(l, i, l->g->far);
    size_t nodes = (size_t)t->mask + 1, near, line;
    struct walk w = {t, range_hold(l->r), {NULL, NULL, t->view[2]}};
    struct path path = t->path;
    int cols = l->g->cols, j;
    unsigned before = 0;

    for (j = plane_next(row, 0, cols); j < cols;
         j = plane_next(row, j + 1, cols)) {
        near = (size_t)t->class[left[j]] * CLASSES + t->class[over[j]];
        line = t->last[j] * 3u + before;
        w.tree[0] = t->view[0] + near * nodes;
        w.tree[1] = t->view[1] + line * nodes;
        row[j] = (uint16_t)plane_walk(&path, tree_bit, &w, row[j]);
        t->last[j] = t->class[row[j]];
        before = t->last[j] < 4 ? 1 : 2;
    }
    range_release(l->r, &w.held);
}

enum err_code plane_trees(struct look *l, struct err *err)
{
    struct trees *t = trees_new(l, err);
    int i;

    if (t == NULL)
        return err->code;
    for (i = 0; i < l->g->rows; i++) {
        if (l->row_alive[i])
            code_row(l, t, i);
    }
    mem_block_free(t);
    return ERR_OK;
}
