/*
 * One shard on all threads, for few samples: the threads go through the layers
 * together, each of which is cut into pieces.  Layers that one thread does, and
 * filling x and the head, stand in one loop with their neighbours: the fewer
 * loops, the fewer stops.
 */
#include "net/pass.h"
#include "par/meter.h"

/* Into how many pieces an operation is cut; 0 where nothing is to be done. */
static int pieces_of(const struct work *w, const struct plan_op *op)
{
    const struct plan *p = &w->e->plan;
    const struct plan_node *plan;
    const struct node *n;

    if (op->kind != OP_FORWARD)
        return 1;
    n = &p->net->node[op->node];
    plan = &p->node[op->node];
    if (plan->view)
        return plan->y == plan_y(p, n->in[0], false) ? 0 : 1;
    if (n->kind->pieces == NULL)
        return 1;
    return n->kind->pieces(n->config, plan->in, &n->out, w->n,
                           pass_ready(w->e, op->node) != NULL);
}

/* The first loop fills x, as operation from - 1. */
static void cut_into_loops(const struct work *w, struct wide *wide)
{
    const struct plan_op *op = w->e->plan.op;
    int i, pieces;

    wide->n = w->n;
    wide->end = w->to;
    wide->held = w->e->held;
    wide->chunks[0] = 1;
    wide->first[0] = w->from - 1;
    wide->loops = 1;
    for (i = w->from; i < w->to; i++) {
        pieces = pieces_of(w, &op[i]);
        if (pieces == 0 || (pieces == 1 && wide->chunks[wide->loops - 1] == 1))
            continue;
        wide->first[wide->loops] = i;
        wide->chunks[wide->loops++] = pieces;
    }
    wide->first[wide->loops] = w->to;
}

static void run_loop(void *arg, int loop, int chunk, int worker)
{
    const struct work *w = arg;
    const struct exec *e = w->e;
    const struct wide *wide = &e->wide;
    const struct plan_op *op = e->plan.op;
    struct shard s = pass_shard_of(w, 0, 0);
    int i = wide->first[loop];

    s.scratch = e->scratch + (size_t)worker * e->plan.scratch;
    meter_enter(METER_ELEMENTS);
    if (wide->chunks[loop] > 1) {
        pass_piece(&s, op[i].node, chunk, wide->chunks[loop]);
        i = wide->first[loop + 1];
    } else if (loop == 0) {
        pass_fill(&s);
        i++;
    }
    for (; i < wide->first[loop + 1]; i++)
        pass_op(&s, &op[i]);
    meter_enter(METER_OUTSIDE);
}

bool pass_wide(struct work *w)
{
    struct wide *wide = &w->e->wide;

    if (wide->n != w->n || wide->end != w->to || wide->held != w->e->held)
        cut_into_loops(w, wide);
    if (wide->loops == 1)
        return false;
    pool_run_loops(w->e->pool, run_loop, w, wide->chunks, wide->loops);
    return true;
}
