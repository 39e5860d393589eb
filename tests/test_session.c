/*
 * Sessions: whatever interrupts one, what comes out in the end has the same
 * bits as if nothing had happened.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "io/io.h"
#include "tiny.h"

/* Everything that has a state to lose. */
#define WORK                                                              \
    "set checkpoint_every=7 batch=20; train epochs=6 lr_schedule=cosine;" \
    " mark trained; iterate 4 30% epochs=3; undo; branch other;"          \
    " step 20% epochs=2 optimiser=momentum lr=0.01;"                      \
    " goto trained; step to=60% epochs=2 scope=global;"                   \
    " quantize activations bits=3 by=minmax; finetune epochs=2"

struct bits {
    char *bytes;
    size_t n;
};

static struct bits take(struct tiny *t, void **state)
{
    struct bits b;

    b.bytes = tiny_weights(t, state, &b.n);
    return b;
}

static void drop(struct bits *b)
{
    mem_free(b->bytes);
    *b = (struct bits){0};
}

static void assert_same(const struct bits *got, const struct bits *want)
{
    assert_int_equal(got->n, want->n);
    assert_same_bits(got->bytes, want->bytes, want->n);
}

/* The work without a session, on one thread. */
static struct bits reference(void **state)
{
    struct tiny t = {0};
    struct bits b;

    tiny_open(&t, (struct engine_options){.seed = 11, .threads = 1});
    tiny_begin(&t, state);
    tiny_do(&t, WORK);
    b = take(&t, state);
    tiny_close(&t);
    return b;
}

static struct engine_options in_session(void **state, const char *name)
{
    return (struct engine_options){.seed = 11,
                                   .session = support_path(state, name)};
}

static struct engine_options resuming(void **state, const char *name)
{
    struct engine_options o = in_session(state, name);

    o.resume = true;
    return o;
}

/* Finishes what a resumed session had to do. */
static void finish(struct tiny *t)
{
    unsigned long ticket = engine_resumed(t->engine);
    struct err err;

    if (ticket != 0)
        assert_ok(engine_wait(t->engine, ticket, &err));
}

static void run_journal(struct tiny *t, void **state, const char *session)
{
    struct str path = {0};
    struct err err;

    str_addf(&path, "%s/journal.esp", support_path(state, session));
    assert_ok(engine_play(t->engine, path.text, false, &err));
    str_done(&path);
}

/* The weights are those bits. */
static void assert_has(struct tiny *t, void **state, const struct bits *want)
{
    struct bits got = take(t, state);

    assert_same(&got, want);
    drop(&got);
}

/* The session's journal, run anew under another seed, ends in those bits. */
static void assert_replays(void **state, const char *session,
                           const struct bits *want)
{
    struct tiny t = {0};

    tiny_open(&t, (struct engine_options){.seed = 1});
    run_journal(&t, state, session);
    assert_has(&t, state, want);
    tiny_close(&t);
}

static void test_the_same_bits_on_any_threads_with_or_without(void **state)
{
    static const int threads[] = {2, 3, 8};
    struct bits want;
    size_t i;

    tiny_data(state);
    want = reference(state);
    for (i = 0; i < LENGTH(threads); i++) {
        struct engine_options o = in_session(state, "s0");
        struct tiny t = {0};

        o.threads = threads[i];
        o.session = i == 1 ? o.session : NULL;
        tiny_open(&t, o);
        tiny_begin(&t, state);
        tiny_do(&t, WORK);
        assert_has(&t, state, &want);
        tiny_close(&t);
    }
    drop(&want);
}

static void test_a_journal_that_is_run_gives_the_same_bits(void **state)
{
    struct tiny t = {0}, again = {0};
    struct bits want;

    tiny_data(state);
    tiny_open(&t, in_session(state, "s"));
    tiny_begin(&t, state);
    tiny_do(&t, WORK);
    want = take(&t, state);
    tiny_close(&t);
    tiny_open(&again, (struct engine_options){.seed = 99});
    run_journal(&again, state, "s");
    assert_has(&again, state, &want);
    tiny_do(&again, "goto other; expect sparsity > 60%");
    tiny_close(&again);
    drop(&want);
}

/* The child's part: it works until it is done or killed. */
static void work_or_die(void **state, bool resume)
{
    struct engine_options o = in_session(state, "s");
    struct engine *e;
    struct str line = {0};
    struct err err;
    int ok = 0;

    o.resume = resume;
    o.threads = 2;
    e = engine_new(&o, &err);
    if (e == NULL)
        _exit(2);
    if (resume) {
        ok = engine_resumed(e) == 0 ||
             engine_wait(e, engine_resumed(e), &err) == ERR_OK;
    } else {
        str_addf(&line, "data %s validation=100; ",
                 support_path(state, "tiny.h5"));
        str_add(&line, TINY_NET "; " WORK);
        ok = engine_do(e, line.text, &err) == ERR_OK;
    }
    _exit(ok ? 0 : 3);
}

