/*
 * The coders one by one, against the vectors of method cards D4, D5 and D7 and
 * by round trips.
 */
#include "tests/support.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/rng.h"
#include "compress/bits.h"
#include "compress/gap.h"
#include "compress/guess.h"
#include "compress/huffman.h"
#include "compress/plane.h"

static void test_bits_come_out_as_they_went_in(void **state)
{
    struct rng rng = rng_at(1, RNG_TEST, 0, 0), again = rng;
    struct bytes to = {0};
    struct bits_out out = {.to = &to};
    struct bits_in in;
    size_t bits = 0;
    int i;

    (void)state;
    for (i = 0; i < 5000; i++) {
        int n = (int)rng_below(&rng, 33);

        bits_put(&out, (uint32_t)((uint64_t)rng_u32(&rng) >> (32 - n)), n);
        bits += (size_t)n;
    }
    bits_flush(&out);
    assert_int_equal(to.len, (bits + 7) / 8);
    bits_open(&in, to.at, to.len);
    for (i = 0; i < 5000; i++) {
        int n = (int)rng_below(&again, 33);

        assert_int_equal(bits_get(&in, n),
                         (uint32_t)((uint64_t)rng_u32(&again) >> (32 - n)));
    }
    assert_false(bits_over(&in));
    assert_ptr_equal(bits_rest(&in), to.at + to.len);
    bits_get(&in, 8);
    assert_true(bits_over(&in));
    bytes_done(&to);
}

/* Method card D5: bits of whole messages, where lengths may tie. */
static void test_lengths_are_optimal_under_their_limit(void **state)
{
    static const struct {
        uint64_t count[8];
        int n, limit;
        uint64_t bits;
    } rows[] = {
        {{45, 13, 12, 16, 9, 5}, 6, 15, 224},
        {{45, 13, 12, 16, 9, 5}, 6, 3, 239},
        {{45, 13, 12, 16, 9, 5}, 6, 4, 224},
        {{1, 1, 2, 3, 5, 8, 13, 21}, 8, 15, 132},
        {{1, 1, 2, 3, 5, 8, 13, 21}, 8, 3, 162},
        {{1, 1, 2, 3, 5, 8, 13, 21}, 8, 4, 135},
        {{1, 1, 2, 3, 5, 8, 13, 21}, 8, 5, 134},
        {{14, 8, 4, 2, 1, 1}, 6, 15, 60},
        {{14, 8, 4, 2, 1, 1}, 6, 3, 68},
        {{14, 8, 4, 2, 1, 1}, 6, 4, 62},
        {{0, 7, 0}, 3, 15, 7},
        {{0, 0, 0}, 3, 15, 0},
    };
    uint8_t length[8];
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        huffman_lengths(rows[i].count, rows[i].n, rows[i].limit, length);
        assert_int_equal(huffman_bits(rows[i].count, length, rows[i].n),
                         rows[i].bits);
    }
    assert_close(huffman_entropy(rows[0].count, 6) / 100, 2.2199, 5e-5);
}

static void test_codes_are_canonical(void **state)
{
    static const uint64_t count[] = {45, 13, 12, 16, 9, 5};
    static const uint16_t want[] = {0, 4, 5, 6, 14, 15};
    uint8_t length[6];
    uint16_t code[6];
    int i;

    (void)state;
    huffman_lengths(count, 6, HUFFMAN_LIMIT, length);
    huffman_codes(length, 6, code);
    for (i = 0; i < 6; i++)
        assert_int_equal(code[i], want[i]);
}

