/* Time taken on this machine: a layer in several forms against one another. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compress/timing.h"
#include "engine/bench.h"
#include "engine/sheets.h"
#include "layer/layer.h"
#include "tensor/gemm.h"
#include "tensor/isa.h"
#include "tensor/sparse.h"

#define LEVELS_MOST  24
#define BATCHES_MOST 4
#define SAMPLES_MOST 4096

_Static_assert(TIMING_SHEET_FORMS == (int)TIMING_FORMS, "a form a column");

/* What is measured, and what is known so far. */
struct study {
    struct bench *b;
    const struct node *node;
    const struct param *p; /* its kernel, (in,out) */
    int runs;
    int level_count, batch_count;
    double level[LEVELS_MOST]; /* ascending */
    int batch[BATCHES_MOST];
    struct timing row[BATCHES_MOST][LEVELS_MOST];
    int done; /* rows, batch after batch */
};

static bool is_dense(const struct node *n)
{
    return n->param_count > 0 && n->param[0].def.prunable &&
           n->param[0].def.shape.rank == 2 && n->kind == layer_find("dense");
}

static enum err_code refuse_layer(const struct net *net, const char *name,
                                  struct err *err)
{
    struct str names = {0};
    enum err_code code;
    int i;

    for (i = 0; i < net->node_count; i++) {
        if (is_dense(&net->node[i]))
            str_addf(&names, "%s%s", names.len > 0 ? ", " : "",
                     net->node[i].name);
    }
    if (names.len == 0)
        code = err_set(err, ERR_MISSING,
                       "the net has no dense layer, and only those are timed");
    else
        code =
            err_set(err, ERR_MISSING, "\"%s\" is no dense layer; there are %s",
                    name, names.text);
    str_done(&names);
    return code;
}

/* The layer of that name, or the dense layer with most weights. */
static enum err_code take_layer(struct study *s, const char *name,
                                struct err *err)
{
    const struct net *net = s->b->net;
    int i;

    for (i = 0; i < net->node_count; i++) {
        const struct node *n = &net->node[i];

        if (!is_dense(n) || (name != NULL && strcmp(n->name, name) != 0))
            continue;
        if (s->p != NULL && n->param[0].count <= s->p->count)
            continue;
        s->node = n;
        s->p = &n->param[0];
    }
    return s->p != NULL ? ERR_OK : refuse_layer(net, name, err);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Takes one word of a list. */
typedef enum err_code take_one(struct study *s, const char *word,
                               struct err *err);

static enum err_code take_level(struct study *s, const char *word,
                                struct err *err)
{
    double level;

    if (str_share(word, "sparsities", &level, err) != ERR_OK)
        return err->code;
    if (!(level >= 0 && level < 1))
        return err_set(err, ERR_VALUE,
                       "sparsities wants 0%% to below 100%%, got %s", word);
    if (s->level_count == LEVELS_MOST - 1)
        return err_set(err, ERR_VALUE, "more than %d sparsities",
                       LEVELS_MOST - 1);
    s->level[s->level_count++] = level;
    return ERR_OK;
}

static enum err_code take_batch(struct study *s, const char *word,
                                struct err *err)
{
    long long batch;

    if (str_long(word, "batch", &batch, err) != ERR_OK)
        return err->code;
    if (batch < 1 || batch > SAMPLES_MOST)
        return err_set(err, ERR_VALUE, "batch wants 1 to %d samples, got %s",
                       SAMPLES_MOST, word);
    if (s->batch_count == BATCHES_MOST)
        return err_set(err, ERR_VALUE, "more than %d batches", BATCHES_MOST);
    s->batch[s->batch_count++] = (int)batch;
    return ERR_OK;
}

static enum err_code take_list(struct study *s, const char *text,
                               take_one *take, struct err *err)
{
    char *copy = mem_strdup(text), *rest, *word;
    enum err_code code = ERR_OK;

    for (word = strtok_r(copy, ",", &rest); word != NULL && code == ERR_OK;
         word = strtok_r(NULL, ",", &rest))
        code = take(s, word, err);
    mem_free(copy);
    return code;
}

static size_t alive(const struct study *s)
{
    size_t n = 0, i;

    for (i = 0; i < s->p->count; i++)
        n += s->p->value[i] != 0.0f;
    return n;
}

static size_t kept(const struct study *s, double level)
{
    size_t n = s->p->count;

    return n - (size_t)llround(level * (double)n);
}

/* What is pruned already cannot come back: such a layer starts where it is. */
static enum err_code fit_levels(struct study *s, struct err *err)
{
    size_t left = alive(s);
    double now = 1.0 - (double)left / (double)s->p->count;
    int i, n = 0, before = s->level_count;

