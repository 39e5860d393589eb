/*
 * The real program's way with its terminal: taken, lent to the shell and back,
 * given up at every kind of end.  What is asked here comes from the reports of
 * other programs' bugs.
 */
#include "tests/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "base/mem.h"
#include "tests/screen/program.h"

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
    static const int signals[] = {0, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV};
    size_t i;

    for (i = 0; i < LENGTH(signals); i++) {
        struct terminal t = program_open(state, 24, 80);

        if (signals[i] == 0)
            terminal_press(&t, ":quit\r");
        else
            assert_int_equal(kill(t.child, signals[i]), 0);
        /* Everything up to the end is read before raw is looked at. */
        while (terminal_settle(&t) > 0) {
        }
        assert_modes_are_back(&t.raw);
        terminal_close(&t);
    }
}

static void ask_shell(struct terminal *t, const char *line, const char *answer)
{
    terminal_press(t, line);
    terminal_press(t, "\r");
    terminal_wait(t, answer, true);
}

/* The program runs in a shell of t, and shows its first screen. */
static void start_in_shell(struct terminal *t, void *const *state)
{
    struct start s = {.folder = *state};
    char line[640];

    program_shell(t, 24, 80, &s);
    snprintf(line, sizeof(line),
             "%s --no-session data/lenet-300-100.h5 data/mnist.h5\r",
             program_path());
    terminal_press(t, line);
    terminal_wait(t, "#0 dense 98.60%", true);
}

static void test_ctrl_z_gives_the_shell_its_terminal_and_fg_comes_back(
    void **state)
{
    /* The screen that comes back shows old lines too: what is waited for must
     * be new, or keys are typed before the shell reads them, and lost. */
    static const char *const stopped[] = {"Stopped", "left 1"};
    struct terminal t;
    int round;

    start_in_shell(&t, state);
    for (round = 0; round < 2; round++) {
        /* The second time with a line begun at the prompt. */
        if (round == 1) {
            terminal_press(&t, ":prune 5");
            terminal_wait(&t, ":prune 5", true);
        }
        terminal_press(&t, "\032");
        terminal_wait(&t, stopped[round], true);
        ask_shell(&t, "stty -a | tr ' ' '\\n' | grep -e icanon -e echo$",
                  "\nicanon");
        terminal_wait(&t, "\necho", true);
        assert_modes_are_back(&t.raw);
        terminal_resize(&t, 30 - 6 * round, 100 - 20 * round);
        terminal_press(&t, round == 0 ? "fg; echo le''ft 1\r"
                                      : "fg; echo le''ft 2\r");
        terminal_wait(&t, "235,200", true);
        terminal_wait(&t, "ready> ", false);
        terminal_wait(&t, round == 0 ? "[1 Overview]" : ":prune 5", true);
    }
    terminal_press(&t, "0%\r");
    terminal_wait(&t, "sparse 50.0%", true);
    terminal_wait(&t, "idle", true);
    terminal_press(&t, "q");
    terminal_wait(&t, "left 2", true);
    terminal_press(&t, "exit\r");
    assert_int_equal(terminal_close(&t), 0);
}

static void test_a_stop_from_outside_is_survived(void **state)
{
    struct terminal t = program_open(state, 24, 80);
    int status;

    kill(t.child, SIGSTOP);
    assert_int_equal(waitpid(t.child, &status, WUNTRACED), t.child);
    terminal_resize(&t, 30, 100);
    kill(t.child, SIGCONT);
    terminal_press(&t, "6");
    terminal_wait(&t, "[6 History]", true);
    program_leave(&t);
}

static void test_interrupts_reach_the_job_and_never_the_program(void **state)
{
    struct terminal t = program_open(state, 24, 80);
    int i;

    kill(t.child, SIGINT);
    terminal_wait(&t, "nothing runs", true);
    terminal_press(&t, "\003"); /* the byte: no signal in this mode */
    terminal_press(&t, ":prune 5\003");
    terminal_press(&t, ":\022pr\003");
    terminal_press(&t, "?\003");
    terminal_wait(&t, "[? Help]", true);
    terminal_press(&t, "1:train epochs=1000\r");
    terminal_wait(&t, "idle", false);
    for (i = 0; i < 300; i++)
        kill(t.child, i % 2 == 0 ? SIGINT : SIGWINCH);
    terminal_wait(&t, "idle", true);
    /* With room in the line the word is longer. */
    terminal_wait(&t, " 0.0%", true);
    program_leave(&t);
}

