/*
 * The real program on a pseudo-terminal: keys in, cells out.  What it is asked
 * comes from the list of other programs' bug reports that we do not repeat.
 */
#include "tests/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/screen/terminal.h"

struct start {
    const char *folder, *term, *locale, *more, *no_color;
};

static void run(const void *arg)
{
    const struct start *s = arg;
    const char *build = getenv("BUILD");
    char program[512];

    snprintf(program, sizeof(program), "%s/espalier", build ? build : "build");
    setenv("HOME", s->folder, 1);
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_DATA_HOME");
    setenv("TERM", s->term ? s->term : "xterm-256color", 1);
    setenv("LC_ALL", s->locale ? s->locale : "C.UTF-8", 1);
    unsetenv("NO_COLOR");
    if (s->no_color)
        setenv("NO_COLOR", s->no_color, 1);
    execl(program, program, "--no-session", "data/lenet-300-100.h5",
          "data/mnist.h5", s->more, (char *)NULL);
}

static struct terminal open_at(void *const *state, int rows, int cols)
{
    struct start s = {.folder = *state};
    struct terminal t;

    terminal_open(&t, rows, cols, run, &s);
    terminal_wait(&t, "98.60%", true);
    terminal_wait(&t, "idle", true);
    terminal_wait(&t, "#0 dense 98.60%", true);
    terminal_wait(&t, "step", true); /* the chart's axis */
    return t;
}

static void leave(struct terminal *t)
{
    terminal_press(t, "q");
    assert_int_equal(terminal_close(t), 0);
}

static void test_the_first_screen_shows_net_data_and_keys(void **state)
{
    struct terminal t = open_at(state, 24, 80);

    terminal_wait(&t, "lenet-300-100", true);
    terminal_wait(&t, "MNIST", true);
    terminal_wait(&t, "235,200", true);
    leave(&t);
}

static void test_every_view_has_its_key(void **state)
{
    static const struct {
        const char *key, *text;
    } rows[] = {{"2", "[2 Layer]"}, {"6", "[6 History]"},
                {"7", "[7 Data]"},  {"9", "[9 Log]"},
                {"?", "[? Help]"},  {"1", "[1 Overview]"}};
    struct terminal t = open_at(state, 24, 80);
    size_t i;

    for (i = 0; i < LENGTH(rows); i++) {
        terminal_press(&t, rows[i].key);
        terminal_wait(&t, rows[i].text, true);
    }
    leave(&t);
}

static void test_a_typed_command_prunes_and_u_takes_it_back(void **state)
{
    struct terminal t = open_at(state, 24, 80);

    terminal_press(&t, ":prune to=90% scope=layer\r");
    terminal_wait(&t, "sparse 90.0%", true);
    terminal_press(&t, "u");
    terminal_wait(&t, "sparse 0.0%", true);
    terminal_press(&t, "\022");
    terminal_wait(&t, "sparse 90.0%", true);
    leave(&t);
}

static void test_a_wrong_command_is_answered_and_changes_nothing(void **state)
{
    struct terminal t = open_at(state, 24, 80);

    terminal_press(&t, ":prun 20%\r");
    terminal_wait(&t, "did you mean \"prune\"", true);
    terminal_wait(&t, "sparse 0.0%", true);
    leave(&t);
}

static void test_escape_closes_the_prompt_and_tab_completes(void **state)
{
    struct terminal t = open_at(state, 24, 80);

    terminal_press(&t, ":sensi\t");
    terminal_wait(&t, ":sensitivity", true);
    terminal_press(&t, "\033");
    terminal_wait(&t, ":sensitivity", false);
    leave(&t);
}

static void test_pasted_text_is_no_keys(void **state)
{
    struct terminal t = open_at(state, 24, 80);

    terminal_press(&t, "\033[200~nnq:quit\n\033[201~");
    terminal_press(&t, "6");
    terminal_wait(&t, "[6 History]", true);
    terminal_wait(&t, "sparse 0.0%", true);
    leave(&t);
}

static void test_ctrl_c_stops_a_job_and_the_program_stays(void **state)
{
    struct terminal t = open_at(state, 24, 80);

    terminal_press(&t, ":train epochs=1000\r");
    terminal_wait(&t, "idle", false);
    terminal_press(&t, "2");
    terminal_wait(&t, "[2 Layer]", true);
    terminal_press(&t, "\003");
    terminal_wait(&t, "idle", true);
    leave(&t);
}

