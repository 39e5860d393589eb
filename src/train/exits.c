#include "train/exits.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* Criteria. */

static int largest(const float *p, int classes)
{
    int best = 0, c;

    for (c = 1; c < classes; c++) {
        if (p[c] > p[best])
            best = c;
    }
    return best;
}

static float probability(const float *p, int at, int classes)
{
    p += (size_t)at * (size_t)classes;
    return p[largest(p, classes)];
}

static float margin(const float *p, int at, int classes)
{
    int best, c;
    float second = 0.0f;

    p += (size_t)at * (size_t)classes;
    best = largest(p, classes);
    for (c = 0; c < classes; c++) {
        if (c != best && p[c] > second)
            second = p[c];
    }
    return p[best] - second;
}

static float entropy(const float *p, int at, int classes)
{
    double sum = 0.0;
    int c;

    p += (size_t)at * (size_t)classes;
    for (c = 0; c < classes; c++) {
        if (p[c] > 0.0f)
            sum -= (double)p[c] * log((double)p[c]);
    }
    return (float)sum;
}

/* Exits in a row, this one included, that say the same. */
static float patience(const float *p, int at, int classes)
{
    int guess = largest(p + (size_t)at * (size_t)classes, classes), run = 1;

    while (run <= at &&
           largest(p + (size_t)(at - run) * (size_t)classes, classes) == guess)
        run++;
    return (float)run;
}

static double one(int exits, int classes)
{
    (void)exits;
    (void)classes;
    return 1.0;
}

static double log_classes(int exits, int classes)
{
    (void)exits;
    return log((double)classes);
}

static double all_exits(int exits, int classes)
{
    (void)classes;
    return (double)exits;
}

const struct exit_criterion exit_criteria[] = {
    {.name = "probability",
     .help = "leave when the largest probability reaches the threshold",
     .usual = 0.9,
     .score = probability,
     .most = one},
    {.name = "entropy",
     .help = "leave when the entropy (natural log) lies below the threshold",
     .falling = true,
     .usual = 0.3,
     .score = entropy,
     .most = log_classes},
    {.name = "margin",
     .help = "leave when the largest probability is so far above the second",
     .usual = 0.8,
     .score = margin,
     .most = one},
    {.name = "patience",
     .help = "leave when so many exits in a row said the same",
     .whole = true,
     .usual = 2,
     .score = patience,
     .most = all_exits},
    {.name = NULL}};

