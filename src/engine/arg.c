#include "engine/arg.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "compress/calibrate.h"
#include "compress/cluster.h"
#include "compress/prune.h"
#include "compress/round.h"
#include "engine/activations.h"
#include "engine/cmd.h"
#include "engine/exits.h"
#include "engine/metrics.h"
#include "engine/settings.h"
#include "net/zoo.h"
#include "train/optim.h"

/* Tables whose rows start with name and help, and end with a NULL name. */
#define WORDS_OF(function, table)                             \
    static const char *function(int i, const char **help)     \
    {                                                         \
        *help = table[i].name == NULL ? NULL : table[i].help; \
        return table[i].name;                                 \
    }

WORDS_OF(optimiser_words, optim_kinds)
WORDS_OF(lr_schedule_words, lr_schedules)
WORDS_OF(schedule_words, sparsity_schedules)
WORDS_OF(criterion_words, criteria)
WORDS_OF(cluster_words, cluster_methods)
WORDS_OF(range_words, range_rules)
WORDS_OF(calibrator_words, calibrators)
WORDS_OF(activations_words, activations_steps)
WORDS_OF(zoo_words, zoo_rows)
WORDS_OF(metric_words, metric_rows)

static const struct {
    const char *name, *help;
} scopes[] = {{"layer", "each layer gives its share"},
              {"global", "the smallest of the whole net go"},
              {NULL, NULL}},
  quantisers[] = {{"shared", "cluster centres that many weights share"},
                  {"symmetric", "whole numbers times a scale, as many below "
                                "zero as above"},
                  {"affine", "whole numbers from the least to the largest "
                             "weight"},
                  {"fp16", "half floats: 1 sign, 5 exponent, 10 fraction bits"},
                  {"bf16", "upper halves of floats"},
                  {"off", "free again, as they are"},
                  {"activations", "whole numbers for what layers give, not for "
                                  "weights"},
                  {NULL, NULL}},
  scales[] = {{"channel", "each unit or filter has its own"},
              {"tensor", "one for the layer"},
              {NULL, NULL}},
  shared_steps[] = {{"mean", "as far as free weights would move on average"},
                    {"sum", "the gradient of the loss, as Han et al. 2016"},
                    {NULL, NULL}},
  sets[] = {{"validation", "what every decision uses"},
            {"test", "held out; each reading is logged"},
            {"train", "what the net was trained on"},
            {NULL, NULL}},
  masks[] = {{"keep", "pruned weights stay pruned"},
             {"drop", "all weights are alive again"},
             {NULL, NULL}},
  yes_no[] = {{"yes", NULL}, {"no", NULL}, {NULL, NULL}},
  coders[] = {{"best", "what takes least, array by array"},
              {"context", "range coder that knows rows, columns, neighbours"},
              {"huffman", "gaps, bitmap or rows, and Huffman codes"},
              {"fixed", "the same in fields of fixed width"},
              {NULL, NULL}},
  exit_actions[] = {{"add", "one more classifier, behind a layer"},
                    {"remove", "exits, with all that only they need"},
                    {NULL, NULL}},
  exit_looks[] = {{"show", "the exits under the rule, from outputs computed "
                           "once"},
                  {"time", "take the exits, one sample at a time and in "
                           "batches, against the last exit alone"},
                  {"test", "take them on the test set: a logged reading"},
                  {"ladder", "separate nets tried in order, on the same axes"},
                  {NULL, NULL}},
  cancels[] = {{"all", "every command that waits"}, {NULL, NULL}},
  formats[] = {{"idx", "IDX files, as MNIST comes, plain or .gz"},
               {NULL, NULL}};

WORDS_OF(scope_words, scopes)
WORDS_OF(quantiser_words, quantisers)
WORDS_OF(scale_words, scales)
WORDS_OF(shared_step_words, shared_steps)
WORDS_OF(set_words, sets)
WORDS_OF(mask_words, masks)
WORDS_OF(yes_no_words, yes_no)
WORDS_OF(format_words, formats)
WORDS_OF(coder_words, coders)
WORDS_OF(cancel_words, cancels)
WORDS_OF(exit_action_words, exit_actions)
WORDS_OF(exit_look_words, exit_looks)
WORDS_OF(exit_criterion_words, exit_criteria)
WORDS_OF(exit_choice_words, exit_choices)

static const char *command_words(int i, const char **help)
{
    const struct cmd_row *row = cmd_row_at(i);

    *help = row == NULL ? NULL : row->help;
    return row == NULL ? NULL : row->name;
}

static const char *quantise_by_words(int i, const char **help)
{
    int clusters = 0;

    while (cluster_methods[clusters].name != NULL)
        clusters++;
    return i < clusters ? cluster_words(i, help)
                        : calibrator_words(i - clusters, help);
}

static const char *setting_words(int i, const char **help)
{
    *help = i < SETTING_COUNT ? setting_rows[i].arg.help : NULL;
    return i < SETTING_COUNT ? setting_rows[i].arg.name : NULL;
}

