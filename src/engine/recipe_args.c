/* How the arguments of train, prune and their relatives become a recipe. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/recipe.h"

const struct arg_def train_args[] = {
    {.name = "epochs", .setting = "epochs"},
    {.name = "lr", .setting = "lr"},
    {.name = "optimiser", .setting = "optimiser"},
    {.name = "lr_schedule", .setting = "lr_schedule"},
    {0}};

const struct arg_def finetune_args[] = {
    {.name = "epochs", .setting = "finetune_epochs"},
    {.name = "lr", .setting = "finetune_lr"},
    {.name = "optimiser", .setting = "finetune_optimiser"},
    {.name = "lr_schedule", .setting = "finetune_schedule"},
    {0}};

const struct arg_def optim_args[] = {
    {.name = "steps",
     .help = "mini-batches to train on, instead of epochs",
     .type = ARG_INT,
     .least = 1,
     .most = 1e12},
    {.name = "momentum", .setting = "momentum"},
    {.name = "weight_decay", .setting = "weight_decay"},
    {.name = "batch", .setting = "batch"},
    {.name = "warmup", .setting = "warmup"},
    {.name = "augment", .setting = "augment"},
    {.name = "exit_weights",
     .help = "what the loss of each exit counts, the main classifier's last: "
             "1,0.3; 1 for all without it",
     .type = ARG_TEXT},
    {.name = "heads_only",
     .help = "teach the exits alone: all that the main classifier needs stays "
             "as it is",
     .type = ARG_BOOL,
     .source = SOURCE_YES_NO},
    {.name = "at",
     .help = "what happens after given steps of this command, as the journal "
             "writes it: 512:lr=0.0005,700:stop",
     .type = ARG_TEXT},
    {0}};

const struct arg_def prune_args[] = {
    {.name = "share", .word = true, .setting = "amount"},
    {.name = "to",
     .help = "sparsity to reach, instead of a share of the survivors",
     .type = ARG_SHARE,
     .most = 1},
    {.name = "std",
     .help = "take every weight smaller than this many standard deviations of "
             "its layer's survivors",
     .type = ARG_REAL,
     .least = 1e-3,
     .most = 100},
    {.name = "by", .setting = "by"},
    {.name = "scope", .setting = "scope"},
    {.name = "layers",
     .help = "which layers, by name; all without it",
     .type = ARG_LAYERS,
     .source = SOURCE_LAYERS},
    {.name = "floor", .setting = "floor"},
    {.name = "row_floor", .setting = "row_floor"},
    {.name = "adjust_dropout", .setting = "adjust_dropout"},
    {0}};

void recipe_done(struct recipe *p)
{
    mem_free(p->layers);
    mem_free(p->change);
    *p = (struct recipe){0};
}

static void add_change(struct recipe *p, struct change c)
{
    p->change = mem_grow(p->change, (size_t)p->change_count + 1, sizeof(c));
    p->change[p->change_count++] = c;
}

void recipe_change(struct bench *b, int setting, double number)
{
    const struct position *at = &b->running->at;

    add_change(b->running->recipe,
               (struct change){at->before + at->step, setting, number});
}

/* One of "512:lr=0.0005" and "700:stop"; text is scribbled on. */
static enum err_code read_change(char *text, struct change *c, struct err *err)
{
    char *action = strchr(text, ':'), *value;
    struct arg_value number;
    long long step;

    if (action == NULL)
        return err_set(err, ERR_VALUE,
                       "at wants STEP:SETTING=NUMBER or STEP:stop, got \"%s\"",
                       text);
    *action++ = '\0';
    if (str_long(text, "a step of at", &step, err) != ERR_OK)
        return err->code;
    if (step < 0)
        return err_set(err, ERR_VALUE, "at wants steps from 0, got %lld", step);
    *c = (struct change){(uint64_t)step, CHANGE_STOP, 0};
    if (strcmp(action, "stop") == 0)
        return ERR_OK;
    value = strchr(action, '=');
    if (value == NULL)
        return err_set(err, ERR_VALUE,
                       "at wants SETTING=NUMBER or stop after %lld:, got"
                       " \"%s\"",
                       step, action);
    *value++ = '\0';
    if (settings_need(action, &c->setting, err) != ERR_OK)
        return err->code;
    if (!setting_rows[c->setting].live)
        return err_set(err, ERR_VALUE, "%s cannot change during training",
                       action);
    if (arg_read(&setting_rows[c->setting].arg, value, &number, err) != ERR_OK)
        return err->code;
    c->number = number.number;
    return ERR_OK;
}

enum err_code recipe_read_changes(struct recipe *p, const char *text,
                                  struct err *err)
{
    char *copy = mem_strdup(text), *rest, *one;
    enum err_code code = ERR_OK;
    uint64_t last = 0;

