/* Bars, histograms, heat maps, pictures and scatters. */
#include "support.h"

#include <locale.h>
#include <stdlib.h>

#include "base/mem.h"
#include "dump.h"
#include "ui/plot.h"

static void test_bars_show_shares_in_eighths(void **s)
{
    static const struct {
        double share;
        enum glyphs glyphs;
        const char *want;
    } cases[] = {
        {0, GLYPHS_BRAILLE, "····\n"},    {1, GLYPHS_BRAILLE, "████\n"},
        {0.5, GLYPHS_BRAILLE, "██··\n"},  {0.28125, GLYPHS_BRAILLE, "█▏··\n"},
        {1e-9, GLYPHS_BRAILLE, "▏···\n"}, {7, GLYPHS_BRAILLE, "████\n"},
        {0.5, GLYPHS_ASCII, "##..\n"},    {0.4, GLYPHS_ASCII, "#=..\n"},
    };
    struct canvas c;
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        c = make(1, 4, cases[i].glyphs);
        plot_bar(pane_whole(&c), 0, 0, 4, ROLE_SERIES1, cases[i].share);
        expect_done(&c, cases[i].want);
    }
    c = make(1, 4, GLYPHS_BRAILLE);
    plot_bar(pane_whole(&c), 0, 0, 4, ROLE_SERIES1, (double)NAN);
    expect_done(&c, "····\n");
}

static void test_a_spark_shows_the_newest_values(void **s)
{
    double y[] = {9, 9, 0, 1, 2, (double)NAN, 7};
    struct canvas c = make(1, 5, GLYPHS_BRAILLE);

    (void)s;
    plot_spark(pane_whole(&c), 0, 0, 5, ROLE_SERIES1, y, LENGTH(y));
    expect_done(&c, "▁▂▃ █\n");
    c = make(1, 5, GLYPHS_BRAILLE);
    y[5] = 2;
    plot_spark(pane_whole(&c), 0, 0, 3, ROLE_SERIES1, y + 4, 2);
    expect_done(&c, "▅▅\n"); /* all equal: the middle */
}

static void test_a_histogram_keeps_zeros_apart_and_a_lonely_value(void **s)
{
    static const int64_t counts[] = {1, 0, 400, 800, 400, 0, 0, 1};
    struct plot_histogram h = {.title = "fc1",
                               .counts = counts,
                               .bins = 8,
                               .least = -4,
                               .most = 4,
                               .has_zeros = true,
                               .zeros = 4800,
                               .has_threshold = true,
                               .threshold = 1,
                               .cursor = 3};
    struct canvas c = make(10, 48, GLYPHS_ASCII);

    (void)s;
    plot_histogram(pane_whole(&c), &h);
    expect_done(&c, "        fc1                -1 to 0: 800 (12.50%)\n"
                    "        1.0k +            : |      :\n"
                    "75.0%        |            :....    :\n"
                    " ....        |            :::::    :\n"
                    " ::::    500 +            :::::    :\n"
                    " ::::        |        =====::::....:\n"
                    " ::::        |        #####:::::::::\n"
                    " ::::      0 +....    #####:::::::::        ....\n"
                    "------       ++-------+---^----+---^---+-------+\n"
                    "zeros        -4      -2        0       2       4\n");
}

static void test_no_values_make_no_histogram(void **s)
{
    static const int64_t counts[] = {0};
    struct plot_histogram h = {.counts = counts, .bins = 1, .cursor = -1};
    struct canvas c = make(6, 20, GLYPHS_ASCII);

    (void)s;
    plot_histogram(pane_whole(&c), &h); /* least == most */
    expect_text(&c, "no values");
    h.most = 1;
    plot_histogram(pane_whole(&c), &h); /* all counts 0 */
    h.bins = 0;
    plot_histogram(pane_whole(&c), &h);
    canvas_done(&c);
}