static const char *(*const sources[SOURCE_FIXED])(int i, const char **help) = {
    [SOURCE_OPTIMISERS] = optimiser_words,
    [SOURCE_LR_SCHEDULES] = lr_schedule_words,
    [SOURCE_SCHEDULES] = schedule_words,
    [SOURCE_CRITERIA] = criterion_words,
    [SOURCE_SCOPES] = scope_words,
    [SOURCE_QUANTISERS] = quantiser_words,
    [SOURCE_ACTIVATIONS] = activations_words,
    [SOURCE_SCALES] = scale_words,
    [SOURCE_RANGES] = range_words,
    [SOURCE_CALIBRATORS] = calibrator_words,
    [SOURCE_QUANTISE_BY] = quantise_by_words,
    [SOURCE_SHARED_STEPS] = shared_step_words,
    [SOURCE_SETS] = set_words,
    [SOURCE_MASKS] = mask_words,
    [SOURCE_ZOO] = zoo_words,
    [SOURCE_YES_NO] = yes_no_words,
    [SOURCE_FORMATS] = format_words,
    [SOURCE_EXIT_ACTIONS] = exit_action_words,
    [SOURCE_EXIT_LOOKS] = exit_look_words,
    [SOURCE_EXIT_CRITERIA] = exit_criterion_words,
    [SOURCE_EXIT_CHOICES] = exit_choice_words,
    [SOURCE_CODERS] = coder_words,
    [SOURCE_CANCELS] = cancel_words,
    [SOURCE_COMMANDS] = command_words,
    [SOURCE_SETTINGS] = setting_words,
    [SOURCE_METRICS] = metric_words,
};

const char *arg_source_word(enum arg_source source, int i, const char **help)
{
    const char *ignored;

    if (source >= SOURCE_FIXED || sources[source] == NULL)
        return NULL;
    return sources[source](i, help == NULL ? &ignored : help);
}

struct arg_def arg_full(const struct arg_def *d)
{
    struct arg_def full = *d;
    int id;

    if (d->setting == NULL || d->help != NULL)
        return full;
    id = settings_find(d->setting);
    assert(id >= 0);
    full.help = setting_rows[id].arg.help;
    full.type = setting_rows[id].arg.type;
    full.source = setting_rows[id].arg.source;
    full.least = setting_rows[id].arg.least;
    full.most = setting_rows[id].arg.most;
    return full;
}

/* "adam, adamw or sgd" */
static void list_words(enum arg_source source, struct str *out)
{
    const char *word;
    int i;

    for (i = 0; (word = arg_source_word(source, i, NULL)) != NULL; i++) {
        bool last = arg_source_word(source, i + 1, NULL) == NULL;

        str_addf(out, "%s%s", i == 0 ? "" : last ? " or " : ", ", word);
    }
}

static enum err_code read_word(const struct arg_def *d, struct arg_value *v,
                               struct err *err)
{
    struct str all = {0};
    const char *word;
    int i;

    for (i = 0; (word = arg_source_word(d->source, i, NULL)) != NULL; i++) {
        if (strcmp(word, v->text) == 0) {
            v->text = word;
            v->number = i == 0;
            return ERR_OK;
        }
    }
    list_words(d->source, &all);
    err_set(err, ERR_VALUE, "%s wants %s, got \"%s\"", d->name, all.text,
            v->text);
    str_done(&all);
    return err->code;
}

static enum err_code check_range(const struct arg_def *d,
                                 const struct arg_value *v, struct err *err)
{
    bool share = d->type == ARG_SHARE;
    double unit = share ? 100.0 : 1.0, number = v->number;

    if (d->least == d->most || (number >= d->least && number <= d->most))
        return ERR_OK;
    /* "20" is 2000 %, and hardly ever meant. */
    if (share && number / unit >= d->least && number / unit <= d->most &&
        strchr(v->text, '%') == NULL)
        return err_set(err, ERR_VALUE,
                       "%s wants a share such as 20%% or 0.2, got \"%s\"; did "
                       "you mean %s%%?",
                       d->name, v->text, v->text);
    return err_set(err, ERR_VALUE, "%s wants %.12g%s to %.12g%s, got %.12g%s",
                   d->name, d->least * unit, share ? "%" : "", d->most * unit,
                   share ? "%" : "", number * unit, share ? "%" : "");
}

static enum err_code read_number(const struct arg_def *d, struct arg_value *v,
                                 struct err *err)
{
    enum err_code code;
    long long whole;

    if (d->type == ARG_INT) {
        code = str_long(v->text, d->name, &whole, err);
        if (code == ERR_OK)
            v->number = (double)whole;
    } else if (d->type == ARG_SHARE) {
        code = str_share(v->text, d->name, &v->number, err);
    } else {
        code = str_double(v->text, d->name, &v->number, err);
    }
    return code != ERR_OK ? code : check_range(d, v, err);
}

enum err_code arg_read(const struct arg_def *d, const char *text,
                       struct arg_value *out, struct err *err)
{
    struct arg_value v = {.given = true, .text = text};
    enum err_code code = ERR_OK;

    if (text[0] == '\0' && d->type != ARG_TEXT)
        return err_set(err, ERR_VALUE, "%s has no value", d->name);
    if (d->type == ARG_WORD || d->type == ARG_BOOL)
        code = read_word(d, &v, err);
    else if (d->type == ARG_INT || d->type == ARG_REAL || d->type == ARG_SHARE)
        code = read_number(d, &v, err);
    if (code == ERR_OK)
        *out = v;
    return code;
}

const char *arg_type_name(enum arg_type type)
{
    static const char *const names[] = {
        [ARG_TEXT] = "TEXT",   [ARG_WORD] = "WORD",
        [ARG_INT] = "N",       [ARG_REAL] = "NUMBER",
        [ARG_SHARE] = "20%",   [ARG_BOOL] = "yes|no",
        [ARG_FILE] = "FILE",   [ARG_LAYERS] = "PATTERN",
        [ARG_STAGE] = "STAGE", [ARG_EXPR] = "CONDITION",
    };

    return names[type];
}

const char *arg_number_text(enum arg_type type, double number, char *buf,
                            int size)
{
    int digits;

    if (type == ARG_BOOL) {
        snprintf(buf, (size_t)size, "%s", number != 0 ? "yes" : "no");
        return buf;
    }
    for (digits = 6; digits <= 17; digits++) {
        snprintf(buf, (size_t)size, "%.*g", digits, number);
        if (strtod(buf, NULL) == number)
            break;
    }
    return buf;
}
