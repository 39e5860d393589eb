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