/* Counts of very different sizes, so that codes are long and cut. */
static void huffman_round_trip(uint64_t seed)
{
    struct rng rng = rng_at(seed, RNG_TEST, 1, 0);
    int n = 1 + (int)rng_below(&rng, seed % 2 ? 300 : 6000), i, used = 0;
    uint64_t *count = mem_array((size_t)n, sizeof(*count));
    uint8_t *length = mem_array((size_t)n, 1);
    uint16_t *code = mem_array((size_t)n, sizeof(*code));
    struct huffman_reader *h = mem_zalloc(sizeof(*h));
    struct bytes to = {0};
    struct bits_out out = {.to = &to};
    struct bits_in in;
    struct err err;

    for (i = 0; i < n; i++) {
        count[i] = rng_u32(&rng) >> rng_below(&rng, 32);
        used += count[i] > 0;
    }
    count[0] += used == 0;
    huffman_lengths(count, n, HUFFMAN_LIMIT, length);
    huffman_codes(length, n, code);
    assert_ok(huffman_open(h, length, n, &err));
    for (i = 0; i < n; i++) {
        assert_true((count[i] == 0) == (length[i] == 0));
        if (length[i] > 0)
            bits_put(&out, code[i], length[i]);
    }
    bits_flush(&out);
    bits_open(&in, to.at, to.len);
    for (i = 0; i < n; i++) {
        if (length[i] > 0)
            assert_int_equal(huffman_get(h, &in), i);
    }
    assert_false(bits_over(&in));
    bytes_done(&to);
    mem_free(h);
    mem_free(code);
    mem_free(length);
    mem_free(count);
}

static void test_any_code_is_read_as_it_was_written(void **state)
{
    uint64_t seed;

    (void)state;
    for (seed = 0; seed < 40; seed++)
        huffman_round_trip(seed);
}

static void test_lengths_that_are_no_code_are_refused(void **state)
{
    static const uint8_t over[] = {1, 1, 1}, under[] = {2, 2, 2}, none[] = {0},
                         lone[] = {0, 2};
    struct huffman_reader *h = mem_zalloc(sizeof(*h));
    struct err err;

    (void)state;
    assert_refused(huffman_open(h, over, 3, &err), ERR_FORMAT, "prefix");
    assert_refused(huffman_open(h, under, 3, &err), ERR_FORMAT, "prefix");
    assert_refused(huffman_open(h, none, 1, &err), ERR_FORMAT, "prefix");
    assert_refused(huffman_open(h, lone, 2, &err), ERR_FORMAT, "prefix");
    mem_free(h);
}

/* The worked example of method card D4. */
static void test_gaps_with_fillers_are_those_of_the_card(void **state)
{
    static const unsigned want[][2] = {{2, 4}, {3, 2}, {8, 0}, {3, 1},
                                       {1, 1}, {3, 3}, {8, 0}, {3, 1}};
    uint16_t code[32] = {
        [1] = 4, [4] = 2, [15] = 1, [16] = 1, [19] = 3, [30] = 1};
    struct gap_walk w;
    struct gap_entry e;
    size_t i = 0;

    (void)state;
    gap_start(&w, code, 32, 3, false);
    for (; gap_next(&w, &e); i++) {
        assert_true(i < LENGTH(want) && e.has_value);
        assert_int_equal(e.gap + 1, want[i][0]);
        assert_int_equal(e.value, want[i][1]);
    }
    assert_int_equal(i, LENGTH(want));
}

/* Writes the entries and follows them into another array. */
static void gap_round_trip(const uint16_t *code, size_t n, int bits, bool jumps)
{
    uint16_t *back = mem_array(n + 1, sizeof(*back));
    struct gap_walk w;
    struct gap_entry e;
    size_t from = 0, at = 0;
    bool has_value;

    gap_start(&w, code, n, bits, jumps);
    while (gap_next(&w, &e)) {
        assert_true(e.gap < 1u << bits);
        assert_true(gap_follow(&from, n, bits, jumps, e.gap, &at, &has_value));
        assert_int_equal(has_value, e.has_value);
        if (has_value)
            back[at] = (uint16_t)e.value;
    }
    assert_memory_equal(back, code, n * sizeof(*code));
    assert_false(gap_follow(&from, from, bits, jumps, 0, &at, &has_value));
    mem_free(back);
}

