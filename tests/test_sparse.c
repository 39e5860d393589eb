/*
 * Weight matrices without their zeros: every value comes back, products agree
 * with plain loops over the dense matrix, at every batch.
 */
#include <stdlib.h>

#include "tests/support.h"

#include "base/mem.h"
#include "base/rng.h"
#include "tensor/csr.h"
#include "tensor/isa.h"
#include "tensor/sparse.h"

struct matrix {
    int in, out;
    double density;
};

/* Sizes round the eight lanes; empty, full, a single column, a single row. */
static const struct matrix matrices[] = {
    {1, 1, 1},   {1, 1, 0},       {5, 3, 0.5},     {7, 8, 0.3},
    {8, 9, 1},   {33, 17, 0.1},   {64, 1, 0.4},    {1, 40, 0.5},
    {20, 31, 0}, {100, 10, 0.02}, {784, 300, 0.1}, {300, 100, 0.6}};

/* Round the widths of strips. */
static const int batches[] = {1,  2,  3,  4,  7,  8,  9,  16,  23,
                              24, 31, 47, 48, 63, 64, 65, 100, 130};

static float *random_floats(size_t n, uint64_t index)
{
    struct rng r = rng_at(5, RNG_TEST, 0, index);
    float *x = aligned_alloc(64, (n * sizeof(*x) + 64) / 64 * 64);
    size_t i;

    assert_non_null(x);
    for (i = 0; i < n; i++)
        x[i] = (float)rng_normal(&r);
    return x;
}

/* One output in five keeps nothing, and one zero is a negative one. */
static float *random_matrix(const struct matrix *m)
{
    size_t n = (size_t)m->in * (size_t)m->out, i;
    float *w = random_floats(n, 1);
    struct rng r = rng_at(6, RNG_TEST, 0, 0);

    for (i = 0; i < n; i++) {
        bool empty = m->density < 1 && i % (size_t)m->out % 5 == 2;

        if (empty || rng_double(&r) >= m->density)
            w[i] = i % 7 == 0 ? -0.0f : 0.0f;
    }
    return w;
}

/* y (n,out) = x W by loops over all weights, in double. */
static float *dense_product(const struct matrix *m, const float *w,
                            const float *x, int n)
{
    size_t in = (size_t)m->in, out = (size_t)m->out;
    float *y = malloc((size_t)n * out * sizeof(*y));
    size_t j, i, o;

    assert_non_null(y);
    for (j = 0; j < (size_t)n; j++) {
        for (o = 0; o < out; o++) {
            double sum = 0.0;

            for (i = 0; i < in; i++)
                sum += (double)x[j * in + i] * (double)w[i * out + o];
            y[j * out + o] = (float)sum;
        }
    }
    return y;
}

static size_t non_zeros(const float *w, size_t n)
{
    size_t count = 0, i;

    for (i = 0; i < n; i++)
        count += w[i] != 0.0f;
    return count;
}

static void test_every_weight_comes_back(void **state)
{
    size_t k;

    (void)state;
    for (k = 0; k < LENGTH(matrices); k++) {
        const struct matrix *m = &matrices[k];
        size_t n = (size_t)m->in * (size_t)m->out, i;
        float *w = random_matrix(m), *back = random_floats(n, 2);
        struct sparse s;
        struct csr c;
        struct err err;

        assert_ok(sparse_make(&s, w, m->in, m->out, &err));
        assert_ok(csr_make(&c, w, m->in, m->out, &err));
        for (i = 0; i < n; i++)
            w[i] += 0.0f; /* -0.0 comes back as a zero */
        sparse_unpack(&s, back);
        assert_same_bits(back, w, n * sizeof(*w));
        memset(back, 0xAA, n * sizeof(*back));
        csr_unpack(&c, back);
        assert_same_bits(back, w, n * sizeof(*w));
        assert_int_equal(s.count, non_zeros(w, n));
        assert_int_equal(c.count, non_zeros(w, n));
        sparse_done(&s);
        csr_done(&c);
        free(w);
        free(back);
    }
}

/* Method card P13: 32 a + 32 (R + 1) bits. */
static void test_csr_takes_the_bytes_of_the_formula(void **state)
{
    const struct matrix m = {784, 300, 0.08};
    float *w = random_matrix(&m);
    size_t a = non_zeros(w, 784 * 300);
    struct csr c;
    struct sparse s;
    struct err err;

    (void)state;
    assert_ok(csr_make(&c, w, m.in, m.out, &err));
    assert_ok(sparse_make(&s, w, m.in, m.out, &err));
    assert_int_equal(csr_bytes(&c), (64 * a + 32 * 301) / 8);
    /* 6 bytes a weight, some filled up, 8 bytes an output and 4 a slice. */
    assert_int_equal(sparse_bytes(&s), s.steps * 48 + 38 * 64 + 39 * 4);
    assert_true(s.steps * 8 >= a && (double)s.steps * 8 < 1.1 * (double)a);
    assert_true(sparse_bytes(&s) < csr_bytes(&c));
    csr_done(&c);
    sparse_done(&s);
    free(w);
}

