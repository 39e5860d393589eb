/*
 * Which units have a use.  Three walks over the graph: backwards, what is read;
 * forwards, what is constant; backwards, whether readers can take a constant
 * over.  Then every producer says what it would keep, and additions make their
 * inputs agree until nothing changes.
 */
#include <string.h>

#include "base/mem.h"
#include "compress/shrink.h"

static struct unit *of(const struct units *u, int node)
{
    return u->unit[node + 1];
}

static int width(const struct shape *s)
{
    return s->dim[s->rank - 1];
}

static int width_of(const struct net *net, int node)
{
    return width(node == NET_INPUT ? &net->input : &net->node[node].out);
}

/* A layer whose kernel sees every unit that comes in; a convolution in groups
 * has fewer inputs in its kernel. */
static bool makes(const struct net *net, const struct node *node)
{
    const struct shape *k = &node->param[0].def.shape;

    return node->kind->units == UNITS_MAKE &&
           k->dim[k->rank - 2] == width_of(net, node->in[0]);
}

static enum unit_flow flow_of(const struct net *net, const struct node *node)
{
    enum unit_flow flow = node->kind->units;

    if (flow == UNITS_MAKE && !makes(net, node))
        return UNITS_MIX;
    /* More outputs than inputs: a depthwise layer with a multiplier. */
    if (flow == UNITS_EDGE && width(&node->out) != width_of(net, node->in[0]))
        return UNITS_MIX;
    return flow;
}

/* Any weight other than zero from input c to unit k. */
static bool joined(const struct node *node, int inputs, int units, int c, int k)
{
    const struct param *p = &node->param[0];
    size_t step = (size_t)inputs * (size_t)units, i;

    for (i = (size_t)c * (size_t)units + (size_t)k; i < p->count; i += step) {
        if (p->value[i] != 0.0f)
            return true;
    }
    return false;
}

/* Where unit k of the node comes from: unit *c of its input number *j; for
 * kinds that go unit by unit. */
static void source_of(const struct net *net, const struct node *node, int k,
                      int *j, int *c)
{
    *j = 0;
    *c = k;
    if (node->kind->units == UNITS_FLAT)
        *c = k % width_of(net, node->in[0]);
    while (node->kind->units == UNITS_STACK &&
           *c >= width_of(net, node->in[*j])) {
        *c -= width_of(net, node->in[*j]);
        ++*j;
    }
}

static void read_all(const struct units *u, int node, int count)
{
    int c;

    for (c = 0; c < count; c++)
        of(u, node)[c].read = true;
}

static void read_through_kernel(const struct units *u, const struct net *net,
                                int i)
{
    const struct node *node = &net->node[i];
    int inputs = width_of(net, node->in[0]), units = u->count[i + 1], c, k;
    struct unit *in = of(u, node->in[0]);

    for (c = 0; c < inputs; c++) {
        for (k = 0; k < units && !in[c].read; k++)
            in[c].read = of(u, i)[k].read && joined(node, inputs, units, c, k);
    }
}

static void find_read(const struct units *u, const struct net *net, int i)
{
    const struct node *node = &net->node[i];
    enum unit_flow flow = flow_of(net, node);
    int j, c, k;

    if (flow == UNITS_MAKE) {
        read_through_kernel(u, net, i);
        return;
    }
    for (j = 0; flow == UNITS_MIX && j < node->in_count; j++)
        read_all(u, node->in[j], width_of(net, node->in[j]));
    for (k = 0; flow != UNITS_MIX && k < u->count[i + 1]; k++) {
        if (!of(u, i)[k].read)
            continue;
        source_of(net, node, k, &j, &c);
        of(u, node->in[j])[c].read = true;
        for (j = 1; flow == UNITS_JOIN && j < node->in_count; j++)
            of(u, node->in[j])[c].read = true;
    }
}

/* Whether the layer sees zeros around its image. */
static bool padded(const struct node *node)
{
    const struct layer_kind *kind = node->kind;
    int i, value;

    for (i = 0; i < kind->attr_count; i++) {
        if (kind->attrs[i].type != ATTR_PADDING)
            continue;
        memcpy(&value, node->config + kind->attrs[i].offset, sizeof(value));
        return value != PADDING_VALID;
    }
    return false;
}

