/*
 * The one routine that keeps "exactly k of n by score".  Scores come in blocks
 * from a function and are asked for several times, so that nothing of the size
 * of a net is ever copied: a cut is found by counting keys, digit by digit.
 * Larger scores stay; of equal ones the earlier part, then the smaller index.
 * O(n) time, a few kB of memory.  Scores must not be NaN; -0.0 equals +0.0.
 */
#ifndef COMPRESS_SELECT_H
#define COMPRESS_SELECT_H

#include <stddef.h>
#include <stdint.h>

#define SELECT_BLOCK 512 /* scores asked for at once */

/* Items that compete; several parts may compete with one another. */
struct select_part {
    size_t n;
    const uint8_t *alive; /* 0: not in the contest; NULL: all are */
    /* Writes the scores of items first..first+count-1; the same every time.
     * first is a multiple of SELECT_BLOCK, count at most SELECT_BLOCK. */
    void (*score)(const void *arg, size_t first, size_t count, float *score);
    const void *arg;
};

/* Where a selection ends: every key above stays, and the first `equal` of those
 * that have this key. */
struct select_cut {
    uint32_t key;
    size_t equal;
};

/* The score of that key: the smallest that stays. */
float select_score(const struct select_cut *cut);

/* Items in the contest. */
size_t select_alive(const struct select_part *part);

/* The cut that keeps `keep` items of all parts together (all, if there are
 * fewer). */
struct select_cut select_cut(const struct select_part *part, int parts,
                             size_t keep);

/* How many items of part stay; takes those of the cut's own key off cut->equal,
 * so parts are asked in their order.  keep (may be NULL, may be part->alive)
 * gets 1 or 0 for every item. */
size_t select_mark(const struct select_part *part, struct select_cut *cut,
                   uint8_t *keep);

#endif
