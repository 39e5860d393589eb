/*
 * k-means on a line (method card D2).  Values are sorted once, equal ones
 * merged, and prefix sums give the mean and the squared error of any stretch at
 * once; so a round of Lloyd costs k searches, whatever the number of values,
 * and no work depends on the number of threads.
 *
 * Clusters are stretches of the sorted values: neighbours part in the middle
 * between their centres, and a value right there belongs to the left.  A
 * cluster that is left without values moves to the value that lies farthest
 * from its centre, so k clusters stay k as long as there are k values.
 */
#ifndef COMPRESS_CLUSTER_H
#define COMPRESS_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/rng.h"

/* What is clustered. */
struct points {
    size_t n; /* distinct values */
    float *x; /* ascending */
    /* Prefix sums, n + 1 each: how many, their sum and their squares, of
     * x - middle. */
    double *count, *sum, *square;
    double middle;
};

/* Sorts value[0..count-1] in place (they must be finite) and takes stock of it.
 * On failure p holds nothing. */
enum err_code points_make(struct points *p, float *value, size_t count,
                          struct err *err) MUST_CHECK;
void points_done(struct points *p);
/* Squared error of x[from..to-1] about their mean. */
double points_error(const struct points *p, size_t from, size_t to);

struct clusters {
    int k;
    double *centre; /* ascending */
    size_t *end;    /* cluster j is x[end[j-1]] to x[end[j]-1] */
    int rounds;     /* of Lloyd */
};

/* Room for k clusters, but not more than there are values. */
void clusters_make(struct clusters *c, int k, const struct points *p);
void clusters_done(struct clusters *c);
/* Assigns the values to the centres, then moves these to their means; false
 * when no value has changed its cluster, with nothing moved. */
bool clusters_round(struct clusters *c, const struct points *p);
/* The sum of squared errors. */
double clusters_error(const struct clusters *c, const struct points *p);
/* The cluster of a value that is among the points. */
int clusters_find(const struct clusters *c, const struct points *p, float x);

/* One row a way to find clusters. */
struct cluster_method {
    const char *name, *help;
    /* Fills clusters that were made; all are filled with values then. */
    enum err_code (*run)(struct clusters *c, const struct points *p,
                         struct rng *r, struct err *err);
};
extern const struct cluster_method cluster_methods[]; /* ends with NULL name */
const struct cluster_method *cluster_method_find(const char *name);

#endif
