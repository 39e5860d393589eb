/*
 * The ramps are picks out of the 256 colours along a path of even steps in
 * CIELAB: HEAT from dark blue over grey to pale yellow, its lightness rising
 * all the way, DIVERGE from blue over white to orange.  Neighbours stay
 * apart, and in order, for eyes without red or green receptors; the tests
 * simulate those.
 */
#include "ui/palette.h"

#include "base/mem.h"

enum { SIDE = 257 }; /* colours and the terminal's own */

static const struct {
    short dark, light, basic, ground_dark, ground_light;
    uint8_t attr, mono;
} roles[] = {
#define ROLE(name, letter, dark, light, basic, ground_dark, ground_light, \
             attr, mono)                                                  \
    {dark, light, basic, ground_dark, ground_light, attr, mono},
#include "ui/roles.def"
#undef ROLE
};

int palette_ramp(enum role role)
{
    static const uint8_t heat[HEAT_LEVELS] = {18,  20,  25,  60,  67,  245,
                                              247, 144, 179, 186, 221, 228};
    static const uint8_t diverge[HEAT_LEVELS] = {20,  26,  32,  74,  153, 255,
                                                 230, 223, 215, 208, 166, 94};
    int i = (int)role;

    if (i >= ROLE_CUBE)
        return 16 + i - ROLE_CUBE;
    if (i == ROLE_GREY)
        return 16;
    if (i >= ROLE_GREY)
        return i == ROLE_CUBE - 1 ? 231 : 232 + i - ROLE_GREY;
    if (i >= ROLE_DIVERGE)
        return diverge[i - ROLE_DIVERGE];
    return heat[i - ROLE_HEAT];
}

static int foreground(unsigned role, enum colours colours, bool light)
{
    if (role >= ROLE_NAMED)
        return colours == COLOURS_256 ? palette_ramp((enum role)role) : -1;
    switch (colours) {
    case COLOURS_256:
        return light ? roles[role].light : roles[role].dark;
    case COLOURS_16:
        return roles[role].basic;
    case COLOURS_8:
        return roles[role].basic < 0 ? -1 : roles[role].basic & 7;
    case COLOURS_MONO:
    default:
        return -1;
    }
}

static bool has_ground(unsigned role)
{
    return role < ROLE_NAMED && roles[role].ground_dark >= 0;
}

static int background(unsigned ground, enum colours colours, bool light)
{
    if (ground == ROLE_NORMAL || colours != COLOURS_256)
        return -1;
    if (has_ground(ground))
        return light ? roles[ground].ground_light : roles[ground].ground_dark;
    return foreground(ground, colours, light);
}

struct look palette_look(const struct cell *cell, enum colours colours,
                         bool light)
{
    struct look look = {.fg = foreground(cell->role, colours, light),
                        .bg = background(cell->ground, colours, light),
                        .attr = cell->attr};

    if (cell->role < ROLE_NAMED)
        look.attr |= colours == COLOURS_MONO ? roles[cell->role].mono
                                             : roles[cell->role].attr;
    if (has_ground(cell->ground) && colours != COLOURS_256) {
        look.attr ^= ATTR_REVERSE;
        look.fg = -1; /* colours on a reversed row are hard to read */
    }
    if (colours == COLOURS_8 && cell->role < ROLE_NAMED && look.fg >= 0 &&
        roles[cell->role].basic >= 8)
        look.attr |= ATTR_BOLD;
    return look;
}

void pairs_init(struct pairs *p, int limit,
                int (*make)(int pair, int fg, int bg))
{
    if (limit > UINT16_MAX)
        limit = UINT16_MAX;
    *p = (struct pairs){.limit = limit, .make = make, .count = 1};
    p->made = mem_array((size_t)(limit > 0 ? limit : 1), sizeof(*p->made));
    p->made[0] = (struct pair){-1, -1};
    p->number = mem_array(SIDE * SIDE, sizeof(*p->number));
}

void pairs_done(struct pairs *p)
{
    mem_free(p->made);
    mem_free(p->number);
    *p = (struct pairs){0};
}

/* The background matters most: it is what a heat map shows. */
static int nearest(const struct pairs *p, int fg, int bg)
{
    int best = 0, least = 1 << 30, i;

    for (i = 0; i < p->count; i++) {
        int down = p->made[i].bg - bg, up = p->made[i].fg - fg;
        int distance = 4 * down * down + up * up;

        if (distance < least) {
            least = distance;
            best = i;
        }
    }
    return best;
}

int pairs_find(struct pairs *p, int fg, int bg)
{
    uint16_t *number;

    if (p->number == NULL || fg < -1 || bg < -1 || fg > 255 || bg > 255 ||
        (fg == -1 && bg == -1))
        return 0;
    number = &p->number[(fg + 1) * SIDE + bg + 1];
    if (*number != 0)
        return *number;
    if (p->count >= p->limit || p->make(p->count, fg, bg) != 0)
        return nearest(p, fg, bg);
    p->made[p->count] = (struct pair){(short)fg, (short)bg};
    *number = (uint16_t)p->count;
    return p->count++;
}