/* Unit k of a layer with a kernel: constant when only constants lead to it. */
static void constant_of_kernel(const struct units *u, const struct net *net,
                               int i, int k)
{
    const struct node *node = &net->node[i];
    const struct param *p = &node->param[0];
    int inputs = width_of(net, node->in[0]), units = u->count[i + 1];
    const struct unit *in = of(u, node->in[0]);
    struct unit *out = &of(u, i)[k];
    double sum = node->param_count > 1 ? (double)node->param[1].value[k] : 0.0;
    size_t n;

    for (n = (size_t)k; n < p->count; n += (size_t)units) {
        const struct unit *from = &in[n / (size_t)units % (size_t)inputs];

        if (p->value[n] == 0.0f)
            continue;
        if (!from->constant || (from->value != 0.0f && padded(node)))
            return;
        sum += (double)p->value[n] * (double)from->value;
    }
    out->constant = true;
    out->value = (float)sum;
}

/* Values through a layer that works on each by itself: as a row of them. */
static void values_through(const struct node *node, const float *x, float *y,
                           int count)
{
    struct shape row = {.rank = 1, .dim = {count}};
    float *param[LAYER_PARAM_MAX] = {0};
    struct layer_pass p = {.kind = node->kind,
                           .config = node->config,
                           .mode = PASS_EVAL,
                           .n = 1,
                           .in_count = 1,
                           .in = &row,
                           .out = row,
                           .x = &x,
                           .y = y,
                           .param = param};
    int i;

    for (i = 0; i < node->param_count; i++)
        param[i] = node->param[i].value;
    node->kind->forward(&p);
}

static void constants_each(const struct units *u, const struct net *net, int i)
{
    const struct node *node = &net->node[i];
    int count = u->count[i + 1], k;
    float *x = mem_array((size_t)count, sizeof(*x));
    float *y = mem_array((size_t)count, sizeof(*y));

    for (k = 0; k < count; k++)
        x[k] = of(u, node->in[0])[k].value;
    values_through(node, x, y, count);
    for (k = 0; k < count; k++) {
        of(u, i)[k].constant = of(u, node->in[0])[k].constant;
        of(u, i)[k].value = of(u, i)[k].constant ? y[k] : 0.0f;
    }
    mem_free(x);
    mem_free(y);
}

/* Zeros at the edge fit a unit that is zero; behind a kernel of its own, when
 * that is zero, only the bias is left. */
static void constant_at_edge(const struct units *u, const struct net *net,
                             int i, int k)
{
    const struct node *node = &net->node[i];
    const struct unit *in = &of(u, node->in[0])[k];
    struct unit *out = &of(u, i)[k];
    bool silent = in->constant && in->value == 0.0f;

    if (node->param_count > 0)
        silent = silent || !joined(node, u->count[i + 1], 1, k, 0);
    out->constant = silent;
    if (silent && node->param_count > 1)
        out->value = node->param[1].value[k];
}

static void constant_sum(const struct units *u, const struct node *node,
                         struct unit *out, int k)
{
    double sum = 0.0;
    int j;

    for (j = 0; j < node->in_count; j++) {
        if (!of(u, node->in[j])[k].constant)
            return;
        sum += (double)of(u, node->in[j])[k].value;
    }
    out->constant = true;
    out->value = (float)sum;
}

static void find_constant(const struct units *u, const struct net *net, int i)
{
    const struct node *node = &net->node[i];
    enum unit_flow flow = flow_of(net, node);
    int j, c, k;

    if (flow == UNITS_EACH) {
        constants_each(u, net, i);
        return;
    }
    for (k = 0; flow != UNITS_MIX && k < u->count[i + 1]; k++) {
        struct unit *out = &of(u, i)[k];

        source_of(net, node, k, &j, &c);
        if (flow == UNITS_MAKE)
            constant_of_kernel(u, net, i, k);
        else if (flow == UNITS_EDGE)
            constant_at_edge(u, net, i, k);
        else if (flow == UNITS_JOIN)
            constant_sum(u, node, out, k);
        else {
            out->constant = of(u, node->in[j])[c].constant;
            out->value = of(u, node->in[j])[c].value;
        }
    }
}

/* Whether the layer's biases can take up what a constant input gives: there
 * are some, free to be any number, and every place sees the same. */
static bool takes_over(const struct node *node)
{
    const struct param *bias = &node->param[1];

    return node->param_count > 1 && bias->book == NULL && bias->grid == NULL &&
           !padded(node);
}

/* Takes away the claim that readers can take a constant over, where node i
 * cannot. */
