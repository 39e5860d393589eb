#include "compress/select.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

/* A key is read as three digits of 11, 11 and 10 bits. */
#define DIGIT_MAX 2048
#define DIGITS    3
struct digit {
    int shift;
    uint32_t mask;
    uint32_t above; /* the bits of the digits before */
};
static const struct digit digits[DIGITS] = {{21, 2047, 0},
                                            {10, 2047, ~(uint32_t)0 << 21},
                                            {0, 1023, ~(uint32_t)0 << 10}};

/* Order of floats as order of unsigned numbers; adding zero makes -0.0 one with
 * +0.0. */
static uint32_t key_of(float score)
{
    uint32_t bits;
    float plain = score + 0.0f;

    memcpy(&bits, &plain, sizeof(bits));
    return bits ^ ((uint32_t) - (int32_t)(bits >> 31) | 0x80000000u);
}

float select_score(const struct select_cut *cut)
{
    uint32_t sign = cut->key >> 31;
    uint32_t bits = cut->key ^ (0x80000000u | (sign - 1));
    float score;

    memcpy(&score, &bits, sizeof(score));
    return score;
}

/* The keys of one block, in part order, in place of its scores. */
struct block {
    size_t first, count;
    float score[SELECT_BLOCK];
    uint32_t key[SELECT_BLOCK];
};

static bool next_block(const struct select_part *part, struct block *b)
{
    size_t i;

    b->first += b->count;
    if (b->first >= part->n)
        return false;
    b->count = part->n - b->first;
    if (b->count > SELECT_BLOCK)
        b->count = SELECT_BLOCK;
    part->score(part->arg, b->first, b->count, b->score);
    for (i = 0; i < b->count; i++)
        b->key[i] = key_of(b->score[i]);
    return true;
}

size_t select_alive(const struct select_part *part)
{
    size_t alive = 0, i;

    if (part->alive == NULL)
        return part->n;
    for (i = 0; i < part->n; i++)
        alive += part->alive[i] != 0;
    return alive;
}

/* Counts the digit d of the keys that agree with prefix in the digits above. */
static void count_digit(const struct select_part *part, const struct digit *d,
                        uint32_t prefix, size_t *bins)
{
    struct block b = {0};
    size_t i;

    while (next_block(part, &b)) {
        const uint8_t *alive =
            part->alive != NULL ? part->alive + b.first : NULL;

        for (i = 0; i < b.count; i++) {
            if (alive == NULL || alive[i] != 0)
                bins[b.key[i] >> d->shift & d->mask] +=
                    (b.key[i] & d->above) == prefix;
        }
    }
}

struct select_cut select_cut(const struct select_part *part, int parts,
                             size_t keep)
{
    struct select_cut cut = {.key = 0, .equal = keep};
    size_t *bins, alive = 0;
    int i, d;

    for (i = 0; i < parts; i++)
        alive += select_alive(&part[i]);
    if (keep >= alive)
        return (struct select_cut){.key = 0, .equal = SIZE_MAX};
    if (keep == 0)
        return (struct select_cut){.key = UINT32_MAX, .equal = 0};
    bins = mem_array(DIGIT_MAX, sizeof(*bins));
    for (d = 0; d < DIGITS; d++) {
        uint32_t bin = digits[d].mask;

        memset(bins, 0, DIGIT_MAX * sizeof(*bins));
        for (i = 0; i < parts; i++)
            count_digit(&part[i], &digits[d], cut.key, bins);
        for (; bins[bin] < cut.equal; bin--) {
            assert(bin > 0);
            cut.equal -= bins[bin];
        }
        cut.key |= bin << digits[d].shift;
    }
    mem_free(bins);
    return cut;
}

size_t select_mark(const struct select_part *part, struct select_cut *cut,
                   uint8_t *keep)
{
    struct block b = {0};
    size_t kept = 0, i;

    while (next_block(part, &b)) {
        for (i = 0; i < b.count; i++) {
            size_t at = b.first + i;
            bool stays = b.key[i] >= cut->key &&
                         (part->alive == NULL || part->alive[at] != 0);

            if (stays && b.key[i] == cut->key) {
                stays = cut->equal > 0;
                cut->equal -= stays;
            }
            kept += stays;
            if (keep != NULL)
                keep[at] = stays;
        }
    }
    return kept;
}
