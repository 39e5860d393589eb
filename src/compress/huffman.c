#include "compress/huffman.h"

#include <math.h>
#include <stdlib.h>

/* Symbols by count, then number. */
struct item {
    uint64_t count;
    int symbol;
};

static int by_count(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    return (x->symbol > y->symbol) - (x->symbol < y->symbol);
}

/*
 * Package-merge: the list of a level is the sorted symbols merged with pairs of
 * the level before.  Which of its entries are symbols is all that is kept: of
 * the last list the first 2n - 2 entries count; they are the lightest symbols
 * and packages, and 2 entries of the level before belong to a package.
 */
static void merge_level(const struct item *item, int n, uint64_t *weight,
                        int *size, uint8_t *is_symbol)
{
    int pairs = *size / 2, s = 0, p = 0, k = 0;
    uint64_t *next = mem_array((size_t)(n + pairs) + 1, sizeof(*next));

    while (s < n || p < pairs) {
        uint64_t pair = p < pairs ? weight[2 * p] + weight[2 * p + 1] : 0;

        is_symbol[k] = p >= pairs || (s < n && item[s].count <= pair);
        next[k] = is_symbol[k] ? item[s].count : pair;
        s += is_symbol[k];
        p += !is_symbol[k];
        k++;
    }
    memcpy(weight, next, (size_t)k * sizeof(*weight));
    *size = k;
    mem_free(next);
}

static void package_merge(const struct item *item, int n, int limit,
                          uint8_t *length)
{
    size_t width = 2 * (size_t)n;
    uint8_t *is_symbol = mem_array(width * (size_t)limit, 1);
    uint64_t *weight = mem_array(width, sizeof(*weight));
    int level, size = 0, take = 2 * n - 2, i;

    for (level = 0; level < limit; level++)
        merge_level(item, n, weight, &size, is_symbol + width * (size_t)level);
    for (level = limit - 1; level >= 0; level--) {
        const uint8_t *row = is_symbol + width * (size_t)level;
        int symbols = 0;

        for (i = 0; i < take; i++)
            symbols += row[i];
        for (i = 0; i < symbols; i++)
            length[item[i].symbol]++;
        take = 2 * (take - symbols);
    }
    mem_free(weight);
    mem_free(is_symbol);
}

void huffman_lengths(const uint64_t *count, int n, int limit, uint8_t *length)
{
    struct item *item = mem_array((size_t)n + 1, sizeof(*item));
    int used = 0, i;

    memset(length, 0, (size_t)n);
    for (i = 0; i < n; i++) {
        if (count[i] > 0)
            item[used++] = (struct item){count[i], i};
    }
    qsort(item, (size_t)used, sizeof(*item), by_count);
    if (used == 1)
        length[item[0].symbol] = 1;
    else if (used > 1)
        package_merge(item, used, limit, length);
    mem_free(item);
}

static void count_lengths(const uint8_t *length, int n,
                          uint32_t count[HUFFMAN_LIMIT + 2],
                          uint32_t first[HUFFMAN_LIMIT + 2])
{
    uint32_t code = 0;
    int i;

    memset(count, 0, (HUFFMAN_LIMIT + 2) * sizeof(*count));
    for (i = 0; i < n; i++)
        count[length[i]]++;
    count[0] = 0;
    for (i = 1; i <= HUFFMAN_LIMIT; i++) {
        first[i] = code;
        code = (code + count[i]) << 1;
    }
}

void huffman_codes(const uint8_t *length, int n, uint16_t *code)
{
    uint32_t count[HUFFMAN_LIMIT + 2], next[HUFFMAN_LIMIT + 2];
    int i;

    count_lengths(length, n, count, next);
    for (i = 0; i < n; i++)
        code[i] = length[i] > 0 ? (uint16_t)next[length[i]]++ : 0;
}

uint64_t huffman_bits(const uint64_t *count, const uint8_t *length, int n)
{
    uint64_t sum = 0;
    int i;

    for (i = 0; i < n; i++)
        sum += count[i] * length[i];
    return sum;
}

double huffman_entropy(const uint64_t *count, int n)
{
    double total = 0, bits = 0;
    int i;

    for (i = 0; i < n; i++)
        total += (double)count[i];
    for (i = 0; i < n; i++) {
        if (count[i] > 0)
            bits -= (double)count[i] * log2((double)count[i] / total);
    }
    return bits;
}

static void fill_fast(struct huffman_reader *h, const uint8_t *length, int n)
{
    uint16_t *code = mem_array((size_t)n + 1, sizeof(*code));
    int i, k;

    memset(h->fast, 0, sizeof(h->fast));
    huffman_codes(length, n, code);
    for (i = 0; i < n; i++) {
        int spare = HUFFMAN_FAST - length[i];

        if (length[i] == 0 || spare < 0 || i >= 1 << 12)
            continue;
        for (k = 0; k < 1 << spare; k++)
            h->fast[(code[i] << spare) + k] = (uint16_t)(i << 4 | length[i]);
    }
    mem_free(code);
}

enum err_code huffman_open(struct huffman_reader *h, const uint8_t *length,
                           int n, struct err *err)
{
    uint32_t kraft = 0, used = 0, next[HUFFMAN_LIMIT + 2];
    int i;

    count_lengths(length, n, h->count, h->first);
    for (i = 1; i <= HUFFMAN_LIMIT; i++) {
        kraft += h->count[i] << (HUFFMAN_LIMIT - i);
        h->offset[i] = next[i] = used;
        used += h->count[i];
    }
    if (kraft != 1u << HUFFMAN_LIMIT && !(used == 1 && h->count[1] == 1))
        return err_set(err, ERR_FORMAT,
                       "its code lengths are no complete prefix code");
    for (i = 0; i < n; i++) {
        if (length[i] > 0)
            h->sorted[next[length[i]]++] = (uint16_t)i;
    }
    fill_fast(h, length, n);
    return ERR_OK;
}

unsigned huffman_slow(const struct huffman_reader *h, struct bits_in *b)
{
    uint32_t bits = bits_peek(b, HUFFMAN_LIMIT);
    int n;

    for (n = 1; n <= HUFFMAN_LIMIT; n++) {
        uint32_t code = bits >> (HUFFMAN_LIMIT - n);

        if (code - h->first[n] < h->count[n]) {
            bits_skip(b, n);
            return h->sorted[h->offset[n] + code - h->first[n]];
        }
    }
    bits_skip(b, 1);
    return h->sorted[0];
}
