/*
 * The mask contract (method card P2): a pruned weight is +0.0, its moments too,
 * and stays so.
 */
#ifndef COMPRESS_MASK_H
#define COMPRESS_MASK_H

#include <stddef.h>
#include <stdint.h>

#include "net/net.h"

/* Writes zeros under the mask: value, moments, code. */
void mask_apply(struct param *p);
void mask_apply_net(struct net *net);
/* Drops every mask and nothing else. */
void mask_clear_net(struct net *net);

/* Weights or moments that should be +0.0 and are not (-0.0 counts): the lamp.
 * where (may be NULL) gets the name of the first node that leaks, or NULL; it
 * is borrowed.  Cheap enough for every mini-batch. */
long long mask_leaks(const struct net *net, const char **where);

/* Weights with a mask entry other than 0; all of them without a mask. */
size_t mask_alive(const struct param *p);

/*
 * Marks in keep[0..n-1] (1/0) the `count` items of largest score among those
 * with alive[i] != 0 (NULL: all); equal scores: the smaller index is kept.
 * Exact for any ties; NaN is refused by an assert.  keep may be alive.
 */
void mask_select(const float *score, const uint8_t *alive, size_t n,
                 size_t count, uint8_t *keep);

#endif
