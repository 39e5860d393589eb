#include "support.h"

#include <locale.h>
#include <stdlib.h>

#include "base/mem.h"
#include "dump.h"
#include "ui/plot.h"

static const double nan_value = (double)NAN, inf_value = (double)INFINITY;

static void test_ticks_are_round_numbers_inside_the_range(void **s)
{
    static const struct {
        double least, most;
        int max, n;
        double first, step;
    } cases[] = {
        {0, 1, 6, 6, 0, 0.2},         {0, 1, 5, 3, 0, 0.5},
        {0, 4096, 6, 5, 0, 1000},     {0.31, 0.9, 4, 3, 0.4, 0.2},
        {-1, 1, 5, 5, -1, 0.5},       {0.951, 0.983, 5, 3, 0.96, 0.01},
        {7, 7, 5, 0, 0, 0},           {0, 1, 0, 0, 0, 0},
        {1e9, 1e9 + 4, 6, 5, 1e9, 1}, {0, 3e-7, 4, 4, 0, 1e-7},
    };
    size_t i;
    int k;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        double tick[PLOT_TICKS], step;
        int n = plot_ticks(cases[i].least, cases[i].most, cases[i].max, tick,
                           &step);

        if (n != cases[i].n)
            fail_msg("case %zu: %d ticks", i, n);
        if (n > 0)
            assert_close(step / cases[i].step, 1, 1e-9);
        for (k = 0; k < n; k++)
            assert_close(tick[k], cases[i].first + k * cases[i].step,
                         1e-9 * cases[i].step);
    }
}

static void test_ticks_of_no_range_are_none(void **s)
{
    double tick[PLOT_TICKS], step;

    (void)s;
    assert_int_equal(plot_ticks(nan_value, 1, 5, tick, &step), 0);
    assert_int_equal(plot_ticks(0, inf_value, 5, tick, &step), 0);
    assert_int_equal(plot_ticks(2, 1, 5, tick, &step), 0);
    assert_int_equal(plot_ticks_log(0, 1, 5, tick), 0);
    assert_int_equal(plot_ticks_log(1, nan_value, 5, tick), 0);
}

static void test_log_ticks_are_powers_of_ten_and_more_where_there_is_room(
    void **s)
{
    static const double rough[] = {1, 10, 100, 1000};
    static const double fine[] = {1, 2, 5, 10, 20, 50, 100};
    double tick[PLOT_TICKS];
    int i;

    (void)s;
    assert_int_equal(plot_ticks_log(1, 1000, 8, tick), 4);
    for (i = 0; i < 4; i++)
        assert_close(tick[i] / rough[i], 1, 1e-12);
    assert_int_equal(plot_ticks_log(1, 100, 10, tick), 7);
    for (i = 0; i < 7; i++)
        assert_close(tick[i] / fine[i], 1, 1e-12);
    assert_int_equal(plot_ticks_log(1e-12, 1e12, 5, tick), 5);
}

static void test_numbers_are_written_for_people(void **s)
{
    static const struct {
        enum plot_format format;
        double value, step;
        const char *want;
    } cases[] = {
        {PLOT_NUMBER, 0.25, 0.05, "0.25"},
        {PLOT_NUMBER, 0.3, 0.1, "0.3"},
        {PLOT_NUMBER, -1e-18, 0.1, "0.0"},
        {PLOT_NUMBER, 1500, 500, "1.5k"},
        {PLOT_NUMBER, 2000, 500, "2.0k"},
        {PLOT_NUMBER, 500, 500, "500"},
        {PLOT_NUMBER, 1005, 5, "1005"},
        {PLOT_NUMBER, 2e-5, 1e-5, "2.0e-05"},
        {PLOT_NUMBER, 0.0123456, 0, "0.01235"},
        {PLOT_NUMBER, 1234567, 0, "1.235M"},
        {PLOT_WHOLE, 12345, 0, "12,345"},
        {PLOT_WHOLE, 3, 1, "3"},
        {PLOT_WHOLE, 4000, 1000, "4k"},
        {PLOT_PERCENT, 0.975, 0.005, "97.5%"},
        {PLOT_PERCENT, 0.9, 0.1, "90%"},
        {PLOT_PERCENT, 0.98765, 0, "98.77%"},
        {PLOT_BYTES, 1500000, 500000, "1.5MB"},
        {PLOT_BYTES, 512, 0, "512B"},
    };
    char buf[32];
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++)
        assert_string_equal(plot_number(cases[i].format, cases[i].value,
                                        cases[i].step, buf, sizeof(buf)),
                            cases[i].want);
    assert_string_equal(plot_number(PLOT_WHOLE, nan_value, 1, buf, sizeof(buf)),
                        "n/a");
    assert_string_equal(plot_number(PLOT_BYTES, inf_value, 0, buf, sizeof(buf)),
                        "inf");
}