/* True when it was killed. */
static bool kill_after(void **state, bool resume, double ms)
{
    long ns = (long)(ms * 1e6);
    struct timespec wait = {ns / 1000000000, ns % 1000000000};
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0)
        work_or_die(state, resume);
    nanosleep(&wait, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status))
        assert_int_equal(WEXITSTATUS(status), 0);
    return WIFSIGNALED(status);
}

static bool has_state(void **state)
{
    return access(support_path(state, "s/state"), F_OK) == 0;
}

/*
 * Killed again and again, a little later each time, so that kills fall on
 * training, pruning, evaluation and the writing of every file; what is left
 * goes on until it comes to its end, on a slow machine later.
 */
static void test_a_killed_session_ends_in_the_same_bits(void **state)
{
    struct bits want;
    struct tiny t = {0};
    struct rng r = rng_at(5, RNG_TEST, 0, 0);
    double slow = 1.0;
    int kills = 0, i;

    tiny_data(state);
    want = reference(state);
    for (i = 0; i < 200; i++, slow *= 1.04) {
        double wait = slow * (8.0 + 0.02 * (double)rng_below(&r, 1000));
        bool resume = has_state(state);

        if (!kill_after(state, resume, wait))
            break;
        kills++;
    }
    assert_true(i < 200);
    assert_true(kills > 0);
    tiny_open(&t, resuming(state, "s"));
    finish(&t);
    assert_has(&t, state, &want);
    tiny_close(&t);
    /* And its journal does as well. */
    assert_replays(state, "s", &want);
    drop(&want);
}

/* Waits until the engine has trained so many steps of its command. */
static void wait_for_step(struct tiny *t, uint64_t step)
{
    struct timespec nap = {0, 1000000};

    for (;;) {
        const struct status_sheet *s =
            board_take(engine_board(t->engine), SHEET_STATUS);
        bool there = s != NULL && s->job == JOB_RUNNING && s->step >= step;

        sheet_drop(s);
        if (there)
            return;
        if (!engine_busy(t->engine))
            fail_msg("it has ended before step %d", (int)step);
        nanosleep(&nap, NULL);
    }
}

static void test_leaving_in_the_middle_and_resuming_loses_nothing(void **state)
{
    struct tiny t = {0};
    struct bits want;
    unsigned long ticket;
    struct err err;

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 11});
    tiny_begin(&t, state);
    tiny_do(&t, "iterate 2 20% epochs=5000; prune 10%");
    want = take(&t, state);
    tiny_close(&t);
    tiny_open(&t, in_session(state, "s"));
    tiny_begin(&t, state);
    ticket = engine_post(t.engine, "iterate 2 20% epochs=5000; prune 10%");
    wait_for_step(&t, 20);
    engine_leave(t.engine);
    assert_refused(engine_wait(t.engine, ticket, &err), ERR_CANCELLED,
                   "resume");
    tiny_close(&t);
    tiny_open(&t, resuming(state, "s"));
    finish(&t);
    assert_has(&t, state, &want);
    tiny_do(&t, "expect stage == 3");
    tiny_close(&t);
    drop(&want);
}

static void test_what_is_stopped_is_a_stage_and_replays(void **state)
{
    struct tiny t = {0};
    struct bits want;
    unsigned long ticket;
    struct err err;
    char *journal;

    tiny_data(state);
    tiny_open(&t, in_session(state, "s"));
    tiny_begin(&t, state);
    ticket = engine_post(t.engine, "train epochs=100000; prune 50%");
    wait_for_step(&t, 30);
    engine_stop(t.engine);
    assert_refused(engine_wait(t.engine, ticket, &err), ERR_CANCELLED,
                   "stage 1");
    tiny_do(&t, "expect stage == 1; expect step >= 30; prune 20%");
    want = take(&t, state);
    tiny_close(&t);
    journal = support_read(support_path(state, "s/journal.esp"), NULL);
    assert_non_null(strstr(journal, "\ntrain epochs=100000 at="));
    assert_non_null(strstr(journal, ":stop\n"));
    mem_free(journal);
    assert_replays(state, "s", &want);
    drop(&want);
}

