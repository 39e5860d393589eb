/* `exits time`: exits that are really taken, against the last one alone. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/exits.h"
#include "engine/recipe.h"
#include "engine/sheets.h"

#define ROUNDS        9
#define ROUND_SECONDS 0.25 /* about, of all variants together */
#define LEAST_SAMPLES 40
#define BATCH         256

/* One way of running the same samples. */
struct variant {
    struct exit_runner *runner; /* borrowed */
    struct exit_rule rule;
    double seconds[ROUNDS]; /* a sample */
    struct exit_run run;    /* of the last round */
};

/* The variants of one batch size are run in turn, so that what else the
 * machine does falls on all of them. */
struct race {
    struct bench *b;
    int32_t *row; /* spread over the validation samples */
    int n;
    struct exit_runner *exits, *plain;
    int count;
    struct variant variant[EXIT_MAX + 2];
};

static void race_add(struct race *r, struct exit_runner *runner,
                     const struct exit_rule *rule)
{
    r->variant[r->count].runner = runner;
    r->variant[r->count].rule = *rule;
    r->count++;
}

/* net with its last output alone: what is only needed for others is not run. */
static struct net last_alone(const struct net *net)
{
    struct net plain = *net;

    plain.output += net->output_count - 1;
    plain.output_count = 1;
    return plain;
}

/* First the last exit alone, then the rule, then leaving at each exit. */
static enum err_code race_open(struct race *r, struct net *plain, int batch,
                               bool forced, struct err *err)
{
    struct bench *b = r->b;
    const struct exit_rule *rule = &b->exits->rule;
    struct exit_rule force = exit_rule_make(rule->by, exit_never(rule->by));
    int k;

    r->count = 0;
    r->plain = exit_runner_new(plain, b->data, batch, b->pool, err);
    if (r->plain == NULL)
        return err->code;
    r->exits = exit_runner_new(b->net, b->data, batch, b->pool, err);
    if (r->exits == NULL)
        return err->code;
    race_add(r, r->plain, rule);
    race_add(r, r->exits, rule);
    for (k = 0; forced && k < b->net->output_count; k++) {
        if (k > 0)
            force.threshold[k - 1] = exit_never(rule->by);
        force.threshold[k] = exit_always(rule->by);
        race_add(r, r->exits, &force);
    }
    return ERR_OK;
}

static void race_close(struct race *r)
{
    exit_runner_free(r->plain);
    exit_runner_free(r->exits);
    r->plain = r->exits = NULL;
}

static enum err_code race_round(struct race *r, int n, int round,
                                struct err *err)
{
    struct progress progress = {.cancel = job_cancel_flag(r->b->job)};
    int i;

    for (i = 0; i < r->count; i++) {
        struct variant *v = &r->variant[i];
        double start = clock_now();

        if (exit_runner_run(v->runner, &r->b->data->train, r->row, n, &v->rule,
                            &v->run, NULL, NULL, &progress, err) != ERR_OK)
            return err->code;
        v->seconds[round] = (clock_now() - start) / n;
    }
    return ERR_OK;
}

/* A first round warms up and says how many samples there is time for. */
static enum err_code race_run(struct race *r, int least, struct err *err)
{
    struct progress progress = bench_progress(r->b);
    double seconds = 0;
    int n = least < r->n ? least : r->n, i;

    if (race_round(r, n, 0, err) != ERR_OK)
        return err->code;
    for (i = 0; i < r->count; i++)
        seconds += r->variant[i].seconds[0];
    if (seconds * n < ROUND_SECONDS)
        n = ROUND_SECONDS / seconds < r->n ? (int)(ROUND_SECONDS / seconds)
                                           : r->n;
    for (i = 0; i < ROUNDS; i++) {
        if (race_round(r, n, i, err) != ERR_OK)
            return err->code;
        progress_tell(&progress, (double)(i + 1) / ROUNDS);
    }
    return ERR_OK;
}

