/*
 * A net that is made out of another: some of its nodes, others between them.
 * Private to the files of this folder.
 */
#ifndef NET_GRAFT_H
#define NET_GRAFT_H

#include "net/net.h"

/* map[i] is the new number of node i, -1 while it has none; reads[i] what those
 * that read node i are to read, which graft_copy makes the same; input what
 * those are to read that read the input. */
struct graft {
    const struct net *from;
    struct net *to;
    int *map, *reads, input;
    struct err *err;
};

void graft_begin(struct graft *g, const struct net *from, struct err *err);
/* Adds node i of the old net.  False with g->err set. */
bool graft_copy(struct graft *g, int i) MUST_CHECK;
/* The graph is whole, outputs count as in the new net.  Values, masks,
 * codebooks and grids of copied nodes are kept, moments are not; others have
 * initial values of *seed, or (NULL) zeros. */
bool graft_finish(struct graft *g, const int *outputs, int count,
                  const uint64_t *seed) MUST_CHECK;
/* The net, or NULL when something failed before. */
struct net *graft_end(struct graft *g, bool good);

#endif
