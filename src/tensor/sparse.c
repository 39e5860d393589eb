#include "tensor/sparse.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/isa.h"
#include "tensor/turn.h"
#include "tensor/vec.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define PAIRS        (SPARSE_LANES / 2)
#define FEW          4  /* fewer samples than this are taken one by one */
#define SPARSE_STRIP 64 /* samples of the widest strip */

/* Vectors that may lie on any float. */
typedef float lanes4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float lanes8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float lanes16 __attribute__((vector_size(64), aligned(4), may_alias));

/* x[the two inputs of p], x[the two of q] */
ALWAYS_INLINE lanes4 collect(const float *x, uint32_t p, uint32_t q)
{
    return (lanes4){x[p & 0xFFFFu], x[p >> 16], x[q & 0xFFFFu], x[q >> 16]};
}

#define KERNEL_TARGET
#define KERNEL(name) plain_##name
#define WIDE         lanes4
#define WIDE_FLOATS  4
#define SPREAD(v)          \
    (lanes4)               \
    {                      \
        (v), (v), (v), (v) \
    }
#define MADD4(a, b, c)     ((a) * (b) + (c))
#define MADD_WIDE(a, b, c) ((a) * (b) + (c))
#include "tensor/sparse_kernel.h"

#if defined(__x86_64__)
#define KERNEL_TARGET      __attribute__((target("avx2,fma")))
#define KERNEL(name)       avx2_##name
#define WIDE               lanes8
#define WIDE_FLOATS        8
#define SPREAD(v)          ((lanes8)_mm256_set1_ps(v))
#define MADD4(a, b, c)     ((lanes4)_mm_fmadd_ps((a), (b), (c)))
#define MADD_WIDE(a, b, c) ((lanes8)_mm256_fmadd_ps((a), (b), (c)))
#include "tensor/sparse_kernel.h"

#define KERNEL_TARGET __attribute__((target("avx512f")))
#define MANY_ONLY
#define KERNEL(name)       avx512_##name
#define WIDE               lanes16
#define WIDE_FLOATS        16
#define SPREAD(v)          ((lanes16)_mm512_set1_ps(v))
#define MADD_WIDE(a, b, c) ((lanes16)_mm512_fmadd_ps((a), (b), (c)))
#include "tensor/sparse_kernel.h"
#endif

struct kernel {
    int floats; /* of a vector; a strip is 8, 4, 2 or 1 vectors wide */
    const struct kernel
        *narrower; /* better for one vector of samples; may be NULL */
    void (*one)(const struct sparse *s, const float *x, float *y);
    /* yt (out,width) = xt (in,width) by W */
    void (*many)(const struct sparse *s, const float *xt, float *yt, int width);
};

static const struct kernel *best_kernel(void)
{
    static const struct kernel plain = {4, NULL, plain_one, plain_many};
#if defined(__x86_64__)
    static const struct kernel avx2 = {8, NULL, avx2_one, avx2_many};
    static const struct kernel avx512 = {16, &avx2, avx2_one, avx512_many};

    if (isa_now() != ISA_PLAIN)
        return isa_now() == ISA_AVX512 ? &avx512 : &avx2;
#endif
    return &plain;
}

/* Making and taking apart. */

struct output {
    int32_t unit;
    uint32_t length;
};

static int longest_first(const void *a, const void *b)
{
    const struct output *x = a, *y = b;

    if (x->length != y->length)
        return x->length > y->length ? -1 : 1;
    return x->unit - y->unit;
}

/* Outputs with how many weights each has, sorted, filled up to whole slices. */
static void sort_outputs(struct sparse *s, const float *w)
{
    struct output *output = mem_array((size_t)s->out, sizeof(*output));
    int i, o;

    for (o = 0; o < s->out; o++)
        output[o].unit = o;
    for (i = 0; i < s->in; i++) {
        for (o = 0; o < s->out; o++)
            output[o].length += *w++ != 0.0f;
    }
    qsort(output, (size_t)s->out, sizeof(*output), longest_first);
    for (i = 0; i < s->slices * SPARSE_LANES; i++) {
        s->unit[i] = i < s->out ? output[i].unit : -1;
        s->length[i] = i < s->out ? output[i].length : 0;
        s->count += s->length[i];
    }
    mem_free(output);
}

