#include "tests/support.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"

/* Errors */

static void test_an_error_keeps_code_and_sentence(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(err_set(&err, ERR_SHAPE, "rank %d is too high", 5),
                     ERR_SHAPE);
    assert_int_equal(err.code, ERR_SHAPE);
    assert_string_equal(err.msg, "rank 5 is too high");
    assert_int_equal(err_context(&err, "layer %d", 2), ERR_SHAPE);
    assert_int_equal(err_context(&err, "read \"%s\"", "a.h5"), ERR_SHAPE);
    assert_string_equal(err.msg, "read \"a.h5\": layer 2: rank 5 is too high");
}

static void test_a_long_error_is_cut_not_spilled(void **state)
{
    struct {
        struct err err;
        char guard[16];
    } s;
    char longer[2 * ERR_MSG_SIZE];

    (void)state;
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    memset(s.guard, '#', sizeof(s.guard));
    err_set(&s.err, ERR_IO, "%s", longer);
    assert_int_equal(strlen(s.err.msg), ERR_MSG_SIZE - 1);
    err_context(&s.err, "%s", "reading");
    assert_int_equal(strlen(s.err.msg), ERR_MSG_SIZE - 1);
    assert_memory_equal(s.err.msg, "reading: xxx", 12);
    err_context(&s.err, "%s", longer);
    assert_memory_equal(s.guard, "################", sizeof(s.guard));
}

static void test_every_kind_of_error_has_a_text_of_its_own(void **state)
{
    int i, j;

    (void)state;
    for (i = 0; i < ERR_COUNT; i++) {
        assert_true(strlen(err_kind((enum err_code)i)) > 3);
        for (j = 0; j < i; j++)
            assert_string_not_equal(err_kind((enum err_code)i),
                                    err_kind((enum err_code)j));
    }
    assert_string_equal(err_kind(ERR_COUNT), "unknown");
}

/* Memory */

static void test_products_that_do_not_fit_are_seen(void **state)
{
    const size_t half = (size_t)1 << (sizeof(size_t) * 4);
    size_t out = 7;

    (void)state;
    assert_true(mem_mul(half, half - 1, &out));
    assert_true(out == half * (half - 1));
    assert_false(mem_mul(half, half, &out));
    assert_true(mem_mul(0, SIZE_MAX, &out));
    assert_int_equal(out, 0);
}

static void test_blocks_are_zeroed_aligned_and_counted(void **state)
{
    static const size_t sizes[] = {0, 1, 63, 64, 65, 1000, 100000};
    size_t before = mem_block_bytes(), i, k;
    unsigned long calls = mem_block_calls();
    struct err err;

    (void)state;
    for (i = 0; i < LENGTH(sizes); i++) {
        unsigned char *p = mem_block(sizes[i], "a test", &err);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (k = 0; k < sizes[i]; k++)
            assert_int_equal(p[k], 0);
        memset(p, 255, sizes[i]);
        assert_true(mem_block_bytes() >= before + sizes[i]);
        assert_true(mem_block_peak() >= mem_block_bytes());
        mem_block_free(p);
        assert_int_equal(mem_block_bytes(), before);
    }
    mem_block_free(NULL);
    assert_int_equal(mem_block_calls() - calls, LENGTH(sizes));
}

static void test_blocks_too_big_are_refused_by_name(void **state)
{
    size_t before = mem_block_bytes();
    struct err err;

    (void)state;
    assert_null(mem_block(SIZE_MAX - 10, "the moon", &err));
    assert_int_equal(err.code, ERR_MEMORY);
    assert_non_null(strstr(err.msg, "the moon"));
    assert_null(mem_block_array(SIZE_MAX / 2, 3, "the sun", &err));
    assert_int_equal(err.code, ERR_MEMORY);
    assert_non_null(strstr(err.msg, "the sun"));
    assert_int_equal(mem_block_bytes(), before);
}

static void test_the_block_that_was_asked_to_fail_fails(void **state)
{
    struct err err;
    void *p[4];
    long n;
    int i;

    (void)state;
    for (n = 0; n < 4; n++) {
        mem_fail_after(n);
        for (i = 0; i < 4; i++) {
            p[i] = mem_block(8, "a test", &err);
            assert_int_equal(p[i] == NULL, i == n);
        }
        for (i = 0; i < 4; i++)
            mem_block_free(p[i]);
    }
    mem_fail_after(0);
    mem_fail_after(-1);
    p[0] = mem_block(8, "a test", &err);
    assert_non_null(p[0]);
    mem_block_free(p[0]);
}

