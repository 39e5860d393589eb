/* A small net that is pruned, and its weights shared. */
#ifndef TESTS_SHARED_H
#define TESTS_SHARED_H

#include "support.h"

#include "compress/prune.h"
#include "compress/share.h"
#include "learning.h"

#define SPEC "input 6x6x1, flatten, dense 24 relu, dense 12 relu, dense 4"

static inline struct net *pruned_net(double amount)
{
    struct net *net = learning_net(SPEC, 3);
    struct prune_request r = prune_defaults();
    struct prune_report report;
    struct err err;

    r.amount = amount;
    assert_ok(prune_apply(net, &r, &report, &err));
    return net;
}

/* Of the dense layers, which a test net has enough of. */
static inline struct param *kernel(struct net *net, int dense)
{
    struct node *node = net->node;

    while (node->param_count == 0 || dense-- > 0)
        node++;
    return &node->param[0];
}

static inline int distinct(const struct param *p)
{
    int n = 0;
    size_t i, k;

    for (i = 0; i < p->count; i++) {
        for (k = 0; k < i && p->value[k] != p->value[i]; k++)
            ;
        n += p->value[i] != 0.0f && k == i;
    }
    return n;
}

static inline void share(struct net *net, const char *layers, int bits)
{
    struct share_request r = share_defaults();
    struct err err;

    r.layers = layers;
    r.bits = bits;
    assert_ok(share_apply(net, &r, &err));
}

#endif
