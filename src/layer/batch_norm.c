/*
 * y = (x - mean) / sqrt(variance + epsilon) * gamma + beta for every channel
 * (last axis).  Training uses mean and biased variance of the whole batch and
 * moves the running ones: moving = moving * momentum + batch * (1 - momentum).
 *
 * Every shard sums x and x^2; the join adds the shards in order, in double.
 * Backward, with x^ = (x - mean) * inverse and M rows in the batch:
 *   dbeta = sum dy, dgamma = sum dy x^,
 *   dx = gamma * inverse * (dy - dbeta / M - x^ dgamma / M).
 * In PASS_EVAL the running statistics are constants.  Bounds that follow are
 * kept in the same pass over x; backward sees by x where dy counts.
 */
#include <math.h>
#include <string.h>

#include "layer/kinds.h"
#include "tensor/norm.h"
#include "tensor/vec.h"

#define TILE 256 /* channels whose factors are on the stack */

struct config {
    float epsilon, momentum;
    bool scale, center;
};

static const struct layer_attr attrs[] = {
    {.name = "epsilon",
     .keras = "epsilon",
     .help = "added to the variance",
     .type = ATTR_REAL,
     .offset = ATTR_AT(epsilon),
     .usual = 1e-3,
     .least = 0,
     .most = 1},
    {.name = "momentum",
     .keras = "momentum",
     .help = "share of the running statistics that a batch leaves",
     .type = ATTR_REAL,
     .offset = ATTR_AT(momentum),
     .usual = 0.99,
     .least = 0,
     .most = 1},
    ATTR_BOOL_ROW(struct config, scale, "learn a factor for every channel", 1),
    ATTR_BOOL_ROW(struct config, center, "learn an offset for every channel",
                  1),
};

static enum err_code shape(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err)
{
    (void)config;
    (void)in_count;
    if (in->rank < 1)
        return err_set(err, ERR_SHAPE, "batch_norm wants at least one axis");
    *out = *in;
    return ERR_OK;
}

/* Places of the four arrays among the parameters; -1 where there is none. */
struct places {
    int gamma, beta, mean, variance;
};

static struct places places_of(const struct config *c)
{
    int learnt = c->scale + c->center;

    return (struct places){.gamma = c->scale ? 0 : -1,
                           .beta = c->center ? c->scale : -1,
                           .mean = learnt,
                           .variance = learnt + 1};
}

static bool param(const void *config, const struct shape *in, int i,
                  struct param_def *out)
{
    struct places at = places_of(config);

    if (i > at.variance)
        return false;
    *out = (struct param_def){
        .name = i == at.gamma  ? "gamma"
                : i == at.beta ? "beta"
                : i == at.mean ? "moving_mean"
                               : "moving_variance",
        .shape = {.rank = 1, .dim = {shape_last(in)}},
        .trainable = i < at.mean,
        .init = i == at.gamma || i == at.variance ? INIT_ONE : INIT_ZERO};
    return true;
}

static size_t channels_of(const struct layer_pass *p)
{
    return (size_t)shape_last(p->in);
}

/* Rows of p->n samples: a shard's, in a join the batch's. */
static size_t rows_of(const struct layer_pass *p)
{
    return pass_in(p, 0) / channels_of(p);
}

/* Two doubles a channel: sums forward, sums backward. */
static size_t part_count(const void *config, const struct shape *in)
{
    (void)config;
    return 2 * (size_t)shape_last(in);
}

/* Four floats a channel: mean, inverse, mean of dy, mean of dy x^. */
static size_t shared(const void *config, const struct shape *in)
{
    (void)config;
    return 4 * (size_t)shape_last(in);
}

static size_t tile_size(size_t channels, size_t first)
{
    return channels - first < TILE ? channels - first : TILE;
}

/* n channels of the shard, from `first` on */
static struct norm channels_at(const struct layer_pass *p, size_t first,
                               size_t n)
{
    struct norm m = {.x = p->x[0] + first,
                     .rows = rows_of(p),
                     .stride = channels_of(p),
                     .n = n};

    if (p->clip != NULL) {
        m.bounded = true;
        m.least = p->clip->least;
        m.most = p->clip->most;
    }
    return m;
}

/* part (2,C) = sums over the rows of x and x^2 */
static void forward_part(const struct layer_pass *p, double *part)
{
    size_t channels = channels_of(p);
    struct norm m = channels_at(p, 0, channels);

    memset(part, 0, 2 * channels * sizeof(*part));
    m.sum = part;
    m.product = part + channels;
    norm_sums(&m);
}

