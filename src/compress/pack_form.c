/* Which form of an array takes least: a look at its values, then trials. */
#include "compress/pack_form.h"

#include <stdlib.h>

#define SET_SIZE  16384 /* slots of the set below: four times its most */
#define LIST_MOST 16384 /* longest list of reals that is tried */

enum err_code pack_plane_code(struct pack_plane *a, size_t n, struct err *err)
{
    a->plane.code = mem_block_array(n, sizeof(*a->plane.code), "codes", err);
    return a->plane.code != NULL ? ERR_OK : err->code;
}

void pack_plane_done(struct pack_plane *a)
{
    mem_block_free(a->plane.code);
    mem_free(a->book);
    bytes_done(&a->own);
}

/* Different values beside zero, as bits. */
struct set {
    uint32_t bits[SET_SIZE]; /* 0: free */
    uint16_t code[SET_SIZE];
    uint32_t list[PACK_BOOK_MOST];
    int count;
};

static uint32_t set_slot(const struct set *s, uint32_t bits)
{
    uint32_t at = bits * 0x9e3779b1u >> 18;

    while (s->bits[at] != 0 && s->bits[at] != bits)
        at = (at + 1) % SET_SIZE;
    return at;
}

/* False when there are too many. */
static bool set_fill(struct set *s, const struct param *p)
{
    size_t i;

    for (i = 0; i < p->count; i++) {
        uint32_t bits = pack_bits(p->value[i]), at;

        if (bits == 0)
            continue;
        at = set_slot(s, bits);
        if (s->bits[at] != 0)
            continue;
        if (s->count == PACK_BOOK_MOST)
            return false;
        s->bits[at] = bits;
        s->list[s->count++] = bits;
    }
    return true;
}

/* Ascending as numbers; -0 and NaNs have places too. */
static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    x = x >> 31 ? ~x : x | 0x80000000u;
    y = y >> 31 ? ~y : y | 0x80000000u;
    return (x > y) - (x < y);
}

static void set_codes(struct set *s, const struct param *p,
                      struct pack_plane *a)
{
    size_t i;
    int c;

    qsort(s->list, (size_t)s->count, sizeof(s->list[0]), by_value);
    a->book = mem_array((size_t)s->count + 1, sizeof(*a->book));
    memcpy(a->book, s->list, (size_t)s->count * sizeof(*a->book));
    a->plane.values = s->count;
    for (c = 0; c < s->count; c++) {
        a->plane.negative += (int)(s->list[c] >> 31);
        s->code[set_slot(s, s->list[c])] = (uint16_t)(c + 1);
    }
    for (i = 0; i < p->count; i++) {
        uint32_t bits = pack_bits(p->value[i]);

        a->plane.code[i] = bits == 0 ? 0 : s->code[set_slot(s, bits)];
    }
}

/* Its values as codes; *few tells whether that is worth while. */
static enum err_code look_at_values(const struct param *p, size_t alive,
                                    struct pack_plane *a, bool *few,
                                    struct err *err)
{
    struct set *s = mem_zalloc(sizeof(*s));
    enum err_code code = ERR_OK;

    *few = set_fill(s, p) && (size_t)s->count <= alive / 2 + 8;
    if (*few) {
        code = pack_plane_code(a, p->count, err);
        if (code == ERR_OK)
            set_codes(s, p, a);
    }
    mem_free(s);
    return code;
}

/* Only whether a weight is zero. */
static enum err_code look_at_places(const struct param *p, struct pack_plane *a,
                                    struct err *err)
{
    size_t i;

    if (pack_plane_code(a, p->count, err) != ERR_OK)
        return err->code;
    for (i = 0; i < p->count; i++)
        a->plane.code[i] = pack_bits(p->value[i]) != 0;
    a->plane.values = 1;
    return ERR_OK;
}

static size_t list_bytes(const struct param *p)
{
    uint32_t *bits = mem_array(p->count + 1, sizeof(*bits));
    struct range trial;
    size_t len;

    memcpy(bits, p->value, p->count * sizeof(*bits));
    range_start_writing(&trial);
    pack_reals(&trial, bits, p->count);
    range_finish(&trial);
    len = trial.out.len;
    bytes_done(&trial.out);
    mem_free(bits);
    return len;
}

static size_t book_bytes(const struct pack_plane *a)
{
    size_t n = (size_t)a->plane.values, len;
    uint32_t *bits = mem_array(n + 1, sizeof(*bits));
    struct range trial;

    memcpy(bits, a->book, n * sizeof(*bits));
    range_start_writing(&trial);
    pack_reals(&trial, bits, n);
    range_finish(&trial);
    len = trial.out.len;
    bytes_done(&trial.out);
    mem_free(bits);
    return len;
}

static size_t alive_of(const struct param *p)
{
    size_t n = 0, i;

    for (i = 0; i < p->count; i++)
        n += pack_bits(p->value[i]) != 0;
    return n;
}

static enum pack_bound bound_of(const struct param *p)
{
    if (p->book != NULL)
        return PACK_BOOK;
    if (p->grid != NULL && p->grid->kind == GRID_FP16)
        return PACK_FP16;
    if (p->grid != NULL && p->grid->kind == GRID_BF16)
        return PACK_BF16;
    return PACK_FREE;
}

static enum err_code choose_grid(struct packer *k, const struct param *p,
                                 enum pack_coder coder, struct pack_array *f,
                                 bool *done, struct err *err)
{
    size_t least;

    if (pack_plane_code(&f->plane, p->count, err) != ERR_OK)
        return err->code;
    *done = pack_grid_plane(p, &f->plane.plane);
    if (*done) {
        f->form = PACK_GRID;
        return pack_way_choose(k, &f->plane, coder, &f->way, &least, err);
    }
    mem_block_free(f->plane.plane.code);
    f->plane.plane.code = NULL;
    return ERR_OK;
}

/* Floats: their places, unless all are there. */
static enum err_code choose_floats(struct packer *k, const struct param *p,
                                   size_t alive, enum pack_coder coder,
                                   struct pack_array *f, struct err *err)
{
    size_t least;

    f->form = PACK_FLOATS;
    f->huffman = coder != PACK_FIXED;
    if (alive == p->count)
        return ERR_OK;
    if (look_at_places(p, &f->plane, err) != ERR_OK)
        return err->code;
    return pack_way_choose(k, &f->plane, coder, &f->way, &least, err);
}

enum err_code pack_form_choose(struct packer *k, const struct param *p,
                               enum pack_coder coder, struct pack_array *f,
                               struct err *err)
{
    size_t alive = alive_of(p), least = SIZE_MAX, list = SIZE_MAX;
    bool done = false, few;

    f->bound = bound_of(p);
    if (alive == 0 && p->book == NULL &&
        (p->grid == NULL || f->bound != PACK_FREE)) {
        f->form = PACK_ZERO;
        return ERR_OK;
    }
    if (p->grid != NULL && f->bound == PACK_FREE &&
        (choose_grid(k, p, coder, f, &done, err) != ERR_OK || done))
        return done ? ERR_OK : err->code;
    if (look_at_values(p, alive, &f->plane, &few, err) != ERR_OK)
        return err->code;
    if (few &&
        pack_way_choose(k, &f->plane, coder, &f->way, &least, err) != ERR_OK)
        return err->code;
    if (few)
        least += book_bytes(&f->plane) + 2;
    if (p->count <= LIST_MOST && f->bound != PACK_BOOK)
        list = list_bytes(p);
    f->form = list < least ? PACK_REALS : PACK_CODES;
    if (list < least || few)
        return ERR_OK;
    return choose_floats(k, p, alive, coder, f, err);
}
