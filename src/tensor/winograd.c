/*
 * Some tiles at a time, so that what the 36 products read and write stays in
 * the second-level cache.  Each product is one of direct.h: (tiles, C) by
 * (C, K).
 */
#include "tensor/winograd.h"

#include "par/meter.h"
#include "tensor/border.h"
#include "tensor/direct.h"
#include "tensor/isa.h"
#include "tensor/vec.h"

#define SIDE        6
#define POINTS      (SIDE * SIDE)
#define TAPS_MOST   5
#define BLOCK       (64 * 1024) /* floats of transformed tiles at a time */
#define TILES_LEAST 8
#define TILES_MOST  64
#define LEAST       8 /* channels and filters */

/*
 * The points: 0, plus and minus NEAR, plus and minus FAR, infinity.  Powers of
 * 1 and 2, which are the usual ones, reach from 1 to 16 and lose bits when they
 * cancel: with 64 channels the error is 4.0 (3x3) and 3.1 (5x5) times that of
 * plain sums, with these 1.9 and 1.3 times.
 */
#define NEAR       0.75f
#define FAR        1.5f
#define NEAR2      (NEAR * NEAR)
#define FAR2       (FAR * FAR)
#define NEAR_SHARE (1.0f / (2.0f * NEAR2 * (NEAR2 - FAR2)))
#define FAR_SHARE  (1.0f / (2.0f * FAR2 * (FAR2 - NEAR2)))

/* Where the outputs of a tile go; a tile may reach out of the image. */
struct place {
    float *y;
    const float *bias;
    size_t line, step; /* from line to line, from output to output */
    int high, wide;    /* outputs inside */
};

typedef float lanes4 __attribute__((vector_size(16), aligned(4), may_alias));

#define KERNEL_TARGET
#define KERNEL(name) lanes4_##name
#define VECTOR       lanes4
#include "tensor/winograd_kernel.h"

#if defined(__x86_64__)
typedef float lanes8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float lanes16 __attribute__((vector_size(64), aligned(4), may_alias));

#define KERNEL_TARGET __attribute__((target("avx2")))
#define KERNEL(name)  lanes8_##name
#define VECTOR        lanes8
#include "tensor/winograd_kernel.h"

#define KERNEL_TARGET __attribute__((target("avx512f")))
#define KERNEL(name)  lanes16_##name
#define VECTOR        lanes16
#include "tensor/winograd_kernel.h"
#endif

struct kernel {
    size_t lanes;
    void (*input)(const float *x, size_t line, size_t c, float *v,
                  size_t apart);
    void (*output)(const struct place *p, const float *m, size_t apart,
                   int outputs);
    void (*kernel)(const float *g, size_t tap, int size, float *u,
                   size_t apart);
};

/* The widest first. */
static const struct kernel *kernels(void)
{
    static const struct kernel all[] = {
#if defined(__x86_64__)
        {16, lanes16_input, lanes16_output, lanes16_kernel},
        {8, lanes8_input, lanes8_output, lanes8_kernel},
#endif
        {4, lanes4_input, lanes4_output, lanes4_kernel}
    };

#if defined(__x86_64__)
    return all + (ISA_AVX512 - isa_now());
#else
    return all;
#endif
}

/* The kernel for channels `at` on, moved back where fewer are left than the
 * narrowest takes. */
static const struct kernel *kernel_at(const struct kernel *k, size_t *at,
                                      size_t n)
{
    while (k->lanes > 4 && k->lanes > n - *at)
        k++;
    if (k->lanes > n - *at)
        *at = n - k->lanes;
    return k;
}

/* A convolution of this kind. */
struct job {
    const struct window *w;
    int outputs;          /* of a tile, along an axis */
    int down, across;     /* tiles of a sample */
    size_t c, k;          /* channels, filters */
    struct border border; /* what all tiles see of a sample */
    struct direct d;      /* the 36 products: a line each */
    size_t packed;        /* floats of a packed kernel of it */
    size_t block;         /* tiles at a time */
    size_t v, m;          /* floats from point to point of their transforms */
    const struct kernel *kernels;
};

int winograd_rows(const struct window *w)
{
    int outputs = SIDE + 1 - w->kh;

    return (w->out_h + outputs - 1) / outputs;
}

/* Tiles of a sample. */
static int tiles_of(const struct window *w)
{
    int outputs = SIDE + 1 - w->kh;

    return winograd_rows(w) * ((w->out_w + outputs - 1) / outputs);
}