static void test_a_rate_that_is_set_live_acts_and_replays(void **state)
{
    struct tiny t = {0};
    struct bits want;
    unsigned long ticket;
    struct err err;
    char *journal;

    tiny_data(state);
    tiny_open(&t, in_session(state, "s"));
    tiny_begin(&t, state);
    ticket = engine_post(t.engine, "iterate 100 1% epochs=1000");
    wait_for_step(&t, 10);
    tiny_do(&t, "set lr=0.02 batch=30");
    wait_for_step(&t, 40);
    engine_stop(t.engine);
    assert_refused(engine_wait(t.engine, ticket, &err), ERR_CANCELLED,
                   "stopped");
    tiny_do(&t, "step epochs=1");
    want = take(&t, state);
    tiny_close(&t);
    journal = support_read(support_path(state, "s/journal.esp"), NULL);
    assert_non_null(strstr(journal, ":lr=0.02,"));
    assert_non_null(strstr(journal, "\nset finetune_lr=0.02\n"));
    assert_non_null(strstr(journal, "\nset batch=30\n"));
    mem_free(journal);
    assert_replays(state, "s", &want);
    drop(&want);
}

static void test_a_pause_changes_nothing_but_time(void **state)
{
    struct tiny t = {0};
    struct bits want;
    unsigned long ticket;
    struct err err;
    const struct status_sheet *s;
    uint64_t step = 0;
    bool paused = false;

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 11});
    tiny_begin(&t, state);
    tiny_do(&t, "train epochs=10000");
    want = take(&t, state);
    tiny_do(&t, "goto 0");
    ticket = engine_post(t.engine, "train epochs=10000");
    wait_for_step(&t, 20);
    tiny_do(&t, "pause");
    while (!paused) {
        usleep(1000);
        s = board_take(engine_board(t.engine), SHEET_STATUS);
        step = s->step;
        paused = s->job == JOB_PAUSED;
        sheet_drop(s);
    }
    /* It rests, and answers all the same. */
    tiny_do(&t, "set fps=60");
    s = board_take(engine_board(t.engine), SHEET_STATUS);
    assert_int_equal(s->step, step);
    sheet_drop(s);
    tiny_do(&t, "continue");
    assert_ok(engine_wait(t.engine, ticket, &err));
    assert_has(&t, state, &want);
    tiny_close(&t);
    drop(&want);
}

static void test_one_session_has_one_process(void **state)
{
    struct engine_options o = resuming(state, "s");
    struct tiny t = {0};
    struct err err;

    tiny_data(state);
    tiny_open(&t, in_session(state, "s"));
    tiny_begin(&t, state);
    tiny_do(&t, "prune 20%");
    assert_null(engine_new(&o, &err));
    assert_int_equal(err.code, ERR_BUSY);
    o.resume = false;
    assert_null(engine_new(&o, &err));
    assert_int_equal(err.code, ERR_STATE);
    assert_non_null(strstr(err.msg, "espalier resume"));
    tiny_close(&t);
    tiny_open(&t, resuming(state, "s"));
    tiny_do(&t, "expect stage == 1");
    tiny_close(&t);
}

