#include "train/exit_run.h"

#include <string.h>

#include "base/mem.h"
#include "net/exec.h"
#include "net/size.h"
#include "train/match.h"

#define BATCH 2048 /* samples between two looks at the cancel flag */

/* What both ways of running are filled from. */
struct source {
    const struct net *net;
    const struct dataset *data;
    const struct samples *samples;
    const int32_t *row; /* NULL: in order */
    int at;             /* of the batch */
};

static void fill(const struct source *s, int first, int n, float *x)
{
    int i;

    if (s->row != NULL) {
        dataset_fill(s->data, s->samples, s->row + s->at + first, n,
                     s->net->scale, s->net->offset, x);
        return;
    }
    for (i = 0; i < n; i++) {
        int32_t row = s->at + first + i;

        dataset_fill(s->data, s->samples, &row, 1, s->net->scale,
                     s->net->offset,
                     x + (size_t)i * shape_count(&s->net->input));
    }
}

static int32_t label_of(const struct source *s, int i)
{
    return s->samples->label[s->row != NULL ? s->row[s->at + i] : s->at + i];
}

/* All exits. */

struct reading {
    struct source source;
    float *logits;
};

static void reading_fill(void *arg, int first, int n, float *x)
{
    const struct reading *r = arg;

    fill(&r->source, first, n, x);
}

static double reading_head(void *arg, int shard, int first, int n,
                           const float *const *y, float *const *dy)
{
    const struct reading *r = arg;
    size_t classes = (size_t)r->source.data->classes;
    int exits = r->source.net->output_count, i, k;

    (void)shard;
    (void)dy;
    for (i = 0; i < n; i++) {
        size_t at = (size_t)(r->source.at + first + i) * (size_t)exits;

        for (k = 0; k < exits; k++)
            memcpy(r->logits + (at + (size_t)k) * classes,
                   y[k] + (size_t)i * classes, classes * sizeof(float));
    }
    return 0.0;
}

enum err_code exit_logits(struct net *net, const struct dataset *data,
                          const struct samples *s, const int32_t *row, int n,
                          struct pool *pool, float *logits,
                          const struct progress *progress, struct err *err)
{
    struct reading r = {{net, data, s, row, 0}, logits};
    struct exec_hooks hooks = {
        .fill = reading_fill, .head = reading_head, .arg = &r};
    struct exec *exec;
    int count;

    if (match_check(net, data, err) != ERR_OK)
        return err->code;
    exec = exec_new(net, n < BATCH ? n : BATCH, EXEC_EVAL, pool, err);
    if (exec == NULL)
        return err->code;
    exec_hold(exec, true);
    for (; r.source.at < n; r.source.at += count) {
        if (progress_cancelled(progress)) {
            exec_free(exec);
            return err_set(err, ERR_CANCELLED, "stopped on request");
        }
        count = n - r.source.at < BATCH ? n - r.source.at : BATCH;
        exec_run(exec, PASS_EVAL, false, count, 0, 0, &hooks);
        progress_tell(progress, (double)(r.source.at + count) / n);
    }
    exec_free(exec);
    return ERR_OK;
}

/* One after another. */

struct exit_runner {
    struct source source;
    struct exec *exec;
    int batch;
    double cost[EXIT_MAX];
    const struct exit_rule *rule;
    float *p;       /* (batch, exits, classes): what was said so far */
    int32_t *guess; /* batch */
    uint8_t *where; /* batch */
    long long *ran; /* a node */
};

struct exit_runner *exit_runner_new(struct net *net, const struct dataset *data,
                                    int batch, struct pool *pool,
                                    struct err *err)
{
    struct exit_runner *r;
    size_t n = (size_t)batch;

