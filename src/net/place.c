/*
 * Places of activations, gradients and kept values in a shard's memory.
 *
 * Walking the program once gives every buffer its first and last operation.
 * Layers in place share a buffer with their input when nobody reads what they
 * write over; a view always does.  Buffers that are never alive together may
 * then lie on one another: the largest are placed first, each at the lowest
 * free address.
 *
 * What a gradient made late reads, its layer's x and what backward left, lies
 * sample by sample for all shards.  Nobody writes over that x: the layer itself
 * reads it, so that none that would work in place does.
 *
 * The gradient of a node with several readers is written by the first of them
 * in program order; the others write to a temporary that is added to it.
 */
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/plan.h"
#include "tensor/vec.h"

static int buffer_new(struct plan *p, size_t count, int now)
{
    struct plan_buffer *b = &p->buffer[p->buffer_count];

    b->count = vec_lines(count);
    b->row = count / (size_t)p->shard;
    b->first = b->last = now;
    return p->buffer_count++;
}

static void touch(struct plan *p, int buffer, int now)
{
    if (buffer >= 0)
        p->buffer[buffer].last = now;
}

/* Floats of a shard's activation of node (NET_INPUT: of x). */
static size_t shard_count(const struct plan *p, int node)
{
    const struct shape *s =
        node == NET_INPUT ? &p->net->input : &p->net->node[node].out;

    return shape_count(s) * (size_t)p->shard;
}

int plan_y(const struct plan *p, int node, bool backward)
{
    if (node == NET_INPUT)
        return p->input;
    return backward && p->node[node].y_again >= 0 ? p->node[node].y_again
                                                  : p->node[node].y;
}

/* Nobody but its one reader needs the activation of node (NET_INPUT: x). */
static bool may_overwrite(const struct plan *p, int node)
{
    const struct layer_kind *kind;

    if (node == NET_INPUT)
        return p->input_readers == 1;
    kind = p->net->node[node].kind;
    if (p->node[node].root || p->node[node].readers != 1)
        return false;
    if (p->node[node].view)
        return may_overwrite(p, p->net->node[node].in[0]);
    return kind->ignores_y || !p->node[node].backward;
}

static bool shares_input(const struct plan *p, int node)
{
    const struct node *n = &p->net->node[node];

    if (p->node[node].view)
        return true;
    return n->kind->in_place && !(p->use & EXEC_KEEP) &&
           may_overwrite(p, n->in[0]);
}

static void touch_inputs(struct plan *p, int node, bool backward, int now)
{
    const struct node *n = &p->net->node[node];
    int k;

    for (k = 0; k < n->in_count; k++)
        touch(p, plan_y(p, n->in[k], backward), now);
}

/* What a layer keeps for its backward pass is alive from its first part on. */
static void need_keep(struct plan *p, int node, int now)
{
    const struct node *n = &p->net->node[node];
    struct plan_node *plan = &p->node[node];
    size_t count;

    if (plan->keep >= 0 || n->kind->keep == NULL || !(p->use & EXEC_TRAIN))
        return;
    count = n->kind->keep(n->config, plan->in, &n->out, p->shard);
    if (count > 0)
        plan->keep = buffer_new(p, count, now);
}

static void place_forward(struct plan *p, int node, int now)
{
    struct plan_node *plan = &p->node[node];

    need_keep(p, node, now);
    touch_inputs(p, node, false, now);
    touch(p, plan->keep, now);
    if (shares_input(p, node)) {
        plan->y = plan_y(p, p->net->node[node].in[0], false);
        touch(p, plan->y, now);
    } else {
        plan->y = buffer_new(p, shard_count(p, node), now);
    }
}

static void place_head(struct plan *p, int now)
{
    int i;

    for (i = 0; i < p->net->output_count; i++) {
        struct plan_output *out = &p->output[i];
        struct plan_node *root = &p->node[out->root];

        touch(p, root->y, now);
        out->dy = -1;
        if (!(p->use & EXEC_TRAIN))
            continue;
        out->dy = buffer_new(p, shard_count(p, out->root), now);
        out->dy_add = root->dy >= 0;
        if (!out->dy_add)
            root->dy = out->dy;
    }
}

/* What backward of node and its part read. */
static void touch_backward(struct plan *p, int node, int now)
{
    const struct layer_kind *kind = p->net->node[node].kind;
    const struct plan_node *plan = &p->node[node];

    touch(p, plan->dy, now);
    touch(p, plan->keep, now);
    if (!kind->ignores_x && !plan->view)
        touch_inputs(p, node, true, now);
    if (!kind->ignores_y && !plan->view)
        touch(p, plan->y, now);
}

/* y of the node and of the views of it. */
static void place_again(struct plan *p, int node, int now)
{
    int i;

    touch_inputs(p, node, false, now);
    p->node[node].y_again = buffer_new(p, shard_count(p, node), now);
    for (i = node + 1; i < p->net->node_count; i++) {
        if (p->node[i].view)
            p->node[i].y_again = p->node[p->net->node[i].in[0]].y_again;
    }
}

static void place_gradient(struct plan *p, int node, int input, int now)
{
    const struct layer_kind *kind = p->net->node[node].kind;
    struct plan_node *plan = &p->node[node], *from;
    int number = p->net->node[node].in[input];

    if (number == NET_INPUT || !p->node[number].backward)
        return;
    from = &p->node[number];
    plan->dx[input] = plan->view || (kind->in_place && input == 0)
                          ? plan->dy
                          : buffer_new(p, shard_count(p, number), now);
    plan->dx_add[input] = from->dy >= 0;
    if (from->dy < 0)
        from->dy = plan->dx[input];
    touch(p, from->dy, now);
}

