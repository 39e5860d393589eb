/* The exits under the glass: everything the screen needs to try thresholds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/exits.h"
#include "engine/sheets.h"

_Static_assert(EXITS_MOST == EXIT_MAX, "sheets hold as many exits as nets");
_Static_assert(EXITS_BINS == RELIABILITY_BINS, "the same bins");

#define POINTS          512
#define SAMPLES_RUNNING 1000 /* while a net is trained */
#define PRODUCTS_MOST   8e9  /* without being asked: seconds of one core */

static bool is_timed(const struct bench *b, const double *cost)
{
    const struct exit_timing *t = &b->exits->timing;

    return t->nodes == b->net->node_count && t->at[0].median > 0 &&
           t->macs == cost[b->net->output_count - 1];
}

static void fill_rows(const struct bench *b, const struct exit_table *t,
                      const double *cost, struct exits_sheet *s)
{
    const struct exit_rule *rule = &b->exits->rule;
    struct reliability r;
    int k, i;

    for (k = 0; k < s->exits; k++) {
        struct exits_row *row = &s->row[k];

        snprintf(row->name, sizeof(row->name), "%s", exits_name(b->net, k));
        row->cost = cost[k];
        row->ms =
            is_timed(b, cost) ? b->exits->timing.at[k].median : (double)NAN;
        row->accuracy = exits_alone(t, k);
        row->temperature = rule->temperature[k];
        row->threshold = rule->threshold[k];
        exits_reliability_of(t, k, EXITS_BINS, &r);
        row->ece = r.ece;
        for (i = 0; i < EXITS_BINS; i++) {
            s->bin_confidence[k][i] =
                r.count[i] > 0 ? r.confidence[i] : (double)NAN;
            s->bin_accuracy[k][i] =
                r.count[i] > 0 ? r.accuracy[i] : (double)NAN;
        }
    }
}

/* Costs and times of the same points: the same thresholds, swept twice. */
static void fill_points(const struct exit_table *t, const double *cost,
                        struct exits_sheet *s)
{
    struct exit_point *by_cost = mem_array(POINTS, sizeof(*by_cost));
    struct exit_point *by_ms = mem_array(POINTS, sizeof(*by_ms));
    struct exits_point *to = sheet_array(s, POINTS, sizeof(*to));
    double ms[EXIT_MAX];
    int i;

    for (i = 0; i < s->exits; i++)
        ms[i] = s->row[i].ms;
    s->point_count = exits_sweep(t, cost, by_cost, POINTS);
    exits_sweep(t, ms, by_ms, POINTS);
    for (i = 0; i < s->point_count; i++)
        to[i] = (struct exits_point){by_cost[i].threshold, by_cost[i].accuracy,
                                     by_cost[i].cost, by_ms[i].cost};
    s->point = to;
    mem_free(by_cost);
    mem_free(by_ms);
}

static void copy_table(const struct exit_table *t, struct exits_sheet *s)
{
    size_t n = (size_t)t->samples, all = n * (size_t)t->exits;
    float *score = sheet_array(s, all, sizeof(*score));
    int32_t *guess = sheet_array(s, all, sizeof(*guess));
    int32_t *label = sheet_array(s, n, sizeof(*label));

    memcpy(score, t->score, all * sizeof(*score));
    memcpy(guess, t->guess, all * sizeof(*guess));
    memcpy(label, t->label, n * sizeof(*label));
    s->score = score;
    s->guess = guess;
    s->label = label;
}

static void fill_study(const struct exit_table *t, const double *cost,
                       struct exits_sheet *s)
{
    struct exit_study study;

    exits_study(t, cost, &study);
    s->cumulative = study.cumulative;
    s->wasteful = study.wasteful;
    s->destructive = study.destructive;
    s->oracle_cost = study.oracle_cost;
}

static void fill_measured(const struct bench *b, const struct exit_table *t,
                          const double *cost, struct exits_sheet *s)
{
    const struct exit_timing *timing = &b->exits->timing;
    struct exit_result r;

    s->alone_ms = s->measured_ms = NAN;
    s->measured_cost = s->measured_accuracy = NAN;
    if (!is_timed(b, cost))
        return;
    s->alone_ms = timing->plain.median;
    if (timing->weights != b->weights || timing->rule != b->exits->number)
        return;
    exits_apply(t, b->exits->rule.threshold, cost, &r, NULL);
    s->measured_ms = timing->ruled.median;
    s->measured_cost = r.cost;
    s->measured_accuracy = r.accuracy;
}

static const struct exits_point *copy_points(const struct exit_point *p, int n,
                                             struct exits_sheet *s)
{
    struct exits_point *to = sheet_array(s, (size_t)n, sizeof(*to));
    int i;

    for (i = 0; i < n; i++)
        to[i] =
            (struct exits_point){p[i].threshold, p[i].accuracy, p[i].cost, NAN};
    return to;
}

/* The stage asked last, or the one before where that is the current one. */
static void fill_before(const struct bench *b, struct exits_sheet *s)
{
    const struct exits *e = b->exits;
    const struct exit_course *c =
        e->now.stage != b->history->current ? &e->now : &e->before;

    if (c->count == 0 || c->data != b->data_number ||
        c->stage == b->history->current)
        return;
    snprintf(s->before_name, sizeof(s->before_name), "stage %d", c->stage);
    s->before_count = c->count;
    s->before = copy_points(c->point, c->count, s);
}

static void fill_ladder(const struct bench *b, struct exits_sheet *s)
{
    const struct exit_ladder *l = &b->exits->ladder;
    int i;

    if (l->count == 0 || l->data != b->data_number)
        return;
    s->ladder_count = l->count;
    for (i = 0; i < l->count; i++) {
        snprintf(s->ladder_name[i], NAME_SIZE, "%s", l->name[i]);
        s->ladder_alone[i] = l->alone[i];
        s->ladder_accuracy[i] = l->accuracy[i];
    }
    s->ladder_point_count = l->point_count;
    s->ladder_point = copy_points(l->point, l->point_count, s);
}

