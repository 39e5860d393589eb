#include <stdlib.h>

#include "base/mem.h"
#include "engine/cmd.h"
#include "engine/metrics.h"
#include "tiny.h"
#include "train/optim.h"

/* The table itself. */

static void test_every_row_has_usage_help_and_a_function(void **state)
{
    const struct cmd_row *row;
    int i;

    (void)state;
    for (i = 0; (row = cmd_row_at(i)) != NULL; i++) {
        size_t n = strlen(row->help);

        assert_non_null(row->usage);
        assert_non_null(row->run);
        assert_true(n > 3);
        assert_true(row->help[n - 1] != '.');
        assert_ptr_equal(cmd_find(row->name), row);
    }
    assert_true(i > 20);
}

static void test_every_argument_says_what_it_is(void **state)
{
    const struct cmd_row *row;
    const struct arg_def *d;
    int i, t;

    (void)state;
    for (i = 0; (row = cmd_row_at(i)) != NULL; i++) {
        for (t = 0; t < CMD_TABLES && row->args[t] != NULL; t++) {
            for (d = row->args[t]; d->name != NULL; d++) {
                struct arg_def full = arg_full(d);

                if (full.help == NULL || full.help[0] == '\0')
                    fail_msg("%s: %s has no help", row->name, d->name);
                if (full.type == ARG_WORD &&
                    arg_source_word(full.source, 0, NULL) == NULL)
                    fail_msg("%s: %s has no words", row->name, d->name);
            }
        }
    }
}

static void test_the_usual_values_of_settings_are_in_range(void **state)
{
    struct settings s = settings_usual();
    struct err err;
    int i;

    (void)state;
    for (i = 0; i < SETTING_COUNT; i++) {
        struct arg_value v;
        char text[64];

        settings_text(&s, i, text, sizeof(text));
        assert_ok(arg_read(&setting_rows[i].arg, text, &v, &err));
        if (setting_rows[i].arg.type != ARG_WORD)
            assert_true(v.number == s.value[i].number);
    }
}

/* Lines. */

static void test_commands_are_split_outside_of_quotes(void **state)
{
    static const struct {
        const char *line;
        const char *part[4];
    } cases[] = {
        {"train; undo", {"train", "undo"}},
        {"  ;; a ;b;", {"a ", "b"}},
        {"say \"a;b\"; undo", {"say \"a;b\"", "undo"}},
        {"say 'it; is' # undo; redo", {"say 'it; is' "}},
        {"# only; a comment", {NULL}},
        {"a # first\nb", {"a ", "b"}},
        {"net a#b.h5", {"net a#b.h5"}},
        {"say \"#1\"", {"say \"#1\""}},
        {"", {NULL}},
    };
    struct str out = {0};
    size_t i;
    int k;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++) {
        const char *line = cases[i].line;

        for (k = 0; cases[i].part[k] != NULL; k++) {
            assert_true(cmd_split(&line, &out));
            assert_string_equal(out.text, cases[i].part[k]);
        }
        assert_false(cmd_split(&line, &out));
    }
    str_done(&out);
}

static void test_what_is_quoted_comes_back(void **state)
{
    static const char *const words[] = {
        "plain", "two words", "",   "it's", "say \"x\"", "a;b",
        "#1",    "a=b",       "\"", "'\"'", "tab\there"};
    struct settings s = settings_usual();
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(words); i++) {
        struct str line = {0};
        struct cmd_call call;

        str_add(&line, "say ");
        args_quote(words[i], &line);
        assert_ok(cmd_parse(line.text, &s, &call, &err));
        assert_string_equal(cmd_text(&call, "text"), words[i]);
        cmd_done(&call);
        str_done(&line);
    }
}

static void test_what_is_not_given_comes_from_the_settings(void **state)
{
    struct settings s = settings_usual();
    struct cmd_call call;
    struct err err;

    (void)state;
    s.value[SET_batch].number = 17;
    s.value[SET_optimiser].text = optim_find("sgd")->name;
    assert_ok(cmd_parse("train epochs=0.5", &s, &call, &err));
    assert_true(cmd_given(&call, "epochs"));
    assert_close(cmd_number(&call, "epochs"), 0.5, 0);
    assert_false(cmd_given(&call, "batch"));
    assert_close(cmd_number(&call, "batch"), 17, 0);
    assert_string_equal(cmd_text(&call, "optimiser"), "sgd");
    cmd_done(&call);
}

