/*
 * Products of windows without a matrix, on every kernel this processor has,
 * against plain loops in double; convolutions over them against their
 * definition; and nothing is written beside what is asked for.
 */
#include "tests/support.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tensor/conv_direct.h"
#include "tensor/conv_zeros.h"
#include "tensor/direct.h"
#include "tensor/isa.h"
#include "tensor/winograd.h"

#define TOLERANCE 2e-6 /* of the sum of the products' sizes */
#define GUARD     16   /* floats around a result */
#define MARK      77.0f

static const enum isa isas[] = {ISA_AVX512, ISA_AVX2, ISA_PLAIN};

static float *noise(size_t n, uint64_t seed)
{
    float *x = mem_array(n, sizeof(*x));
    struct rng r = rng_at(seed, RNG_INIT, n, 0);
    size_t i;

    for (i = 0; i < n; i++)
        x[i] = 2.0f * (float)rng_double(&r) - 1.0f;
    return x;
}

/* The same with stretches of zeros, some longer than a tile sees. */
static float *picture(size_t n, uint64_t seed)
{
    float *x = noise(n, seed);
    size_t i;

    for (i = 0; i < n; i++) {
        if (i % 90 < 60 || i % 7 < 3)
            x[i] = 0.0f;
    }
    return x;
}

/* n floats between marks. */
static float *guarded(size_t n)
{
    float *block = mem_array(n + 2 * GUARD, sizeof(*block));
    size_t i;

    for (i = 0; i < n + 2 * GUARD; i++)
        block[i] = MARK;
    return block + GUARD;
}

static void release(float *x, size_t n)
{
    size_t i;

    for (i = 0; i < GUARD; i++) {
        assert_true(x[i - GUARD] == MARK);
        assert_true(x[n + i] == MARK);
    }
    mem_free(x - GUARD);
}

static void assert_near(const float *got, const float *want, size_t n,
                        double scale)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (!(fabs((double)got[i] - (double)want[i]) <= TOLERANCE * scale))
            fail_msg("%zu of %zu: %.9g, not %.9g", i, n, (double)got[i],
                     (double)want[i]);
    }
}

struct sizes {
    int lines, places, rows;
    size_t run, units, apart; /* apart: floats between places of y */
    bool blanks;              /* x is a picture */
};

static struct direct direct_of(const struct sizes *s)
{
    size_t line = ((size_t)s->places + 3) * 3 + s->run, y = s->units + s->apart;

    return (struct direct){.lines = s->lines,
                           .places = s->places,
                           .rows = s->rows,
                           .run = s->run,
                           .units = s->units,
                           .x_line = line,
                           .x_place = 3,
                           .x_row = line,
                           .w_row = s->units,
                           .y_line = (size_t)s->places * y,
                           .y_place = y,
                           .blanks = s->blanks};
}

static size_t x_count(const struct direct *d)
{
    return (size_t)(d->lines + d->rows) * d->x_line + d->run;
}

static float *x_of(const struct direct *d)
{
    return d->blanks ? picture(x_count(d), 1) : noise(x_count(d), 1);
}

static size_t y_count(const struct direct *d)
{
    return (size_t)d->lines * d->y_line;
}

static void check_product(const struct sizes *s, bool bias, bool packs)
{
    struct direct d = direct_of(s), p = d;
    size_t weights = (size_t)d.rows * d.run * d.units;
    float *x = x_of(&d), *w = noise(weights + 1, 2);
    float *b = noise(d.units, 3), *y = guarded(y_count(&d));
    float *want = guarded(y_count(&d)), *packed = NULL;

    if (packs) {
        packed = guarded(direct_pack_count(&d));
        direct_pack(&d, w, packed);
        p.w_row = 0;
    }
    direct_product(&p, x, packs ? packed : w, bias ? b : NULL, y);
    direct_product_ref(&d, x, w, bias ? b : NULL, want);
    assert_near(y, want, y_count(&d), 1.0 + (double)d.run * d.rows);
    if (packs)
        release(packed, direct_pack_count(&d));
    release(y, y_count(&d));
    release(want, y_count(&d));
    mem_free(x);
    mem_free(w);
    mem_free(b);
}

static void check_gradient(const struct sizes *s)
{
    struct direct d = direct_of(s);
    size_t weights = (size_t)d.rows * d.run * d.units, i;
    float *x = x_of(&d), *dy = noise(y_count(&d), 2);
    float *dw = guarded(weights), *want = mem_array(weights + 1, sizeof(*want));
    double *sum = mem_array(weights + 1, sizeof(*sum));
    int times;

    for (i = 0; i < weights; i++)
        sum[i] = 0.0;
    for (times = 0; times < 2; times++) {
        direct_gradient(&d, x, dy, times > 0, dw);
        direct_gradient_ref(&d, x, dy, sum);
        for (i = 0; i < weights; i++)
            want[i] = (float)sum[i];
        assert_near(dw, want, weights, 2.0 * d.lines * d.places);
    }
    release(dw, weights);
    mem_free(x);
    mem_free(dy);
    mem_free(want);
    mem_free(sum);
}

