/*
 * The command `exits`: rules, budgets, what is measured and counted, readings
 * of the test set, ladders, sessions; and the sheet the screen tries thresholds
 * on.
 */
#include "tests/tiny.h"

#include <stdio.h>

#include "base/mem.h"
#include "engine/exits_try.h"

#define EXITS_NET                                                      \
    "new \"input 8x8x1; flatten name=f; dense 3 name=a relu; dense 4"  \
    " name=one; dense 40 name=b from=f relu; dense 30 name=c relu;"    \
    " dense 4 name=two from=c_relu; dense 40 name=d from=c_relu relu;" \
    " dense 4 name=three softmax; output one two three_softmax\""

static void begin(struct tiny *t, void *const *state)
{
    tiny_data(state);
    tiny_open(t, (struct engine_options){0});
    tiny_begin(t, state);
    tiny_do(t, EXITS_NET);
    tiny_do(t, "train epochs=20 lr=0.003");
    str_clear(&t->said);
}

static void assert_said(const struct tiny *t, const char *text)
{
    if (strstr(t->said.text, text) == NULL)
        fail_msg("\"%s\" was not said:\n%s", text, t->said.text);
}

static void test_exits_need_several_classifiers(void **state)
{
    struct tiny t = {0};

    tiny_data(state);
    tiny_open(&t, (struct engine_options){0});
    tiny_begin(&t, state);
    tiny_refuse(&t, "exits", ERR_STATE, "one classifier only");
    tiny_close(&t);
}

static void test_a_rule_is_taken_and_what_it_gives_is_told(void **state)
{
    struct tiny t = {0};

    begin(&t, state);
    tiny_do(&t, "exits by=probability threshold=never");
    tiny_do(&t, "expect exit_accuracy = accuracy");
    tiny_do(&t, "expect exit_first = 0");
    tiny_do(&t, "expect exit_cost > 100%"); /* the other heads were asked */
    tiny_do(&t, "exits by=probability threshold=0");
    tiny_do(&t, "expect exit_first = 100%");
    tiny_do(&t, "expect exit_cost < 50%");
    tiny_do(&t, "exits by=entropy threshold=1");
    tiny_do(&t, "expect exit_first > 0");
    tiny_do(&t, "expect exit_first < 1");
    tiny_do(&t, "exits by=patience threshold=2,1");
    tiny_do(&t, "expect exit_first = 0");
    assert_said(&t, "overthinking");
    tiny_close(&t);
}

static void test_a_refused_rule_changes_nothing(void **state)
{
    struct tiny t = {0};

    begin(&t, state);
    tiny_do(&t, "exits by=entropy threshold=0.7");
    tiny_refuse(&t, "exits by=luck", ERR_VALUE, "by wants probability");
    tiny_refuse(&t, "exits by=margin threshold=1,2,3", ERR_VALUE,
                "one number for all, or 2");
    tiny_refuse(&t, "exits by=margin threshold=x", ERR_VALUE, "threshold");
    tiny_refuse(&t, "exits by=margin budget=1%", ERR_VALUE,
                "below the first exit's");
    tiny_refuse(&t, "exits by=margin budget=much", ERR_VALUE, "budget wants");
    tiny_refuse(&t, "exits threshold=1 budget=50%", ERR_USAGE, "not both");
    tiny_refuse(&t, "exits choose=search", ERR_USAGE, "wants a budget");
    str_clear(&t.said);
    tiny_do(&t, "exits");
    assert_said(&t, "leave by entropy below 0.7;");
    tiny_close(&t);
}

static void test_budgets_are_kept(void **state)
{
    static const char *const choices[] = {"common", "search"};
    struct tiny t = {0};
    char line[80];
    size_t i;

    begin(&t, state);
    for (i = 0; i < LENGTH(choices); i++) {
        snprintf(line, sizeof(line), "exits budget=70%% choose=%s", choices[i]);
        tiny_do(&t, line);
        tiny_do(&t, "expect exit_cost <= 70%");
        tiny_do(&t, "expect exit_first > 0");
    }
    /* Whole samples, and ties: the shares come close. */
    tiny_do(&t, "exits budget=70%");
    tiny_do(&t, "expect exit_cost <= 73%");
    tiny_do(&t, "expect exit_cost >= 60%");
    tiny_close(&t);
}

static void test_what_is_measured_did_what_was_counted(void **state)
{
    struct tiny t = {0};

    begin(&t, state);
    tiny_do(&t, "exits by=probability threshold=0.6");
    str_clear(&t.said);
    tiny_do(&t, "exits time");
    assert_said(&t, "as the graph says");
    assert_said(&t, "batch 1, one thread: last exit alone");
    assert_said(&t, "heads and criterion included");
    tiny_do(&t, "expect exit_speed > 0");
    tiny_close(&t);
}

