/*
 * Updates.  Every element is read once, worked on in registers and written
 * once: the sum of the gradient shards, the rule, the mask and the check for
 * values that are not finite are one loop; passes of their own over tiles of
 * the first-level cache took twice as long.  Bits are the same on all
 * processors, but those of Adam with AVX-512.
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

#include "tensor/isa.h"
#include "tensor/vec.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

ALWAYS_INLINE struct tile tile_at(const struct optim_piece *p, size_t at,
                                  int moments)
{
    return (struct tile){.w = p->value + at,
                         .m = moments > 0 ? p->moment[0] + at : NULL,
                         .v = moments > 1 ? p->moment[1] + at : NULL,
                         .mask = p->mask != NULL ? p->mask + at : NULL,
                         .n = p->count - at < TILE ? p->count - at : TILE};
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
        struct tile t = tile_at(p, at, moments);

        two_terms(p, at, sum, &t);
        if (t.mask != NULL)
            bad |= update_tile(k, &t, moments, true, apply);
        else
            bad |= update_tile(k, &t, moments, false, apply);
    }
    return bad == 0;
}

/*
 * Adam's loop with AVX-512.  Root and quotient share the divider, which they
 * keep busy for most of the loop's time; here the quotient is made by
 * multiplications: 1 / x to 14 bits, which are the same on every processor, and
 * one step of Newton's.  The rate is part of the divisor, and what is left of
 * the other rules is as few steps as can be:
 *   m += (1-b1) (g - m); v += (1-b2) (g^2 - v); w -= m / (root' sqrt(v) + eps')
 * The step of a weight is 3e-7 of itself off at most.  One core of a Zen 4,
 * 266,610 weights: 55 us instead of 76 with both by the divider.
 */
#if defined(__x86_64__)
#define ADAM_TARGET __attribute__((target("avx512f")))
#define ADAM_INLINE static inline __attribute__((always_inline)) ADAM_TARGET
#define ADAM_LEAST  1e-12f /* rate by which can be divided */
#define ALL_LANES   0xFFFF

struct adam {
    __m512 decay, shrink, rest1, rest2, root, epsilon;
};

ADAM_INLINE __mmask16 adam512_alive(const uint8_t *mask, __mmask16 lanes)
{
    __m128i bytes = _mm_setzero_si128();
    __m512i wide;

    if (lanes == ALL_LANES)
        bytes = _mm_loadu_si128((const __m128i *)(const void *)mask);
    else
        memcpy(&bytes, mask, (size_t)__builtin_popcount(lanes));
    wide = _mm512_cvtepu8_epi32(bytes);
    return _mm512_test_epi32_mask(wide, wide);
}

/* Elements i.. of those in `lanes`.  w - w is added to bad, which is no number
 * where w is not finite; where v is not, w is no number.  Sums and differences
 * have units of their own, beside those that multiply. */
ADAM_INLINE __m512 adam512_lanes(const struct adam *k, const struct tile *t,
                                 size_t i, __mmask16 lanes, bool masked,
                                 bool decays, __m512 bad)
{
    __m512 w = _mm512_maskz_loadu_ps(lanes, t->w + i);
    __m512 m = _mm512_maskz_loadu_ps(lanes, t->m + i);
    __m512 v = _mm512_maskz_loadu_ps(lanes, t->v + i);
    __m512 g = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, t->first + i),
                             _mm512_maskz_loadu_ps(lanes, t->last + i));
    __m512 d, q;

    if (decays) {
        g = _mm512_fmadd_ps(k->decay, w, g);
        w = _mm512_mul_ps(w, k->shrink);
    }
    m = _mm512_fmadd_ps(k->rest1, _mm512_sub_ps(g, m), m);
    v = _mm512_fmadd_ps(k->rest2, _mm512_sub_ps(_mm512_mul_ps(g, g), v), v);
    d = _mm512_fmadd_ps(_mm512_sqrt_ps(v), k->root, k->epsilon);
    q = _mm512_rcp14_ps(d);
    q = _mm512_fmadd_ps(q, _mm512_fnmadd_ps(d, q, _mm512_set1_ps(1.0f)), q);
    w = _mm512_fnmadd_ps(m, q, w);
    if (masked) {
        __mmask16 alive = adam512_alive(t->mask + i, lanes);

        w = _mm512_maskz_mov_ps(alive, w);
        m = _mm512_maskz_mov_ps(alive, m);
        v = _mm512_maskz_mov_ps(alive, v);
    }
    _mm512_mask_storeu_ps(t->w + i, lanes, w);
    _mm512_mask_storeu_ps(t->m + i, lanes, m);
    _mm512_mask_storeu_ps(t->v + i, lanes, v);
    return _mm512_mask_add_ps(bad, lanes, bad, _mm512_sub_ps(w, w));
}

/* True when all is finite. */
ADAM_INLINE bool adam512_tile(const struct adam *k, const struct tile *t,
                              bool masked, bool decays)
{
    __m512 bad = _mm512_setzero_ps();
    size_t i;

    for (i = 0; i + 16 <= t->n; i += 16)
        bad = adam512_lanes(k, t, i, ALL_LANES, masked, decays, bad);
    if (i < t->n)
        bad = adam512_lanes(k, t, i, (__mmask16)((1U << (t->n - i)) - 1),
                            masked, decays, bad);
    return _mm512_cmp_ps_mask(bad, bad, _CMP_UNORD_Q) == 0;
}

static ADAM_TARGET bool adam512(const struct numbers *n,
                                const struct optim_piece *p)
{
    const struct adam k = {.decay = _mm512_set1_ps(n->decay),
                           .shrink = _mm512_set1_ps(n->shrink),
                           .rest1 = _mm512_set1_ps(n->rest1),
                           .rest2 = _mm512_set1_ps(n->rest2),
                           .root = _mm512_set1_ps(n->root / n->lr),
                           .epsilon = _mm512_set1_ps(n->epsilon / n->lr)};
    bool decays = n->decay != 0.0f || n->shrink != 1.0f, finite = true;
    float sum[TILE];
    size_t at;

    for (at = 0; at < p->count; at += TILE) {
        struct tile t = tile_at(p, at, 2);

        two_terms(p, at, sum, &t);
        if (t.mask != NULL && decays)
            finite &= adam512_tile(&k, &t, true, true);
        else if (t.mask != NULL)
            finite &= adam512_tile(&k, &t, true, false);
        else if (decays)
            finite &= adam512_tile(&k, &t, false, true);
        else
            finite &= adam512_tile(&k, &t, false, false);
    }
    return finite;
}
#endif

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
static bool adam_plain(const struct numbers *k, const struct optim_piece *p)
{
    return update(k, p, 2, adam_rule);
}

static bool adam(const struct numbers *k, const struct optim_piece *p)
{
#if defined(__x86_64__)
    if (isa_now() == ISA_AVX512 && k->lr > ADAM_LEAST)
        return adam512(k, p);
#endif
    return adam_plain(k, p);
}

static bool adam_update(const struct optim_settings *s, double lr,
                        uint64_t step, const struct optim_piece *p)
{
    struct numbers k = adam_numbers(s, lr, step, p);

    return adam(&k, p);
}

static bool adamw_update(const struct optim_settings *s, double lr,
                         uint64_t step, const struct optim_piece *p)
{
    struct numbers k = adam_numbers(s, lr, step, p);

    k.decay = 0.0f;
    if (p->decays)
        k.shrink = (float)(1.0 - lr * s->weight_decay);
    return adam(&k, p);
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
