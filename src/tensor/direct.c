#include "tensor/direct.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "par/meter.h"
#include "tensor/isa.h"
#include "tensor/vec.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define GRID_MOST    8
#define VECTORS_MOST 4
#define OWN_MIDDLE   16
/* Weights that a sweep over the places reads again and again should stay in
 * the second-level cache, gradients at work and what they read in the first. */
#define WEIGHT_FLOATS   (48 * 1024)
#define GRADIENT_PLACES 96
#define AHEAD           8 /* places that are looked at for blanks together */

/* One grid of sums; `start` is what they begin with, or dy. */
struct tile {
    const struct direct *d;
    const float *x, *w, *start;
    float *y;
    size_t start_place; /* from place to place */
    size_t w_row;       /* from weight to weight of a unit */
    size_t last;        /* where the last vector of the panel stands */
    size_t skip;        /* lanes of it that the vector before has too */
    size_t run;
    int rows; /* of the window; of a gradient: lines of places */
    bool add; /* to the gradient that is there */
};

typedef void tile_loop(const struct tile *t, int rows);

struct kernel {
    int lanes, vectors;
    int grid[VECTORS_MOST];
    tile_loop *product[VECTORS_MOST], *gradient[VECTORS_MOST];
    /* with four lanes behind the vectors */
    tile_loop *product_end[VECTORS_MOST], *gradient_end[VECTORS_MOST];
};

/* From OWN_MIDDLE - n on: n lanes of nothing, then lanes of ones. */
static const int32_t own_lanes[2 * OWN_MIDDLE] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

/* Vectors that may lie on any float. */
typedef float lanes4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t whole4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int64_t two_longs __attribute__((vector_size(16)));

#define KERNEL_TARGET
#define KERNEL(name)   plain_##name
#define VECTOR         lanes4
#define WHOLE          whole4
#define LANES          4
#define VECTORS        2
#define GRID(vectors)  ((vectors) == 1 ? 8 : 6)
#define SPREAD(f)      ((lanes4){(f), (f), (f), (f)})
#define MADD(a, b, c)  ((a) * (b) + (c))
#define MADD4(a, b, c) MADD(a, b, c)
#define LOW(v)         (v)
#include "tensor/direct_kernel.h"

#if defined(__x86_64__)
typedef float lanes8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t whole8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float lanes16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t whole16 __attribute__((vector_size(64), aligned(4), may_alias));

#define KERNEL_TARGET  __attribute__((target("avx2,fma")))
#define KERNEL(name)   fma_##name
#define VECTOR         lanes4
#define WHOLE          whole4
#define LANES          4
#define VECTORS        1
#define GRID(vectors)  8
#define SPREAD(f)      ((lanes4)_mm_set1_ps(f))
#define MADD(a, b, c)  ((lanes4)_mm_fmadd_ps((a), (b), (c)))
#define MADD4(a, b, c) MADD(a, b, c)
#define LOW(v)         (v)
#include "tensor/direct_kernel.h"

#define KERNEL_TARGET  __attribute__((target("avx2,fma")))
#define KERNEL(name)   avx2_##name
#define VECTOR         lanes8
#define WHOLE          whole8
#define LANES          8
#define VECTORS        2
#define GRID(vectors)  ((vectors) == 1 ? 8 : (vectors) == 2 ? 6 : 4)
#define SPREAD(f)      ((lanes8)_mm256_set1_ps(f))
#define MADD(a, b, c)  ((lanes8)_mm256_fmadd_ps((a), (b), (c)))
#define MADD4(a, b, c) ((lanes4)_mm_fmadd_ps((a), (b), (c)))
#define LOW(v)         ((lanes4)_mm256_castps256_ps128(v))
#include "tensor/direct_kernel.h"

#define KERNEL_TARGET  __attribute__((target("avx512f,fma")))
#define KERNEL(name)   avx512_##name
#define VECTOR         lanes16
#define WHOLE          whole16
#define LANES          16
#define VECTORS        4
#define GRID(vectors)  ((vectors) < 4 ? 8 : 6)
#define SPREAD(f)      ((lanes16)_mm512_set1_ps(f))
#define MADD(a, b, c)  ((lanes16)_mm512_fmadd_ps((a), (b), (c)))
#define MADD4(a, b, c) ((lanes4)_mm_fmadd_ps((a), (b), (c)))
#define LOW(v)         ((lanes4)_mm512_castps512_ps128(v))
#include "tensor/direct_kernel.h"
#endif

/* The processor's kernels, the widest first, NULL at the end. */
static const struct kernel *const *kernels(void)
{
    static const struct kernel *const plain[] = {&plain_kernel, NULL};
#if defined(__x86_64__)
    static const struct kernel *const all[] = {&avx512_kernel, &avx2_kernel,
                                               &fma_kernel, NULL};

    if (isa_now() != ISA_PLAIN)
        return all + (isa_now() == ISA_AVX2);
#endif
    return plain;
}

/* Units first..next-1 are done by one kernel: so many whole vectors at a time,
 * and four lanes where it has an end. */
