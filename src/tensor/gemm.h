/*
 * Matrix products by OpenBLAS, called on one thread: the pool above is what
 * uses the cores.
 * Threads: any, once gemm_start has run.
 */
#ifndef TENSOR_GEMM_H
#define TENSOR_GEMM_H

#include <stdbool.h>
#include <stddef.h>

struct pool;

/*
 * C (m,n) = A (m,k) B (k,n) + beta C, all row-major.  a_turned says that A is
 * stored as (k,m), b_turned that B is stored as (n,k).  Strides are the
 * distance between stored rows; 0 stands for rows without a gap.
 */
struct gemm {
    int m, n, k;
    const float *a, *b;
    float *c;
    int a_stride, b_stride, c_stride;
    bool a_turned, b_turned;
    float beta; /* 0: what C holds is ignored, NaN too */
};

/* Keeps OpenBLAS to one thread a call.  Before the first product; again does
 * no harm. */
void gemm_start(void);

/*
 * Touches the memory into which OpenBLAS packs matrices, for as many threads as
 * the pool has; 3 ms the first time, nothing later.  Its kernels prefetch past
 * the end of what is packed, and on pages that were never touched every such
 * prefetch fails after a walk through the page tables: (64,784) (784,300) took
 * 2.6 ms before and 0.85 ms after on a first EPYC.  Job thread.
 */
void gemm_warm(struct pool *pool);

void gemm(const struct gemm *g);

/*
 * The same.  With scratch memory a few rows by a turned matrix, as in a dense
 * layer's gradient, read that matrix as it lies instead of copying it:
 * C' = B A'.
 */
size_t gemm_thin_scratch(int m, int n, int k);
void gemm_thin(const struct gemm *g, float *scratch);

/* The same by three plain loops with double sums. */
void gemm_ref(const struct gemm *g);

#endif
