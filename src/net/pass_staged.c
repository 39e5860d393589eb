/*
 * What one shard does when samples leave on the way.  Those that stay close up
 * to the front of every activation that is still to be read.
 */
#include <string.h>

#include "net/pass.h"

/* Rows of the samples that stay move to the front of one activation. */
static void close_up_rows(float *rows, size_t width, int n, const uint8_t *stay)
{
    int i, to = 0;

    for (i = 0; i < n; i++) {
        if (!stay[i])
            continue;
        if (i != to)
            memcpy(rows + (size_t)to * width, rows + (size_t)i * width,
                   width * sizeof(*rows));
        to++;
    }
}

static void close_up(struct shard *s, int now, int32_t *sample,
                     const uint8_t *stay)
{
    const struct plan *p = &s->work->e->plan;
    int i, to = 0;

    for (i = 0; i < p->buffer_count; i++) {
        const struct plan_buffer *b = &p->buffer[i];

        if (b->first <= now && b->last > now)
            close_up_rows(pass_place(s, i), b->row, s->n, stay);
    }
    for (i = 0; i < s->n; i++) {
        if (stay[i])
            sample[to++] = sample[i];
    }
    s->n = to;
}

static void run_exit(struct shard *s, int now)
{
    const struct work *w = s->work;
    const struct plan *p = &w->e->plan;
    int at = p->op[now].node, left = 0, i;
    int32_t *sample = w->e->sample + s->first;
    uint8_t *stay = w->e->stay + s->first;

    memset(stay, 1, (size_t)s->n);
    w->stages->leave(w->stages->arg, at, s->n, sample,
                     pass_place(s, p->node[p->output[at].root].y), stay);
    for (i = 0; i < s->n; i++)
        left += !stay[i];
    if (left == s->n)
        s->n = 0;
    else if (left > 0)
        close_up(s, now, sample, stay);
}

void pass_staged(void *arg, int chunk, int worker)
{
    const struct work *w = arg;
    struct exec *e = w->e;
    const struct plan *p = &e->plan;
    int nodes = p->net->node_count, left = w->n - chunk * p->shard, i;
    struct shard s = {.work = w, .index = chunk, .first = chunk * p->shard};

    s.n = left < p->shard ? left : p->shard;
    s.local = e->local + (size_t)worker * p->local;
    s.scratch = e->scratch + (size_t)worker * p->scratch;
    memset(e->ran + chunk * nodes, 0, (size_t)nodes * sizeof(*e->ran));
    for (i = 0; i < s.n; i++)
        e->sample[s.first + i] = s.first + i;
    w->stages->fill(w->stages->arg, s.first, s.n, pass_place(&s, p->input));
    for (i = 0; i < p->op_count && s.n > 0; i++) {
        if (p->op[i].kind == OP_EXIT) {
            run_exit(&s, i);
            continue;
        }
        e->ran[chunk * nodes + p->op[i].node] += s.n;
        pass_forward(&s, p->op[i].node);
    }
}
