/* Bits into bytes, the highest first, and out again.  Behind its end a stream
 * goes on with zeros; bits_over says whether it was left. */
#ifndef COMPRESS_BITS_H
#define COMPRESS_BITS_H

#include <stdbool.h>

#include "compress/bytes.h"

struct bits_out {
    struct bytes *to;
    uint64_t held;
    int count; /* bits held, under 8 between calls */
};

struct bits_in {
    const uint8_t *at, *end;
    uint64_t held; /* the next bits are its highest */
    int count;     /* bits held */
    size_t past;   /* zero bytes made up behind the end */
};

/* n at most 32; value < 2^n. */
static inline void bits_put(struct bits_out *b, uint32_t value, int n)
{
    b->held = (b->held << n) | value;
    b->count += n;
    while (b->count >= 8) {
        b->count -= 8;
        bytes_put(b->to, (unsigned)(b->held >> b->count) & 0xff);
    }
}

/* Fills the last byte with zeros. */
static inline void bits_flush(struct bits_out *b)
{
    if (b->count > 0)
        bits_put(b, 0, 8 - b->count);
}

static inline void bits_open(struct bits_in *b, const uint8_t *at, size_t n)
{
    *b = (struct bits_in){.at = at, .end = at + n};
}

/* At least 32 bits are held afterwards. */
static inline void bits_fill(struct bits_in *b)
{
    while (b->count <= 56) {
        uint64_t byte = 0;

        if (b->at < b->end)
            byte = *b->at++;
        else
            b->past++;
        b->held |= byte << (56 - b->count);
        b->count += 8;
    }
}

/* n in 1..32. */
static inline uint32_t bits_peek(struct bits_in *b, int n)
{
    if (b->count < 32)
        bits_fill(b);
    return (uint32_t)(b->held >> (64 - n));
}
static inline void bits_skip(struct bits_in *b, int n)
{
    b->held <<= n;
    b->count -= n;
}
static inline uint32_t bits_get(struct bits_in *b, int n)
{
    uint32_t value;

    if (n == 0)
        return 0;
    value = bits_peek(b, n);
    bits_skip(b, n);
    return value;
}

/* More was taken than there was. */
static inline bool bits_over(const struct bits_in *b)
{
    return b->past > (size_t)b->count / 8;
}

/* The first byte of which no bit was taken. */
static inline const uint8_t *bits_rest(const struct bits_in *b)
{
    return b->at - ((size_t)b->count / 8 - b->past);
}

#endif