    for (one = strtok_r(copy, ",", &rest); one != NULL && code == ERR_OK;
         one = strtok_r(NULL, ",", &rest)) {
        struct change c;

        code = read_change(one, &c, err);
        if (code == ERR_OK && c.step < last)
            code = err_set(err, ERR_VALUE, "the steps of at do not ascend");
        if (code != ERR_OK)
            break;
        last = c.step;
        add_change(p, c);
    }
    mem_free(copy);
    return code;
}

void recipe_print_changes(const struct recipe *p, struct str *out)
{
    char number[48];
    int i;

    for (i = 0; i < p->change_count; i++) {
        const struct change *c = &p->change[i];

        str_addf(out, "%s%llu:", i > 0 ? "," : "", (unsigned long long)c->step);
        if (c->setting == CHANGE_STOP)
            str_add(out, "stop");
        else
            str_addf(
                out, "%s=%s", setting_rows[c->setting].arg.name,
                arg_number_text(ARG_REAL, c->number, number, sizeof(number)));
    }
}

/* "1,0.3" */
static enum err_code read_weights(struct train_settings *t, const char *text,
                                  struct err *err)
{
    char *copy = mem_strdup(text), *rest, *one;
    enum err_code code = ERR_OK;
    double weight;

    for (one = strtok_r(copy, ",", &rest); one != NULL && code == ERR_OK;
         one = strtok_r(NULL, ",", &rest)) {
        code = str_double(one, "a weight of exit_weights", &weight, err);
        if (code == ERR_OK && t->exit_weight_count == NET_OUTPUT_MAX)
            code = err_set(err, ERR_VALUE, "more than %d exit_weights",
                           NET_OUTPUT_MAX);
        if (code == ERR_OK)
            t->exit_weight[t->exit_weight_count++] = (float)weight;
    }
    mem_free(copy);
    return code;
}

enum err_code recipe_take_training(struct recipe *p,
                                   const struct cmd_call *call,
                                   const struct settings *s, struct err *err)
{
    struct train_settings *t = &p->train;

    *t = train_defaults();
    t->optim = optim_find(cmd_text(call, "optimiser"));
    t->schedule = lr_schedule_find(cmd_text(call, "lr_schedule"));
    t->rate.lr = cmd_number(call, "lr");
    t->rate.momentum = cmd_number(call, "momentum");
    t->rate.weight_decay = cmd_number(call, "weight_decay");
    t->rate.beta1 = settings_number(s, SET_beta1);
    t->rate.beta2 = settings_number(s, SET_beta2);
    t->rate.epsilon = settings_number(s, SET_epsilon);
    t->warmup = cmd_number(call, "warmup");
    t->batch = (int)cmd_number(call, "batch");
    t->augment_shift = (int)cmd_number(call, "augment");
    t->heads_only = cmd_number(call, "heads_only") != 0;
    if (cmd_given(call, "exit_weights") &&
        read_weights(t, cmd_text(call, "exit_weights"), err) != ERR_OK)
        return err->code;
    t->sums_shared = strcmp(settings_word(s, SET_shared_step), "sum") == 0;
    p->trains = true;
    p->rounds = 1;
    p->epochs = cmd_number(call, "epochs");
    p->steps = (uint64_t)cmd_number(call, "steps");
    if (p->steps > 0 && cmd_given(call, "epochs"))
        return err_set(err, ERR_USAGE, "epochs and steps exclude each other");
    if (cmd_given(call, "at"))
        return recipe_read_changes(p, cmd_text(call, "at"), err);
    return ERR_OK;
}

enum err_code recipe_take_pruning(struct recipe *p, const struct cmd_call *call,
                                  const struct settings *s, struct err *err)
{
    struct prune_request *r = &p->prune;
    int rules = cmd_given(call, "share") + cmd_given(call, "to") +
                cmd_given(call, "std");

    if (rules > 1)
        return err_set(err, ERR_USAGE,
                       "a share, to= and std= exclude one another");
    *r = prune_defaults();
    r->by = criterion_find(cmd_text(call, "by"));
    r->scope = strcmp(cmd_text(call, "scope"), "global") == 0 ? SCOPE_GLOBAL
                                                              : SCOPE_LAYER;
    r->rule = cmd_given(call, "to")    ? PRUNE_TO
              : cmd_given(call, "std") ? PRUNE_STD
                                       : PRUNE_SURVIVORS;
    r->amount = cmd_number(call, cmd_given(call, "to")    ? "to"
                                 : cmd_given(call, "std") ? "std"
                                                          : "share");
    r->least_share = cmd_number(call, "floor");
    r->row_floor = cmd_number(call, "row_floor") != 0;
    r->adjust_dropout = cmd_number(call, "adjust_dropout") != 0;
    r->seed = (uint64_t)settings_number(s, SET_seed);
    if (cmd_given(call, "layers"))
        p->layers = mem_strdup(cmd_text(call, "layers"));
    r->layers = p->layers;
    p->prunes = true;
    p->rounds = 1;
    p->train = train_defaults();
    return ERR_OK;
}
