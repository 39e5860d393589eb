/*
 * Places and codes without contexts: gaps, a bitmap, or compressed rows, then
 * the codes of the weights that are not zero, each stream whole bytes
 * (method cards D4 to D6 and P13).
 */
#include "compress/gap.h"
#include "compress/huffman.h"
#include "compress/pack_array.h"

#define STEPS 65536 /* steps counted one by one; longer ones count as that */

static int width_of(uint64_t most)
{
    int n = 0;

    while (n < 64 && most >> n != 0)
        n++;
    return n;
}

/* A Huffman code, or one of fixed width, of n symbols. */
struct code {
    int n;
    bool huffman;
    int width;
    uint64_t *count;
    uint8_t *length;
    uint16_t *code;
    struct huffman_reader *reader;
};

static void code_start(struct code *c, int n, bool huffman)
{
    *c = (struct code){.n = n, .huffman = huffman};
    c->width = n > 0 ? width_of((uint64_t)n - 1) : 0;
    c->count = mem_array((size_t)n, sizeof(*c->count));
    c->length = mem_array((size_t)n, 1);
    c->code = mem_array((size_t)n, sizeof(*c->code));
}

static void code_done(struct code *c)
{
    mem_free(c->count);
    mem_free(c->length);
    mem_free(c->code);
    mem_free(c->reader);
}

static void code_put(const struct code *c, struct bits_out *out, unsigned s)
{
    if (c->huffman)
        bits_put(out, c->code[s], c->length[s]);
    else
        bits_put(out, s, c->width);
}

static unsigned code_get(const struct code *c, struct bits_in *in)
{
    return c->huffman ? huffman_get(c->reader, in) : bits_get(in, c->width);
}

/* The table, into the stream or out of it. */
static enum err_code code_table(struct packer *k, struct code *c,
                                struct err *err)
{
    size_t start = range_written(&k->r);

    if (!c->huffman)
        return ERR_OK;
    if (k->r.writes)
        huffman_lengths(c->count, c->n, HUFFMAN_LIMIT, c->length);
    pack_lengths(&k->r, c->length, c->n);
    k->part->tables += range_written(&k->r) - start;
    if (k->r.writes) {
        huffman_codes(c->length, c->n, c->code);
        return ERR_OK;
    }
    c->reader = mem_alloc(sizeof(*c->reader));
    return huffman_open(c->reader, c->length, c->n, err);
}

/* What entries are to be written: all that the block's streams hold. */
static void count_entries(const struct pack_plane *a,
                          const struct pack_block *b, struct code *gaps,
                          struct code *codes, uint64_t *entries)
{
    struct gap_walk w;
    struct gap_entry e;

    *entries = 0;
    gap_start(&w, a->plane.code, a->n, b->bits, b->jumps);
    while (gap_next(&w, &e)) {
        ++*entries;
        gaps->count[e.gap]++;
        if (e.has_value)
            codes->count[e.value]++;
    }
}

static void write_gaps(struct packer *k, const struct pack_plane *a,
                       const struct pack_block *b, const struct code *gaps,
                       const struct code *codes)
{
    struct bits_out out = {.to = &k->blocks};
    struct gap_walk w;
    struct gap_entry e;
    size_t start = k->blocks.len;

    gap_start(&w, a->plane.code, a->n, b->bits, b->jumps);
    while (gap_next(&w, &e))
        code_put(gaps, &out, e.gap);
    bits_flush(&out);
    k->part->places += k->blocks.len - start;
    start = k->blocks.len;
    out = (struct bits_out){.to = &k->blocks};
    gap_start(&w, a->plane.code, a->n, b->bits, b->jumps);
    while (codes->n > 1 && gap_next(&w, &e)) {
        if (e.has_value)
            code_put(codes, &out, e.value);
    }
    bits_flush(&out);
    k->part->values += k->blocks.len - start;
}

/* Marks the places with 1, or with 2 a filler, until codes are read. */
static enum err_code read_gaps(struct packer *k, struct pack_plane *a,
                               const struct pack_block *b,
                               const struct code *gaps,
                               const struct code *codes, uint64_t entries,
                               struct err *err)
{
    struct bits_in in;
    size_t from = 0, at = 0, start = pack_block_bytes(k);
    bool has_value;
    uint64_t i;

    bits_open(&in, k->at, (size_t)(k->end - k->at));
    for (i = 0; i < entries; i++) {
        if (!gap_follow(&from, a->n, b->bits, b->jumps, code_get(gaps, &in),
                        &at, &has_value))
            return err_set(err, ERR_FORMAT, "a step leads out of the array");
        if (has_value)
            a->plane.code[at] = 1;
    }
    if (pack_block_end(k, &in, err) != ERR_OK)
        return err->code;
    k->part->places += pack_block_bytes(k) - start;
    if (codes->n < 2)
        return ERR_OK;
    start = pack_block_bytes(k);
    bits_open(&in, k->at, (size_t)(k->end - k->at));
    for (at = 0; at < a->n; at++) {
        if (a->plane.code[at] != 0)
            a->plane.code[at] = (uint16_t)code_get(codes, &in);
    }
    if (pack_block_end(k, &in, err) != ERR_OK)
        return err->code;
    k->part->values += pack_block_bytes(k) - start;
    return ERR_OK;
}

