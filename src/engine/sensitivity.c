#include "engine/sensitivity.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compress/prune.h"
#include "engine/bench.h"
#include "engine/recipe.h"
#include "engine/sheets.h"

#define LEVELS_MOST 12

const struct arg_def sensitivity_args[] = {
    {.name = "layers",
     .help = "which layers, by name; all without it",
     .type = ARG_LAYERS,
     .source = SOURCE_LAYERS},
    {.name = "levels",
     .help = "sparsities to try, as a list: 50%,80%,90%",
     .type = ARG_TEXT},
    {.name = "by", .setting = "by"},
    {0}};

struct scan {
    struct bench *b;
    struct prune_request request;
    int level_count;
    double level[LEVELS_MOST];
    struct net *net; /* the copy that is pruned */
    struct evaluator *evaluator;
    int width;     /* of the longest name */
    int done, all; /* evaluations */
};

static enum err_code read_levels(struct scan *s, const char *text,
                                 struct err *err)
{
    char *copy = mem_strdup(text), *rest, *one;
    enum err_code code = ERR_OK;

    for (one = strtok_r(copy, ",", &rest); one != NULL && code == ERR_OK;
         one = strtok_r(NULL, ",", &rest)) {
        double *level = &s->level[s->level_count];

        if (s->level_count == LEVELS_MOST)
            code = err_set(err, ERR_VALUE, "more than %d levels", LEVELS_MOST);
        else
            code = str_share(one, "levels", level, err);
        if (code == ERR_OK && (*level < 0 || *level > 1))
            code = err_set(err, ERR_VALUE, "levels wants 0%% to 100%%, got %s",
                           one);
        s->level_count += code == ERR_OK;
    }
    mem_free(copy);
    return code;
}

static bool is_chosen(const struct node *n, const char *pattern)
{
    int i;

    if (pattern != NULL && !str_match(pattern, n->name))
        return false;
    for (i = 0; i < n->param_count; i++) {
        if (n->param[i].def.prunable)
            return true;
    }
    return false;
}

static void tell(void *arg, double share)
{
    struct scan *s = arg;
    struct progress outer = bench_progress(s->b);

    progress_tell(&outer, (s->done + share) / s->all);
}

/* Accuracy with one layer pruned to a level. */
static enum err_code try_level(struct scan *s, const char *layer, double level,
                               double *accuracy, struct err *err)
{
    const struct dataset *d = s->b->data;
    struct progress progress = {
        .tell = tell, .arg = s, .cancel = job_cancel_flag(s->b->job)};
    struct prune_report report;
    struct evaluation e;

    if (net_copy_state(s->net, s->b->net, err) != ERR_OK)
        return err->code;
    s->request.layers = layer;
    s->request.amount = level;
    if (prune_apply(s->net, &s->request, &report, err) != ERR_OK ||
        evaluator_run(s->evaluator, &d->train, d->validation,
                      d->validation_count, &e, NULL, &progress, err) != ERR_OK)
        return err->code;
    s->done++;
    *accuracy = e.accuracy;
    return ERR_OK;
}

static enum err_code scan_layer(struct scan *s, const char *name,
                                struct err *err)
{
    struct str line = {0};
    enum err_code code = ERR_OK;
    int i;

    str_addf(&line, "%-*s", s->width, name);
    for (i = 0; i < s->level_count && code == ERR_OK; i++) {
        double accuracy = 0;

        code = try_level(s, name, s->level[i], &accuracy, err);
        if (code == ERR_OK)
            str_addf(&line, " %5.2f", accuracy * 100);
    }
    if (code == ERR_OK)
        bench_say(s->b, LOG_RESULT, "%s", line.text);
    str_done(&line);
    return code;
}

/* Ten levels beside a name fit into a terminal of 80 columns. */
static void say_head(struct scan *s)
{
    struct str line = {0};
    int i;

    bench_say(s->b, LOG_RESULT,
              "accuracy in %%, one layer at a time pruned to:");
    str_addf(&line, "%-*s", s->width, "layer");
    for (i = 0; i < s->level_count; i++)
        str_addf(&line, " %4.4g%%", s->level[i] * 100);
    bench_say(s->b, LOG_RESULT, "%s", line.text);
    str_done(&line);
    sheets_show_log(s->b);
}

static enum err_code scan_layers(struct scan *s, const char *pattern,
                                 struct err *err)
{
    const struct net *net = s->b->net;
    enum err_code code = ERR_OK;
    int i;

    s->width = (int)strlen("layer");
    for (i = 0; i < net->node_count; i++) {
        int length = (int)strlen(net->node[i].name);

        if (!is_chosen(&net->node[i], pattern))
            continue;
        s->all += s->level_count;
        s->width = length > s->width ? length : s->width;
    }
    if (s->all == 0)
        return err_set(err, ERR_MISSING, "no layer to prune is called \"%s\"",
                       pattern == NULL ? "*" : pattern);
    say_head(s);
    for (i = 0; i < net->node_count && code == ERR_OK; i++) {
        if (is_chosen(&net->node[i], pattern))
            code = scan_layer(s, net->node[i].name, err);
    }
    return code;
}

enum err_code sensitivity_run(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    struct scan s = {.b = b, .request = prune_defaults()};
    const char *levels = cmd_text(call, "levels");
    struct train_settings plain = train_defaults();
    struct curvature *curvature = NULL;
    enum err_code code;

    if (bench_fit(b, err) != ERR_OK ||
        read_levels(&s,
                    levels != NULL ? levels
                                   : "0%,20%,40%,50%,60%,70%,80%,90%,95%,98%",
                    err) != ERR_OK)
        return err->code;
    s.request.by = criterion_find(cmd_text(call, "by"));
    s.request.scope = SCOPE_LAYER;
    s.request.rule = PRUNE_TO;
    s.request.seed = (uint64_t)settings_number(&b->set, SET_seed);
    if (recipe_curvature(b, s.request.by, &plain, &curvature, err) != ERR_OK)
        return err->code;
    s.request.curvature = curvature;
    s.net = net_clone(b->net, err);
    if (s.net != NULL)
        s.evaluator = evaluator_new(s.net, b->data, b->pool, err);
    code = s.evaluator == NULL ? err->code
                               : scan_layers(&s, cmd_text(call, "layers"), err);
    evaluator_free(s.evaluator);
    curvature_free(curvature);
    net_free(s.net);
    return code;
}
