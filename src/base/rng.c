#include "base/rng.h"

#include <math.h>

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u
#define ROUNDS    10
#define TWO_PI    6.283185307179586476925286766559

static void philox(const uint32_t key[2], const uint32_t in[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = in[0], c1 = in[1], c2 = in[2], c3 = in[3];
    int i;

    for (i = 0; i < ROUNDS; i++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t p1 = (uint64_t)PHILOX_M1 * c2;

        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Mixes 64 bits; the finaliser of splitmix64. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9u;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

struct rng rng_at(uint64_t seed, enum rng_purpose purpose, uint64_t step,
                  uint64_t index)
{
    uint64_t key = mix(seed + 0x9E3779B97F4A7C15u * (uint64_t)purpose);
    struct rng r = {.used = 4};

    /* Word 0 counts within the stream; the address fills the rest.  Steps and
     * indexes past 48 bits fold, which no run reaches. */
    r.key[0] = (uint32_t)key;
    r.key[1] = (uint32_t)(key >> 32);
    r.counter[1] = (uint32_t)step;
    r.counter[2] = (uint32_t)index;
    r.counter[3] = (uint32_t)(step >> 32) << 16 ^ (uint32_t)(index >> 32);
    return r;
}

uint32_t rng_u32(struct rng *r)
{
    if (r->used == 4) {
        philox(r->key, r->counter, r->word);
        r->counter[0]++;
        r->used = 0;
    }
    return r->word[r->used++];
}

float rng_float(struct rng *r)
{
    return (float)(rng_u32(r) >> 8) * 0x1p-24f;
}

double rng_double(struct rng *r)
{
    uint64_t hi = rng_u32(r) >> 5, lo = rng_u32(r) >> 6;

    return ((double)hi * 67108864.0 + (double)lo) * 0x1p-53;
}

double rng_normal(struct rng *r)
{
    double u = 1.0 - rng_double(r), v = rng_double(r);

    return sqrt(-2.0 * log(u)) * cos(TWO_PI * v);
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
    uint64_t product = (uint64_t)rng_u32(r) * n;
    uint32_t low = (uint32_t)product;

    /* Lemire's rejection: the few values that would make some results more
     * frequent are drawn again. */
    if (low < n) {
        uint32_t floor = (0u - n) % n;

        while (low < floor) {
            product = (uint64_t)rng_u32(r) * n;
            low = (uint32_t)product;
        }
    }
    return (uint32_t)(product >> 32);
}

void rng_shuffle(struct rng *r, int32_t *items, size_t n)
{
    size_t i;

    for (i = n; i > 1; i--) {
        uint32_t j = rng_below(r, (uint32_t)i);
        int32_t kept = items[i - 1];

        items[i - 1] = items[j];
        items[j] = kept;
    }
}