static void test_numbers_percent_and_patterns_are_read(void **state)
{
    struct settings s = settings_usual();
    struct cmd_call call;
    struct err err;

    (void)state;
    assert_ok(cmd_parse("prune 37.5% layers=fc*,conv1 scope=global", &s, &call,
                        &err));
    assert_close(cmd_number(&call, "share"), 0.375, 1e-15);
    assert_string_equal(cmd_text(&call, "layers"), "fc*,conv1");
    assert_string_equal(cmd_text(&call, "scope"), "global");
    cmd_done(&call);
    assert_ok(cmd_parse("iterate 8 until=acc<97.5% epochs=2", &s, &call, &err));
    assert_close(cmd_number(&call, "rounds"), 8, 0);
    assert_string_equal(cmd_text(&call, "until"), "acc<97.5%");
    cmd_done(&call);
    assert_ok(cmd_parse("iterate rounds=3", &s, &call, &err));
    assert_close(cmd_number(&call, "rounds"), 3, 0);
    cmd_done(&call);
    assert_ok(cmd_parse("iterate 30%", &s, &call, &err));
    assert_close(cmd_number(&call, "rounds"), 12, 0);
    assert_close(cmd_number(&call, "share"), 0.3, 1e-15);
    cmd_done(&call);
}

static void test_bad_lines_are_refused_with_a_hint(void **state)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"prun 20%", "did you mean \"prune\""},
        {"xyzzy", "`help` lists them"},
        {"train epoch=3", "did you mean \"epochs\""},
        {"train lr=fast", "lr wants a number"},
        {"train lr=-1", "lr wants 0 to 1000, got -1"},
        {"train batch=0", "batch wants 1 to 65536, got 0"},
        {"train batch=2.5", "batch wants a whole number"},
        {"train optimiser=adm", "optimiser wants"},
        {"train lr=1 lr=2", "lr is given twice"},
        {"train 5", "does not know what to do with \"5\""},
        {"prune 120%", "0% to 100%, got 120%"},
        {"prune 20", "got \"20\"; did you mean 20%?"},
        {"prune to=300", "0% to 100%, got 30000%"},
        {"prune 20% share=30%", "share is given twice"},
        {"quantize 5 bits=4", "bits is given twice"},
        {"quantize 5 6", "bits is given twice"},
        {"quantize activations 2.5", "bits wants a whole number"},
        {"quantize activations=77", "bits wants 1 to 16, got 77"},
        {"ledger 5", "ledger takes no argument, got \"5\""},
        {"iterate 0", "rounds wants 1 to 10000, got 0"},
        {"goto", "goto wants stage"},
        {"lr=0.1", "a line starts with a command"},
        {"say \"open", "a quote is not closed"},
        {"train lr=", "lr has no value"},
        {"eval everything", "wants validation, test or train"},
    };
    struct settings s = settings_usual();
    struct cmd_call call;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++) {
        if (cmd_parse(cases[i].line, &s, &call, &err) == ERR_OK)
            fail_msg("\"%s\" was not refused", cases[i].line);
        if (strstr(err.msg, cases[i].text) == NULL)
            fail_msg("\"%s\": %s", cases[i].line, err.msg);
    }
}

static void test_an_empty_line_is_no_command(void **state)
{
    struct settings s = settings_usual();
    struct cmd_call call;
    struct err err;

    (void)state;
    assert_ok(cmd_parse("   # nothing", &s, &call, &err));
    assert_null(call.row);
    cmd_done(&call);
}

/* Expressions. */

