/*
 * Both products are sums of rows: y[s] of the rows w[i], weighted by x[s][i],
 * and dw[i] of the rows dy[s].  The inputs are taken some at a time, so that
 * the rows a tile sees stay near the core while all samples use them; and for a
 * single sample, so that w is read in its order.
 *
 * A vector that lies across two lines of the cache costs two loads.  dy is
 * copied to rows that begin on a line.  w is not, which would cost as much as
 * it saves: where its rows begin on 16 bytes, as with 300 or 100 units, those
 * that begin alike on a line (with AVX2 on half of one) are a class, of every
 * fourth or second row.  They are taken from a few floats earlier on, where a
 * line begins, and have sums of their own that are put together at the end.  So
 * a class has the more inputs at a time: sums are less often read and written.
 *
 * 784 to 300 on digits, of which 19 % are alive, one core, 32 samples: on a
 * Zen 4 45 us forward and 46 us for the kernel, with AVX2 51 and 55, where
 * OpenBLAS takes 172 and 164.  On a first EPYC an earlier version was four
 * times as fast as that for 32 samples, and ten times for one, for which it
 * packs the whole matrix.
 */
#include "tensor/zeros.h"

#include <stdint.h>

#include "par/meter.h"
#include "tensor/isa.h"
#include "tensor/rows.h"
#include "tensor/vec.h"

#define BLOCK      64  /* inputs that are taken at a time … */
#define CLASS_MOST 128 /* … of each class of rows */
#define DENSE_FROM 0.5
#define LOOKED_AT  16 /* rows of x that tell how many values are alive */
#define HALF       (VEC_LINE / 2)
#define QUARTER    (VEC_LINE / 4)
#define CLASSES    4                 /* at most */
#define WIDE       (4 * VEC_LINE)    /* floats from which lines are worth it */
#define COUNTED    ((size_t)1 << 30) /* values that 32 bits count */

/* What rows should begin on: a line, or half of one. */
static size_t whole_of(size_t apart)
{
    return isa_now() == ISA_AVX512 && apart >= WIDE ? VEC_LINE : HALF;
}

/* Rows from one that begins there to the next; 1 where there are too many
 * between. */
static size_t classes_of(size_t apart, size_t whole)
{
    size_t n = 1;

    while (n * apart % whole != 0)
        n *= 2;
    return n <= whole / QUARTER ? n : 1;
}

static size_t apart_of(const struct zeros *z)
{
    return z->apart > 0 ? z->apart : z->units;
}

static size_t x_apart_of(const struct zeros *z)
{
    return z->x_apart > 0 ? z->x_apart : z->inputs;
}

static size_t y_apart_of(const struct zeros *z)
{
    return z->y_apart > 0 ? z->y_apart : apart_of(z);
}

/* Floats that the bits of so many lists take. */
static size_t bits_of(size_t lists, size_t values)
{
    return lists * rows_words(values) * (sizeof(uint64_t) / sizeof(float));
}

/* Floats from row to row of the sums of a class. */
static size_t sums_line(size_t units)
{
    return vec_lines(units + VEC_LINE - QUARTER);
}

/* As the widest vectors want it. */
static size_t classes_scratch(size_t rows, size_t units)
{
    size_t n = classes_of(units, VEC_LINE);

    if (n == 1)
        n = classes_of(units, HALF);
    if (n == 1)
        return 0;
    return bits_of(rows, n * CLASS_MOST) + bits_of(rows, CLASS_MOST) +
           CLASS_MOST + n * rows * sums_line(units);
}

size_t zeros_scratch(size_t rows, size_t units)
{
    size_t plain = bits_of(rows, BLOCK) + BLOCK;
    size_t kernel = rows * vec_lines(units) + bits_of(BLOCK, rows) + rows;
    size_t most = plain > kernel ? plain : kernel;
    size_t classes = classes_scratch(rows, units);

    return most > classes ? most : classes;
}

VEC_CLONES
static size_t count_alive(const float *x, size_t n)
{
    size_t all = 0, first, i;

    for (first = 0; first < n; first += COUNTED) {
        size_t end = n - first < COUNTED ? n : first + COUNTED;
        uint32_t alive = 0;

        for (i = first; i < end; i++)
            alive += x[i] != 0.0f;
        all += alive;
    }
    return all;
}

bool zeros_pay(const struct zeros *z, const float *x)
{
    size_t step = z->rows / LOOKED_AT, n = 0, alive = 0, s;

    if (z->units < ROWS_LEAST)
        return false;
    if (z->rows <= ZEROS_FEW)
        return true;
    step = step > 0 ? step : 1;
    for (s = 0; s < z->rows; s += step, n += z->inputs)
        alive += count_alive(x + s * x_apart_of(z), z->inputs);
    return (double)alive < DENSE_FROM * (double)n;
}

