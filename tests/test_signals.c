#include "support.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "ui/signals.h"

static struct err err;

/* A child tells what happened through a pipe: one letter an event. */
static int tell;

static void say(char letter)
{
    ssize_t n = write(tell, &letter, 1);

    (void)n;
}

static void save(void)
{
    say('s');
}

static void restore(void)
{
    say('r');
}

static const struct signals_hooks hooks = {save, restore, 100};

/* Runs body in a child; what it said, and how it ended. */
static int run_child(void (*body)(void), char *said, size_t size)
{
    int ends[2], status = 0;
    size_t n = 0;
    ssize_t got;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        tell = ends[1];
        body();
        _exit(0);
    }
    close(ends[1]);
    while (n + 1 < size && (got = read(ends[0], said + n, size - n - 1)) > 0)
        n += (size_t)got;
    said[n] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void wait_signal(unsigned bits)
{
    struct pollfd p = {.fd = signals_fd(), .events = POLLIN};
    unsigned seen = 0;

    while ((seen & bits) != bits && poll(&p, 1, 5000) > 0)
        seen |= signals_read();
    if ((seen & bits) != bits)
        say('!');
}

static void start(void)
{
    if (signals_start(&hooks, &err) != ERR_OK)
        _exit(99);
}

static void hang(void)
{
    start();
    raise(SIGTERM);
    for (;;)
        pause(); /* as in a write nobody reads */
}

static void test_a_program_that_hangs_is_saved_and_ended(void **s)
{
    char said[16];
    int status = run_child(hang, said, sizeof(said));

    (void)s;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 128 + SIGTERM);
    assert_string_equal(said, "sr");
}

static void answer(void)
{
    struct timespec longer = {0, 300000000};

    start();
    raise(SIGHUP);
    wait_signal(SIGNALS_HANGUP);
    signals_answer(60000);
    nanosleep(&longer, NULL); /* than the deadline */
    signals_stop();
    say('a');
}

static void test_a_program_that_answers_ends_by_itself(void **s)
{
    char said[16];
    int status = run_child(answer, said, sizeof(said));

    (void)s;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_string_equal(said, "a");
}

static void crash(void)
{
    start();
    raise(SIGSEGV);
}

static void test_a_crash_gives_the_terminal_back_first(void **s)
{
    char said[16];
    int status = run_child(crash, said, sizeof(said));

    (void)s;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    assert_string_equal(said, "r");
}

static void test_signals_are_told_apart_and_told_once(void **s)
{
    struct sigaction before, after;
    int i;

    (void)s;
    sigaction(SIGINT, NULL, &before);
    assert_ok(signals_start(&hooks, &err));
    assert_int_equal(signals_read(), 0);
    raise(SIGINT);
    for (i = 0; i < 100000; i++) /* more than the pipe holds */
        raise(SIGWINCH);
    assert_int_equal(signals_read(), SIGNALS_INTERRUPT | SIGNALS_RESIZE);
    assert_int_equal(signals_read(), 0);
    raise(SIGCONT);
    raise(SIGTSTP);
    assert_int_equal(signals_read(), SIGNALS_CONTINUE | SIGNALS_SUSPEND);
    signals_stop();
    sigaction(SIGINT, NULL, &after);
    assert_true(before.sa_handler == after.sa_handler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_program_that_hangs_is_saved_and_ended),
        cmocka_unit_test(test_a_program_that_answers_ends_by_itself),
        cmocka_unit_test(test_a_crash_gives_the_terminal_back_first),
        cmocka_unit_test(test_signals_are_told_apart_and_told_once),
    };

    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
