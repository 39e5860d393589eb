#include "compress/timing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "compress/cut.h"
#include "compress/mask.h"
#include "tensor/csr.h"
#include "tensor/gemm.h"
#include "tensor/gemv.h"
#include "tensor/sparse.h"

#define SAMPLE_SECONDS 1e-4
#define WARM_RUNS      5
#define WARM_SECONDS   0.05
#define BLOCK          8 /* samples of the smaller products that may be faster */
#define CHECK_SUMS     2e7 /* products that comparing results may take */

/* A dense matrix, and how many samples at a time suit this machine. */
struct dense {
    const float *w;
    int in, out, step;
};

struct contest {
    const struct timing_request *r;
    struct dense dense, masked, small;
    struct csr csr;
    struct sparse sparse;
    struct cut cut;
    float *pruned;   /* (in,out) */
    float *x;        /* (batch,in) */
    float *small_x;  /* (batch, cut.in) */
    float *y, *want; /* (batch,out) */
    float *scratch;
    int checked;                  /* samples whose results are compared */
    double *sample[TIMING_FORMS]; /* (runs) seconds a product */
    int repeat[TIMING_FORMS];
};

static double cpu_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void dense_mul(const struct dense *d, const float *x, float *y, int n)
{
    int i;

    if (n == 1) {
        gemv(d->w, d->in, d->out, x, y);
        return;
    }
    for (i = 0; i < n; i += d->step)
        gemm(&(struct gemm){.m = n - i < d->step ? n - i : d->step,
                            .n = d->out,
                            .k = d->in,
                            .a = x + (size_t)i * (size_t)d->in,
                            .b = d->w,
                            .c = y + (size_t)i * (size_t)d->out});
}

/* The best dense product there is, so that none of the others is flattered:
 * some OpenBLAS kernels are twice as fast on a few samples at a time. */
static void dense_tune(struct dense *d, const float *x, float *y, int n)
{
    const int steps[] = {n, BLOCK};
    double best = HUGE_VAL;
    int i, k, chosen = n;

    for (k = 0; k < 2 * 3; k++) {
        double start = cpu_now(), spent;

        d->step = steps[k % 2];
        for (i = 0; i < 3; i++)
            dense_mul(d, x, y, n);
        spent = cpu_now() - start;
        if (spent < best) {
            best = spent;
            chosen = d->step;
        }
    }
    d->step = chosen;
}

static void run_dense(struct contest *c)
{
    dense_mul(&c->dense, c->x, c->y, c->r->batch);
}

static void run_masked(struct contest *c)
{
    dense_mul(&c->masked, c->x, c->y, c->r->batch);
}

static void run_csr(struct contest *c)
{
    csr_mul(&c->csr, c->x, c->y, c->r->batch);
}

static void run_sliced(struct contest *c)
{
    sparse_mul(&c->sparse, c->x, c->y, c->r->batch, c->scratch);
}

static void run_smaller(struct contest *c)
{
    dense_mul(&c->small, c->small_x, c->y, c->r->batch);
}

const char *const timing_form_names[TIMING_FORMS] = {"dense", "masked", "CSR",
                                                     "sliced", "smaller"};
static void (*const runs[TIMING_FORMS])(struct contest *) = {
    run_dense, run_masked, run_csr, run_sliced, run_smaller};

static float *block(size_t n, struct err *err)
{
    return mem_block_array(n, sizeof(float), "timing a layer", err);
}

/* Random inputs in [0, 1): no denormals, which would be slow by themselves. */
static void fill_inputs(struct contest *c)
{
    struct rng rng = rng_at(c->r->seed, RNG_TEST, 0, (uint64_t)c->r->batch);
    size_t n = (size_t)c->r->batch * (size_t)c->r->in, i;
    int j, k;

    for (i = 0; i < n; i++)
        c->x[i] = rng_float(&rng);
    for (j = 0; j < c->r->batch; j++) {
        for (k = 0; k < c->cut.in; k++)
            c->small_x[(size_t)j * (size_t)c->cut.in + (size_t)k] =
                c->x[(size_t)j * (size_t)c->r->in + (size_t)c->cut.input[k]];
    }
}

static void magnitudes(const float *w, float *size, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        size[i] = fabsf(w[i]);
}

/* pruned = the largest r->keep of the weights */
static enum err_code prune(struct contest *c, struct err *err)
{
    size_t n = (size_t)c->r->in * (size_t)c->r->out, i;
    uint8_t *keep = mem_block(n, "a mask", err);