    if (left == 0)
        return err_set(err, ERR_STATE, "no weight of \"%s\" is left",
                       s->node->name);
    for (i = 0; i < s->level_count; i++) {
        size_t keep = kept(s, s->level[i]);

        if (keep < 1)
            return err_set(err, ERR_VALUE, "%g%% leaves no weight of \"%s\"",
                           s->level[i] * 100, s->node->name);
        if (keep <= left)
            s->level[n++] = s->level[i];
    }
    if (n < before) {
        bench_say(s->b, LOG_NOTE,
                  "%s is %.1f %% sparse, where its curve starts", s->node->name,
                  now * 100);
        s->level[n++] = now;
    }
    s->level_count = n;
    qsort(s->level, (size_t)n, sizeof(s->level[0]), ascending);
    return ERR_OK;
}

/* The sheet. */

static void copy_row(const struct timing *t, struct timing_row *row)
{
    int f;

    row->sparsity = t->sparsity;
    row->small_in = t->small_in;
    row->small_out = t->small_out;
    for (f = 0; f < TIMING_FORMS; f++) {
        row->low[f] = t->form[f].low;
        row->median[f] = t->form[f].median;
        row->high[f] = t->form[f].high;
        row->bytes[f] = (double)t->bytes[f];
    }
}

static void no_row(double sparsity, struct timing_row *row)
{
    int f;

    row->sparsity = sparsity;
    for (f = 0; f < TIMING_FORMS; f++)
        row->low[f] = row->median[f] = row->high[f] = (double)NAN;
}

static void fill_batch(const struct study *s, int at, struct timing_sheet *t,
                       struct timing_batch *batch)
{
    struct timing_row *row =
        sheet_array(t, (size_t)s->level_count, sizeof(*row));
    int done = s->done - at * s->level_count, i;

    batch->samples = s->batch[at];
    batch->row = row;
    for (i = 0; i < s->level_count; i++) {
        if (i < done)
            copy_row(&s->row[at][i], &row[i]);
        else
            no_row(s->level[i], &row[i]);
    }
    for (i = 0; i < TIMING_FORMS; i++)
        batch->break_even[i] =
            done >= s->level_count
                ? timing_break_even(s->row[at], s->level_count,
                                    (enum timing_form)i)
                : (double)NAN;
}

static void publish(const struct study *s)
{
    struct timing_sheet *t = sheet_new(SHEET_TIMING);
    struct timing_batch *batch =
        sheet_array(t, (size_t)s->batch_count, sizeof(*batch));
    int i;

    snprintf(t->layer, sizeof(t->layer), "%s", s->node->name);
    (void)shape_text(&s->p->def.shape, t->kernel, sizeof(t->kernel));
    snprintf(t->kernels, sizeof(t->kernels), "%s", isa_name(isa_now()));
    t->stage = s->b->history->current;
    t->runs = s->runs;
    t->done = s->done;
    t->all = s->level_count * s->batch_count;
    t->level_count = s->level_count;
    t->batch_count = s->batch_count;
    for (i = 0; i < TIMING_FORMS; i++)
        snprintf(t->form[i], sizeof(t->form[i]), "%s", timing_form_names[i]);
    for (i = 0; i < s->batch_count; i++)
        fill_batch(s, i, t, &batch[i]);
    t->batch = batch;
    board_publish(s->b->board, t);
}

/* What is said. */

/* "20.7 ±0.3": microseconds, and half the distance of the quartiles. */
static void add_time(struct str *line, const struct timing_spread *t)
{
    double half = (t->high - t->low) / 2;
    int digits = t->median < 9.995e-6 ? 2 : t->median < 999.5e-6 ? 1 : 0;
    char text[48];

    snprintf(text, sizeof(text), "%.*f ±%.*f", digits, t->median * 1e6, digits,
             half * 1e6);
    /* The sign is one column and two bytes. */
    str_addf(line, " %15s", text);
}

static void say_head(const struct study *s, int batch)
{
    struct str line = {0};
    int f;

    str_addf(&line, "%-8s", "sparsity");
    for (f = 0; f < TIMING_FORMS; f++)
        str_addf(&line, " %14s", timing_form_names[f]);
    bench_say(s->b, LOG_RESULT, "batch %d", batch);
    bench_say(s->b, LOG_RESULT, "%s", line.text);
    str_done(&line);
}

static void say_row(const struct study *s, const struct timing *t)
{
    struct str line = {0};
    int f;

    str_addf(&line, "%6.2f %%", t->sparsity * 100);
    for (f = 0; f < TIMING_FORMS; f++)
        add_time(&line, &t->form[f]);
    bench_say(s->b, LOG_RESULT, "%s", line.text);
    str_done(&line);
}

static void say_break_even(const struct study *s, int at)
{
    const struct timing *row = s->row[at];
    struct str line = {0};
    int f;

    str_addf(&line, "batch %d, faster than dense:", s->batch[at]);
    for (f = TIMING_CSR; f < TIMING_FORMS; f++) {
        double from =
            timing_break_even(row, s->level_count, (enum timing_form)f);

        str_addf(&line, "%s %s ", f > TIMING_CSR ? "," : "",
                 timing_form_names[f]);
        if (isnan(from))
            str_add(&line, "nowhere");
        else if (from <= row[0].sparsity)
            str_add(&line, "everywhere");
        else
            str_addf(&line, "from %.1f %% on", from * 100);
    }
    bench_say(s->b, LOG_RESULT, "%s", line.text);
    str_done(&line);
}

/* Measuring. */

static void tell(void *arg, double share)
{
    const struct study *s = arg;
    struct progress outer = bench_progress(s->b);

    progress_tell(&outer,
                  (s->done + share) / (s->level_count * s->batch_count));
}

static enum err_code measure_row(struct study *s, int batch, int level,
                                 struct err *err)
{
    struct progress progress = {
        .tell = tell, .arg = s, .cancel = job_cancel_flag(s->b->job)};
    struct timing_request r = {
        .w = s->p->value,
        .in = s->p->def.shape.dim[0],
        .out = s->p->def.shape.dim[1],
        .keep = kept(s, s->level[level]),
        .batch = s->batch[batch],
        .runs = s->runs,
        .seed = (uint64_t)settings_number(&s->b->set, SET_seed)};

