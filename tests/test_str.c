#include "tests/support.h"

#include "base/args.h"
#include "base/mem.h"
#include "base/str.h"

static void test_a_string_grows_as_it_is_added_to(void **state)
{
    struct str s = {0};
    char *taken;
    int i;

    (void)state;
    for (i = 0; i < 1000; i++)
        str_addf(&s, "%d,", i % 10);
    assert_int_equal(s.len, 2000);
    assert_int_equal(strlen(s.text), 2000);
    str_clear(&s);
    str_add(&s, "ab");
    str_add_bytes(&s, "c\0d", 3);
    assert_int_equal(s.len, 5);
    assert_memory_equal(s.text, "abc\0d", 6);
    taken = str_take(&s);
    assert_memory_equal(taken, "abc\0d", 6);
    mem_free(taken);
    assert_int_equal(s.len, 0);
    taken = str_take(&s);
    assert_string_equal(taken, "");
    mem_free(taken);
    str_done(&s);
}

static void test_patterns_choose_names(void **state)
{
    static const struct {
        const char *patterns, *text;
        bool match;
    } rows[] = {
        {"fc1", "fc1", true},
        {"fc1", "fc10", false},
        {"fc*", "fc10", true},
        {"*", "anything", true},
        {"fc?", "fc10", false},
        {"conv*,fc1", "fc1", true},
        {"conv*,fc1", "fc2", false},
        {"a,,b", "b", true},
        {"", "a", false},
        {"", "", false},
        {"[ab]1", "b1", true},
        {"fc1,", "fc1", true},
    };
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++)
        if (str_match(rows[i].patterns, rows[i].text) != rows[i].match)
            fail_msg("\"%s\" against \"%s\"", rows[i].patterns, rows[i].text);
    assert_true(str_starts("prune", "pru"));
    assert_false(str_starts("pr", "pru"));
    assert_true(str_ends("a.h5", ".h5"));
    assert_false(str_ends("h5", ".h5"));
}

static void test_the_nearest_word_is_what_was_meant(void **state)
{
    static const char *const words[] = {"prune", "quantize", "finetune",
                                        "train", "step",     "sensitivity"};
    static const struct {
        const char *typed, *meant;
    } rows[] = {
        {"prume", "prune"}, {"purne", "prune"},      {"quantise", "quantize"},
        {"trian", "train"}, {"sens", "sensitivity"}, {"fine", "finetune"},
        {"stp", "step"},    {"xyzzy", NULL},         {"banana", NULL},
        {"", NULL},         {"tre", NULL},           {"set", NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        const char *got = str_nearest(rows[i].typed, words, LENGTH(words));

        if (rows[i].meant == NULL && got != NULL)
            fail_msg("\"%s\" was taken for %s", rows[i].typed, got);
        if (rows[i].meant != NULL &&
            (got == NULL || strcmp(got, rows[i].meant) != 0))
            fail_msg("\"%s\" was taken for %s", rows[i].typed,
                     got != NULL ? got : "nothing");
    }
    assert_null(str_nearest("a", NULL, 0));
}

typedef enum err_code number_reader(const char *, const char *, double *,
                                    struct err *);

static void test_numbers_are_read_as_people_write_them(void **state)
{
    static const struct {
        number_reader *read;
        const char *text;
        double value;
    } rows[] = {
        {str_double, "0.05", 0.05},   {str_double, "-1e-3", -0.001},
        {str_double, "3", 3.0},       {str_share, "20%", 0.2},
        {str_share, "0.2", 0.2},      {str_share, "97.5%", 0.975},
        {str_share, "100%", 1.0},     {str_share, "-5%", -0.05},
        {str_bytes, "32kB", 32000.0}, {str_bytes, "1.5MB", 1.5e6},
        {str_bytes, "4096", 4096.0},  {str_bytes, "1KiB", 1024.0},
        {str_bytes, "2G", 2e9},       {str_bytes, "0", 0.0},
    };
    struct err err;
    double value;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        assert_ok(rows[i].read(rows[i].text, "x", &value, &err));
        assert_close(value, rows[i].value, 1e-12 * fabs(rows[i].value));
    }
}

