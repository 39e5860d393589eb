/*
 * Where the weights are that are not zero, as steps from one to the next
 * (method card D4).  A step of 1..2^bits is stored as a symbol 0..2^bits - 1.
 * A longer way is cut in one of two manners: by fillers, entries that go 2^bits
 * ahead and have the value zero, as in Deep Compression; or by jumps, where the
 * largest symbol goes 2^bits - 1 ahead and no value follows.
 * Threads: no shared state.
 */
#ifndef COMPRESS_GAP_H
#define COMPRESS_GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GAP_BITS_LEAST 1
#define GAP_BITS_MOST  12

struct gap_walk {
    const uint16_t *code; /* codes of n weights, 0 is zero */
    size_t n;
    int bits;
    bool jumps;
    /* private */
    size_t from; /* entries so far cover weights before it */
    size_t next; /* the next weight that is not zero; n: none */
};

struct gap_entry {
    unsigned gap;   /* symbol */
    unsigned value; /* code of the weight; 0 of a filler */
    bool has_value; /* false of a jump */
};

void gap_start(struct gap_walk *w, const uint16_t *code, size_t n, int bits,
               bool jumps);
/* False at the end. */
bool gap_next(struct gap_walk *w, struct gap_entry *out);

/* The way back.  *from is where the last entry led, at first 0; *at the weight
 * that this one leads to.  False when it leads behind the end.  has_value as
 * above. */
bool gap_follow(size_t *from, size_t n, int bits, bool jumps, unsigned gap,
                size_t *at, bool *has_value);

#endif
