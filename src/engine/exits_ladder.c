/* `exits ladder`: separate nets of growing size, tried in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/exits.h"

#define POINTS 256

/* The ladder on its way: rungs by cost, outputs as if of one net's exits. */
struct rungs {
    struct bench *b;
    int count;
    int stage[LADDER_MOST];
    double alone[LADDER_MOST];
    float *logits; /* (n, rungs, classes) */
    int32_t *label;
    int n;
};

static double cost_of(const struct net *net)
{
    double alone[EXIT_MAX];

    size_of_outputs(net, NULL, alone);
    return alone[net->output_count - 1];
}

/* By cost, the cheapest first. */
static void insert(struct rungs *r, int stage, double cost)
{
    int i = r->count++;

    for (; i > 0 && r->alone[i - 1] > cost; i--) {
        r->stage[i] = r->stage[i - 1];
        r->alone[i] = r->alone[i - 1];
    }
    r->stage[i] = stage;
    r->alone[i] = cost;
}

static enum err_code find_rungs(struct rungs *r, const char *stages,
                                struct err *err)
{
    char *copy = mem_strdup(stages), *rest, *one;
    enum err_code code = ERR_OK;

    for (one = strtok_r(copy, ",", &rest); one != NULL && code == ERR_OK;
         one = strtok_r(NULL, ",", &rest)) {
        const struct net *net;
        int id;

        if (r->count == LADDER_MOST)
            code = err_set(err, ERR_VALUE, "a ladder has at most %d nets",
                           LADDER_MOST);
        else
            code = stages_find(r->b->history, one, &id, err);
        if (code == ERR_OK)
            code = stages_net(r->b->history, id, &net, err);
        if (code == ERR_OK)
            insert(r, id, cost_of(net));
    }
    mem_free(copy);
    if (code == ERR_OK && r->count < 2)
        code = err_set(err, ERR_VALUE,
                       "a ladder wants two nets or more: stages=A,B,…");
    return code;
}

/* The last exit of one net into its place among the rungs. */
static enum err_code ask_rung(struct rungs *r, int at, struct err *err)
{
    struct bench *b = r->b;
    const struct dataset *d = b->data;
    struct progress progress = bench_progress(b);
    size_t classes = (size_t)d->classes, i;
    const struct net *net;
    struct net *clone, plain;
    enum err_code code;
    float *one;

    if (stages_net(b->history, r->stage[at], &net, err) != ERR_OK)
        return err->code;
    clone = net_clone(net, err);
    if (clone == NULL)
        return err->code;
    plain = *clone;
    plain.output += clone->output_count - 1;
    plain.output_count = 1;
    one = mem_array((size_t)r->n * classes, sizeof(*one));
    code = exit_logits(&plain, d, &d->train, d->validation, r->n, b->pool, one,
                       &progress, err);
    for (i = 0; i < (size_t)r->n; i++)
        memcpy(r->logits + (i * (size_t)r->count + (size_t)at) * classes,
               one + i * classes, classes * sizeof(*one));
    mem_free(one);
    net_free(clone);
    return code;
}

static void keep(struct rungs *r, const struct exit_table *t)
{
    struct exit_ladder *l = &r->b->exits->ladder;
    double cost = 0;
    int i;

    mem_free(l->point);
    *l = (struct exit_ladder){.count = r->count, .data = r->b->data_number};
    for (i = 0; i < r->count; i++) {
        const struct stage *s = stages_at(r->b->history, r->stage[i]);
        struct str names = {0};

        stages_names(r->b->history, s->id, &names);
        if (names.len > 0)
            snprintf(l->name[i], NAME_SIZE, "%s", names.text);
        else
            snprintf(l->name[i], NAME_SIZE, "%d", s->id);
        str_done(&names);
        cost += r->alone[i];
        l->cost[i] = cost;
        l->alone[i] = r->alone[i];
        l->accuracy[i] = exits_alone(t, i);
    }
    l->point = mem_array(POINTS, sizeof(*l->point));
    l->point_count = exits_sweep(t, l->cost, l->point, POINTS);
}

/* The cascade at the criterion's usual threshold. */
static void say_cascade(struct bench *b, const struct exit_table *t,
                        const struct exit_rule *rule)
{
    const struct exit_ladder *l = &b->exits->ladder;
    struct exit_result r;
    char macs[32];

    exits_apply(t, rule->threshold, l->cost, &r, NULL);
    bench_say(b, LOG_RESULT,
              "in turn, by %s %s %.4g: accuracy %.2f %%  mean %s MACs, %.1f %% "
              "of the largest alone",
              rule->by->name, rule->by->falling ? "below" : "of at least",
              rule->by->usual, r.accuracy * 100,
              str_commas((long long)r.cost, macs, sizeof(macs)),
              100 * r.cost / l->alone[l->count - 1]);
}

static void say(struct bench *b)
{
    const struct exit_ladder *l = &b->exits->ladder;
    char macs[32], sum[32];
    int i;

    for (i = 0; i < l->count; i++)
        bench_say(b, LOG_RESULT,
                  "%-16s %12s MACs  alone %.2f %%  %s when asked in turn",
                  l->name[i], str_commas((long long)l->alone[i], macs, 32),
                  l->accuracy[i] * 100,
                  str_commas((long long)l->cost[i], sum, 32));
}

enum err_code exits_compare_ladder(struct bench *b, const char *stages,
                                   struct err *err)
{
    const struct exit_criterion *by = b->exits->rule.by;
    struct exit_rule rule = exit_rule_make(by, by->usual);
    struct rungs r = {.b = b, .n = b->data->validation_count};
    struct exit_table t;
    enum err_code code = find_rungs(&r, stages, err);
    int i;

    if (code != ERR_OK)
        return code;
    r.logits = mem_array((size_t)r.n * (size_t)r.count,
                         (size_t)b->data->classes * sizeof(*r.logits));
    r.label = mem_array((size_t)r.n, sizeof(*r.label));
    for (i = 0; i < r.n; i++)
        r.label[i] = b->data->train.label[b->data->validation[i]];
    for (i = 0; i < r.count && code == ERR_OK; i++)
        code = ask_rung(&r, i, err);
    if (code == ERR_OK) {
        exit_table_make(&t, r.logits, r.label, r.n, r.count, b->data->classes,
                        &rule);
        keep(&r, &t);
        say(b);
        say_cascade(b, &t, &rule);
        exit_table_done(&t);
    }
    mem_free(r.logits);
    mem_free(r.label);
    return code;
}
