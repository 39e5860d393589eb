/*
 * The real program on terminals of many kinds, sizes and manners.  What is
 * asked here comes from the reports of other programs' bugs.
 */
#include "tests/support.h"

#include <signal.h>
#include <stdio.h>

#include "base/mem.h"
#include "tests/screen/program.h"

static bool has_byte_over(const struct str *raw, unsigned char most)
{
    size_t i;

    for (i = 0; i < raw->len; i++)
        if ((unsigned char)raw->text[i] > most)
            return true;
    return false;
}

/* Of the colours, not of the way back to the terminal's own, 39 and 49. */
static bool has_colours(const struct str *raw, int first, int last)
{
    int i;

    for (i = first; i <= last; i++) {
        char alone[16], with[16];

        snprintf(alone, sizeof(alone), "[%dm", i);
        snprintf(with, sizeof(with), ";%dm", i);
        if (strstr(raw->text, alone) || strstr(raw->text, with))
            return true;
    }
    return false;
}

static bool has_palette(const struct str *raw)
{
    return strstr(raw->text, "8;5;") != NULL;
}

/* The digits are seen, which are drawn in as many colours as there are. */
static void look_at_digits(struct terminal *t, const struct start *s)
{
    program_start(t, 24, 80, s);
    terminal_wait(t, "98.60%", true);
    terminal_wait(t, "idle", true);
    terminal_press(t, "7");
    terminal_wait(t, "[7 Data]", true);
    terminal_wait(t, "taken for", true);
    while (terminal_pause(t, 300) > 0) {
    }
}

enum shades { SHADES_NONE, SHADES_8, SHADES_256 };

static void check_kind(void *const *state, struct start s, enum shades shades,
                       bool ascii)
{
    struct terminal t;
    const char *name = s.term ? s.term : "xterm-256color";

    s.folder = *state;
    look_at_digits(&t, &s);
    if (has_palette(&t.raw) != (shades == SHADES_256))
        fail_msg("%s: colours of 256 %s", name,
                 shades == SHADES_256 ? "are missing" : "are used");
    if (has_colours(&t.raw, 30, 37) != (shades == SHADES_8))
        fail_msg("%s: colours of 8 %s", name,
                 shades == SHADES_8 ? "are missing" : "are used");
    if (has_byte_over(&t.raw, 0x7e) == ascii)
        fail_msg("%s: signs beyond ASCII %s", name,
                 ascii ? "are used" : "are missing");
    program_leave(&t);
}

static void test_colours_and_signs_are_those_the_terminal_has(void **state)
{
    static const struct {
        struct start start;
        enum shades shades;
        bool ascii;
    } rows[] = {
        {{.term = "xterm"}, SHADES_8, false},
        {{.term = "screen-256color"}, SHADES_256, false},
        {{.term = "linux"}, SHADES_8, true},
        {{.term = "ansi"}, SHADES_8, true},
        {{.term = "vt100"}, SHADES_NONE, true},
        {{.more = "--ascii"}, SHADES_256, true},
        {{.locale = "C"}, SHADES_256, true},
        {{.locale = "xx_YY.UTF-8"}, SHADES_256, true},
        {{.variable = {"NO_COLOR=1"}}, SHADES_NONE, false},
        {{.variable = {"NO_COLOR="}}, SHADES_256, false},
        {{.variable = {"NO_COLOR=1"}, .more = "--color=256"},
         SHADES_256,
         false},
        {{.more = "--color=16"}, SHADES_8, false},
        {{.more = "--color=never"}, SHADES_NONE, false},
    };
    size_t i;

    for (i = 0; i < LENGTH(rows); i++)
        check_kind(state, rows[i].start, rows[i].shades, rows[i].ascii);
}

static void test_an_unknown_terminal_gets_a_sentence(void **state)
{
    static const struct {
        struct start start;
        const char *said;
    } rows[] = {
        {{.term = "bogus"}, "\"bogus\""},
        {{.variable = {"TERM="}}, "TERM is not set"},
        {{.variable = {"TERM"}}, "TERM is not set"},
        {{.term = "dumb"}, "cannot place its cursor"},
    };
    size_t i;

    for (i = 0; i < LENGTH(rows); i++) {
        struct start s = rows[i].start;
        struct terminal t;

        s.folder = *state;
        program_start(&t, 24, 80, &s);
        terminal_wait(&t, rows[i].said, true);
        terminal_wait(&t, "try TERM=", true);
        assert_null(strchr(t.raw.text, '\033'));
        assert_int_equal(terminal_close(&t), 2);
    }
}

/* The size the terminal has counts, not what the shell once said. */
static void test_lines_and_columns_of_the_environment_are_not_believed(
    void **state)
{
    struct start s = {.folder = *state, .variable = {"LINES=10", "COLUMNS=40"}};
    struct terminal t;

    program_start(&t, 24, 80, &s);
    terminal_wait(&t, "235,200", true);
    terminal_wait(&t, "idle", true);
    terminal_resize(&t, 0, 0); /* some do not know theirs for a while */
    terminal_press(&t, "6");
    terminal_resize(&t, 24, 80);
    terminal_wait(&t, "[6 History]", true);
    program_leave(&t);
}