/* Worked out by hand: a line over 6 x 8, 6 x 4 and 3 x 4 dots. */
static void test_a_line_of_two_samples_in_every_tier(void **s)
{
    static const struct {
        enum glyphs glyphs;
        const char *want;
    } cases[] = {
        {GLYPHS_BRAILLE, " ⢀⠎\n⡰⠁\n"},
        {GLYPHS_BLOCK, " ▗▞\n▞▘\n"},
        {GLYPHS_ASCII, " .'\n.'\n"},
    };
    static const double y[] = {0, 1};
    struct plot_series series = {.y = y, .n = 2};
    struct plot plot = {.series = &series, .series_count = 1};
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        struct canvas c = make(2, 3, cases[i].glyphs);

        plot_curves(pane_whole(&c), &plot);
        expect_done(&c, cases[i].want);
    }
}

static void test_a_spike_of_one_sample_in_ten_thousand_is_seen(void **s)
{
    enum { N = 10000, COLS = 19 };
    double *y = mem_array(N, sizeof(*y));
    struct plot_series series = {.y = y, .n = N};
    struct plot plot = {.series = &series, .series_count = 1};
    int k;

    (void)s;
    for (k = 3; k < N; k += 997) {
        struct canvas c = make(3, COLS, GLYPHS_BRAILLE);
        int col = (int)lround((double)k / (N - 1) * (2 * COLS - 1)) / 2;

        y[k] = 1;
        plot_curves(pane_whole(&c), &plot);
        if (at(&c, 0, col) == ' ')
            fail_msg("the spike at %d is not in column %d", k, col);
        y[k] = 0;
        canvas_done(&c);
    }
    mem_free(y);
}

static void test_nan_is_a_gap_unless_it_is_bridged(void **s)
{
    double y[] = {0.5, 0.5, nan_value, nan_value, nan_value, 0.5, 0.5};
    struct plot_series series = {.y = y, .n = LENGTH(y)};
    struct plot plot = {
        .y = {.least = 0, .most = 1}, .series = &series, .series_count = 1};
    struct canvas c = make(1, 7, GLYPHS_ASCII);

    (void)s;
    plot_curves(pane_whole(&c), &plot);
    expect_done(&c, "..   ..\n");
    c = make(1, 7, GLYPHS_ASCII);
    series.bridge = true;
    plot_curves(pane_whole(&c), &plot);
    expect_done(&c, ".......\n");
}

static void test_infinities_are_signs_at_the_edge(void **s)
{
    double y[] = {0, 1, inf_value, 1, -inf_value};
    struct plot_series series = {.y = y, .n = LENGTH(y)};
    struct plot plot = {.series = &series, .series_count = 1};
    struct canvas c = make(2, 5, GLYPHS_ASCII);

    (void)s;
    plot_curves(pane_whole(&c), &plot);
    assert_int_equal(at(&c, 0, 2), '^');
    assert_int_equal(at(&c, 1, 4), 'v');
    canvas_done(&c);
}

static void test_samples_are_taken_out_of_records(void **s)
{
    static const struct {
        double step;
        int other;
        double loss;
    } record[] = {{0, 1, 0}, {10, 2, 1}};
    struct plot_series series = {.x = &record[0].step,
                                 .y = &record[0].loss,
                                 .n = 2,
                                 .stride = sizeof(record[0])};
    struct plot plot = {.series = &series, .series_count = 1};
    struct canvas c = make(2, 3, GLYPHS_BRAILLE);

    (void)s;
    plot_curves(pane_whole(&c), &plot);
    expect_done(&c, " ⢀⠎\n⡰⠁\n");
}

static void test_a_whole_chart_looks_like_this(void **s)
{
    static const double loss[] = {1.0, 0.5, 0.25, 0.125};
    static const double accuracy[] = {0, 0.5, 0.75, 1.0};
    static const struct plot_event event = {2, "-20%"};
    static const struct plot_line line = {0.9, "dense", ROLE_DIM};
    struct plot_series series[] = {{.name = "loss", .y = loss, .n = 4},
                                   {.name = "acc", .y = accuracy, .n = 4}};
    struct plot plot = {.title = "training",
                        .x = {.format = PLOT_WHOLE, .unit = "epoch"},
                        .series = series,
                        .series_count = 2,
                        .events = &event,
                        .event_count = 1,
                        .lines = &line,
                        .line_count = 1,
                        .has_cursor = true,
                        .cursor = 1};
    struct canvas c = make(10, 44, GLYPHS_ASCII);

    (void)s;
    plot_curves(pane_whole(&c), &plot);
    expect_done(&c, "training          epoch 1  loss 0.5  acc 0.5\n"
                    "                         -20%\n"
                    "1.0 +'..-------|---------:----....'' + acc\n"
                    "    |   ''..   |       ...''''       dense\n"
                    "    |       ''.|...''''  :\n"
                    "0.5 +       ..'''''....  :\n"
                    "    |   ..''   |       ''''........\n"
                    "0.0 +.''       |         :         ' o loss\n"
                    "    ++---------+---------+---------+\n"
                    "     0         1         2         3   epoch\n");
}

