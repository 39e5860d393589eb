/*
 * Updates.  A piece is worked through in tiles that stay in the first-level
 * cache: the sum of the gradient shards, the rule, the mask, and the check for
 * values that are not finite are each a plain loop over the tile, while memory
 * is read and written once.
 *
 * With g the gradient, w the value, d the weight decay (PyTorch's formulas):
 *   sgd       g += d w; w -= lr g
 *   momentum  g += d w; b = mu b + g; w -= lr b
 *   nesterov  g += d w; b = mu b + g; w -= lr (g + mu b)
 *   adam      g += d w; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
 *             w -= lr / (1-b1^t) m / (sqrt(v) / sqrt(1-b2^t) + eps)
 *   adamw     w -= lr d w; then adam with d = 0
 */
#include "train/optim.h"

#include <math.h>
#include <string.h>

#include "tensor/vec.h"

#define TILE 512 /* floats */

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* A rule's numbers, rounded once. */
struct numbers {
    float lr, decay, shrink; /* shrink: adamw's 1 - lr d */
    float momentum, beta1, beta2, rest1, rest2;
    float root, epsilon; /* 1 / sqrt(1 - beta2^t) */
};

/* A tile: values and moments are worked on in place, g is a copy. */
struct tile {
    float *w, *m, *v;
    float *g;
    size_t n;
};

typedef void rule(const struct numbers *k, const struct tile *t);

ALWAYS_INLINE void decayed(const struct numbers *k, const struct tile *t)
{
    const float *w = t->w;
    float *g = t->g;
    size_t i;

    if (k->decay == 0.0f)
        return;
    for (i = 0; i < t->n; i++)
        g[i] += k->decay * w[i];
}

ALWAYS_INLINE void sgd_rule(const struct numbers *k, const struct tile *t)
{
    const float *g = t->g;
    float *w = t->w;
    size_t i;

    decayed(k, t);
    VEC_LOOP
    for (i = 0; i < t->n; i++)
        w[i] -= k->lr * g[i];
}

ALWAYS_INLINE void momentum_rule(const struct numbers *k, const struct tile *t)
{
    const float *g = t->g;
    float *w = t->w, *b = t->m;
    size_t i;

    decayed(k, t);
    VEC_LOOP
    for (i = 0; i < t->n; i++) {
        b[i] = k->momentum * b[i] + g[i];
        w[i] -= k->lr * b[i];
    }
}

ALWAYS_INLINE void nesterov_rule(const struct numbers *k, const struct tile *t)
{
    const float *g = t->g;
    float *w = t->w, *b = t->m;
    size_t i;

    decayed(k, t);
    VEC_LOOP
    for (i = 0; i < t->n; i++) {
        b[i] = k->momentum * b[i] + g[i];
        w[i] -= k->lr * (g[i] + k->momentum * b[i]);
    }
}

ALWAYS_INLINE void adam_rule(const struct numbers *k, const struct tile *t)
{
    const float *g = t->g;
    float *w = t->w, *m = t->m, *v = t->v;
    size_t i;

    decayed(k, t);
    VEC_LOOP
    for (i = 0; i < t->n; i++) {
        m[i] = k->beta1 * m[i] + k->rest1 * g[i];
        v[i] = k->beta2 * v[i] + k->rest2 * (g[i] * g[i]);
        w[i] = k->shrink * w[i] -
               k->lr * m[i] / (sqrtf(v[i]) * k->root + k->epsilon);
    }
}

/* g = sum of the shards' gradients, from element `at` on */
ALWAYS_INLINE void sum_shards(const struct optim_piece *p, size_t at,
                              const struct tile *t)
{
    float *g = t->g;
    size_t i;
    int s;

    memcpy(g, p->grad[0] + at, t->n * sizeof(*g));
    for (s = 1; s < p->shards; s++) {
        const float *term = p->grad[s] + at;

        VEC_LOOP
        for (i = 0; i < t->n; i++)
            g[i] += term[i];
    }
}

ALWAYS_INLINE void mask_array(const uint8_t *mask, float *x, size_t n)
{
    size_t i;

    VEC_LOOP
    for (i = 0; i < n; i++)
        x[i] = mask[i] != 0 ? x[i] : 0.0f;
}

ALWAYS_INLINE void mask_tile(const uint8_t *mask, const struct tile *t)
{
    mask_array(mask, t->w, t->n);
    if (t->m != NULL)
        mask_array(mask, t->m, t->n);
    if (t->v != NULL)
        mask_array(mask, t->v, t->n);
}

