/*
 * Floats that share no codebook: sign and exponent as one symbol of a Huffman
 * code, then as many bits of the mantissa as the longest needs: 23, or 10 and 7
 * for nets that were rounded to half floats.
 */
#include "compress/huffman.h"
#include "compress/pack_array.h"

#define TOPS 512

struct floats {
    uint8_t length[TOPS];
    uint16_t code[TOPS];
    int mantissa;
};

static bool is_taken(const uint16_t *code, size_t i)
{
    return code == NULL || code[i] != 0;
}

/* Tables of p's floats, or tables of fixed width. */
static void floats_count(const struct param *p, const uint16_t *code,
                         bool huffman, struct floats *f)
{
    uint64_t count[TOPS] = {0};
    uint32_t all = 0;
    size_t i;

    for (i = 0; i < p->count; i++) {
        if (!is_taken(code, i))
            continue;
        all |= pack_bits(p->value[i]);
        count[pack_bits(p->value[i]) >> 23]++;
    }
    f->mantissa = 23;
    while (huffman && f->mantissa > 0 &&
           (all & (1u << (23 - f->mantissa))) == 0)
        f->mantissa--;
    if (huffman)
        huffman_lengths(count, TOPS, HUFFMAN_LIMIT, f->length);
    else
        memset(f->length, 9, sizeof(f->length));
}

static void floats_write(struct packer *k, const struct param *p,
                         const uint16_t *code, const struct floats *f)
{
    struct bits_out out = {.to = &k->blocks};
    int low = 23 - f->mantissa;
    size_t i;

    for (i = 0; i < p->count; i++) {
        uint32_t bits = pack_bits(p->value[i]);

        if (!is_taken(code, i))
            continue;
        bits_put(&out, f->code[bits >> 23], f->length[bits >> 23]);
        bits_put(&out, (bits & 0x7fffff) >> low, f->mantissa);
    }
    bits_flush(&out);
}

static enum err_code floats_read(struct packer *k, struct param *p,
                                 const uint16_t *code, const struct floats *f,
                                 struct err *err)
{
    struct huffman_reader *h = mem_alloc(sizeof(*h));
    struct bits_in in;
    int low = 23 - f->mantissa;
    enum err_code result = huffman_open(h, f->length, TOPS, err);
    bool same = true;
    size_t i;

    bits_open(&in, k->at, (size_t)(k->end - k->at));
    for (i = 0; i < p->count && result == ERR_OK; i++) {
        uint32_t bits;

        if (!is_taken(code, i)) {
            same &= pack_put(k, p, i, 0);
            continue;
        }
        bits = (uint32_t)huffman_get(h, &in) << 23;
        bits |= bits_get(&in, f->mantissa) << low;
        same &= pack_put(k, p, i, bits);
    }
    mem_free(h);
    if (result == ERR_OK)
        result = pack_block_end(k, &in, err);
    if (result == ERR_OK && !same)
        result = err_set(err, ERR_FORMAT, "values differ");
    return result;
}

enum err_code pack_floats(struct packer *k, struct param *p,
                          const uint16_t *code, bool huffman, struct err *err)
{
    struct floats *f = mem_zalloc(sizeof(*f));
    size_t start = range_written(&k->r), any = 0, i;
    enum err_code result = ERR_OK;

    for (i = 0; i < p->count && any == 0; i++)
        any += is_taken(code, i);
    if (k->r.writes && any > 0)
        floats_count(p, code, huffman, f);
    f->mantissa = (int)range_bits(&k->r, 5, (uint32_t)f->mantissa);
    f->mantissa = f->mantissa > 23 ? 23 : f->mantissa;
    if (any > 0)
        pack_lengths(&k->r, f->length, TOPS);
    k->part->tables += range_written(&k->r) - start;
    huffman_codes(f->length, TOPS, f->code);
    start = pack_block_bytes(k);
    if (any > 0 && k->r.writes)
        floats_write(k, p, code, f);
    else if (any > 0)
        result = floats_read(k, p, code, f, err);
    k->part->values += pack_block_bytes(k) - start;
    mem_free(f);
    return result;
}
