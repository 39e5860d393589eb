/* The products that leave out zeros against plain loops in double, at odd
 * sizes and shares of zeros. */
#include "tests/support.h"

#include "base/mem.h"
#include "base/rng.h"
#include "tensor/conv_zeros.h"
#include "tensor/isa.h"
#include "tensor/rows.h"
#include "tensor/vec.h"
#include "tensor/zeros.h"

static void random_fill(float *x, size_t n, double alive, uint64_t seed)
{
    struct rng r = rng_at(seed, RNG_TEST, 0, 0);
    size_t i;

    for (i = 0; i < n; i++)
        x[i] = (double)rng_float(&r) < alive ? (float)rng_normal(&r) : 0.0f;
}

/* The sums of rows by the loops for every kind of processor there is here. */
struct case_of_rows {
    size_t lists, values, x_list, x_step, width;
};

static void check_found(const struct rows *r)
{
    size_t words = rows_words(r->values), i, k;

    for (i = 0; i < r->lists; i++) {
        for (k = 0; k < words * ROWS_BITS; k++) {
            bool alive =
                k < r->values && r->x[i * r->x_list + k * r->x_step] != 0.0f;

            assert_int_equal(
                r->alive[i * words + k / ROWS_BITS] >> k % ROWS_BITS & 1,
                alive);
        }
    }
}

static void check_sums(const struct rows *r, const float *before, size_t width)
{
    size_t i, k, j;

    for (i = 0; i < r->lists; i++) {
        size_t at = r->y_at != NULL ? r->y_at[i] : i * r->y_stride;

        for (j = 0; j < width; j++) {
            double sum = r->start != NULL ? (double)r->start[j] : 0.0;

            if (r->add)
                sum = (double)before[at + j];
            for (k = 0; k < r->values; k++)
                sum += (double)r->x[i * r->x_list + k * r->x_step] *
                       (double)r->w[r->w_at[k] + j];
            assert_close(r->y[at + j], sum, 1e-4);
        }
    }
}

/* What sums begin with; the last also says where each of them is. */
enum begin { BEGIN_ZEROS, BEGIN_ROW, BEGIN_Y, BEGIN_Y_AT, BEGINS };

static void check_rows(const struct case_of_rows *c, enum begin begin)
{
    size_t x = (c->lists - 1) * c->x_list + (c->values - 1) * c->x_step + 1;
    size_t w = c->values * c->width, y = c->lists * c->width, i;
    float *f = mem_array(x + w + c->width + 2 * y, sizeof(*f));
    uint32_t *at = mem_array(c->values + c->lists, sizeof(*at));
    float *before = f + x + w + c->width + y;
    struct rows r = {.x = f,
                     .lists = c->lists,
                     .values = c->values,
                     .x_list = c->x_list,
                     .x_step = c->x_step,
                     .w = f + x,
                     .w_at = at,
                     .y = before - y,
                     .y_stride = c->width,
                     .add = begin >= BEGIN_Y};

    r.alive = mem_array(c->lists * rows_words(c->values), sizeof(*r.alive));
    random_fill(f, x, 0.4, 1);
    random_fill(f + x, w + c->width + y, 1.0, 2);
    memcpy(before, r.y, y * sizeof(*f));
    for (i = 0; i < c->values; i++) /* the last row first */
        at[i] = (uint32_t)((c->values - 1 - i) * c->width);
    rows_at(at + c->values, c->lists, c->width);
    if (begin == BEGIN_ROW)
        r.start = r.y - c->width;
    if (begin == BEGIN_Y_AT)
        r.y_at = at + c->values;
    rows_find(&r);
    check_found(&r);
    rows_sum(&r, c->width);
    check_sums(&r, before, c->width);
    mem_free(r.alive);
    mem_free(at);
    mem_free(f);
}

