/* One array of a net: its form, chosen by trying, and its bytes. */
#include "compress/pack_array.h"

#include <math.h>
#include <stdio.h>

#include "compress/pack_form.h"

/* The mean of symbols that are not zero and of their places, were these at
 * random: a bound for coders without contexts. */
static double entropy_of(const struct pack_plane *a)
{
    uint64_t *count = mem_array((size_t)a->plane.values + 1, sizeof(*count));
    double bits;
    size_t i;

    for (i = 0; i < a->n; i++)
        count[a->plane.code[i]]++;
    bits = huffman_entropy(count, a->plane.values + 1);
    mem_free(count);
    return bits;
}

static enum err_code own_plane_write(struct packer *k, struct pack_plane *a,
                                     const struct plane_style *style,
                                     struct bytes *out, struct err *err)
{
    struct range own;
    struct plane_sizes sizes;

    range_start_writing(&own);
    if (plane_code(&own, &a->plane, style, &sizes, err) != ERR_OK)
        return err->code;
    range_finish(&own);
    *out = own.out;
    a->own_places = sizes.places < out->len ? sizes.places : out->len;
    (void)k;
    return ERR_OK;
}

/* Large planes have a stream of their own among the blocks, so that they are
 * coded once however often they are looked at. */
static enum err_code own_plane(struct packer *k, struct pack_plane *a,
                               const struct plane_style *style, struct err *err)
{
    struct plane_sizes sizes;
    struct range own;
    uint64_t len;

    if (k->r.writes) {
        if (a->own.at == NULL &&
            own_plane_write(k, a, style, &a->own, err) != ERR_OK)
            return err->code;
        range_number(&k->r, a->own.len);
        bytes_add(&k->blocks, a->own.at, a->own.len);
        k->part->places += a->own_places;
        k->part->values += a->own.len - a->own_places;
        return ERR_OK;
    }
    len = range_number(&k->r, 0);
    if (len > (uint64_t)(k->end - k->at))
        return err_set(err, ERR_FORMAT, "a block ends too early");
    range_start_reading(&own, k->at, (size_t)len);
    k->at += len;
    if (plane_code(&own, &a->plane, style, &sizes, err) != ERR_OK)
        return err->code;
    a->own_places = sizes.places < len ? sizes.places : (size_t)len;
    k->part->places += a->own_places;
    k->part->values += (size_t)len - a->own_places;
    return ERR_OK;
}

static enum err_code code_plane(struct packer *k, struct pack_plane *a,
                                struct plane_style *style, struct err *err)
{
    struct plane_sizes sizes;

    style->effort = range_bits(&k->r, 2, style->effort);
    style->rate = (int)range_bits(&k->r, 2, (uint32_t)style->rate);
    if (style->effort > PLANE_FULL)
        return err_set(err, ERR_FORMAT, "an unknown way of coding");
    if (a->n >= PACK_OWN_LEAST)
        return own_plane(k, a, style, err);
    if (plane_code(&k->r, &a->plane, style, &sizes, err) != ERR_OK)
        return err->code;
    k->part->places += sizes.places;
    k->part->values += sizes.codes;
    return ERR_OK;
}

static const char *const effort_names[] = {"context, swift", "context, quick",
                                           "context, full"};

static void name_way(struct packer *k, const struct pack_way *w,
                     const char *what)
{
    static const char *const places[] = {"", "gaps", "bitmap", "rows"};
    char *to = k->part->method;
    size_t size = sizeof(k->part->method);

    if (w->block.places == PLACES_PLANE)
        snprintf(to, size, "%s%s", what, effort_names[w->style.effort]);
    else if (w->block.places == PLACES_GAP)
        snprintf(to, size, "%sgaps of %d bits%s, %s", what, w->block.bits,
                 w->block.jumps ? " and jumps" : "",
                 w->block.huffman ? "Huffman" : "fixed");
    else
        snprintf(to, size, "%s%s, %s", what, places[w->block.places],
                 w->block.huffman ? "Huffman" : "fixed");
}