static void test_what_is_no_number_is_refused_and_nothing_written(void **state)
{
    static const struct {
        number_reader *read;
        const char *text;
    } rows[] = {
        {str_double, ""},       {str_double, "abc"}, {str_double, "1x"},
        {str_double, "nan"},    {str_double, "inf"}, {str_double, "1e999"},
        {str_double, "0,5"},    {str_double, "1 2"}, {str_share, "20%%"},
        {str_share, "20 %x"},   {str_share, "%"},    {str_share, "inf%"},
        {str_bytes, "32 cows"}, {str_bytes, "-1kB"}, {str_bytes, "kB"},
        {str_bytes, "inf"},     {str_bytes, "nan"},
    };
    struct err err;
    double value = 42.0;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        if (rows[i].read(rows[i].text, "lr", &value, &err) != ERR_VALUE)
            fail_msg("\"%s\" was read as %g", rows[i].text, value);
        assert_true(str_starts(err.msg, "lr wants"));
        assert_close(value, 42.0, 0.0);
    }
}

static void test_whole_numbers_must_be_whole_and_fit(void **state)
{
    struct err err;
    long long value = 42;

    (void)state;
    assert_ok(str_long("-17", "n", &value, &err));
    assert_int_equal(value, -17);
    assert_ok(str_long("9223372036854775807", "n", &value, &err));
    assert_true(value == INT64_MAX);
    value = 42;
    assert_refused(str_long("1.5", "n", &value, &err), ERR_VALUE, "1.5");
    assert_refused(str_long("", "n", &value, &err), ERR_VALUE, "n wants");
    assert_refused(str_long("9223372036854775808", "n", &value, &err),
                   ERR_VALUE, "n wants");
    assert_int_equal(value, 42);
}

static void test_numbers_are_shown_short(void **state)
{
    static const struct {
        double value;
        const char *si, *size;
    } rows[] = {
        {0.0, "0", "0 B"},
        {7.0, "7", "7 B"},
        {999.0, "999", "999 B"},
        {8512.0, "8.5k", "8,512 B"},
        {99999.0, "100.0k", "99,999 B"},
        {266200.0, "266.2k", "266.2 kB"},
        {999499.0, "999.5k", "999.5 kB"},
        {1.07e6, "1.1M", "1.07 MB"},
        {1.3e8, "130.0M", "130.00 MB"},
        {2.5e9, "2.5G", "2.50 GB"},
    };
    char buf[32];
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        str_si(rows[i].value, buf, sizeof(buf));
        assert_string_equal(buf, rows[i].si);
        str_size(rows[i].value, buf, sizeof(buf));
        assert_string_equal(buf, rows[i].size);
    }
    assert_string_equal(str_si(-8512.0, buf, sizeof(buf)), "-8.5k");
    assert_string_equal(str_si(0.25, buf, sizeof(buf)), "0.25");
}

static void test_thousands_are_parted_by_commas(void **state)
{
    static const struct {
        long long value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1,000"},
        {266200, "266,200"},
        {1234567, "1,234,567"},
        {-1000, "-1,000"},
        {-42, "-42"},
        {INT64_MIN, "-9,223,372,036,854,775,808"},
    };
    char buf[32], small[4];
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++)
        assert_string_equal(str_commas(rows[i].value, buf, sizeof(buf)),
                            rows[i].text);
    assert_true(strlen(str_commas(1234567, small, sizeof(small))) < 4);
}

static void test_names_from_files_cannot_steer_the_terminal(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"conv1/kernel:0", "conv1/kernel:0"},
        {"größe 漢字", "größe 漢字"},
        {"a\033[2Jb", "a^[2Jb"},
        {"tab\there\n", "tab^here^"},
        {"\302\233"
         "31m",
         "?31m"},                      /* C1: a one-character escape */
        {"x\342\200\256y", "x?y"},     /* U+202E turns the line round */
        {"z\342\200\213w", "z?w"},     /* U+200B cannot be seen */
        {"bad\377\300\257", "bad???"}, /* not UTF-8, an overlong slash */
        {"\355\240\200", "???"},       /* half a surrogate pair */
        {"cut\342\202", "cut??"},      /* ends in a character */
        {"\364\220\200\200", "????"},  /* past U+10FFFF */
        {"del\177", "del?"},
        {"", ""},
    };
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        struct str s = {0};

        str_add_safe(&s, rows[i].in);
        assert_string_equal(s.text != NULL ? s.text : "", rows[i].out);
        str_done(&s);
    }
}

