/*
 * y = scale * (clamp(round(x / scale) + zero) - zero), scale and zero from the
 * range low..high (card Q1).  Backward is straight through: dx = dy inside the
 * range, 0 outside (card Q4), though y is a staircase.
 *
 * Training moves the range towards the least and the largest x of the whole
 * batch: low = low * momentum + least * (1 - momentum).  The range that comes
 * out is what the batch is rounded with.  An empty range takes the first
 * batch's; `freeze` lets any other be.  In PASS_EVAL it is a constant.
 */
#include "layer/fake_quant.h"

#include <math.h>

#include "layer/kinds.h"

static const struct layer_attr attrs[] = {
    {.name = "bits",
     .help = "of a value",
     .type = ATTR_INT,
     .offset = offsetof(struct fake_quant, bits),
     .positional = true,
     .usual = 8,
     .least = 2,
     .most = 16},
    {.name = "momentum",
     .help = "share of the range that a batch leaves",
     .type = ATTR_REAL,
     .offset = offsetof(struct fake_quant, momentum),
     .usual = 0.99,
     .least = 0,
     .most = 1},
    {.name = "symmetric",
     .help = "as many levels below 0 as above",
     .type = ATTR_BOOL,
     .offset = offsetof(struct fake_quant, symmetric)},
    {.name = "freeze",
     .help = "training leaves the range as it is",
     .type = ATTR_BOOL,
     .offset = offsetof(struct fake_quant, freeze)},
};

static bool param(const void *config, const struct shape *in, int i,
                  struct param_def *out)
{
    static const char *const names[FAKE_QUANT_STATE] = {"low", "high"};

    (void)config;
    (void)in;
    if (i >= FAKE_QUANT_STATE)
        return false;
    *out = (struct param_def){
        .name = names[i], .shape = {.rank = 1, .dim = {1}}, .init = INIT_ZERO};
    return true;
}

static size_t part_count(const void *config, const struct shape *in)
{
    (void)config;
    (void)in;
    return FAKE_QUANT_STATE;
}

static bool is_empty(const struct layer_pass *p)
{
    return *p->param[FAKE_QUANT_LOW] == 0.0f &&
           *p->param[FAKE_QUANT_HIGH] == 0.0f;
}

static bool follows(const struct layer_pass *p)
{
    const struct fake_quant *f = p->config;

    return !f->freeze || is_empty(p);
}

/* part (2) = the ends of the shard's x, and 0 */
static void forward_part(const struct layer_pass *p, double *part)
{
    float low = 0.0f, high = 0.0f;

    if (follows(p))
        levels_ends(p->x[0], pass_in(p, 0), &low, &high);
    part[FAKE_QUANT_LOW] = (double)low;
    part[FAKE_QUANT_HIGH] = (double)high;
}

/* An activation that overflowed says nothing about the range. */
static void forward_join(const struct layer_pass *p, const double *parts,
                         int shards)
{
    const struct fake_quant *f = p->config;
    float *low = p->param[FAKE_QUANT_LOW], *high = p->param[FAKE_QUANT_HIGH];
    double least = 0.0, most = 0.0, share;
    int s;

    for (s = 0; s < shards; s++) {
        least = fmin(least, parts[s * FAKE_QUANT_STATE + FAKE_QUANT_LOW]);
        most = fmax(most, parts[s * FAKE_QUANT_STATE + FAKE_QUANT_HIGH]);
    }
    if (!follows(p) || !isfinite(least) || !isfinite(most))
        return;
    share = is_empty(p) ? 1.0 : statistic_share(p, (double)f->momentum);
    *low = statistic_moved(*low, least, share);
    *high = statistic_moved(*high, most, share);
}

static void forward(const struct layer_pass *p)
{
    struct levels l = fake_quant_levels(p->config, *p->param[FAKE_QUANT_LOW],
                                        *p->param[FAKE_QUANT_HIGH]);

    levels_round(&l, p->x[0], p->y, pass_out(p));
}

static void backward(const struct layer_pass *p)
{
    const struct fake_quant *f = p->config;
    float low = fminf(*p->param[FAKE_QUANT_LOW], 0.0f);
    float high = fmaxf(*p->param[FAKE_QUANT_HIGH], 0.0f);

    if (p->dx[0] == NULL)
        return;
    if (f->symmetric) {
        high = fmaxf(-low, high);
        low = -high;
    }
    levels_pass(low, high, p->x[0], p->dy, p->dx[0], pass_out(p));
}

const struct layer_kind fake_quant_layer = {
    .name = "fake_quant",
    .keras = "Activation",
    .help = "rounds to what a few bits can hold; trained straight through",
    .attrs = attrs,
    .attr_count = ATTR_COUNT(attrs),
    .config_size = sizeof(struct fake_quant),
    .least_in = 1,
    .most_in = 1,
    .ignores_y = true,
    .rounds = true,
    .units = UNITS_EACH,
    .shape = layer_same_shape,
    .param = param,
    .part_count = part_count,
    .forward_part = forward_part,
    .forward_join = forward_join,
    .forward = forward,
    .backward = backward,
};
