/* Which thresholds to take: the whole range of one, and budgets. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/exits.h"

/* How easily a sample leaves: larger leaves earlier, whatever the criterion. */
static float ease_of(const struct exit_table *t, int at, int sample)
{
    float score = t->score[(size_t)at * (size_t)t->samples + (size_t)sample];

    return t->by->falling ? -score : score;
}

/* The threshold at which what has this ease just leaves. */
static double threshold_of(const struct exit_table *t, float ease)
{
    return t->by->falling ? (double)nextafterf(-ease, INFINITY) : (double)ease;
}

/* At this ease the sample leaves at exit `to`, no longer later. */
struct change {
    float ease;
    int32_t sample, to;
};

static int compare_change(const void *a, const void *b)
{
    const struct change *x = a, *y = b;

    if (x->ease != y->ease)
        return x->ease < y->ease ? 1 : -1;
    if (x->sample != y->sample)
        return x->sample < y->sample ? -1 : 1;
    return (x->to < y->to) - (x->to > y->to);
}

/* An exit counts for a sample only where it is easier than all before it. */
static int list_changes(const struct exit_table *t, struct change *out)
{
    int n = 0, i, k;

    for (i = 0; i < t->samples; i++) {
        float best = -INFINITY;

        for (k = 0; k < t->exits - 1; k++) {
            float ease = ease_of(t, k, i);

            if (ease > best) {
                out[n++] = (struct change){ease, i, k};
                best = ease;
            }
        }
    }
    qsort(out, (size_t)n, sizeof(*out), compare_change);
    return n;
}

/* A sweep on its way. */
struct sweep {
    const struct exit_table *t;
    const double *cost;
    uint8_t *where;
    int left[EXIT_MAX];
    int hits;
};

static bool is_right(const struct exit_table *t, int at, int sample)
{
    return t->guess[(size_t)at * (size_t)t->samples + (size_t)sample] ==
           t->label[sample];
}

static void sweep_change(struct sweep *s, const struct change *c)
{
    int from = s->where[c->sample];

    s->left[from]--;
    s->left[c->to]++;
    s->hits +=
        is_right(s->t, c->to, c->sample) - is_right(s->t, from, c->sample);
    s->where[c->sample] = (uint8_t)c->to;
}

static struct exit_point sweep_point(const struct sweep *s, double threshold)
{
    struct exit_point p = {.threshold = threshold};
    int k;

    for (k = 0; k < s->t->exits; k++)
        p.cost += (double)s->left[k] * s->cost[k];
    p.cost /= s->t->samples;
    p.accuracy = (double)s->hits / s->t->samples;
    return p;
}

static void sweep_start(struct sweep *s)
{
    int last = s->t->exits - 1, i;

    s->where = mem_array((size_t)s->t->samples, sizeof(*s->where));
    memset(s->where, last, (size_t)s->t->samples);
    s->left[last] = s->t->samples;
    for (i = 0; i < s->t->samples; i++)
        s->hits += is_right(s->t, last, i);
}

int exits_sweep(const struct exit_table *t, const double *cost,
                struct exit_point *out, int most)
{
    struct sweep s = {.t = t, .cost = cost};
    struct change *change;
    int changes, points = 0, i;

    if (t->samples == 0)
        return 0;
    change = mem_array((size_t)t->samples * (size_t)t->exits, sizeof(*change));
    changes = list_changes(t, change);
    sweep_start(&s);
    out[points++] = sweep_point(&s, exit_never(t->by));
    for (i = 0; i < changes; i++) {
        /* Points so far may not run ahead of the changes so far. */
        long long due = (long long)points * changes / (most - 1);

        sweep_change(&s, &change[i]);
        if (i + 1 < changes &&
            (change[i + 1].ease == change[i].ease || i + 1 < due))
            continue;
        out[points++] = sweep_point(&s, threshold_of(t, change[i].ease));
    }
    mem_free(change);
    mem_free(s.where);
    return points;
}

/* Shares proportional to p^exit; their mean cost. */
static double geometric(const double *cost, int exits, double p, double *share)
{
    double sum = 0.0, mean = 0.0, power = 1.0;
    int k;

    /* Above 1 counted from the end, so that no power overflows. */
    for (k = 0; k < exits; k++) {
        int at = p <= 1.0 ? k : exits - 1 - k;

        share[at] = power;
        sum += power;
        power *= p <= 1.0 ? p : 1.0 / p;
    }
    for (k = 0; k < exits; k++) {
        share[k] /= sum;
        mean += share[k] * cost[k];
    }
    return mean;
}

