/*
 * Packing nets from the size of LeNet-300-100 to that of AlexNet and (FULL=1)
 * VGG-16: random weights with the densities and numbers of bits of Deep
 * Compression, rows and columns of different fullness.  Prints for each way of
 * coding dense bytes a second on the processor, the middle of some runs, and
 * how many times as fast as gzip that is in the same minute; of large nets also
 * memory as a multiple of the dense net, of which the peak must stay below 1.5.
 */
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "compress/pack.h"
#include "net/spec.h"

struct subject {
    const char *name, *spec;
    double density[20]; /* of its kernels, in order */
    int values[20];
};

static const struct subject small[] = {
    {"LeNet-300-100",
     "input 28x28x1; flatten; dense 300 relu; dense 100 relu; dense 10 softmax",
     {0.08, 0.09, 0.26},
     {31, 31, 31}},
    {"LeNet-5",
     "input 28x28x1; conv2d 20 5x5; max_pool2d 2; conv2d 50 5x5; max_pool2d 2;"
     " flatten; dense 500 relu; dense 10 softmax",
     {0.66, 0.12, 0.08, 0.19},
     {255, 255, 31, 31}},
    {"Conv-4",
     "input 32x32x3; conv2d 64 3x3 padding=same relu;"
     " conv2d 64 3x3 padding=same relu; max_pool2d 2;"
     " conv2d 128 3x3 padding=same relu; conv2d 128 3x3 padding=same relu;"
     " max_pool2d 2; flatten; dense 256 relu; dense 256 relu;"
     " dense 10 softmax",
     {0.58, 0.22, 0.34, 0.36, 0.08, 0.09, 0.25},
     {255, 255, 255, 255, 31, 31, 31}},
};

static const struct subject alexnet = {
    "AlexNet",
    "input 227x227x3; conv2d 96 11x11 strides=4 relu; max_pool2d 3 strides=2;"
    " conv2d 256 5x5 padding=same relu; max_pool2d 3 strides=2;"
    " conv2d 384 3x3 padding=same relu; conv2d 384 3x3 padding=same relu;"
    " conv2d 256 3x3 padding=same relu; max_pool2d 3 strides=2; flatten;"
    " dense 4096 relu; dense 4096 relu; dense 1000 softmax",
    {0.84, 0.38, 0.35, 0.37, 0.37, 0.09, 0.09, 0.25},
    {255, 255, 255, 255, 255, 31, 31, 31}};

#define TWICE(n)                                                         \
    " conv2d " n " 3x3 padding=same relu; conv2d " n " 3x3 padding=same" \
    " relu;"
#define POOL " max_pool2d 2;"
static const struct subject vgg = {
    "VGG-16",
    "input 224x224x3;" TWICE("64") POOL TWICE("128")
        POOL TWICE("256") " conv2d 256 3x3 padding=same relu;" POOL
            TWICE("512") " conv2d 512 3x3 padding=same relu;" POOL TWICE(
                "512") " conv2d 512 3x3 padding=same relu;" POOL " flatten;"
                       " dense 4096 relu; dense 4096 relu; dense 1000 softmax",
    {0.58, 0.22, 0.34, 0.36, 0.53, 0.24, 0.42, 0.32, 0.27, 0.34, 0.35, 0.29,
     0.36, 0.04, 0.04, 0.23},
    {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 31, 31,
     31}};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What is left of a normal distribution beyond a threshold, rounded to as many
 * values as there are. */
static void fill(struct param *p, double density, int values, uint64_t seed)
{
    size_t cols = (size_t)p->def.shape.dim[p->def.shape.rank - 1], i;
    double *full = mem_array(cols, sizeof(*full)), row = 1;
    struct rng rng = rng_at(seed, RNG_TEST, 0, 0);

    for (i = 0; i < cols; i++)
        full[i] = exp(0.4 * rng_normal(&rng));
    for (i = 0; i < p->count; i++) {
        double beyond, side;

        if (i % cols == 0)
            row = exp(0.4 * rng_normal(&rng));
        if ((double)rng_float(&rng) >= density * row * full[i % cols])
            continue;
        side = rng_float(&rng) < 0.5f ? -1 : 1;
        beyond =
            fmin(floor(fabs(rng_normal(&rng)) * values / 8), (values - 1) / 2);
        p->value[i] = (float)(side * (0.02 + 0.08 * beyond / values));
    }
    mem_free(full);
}

/* Of the largest array, or its first sixteen megabytes. */
static double gzip_rate(struct net *net)
{
    struct param_walk w;
    const struct param *p;
    const float *from = NULL;
    size_t most = 0;
    uLongf room;
    double start;
    void *to;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        from = p->count > most ? p->value : from;
        most = p->count > most ? p->count : most;
    }
    most = (most < 4000000 ? most : 4000000) * sizeof(float);
    room = compressBound(most);
    to = mem_alloc(room);
    start = seconds();
    assert_int_equal(compress2(to, &room, (const Bytef *)from, most, 6), Z_OK);
    start = seconds() - start;
    mem_free(to);
    return (double)most / start;
}

