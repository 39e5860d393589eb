/*
 * A dense layer made smaller in earnest: whole inputs and outputs are taken
 * out of its matrix until no more weights are left than pruning would leave
 * here and there.  The weakest go, by the sum of their absolute weights (card
 * N2), as large a share of the inputs as of the outputs.
 * Threads: no shared state.
 */
#ifndef COMPRESS_CUT_H
#define COMPRESS_CUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct cut {
    int in, out;     /* what is left */
    int32_t *input;  /* (in) their numbers in the whole matrix, ascending */
    int32_t *output; /* (out) */
    float *w;        /* (in,out) */
};

/* w (in,out); the smaller matrix has at least `weights` weights (1 to in*out)
 * and less than a row more. */
enum err_code cut_make(struct cut *c, const float *w, int in, int out,
                       size_t weights, struct err *err) MUST_CHECK;
void cut_done(struct cut *c);

#endif