static enum err_code code_gaps(struct packer *k, struct pack_plane *a,
                               struct pack_block *b, struct err *err)
{
    bool values = a->plane.values > 1 || !b->jumps;
    struct code gaps, codes;
    uint64_t entries = 0;
    enum err_code result;

    b->bits = (int)range_bits(&k->r, 4, (uint32_t)b->bits);
    b->jumps = range_bit(&k->r, RANGE_HALF, b->jumps);
    if (b->bits < GAP_BITS_LEAST || b->bits > GAP_BITS_MOST)
        return err_set(err, ERR_FORMAT, "steps of %d bits", b->bits);
    values = a->plane.values > 1 || !b->jumps;
    code_start(&gaps, 1 << b->bits, b->huffman);
    code_start(&codes, a->plane.values + 1, b->huffman);
    if (k->r.writes)
        count_entries(a, b, &gaps, &codes, &entries);
    entries = range_number(&k->r, entries);
    codes.n = values ? codes.n : 1;
    result = ERR_OK;
    if (entries > 0)
        result = code_table(k, &gaps, err);
    if (result == ERR_OK && entries > 0 && values)
        result = code_table(k, &codes, err);
    if (result == ERR_OK && k->r.writes)
        write_gaps(k, a, b, &gaps, &codes);
    else if (result == ERR_OK)
        result = read_gaps(k, a, b, &gaps, &codes, entries, err);
    code_done(&gaps);
    code_done(&codes);
    return result;
}

/* Places as a bit a weight. */
static void write_bitmap(struct packer *k, const struct pack_plane *a)
{
    struct bits_out out = {.to = &k->blocks};
    size_t i;

    for (i = 0; i < a->n; i++)
        bits_put(&out, a->plane.code[i] != 0, 1);
    bits_flush(&out);
}

static void read_bitmap(struct bits_in *in, struct pack_plane *a)
{
    size_t i;

    for (i = 0; i < a->n; i++)
        a->plane.code[i] = (uint16_t)bits_get(in, 1);
}

/* Places as the number of weights in each row and the column of each. */
static void write_rows(struct packer *k, const struct pack_plane *a)
{
    struct bits_out out = {.to = &k->blocks};
    int cols = a->plane.cols, width = width_of((uint64_t)cols), i, j;

    for (i = 0; i < a->plane.rows; i++) {
        const uint16_t *row = a->plane.code + (size_t)i * (size_t)cols;
        uint32_t count = 0;

        for (j = 0; j < cols; j++)
            count += row[j] != 0;
        bits_put(&out, count, width);
        for (j = 0; j < cols; j++) {
            if (row[j] != 0)
                bits_put(&out, (uint32_t)j, width);
        }
    }
    bits_flush(&out);
}

static enum err_code read_rows(struct bits_in *in, struct pack_plane *a,
                               struct err *err)
{
    uint32_t cols = (uint32_t)a->plane.cols, count, col;
    int width = width_of(cols), i;

    for (i = 0; i < a->plane.rows; i++) {
        uint16_t *row = a->plane.code + (size_t)i * cols;

        count = bits_get(in, width);
        for (; count > 0 && !bits_over(in); count--) {
            col = bits_get(in, width);
            if (col >= cols)
                return err_set(err, ERR_FORMAT, "a column that is not there");
            row[col] = 1;
        }
    }
    return ERR_OK;
}

static enum err_code code_simple_places(struct packer *k, struct pack_plane *a,
                                        const struct pack_block *b,
                                        struct err *err)
{
    size_t start = pack_block_bytes(k);
    enum err_code result = ERR_OK;
    struct bits_in in;

    if (k->r.writes) {
        if (b->places == PLACES_BITMAP)
            write_bitmap(k, a);
        else
            write_rows(k, a);
    } else {
        bits_open(&in, k->at, (size_t)(k->end - k->at));
        if (b->places == PLACES_BITMAP)
            read_bitmap(&in, a);
        else
            result = read_rows(&in, a, err);
        if (result == ERR_OK)
            result = pack_block_end(k, &in, err);
    }
    k->part->places += pack_block_bytes(k) - start;
    return result;
}

/* Codes of the places that are marked. */
static enum err_code code_values(struct packer *k, struct pack_plane *a,
                                 const struct code *codes, struct err *err)
{
    struct bits_out out = {.to = &k->blocks};
    size_t start = pack_block_bytes(k), i;
    struct bits_in in;

    bits_open(&in, k->at, (size_t)(k->end - k->at));
    for (i = 0; i < a->n; i++) {
        if (a->plane.code[i] == 0)
            continue;
        if (k->r.writes)
            code_put(codes, &out, a->plane.code[i] - 1u);
        else
            a->plane.code[i] = (uint16_t)(code_get(codes, &in) + 1);
    }
    if (k->r.writes)
        bits_flush(&out);
    else if (pack_block_end(k, &in, err) != ERR_OK)
        return err->code;
    k->part->values += pack_block_bytes(k) - start;
    return ERR_OK;
}