    c->pruned = block(n, err);
    if (c->pruned == NULL || keep == NULL) {
        mem_block_free(keep);
        return err->code;
    }
    magnitudes(c->r->w, c->pruned, n);
    mask_select(c->pruned, NULL, n, c->r->keep, keep);
    for (i = 0; i < n; i++)
        c->pruned[i] = keep[i] != 0 ? c->r->w[i] : 0.0f;
    mem_block_free(keep);
    return ERR_OK;
}

static enum err_code make_rooms(struct contest *c, struct err *err)
{
    const struct timing_request *r = c->r;
    size_t in = (size_t)r->in, out = (size_t)r->out, n = (size_t)r->batch;
    int f;

    c->x = block(n * in, err);
    c->small_x = block(n * (size_t)c->cut.in, err);
    c->y = block(n * out, err);
    c->want = block(n * out, err);
    c->scratch = block(sparse_scratch(&c->sparse, r->batch), err);
    if (c->x == NULL || c->small_x == NULL || c->y == NULL || c->want == NULL ||
        c->scratch == NULL)
        return err->code;
    for (f = 0; f < TIMING_FORMS; f++)
        c->sample[f] = mem_array((size_t)r->runs, sizeof(double));
    fill_inputs(c);
    return ERR_OK;
}

static enum err_code make_forms(struct contest *c, struct err *err)
{
    const struct timing_request *r = c->r;

    if (prune(c, err) != ERR_OK ||
        csr_make(&c->csr, c->pruned, r->in, r->out, err) != ERR_OK ||
        sparse_make(&c->sparse, c->pruned, r->in, r->out, err) != ERR_OK ||
        cut_make(&c->cut, c->pruned, r->in, r->out,
                 c->csr.count > 0 ? c->csr.count : 1, err) != ERR_OK ||
        make_rooms(c, err) != ERR_OK)
        return err->code;
    c->dense = (struct dense){r->w, r->in, r->out, r->batch};
    c->masked = (struct dense){c->pruned, r->in, r->out, r->batch};
    c->small = (struct dense){c->cut.w, c->cut.in, c->cut.out, r->batch};
    c->checked = (int)fmin(r->batch, 1 + CHECK_SUMS / r->in / r->out);
    if (r->batch > BLOCK) {
        dense_tune(&c->dense, c->x, c->y, r->batch);
        dense_tune(&c->small, c->small_x, c->y, r->batch);
        c->masked.step = c->dense.step;
    }
    return ERR_OK;
}

static void contest_done(struct contest *c)
{
    int f;

    csr_done(&c->csr);
    sparse_done(&c->sparse);
    cut_done(&c->cut);
    mem_block_free(c->pruned);
    mem_block_free(c->x);
    mem_block_free(c->small_x);
    mem_block_free(c->y);
    mem_block_free(c->want);
    mem_block_free(c->scratch);
    for (f = 0; f < TIMING_FORMS; f++)
        mem_free(c->sample[f]);
}

/* The smaller layer's results by plain sums, where the dense ones would be. */
static void small_wanted(struct contest *c)
{
    const struct cut *k = &c->cut;
    int j, i, o;

    for (j = 0; j < c->checked; j++) {
        const float *x = c->small_x + (size_t)j * (size_t)k->in;

        for (o = 0; o < k->out; o++) {
            double sum = 0.0;

            for (i = 0; i < k->in; i++)
                sum += (double)x[i] *
                       (double)k->w[(size_t)i * (size_t)k->out + (size_t)o];
            c->want[(size_t)j * (size_t)k->out + (size_t)o] = (float)sum;
        }
    }
}

static enum err_code compare(struct contest *c, enum timing_form form, size_t n,
                             double slack, struct err *err)
{
    size_t i;

    memset(c->y, 0xFF, n * sizeof(*c->y)); /* NaN */
    runs[form](c);
    for (i = 0; i < n; i++) {
        double off = fabs((double)c->y[i] - (double)c->want[i]);

        if (!(off <= slack * (1.0 + fabs((double)c->want[i]))))
            return err_set(err, ERR_STATE,
                           "%s gives %g where %g was expected; it is not timed",
                           timing_form_names[form], (double)c->y[i],
                           (double)c->want[i]);
    }
    return ERR_OK;
}

/* Do all forms give the same?  Rounding grows with the largest sums. */
static enum err_code check(struct contest *c, struct err *err)
{
    size_t out = (size_t)c->r->out, n = (size_t)c->checked, i;
    double most = 0.0, slack;