/* Every number of units around the widths of vectors and panels. */
static void test_products_of_any_number_of_units(void **state)
{
    size_t k, units;

    (void)state;
    for (k = 0; k < LENGTH(isas); k++) {
        isa_limit(isas[k]);
        for (units = DIRECT_LEAST; units <= 140; units++) {
            struct sizes s = {2, 7, 3, 10, units, units % 3, false};

            check_product(&s, units % 2 == 0, units % 5 == 0);
            check_gradient(&s);
        }
    }
    isa_limit(ISA_AVX512);
}

static void test_products_of_any_number_of_places_and_floats(void **state)
{
    size_t k;
    int n;

    (void)state;
    for (k = 0; k < LENGTH(isas); k++) {
        isa_limit(isas[k]);
        for (n = 1; n <= 30; n++) {
            struct sizes s = {1 + n % 3, n, 1 + n % 4, (size_t)n, 70, 0, false};

            check_product(&s, true, n % 2 == 0);
            check_gradient(&s);
        }
    }
    isa_limit(ISA_AVX512);
}

/* A picture's zeros are left out: places seen through rows that are blank, in
 * part, or not at all. */
static void test_products_of_pictures(void **state)
{
    size_t k;
    int n;

    (void)state;
    for (k = 0; k < LENGTH(isas); k++) {
        isa_limit(isas[k]);
        for (n = 1; n <= 40; n++) {
            struct sizes s = {12, n,   5, 1 + (size_t)n % 6, 4 + (size_t)n,
                              0,  true};

            check_product(&s, n % 2 == 0, n % 3 == 0);
            check_gradient(&s);
        }
    }
    isa_limit(ISA_AVX512);
}

/* Kernels that do not fit the cache are read in parts; so many places that a
 * gradient is summed in blocks; no taps at all. */
static void test_products_of_unusual_size(void **state)
{
    static const struct sizes unusual[] = {{2, 9, 2, 15000, 65, 0, false},
                                           {3, 5, 5, 400, 130, 0, true},
                                           {40, 30, 2, 12, 20, 0, true},
                                           {3, 500, 1, 9, 50, 1, false}};
    struct sizes none = {3, 5, 0, 0, 20, 2, false};
    struct direct d = direct_of(&none);
    float x[200] = {0}, bias[20] = {0}, *y = guarded(y_count(&d));
    size_t k, i;

    (void)state;
    for (k = 0; k < LENGTH(isas); k++) {
        isa_limit(isas[k]);
        for (i = 0; i < LENGTH(unusual); i++) {
            check_product(&unusual[i], true, false);
            check_product(&unusual[i], false, true);
            check_gradient(&unusual[i]);
        }
        bias[7] = 3.0f;
        direct_product(&d, x, x, bias, y);
        assert_true(y[7] == 3.0f && y[8] == 0.0f && y[20] == MARK);
    }
    isa_limit(ISA_AVX512);
    release(y, y_count(&d));
}

struct conv_case {
    struct window w;
    int n, filters;
};

static struct window window(int h, int wide, int c, const int size[2],
                            const int stride[2], bool same)
{
    struct shape image = {.rank = 3, .dim = {h, wide, c}};

    return window_make(
        &image,
        &(struct window_spec){.size = size, .stride = stride, .same = same});
}

/* y by the definition. */
static void conv_ref(const struct conv_case *c, const float *x, const float *k,
                     const float *bias, float *y)
{
    const struct window *w = &c->w;
    int i, oy, ox, ky, kx, ch, f;

    for (i = 0; i < c->n * w->out_h * w->out_w * c->filters; i++) {
        int image = i / c->filters / w->out_w / w->out_h;
        double sum = 0.0;

        f = i % c->filters;
        ox = i / c->filters % w->out_w;
        oy = i / c->filters / w->out_w % w->out_h;
        for (ky = 0; ky < w->kh; ky++) {
            for (kx = 0; kx < w->kw; kx++) {
                int at = oy * w->stride_h - w->top + ky;
                int across = ox * w->stride_w - w->left + kx;

                if (at < 0 || at >= w->h || across < 0 || across >= w->w)
                    continue;
                for (ch = 0; ch < w->c; ch++)
                    sum +=
                        (double)x[((image * w->h + at) * w->w + across) * w->c +
                                  ch] *
                        (double)
                            k[((ky * w->kw + kx) * w->c + ch) * c->filters + f];
            }
        }
        y[i] = (float)(sum + (bias != NULL ? (double)bias[f] : 0.0));
    }
}