static void compare(const struct matrix *m, const float *w, int n)
{
    int isa;
    size_t size = (size_t)n * (size_t)m->out;
    float *x = random_floats((size_t)n * (size_t)m->in, 3), *scratch, *want;
    float *y = random_floats(size, 4);
    double slack = 2e-6 * m->in;
    struct sparse s;
    struct csr c;
    struct err err;

    want = dense_product(m, w, x, n);
    assert_ok(sparse_make(&s, w, m->in, m->out, &err));
    assert_ok(csr_make(&c, w, m->in, m->out, &err));
    scratch = random_floats(sparse_scratch(&s, n) + 1, 5);
    for (isa = 0; isa < ISA_COUNT; isa++) {
        isa_limit((enum isa)isa);
        sparse_mul(&s, x, y, n, scratch);
        assert_all_close(y, want, size, 1e-5, slack);
    }
    memset(y, 0xAA, size * sizeof(*y));
    sparse_mul_ref(&s, x, y, n);
    assert_all_close(y, want, size, 1e-6, 1e-7);
    csr_mul(&c, x, y, n);
    assert_all_close(y, want, size, 1e-5, slack);
    sparse_done(&s);
    csr_done(&c);
    free(x);
    free(y);
    free(scratch);
    free(want);
}

static void test_products_agree_with_the_dense_ones(void **state)
{
    size_t k, b;

    (void)state;
    for (k = 0; k < LENGTH(matrices); k++) {
        float *w = random_matrix(&matrices[k]);

        for (b = 0; b < LENGTH(batches); b++) {
            if (matrices[k].in < 500 || b % 7 == 0)
                compare(&matrices[k], w, batches[b]);
        }
        free(w);
    }
}

static void test_a_sample_is_the_same_in_any_batch(void **state)
{
    const struct matrix m = {300, 100, 0.2};
    float *w = random_matrix(&m), *x = random_floats(130 * 300, 6);
    float *alone = random_floats(130 * 100, 7),
          *y = random_floats(130 * 100, 8);
    float *scratch;
    struct sparse s;
    struct err err;
    size_t b;
    int j;

    (void)state;
    assert_ok(sparse_make(&s, w, m.in, m.out, &err));
    scratch = random_floats(sparse_scratch(&s, 130), 9);
    for (j = 0; j < 130; j++)
        sparse_mul(&s, x + j * 300, alone + j * 100, 1, scratch);
    for (b = 0; b < LENGTH(batches); b++) {
        size_t size = (size_t)batches[b] * 100 * sizeof(*y);

        memset(y, 0xAA, size);
        sparse_mul(&s, x, y, batches[b], scratch);
        assert_same_bits(y, alone, size);
    }
    sparse_done(&s);
    free(w);
    free(x);
    free(alone);
    free(y);
    free(scratch);
}

static void test_what_16_bits_cannot_number_is_refused(void **state)
{
    float *w = calloc(SPARSE_IN_MAX + 1, sizeof(*w)), y, *x;
    struct sparse s;
    struct err err;

    (void)state;
    assert_non_null(w);
    assert_refused(sparse_make(&s, w, SPARSE_IN_MAX + 1, 1, &err),
                   ERR_UNSUPPORTED, "65537 inputs");
    w[SPARSE_IN_MAX - 1] = 2;
    w[3] = 1;
    x = w; /* 1 * 1 + 2 * 2 */
    assert_ok(sparse_make(&s, w, SPARSE_IN_MAX, 1, &err));
    sparse_mul(&s, x, &y, 1, NULL);
    assert_close(y, 5, 0);
    sparse_done(&s);
    free(w);
}

static void test_without_memory_nothing_is_left(void **state)
{
    const struct matrix m = {20, 30, 0.5};
    float *w = random_matrix(&m);
    size_t before = mem_block_bytes();
    struct sparse s;
    struct csr c;
    struct err err;
    long k;

    (void)state;
    for (k = 0; k < 5; k++) {
        mem_fail_after(k);
        assert_refused(sparse_make(&s, w, m.in, m.out, &err), ERR_MEMORY,
                       "sparse");
        mem_fail_after(k % 3);
        assert_refused(csr_make(&c, w, m.in, m.out, &err), ERR_MEMORY,
                       "sparse");
        assert_int_equal(mem_block_bytes(), before);
    }
    mem_fail_after(-1);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_weight_comes_back),
        cmocka_unit_test(test_csr_takes_the_bytes_of_the_formula),
        cmocka_unit_test(test_products_agree_with_the_dense_ones),
        cmocka_unit_test(test_a_sample_is_the_same_in_any_batch),
        cmocka_unit_test(test_what_16_bits_cannot_number_is_refused),
        cmocka_unit_test(test_without_memory_nothing_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
