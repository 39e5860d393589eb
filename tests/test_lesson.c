/* Scripts and lessons. */
#include <glob.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "engine/lesson.h"
#include "tiny.h"

static void begin(struct tiny *t, void **state)
{
    *t = (struct tiny){0};
    tiny_data(state);
    tiny_open(t, (struct engine_options){.seed = 3});
    tiny_begin(t, state);
}

static void write_script(void **state, const char *name, const char *text)
{
    support_write(support_path(state, name), text, strlen(text));
}

static enum err_code play(struct tiny *t, void **state, const char *name,
                          bool wait, struct err *err)
{
    return engine_play(t->engine, support_path(state, name), wait, err);
}

static void test_a_script_runs_its_lines_and_waits_for_nobody(void **state)
{
    struct tiny t;
    struct err err;

    begin(&t, state);
    write_script(state, "a.esp",
                 "# A script\n"
                 "say \"first\"   # a remark\n"
                 "\n"
                 "prune 10%; pause\n"
                 "ask \"and now?\"\n"
                 "reveal \"{weights_alive}\"\n"
                 "expect stage == 1\n");
    str_clear(&t.said);
    assert_ok(play(&t, state, "a.esp", false, &err));
    assert_non_null(strstr(t.said.text, "\" first\n"));
    assert_non_null(strstr(t.said.text, "\" and now?\n"));
    assert_non_null(strstr(t.said.text, "\" 1,469\n"));
    tiny_close(&t);
}

static void test_a_failing_line_is_named_once(void **state)
{
    struct tiny t;
    struct err err;
    const char *first;

    begin(&t, state);
    write_script(state, "b.esp", "prune 10%\nexpect sparsity > 50%\nprune 10%");
    str_clear(&t.said);
    assert_refused(play(&t, state, "b.esp", false, &err), ERR_EXPECT,
                   "b.esp:2: expected sparsity > 50%");
    first = strstr(t.said.text, "b.esp:2: expected");
    assert_non_null(first);
    assert_null(strstr(strchr(first, '\n'), "expected sparsity"));
    tiny_do(&t, "expect stage == 1");
    assert_refused(play(&t, state, "c.esp", false, &err), ERR_MISSING, "c.esp");
    tiny_close(&t);
}

static void test_scripts_run_scripts_but_not_for_ever(void **state)
{
    struct tiny t;
    struct err err;
    char line[512];

    begin(&t, state);
    snprintf(line, sizeof(line), "prune 1%%\nrun %s\n",
             support_path(state, "d.esp"));
    write_script(state, "d.esp", line);
    assert_refused(play(&t, state, "d.esp", false, &err), ERR_USAGE, "deep");
    tiny_do(&t, "expect stage == 8");
    tiny_close(&t);
}

static void test_quit_ends_everything_that_waits(void **state)
{
    struct tiny t;
    struct err err;

    begin(&t, state);
    write_script(state, "e.esp", "prune 1%\nquit\nprune 1%\n");
    assert_ok(play(&t, state, "e.esp", false, &err));
    assert_null(strstr(t.said.text, "stage 2"));
    tiny_close(&t);
}

/* Waits until the lesson waits, or is over; returns its sheet. */
static const struct status_sheet *rest(struct tiny *t)
{
    struct timespec nap = {0, 1000000};

    for (;;) {
        const struct status_sheet *s =
            board_take(engine_board(t->engine), SHEET_STATUS);

        if (s->job == JOB_IDLE && (s->lesson_waits || !s->lesson))
            return s;
        sheet_drop(s);
        nanosleep(&nap, NULL);
    }
}

/* Goes on, and waits for the next rest with another text. */
static const struct status_sheet *go_on(struct tiny *t)
{
    tiny_do(t, "continue");
    return rest(t);
}

static void test_a_lesson_waits_and_returns_to_where_it_waited(void **state)
{
    struct tiny t;
    struct err err;
    const struct status_sheet *s;

    begin(&t, state);
    write_script(state, "lesson.esp",
                 "# How to prune\n"
                 "say \"one\"\nsay \"two\"\n"
                 "prune 10%\n"
                 "pause\n"
                 "ask \"three {stage}?\"\n"
                 "prune 10%\n"
                 "expect sparsity > 90%\n"
                 "reveal \"four\"\n");
    assert_ok(play(&t, state, "lesson.esp", true, &err));
    s = rest(&t);
    assert_true(s->lesson);
    assert_string_equal(s->lesson_title, "How to prune");
    assert_string_equal(s->lesson_text, "one\ntwo");
    assert_int_equal(s->lesson_step, 0);
    assert_int_equal(s->lesson_steps, 3);
    assert_int_equal(s->stage, 1);
    sheet_drop(s);
    /* Somebody asks what would happen if. */
    tiny_do(&t, "prune 50%; prune 50%");
    s = go_on(&t);
    assert_int_equal(s->stage, 1);
    assert_string_equal(s->lesson_text, "three 1?");
    assert_int_equal(s->lesson_step, 1);
    sheet_drop(s);
    /* What fails in a lesson is said, and it waits. */
    s = go_on(&t);
    assert_true(s->lesson_waits);
    assert_int_equal(s->stage, 4);
    assert_non_null(strstr(t.said.text, "! expected sparsity > 90%"));
    assert_non_null(strstr(t.said.text, "lesson.esp:8: the lesson waits here"));
    sheet_drop(s);
    s = go_on(&t);
    assert_string_equal(s->lesson_text, "four");
    sheet_drop(s);
    s = go_on(&t);
    assert_false(s->lesson);
    sheet_drop(s);
    str_clear(&t.said);
    tiny_do(&t, "continue");
    assert_non_null(strstr(t.said.text, "nothing waits"));
    tiny_close(&t);
}