    if (timing_measure(&r, &progress, &s->row[batch][level], err) != ERR_OK)
        return err->code;
    s->done++;
    say_row(s, &s->row[batch][level]);
    publish(s);
    return ERR_OK;
}

static enum err_code measure_all(struct study *s, struct err *err)
{
    char weights[32], shape[64];
    int i, k;

    bench_say(s->b, LOG_RESULT,
              "%s %s, %s weights: microseconds of one thread for a batch, "
              "median of %d and half the quartiles' distance",
              s->node->name, shape_text(&s->p->def.shape, shape, sizeof(shape)),
              str_commas((long long)s->p->count, weights, sizeof(weights)),
              s->runs);
    sheets_show(s->b, "size");
    for (i = 0; i < s->batch_count; i++) {
        say_head(s, s->batch[i]);
        for (k = 0; k < s->level_count; k++) {
            if (measure_row(s, i, k, err) != ERR_OK)
                return err->code;
        }
    }
    for (i = 0; i < s->batch_count; i++)
        say_break_even(s, i);
    return ERR_OK;
}

static enum err_code run_timing(struct bench *b, const struct cmd_call *call,
                                struct err *err)
{
    const char *levels = cmd_text(call, "sparsities");
    const char *batches = cmd_text(call, "batch");
    struct study *s = mem_zalloc(sizeof(*s));
    enum err_code code;

    s->b = b;
    s->runs = cmd_given(call, "runs") ? (int)cmd_number(call, "runs") : 30;
    code = take_layer(s, cmd_text(call, "layer"), err);
    if (code == ERR_OK)
        code = take_list(
            s, levels != NULL ? levels : "0%,50%,60%,70%,75%,80%,90%,95%,98%",
            take_level, err);
    if (code == ERR_OK)
        code =
            take_list(s, batches != NULL ? batches : "1,64", take_batch, err);
    if (code == ERR_OK && (s->level_count == 0 || s->batch_count == 0))
        code = err_set(err, ERR_VALUE, "%s names none",
                       s->level_count == 0 ? "sparsities" : "batch");
    if (code == ERR_OK)
        code = fit_levels(s, err);
    if (code == ERR_OK) {
        gemm_start();
        gemm_warm(b->pool);
        code = measure_all(s, err);
    }
    mem_free(s);
    return code;
}

static const struct arg_def timing_args[] = {
    {.name = "layer",
     .help = "a dense layer; the largest without it",
     .type = ARG_TEXT,
     .source = SOURCE_LAYERS,
     .word = true},
    {.name = "sparsities",
     .help = "shares of zeros to try, as a list: 50%,80%,90%",
     .type = ARG_TEXT},
    {.name = "batch",
     .help = "samples at once, as a list: 1,64",
     .type = ARG_TEXT},
    {.name = "runs",
     .help = "samples of every time; 30 without it",
     .type = ARG_INT,
     .least = 4,
     .most = 100000},
    {0}};

const struct cmd_row measure_commands[] = {
    {.name = "timing",
     .usage = "[LAYER] [sparsities=50%,80%,…] [batch=1,64] [runs=N]",
     .help = "whether leaving weights out of a layer makes it faster",
     .more =
         "Products of a dense layer by five forms of its matrix, which take "
         "turns: dense; masked, with zeros multiplied like any number; CSR, "
         "the textbook's sparse rows; sliced, our own sparse form; smaller, a "
         "dense matrix of as many weights, with whole inputs and outputs gone. "
         " "
         "The largest weights stay.  Results are compared before anything is "
         "timed.  Times are processor time of one thread; the net is not "
         "changed.",
     .args = {timing_args},
     .flags = CMD_NEEDS_NET | CMD_JOB,
     .run = run_timing},
    {0}};
