/*
 * What the next bit will be: several counters each have an opinion, and a mixer
 * that learns whom to trust joins them in the logistic domain (as in the PAQ
 * compressors; lower memory and whole numbers only, so that every machine
 * computes the same).
 * A counter is an adaptive frequency: its first steps are large, later ones
 * small, so that it learns fast and then stays.
 * Threads: no shared state.
 */
#ifndef COMPRESS_GUESS_H
#define COMPRESS_GUESS_H

#include <stdint.h>

#include "compress/range.h"

#define GUESS_INPUTS 8      /* most opinions on one bit */
#define GUESS_UNIT   256    /* ln(p / (1 - p)) of 1, stretched */
#define GUESS_FAR    2816   /* stretched values lie in -FAR..FAR */
#define GUESS_SETS   64     /* most sets of weights */
#define GUESS_TRUST  524288 /* most of a weight: 8 */
#define GUESS_STEPS  1024   /* a counter's steps of different size */

/* 22 bits of probability of a 1, 10 bits of times it was asked. */
struct counter {
    uint32_t state;
};

/* How fast counters learn: the n-th step is 1 / (n + prior), down to
 * 1 / limit. */
struct pace {
    uint32_t step[GUESS_STEPS]; /* of 2^16 */
    uint32_t limit;
};
void pace_set(struct pace *p, double prior, int limit);

struct guess {
    int32_t weight[GUESS_SETS][GUESS_INPUTS]; /* 1 is 65536 */
    int inputs;
    int rate; /* the mixer learns by 2^-rate; 14 and more */
    /* Of the bit under way. */
    int count;
    struct counter *asked[GUESS_INPUTS];
    const struct pace *pace[GUESS_INPUTS];
    int32_t said[GUESS_INPUTS];
};

/* inputs opinions a bit, each trusted alike at first. */
void guess_start(struct guess *g, int inputs, int rate);

/* one: probability in 1..65535. */
static inline void counter_set(struct counter *c, uint32_t one)
{
    c->state = one << 16;
}
static inline uint32_t counter_one(const struct counter *c)
{
    return c->state >> 16;
}

static inline void counter_learn(struct counter *c, const struct pace *p,
                                 unsigned bit)
{
    uint32_t n = c->state & (GUESS_STEPS - 1), one = c->state >> 10;
    uint32_t to = -(uint32_t)bit & ((1u << 22) - 1); /* no branch */
    int64_t move = ((int64_t)to - (int64_t)one) * p->step[n];

    one = (uint32_t)((int64_t)one + (move >> 16));
    c->state = (one << 10) | (n < p->limit ? n + 1 : n);
}

/* ln(p / (1 - p)) of a probability p << 4, stretched. */
extern int16_t guess_stretch[4096];

/* The next opinion on the coming bit. */
static inline void guess_ask(struct guess *g, struct counter *c,
                             const struct pace *p)
{
    g->asked[g->count] = c;
    g->pace[g->count] = p;
    g->said[g->count++] = guess_stretch[counter_one(c) >> 4];
}

/* 65536 / (1 + exp(-x / GUESS_UNIT)) at x = -GUESS_FAR, … in steps of 64. */
extern const uint16_t guess_knots[];

/* The probability that a stretched value stands for. */
static inline int32_t guess_squash(int32_t x)
{
    uint32_t at, part;

    x = x < -GUESS_FAR ? -GUESS_FAR : x > GUESS_FAR - 1 ? GUESS_FAR - 1 : x;
    at = (uint32_t)(x + GUESS_FAR) / 64;
    part = (uint32_t)(x + GUESS_FAR) % 64;
    return (
        int32_t)((guess_knots[at] * (64 - part) + guess_knots[at + 1] * part) /
                 64);
}

/* guess_squash of x - GUESS_FAR, in 4..RANGE_ONE-4. */
extern uint16_t guess_squashed[2 * GUESS_FAR];

/* Codes a bit with what the n opinions asked for say together, and lets all of
 * them learn; `set` chooses the weights.  Inline, so that n is known. */
static inline unsigned guess_bit(struct guess *g, struct range *r, int set,
                                 int n, unsigned bit)
{
    int32_t *w = g->weight[set];
    int32_t sum = 0, one, miss;
    int i;

    for (i = 0; i < n; i++)
        sum += (w[i] * g->said[i]) >> 6;
    one = guess_squash(sum >> 10);
    one = one < 4 ? 4 : one > RANGE_ONE - 4 ? RANGE_ONE - 4 : one;
    bit = range_bit(r, (uint32_t)one, bit);
    miss = (bit ? RANGE_ONE - 1 : 0) - one;
    for (i = 0; i < n; i++) {
        w[i] += (miss * g->said[i]) >> g->rate;
        w[i] = w[i] > GUESS_TRUST    ? GUESS_TRUST
               : w[i] < -GUESS_TRUST ? -GUESS_TRUST
                                     : w[i];
        counter_learn(g->asked[i], g->pace[i], bit);
    }
    g->count = 0;
    return bit;
}

/* Codes a bit with one counter alone. */
static inline unsigned counter_bit(struct counter *c, const struct pace *p,
                                   struct range *r, unsigned bit)
{
    uint32_t one = counter_one(c);

    one = one < 16 ? 16 : one > RANGE_ONE - 16 ? RANGE_ONE - 16 : one;
    bit = range_bit(r, one, bit);
    counter_learn(c, p, bit);
    return bit;
}

#endif