struct panel {
    const struct kernel *kernel;
    int vectors;
    bool end;
    size_t first, next, last, skip;
};

/* What a panel is for. */
enum use { PRODUCT, GRADIENT };

/* Vectors that a panel has room for beside an end. */
static size_t ends(const struct kernel *k, enum use use)
{
    tile_loop *const *loop = use == PRODUCT ? k->product_end : k->gradient_end;
    size_t n = 0;

    while (n < VECTORS_MOST && loop[n] != NULL)
        n++;
    return n;
}

/* How many vectors take `left` units; more than half of one is worth a vector,
 * if the last kernel does not come anyway. */
static size_t vectors_for(const struct kernel *k, size_t left, bool is_last)
{
    size_t lanes = (size_t)k->lanes, rest = left % lanes;

    return left / lanes + (is_last ? rest > 0 : rest > lanes / 2);
}

static bool ends_so(const struct kernel *k, enum use use, size_t left)
{
    size_t rest = left % (size_t)k->lanes;

    return ends(k, use) > 0 && rest > 0 && rest <= DIRECT_LEAST;
}

static const struct kernel *kernel_for(size_t left, size_t units)
{
    const struct kernel *const *k = kernels();

    while (units < (size_t)(*k)->lanes ||
           vectors_for(*k, left, k[1] == NULL) == 0)
        k++;
    return *k;
}

static struct panel panel_from(size_t first, size_t units, enum use use)
{
    size_t left = units - first, lanes, count, taken, panels, wide;
    struct panel p = {.first = first, .kernel = kernel_for(left, units)};

    lanes = (size_t)p.kernel->lanes;
    count = vectors_for(p.kernel, left, lanes == DIRECT_LEAST);
    p.end = ends_so(p.kernel, use, left);
    taken =
        count + (p.end ? (size_t)p.kernel->vectors - ends(p.kernel, use) : 0);
    panels =
        (taken + (size_t)p.kernel->vectors - 1) / (size_t)p.kernel->vectors;
    p.end = p.end && panels == 1;
    p.vectors = (int)(p.end ? count : (taken + panels - 1) / panels);
    wide = (size_t)p.vectors * lanes;
    p.last = wide - (p.end ? 0 : lanes);
    p.next = first + wide + (p.end ? DIRECT_LEAST : 0);
    if (p.next <= units)
        return p;
    p.skip = p.next - units;
    p.next = units;
    if (p.vectors > 1 || p.end)
        p.last -= p.skip;
    else
        p.first -= p.skip;
    return p;
}

static size_t panel_width(const struct panel *p)
{
    return p->last + (size_t)(p->end ? DIRECT_LEAST : p->kernel->lanes);
}

/* Rows of sums of a tile of the panel. */
static int panel_grid(const struct panel *p)
{
    return p->kernel->grid[p->vectors - 1 + p->end];
}

/* n as equal tiles of at most `most`: how many the next one takes. */
static int tile_of(int n, int most)
{
    int tiles = (n + most - 1) / most;

    return (n + tiles - 1) / tiles;
}

/* Part of the window: so many floats of so many rows. */
struct part {
    int row, rows;
    size_t from, run;
};

/* w: of the panel's first unit */
static void sweep(const struct direct *d, const struct panel *p,
                  const struct part *part, const float *x, const float *w,
                  const float *bias, float *y)
{
    size_t w_row = d->w_row > 0 ? d->w_row : panel_width(p);
    struct tile t = {.d = d,
                     .w = w + ((size_t)part->row * d->run + part->from) * w_row,
                     .w_row = w_row,
                     .last = p->last,
                     .run = part->run,
                     .rows = part->rows};
    bool first = part->row == 0 && part->from == 0;
    tile_loop *const *loop =
        p->end ? p->kernel->product_end : p->kernel->product;
    int most = panel_grid(p), line, place, count;

    x += (size_t)part->row * d->x_row + part->from;
    for (line = 0; line < d->lines; line++, t.w += d->w_line) {
        for (place = 0; place < d->places; place += count) {
            count = tile_of(d->places - place, most);
            t.x = x + (size_t)line * d->x_line + (size_t)place * d->x_place;
            t.y = y + (size_t)line * d->y_line + (size_t)place * d->y_place +
                  p->first;
            t.start = !first ? t.y : bias != NULL ? bias + p->first : NULL;
            t.start_place = first ? 0 : d->y_place;
            loop[p->vectors - 1](&t, count);
        }
    }
}

/* The next part of the window whose weights for a panel fit the cache. */
static struct part part_after(const struct direct *d, const struct panel *p,
                              struct part at)
{
    size_t wide = (size_t)(p->vectors * p->kernel->lanes);
    size_t most = WEIGHT_FLOATS / wide, rows;

    at.from += at.run;
    if (at.from >= d->run) {
        at.from = 0;
        at.row += at.rows;
    }
    rows = most / (d->run > 0 ? d->run : 1);
    at.rows = 1;
    if (rows == 0) {
        at.run = d->run - at.from < most ? d->run - at.from : most;
        return at;
    }
    at.run = d->run;
    at.rows = d->rows - at.row;
    if ((size_t)at.rows > rows)
        at.rows = (int)rows;
    return at;
}