static float *rounded(const double *from, size_t n)
{
    float *to = mem_array(n, sizeof(*to));
    size_t i;

    for (i = 0; i < n; i++)
        to[i] = (float)from[i];
    return to;
}

static void check_backward(const struct conv_case *c,
                           const struct conv_direct *direct, const float *x,
                           const float *k)
{
    const struct window *w = &c->w;
    size_t xs = (size_t)(c->n * w->h * w->w * w->c);
    size_t ks = (size_t)(w->kh * w->kw * w->c * c->filters);
    size_t ys = (size_t)(c->n * w->out_h * w->out_w * c->filters);
    float *dy = noise(ys, 4), *dk = guarded(ks), *dx = guarded(xs), *want;
    double *dk_sum = mem_zalloc(ks * sizeof(*dk_sum));
    double *dx_sum = mem_zalloc(xs * sizeof(*dx_sum));
    struct conv_zeros zeros = {.w = w, .n = c->n, .filters = c->filters};

    conv_zeros_backward_ref(&zeros, x, k, dy, dk_sum, dx_sum);
    conv_direct_kernel(direct, x, dy, dk);
    want = rounded(dk_sum, ks);
    assert_near(dk, want, ks, c->n * w->out_h * w->out_w);
    mem_free(want);
    if (conv_direct_input_fits(w, c->filters)) {
        conv_direct_input(direct, k, dy, dx);
        want = rounded(dx_sum, xs);
        assert_near(dx, want, xs, w->kh * w->kw * c->filters);
        mem_free(want);
    }
    release(dk, ks);
    release(dx, xs);
    mem_free(dy);
    mem_free(dk_sum);
    mem_free(dx_sum);
}

/* The kernel made ready, in parts: the bits do not depend on the cut. */
static void check_ready(const struct conv_case *c, struct conv_direct direct,
                        const float *x, const float *k, const float *b,
                        const float *want)
{
    const struct window *w = &c->w;
    size_t ys = (size_t)(c->n * w->out_h * w->out_w * c->filters);
    size_t count = conv_direct_ready_count(w, c->filters);
    int parts = conv_direct_parts(w, c->n, c->filters, true);
    int cut = parts * 2 / 3, at;
    float *ready = guarded(count), *y = guarded(ys), *all = guarded(ys);

    conv_direct_make(&direct, k, ready);
    direct.ready = ready;
    conv_direct_forward(&direct, 0, parts, x, k, b, all);
    assert_near(all, want, ys, 1.0 + w->kh * w->kw * w->c);
    conv_direct_forward(&direct, cut, parts - cut, x, k, b, y);
    for (at = 0; at < cut; at++)
        conv_direct_forward(&direct, at, 1, x, k, b, y);
    assert_same_bits(y, all, ys * sizeof(*y));
    release(ready, count);
    release(y, ys);
    release(all, ys);
}

static void check_conv(const struct conv_case *c)
{
    const struct window *w = &c->w;
    size_t ys = (size_t)(c->n * w->out_h * w->out_w * c->filters);
    size_t room = conv_direct_scratch(w, c->n, c->filters, true);
    float *x = noise((size_t)(c->n * w->h * w->w * w->c), 1);
    float *k = noise((size_t)(w->kh * w->kw * w->c * c->filters), 2);
    float *b = noise((size_t)c->filters, 3), *y = guarded(ys);
    float *want = mem_array(ys, sizeof(*want));
    struct conv_direct direct = {.w = w, .n = c->n, .filters = c->filters};
    int parts = conv_direct_parts(w, c->n, c->filters, false);

    assert_true(conv_direct_fits(w, c->filters));
    direct.scratch = guarded(room);
    conv_direct_forward(&direct, 0, parts, x, k, b, y);
    conv_ref(c, x, k, b, want);
    assert_near(y, want, ys, 1.0 + w->kh * w->kw * w->c);
    check_backward(c, &direct, x, k);
    release(direct.scratch, room);
    room = conv_direct_scratch(w, c->n, c->filters, false);
    direct.scratch = guarded(room);
    check_ready(c, direct, x, k, b, want);
    release(direct.scratch, room);
    release(y, ys);
    mem_free(want);
    mem_free(x);
    mem_free(k);
    mem_free(b);
}