static void test_a_look_at_the_test_set_is_logged(void **state)
{
    struct tiny t = {0};

    begin(&t, state);
    tiny_do(&t, "exits by=probability threshold=0.6");
    tiny_refuse(&t, "expect exit_test_accuracy > 0", ERR_STATE, "");
    tiny_do(&t, "exits test");
    assert_said(&t, "the test set was read 1 time");
    tiny_do(&t, "expect exit_test_accuracy > 50%");
    tiny_do(&t, "expect exit_test_cost > 0");
    tiny_do(&t, "eval test");
    assert_said(&t, "the test set was read 2 times");
    tiny_close(&t);
}

static void test_the_last_classifier_alone_runs_in_whole_numbers(void **state)
{
    struct tiny t = {0};

    begin(&t, state);
    tiny_do(&t, "integer");
    assert_said(&t, "classifiers the last alone");
    assert_said(&t, "accuracy in whole numbers");
    tiny_do(&t, "exits; expect exit_cost > 0");
    tiny_close(&t);
}

static void test_calibration_keeps_what_is_right(void **state)
{
    struct tiny t = {0};

    begin(&t, state);
    tiny_do(&t, "exits by=probability threshold=never calibrate=yes");
    tiny_do(&t, "expect exit_accuracy = accuracy");
    assert_null(strstr(t.said.text, " 1.00  never"));
    tiny_do(&t, "exits calibrate=no");
    assert_said(&t, " 1.00  never");
    tiny_close(&t);
}

static void test_a_ladder_is_of_separate_nets(void **state)
{
    struct tiny t = {0};

    begin(&t, state);
    tiny_do(&t, "mark large; " TINY_NET "; train epochs=2; mark small");
    tiny_refuse(&t, "exits ladder", ERR_USAGE, "stages=A,B");
    tiny_refuse(&t, "exits ladder stages=large", ERR_VALUE, "two nets");
    tiny_refuse(&t, "exits ladder stages=large,none", ERR_MISSING, "none");
    str_clear(&t.said);
    tiny_do(&t, "exits ladder stages=large,small");
    /* 8*8*24 + 24*4 = 1632; without its early heads the large one has 64*40 +
     * 40*30 + 30*40 + 40*4 = 5120. */
    assert_said(&t, "small                   1,632 MACs");
    assert_said(&t, "large                   5,120 MACs");
    assert_said(&t, "6,752 when asked in turn");
    assert_said(&t, "in turn, by probability of at least 0.9: accuracy");
    tiny_close(&t);
}

static void test_thresholds_are_those_of_one_number_of_exits(void **state)
{
    struct tiny t = {0};

    begin(&t, state);
    tiny_do(&t, "exits by=entropy threshold=0.5,0.4");
    tiny_do(&t, "new \"input 8x8x1; flatten name=f; dense 4 name=one; dense 9"
                " from=f; dense 4 name=two; output one two\"");
    str_clear(&t.said);
    tiny_do(&t, "exits");
    assert_said(&t, "leave by entropy below 0.3;"); /* the usual one */
    tiny_close(&t);
}

static void test_a_resumed_session_has_its_rule(void **state)
{
    struct tiny t = {0};
    struct engine_options o = {.keep = true};

    tiny_data(state);
    o.session = support_path(state, "session");
    tiny_open(&t, o);
    tiny_begin(&t, state);
    tiny_do(&t, EXITS_NET);
    tiny_do(&t, "exits by=margin threshold=0.123456789,never");
    tiny_close(&t);
    o.resume = true;
    t = (struct tiny){0};
    tiny_open(&t, o);
    tiny_do(&t, "exits");
    assert_said(&t, "leave by margin of at least 0.1235, never;");
    tiny_close(&t);
}

/* The sheet. */

static const struct exits_sheet *wait_for_sheet(struct tiny *t)
{
    struct board *b = engine_board(t->engine);
    struct board_wish wish = {.want_exits = true};
    const struct exits_sheet *s = NULL;
    int i;

    board_set_wish(b, &wish);
    for (i = 0; s == NULL && i < 1000; i++) {
        usleep(5000);
        s = board_take(b, SHEET_EXITS);
    }
    if (s == NULL)
        fail_msg("no sheet of exits came");
    return s;
}

