/* Graphs of every kind and a loss that tells all about their gradients. */
#ifndef TESTS_PROBE_H
#define TESTS_PROBE_H

#include "tests/support.h"

#include "base/mem.h"
#include "net/exec.h"
#include "tests/learning.h"

#define BATCH 131 /* several shards, the last one smaller */
#define MOST  16  /* outputs */

/* A loss that is linear in the outputs: sum of y times fixed random factors,
 * so that every output and sample has a gradient of its own. */
struct probe {
    struct net *net;
    float *x;
    float *out[MOST]; /* (BATCH, output), or NULL */
};

static inline size_t output_count(const struct net *net, int o)
{
    return shape_count(&net->node[net->output[o]].out);
}

static inline void probe_fill(void *arg, int first, int n, float *x)
{
    const struct probe *p = arg;
    size_t width = shape_count(&p->net->input);

    memcpy(x, p->x + (size_t)first * width, (size_t)n * width * sizeof(*x));
}

static inline double probe_head(void *arg, int shard, int first, int n,
                                const float *const *y, float *const *dy)
{
    const struct probe *p = arg;
    double loss = 0.0;
    int o, i;
    size_t k;

    (void)shard;
    for (o = 0; o < p->net->output_count; o++) {
        size_t width = output_count(p->net, o);

        for (i = 0; i < n; i++) {
            struct rng r =
                rng_at(9, RNG_TEST, (uint64_t)o, (uint64_t)(first + i));
            const float *z = y[o] + (size_t)i * width;

            for (k = 0; k < width; k++) {
                float factor = rng_float(&r) - 0.5f;

                loss += (double)factor * (double)z[k];
                if (dy[o] != NULL)
                    dy[o][(size_t)i * width + k] = factor;
            }
            if (p->out[o] != NULL)
                memcpy(p->out[o] + (size_t)(first + i) * width, z,
                       width * sizeof(*z));
        }
    }
    return loss;
}

static inline void probe_init(struct probe *p, struct net *net)
{
    struct rng r = rng_at(4, RNG_TEST, 0, 0);
    size_t n = (size_t)BATCH * shape_count(&net->input), i;

    memset(p, 0, sizeof(*p));
    p->net = net;
    p->x = mem_array(n, sizeof(*p->x));
    for (i = 0; i < n; i++)
        p->x[i] = (float)rng_normal(&r);
}

static inline double probe_run(struct exec *e, struct probe *p,
                               enum pass_mode mode, bool backward)
{
    struct exec_hooks hooks = {
        .fill = probe_fill, .head = probe_head, .arg = p};

    return exec_run(e, mode, backward, BATCH, 11, 1, &hooks);
}

static inline struct exec *new_exec(struct net *net, unsigned use,
                                    struct pool *pool)
{
    struct err err;
    struct exec *e = exec_new(net, BATCH, use, pool, &err);

    if (e == NULL)
        fail_msg("%s", err.msg);
    return e;
}

/* The gradient of one parameter, summed over the shards; caller frees. */
static inline float *gradient(struct exec *e, int node, int param, size_t count)
{
    float *sum = mem_array(count, sizeof(*sum));
    int s;
    size_t i;

    for (s = 0; s < exec_shards(e, BATCH); s++) {
        const float *g = exec_grad(e, s, node, param);

        for (i = 0; i < count; i++)
            sum[i] += g[i];
    }
    return sum;
}

/*
 * Graphs that exercise what exec does between layers.  The first group is
 * smooth, so that differences tell the gradient; the second has kinks.
 */
