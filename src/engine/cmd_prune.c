/* Pruning: one cut, one round, many rounds. */
#include <string.h>

#include "base/mem.h"
#include "compress/shrink.h"
#include "engine/recipe.h"
#include "engine/sensitivity.h"

static enum err_code run_prune(struct bench *b, const struct cmd_call *call,
                               struct err *err)
{
    struct recipe p = {0};
    enum err_code code = recipe_take_pruning(&p, call, &b->set, err);

    if (code == ERR_OK)
        code = recipe_run(b, &p, err);
    recipe_done(&p);
    return code;
}

static enum err_code run_reestimate(struct bench *b,
                                    const struct cmd_call *call,
                                    struct err *err)
{
    struct progress progress = bench_progress(b);
    struct err why;
    struct stage *s = NULL;

    if (bench_fit(b, err) == ERR_OK &&
        train_reestimate(b->net, b->data,
                         (int)settings_number(&b->set, SET_batch),
                         (int)cmd_number(call, "batches"),
                         bench_seed(b, stages_current(b->history)->step),
                         b->pool, &progress, err) == ERR_OK)
        s = bench_stage(b, "reestimate", err);
    if (s == NULL) {
        why = *err;
        bench_restore(b);
        *err = why;
        return err->code;
    }
    if (bench_score(b, &s->after, err) != ERR_OK)
        s->after = (struct score){0};
    bench_say_stage(b, s);
    return ERR_OK;
}

static enum err_code take_round(struct recipe *p, struct bench *b,
                                const struct cmd_call *call, struct err *err)
{
    p->finetunes = true;
    if (recipe_take_pruning(p, call, &b->set, err) != ERR_OK ||
        recipe_take_training(p, call, &b->set, err) != ERR_OK)
        return err->code;
    p->reestimate = (int)cmd_number(call, "reestimate");
    return ERR_OK;
}

static enum err_code run_step(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    struct recipe p = {0};
    enum err_code code = take_round(&p, b, call, err);

    if (code == ERR_OK)
        code = recipe_run(b, &p, err);
    recipe_done(&p);
    return code;
}

/* A condition must be answerable before hours are spent on the way to it. */
static enum err_code take_condition(struct bench *b, const char *text,
                                    bool *has, struct expr *out,
                                    struct err *err)
{
    bool ignored;

    if (text == NULL)
        return ERR_OK;
    *has = true;
    if (expr_parse(text, true, out, err) != ERR_OK)
        return err->code;
    return expr_holds(out, b, &ignored, NULL, 0, err);
}

static enum err_code take_schedule(struct recipe *p,
                                   const struct cmd_call *call, struct err *err)
{
    const char *name = cmd_text(call, "schedule");

    if (name == NULL && !cmd_given(call, "to"))
        return ERR_OK;
    if (!cmd_given(call, "to"))
        return err_set(err, ERR_USAGE,
                       "schedule=%s wants to=SPARSITY, where it ends", name);
    p->schedule = sparsity_schedule_find(name == NULL ? "survivors" : name);
    p->to = cmd_number(call, "to");
    return ERR_OK;
}

static enum err_code run_iterate(struct bench *b, const struct cmd_call *call,
                                 struct err *err)
{
    struct recipe p = {0};
    enum err_code code = take_round(&p, b, call, err);

    p.rounds = (int)cmd_number(call, "rounds");
    if (code == ERR_OK)
        code = take_schedule(&p, call, err);
    if (code == ERR_OK)
        code = take_condition(b, cmd_text(call, "until"), &p.has_until,
                              &p.until, err);
    if (code == ERR_OK)
        code = take_condition(b, cmd_text(call, "while"), &p.has_hold, &p.hold,
                              err);
    if (code == ERR_OK)
        code = recipe_run(b, &p, err);
    recipe_done(&p);
    return code;
}

static void say_shrunk(struct bench *b, const struct shrink_report *r)
{
    char before[32], after[32];

    bench_say(b, LOG_RESULT, "%d of %d units stay; parameters: %s of %s",
              r->units_after, r->units_before,
              str_commas(r->params_after, after, sizeof(after)),
              str_commas(r->params_before, before, sizeof(before)));
}

static enum err_code run_shrink(struct bench *b, const struct cmd_call *call,
                                struct err *err)
{
    struct shrink_report report;
    struct net *small = shrink_net(b->net, &report, err);
    struct stage *s;