/* Pictures. */

/* Larger: rather shown; -INFINITY: not at all. */
static double easy(const struct exit_table *t, int i)
{
    return t->by->falling ? -(double)t->score[i] : (double)t->score[i];
}

static double hard(const struct exit_table *t, int i)
{
    float most = 0;
    int k;

    for (k = 0; k < t->exits; k++)
        most = fmaxf(most,
                     t->confidence[(size_t)k * (size_t)t->samples + (size_t)i]);
    return -(double)most;
}

static bool is_right(const struct exit_table *t, int k, int i)
{
    return t->guess[(size_t)k * (size_t)t->samples + (size_t)i] == t->label[i];
}

/* Right early, wrong at the last: the surest of its error first. */
static double lost(const struct exit_table *t, int i)
{
    int last = t->exits - 1, k;

    for (k = 0; k < last && !is_right(t, k, i); k++)
        ;
    if (k == last || is_right(t, last, i))
        return -INFINITY;
    return (double)t->confidence[(size_t)last * (size_t)t->samples + (size_t)i];
}

struct choice {
    int count, total;
    int sample[EXITS_PICTURE];
    double worth[EXITS_PICTURE];
};

static void choose(const struct exit_table *t,
                   double (*worth)(const struct exit_table *t, int i),
                   struct choice *c)
{
    int i, at;

    *c = (struct choice){0};
    for (i = 0; i < t->samples; i++) {
        double w = worth(t, i);

        if (isinf(w) && w < 0)
            continue;
        c->total++;
        if (c->count == EXITS_PICTURE && w <= c->worth[c->count - 1])
            continue;
        at = c->count < EXITS_PICTURE ? c->count++ : EXITS_PICTURE - 1;
        for (; at > 0 && c->worth[at - 1] < w; at--) {
            c->worth[at] = c->worth[at - 1];
            c->sample[at] = c->sample[at - 1];
        }
        c->worth[at] = w;
        c->sample[at] = i;
    }
}

static const struct exits_picture *show(const struct bench *b,
                                        const struct exit_table *t,
                                        const struct choice *c,
                                        struct exits_sheet *s)
{
    const struct dataset *d = b->data;
    struct exits_picture *to = sheet_array(s, (size_t)c->count, sizeof(*to));
    int i, k;

    for (i = 0; i < c->count; i++) {
        size_t at = (size_t)c->sample[i];

        to[i].label = t->label[at];
        to[i].exits = t->exits;
        for (k = 0; k < t->exits; k++, at += (size_t)t->samples) {
            to[i].guess[k] = t->guess[at];
            to[i].confidence[k] = t->confidence[at];
        }
        to[i].pixel =
            sheets_pixels(s, d, &d->train, d->validation[c->sample[i]]);
    }
    return to;
}

static void fill_pictures(const struct bench *b, const struct exit_table *t,
                          struct exits_sheet *s)
{
    const struct shape *shape = &b->data->shape;
    struct choice c;

    if (shape->rank != 3)
        return;
    s->h = shape->dim[0];
    s->w = shape->dim[1];
    s->c = shape->dim[2];
    choose(t, easy, &c);
    s->easy_count = c.count;
    s->easy = show(b, t, &c, s);
    choose(t, hard, &c);
    s->hard_count = c.count;
    s->hard = show(b, t, &c, s);
    choose(t, lost, &c);
    s->lost_count = c.count;
    s->lost_total = c.total;
    s->lost = show(b, t, &c, s);
}

static void fill_all(struct bench *b, struct exits_sheet *s)
{
    double cost[EXIT_MAX], alone[EXIT_MAX];
    struct exit_table t;

    exits_table(b, &t);
    size_of_outputs(b->net, cost, alone);
    s->alone = alone[s->exits - 1];
    snprintf(s->by, sizeof(s->by), "%s", t.by->name);
    s->falling = t.by->falling;
    s->samples = t.samples;
    s->classes = t.classes;
    s->class_name = sheets_classes(s, b->data);
    s->subset = t.samples < b->data->validation_count;
    s->is_training = b->running != NULL;
    fill_rows(b, &t, cost, s);
    copy_table(&t, s);
    fill_points(&t, cost, s);
    fill_study(&t, cost, s);
    fill_measured(b, &t, cost, s);
    fill_before(b, s);
    fill_pictures(b, &t, s);
    exit_table_done(&t);
}

/* Validation samples for a look that nobody commanded; `exits` takes all, and
 * what it computed is used. */
static int samples_for(const struct bench *b)
{
    double cost[EXIT_MAX], n;

    if (b->running != NULL)
        return SAMPLES_RUNNING;
    size_of_outputs(b->net, cost, NULL);
    n = PRODUCTS_MOST / fmax(1, cost[b->net->output_count - 1]);
    return n < SAMPLES_RUNNING             ? SAMPLES_RUNNING
           : n < b->data->validation_count ? (int)n
                                           : 0;
}

struct exits_sheet *sheets_exits(struct bench *b)
{
    struct exits_sheet *s = sheet_new(SHEET_EXITS);
    struct err err;

    s->exits = b->net->output_count;
    s->stage = b->history->current;
    fill_ladder(b, s);
    if (s->exits < 2)
        return s;
    exits_fit_rule(b);
    if (exits_fill(b, samples_for(b), &err) != ERR_OK) {
        sheet_drop(s);
        return NULL;
    }
    fill_all(b, s);
    return s;
}