static void test_gaps_lead_back_at_every_distance(void **state)
{
    enum { N = 200 };
    uint16_t code[N];
    int bits, from, step, jumps;

    (void)state;
    for (bits = 1; bits <= 6; bits++) {
        for (step = 1; step < N; step++) {
            for (jumps = 0; jumps < 2; jumps++) {
                memset(code, 0, sizeof(code));
                for (from = step - 1; from < N; from += step)
                    code[from] = (uint16_t)(1 + from % 7);
                gap_round_trip(code, N, bits, jumps);
                gap_round_trip(code, 0, bits, jumps);
            }
        }
    }
    memset(code, 0, sizeof(code));
    gap_round_trip(code, N, 3, false);
    code[N - 1] = 9;
    gap_round_trip(code, N, 3, false);
    gap_round_trip(code, N, 3, true);
}

/* Method card D7: with steps of 1/32 and 11 bits, 100,000 zeros cost 278 bytes.
 * Counters here go on learning. */
static void test_what_never_varies_costs_next_to_nothing(void **state)
{
    struct range r;
    struct counter c;
    struct pace pace;
    int i;

    (void)state;
    pace_set(&pace, 1.5, 1000);
    counter_set(&c, RANGE_HALF);
    range_start_writing(&r);
    for (i = 0; i < 100000; i++)
        counter_bit(&c, &pace, &r, 0);
    range_finish(&r);
    assert_true(r.out.len < 16);
    bytes_done(&r.out);
}

static void test_bits_of_known_chance_cost_their_entropy(void **state)
{
    enum { N = 200000 };
    struct rng rng = rng_at(3, RNG_TEST, 0, 0), again = rng;
    const uint32_t one = 6554; /* a tenth */
    double bits = 0;
    struct range w, r;
    int i;

    (void)state;
    range_start_writing(&w);
    for (i = 0; i < N; i++) {
        unsigned bit = rng_double(&rng) < 0.1;

        bits -= log2(bit ? one / 65536.0 : 1 - one / 65536.0);
        range_bit(&w, one, bit);
    }
    range_finish(&w);
    assert_true((double)w.out.len <= bits / 8 * 1.0001 + 2);
    assert_true((double)w.out.len >= bits / 8 * 0.9999 - 2);
    range_start_reading(&r, w.out.at, w.out.len);
    for (i = 0; i < N; i++)
        assert_int_equal(range_bit(&r, one, 0), rng_double(&again) < 0.1);
    bytes_done(&w.out);
}

static void test_numbers_of_any_size(void **state)
{
    struct range w, r;
    int i;

    (void)state;
    range_start_writing(&w);
    for (i = 0; i < 63; i++) {
        range_number(&w, (uint64_t)1 << i);
        range_number(&w, ((uint64_t)1 << i) - 1);
    }
    range_finish(&w);
    range_start_reading(&r, w.out.at, w.out.len);
    for (i = 0; i < 63; i++) {
        assert_true(range_number(&r, 0) == (uint64_t)1 << i);
        assert_true(range_number(&r, 0) == ((uint64_t)1 << i) - 1);
    }
    bytes_done(&w.out);
}

/* Random codes of some density in random rows and columns. */
static void fill_grid(struct plane *g, uint64_t seed, double density)
{
    struct rng rng = rng_at(seed, RNG_TEST, 2, 0);
    int i, j;

    memset(g->code, 0, (size_t)g->rows * (size_t)g->cols * sizeof(*g->code));
    for (i = 0; i < g->rows; i++) {
        for (j = 0; j < g->cols; j++) {
            if (rng_double(&rng) < density && i % 7 != 0 && j % 5 != 0)
                g->code[i * g->cols + j] =
                    (uint16_t)(1 + rng_below(&rng, (uint32_t)g->values));
        }
    }
}

static size_t plane_round_trip(struct plane *g, const struct plane_style *style)
{
    size_t n = (size_t)g->rows * (size_t)g->cols, bytes;
    uint16_t *keep = mem_array(n + 1, sizeof(*keep));
    struct range w, r;
    struct err err;

    memcpy(keep, g->code, n * sizeof(*keep));
    range_start_writing(&w);
    assert_ok(plane_code(&w, g, style, NULL, &err));
    range_finish(&w);
    bytes = w.out.len;
    memset(g->code, 0, n * sizeof(*keep));
    range_start_reading(&r, w.out.at, w.out.len);
    assert_ok(plane_code(&r, g, style, NULL, &err));
    assert_memory_equal(g->code, keep, n * sizeof(*keep));
    bytes_done(&w.out);
    mem_free(keep);
    return bytes;
}