static int compare_seconds(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* In milliseconds. */
static struct exit_time time_of(struct variant *v)
{
    qsort(v->seconds, ROUNDS, sizeof(v->seconds[0]), compare_seconds);
    return (struct exit_time){v->seconds[ROUNDS / 2] * 1e3, v->seconds[0] * 1e3,
                              v->seconds[ROUNDS - 1] * 1e3};
}

static void say_time(struct bench *b, const char *what, struct exit_time plain,
                     struct exit_time ruled)
{
    bench_say(b, LOG_RESULT,
              "%s: last exit alone %.4g ms a sample (%.4g to %.4g), with exits "
              "%.4g ms (%.4g to %.4g): %.2f times as fast",
              what, plain.median, plain.least, plain.most, ruled.median,
              ruled.least, ruled.most, plain.median / ruled.median);
}

static void say_places(struct bench *b, const struct exit_timing *t)
{
    struct str line = {0};
    int k;

    for (k = 0; k < b->net->output_count; k++)
        str_addf(&line, "%s%d %.4g ms", k == 0 ? "leaving at exit " : ", at ",
                 k + 1, t->at[k].median);
    bench_say(b, LOG_RESULT, "%s; heads and criterion included", line.text);
    str_done(&line);
}

/* What was done is what the graph says, or the clock means nothing. */
static void say_products(struct bench *b, const struct exit_run *run)
{
    double macs = run->macs / run->n;

    if (run->macs != run->counted)
        bench_say(b, LOG_ERROR, "%.1f products a sample were done, not %.1f",
                  macs, run->counted / run->n);
    else
        bench_say(b, LOG_RESULT,
                  "%.1f products a sample were done, as the graph says", macs);
}

static enum err_code measure_one(struct race *r, struct net *plain,
                                 struct exit_timing *t, struct err *err)
{
    int k;

    if (race_open(r, plain, 1, true, err) != ERR_OK ||
        race_run(r, LEAST_SAMPLES, err) != ERR_OK)
        return err->code;
    t->plain = time_of(&r->variant[0]);
    t->ruled = time_of(&r->variant[1]);
    for (k = 0; k < r->b->net->output_count; k++)
        t->at[k] = time_of(&r->variant[2 + k]);
    return ERR_OK;
}

static enum err_code measure_batch(struct race *r, struct net *plain,
                                   struct exit_timing *t, struct err *err)
{
    t->batch = r->n < BATCH ? r->n : BATCH;
    if (race_open(r, plain, t->batch, false, err) != ERR_OK ||
        race_run(r, t->batch, err) != ERR_OK)
        return err->code;
    t->plain_batch = time_of(&r->variant[0]);
    t->ruled_batch = time_of(&r->variant[1]);
    return ERR_OK;
}

static void say_timing(struct bench *b, const struct exit_timing *t,
                       const struct exit_run *run)
{
    char what[64];

    say_time(b, "batch 1, one thread", t->plain, t->ruled);
    say_places(b, t);
    snprintf(what, sizeof(what), "batch %d, %d threads", t->batch,
             pool_threads(b->pool));
    say_time(b, what, t->plain_batch, t->ruled_batch);
    say_products(b, run);
}

/* Neighbours in a file may be alike: a prime step mixes them. */
static struct race *race_new(struct bench *b)
{
    const struct dataset *d = b->data;
    struct race *r = mem_zalloc(sizeof(*r));
    int i;

    r->b = b;
    r->n = d->validation_count;
    r->row = mem_array((size_t)r->n, sizeof(*r->row));
    for (i = 0; i < r->n; i++)
        r->row[i] = d->validation[(int)((long long)i * 7919 % r->n)];
    return r;
}

enum err_code exits_measure(struct bench *b, struct err *err)
{
    struct net plain = last_alone(b->net);
    struct race *race = race_new(b);
    struct exit_timing t = {.weights = b->weights,
                            .rule = b->exits->number,
                            .nodes = b->net->node_count};
    double cost[EXIT_MAX];
    enum err_code code;

    size_of_outputs(b->net, cost, NULL);
    t.macs = cost[b->net->output_count - 1];
    code = measure_one(race, &plain, &t, err);
    race_close(race);
    if (code == ERR_OK)
        code = measure_batch(race, &plain, &t, err);
    if (code == ERR_OK) {
        b->exits->timing = t;
        say_timing(b, &t, &race->variant[1].run);
    }
    race_close(race);
    mem_free(race->row);
    mem_free(race);
    return code;
}
