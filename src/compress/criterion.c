/* What pruning goes by. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "compress/prune.h"
#include "compress/select.h"

static void magnitude(const void *arg, size_t first, size_t count, float *score)
{
    const struct score_of *of = arg;
    const float *value = of->p->value + first;
    size_t i;

    for (i = 0; i < count; i++)
        score[i] = fabsf(value[i]);
}

/* A stream a block: any block can be drawn again by itself. */
static void chance(const void *arg, size_t first, size_t count, float *score)
{
    const struct score_of *of = arg;
    uint64_t address =
        (uint64_t)of->node * LAYER_PARAM_MAX + (uint64_t)of->param;
    struct rng r = rng_at(of->seed, RNG_PRUNE, of->round,
                          (address << 32) + first / SELECT_BLOCK);
    size_t i;

    for (i = 0; i < count; i++)
        score[i] = rng_float(&r);
}

/* Optimal Brain Damage (LeCun, Denker, Solla 1990; card P9) with the empirical
 * Fisher matrix as curvature: what the loss is expected to grow by when the
 * weight goes, but for a common factor. */
static void damage(const void *arg, size_t first, size_t count, float *score)
{
    const struct score_of *of = arg;
    const float *value = of->p->value + first;
    const float *curvature = of->curvature + first;
    size_t i;

    for (i = 0; i < count; i++)
        score[i] = value[i] * value[i] * curvature[i];
}

/* Filter norm (Li et al. 2017; card N2): the root of the mean square of all
 * weights into a unit, pruned ones counted as zeros, so that units of different
 * layers can be compared. */
static void unit_norms(const struct param *p, float *unit, size_t units)
{
    size_t rows = p->count / units, i, k;

    for (k = 0; k < units; k++) {
        double sum = 0;

        for (i = k; i < p->count; i += units)
            sum += (double)p->value[i] * (double)p->value[i];
        unit[k] = (float)sqrt(sum / (double)rows);
    }
}

static void by_unit(const void *arg, size_t first, size_t count, float *score)
{
    const struct score_of *of = arg;
    size_t i;

    for (i = 0; i < count; i++)
        score[i] = of->unit[(first + i) % of->units];
}

const struct criterion criteria[] = {
    {.name = "magnitude",
     .help = "the smallest absolute values go",
     .score = magnitude},
    {.name = "random",
     .help = "chance decides: the control for every other criterion",
     .score = chance},
    {.name = "shuffle",
     .help = "chance within each layer, which loses as many as by magnitude",
     .score = chance,
     .counts_as = "magnitude"},
    {.name = "damage",
     .help = "what the loss would suffer least from: squared weight times mean "
             "squared gradient",
     .score = damage,
     .by_curvature = true},
    {.name = "units",
     .help = "whole units and filters, those with the smallest weights",
     .score = by_unit,
     .prepare = unit_norms},
    {.name = NULL}};

const struct criterion *criterion_find(const char *name)
{
    const struct criterion *row;

    for (row = criteria; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}
