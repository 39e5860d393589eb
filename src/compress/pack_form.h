/* Forms of an array in a packed file, for pack_array.c and pack_form.c. */
#ifndef COMPRESS_PACK_FORM_H
#define COMPRESS_PACK_FORM_H

#include "compress/huffman.h"
#include "compress/pack_array.h"

enum pack_form { PACK_ZERO, PACK_CODES, PACK_GRID, PACK_REALS, PACK_FLOATS };
/* What a parameter's values are bound to: net/quant.h; a whole-number grid is
 * known by its form. */
enum pack_bound { PACK_FREE, PACK_BOOK, PACK_FP16, PACK_BF16 };

/* How codes are written. */
struct pack_way {
    struct pack_block block; /* places PLACES_PLANE: by the style */
    struct plane_style style;
};

struct pack_array {
    enum pack_form form;
    enum pack_bound bound;
    bool huffman; /* of floats */
    size_t alive; /* values that are not zero */
    struct pack_way way;
    struct pack_plane plane;
};

/* Writing: the form that is likely to take least, with its plane filled. */
enum err_code pack_form_choose(const struct param *p, enum pack_coder coder,
                               struct pack_array *f,
                               struct err *err) MUST_CHECK;
/* Whether a list of reals is worth a trial, and its bytes. */
bool pack_form_may_list(const struct param *p, const struct pack_array *f);
size_t pack_list_bytes(const struct param *p);
/* Whether gaps, a bitmap or rows might take less than the bytes that contexts
 * took, and which; entropy: that of the codes, in bits. */
bool pack_way_rival(const struct pack_plane *a, double entropy, size_t bytes,
                    struct pack_way *out);
/* Values that are not zero. */
size_t pack_alive(const struct param *p);

/* Room for n codes, all zero. */
enum err_code pack_plane_code(struct pack_plane *a, size_t n,
                              struct err *err) MUST_CHECK;
void pack_plane_done(struct pack_plane *a);

/* pack_grid.c: whole numbers times scales.  False when p's values are not
 * those of its grid; else fills the plane's codes (there is room) and counts.
 */
bool pack_grid_plane(const struct param *p, struct plane *plane);
/* Scales, zeros and the range of codes; reading makes *g, checked against p's
 * shape, and sets the plane's counts. */
enum err_code pack_grid_scales(struct packer *k, const struct param *p,
                               struct plane *plane, struct grid **g,
                               struct err *err) MUST_CHECK;
uint32_t pack_grid_bits(const struct grid *g, const struct plane *plane,
                        size_t i, unsigned code);

#endif
