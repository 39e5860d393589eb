/*
 * Whether leaving weights out of a dense layer pays: the same products by
 * several forms of the matrix, measured against one another (cards P13, M2).
 *
 * A form's results are compared before it is timed.  Forms take turns, so that
 * what disturbs the machine meets all of them; a sample is as many products as
 * take a tenth of a millisecond; median and quartiles of the samples are kept.
 * Times are processor time of the one thread that works.
 */
#ifndef COMPRESS_TIMING_H
#define COMPRESS_TIMING_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "par/progress.h"

enum timing_form {
    TIMING_DENSE,   /* no weight is missing */
    TIMING_MASKED,  /* zeros are multiplied like any number */
    TIMING_CSR,     /* textbook rows */
    TIMING_SLICED,  /* our own form, tensor/sparse.h */
    TIMING_SMALLER, /* inputs and outputs are gone, compress/cut.h */
    TIMING_FORMS
};
extern const char *const timing_form_names[TIMING_FORMS];

struct timing_spread {
    double low, median, high; /* quartiles, seconds for the whole batch */
};

struct timing {
    double sparsity; /* zeros over weights */
    size_t weights;  /* that are not zero */
    int batch, runs;
    int small_in, small_out; /* of the smaller layer */
    struct timing_spread form[TIMING_FORMS];
    size_t bytes[TIMING_FORMS]; /* of the matrix in memory */
};

struct timing_request {
    const float *w; /* (in,out): the whole layer */
    int in, out;
    size_t keep; /* weights that stay, the largest ones; at least 1 */
    int batch;   /* samples at once */
    int runs;    /* samples of the time, at least 4 */
    uint64_t seed;
};

/* ERR_CANCELLED between two samples. */
enum err_code timing_measure(const struct timing_request *r,
                             const struct progress *progress,
                             struct timing *out, struct err *err) MUST_CHECK;

/*
 * From which sparsity on a form is faster than the dense one, by the medians of
 * rows t[0..count-1] of one batch in ascending sparsity: between two rows by
 * interpolation of the logarithm of their ratio.  The first row's sparsity when
 * it is faster everywhere, NAN when it is not at the end.
 */
double timing_break_even(const struct timing *t, int count,
                         enum timing_form form);

#endif