static void test_a_resized_screen_equals_a_fresh_one(void **state)
{
    static const int sizes[][2] = {{24, 60}, {50, 200}, {3, 20},
                                   {16, 59}, {1, 1},    {24, 80}};
    struct terminal fresh = open_at(state, 24, 80);
    struct terminal t = open_at(state, 24, 80);
    char *want, *got;
    size_t i;

    for (i = 0; i < LENGTH(sizes); i++) {
        terminal_resize(&t, sizes[i][0], sizes[i][1]);
        terminal_settle(&t);
    }
    want = terminal_text(&fresh);
    got = terminal_text(&t);
    for (i = 0; want[i] != '\0' && got[i] == want[i]; i++) {
    }
    if (want[i] != got[i])
        fail_msg("differs from \"%.60s\": \"%.60s\"", want + i, got + i);
    mem_free(want);
    mem_free(got);
    leave(&t);
    leave(&fresh);
}

static void test_a_small_screen_asks_for_room_and_can_be_left(void **state)
{
    struct start s = {.folder = *state};
    struct terminal t;

    terminal_open(&t, 10, 40, run, &s);
    terminal_wait(&t, "60", true);
    leave(&t);
}

/* Every private mode that was set (h) was reset (l) at the end. */
static void assert_modes_are_back(const struct str *raw)
{
    static const int modes[] = {1, 1000, 1002, 1006, 2004, 1049};
    size_t i;

    for (i = 0; i < LENGTH(modes); i++) {
        char set[16], reset[16];
        const char *at, *last = NULL;

        snprintf(set, sizeof(set), "\033[?%dh", modes[i]);
        snprintf(reset, sizeof(reset), "\033[?%dl", modes[i]);
        for (at = raw->text; (at = strstr(at, set)) != NULL; at++)
            last = at;
        if (last != NULL && strstr(last, reset) == NULL)
            fail_msg("mode %d stays set", modes[i]);
    }
}

static void test_the_terminal_is_given_back(void **state)
{
    static const int signals[] = {0, SIGTERM, SIGHUP};
    size_t i;

    for (i = 0; i < LENGTH(signals); i++) {
        struct terminal t = open_at(state, 24, 80);

        if (signals[i] == 0)
            terminal_press(&t, "q");
        else
            assert_int_equal(kill(t.child, signals[i]), 0);
        /* Everything up to the end is read before raw is looked at. */
        while (terminal_settle(&t) > 0) {
        }
        assert_modes_are_back(&t.raw);
        terminal_close(&t);
    }
}

static void test_ascii_and_no_colour_are_obeyed(void **state)
{
    static const struct start rows[] = {
        {.more = "--ascii"}, {.locale = "C"}, {.no_color = "1"}};
    size_t i, j;

    for (i = 0; i < LENGTH(rows); i++) {
        struct start s = rows[i];
        struct terminal t;

        s.folder = *state;
        terminal_open(&t, 24, 80, run, &s);
        terminal_wait(&t, "idle", true);
        terminal_press(&t, "7");
        terminal_wait(&t, "[7 Data]", true);
        terminal_settle(&t);
        for (j = 0; j < t.raw.len && rows[i].no_color == NULL; j++)
            assert_true((unsigned char)t.raw.text[j] < 0x80);
        if (rows[i].no_color != NULL) {
            /* Of colours only the way back to the terminal's own, 39 and 49. */
            for (j = 0; j < 8; j++) {
                char colour[8];

                snprintf(colour, sizeof(colour), "\033[3%zum", j);
                assert_null(strstr(t.raw.text, colour));
            }
            assert_null(strstr(t.raw.text, "8;5;"));
        }
        leave(&t);
    }
}

static void test_an_unknown_terminal_gets_a_sentence(void **state)
{
    struct start s = {.folder = *state, .term = "bogus"};
    struct terminal t;

    terminal_open(&t, 24, 80, run, &s);
    terminal_wait(&t, "bogus", true);
    assert_null(strchr(t.raw.text, '\033'));
    assert_true(terminal_close(&t) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_the_first_screen_shows_net_data_and_keys),
        unit_test_in_folder(test_every_view_has_its_key),
        unit_test_in_folder(test_a_typed_command_prunes_and_u_takes_it_back),
        unit_test_in_folder(
            test_a_wrong_command_is_answered_and_changes_nothing),
        unit_test_in_folder(test_escape_closes_the_prompt_and_tab_completes),
        unit_test_in_folder(test_pasted_text_is_no_keys),
        unit_test_in_folder(test_ctrl_c_stops_a_job_and_the_program_stays),
        unit_test_in_folder(test_a_resized_screen_equals_a_fresh_one),
        unit_test_in_folder(test_a_small_screen_asks_for_room_and_can_be_left),
        unit_test_in_folder(test_the_terminal_is_given_back),
        unit_test_in_folder(test_ascii_and_no_colour_are_obeyed),
        unit_test_in_folder(test_an_unknown_terminal_gets_a_sentence),
    };

    return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
