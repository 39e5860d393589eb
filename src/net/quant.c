#include "net/quant.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/levels.h"

struct codebook *codebook_new(int k, size_t count, struct err *err)
{
    struct codebook *b = mem_zalloc(sizeof(*b));

    b->k = k;
    b->count = count;
    b->centroid =
        mem_block_array((size_t)k + 1, sizeof(float), "a codebook", err);
    b->code = mem_block_array(count, sizeof(*b->code), "a codebook", err);
    if (b->centroid != NULL && b->code != NULL)
        return b;
    codebook_free(b);
    return NULL;
}

struct codebook *codebook_clone(const struct codebook *b, struct err *err)
{
    struct codebook *copy = codebook_new(b->k, b->count, err);
    size_t bytes = ((size_t)b->k + 1) * sizeof(float);
    int m;

    if (copy == NULL)
        return NULL;
    copy->group = b->group;
    memcpy(copy->centroid, b->centroid, bytes);
    memcpy(copy->code, b->code, b->count * sizeof(*b->code));
    for (m = 0; m < QUANT_MOMENT_MAX; m++) {
        if (b->moment[m] == NULL)
            continue;
        copy->moment[m] = mem_block(bytes, "moments", err);
        if (copy->moment[m] == NULL) {
            codebook_free(copy);
            return NULL;
        }
        memcpy(copy->moment[m], b->moment[m], bytes);
    }
    return copy;
}

void codebook_free(struct codebook *b)
{
    int m;

    if (b == NULL)
        return;
    for (m = 0; m < QUANT_MOMENT_MAX; m++)
        mem_block_free(b->moment[m]);
    mem_block_free(b->centroid);
    mem_block_free(b->code);
    mem_free(b);
}

void codebook_write(const struct codebook *b, float *value, size_t first,
                    size_t count)
{
    size_t i;

    for (i = first; i < first + count; i++)
        value[i] = b->centroid[b->code[i]];
}

static const char *const kind_names[GRID_KINDS] = {"symmetric", "affine",
                                                   "fp16", "bf16"};

const char *grid_kind_name(enum grid_kind kind)
{
    return kind_names[kind];
}

struct grid *grid_new(enum grid_kind kind, int bits, int channels, size_t count,
                      struct err *err)
{
    struct grid *g = mem_zalloc(sizeof(*g));
    size_t n = (size_t)channels;

    *g = (struct grid){
        .kind = kind, .bits = bits, .channels = channels, .count = count};
    g->scale = mem_block_array(n, sizeof(*g->scale), "the scales", err);
    g->zero = mem_block_array(n, sizeof(*g->zero), "the scales", err);
    if (g->scale != NULL && g->zero != NULL)
        return g;
    grid_free(g);
    return NULL;
}

struct grid *grid_clone(const struct grid *g, struct err *err)
{
    struct grid *copy = grid_new(g->kind, g->bits, g->channels, g->count, err);
    size_t n = (size_t)g->channels;

    if (copy == NULL)
        return NULL;
    copy->fixed = g->fixed;
    memcpy(copy->scale, g->scale, n * sizeof(*g->scale));
    memcpy(copy->zero, g->zero, n * sizeof(*g->zero));
    if (g->latent == NULL)
        return copy;
    copy->latent =
        mem_block_array(g->count, sizeof(*g->latent), "latent weights", err);
    if (copy->latent == NULL) {
        grid_free(copy);
        return NULL;
    }
    memcpy(copy->latent, g->latent, g->count * sizeof(*g->latent));
    return copy;
}

void grid_free(struct grid *g)
{
    if (g == NULL)
        return;
    mem_block_free(g->scale);
    mem_block_free(g->zero);
    mem_block_free(g->latent);
    mem_free(g);
}

int grid_least(const struct grid *g)
{
    return g->kind == GRID_SYMMETRIC ? 1 - (1 << (g->bits - 1)) : 0;
}

int grid_most(const struct grid *g)
{
    return g->kind == GRID_SYMMETRIC ? (1 << (g->bits - 1)) - 1
                                     : (1 << g->bits) - 1;
}

static struct levels levels_at(const struct grid *g, int channel)
{
    return (struct levels){.scale = g->scale[channel],
                           .zero = g->zero[channel],
                           .least = grid_least(g),
                           .most = grid_most(g)};
}

