/* Going back, naming, comparing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/bench.h"
#include "engine/sheets.h"

static enum err_code go(struct bench *b, int id, struct err *err)
{
    const struct stage *s;

    if (bench_go(b, id, err) != ERR_OK)
        return err->code;
    s = stages_current(b->history);
    bench_say(b, LOG_RESULT, "at stage %d: %s", id, s->text);
    bench_say_stage(b, s);
    return ERR_OK;
}

static enum err_code run_undo(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    int id = stages_undo(b->history);

    (void)call;
    if (id < 0)
        return err_set(err, ERR_STATE,
                       "nothing to undo: stage %d is an opened net",
                       b->history->current);
    return go(b, id, err);
}

static enum err_code run_redo(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    int id = stages_redo(b->history);

    (void)call;
    if (id < 0)
        return err_set(err, ERR_STATE,
                       "nothing to redo: no stage follows stage %d",
                       b->history->current);
    return go(b, id, err);
}

static enum err_code run_goto(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    int id;

    if (stages_find(b->history, cmd_text(call, "stage"), &id, err) != ERR_OK)
        return err->code;
    return go(b, id, err);
}

static enum err_code run_mark(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    const char *name = cmd_text(call, "name");

    if (stages_name(b->history, name, err) != ERR_OK)
        return err->code;
    stages_mark(b->history, name, b->history->current);
    sheets_mark(b->sheets, SHEET_HISTORY);
    bench_say(b, LOG_RESULT, "stage %d is called \"%s\"", b->history->current,
              name);
    return ERR_OK;
}

static enum err_code run_branch(struct bench *b, const struct cmd_call *call,
                                struct err *err)
{
    const char *name = cmd_text(call, "name");

    if (stages_name(b->history, name, err) != ERR_OK)
        return err->code;
    mem_free(b->history->next_branch);
    b->history->next_branch = mem_strdup(name);
    bench_say(b, LOG_RESULT,
              "what follows stage %d is branch \"%s\"; `goto %s` will be its"
              " newest stage",
              b->history->current, name, name);
    return ERR_OK;
}

/* compare */

static int64_t count_alive(const struct param *p, const struct param *q)
{
    int64_t n = 0;
    size_t i;

    for (i = 0; i < p->count; i++)
        n += (p->mask == NULL || p->mask[i] != 0) &&
             (q->mask == NULL || q->mask[i] != 0);
    return n;
}

/* Whether the weights of two layers face one another. */
static bool same_shapes(const struct node *x, const struct node *y)
{
    int k;

    if (x->kind != y->kind || x->param_count != y->param_count)
        return false;
    for (k = 0; k < x->param_count; k++) {
        if (!shape_equal(&x->param[k].def.shape, &y->param[k].def.shape))
            return false;
    }
    return true;
}

static void count_side(const struct node *n, long long *weights,
                       long long *alive)
{
    int k;

    for (k = 0; n != NULL && k < n->param_count; k++) {
        const struct param *p = &n->param[k];

        if (!p->def.prunable)
            continue;
        *weights += (long long)p->count;
        *alive += count_alive(p, p);
    }
}

/* How far the weights of y are from those of x, where both face one another. */
static void compare_weights(const struct node *x, const struct node *y,
                            struct compare_row *row)
{
    double apart = 0, length = 0;
    size_t i;
    int k;

    for (k = 0; k < x->param_count; k++) {
        const struct param *p = &x->param[k], *q = &y->param[k];

        if (!p->def.prunable)
            continue;
        row->both += count_alive(p, q);
        for (i = 0; i < p->count; i++) {
            double d = (double)p->value[i] - (double)q->value[i];

            apart += d * d;
            length += (double)p->value[i] * (double)p->value[i];
        }
    }
    row->distance = length > 0 ? sqrt(apart / length) : 0;
}

/* x or y is NULL where a net has no such layer.  False: it has no weights. */
static bool compare_nodes(const char *name, const struct node *x,
                          const struct node *y, struct compare_row *row)
{
    *row = (struct compare_row){.distance = (double)NAN};
    count_side(x, &row->weights, &row->alive_a);
    count_side(y, &row->weights_b, &row->alive_b);
    snprintf(row->name, sizeof(row->name), "%s", name);
    row->same = x != NULL && y != NULL && same_shapes(x, y);
    if (row->same)
        compare_weights(x, y, row);
    return row->weights + row->weights_b > 0;
}

static const struct node *node_named(const struct net *net, const char *name)
{
    int i = net_find(net, name);

    return i >= 0 ? &net->node[i] : NULL;
}

/* A row for every layer that has prunable weights in either, by name. */
static int compare_layers(const struct net *a, const struct net *c,
                          struct compare_row *rows)
{
    int count = 0, i;

    for (i = 0; i < a->node_count; i++) {
        const char *name = a->node[i].name;

        count +=
            compare_nodes(name, &a->node[i], node_named(c, name), &rows[count]);
    }
    for (i = 0; i < c->node_count; i++) {
        const char *name = c->node[i].name;

        if (net_find(a, name) < 0)
            count += compare_nodes(name, NULL, &c->node[i], &rows[count]);
    }
    return count;
}

