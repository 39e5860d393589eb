#include "tensor/gemm.h"

#include <stddef.h>

#include <cblas.h>

#include "base/mem.h"
#include "par/meter.h"
#include "par/pool.h"

/* Sizes that reach all the pages the kernels do, at the least cost. */
enum { WARM_M = 32, WARM_N = 1024, WARM_K = 784 };

void gemm_start(void)
{
    openblas_set_num_threads(1);
}

struct warm {
    const float *a, *b;
    float *c; /* (chunks, WARM_M, WARM_N) */
};

static void warm_one(void *arg, int chunk, int worker)
{
    const struct warm *w = arg;

    (void)worker;
    gemm(&(struct gemm){.m = WARM_M,
                        .n = WARM_N,
                        .k = WARM_K,
                        .a = w->a,
                        .b = w->b,
                        .c = w->c + (size_t)chunk * WARM_M * WARM_N});
}

/* OpenBLAS has a block for each product that runs at the same time, so that
 * more products than threads are asked for, to have all threads at it. */
void gemm_warm(struct pool *pool)
{
    static int warmed;
    int threads = pool_threads(pool);
    size_t chunks = 2 * (size_t)threads;
    size_t c = chunks * WARM_M * WARM_N, a = WARM_M * WARM_K;
    struct err ignored;
    float *block;

    if (threads <= warmed)
        return;
    block = mem_block_array(c + a + WARM_N * WARM_K, sizeof(*block),
                            "warming up", &ignored);
    if (block == NULL)
        return;
    pool_run(pool, warm_one, &(struct warm){block + c, block + c + a, block},
             (int)chunks);
    mem_block_free(block);
    warmed = threads;
}

static int stride_or(int stride, int full)
{
    return stride != 0 ? stride : full;
}

void gemm(const struct gemm *g)
{
    enum meter_phase before = meter_enter(METER_PRODUCTS);

    cblas_sgemm(CblasRowMajor, g->a_turned ? CblasTrans : CblasNoTrans,
                g->b_turned ? CblasTrans : CblasNoTrans, g->m, g->n, g->k, 1.0f,
                g->a, stride_or(g->a_stride, g->a_turned ? g->m : g->k), g->b,
                stride_or(g->b_stride, g->b_turned ? g->k : g->n), g->beta,
                g->c, stride_or(g->c_stride, g->n));
    meter_enter(before);
}

/* Where element (row, col) of an operand lies. */
static size_t at(bool turned, int stride, int row, int col)
{
    return turned ? (size_t)col * (size_t)stride + (size_t)row
                  : (size_t)row * (size_t)stride + (size_t)col;
}

void gemm_ref(const struct gemm *g)
{
    int a_stride = stride_or(g->a_stride, g->a_turned ? g->m : g->k);
    int b_stride = stride_or(g->b_stride, g->b_turned ? g->k : g->n);
    int c_stride = stride_or(g->c_stride, g->n);
    int i, j, l;

    for (i = 0; i < g->m; i++) {
        for (j = 0; j < g->n; j++) {
            float *c = g->c + at(false, c_stride, i, j);
            double sum = g->beta != 0.0f ? (double)g->beta * (double)*c : 0.0;

            for (l = 0; l < g->k; l++)
                sum += (double)g->a[at(g->a_turned, a_stride, i, l)] *
                       (double)g->b[at(g->b_turned, b_stride, l, j)];
            *c = (float)sum;
        }
    }
}
