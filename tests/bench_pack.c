/*
 * Packing nets of the size of AlexNet and (FULL=1) VGG-16: random weights with
 * the densities and numbers of bits of Deep Compression, rows and columns of
 * different fullness.  Prints time on the processor, dense bytes a second and
 * how many times as fast as gzip that is, and memory as a multiple of the dense
 * net; the peak must stay below 1.5.
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

static double gzip_rate(const struct net *net)
{
    const struct param *p = &net->node[net->node_count - 2].param[0];
    uLong n = (uLong)(p->count < 4000000 ? p->count : 4000000) * 4;
    uLongf room = compressBound(n);
    void *to = mem_alloc(room);
    double start = seconds();

    assert_int_equal(compress2(to, &room, (const Bytef *)p->value, n, 6), Z_OK);
    start = seconds() - start;
    mem_free(to);
    return (double)n / start;
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

static void run(const struct subject *s)
{
    struct err err;
    struct net *net = spec_parse(s->spec, "bench", &err), *back = NULL;
    struct bytes file = {0};
    double dense = 0, start, gzip;
    struct param_walk w;
    const struct param *p;

    if (net == NULL)
        fail_msg("%s", err.msg);
    fill_net(net, s);
    for (p = net_first(net, &w); p != NULL; p = net_next(&w))
        dense += (double)p->count * sizeof(float);
    gzip = gzip_rate(net);
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
    run(&alexnet);
    if (getenv("FULL") != NULL)
        run(&vgg);
    return 0;
}