static void test_appending_does_not_move_what_was_drawn(void **s)
{
    double y[20];
    struct plot_series series = {.y = y};
    struct plot plot = {.x = {.doubling = true, .format = PLOT_WHOLE},
                        .y = {.least = 0, .most = 1},
                        .series = &series,
                        .series_count = 1};
    struct canvas a = make(12, 60, GLYPHS_BRAILLE), b = a;
    int i, row, col;

    (void)s;
    for (i = 0; i < 20; i++)
        y[i] = 0.5 + 0.05 * (i % 7);
    canvas_init(&b, 12, 60);
    for (i = 2; i < 16; i++) {
        int end = 6 + (i - 1) * 53 / 16; /* where the shorter one ends */

        series.n = (size_t)i;
        canvas_clear(&a);
        plot_curves(pane_whole(&a), &plot);
        series.n = (size_t)i + 1;
        canvas_clear(&b);
        plot_curves(pane_whole(&b), &plot);
        for (row = 0; row < 12; row++)
            for (col = 0; col < end - 2; col++)
                if (at(&a, row, col) != at(&b, row, col))
                    fail_msg("cell %d,%d moved at sample %d", row, col, i);
    }
    canvas_done(&a);
    canvas_done(&b);
}

static void test_the_cursor_reads_exact_numbers(void **s)
{
    static const double y[] = {0.1, 0.98765, 0.3};
    static const double x[] = {0, 1200, 2400};
    struct plot_series series = {.name = "acc", .x = x, .y = y, .n = 3};
    struct plot plot = {.x = {.format = PLOT_WHOLE, .unit = "step"},
                        .y = {.format = PLOT_PERCENT},
                        .series = &series,
                        .series_count = 1,
                        .has_cursor = true,
                        .cursor = 1200};
    struct canvas c = make(10, 60, GLYPHS_BRAILLE);

    (void)s;
    plot_curves(pane_whole(&c), &plot);
    expect_text(&c, "step 1,200  acc 98.77%");
    canvas_done(&c);
}

/*
 * Charts of everything there may be: values, and how many, for the sweep
 * below.
 */
static void draw_all(struct pane p, const double *y, size_t n)
{
    static const int64_t counts[] = {0, 5, INT64_MAX / 4, 1};
    static const char *const name = "größe 漢字 with a long name";
    struct plot_series series[] = {
        {.name = name, .y = y, .n = n},
        {.name = "", .y = y, .n = n, .style = PLOT_MARKS},
        {.y = y, .n = n, .style = PLOT_STEPS, .bridge = true},
        {.y = y, .n = n, .style = PLOT_GHOST},
        {.x = y, .y = y, .n = n, .style = PLOT_DOTS},
    };
    struct plot_event event[] = {{1, name}, {-1e300, "x"}, {nan_value, NULL}};
    struct plot_line line[] = {{0.5, name, ROLE_DIM}, {inf_value, "x", 0}};
    struct plot plot = {.title = name,
                        .x = {.unit = name, .doubling = n % 2 == 0},
                        .y = {.unit = "%", .log = n % 3 == 0},
                        .series = series,
                        .series_count = 5,
                        .events = event,
                        .event_count = 3,
                        .lines = line,
                        .line_count = 2,
                        .has_cursor = true,
                        .cursor = 1e9};
    struct plot_histogram h = {.title = name,
                               .counts = counts,
                               .bins = 4,
                               .least = -1,
                               .most = 1,
                               .below = 1,
                               .above = 9,
                               .has_zeros = true,
                               .has_threshold = true,
                               .threshold = 0.1,
                               .ticks = y,
                               .tick_count = (int)n,
                               .log = n % 2 == 0,
                               .cursor = 2,
                               .unit = name};
    struct plot_point points[8];
    struct plot_scatter scatter = {.title = name,
                                   .points = points,
                                   .point_count = (int)n,
                                   .front = true,
                                   .cursor = 0};
    float values[8];
    struct plot_heat heat = {.title = name,
                             .values = values,
                             .rows = 2,
                             .cols = (int)n / 2,
                             .legend = true,
                             .diverging = n % 2 == 0,
                             .minus_pruned = n % 3 == 0,
                             .has_cursor = true,
                             .cursor_row = 1};
    struct plot_picture picture = {(const uint8_t *)"abcdefgh", 2, 4, 1, true};
    size_t i;

    for (i = 0; i < n; i++) {
        points[i] = (struct plot_point){y[i], y[n - 1 - i], 'p', 0, name};
        values[i] = (float)y[i];
    }
    plot_curves(p, &plot);
    plot_histogram(p, &h);
    plot_scatter(p, &scatter);
    plot_heat(p, &heat);
    heat.zoom = 3;
    heat.tile_rows = heat.tile_cols = 1;
    plot_heat(p, &heat);
    plot_picture(p, &picture);
    plot_spark(p, 0, 0, p.at.cols + 3, ROLE_SERIES1, y, n);
    plot_bar(p, 0, -2, p.at.cols + 5, ROLE_SERIES1, n > 0 ? y[0] : 0);
}

