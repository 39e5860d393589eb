#include "ui/glyph.h"

#include <wchar.h>

/* Signs the program itself writes, sorted by code point. */
static const struct {
    uint16_t point;
    char ascii;
} nearest[] = {
    {0xB0, 'o'},   {0xB1, '+'},    {0xB2, '2'},    {0xB5, 'u'},
    {0xB7, '.'},   {0xD7, 'x'},    {0xF7, '/'},    {0x394, 'd'},
    {0x3A3, 'S'},  {0x3B1, 'a'},   {0x3B2, 'b'},   {0x3B3, 'g'},
    {0x3B8, 't'},  {0x3BB, 'l'},   {0x3BC, 'u'},   {0x3C3, 's'},
    {0x2010, '-'}, {0x2011, '-'},  {0x2012, '-'},  {0x2013, '-'},
    {0x2014, '-'}, {0x2018, '\''}, {0x2019, '\''}, {0x201C, '"'},
    {0x201D, '"'}, {0x2020, '+'},  {0x2022, '*'},  {0x2026, '~'},
    {0x2190, '<'}, {0x2191, '^'},  {0x2192, '>'},  {0x2193, 'v'},
    {0x21B3, '>'}, {0x21B5, '/'},  {0x2206, 'd'},  {0x2212, '-'},
    {0x2219, '.'}, {0x221A, 'v'},  {0x221E, '8'},  {0x2248, '~'},
    {0x2260, '!'}, {0x2264, '<'},  {0x2265, '>'},  {0x2500, '-'},
    {0x2501, '='}, {0x2502, '|'},  {0x2503, '|'},  {0x2504, '-'},
    {0x2506, ':'}, {0x2508, '-'},  {0x250A, ':'},  {0x254C, '-'},
    {0x254E, ':'}, {0x256D, '+'},  {0x256E, '+'},  {0x256F, '+'},
    {0x2570, '+'}, {0x2571, '/'},  {0x2572, '\\'}, {0x2573, 'x'},
    {0x2580, '"'}, {0x2584, '_'},  {0x2588, '#'},  {0x2591, '.'},
    {0x2592, ':'}, {0x2593, '%'},  {0x25A0, '#'},  {0x25A1, 'o'},
    {0x25B2, '^'}, {0x25B6, '>'},  {0x25B8, '>'},  {0x25BC, 'v'},
    {0x25BE, 'v'}, {0x25C0, '<'},  {0x25C6, '*'},  {0x25C7, 'o'},
    {0x25CB, 'o'}, {0x25CF, '*'},  {0x2605, '*'},  {0x2713, '+'},
    {0x2717, 'x'},
};

uint32_t glyph_ascii(uint32_t point)
{
    size_t low = 0, high = sizeof(nearest) / sizeof(nearest[0]);

    if (point >= 0x20 && point < 0x7F)
        return point;
    if (point >= 0x250C && point <= 0x254B)
        return '+'; /* corners and crossings */
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (nearest[middle].point == point)
            return (unsigned char)nearest[middle].ascii;
        if (nearest[middle].point < point)
            low = middle + 1;
        else
            high = middle;
    }
    return '?';
}

/* Terminals disagree about the width of flags, skin tones and variation
 * selectors. */
static bool width_unsure(uint32_t point)
{
    return (point >= 0x1F1E6 && point <= 0x1F1FF) ||
           (point >= 0x1F3FB && point <= 0x1F3FF) ||
           (point >= 0xFE00 && point <= 0xFE0F) || point >= 0xE0000;
}

static void set_width(struct glyph *g)
{
    g->width = g->point < 0x7F ? 1 : wcwidth((wchar_t)g->point);
    if (g->width < 0 || g->width > 2 || width_unsure(g->point)) {
        g->point = '?';
        g->width = 1;
    }
}

static void to_ascii(struct glyph *g)
{
    if (g->point >= 0x300 && g->point < 0x370) { /* combining accents */
        g->width = 0;
        g->point = 0;
        return;
    }
    g->point = glyph_ascii(g->point);
    g->width = 1;
}

struct glyph glyph_next(enum glyphs tier, const char *text)
{
    struct glyph g = {.width = 1};

    if (*text == '\0')
        return g;
    g.bytes = str_decode(text, &g.point);
    if (g.bytes == 0) {
        g.bytes = 1;
        g.point = '?';
    } else if (str_steers(g.point)) {
        g.point = g.point < 0x20 ? '^' : '?';
    } else if (tier == GLYPHS_ASCII) {
        to_ascii(&g);
    } else {
        set_width(&g);
    }
    return g;
}

void glyph_add(struct str *out, uint32_t point)
{
    char b[4];
    size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t i;

    for (i = n - 1; i > 0; i--) {
        b[i] = (char)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    b[0] = (char)(point | lead[n]);
    str_add_bytes(out, b, n);
}
