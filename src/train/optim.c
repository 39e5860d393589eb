/*
 * Updates.  Every element is read once, worked on in registers and written
 * once: the sum of the gradient shards, the rule, the mask and the check for
 * values that are not finite are one loop.  Adam then takes as long as its root
 * and quotient do, about 0.4 ns a weight with AVX-512, and as reading w, m, v
 * and two gradients from the third-level cache; passes of their own over tiles
 * of the first-level cache took twice as long.
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

/* A rule's numbers, rounded once. */
struct numbers {
    float lr, decay, shrink; /* shrink: adamw's 1 - lr d */
    float momentum, beta1, beta2, rest1, rest2;
    float root, epsilon; /* 1 / sqrt(1 - beta2^t) */
};

/* One element: value, moments (0 where there are none), gradient with decay. */
struct cell {
    float w, m, v, g;
};

typedef struct cell rule(const struct numbers *k, struct cell c);

ALWAYS_INLINE struct cell sgd_rule(const struct numbers *k, struct cell c)
{
    c.w -= k->lr * c.g;
    return c;
}

ALWAYS_INLINE struct cell momentum_rule(const struct numbers *k, struct cell c)
{
    c.m = k->momentum * c.m + c.g;
    c.w -= k->lr * c.m;
    return c;
}

ALWAYS_INLINE struct cell nesterov_rule(const struct numbers *k, struct cell c)
{
    c.m = k->momentum * c.m + c.g;
    c.w -= k->lr * (c.g + k->momentum * c.m);
    return c;
}

ALWAYS_INLINE struct cell adam_rule(const struct numbers *k, struct cell c)
{
    c.m = k->beta1 * c.m + k->rest1 * c.g;
    c.v = k->beta2 * c.v + k->rest2 * (c.g * c.g);
    c.w = k->shrink * c.w - k->lr * c.m / (sqrtf(c.v) * k->root + k->epsilon);
    return c;
}

/* n elements.  The gradient is the sum of two arrays. */
struct tile {
    float *w, *m, *v;
    const float *first, *last;
    const uint8_t *mask; /* 1 alive, 0 pruned; NULL: all alive */
    size_t n;
};

/* All bits 0 when x is finite: a number minus itself is. */
ALWAYS_INLINE uint32_t not_finite(float x)
{
    float rest = x - x;
    uint32_t bits;

    memcpy(&bits, &rest, sizeof(bits));
    return bits;
}

ALWAYS_INLINE struct cell keep_alive(struct cell c, uint8_t alive)
{
    c.w = alive != 0 ? c.w : 0.0f;
    c.m = alive != 0 ? c.m : 0.0f;
    c.v = alive != 0 ? c.v : 0.0f;
    return c;
}

/* Updates a tile; 0 when all is finite. */
ALWAYS_INLINE uint32_t update_tile(const struct numbers *k,
                                   const struct tile *t, int moments,
                                   bool masked, rule *apply)
{
    const float *first = t->first, *last = t->last;
    float *w = t->w, *m = t->m, *v = t->v;
    uint32_t bad = 0;
    size_t i;

    VEC_LOOP
    for (i = 0; i < t->n; i++) {
        struct cell c = {.w = w[i],
                         .m = moments > 0 ? m[i] : 0.0f,
                         .v = moments > 1 ? v[i] : 0.0f,
                         .g = first[i] + last[i] + k->decay * w[i]};

        c = apply(k, c);
        if (masked)
            c = keep_alive(c, t->mask[i]);
        bad |= not_finite(c.w) | not_finite(c.v);
        w[i] = c.w;
        if (moments > 0)
            m[i] = c.m;
        if (moments > 1)
            v[i] = c.v;
    }
    return bad;
}

/* The gradient from element `at` on as a sum of two arrays, in the order of the
 * shards: of more than two all but the last are summed into `sum` first. */
ALWAYS_INLINE void two_terms(const struct optim_piece *p, size_t at, float *sum,
                             struct tile *t)
{
    static const float none[TILE];
    const float *const *grad = p->grad;
    size_t i;
    int s;

    t->first = grad[0] + at;
    t->last = p->shards > 1 ? grad[p->shards - 1] + at : none;
    for (s = 1; s < p->shards - 1; s++) {
        const float *before = t->first, *term = grad[s] + at;

        VEC_LOOP
        for (i = 0; i < t->n; i++)
            sum[i] = before[i] + term[i];
        t->first = sum;
    }
}

ALWAYS_INLINE bool update(const struct numbers *k, const struct optim_piece *p,
                          int moments, rule *apply)
{
    float sum[TILE];
    uint32_t bad = 0;
    size_t at;

    for (at = 0; at < p->count; at += TILE) {
        struct tile t = {.w = p->value + at,
                         .m = moments > 0 ? p->moment[0] + at : NULL,
                         .v = moments > 1 ? p->moment[1] + at : NULL,
                         .mask = p->mask != NULL ? p->mask + at : NULL,
                         .n = p->count - at < TILE ? p->count - at : TILE};

        two_terms(p, at, sum, &t);
        if (t.mask != NULL)
            bad |= update_tile(k, &t, moments, true, apply);
        else
            bad |= update_tile(k, &t, moments, false, apply);
    }
    return bad == 0;
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
