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
    struct pack_way way;
    struct pack_plane plane;
};

/* Writing: the form that takes least, with its plane filled. */
enum err_code pack_form_choose(struct packer *k, const struct param *p,
                               enum pack_coder coder, struct pack_array *f,
                               struct err *err) MUST_CHECK;

/* pack_array.c: a's codes, and the way for them that takes least. */
enum err_code pack_codes(struct packer *k, struct pack_plane *a,
                         struct pack_way *way, struct err *err) MUST_CHECK;
enum err_code pack_way_choose(const struct packer *k, struct pack_plane *a,
                              enum pack_coder coder, struct pack_way *out,
                              size_t *least, struct err *err) MUST_CHECK;

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