/* Slices are as long as their first lane. */
static enum err_code measure(struct sparse *s, struct err *err)
{
    size_t steps = 0;
    int slice;

    for (slice = 0; slice < s->slices; slice++) {
        s->start[slice] = (uint32_t)steps;
        steps += s->length[slice * SPARSE_LANES];
    }
    if (steps > UINT32_MAX)
        return err_set(err, ERR_UNSUPPORTED,
                       "%zu weights are more than 32-bit slices can count",
                       s->count);
    s->start[s->slices] = (uint32_t)steps;
    s->steps = steps;
    return ERR_OK;
}

static uint32_t input_at(const struct sparse *s, size_t at)
{
    return (s->pair[at / 2] >> (at % 2 * 16)) & 0xFFFFu;
}

/* A lane that has ended goes on with its last input and weights of 0. */
static void fill_lane(struct sparse *s, const float *w, int i)
{
    size_t at = (size_t)s->start[i / SPARSE_LANES] * SPARSE_LANES +
                (size_t)(i % SPARSE_LANES);
    size_t end = (size_t)s->start[i / SPARSE_LANES + 1] * SPARSE_LANES;
    uint32_t input = 0, k;

    for (k = 0; s->unit[i] >= 0 && k < (uint32_t)s->in; k++) {
        float value = w[(size_t)k * (size_t)s->out + (size_t)s->unit[i]];

        if (value == 0.0f)
            continue;
        input = k;
        s->value[at] = value;
        s->pair[at / 2] |= input << (at % 2 * 16);
        at += SPARSE_LANES;
    }
    for (; at < end; at += SPARSE_LANES)
        s->pair[at / 2] |= input << (at % 2 * 16);
}

static enum err_code make_blocks(struct sparse *s, struct err *err)
{
    size_t lanes = (size_t)s->slices * SPARSE_LANES;

    s->unit = mem_block_array(lanes, sizeof(*s->unit), "sparse units", err);
    s->length =
        mem_block_array(lanes, sizeof(*s->length), "sparse lengths", err);
    s->start = mem_block_array((size_t)s->slices + 1, sizeof(*s->start),
                               "sparse slices", err);
    return s->unit == NULL || s->length == NULL || s->start == NULL ? err->code
                                                                    : ERR_OK;
}

static enum err_code make_steps(struct sparse *s, const float *w,
                                struct err *err)
{
    int i;

    s->pair = mem_block_array(s->steps, PAIRS * sizeof(*s->pair),
                              "sparse inputs", err);
    s->value = mem_block_array(s->steps, SPARSE_LANES * sizeof(*s->value),
                               "sparse weights", err);
    if (s->pair == NULL || s->value == NULL)
        return err->code;
    for (i = 0; i < s->slices * SPARSE_LANES; i++)
        fill_lane(s, w, i);
    return ERR_OK;
}

enum err_code sparse_make(struct sparse *s, const float *w, int in, int out,
                          struct err *err)
{
    *s = (struct sparse){.in = in,
                         .out = out,
                         .slices = (out + SPARSE_LANES - 1) / SPARSE_LANES};
    if (in > SPARSE_IN_MAX)
        return err_set(err, ERR_UNSUPPORTED,
                       "%d inputs; the sparse form numbers up to %d", in,
                       SPARSE_IN_MAX);
    if (make_blocks(s, err) == ERR_OK) {
        sort_outputs(s, w);
        if (measure(s, err) == ERR_OK && make_steps(s, w, err) == ERR_OK)
            return ERR_OK;
    }
    sparse_done(s);
    return err->code;
}

