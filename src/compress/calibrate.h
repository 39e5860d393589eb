/*
 * Ranges of activations for integers (method card Q3): how far a layer's
 * outputs go on some samples, and how much of that is worth having.
 */
#ifndef COMPRESS_CALIBRATE_H
#define COMPRESS_CALIBRATE_H

#include <stdbool.h>
#include <stdint.h>

#include "data/dataset.h"
#include "net/net.h"
#include "par/pool.h"
#include "par/progress.h"

struct act_range {
    float low, high; /* low <= 0 <= high */
};

#define ACT_BINS 2048

/* What was seen: the ends, and |x| in bins of width top / ACT_BINS. */
struct act_seen {
    float low, high;
    double top; /* the largest |x| */
    int64_t bin[ACT_BINS];
};

/* One row a way to choose a range. */
struct calibrator {
    const char *name, *help;
    bool follows; /* training may move the range, as it moves what is in it */
    /* |x| beyond it is cut off, of numbers of so many bits. */
    double (*clip)(const struct act_seen *s, int bits);
};
extern const struct calibrator calibrators[]; /* ends with a NULL name */
const struct calibrator *calibrator_find(const char *name);

/* Adds x[0..n-1]; in a first pass to the ends, in a second, when they are
 * final, to the bins. */
void act_ends(struct act_seen *s, const float *x, size_t n);
void act_count(struct act_seen *s, const float *x, size_t n);
struct act_range act_choose(const struct act_seen *s,
                            const struct calibrator *by, int bits);

/* range[i] of what node i gives on n of the samples that are trained on, spread
 * evenly over them, and range[node_count] of the net's input.  bits: of each,
 * node_count + 1; NULL: 8.  Two passes over the samples. */
enum err_code calibrate(struct net *net, const struct dataset *data, int n,
                        const struct calibrator *by, const int *bits,
                        struct pool *pool, const struct progress *progress,
                        struct act_range *range, struct err *err) MUST_CHECK;

#endif