static void test_every_processor_sums_the_same_rows(void **state)
{
    /* Along, every other one, across, and neither. */
    static const struct case_of_rows cases[] = {
        {3, 5, 5, 1, 8},      {2, 64, 64, 1, 15},   {2, 65, 65, 1, 16},
        {4, 130, 131, 1, 40}, {1, 3, 0, 1, 17},     {3, 63, 126, 2, 31},
        {2, 32, 63, 2, 33},   {2, 33, 65, 2, 100},  {3, 161, 321, 2, 104},
        {1, 1, 1, 2, 304},    {70, 5, 1, 70, 9},    {64, 33, 1, 64, 64},
        {3, 97, 1, 3, 200},   {129, 64, 1, 130, 8}, {5, 40, 3, 16, 193},
    };
    int isa, begin;
    size_t i;

    (void)state;
    for (isa = 0; isa < ISA_COUNT; isa++) {
        isa_limit((enum isa)isa);
        for (i = 0; i < LENGTH(cases); i++) {
            for (begin = 0; begin < BEGINS; begin++)
                check_rows(&cases[i], (enum begin)begin);
        }
    }
}

static bool bit_of(const uint64_t *words, size_t k)
{
    return (words[k / ROWS_BITS] >> k % ROWS_BITS & 1) != 0;
}

static void check_thinned(const struct thinning *t)
{
    size_t out = (t->words + t->step - 1) / t->step, i, k;
    uint64_t *to = mem_array(t->lists * out, sizeof(*to));

    rows_thin(t, to);
    for (i = 0; i < t->lists; i++) {
        for (k = 0; k < out * ROWS_BITS; k++) {
            size_t at = k * t->step + t->first;
            bool alive = at < t->words * ROWS_BITS &&
                         bit_of(t->alive + i * t->words, at);

            assert_int_equal(bit_of(to + i * out, k), alive);
        }
    }
    mem_free(to);
}

static void test_every_processor_thins_lists_alike(void **state)
{
    struct rng rng = rng_at(7, RNG_TEST, 0, 0);
    uint64_t alive[15];
    struct thinning t = {.alive = alive, .lists = 3};
    size_t i;
    int isa;

    (void)state;
    for (i = 0; i < LENGTH(alive); i++)
        alive[i] = (uint64_t)rng_u32(&rng) << 32 | rng_u32(&rng);
    for (isa = 0; isa < ISA_COUNT; isa++) {
        isa_limit((enum isa)isa);
        for (t.words = 1; t.words <= LENGTH(alive) / t.lists; t.words++) {
            for (t.step = 2; t.step <= 4; t.step *= 2) {
                for (t.first = 0; t.first < t.step; t.first++)
                    check_thinned(&t);
            }
        }
    }
}

struct made {
    struct zeros z;
    float *x, *w, *b, *dy, *y, *y_ref, *dw, *dw_ref;
};

static struct made make(size_t rows, size_t inputs, size_t units, double alive)
{
    struct made m = {.z = {.rows = rows, .inputs = inputs, .units = units}};
    size_t i;

    m.z.scratch = mem_array(zeros_scratch(rows, units), sizeof(float));
    m.x = mem_array(rows * inputs, sizeof(float));
    m.w = mem_array(inputs * units, sizeof(float));
    m.b = mem_array(units, sizeof(float));
    m.dy = mem_array(rows * units, sizeof(float));
    m.y = mem_array(rows * units, sizeof(float));
    m.y_ref = mem_array(rows * units, sizeof(float));
    m.dw = mem_array(inputs * units, sizeof(float));
    m.dw_ref = mem_array(inputs * units, sizeof(float));
    random_fill(m.x, rows * inputs, alive, 1);
    random_fill(m.w, inputs * units, 1.0, 2);
    random_fill(m.b, units, 1.0, 3);
    random_fill(m.dy, rows * units, 1.0, 4);
    for (i = 0; i < inputs * units; i++)
        m.dw[i] = NAN; /* overwritten, never added to */
    for (i = 0; i < rows * units; i++)
        m.y[i] = NAN;
    return m;
}

