/* Leaving early: by which rule, at what price. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/exits.h"
#include "engine/sheets.h"

/* The rule that the line asks for. */

static double cost_alone(const struct net *net)
{
    double alone[EXIT_MAX];

    size_of_outputs(net, NULL, alone);
    return alone[net->output_count - 1];
}

/* "40%" of the last exit alone, or products: "300k". */
static enum err_code read_budget(const struct net *net, const char *text,
                                 double *out, struct err *err)
{
    char asked[32], first[32];
    double cost[EXIT_MAX];
    size_t n = strlen(text);

    size_of_outputs(net, cost, NULL);
    if (n > 0 && text[n - 1] == '%') {
        if (str_share(text, "budget", out, err) != ERR_OK)
            return err->code;
        *out *= cost_alone(net);
    } else if (str_bytes(text, "budget", out, err) != ERR_OK) {
        return err_set(err, ERR_VALUE,
                       "budget wants a share of the last exit's MACs (40%%) or "
                       "a number of them (300k), got \"%s\"",
                       text);
    }
    if (*out < cost[0])
        return err_set(err, ERR_VALUE,
                       "the budget of %s MACs is below the first exit's %s,"
                       " which are %.1f%% of the last's",
                       str_commas(llround(*out), asked, sizeof(asked)),
                       str_commas(llround(cost[0]), first, sizeof(first)),
                       100 * cost[0] / cost_alone(net));
    return ERR_OK;
}

/* The best point of one threshold for all whose cost is within the budget. */
#define COMMON_POINTS 1024

static void choose_common(const struct exit_table *t, const double *cost,
                          double budget, double *threshold)
{
    struct exit_point *p = mem_array(COMMON_POINTS, sizeof(*p));
    int n = exits_sweep(t, cost, p, COMMON_POINTS), best = n - 1, i;

    for (i = 0; i < n; i++) {
        if (p[i].cost <= budget &&
            (p[best].cost > budget || p[i].accuracy > p[best].accuracy))
            best = i;
    }
    for (i = 0; i < EXIT_MAX && n > 0; i++)
        threshold[i] = p[best].threshold;
    mem_free(p);
}

static void choose_shares(const struct exit_table *t, const double *cost,
                          double budget, double *threshold)
{
    double share[EXIT_MAX];

    exits_shares(cost, t->exits, budget, share);
    exits_thresholds(t, share, threshold);
}

static void choose_search(const struct exit_table *t, const double *cost,
                          double budget, double *threshold)
{
    choose_shares(t, cost, budget, threshold);
    exits_search(t, cost, budget, threshold);
}

const struct exit_choice exit_choices[] = {
    {"shares", "each exit lets the same share of those that reach it go",
     choose_shares},
    {"common", "one threshold for all, the best that keeps the budget",
     choose_common},
    {"search", "one threshold an exit, moved in turn while accuracy rises",
     choose_search},
    {NULL, NULL, NULL}};

static const struct exit_choice *find_choice(const char *name)
{
    const struct exit_choice *c = exit_choices;

    while (name != NULL && c->name != NULL && strcmp(c->name, name) != 0)
        c++;
    return c->name == NULL ? exit_choices : c;
}

static enum err_code take_budget(struct bench *b, const struct cmd_call *call,
                                 struct exit_rule *rule, struct err *err)
{
    const struct exit_cache *c = &b->exits->cache;
    double cost[EXIT_MAX], budget;
    struct exit_table t;

    if (read_budget(b->net, cmd_text(call, "budget"), &budget, err) != ERR_OK)
        return err->code;
    size_of_outputs(b->net, cost, NULL);
    exit_table_make(&t, c->logits, c->label, c->n, c->exits, c->classes, rule);
    find_choice(cmd_text(call, "choose"))
        ->choose(&t, cost, budget, rule->threshold);
    exit_table_done(&t);
    return ERR_OK;
}

static void calibrate(struct bench *b, bool on, struct exit_rule *rule)
{
    const struct exit_cache *c = &b->exits->cache;
    int k;

    for (k = 0; k < EXIT_MAX; k++)
        rule->temperature[k] = 1.0;
    for (k = 0; on && k < c->exits; k++)
        rule->temperature[k] = exits_temperature(c->logits, c->label, c->n,
                                                 c->exits, c->classes, k);
}