/* The sum of entry i over the shards, in their order. */
static double total(const double *parts, int shards, size_t stride, size_t i)
{
    double sum = 0.0;
    int s;

    for (s = 0; s < shards; s++)
        sum += parts[(size_t)s * stride + i];
    return sum;
}

static void forward_join(const struct layer_pass *p, const double *parts,
                         int shards)
{
    const struct config *config = p->config;
    struct places at = places_of(config);
    size_t channels = channels_of(p), c;
    double rows = (double)rows_of(p);
    double share = statistic_share(p, (double)config->momentum);

    for (c = 0; c < channels; c++) {
        double mean = total(parts, shards, 2 * channels, c) / rows;
        double square = total(parts, shards, 2 * channels, channels + c) / rows;
        double variance = square - mean * mean;

        variance = variance < 0.0 ? 0.0 : variance;
        p->shared[c] = (float)mean;
        p->shared[channels + c] =
            (float)(1.0 / sqrt(variance + (double)config->epsilon));
        p->param[at.mean][c] =
            statistic_moved(p->param[at.mean][c], mean, share);
        p->param[at.variance][c] =
            statistic_moved(p->param[at.variance][c], variance, share);
    }
}

/* Mean and inverse deviation of channel c, by the mode of the pass. */
static inline float mean_at(const struct layer_pass *p, const struct places *at,
                            size_t c)
{
    return p->mode == PASS_TRAIN ? p->shared[c] : p->param[at->mean][c];
}

static inline float inverse_at(const struct layer_pass *p,
                               const struct places *at, size_t c)
{
    const struct config *config = p->config;

    if (p->mode == PASS_TRAIN)
        return p->shared[channels_of(p) + c];
    return 1.0f / sqrtf(p->param[at->variance][c] + config->epsilon);
}

static inline float gamma_at(const struct layer_pass *p,
                             const struct places *at, size_t c)
{
    return at->gamma >= 0 ? p->param[at->gamma][c] : 1.0f;
}

/* What makes y of x: y = (x - mean) * factor + offset. */
struct factors {
    float mean[TILE], factor[TILE], offset[TILE];
};

static void take_factors(const struct layer_pass *p, size_t first,
                         struct norm *m, struct factors *f)
{
    struct places at = places_of(p->config);
    size_t c;

    for (c = 0; c < m->n; c++) {
        f->mean[c] = mean_at(p, &at, first + c);
        f->factor[c] =
            inverse_at(p, &at, first + c) * gamma_at(p, &at, first + c);
        f->offset[c] = at.beta >= 0 ? p->param[at.beta][first + c] : 0.0f;
    }
    m->mean = f->mean;
    m->factor = f->factor;
    m->offset = f->offset;
}

/* y for n channels of the rows of a piece */
static void normalise(const struct layer_pass *p, struct span rows,
                      size_t first, size_t n)
{
    struct norm m = channels_at(p, first, n);
    size_t at = (size_t)rows.first * m.stride, line = vec_lines(m.stride);
    struct factors f;

    if (p->ready != NULL) {
        m.mean = p->ready + first;
        m.factor = m.mean + line;
        m.offset = m.factor + line;
    } else {
        take_factors(p, first, &m, &f);
    }
    m.rows = (size_t)rows.count;
    m.x += at;
    m.out = p->y + first + at;
    norm_scale(&m);
}

static void forward(const struct layer_pass *p)
{
    struct span rows = pass_span(p, (int)rows_of(p), 1);
    size_t channels = channels_of(p), first;

    for (first = 0; first < channels; first += TILE)
        normalise(p, rows, first, tile_size(channels, first));
}

/* Three rows of factors: for one picture their roots take as long as all the
 * rest. */
static size_t ready_count(const void *config, const struct shape *in, int n)
{
    (void)config;
    (void)n;
    return 3 * vec_lines((size_t)shape_last(in));
}

static void make_ready(const struct layer_pass *p)
{
    size_t channels = channels_of(p), line = vec_lines(channels), first;

    for (first = 0; first < channels; first += TILE) {
        struct norm m = {.n = tile_size(channels, first)};
        float *to = p->ready + first;
        struct factors f;

        take_factors(p, first, &m, &f);
        vec_copy(f.mean, to, m.n);
        vec_copy(f.factor, to + line, m.n);
        vec_copy(f.offset, to + 2 * line, m.n);
    }
}

