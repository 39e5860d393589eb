/*
 * A net in as few bytes as we know how, and exactly: what is read back has the
 * same bits in every value.  espalier-pack(5) describes the file.
 *
 * Each array is stored in the form that takes least: all zero; codes into a
 * codebook of the values there are; whole numbers times scales (linear
 * quantisation); a short list of reals; or floats whose exponents are
 * Huffman-coded.  Where its zeros are, and which code is where, is told by the
 * context coder, by gaps, a bitmap or compressed rows with Huffman codes.
 * Threads: no shared state.
 */
#ifndef COMPRESS_PACK_H
#define COMPRESS_PACK_H

#include "base/str.h"
#include "compress/bytes.h"
#include "net/net.h"
#include "par/progress.h"

#define PACK_MAGIC \
    "\x89"         \
    "ESP"
#define PACK_MAGIC_BYTES 4

/* Which ways of coding may be used. */
enum pack_coder {
    PACK_BEST,    /* what takes least, array by array */
    PACK_CONTEXT, /* the context coder */
    PACK_HUFFMAN, /* gaps, bitmap or rows, Huffman-coded: Deep Compression */
    PACK_FIXED    /* the same in fields of fixed width */
};
#define PACK_CODERS 4
extern const char *const pack_coder_names[PACK_CODERS];

/* What an array takes in the file, in bytes; the parts of all arrays and the
 * ledger's own add up to its length. */
struct pack_part {
    const char *layer, *name; /* borrowed from the net */
    bool prunable;
    size_t weights, alive; /* alive: not zero */
    size_t distinct;       /* different values beside zero; 0: too many */
    char method[48];
    size_t places, values, codebook, tables;
    double entropy; /* bits of places and values at random: N H(d) + nnz H */
};

struct pack_ledger {
    int count;
    struct pack_part *part;
    size_t header;       /* magic, version, lengths, checksum */
    size_t architecture; /* the net's spec */
    size_t total;
};
void pack_ledger_done(struct pack_ledger *l);
/* Sum of a part. */
size_t pack_part_bytes(const struct pack_part *p);

/* Appends the file to out; ledger may be NULL. */
enum err_code pack_write(const struct net *net, enum pack_coder coder,
                         struct bytes *out, struct pack_ledger *ledger,
                         const struct progress *progress,
                         struct err *err) MUST_CHECK;
/* Makes the net of a file of n bytes; *out is new and called name.  Any bytes
 * at all are read or refused, and nothing large is allocated for a small
 * file. */
enum err_code pack_read(const void *bytes, size_t n, const char *name,
                        struct net **out, struct err *err) MUST_CHECK;
/* The same with the ledger, that of writing; its names are those of *out. */
enum err_code pack_read_ledger(const void *bytes, size_t n, const char *name,
                               struct net **out, struct pack_ledger *ledger,
                               struct err *err) MUST_CHECK;
/* Reads the file array by array and holds it against net, bit by bit. */
enum err_code pack_check(const void *bytes, size_t n, const struct net *net,
                         struct err *err) MUST_CHECK;

#endif
