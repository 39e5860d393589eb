/*
 * Short lists of floats, exactly: codebooks, biases, gains.  Either as sign,
 * exponent and as many bits of the mantissa as the longest needs, or as whole
 * multiples of a power of two; the writer takes what is shorter.
 */
#include <math.h>

#include "compress/guess.h"
#include "compress/pack_array.h"

#define TREE 512

struct reals {
    struct range *r;
    struct pace pace;
    struct counter sign, node[TREE];
};

static void reals_start(struct reals *s, struct range *r)
{
    int i;

    s->r = r;
    pace_set(&s->pace, 1.6, 60);
    counter_set(&s->sign, RANGE_HALF);
    for (i = 0; i < TREE; i++)
        counter_set(&s->node[i], RANGE_HALF);
}

/* bits bits, the highest first, each by those before it. */
static uint32_t tree_code(struct reals *s, int bits, uint32_t value)
{
    uint32_t node = 1;
    int i;

    for (i = bits - 1; i >= 0; i--)
        node = 2 * node +
               counter_bit(&s->node[node], &s->pace, s->r, (value >> i) & 1);
    return node - (1u << bits);
}

/* Bits of the mantissa that are used by one at least. */
static int mantissa_bits(const uint32_t *bits, size_t n)
{
    uint32_t all = 0;
    int used = 23;
    size_t i;

    for (i = 0; i < n; i++)
        all |= bits[i];
    while (used > 0 && (all & (1u << (23 - used))) == 0)
        used--;
    return used;
}

static void code_floats(struct reals *s, uint32_t *bits, size_t n)
{
    int used = (int)range_bits(s->r, 5, (uint32_t)mantissa_bits(bits, n));
    size_t i;

    used = used > 23 ? 23 : used;
    for (i = 0; i < n; i++) {
        uint32_t sign, exponent, mantissa;

        sign = counter_bit(&s->sign, &s->pace, s->r, bits[i] >> 31);
        exponent = tree_code(s, 8, (bits[i] >> 23) & 0xff);
        mantissa = range_bits(s->r, used, (bits[i] & 0x7fffff) >> (23 - used));
        bits[i] = sign << 31 | exponent << 23 | mantissa << (23 - used);
    }
}

/* As whole numbers: value = q 2^step, |q| < 2^width. */
struct whole {
    int step, width;
};

/* False when a value is no such number (too fine, too large, -0). */
static bool whole_find(const uint32_t *bits, size_t n, struct whole *out)
{
    int least = 200, most = -200;
    size_t i;

    for (i = 0; i < n; i++) {
        int exponent = (int)(bits[i] >> 23 & 0xff) - 127, low = 0;
        uint32_t mantissa = (bits[i] & 0x7fffff) | 0x800000;

        if (bits[i] == 0)
            continue;
        if (exponent == -127 || exponent == 128)
            return false;
        while ((mantissa & (1u << low)) == 0)
            low++;
        least = exponent - 23 + low < least ? exponent - 23 + low : least;
        most = exponent > most ? exponent : most;
    }
    if (least > most)
        least = most = 0;
    *out = (struct whole){least, most - least + 1};
    return out->width <= 23 && least > -128 && least < 100;
}

static uint32_t whole_bits(int64_t q, int step)
{
    return pack_bits((float)ldexp((double)q, step));
}

static void code_wholes(struct reals *s, uint32_t *bits, size_t n,
                        struct whole w)
{
    int top;
    size_t i;

    w.step = (int)range_bits(s->r, 8, (uint32_t)(w.step + 128)) - 128;
    w.width = (int)range_bits(s->r, 5, (uint32_t)w.width);
    top = w.width < 5 ? w.width : 5;
    for (i = 0; i < n; i++) {
        float x;
        uint32_t q, high, low, sign;

        memcpy(&x, &bits[i], sizeof(x));
        q = s->r->writes ? (uint32_t)ldexp(fabs((double)x), -w.step) : 0;
        high = tree_code(s, top, q >> (w.width - top));
        low =
            range_bits(s->r, w.width - top, q & ((1u << (w.width - top)) - 1));
        q = high << (w.width - top) | low;
        sign =
            q == 0 ? 0 : counter_bit(&s->sign, &s->pace, s->r, bits[i] >> 31);
        bits[i] = whole_bits(sign ? -(int64_t)q : (int64_t)q, w.step);
    }
}

static void code_list(struct range *r, uint32_t *bits, size_t n, bool whole,
                      struct whole w)
{
    struct reals s;

    reals_start(&s, r);
    if (range_bit(r, RANGE_HALF, whole))
        code_wholes(&s, bits, n, w);
    else
        code_floats(&s, bits, n);
}

static size_t list_bytes(uint32_t *bits, size_t n, bool whole, struct whole w)
{
    struct range trial;
    size_t len;

    range_start_writing(&trial);
    code_list(&trial, bits, n, whole, w);
    range_finish(&trial);
    len = trial.out.len;
    bytes_done(&trial.out);
    return len;
}

void pack_reals(struct range *r, uint32_t *bits, size_t n)
{
    struct whole w = {0, 0};
    bool whole;

    whole = r->writes && whole_find(bits, n, &w) &&
            list_bytes(bits, n, true, w) < list_bytes(bits, n, false, w);
    code_list(r, bits, n, whole, w);
}

int64_t pack_signed(struct range *r, int64_t value)
{
    uint64_t folded =
        value < 0 ? 2 * (uint64_t)-value - 1 : 2 * (uint64_t)value;

    folded = range_number(r, folded);
    return folded % 2 != 0 ? -(int64_t)(folded / 2) - 1 : (int64_t)(folded / 2);
}
