/*
 * Canonical Huffman codes of limited length (method card D5): only lengths are
 * kept, codes follow from them in order of length and symbol.
 * Threads: no shared state.
 */
#ifndef COMPRESS_HUFFMAN_H
#define COMPRESS_HUFFMAN_H

#include "base/err.h"
#include "compress/bits.h"

#define HUFFMAN_LIMIT   15   /* longest code */
#define HUFFMAN_SYMBOLS 8192 /* most symbols */
#define HUFFMAN_FAST    11   /* bits looked up at once */

/* Lengths of an optimal code of at most limit bits, by package-merge; 0 for
 * symbols of count 0; 1 for an only symbol.  n at most 2^limit. */
void huffman_lengths(const uint64_t *count, int n, int limit, uint8_t *length);

/* The code of each symbol. */
void huffman_codes(const uint8_t *length, int n, uint16_t *code);

/* Bits of the whole message. */
uint64_t huffman_bits(const uint64_t *count, const uint8_t *length, int n);
/* Bits of it by Shannon's bound. */
double huffman_entropy(const uint64_t *count, int n);

struct huffman_reader {
    uint16_t fast[1 << HUFFMAN_FAST]; /* symbol << 4 | length; 0: longer */
    uint16_t sorted[HUFFMAN_SYMBOLS]; /* symbols by length, then number */
    uint32_t first[HUFFMAN_LIMIT + 2], count[HUFFMAN_LIMIT + 2],
        offset[HUFFMAN_LIMIT + 2];
};

/* Refuses lengths that are no complete prefix code. */
enum err_code huffman_open(struct huffman_reader *h, const uint8_t *length,
                           int n, struct err *err) MUST_CHECK;

/* private: a code longer than HUFFMAN_FAST; the code of an only symbol that is
 * not what it should be gives that symbol. */
unsigned huffman_slow(const struct huffman_reader *h, struct bits_in *b);

static inline unsigned huffman_get(const struct huffman_reader *h,
                                   struct bits_in *b)
{
    unsigned e = h->fast[bits_peek(b, HUFFMAN_FAST)];

    if (e == 0)
        return huffman_slow(h, b);
    bits_skip(b, e & 15);
    return e >> 4;
}

#endif
