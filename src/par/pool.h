/*
 * A team of threads that runs one loop at a time.  Work is cut into chunks by
 * the problem, never by the number of threads; which thread runs a chunk is
 * left open, so a body writes only what belongs to its chunk and sums go into
 * one slot a chunk, added in chunk order by the caller.  The same bits come out
 * at any thread count.  Waiting helpers spin for some microseconds, then sleep.
 * Threads: pool_run is called by one thread at a time (the job thread); the
 * helpers have every signal blocked and run at a lower priority.
 */
#ifndef PAR_POOL_H
#define PAR_POOL_H

#include "base/err.h"

struct pool;

/* worker is in 0..pool_threads()-1 and unique among the bodies running now:
 * it may index scratch memory, never a result. */
typedef void pool_body(void *arg, int chunk, int worker);

/* threads <= 0: as many as there are cores this process may use. */
struct pool *pool_new(int threads, struct err *err) MUST_CHECK;
void pool_free(struct pool *p);
int pool_threads(const struct pool *p);

/* Makes the calling thread as polite as the helpers are, so that the thread
 * that answers keys goes first; the job thread calls it once. */
void pool_lower_priority(void);

/* Returns when chunks 0..chunks-1 were all run.  Not reentrant.  A thread
 * prefers neighbouring chunks, in each run of so many the same, and from the
 * other end than at the last run of this body: what it left in its caches it
 * finds again.  A single chunk is run
 * by the caller, who may run the pool in it. */
void pool_run(struct pool *p, pool_body *body, void *arg, int chunks);

/* Loops 0..count-1 of chunks[loop] chunks each, one after the other: one begins
 * when all chunks of the one before are done.  As so many calls of pool_run,
 * but a stop between two is four times as short.  Which thread prefers which
 * chunks depends on the loop's number of them only.  Not from inside a run. */
typedef void pool_loop_body(void *arg, int loop, int chunk, int worker);
void pool_run_loops(struct pool *p, pool_loop_body *body, void *arg,
                    const int *chunks, int count);

#endif