static void test_expressions_are_read_or_refused(void **state)
{
    static const struct {
        const char *text;
        bool decides;
        const char *refusal; /* NULL: it is read */
    } cases[] = {
        {"accuracy >= 97%", false, NULL},
        {"acc<97.5%", true, NULL},
        {"accuracy of dense - accuracy <= 0.5%", true, NULL},
        {"weights_alive < 20k", true, NULL},
        {"test_error <= 1.9%", false, NULL},
        {"test_error <= 1.9%", true, "decides nothing"},
        {"accurcy > 1", false, "did you mean \"accuracy\""},
        {"accuracy", false, "a comparison"},
        {"accuracy >= ", false, "a metric or a number"},
        {"accuracy >= 97% 3", false, "too much"},
        {"accuracy of >= 3", false, "a stage is expected"},
        {"sparsity > 3 parsecs", false, "unit \"parsecs\""},
    };
    struct expr e;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++) {
        enum err_code code =
            expr_parse(cases[i].text, cases[i].decides, &e, &err);

        if (cases[i].refusal == NULL && code != ERR_OK)
            fail_msg("%s: %s", cases[i].text, err.msg);
        if (cases[i].refusal != NULL &&
            (code == ERR_OK || strstr(err.msg, cases[i].refusal) == NULL))
            fail_msg("%s: %s", cases[i].text,
                     code == ERR_OK ? "not refused" : err.msg);
    }
}

/* Running. */

static void test_a_failed_command_changes_nothing(void **state)
{
    static const struct {
        const char *line;
        enum err_code code;
        const char *text;
    } cases[] = {
        {"prune 50% layers=nothing", ERR_MISSING, "nothing"},
        {"goto 77", ERR_MISSING, "no stage \"77\""},
        {"undo", ERR_STATE, "nothing to undo"},
        {"redo", ERR_STATE, "nothing to redo"},
        {"net no-such-file.h5", ERR_MISSING, "no file"},
        {"data no-such-file.h5", ERR_MISSING, "no file"},
        {"set lr=0.5 batch=-3", ERR_VALUE, "batch wants"},
        {"set colour=red", ERR_USAGE, "no setting"},
        {"set lr=0.5 colour", ERR_USAGE, "no setting"},
        {"pack /no/x.pack", ERR_MISSING, "write \"/no/x.pack\""},
        {"iterate 3 until=accuracy>1 while=acuracy>0", ERR_USAGE, "no metric"},
        {"iterate 3 schedule=cubic", ERR_USAGE, "wants to="},
        {"train epochs=1 steps=5", ERR_USAGE, "exclude"},
        {"prune 20% to=30%", ERR_USAGE, "exclude"},
        {"train at=5:batch=3", ERR_VALUE, "cannot change during training"},
        {"train at=9:stop,5:stop", ERR_VALUE, "do not ascend"},
        {"expect sparsity > 50%", ERR_EXPECT, "expected sparsity > 50%"},
        {"mark 5", ERR_VALUE, "starts with a letter"},
        {"train lr=1e30 optimiser=sgd", ERR_VALUE, "lr wants"},
        {"train lr=1000 optimiser=sgd weight_decay=10", ERR_DIVERGED,
         "not finite"},
    };
    struct tiny t = {0};
    size_t i, before_n, after_n;
    char *before, *after;

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 1});
    tiny_begin(&t, state);
    before = tiny_weights(&t, state, &before_n);
    for (i = 0; i < LENGTH(cases); i++)
        tiny_refuse(&t, cases[i].line, cases[i].code, cases[i].text);
    after = tiny_weights(&t, state, &after_n);
    assert_int_equal(before_n, after_n);
    assert_same_bits(after, before, before_n);
    tiny_do(&t, "expect stage == 0; expect sparsity == 0");
    str_clear(&t.said);
    tiny_do(&t, "set");
    assert_non_null(strstr(t.said.text, "lr                 0.001 "));
    tiny_do(&t, "set lr batch");
    assert_non_null(strstr(t.said.text, "lr 0.001: learning"));
    assert_non_null(strstr(t.said.text, "batch 64: samples"));
    mem_free(before);
    mem_free(after);
    tiny_close(&t);
}

static void test_the_first_failure_ends_a_line(void **state)
{
    struct tiny t = {0};

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 1});
    tiny_begin(&t, state);
    tiny_refuse(&t, "prune 20%; expect sparsity > 90%; prune 20%", ERR_EXPECT,
                "expected");
    tiny_do(&t, "expect stage == 1");
    tiny_close(&t);
}

static void test_commands_ask_for_what_they_need(void **state)
{
    struct tiny t = {0};

    (void)state;
    tiny_open(&t, (struct engine_options){.seed = 1});
    tiny_refuse(&t, "prune 20%", ERR_STATE, "prune needs a net");
    tiny_refuse(&t, "expect accuracy > 1%", ERR_STATE, "no net is open");
    tiny_do(&t, TINY_NET);
    tiny_refuse(&t, "train", ERR_STATE, "train needs data");
    tiny_refuse(&t, "expect accuracy > 1%", ERR_STATE, "not known");
    tiny_do(&t, "prune 20%; expect sparsity >= 19%");
    tiny_close(&t);
}