/* y = x w + b, block by block. */
static void forward_plain(const struct zeros *z, const float *x, const float *w,
                          const float *b, float *y)
{
    uint32_t *at = (uint32_t *)(void *)(z->scratch + bits_of(z->rows, BLOCK));
    struct rows r = {.x = x,
                     .lists = z->rows,
                     .x_list = x_apart_of(z),
                     .x_step = 1,
                     .alive = (uint64_t *)(void *)z->scratch,
                     .w = w,
                     .start = b,
                     .w_at = at,
                     .y = y,
                     .y_stride = y_apart_of(z)};
    size_t first;

    rows_at(at, BLOCK, apart_of(z));
    for (first = 0; first < z->inputs; first += BLOCK) {
        r.values = z->inputs - first < BLOCK ? z->inputs - first : BLOCK;
        r.x = x + first;
        r.w = w + first * apart_of(z);
        rows_find(&r);
        rows_sum(&r, z->units);
        r.add = true;
    }
}

/* Rows of w by where on a line they begin, and the sums of each class. */
struct classes {
    size_t n, whole;    /* classes; floats of a line, or of half of one */
    size_t inputs;      /* of all of them that are taken at a time */
    size_t line, apart; /* floats from sum to sum, from class to class */
    float *sums;        /* (n, rows, line) */
    uint64_t *found, *alive;
    uint32_t *at;
};

static struct classes classes_for(const struct zeros *z, size_t n, size_t whole)
{
    struct classes c = {.n = n, .whole = whole, .line = sums_line(z->units)};
    size_t most = n * CLASS_MOST, blocks = (z->inputs + most - 1) / most;
    float *rest;

    c.inputs = (z->inputs + n * blocks - 1) / (n * blocks) * n;
    c.apart = z->rows * c.line;
    c.sums = z->scratch;
    rest = c.sums + n * c.apart;
    c.found = (uint64_t *)(void *)rest;
    rest += bits_of(z->rows, most);
    c.alive = (uint64_t *)(void *)rest;
    rest += bits_of(z->rows, CLASS_MOST);
    c.at = (uint32_t *)(void *)rest;
    rows_at(c.at, CLASS_MOST, n * apart_of(z));
    return c;
}

/* Floats before a row of class `number` from which on it is taken. */
static size_t early(const struct zeros *z, const struct classes *c,
                    size_t number)
{
    return number * apart_of(z) % c->whole;
}

/* What class `number` of the block r gives to its sums.  Its rows are read to
 * the end of a line where the last row of all ends one. */
static void add_class(const struct zeros *z, const struct classes *c,
                      size_t number, struct rows r)
{
    struct thinning t = {.alive = r.alive,
                         .lists = r.lists,
                         .words = rows_words(r.values),
                         .step = c->n,
                         .first = number};
    size_t before = early(z, c, number), width = before + z->units;

    if (r.values <= number)
        return;
    if (z->inputs % c->n == 0)
        width = (width + c->whole - 1) / c->whole * c->whole;
    rows_thin(&t, c->alive);
    r.alive = c->alive;
    r.values = (r.values - number + c->n - 1) / c->n;
    r.x += number;
    r.x_step = c->n;
    r.w += number * apart_of(z) - before;
    r.w_at = c->at;
    r.y = c->sums + number * c->apart;
    r.y_stride = c->line;
    rows_sum(&r, width);
}

/* y (n) = the sums of two classes or four */
VEC_CLONES
static void join(const float *const *part, size_t parts, size_t n, float *y)
{
    const float *a = part[0], *b = part[1], *c = part[2], *d = part[3];
    size_t k;

    if (parts == 2) {
        VEC_LOOP
        for (k = 0; k < n; k++)
            y[k] = a[k] + b[k];
        return;
    }
    VEC_LOOP
    for (k = 0; k < n; k++)
        y[k] = (a[k] + b[k]) + (c[k] + d[k]);
}

static void join_classes(const struct zeros *z, const struct classes *c,
                         const float *b, float *y)
{
    const float *part[CLASSES] = {NULL};
    size_t s, k;

    for (s = 0; s < z->rows; s++, y += y_apart_of(z)) {
        for (k = 0; k < c->n; k++)
            part[k] = c->sums + k * c->apart + s * c->line + early(z, c, k);
        join(part, c->n, z->units, y);
        if (b != NULL)
            vec_add(b, y, z->units);
    }
}