static void test_planes_of_every_shape_and_style(void **state)
{
    static const struct {
        int rows, cols, values, negative, near, far;
        double density;
    } rows[] = {
        {30, 40, 8, 4, 1, 6, 0.1},     {1, 50, 3, 1, 0, 0, 0.5},
        {50, 1, 1, 0, 1, 5, 0.9},      {9, 20, 255, 100, 1, 3, 1.0},
        {20, 30, 65535, 9, 0, 0, 0.7}, {40, 7, 5, 5, 1, 2, 0.0},
        {64, 64, 2, 1, 8, 32, 0.01},   {1, 1, 1, 1, 0, 0, 1},
        {60, 37, 31, 15, 1, 6, 0.2},   {45, 3, 7, 3, 3, 9, 0.5},
    };
    struct plane_style style;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        uint8_t hints[64];
        struct plane g = {.rows = rows[i].rows,
                          .cols = rows[i].cols,
                          .values = rows[i].values,
                          .negative = rows[i].negative,
                          .near = rows[i].near,
                          .far = rows[i].far};
        int k, effort;

        for (k = 0; k < 64; k++)
            hints[k] = (uint8_t)(k % PLANE_HINTS);
        g.code = mem_array((size_t)(g.rows * g.cols), sizeof(*g.code));
        g.row_hint = i % 2 ? hints : NULL;
        g.col_hint = i % 3 ? hints : NULL;
        for (effort = PLANE_SWIFT; effort <= PLANE_STRIPS; effort++) {
            style = (struct plane_style){(enum plane_effort)effort, effort};
            fill_grid(&g, i, rows[i].density);
            plane_round_trip(&g, &style);
        }
        mem_free(g.code);
    }
}

/* The bound for places at random is H(d) a weight and log2 k a code. */
static void test_a_random_plane_costs_its_entropy(void **state)
{
    struct plane g = {.rows = 400, .cols = 500, .values = 32, .negative = 16};
    struct plane_style style = {PLANE_SWIFT, 0};
    struct rng rng = rng_at(5, RNG_TEST, 0, 0);
    double bound, d = 0.08;
    size_t i, bytes;

    (void)state;
    g.code = mem_array(200000, sizeof(*g.code));
    for (i = 0; i < 200000; i++) {
        if (rng_double(&rng) < d)
            g.code[i] = (uint16_t)(1 + rng_below(&rng, 32));
    }
    bound = 200000 * (-d * log2(d) - (1 - d) * log2(1 - d) + d * 5) / 8;
    bytes = plane_round_trip(&g, &style);
    assert_true((double)bytes < bound * 1.03);
    assert_true((double)bytes > bound * 0.97);
    mem_free(g.code);
}

/* Weights in one corner of a picture cost less than weights anywhere. */
static void test_contexts_see_where_weights_lie(void **state)
{
    struct plane g = {
        .rows = 784, .cols = 60, .values = 1, .near = 1, .far = 28};
    struct plane_style style = {PLANE_FULL, 1};
    struct rng rng = rng_at(6, RNG_TEST, 0, 0);
    size_t near, anywhere;
    int i, left = 0;

    (void)state;
    g.code = mem_array(784 * 60, sizeof(*g.code));
    for (i = 0; i < 784 * 60; i++) {
        int row = i / 60, unit = i % 60, y = row / 28, x = row % 28;

        g.code[i] = (abs(y - unit % 28) < 3 && abs(x - unit / 3) < 3 &&
                     rng_below(&rng, 2) == 0);
        left += g.code[i];
    }
    near = plane_round_trip(&g, &style);
    memset(g.code, 0, 784 * 60 * sizeof(*g.code));
    while (left > 0) {
        i = (int)rng_below(&rng, 784 * 60);
        left -= g.code[i] == 0;
        g.code[i] = 1;
    }
    anywhere = plane_round_trip(&g, &style);
    assert_true(near < anywhere * 3 / 4);
    mem_free(g.code);
}

