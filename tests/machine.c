#include "tests/machine.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "tensor/gemm.h"
#include "tensor/vec.h"
#include "tests/learning.h"

#define SIDE   384 /* of the matrices that measure products */
#define ROUNDS 48
#define STREAM ((size_t)64 << 20) /* bytes a thread that are in no cache */
#define USUAL  (32e6)             /* bytes of a cache nothing is known about */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct square {
    float *a, *b, *c; /* a thread: SIDE * SIDE each */
};

static void multiply(void *arg, int chunk, int worker)
{
    const struct square *s = arg;
    size_t at = (size_t)worker * SIDE * SIDE;

    (void)chunk;
    gemm(&(struct gemm){.m = SIDE,
                        .n = SIDE,
                        .k = SIDE,
                        .a = s->a + at,
                        .b = s->b + at,
                        .c = s->c + at});
}

double machine_gflops(int threads)
{
    struct pool *pool = learning_pool(threads);
    size_t n = (size_t)threads * SIDE * SIDE;
    struct square s = {.a = mem_array(n, sizeof(float)),
                       .b = mem_array(n, sizeof(float)),
                       .c = mem_array(n, sizeof(float))};
    double best = 0.0;
    int round, chunks = 4 * threads;

    gemm_start();
    for (round = 0; round < ROUNDS; round++) {
        double start = now(), rate;

        pool_run(pool, multiply, &s, chunks);
        rate = 2e-9 * SIDE * SIDE * SIDE * chunks / (now() - start);
        best = rate > best ? rate : best;
    }
    mem_free(s.a);
    mem_free(s.b);
    mem_free(s.c);
    pool_free(pool);
    return best;
}

struct stream {
    float *x; /* a thread: STREAM bytes */
    bool writes;
    float sum; /* so that what is read is used */
};

static void stream(void *arg, int chunk, int worker)
{
    struct stream *s = arg;
    size_t n = STREAM / sizeof(float);
    float *x = s->x + (size_t)chunk * n;

    (void)worker;
    if (s->writes)
        memset(x, 0, STREAM);
    else if (vec_sum(x, n) != 0.0f)
        s->sum = 1.0f;
}

static double stream_rate(struct pool *pool, struct stream *s)
{
    int threads = pool_threads(pool), round;
    double best = 0.0;

    for (round = 0; round < ROUNDS; round++) {
        double start = now(), rate;

        pool_run(pool, stream, s, threads);
        rate = (double)STREAM * threads / (now() - start);
        best = rate > best ? rate : best;
    }
    return best * 1e-9;
}

void machine_memory(int threads, double *reads, double *writes)
{
    struct pool *pool = learning_pool(threads);
    struct err err;
    struct stream s = {.writes = true};

    s.x = mem_block((size_t)threads * STREAM, "a stream", &err);
    *reads = *writes = 0.0;
    if (s.x != NULL) {
        *writes = stream_rate(pool, &s);
        s.writes = false;
        *reads = stream_rate(pool, &s);
    }
    mem_block_free(s.x);
    pool_free(pool);
}

double machine_cache(void)
{
    FILE *f = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "r");
    unsigned long size = 0;
    char unit = 'K';

    if (f == NULL)
        return USUAL;
    if (fscanf(f, "%lu%c", &size, &unit) < 1)
        size = 0;
    fclose(f);
    return size == 0 ? USUAL : (double)size * (unit == 'M' ? 1 << 20 : 1 << 10);
}
