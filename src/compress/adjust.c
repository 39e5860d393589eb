/* Dropout after pruning: a thinner net needs less of it (card P3). */
#include <math.h>
#include <string.h>

#include "compress/mask.h"
#include "compress/prune.h"

double prune_dropout_factor(long long alive, long long all)
{
    return all > 0 ? sqrt((double)alive / (double)all) : 1.0;
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

/* Counts the weights of one node that pruning may take. */
static void count_weights(const struct node *node, size_t *alive, size_t *all)
{
    int i;

    *alive = *all = 0;
    for (i = 0; i < node->param_count; i++) {
        if (node->param[i].def.prunable) {
            *alive += mask_alive(&node->param[i]);
            *all += node->param[i].count;
        }
    }
}

/* Back along first inputs to the nearest node with weights. */
static double factor_at(const struct net *net, int node)
{
    size_t alive, all;

    for (; node != NET_INPUT; node = net->node[node].in[0]) {
        count_weights(&net->node[node], &alive, &all);
        if (all > 0)
            return prune_dropout_factor((long long)alive, (long long)all);
    }
    return 1.0;
}

void prune_adjust_dropout(struct net *net, const struct net *dense)
{
    int i;

    for (i = 0; i < net->node_count; i++) {
        float *rate = rate_of(&net->node[i]);
        const float *usual = rate_of(&dense->node[i]);

        if (rate != NULL && usual != NULL)
            *rate = (float)((double)*usual * factor_at(net, i));
    }
}