/* sum, product (n) = sums over the rows of dy and dy (x - mean) for channels
 * first..first+n-1 */
static void backward_sums(const struct layer_pass *p, size_t first, size_t n,
                          double *sum, double *product)
{
    struct norm m = channels_at(p, first, n);
    struct factors f;

    take_factors(p, first, &m, &f);
    memset(sum, 0, n * sizeof(*sum));
    memset(product, 0, n * sizeof(*product));
    m.dy = p->dy + first;
    m.sum = sum;
    m.product = product;
    norm_products(&m);
}

static void backward_part(const struct layer_pass *p, double *part)
{
    size_t channels = channels_of(p), first;

    for (first = 0; first < channels; first += TILE)
        backward_sums(p, first, tile_size(channels, first), part + first,
                      part + channels + first);
}

/* Writes dgamma and dbeta where they are wanted. */
static void write_gradient(const struct layer_pass *p, size_t c, double dgamma,
                           double dbeta)
{
    struct places at = places_of(p->config);

    if (at.gamma >= 0 && p->dparam[at.gamma] != NULL)
        p->dparam[at.gamma][c] = (float)dgamma;
    if (at.beta >= 0 && p->dparam[at.beta] != NULL)
        p->dparam[at.beta][c] = (float)dbeta;
}

static void backward_join(const struct layer_pass *p, const double *parts,
                          int shards)
{
    size_t channels = channels_of(p), c;
    double rows = (double)rows_of(p);

    for (c = 0; c < channels; c++) {
        double inverse = (double)p->shared[channels + c];
        double dbeta = total(parts, shards, 2 * channels, c);
        double dgamma =
            total(parts, shards, 2 * channels, channels + c) * inverse;

        p->shared[2 * channels + c] = (float)(dbeta / rows);
        p->shared[3 * channels + c] = (float)(dgamma / rows);
        write_gradient(p, c, dgamma, dbeta);
    }
}

/* The statistics are constants: gamma and beta learn per shard. */
static void backward_fixed(const struct layer_pass *p, size_t first, size_t n)
{
    struct places at = places_of(p->config);
    double sum[TILE], product[TILE];
    size_t c;

    backward_sums(p, first, n, sum, product);
    for (c = 0; c < n; c++)
        write_gradient(p, first + c,
                       product[c] * (double)inverse_at(p, &at, first + c),
                       sum[c]);
}

/* dx = factor * (dy - level - (x - mean) * slope) for n channels of every row;
 * level and slope are 0 where the statistics are constants */
static void backward_input(const struct layer_pass *p, size_t first, size_t n)
{
    struct places at = places_of(p->config);
    struct norm m = channels_at(p, first, n);
    size_t channels = channels_of(p), c;
    float level[TILE], slope[TILE];
    bool train = p->mode == PASS_TRAIN;
    struct factors f;

    take_factors(p, first, &m, &f);
    for (c = 0; c < n; c++) {
        float inverse = inverse_at(p, &at, first + c);

        level[c] = train ? p->shared[2 * channels + first + c] : 0.0f;
        slope[c] = train ? p->shared[3 * channels + first + c] * inverse : 0.0f;
    }
    m.dy = p->dy + first;
    m.out = p->dx[0] + first;
    m.level = level;
    m.slope = slope;
    norm_input(&m);
}

static void backward(const struct layer_pass *p)
{
    size_t channels = channels_of(p), first;

    for (first = 0; first < channels; first += TILE) {
        size_t n = tile_size(channels, first);

        if (p->mode == PASS_EVAL)
            backward_fixed(p, first, n);
        if (p->dx[0] != NULL)
            backward_input(p, first, n);
    }
}

const struct layer_kind batch_norm_layer = {
    .name = "batch_norm",
    .keras = "BatchNormalization",
    .help = "every channel to mean 0 and deviation 1, then scaled",
    .attrs = attrs,
    .attr_count = ATTR_COUNT(attrs),
    .config_size = sizeof(struct config),
    .least_in = 1,
    .most_in = 1,
    .ignores_y = true,
    .clips = true,
    .again = true,
    .units = UNITS_EACH,
    .shape = shape,
    .param = param,
    .part_count = part_count,
    .shared = shared,
    .forward_part = forward_part,
    .forward_join = forward_join,
    .backward_part = backward_part,
    .backward_join = backward_join,
    .forward = forward,
    .pieces = pieces_of_values,
    .ready_count = ready_count,
    .make_ready = make_ready,
    .backward = backward,
};