/* What the stage's net makes of the validation set; the bench is not moved. */
static enum err_code guess(struct bench *b, int id, int32_t *to,
                           struct err *err)
{
    const struct dataset *d = b->data;
    struct progress progress = bench_progress(b);
    struct eval_details more = {.guess = to};
    struct evaluator *e = NULL;
    struct evaluation result;
    const struct net *lent;
    struct net *net = NULL;
    enum err_code code = stages_net(b->history, id, &lent, err);

    if (code == ERR_OK) {
        net = net_clone(lent, err);
        e = net == NULL ? NULL : evaluator_new(net, d, b->pool, err);
        code = e == NULL ? err->code
                         : evaluator_run(e, &d->train, d->validation,
                                         d->validation_count, &result, &more,
                                         &progress, err);
    }
    evaluator_free(e);
    net_free(net);
    return code;
}

static enum err_code compare_guesses(struct bench *b, int id_a, int id_b,
                                     struct compare_sheet *s, struct err *err)
{
    const struct dataset *d = b->data;
    size_t n = (size_t)d->validation_count, i;
    int32_t *a = mem_array(n, sizeof(a[0])), *c = mem_array(n, sizeof(c[0]));
    enum err_code code = guess(b, id_a, a, err);

    if (code == ERR_OK)
        code = guess(b, id_b, c, err);
    for (i = 0; i < n && code == ERR_OK; i++) {
        int32_t label = d->train.label[d->validation[i]];

        s->only_a += a[i] == label && c[i] != label;
        s->only_b += a[i] != label && c[i] == label;
    }
    mem_free(a);
    mem_free(c);
    return code;
}

static void say_side(struct bench *b, int stage, double accuracy,
                     double sparsity)
{
    if (accuracy < 0)
        bench_say(b, LOG_RESULT, "stage %d: accuracy unknown, sparsity %.2f %%",
                  stage, sparsity * 100);
    else
        bench_say(b, LOG_RESULT, "stage %d: accuracy %.2f %%, sparsity %.2f %%",
                  stage, accuracy * 100, sparsity * 100);
}

static void say_layer(struct bench *b, const struct compare_row *r)
{
    char a[32] = "-", c[32] = "-", both[32] = "-", distance[32] = "-";

    if (r->weights > 0)
        str_commas(r->alive_a, a, sizeof(a));
    if (r->weights_b > 0)
        str_commas(r->alive_b, c, sizeof(c));
    if (r->same) {
        str_commas(r->both, both, sizeof(both));
        snprintf(distance, sizeof(distance), "%.4f", r->distance);
    }
    bench_say(b, LOG_RESULT, "%-16s %10s %10s %10s %9s", r->name, a, c, both,
              distance);
}

static void say_comparison(struct bench *b, const struct compare_sheet *s)
{
    int i;

    say_side(b, s->a, s->accuracy_a, s->sparsity_a);
    say_side(b, s->b, s->accuracy_b, s->sparsity_b);
    bench_say(b, LOG_RESULT, "%-16s %10s %10s %10s %9s", "layer", "alive a",
              "alive b", "in both", "distance");
    for (i = 0; i < s->count; i++)
        say_layer(b, &s->row[i]);
    for (i = 0; i < s->count && s->row[i].same; i++)
        ;
    if (i < s->count)
        bench_say(b, LOG_NOTE,
                  "in layers of different shapes no weight has "
                  "its like in the other net");
    if (s->only_a >= 0)
        bench_say(b, LOG_RESULT,
                  "right only at %d: %d, only at %d: %d; McNemar %.2f, %s",
                  s->a, s->only_a, s->b, s->only_b, s->mcnemar,
                  s->mcnemar > 3.84 ? "significant at 5 %"
                                    : "not significant at 5 %");
}

static void fill_sides(const struct bench *b, int id_a, int id_b,
                       struct compare_sheet *s)
{
    const struct stage *a = b->history->stage[id_a];
    const struct stage *c = b->history->stage[id_b];

    s->a = id_a;
    s->b = id_b;
    snprintf(s->text_a, sizeof(s->text_a), "%s", a->text);
    snprintf(s->text_b, sizeof(s->text_b), "%s", c->text);
    s->accuracy_a = score_accuracy(&a->after);
    s->accuracy_b = score_accuracy(&c->after);
    s->sparsity_a = size_sparsity(&a->size);
    s->sparsity_b = size_sparsity(&c->size);
}

/* stages_net lends one net at a time, so one side is copied. */
static enum err_code fill_layers(struct bench *b, int id_a, int id_b,
                                 struct compare_sheet *s, struct err *err)
{
    const struct net *lent;
    struct compare_row *rows;
    struct net *a = NULL;
    enum err_code code = stages_net(b->history, id_a, &lent, err);

    if (code == ERR_OK) {
        a = net_clone(lent, err);
        code = a == NULL ? err->code : stages_net(b->history, id_b, &lent, err);
    }
    if (code == ERR_OK) {
        rows = sheet_array(s, (size_t)(a->node_count + lent->node_count) + 1,
                           sizeof(rows[0]));
        s->count = compare_layers(a, lent, rows);
        s->row = rows;
    }
    net_free(a);
    return code;
}

