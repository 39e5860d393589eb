/*
 * The program: a topological order of the nodes, cut at the layers that need
 * the whole batch.
 */
#include <string.h>

#include "base/mem.h"
#include "net/plan.h"

static void add_op(struct plan *p, enum plan_op_kind kind, int node)
{
    p->op[p->op_count].kind = kind;
    p->op[p->op_count].node = node;
    p->op_count++;
}

static void add_leg(struct plan *p)
{
    p->leg[p->leg_count++] = p->op_count;
}

int plan_leg_end(const struct plan *p, int leg)
{
    return leg + 1 < p->leg_count ? p->leg[leg + 1] : p->op_count;
}

static bool joins_forward(const struct plan *p, int i)
{
    return p->net->node[i].kind->forward_join != NULL && !p->node[i].frozen;
}

static bool sums_rows(const struct plan *p, int i)
{
    return p->node[i].sum_parts > 0;
}

static int most(const int *phase, int count)
{
    int i, found = 0;

    for (i = 0; i < count; i++) {
        if (phase[i] > found)
            found = phase[i];
    }
    return found;
}

/* phase[i]: joins that must be done before forward of node i.  Layers that
 * could join in the same phase do, however the nodes are numbered. */
static void forward_phases(const struct plan *p, int *phase)
{
    const struct net *net = p->net;
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        const struct node *node = &net->node[i];

        phase[i] = 0;
        for (k = 0; k < node->in_count; k++) {
            if (node->in[k] != NET_INPUT && phase[node->in[k]] > phase[i])
                phase[i] = phase[node->in[k]];
        }
        if (p->node[i].forward && (joins_forward(p, i) || sums_rows(p, i)))
            phase[i]++;
    }
}

static void backward_phases(const struct plan *p, int *phase)
{
    const struct net *net = p->net;
    int i, k;

    memset(phase, 0, (size_t)net->node_count * sizeof(*phase));
    for (i = net->node_count - 1; i >= 0; i--) {
        const struct node *node = &net->node[i];

        if (p->node[i].backward && node->kind->backward_join != NULL)
            phase[i]++;
        for (k = 0; p->node[i].backward && k < node->in_count; k++) {
            if (node->in[k] != NET_INPUT && phase[node->in[k]] < phase[i])
                phase[node->in[k]] = phase[i];
        }
    }
}

static void write_forward(struct plan *p, int *phase)
{
    const struct net *net = p->net;
    int i, now, last;

    forward_phases(p, phase);
    last = most(phase, net->node_count);
    for (now = 0; now <= last; now++) {
        add_leg(p);
        for (i = 0; i < net->node_count; i++) {
            if (p->node[i].forward && phase[i] == now)
                add_op(p, OP_FORWARD, i);
        }
        for (i = 0; i < net->node_count; i++) {
            if (p->node[i].forward && phase[i] == now + 1 &&
                joins_forward(p, i))
                add_op(p, OP_FORWARD_PART, i);
        }
        for (i = 0; i < net->node_count; i++) {
            if (p->node[i].forward && phase[i] == now + 1 && sums_rows(p, i)) {
                add_leg(p);
                add_op(p, OP_SUM_ROWS, i);
            }
        }
    }
    p->head = p->op_count;
    add_op(p, OP_HEAD, -1);
}

/* What output o needs and no output before it did. */
static void write_stage(struct plan *p, int o, bool *written)
{
    const struct net *net = p->net;
    bool *needed = mem_array((size_t)net->node_count, sizeof(*needed));
    int i, k;

    needed[p->output[o].root] = true;
    for (i = net->node_count - 1; i >= 0; i--) {
        for (k = 0; needed[i] && k < net->node[i].in_count; k++) {
            if (net->node[i].in[k] != NET_INPUT)
                needed[net->node[i].in[k]] = true;
        }
    }
    for (i = 0; i < net->node_count; i++) {
        if (needed[i] && !written[i])
            add_op(p, OP_FORWARD, i);
        written[i] = written[i] || needed[i];
    }
    p->head = p->op_count;
    add_op(p, OP_EXIT, o);
    mem_free(needed);
}

