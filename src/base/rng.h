/*
 * Random numbers as functions of an address (seed, purpose, step, index):
 * a run can stop and resume anywhere, threads need no order, and the purposes
 * never disturb one another.  Philox 4x32-10 (Salmon et al., SC 2011).
 * A struct rng is a plain value; no global state.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

enum rng_purpose {
    RNG_INIT = 1, /* step: node, index: parameter */
    RNG_ORDER,    /* step: epoch */
    RNG_DROPOUT,  /* step: training step, index: node and sample */
    RNG_PRUNE,    /* random pruning; step: how often it was done */
    RNG_SPLIT,    /* validation split */
    RNG_AUGMENT,
    RNG_CLUSTER, /* k-means starts */
    RNG_TEST,    /* tests and benchmarks */
    RNG_SUBSET   /* samples of a partial evaluation */
};

struct rng {
    uint32_t key[2], counter[4], word[4];
    int used;
};

/* The stream at that address. */
struct rng rng_at(uint64_t seed, enum rng_purpose purpose, uint64_t step,
                  uint64_t index);

uint32_t rng_u32(struct rng *r);
/* Uniform in [0, 1), 24 bits. */
float rng_float(struct rng *r);
/* Uniform in [0, 1), 53 bits. */
double rng_double(struct rng *r);
/* Standard normal (Box-Muller, no state kept between calls). */
double rng_normal(struct rng *r);
/* Uniform in 0..n-1, without bias; n > 0. */
uint32_t rng_below(struct rng *r, uint32_t n);
/* Fisher-Yates. */
void rng_shuffle(struct rng *r, int32_t *items, size_t n);

#endif
