/*
 * A weight matrix with its zeros left out, in the textbook's form: compressed
 * sparse rows, a row an output, 32-bit column numbers.  It is what our own
 * format (sparse.h) is measured against; bytes as method card P13 counts them.
 * Threads: a finished matrix is only read.
 */
#ifndef TENSOR_CSR_H
#define TENSOR_CSR_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct csr {
    int in, out;
    size_t count;    /* weights that are not zero */
    uint32_t *start; /* (out + 1) where each output's weights begin */
    uint32_t *index; /* (count) input of each, ascending within an output */
    float *value;    /* (count) */
};

/* w (in,out) row-major, as dense layers have it; -0.0 is a zero. */
enum err_code csr_make(struct csr *c, const float *w, int in, int out,
                       struct err *err) MUST_CHECK;
void csr_done(struct csr *c);
/* Bytes of start, index and value: 4 (2 count + out + 1). */
size_t csr_bytes(const struct csr *c);

/* y (n,out) = x (n,in) W, sample after sample. */
void csr_mul(const struct csr *c, const float *x, float *y, int n);
/* w (in,out), every value where it was. */
void csr_unpack(const struct csr *c, float *w);

#endif