enum err_code pack_codes(struct packer *k, struct pack_plane *a,
                         struct pack_way *way, struct err *err)
{
    way->block.places = range_bits(&k->r, 2, way->block.places);
    return way->block.places == PLACES_PLANE
               ? code_plane(k, a, &way->style, err)
               : pack_block_code(k, a, &way->block, err);
}

/* The file as it would be with that way: bytes of stream and blocks. */
static size_t try_way(const struct packer *k, struct pack_plane *a,
                      struct pack_way *w, enum err_code *code, struct err *err)
{
    struct pack_part part = {0};
    struct packer trial = *k;
    size_t bytes;

    trial.part = &part;
    trial.blocks = (struct bytes){0};
    range_start_writing(&trial.r);
    *code = pack_codes(&trial, a, w, err);
    range_finish(&trial.r);
    bytes = trial.r.out.len + trial.blocks.len;
    bytes_done(&trial.r.out);
    bytes_done(&trial.blocks);
    return bytes;
}

/* Efforts and rates worth trying at a size, as bits 4 * effort + rate. */
static unsigned styles_for(size_t n)
{
    if (n <= 131072)
        return 0xff0;
    if (n < PACK_OWN_LEAST)
        return 0x660;
    return 0x001;
}

static enum err_code try_planes(const struct packer *k, struct pack_plane *a,
                                struct pack_way *best, size_t *least,
                                struct err *err)
{
    unsigned styles = styles_for(a->n);
    enum err_code code = ERR_OK;
    int i;

    for (i = 0; i < 12 && code == ERR_OK; i++) {
        struct pack_way w = {.style = {(enum plane_effort)(i / 4), i % 4},
                             .block = {.places = PLACES_PLANE}};
        size_t bytes;

        if (!(styles >> i & 1))
            continue;
        bytes = try_way(k, a, &w, &code, err);
        if (bytes < *least) {
            *least = bytes;
            *best = w;
        }
    }
    return code;
}

enum err_code pack_way_choose(const struct packer *k, struct pack_plane *a,
                              enum pack_coder coder, struct pack_way *out,
                              size_t *least, struct err *err)
{
    struct pack_way w = {.block = {0}};
    enum err_code code = ERR_OK;
    size_t bytes;

    *least = SIZE_MAX;
    if (coder == PACK_BEST || coder == PACK_CONTEXT)
        code = try_planes(k, a, out, least, err);
    if (coder == PACK_CONTEXT || code != ERR_OK)
        return code;
    pack_block_choose(a, coder != PACK_FIXED, &w.block);
    if (w.block.guessed > *least + *least / 8 + 64)
        return ERR_OK;
    bytes = try_way(k, a, &w, &code, err);
    if (code == ERR_OK && bytes < *least) {
        *least = bytes;
        *out = w;
    }
    return code;
}

/* Codes back to the values they stand for. */
static enum err_code put_codes(struct packer *k, struct param *p,
                               const struct pack_plane *a,
                               const struct grid *grid, struct err *err)
{
    bool same = true;
    size_t i;

    for (i = 0; i < a->n; i++) {
        unsigned code = a->plane.code[i];
        uint32_t bits = 0;

        if (code > (unsigned)a->plane.values)
            return err_set(err, ERR_FORMAT, "a code that is not in its book");
        if (code > 0 && grid != NULL)
            bits = pack_grid_bits(grid, &a->plane, i, code);
        else if (code > 0)
            bits = a->book[code - 1];
        same &= pack_put(k, p, i, bits);
    }
    return same ? ERR_OK : err_set(err, ERR_FORMAT, "values differ");
}

static enum err_code bind_book(struct packer *k, struct param *p,
                               const struct pack_plane *a, struct err *err)
{
    struct codebook *b;

    if (k->check)
        return ERR_OK;
    b = codebook_new(a->plane.values, a->n, err);
    if (b == NULL)
        return err->code;
    memcpy(b->centroid + 1, a->book, (size_t)a->plane.values * sizeof(float));
    memcpy(b->code, a->plane.code, a->n * sizeof(*b->code));
    param_bind(p, b, NULL);
    return ERR_OK;
}

