/*
 * Colours are judged by figures from outside: the RGB values of the 256
 * colours (xterm), CIELAB, the contrast ratio of WCAG 2, and the matrices of
 * Machado, Oliveira and Fernandes (2009) for eyes without red or green
 * receptors.
 */
#include "support.h"

#include "ui/palette.h"

struct rgb {
    double r, g, b; /* linear, 0..1 */
};

static double linear(int byte)
{
    double c = byte / 255.0;

    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static struct rgb xterm(int i)
{
    static const int step[] = {0, 95, 135, 175, 215, 255};
    int grey = 8 + 10 * (i - 232);

    assert_in_range(i, 16, 255);
    if (i >= 232)
        return (struct rgb){linear(grey), linear(grey), linear(grey)};
    i -= 16;
    return (struct rgb){linear(step[i / 36]), linear(step[i / 6 % 6]),
                        linear(step[i % 6])};
}

enum eye { USUAL, NO_RED, NO_GREEN, EYES };

static double clamp(double v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static struct rgb seen(struct rgb c, enum eye eye)
{
    static const double matrix[EYES][3][3] = {
        {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
        {{0.152286, 1.052583, -0.204868},
         {0.114503, 0.786281, 0.099216},
         {-0.003882, -0.048116, 1.051998}},
        {{0.367322, 0.860646, -0.227968},
         {0.280085, 0.672501, 0.047413},
         {-0.011820, 0.042940, 0.968881}},
    };
    const double(*m)[3] = matrix[eye];

    return (struct rgb){clamp(m[0][0] * c.r + m[0][1] * c.g + m[0][2] * c.b),
                        clamp(m[1][0] * c.r + m[1][1] * c.g + m[1][2] * c.b),
                        clamp(m[2][0] * c.r + m[2][1] * c.g + m[2][2] * c.b)};
}

static double lab_curve(double t)
{
    return t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116.0;
}

static double luminance(struct rgb c)
{
    return 0.2126 * c.r + 0.7152 * c.g + 0.0722 * c.b;
}

static void lab(struct rgb c, double out[3])
{
    double x = lab_curve((0.4124 * c.r + 0.3576 * c.g + 0.1805 * c.b) / 0.9505);
    double y = lab_curve(luminance(c));
    double z = lab_curve((0.0193 * c.r + 0.1192 * c.g + 0.9505 * c.b) / 1.089);

    out[0] = 116 * y - 16;
    out[1] = 500 * (x - y);
    out[2] = 200 * (y - z);
}

static double lightness(int colour)
{
    double v[3];

    lab(xterm(colour), v);
    return v[0];
}

static double apart(int a, int b, enum eye eye)
{
    double u[3], v[3];

    lab(seen(xterm(a), eye), u);
    lab(seen(xterm(b), eye), v);
    return sqrt((u[0] - v[0]) * (u[0] - v[0]) + (u[1] - v[1]) * (u[1] - v[1]) +
                (u[2] - v[2]) * (u[2] - v[2]));
}

static int ramp(enum role base, int level)
{
    return palette_ramp((enum role)((int)base + level));
}

static void test_heat_grows_lighter_level_by_level(void **s)
{
    int i;

    (void)s;
    for (i = 1; i < HEAT_LEVELS; i++)
        if (lightness(ramp(ROLE_HEAT, i)) <
            lightness(ramp(ROLE_HEAT, i - 1)) + 1.5)
            fail_msg("level %d is not lighter than the one before", i);
    for (i = 1; i < GREY_LEVELS; i++)
        assert_true(lightness(ramp(ROLE_GREY, i)) >
                    lightness(ramp(ROLE_GREY, i - 1)));
}

static void test_diverging_is_lightest_in_the_middle(void **s)
{
    int i, half = HEAT_LEVELS / 2;

    (void)s;
    for (i = 1; i < half; i++)
        assert_true(lightness(ramp(ROLE_DIVERGE, i)) >
                    lightness(ramp(ROLE_DIVERGE, i - 1)));
    for (i = half + 1; i < HEAT_LEVELS; i++)
        assert_true(lightness(ramp(ROLE_DIVERGE, i)) <
                    lightness(ramp(ROLE_DIVERGE, i - 1)));
}

static void test_neighbouring_levels_differ_for_every_eye(void **s)
{
    static const enum role base[] = {ROLE_HEAT, ROLE_DIVERGE};
    enum eye eye;
    size_t k;
    int i;

    (void)s;
    for (eye = USUAL; eye < EYES; eye++)
        for (k = 0; k < LENGTH(base); k++)
            for (i = 1; i < HEAT_LEVELS; i++) {
                double d = apart(ramp(base[k], i - 1), ramp(base[k], i), eye);

                if (d < 5)
                    fail_msg("levels %d and %d of ramp %zu are %.1f apart for "
                             "eye %d",
                             i - 1, i, k, d, (int)eye);
            }
}

static int fg(enum role role, enum colours colours, bool light)
{
    struct cell cell = {.role = (uint16_t)role};

    return palette_look(&cell, colours, light).fg;
}

static void test_the_first_four_series_differ_for_every_eye(void **s)
{
    enum eye eye;
    int i, k, light;

    (void)s;
    for (light = 0; light < 2; light++)
        for (eye = USUAL; eye < EYES; eye++)
            for (i = 0; i < 4; i++)
                for (k = 0; k < i; k++) {
                    double d = apart(
                        fg((enum role)(ROLE_SERIES1 + i), COLOURS_256, light),
                        fg((enum role)(ROLE_SERIES1 + k), COLOURS_256, light),
                        eye);

                    if (d < 12)
                        fail_msg("series %d and %d are %.1f apart for eye %d",
                                 k + 1, i + 1, d, (int)eye);
                }
}

static void test_text_can_be_read_on_its_ground(void **s)
{
    int i, light;

    (void)s;
    for (light = 0; light < 2; light++)
        for (i = 0; i < ROLE_NAMED; i++) {
            bool ground =
                i == ROLE_BAR || i == ROLE_SELECTED || i == ROLE_POPUP;
            struct cell cell = {.role = (uint16_t)i,
                                .ground = ground ? (uint16_t)i : ROLE_NORMAL};
            struct look look = palette_look(&cell, COLOURS_256, light);
            double up, down, ratio;

            if (ground && look.fg < 0)
                look.fg = light ? 16 : 252; /* the terminal's own, or so */
            if (look.fg < 0 || i == ROLE_FRAME || i == ROLE_PRUNED)
                continue; /* lines and dots may be faint */
            up = luminance(xterm(look.fg));
            down = look.bg >= 0 ? luminance(xterm(look.bg)) : light ? 1 : 0;
            ratio = up > down ? (up + 0.05) / (down + 0.05)
                              : (down + 0.05) / (up + 0.05);
            if (ratio < 3)
                fail_msg("role %d on a %s ground has a contrast of %.1f", i,
                         light ? "light" : "dark", ratio);
        }
}

static void test_few_colours_hold_no_black_and_no_blue_text(void **s)
{
    int i;

    (void)s;
    for (i = 0; i < ROLE_NAMED; i++) {
        assert_int_not_equal(fg((enum role)i, COLOURS_8, false), 0);
        assert_int_not_equal(fg((enum role)i, COLOURS_8, false), 4);
        assert_int_not_equal(fg((enum role)i, COLOURS_16, false), 0);
        assert_int_not_equal(fg((enum role)i, COLOURS_16, false), 4);
        assert_true(fg((enum role)i, COLOURS_8, false) < 8);
    }
}

static void test_without_colours_there_are_attributes_only(void **s)
{
    int i;

    (void)s;
    for (i = 0; i < ROLE_COUNT; i++) {
        struct cell cell = {.role = (uint16_t)i, .ground = (uint16_t)i};
        struct look look = palette_look(&cell, COLOURS_MONO, false);

        assert_int_equal(look.fg, -1);
        assert_int_equal(look.bg, -1);
    }
}

static void test_grounds_are_reversed_where_there_are_few_colours(void **s)
{
    static const enum role grounds[] = {ROLE_BAR, ROLE_SELECTED, ROLE_POPUP};
    enum colours colours;
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(grounds); i++) {
        struct cell cell = {.role = ROLE_GOOD, .ground = (uint16_t)grounds[i]};

        for (colours = COLOURS_MONO; colours < COLOURS_256; colours++)
            assert_true(palette_look(&cell, colours, false).attr &
                        ATTR_REVERSE);
        assert_false(palette_look(&cell, COLOURS_256, false).attr &
                     ATTR_REVERSE);
        assert_true(palette_look(&cell, COLOURS_256, false).bg >= 16);
    }
}

/* A terminal for the pairs: what it was told. */
static int told[64][2], told_count, refuse_from = 1000;

static int tell(int pair, int foreground, int background)
{
    if (pair >= refuse_from)
        return -1;
    assert_in_range(pair, 1, 63);
    told[pair][0] = foreground;
    told[pair][1] = background;
    told_count++;
    return 0;
}

static void test_a_pair_is_made_once_and_only_when_asked_for(void **s)
{
    struct pairs p;
    int first, again;

    (void)s;
    told_count = 0;
    pairs_init(&p, 64, tell);
    assert_int_equal(pairs_find(&p, -1, -1), 0);
    assert_int_equal(told_count, 0);
    first = pairs_find(&p, 75, -1);
    again = pairs_find(&p, 75, -1);
    assert_int_equal(first, again);
    assert_int_equal(told_count, 1);
    assert_int_equal(told[first][0], 75);
    assert_int_equal(told[first][1], -1);
    assert_int_not_equal(pairs_find(&p, -1, 75), first);
    pairs_done(&p);
}

static void test_when_pairs_run_out_the_nearest_must_do(void **s)
{
    struct pairs p;
    int i, number;

    (void)s;
    pairs_init(&p, 8, tell);
    for (i = 0; i < 7; i++)
        assert_int_equal(pairs_find(&p, -1, 20 + 10 * i), i + 1);
    number = pairs_find(&p, -1, 52);
    assert_int_equal(told[number][1], 50);
    assert_int_equal(pairs_find(&p, -1, 30), 2);
    pairs_done(&p);

    refuse_from = 3; /* the terminal itself says no */
    pairs_init(&p, 64, tell);
    assert_int_equal(pairs_find(&p, 20, 20), 1);
    assert_int_equal(pairs_find(&p, 30, 30), 2);
    assert_int_equal(pairs_find(&p, 31, 31), 2);
    assert_int_equal(pairs_find(&p, 31, 31), 2);
    refuse_from = 1000;
    pairs_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heat_grows_lighter_level_by_level),
        cmocka_unit_test(test_diverging_is_lightest_in_the_middle),
        cmocka_unit_test(test_neighbouring_levels_differ_for_every_eye),
        cmocka_unit_test(test_the_first_four_series_differ_for_every_eye),
        cmocka_unit_test(test_text_can_be_read_on_its_ground),
        cmocka_unit_test(test_few_colours_hold_no_black_and_no_blue_text),
        cmocka_unit_test(test_without_colours_there_are_attributes_only),
        cmocka_unit_test(test_grounds_are_reversed_where_there_are_few_colours),
        cmocka_unit_test(test_a_pair_is_made_once_and_only_when_asked_for),
        cmocka_unit_test(test_when_pairs_run_out_the_nearest_must_do),
    };

    return cmocka_run_group_tests_name("palette", tests, NULL, NULL);
}
