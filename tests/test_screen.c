/* The real program as its user has it: keys in, cells out. */
#include "tests/support.h"

#include <stdio.h>

#include "tests/screen/program.h"
#include "ui/view.h"

static void test_the_first_screen_shows_net_data_and_keys(void **state)
{
    struct terminal t = program_open(state, 24, 80);

    terminal_wait(&t, "lenet-300-100", true);
    terminal_wait(&t, "MNIST", true);
    terminal_wait(&t, "235,200", true);
    program_leave(&t);
}

static void test_every_view_has_its_key(void **state)
{
    struct terminal t = program_open(state, 24, 80);
    int i;

    for (i = 0; view_kinds[i] != NULL; i++) {
        const struct view_kind *k = view_kinds[(i + 1) % VIEW_COUNT];
        char key[2] = {(char)k->key, '\0'}, tab[48];

        snprintf(tab, sizeof(tab), "[%c %s]", k->key, k->title);
        terminal_press(&t, key);
        terminal_wait(&t, tab, true);
    }
    program_leave(&t);
}

static void test_a_typed_command_prunes_and_u_takes_it_back(void **state)
{
    struct terminal t = program_open(state, 24, 80);

    terminal_press(&t, ":prune to=90% scope=layer\r");
    terminal_wait(&t, "sparse 90.0%", true);
    terminal_press(&t, "u");
    terminal_wait(&t, "sparse 0.0%", true);
    terminal_press(&t, "\022");
    terminal_wait(&t, "sparse 90.0%", true);
    program_leave(&t);
}

static void test_a_wrong_command_is_answered_and_changes_nothing(void **state)
{
    struct terminal t = program_open(state, 24, 80);

    terminal_press(&t, ":prun 20%\r");
    terminal_wait(&t, "did you mean \"prune\"", true);
    terminal_wait(&t, "sparse 0.0%", true);
    program_leave(&t);
}

static void test_escape_closes_the_prompt_and_tab_completes(void **state)
{
    struct terminal t = program_open(state, 24, 80);

    terminal_press(&t, ":sensi\t");
    terminal_wait(&t, ":sensitivity", true);
    terminal_press(&t, "\033");
    terminal_wait(&t, ":sensitivity", false);
    program_leave(&t);
}

/* A slow line brings the bytes of a key one by one. */
static void test_up_is_known_however_slowly_it_comes(void **state)
{
    static const char *const bytes[] = {"\033", "[", "A"};
    struct terminal t = program_open(state, 24, 80);
    size_t i;

    terminal_press(&t, ":eval\r");
    terminal_wait(&t, ":eval", false);
    terminal_press(&t, ":");
    for (i = 0; i < LENGTH(bytes); i++) {
        terminal_press(&t, bytes[i]);
        (void)terminal_pause(&t, 40);
    }
    terminal_wait(&t, ":eval", true);
    terminal_press(&t, "\003");
    terminal_wait(&t, ":eval", false);
    terminal_wait(&t, "idle", true);
    program_leave(&t);
}

/* Newlines and tabs in what is pasted run and complete nothing. */
static void test_text_pasted_into_the_prompt_waits_for_enter(void **state)
{
    struct terminal t = program_open(state, 24, 80);
    int i;

    terminal_press(&t, ":\033[200~");
    for (i = 0; i < 200; i++)
        terminal_press(&t, "prune 20%\tby=random\n");
    terminal_press(&t, "say the_end\033[201~");
    terminal_wait(&t, "say the_end", true);
    terminal_wait(&t, "sparse 0.0%", true);
    terminal_press(&t, "\003");
    terminal_wait(&t, "say the_end", false);
    terminal_wait(&t, "sparse 0.0%", true);
    program_leave(&t);
}

static void test_pasted_text_is_no_keys(void **state)
{
    struct terminal t = program_open(state, 24, 80);

    terminal_press(&t, "\033[200~nnq:quit\n\033[201~");
    terminal_press(&t, "6");
    terminal_wait(&t, "[6 History]", true);
    terminal_wait(&t, "sparse 0.0%", true);
    program_leave(&t);
}

static void test_ctrl_c_stops_a_job_and_the_program_stays(void **state)
{
    struct terminal t = program_open(state, 24, 80);

    terminal_press(&t, ":train epochs=1000\r");
    terminal_wait(&t, "idle", false);
    terminal_press(&t, "2");
    terminal_wait(&t, "[2 Layer]", true);
    terminal_press(&t, "\003");
    terminal_wait(&t, "idle", true);
    program_leave(&t);
}

/* As far as the long training. */
static void test_each_space_in_the_lesson_goes_a_step_on(void **state)
{
    static const char *const steps[][2] = {
        {"1 of", "How many of"},  {"2 of", "What is left"},
        {"3 of", "It collapses"}, {"4 of", "chance picks"},
        {"5 of", "but guessing"}, {"6 of", "Twelve rounds"},
    };
    struct start s = {.folder = *state,
                      .word = {"--no-session", "play",
                               "sessions/01-prune-and-fine-tune.esp"}};
    struct terminal t;
    size_t i;

    program_start(&t, 24, 80, &s);
    for (i = 0; i < LENGTH(steps); i++) {
        terminal_wait(&t, steps[i][0], true);
        terminal_wait(&t, steps[i][1], true);
        terminal_wait(&t, i < 5 ? "Space: go on" : "fine-tune", true);
        if (i < 5)
            terminal_press(&t, " ");
    }
    terminal_press(&t, "qq");
    assert_int_equal(terminal_close(&t), 0);
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
        unit_test_in_folder(test_up_is_known_however_slowly_it_comes),
        unit_test_in_folder(test_text_pasted_into_the_prompt_waits_for_enter),
        unit_test_in_folder(test_pasted_text_is_no_keys),
        unit_test_in_folder(test_ctrl_c_stops_a_job_and_the_program_stays),
        unit_test_in_folder(test_each_space_in_the_lesson_goes_a_step_on),
    };

    return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