/* A number minus itself is 0 unless it is infinite or NaN. */
ALWAYS_INLINE bool finite_array(const float *x, size_t n)
{
    uint32_t bad = 0;
    size_t i;

    for (i = 0; i < n; i++) {
        float rest = x[i] - x[i];

        bad |= rest == 0.0f ? 0u : 1u;
    }
    return bad == 0;
}

ALWAYS_INLINE bool update(const struct numbers *k, const struct optim_piece *p,
                          int moments, rule *apply)
{
    float g[TILE];
    bool finite = true;
    size_t at;

    for (at = 0; at < p->count; at += TILE) {
        struct tile t = {.w = p->value + at,
                         .g = g,
                         .m = moments > 0 ? p->moment[0] + at : NULL,
                         .v = moments > 1 ? p->moment[1] + at : NULL,
                         .n = p->count - at < TILE ? p->count - at : TILE};

        sum_shards(p, at, &t);
        apply(k, &t);
        if (p->mask != NULL)
            mask_tile(p->mask + at, &t);
        finite = finite_array(t.w, t.n) && finite;
        if (moments > 1)
            finite = finite_array(t.v, t.n) && finite;
    }
    return finite;
}

static struct numbers plain_numbers(const struct optim_settings *s, double lr,
                                    const struct optim_piece *p)
{
    struct numbers k = {.lr = (float)lr,
                        .decay = p->decays ? (float)s->weight_decay : 0.0f,
                        .shrink = 1.0f,
                        .momentum = (float)s->momentum};

    return k;
}

static struct numbers adam_numbers(const struct optim_settings *s, double lr,
                                   uint64_t step, const struct optim_piece *p)
{
    struct numbers k = plain_numbers(s, lr, p);

    k.lr = (float)(lr / (1.0 - pow(s->beta1, (double)step)));
    k.root = (float)(1.0 / sqrt(1.0 - pow(s->beta2, (double)step)));
    k.beta1 = (float)s->beta1;
    k.beta2 = (float)s->beta2;
    k.rest1 = (float)(1.0 - s->beta1);
    k.rest2 = (float)(1.0 - s->beta2);
    k.epsilon = (float)s->epsilon;
    return k;
}

VEC_CLONES
static bool sgd_update(const struct optim_settings *s, double lr, uint64_t step,
                       const struct optim_piece *p)
{
    struct numbers k = plain_numbers(s, lr, p);

    (void)step;
    return update(&k, p, 0, sgd_rule);
}

VEC_CLONES
static bool momentum_update(const struct optim_settings *s, double lr,
                            uint64_t step, const struct optim_piece *p)
{
    struct numbers k = plain_numbers(s, lr, p);

    (void)step;
    return update(&k, p, 1, momentum_rule);
}

VEC_CLONES
static bool nesterov_update(const struct optim_settings *s, double lr,
                            uint64_t step, const struct optim_piece *p)
{
    struct numbers k = plain_numbers(s, lr, p);

    (void)step;
    return update(&k, p, 1, nesterov_rule);
}

VEC_CLONES
static bool adam_update(const struct optim_settings *s, double lr,
                        uint64_t step, const struct optim_piece *p)
{
    struct numbers k = adam_numbers(s, lr, step, p);

    return update(&k, p, 2, adam_rule);
}

VEC_CLONES
static bool adamw_update(const struct optim_settings *s, double lr,
                         uint64_t step, const struct optim_piece *p)
{
    struct numbers k = adam_numbers(s, lr, step, p);

    k.decay = 0.0f;
    if (p->decays)
        k.shrink = (float)(1.0 - lr * s->weight_decay);
    return update(&k, p, 2, adam_rule);
}

const struct optim_kind optim_kinds[] = {
    {.name = "sgd",
     .help = "plain gradient descent",
     .moments = 0,
     .update = sgd_update},
    {.name = "momentum",
     .help = "gradient descent with momentum",
     .moments = 1,
     .update = momentum_update},
    {.name = "nesterov",
     .help = "momentum that looks one step ahead",
     .moments = 1,
     .update = nesterov_update},
    {.name = "adam",
     .help = "a step size for every weight; decay joins the gradient",
     .moments = 2,
     .update = adam_update},
    {.name = "adamw",
     .help = "adam with decay apart from the gradient",
     .moments = 2,
     .update = adamw_update},
    {.name = NULL},
};

const struct optim_kind *optim_find(const char *name)
{
    const struct optim_kind *kind;

    for (kind = optim_kinds; kind->name != NULL; kind++) {
        if (strcmp(kind->name, name) == 0)
            return kind;
    }
    return NULL;
}