static void test_pruned_values_are_dots_and_no_colour(void **s)
{
    static const float values[] = {-1, -0.5f, 0.5f, 1, 0, 1, 0, 0};
    static const uint8_t mask[] = {1, 1, 1, 1, 0, 1, 0, 0};
    struct plot_heat heat = {.values = values,
                             .rows = 2,
                             .cols = 4,
                             .mask = mask,
                             .zoom = 1,
                             .diverging = true};
    struct canvas c = make(1, 5, GLYPHS_BRAILLE);

    (void)s;
    plot_heat(pane_whole(&c), &heat);
    assert_int_equal(at(&c, 0, 0), 0x2580); /* live over pruned */
    assert_int_equal(c.cells[0].role, ROLE_DIVERGE);
    assert_int_equal(c.cells[0].ground, ROLE_NORMAL);
    assert_int_equal(c.cells[1].ground, ROLE_DIVERGE + 11);
    canvas_done(&c);
    c = make(1, 5, GLYPHS_ASCII);
    plot_heat(pane_whole(&c), &heat);
    expect_done(&c, "O@#@\n"); /* the one farther from the middle */
    c = make(1, 2, GLYPHS_ASCII);
    heat.mask = (const uint8_t *)"\0\1\1\1\0\1\1\1";
    heat.rows = 2;
    heat.cols = 2;
    heat.values = values;
    heat.mask = (const uint8_t *)"\0\1\0\1";
    plot_heat(pane_whole(&c), &heat);
    expect_done(&c, ".@\n");
}

static void test_a_heat_map_reduces_to_extremes_or_means(void **s)
{
    enum { SIDE = 40 };
    float *values = mem_array(SIDE * SIDE, sizeof(*values));
    struct plot_heat heat = {.values = values,
                             .rows = SIDE,
                             .cols = SIDE,
                             .least = -1,
                             .most = 1,
                             .reduce = PLOT_EXTREME};
    struct canvas c = make(5, 10, GLYPHS_ASCII); /* 4 x 4 values a pixel */

    (void)s;
    values[17 * SIDE + 30] = -1;
    plot_heat(pane_whole(&c), &heat);
    assert_int_equal(at(&c, 0, 0), 'x'); /* 0 is level 6 of 0..11 */
    heat.reduce = PLOT_MEAN;
    canvas_clear(&c);
    plot_heat(pane_whole(&c), &heat);
    assert_int_equal(at(&c, 2, 7), 'x'); /* lost among fifteen zeros */
    canvas_done(&c);
    mem_free(values);
}

static void test_an_extreme_is_seen_in_a_reduced_heat_map(void **s)
{
    enum { SIDE = 40 };
    float *values = mem_array(SIDE * SIDE, sizeof(*values));
    struct plot_heat heat = {
        .values = values, .rows = SIDE, .cols = SIDE, .least = -1, .most = 1};
    struct canvas c = make(5, 10, GLYPHS_BRAILLE);

    (void)s;
    values[21 * SIDE + 30] = -1; /* pixel row 5, column 7: a lower half */
    plot_heat(pane_whole(&c), &heat);
    assert_int_equal(c.cells[2 * 10 + 7].ground, ROLE_HEAT);
    assert_int_equal(c.cells[2 * 10 + 7].role, ROLE_HEAT + 6);
    canvas_done(&c);
    mem_free(values);
}

static void test_a_small_drift_repaints_no_heat(void **s)
{
    float value = 0.5f;
    struct plot_memory memory = {0};
    struct plot_heat heat = {.values = &value,
                             .rows = 1,
                             .cols = 1,
                             .zoom = 1,
                             .most = 12,
                             .memory = &memory};
    static const struct {
        float value;
        int level;
    } cases[] = {{3.5f, 3}, {4.05f, 3}, {4.2f, 4}, {3.95f, 4}, {3.8f, 3}};
    struct canvas c = make(1, 1, GLYPHS_BRAILLE);
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        value = cases[i].value;
        plot_heat(pane_whole(&c), &heat);
        assert_int_equal(c.cells[0].role, ROLE_HEAT + cases[i].level);
    }
    plot_memory_done(&memory);
    canvas_done(&c);
}