static enum err_code run_compare(struct bench *b, const struct cmd_call *call,
                                 struct err *err)
{
    struct compare_sheet *s;
    struct err fit;
    int id_a, id_b;

    if (stages_find(b->history, cmd_text(call, "a"), &id_a, err) != ERR_OK ||
        stages_find(b->history, cmd_text(call, "b"), &id_b, err) != ERR_OK)
        return err->code;
    s = sheet_new(SHEET_COMPARE);
    if (fill_layers(b, id_a, id_b, s, err) != ERR_OK)
        goto fail;
    s->only_a = s->only_b = -1;
    if (bench_fit(b, &fit) == ERR_OK) {
        s->only_a = s->only_b = 0;
        if (compare_guesses(b, id_a, id_b, s, err) != ERR_OK)
            goto fail;
        s->mcnemar = eval_mcnemar(s->only_a, s->only_b);
    }
    fill_sides(b, id_a, id_b, s);
    say_comparison(b, s);
    board_publish(b->board, s);
    sheets_show(b, "history compare");
    return ERR_OK;
fail:
    sheet_drop(s);
    return err->code;
}

/* history */

static void say_row(struct bench *b, const struct history_row *r)
{
    struct str line = {0};

    str_addf(&line, "%c %3d %*s%-*s %6.2f %%", r->current ? '>' : ' ', r->id,
             r->lane * 2, "", 36 - r->lane * 2, r->text, r->sparsity * 100);
    if (r->accuracy >= 0)
        str_addf(&line, " %8.2f %%", r->accuracy * 100);
    if (r->name[0] != '\0')
        str_addf(&line, "  %s", r->name);
    bench_say(b, LOG_RESULT, "%s", line.text);
    str_done(&line);
}

static enum err_code run_history(struct bench *b, const struct cmd_call *call,
                                 struct err *err)
{
    struct history_sheet *s = stages_sheet(b->history, b->data_number);
    int i;

    (void)call;
    (void)err;
    bench_say(b, LOG_RESULT, "  %3s %-36s %8s %10s", "", "stage", "sparsity",
              "accuracy");
    for (i = 0; i < s->count; i++)
        say_row(b, &s->row[i]);
    sheet_drop(s);
    sheets_show(b, "history");
    return ERR_OK;
}

static const struct arg_def stage_args[] = {
    {.name = "stage",
     .help = "number, mark, branch, or dense",
     .type = ARG_STAGE,
     .source = SOURCE_STAGES,
     .word = true,
     .required = true},
    {0}};

static const struct arg_def name_args[] = {{.name = "name",
                                            .help = "a new name",
                                            .type = ARG_TEXT,
                                            .word = true,
                                            .required = true},
                                           {0}};

static const struct arg_def compare_args[] = {{.name = "a",
                                               .help = "a stage",
                                               .type = ARG_STAGE,
                                               .source = SOURCE_STAGES,
                                               .word = true,
                                               .required = true},
                                              {.name = "b",
                                               .help = "another stage",
                                               .type = ARG_STAGE,
                                               .source = SOURCE_STAGES,
                                               .word = true,
                                               .required = true},
                                              {0}};

const struct cmd_row time_commands[] = {
    {.name = "undo",
     .usage = "",
     .help = "back to the stage before",
     .flags = CMD_NEEDS_NET | CMD_RECORDED,
     .run = run_undo},
    {.name = "redo",
     .usage = "",
     .help = "forward again to the stage that was undone",
     .flags = CMD_NEEDS_NET | CMD_RECORDED,
     .run = run_redo},
    {.name = "goto",
     .usage = "STAGE",
     .help = "to any stage of the history",
     .more = "A stage is named by its number, by a mark, by a branch (its "
             "newest stage), or by dense: the last one before pruning began.",
     .args = {stage_args},
     .flags = CMD_NEEDS_NET | CMD_RECORDED,
     .run = run_goto},
    {.name = "mark",
     .usage = "NAME",
     .help = "give the current stage a name",
     .args = {name_args},
     .flags = CMD_NEEDS_NET | CMD_RECORDED,
     .run = run_mark},
    {.name = "branch",
     .usage = "NAME",
     .help = "give the line of work that starts here a name",
     .args = {name_args},
     .flags = CMD_NEEDS_NET | CMD_RECORDED,
     .run = run_branch},
    {.name = "compare",
     .usage = "STAGE STAGE",
     .help = "two stages, layer by layer and sample by sample",
     .more = "Survivors that both share, the distance of the weights, and "
             "McNemar's test on the validation samples that only one gets "
             "right.",
     .args = {compare_args},
     .flags = CMD_NEEDS_NET | CMD_JOB | CMD_RECORDED,
     .run = run_compare},
    {.name = "history",
     .usage = "",
     .help = "all stages",
     .flags = CMD_NEEDS_NET | CMD_STEERS,
     .run = run_history},
    {0}};
