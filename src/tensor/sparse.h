/*
 * Our own form of a weight matrix without its zeros: slices of eight outputs
 * that run side by side in the lanes of a register, 16-bit input numbers.
 *
 * Outputs are sorted by how many weights they have and cut into slices of
 * eight (the SELL-C-sigma of Kreutzer et al. 2014, with C = 8 and sigma all
 * outputs), so that little is filled up: 1 to 3 % at random positions.  A step
 * of a slice is one weight of each of its outputs: 48 bytes.
 *
 * One sample: eight inputs are collected and multiplied with eight weights.
 * A batch: samples become the lanes.  Inputs are turned to (in, samples), and
 * every weight is one broadcast and one row of 64 samples, which are eight
 * registers of products: nearly the work a weight makes in a dense product.
 *
 * 784x300 on one core of a first EPYC: faster than dense sgemv from 75 % zeros
 * on, than dense sgemm on 64 samples from 45 % on, where textbook CSR has to
 * wait for 91 % and 94 % (tests/bench_sparse.c).
 *
 * Sums run over an output's inputs in ascending order, whatever the batch: a
 * sample's result does not depend on its neighbours.  On processors with FMA
 * products and sums are fused.
 * Threads: a finished matrix is only read; scratch belongs to one call.
 */
#ifndef TENSOR_SPARSE_H
#define TENSOR_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SPARSE_LANES  8
#define SPARSE_IN_MAX 65536 /* inputs that 16 bits can number */

struct sparse {
    int in, out, slices;
    size_t count;     /* weights that are not zero */
    size_t steps;     /* of all slices */
    int32_t *unit;    /* (slices, 8) output of each lane; -1: none */
    uint32_t *length; /* (slices, 8) weights of each lane */
    uint32_t *start;  /* (slices + 1) first step of each slice */
    uint32_t *pair;   /* (steps, 4) inputs of lanes 0 and 1 in the low and the
                         high half, and so on */
    float *value;     /* (steps, 8); 0 where a lane has ended */
};

/* w (in,out) row-major, as dense layers have it; -0.0 is a zero. */
enum err_code sparse_make(struct sparse *s, const float *w, int in, int out,
                          struct err *err) MUST_CHECK;
void sparse_done(struct sparse *s);
size_t sparse_bytes(const struct sparse *s);

/* y (n,out) = x (n,in) W.  scratch: sparse_scratch(s, n) floats, aligned to 64
 * bytes. */
size_t sparse_scratch(const struct sparse *s, int n);
void sparse_mul(const struct sparse *s, const float *x, float *y, int n,
                float *scratch);
/* The same by plain loops with double sums. */
void sparse_mul_ref(const struct sparse *s, const float *x, float *y, int n);
/* w (in,out), every value where it was. */
void sparse_unpack(const struct sparse *s, float *w);

#endif
