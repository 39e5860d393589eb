/* One array of a net: its form, chosen by trying, and its bytes. */
#include "compress/pack_array.h"

#include <math.h>
#include <stdio.h>

#include "compress/pack_form.h"

#define TALLIES 4 /* counts side by side: equal codes in a row do not wait */

/* Bits of symbols that are not zero and of their places, were these at random:
 * a bound for coders without contexts. */
static double entropy_of(const struct pack_plane *a)
{
    size_t n = (size_t)a->plane.values + 1, i, c;
    uint64_t *sum = mem_array(n, sizeof(*sum));
    uint32_t *count = mem_array(n * TALLIES, sizeof(*count));
    double bits;

    for (i = 0; i < a->n; i++)
        count[a->plane.code[i] * TALLIES + i % TALLIES]++;
    for (c = 0; c < n; c++) {
        for (i = 0; i < TALLIES; i++)
            sum[c] += count[c * TALLIES + i];
    }
    bits = huffman_entropy(sum, (int)n);
    mem_free(count);
    mem_free(sum);
    return bits;
}

static void add_sizes(struct packer *k, const struct plane_sizes *s, size_t all)
{
    size_t places = s->places < all ? s->places : all;

    k->part->places += places;
    k->part->values += all - places;
}

/* Large planes have a stream of their own among the blocks. */
static enum err_code own_plane(struct packer *k, struct pack_plane *a,
                               const struct plane_style *style, struct err *err)
{
    struct plane_sizes sizes;
    struct range own;
    uint64_t len;

    if (k->r.writes) {
        range_start_writing(&own);
        if (plane_code(&own, &a->plane, style, &sizes, err) != ERR_OK) {
            bytes_done(&own.out);
            return err->code;
        }
        range_finish(&own);
        range_number(&k->r, own.out.len);
        bytes_add(&k->blocks, own.out.at, own.out.len);
        add_sizes(k, &sizes, own.out.len);
        bytes_done(&own.out);
        return ERR_OK;
    }
    len = range_number(&k->r, 0);
    if (len > (uint64_t)(k->end - k->at))
        return err_set(err, ERR_FORMAT, "a block ends too early");
    range_start_reading(&own, k->at, (size_t)len);
    k->at += len;
    if (plane_code(&own, &a->plane, style, &sizes, err) != ERR_OK)
        return err->code;
    add_sizes(k, &sizes, (size_t)len);
    return ERR_OK;
}

static enum err_code code_plane(struct packer *k, struct pack_plane *a,
                                struct plane_style *style, struct err *err)
{
    enum plane_effort most = k->version < 2 ? PLANE_FULL : PLANE_STRIPS;
    struct plane_sizes sizes;

    style->effort = range_bits(&k->r, 2, style->effort);
    if (style->effort > most)
        return err_set(err, ERR_FORMAT, "an unknown way of coding");
    if (style->effort <= PLANE_FULL)
        style->rate = (int)range_bits(&k->r, 2, (uint32_t)style->rate);
    if (a->n >= PACK_OWN_LEAST)
        return own_plane(k, a, style, err);
    if (plane_code(&k->r, &a->plane, style, &sizes, err) != ERR_OK)
        return err->code;
    k->part->places += sizes.places;
    k->part->values += sizes.codes;
    return ERR_OK;
}

static const char *const effort_names[] = {"context, swift", "context, quick",
                                           "context, full", "context"};

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

static enum err_code pack_codes(struct packer *k, struct pack_plane *a,
                                struct pack_way *way, struct err *err)
{
    way->block.places = range_bits(&k->r, 2, way->block.places);
    return way->block.places == PLACES_PLANE
               ? code_plane(k, a, &way->style, err)
               : pack_block_code(k, a, &way->block, err);
}

/* Codes by a grid back to the values they stand for. */
static enum err_code put_grid(struct packer *k, struct param *p,
                              const struct pack_plane *a,
                              const struct grid *grid, struct err *err)
{
    bool same = true;
    size_t i;

    for (i = 0; i < a->n; i++) {
        unsigned code = a->plane.code[i];
        uint32_t bits = code > 0 ? pack_grid_bits(grid, &a->plane, i, code) : 0;

        if (code > (unsigned)a->plane.values)
            return err_set(err, ERR_FORMAT, "a code that is not in its book");
        same &= pack_put(k, p, i, bits);
    }
    return same ? ERR_OK : err_set(err, ERR_FORMAT, "values differ");
}