int winograd_pieces(const struct window *w, int n)
{
    int rows = n * winograd_rows(w), pieces = n * tiles_of(w) / TILES_LEAST;

    if (pieces < 1)
        return 1;
    return pieces < rows ? pieces : rows;
}

bool winograd_pays(const struct window *w, int n, int filters, bool ready)
{
    int out = SIDE + 1 - w->kh, tiles;

    if (w->kh != w->kw || (w->kh != 3 && w->kh != 5) || w->stride_h != 1 ||
        w->stride_w != 1 || w->step_h != 1 || w->step_w != 1 || w->c < LEAST ||
        filters < LEAST)
        return false;
    tiles = tiles_of(w);
    return (ready || n * tiles >= TILES_MOST) &&
           3 * tiles * out * out <= 5 * w->out_h * w->out_w;
}

/* The points of a tile are so far apart: an odd number of cache lines, for they
 * are written together. */
static size_t apart(size_t floats)
{
    return (vec_lines(floats) / VEC_LINE | 1) * VEC_LINE;
}

static struct job job_of(const struct window *w, int filters)
{
    struct job j = {.w = w,
                    .outputs = SIDE + 1 - w->kh,
                    .c = (size_t)w->c,
                    .k = (size_t)filters,
                    .kernels = kernels()};

    j.down = winograd_rows(w);
    j.across = (w->out_w + j.outputs - 1) / j.outputs;
    j.border = (struct border){.image_h = (size_t)w->h,
                               .image_w = (size_t)w->w,
                               .c = j.c,
                               .h = (size_t)(j.down * j.outputs + w->kh - 1),
                               .w = (size_t)(j.across * j.outputs + w->kw - 1),
                               .top = (size_t)w->top,
                               .left = (size_t)w->left};
    j.d = (struct direct){.lines = POINTS,
                          .rows = 1,
                          .run = j.c,
                          .units = j.k,
                          .x_place = j.c,
                          .y_place = j.k};
    j.packed = vec_lines(direct_pack_count(&j.d));
    j.block = BLOCK / (POINTS * (j.c + j.k));
    j.block = j.block < TILES_LEAST ? TILES_LEAST : j.block;
    j.block = j.block < TILES_MOST ? j.block : TILES_MOST;
    j.v = apart(j.block * j.c);
    j.m = apart(j.block * j.k);
    j.d.x_line = j.v;
    j.d.y_line = j.m;
    j.d.w_line = j.packed;
    return j;
}

/* packed: 36 kernels (C,K) for direct_product */
static void transform_kernel(const struct job *j, const float *kernel, float *u,
                             float *packed)
{
    size_t tap = j->c * j->k, at, next, i;
    struct direct d = j->d;

    for (at = 0; at < tap; at = next) {
        const struct kernel *k = kernel_at(j->kernels, &at, tap);

        next = at + k->lanes;
        k->kernel(kernel + at, tap, j->w->kh, u + at, tap);
    }
    d.w_row = j->k;
    for (i = 0; i < POINTS; i++)
        direct_pack(&d, u + i * j->c * j->k, packed + i * j->packed);
}

/* v (36, apart, C) = the sample's tile `tile` */
static void transform_tile(const struct job *j, const float *image, int tile,
                           float *v)
{
    size_t line = border_line(&j->border), at, next;
    const float *x = image + (size_t)(tile / j->across * j->outputs) * line +
                     (size_t)(tile % j->across * j->outputs) * j->c;

    for (at = 0; at < j->c; at = next) {
        const struct kernel *k = kernel_at(j->kernels, &at, j->c);

        next = at + k->lanes;
        k->input(x + at, line, j->c, v + at, j->v);
    }
}

/* y of tile number `tile` of all samples, from m (36,block,K) */
static void write_tile(const struct job *j, const float *m, size_t tile,
                       const float *bias, float *y)
{
    size_t tiles = (size_t)(j->down * j->across), at, next;
    int number = (int)(tile % tiles);
    int top = number / j->across * j->outputs;
    int left = number % j->across * j->outputs;
    size_t first = (tile / tiles * (size_t)j->w->out_h + (size_t)top) *
                       (size_t)j->w->out_w +
                   (size_t)left;
    struct place p = {.line = (size_t)j->w->out_w * j->k,
                      .step = j->k,
                      .high = j->w->out_h - top,
                      .wide = j->w->out_w - left};

    for (at = 0; at < j->k; at = next) {
        const struct kernel *k = kernel_at(j->kernels, &at, j->k);

        next = at + k->lanes;
        p.y = y + first * j->k + at;
        p.bias = bias != NULL ? bias + at : NULL;
        p.high = p.high < j->outputs ? p.high : j->outputs;
        k->output(&p, m + at, j->m, j->outputs);
    }
}