/* Zeros are what was pruned. */
static enum err_code put_mask(struct packer *k, struct param *p,
                              struct err *err)
{
    size_t i;

    if (k->check || k->r.writes)
        return ERR_OK;
    if (param_need_mask(p, err) != ERR_OK)
        return err->code;
    for (i = 0; i < p->count; i++)
        p->mask[i] = pack_bits(p->value[i]) != 0;
    return ERR_OK;
}

static enum err_code form_codes(struct packer *k, struct param *p,
                                struct pack_array *f, struct err *err)
{
    struct pack_plane *a = &f->plane;
    size_t start = range_written(&k->r);
    uint64_t values = range_number(&k->r, (uint64_t)a->plane.values);
    uint64_t negative = range_number(&k->r, (uint64_t)a->plane.negative);

    if (values > PACK_BOOK_MOST || negative > values)
        return err_set(err, ERR_FORMAT, "a codebook of too many values");
    a->plane.values = (int)values;
    a->plane.negative = (int)negative;
    if (!k->r.writes)
        a->book = mem_array(values + 1, sizeof(*a->book));
    pack_reals(&k->r, a->book, values);
    k->part->codebook += range_written(&k->r) - start;
    if (pack_codes(k, a, &f->way, err) != ERR_OK)
        return err->code;
    if (k->r.writes)
        return ERR_OK;
    if (put_codes(k, p, a, NULL, err) != ERR_OK)
        return err->code;
    return f->bound == PACK_BOOK ? bind_book(k, p, a, err) : ERR_OK;
}

static enum err_code form_grid(struct packer *k, struct param *p,
                               struct pack_array *f, struct err *err)
{
    struct pack_plane *a = &f->plane;
    size_t start = range_written(&k->r);
    struct grid *g = NULL;
    enum err_code code = pack_grid_scales(k, p, &a->plane, &g, err);

    k->part->codebook += range_written(&k->r) - start;
    if (code == ERR_OK)
        code = pack_codes(k, a, &f->way, err);
    if (code == ERR_OK && !k->r.writes)
        code = put_codes(k, p, a, g, err);
    if (code == ERR_OK && !k->r.writes && !k->check) {
        param_bind(p, NULL, g);
        return ERR_OK;
    }
    grid_free(g);
    return code;
}

static enum err_code form_reals(struct packer *k, struct param *p,
                                struct err *err)
{
    uint32_t *bits = mem_array(p->count + 1, sizeof(*bits));
    size_t start = range_written(&k->r), i;
    bool same = true;

    if (k->r.writes)
        memcpy(bits, p->value, p->count * sizeof(*bits));
    pack_reals(&k->r, bits, p->count);
    for (i = 0; i < p->count && !k->r.writes; i++)
        same &= pack_put(k, p, i, bits[i]);
    k->part->values += range_written(&k->r) - start;
    mem_free(bits);
    return same ? ERR_OK : err_set(err, ERR_FORMAT, "values differ");
}

static enum err_code form_floats(struct packer *k, struct param *p,
                                 struct pack_array *f, struct err *err)
{
    struct pack_plane *a = &f->plane;
    bool sparse = range_bit(&k->r, RANGE_HALF, a->plane.code != NULL);
    bool huffman = range_bit(&k->r, RANGE_HALF, f->huffman);

    if (sparse && !k->r.writes && pack_plane_code(a, p->count, err) != ERR_OK)
        return err->code;
    a->plane.values = 1;
    a->plane.negative = 0;
    if (sparse && pack_codes(k, a, &f->way, err) != ERR_OK)
        return err->code;
    return pack_floats(k, p, sparse ? a->plane.code : NULL, huffman, err);
}

static enum err_code form_zero(struct packer *k, struct param *p,
                               struct err *err)
{
    bool same = true;
    size_t i;

