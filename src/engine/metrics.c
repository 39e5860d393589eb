#include "engine/metrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "engine/bench.h"
#include "engine/exits.h"

/* A score of another data set says nothing about the one that is open. */
static double known(const struct bench *b, const struct stage *s,
                    const struct score *score)
{
    return score->n > 0 && s->data == b->data_number ? score_accuracy(score)
                                                     : (double)NAN;
}

static double get_accuracy(const struct bench *b, const struct stage *s)
{
    return known(b, s, &s->after);
}

static double get_error(const struct bench *b, const struct stage *s)
{
    return 1.0 - known(b, s, &s->after);
}

static double get_before(const struct bench *b, const struct stage *s)
{
    return known(b, s, &s->before);
}

static double get_loss(const struct bench *b, const struct stage *s)
{
    return isnan(known(b, s, &s->after)) ? (double)NAN : s->after.loss;
}

static double get_test_accuracy(const struct bench *b, const struct stage *s)
{
    return b->test.count > 0 && b->test.stage == s->id
               ? score_accuracy(&b->test.score)
               : (double)NAN;
}

static double get_test_error(const struct bench *b, const struct stage *s)
{
    return 1.0 - get_test_accuracy(b, s);
}

static double get_sparsity(const struct bench *b, const struct stage *s)
{
    (void)b;
    return size_sparsity(&s->size);
}

static double get_density(const struct bench *b, const struct stage *s)
{
    return 1.0 - get_sparsity(b, s);
}

static double get_weights(const struct bench *b, const struct stage *s)
{
    (void)b;
    return (double)s->size.prunable;
}

static double get_alive(const struct bench *b, const struct stage *s)
{
    (void)b;
    return (double)s->size.alive;
}

static double get_params(const struct bench *b, const struct stage *s)
{
    (void)b;
    return (double)s->size.params;
}

static double get_packed(const struct bench *b, const struct stage *s)
{
    (void)b;
    return s->packed > 0 ? (double)s->packed : (double)NAN;
}

static double get_written(const struct bench *b, const struct stage *s)
{
    (void)b;
    return s->written > 0 ? (double)s->written : (double)NAN;
}

static double get_macs(const struct bench *b, const struct stage *s)
{
    (void)b;
    return s->size.macs;
}

static double get_macs_alive(const struct bench *b, const struct stage *s)
{
    (void)b;
    return s->size.macs_alive;
}

static double get_step(const struct bench *b, const struct stage *s)
{
    (void)b;
    return (double)s->step;
}

static double get_stage(const struct bench *b, const struct stage *s)
{
    (void)b;
    return s->id;
}

static double get_leaks(const struct bench *b, const struct stage *s)
{
    return s->id == b->history->current ? (double)b->leaks : (double)NAN;
}

/* What the last `exits` told, while net and rule are still the same. */
static const struct exit_figures *exit_known(const struct bench *b,
                                             const struct stage *s)
{
    const struct exit_figures *f = &b->exits->figures;

    return s->id == b->history->current && f->weights == b->weights &&
                   f->rule == b->exits->number
               ? f
               : NULL;
}

static double get_exit_accuracy(const struct bench *b, const struct stage *s)
{
    const struct exit_figures *f = exit_known(b, s);

    return f == NULL ? (double)NAN : f->accuracy;
}

static double get_exit_loss(const struct bench *b, const struct stage *s)
{
    const struct exit_figures *f = exit_known(b, s);

    return f == NULL ? (double)NAN : f->last_accuracy - f->accuracy;
}

static double get_exit_cost(const struct bench *b, const struct stage *s)
{
    const struct exit_figures *f = exit_known(b, s);

    return f == NULL ? (double)NAN : f->cost;
}

static double get_exit_first(const struct bench *b, const struct stage *s)
{
    const struct exit_figures *f = exit_known(b, s);

    return f == NULL ? (double)NAN : f->first;
}

static double get_exit_speed(const struct bench *b, const struct stage *s)
{
    const struct exit_timing *t = &b->exits->timing;

    return exit_known(b, s) != NULL && t->weights == b->weights &&
                   t->rule == b->exits->number && t->ruled.median > 0
               ? t->plain.median / t->ruled.median
               : (double)NAN;
}

static double get_exit_test_accuracy(const struct bench *b,
                                     const struct stage *s)
{
    const struct exit_figures *f = exit_known(b, s);

    return f == NULL || !f->tested ? (double)NAN : f->test_accuracy;
}

static double get_exit_test_cost(const struct bench *b, const struct stage *s)
{
    const struct exit_figures *f = exit_known(b, s);

    return f == NULL || !f->tested ? (double)NAN : f->test_cost;
}

static double get_exit_test_first(const struct bench *b, const struct stage *s)
{
    const struct exit_figures *f = exit_known(b, s);

    return f == NULL || !f->tested ? (double)NAN : f->test_first;
}

