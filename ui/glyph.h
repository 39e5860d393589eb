/*
 * Characters of text as cells want them: decoded, harmless, of known width,
 * and in the ASCII tier ASCII.  Threads: any; widths are the locale's.
 */
#ifndef UI_GLYPH_H
#define UI_GLYPH_H

#include <stdint.h>

#include "ui/canvas.h"

struct glyph {
    uint32_t point;
    int width; /* 0: combines with the one before, 1 or 2 columns */
    int bytes; /* of text it takes; 0 at the end */
};
struct glyph glyph_next(enum glyphs tier, const char *text);

/* The nearest ASCII sign. */
uint32_t glyph_ascii(uint32_t point);

/* Appends a code point as UTF-8. */
void glyph_add(struct str *out, uint32_t point);

#endif