    for (i = 0; i < p->count && !k->r.writes; i++)
        same &= pack_put(k, p, i, 0);
    return same ? ERR_OK : err_set(err, ERR_FORMAT, "values differ");
}

static enum err_code code_form(struct packer *k, struct param *p,
                               struct pack_array *f, struct err *err)
{
    bool coded = f->form == PACK_CODES || f->form == PACK_GRID;

    if (coded && !k->r.writes &&
        pack_plane_code(&f->plane, p->count, err) != ERR_OK)
        return err->code;
    switch (f->form) {
    case PACK_ZERO:
        return form_zero(k, p, err);
    case PACK_CODES:
        return form_codes(k, p, f, err);
    case PACK_GRID:
        return form_grid(k, p, f, err);
    case PACK_REALS:
        return form_reals(k, p, err);
    case PACK_FLOATS:
        return form_floats(k, p, f, err);
    default:
        return err_set(err, ERR_FORMAT, "an unknown form of array");
    }
}

/* How an array's line in the ledger describes it. */
static void describe(struct packer *k, const struct pack_array *f)
{
    struct pack_part *part = k->part;
    const struct pack_plane *a = &f->plane;

    if (f->form == PACK_ZERO)
        snprintf(part->method, sizeof(part->method), "all zero");
    else if (f->form == PACK_REALS)
        snprintf(part->method, sizeof(part->method), "list of reals");
    else if (f->form == PACK_FLOATS && a->plane.code == NULL)
        snprintf(part->method, sizeof(part->method), "floats%s",
                 f->huffman ? ", Huffman" : "");
    else
        name_way(k, &f->way, f->form == PACK_FLOATS ? "floats, " : "");
    if (f->form == PACK_CODES || f->form == PACK_GRID) {
        part->distinct = (size_t)a->plane.values;
        part->entropy = entropy_of(a);
    }
}

static size_t count_alive(const struct param *p)
{
    size_t n = 0, i;

    for (i = 0; i < p->count; i++)
        n += pack_bits(p->value[i]) != 0;
    return n;
}

static enum err_code code_head(struct packer *k, const struct param *p,
                               struct pack_array *f, bool *masked,
                               struct err *err)
{
    f->form = range_bits(&k->r, 3, f->form);
    f->bound = range_bits(&k->r, 2, f->bound);
    *masked = range_bit(&k->r, RANGE_HALF, p->mask != NULL);
    if (k->check && *masked != (p->mask != NULL))
        return err_set(err, ERR_FORMAT, "masks differ");
    return ERR_OK;
}

static enum err_code bind_half(struct packer *k, struct param *p,
                               enum pack_bound bound, struct err *err)
{
    struct grid *g;

    if (k->r.writes || k->check || bound < PACK_FP16)
        return ERR_OK;
    g = grid_new(bound == PACK_FP16 ? GRID_FP16 : GRID_BF16, 16, 0, p->count,
                 err);
    if (g == NULL)
        return err->code;
    param_bind(p, NULL, g);
    return ERR_OK;
}

enum err_code pack_array(struct packer *k, int node, int param,
                         enum pack_coder coder, struct err *err)
{
    struct param *p = &k->net->node[node].param[param];
    struct pack_array f = {0};
    uint8_t *row = NULL;
    bool masked;
    enum err_code code = ERR_OK;

    f.plane.n = p->count;
    pack_hints_look(k, node, param, &f.plane.plane, &row);
    if (k->r.writes)
        code = pack_form_choose(k, p, coder, &f, err);
    if (code == ERR_OK)
        code = code_head(k, p, &f, &masked, err);
    if (code == ERR_OK)
        code = code_form(k, p, &f, err);
    if (code == ERR_OK && masked)
        code = put_mask(k, p, err);
    if (code == ERR_OK)
        code = bind_half(k, p, f.bound, err);
    if (code == ERR_OK) {
        k->part->alive = count_alive(p);
        describe(k, &f);
        pack_hints_learn(k, node, p);
    }
    mem_free(row);
    pack_plane_done(&f.plane);
    return code;
}