double exits_shares(const double *cost, int exits, double budget, double *share)
{
    double low = 0.0, high = 1.0; /* of p / (1 + p) */
    int i;

    for (i = 0; i < 200 && high - low > 1e-15; i++) {
        double half = (low + high) / 2.0;

        if (geometric(cost, exits, half / (1.0 - half), share) < budget)
            low = half;
        else
            high = half;
    }
    high = fmin((low + high) / 2.0, 1.0 - 1e-15);
    geometric(cost, exits, high / (1.0 - high), share);
    return high / (1.0 - high);
}

static int compare_ease(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x < y) - (x > y);
}

/* The ease that lets `want` of those not gone leave at exit `at`. */
static bool cut_at(const struct exit_table *t, int at, int want,
                   const uint8_t *gone, float *scratch, float *ease)
{
    int n = 0, i;

    for (i = 0; i < t->samples; i++) {
        if (!gone[i])
            scratch[n++] = ease_of(t, at, i);
    }
    if (want < 1 || n == 0)
        return false;
    qsort(scratch, (size_t)n, sizeof(*scratch), compare_ease);
    *ease = scratch[(want < n ? want : n) - 1];
    return true;
}

void exits_thresholds(const struct exit_table *t, const double *share,
                      double *threshold)
{
    uint8_t *gone = mem_array((size_t)t->samples, sizeof(*gone));
    float *scratch = mem_array((size_t)t->samples, sizeof(*scratch));
    int i, k;

    for (k = 0; k < t->exits - 1; k++) {
        /* A share that is a whole number of samples but for rounding. */
        int want = (int)floor(share[k] * t->samples + 1e-9);
        float ease;

        threshold[k] = exit_never(t->by);
        if (!cut_at(t, k, want, gone, scratch, &ease))
            continue;
        threshold[k] = threshold_of(t, ease);
        for (i = 0; i < t->samples; i++)
            gone[i] = gone[i] || ease_of(t, k, i) >= ease;
    }
    mem_free(gone);
    mem_free(scratch);
}

/* Candidates of one exit: quantiles of its scores, and never. */
#define CANDIDATES    64
#define SEARCH_ROUNDS 6

static int list_candidates(const struct exit_table *t, int at, float *scratch,
                           double *out)
{
    int n = 0, i;

    for (i = 0; i < t->samples; i++)
        scratch[i] = ease_of(t, at, i);
    qsort(scratch, (size_t)t->samples, sizeof(*scratch), compare_ease);
    out[n++] = exit_never(t->by);
    for (i = 0; i < CANDIDATES; i++) {
        double x = threshold_of(
            t,
            scratch[(size_t)(t->samples - 1) * (size_t)i / (CANDIDATES - 1)]);

        if (x != out[n - 1])
            out[n++] = x;
    }
    return n;
}

static bool is_better(const struct exit_result *a, const struct exit_result *b,
                      double budget)
{
    bool a_fits = a->cost <= budget, b_fits = b->cost <= budget;

    if (a_fits != b_fits)
        return a_fits;
    if (!a_fits)
        return a->cost < b->cost;
    return a->hits > b->hits || (a->hits == b->hits && a->cost < b->cost);
}

/* One exit's threshold, the others as they are. */
static void search_one(const struct exit_table *t, const double *cost,
                       double budget, int at, float *scratch, double *threshold,
                       struct exit_result *best)
{
    double candidate[CANDIDATES + 1], kept = threshold[at];
    int n = list_candidates(t, at, scratch, candidate), i;
    struct exit_result r;

    for (i = 0; i < n; i++) {
        threshold[at] = candidate[i];
        exits_apply(t, threshold, cost, &r, NULL);
        if (is_better(&r, best, budget)) {
            *best = r;
            kept = candidate[i];
        }
    }
    threshold[at] = kept;
}

void exits_search(const struct exit_table *t, const double *cost, double budget,
                  double *threshold)
{
    float *scratch = mem_array((size_t)t->samples, sizeof(*scratch));
    struct exit_result best;
    bool moved = t->samples > 0;
    int round, k;

    exits_apply(t, threshold, cost, &best, NULL);
    for (round = 0; moved && round < SEARCH_ROUNDS; round++) {
        struct exit_result before = best;

        for (k = 0; k < t->exits - 1; k++)
            search_one(t, cost, budget, k, scratch, threshold, &best);
        moved = before.hits != best.hits || before.cost != best.cost;
    }
    mem_free(scratch);
}