/* What backward leaves for a gradient that is made late. */
static void place_left(struct plan *p, int node, int now)
{
    struct plan_node *plan = &p->node[node];

    if (plan->late_left == 0)
        return;
    plan->left = buffer_new(p, plan->late_left * (size_t)p->shard, now);
    p->buffer[plan->left].whole = true;
    p->buffer[plan_y(p, p->net->node[node].in[0], false)].whole = true;
}

static void place_backward(struct plan *p, int node, int now)
{
    int k;

    touch_backward(p, node, now);
    place_left(p, node, now);
    for (k = 0; k < p->net->node[node].in_count; k++)
        place_gradient(p, node, k, now);
}

static void place_sums(struct plan *p, int node, int now)
{
    struct plan_node *plan = &p->node[node];
    size_t row = plan->late_left * (size_t)plan->sum_parts;

    plan->sums = buffer_new(p, row * (size_t)p->shard, now);
    p->buffer[plan->sums].whole = true;
}

static void place_op(struct plan *p, int now)
{
    int node = p->op[now].node;

    switch (p->op[now].kind) {
    case OP_FORWARD:
        place_forward(p, node, now);
        break;
    case OP_FORWARD_PART:
        need_keep(p, node, now);
        touch_inputs(p, node, false, now);
        break;
    case OP_SUM_ROWS:
        touch_inputs(p, node, false, now);
        place_sums(p, node, now);
        break;
    case OP_HEAD:
        place_head(p, now);
        break;
    case OP_EXIT:
        touch(p, p->node[p->output[node].root].y, now);
        break;
    case OP_AGAIN:
        place_again(p, node, now);
        break;
    case OP_BACKWARD_PART:
        touch_backward(p, node, now);
        break;
    case OP_BACKWARD:
        place_backward(p, node, now);
        break;
    }
}

static int compare_size(const void *a, const void *b)
{
    const struct plan_buffer *p = *(const struct plan_buffer *const *)a;
    const struct plan_buffer *q = *(const struct plan_buffer *const *)b;

    if (p->count != q->count)
        return p->count < q->count ? 1 : -1;
    return p < q ? -1 : p > q;
}

static int compare_place(const void *a, const void *b)
{
    const struct plan_buffer *p = *(const struct plan_buffer *const *)a;
    const struct plan_buffer *q = *(const struct plan_buffer *const *)b;

    return p->at < q->at ? -1 : p->at > q->at;
}

/* Lowest place of b among placed[0..n-1], which are sorted by place. */
static size_t lowest_place(const struct plan_buffer *b,
                           struct plan_buffer *const *placed, int n)
{
    size_t at = 0;
    int i;

    for (i = 0; i < n; i++) {
        const struct plan_buffer *q = placed[i];

        if (q->local == b->local && q->first <= b->last &&
            b->first <= q->last && q->at < at + b->count &&
            q->at + q->count > at)
            at = q->at + q->count;
    }
    return at;
}

static void place_whole(struct plan *p, struct plan_buffer *b)
{
    b->at = p->whole;
    p->whole += vec_lines(b->row * (size_t)p->batch);
}

/* What is read after a run has INT_MAX for its end, which is in no leg. */
static void find_local(struct plan *p)
{
    int i, leg;

    for (i = 0; i < p->buffer_count; i++) {
        struct plan_buffer *b = &p->buffer[i];

        if (b->whole)
            continue;
        for (leg = 0; b->first >= plan_leg_end(p, leg); leg++)
            ;
        b->local = b->last < plan_leg_end(p, leg);
    }
}

static void place_buffers(struct plan *p)
{
    size_t all = (size_t)p->buffer_count, n = 0;
    struct plan_buffer **order = mem_array(all, sizeof(struct plan_buffer *));
    size_t i;

    for (i = 0; i < all; i++) {
        if (p->buffer[i].whole)
            place_whole(p, &p->buffer[i]);
        else
            order[n++] = &p->buffer[i];
    }
    qsort(order, n, sizeof(struct plan_buffer *), compare_size);
    for (i = 0; i < n; i++) {
        struct plan_buffer *b = order[i];
        size_t *end = b->local ? &p->local : &p->floats;

        b->at = lowest_place(b, order, (int)i);
        if (b->at + b->count > *end)
            *end = b->at + b->count;
        qsort(order, i + 1, sizeof(struct plan_buffer *), compare_place);
    }
    mem_free(order);
}

static void keep_activations(struct plan *p)
{
    int i;

    for (i = 0; i < p->net->node_count; i++)
        touch(p, p->node[i].y, INT_MAX);
}

static void no_buffers(struct plan *p)
{
    size_t most = 1 + (size_t)p->net->output_count;
    int i, k;

    for (i = 0; i < p->net->node_count; i++) {
        struct plan_node *plan = &p->node[i];

        plan->y = plan->dy = plan->keep = plan->y_again = -1;
        plan->left = plan->sums = -1;
        for (k = 0; k < LAYER_INPUT_MAX; k++)
            plan->dx[k] = -1;
        most += 5 + (size_t)p->net->node[i].in_count;
    }
    p->buffer = mem_array(most, sizeof(*p->buffer));
}

void plan_place(struct plan *p)
{
    int now;

    no_buffers(p);
    p->input = buffer_new(p, shard_count(p, NET_INPUT), -1);
    for (now = 0; now < p->op_count; now++)
        place_op(p, now);
    if (p->use & EXEC_KEEP)
        keep_activations(p);
    find_local(p);
    place_buffers(p);
}