const struct metric metric_rows[] = {
    {.name = "accuracy",
     .help = "share of the validation set classified rightly",
     .get = get_accuracy},
    {.name = "error", .help = "1 - accuracy", .get = get_error},
    {.name = "accuracy_before",
     .help = "validation accuracy after pruning, before fine-tuning",
     .get = get_before},
    {.name = "loss",
     .help = "mean cross-entropy on the validation set",
     .unit = UNIT_NUMBER,
     .get = get_loss},
    {.name = "test_accuracy",
     .help = "as the last `eval test` read it at this stage",
     .test = true,
     .get = get_test_accuracy},
    {.name = "test_error",
     .help = "1 - test_accuracy",
     .test = true,
     .get = get_test_error},
    {.name = "sparsity",
     .help = "zeros among the prunable weights",
     .get = get_sparsity},
    {.name = "density", .help = "1 - sparsity", .get = get_density},
    {.name = "weights",
     .help = "prunable weights",
     .unit = UNIT_COUNT,
     .get = get_weights},
    {.name = "weights_alive",
     .help = "prunable weights that are not zero",
     .unit = UNIT_COUNT,
     .get = get_alive},
    {.name = "packed",
     .help = "bytes of the net as `pack` writes it; of more than 4 million "
             "values known after pack or ledger",
     .unit = UNIT_BYTES,
     .get = get_packed},
    {.name = "written",
     .help = "bytes of the last file that `pack` made of it, by any coder",
     .unit = UNIT_BYTES,
     .get = get_written},
    {.name = "params",
     .help = "weights, biases and gains",
     .unit = UNIT_COUNT,
     .get = get_params},
    {.name = "macs",
     .help = "multiply-accumulates for one sample",
     .unit = UNIT_COUNT,
     .get = get_macs},
    {.name = "macs_alive",
     .help = "the same times each layer's density",
     .unit = UNIT_COUNT,
     .get = get_macs_alive},
    {.name = "step",
     .help = "training steps from the opened net to here",
     .unit = UNIT_COUNT,
     .get = get_step},
    {.name = "stage",
     .help = "number of the stage",
     .unit = UNIT_COUNT,
     .get = get_stage},
    {.name = "leaks",
     .help = "pruned weights that are not +0.0",
     .unit = UNIT_COUNT,
     .get = get_leaks},
    {.name = "exit_accuracy",
     .help = "validation accuracy with samples leaving early, as the last "
             "`exits` told",
     .get = get_exit_accuracy},
    {.name = "exit_loss",
     .help = "that of the last exit alone less exit_accuracy",
     .get = get_exit_loss},
    {.name = "exit_cost",
     .help = "mean MACs with early exits over those of the last exit alone",
     .get = get_exit_cost},
    {.name = "exit_first",
     .help = "share of the validation samples that leave at the first exit",
     .get = get_exit_first},
    {.name = "exit_speed",
     .help = "how many times as fast exits are one sample at a time, as `exits "
             "time` measured",
     .unit = UNIT_NUMBER,
     .get = get_exit_speed},
    {.name = "exit_test_accuracy",
     .help = "accuracy with early exits, as `exits test` read it",
     .test = true,
     .get = get_exit_test_accuracy},
    {.name = "exit_test_cost",
     .help = "exit_cost on the test set, counted while it was read",
     .test = true,
     .get = get_exit_test_cost},
    {.name = "exit_test_first",
     .help = "exit_first on the test set",
     .test = true,
     .get = get_exit_test_first},
    {0}};

enum err_code metric_need(const char *name, const struct metric **out,
                          struct err *err)
{
    const char *names[64], *near;
    int n;

    if (strcmp(name, "acc") == 0)
        name = "accuracy";
    for (n = 0; metric_rows[n].name != NULL; n++) {
        names[n] = metric_rows[n].name;
        if (strcmp(names[n], name) == 0) {
            *out = &metric_rows[n];
            return ERR_OK;
        }
    }
    near = str_nearest(name, names, n);
    if (near != NULL)
        return err_set(err, ERR_USAGE, "no metric \"%s\"; did you mean \"%s\"?",
                       name, near);
    return err_set(err, ERR_USAGE, "no metric \"%s\"; `help expect` lists them",
                   name);
}

const char *metric_text(enum metric_unit unit, double value, char *buf,
                        size_t size)
{
    if (unit == UNIT_SHARE)
        snprintf(buf, size, "%.2f %%", value * 100.0);
    else if (unit == UNIT_BYTES)
        str_size(value, buf, size);
    else if (unit == UNIT_COUNT && fabs(value) < 1e15)
        str_commas((long long)value, buf, size);
    else
        snprintf(buf, size, "%.4g", value);
    return buf;
}
