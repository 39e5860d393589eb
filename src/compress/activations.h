/*
 * Linear quantisation of activations (method cards Q1, Q3, Q4): layers that
 * round stand where whole numbers would be stored, so that a net can be judged,
 * and trained, as what it will be in integers.
 */
#ifndef COMPRESS_ACTIVATIONS_H
#define COMPRESS_ACTIVATIONS_H

#include "compress/calibrate.h"
#include "net/fake.h"

struct activations_request {
    int bits;                    /* 2 to 16 */
    const struct calibrator *by; /* NULL: activations_calibrator */
    int samples;                 /* that it looks at */
    const char *layers; /* pattern over names of layers whose outputs they are,
                           "input" for the picture; NULL: all */
    /* Told for every layer that is new or another, by its name, when nothing
     * can fail any more; may be NULL. */
    void (*tell)(void *arg, const char *name, const struct fake *f);
    void *arg;
};

/*
 * From 8 bits on all that was seen; below the least squared error, which cuts
 * values off and then stays.  A range of few levels that follows the batches
 * can run away: what is rounded to 0 grows until it is not, and the range with
 * it.
 */
const struct calibrator *activations_calibrator(int bits);

/* 8 bits, 500 samples. */
struct activations_request activations_defaults(void);

/*
 * *out (new) is net with the chosen activations quantised, those that were so
 * before anew; what they are is seen with no activation quantised.  The picture
 * has 8 bits or more, as it comes in bytes, unless layers chooses it by name.
 * A calibrator that cuts values off gives a range that training leaves alone.
 */
enum err_code activations_quantise(const struct net *net,
                                   const struct activations_request *r,
                                   const struct dataset *data,
                                   struct pool *pool,
                                   const struct progress *progress,
                                   struct net **out,
                                   struct err *err) MUST_CHECK;

/* *out (new) is net without the quantisers that layers chooses; refuses where
 * there are none. */
enum err_code activations_release(const struct net *net, const char *layers,
                                  struct net **out, struct err *err) MUST_CHECK;

/* Whether training leaves the ranges of those that layers chooses alone.  How
 * many there are. */
int activations_freeze(struct net *net, const char *layers, bool freeze);

#endif
