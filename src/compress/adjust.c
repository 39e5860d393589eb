/* Dropout after pruning: a thinner net needs less of it (card P3). */
#include <math.h>
#include <string.h>

#include "compress/prune.h"

double prune_dropout_factor(long long after, long long before)
{
    return before > 0 ? sqrt((double)after / (double)before) : 1.0;
}

/* The rate in the config of a dropout node, or NULL. */
static float *rate_of(struct node *node)
{
    int i;

    for (i = 0; i < node->kind->attr_count && node->kind->train_only; i++) {
        const struct layer_attr *attr = &node->kind->attrs[i];

        if (attr->type == ATTR_REAL && strcmp(attr->name, "rate") == 0)
            return (float *)(void *)(node->config + attr->offset);
    }
    return NULL;
}

static bool has_weights(const struct node *node)
{
    int i;

    for (i = 0; i < node->param_count; i++) {
        if (node->param[i].def.prunable)
            return true;
    }
    return false;
}

/* Back along first inputs to the nearest node with weights, or NET_INPUT. */
static int feeds(const struct net *net, int node)
{
    while (node != NET_INPUT && !has_weights(&net->node[node]))
        node = net->node[node].in[0];
    return node;
}

void prune_adjust_dropout(struct net *net, const long long *before,
                          const long long *after, const struct prune_request *r)
{
    int i, from;

    for (i = 0; i < net->node_count; i++) {
        float *rate = rate_of(&net->node[i]), old;

        if (rate == NULL)
            continue;
        from = feeds(net, i);
        if (from == NET_INPUT || before[from] == after[from])
            continue;
        old = *rate;
        *rate = (float)((double)old *
                        prune_dropout_factor(after[from], before[from]));
        if (r->tell_dropout != NULL)
            r->tell_dropout(r->arg, i, old, *rate);
    }
}
