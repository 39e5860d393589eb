#include "tests/learning.h"

#include "base/mem.h"
#include "base/rng.h"
#include "io/io.h"
#include "net/spec.h"
#include "tests/support.h"

#define NOISE 60 /* grey levels */

struct net *learning_net(const char *spec, uint64_t seed)
{
    struct err err;
    struct net *net = spec_parse(spec, "test", &err);

    if (net == NULL)
        fail_msg("%s: %s", spec, err.msg);
    net_init(net, seed);
    return net;
}

static uint8_t pixel(int level, struct rng *noise)
{
    level += (int)rng_below(noise, 2 * NOISE + 1) - NOISE;
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

static void fill(struct samples *s, int n, size_t width, int classes,
                 uint64_t seed, uint64_t part)
{
    struct rng noise = rng_at(seed, RNG_TEST, 1, part);
    struct err err;
    size_t k;
    int i;

    s->n = n;
    s->u8 = mem_block_array((size_t)n, width, "test", &err);
    s->label = mem_block_array((size_t)n, sizeof(*s->label), "test", &err);
    assert_non_null(s->u8);
    assert_non_null(s->label);
    for (i = 0; i < n; i++) {
        struct rng level;

        s->label[i] = (int32_t)rng_below(&noise, (uint32_t)classes);
        level = rng_at(seed, RNG_TEST, 2, (uint64_t)s->label[i]);
        for (k = 0; k < width; k++)
            s->u8[(size_t)i * width + k] =
                pixel((int)rng_below(&level, 256), &noise);
    }
}

struct dataset *learning_data(const char *shape, int classes, int n,
                              uint64_t seed)
{
    struct dataset *d = mem_zalloc(sizeof(*d));
    struct err err;

    assert_ok(shape_parse(shape, &d->shape, &err));
    d->name = mem_strdup("test");
    d->classes = classes;
    d->scale = 1.0f / 255.0f;
    fill(&d->train, n, shape_count(&d->shape), classes, seed, 0);
    fill(&d->test, n / 2, shape_count(&d->shape), classes, seed, 1);
    assert_ok(dataset_split(d, n / 5, seed, &err));
    return d;
}

static void copy_rows(struct samples *s, const uint8_t *x, const int32_t *label,
                      int n, size_t width)
{
    struct err err;

    s->n = n;
    s->u8 = mem_block_array((size_t)n, width, "test", &err);
    s->label = mem_block_array((size_t)n, sizeof(*s->label), "test", &err);
    assert_non_null(s->u8);
    assert_non_null(s->label);
    memcpy(s->u8, x, (size_t)n * width);
    memcpy(s->label, label, (size_t)n * sizeof(*label));
}

struct dataset *learning_rows(const uint8_t *x, const int32_t *label, int n,
                              int width, int classes)
{
    struct dataset *d = mem_zalloc(sizeof(*d));
    struct err err;

    d->shape = (struct shape){.rank = 1, .dim = {width}};
    d->name = mem_strdup("test");
    d->classes = classes;
    d->scale = 1.0f;
    copy_rows(&d->train, x, label, n, (size_t)width);
    copy_rows(&d->test, x, label, n, (size_t)width);
    assert_ok(dataset_split(d, 0, 1, &err));
    return d;
}

struct pool *learning_pool(int threads)
{
    struct err err;
    struct pool *pool = pool_new(threads, &err);

    if (pool == NULL)
        fail_msg("%d threads: %s", threads, err.msg);
    return pool;
}

struct dataset *learning_mnist(void)
{
    struct dataset *d = NULL;
    struct err err;

    io_start();
    assert_ok(data_open("data/mnist.h5", NULL, NULL, &d, &err));
    assert_ok(dataset_split(d, 5000, 1, &err));
    return d;
}
