/*
 * The mask contract (method card P2): a pruned weight is +0.0, its moments too,
 * and stays so.  One routine selects "exactly k of n by score".
 */
#ifndef COMPRESS_MASK_H
#define COMPRESS_MASK_H

#include <stddef.h>
#include <stdint.h>

#include "net/net.h"

/* Writes zeros under the mask: value, moments. */
void mask_apply(struct param *p);
void mask_apply_net(struct net *net);
/* Drops every mask and nothing else. */
void mask_clear_net(struct net *net);

/* Weights or moments that should be +0.0 and are not (-0.0 counts): the lamp.
 * where (may be NULL) gets the name of the first node that leaks. */
long long mask_leaks(const struct net *net, const char **where);

/*
 * Marks in keep[0..n-1] (0/1) the `count` items of largest score among those
 * with alive[i] != 0 (NULL: all); equal scores: the smaller index is kept.
 * Exact for any ties; NaN is refused by an assert.  O(n) time; scratch of n
 * 32-bit words.
 */
enum err_code mask_select(const float *score, const uint8_t *alive, size_t n,
                          size_t count, uint8_t *keep,
                          struct err *err) MUST_CHECK;

#endif
