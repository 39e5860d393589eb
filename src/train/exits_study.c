/* What the exits of a net are worth: overthinking, classes, calibration. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "train/exits.h"

static bool is_right(const struct exit_table *t, int at, int sample)
{
    return t->guess[(size_t)at * (size_t)t->samples + (size_t)sample] ==
           t->label[sample];
}

void exits_study(const struct exit_table *t, const double *cost,
                 struct exit_study *out)
{
    int last = t->exits - 1, some = 0, wasteful = 0, destructive = 0, i, k;

    *out = (struct exit_study){0};
    for (i = 0; i < t->samples; i++) {
        bool right = is_right(t, last, i);

        for (k = 0; k < last && !is_right(t, k, i); k++)
            ;
        out->oracle[k]++;
        out->oracle_cost += cost[k];
        some += k < last || right;
        wasteful += k < last && right;
        destructive += k < last && !right;
    }
    if (t->samples == 0)
        return;
    out->cumulative = (double)some / t->samples;
    out->wasteful = (double)wasteful / t->samples;
    out->destructive = (double)destructive / t->samples;
    out->oracle_cost /= t->samples;
}

void exits_classes(const struct exit_table *t, const uint8_t *where,
                   double *mean)
{
    int *count = mem_array((size_t)t->classes, sizeof(*count));
    int i, c;

    for (c = 0; c < t->classes; c++)
        mean[c] = 0.0;
    for (i = 0; i < t->samples; i++) {
        mean[t->label[i]] += where[i];
        count[t->label[i]]++;
    }
    for (c = 0; c < t->classes; c++)
        mean[c] = count[c] > 0 ? mean[c] / count[c] : -1.0;
    mem_free(count);
}

struct judged {
    float score;
    bool right;
};

static int compare_judged(const void *a, const void *b)
{
    float x = ((const struct judged *)a)->score;
    float y = ((const struct judged *)b)->score;

    return (x > y) - (x < y);
}

/* Mann and Whitney: pairs of a right and a wrong one in which the right one is
 * surer; equal scores count half. */
double exits_auroc(const struct exit_table *t, int at)
{
    struct judged *s = mem_array((size_t)t->samples, sizeof(*s));
    double pairs = 0.0, wrong = 0.0, right = 0.0;
    int i, j;

    for (i = 0; i < t->samples; i++) {
        float score = t->score[(size_t)at * (size_t)t->samples + (size_t)i];

        s[i].score = t->by->falling ? -score : score;
        s[i].right = is_right(t, at, i);
    }
    qsort(s, (size_t)t->samples, sizeof(*s), compare_judged);
    for (i = 0; i < t->samples; i = j) {
        double rights = 0.0, wrongs = 0.0;

        for (j = i; j < t->samples && s[j].score == s[i].score; j++) {
            rights += s[j].right;
            wrongs += !s[j].right;
        }
        pairs += rights * (wrong + wrongs / 2.0);
        right += rights;
        wrong += wrongs;
    }
    mem_free(s);
    return right > 0.0 && wrong > 0.0 ? pairs / (right * wrong) : (double)NAN;
}

/* Calibration. */

/* (low, high]: 1.0 falls into the last, 0.0 into the first. */
static int bin_of(double confidence, int bins)
{
    int bin = (int)ceil(confidence * bins) - 1;

    return bin < 0 ? 0 : bin >= bins ? bins - 1 : bin;
}

void exits_reliability(const float *confidence, const uint8_t *right, int n,
                       int bins, struct reliability *out)
{
    int i;

    *out = (struct reliability){.bins = bins};
    for (i = 0; i < n; i++) {
        double c = (double)confidence[i];
        int bin = bin_of(c, bins);

        out->count[bin]++;
        out->confidence[bin] += c;
        out->accuracy[bin] += right[i];
        out->mean_confidence += c / n;
        out->mean_accuracy += (double)right[i] / n;
        out->brier += (c - right[i]) * (c - right[i]) / n;
    }
    for (i = 0; i < bins; i++) {
        double gap;

        if (out->count[i] == 0)
            continue;
        out->confidence[i] /= out->count[i];
        out->accuracy[i] /= out->count[i];
        gap = fabs(out->confidence[i] - out->accuracy[i]);
        out->ece += gap * out->count[i] / n;
        out->mce = fmax(out->mce, gap);
    }
}

void exits_reliability_of(const struct exit_table *t, int at, int bins,
                          struct reliability *out)
{
    uint8_t *right = mem_array((size_t)t->samples, sizeof(*right));
    int i;

    for (i = 0; i < t->samples; i++)
        right[i] = is_right(t, at, i);
    exits_reliability(t->confidence + (size_t)at * (size_t)t->samples, right,
                      t->samples, bins, out);
    mem_free(right);
}

/* Of one sample at 1/T: log(sum exp(z/T)) - z[label]/T, and its derivative by
 * 1/T: mean of z under the softmax, less z[label]. */
static double likelihood(const float *z, int32_t label, int classes,
                         double inverse, double *slope)
{
    double top = (double)z[0], sum = 0.0, mean = 0.0;
    int c;

    for (c = 1; c < classes; c++)
        top = fmax(top, (double)z[c]);
    for (c = 0; c < classes; c++) {
        double e = exp(((double)z[c] - top) * inverse);

        sum += e;
        mean += e * (double)z[c];
    }
    *slope = mean / sum - (double)z[label];
    return log(sum) + (top - (double)z[label]) * inverse;
}

/* Sums over all samples. */
static double likelihood_of(const float *logits, const int32_t *label,
                            int samples, int exits, int classes, int at,
                            double inverse, double *slope)
{
    double sum = 0.0, one;
    int i;

    *slope = 0.0;
    for (i = 0; i < samples; i++) {
        size_t row = (size_t)i * (size_t)exits + (size_t)at;

        sum += likelihood(logits + row * (size_t)classes, label[i], classes,
                          inverse, &one);
        *slope += one;
    }
    return sum;
}

double exits_likelihood(const float *logits, const int32_t *label, int samples,
                        int exits, int classes, int at, double temperature)
{
    double slope;

    if (samples == 0)
        return 0.0;
    return likelihood_of(logits, label, samples, exits, classes, at,
                         1.0 / temperature, &slope) /
           samples;
}

/* Convex in 1/T: the slope is bisected, on ln T. */
double exits_temperature(const float *logits, const int32_t *label, int samples,
                         int exits, int classes, int at)
{
    double low = -3.0, high = 3.0, slope;
    int i;

    if (samples == 0)
        return 1.0;
    for (i = 0; i < 40; i++) {
        double half = (low + high) / 2.0;

        likelihood_of(logits, label, samples, exits, classes, at, exp(-half),
                      &slope);
        /* Rising with 1/T there: the best 1/T is smaller, T larger. */
        if (slope > 0.0)
            low = half;
        else
            high = half;
    }
    return exp((low + high) / 2.0);
}