size_t direct_pack_count(const struct direct *d)
{
    struct panel p = {0};
    size_t width = 0;

    while (p.next < d->units) {
        p = panel_from(p.next, d->units, PRODUCT);
        width += panel_width(&p);
    }
    return (size_t)d->rows * d->run * width;
}

void direct_pack(const struct direct *d, const float *w, float *packed)
{
    size_t rows = (size_t)d->rows * d->run, i;
    struct panel p = {0};

    while (p.next < d->units) {
        p = panel_from(p.next, d->units, PRODUCT);
        for (i = 0; i < rows; i++, packed += panel_width(&p))
            memcpy(packed, w + i * d->w_row + p.first,
                   panel_width(&p) * sizeof(*packed));
    }
}

void direct_product(const struct direct *d, const float *x, const float *w,
                    const float *bias, float *y)
{
    enum meter_phase before = meter_enter(METER_PRODUCTS);
    size_t rows = (size_t)d->rows * d->run;
    struct panel p = {0};

    while (p.next < d->units) {
        struct part part = {0};

        p = panel_from(p.next, d->units, PRODUCT);
        do {
            part = part_after(d, &p, part);
            sweep(d, &p, &part, x, d->w_row > 0 ? w + p.first : w, bias, y);
        } while (part.row + part.rows < d->rows ||
                 (d->rows > 0 && part.from + part.run < d->run));
        if (d->w_row == 0)
            w += rows * panel_width(&p);
    }
    meter_enter(before);
}

/* Lines first..first+lines-1 of one panel. */
static void add_lines(const struct direct *d, const struct panel *p, int first,
                      int lines, bool add, const float *x, const float *dy,
                      float *dw)
{
    struct tile t = {.d = d,
                     .start = dy + (size_t)first * d->y_line + p->first,
                     .last = p->last,
                     .skip = p->skip,
                     .rows = lines,
                     .add = add};
    tile_loop *const *loop =
        p->end ? p->kernel->gradient_end : p->kernel->gradient;
    int most = panel_grid(p), row, count;
    size_t r;

    x += (size_t)first * d->x_line;
    for (row = 0; row < d->rows; row++) {
        for (r = 0; r < d->run; r += (size_t)count) {
            count = tile_of((int)(d->run - r), most);
            t.x = x + (size_t)row * d->x_row + r;
            t.y = dw + ((size_t)row * d->run + r) * d->w_row + p->first;
            loop[p->vectors - 1](&t, count);
        }
    }
}

void direct_gradient(const struct direct *d, const float *x, const float *dy,
                     bool add, float *dw)
{
    enum meter_phase before = meter_enter(METER_PRODUCTS);
    int lines = d->places < GRADIENT_PLACES ? GRADIENT_PLACES / d->places : 1;
    struct panel p;
    int first;

    for (first = 0; first < d->lines; first += lines) {
        if (lines > d->lines - first)
            lines = d->lines - first;
        for (p.next = 0; p.next < d->units;) {
            p = panel_from(p.next, d->units, GRADIENT);
            add_lines(d, &p, first, lines, add || first > 0, x, dy, dw);
        }
    }
    meter_enter(before);
}

void direct_product_ref(const struct direct *d, const float *x, const float *w,
                        const float *bias, float *y)
{
    int line, place, row;
    size_t r, k;

    for (line = 0; line < d->lines; line++) {
        for (place = 0; place < d->places; place++) {
            const float *from =
                x + (size_t)line * d->x_line + (size_t)place * d->x_place;
            float *to =
                y + (size_t)line * d->y_line + (size_t)place * d->y_place;

            for (k = 0; k < d->units; k++) {
                double sum = bias != NULL ? (double)bias[k] : 0.0;

                for (row = 0; row < d->rows; row++) {
                    for (r = 0; r < d->run; r++)
                        sum += (double)from[(size_t)row * d->x_row + r] *
                               (double)
                                   w[(size_t)line * d->w_line +
                                     ((size_t)row * d->run + r) * d->w_row + k];
                }
                to[k] = (float)sum;
            }
        }
    }
}

void direct_gradient_ref(const struct direct *d, const float *x,
                         const float *dy, double *dw)
{
    int line, place, row;
    size_t r, k;

    for (line = 0; line < d->lines; line++) {
        for (place = 0; place < d->places; place++) {
            const float *from =
                x + (size_t)line * d->x_line + (size_t)place * d->x_place;
            const float *by =
                dy + (size_t)line * d->y_line + (size_t)place * d->y_place;

            for (row = 0; row < d->rows; row++) {
                for (r = 0; r < d->run; r++) {
                    for (k = 0; k < d->units; k++)
                        dw[((size_t)row * d->run + r) * d->w_row + k] +=
                            (double)from[(size_t)row * d->x_row + r] *
                            (double)by[k];
                }
            }
        }
    }
}