static void forward_classes(const struct zeros *z, struct classes c,
                            const float *x, const float *w, const float *b,
                            float *y)
{
    struct rows r = {.lists = z->rows,
                     .x_list = x_apart_of(z),
                     .x_step = 1,
                     .alive = c.found};
    size_t first, k;

    for (first = 0; first < z->inputs; first += c.inputs) {
        r.values = z->inputs - first < c.inputs ? z->inputs - first : c.inputs;
        r.x = x + first;
        r.w = w + first * apart_of(z);
        r.add = first > 0;
        rows_find(&r);
        for (k = 0; k < c.n; k++)
            add_class(z, &c, k, r);
    }
    join_classes(z, &c, b, y);
}

void zeros_forward(const struct zeros *z, const float *x, const float *w,
                   const float *b, float *y)
{
    enum meter_phase before = meter_enter(METER_PRODUCTS);
    size_t whole = whole_of(apart_of(z)), n = classes_of(apart_of(z), whole);

    if (n > 1 && z->inputs >= n)
        forward_classes(z, classes_for(z, n, whole), x, w, b, y);
    else
        forward_plain(z, x, w, b, y);
    meter_enter(before);
}

void zeros_kernel(const struct zeros *z, const float *x, const float *dy,
                  float *dw)
{
    enum meter_phase before = meter_enter(METER_PRODUCTS);
    size_t line = vec_lines(z->units), first, s;
    float *copy = z->scratch, *bits = copy + z->rows * line;
    uint32_t *at = (uint32_t *)(void *)(bits + bits_of(BLOCK, z->rows));
    struct rows r = {.values = z->rows,
                     .x_list = 1,
                     .x_step = z->inputs,
                     .alive = (uint64_t *)(void *)bits,
                     .w = copy,
                     .w_at = at,
                     .y_stride = z->units};

    rows_at(at, z->rows, line);
    for (s = 0; s < z->rows; s++)
        vec_copy(dy + s * z->units, copy + s * line, z->units);
    for (first = 0; first < z->inputs; first += BLOCK) {
        r.lists = z->inputs - first < BLOCK ? z->inputs - first : BLOCK;
        r.x = x + first;
        r.y = dw + first * z->units;
        rows_find(&r);
        rows_sum(&r, z->units);
    }
    meter_enter(before);
}

size_t zeros_some_scratch(size_t rows, size_t inputs)
{
    return bits_of(inputs, rows) + rows;
}

VEC_CLONES
static size_t count_bits(const uint64_t *bits, size_t words)
{
    size_t count = 0, i;

    for (i = 0; i < words; i++)
        count += (size_t)__builtin_popcountll(bits[i]);
    return count;
}

bool zeros_kernel_some(const struct zeros *z, const float *x, const float *dy,
                       bool add, float *dw)
{
    float *bits = z->scratch;
    uint32_t *at = (uint32_t *)(void *)(bits + bits_of(z->inputs, z->rows));
    struct rows r = {.x = x,
                     .lists = z->inputs,
                     .values = z->rows,
                     .x_list = 1,
                     .x_step = x_apart_of(z),
                     .alive = (uint64_t *)(void *)bits,
                     .w = dy,
                     .w_at = at,
                     .y = dw,
                     .y_stride = z->units,
                     .add = add};
    enum meter_phase before = meter_enter(METER_PRODUCTS);
    bool pays = z->units >= ROWS_LEAST;

    if (pays) {
        rows_find(&r);
        pays = (double)count_bits(r.alive, r.lists * rows_words(r.values)) <
               DENSE_FROM * (double)(r.lists * r.values);
    }
    if (pays) {
        rows_at(at, z->rows, vec_lines(z->units));
        rows_sum(&r, z->units);
    }
    meter_enter(before);
    return pays;
}

void zeros_forward_ref(const struct zeros *z, const float *x, const float *w,
                       const float *b, float *y)
{
    size_t s, i, k;

    for (s = 0; s < z->rows; s++) {
        for (k = 0; k < z->units; k++) {
            double sum = b != NULL ? (double)b[k] : 0.0;

            for (i = 0; i < z->inputs; i++)
                sum +=
                    (double)x[s * z->inputs + i] * (double)w[i * z->units + k];
            y[s * z->units + k] = (float)sum;
        }
    }
}

void zeros_kernel_ref(const struct zeros *z, const float *x, const float *dy,
                      float *dw)
{
    size_t s, i, k;

    for (i = 0; i < z->inputs; i++) {
        for (k = 0; k < z->units; k++) {
            double sum = 0.0;

            for (s = 0; s < z->rows; s++)
                sum +=
                    (double)x[s * z->inputs + i] * (double)dy[s * z->units + k];
            dw[i * z->units + k] = (float)sum;
        }
    }
}
