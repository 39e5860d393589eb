#include "engine/exits.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define NEVER         "never"
#define COURSE_POINTS 256

struct exits *exits_new(void)
{
    struct exits *e = mem_zalloc(sizeof(*e));

    e->rule = exit_rule_make(&exit_criteria[0], exit_criteria[0].usual);
    return e;
}

static void empty(struct exit_cache *c)
{
    mem_free(c->logits);
    mem_free(c->label);
    *c = (struct exit_cache){0};
}

void exits_free(struct exits *e)
{
    if (e == NULL)
        return;
    empty(&e->cache);
    mem_free(e->ladder.point);
    mem_free(e->now.point);
    mem_free(e->before.point);
    mem_free(e);
}

const char *exits_name(const struct net *net, int at)
{
    int softmax = net_softmax_of(net, at);
    int node = softmax < 0 ? net->output[at] : net->node[softmax].in[0];

    return node < 0 ? net->name : net->node[node].name;
}

enum err_code exits_need(const struct bench *b, struct err *err)
{
    if (bench_fit(b, err) != ERR_OK)
        return err->code;
    if (b->net->output_count < 2)
        return err_set(err, ERR_STATE,
                       "\"%s\" has one classifier only; `exit add "
                       "after=LAYER` puts another behind a layer",
                       b->net->name);
    return ERR_OK;
}

static bool is_fresh(const struct bench *b, int n)
{
    const struct exit_cache *c = &b->exits->cache;

    return c->logits != NULL && c->weights == b->weights &&
           c->data == b->data_number && c->n >= n &&
           c->exits == b->net->output_count;
}

enum err_code exits_fill(struct bench *b, int most, struct err *err)
{
    const struct dataset *d = b->data;
    struct progress progress = bench_progress(b);
    int n = d->validation_count, i;
    struct exit_cache c = {.weights = b->weights,
                           .data = b->data_number,
                           .exits = b->net->output_count,
                           .classes = d->classes};

    if (most > 0 && most < n)
        n = most;
    if (is_fresh(b, n))
        return ERR_OK;
    c.n = n;
    c.logits = mem_array((size_t)n * (size_t)c.exits,
                         (size_t)c.classes * sizeof(*c.logits));
    c.label = mem_array((size_t)n, sizeof(*c.label));
    if (exit_logits(b->net, d, &d->train, d->validation, n, b->pool, c.logits,
                    &progress, err) != ERR_OK) {
        empty(&c);
        return err->code;
    }
    for (i = 0; i < n; i++)
        c.label[i] = d->train.label[d->validation[i]];
    empty(&b->exits->cache);
    b->exits->cache = c;
    return ERR_OK;
}

void exits_table(const struct bench *b, struct exit_table *t)
{
    const struct exit_cache *c = &b->exits->cache;

    exit_table_make(t, c->logits, c->label, c->n, c->exits, c->classes,
                    &b->exits->rule);
}

void exits_take(struct bench *b, const struct exit_rule *rule, int made_for)
{
    b->exits->rule = *rule;
    b->exits->made_for = made_for;
    b->exits->number++;
}

void exits_remember(struct bench *b, const struct exit_table *t,
                    const double *cost)
{
    struct exits *e = b->exits;
    struct exit_course c = {.stage = b->history->current,
                            .data = b->data_number};

    c.point = mem_array(COURSE_POINTS, sizeof(*c.point));
    c.count = exits_sweep(t, cost, c.point, COURSE_POINTS);
    if (e->now.count > 0 && e->now.stage != c.stage) {
        mem_free(e->before.point);
        e->before = e->now;
        e->now.point = NULL;
    }
    mem_free(e->now.point);
    e->now = c;
}

void exits_fit_rule(struct bench *b)
{
    struct exits *e = b->exits;
    struct exit_rule usual;

    if (e->made_for == 0 || e->made_for == b->net->output_count)
        return;
    usual = exit_rule_make(e->rule.by, e->rule.by->usual);
    exits_take(b, &usual, 0);
}

/* As text. */

static void print_list(const char *name, const double *value, int n,
                       struct str *out)
{
    char number[48];
    int i;

    for (i = 0; i < n; i++)
        str_addf(out, "%s%s", i == 0 ? name : ",",
                 isinf(value[i]) ? NEVER
                                 : arg_number_text(ARG_REAL, value[i], number,
                                                   sizeof(number)));
}

void exits_print_rule(const struct exits *e, struct str *out)
{
    int n = e->made_for > 0 ? e->made_for : 1;

    str_addf(out, "by=%s", e->rule.by->name);
    print_list(" threshold=", e->rule.threshold, n > 1 ? n - 1 : 1, out);
    print_list(" temperature=", e->rule.temperature, n, out);
}

enum err_code exits_read_list(const char *text, const char *what,
                              const struct exit_criterion *by, int exits,
                              double *out, int *count, struct err *err)
{
    char one[64];
    int n = 0, i;

    while (n < EXIT_MAX) {
        size_t len = strcspn(text, ",");

        snprintf(one, sizeof(one), "%.*s", (int)len, text);
        if (strcmp(one, NEVER) == 0)
            out[n] = exit_never(by);
        else if (str_double(one, what, &out[n], err) != ERR_OK)
            return err->code;
        n++;
        text += len;
        if (*text++ == '\0')
            break;
        if (n == EXIT_MAX)
            return err_set(err, ERR_VALUE, "%s wants at most %d numbers", what,
                           EXIT_MAX);
    }
    if (exits > 0 && n != 1 && n != exits - 1)
        return err_set(err, ERR_VALUE,
                       "%s wants one number for all, or %d (the last exit "
                       "always answers), got %d",
                       what, exits - 1, n);
    for (i = n; i < EXIT_MAX; i++)
        out[i] = out[n - 1];
    *count = n;
    return ERR_OK;
}

enum err_code exits_read_rule(struct bench *b, const char *by,
                              const char *threshold, const char *temperature,
                              int made_for, struct err *err)
{
    struct exit_rule rule = {.by = exit_criterion_find(by)};
    int count;

    if (rule.by == NULL)
        return err_set(err, ERR_VALUE, "no exit criterion \"%s\"", by);
    if (exits_read_list(threshold, "threshold", rule.by, 0, rule.threshold,
                        &count, err) != ERR_OK ||
        exits_read_list(temperature, "temperature", rule.by, 0,
                        rule.temperature, &count, err) != ERR_OK)
        return err->code;
    exits_take(b, &rule, made_for);
    return ERR_OK;
}
