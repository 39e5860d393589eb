/* Sparsity over the events of gradual pruning (cards P3, P5): a row each. */
#ifndef COMPRESS_SCHEDULE_H
#define COMPRESS_SCHEDULE_H

struct sparsity_schedule {
    const char *name, *help;
    /* Only asked for 0 < x < 1, the share of events that are done. */
    double (*shape)(double from, double to, double x);
};

/* Ends with a NULL name. */
extern const struct sparsity_schedule sparsity_schedules[];
const struct sparsity_schedule *sparsity_schedule_find(const char *name);

/* Sparsity after event k of n (k = 0..n) on the way from `from` to `to`, both
 * in 0..1: exactly `from` for k = 0 and exactly `to` for k = n. */
double sparsity_at(const struct sparsity_schedule *by, double from, double to,
                   int k, int n);

#endif
