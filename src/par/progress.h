/*
 * How long work tells how far it is and learns that it should stop.  Floors
 * below the engine know only this; the engine's job turns it into events.
 */
#ifndef PAR_PROGRESS_H
#define PAR_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct progress {
    /* May be NULL.  share is in [0, 1]; called on the thread that works. */
    void (*tell)(void *arg, double share);
    void *arg;
    const atomic_bool *cancel; /* may be NULL */
};

/* Any argument may be NULL. */
static inline void progress_tell(const struct progress *p, double share)
{
    if (p != NULL && p->tell != NULL)
        p->tell(p->arg, share);
}

static inline bool progress_cancelled(const struct progress *p)
{
    return p != NULL && p->cancel != NULL && atomic_load(p->cancel);
}

#endif
