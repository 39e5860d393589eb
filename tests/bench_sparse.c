/*
 * From which sparsity on leaving weights out of a dense layer pays: every form
 * against the dense one in the same run, as how many times as fast it is.
 * Weights are random and the largest stay, so that zeros lie anywhere, which
 * is the hardest case.  FULL=1 adds a layer that no cache holds.
 */
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "compress/timing.h"
#include "par/pool.h"
#include "tensor/gemm.h"
#include "tensor/isa.h"
#include "tensor/sparse.h"

struct layer {
    int in, out, runs;
};

static const double levels[] = {0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.98};

static float *random_weights(size_t n)
{
    struct rng r = rng_at(1, RNG_TEST, 1, 0);
    struct err err;
    float *w = mem_block_array(n, sizeof(*w), "weights", &err);
    size_t i;

    assert_non_null(w);
    for (i = 0; i < n; i++)
        w[i] = (float)rng_normal(&r);
    return w;
}

static void print_row(const struct timing *t)
{
    const struct timing_spread *dense = &t->form[TIMING_DENSE];
    int f;

    printf("  %5.1f %%  %9.1f us (%.1f to %.1f)", t->sparsity * 100,
           dense->median * 1e6, dense->low * 1e6, dense->high * 1e6);
    for (f = TIMING_MASKED; f < TIMING_FORMS; f++)
        printf("  %7.2fx", dense->median / t->form[f].median);
    printf("\n");
    fflush(stdout);
}

static void print_break_even(const struct timing *t, int n)
{
    int f;

    printf("  faster than dense:");
    for (f = TIMING_CSR; f < TIMING_FORMS; f++) {
        double from = timing_break_even(t, n, (enum timing_form)f);

        if (isnan(from))
            printf("  %s nowhere", timing_form_names[f]);
        else
            printf("  %s from %.1f %%", timing_form_names[f], from * 100);
    }
    printf("\n");
}

static void measure(const struct layer *l, const float *w, int batch)
{
    struct timing t[LENGTH(levels)];
    size_t n = (size_t)l->in * (size_t)l->out, i;
    struct err err;
    int f;

    printf(
        "%dx%d, batch %d: dense, and how many times as fast\n  sparsity %31s",
        l->in, l->out, batch, "dense");
    for (f = TIMING_MASKED; f < TIMING_FORMS; f++)
        printf("  %8s", timing_form_names[f]);
    printf("\n");
    for (i = 0; i < LENGTH(levels); i++) {
        const struct timing_request r = {
            .w = w,
            .in = l->in,
            .out = l->out,
            .keep = n - (size_t)(levels[i] * (double)n),
            .batch = batch,
            .runs = l->runs,
            .seed = 1};

        assert_ok(timing_measure(&r, NULL, &t[i], &err));
        print_row(&t[i]);
    }
    print_break_even(t, LENGTH(levels));
}

int main(void)
{
    static const struct layer layers[] = {
        {784, 300, 30}, {300, 100, 30}, {4096, 4096, 5}};
    size_t count = getenv("FULL") != NULL ? 3 : 2, i;
    struct err err;
    struct pool *pool = pool_new(1, &err);

    assert_non_null(pool);
    gemm_start();
    gemm_warm(pool);
    printf("sparse products, one thread, %s\n", isa_name(isa_now()));
    for (i = 0; i < count; i++) {
        float *w = random_weights((size_t)layers[i].in * (size_t)layers[i].out);

        measure(&layers[i], w, 1);
        measure(&layers[i], w, 64);
        mem_block_free(w);
    }
    pool_free(pool);
    return 0;
}