static void test_the_sheet_tries_thresholds_as_the_command_does(void **state)
{
    const struct exits_sheet *s;
    struct tiny t = {0};
    struct exits_try got;
    double threshold[EXITS_MOST] = {0}, late[8];
    char line[160];
    int i, k;

    begin(&t, state);
    tiny_do(&t, "exits by=entropy");
    s = wait_for_sheet(&t);
    assert_int_equal(s->exits, 3);
    assert_int_equal(s->samples, 100);
    assert_true(s->falling);
    for (i = 0; i < s->point_count; i += 7) {
        for (k = 0; k < EXITS_MOST; k++)
            threshold[k] = s->point[i].threshold;
        exits_try(s, threshold, &got, late);
        assert_close(got.accuracy, s->point[i].accuracy, 1e-12);
        assert_close(got.cost, s->point[i].cost, 1e-9 * got.cost);
        snprintf(line, sizeof(line), "exits threshold=%.17g",
                 s->point[i].threshold);
        tiny_do(&t, line);
        snprintf(line, sizeof(line), "expect exit_accuracy = %.17g",
                 got.accuracy);
        tiny_do(&t, line);
        snprintf(line, sizeof(line), "expect exit_first = %.17g",
                 got.left[0] / 100.0);
        tiny_do(&t, line);
    }
    assert_close(s->cumulative - s->destructive, s->row[2].accuracy, 1e-12);
    assert_int_equal(s->h, 8);
    assert_in_range(s->easy_count, 1, EXITS_PICTURE);
    assert_int_equal(s->easy[0].exits, 3);
    sheet_drop(s);
    tiny_close(&t);
}

/* The screen's curve moves while a net learns: new sheets of fewer samples. */
static void test_the_sheet_follows_training(void **state)
{
    const struct exits_sheet *s = NULL;
    struct board *b;
    struct board_wish wish = {.want_exits = true};
    struct tiny t = {0};
    unsigned long ticket, last = 0;
    struct err err;
    int i, live = 0;

    begin(&t, state);
    b = engine_board(t.engine);
    board_set_wish(b, &wish);
    ticket = engine_post(t.engine, "train epochs=100000");
    for (i = 0; live < 3 && i < 4000; i++) {
        usleep(2000);
        s = board_take(b, SHEET_EXITS);
        if (s != NULL && s->is_training && s->sheet.serial != last) {
            last = s->sheet.serial;
            live++;
        }
        sheet_drop(s);
    }
    engine_stop(t.engine);
    assert_int_equal(engine_wait(t.engine, ticket, &err), ERR_CANCELLED);
    assert_int_equal(live, 3);
    tiny_close(&t);
}

/*
 * The lesson with a small net and small data in the place of its own, and
 * without its figures: every command of it runs.
 */
static void shorten(const char *from, const char *data, struct str *out)
{
    while (*from != '\0') {
        size_t n = strcspn(from, "\n");

        if (strncmp(from, "data ", 5) == 0)
            str_addf(out, "data %s validation=100", data);
        else if (strncmp(from, "new ", 4) == 0)
            str_add(out, EXITS_NET);
        else if (strncmp(from, "train ", 6) == 0)
            str_add(out, "train epochs=20 lr=0.003");
        else if (strncmp(from, "net lenet", 9) == 0)
            str_add(out, TINY_NET "; train epochs=1");
        else if (strncmp(from, "exits budget=", 13) == 0)
            str_add(out, "exits budget=60% choose=search");
        else if (strncmp(from, "expect ", 7) != 0 &&
                 strncmp(from, "net ", 4) != 0)
            str_add_bytes(out, from, n);
        str_add(out, "\n");
        from += n + (from[n] == '\n');
    }
}

static void test_a_short_lesson_runs_every_command(void **state)
{
    static const char *const views[] = {"exits", NULL};
    char *lesson = support_read("sessions/03-early-exit.esp", NULL);
    const char *path = support_path(state, "short.esp");
    struct str text = {0};
    struct tiny t = {0};
    struct err err;

    tiny_data(state);
    shorten(lesson, support_path(state, "tiny.h5"), &text);
    support_write(path, text.text, text.len);
    tiny_open(&t, (struct engine_options){.views = views});
    assert_ok(engine_play(t.engine, path, false, &err));
    assert_said(&t, "the test set was read 1 time");
    assert_said(&t, "as the graph says");
    assert_null(strstr(t.said.text, "{exit"));
    tiny_close(&t);
    str_done(&text);
    mem_free(lesson);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_exits_need_several_classifiers),
        unit_test_in_folder(test_a_rule_is_taken_and_what_it_gives_is_told),
        unit_test_in_folder(test_a_refused_rule_changes_nothing),
        unit_test_in_folder(test_budgets_are_kept),
        unit_test_in_folder(test_what_is_measured_did_what_was_counted),
        unit_test_in_folder(test_a_look_at_the_test_set_is_logged),
        unit_test_in_folder(
            test_the_last_classifier_alone_runs_in_whole_numbers),
        unit_test_in_folder(test_calibration_keeps_what_is_right),
        unit_test_in_folder(test_a_ladder_is_of_separate_nets),
        unit_test_in_folder(test_thresholds_are_those_of_one_number_of_exits),
        unit_test_in_folder(test_a_resumed_session_has_its_rule),
        unit_test_in_folder(
            test_the_sheet_tries_thresholds_as_the_command_does),
        unit_test_in_folder(test_the_sheet_follows_training),
        unit_test_in_folder(test_a_short_lesson_runs_every_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
