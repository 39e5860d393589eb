/* Linear quantisation: whole numbers times scales (method card Q1). */
#include "compress/pack_form.h"

/* Codes 1..negative are q - zero below zero, the others above. */
static int difference(const struct plane *plane, unsigned code)
{
    int d = (int)code - plane->negative;

    return d > 0 ? d : d - 1;
}

static int channel_of(const struct grid *g, size_t i)
{
    return g->channels > 1 ? (int)(i % (size_t)g->channels) : 0;
}

uint32_t pack_grid_bits(const struct grid *g, const struct plane *plane,
                        size_t i, unsigned code)
{
    int c = channel_of(g, i);

    return pack_bits(grid_real(g, g->zero[c] + difference(plane, code), c));
}

bool pack_grid_plane(const struct param *p, struct plane *plane)
{
    const struct grid *g = p->grid;
    int least = 0, most = 0;
    size_t i;

    for (i = 0; i < p->count; i++) {
        int c = channel_of(g, i), q = grid_code(g, p->value[i], c);
        int d = q - g->zero[c];
        float back = d == 0 ? 0.0f : grid_real(g, q, c);

        if (pack_bits(back) != pack_bits(p->value[i]))
            return false;
        least = d < least ? d : least;
        most = d > most ? d : most;
    }
    plane->negative = -least;
    plane->values = most - least;
    for (i = 0; i < p->count; i++) {
        int c = channel_of(g, i);
        int d = grid_code(g, p->value[i], c) - g->zero[c];

        plane->code[i] = (uint16_t)(d == 0 ? 0 : d + plane->negative + (d < 0));
    }
    return true;
}

static enum err_code grid_shape(struct packer *k, const struct param *p,
                                struct grid **g, struct err *err)
{
    bool writes = k->r.writes;
    bool affine = writes && p->grid->kind == GRID_AFFINE;
    uint64_t channels = writes ? (uint64_t)p->grid->channels : 0;
    uint32_t bits = writes ? (uint32_t)p->grid->bits : 0;

    affine = range_bit(&k->r, RANGE_HALF, affine);
    bits = range_bits(&k->r, 4, bits);
    channels = range_number(&k->r, channels);
    if (writes)
        return ERR_OK;
    if (bits < 2 || bits > 8 || channels < 1 || channels > p->count ||
        p->count % channels != 0)
        return err_set(err, ERR_FORMAT, "a grid of %u bits", bits);
    *g = grid_new(affine ? GRID_AFFINE : GRID_SYMMETRIC, (int)bits,
                  (int)channels, p->count, err);
    return *g != NULL ? ERR_OK : err->code;
}

enum err_code pack_grid_scales(struct packer *k, const struct param *p,
                               struct plane *plane, struct grid **g,
                               struct err *err)
{
    const struct grid *from = p->grid;
    uint32_t *scale;
    uint64_t negative, positive;
    int c;

    if (grid_shape(k, p, g, err) != ERR_OK)
        return err->code;
    if (!k->r.writes)
        from = *g;
    scale = mem_array((size_t)from->channels, sizeof(*scale));
    memcpy(scale, from->scale, (size_t)from->channels * sizeof(*scale));
    pack_reals(&k->r, scale, (size_t)from->channels);
    for (c = 0; c < from->channels; c++) {
        int64_t zero = pack_signed(&k->r, from->zero[c]);

        if (k->r.writes)
            continue;
        memcpy(&(*g)->scale[c], &scale[c], sizeof(*scale));
        (*g)->zero[c] = (int32_t)(zero < -1024  ? -1024
                                  : zero > 1024 ? 1024
                                                : zero);
    }
    mem_free(scale);
    negative = range_number(&k->r, (uint64_t)plane->negative);
    positive = range_number(&k->r, (uint64_t)(plane->values - plane->negative));
    if (negative > 512 || positive > 512)
        return err_set(err, ERR_FORMAT, "numbers outside of their grid");
    plane->negative = (int)negative;
    plane->values = (int)(negative + positive);
    return ERR_OK;
}