    for (i = 0; i < c->csr.count; i++)
        most += fabs((double)c->csr.value[i]);
    slack = 1e-6 + 1e-5 * most / (double)out;
    sparse_mul_ref(&c->sparse, c->x, c->want, c->checked);
    if (compare(c, TIMING_MASKED, n * out, slack, err) != ERR_OK ||
        compare(c, TIMING_CSR, n * out, slack, err) != ERR_OK ||
        compare(c, TIMING_SLICED, n * out, slack, err) != ERR_OK)
        return err->code;
    small_wanted(c);
    return compare(c, TIMING_SMALLER, n * (size_t)c->cut.out, slack, err);
}

/* Runs a form five times, or less when that takes long; seconds a run. */
static double try_form(struct contest *c, int form)
{
    double start = cpu_now(), spent = 0.0;
    int i;

    for (i = 0; i < WARM_RUNS && spent < WARM_SECONDS; i++) {
        runs[form](c);
        spent = cpu_now() - start;
    }
    return spent / i;
}

/* Warms up, and finds how often a product is to be repeated in a sample. */
static void calibrate(struct contest *c)
{
    int f;

    for (f = 0; f < TIMING_FORMS; f++) {
        double each = try_form(c, f);

        if (each * WARM_RUNS < WARM_SECONDS)
            each = try_form(c, f);
        c->repeat[f] = each > 0 && each < SAMPLE_SECONDS
                           ? (int)fmin(1e5, SAMPLE_SECONDS / each) + 1
                           : 1;
    }
}

static void take_sample(struct contest *c, int form, int run)
{
    double start = cpu_now();
    int i;

    for (i = 0; i < c->repeat[form]; i++)
        runs[form](c);
    c->sample[form][run] = (cpu_now() - start) / c->repeat[form];
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The value at a share of sorted samples, between two by their distances. */
static double quantile(const double *sorted, int n, double share)
{
    double at = share * (n - 1);
    int low = (int)at, high = low + 1 < n ? low + 1 : low;

    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

static void report(struct contest *c, struct timing *t)
{
    const struct timing_request *r = c->r;
    size_t all = (size_t)r->in * (size_t)r->out;
    int f;

    *t = (struct timing){.sparsity = 1.0 - (double)c->csr.count / (double)all,
                         .weights = c->csr.count,
                         .batch = r->batch,
                         .runs = r->runs,
                         .small_in = c->cut.in,
                         .small_out = c->cut.out};
    t->bytes[TIMING_DENSE] = t->bytes[TIMING_MASKED] = all * sizeof(float);
    t->bytes[TIMING_CSR] = csr_bytes(&c->csr);
    t->bytes[TIMING_SLICED] = sparse_bytes(&c->sparse);
    t->bytes[TIMING_SMALLER] =
        (size_t)c->cut.in * (size_t)c->cut.out * sizeof(float);
    for (f = 0; f < TIMING_FORMS; f++) {
        double *s = c->sample[f];

        qsort(s, (size_t)r->runs, sizeof(*s), ascending);
        t->form[f] = (struct timing_spread){quantile(s, r->runs, 0.25),
                                            quantile(s, r->runs, 0.5),
                                            quantile(s, r->runs, 0.75)};
    }
}

static enum err_code sample_all(struct contest *c,
                                const struct progress *progress,
                                struct err *err)
{
    int run, k;

    for (run = 0; run < c->r->runs; run++) {
        if (progress_cancelled(progress))
            return err_set(err, ERR_CANCELLED, "stopped while timing");
        progress_tell(progress, (double)run / c->r->runs);
        for (k = 0; k < TIMING_FORMS; k++)
            take_sample(c, (run + k) % TIMING_FORMS, run);
    }
    return ERR_OK;
}

enum err_code timing_measure(const struct timing_request *r,
                             const struct progress *progress,
                             struct timing *out, struct err *err)
{
    struct contest c = {.r = r};
    enum err_code code = make_forms(&c, err);

    if (code == ERR_OK)
        code = check(&c, err);
    if (code == ERR_OK) {
        calibrate(&c);
        code = sample_all(&c, progress, err);
    }
    if (code == ERR_OK)
        report(&c, out);
    contest_done(&c);
    return code;
}

double timing_break_even(const struct timing *t, int count,
                         enum timing_form form)
{
    double before, after;
    int k = count;

    while (k > 0 &&
           t[k - 1].form[form].median <= t[k - 1].form[TIMING_DENSE].median)
        k--;
    if (k == count)
        return (double)NAN;
    if (k == 0)
        return t[0].sparsity;
    before =
        log(t[k - 1].form[form].median / t[k - 1].form[TIMING_DENSE].median);
    after = log(t[k].form[form].median / t[k].form[TIMING_DENSE].median);
    return t[k - 1].sparsity +
           (t[k].sparsity - t[k - 1].sparsity) * before / (before - after);
}