/* Files are for ever: other bytes would be another format.  Whole numbers alone
 * make them, so that every instruction set writes the same.  The plane is large
 * enough for counters to have met all they remember. */
static void test_every_style_writes_the_bytes_it_always_wrote(void **state)
{
    enum { ROWS = 400, COLS = 300 };
    static const uint32_t want[][2] = {
        {0xa6ece503, 0x47bf0ff5},
        {0x80037fde, 0x7537b276},
        {0xa3da4980, 0x4187f150},
        {0x521662b7, 0x13532523},
    };
    int effort, near;

    (void)state;
    for (effort = PLANE_SWIFT; effort <= PLANE_STRIPS; effort++) {
        for (near = 0; near < 2; near++) {
            struct plane g = {.rows = ROWS,
                              .cols = COLS,
                              .values = 31,
                              .negative = 15,
                              .near = near,
                              .far = near * 20};
            struct plane_style style = {(enum plane_effort)effort, 1};
            struct range w;
            struct err err;

            g.code = mem_array((size_t)ROWS * COLS, sizeof(*g.code));
            fill_grid(&g, 7, 0.15);
            range_start_writing(&w);
            assert_ok(plane_code(&w, &g, &style, NULL, &err));
            range_finish(&w);
            assert_int_equal(crc32_z(0, w.out.at, w.out.len),
                             want[effort][near]);
            bytes_done(&w.out);
            mem_free(g.code);
        }
    }
}

/* Strips forgo little for being many times as fast as full contexts. */
static void test_strips_see_what_full_contexts_see(void **state)
{
    struct plane g = {.rows = 784,
                      .cols = 60,
                      .values = 31,
                      .negative = 15,
                      .near = 1,
                      .far = 28};
    struct plane_style full = {PLANE_FULL, 1}, strips = {PLANE_STRIPS, 0};
    struct rng rng = rng_at(6, RNG_TEST, 0, 0);
    size_t most;
    int i;

    (void)state;
    g.code = mem_array(784 * 60, sizeof(*g.code));
    for (i = 0; i < 784 * 60; i++) {
        int row = i / 60, unit = i % 60, y = row / 28, x = row % 28;

        if (abs(y - unit % 28) < 3 && abs(x - unit / 3) < 3)
            g.code[i] =
                (uint16_t)(rng_below(&rng, 2) * (1 + rng_below(&rng, 31)));
    }
    most = plane_round_trip(&g, &full);
    assert_true(plane_round_trip(&g, &strips) < most + most / 25);
    mem_free(g.code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits_come_out_as_they_went_in),
        cmocka_unit_test(test_lengths_are_optimal_under_their_limit),
        cmocka_unit_test(test_codes_are_canonical),
        cmocka_unit_test(test_any_code_is_read_as_it_was_written),
        cmocka_unit_test(test_lengths_that_are_no_code_are_refused),
        cmocka_unit_test(test_gaps_with_fillers_are_those_of_the_card),
        cmocka_unit_test(test_gaps_lead_back_at_every_distance),
        cmocka_unit_test(test_what_never_varies_costs_next_to_nothing),
        cmocka_unit_test(test_bits_of_known_chance_cost_their_entropy),
        cmocka_unit_test(test_numbers_of_any_size),
        cmocka_unit_test(test_planes_of_every_shape_and_style),
        cmocka_unit_test(test_a_random_plane_costs_its_entropy),
        cmocka_unit_test(test_contexts_see_where_weights_lie),
        cmocka_unit_test(test_every_style_writes_the_bytes_it_always_wrote),
        cmocka_unit_test(test_strips_see_what_full_contexts_see),
    };

    return cmocka_run_group_tests_name("coders", tests, NULL, NULL);
}