static void write_stages(struct plan *p)
{
    bool *written = mem_array((size_t)p->net->node_count, sizeof(*written));
    int o;

    add_leg(p);
    for (o = 0; o < p->net->output_count; o++)
        write_stage(p, o, written);
    mem_free(written);
}

#define NO_LEG   (-1)
#define MANY_LEG (-2)

static int one_leg(int a, int b)
{
    if (a == NO_LEG || a == b)
        return b;
    return b == NO_LEG ? a : MANY_LEG;
}

static int leg_reading(const struct plan *p, const int *phase, int node);

/* The leg in which backward of `reader`, or of those behind it where it is a
 * view, reads the y of its input. */
static int leg_of_reader(const struct plan *p, const int *phase, int reader)
{
    const struct layer_kind *kind = p->net->node[reader].kind;

    if (p->node[reader].view)
        return leg_reading(p, phase, reader);
    if (p->node[reader].backward && !kind->ignores_x)
        return phase[reader];
    return kind->in_place ? MANY_LEG : NO_LEG; /* it may write over y */
}

static int leg_reading(const struct plan *p, const int *phase, int node)
{
    int leg = NO_LEG, i, k;

    for (i = node + 1; i < p->net->node_count; i++) {
        const struct node *n = &p->net->node[i];

        for (k = 0; p->node[i].forward && k < n->in_count; k++) {
            if (n->in[k] == node)
                leg = one_leg(leg, leg_of_reader(p, phase, i));
        }
    }
    return leg;
}

/*
 * A batch of activations is in no cache when backward comes to it.  What is
 * cheaply made of what must be read anyway is made again, for the few samples
 * of a shard, and by the leg that reads it; forward need not keep it.  In the
 * leg of the head it is still there.
 */
static void choose_again(struct plan *p, const int *phase)
{
    int i;

    for (i = 0; i < p->net->node_count; i++) {
        struct plan_node *node = &p->node[i];

        node->again = p->net->node[i].kind->again && node->backward &&
                      !(p->use & EXEC_KEEP) && leg_reading(p, phase, i) > 0;
    }
}

/* Before backward of node: what it reads and forward did not keep. */
static void add_again(struct plan *p, int node, bool *made)
{
    const struct node *n = &p->net->node[node];
    int k, from;

    for (k = 0; !p->node[node].view && !n->kind->ignores_x && k < n->in_count;
         k++) {
        for (from = n->in[k]; from != NET_INPUT && p->node[from].view;)
            from = p->net->node[from].in[0];
        if (from == NET_INPUT || !p->node[from].again || made[from])
            continue;
        made[from] = true;
        add_op(p, OP_AGAIN, from);
    }
}

static void add_backward(struct plan *p, int node, bool *made)
{
    add_again(p, node, made);
    add_op(p, OP_BACKWARD, node);
}

static void write_backward(struct plan *p, int *phase)
{
    const struct net *net = p->net;
    bool *made = mem_array((size_t)net->node_count, sizeof(*made));
    int i, now, last;

    backward_phases(p, phase);
    choose_again(p, phase);
    last = most(phase, net->node_count);
    for (now = 0; now <= last; now++) {
        if (now > 0)
            add_leg(p);
        for (i = net->node_count - 1; i >= 0; i--) {
            if (p->node[i].backward && phase[i] == now)
                add_backward(p, i, made);
        }
        for (i = net->node_count - 1; i >= 0; i--) {
            if (p->node[i].backward && phase[i] == now + 1 &&
                net->node[i].kind->backward_join != NULL)
                add_op(p, OP_BACKWARD_PART, i);
        }
    }
    mem_free(made);
}

void plan_order(struct plan *p)
{
    size_t nodes = (size_t)p->net->node_count;
    int *phase = mem_array(nodes, sizeof(*phase));

    p->op =
        mem_array(6 * nodes + 1 + (size_t)p->net->output_count, sizeof(*p->op));
    p->leg = mem_array(4 * nodes + 2, sizeof(*p->leg));
    if (p->use & EXEC_STAGED)
        write_stages(p);
    else
        write_forward(p, phase);
    if (p->use & EXEC_TRAIN)
        write_backward(p, phase);
    mem_free(phase);
}
