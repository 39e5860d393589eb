/* Which form of an array takes least: a look at its values, and at rivals of
 * the way that is likely best where they have a chance. */
#include "compress/pack_form.h"

#include <stdlib.h>

#define SET_SIZE   16384 /* slots of the set below: four times its most */
#define LIST_MOST  16384 /* longest list of reals that is tried */
#define TABLE_BITS 3     /* a symbol of a Huffman table, about */
#define ALWAYS     4096  /* up to so many weights other ways are tried */

enum err_code pack_plane_code(struct pack_plane *a, size_t n, struct err *err)
{
    a->plane.code = mem_block_array(n, sizeof(*a->plane.code), "codes", err);
    return a->plane.code != NULL ? ERR_OK : err->code;
}

void pack_plane_done(struct pack_plane *a)
{
    mem_block_free(a->plane.code);
    mem_free(a->book);
}

/* Different values beside zero, as bits, in the order in which they came. */
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

/* Codes (zeroed) as values come, from 1 on.  False when there are too many. */
static bool set_fill(struct set *s, const struct param *p, uint16_t *code)
{
    size_t i;

    for (i = 0; i < p->count; i++) {
        uint32_t bits = pack_bits(p->value[i]), at;

        if (bits == 0)
            continue;
        at = set_slot(s, bits);
        if (s->bits[at] == 0) {
            if (s->count == PACK_BOOK_MOST)
                return false;
            s->bits[at] = bits;
            s->list[s->count] = bits;
            s->code[at] = (uint16_t)++s->count;
        }
        code[i] = s->code[at];
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

/* The book in ascending order, and codes by it. */
static void set_sort(struct set *s, struct pack_plane *a)
{
    uint16_t *to = mem_array((size_t)s->count + 1, sizeof(*to));
    size_t i;
    int c;

    a->book = mem_array((size_t)s->count + 1, sizeof(*a->book));
    memcpy(a->book, s->list, (size_t)s->count * sizeof(*a->book));
    qsort(a->book, (size_t)s->count, sizeof(a->book[0]), by_value);
    a->plane.values = s->count;
    for (c = 0; c < s->count; c++) {
        a->plane.negative += (int)(a->book[c] >> 31);
        to[s->code[set_slot(s, a->book[c])]] = (uint16_t)(c + 1);
    }
    for (i = 0; i < a->n; i++)
        a->plane.code[i] = to[a->plane.code[i]];
    mem_free(to);
}

/* Its values as codes; *few tells whether that is worth while. */
static enum err_code look_at_values(const struct param *p, size_t alive,
                                    struct pack_plane *a, bool *few,
                                    struct err *err)
{
    struct set *s;

    if (pack_plane_code(a, p->count, err) != ERR_OK)
        return err->code;
    s = mem_zalloc(sizeof(*s));
    *few = set_fill(s, p, a->plane.code) && (size_t)s->count <= alive / 2 + 8;
    if (*few) {
        set_sort(s, a);
    } else {
        mem_block_free(a->plane.code);
        a->plane.code = NULL;
    }
    mem_free(s);
    return ERR_OK;
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

size_t pack_list_bytes(const struct param *p)
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

size_t pack_alive(const struct param *p)
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

/* The way that a coder tries first: contexts, if it may use them. */
static void first_way(const struct pack_plane *a, enum pack_coder coder,
                      struct pack_way *out)
{
    *out = (struct pack_way){.style = {PLANE_STRIPS, 0},
                             .block = {.places = PLACES_PLANE}};
    if (a->n >= PACK_OWN_LEAST)
        out->style.effort = PLANE_SWIFT;
    if (coder == PACK_HUFFMAN || coder == PACK_FIXED)
        pack_block_choose(a, coder == PACK_HUFFMAN, &out->block);
}

bool pack_way_rival(const struct pack_plane *a, double entropy, size_t bytes,
                    struct pack_way *out)
{
    size_t slack = a->n > ALWAYS ? 0 : bytes / 8 + 64;
    double least = (entropy + TABLE_BITS * a->plane.values) / 8;

    if (a->n > ALWAYS && (double)bytes < least)
        return false;
    pack_block_choose(a, true, &out->block);
    return out->block.guessed < bytes + slack;
}

/* Whole numbers times scales, if its values are that. */
static enum err_code choose_grid(const struct param *p, struct pack_array *f,
                                 bool *done, struct err *err)
{
    if (pack_plane_code(&f->plane, p->count, err) != ERR_OK)
        return err->code;
    *done = pack_grid_plane(p, &f->plane.plane);
    f->form = PACK_GRID;
    if (!*done) {
        mem_block_free(f->plane.plane.code);
        f->plane.plane.code = NULL;
    }
    return ERR_OK;
}

static enum err_code choose_values(const struct param *p, enum pack_coder coder,
                                   struct pack_array *f, struct err *err)
{
    bool few;

    if (look_at_values(p, f->alive, &f->plane, &few, err) != ERR_OK)
        return err->code;
    f->form = few ? PACK_CODES : PACK_FLOATS;
    f->huffman = coder != PACK_FIXED;
    if (few || f->alive == p->count)
        return ERR_OK;
    return look_at_places(p, &f->plane, err);
}

enum err_code pack_form_choose(const struct param *p, enum pack_coder coder,
                               struct pack_array *f, struct err *err)
{
    bool done = false;

    f->bound = bound_of(p);
    f->alive = pack_alive(p);
    if (f->alive == 0 && p->book == NULL &&
        (p->grid == NULL || f->bound != PACK_FREE)) {
        f->form = PACK_ZERO;
        return ERR_OK;
    }
    if (p->grid != NULL && f->bound == PACK_FREE &&
        choose_grid(p, f, &done, err) != ERR_OK)
        return err->code;
    if (!done && choose_values(p, coder, f, err) != ERR_OK)
        return err->code;
    if (f->plane.plane.code != NULL)
        first_way(&f->plane, coder, &f->way);
    return ERR_OK;
}

bool pack_form_may_list(const struct param *p, const struct pack_array *f)
{
    return p->count <= LIST_MOST && f->bound != PACK_BOOK &&
           (f->form == PACK_CODES || f->form == PACK_FLOATS);
}
