#include "train/curvature.h"

#include "base/mem.h"

/* The sums are the first moments of the copy's parameters. */
struct curvature {
    struct net *net;
};

/* An optimiser that only watches. */
static bool watch(const struct optim_settings *s, double lr, uint64_t step,
                  const struct optim_piece *p)
{
    size_t i;
    int k;

    (void)s;
    (void)lr;
    (void)step;
    for (i = 0; i < p->count; i++) {
        float g = 0.0f;

        for (k = 0; k < p->shards; k++)
            g += p->grad[k][i];
        p->moment[0][i] += g * g;
    }
    return true;
}

static const struct optim_kind watcher = {
    .name = "watch", .moments = 1, .update = watch};

static enum err_code watch_steps(struct trainer *t, int steps,
                                 const struct progress *progress,
                                 struct err *err)
{
    struct step_report report;
    int i;

    for (i = 0; i < steps; i++) {
        if (progress_cancelled(progress))
            return err_set(err, ERR_CANCELLED, "stopped on request");
        if (trainer_step(t, &report, err) != ERR_OK)
            return err->code;
        progress_tell(progress, (double)(i + 1) / steps);
    }
    return ERR_OK;
}

struct curvature *curvature_new(const struct net *net,
                                const struct dataset *data,
                                const struct train_settings *settings,
                                int steps, struct pool *pool,
                                const struct progress *progress,
                                struct err *err)
{
    struct train_settings watching = *settings;
    struct curvature *c = mem_zalloc(sizeof(*c));
    struct trainer *t = NULL;
    enum err_code code = ERR_OK;

    watching.optim = &watcher;
    watching.heads_only = false;
    c->net = net_clone(net, err);
    if (c->net != NULL) {
        /* Tied weights have gradients of their own all the same. */
        net_unbind(c->net);
        t = trainer_new(c->net, data, &watching, 0, pool, err);
    }
    code = t == NULL ? err->code : watch_steps(t, steps, progress, err);
    trainer_free(t);
    if (code == ERR_OK)
        return c;
    curvature_free(c);
    return NULL;
}

void curvature_free(struct curvature *c)
{
    if (c == NULL)
        return;
    net_free(c->net);
    mem_free(c);
}

const float *curvature_of(const struct curvature *c, int node, int param)
{
    return c->net->node[node].param[param].moment[0];
}
