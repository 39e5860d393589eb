/* Huffman tables, and the ends of blocks. */
#include "compress/guess.h"
#include "compress/huffman.h"
#include "compress/pack_array.h"

/* Each length by the one before it, in four bits. */
void pack_lengths(struct range *r, uint8_t *length, int n)
{
    struct counter node[16][16];
    struct pace pace;
    unsigned before = 0;
    int i, k;

    pace_set(&pace, 1.6, 60);
    for (i = 0; i < 16; i++)
        for (k = 0; k < 16; k++)
            counter_set(&node[i][k], RANGE_HALF);
    for (i = 0; i < n; i++) {
        unsigned at = 1;

        for (k = 3; k >= 0; k--)
            at = 2 * at + counter_bit(&node[before][at], &pace, r,
                                      (unsigned)(length[i] >> k) & 1);
        before = at & 15;
        length[i] = (uint8_t)before;
    }
}

enum err_code pack_block_end(struct packer *k, const struct bits_in *in,
                             struct err *err)
{
    if (bits_over(in))
        return err_set(err, ERR_FORMAT, "a block ends too early");
    k->at = bits_rest(in);
    return ERR_OK;
}