    if (match_check(net, data, err) != ERR_OK)
        return NULL;
    r = mem_zalloc(sizeof(*r));
    r->source.net = net;
    r->source.data = data;
    r->batch = batch;
    size_of_outputs(net, r->cost, NULL);
    r->p = mem_array(n * (size_t)net->output_count,
                     (size_t)data->classes * sizeof(*r->p));
    r->guess = mem_array(n, sizeof(*r->guess));
    r->where = mem_array(n, sizeof(*r->where));
    r->ran = mem_array((size_t)net->node_count, sizeof(*r->ran));
    r->exec = exec_new(net, batch, EXEC_STAGED, pool, err);
    if (r->exec == NULL) {
        exit_runner_free(r);
        return NULL;
    }
    return r;
}

void exit_runner_free(struct exit_runner *r)
{
    if (r == NULL)
        return;
    exec_free(r->exec);
    mem_free(r->p);
    mem_free(r->guess);
    mem_free(r->where);
    mem_free(r->ran);
    mem_free(r);
}

static void runner_fill(void *arg, int first, int n, float *x)
{
    const struct exit_runner *r = arg;

    fill(&r->source, first, n, x);
}

static int32_t largest(const float *p, int classes)
{
    int best = 0, c;

    for (c = 1; c < classes; c++) {
        if (p[c] > p[best])
            best = c;
    }
    return best;
}

/* No label comes near this. */
static void runner_leave(void *arg, int at, int n, const int32_t *sample,
                         const float *y, uint8_t *stay)
{
    struct exit_runner *r = arg;
    int classes = r->source.data->classes, i;
    int exits = r->source.net->output_count;

    for (i = 0; i < n; i++) {
        float *p = r->p + (size_t)sample[i] * (size_t)exits * (size_t)classes;
        float *here = p + (size_t)at * (size_t)classes;

        exit_probabilities(y + (size_t)i * (size_t)classes, classes,
                           r->rule->temperature[at], here);
        stay[i] = at < exits - 1 &&
                  !exit_leaves(r->rule->by, r->rule->by->score(p, at, classes),
                               r->rule->threshold[at]);
        if (stay[i])
            continue;
        r->guess[sample[i]] = largest(here, classes);
        r->where[sample[i]] = (uint8_t)at;
    }
}

static void note(struct exit_runner *r, int n, struct exit_run *out,
                 int32_t *guess, uint8_t *where)
{
    int i;

    for (i = 0; i < n; i++) {
        int at = r->where[i];
        bool right = r->guess[i] == label_of(&r->source, i);

        out->left[at]++;
        out->right[at] += right;
        out->hits += right;
        out->counted += r->cost[at];
        if (guess != NULL)
            guess[r->source.at + i] = r->guess[i];
        if (where != NULL)
            where[r->source.at + i] = r->where[i];
    }
    out->macs += exec_macs(r->exec);
    for (i = 0; i < r->source.net->node_count; i++)
        r->ran[i] += exec_ran(r->exec, i);
}

enum err_code exit_runner_run(struct exit_runner *r, const struct samples *s,
                              const int32_t *row, int n,
                              const struct exit_rule *rule,
                              struct exit_run *out, int32_t *guess,
                              uint8_t *where, const struct progress *progress,
                              struct err *err)
{
    const struct exec_stages stages = {
        .fill = runner_fill, .leave = runner_leave, .arg = r};
    int count;

    *out = (struct exit_run){.n = n};
    r->rule = rule;
    r->source.samples = s;
    r->source.row = row;
    memset(r->ran, 0, (size_t)r->source.net->node_count * sizeof(*r->ran));
    exec_hold(r->exec, true);
    for (r->source.at = 0; r->source.at < n; r->source.at += count) {
        if (progress_cancelled(progress))
            break;
        count = n - r->source.at < r->batch ? n - r->source.at : r->batch;
        exec_run_staged(r->exec, count, &stages);
        note(r, count, out, guess, where);
    }
    exec_hold(r->exec, false);
    if (r->source.at < n)
        return err_set(err, ERR_CANCELLED, "stopped on request");
    progress_tell(progress, 1.0);
    return ERR_OK;
}

long long exit_runner_ran(const struct exit_runner *r, int node)
{
    return r->ran[node];
}