/* Where things are in the scratch memory. */
struct room {
    size_t packed, u, v, m, end; /* the image at 0 */
};

static struct room room_of(const struct job *j)
{
    struct room r = {.packed = vec_lines(border_count(&j->border))};

    r.u = r.packed + POINTS * j->packed;
    r.v = r.u + POINTS * vec_lines(j->c * j->k);
    r.m = r.v + POINTS * j->v;
    r.end = r.m + POINTS * j->m;
    return r;
}

size_t winograd_scratch(const struct window *w, int filters)
{
    struct job j = job_of(w, filters);

    return room_of(&j).end;
}

size_t winograd_ready_count(const struct window *w, int filters)
{
    return POINTS * job_of(w, filters).packed;
}

void winograd_make(const struct winograd *c, float *ready)
{
    enum meter_phase before = meter_enter(METER_IM2COL);
    struct job j = job_of(c->w, c->filters);

    transform_kernel(&j, c->kernel, c->scratch + room_of(&j).u, ready);
    meter_enter(before);
}

/* A pass. */
struct pass {
    struct job j;
    float *image, *v, *m;
    const float *packed, *bias;
    float *y;
    size_t done, waiting; /* tiles: written, transformed */
};

/* The products of the tiles that wait, and their y. */
static void flush(struct pass *p)
{
    const struct job *j = &p->j;
    struct direct d = j->d;
    size_t i;

    d.places = (int)p->waiting;
    direct_product(&d, p->v, p->packed, NULL, p->m);
    for (i = 0; i < p->waiting; i++)
        write_tile(j, p->m + i * j->k, p->done + i, p->bias, p->y);
    p->done += p->waiting;
    p->waiting = 0;
}

/* Rows of tiles first..end-1 of a sample. */
static void take_sample(struct pass *p, const float *x, int first, int end)
{
    const struct job *j = &p->j;
    int tile;

    if (!border_is_none(&j->border)) {
        border_put(&j->border, x, (size_t)(first * j->outputs),
                   (size_t)((end - first - 1) * j->outputs + SIDE), p->image);
        x = p->image;
    }
    for (tile = first * j->across; tile < end * j->across; tile++) {
        transform_tile(j, x, tile, p->v + p->waiting++ * j->c);
        if (p->waiting == j->block)
            flush(p);
    }
}

/* Zeros where the frame of those rows, of a sample or of all, has them. */
static void clear_frame(const struct pass *p, int first, int rows)
{
    const struct border *b = &p->j.border;
    size_t line = border_line(b);
    int from = first % p->j.down;

    if (border_is_none(b))
        return;
    if (from + rows > p->j.down)
        vec_zero(p->image, border_count(b));
    else
        vec_zero(p->image + (size_t)(from * p->j.outputs) * line,
                 (size_t)((rows - 1) * p->j.outputs + SIDE) * line);
}

void winograd(const struct winograd *c, int first, int rows, const float *x,
              float *y)
{
    enum meter_phase before = meter_enter(METER_IM2COL);
    struct pass p = {.j = job_of(c->w, c->filters), .bias = c->bias, .y = y};
    struct room r = room_of(&p.j);
    const struct border *b = &p.j.border;
    int end = first + rows, i;

    p.image = c->scratch;
    p.packed = c->ready != NULL ? c->ready : c->scratch + r.packed;
    p.v = c->scratch + r.v;
    p.m = c->scratch + r.m;
    p.done = (size_t)(first * p.j.across);
    if (c->ready == NULL)
        transform_kernel(&p.j, c->kernel, c->scratch + r.u,
                         c->scratch + r.packed);
    clear_frame(&p, first, rows);
    for (i = first / p.j.down; i * p.j.down < end; i++) {
        int from = first - i * p.j.down, to = end - i * p.j.down;

        take_sample(&p, x + (size_t)i * b->image_h * b->image_w * b->c,
                    from > 0 ? from : 0, to < p.j.down ? to : p.j.down);
    }
    if (p.waiting > 0)
        flush(&p);
    meter_enter(before);
}