static void done(struct made *m)
{
    mem_free(m->z.scratch);
    mem_free(m->x);
    mem_free(m->w);
    mem_free(m->b);
    mem_free(m->dy);
    mem_free(m->y);
    mem_free(m->y_ref);
    mem_free(m->dw);
    mem_free(m->dw_ref);
}

static void check(size_t rows, size_t inputs, size_t units, double alive,
                  bool bias)
{
    struct made m = make(rows, inputs, units, alive);

    zeros_forward(&m.z, m.x, m.w, bias ? m.b : NULL, m.y);
    zeros_forward_ref(&m.z, m.x, m.w, bias ? m.b : NULL, m.y_ref);
    assert_all_close(m.y, m.y_ref, rows * units, 1e-4, 1e-4);
    zeros_kernel(&m.z, m.x, m.dy, m.dw);
    zeros_kernel_ref(&m.z, m.x, m.dy, m.dw_ref);
    assert_all_close(m.dw, m.dw_ref, inputs * units, 1e-4, 1e-4);
    done(&m);
}

/* Inputs first..first+n-1 alone, the sums taken twice. */
static bool check_some(struct made *m, size_t first, size_t n)
{
    size_t rows = m->z.rows, units = m->z.units, line = vec_lines(units), i, k;
    size_t alive = 0;
    bool pays;
    float *dy = mem_array(rows * line, sizeof(*dy));
    struct zeros z = m->z;

    z.inputs = n;
    z.x_apart = m->z.inputs;
    z.scratch = mem_array(zeros_some_scratch(rows, n), sizeof(float));
    for (i = 0; i < rows; i++)
        memcpy(dy + i * line, m->dy + i * units, units * sizeof(*dy));
    for (i = 0; i < rows; i++) {
        for (k = 0; k < n; k++)
            alive += m->x[i * z.x_apart + first + k] != 0.0f;
    }
    pays = zeros_kernel_some(&z, m->x + first, dy, false, m->dw);
    assert_int_equal(pays, 2 * alive < rows * n);
    if (pays) {
        assert_true(zeros_kernel_some(&z, m->x + first, dy, true, m->dw));
        zeros_kernel_ref(&m->z, m->x, m->dy, m->dw_ref);
        for (k = 0; k < n * units; k++)
            m->dw_ref[first * units + k] *= 2.0f;
        assert_all_close(m->dw, m->dw_ref + first * units, n * units, 1e-4,
                         1e-4);
    }
    mem_free(z.scratch);
    mem_free(dy);
    return pays;
}

static void test_a_few_rows_of_a_kernel_are_those_of_all(void **state)
{
    static const size_t rows[] = {1, 31, 64, 67}, units[] = {8, 12, 100, 300};
    size_t r, u;

    (void)state;
    for (r = 0; r < LENGTH(rows); r++) {
        for (u = 0; u < LENGTH(units); u++) {
            struct made m = make(rows[r], 90, units[u], 0.2);

            assert_true(check_some(&m, 0, 16));
            assert_true(check_some(&m, 37, 35));
            check_some(&m, 89, 1);
            done(&m);
            m = make(rows[r], 90, units[u], 0.9);
            assert_false(check_some(&m, 16, 32));
            done(&m);
        }
    }
}

/* Rows of x and y that lie in longer ones. */
static void test_a_part_of_the_inputs_gives_a_part_of_the_sums(void **state)
{
    static const size_t units[] = {8, 12, 100, 300};
    size_t u, s;

    (void)state;
    for (u = 0; u < LENGTH(units); u++) {
        struct made m = make(33, 200, units[u], 0.2);
        size_t line = vec_lines(units[u]) + 16, k;
        float *y = mem_array(33 * line, sizeof(*y));
        struct zeros z = m.z;

        z.inputs = 112;
        z.x_apart = 200;
        z.y_apart = line;
        zeros_forward(&z, m.x + 16, m.w + 16 * units[u], NULL, y);
        for (s = 0; s < 33; s++) {
            for (k = 0; k < 200; k++)
                m.x[s * 200 + k] *= k >= 16 && k < 128 ? 1.0f : 0.0f;
        }
        zeros_forward_ref(&m.z, m.x, m.w, NULL, m.y_ref);
        for (s = 0; s < 33; s++)
            assert_all_close(y + s * line, m.y_ref + s * units[u], units[u],
                             1e-4, 1e-4);
        mem_free(y);
        done(&m);
    }
}

