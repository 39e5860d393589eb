/* Learning-rate schedules: factors of the set rate over a run. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "train/optim.h"

#define PI 3.14159265358979323846

/* One cycle (Smith 2018): where it turns, and its start in shares of the
 * largest rate. */
#define CYCLE_RISE  0.3
#define CYCLE_START 0.04

static double constant(double position)
{
    (void)position;
    return 1.0;
}

static double step(double position)
{
    if (position < 0.5)
        return 1.0;
    return position < 0.75 ? 0.1 : 0.01;
}

static double linear(double position)
{
    return 1.0 - position;
}

static double cosine(double position)
{
    return 0.5 * (1.0 + cos(PI * position));
}

static double one_cycle(double position)
{
    if (position < CYCLE_RISE)
        return CYCLE_START + (1.0 - CYCLE_START) * position / CYCLE_RISE;
    return cosine((position - CYCLE_RISE) / (1.0 - CYCLE_RISE));
}

const struct lr_schedule lr_schedules[] = {
    {"constant", "the same rate throughout", constant},
    {"step", "a tenth from half way, a hundredth from three quarters", step},
    {"linear", "down to 0 in a straight line", linear},
    {"cosine", "down to 0 along a half cosine", cosine},
    {"one-cycle", "up for 30 % of the steps, then down along a half cosine",
     one_cycle},
    {NULL, NULL, NULL},
};

const struct lr_schedule *lr_schedule_find(const char *name)
{
    const struct lr_schedule *s;

    for (s = lr_schedules; s->name != NULL; s++) {
        if (strcmp(s->name, name) == 0)
            return s;
    }
    return NULL;
}