static void print(const char *what, double dense, double time, double gzip)
{
    printf("  %-8s %7.2f s  %6.0f MB/s  %5.1f times gzip  memory %.2f of"
           " dense\n",
           what, time, dense / time / 1e6, dense / time / gzip,
           (double)mem_block_peak() / dense);
    fflush(stdout);
}

static void fill_net(struct net *net, const struct subject *s)
{
    int i, k = 0;

    for (i = 0; i < net->node_count; i++) {
        if (net->node[i].param_count == 0)
            continue;
        fill(&net->node[i].param[0], s->density[k], s->values[k], (uint64_t)k);
        k++;
    }
}

static double dense_bytes(struct net *net)
{
    struct param_walk w;
    const struct param *p;
    double dense = 0;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w))
        dense += (double)p->count * sizeof(float);
    return dense;
}

static struct net *net_of(const struct subject *s)
{
    struct err err;
    struct net *net = spec_parse(s->spec, "bench", &err);

    if (net == NULL)
        fail_msg("%s", err.msg);
    fill_net(net, s);
    return net;
}

#define RUNS      9 /* the middle of so many, each of RUN_BYTES or more */
#define RUN_BYTES 8e6

struct rates {
    double pack, unpack; /* dense bytes a second */
    size_t bytes;
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure_once(const struct net *net, enum pack_coder coder,
                         int times, double *pack, double *unpack, size_t *bytes)
{
    struct net *back;
    struct err err;
    int i;

    *pack = *unpack = 0;
    for (i = 0; i < times; i++) {
        struct bytes file = {0};
        double start = seconds();

        assert_ok(pack_write(net, coder, &file, NULL, NULL, &err));
        *pack += seconds() - start;
        start = seconds();
        assert_ok(pack_read(file.at, file.len, "bench", &back, &err));
        *unpack += seconds() - start;
        *bytes = file.len;
        net_free(back);
        bytes_done(&file);
    }
}

static struct rates measure(const struct net *net, enum pack_coder coder,
                            double dense)
{
    int times = 1 + (int)(RUN_BYTES / dense), i;
    double pack[RUNS], unpack[RUNS];
    struct rates out;

    for (i = 0; i < RUNS; i++)
        measure_once(net, coder, times, &pack[i], &unpack[i], &out.bytes);
    qsort(pack, RUNS, sizeof(pack[0]), by_size);
    qsort(unpack, RUNS, sizeof(unpack[0]), by_size);
    out.pack = dense * times / pack[RUNS / 2];
    out.unpack = dense * times / unpack[RUNS / 2];
    return out;
}

static void run_small(const struct subject *s)
{
    struct net *net = net_of(s);
    double dense = dense_bytes(net), gzip = gzip_rate(net);
    int coder;

    printf("%s: %.2f MB dense\n", s->name, dense / 1e6);
    for (coder = 0; coder < PACK_CODERS; coder++) {
        struct rates r = measure(net, (enum pack_coder)coder, dense);

        printf("  %-8s pack %5.0f MB/s, %4.1f times gzip   unpack %5.0f MB/s,"
               " %4.1f times   %8zu bytes\n",
               pack_coder_names[coder], r.pack / 1e6, r.pack / gzip,
               r.unpack / 1e6, r.unpack / gzip, r.bytes);
        fflush(stdout);
    }
    net_free(net);
}

static void run_large(const struct subject *s)
{
    struct err err;
    struct net *net = net_of(s), *back = NULL;
    struct bytes file = {0};
    double dense = dense_bytes(net), gzip = gzip_rate(net), start;

    printf("%s: %.0f MB dense\n", s->name, dense / 1e6);
    start = seconds();
    assert_ok(pack_write(net, PACK_BEST, &file, NULL, NULL, &err));
    print("pack", dense, seconds() - start, gzip);
    assert_true((double)mem_block_peak() + (double)file.len < 1.5 * dense);
    start = seconds();
    assert_ok(pack_check(file.at, file.len, net, &err));
    print("compare", dense, seconds() - start, gzip);
    net_free(net);
    start = seconds();
    assert_ok(pack_read(file.at, file.len, "bench", &back, &err));
    print("unpack", dense, seconds() - start, gzip);
    assert_true((double)mem_block_peak() + (double)file.len < 1.5 * dense);
    printf("  file     %.2f MB, %.1f times as small\n", (double)file.len / 1e6,
           dense / (double)file.len);
    net_free(back);
    bytes_done(&file);
}

int main(void)
{
    size_t i;

    for (i = 0; i < LENGTH(small); i++)
        run_small(&small[i]);
    run_large(&alexnet);
    if (getenv("FULL") != NULL)
        run_large(&vgg);
    return 0;
}