static void test_small_memory_grows_and_copies(void **state)
{
    int *items = mem_array(3, sizeof(*items)), i;
    char *text = mem_printf("%s of %d", "one", 2), *copy = mem_strdup(text);

    (void)state;
    for (i = 0; i < 3; i++) {
        assert_int_equal(items[i], 0);
        items[i] = i + 1;
    }
    items = mem_grow(items, 1000, sizeof(*items));
    for (i = 0; i < 3; i++)
        assert_int_equal(items[i], i + 1);
    assert_string_equal(copy, "one of 2");
    assert_ptr_not_equal(copy, text);
    mem_free(items);
    mem_free(text);
    mem_free(copy);
    mem_free(NULL);
}

/* Random numbers */

/* Known answers of Philox 4x32-10 published with Random123 (Salmon et al.). */
static void test_philox_gives_the_published_words(void **state)
{
    static const struct {
        uint32_t key[2], counter[4], word[4];
    } known[] = {
        {{0, 0},
         {0, 0, 0, 0},
         {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0xa4093822, 0x299f31d0},
         {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    size_t k, i;

    (void)state;
    for (k = 0; k < LENGTH(known); k++) {
        struct rng r = {.used = 4};

        memcpy(r.key, known[k].key, sizeof(r.key));
        memcpy(r.counter, known[k].counter, sizeof(r.counter));
        for (i = 0; i < 4; i++)
            assert_int_equal(rng_u32(&r), known[k].word[i]);
    }
}

/* Words computed by another implementation: were an address to mean another
 * stream, saved sessions would no longer go on in the same bits. */
static void test_an_address_always_means_the_same_stream(void **state)
{
    static const uint32_t want[] = {0x20045edb, 0x024e413b, 0x9968807b,
                                    0x4298b990, 0x375daf34, 0x2ce401a2};
    const uint64_t big = (uint64_t)1 << 32;
    struct rng r = rng_at(1, RNG_TEST, 3, 5);
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(want); i++)
        assert_int_equal(rng_u32(&r), want[i]);
    r = rng_at(((uint64_t)1 << 63) + 7, RNG_ORDER, 2 * big + 1, big + 9);
    assert_int_equal(rng_u32(&r), 0x1937d63b);
    assert_int_equal(rng_u32(&r), 0xa1f6c3df);
}

static void test_neighbouring_addresses_share_nothing(void **state)
{
    const struct rng base = rng_at(9, RNG_TEST, 100, 200);
    const struct rng other[] = {
        rng_at(10, RNG_TEST, 100, 200), rng_at(9, RNG_INIT, 100, 200),
        rng_at(9, RNG_TEST, 101, 200),  rng_at(9, RNG_TEST, 100, 201),
        rng_at(9, RNG_TEST, 200, 100),
    };
    size_t k;
    int i, same;

    (void)state;
    for (k = 0; k < LENGTH(other); k++) {
        struct rng a = base, b = other[k];

        for (i = 0, same = 0; i < 1000; i++)
            same += rng_u32(&a) == rng_u32(&b);
        assert_int_equal(same, 0);
    }
}

static void test_uniform_numbers_fill_the_interval(void **state)
{
    enum { N = 100000 };
    struct rng r = rng_at(2, RNG_TEST, 0, 0);
    double sum = 0.0, squares = 0.0, sum53 = 0.0;
    int i;

    (void)state;
    for (i = 0; i < N; i++) {
        double f = (double)rng_float(&r), d = rng_double(&r);

        assert_true(f >= 0.0 && f < 1.0 && d >= 0.0 && d < 1.0);
        sum += f;
        squares += f * f;
        sum53 += d;
    }
    /* Five standard deviations of the mean are 0.0046. */
    assert_close(sum / N, 0.5, 0.0046);
    assert_close(squares / N, 1.0 / 3.0, 0.0048);
    assert_close(sum53 / N, 0.5, 0.0046);
}

static void test_normal_numbers_have_the_moments_of_the_bell(void **state)
{
    enum { N = 100000 };
    struct rng r = rng_at(3, RNG_TEST, 0, 0);
    double x, m1 = 0.0, m2 = 0.0, m3 = 0.0, m4 = 0.0;
    int i;

    (void)state;
    for (i = 0; i < N; i++) {
        x = rng_normal(&r);
        m1 += x / N;
        m2 += x * x / N;
        m3 += x * x * x / N;
        m4 += x * x * x * x / N;
    }
    /* Five standard deviations each: sqrt(1, 2, 15, 96) / sqrt(N) * 5. */
    assert_close(m1, 0.0, 0.016);
    assert_close(m2, 1.0, 0.023);
    assert_close(m3, 0.0, 0.062);
    assert_close(m4, 3.0, 0.155);
}

static void test_whole_numbers_are_all_equally_likely(void **state)
{
    enum { N = 60000, SIDES = 6 };
    struct rng r = rng_at(4, RNG_TEST, 0, 0);
    int count[SIDES] = {0}, i;
    double chi = 0.0;

    (void)state;
    for (i = 0; i < N; i++)
        count[rng_below(&r, SIDES)]++;
    for (i = 0; i < SIDES; i++)
        chi += pow(count[i] - N / SIDES, 2) / (N / SIDES);
    /* Chi squared with 5 degrees of freedom is above 25.7 once in 10,000. */
    assert_true(chi < 25.7);
    for (i = 0; i < 100; i++)
        assert_int_equal(rng_below(&r, 1), 0);
    /* 3 * 2^30 is where taking the remainder would favour the low quarter. */
    for (i = 0, count[0] = 0; i < N; i++)
        count[0] += rng_below(&r, 0xC0000000u) < 0x40000000u;
    assert_close(count[0], N / 3.0, 5.0 * sqrt(N * 2.0 / 9.0));
}

static void test_a_shuffle_loses_nothing_and_favours_no_place(void **state)
{
    enum { N = 5, ROUNDS = 20000 };
    static int at[N][N];
    struct rng r = rng_at(5, RNG_TEST, 0, 0);
    int i, j, k, seen;

    (void)state;
    for (k = 0; k < ROUNDS; k++) {
        int32_t items[N] = {0, 1, 2, 3, 4};

        rng_shuffle(&r, items, N);
        for (i = 0, seen = 0; i < N; i++) {
            seen |= 1 << items[i];
            at[i][items[i]]++;
        }
        assert_int_equal(seen, (1 << N) - 1);
    }
    for (i = 0; i < N; i++)
        for (j = 0; j < N; j++)
            assert_close(at[i][j], ROUNDS / (double)N,
                         5.0 * sqrt(ROUNDS * 0.16));
    rng_shuffle(&r, NULL, 0);
}

/* Log */

static void test_the_log_goes_to_the_file_it_was_given(void **state)
{
    const char *path = support_path(state, "log");
    struct err err;
    char *text;

    log_line("test", "nobody reads %d", 1);
    assert_ok(log_open(path, &err));
    log_line("test", "step %d", 2);
    assert_refused(log_open(support_path(state, "no/such"), &err), ERR_IO,
                   "no/such");
    log_line("test", "step %d", 3);
    assert_ok(log_open(NULL, &err));
    log_line("test", "step %d", 4);
    text = support_read(path, NULL);
    assert_null(strstr(text, "nobody"));
    assert_non_null(strstr(text, "test"));
    assert_non_null(strstr(text, "step 2\n"));
    assert_non_null(strstr(text, "step 3\n"));
    assert_null(strstr(text, "step 4"));
    mem_free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_error_keeps_code_and_sentence),
        cmocka_unit_test(test_a_long_error_is_cut_not_spilled),
        cmocka_unit_test(test_every_kind_of_error_has_a_text_of_its_own),
        cmocka_unit_test(test_products_that_do_not_fit_are_seen),
        cmocka_unit_test(test_blocks_are_zeroed_aligned_and_counted),
        cmocka_unit_test(test_blocks_too_big_are_refused_by_name),
        cmocka_unit_test(test_the_block_that_was_asked_to_fail_fails),
        cmocka_unit_test(test_small_memory_grows_and_copies),
        cmocka_unit_test(test_philox_gives_the_published_words),
        cmocka_unit_test(test_an_address_always_means_the_same_stream),
        cmocka_unit_test(test_neighbouring_addresses_share_nothing),
        cmocka_unit_test(test_uniform_numbers_fill_the_interval),
        cmocka_unit_test(test_normal_numbers_have_the_moments_of_the_bell),
        cmocka_unit_test(test_whole_numbers_are_all_equally_likely),
        cmocka_unit_test(test_a_shuffle_loses_nothing_and_favours_no_place),
        unit_test_in_folder(test_the_log_goes_to_the_file_it_was_given),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