static enum err_code take_thresholds(struct bench *b,
                                     const struct cmd_call *call,
                                     struct exit_rule *rule, bool *each,
                                     struct err *err)
{
    int count;

    if (cmd_given(call, "threshold")) {
        if (cmd_given(call, "budget"))
            return err_set(err, ERR_USAGE,
                           "give a threshold or a budget, not both");
        if (exits_read_list(cmd_text(call, "threshold"), "threshold", rule->by,
                            b->net->output_count, rule->threshold, &count,
                            err) != ERR_OK)
            return err->code;
        *each = count > 1;
    }
    if (cmd_given(call, "budget")) {
        if (take_budget(b, call, rule, err) != ERR_OK)
            return err->code;
        *each = true;
    }
    return ERR_OK;
}

static bool changes_rule(const struct cmd_call *call)
{
    return cmd_given(call, "by") || cmd_given(call, "threshold") ||
           cmd_given(call, "budget") || cmd_given(call, "calibrate");
}

static enum err_code take_rule(struct bench *b, const struct cmd_call *call,
                               struct err *err)
{
    struct exit_rule rule = b->exits->rule;
    bool each = b->exits->made_for > 0;
    int i;

    if (!changes_rule(call))
        return ERR_OK;
    if (cmd_given(call, "by")) {
        rule.by = exit_criterion_find(cmd_text(call, "by"));
        for (i = 0; i < EXIT_MAX && rule.by != b->exits->rule.by; i++)
            rule.threshold[i] = rule.by->usual;
    }
    if (cmd_given(call, "calibrate"))
        calibrate(b, cmd_number(call, "calibrate") != 0, &rule);
    if (take_thresholds(b, call, &rule, &each, err) != ERR_OK)
        return err->code;
    for (i = 0; i < b->net->output_count; i++)
        each = each || rule.temperature[i] != 1.0;
    exits_take(b, &rule, each ? b->net->output_count : 0);
    return ERR_OK;
}

/* What comes of it. */

static void say_rule(struct bench *b, int n)
{
    const struct exit_rule *r = &b->exits->rule;
    struct str line = {0};
    bool each = false;
    int k, last = b->net->output_count - 2;

    for (k = 1; k <= last; k++)
        each = each || r->threshold[k] != r->threshold[0];
    for (k = 0; k <= (each ? last : 0); k++) {
        str_add(&line, k == 0 ? "" : ", ");
        if (isinf(r->threshold[k]))
            str_add(&line, "never");
        else
            str_addf(&line, "%.4g", r->threshold[k]);
    }
    bench_say(b, LOG_RESULT,
              "leave by %s %s %s; %d validation samples, from outputs computed "
              "once (`exits time` takes the exits)",
              r->by->name, r->by->falling ? "below" : "of at least", line.text,
              n);
    str_done(&line);
}

static void say_exit(struct bench *b, const struct exit_table *t, int k,
                     const double *cost, const struct exit_result *r)
{
    const struct exit_cache *c = &b->exits->cache;
    const struct exit_rule *rule = &b->exits->rule;
    struct reliability rel;
    char macs[32], there[32] = "-", from[32] = "rest";

    exits_reliability_of(t, k, RELIABILITY_BINS, &rel);
    if (r->left[k] > 0)
        snprintf(there, sizeof(there), "%.2f%%",
                 100.0 * r->right[k] / r->left[k]);
    if (k < t->exits - 1 && isinf(rule->threshold[k]))
        snprintf(from, sizeof(from), "never");
    else if (k < t->exits - 1)
        snprintf(from, sizeof(from), "%.4g", rule->threshold[k]);
    bench_say(b, LOG_RESULT,
              "%2d %-12.12s %11s %6.1f%% %6.2f%% %7s %6.2f%% %6.2f%%  %.3f "
              "%6.3f %5.2f  %s",
              k + 1, exits_name(b->net, k),
              str_commas((long long)cost[k], macs, sizeof(macs)),
              100 * cost[k] / cost_alone(b->net),
              100.0 * r->left[k] / t->samples, there, 100 * exits_alone(t, k),
              100 * exits_ensemble(c->logits, c->label, c->n, c->exits,
                                   c->classes, rule, k),
              rel.ece, exits_auroc(t, k), rule->temperature[k], from);
}