const struct exit_criterion *exit_criterion_find(const char *name)
{
    const struct exit_criterion *row;

    for (row = exit_criteria; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

/* Rules. */

struct exit_rule exit_rule_make(const struct exit_criterion *by,
                                double threshold)
{
    struct exit_rule r = {.by = by};
    int i;

    for (i = 0; i < EXIT_MAX; i++) {
        r.threshold[i] = threshold;
        r.temperature[i] = 1.0;
    }
    return r;
}

double exit_never(const struct exit_criterion *by)
{
    return by->falling ? 0.0 : (double)INFINITY;
}

double exit_always(const struct exit_criterion *by)
{
    return by->falling ? (double)INFINITY : -(double)INFINITY;
}

bool exit_leaves(const struct exit_criterion *by, float score, double threshold)
{
    return by->falling ? (double)score < threshold : (double)score >= threshold;
}

/* The sum in double, so that certainty close to 1 keeps its order. */
void exit_probabilities(const float *z, int classes, double temperature,
                        float *p)
{
    double top = (double)z[largest(z, classes)], sum = 0.0;
    int c;

    for (c = 0; c < classes; c++) {
        double e = exp(((double)z[c] - top) / temperature);

        p[c] = (float)e;
        sum += e;
    }
    for (c = 0; c < classes; c++)
        p[c] = (float)((double)p[c] / sum);
}

/* The table. */

static void tabulate(struct exit_table *t, const float *logits, int sample,
                     const struct exit_rule *rule, float *p)
{
    size_t classes = (size_t)t->classes;
    int k;

    for (k = 0; k < t->exits; k++) {
        float *here = p + (size_t)k * classes;
        size_t i = (size_t)k * (size_t)t->samples + (size_t)sample;

        exit_probabilities(logits + (size_t)k * classes, t->classes,
                           rule->temperature[k], here);
        t->guess[i] = largest(here, t->classes);
        t->confidence[i] = here[t->guess[i]];
        t->score[i] = rule->by->score(p, k, t->classes);
    }
}

void exit_table_make(struct exit_table *t, const float *logits,
                     const int32_t *label, int samples, int exits, int classes,
                     const struct exit_rule *rule)
{
    size_t n = (size_t)samples * (size_t)exits;
    size_t row = (size_t)exits * (size_t)classes;
    float *p = mem_array(row, sizeof(*p));
    int i;

    *t = (struct exit_table){.samples = samples,
                             .exits = exits,
                             .classes = classes,
                             .by = rule->by,
                             .label = label};
    t->score = mem_array(n, sizeof(*t->score));
    t->guess = mem_array(n, sizeof(*t->guess));
    t->confidence = mem_array(n, sizeof(*t->confidence));
    for (i = 0; i < samples; i++)
        tabulate(t, logits + (size_t)i * row, i, rule, p);
    mem_free(p);
}

void exit_table_done(struct exit_table *t)
{
    mem_free(t->score);
    mem_free(t->guess);
    mem_free(t->confidence);
    *t = (struct exit_table){0};
}

static int exit_of(const struct exit_table *t, const double *threshold,
                   int sample)
{
    const float *score = t->score + sample;
    int k;

    for (k = 0; k < t->exits - 1; k++) {
        if (exit_leaves(t->by, score[(size_t)k * (size_t)t->samples],
                        threshold[k]))
            break;
    }
    return k;
}

void exits_apply(const struct exit_table *t, const double *threshold,
                 const double *cost, struct exit_result *out, uint8_t *where)
{
    int i, k;

    *out = (struct exit_result){.samples = t->samples};
    for (i = 0; i < t->samples; i++) {
        k = exit_of(t, threshold, i);
        out->left[k]++;
        out->right[k] +=
            t->guess[(size_t)k * (size_t)t->samples + (size_t)i] == t->label[i];
        if (where != NULL)
            where[i] = (uint8_t)k;
    }
    for (k = 0; k < t->exits; k++) {
        out->hits += out->right[k];
        out->cost += (double)out->left[k] * cost[k];
    }
    if (t->samples > 0) {
        out->accuracy = (double)out->hits / t->samples;
        out->cost /= t->samples;
    }
}

double exits_alone(const struct exit_table *t, int at)
{
    const int32_t *guess = t->guess + (size_t)at * (size_t)t->samples;
    int hits = 0, i;

    for (i = 0; i < t->samples; i++)
        hits += guess[i] == t->label[i];
    return t->samples > 0 ? (double)hits / t->samples : 0.0;
}

double exits_ensemble(const float *logits, const int32_t *label, int samples,
                      int exits, int classes, const struct exit_rule *rule,
                      int at)
{
    size_t row = (size_t)exits * (size_t)classes;
    float *p = mem_array((size_t)classes, sizeof(*p));
    float *sum = mem_array((size_t)classes, sizeof(*sum));
    int hits = 0, i, k, c;

    for (i = 0; i < samples; i++) {
        memset(sum, 0, (size_t)classes * sizeof(*sum));
        for (k = 0; k <= at; k++) {
            exit_probabilities(logits + (size_t)i * row +
                                   (size_t)k * (size_t)classes,
                               classes, rule->temperature[k], p);
            for (c = 0; c < classes; c++)
                sum[c] += p[c];
        }
        hits += largest(sum, classes) == label[i];
    }
    mem_free(p);
    mem_free(sum);
    return samples > 0 ? (double)hits / samples : 0.0;
}
