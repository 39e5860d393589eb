/*
 * Binary arithmetic coding: a range of 32 bits, carries that run through, and
 * probabilities of 16 bits (method card D7).  One function codes a bit in both
 * directions, so that writer and reader cannot fall out of step.
 * Behind its end a stream goes on with zeros: the writer drops the zeros that
 * end it, and a damaged stream gives bits that make no sense but no fault.
 * Threads: no shared state.
 */
#ifndef COMPRESS_RANGE_H
#define COMPRESS_RANGE_H

#include <stdbool.h>

#include "compress/bytes.h"

#define RANGE_ONE  65536 /* probability 1 */
#define RANGE_HALF 32768

struct range {
    bool writes;
    uint32_t range;
    size_t shifts; /* bytes that went by */
    /* Writing. */
    struct bytes out;
    uint64_t low;
    uint64_t held; /* bytes that a carry may still change */
    uint8_t first; /* of these; the others are 0xff */
    /* Reading. */
    const uint8_t *in;
    size_t left;
    uint32_t code;
};

void range_start_writing(struct range *r);
/* Borrows the n bytes. */
void range_start_reading(struct range *r, const void *bytes, size_t n);
/* Writes what is held; r->out is then the whole stream, the caller's. */
void range_finish(struct range *r);

/* Bytes that stand for what was written or read so far, within one; the same
 * number in both directions. */
static inline size_t range_written(const struct range *r)
{
    return r->shifts;
}

/* private */
void range_shift_out(struct range *r);

static inline void range_shift(struct range *r)
{
    if (r->writes) {
        range_shift_out(r);
    } else {
        r->code <<= 8;
        if (r->left > 0) {
            r->code |= *r->in++;
            r->left--;
        }
    }
    r->range <<= 8;
    r->shifts++;
}

/* Writes bit, or reads and returns one.  one: its probability of being 1, in
 * 1..RANGE_ONE-1. */
static inline unsigned range_bit(struct range *r, uint32_t one, unsigned bit)
{
    uint32_t bound = (uint32_t)(((uint64_t)r->range * one) >> 16);

    if (!r->writes)
        bit = r->code < bound;
    if (bit) {
        r->range = bound;
    } else {
        r->range -= bound;
        if (r->writes)
            r->low += bound;
        else
            r->code -= bound;
    }
    while (r->range < (1u << 24))
        range_shift(r);
    return bit;
}

/* The same for many bits on end: what changes with every bit is held by the
 * caller, in registers, from range_hold to range_release. */
struct range_held {
    bool writes;
    uint32_t range, code;
    uint64_t low;
};

static inline struct range_held range_hold(const struct range *r)
{
    return (struct range_held){r->writes, r->range, r->code, r->low};
}

static inline void range_release(struct range *r, const struct range_held *h)
{
    r->range = h->range;
    r->code = h->code;
    r->low = h->low;
}

static inline void range_held_shift(struct range *r, struct range_held *h)
{
    range_release(r, h);
    while (r->range < (1u << 24))
        range_shift(r);
    *h = range_hold(r);
}

static inline unsigned range_held_bit(struct range *r, struct range_held *h,
                                      uint32_t one, unsigned bit)
{
    uint32_t bound = (uint32_t)(((uint64_t)h->range * one) >> 16);

    if (!h->writes)
        bit = h->code < bound;
    if (bit) {
        h->range = bound;
    } else {
        h->range -= bound;
        if (h->writes)
            h->low += bound;
        else
            h->code -= bound;
    }
    if (h->range < (1u << 24))
        range_held_shift(r, h);
    return bit;
}

/* The same without a branch on a bit that is hard to foresee. */
static inline unsigned range_held_toss(struct range *r, struct range_held *h,
                                       uint32_t one, unsigned bit)
{
    uint32_t bound = (uint32_t)(((uint64_t)h->range * one) >> 16), zero;

    if (!h->writes)
        bit = h->code < bound;
    zero = bit - 1; /* all bits where bit is 0 */
    h->range = (bound & ~zero) | ((h->range - bound) & zero);
    h->low += bound & zero;
    h->code -= bound & zero;
    if (h->range < (1u << 24))
        range_held_shift(r, h);
    return bit;
}

/* n bits of equal chance, the highest first; n at most 32. */
static inline uint32_t range_bits(struct range *r, int n, uint32_t value)
{
    uint32_t out = 0;
    int i;

    for (i = n - 1; i >= 0; i--)
        out = (out << 1) | range_bit(r, RANGE_HALF, (value >> i) & 1);
    return out;
}

/* A whole number, small ones in few bits (Elias gamma of value + 1). */
uint64_t range_number(struct range *r, uint64_t value);

#endif