static const char *const smooth[] = {
    /* a chain, folded activations in place */
    "input 5, dense 7 tanh, dense 6 sigmoid, dense 3",
    /* logits, not probabilities, are what the head sees */
    "input 5, dense 7 tanh, dense 3 softmax",
    /* one layer read by three others, and added to itself */
    "input 5; dense 4 name=a; tanh name=b; dense 4 name=c from=a;"
    "sigmoid name=d from=a; add from=b,c,d,a; dense 3",
    "input 5; dense 4 name=a tanh; add from=a_tanh,a_tanh; dense 3",
    /* the input read twice */
    "input 5; dense 4 name=a; dense 4 name=b from=input; add from=a,b;"
    "tanh; dense 2",
    /* the input, or a view of it, in place for one but not for all */
    "input 5; tanh name=t; dense 4 name=a; dense 4 name=b from=input;"
    "add from=a,b",
    "input 6; reshape 3x2 name=r; tanh; flatten; dense 4 name=a;"
    "dense 4 name=b from=input; add from=a,b",
    /* concat of branches of different widths */
    "input 5; dense 4 name=a tanh; dense 3 name=b; dense 2 name=c from=a;"
    "concat name=d from=b,c,a; tanh; dense 3",
    /* two outputs, the first inside the net, with softmax behind both */
    "input 5; dense 6 name=a tanh; dense 3 name=early softmax;"
    "dense 6 name=b tanh from=a_tanh; dense 3 name=late softmax;"
    "output early_softmax late_softmax",
    /* outputs with the same logits, and a hidden layer that is an output */
    "input 5; dense 4 name=a; softmax name=s; tanh name=t from=a;"
    "dense 4 name=b; output s a t b",
    /* views: read by two, one of them in place */
    "input 4x3x2; flatten name=f; tanh name=t; dense 4 name=a;"
    "reshape 2x2x1 name=r; flatten name=g; sigmoid name=s;"
    "dense 4 name=b from=g; add from=s,b",
    /* a view of a layer that another layer reads too */
    "input 6x6x2; conv2d 3 3x3 name=c; flatten name=f; dense 4 name=a tanh;"
    "global_average_pool2d name=p from=c; dense 4 name=b; add from=a_tanh,b",
    /* a residual block */
    "input 6x6x2; conv2d 4 3x3 padding=same name=c tanh;"
    "conv2d 4 3x3 padding=same name=d; add from=c_tanh,d; tanh;"
    "average_pool2d 2; flatten; dense 3",
};

static const char *const with_batch_norm[] = {
    "input 5, dense 6, batch_norm, tanh, dense 3",
    "input 6x6x2; conv2d 4 3x3 padding=same use_bias=no name=c; batch_norm;"
    "tanh; conv2d 3 3x3, batch_norm, tanh, flatten, dense 3",
    /* branches whose statistics are joined together, and one after them */
    "input 6x6x2; conv2d 4 3x3 padding=same name=a; batch_norm name=na;"
    "conv2d 4 1x1 name=b from=input; batch_norm name=nb; add from=na,nb;"
    "tanh; batch_norm; flatten; dense 3",
    /* batch norm read by two, and right at the input */
    "input 5; batch_norm name=n; dense 4 name=a; tanh name=t from=n;"
    "dense 4 name=b; add from=a,b; dense 3",
};

static const char *const kinked[] = {
    "input 5, dense 17 relu, dropout 0.3, dense 9 relu, dense 3",
    "input 5, dense 17 tanh, dropout 0.3, dense 9 relu, dropout 0.5, dense 3",
    "input 8x8x2; conv2d 6 3x3 name=c relu; max_pool2d 2; dropout 0.25;"
    "flatten; dense 9 relu, dropout, dense 4 softmax",
    "input 8x8x2; conv2d 4 3x3 padding=same use_bias=no name=c; batch_norm;"
    "relu name=r; conv2d 4 3x3 padding=same name=d; batch_norm name=e;"
    "add from=r,e; relu; max_pool2d 2; dropout; flatten; dense 4 softmax",
    /* bounds behind batch norm, made again for layers that read them */
    "input 8x8x2; conv2d 5 3x3 padding=same use_bias=no; batch_norm; relu;"
    "depthwise_conv2d 3 padding=same use_bias=no; batch_norm; relu6;"
    "conv2d 6 1x1; batch_norm scale=no; relu; global_average_pool2d; dense 3",
    /* the same with readers in two legs, behind a view, and as an output */
    "input 6x6x2; conv2d 4 3x3 padding=same name=c; batch_norm; relu name=r;"
    "conv2d 4 3x3 padding=same name=d; batch_norm name=n; relu name=s;"
    "conv2d 4 1x1 name=e from=r; add from=s,e; batch_norm center=no; relu;"
    "flatten name=f; dense 5 name=g; batch_norm; relu name=t; dense 3 name=u;"
    "output t u",
};

#endif