/* Windows of every size, stride and padding up to 5, 3 and both. */
static void test_convolutions_of_any_window(void **state)
{
    int kh, kw, sh, sw, same, count = 0;

    (void)state;
    for (kh = 1; kh <= 5; kh++) {
        for (kw = 1; kw <= 5; kw += 2) {
            for (sh = 1; sh <= 3; sh++) {
                for (sw = 1; sw <= 3; sw++) {
                    for (same = 0; same < 2; same++, count++) {
                        struct conv_case c = {
                            .w = window(6 + count % 3, 7, 4 + count % 5,
                                        (int[]){kh, kw}, (int[]){sh, sw},
                                        same != 0),
                            .n = 1 + count % 3,
                            .filters = 4 + count % 14};

                        isa_limit(isas[(size_t)count % LENGTH(isas)]);
                        check_conv(&c);
                    }
                }
            }
        }
    }
    isa_limit(ISA_AVX512);
}

/* The layers of the zoo's nets, and a window larger than its image. */
static void test_convolutions_of_real_layers(void **state)
{
    static const int one[] = {1, 1}, two[] = {2, 2}, three[] = {3, 3};
    static const int five[] = {5, 5}, seven[] = {7, 9};
    const struct conv_case real[] = {
        {window(28, 28, 1, five, one, false), 2, 20},
        {window(12, 12, 20, five, one, false), 2, 50},
        {window(28, 28, 16, three, one, true), 1, 16},
        {window(28, 28, 16, three, two, true), 2, 32},
        {window(14, 14, 32, one, two, false), 2, 64},
        {window(32, 32, 3, three, one, true), 1, 64},
        {window(8, 8, 128, three, one, true), 1, 96},
        {window(3, 4, 5, seven, one, true), 2, 6},
        {window(8, 8, 4, two, (int[]){3, 5}, true), 2, 8},
    };
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(real); i++)
        check_conv(&real[i]);
}

/* Tiles that reach out of the image, channels and filters beside the lanes. */
static void test_convolutions_by_tiles(void **state)
{
    static const int three[] = {3, 3}, five[] = {5, 5}, one[] = {1, 1};
    int i, size, paid = 0;

    (void)state;
    for (i = 0; i < 60; i++) {
        const int *taps = i % 2 == 0 ? three : five;
        struct conv_case c = {.n = 8 + i % 5, .filters = 8 + i * 7 % 61};

        size = 10 + i % 8;
        c.w = window(size, size - i % 3, 8 + i * 5 % 43, taps, one, i % 4 < 2);
        isa_limit(isas[(size_t)i % LENGTH(isas)]);
        paid += winograd_pays(&c.w, c.n, c.filters, false);
        check_conv(&c);
    }
    isa_limit(ISA_AVX512);
    assert_true(paid > 30);
}

/* Every sample has the same bits, alone in its batch or not at the same place
 * of a block of tiles. */
static void test_tiles_do_not_depend_on_their_neighbours(void **state)
{
    static const int three[] = {3, 3}, one[] = {1, 1};
    struct window w = window(14, 14, 24, three, one, true);
    size_t sample = 14 * 14 * 24, result = 14 * 14 * 40, i;
    float *x = noise(16 * sample, 1), *k = noise(9 * 24 * 40, 2);
    float *all = mem_array(16 * result, sizeof(*all));
    float *last = mem_array(5 * result, sizeof(*last));
    struct winograd c = {.w = &w, .filters = 40, .kernel = k};
    int rows = winograd_rows(&w);

    (void)state;
    c.scratch = mem_array(winograd_scratch(&w, 40), sizeof(*c.scratch));
    winograd(&c, 0, 16 * rows, x, all);
    winograd(&c, 0, 5 * rows, x + 11 * sample, last);
    for (i = 0; i < 5 * result; i++)
        assert_true(all[11 * result + i] == last[i]);
    mem_free(x);
    mem_free(k);
    mem_free(all);
    mem_free(last);
    mem_free(c.scratch);
}

static void test_what_does_not_fit_is_said(void **state)
{
    static const int three[] = {3, 3}, one[] = {1, 1}, two[] = {2, 2};
    struct shape image = {.rank = 3, .dim = {9, 9, 3}};
    struct window w = window(9, 9, 3, three, one, true);
    struct window wide = window_make(
        &image,
        &(struct window_spec){.size = three, .stride = one, .step = two});

    (void)state;
    assert_true(conv_direct_fits(&w, 4));
    assert_false(conv_direct_fits(&w, 3));
    assert_false(conv_direct_input_fits(&w, 8)); /* three channels */
    assert_false(conv_direct_fits(&wide, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_of_any_number_of_units),
        cmocka_unit_test(test_products_of_any_number_of_places_and_floats),
        cmocka_unit_test(test_products_of_pictures),
        cmocka_unit_test(test_products_of_unusual_size),
        cmocka_unit_test(test_convolutions_of_any_window),
        cmocka_unit_test(test_convolutions_of_real_layers),
        cmocka_unit_test(test_convolutions_by_tiles),
        cmocka_unit_test(test_tiles_do_not_depend_on_their_neighbours),
        cmocka_unit_test(test_what_does_not_fit_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