/* A file size limit stands for a full disk: writes fail half way. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_work_goes_on_while_the_disk_is_full(void **state)
{
    struct tiny t = {0};
    struct bits want;
    struct rlimit before;

    tiny_data(state);
    want = reference(state);
    tiny_open(&t, in_session(state, "s"));
    tiny_begin(&t, state);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit_files(700);
    tiny_do(&t, WORK);
    assert_non_null(strstr(t.said.text, "! the session cannot be written"));
    limit_files(before.rlim_cur);
    assert_null(strstr(t.said.text, "- the session is written again"));
    tiny_do(&t, "mark here");
    assert_non_null(strstr(t.said.text, "- the session is written again"));
    assert_has(&t, state, &want);
    tiny_close(&t);
    tiny_open(&t, resuming(state, "s"));
    assert_has(&t, state, &want);
    tiny_do(&t, "goto 1; expect sparsity == 0; goto other; goto here");
    tiny_close(&t);
    assert_replays(state, "s", &want);
    drop(&want);
}

static void test_everything_is_as_it_was_after_resuming(void **state)
{
    struct tiny t = {0};
    char *before, *after;

    tiny_data(state);
    tiny_open(&t, in_session(state, "s"));
    tiny_begin(&t, state);
    tiny_do(&t, WORK "; set lr=0.03; eval test; undo;"
                     " mark 'here'; branch next");
    str_clear(&t.said);
    tiny_do(&t, "history; set; compare 1 2");
    before = str_take(&t.said);
    tiny_close(&t);
    tiny_open(&t, resuming(state, "s"));
    assert_int_equal(engine_resumed(t.engine), 0);
    str_clear(&t.said);
    tiny_do(&t, "history; set; compare 1 2");
    after = str_take(&t.said);
    assert_string_equal(after, before);
    str_clear(&t.said);
    tiny_do(&t, "redo; expect test_accuracy > 0; eval test; undo; prune 1%");
    assert_non_null(strstr(t.said.text, "the test set was read 2 times"));
    tiny_do(&t, "goto 0; goto next; undo; goto here");
    tiny_close(&t);
    mem_free(before);
    mem_free(after);
}

static void test_the_course_of_training_survives(void **state)
{
    struct tiny t = {0};
    const struct curve_sheet *a, *b;
    size_t bytes;

    tiny_data(state);
    tiny_open(&t, in_session(state, "s"));
    tiny_begin(&t, state);
    tiny_do(&t, WORK);
    a = board_take(engine_board(t.engine), SHEET_CURVE);
    tiny_close(&t);
    tiny_open(&t, resuming(state, "s"));
    b = board_take(engine_board(t.engine), SHEET_CURVE);
    assert_int_equal(a->count, b->count);
    assert_true(a->count > 20);
    bytes = (size_t)a->count * sizeof(a->point[0]);
    assert_same_bits(b->point, a->point, bytes);
    assert_int_equal(a->event_count, b->event_count);
    tiny_close(&t);
    sheet_drop(a);
    sheet_drop(b);
}

/* A state that was cut or changed is refused; nothing crashes. */
static void test_a_damaged_state_is_refused(void **state)
{
    struct tiny t = {0};
    struct engine_options o;
    struct rng r = rng_at(9, RNG_TEST, 0, 0);
    char *text, *path;
    size_t n;
    int i;

    tiny_data(state);
    tiny_open(&t, in_session(state, "s"));
    tiny_begin(&t, state);
    tiny_do(&t, "step 20% epochs=1; mark x");
    tiny_close(&t);
    path = mem_strdup(support_path(state, "s/state"));
    text = support_read(path, &n);
    for (i = 0; i < 150; i++) {
        struct engine *e;
        struct err err;

        support_write(path, text, i < 50 ? rng_below(&r, (uint32_t)n - 4) : n);
        if (i >= 50) {
            int fd = open(path, O_WRONLY);
            char junk = (char)rng_below(&r, 256);

            assert_int_equal(
                pwrite(fd, &junk, 1, (off_t)rng_below(&r, (uint32_t)n)), 1);
            close(fd);
        }
        o = resuming(state, "s");
        e = engine_new(&o, &err);
        if (i < 50)
            assert_null(e);
        engine_free(e);
    }
    mem_free(text);
    mem_free(path);
}

static void test_the_newest_session_of_the_user_is_found(void **state)
{
    struct engine_options o = {.seed = 1, .keep = true};
    struct tiny t = {0};
    struct err err;

    tiny_data(state);
    setenv("XDG_STATE_HOME", *state, 1);
    o.resume = true;
    assert_null(engine_new(&o, &err));
    assert_non_null(strstr(err.msg, "no session yet"));
    o.resume = false;
    tiny_open(&t, o);
    tiny_begin(&t, state);
    /* Nothing was made that could be lost, so nothing is kept. */
    assert_int_not_equal(access(support_path(state, "espalier"), F_OK), 0);
    tiny_do(&t, "prune 10%");
    assert_int_equal(access(support_path(state, "espalier/sessions"), F_OK), 0);
    tiny_close(&t);
    o.resume = true;
    tiny_open(&t, o);
    tiny_do(&t, "expect stage == 1");
    tiny_close(&t);
    unsetenv("XDG_STATE_HOME");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_the_same_bits_on_any_threads_with_or_without),
        unit_test_in_folder(test_a_journal_that_is_run_gives_the_same_bits),
        unit_test_in_folder(test_a_killed_session_ends_in_the_same_bits),
        unit_test_in_folder(
            test_leaving_in_the_middle_and_resuming_loses_nothing),
        unit_test_in_folder(test_what_is_stopped_is_a_stage_and_replays),
        unit_test_in_folder(test_a_rate_that_is_set_live_acts_and_replays),
        unit_test_in_folder(test_a_pause_changes_nothing_but_time),
        unit_test_in_folder(test_one_session_has_one_process),
        unit_test_in_folder(test_work_goes_on_while_the_disk_is_full),
        unit_test_in_folder(test_everything_is_as_it_was_after_resuming),
        unit_test_in_folder(test_the_course_of_training_survives),
        unit_test_in_folder(test_a_damaged_state_is_refused),
        unit_test_in_folder(test_the_newest_session_of_the_user_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
