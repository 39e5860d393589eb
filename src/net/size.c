#include "net/size.h"

#include <string.h>

#include "base/mem.h"

/* Counts in 32 bits a block, so that the inner loop vectorises. */
#define BLOCK 4096

static long long count_alive(const float *value, size_t count)
{
    long long alive = 0;
    size_t i;

    while (count > 0) {
        size_t n = count < BLOCK ? count : BLOCK;
        uint32_t part = 0;

        for (i = 0; i < n; i++)
            part += value[i] != 0.0f;
        alive += part;
        value += n;
        count -= n;
    }
    return alive;
}

static void add_param(const struct param *p, struct size_count *out)
{
    long long count = (long long)p->count, alive = count;

    if (!p->def.trainable) {
        out->statistics += count;
        return;
    }
    if (p->def.prunable) {
        alive = count_alive(p->value, p->count);
        out->prunable += count;
        out->alive += alive;
    }
    out->params += count;
    out->params_alive += alive;
}

static double macs_of(const struct net *net, const struct node *node)
{
    struct shape in[LAYER_INPUT_MAX];
    int i;

    if (node->kind->macs == NULL)
        return 0.0;
    for (i = 0; i < node->in_count; i++)
        in[i] =
            node->in[i] == NET_INPUT ? net->input : net->node[node->in[i]].out;
    return node->kind->macs(node->config, in, &node->out);
}

void size_of_node(const struct net *net, int node, struct size_count *out)
{
    const struct node *n = &net->node[node];
    int i;

    *out = (struct size_count){0};
    for (i = 0; i < n->param_count; i++)
        add_param(&n->param[i], out);
    out->macs = macs_of(net, n);
    out->macs_alive = out->macs * (1.0 - size_sparsity(out));
}

void size_of_net(const struct net *net, struct size_count *out)
{
    struct size_count sum = {0}, one;
    int i;

    for (i = 0; i < net->node_count; i++) {
        size_of_node(net, i, &one);
        sum.prunable += one.prunable;
        sum.alive += one.alive;
        sum.params += one.params;
        sum.params_alive += one.params_alive;
        sum.statistics += one.statistics;
        sum.macs += one.macs;
        sum.macs_alive += one.macs_alive;
    }
    *out = sum;
}

/* Marks what output o needs; its softmax, which is only shown, does no
 * products. */
static void mark_needed(const struct net *net, int o, bool *needed)
{
    int i, k;

    needed[net->output[o]] = true;
    for (i = net->node_count - 1; i >= 0; i--) {
        for (k = 0; needed[i] && k < net->node[i].in_count; k++) {
            if (net->node[i].in[k] != NET_INPUT)
                needed[net->node[i].in[k]] = true;
        }
    }
}

static double macs_of_marked(const struct net *net, const bool *needed)
{
    double sum = 0.0;
    int i;

    for (i = 0; i < net->node_count; i++) {
        if (needed[i])
            sum += macs_of(net, &net->node[i]);
    }
    return sum;
}

void size_of_outputs(const struct net *net, double *in_turn, double *alone)
{
    size_t nodes = (size_t)net->node_count;
    bool *so_far = mem_array(nodes, sizeof(*so_far));
    bool *one = mem_array(nodes, sizeof(*one));
    int o;

    for (o = 0; o < net->output_count; o++) {
        memset(one, 0, nodes * sizeof(*one));
        mark_needed(net, o, so_far);
        mark_needed(net, o, one);
        if (in_turn != NULL)
            in_turn[o] = macs_of_marked(net, so_far);
        if (alone != NULL)
            alone[o] = macs_of_marked(net, one);
    }
    mem_free(so_far);
    mem_free(one);
}

double size_sparsity(const struct size_count *c)
{
    if (c->prunable == 0)
        return 0.0;
    return (double)(c->prunable - c->alive) / (double)c->prunable;
}
