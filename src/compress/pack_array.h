/* The pieces of pack.h, for its own files: one array of a net, in and out. */
#ifndef COMPRESS_PACK_ARRAY_H
#define COMPRESS_PACK_ARRAY_H

#include "compress/bits.h"
#include "compress/pack.h"
#include "compress/plane.h"

#define PACK_BOOK_MOST 4096   /* most values of a codebook */
#define PACK_OWN_LEAST 524288 /* weights: such a plane has its own block */

/* One file on its way out or in.  The stream holds what is small and what the
 * context coder says; blocks follow it. */
struct packer {
    struct range r;                 /* the stream; r.writes says which way */
    struct bytes blocks;            /* writing */
    const uint8_t *from, *at, *end; /* reading: the blocks, what is left */
    bool check;  /* reading: compare with the values that are there */
    bool counts; /* a ledger is wanted, with bounds */
    int version;
    const struct net *net;
    uint8_t **hint; /* by node: how alive its units are; NULL: none */
    int *units;
    struct pack_part *part; /* of the array under way */
};

/* An array as codes. */
struct pack_plane {
    struct plane plane; /* code is owned */
    size_t n;
    uint32_t *book; /* bits of the value of code + 1, ascending; owned */
};

/* pack_hints.c */
enum err_code pack_hints_start(struct packer *k, struct err *err) MUST_CHECK;
void pack_hints_done(struct packer *k);
/* Fills shape, neighbours and hints of an array's plane; *row (owned by the
 * caller) holds its row hints or NULL. */
void pack_hints_look(const struct packer *k, int node, int param,
                     struct plane *plane, uint8_t **row);
/* After the first array of a node: how alive its units are. */
void pack_hints_learn(struct packer *k, int node, const struct param *p);

/* pack_text.c: a zero-terminated text; reading, at most `most` bytes. */
enum err_code pack_text(struct range *r, const char *text, struct str *out,
                        size_t most, struct err *err) MUST_CHECK;

/* pack_reals.c: a short list of floats as bits, exactly. */
void pack_reals(struct range *r, uint32_t *bits, size_t n);
/* A whole number that is often small, below zero or above. */
int64_t pack_signed(struct range *r, int64_t value);

/* pack_blocks.c: places and codes without contexts. */
enum pack_places { PLACES_PLANE, PLACES_GAP, PLACES_BITMAP, PLACES_ROWS };
struct pack_block {
    enum pack_places places;
    bool huffman; /* else fields of fixed width */
    int bits;     /* of a gap */
    bool jumps;
    size_t guessed; /* bytes, about */
};
/* The block that should take least. */
void pack_block_choose(const struct pack_plane *a, bool huffman,
                       struct pack_block *out);
/* Writes a's codes, or fills them (zeroed before). */
enum err_code pack_block_code(struct packer *k, struct pack_plane *a,
                              struct pack_block *b, struct err *err) MUST_CHECK;

/* pack_floats.c: floats whose exponents are Huffman-coded.  Those of p where
 * code is not zero; all when it is NULL. */
enum err_code pack_floats(struct packer *k, struct param *p,
                          const uint16_t *code, bool huffman,
                          struct err *err) MUST_CHECK;

/* Bytes of blocks so far. */
static inline size_t pack_block_bytes(const struct packer *k)
{
    return k->r.writes ? k->blocks.len : (size_t)(k->at - k->from);
}

/* Bits of a float, and a value into its place: stored, or when the file is
 * checked, compared. */
static inline uint32_t pack_bits(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}
static inline bool pack_put(const struct packer *k, struct param *p, size_t i,
                            uint32_t bits)
{
    if (k->check)
        return pack_bits(p->value[i]) == bits;
    memcpy(&p->value[i], &bits, sizeof(bits));
    return true;
}

/* pack_table.c: a Huffman code's lengths in the stream. */
void pack_lengths(struct range *r, uint8_t *length, int n);
/* The end of the bytes that in was opened on becomes k's next block; refuses
 * one that was too short. */
enum err_code pack_block_end(struct packer *k, const struct bits_in *in,
                             struct err *err) MUST_CHECK;

/* pack_array.c */
enum err_code pack_array(struct packer *k, int node, int param,
                         enum pack_coder coder, struct err *err) MUST_CHECK;

#endif