static void assert_same_screen(const struct terminal *got,
                               const struct terminal *want)
{
    char *a = terminal_text(got), *b = terminal_text(want);
    size_t i;

    for (i = 0; b[i] != '\0' && a[i] == b[i]; i++) {
    }
    if (a[i] != b[i])
        fail_msg("differs from \"%.60s\": \"%.60s\"", b + i, a + i);
    mem_free(a);
    mem_free(b);
}

static void settle(struct terminal *t)
{
    while (terminal_pause(t, 300) > 0) {
    }
}

static void test_a_resized_screen_equals_a_fresh_one(void **state)
{
    static const int sizes[][2] = {{24, 60}, {50, 200},  {3, 20}, {16, 59},
                                   {1, 1},   {20, 1200}, {24, 80}};
    struct terminal fresh = program_open(state, 24, 80);
    struct terminal t = program_open(state, 24, 80);
    unsigned state_of_sizes = 1;
    size_t i;

    /* Keys clear the messages, which only one of them may still show. */
    terminal_press(&fresh, "6");
    terminal_press(&fresh, "1");
    terminal_press(&t, "6");
    for (i = 0; i < LENGTH(sizes); i++) {
        terminal_resize(&t, sizes[i][0], sizes[i][1]);
        settle(&t);
    }
    for (i = 0; i < 200; i++) {
        state_of_sizes = state_of_sizes * 1103515245u + 12345u;
        terminal_resize(&t, 1 + (int)(state_of_sizes >> 16) % 60,
                        1 + (int)(state_of_sizes >> 8) % 200);
        (void)terminal_pause(&t, 2);
    }
    terminal_resize(&t, 24, 80);
    terminal_press(&t, "1");
    terminal_wait(&t, "[1 Overview]", true);
    settle(&t);
    settle(&fresh);
    assert_same_screen(&t, &fresh);
    program_leave(&t);
    program_leave(&fresh);
}

/* Shrinks the terminal to nothing with something open in it. */
static void test_it_shrinks_to_nothing_with_anything_open(void **state)
{
    static const char *const open[] = {"",  ":prune ", ":s\t", "?",
                                       "7", "6",       "2"};
    struct terminal t = program_open(state, 24, 80);
    size_t i;
    int rows;

    for (i = 0; i < LENGTH(open); i++) {
        terminal_press(&t, open[i]);
        (void)terminal_pause(&t, 100);
        for (rows = 24; rows > 0; rows--) {
            terminal_resize(&t, rows, 3 * rows + 8);
            (void)terminal_pause(&t, 3);
        }
        terminal_resize(&t, 24, 80);
        if (open[i][0] == ':') {
            terminal_wait(&t, i == 1 ? ":prune " : ":s", true);
            terminal_press(&t, "\003");
        }
        terminal_press(&t, "1");
        terminal_wait(&t, "[1 Overview]", true);
        terminal_wait(&t, "235,200", true);
    }
    program_leave(&t);
}

static void test_a_small_screen_asks_for_room_and_can_be_left(void **state)
{
    static const char *const ways[] = {"qq", ":quit\r", "\003qq"};
    size_t i;

    for (i = 0; i < LENGTH(ways); i++) {
        struct start s = {.folder = *state};
        struct terminal t;

        program_start(&t, i == 0 ? 10 : 4, i == 0 ? 40 : 20, &s);
        terminal_wait(&t, "small", true);
        terminal_press(&t, ways[i]);
        assert_int_equal(terminal_close(&t), 0);
    }
}

static void test_the_mouse_points_and_broken_reports_are_no_keys(void **state)
{
    struct terminal t = program_open(state, 24, 80);
    char click[48];
    int col = 0;

    while (terminal_cell(&t, 1, col).chars[0] != '6')
        assert_true(++col < 80);
    snprintf(click, sizeof(click), "\033[<0;%d;2M\033[<0;%d;2m", col + 1,
             col + 1);
    terminal_press(&t, click);
    terminal_wait(&t, "[6 History]", true);
    terminal_press(&t, "\033[<0;300;2M\033[<35;7;7M\033[<0;");
    terminal_press(&t, "j7"); /* the j ends the report that broke off */
    terminal_wait(&t, "[7 Data]", true);
    program_leave(&t);
}

static void test_without_a_mouse_none_is_asked_for(void **state)
{
    struct start s = {.folder = *state, .more = "--no-mouse"};
    struct terminal t;

    program_start(&t, 24, 80, &s);
    terminal_wait(&t, "235,200", true);
    terminal_wait(&t, "idle", true);
    assert_null(strstr(t.raw.text, "\033[?1000h"));
    assert_null(strstr(t.raw.text, "\033[?1006h"));
    assert_non_null(strstr(t.raw.text, "\033[?2004h"));
    program_leave(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_colours_and_signs_are_those_the_terminal_has),
        unit_test_in_folder(test_an_unknown_terminal_gets_a_sentence),
        unit_test_in_folder(
            test_lines_and_columns_of_the_environment_are_not_believed),
        unit_test_in_folder(test_a_resized_screen_equals_a_fresh_one),
        unit_test_in_folder(test_it_shrinks_to_nothing_with_anything_open),
        unit_test_in_folder(test_a_small_screen_asks_for_room_and_can_be_left),
        unit_test_in_folder(
            test_the_mouse_points_and_broken_reports_are_no_keys),
        unit_test_in_folder(test_without_a_mouse_none_is_asked_for),
    };

    return cmocka_run_group_tests_name("terminals", tests, NULL, NULL);
}
