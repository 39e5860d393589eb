/*
 * Where the time of mini-batches goes.  A thread is in one phase at a time, and
 * entering another charges what has passed to the one it leaves, so that phases
 * never overlap and their sum is the time threads were at work.  Off, as
 * always but in a benchmark, entering costs one test.
 * Threads: meter_start, meter_stop and meter_read while no loop of the pool
 * runs; meter_enter from any.
 */
#ifndef PAR_METER_H
#define PAR_METER_H

#include <stdbool.h>

enum meter_phase {
    METER_OUTSIDE, /* between loops of the pool: not charged */
    METER_DATA,    /* gathering and scaling samples */
    METER_IM2COL,  /* images to matrices and back */
    METER_PRODUCTS,
    METER_ELEMENTS,  /* layer passes besides products; the loss */
    METER_REDUCTION, /* sums over rows and shards, batch statistics */
    METER_UPDATE,    /* optimiser and mask */
    METER_PHASES
};

extern const char *const meter_names[METER_PHASES];

extern bool meter_is_on;

/* Clears all times and begins. */
void meter_start(void);
void meter_stop(void);
/* Seconds of all threads together since meter_start. */
void meter_read(double seconds[METER_PHASES]);

enum meter_phase meter_switch(enum meter_phase next);

/* Returns the phase that was left, to be entered again afterwards. */
static inline enum meter_phase meter_enter(enum meter_phase next)
{
    return meter_is_on ? meter_switch(next) : METER_OUTSIDE;
}

#endif
