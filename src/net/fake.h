/*
 * The quantisers of activations in a net (layers of kind fake_quant): taking
 * them out, putting them in, and where they belong.
 * Threads: no shared state.
 */
#ifndef NET_FAKE_H
#define NET_FAKE_H

#include "layer/fake_quant.h"
#include "net/net.h"

/* One of them, behind node `behind` (NET_INPUT: the input) of a net that has
 * none: all that reads that node reads the quantiser instead. */
struct fake {
    int behind;
    char *name; /* of its layer, owned; NULL: made up from fake_place_name */
    struct fake_quant config;
    float low, high;
};

/* At most one a place. */
struct fake_list {
    int count;
    struct fake *item; /* owned */
};
void fake_list_add(struct fake_list *l, const struct fake *item);
/* The one behind a node, or NULL. */
struct fake *fake_list_find(const struct fake_list *l, int behind);
void fake_list_done(struct fake_list *l);

static inline bool fake_is(const struct node *node)
{
    return node->kind->rounds;
}
/* What node, one of them, is; its name is borrowed. */
struct fake fake_of(const struct node *node, int behind);
/* Appends "4 bits from 0 to 2.922, fixed". */
void fake_describe(const struct fake *f, struct str *out);
/* How many a net has. */
int fake_count(const struct net *net);

/* Return new: net without its quantisers, which are appended to list; and net,
 * which has none, with those of list.  Values, masks, codebooks and grids are
 * kept, moments are not. */
struct net *fake_strip(const struct net *net, struct fake_list *list,
                       struct err *err) MUST_CHECK;
struct net *fake_insert(const struct net *net, const struct fake_list *list,
                        struct err *err) MUST_CHECK;

/*
 * Where activations are stored for a layer with weights: place[i + 1] (node
 * count + 1 entries; place[0] the input) says that node i of net, which has no
 * quantisers, is what such a layer reads.  Not behind what passes values on as
 * they are, but in front of it; pooling to the largest takes from a place when
 * its input is one.
 */
void fake_places(const struct net *net, bool *place);
/* The name by which people know it: of the layer with weights whose output it
 * is, of what joins several, or "input"; borrowed. */
const char *fake_place_name(const struct net *net, int behind);

/* Refuses ranges that are not finite, or do not hold 0. */
enum err_code fake_check(const struct net *net, struct err *err) MUST_CHECK;

#endif