static void test_tiles_have_a_gap_between_them(void **s)
{
    static const float values[] = {1, 1, 1, 1, 1, 1, 1, 1};
    struct plot_heat heat = {.values = values,
                             .rows = 2,
                             .cols = 4,
                             .least = 0,
                             .most = 1,
                             .zoom = 1,
                             .tile_rows = 2,
                             .tile_cols = 2};
    struct canvas c = make(1, 9, GLYPHS_ASCII);

    (void)s;
    plot_heat(pane_whole(&c), &heat);
    expect_done(&c, "@@ @@\n");
}

static void test_a_picture_is_drawn_in_half_blocks_or_shades(void **s)
{
    static const uint8_t pixels[] = {0, 255, 255, 0, 128, 128};
    struct plot_picture picture = {
        .pixels = pixels, .height = 3, .width = 2, .channels = 1};
    struct canvas c = make(2, 2, GLYPHS_BRAILLE);
    struct rect used;

    (void)s;
    used = plot_picture(pane_whole(&c), &picture);
    assert_int_equal(used.rows, 2);
    assert_int_equal(used.cols, 2);
    assert_int_equal(c.cells[0].role, ROLE_GREY);
    assert_int_equal(c.cells[0].ground, ROLE_GREY + 23);
    assert_int_equal(c.cells[1].role, ROLE_GREY + 23);
    assert_int_equal(c.cells[1].ground, ROLE_GREY);
    assert_int_equal(c.cells[2].role, ROLE_GREY + 12);
    canvas_done(&c);
    c = make(2, 2, GLYPHS_ASCII);
    plot_picture(pane_whole(&c), &picture);
    expect_done(&c, "==\n::\n");
}

static void test_a_colour_picture_uses_the_cube(void **s)
{
    static const uint8_t pixels[] = {255, 0, 0, 0, 95, 255};
    struct plot_picture picture = {
        .pixels = pixels, .height = 2, .width = 1, .channels = 3};
    struct canvas c = make(1, 1, GLYPHS_BRAILLE);

    (void)s;
    plot_picture(pane_whole(&c), &picture);
    assert_int_equal(c.cells[0].role, ROLE_CUBE + 5 * 36);
    assert_int_equal(c.cells[0].ground, ROLE_CUBE + 6 + 5);
    canvas_done(&c);
}

static void test_a_scatter_draws_the_front_nobody_beats(void **s)
{
    static const struct plot_point points[] = {
        {1, 1, 'a', ROLE_NORMAL, NULL},
        {2, 0.5, 'b', ROLE_NORMAL, NULL}, /* beaten by a */
        {3, 2, 'c', ROLE_NORMAL, NULL},
    };
    struct plot_scatter scatter = {.x = {.least = 1, .most = 4},
                                   .y = {.least = 0, .most = 2},
                                   .points = points,
                                   .point_count = 3,
                                   .front = true,
                                   .cursor = -1};
    struct canvas c = make(3, 7, GLYPHS_ASCII);

    (void)s;
    plot_scatter(pane_whole(&c), &scatter);
    expect_done(&c, "    c''\n"
                    "a...:\n"
                    "  b\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bars_show_shares_in_eighths),
        cmocka_unit_test(test_a_spark_shows_the_newest_values),
        cmocka_unit_test(test_a_histogram_keeps_zeros_apart_and_a_lonely_value),
        cmocka_unit_test(test_no_values_make_no_histogram),
        cmocka_unit_test(test_pruned_values_are_dots_and_no_colour),
        cmocka_unit_test(test_a_heat_map_reduces_to_extremes_or_means),
        cmocka_unit_test(test_an_extreme_is_seen_in_a_reduced_heat_map),
        cmocka_unit_test(test_a_small_drift_repaints_no_heat),
        cmocka_unit_test(test_tiles_have_a_gap_between_them),
        cmocka_unit_test(test_a_picture_is_drawn_in_half_blocks_or_shades),
        cmocka_unit_test(test_a_colour_picture_uses_the_cube),
        cmocka_unit_test(test_a_scatter_draws_the_front_nobody_beats),
    };

    setlocale(LC_CTYPE, "C.UTF-8"); /* widths of characters */
    return cmocka_run_group_tests_name("plot_areas", tests, NULL, NULL);
}