void sparse_done(struct sparse *s)
{
    mem_block_free(s->unit);
    mem_block_free(s->length);
    mem_block_free(s->start);
    mem_block_free(s->pair);
    mem_block_free(s->value);
    *s = (struct sparse){0};
}

size_t sparse_bytes(const struct sparse *s)
{
    size_t lane = sizeof(*s->unit) + sizeof(*s->length);
    size_t step = PAIRS * sizeof(*s->pair) + SPARSE_LANES * sizeof(*s->value);

    return (size_t)s->slices * SPARSE_LANES * lane +
           ((size_t)s->slices + 1) * sizeof(*s->start) + s->steps * step;
}

void sparse_unpack(const struct sparse *s, float *w)
{
    int i;

    memset(w, 0, (size_t)s->in * (size_t)s->out * sizeof(*w));
    for (i = 0; i < s->slices * SPARSE_LANES; i++) {
        size_t at = (size_t)s->start[i / SPARSE_LANES] * SPARSE_LANES +
                    (size_t)(i % SPARSE_LANES);
        uint32_t k;

        for (k = 0; k < s->length[i]; k++, at += SPARSE_LANES)
            w[(size_t)input_at(s, at) * (size_t)s->out + (size_t)s->unit[i]] =
                s->value[at];
    }
}

/* Products. */

/* The widest strip of which `left` samples fill most, or the narrowest. */
static int strip_width(const struct kernel *k, int left)
{
    int width = 8 * k->floats < SPARSE_STRIP ? 8 * k->floats : SPARSE_STRIP;

    while (width > k->floats && left <= width / 2)
        width /= 2;
    return width;
}

static const struct kernel *kernel_for(const struct kernel *k, int left)
{
    return k->narrower != NULL && left <= k->floats ? k->narrower : k;
}

size_t sparse_scratch(const struct sparse *s, int n)
{
    if (n < FEW)
        return 0;
    return SPARSE_STRIP * ((size_t)s->in + (size_t)s->out);
}

/* Samples that are not there count as zeros. */
static void clear_rest(float *xt, int in, int n, int width)
{
    int i;

    for (i = 0; i < in && n < width; i++)
        memset(xt + (size_t)i * (size_t)width + n, 0,
               (size_t)(width - n) * sizeof(*xt));
}

void sparse_mul(const struct sparse *s, const float *x, float *y, int n,
                float *scratch)
{
    const struct kernel *kernel = best_kernel();
    size_t in = (size_t)s->in, out = (size_t)s->out;

    for (; n > 0 && n < FEW; n--, x += in, y += out)
        kernel->one(s, x, y);
    while (n > 0) {
        const struct kernel *k = kernel_for(kernel, n);
        int width = strip_width(k, n), here = n < width ? n : width;
        float *yt = scratch + in * (size_t)width;

        clear_rest(scratch, s->in, here, width);
        turn(x, in, (size_t)here, in, scratch, (size_t)width);
        k->many(s, scratch, yt, width);
        turn(yt, (size_t)width, out, (size_t)here, y, out);
        x += in * (size_t)here;
        y += out * (size_t)here;
        n -= here;
    }
}

void sparse_mul_ref(const struct sparse *s, const float *x, float *y, int n)
{
    int j, i;

    for (j = 0; j < n; j++, x += s->in, y += s->out) {
        for (i = 0; i < s->slices * SPARSE_LANES; i++) {
            size_t at = (size_t)s->start[i / SPARSE_LANES] * SPARSE_LANES +
                        (size_t)(i % SPARSE_LANES);
            double sum = 0.0;
            uint32_t k;

            for (k = 0; k < s->length[i]; k++, at += SPARSE_LANES)
                sum += (double)s->value[at] * (double)x[input_at(s, at)];
            if (s->unit[i] >= 0)
                y[s->unit[i]] = (float)sum;
        }
    }
}