/* One session, with a stage behind it and a job under way. */
static void start_session(struct terminal *t, void *const *state,
                          const char *folder)
{
    struct start s = {.folder = *state,
                      .word = {"--session", folder, "data/lenet-300-100.h5",
                               "data/mnist.h5"}};

    program_start(t, 24, 80, &s);
    terminal_wait(t, "#0 dense 98.60%", true);
    terminal_press(t, ":prune 50%; prune 50%\r");
    terminal_wait(t, "sparse 75.0%", true);
    terminal_wait(t, "#2 75.0%", true);
    terminal_press(t, ":train epochs=1000\r");
    terminal_wait(t, "idle", false);
}

/* The session opens again on the screen, and has its stages. */
static void assert_session_is_whole(void *const *state, const char *folder)
{
    struct start s = {.folder = *state, .word = {"resume", folder}};
    struct terminal t;

    program_start(&t, 24, 80, &s);
    terminal_wait(&t, "#2 75.0%", true);
    terminal_press(&t, "\003");
    terminal_wait(&t, "idle", true);
    program_leave(&t);
}

static void test_a_terminal_that_goes_away_ends_it_and_keeps_the_session(
    void **state)
{
    const char *folder = support_path(state, "session");
    struct terminal t;

    start_session(&t, state, folder);
    terminal_cut(&t);
    assert_session_is_whole(state, folder);
}

static void test_after_a_kill_the_session_is_whole(void **state)
{
    const char *folder = support_path(state, "session");
    struct terminal t;

    start_session(&t, state, folder);
    kill(t.child, SIGKILL);
    assert_int_equal(terminal_close(&t), -1);
    assert_session_is_whole(state, folder);
}

/* A line that takes nothing more stands the program still in a write; a signal
 * must end it all the same. */
static void test_a_stalled_line_does_not_keep_it_from_ending(void **state)
{
    struct terminal t = program_open(state, 60, 200);
    struct timespec nap = {0, 30000000};
    int i;

    for (i = 0; i < 100; i++) {
        terminal_press(&t, i % 2 == 0 ? "7" : "9");
        nanosleep(&nap, NULL);
    }
    kill(t.child, SIGTERM);
    terminal_close_unread(&t);
}

static void test_standing_still_it_sends_nothing_and_never_clears(void **state)
{
    struct terminal t = program_open(state, 24, 80);
    size_t before;

    while (terminal_pause(&t, 300) > 0) {
    }
    assert_int_equal(terminal_pause(&t, 1000), 0);
    before = t.raw.len;
    terminal_press(&t, ":train epochs=1000\r");
    terminal_wait(&t, "idle", false);
    terminal_press(&t, "2");
    terminal_wait(&t, "[2 Layer]", true);
    terminal_press(&t, "1\003");
    terminal_wait(&t, "idle", true);
    assert_null(strstr(t.raw.text + before, "\033[2J"));
    assert_null(strstr(t.raw.text + before, "\033[H\033[J"));
    assert_null(strstr(t.raw.text, "\033[?2026"));
    program_leave(&t);
}

/* Keys that come through a pipe are nobody's keys. */
static void test_without_a_terminal_it_says_so(void **state)
{
    static const char *const input[] = {"</dev/null", "<&-", "<<<q"};
    const char *out = support_path(state, "out");
    size_t i;

    for (i = 0; i < LENGTH(input); i++) {
        char line[2048], *said;
        int status;

        snprintf(line, sizeof(line),
                 "bash -c \"HOME='%s' timeout 60 %s %s >'%s' 2>&1\"",
                 (const char *)*state, program_path(), input[i], out);
        status = system(line);
        said = support_read(out, NULL);
        assert_int_equal(WEXITSTATUS(status), 2);
        assert_non_null(strstr(said, "needs a terminal"));
        assert_null(strchr(said, '\033'));
        mem_free(said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_the_terminal_is_given_back),
        unit_test_in_folder(
            test_ctrl_z_gives_the_shell_its_terminal_and_fg_comes_back),
        unit_test_in_folder(test_a_stop_from_outside_is_survived),
        unit_test_in_folder(
            test_interrupts_reach_the_job_and_never_the_program),
        unit_test_in_folder(
            test_a_terminal_that_goes_away_ends_it_and_keeps_the_session),
        unit_test_in_folder(test_after_a_kill_the_session_is_whole),
        unit_test_in_folder(test_a_stalled_line_does_not_keep_it_from_ending),
        unit_test_in_folder(
            test_standing_still_it_sends_nothing_and_never_clears),
        unit_test_in_folder(test_without_a_terminal_it_says_so),
    };

    return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