static void check_margin(const struct canvas *c, struct rect pane)
{
    int row, col;

    for (row = 0; row < c->rows; row++)
        for (col = 0; col < c->cols; col++) {
            bool in = row >= pane.row && row < pane.row + pane.rows &&
                      col >= pane.col && col < pane.col + pane.cols;

            if (!in && at(c, row, col) != '#')
                fail_msg("cell %d,%d outside of %d x %d was drawn", row, col,
                         pane.rows, pane.cols);
        }
}

static void test_every_chart_of_every_size_and_value_stays_in_its_pane(void **s)
{
    const double sets[][8] = {
        {0, 1, 2, 3, 4, 5, 6, 7},
        {1, 1, 1, 1, 1, 1, 1, 1},
        {0, 0, 0, 0, 0, 0, 0, 0},
        {nan_value, nan_value, nan_value, nan_value, nan_value, nan_value, 1,
         2},
        {inf_value, -inf_value, 1, inf_value, nan_value, 0, -0.0, 1},
        {1e300, -1e300, 1e-300, 1e308, -1e308, 1, 2, 3},
        {-5, -4, -3, -2, -1, -0.5, -0.1, -1e-30},
    };
    static const int rows[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 25};
    static const int cols[] = {0, 1, 2, 3, 7, 19, 20, 21, 39, 40, 41, 60};
    static const size_t counts[] = {0, 1, 2, 3, 8};
    size_t r, k, v, n;
    int row, col, tier;

    (void)s;
    for (r = 0; r < LENGTH(rows); r++)
        for (k = 0; k < LENGTH(cols); k++)
            for (v = 0; v < LENGTH(sets); v++)
                for (n = 0; n < LENGTH(counts); n++) {
                    struct rect pane = {2, 3, rows[r], cols[k]};
                    struct canvas c =
                        make(rows[r] + 4, cols[k] + 6, GLYPHS_BRAILLE);

                    for (row = 0; row < c.rows; row++)
                        for (col = 0; col < c.cols; col++)
                            pane_put(pane_whole(&c), row, col, ROLE_NORMAL,
                                     '#');
                    tier = (int)(v + n) % 3;
                    c.glyphs = (enum glyphs)tier;
                    c.colours = (enum colours)(v % 4);
                    draw_all(pane_at(&c, pane), sets[v], counts[n]);
                    check_margin(&c, pane);
                    canvas_done(&c);
                }
}

static void test_the_ascii_tier_draws_nothing_but_ascii(void **s)
{
    static const double y[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct canvas c = make(20, 70, GLYPHS_ASCII);
    int i;

    (void)s;
    draw_all(pane_whole(&c), y, 8);
    for (i = 0; i < 20 * 70; i++)
        assert_in_range(c.cells[i].point[0], 0x20, 0x7E);
    canvas_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks_are_round_numbers_inside_the_range),
        cmocka_unit_test(test_ticks_of_no_range_are_none),
        cmocka_unit_test(
            test_log_ticks_are_powers_of_ten_and_more_where_there_is_room),
        cmocka_unit_test(test_numbers_are_written_for_people),
        cmocka_unit_test(test_a_line_of_two_samples_in_every_tier),
        cmocka_unit_test(test_a_spike_of_one_sample_in_ten_thousand_is_seen),
        cmocka_unit_test(test_nan_is_a_gap_unless_it_is_bridged),
        cmocka_unit_test(test_infinities_are_signs_at_the_edge),
        cmocka_unit_test(test_samples_are_taken_out_of_records),
        cmocka_unit_test(test_a_whole_chart_looks_like_this),
        cmocka_unit_test(test_appending_does_not_move_what_was_drawn),
        cmocka_unit_test(test_the_cursor_reads_exact_numbers),
        cmocka_unit_test(
            test_every_chart_of_every_size_and_value_stays_in_its_pane),
        cmocka_unit_test(test_the_ascii_tier_draws_nothing_but_ascii),
    };

    setlocale(LC_CTYPE, "C.UTF-8"); /* widths of characters */
    return cmocka_run_group_tests_name("plot", tests, NULL, NULL);
}
