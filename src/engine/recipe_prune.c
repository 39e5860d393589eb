/* The pruning of a round. */
#include "base/str.h"
#include "engine/recipe.h"

#define CURVATURE_STEPS 400

/* What pruning tells of the round. */
struct told {
    struct running *running;
    const struct net *net;
    struct str dropout;
};

static void note_threshold(void *arg, int node, long long before,
                           long long after, float largest)
{
    const struct told *t = arg;

    (void)before;
    (void)after;
    t->running->threshold[node] = largest;
}

static void note_dropout(void *arg, int node, float before, float after)
{
    struct told *t = arg;

    str_addf(&t->dropout, "%s%s %.3g to %.3g", t->dropout.len > 0 ? ", " : "",
             t->net->node[node].name, (double)before, (double)after);
}

enum err_code recipe_curvature(struct bench *b, const struct criterion *by,
                               const struct train_settings *like,
                               struct curvature **out, struct err *err)
{
    struct progress progress = bench_progress(b);
    struct train_settings settings = *like;

    *out = NULL;
    if (!by->by_curvature)
        return ERR_OK;
    if (b->data == NULL)
        return err_set(err, ERR_STATE,
                       "by=%s needs data; `data NAME` opens some", by->name);
    settings.seed = bench_seed(b, stages_current(b->history)->step);
    *out = curvature_new(b->net, b->data, &settings, CURVATURE_STEPS, b->pool,
                         &progress, err);
    return *out == NULL ? err->code : ERR_OK;
}

enum err_code recipe_prune(struct bench *b, struct running *r, struct err *err)
{
    const struct recipe *p = r->recipe;
    struct progress progress = bench_progress(b);
    struct prune_request request = p->prune;
    struct curvature *curvature;
    struct prune_report report;
    struct told told = {.running = r, .net = b->net};
    enum err_code code;

    r->phase = "prune";
    if (recipe_curvature(b, request.by, &p->train, &curvature, err) != ERR_OK)
        return err->code;
    if (p->schedule != NULL) {
        request.rule = PRUNE_TO;
        request.amount = sparsity_at(p->schedule, r->at.from, p->to,
                                     r->at.round + 1, p->rounds);
    }
    request.round = (uint64_t)stages_current(b->history)->prunes;
    request.tell = note_threshold;
    request.tell_dropout = note_dropout;
    request.arg = &told;
    request.progress = &progress;
    request.curvature = curvature;
    code = prune_apply(b->net, &request, &report, err);
    curvature_free(curvature);
    if (code != ERR_OK)
        return code;
    bench_touched(b);
    bench_count_leaks(b);
    r->removed = (double)(report.alive_before - report.alive_after);
    if (told.dropout.len > 0)
        bench_say(b, LOG_NOTE, "dropout, for fewer weights: %s",
                  told.dropout.text);
    str_done(&told.dropout);
    if (report.layers_floored > 0)
        bench_say(b, LOG_NOTE, "floors held weights back in %d layer%s",
                  report.layers_floored, report.layers_floored == 1 ? "" : "s");
    return ERR_OK;
}