static void say_study(struct bench *b, const struct exit_table *t,
                      const double *cost)
{
    struct exit_study s;

    exits_study(t, cost, &s);
    bench_say(b, LOG_RESULT,
              "right at some exit %.2f %%; right early and wrong at the last "
              "%.2f %% (overthinking); leaving at the first right exit would "
              "cost %.1f %%",
              s.cumulative * 100, s.destructive * 100,
              100 * s.oracle_cost / cost_alone(b->net));
}

static void keep_figures(struct bench *b, const struct exit_table *t,
                         const struct exit_result *r)
{
    struct exit_figures *f = &b->exits->figures;
    bool same = f->weights == b->weights && f->rule == b->exits->number;

    if (!same)
        *f = (struct exit_figures){.weights = b->weights,
                                   .rule = b->exits->number};
    f->accuracy = r->accuracy;
    f->last_accuracy = exits_alone(t, t->exits - 1);
    f->cost = r->cost / cost_alone(b->net);
    f->first = (double)r->left[0] / t->samples;
}

static void say_exits(struct bench *b, const struct exit_table *t,
                      const double *cost, const struct exit_result *r)
{
    char macs[32];
    int k;

    sheets_show(b, "exits");
    say_rule(b, t->samples);
    bench_say(b, LOG_RESULT,
              "   exit                MACs of last   leave   right  of all"
              " so far    ECE  AUROC     T  from");
    for (k = 0; k < t->exits; k++)
        say_exit(b, t, k, cost, r);
    bench_say(b, LOG_RESULT,
              "accuracy %.2f %% (last exit alone %.2f %%)  mean %s MACs, "
              "%.1f %% of the last exit alone",
              r->accuracy * 100, exits_alone(t, t->exits - 1) * 100,
              str_commas(llround(r->cost), macs, sizeof(macs)),
              100 * r->cost / cost_alone(b->net));
    say_study(b, t, cost);
}

static void look(struct bench *b, bool aloud)
{
    double cost[EXIT_MAX];
    struct exit_result r;
    struct exit_table t;

    exits_table(b, &t);
    size_of_outputs(b->net, cost, NULL);
    exits_apply(&t, b->exits->rule.threshold, cost, &r, NULL);
    if (aloud)
        say_exits(b, &t, cost, &r);
    keep_figures(b, &t, &r);
    exits_remember(b, &t, cost);
    exit_table_done(&t);
}

/* One logged look: the exits are really taken, and the last one is asked of
 * all, which is the control. */
static enum err_code look_at_test(struct bench *b, struct err *err)
{
    const struct samples *test = &b->data->test;
    struct progress progress = bench_progress(b);
    struct exit_figures *f = &b->exits->figures;
    struct exit_runner *r;
    struct exit_run run;
    struct evaluation e;
    enum err_code code;

    if (test->n == 0)
        return err_set(err, ERR_STATE, "\"%s\" has no test samples",
                       b->data->name);
    r = exit_runner_new(b->net, b->data, 256, b->pool, err);
    if (r == NULL)
        return err->code;
    code = exit_runner_run(r, test, NULL, test->n, &b->exits->rule, &run, NULL,
                           NULL, &progress, err);
    exit_runner_free(r);
    if (code != ERR_OK ||
        bench_evaluate(b, test, NULL, test->n, &e, NULL, err) != ERR_OK)
        return err->code;
    b->test.count++;
    b->test.stage = b->history->current;
    b->test.score = (struct score){.n = e.n, .hits = e.hits, .loss = e.loss};
    f->tested = true;
    f->test_accuracy = (double)run.hits / run.n;
    f->test_cost = run.macs / run.n / cost_alone(b->net);
    f->test_first = (double)run.left[0] / run.n;
    bench_say(b, LOG_RESULT, "the test set was read %d time%s", b->test.count,
              b->test.count == 1 ? "" : "s");
    bench_say(
        b, LOG_RESULT,
        "test: accuracy %.2f %% (last exit alone %.2f %%)  %.1f products "
        "a sample were done, %.1f %% of the last exit alone  %.2f %% left "
        "at the first exit",
        f->test_accuracy * 100, e.accuracy * 100, run.macs / run.n,
        f->test_cost * 100, f->test_first * 100);
    return ERR_OK;
}

