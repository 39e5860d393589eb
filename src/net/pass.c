#include "net/pass.h"

#include <math.h>
#include <string.h>

#include "par/meter.h"
#include "tensor/vec.h"

/* A pass and the arrays it points to. */
struct call {
    struct layer_pass pass;
    const float *x[LAYER_INPUT_MAX];
    float *dx[LAYER_INPUT_MAX];
    float *param[LAYER_PARAM_MAX], *dparam[LAYER_PARAM_MAX];
};

float *pass_place(const struct shard *s, int buffer)
{
    const struct exec *e = s->work->e;
    const struct plan_buffer *b;

    if (buffer < 0)
        return NULL;
    b = &e->plan.buffer[buffer];
    if (b->whole)
        return e->whole + b->at + (size_t)s->first * b->row;
    return (b->local ? s->local : s->memory) + b->at;
}

float *pass_ready(const struct exec *e, int node)
{
    const struct plan_node *plan = &e->plan.node[node];

    return e->held && plan->ready_count > 0 ? e->ready + plan->ready : NULL;
}

float *pass_gradients(const struct exec *e, int shard)
{
    if (e->grads == NULL)
        return NULL;
    return e->grads + (size_t)shard * e->plan.grads;
}

static double *part_slot(const struct exec *e, int node, int shard)
{
    const struct plan_node *plan = &e->plan.node[node];

    return e->parts + plan->part * (size_t)e->plan.shards +
           plan->part_count * (size_t)shard;
}

/* All of a pass that does not depend on a shard's memory. */
static void call_init(struct call *c, const struct work *w, int node, int shard)
{
    const struct exec *e = w->e;
    struct node *n = &e->net->node[node];
    const struct plan_node *plan = &e->plan.node[node];
    float *slot = pass_gradients(e, shard);
    int k;

    memset(&c->pass, 0, sizeof(c->pass));
    c->pass.kind = n->kind;
    c->pass.config = n->config;
    c->pass.mode = plan->frozen ? PASS_EVAL : w->mode;
    c->pass.in_count = n->in_count;
    c->pass.in = plan->in;
    c->pass.out = n->out;
    c->pass.param = c->param;
    c->pass.dparam = c->dparam;
    c->pass.shared = e->shared + plan->shared;
    c->pass.seed = w->seed;
    c->pass.step = w->step;
    c->pass.node = node;
    c->pass.blend = e->blend;
    c->pass.clip = plan->clip;
    c->pass.ready = pass_ready(e, node);
    for (k = 0; k < n->param_count; k++) {
        c->param[k] = n->param[k].value;
        c->dparam[k] = slot != NULL && n->param[k].def.trainable &&
                               !plan->frozen && (k > 0 || plan->late_left == 0)
                           ? slot + plan->grad[k]
                           : NULL;
    }
}

static void call_for_shard(struct call *c, const struct shard *s, int node,
                           bool backward)
{
    const struct plan *p = &s->work->e->plan;
    const struct node *n = &p->net->node[node];
    const struct plan_node *plan = &p->node[node];
    int k;

    call_init(c, s->work, node, s->index);
    for (k = 0; k < n->in_count; k++) {
        c->x[k] = pass_place(s, plan_y(p, n->in[k], backward));
        c->dx[k] = pass_place(s, plan->dx[k]);
    }
    c->pass.n = s->n;
    c->pass.first = s->first;
    c->pass.x = c->x;
    c->pass.dx = c->dx;
    c->pass.y = pass_place(s, plan->y);
    c->pass.dy = pass_place(s, plan->dy);
    c->pass.keep = pass_place(s, plan->keep);
    c->pass.left = pass_place(s, plan->left);
    if (plan->sum_parts > 0 && c->pass.mode == PASS_TRAIN) {
        c->pass.sums = s->work->e->whole + p->buffer[plan->sums].at +
                       (size_t)s->first * plan->late_left;
        c->pass.sum_count = plan->sum_parts;
        c->pass.sum_apart = (size_t)p->batch * plan->late_left;
    }
    c->pass.scratch = s->scratch;
}

static size_t pass_count(const struct layer_pass *p)
{
    return (size_t)p->n * shape_count(&p->out);
}

/* A layer that does nothing in this mode: y = x, dx = dy. */
static bool passes_through(const struct shard *s, const struct layer_pass *p)
{
    return s->work->e->plan.node[p->node].view ||
           (p->kind->train_only && p->mode == PASS_EVAL);
}

static void copy_through(float *to, const float *from, size_t count)
{
    if (to != NULL && to != from)
        memcpy(to, from, count * sizeof(*to));
}