static enum err_code code_simple(struct packer *k, struct pack_plane *a,
                                 const struct pack_block *b, struct err *err)
{
    struct code codes;
    enum err_code result = code_simple_places(k, a, b, err);
    size_t i, any = 0;

    if (result != ERR_OK)
        return result;
    code_start(&codes, a->plane.values, b->huffman);
    for (i = 0; i < a->n; i++) {
        if (a->plane.code[i] != 0) {
            any++;
            if (k->r.writes)
                codes.count[a->plane.code[i] - 1]++;
        }
    }
    if (any > 0 && a->plane.values > 1) {
        result = code_table(k, &codes, err);
        if (result == ERR_OK)
            result = code_values(k, a, &codes, err);
    }
    code_done(&codes);
    return result;
}

enum err_code pack_block_code(struct packer *k, struct pack_plane *a,
                              struct pack_block *b, struct err *err)
{
    b->huffman = range_bit(&k->r, RANGE_HALF, b->huffman);
    if (b->huffman && a->plane.values + 1 > HUFFMAN_SYMBOLS)
        return err_set(err, ERR_FORMAT, "a Huffman code of %d values",
                       a->plane.values);
    return b->places == PLACES_GAP ? code_gaps(k, a, b, err)
                                   : code_simple(k, a, b, err);
}

/* The choice: sizes of all that could be, from one count of steps. */
struct census {
    uint64_t *step; /* by length: 1 … STEPS */
    uint64_t *value;
    uint64_t alive;
    int longest; /* step */
};

static void take_census(const struct pack_plane *a, struct census *c)
{
    size_t i, from = 0;

    c->step = mem_array(STEPS + 1, sizeof(*c->step));
    c->value = mem_array((size_t)a->plane.values + 1, sizeof(*c->value));
    c->alive = 0;
    for (i = 0; i < a->n; i++) {
        if (a->plane.code[i] == 0)
            continue;
        c->step[i - from < STEPS ? i - from + 1 : STEPS]++;
        c->value[a->plane.code[i]]++;
        c->alive++;
        from = i + 1;
    }
    c->longest = STEPS;
    while (c->longest > 0 && c->step[c->longest] == 0)
        c->longest--;
}

/* Bits of n symbols so often, with their table. */
static double stream_bits(const uint64_t *count, int n, bool huffman)
{
    double bits = 0;
    uint8_t *length;
    uint64_t total = 0;
    int i;

    if (huffman) {
        length = mem_array((size_t)n, 1);
        huffman_lengths(count, n, HUFFMAN_LIMIT, length);
        bits = (double)huffman_bits(count, length, n) + 3 * n;
        mem_free(length);
        return bits;
    }
    for (i = 0; i < n; i++)
        total += count[i];
    return (double)total * width_of((uint64_t)n - 1);
}

static double gap_bits(struct census *c, int values, int bits, bool jumps,
                       bool huffman)
{
    int symbols = 1 << bits, most = symbols - jumps, i;
    uint64_t *gap = mem_array((size_t)symbols, sizeof(*gap));
    uint64_t cuts = 0;
    double sum;

    for (i = 1; i <= c->longest; i++) {
        int over = (i - 1) / most;

        if (c->step[i] == 0)
            continue;
        cuts += c->step[i] * (uint64_t)over;
        gap[i - 1 - over * most] += c->step[i];
    }
    gap[symbols - 1] += cuts;
    c->value[0] = jumps ? 0 : cuts;
    sum = stream_bits(gap, symbols, huffman);
    if (values > 1 || !jumps)
        sum += stream_bits(c->value, values + 1, huffman);
    c->value[0] = 0;
    mem_free(gap);
    return sum;
}

static void consider(struct pack_block *best, struct pack_block other,
                     double bits)
{
    other.guessed = (size_t)(bits / 8);
    if (other.guessed < best->guessed)
        *best = other;
}

void pack_block_choose(const struct pack_plane *a, bool huffman,
                       struct pack_block *out)
{
    int values = a->plane.values, width = width_of((uint64_t)a->plane.cols);
    struct census c;
    double rest;
    int bits, jumps;

    huffman = huffman && values + 1 <= HUFFMAN_SYMBOLS;
    take_census(a, &c);
    rest = values > 1 ? stream_bits(c.value + 1, values, huffman) : 0;
    *out = (struct pack_block){.places = PLACES_BITMAP, .huffman = huffman};
    out->guessed = (size_t)(((double)a->n + rest) / 8);
    consider(out,
             (struct pack_block){.places = PLACES_ROWS, .huffman = huffman},
             (double)(c.alive + (uint64_t)a->plane.rows) * width + rest);
    for (bits = 2; bits <= 10; bits++) {
        for (jumps = 0; jumps < 2; jumps++)
            consider(out,
                     (struct pack_block){.places = PLACES_GAP,
                                         .huffman = huffman,
                                         .bits = bits,
                                         .jumps = jumps},
                     gap_bits(&c, values, bits, jumps, huffman));
    }
    mem_free(c.step);
    mem_free(c.value);
}
