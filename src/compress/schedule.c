#include "compress/schedule.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define EXPONENTIAL_RATE 5.0 /* of e-folds; 92 % of the way at half time */

static double one_shot(double from, double to, double x)
{
    (void)from;
    (void)x;
    return to;
}

static double linear(double from, double to, double x)
{
    return from + (to - from) * x;
}

/* Zhu and Gupta 2017, equation 1. */
static double cubic(double from, double to, double x)
{
    double left = 1.0 - x;

    return to + (from - to) * left * left * left;
}

/* The way left decays, shifted so that it ends at nothing. */
static double exponential(double from, double to, double x)
{
    double end = exp(-EXPONENTIAL_RATE);

    return to + (from - to) * (exp(-EXPONENTIAL_RATE * x) - end) / (1.0 - end);
}

/* Every event takes the same share of those still alive. */
static double survivors(double from, double to, double x)
{
    if (from >= 1.0)
        return to;
    return 1.0 - (1.0 - from) * pow((1.0 - to) / (1.0 - from), x);
}

const struct sparsity_schedule sparsity_schedules[] = {
    {"one-shot", "all at the first event", one_shot},
    {"linear", "equal steps of sparsity", linear},
    {"cubic", "fast first, gentle at the end (AGP)", cubic},
    {"exponential", "faster still first, then hardly any", exponential},
    {"survivors", "the same share of those still alive each time", survivors},
    {NULL, NULL, NULL}};

const struct sparsity_schedule *sparsity_schedule_find(const char *name)
{
    const struct sparsity_schedule *row;

    for (row = sparsity_schedules; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

double sparsity_at(const struct sparsity_schedule *by, double from, double to,
                   int k, int n)
{
    if (k <= 0)
        return from;
    return k >= n ? to : by->shape(from, to, (double)k / n);
}
