/*
 * Early exits as parts of a graph.  The last output is the main classifier;
 * the nodes it needs are the trunk, those that only another output needs are
 * that one's head.
 * Threads: no shared state.
 */
#ifndef NET_BRANCH_H
#define NET_BRANCH_H

#include "net/net.h"

/* node[i]: whether output needs node i (node_count entries). */
void branch_nodes(const struct net *net, int output, bool *node);
/* node[i]: whether it belongs to a head, not to the trunk. */
void branch_heads(const struct net *net, bool *node);
/* The last node of the trunk that output needs; NET_INPUT when there is none.
 */
int branch_point(const struct net *net, int output);
/* The name people use: of the layer, not of the softmax folded behind it. */
const char *branch_name(const struct net *net, int output);

/*
 * Returns new: net with one more exit named `name`, whose head reads node
 * `after` (or the activation folded behind it, or what rounds it) and stands
 * directly behind it;
 * exits stay in the order in which they leave the trunk.  head: layers as in a
 * spec, without input and output; what they give is flattened and classified
 * by a dense layer with softmax.  NULL: pooled to about 4x4 (card E4).
 * Values, masks, codebooks and grids are kept, moments are not; the head's
 * values are the initial ones of seed.
 */
struct net *branch_add(const struct net *net, int after, const char *head,
                       const char *name, uint64_t seed,
                       struct err *err) MUST_CHECK;

/* Returns new: without the outputs that gone[] marks and without what only
 * they need.  What is kept, as above. */
struct net *branch_remove(const struct net *net, const bool *gone,
                          struct err *err) MUST_CHECK;

#endif