static void test_every_metric_has_a_value_in_json(void **state)
{
    struct tiny t = {0};

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 5});
    tiny_begin(&t, state);
    str_clear(&t.json);
    tiny_do(&t, "step 50% epochs=1; eval test");
    assert_non_null(strstr(t.json.text, "{\"command\": \"step 50% epochs=1\","
                                        " \"ok\": true, \"seconds\": "));
    assert_non_null(strstr(t.json.text, "\"seed\": 5"));
    assert_non_null(strstr(t.json.text, "\"stage\": 1"));
    assert_non_null(strstr(t.json.text, "\"accuracy_before\": "));
    assert_non_null(strstr(t.json.text, "\"test_accuracy\": "));
    tiny_refuse(&t, "say {colour}", ERR_USAGE, "no metric");
    tiny_close(&t);
}

/* tiny.h5: 400 training samples, of which 100 for validation, and 100 of test.
 */
static void test_a_part_of_a_set_is_the_same_part_every_time(void **state)
{
    struct tiny t = {0};
    char *first;

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 1});
    tiny_begin(&t, state);
    str_clear(&t.said);
    tiny_do(&t, "eval n=30");
    assert_non_null(strstr(t.said.text, "% interval"));
    assert_non_null(strstr(t.said.text, " of 30\n"));
    first = mem_strdup(t.said.text);
    str_clear(&t.said);
    tiny_do(&t, "eval n=30");
    assert_string_equal(t.said.text, first);
    mem_free(first);
    str_clear(&t.said);
    tiny_do(&t, "eval n=1000; eval train n=7; eval test n=9; eval test");
    assert_non_null(strstr(t.said.text, " of 100\n"));
    assert_non_null(strstr(t.said.text, "training accuracy"));
    assert_non_null(strstr(t.said.text, " of 7\n"));
    assert_non_null(strstr(t.said.text, " of 9\n"));
    assert_non_null(strstr(t.said.text, "was read 2 times"));
    tiny_close(&t);
}

static void test_info_tells_the_memory_of_a_training_run(void **state)
{
    struct tiny t = {0};

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.threads = 2, .seed = 1});
    tiny_refuse(&t, "info", ERR_STATE, "nothing is open");
    tiny_begin(&t, state);
    str_clear(&t.said);
    tiny_do(&t, "info");
    /* 64 * 24 + 24 + 24 * 4 + 4 parameters; adam has two moments. */
    assert_non_null(strstr(t.said.text, "1,660 parameters, 6,640 B in memory"));
    assert_non_null(strstr(t.said.text, "batch=64 on 2 threads"));
    assert_non_null(strstr(t.said.text, "13,280 B for the moments of adam"));
    tiny_close(&t);
}

static void test_metrics_are_filled_into_narration(void **state)
{
    struct tiny t = {0};

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 1});
    tiny_begin(&t, state);
    str_clear(&t.said);
    tiny_do(&t, "prune to=50%; say Now {sparsity} of {weights} are gone");
    assert_non_null(strstr(t.said.text, "\" Now 50.00 % of 1,632 are gone\n"));
    tiny_close(&t);
}

/* Completion. */

static bool offers(struct tiny *t, const char *line, const char *text,
                   int *start)
{
    struct completion c;
    bool found = false;
    int i;

    engine_complete(t->engine, line, (int)strlen(line), &c);
    for (i = 0; i < c.count; i++)
        found = found || strcmp(c.text[i], text) == 0;
    *start = c.start;
    completion_done(&c);
    return found;
}