    (void)call;
    if (small == NULL)
        return err->code;
    if (report.params_after == report.params_before) {
        net_free(small);
        return err_set(err, ERR_VALUE,
                       "every unit has a use: prune with row_floor=no until "
                       "some have lost all their weights");
    }
    s = bench_change_net(b, small, "shrink", err);
    if (s == NULL)
        return err->code;
    if (b->data != NULL && bench_score(b, &s->after, err) != ERR_OK)
        s->after = (struct score){0};
    say_shrunk(b, &report);
    bench_say_stage(b, s);
    return ERR_OK;
}

static const struct arg_def reestimate_args[] = {
    {.name = "batches", .word = true, .setting = "reestimate"}, {0}};

static const struct arg_def round_args[] = {
    {.name = "reestimate", .setting = "reestimate"}, {0}};

/* Rounds come first, so that their number is the first word. */
static const struct arg_def iterate_args[] = {
    {.name = "rounds", .word = true, .setting = "rounds"},
    {.name = "schedule",
     .help = "course of the sparsity over the rounds, up to to=",
     .type = ARG_WORD,
     .source = SOURCE_SCHEDULES},
    {.name = "until",
     .help = "end with the round after which this holds: until=acc<97.5%",
     .type = ARG_EXPR,
     .source = SOURCE_METRICS},
    {.name = "while",
     .help = "go on while this holds, and back by the round that broke it",
     .type = ARG_EXPR,
     .source = SOURCE_METRICS},
    {.name = "reestimate", .setting = "reestimate"},
    {0}};

const struct cmd_row prune_commands[] = {
    {.name = "prune",
     .usage = "[20%] [to=90%] [std=1.5] [by=WORD] [scope=layer|global]"
              " [layers=PATTERN]",
     .help = "take weights away",
     .more = "A share is one of the weights still alive.  Ties are cut by "
             "position, so counts are exact.  Floors keep every layer from "
             "dying.",
     .args = {prune_args},
     .flags = CMD_NEEDS_NET | CMD_JOB | CMD_RECORDED,
     .run = run_prune},
    {.name = "reestimate",
     .usage = "[N]",
     .help = "re-estimate the statistics of batch norm from N mini-batches",
     .more = "Ranges of quantised activations come along, where they follow.",
     .args = {reestimate_args},
     .flags = CMD_NEEDS_NET | CMD_NEEDS_DATA | CMD_JOB | CMD_RECORDED,
     .run = run_reestimate},
    {.name = "shrink",
     .usage = "",
     .help = "remove neurons and filters that pruning left without use",
     .more = "Those that nobody reads go, and those to which no weight leads; "
             "what such a constant gave is added to the biases of its "
             "readers, so the smaller net computes the same.  Arrays become "
             "smaller for real, which any matrix product is faster with.",
     .flags = CMD_NEEDS_NET | CMD_JOB | CMD_RECORDED,
     .run = run_shrink},
    {.name = "sensitivity",
     .usage = "[layers=PATTERN] [levels=50%,80%,…] [by=WORD]",
     .help = "accuracy with one layer at a time pruned to each level",
     .more = "Nothing is fine-tuned, and the net is not changed.  Layers whose "
             "accuracy falls early want smaller shares.",
     .args = {sensitivity_args},
     .flags = CMD_NEEDS_NET | CMD_NEEDS_DATA | CMD_JOB | CMD_RECORDED,
     .run = sensitivity_run},
    {.name = "step",
     .usage = "[20%] [epochs=N] [lr=NUMBER] …",
     .help = "one round: prune, re-estimate batch norm, fine-tune",
     .more = "The accuracy before fine-tuning is kept beside the one after.",
     .args = {prune_args, round_args, finetune_args, optim_args},
     .flags = CMD_NEEDS_NET | CMD_NEEDS_DATA | CMD_JOB | CMD_RECORDED,
     .run = run_step},
    {.name = "iterate",
     .usage = "[12] [20%] [to=90%] [schedule=WORD] [until=CONDITION]"
              " [while=CONDITION] …",
     .help = "many rounds, each a stage of the history",
     .more =
         "Without to= each round takes its share of the survivors; with it, "
         "the schedule says how sparse the net is after each round.",
     .args = {iterate_args, prune_args, finetune_args, optim_args},
     .flags = CMD_NEEDS_NET | CMD_NEEDS_DATA | CMD_JOB | CMD_RECORDED,
     .run = run_iterate},
    {0}};