void pass_piece(const struct shard *s, int node, int piece, int pieces)
{
    struct call c;

    call_for_shard(&c, s, node, false);
    c.pass.piece = piece;
    c.pass.pieces = pieces;
    if (passes_through(s, &c.pass))
        copy_through(c.pass.y, c.x[0], pass_count(&c.pass));
    else
        c.pass.kind->forward(&c.pass);
}

void pass_forward(const struct shard *s, int node)
{
    pass_piece(s, node, 0, 0);
}

static void run_again(const struct shard *s, int node)
{
    struct call c;

    call_for_shard(&c, s, node, false);
    c.pass.y = pass_place(s, plan_y(&s->work->e->plan, node, true));
    c.pass.kind->forward(&c.pass);
}

/* Later gradients of a node with several readers. */
static void add_gradients(const struct shard *s, int node, const struct call *c)
{
    const struct plan *p = &s->work->e->plan;
    const struct node *n = &p->net->node[node];
    const struct plan_node *plan = &p->node[node];
    int k;

    for (k = 0; k < n->in_count; k++) {
        if (plan->dx_add[k])
            vec_add(c->dx[k], pass_place(s, p->node[n->in[k]].dy),
                    (size_t)s->n * shape_count(&plan->in[k]));
    }
}

static void run_backward(const struct shard *s, int node)
{
    struct call c;

    call_for_shard(&c, s, node, true);
    if (c.pass.mode == PASS_TRAIN && c.pass.kind->backward_join != NULL)
        memset(c.dparam, 0, sizeof(c.dparam));
    if (passes_through(s, &c.pass))
        copy_through(c.dx[0], c.pass.dy, pass_count(&c.pass));
    else
        c.pass.kind->backward(&c.pass);
    add_gradients(s, node, &c);
}

static void run_part(const struct shard *s, const struct plan_op *op)
{
    double *part = part_slot(s->work->e, op->node, s->index);
    enum meter_phase before = meter_enter(METER_REDUCTION);
    struct call c;

    call_for_shard(&c, s, op->node, op->kind == OP_BACKWARD_PART);
    if (op->kind == OP_FORWARD_PART)
        c.pass.kind->forward_part(&c.pass, part);
    else
        c.pass.kind->backward_part(&c.pass, part);
    meter_enter(before);
}

static bool all_finite(const float *x, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (!isfinite(x[i]))
            return false;
    }
    return true;
}

/* The first node whose activations are not finite, among those that are still
 * in memory when the head has run. */
static int find_bad(const struct shard *s)
{
    const struct plan *p = &s->work->e->plan;
    int i;

    for (i = 0; i < p->net->node_count; i++) {
        int y = p->node[i].y;

        if (y >= 0 && p->buffer[y].last >= p->head &&
            !all_finite(pass_place(s, y),
                        (size_t)s->n * shape_count(&p->net->node[i].out)))
            return i;
    }
    return -1;
}

static double call_head(const struct shard *s)
{
    const struct work *w = s->work;
    const struct plan *p = &w->e->plan;
    const float *y[NET_OUTPUT_MAX];
    float *dy[NET_OUTPUT_MAX];
    int o;

    for (o = 0; o < p->net->output_count; o++) {
        y[o] = pass_place(s, p->node[p->output[o].root].y);
        dy[o] = w->backward ? pass_place(s, p->output[o].dy) : NULL;
    }
    return w->hooks->head(w->hooks->arg, s->index, s->first, s->n, y, dy);
}

static void run_head(const struct shard *s)
{
    const struct work *w = s->work;
    const struct plan *p = &w->e->plan;
    struct exec *e = w->e;
    int o;

    e->loss[s->index] = 0.0;
    e->bad[s->index] = -1;
    if (w->hooks->head == NULL)
        return;
    e->loss[s->index] = call_head(s);
    if (!isfinite(e->loss[s->index]))
        e->bad[s->index] = find_bad(s);
    for (o = 0; w->backward && o < p->net->output_count; o++) {
        const struct plan_output *out = &p->output[o];

        if (out->dy_add)
            vec_add(pass_place(s, out->dy),
                    pass_place(s, p->node[out->root].dy),
                    (size_t)s->n * shape_count(&p->net->node[out->root].out));
    }
}

void pass_op(const struct shard *s, const struct plan_op *op)
{
    switch (op->kind) {
    case OP_FORWARD:
        pass_forward(s, op->node);
        break;
    case OP_AGAIN:
        run_again(s, op->node);
        break;
    case OP_BACKWARD:
        run_backward(s, op->node);
        break;
    case OP_HEAD:
        run_head(s);
        break;
    case OP_EXIT: /* only in pass_staged */
    case OP_SUM_ROWS:
        break;
    case OP_FORWARD_PART:
    case OP_BACKWARD_PART:
        if (s->work->mode == PASS_TRAIN)
            run_part(s, op);
        break;
    }
}