static void test_completion_knows_the_place_it_is_in(void **state)
{
    static const struct {
        const char *line, *text;
        int start;
    } cases[] = {
        {"pru", "prune", 0},
        {"undo; fine", "finetune", 6},
        {"", "train", 0},
        {"train opt", "optimiser=", 6},
        {"train optimiser=ad", "adamw", 16},
        {"prune layers=f", "fc1", 13},
        {"prune layers=fc1,f", "fc2", 17},
        {"prune 20% sc", "scope=", 10},
        {"eval te", "test", 5},
        {"goto be", "best", 5},
        {"goto d", "dense", 5},
        {"set mom", "momentum=", 4},
        {"set lr_schedule=c", "cosine", 16},
        {"help ite", "iterate", 5},
        {"expect acc", "accuracy", 7},
        {"expect accuracy >= 3% + spar", "sparsity", 24},
        {"iterate 3 until=accuracy_b", "accuracy_before", 16},
        {"show over", "overview", 5},
    };
    static const char *const views[] = {"overview", "layer", NULL};
    struct tiny t = {0};
    size_t i;
    int start;

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 1, .views = views});
    tiny_begin(&t, state);
    tiny_do(&t, "mark best");
    for (i = 0; i < LENGTH(cases); i++) {
        if (!offers(&t, cases[i].line, cases[i].text, &start))
            fail_msg("\"%s\" does not offer %s", cases[i].line, cases[i].text);
        assert_int_equal(start, cases[i].start);
    }
    assert_false(offers(&t, "train layers", "layers=", &start));
    assert_false(offers(&t, "xyzzy a", "at=", &start));
    tiny_refuse(&t, "show overvie", ERR_USAGE, "did you mean \"overview\"");
    tiny_refuse(&t, "show x", ERR_USAGE, "there are overview, layer");
    tiny_close(&t);
}

static void test_completion_offers_files(void **state)
{
    struct tiny t = {0};
    struct str line = {0}, want = {0};
    int start;

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 1});
    str_addf(&line, "data %s", support_path(state, "tin"));
    str_add(&want, support_path(state, "tiny.h5"));
    assert_true(offers(&t, line.text, want.text, &start));
    assert_int_equal(start, 5);
    str_done(&line);
    str_done(&want);
    tiny_close(&t);
}

/* Help and man page. */

static void test_help_knows_every_command(void **state)
{
    struct tiny t = {0};
    struct str line = {0};
    int count, i;
    const struct command_help *rows = engine_commands(&count);

    (void)state;
    tiny_open(&t, (struct engine_options){.seed = 1});
    tiny_do(&t, "help");
    for (i = 0; i < count; i++) {
        if (strstr(t.said.text, rows[i].help) == NULL)
            fail_msg("help does not list %s", rows[i].name);
        str_clear(&line);
        str_addf(&line, "help %s", rows[i].name);
        tiny_do(&t, line.text);
    }
    assert_null(rows[count].name);
    str_done(&line);
    tiny_close(&t);
}

static void test_the_man_page_holds_the_tables_as_they_are(void **state)
{
    char *page = support_read("man/espalier-commands.7", NULL);
    struct str tables = {0};

    (void)state;
    engine_print_man(&tables);
    if (strstr(page, tables.text) == NULL)
        fail_msg("man/espalier-commands.7 is not current: put the output of"
                 " `espalier --print-man commands` into it");
    mem_free(page);
    str_done(&tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_has_usage_help_and_a_function),
        cmocka_unit_test(test_every_argument_says_what_it_is),
        cmocka_unit_test(test_the_usual_values_of_settings_are_in_range),
        cmocka_unit_test(test_commands_are_split_outside_of_quotes),
        cmocka_unit_test(test_what_is_quoted_comes_back),
        cmocka_unit_test(test_what_is_not_given_comes_from_the_settings),
        cmocka_unit_test(test_numbers_percent_and_patterns_are_read),
        cmocka_unit_test(test_bad_lines_are_refused_with_a_hint),
        cmocka_unit_test(test_an_empty_line_is_no_command),
        cmocka_unit_test(test_expressions_are_read_or_refused),
        unit_test_in_folder(test_a_failed_command_changes_nothing),
        unit_test_in_folder(test_the_first_failure_ends_a_line),
        cmocka_unit_test(test_commands_ask_for_what_they_need),
        unit_test_in_folder(test_every_metric_has_a_value_in_json),
        unit_test_in_folder(test_a_part_of_a_set_is_the_same_part_every_time),
        unit_test_in_folder(test_info_tells_the_memory_of_a_training_run),
        unit_test_in_folder(test_metrics_are_filled_into_narration),
        unit_test_in_folder(test_completion_knows_the_place_it_is_in),
        unit_test_in_folder(test_completion_offers_files),
        cmocka_unit_test(test_help_knows_every_command),
        cmocka_unit_test(test_the_man_page_holds_the_tables_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