static void test_products_are_those_of_plain_loops(void **state)
{
    static const size_t rows[] = {1, 2, 7, 8, 33},
                        inputs[] = {1, 3, 63, 64, 65, 200},
                        units[] = {8, 9, 10, 12, 63, 64, 65, 72, 100, 300};
    static const double alive[] = {0.0, 0.2, 1.0};
    size_t r, i, u, a;

    (void)state;
    for (r = 0; r < LENGTH(rows); r++) {
        for (i = 0; i < LENGTH(inputs); i++) {
            for (u = 0; u < LENGTH(units); u++) {
                for (a = 0; a < LENGTH(alive); a++)
                    check(rows[r], inputs[i], units[u], alive[a], a != 1);
            }
        }
    }
}

/* Inputs enough for several blocks, by fours and not. */
static void test_every_processor_takes_classes_of_rows(void **state)
{
    static const size_t rows[] = {1, 33}, inputs[] = {200, 1027, 1028},
                        units[] = {12, 72, 100, 300};
    size_t r, i, u;
    int isa;

    (void)state;
    for (isa = 0; isa < ISA_COUNT; isa++) {
        isa_limit((enum isa)isa);
        for (r = 0; r < LENGTH(rows); r++) {
            for (i = 0; i < LENGTH(inputs); i++) {
                for (u = 0; u < LENGTH(units); u++)
                    check(rows[r], inputs[i], units[u], 0.2, i != 1);
            }
        }
    }
}

static void test_a_dense_operand_is_left_to_the_general_product(void **state)
{
    struct made m = make(16, 100, 32, 0.9);

    (void)state;
    assert_false(zeros_pay(&m.z, m.x));
    random_fill(m.x, 1600, 0.2, 5);
    assert_true(zeros_pay(&m.z, m.x));
    m.z.units = 7; /* less than a vector */
    assert_false(zeros_pay(&m.z, m.x));
    m.z.units = 32;
    random_fill(m.x, 1600, 1.0, 5);
    m.z.rows = 1; /* nothing to gain by packing */
    assert_true(zeros_pay(&m.z, m.x));
    m.z.rows = 16;
    done(&m);
}

/* What is left out cannot do harm. */
static void test_a_zero_times_anything_is_left_out(void **state)
{
    struct made m = make(4, 10, 16, 1.0);
    size_t k;

    (void)state;
    for (k = 0; k < 4; k++)
        m.x[k * 10 + 3] = -0.0f;
    for (k = 0; k < 16; k++)
        m.w[3 * 16 + k] = NAN;
    zeros_forward(&m.z, m.x, m.w, m.b, m.y);
    for (k = 0; k < 64; k++)
        assert_true(isfinite(m.y[k]));
    done(&m);
}

/* A convolution of a 13x11 image, by every feature that its runs must mind. */
static const struct {
    int c, filters, kh, kw, stride, step_h;
    bool same;
} windows[] = {
    {20, 5, 5, 5, 1, 1, false}, {8, 17, 3, 3, 1, 1, true},
    {16, 3, 1, 1, 1, 1, false}, {16, 9, 1, 1, 2, 1, false},
    {7, 6, 3, 3, 2, 1, true},   {6, 4, 2, 3, 1, 2, true},
    {33, 70, 3, 3, 1, 1, true}, {4, 4, 4, 4, 3, 1, false},
    {12, 9, 3, 3, 1, 1, true},
};