static void test_a_line_is_words_and_settings(void **state)
{
    struct args a;
    struct err err;

    (void)state;
    assert_ok(args_parse("  prune 20% by=magnitude name=\"two words\" "
                         "'a=b' acc<97.5% x= # not = this",
                         &a, &err));
    assert_int_equal(a.word_count, 4);
    assert_string_equal(a.word[0], "prune");
    assert_string_equal(a.word[1], "20%");
    assert_string_equal(a.word[2], "a=b");
    assert_string_equal(a.word[3], "acc<97.5%");
    assert_int_equal(a.pair_count, 3);
    assert_string_equal(args_value(&a, "by"), "magnitude");
    assert_string_equal(args_value(&a, "name"), "two words");
    assert_string_equal(args_value(&a, "x"), "");
    assert_null(args_value(&a, "prune"));
    args_done(&a);
}

static void test_words_keep_apart_whatever_comes_between(void **state)
{
    struct args a;
    struct err err;

    (void)state;
    assert_ok(args_parse("a=1 \"\" b c==d e<=9kB =f", &a, &err));
    assert_int_equal(a.word_count, 5);
    assert_string_equal(a.word[0], "");
    assert_string_equal(a.word[1], "b");
    assert_string_equal(a.word[2], "c==d");
    assert_string_equal(a.word[3], "e<=9kB");
    assert_string_equal(a.word[4], "=f");
    assert_string_equal(args_value(&a, "a"), "1");
    args_done(&a);
    assert_ok(args_parse(" \t # nothing", &a, &err));
    assert_int_equal(a.word_count + a.pair_count, 0);
    args_done(&a);
}

static void test_lines_that_make_no_sense_are_refused(void **state)
{
    struct args a = {0};
    struct err err;
    struct str s = {0};
    int i;

    (void)state;
    assert_refused(args_parse("say \"half", &a, &err), ERR_USAGE, "quote");
    for (i = 0; i < ARGS_MAX; i++)
        str_add(&s, "w ");
    assert_ok(args_parse(s.text, &a, &err));
    args_done(&a);
    str_add(&s, "w");
    assert_refused(args_parse(s.text, &a, &err), ERR_USAGE, "words");
    str_clear(&s);
    for (i = 0; i <= ARGS_MAX; i++)
        str_add(&s, "n=1 ");
    assert_refused(args_parse(s.text, &a, &err), ERR_USAGE, "settings");
    assert_null(a.store);
    str_done(&s);
}

static void test_a_setting_nobody_knows_is_named_with_its_neighbour(
    void **state)
{
    static const char *const known[] = {"by", "scope", "layers"};
    struct args a;
    struct err err;

    (void)state;
    assert_ok(args_parse("prune by=magnitude scpoe=global", &a, &err));
    assert_non_null(args_value(&a, "by"));
    assert_refused(args_all_used(&a, known, 3, &err), ERR_USAGE, "scpoe");
    assert_non_null(strstr(err.msg, "\"scope\""));
    assert_non_null(args_value(&a, "scpoe"));
    assert_ok(args_all_used(&a, known, 3, &err));
    args_done(&a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_string_grows_as_it_is_added_to),
        cmocka_unit_test(test_patterns_choose_names),
        cmocka_unit_test(test_the_nearest_word_is_what_was_meant),
        cmocka_unit_test(test_numbers_are_read_as_people_write_them),
        cmocka_unit_test(test_what_is_no_number_is_refused_and_nothing_written),
        cmocka_unit_test(test_whole_numbers_must_be_whole_and_fit),
        cmocka_unit_test(test_numbers_are_shown_short),
        cmocka_unit_test(test_thousands_are_parted_by_commas),
        cmocka_unit_test(test_names_from_files_cannot_steer_the_terminal),
        cmocka_unit_test(test_a_line_is_words_and_settings),
        cmocka_unit_test(test_words_keep_apart_whatever_comes_between),
        cmocka_unit_test(test_lines_that_make_no_sense_are_refused),
        cmocka_unit_test(
            test_a_setting_nobody_knows_is_named_with_its_neighbour),
    };

    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