static void test_stop_ends_the_command_not_the_lesson(void **state)
{
    struct tiny t;
    struct err err;
    const struct status_sheet *s;
    struct timespec nap = {0, 1000000};
    bool running = false;

    begin(&t, state);
    write_script(state, "long.esp",
                 "set fps=60\ntrain epochs=1000000\nsay \"after\"\npause\n");
    assert_ok(play(&t, state, "long.esp", true, &err));
    while (!running) {
        s = board_take(engine_board(t.engine), SHEET_STATUS);
        running = s->job == JOB_RUNNING && s->step > 0;
        sheet_drop(s);
        nanosleep(&nap, NULL);
    }
    engine_stop(t.engine);
    s = rest(&t);
    assert_true(s->lesson_waits);
    assert_int_equal(s->stage, 1);
    sheet_drop(s);
    s = go_on(&t);
    assert_string_equal(s->lesson_text, "after");
    sheet_drop(s);
    tiny_close(&t);
}

static void test_a_lesson_goes_on_in_a_resumed_session(void **state)
{
    struct tiny t = {0};
    struct engine_options o = {.seed = 3, .session = support_path(state, "s")};
    struct err err;
    const struct status_sheet *s;

    tiny_data(state);
    tiny_open(&t, o);
    tiny_begin(&t, state);
    write_script(state, "l.esp", "prune 10%\nask \"ready?\"\nprune 20%\npause");
    assert_ok(play(&t, state, "l.esp", true, &err));
    sheet_drop(rest(&t));
    tiny_close(&t);
    o.resume = true;
    tiny_open(&t, o);
    assert_ok(engine_wait(t.engine, engine_resumed(t.engine), &err));
    s = rest(&t);
    assert_string_equal(s->lesson_text, "ready?");
    assert_int_equal(s->stage, 1);
    sheet_drop(s);
    s = go_on(&t);
    assert_int_equal(s->stage, 2);
    sheet_drop(s);
    tiny_close(&t);
}

/* `ask` and `reveal` wait by themselves: a `pause` behind them would be a key
 * press that shows nothing; and what is said after the last wait is not seen,
 * as the lesson's panel goes with its end. */
static void check_waits(const char *path)
{
    struct lines l;
    struct err err;
    const char *before = "";
    int i;

    assert_ok(lines_load(path, &l, &err));
    for (i = 0; i < l.count; i++) {
        const char *line = l.line[i];

        if (line[strspn(line, " \t")] == '\0' || line[0] == '#')
            continue;
        if (strcmp(line, "pause") == 0 &&
            (str_starts(before, "ask ") || str_starts(before, "reveal ")))
            fail_msg("%s:%d: waits a second time", path, i + 1);
        before = line;
    }
    if (strcmp(before, "pause") != 0 && !str_starts(before, "reveal "))
        fail_msg("%s ends with \"%s\", which nobody will see", path, before);
    lines_done(&l);
}

static void test_each_space_in_the_shipped_lessons_shows_something(void **state)
{
    glob_t found;
    size_t i;

    (void)state;
    assert_int_equal(glob("sessions/[0-9]*.esp", 0, NULL, &found), 0);
    for (i = 0; i < found.gl_pathc; i++)
        check_waits(found.gl_pathv[i]);
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_a_script_runs_its_lines_and_waits_for_nobody),
        unit_test_in_folder(test_a_failing_line_is_named_once),
        unit_test_in_folder(test_scripts_run_scripts_but_not_for_ever),
        unit_test_in_folder(test_quit_ends_everything_that_waits),
        unit_test_in_folder(test_a_lesson_waits_and_returns_to_where_it_waited),
        unit_test_in_folder(test_stop_ends_the_command_not_the_lesson),
        unit_test_in_folder(test_a_lesson_goes_on_in_a_resumed_session),
        cmocka_unit_test(
            test_each_space_in_the_shipped_lessons_shows_something),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