static void check_window(size_t i, double alive)
{
    struct shape image = {.rank = 3, .dim = {13, 11, windows[i].c}};
    int size[2] = {windows[i].kh, windows[i].kw};
    int stride[2] = {windows[i].stride, windows[i].stride};
    int step[2] = {windows[i].step_h, 1}, n = 3;
    struct window w = window_make(
        &image, &(struct window_spec){size, stride, step, windows[i].same});
    size_t kernel = (size_t)(w.kh * w.kw * w.c * windows[i].filters);
    size_t in = (size_t)n * shape_count(&image), k;
    size_t out = (size_t)(n * w.out_h * w.out_w * windows[i].filters);
    float *scratch =
        mem_array(conv_zeros_scratch(&w, windows[i].filters), sizeof(*scratch));
    float *f = mem_array(3 * in + 4 * kernel + out, sizeof(*f));
    double *sum = mem_array(kernel + in, sizeof(*sum));
    float *x = f, *dx = x + in, *dx_ref = dx + in, *weights = dx_ref + in,
          *dk = weights + kernel, *dk_ref = dk + kernel, *dy = dk_ref + kernel;
    struct conv_zeros z = {&w, n, windows[i].filters, scratch};

    random_fill(x, in, 1.0, 1);
    random_fill(weights, kernel, 1.0, 2);
    random_fill(dy, out, alive, 3);
    for (k = 0; k < in; k++)
        dx[k] = NAN;
    conv_zeros_backward(&z, x, weights, dy, dk, dx);
    conv_zeros_backward_ref(&z, x, weights, dy, sum, sum + kernel);
    for (k = 0; k < kernel; k++)
        dk_ref[k] = (float)sum[k];
    for (k = 0; k < in; k++)
        dx_ref[k] = (float)sum[kernel + k];
    assert_all_close(dk, dk_ref, kernel, 1e-4, 1e-4);
    assert_all_close(dx, dx_ref, in, 1e-4, 1e-4);
    conv_zeros_backward(&z, x, weights, dy, dk, NULL);
    assert_all_close(dk, dk_ref, kernel, 1e-4, 1e-4);
    mem_free(sum);
    mem_free(scratch);
    mem_free(f);
}

static void test_a_convolution_is_that_of_plain_loops(void **state)
{
    static const double alive[] = {0.0, 0.25, 1.0};
    size_t i, a;

    (void)state;
    for (i = 0; i < LENGTH(windows); i++) {
        for (a = 0; a < LENGTH(alive); a++)
            check_window(i, alive[a]);
    }
}

static void test_only_runs_of_two_vectors_fit(void **state)
{
    struct shape grey = {.rank = 3, .dim = {28, 28, 1}},
                 deep = {.rank = 3, .dim = {12, 12, 20}};
    int five[2] = {5, 5}, one[2] = {1, 1}, two[2] = {1, 2};
    struct window w =
        window_make(&grey, &(struct window_spec){five, one, one, false});

    (void)state;
    assert_false(conv_zeros_fit(&w));
    w = window_make(&deep, &(struct window_spec){five, one, one, false});
    assert_true(conv_zeros_fit(&w));
    w = window_make(&deep, &(struct window_spec){five, one, two, false});
    assert_false(conv_zeros_fit(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_processor_sums_the_same_rows),
        cmocka_unit_test(test_every_processor_thins_lists_alike),
        cmocka_unit_test(test_products_are_those_of_plain_loops),
        cmocka_unit_test(test_every_processor_takes_classes_of_rows),
        cmocka_unit_test(test_a_few_rows_of_a_kernel_are_those_of_all),
        cmocka_unit_test(test_a_part_of_the_inputs_gives_a_part_of_the_sums),
        cmocka_unit_test(test_a_dense_operand_is_left_to_the_general_product),
        cmocka_unit_test(test_a_zero_times_anything_is_left_out),
        cmocka_unit_test(test_a_convolution_is_that_of_plain_loops),
        cmocka_unit_test(test_only_runs_of_two_vectors_fit),
    };

    return cmocka_run_group_tests_name("zeros", tests, NULL, NULL);
}