struct shard pass_shard_of(const struct work *w, int index, int worker)
{
    const struct exec *e = w->e;
    const struct plan *p = &e->plan;
    int left = w->n - index * p->shard;

    return (struct shard){.work = w,
                          .index = index,
                          .first = index * p->shard,
                          .n = left < p->shard ? left : p->shard,
                          .memory = e->memory + (size_t)index * p->floats,
                          .local = e->local + (size_t)worker * p->local,
                          .scratch = e->scratch + (size_t)worker * p->scratch};
}

void pass_fill(const struct shard *s)
{
    const struct work *w = s->work;

    meter_enter(METER_DATA);
    if (w->leg == 0)
        w->hooks->fill(w->hooks->arg, s->first, s->n,
                       pass_place(s, w->e->plan.input));
    meter_enter(METER_ELEMENTS);
}

void pass_shard(void *arg, int chunk, int worker)
{
    const struct work *w = arg;
    struct shard s = pass_shard_of(w, chunk, worker);
    int i;

    pass_fill(&s);
    for (i = w->from; i < w->to; i++)
        pass_op(&s, &w->e->plan.op[i]);
    meter_enter(METER_OUTSIDE);
}

void pass_make_ready(void *arg, int chunk, int worker)
{
    const struct work *w = arg;
    const struct exec *e = w->e;
    struct call c;

    if (pass_ready(e, chunk) == NULL)
        return;
    meter_enter(METER_ELEMENTS);
    call_init(&c, w, chunk, 0);
    c.pass.scratch = e->scratch + (size_t)worker * e->plan.scratch;
    c.pass.kind->make_ready(&c.pass);
    meter_enter(METER_OUTSIDE);
}

struct layer_rows pass_rows(const struct exec *e, int node, int worker)
{
    const struct plan *p = &e->plan;
    const struct node *n = &e->net->node[node];
    const struct plan_node *plan = &p->node[node];
    int x = n->in[0] == NET_INPUT ? p->input : p->node[n->in[0]].y;

    return (struct layer_rows){.config = n->config,
                               .in = plan->in,
                               .out = n->out,
                               .n = e->last_n,
                               .x = e->whole + p->buffer[x].at,
                               .left = e->whole + p->buffer[plan->left].at,
                               .param = n->param[0].value,
                               .scratch =
                                   e->scratch + (size_t)worker * p->scratch};
}

void pass_sums(void *arg, int chunk, int worker)
{
    const struct work *w = arg;
    const struct exec *e = w->e;
    const struct plan *p = &e->plan;
    int node = p->op[w->from].node;
    const struct plan_node *plan = &p->node[node];
    struct layer_rows r = pass_rows(e, node, worker);
    size_t part = (size_t)p->batch * plan->late_left;

    meter_enter(METER_PRODUCTS);
    r.first = plan_part_row(p, node, chunk);
    r.rows = plan_part_row(p, node, chunk + 1) - r.first;
    r.sums = e->whole + p->buffer[plan->sums].at + (size_t)chunk * part;
    e->net->node[node].kind->sum_rows(&r);
    meter_enter(METER_OUTSIDE);
}

/* Gradients that a join wrote for all shards stand in the first slot; zeros in
 * the others keep the sum over shards right. */
static void clear_other_slots(const struct exec *e, int node, int shards)
{
    const struct node *n = &e->net->node[node];
    int s, k;

    for (s = 1; s < shards; s++) {
        for (k = 0; k < n->param_count; k++) {
            if (n->param[k].def.trainable)
                memset(pass_gradients(e, s) + e->plan.node[node].grad[k], 0,
                       n->param[k].count * sizeof(float));
        }
    }
}

static void join(const struct work *w, const struct plan_op *op)
{
    const struct exec *e = w->e;
    const double *parts = part_slot(e, op->node, 0);
    int shards = exec_shards(e, w->n);
    struct call c;

    call_init(&c, w, op->node, 0);
    c.pass.n = w->n;
    c.pass.scratch = e->scratch;
    if (op->kind == OP_FORWARD_PART) {
        c.pass.kind->forward_join(&c.pass, parts, shards);
    } else {
        c.pass.kind->backward_join(&c.pass, parts, shards);
        clear_other_slots(e, op->node, shards);
    }
}

void pass_joins(const struct work *w)
{
    const struct plan_op *op = w->e->plan.op;
    enum meter_phase before = meter_enter(METER_REDUCTION);
    int i;

    for (i = w->from; i < w->to; i++) {
        if (op[i].kind == OP_FORWARD_PART || op[i].kind == OP_BACKWARD_PART)
            join(w, &op[i]);
    }
    meter_enter(before);
}