/* The same by a codebook.  Zero is looked up like any value: no branch. */
static enum err_code put_codes(struct packer *k, struct param *p,
                               const struct pack_plane *a, struct err *err)
{
    size_t values = (size_t)a->plane.values, i;
    uint32_t *book = mem_array(values + 1, sizeof(*book)), differ = 0;
    unsigned most = 0;

    memcpy(book + 1, a->book, values * sizeof(*book));
    for (i = 0; i < a->n; i++)
        most = a->plane.code[i] > most ? a->plane.code[i] : most;
    for (i = 0; most <= values && k->check && i < a->n; i++)
        differ |= pack_bits(p->value[i]) ^ book[a->plane.code[i]];
    for (i = 0; most <= values && !k->check && i < a->n; i++)
        memcpy(&p->value[i], &book[a->plane.code[i]], sizeof(*book));
    mem_free(book);
    if (most > values)
        return err_set(err, ERR_FORMAT, "a code that is not in its book");
    return differ == 0 ? ERR_OK : err_set(err, ERR_FORMAT, "values differ");
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
    if (put_codes(k, p, a, err) != ERR_OK)
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
        code = put_grid(k, p, a, g, err);
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
    if (f->form != PACK_CODES && f->form != PACK_GRID) {
        part->entropy = 0;
        return;
    }
    part->distinct = (size_t)a->plane.values;
    if (k->counts && part->entropy == 0)
        part->entropy = entropy_of(a);
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

/* Where a file was before an array: what was written can be taken back. */
struct mark {
    struct range r;
    size_t blocks;
    struct pack_part part;
};

static struct mark mark_here(const struct packer *k)
{
    return (struct mark){k->r, k->blocks.len, *k->part};
}

static void go_back(struct packer *k, const struct mark *m)
{
    struct bytes out = k->r.out;

    out.len = m->r.out.len;
    k->r = m->r;
    k->r.out = out;
    k->blocks.len = m->blocks;
    *k->part = m->part;
}

static size_t bytes_since(const struct packer *k, const struct mark *m)
{
    return range_written(&k->r) - range_written(&m->r) + k->blocks.len -
           m->blocks;
}

/* The array in its form, either way. */
static enum err_code code_array(struct packer *k, struct param *p,
                                struct pack_array *f, struct err *err)
{
    bool masked = false;
    enum err_code code = code_head(k, p, f, &masked, err);

    if (code == ERR_OK)
        code = code_form(k, p, f, err);
    if (code != ERR_OK || k->r.writes)
        return code;
    describe(k, f);
    pack_plane_done(&f->plane); /* room for the mask */
    f->plane = (struct pack_plane){.n = p->count};
    if (masked)
        code = put_mask(k, p, err);
    return code == ERR_OK ? bind_half(k, p, f->bound, err) : code;
}

/* Writes it anew as other, and goes back to f unless that took less. */
static enum err_code write_rival(struct packer *k, struct param *p,
                                 struct pack_array *f,
                                 const struct pack_array *other,
                                 const struct mark *m, struct err *err)
{
    size_t bytes = bytes_since(k, m);
    struct pack_array mine = *f;
    enum err_code code;

    go_back(k, m);
    *f = *other;
    code = code_array(k, p, f, err);
    if (code != ERR_OK || bytes_since(k, m) < bytes)
        return code;
    go_back(k, m);
    *f = mine;
    return code_array(k, p, f, err);
}

/* The form that is likely best is written at once; rivals only where they have
 * a chance. */
static enum err_code write_array(struct packer *k, struct param *p,
                                 enum pack_coder coder, struct pack_array *f,
                                 struct err *err)
{
    struct mark m = mark_here(k);
    struct pack_array other;
    size_t bytes;
    double entropy;

    if (pack_form_choose(p, coder, f, err) != ERR_OK ||
        code_array(k, p, f, err) != ERR_OK)
        return err->code;
    other = *f;
    bytes = k->part->places + k->part->values;
    if (coder == PACK_BEST && f->plane.plane.code != NULL) {
        entropy = entropy_of(&f->plane);
        if (pack_way_rival(&f->plane, entropy, bytes, &other.way) &&
            write_rival(k, p, f, &other, &m, err) != ERR_OK)
            return err->code;
        k->part->entropy = entropy;
    }
    if (!pack_form_may_list(p, f) || pack_list_bytes(p) >= bytes_since(k, &m))
        return ERR_OK;
    other = *f;
    other.form = PACK_REALS;
    return write_rival(k, p, f, &other, &m, err);
}

enum err_code pack_array(struct packer *k, int node, int param,
                         enum pack_coder coder, struct err *err)
{
    struct param *p = &k->net->node[node].param[param];
    struct pack_array f = {0};
    uint8_t *row = NULL;
    enum err_code code;

    f.plane.n = p->count;
    pack_hints_look(k, node, param, &f.plane.plane, &row);
    code = k->r.writes ? write_array(k, p, coder, &f, err)
                       : code_array(k, p, &f, err);
    if (code == ERR_OK) {
        k->part->alive = k->r.writes ? f.alive : pack_alive(p);
        if (k->r.writes)
            describe(k, &f);
        pack_hints_learn(k, node, p);
    }
    mem_free(row);
    pack_plane_done(&f.plane);
    return code;
}
