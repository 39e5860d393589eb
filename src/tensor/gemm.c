#include "tensor/gemm.h"

#include <stddef.h>

#include <cblas.h>

#include "base/mem.h"
#include "par/meter.h"
#include "par/pool.h"
#include "tensor/direct.h"
#include "tensor/turn.h"
#include "tensor/vec.h"

/* Rows, or products of columns and rows, that go without OpenBLAS, if they are
 * so long at least; strides that share lines of the cache. */
enum { FEW = 64, LONG = 24, SHARING = 256 };

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

/*
 * A few rows by a matrix, or the sum of a few products of columns and rows:
 * OpenBLAS would copy the large operand first, which costs as much as the
 * product.  One core of a Zen 4, 800 to 500: 107 Gflop/s instead of 71 for 16
 * rows and of 83 for 32; the kernel's gradient of 32, 97 instead of 89.  Rows
 * that are a multiple of a kilobyte apart share too few lines of the caches for
 * that.
 */
static bool goes_direct(const struct gemm *g)
{
    int apart = stride_or(g->b_stride, g->n);

    if (g->b_turned || g->n < LONG)
        return false;
    if (g->a_turned)
        return g->k <= FEW && (g->beta == 0.0f || g->beta == 1.0f);
    return g->beta == 0.0f && g->m <= FEW && apart % SHARING != 0;
}

static void gemm_direct(const struct gemm *g)
{
    struct direct d = {.lines = 1, .rows = 1, .units = (size_t)g->n};
    size_t a = (size_t)stride_or(g->a_stride, g->a_turned ? g->m : g->k);
    size_t b = (size_t)stride_or(g->b_stride, g->n);
    size_t c = (size_t)stride_or(g->c_stride, g->n);

    d.x_place = a;
    d.places = g->a_turned ? g->k : g->m;
    d.run = (size_t)(g->a_turned ? g->m : g->k);
    d.w_row = g->a_turned ? c : b;
    d.y_place = g->a_turned ? b : c;
    if (g->a_turned)
        direct_gradient(&d, g->a, g->b, g->beta != 0.0f, g->c);
    else
        direct_product(&d, g->a, g->b, NULL, g->c);
}

void gemm(const struct gemm *g)
{
    enum meter_phase before;

    if (goes_direct(g)) {
        gemm_direct(g);
        return;
    }
    before = meter_enter(METER_PRODUCTS);
    cblas_sgemm(CblasRowMajor, g->a_turned ? CblasTrans : CblasNoTrans,
                g->b_turned ? CblasTrans : CblasNoTrans, g->m, g->n, g->k, 1.0f,
                g->a, stride_or(g->a_stride, g->a_turned ? g->m : g->k), g->b,
                stride_or(g->b_stride, g->b_turned ? g->k : g->n), g->beta,
                g->c, stride_or(g->c_stride, g->n));
    meter_enter(before);
}

/* The turned operands: A and C. */
size_t gemm_thin_scratch(int m, int n, int k)
{
    return vec_lines((size_t)m * (size_t)k) + vec_lines((size_t)m * (size_t)n);
}

/* One core of a Zen 4, 500 to 800: THIN1 Gflop/s instead of 67 for 16 rows,
 * THIN2 instead of 83 for 32. */
void gemm_thin(const struct gemm *g, float *scratch)
{
    float *a = scratch, *c = a + vec_lines((size_t)g->m * (size_t)g->k);
    struct direct d = {.lines = 1,
                       .places = g->n,
                       .rows = 1,
                       .run = (size_t)g->k,
                       .units = (size_t)g->m,
                       .x_place = (size_t)stride_or(g->b_stride, g->k),
                       .w_row = (size_t)g->m,
                       .y_place = (size_t)g->m};

    if (g->a_turned || !g->b_turned || g->beta != 0.0f || g->m > FEW ||
        (g->m % 16 != 0 && g->m != 8) || g->n < LONG || g->k < LONG) {
        gemm(g);
        return;
    }
    turn(g->a, (size_t)stride_or(g->a_stride, g->k), (size_t)g->m, (size_t)g->k,
         a, (size_t)g->m);
    direct_product(&d, g->b, a, NULL, c);
    turn(c, (size_t)g->m, (size_t)g->n, (size_t)g->m, g->c,
         (size_t)stride_or(g->c_stride, g->n));
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