int grid_code(const struct grid *g, float x, int channel)
{
    struct levels l = levels_at(g, channel);

    return levels_code(&l, x);
}

float grid_real(const struct grid *g, int q, int channel)
{
    struct levels l = levels_at(g, channel);

    return levels_real(&l, q);
}

void grid_range(struct grid *g, int channel, float low, float high)
{
    struct levels l = levels_of(g->kind == GRID_SYMMETRIC, g->bits, low, high);

    g->scale[channel] = l.scale;
    g->zero[channel] = l.zero;
}

void grid_fit(struct grid *g, const float *value)
{
    size_t channels = (size_t)g->channels, c, i;

    for (c = 0; c < channels; c++) {
        float low = 0.0f, high = 0.0f;

        for (i = c; i < g->count; i += channels) {
            low = value[i] < low ? value[i] : low;
            high = value[i] > high ? value[i] : high;
        }
        grid_range(g, (int)c, low, high);
    }
}

static float half_of(enum grid_kind kind, float x)
{
    float y = kind == GRID_FP16 ? fp16_real(fp16_of(x)) : bf16_real(bf16_of(x));

    return y + 0.0f; /* -0.0 becomes +0.0 */
}

void grid_snap(const struct grid *g, const float *from, float *to, size_t first,
               size_t count)
{
    int channel = g->channels > 1 ? (int)(first % (size_t)g->channels) : 0;
    size_t i;

    for (i = first; i < first + count; i++) {
        if (g->channels == 0) {
            to[i] = half_of(g->kind, from[i]);
            continue;
        }
        to[i] = grid_real(g, grid_code(g, from[i], channel), channel);
        if (++channel >= g->channels)
            channel = 0;
    }
}

bool grid_holds(const struct grid *g, float x, size_t i)
{
    float on;

    if (g->channels == 0) {
        on = half_of(g->kind, x);
    } else {
        int channel = (int)(i % (size_t)g->channels);

        on = grid_real(g, grid_code(g, x, channel), channel);
    }
    return memcmp(&on, &x, sizeof(x)) == 0;
}

static uint32_t bits_of(float x)
{
    uint32_t u;

    memcpy(&u, &x, sizeof(u));
    return u;
}

static float real_of(uint32_t u)
{
    float x;

    memcpy(&x, &u, sizeof(x));
    return x;
}

/* A significand of 24 bits loses `shift` of them, to nearest even. */
static uint32_t rounded(uint32_t significand, uint32_t shift)
{
    uint32_t odd = (significand >> shift) & 1u;

    return (significand + (1u << (shift - 1)) - 1u + odd) >> shift;
}

uint16_t fp16_of(float x)
{
    uint32_t u = bits_of(x), sign = (u >> 16) & 0x8000u;
    uint32_t exponent = (u >> 23) & 0xFFu, fraction = u & 0x7FFFFFu;

    if (exponent == 0xFFu && fraction != 0)
        return (uint16_t)(sign | 0x7E00u | (fraction >> 13));
    if (exponent < 102) /* below half of the smallest subnormal */
        return (uint16_t)sign;
    if (exponent < 113) /* subnormal: units of 2^-24 */
        return (uint16_t)(sign |
                          rounded(fraction | 0x800000u, 126u - exponent));
    if (exponent > 142)
        return (uint16_t)(sign | 0x7C00u);
    /* A carry out of the fraction raises the exponent, up to infinity. */
    return (uint16_t)(sign |
                      (((exponent - 112u) << 10) + rounded(fraction, 13)));
}

float fp16_real(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000u) << 16;
    uint32_t exponent = (bits >> 10) & 0x1Fu, fraction = bits & 0x3FFu;
    float x;

    if (exponent == 0x1Fu)
        return real_of(sign | 0x7F800000u | (fraction << 13));
    if (exponent != 0)
        return real_of(sign | ((exponent + 112u) << 23) | (fraction << 13));
    x = (float)fraction * 0x1p-24f;
    return sign != 0 ? -x : x;
}

uint16_t bf16_of(float x)
{
    uint32_t u = bits_of(x);

    if ((u & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)((u >> 16) | 0x40u);
    return (uint16_t)((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16);
}

float bf16_real(uint16_t bits)
{
    return real_of((uint32_t)bits << 16);
}
