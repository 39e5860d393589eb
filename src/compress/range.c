#include "compress/range.h"

void range_start_writing(struct range *r)
{
    *r = (struct range){.writes = true, .range = UINT32_MAX};
}

void range_start_reading(struct range *r, const void *bytes, size_t n)
{
    int i;

    *r = (struct range){.in = bytes, .left = n, .range = UINT32_MAX};
    for (i = 0; i < 4; i++) {
        r->code <<= 8;
        if (r->left > 0) {
            r->code |= *r->in++;
            r->left--;
        }
    }
}

/* The highest byte of low leaves, unless a carry could still reach it.  The
 * very first byte is always 0 and is not written. */
void range_shift_out(struct range *r)
{
    unsigned carry = (unsigned)(r->low >> 32);

    if ((uint32_t)r->low < 0xff000000u || carry != 0) {
        if (r->held > 0)
            bytes_put(&r->out, r->first + carry);
        for (; r->held > 1; r->held--)
            bytes_put(&r->out, 0xff + carry);
        r->held = 0;
        r->first = (uint8_t)(r->low >> 24);
    }
    r->held++;
    r->low = (r->low & 0x00ffffffu) << 8;
}

/* Any number in [low, low + range) will do: the one with most zeros at its end,
 * which need not be written. */
void range_finish(struct range *r)
{
    uint64_t most = r->low + r->range - 1, mask, end;
    int k = 32;

    do {
        mask = ((uint64_t)1 << k) - 1;
        end = (r->low + mask) & ~mask;
        k--;
    } while (end > most);
    r->low = end;
    for (k = 0; k < 5; k++)
        range_shift_out(r);
    while (r->out.len > 0 && r->out.at[r->out.len - 1] == 0)
        r->out.len--;
}

uint64_t range_number(struct range *r, uint64_t value)
{
    int bits = 0, i;
    uint64_t out = 1;

    while (bits < 63 && (value + 1) >> (bits + 1) != 0)
        bits++;
    i = 0;
    while (i < 63 && range_bit(r, RANGE_HALF, i < bits))
        i++;
    for (bits = i; i > 0; i--)
        out =
            (out << 1) | range_bit(r, RANGE_HALF, ((value + 1) >> (i - 1)) & 1);
    return out - 1;
}