static enum err_code run_ladder(struct bench *b, const struct cmd_call *call,
                                struct err *err)
{
    if (changes_rule(call))
        return err_set(err, ERR_USAGE,
                       "exits ladder takes the criterion in force");
    if (!cmd_given(call, "stages"))
        return err_set(err, ERR_USAGE, "exits ladder wants stages=A,B,…");
    if (exits_compare_ladder(b, cmd_text(call, "stages"), err) != ERR_OK)
        return err->code;
    sheets_mark(b->sheets, SHEET_EXITS);
    return ERR_OK;
}

static bool asks(const struct cmd_call *call, const char *word)
{
    const char *what = cmd_text(call, "what");

    return what != NULL && strcmp(what, word) == 0;
}

static enum err_code run_exits(struct bench *b, const struct cmd_call *call,
                               struct err *err)
{
    bool runs = asks(call, "time") || asks(call, "test");

    if (asks(call, "ladder"))
        return run_ladder(b, call, err);
    if (cmd_given(call, "stages"))
        return err_set(err, ERR_USAGE, "stages= belongs to exits ladder");
    if (cmd_given(call, "choose") && !cmd_given(call, "budget"))
        return err_set(err, ERR_USAGE, "choose= wants a budget=");
    if (exits_need(b, err) != ERR_OK)
        return err->code;
    exits_fit_rule(b);
    if (exits_fill(b, 0, err) != ERR_OK || take_rule(b, call, err) != ERR_OK)
        return err->code;
    look(b, !runs || changes_rule(call));
    sheets_mark(b->sheets, SHEET_EXITS);
    if (asks(call, "time"))
        return exits_measure(b, err);
    return asks(call, "test") ? look_at_test(b, err) : ERR_OK;
}

static const struct arg_def exits_args[] = {
    {.name = "what",
     .help = "what to do besides",
     .type = ARG_WORD,
     .source = SOURCE_EXIT_LOOKS,
     .word = true},
    {.name = "by",
     .help = "how an exit tells that it is sure",
     .type = ARG_WORD,
     .source = SOURCE_EXIT_CRITERIA},
    {.name = "threshold",
     .help = "where it is sure enough: a number for all exits, or one each, "
             "never for none",
     .type = ARG_TEXT},
    {.name = "budget",
     .help = "thresholds for so many MACs on average: 40% of the last exit "
             "alone, or 300k",
     .type = ARG_TEXT},
    {.name = "choose",
     .help = "how a budget becomes thresholds; shares without it",
     .type = ARG_WORD,
     .source = SOURCE_EXIT_CHOICES},
    {.name = "calibrate",
     .help = "divide the logits of each exit by the temperature that makes its "
             "probabilities true; no: by 1",
     .type = ARG_BOOL,
     .source = SOURCE_YES_NO},
    {.name = "stages",
     .help = "nets of a ladder: stages, by number or name",
     .type = ARG_TEXT,
     .source = SOURCE_STAGES},
    {0}};

const struct cmd_row exits_commands[] = {
    {.name = "exits",
     .usage = "[time|test|ladder] [by=WORD] [threshold=NUMBER,…] [budget=40%] "
              "[calibrate=yes] …",
     .help = "choose by which rule samples leave early, and what comes of it",
     .more =
         "The table has, for each exit: the MACs of those that leave there, "
         "of the last exit alone; how many leave, how many of them are "
         "right; how many are when all are asked, and when the exits so "
         "far are averaged; the calibration error; how well the score "
         "tells right from wrong; temperature and threshold.  "
         "Everything is chosen on the validation samples; no exit sees a "
         "label.  A sample that leaves is taken out of the mini-batch, and "
         "what only later exits need is not run for it.  Costs count every "
         "exit that was asked on the way; what only later exits read is "
         "left for them.  Thresholds fit the net they "
         "were chosen for; another number of exits takes the usual one.",
     .args = {exits_args},
     .flags = CMD_NEEDS_DATA | CMD_JOB | CMD_RECORDED,
     .run = run_exits},
    {0}};