static void find_fit(const struct units *u, const struct net *net, int i)
{
    const struct node *node = &net->node[i];
    enum unit_flow flow = flow_of(net, node);
    int j, c, k;

    if (flow == UNITS_MAKE) {
        for (c = 0; c < width_of(net, node->in[0]); c++) {
            struct unit *in = &of(u, node->in[0])[c];

            in->fits = in->fits && (in->value == 0.0f || takes_over(node));
        }
        return;
    }
    for (j = 0; (flow == UNITS_MIX || flow == UNITS_JOIN) && j < node->in_count;
         j++) {
        for (c = 0; c < width_of(net, node->in[j]); c++)
            of(u, node->in[j])[c].fits = false;
    }
    for (k = 0; flow != UNITS_MIX && flow != UNITS_JOIN && k < u->count[i + 1];
         k++) {
        source_of(net, node, k, &j, &c);
        if (of(u, i)[k].read && !of(u, i)[k].fits)
            of(u, node->in[j])[c].fits = false;
    }
}

/* Keeps unit; whether that is news. */
static bool keep(struct unit *unit)
{
    bool news = !unit->keep;

    unit->keep = true;
    return news;
}

static bool keep_all(const struct units *u, int node)
{
    bool news = false;
    int c;

    for (c = 0; c < u->count[node + 1]; c++)
        news |= keep(&of(u, node)[c]);
    return news;
}

/* What stays at a node stays at its inputs, and the other way round. */
static bool agree(const struct units *u, const struct net *net, int i)
{
    const struct node *node = &net->node[i];
    enum unit_flow flow = flow_of(net, node);
    bool news = false;
    int j, c, k;

    if (flow == UNITS_MAKE)
        return false;
    if (flow == UNITS_MIX) {
        for (j = 0; j < node->in_count; j++)
            news |= keep_all(u, node->in[j]);
        return keep_all(u, i) || news;
    }
    for (k = 0; k < u->count[i + 1]; k++) {
        bool stays = of(u, i)[k].keep;
        int from, to;

        source_of(net, node, k, &j, &c);
        from = flow == UNITS_JOIN ? 0 : j;
        to = flow == UNITS_JOIN ? node->in_count : j + 1;
        for (j = from; j < to; j++)
            stays |= of(u, node->in[j])[c].keep;
        for (j = from; stays && j < to; j++)
            news |= keep(&of(u, node->in[j])[c]);
        if (stays)
            news |= keep(&of(u, i)[k]);
    }
    return news;
}

static void find_kept(const struct units *u, const struct net *net)
{
    bool news;
    int i, k;

    keep_all(u, NET_INPUT);
    for (i = 0; i < net->output_count; i++)
        keep_all(u, net->output[i]);
    for (i = 0; i < net->node_count; i++) {
        if (flow_of(net, &net->node[i]) != UNITS_MAKE)
            continue;
        for (k = 0; k < u->count[i + 1]; k++) {
            struct unit *unit = &of(u, i)[k];

            unit->keep |= unit->read && !(unit->constant && unit->fits);
        }
        if (units_kept(u, i) == 0)
            of(u, i)[0].keep = true;
    }
    do {
        news = false;
        for (i = 0; i < net->node_count; i++)
            news |= agree(u, net, i);
        for (i = net->node_count - 1; i >= 0; i--)
            news |= agree(u, net, i);
    } while (news);
}

void units_find(struct units *u, const struct net *net)
{
    int i, k;

    *u = (struct units){.node_count = net->node_count};
    u->count = mem_array((size_t)net->node_count + 1, sizeof(*u->count));
    u->unit = mem_array((size_t)net->node_count + 1, sizeof(*u->unit));
    for (i = NET_INPUT; i < net->node_count; i++) {
        u->count[i + 1] = width_of(net, i);
        u->unit[i + 1] =
            mem_array((size_t)u->count[i + 1], sizeof(*u->unit[0]));
    }
    for (i = 0; i < net->output_count; i++)
        read_all(u, net->output[i], u->count[net->output[i] + 1]);
    for (i = net->node_count - 1; i >= 0; i--)
        find_read(u, net, i);
    for (i = 0; i < net->node_count; i++)
        find_constant(u, net, i);
    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < u->count[i + 1]; k++)
            of(u, i)[k].fits = of(u, i)[k].constant;
    }
    for (i = 0; i < net->output_count; i++) {
        for (k = 0; k < u->count[net->output[i] + 1]; k++)
            of(u, net->output[i])[k].fits = false;
    }
    for (i = net->node_count - 1; i >= 0; i--)
        find_fit(u, net, i);
    find_kept(u, net);
}

void units_done(struct units *u)
{
    int i;

    for (i = 0; i <= u->node_count; i++)
        mem_free(u->unit[i]);
    mem_free(u->unit);
    mem_free(u->count);
    *u = (struct units){0};
}

int units_kept(const struct units *u, int node)
{
    int kept = 0, k;

    for (k = 0; k < u->count[node + 1]; k++)
        kept += of(u, node)[k].keep;
    return kept;
}
