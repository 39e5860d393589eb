/* Narration, questions, expectations, scripts. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/lesson.h"
#include "engine/metrics.h"
#include "engine/sheets.h"

/* Text with {metric} filled in. */
static enum err_code fill_in(struct bench *b, const char *text, struct str *out,
                             struct err *err)
{
    str_add(out, "");
    while (*text != '\0') {
        size_t plain = strcspn(text, "{");
        size_t inner;
        char name[128], value[64];

        str_add_bytes(out, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        inner = strcspn(text + 1, "}");
        if (text[1 + inner] == '\0' || inner >= sizeof(name))
            return err_set(err, ERR_USAGE, "a { has no } behind it");
        memcpy(name, text + 1, inner);
        name[inner] = '\0';
        if (expr_value_text(name, b, value, sizeof(value), err) != ERR_OK)
            return err_context(err, "{%s}", name);
        str_add(out, value);
        text += inner + 2;
    }
    return ERR_OK;
}

static enum err_code speak(struct bench *b, const struct cmd_call *call,
                           bool wait, struct err *err)
{
    struct str text = {0};
    enum err_code code = fill_in(b, cmd_text(call, "text"), &text, err);

    if (code == ERR_OK) {
        bench_say(b, LOG_SAY, "%s", text.text);
        lesson_say(b->lesson, text.text);
        if (wait)
            lesson_wait(b);
    }
    str_done(&text);
    return code;
}

static enum err_code run_say(struct bench *b, const struct cmd_call *call,
                             struct err *err)
{
    return speak(b, call, false, err);
}

static enum err_code run_ask(struct bench *b, const struct cmd_call *call,
                             struct err *err)
{
    return speak(b, call, true, err);
}

static enum err_code run_expect(struct bench *b, const struct cmd_call *call,
                                struct err *err)
{
    const char *text = cmd_text(call, "condition");
    struct expr e;
    char shown[EXPR_SHOWN];
    bool holds;

    if (expr_parse(text, false, &e, err) != ERR_OK ||
        expr_holds(&e, b, &holds, shown, sizeof(shown), err) != ERR_OK)
        return err->code;
    if (!holds)
        return err_set(err, ERR_EXPECT, "expected %s, but it is not so: %s",
                       text, shown);
    bench_say(b, LOG_RESULT, "as expected: %s", shown);
    return ERR_OK;
}

static enum err_code run_show(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    const char *view = cmd_text(call, "view"), *near;
    struct str all = {0};
    int n;

    if (b->views == NULL)
        return ERR_OK;
    for (n = 0; b->views[n] != NULL; n++) {
        if (strcmp(b->views[n], view) == 0) {
            sheets_show(b, view);
            return ERR_OK;
        }
    }
    near = str_nearest(view, b->views, n);
    if (near != NULL)
        return err_set(err, ERR_USAGE, "no view \"%s\"; did you mean \"%s\"?",
                       view, near);
    for (n = 0; b->views[n] != NULL; n++)
        str_addf(&all, "%s%s", n > 0 ? ", " : "", b->views[n]);
    err_set(err, ERR_USAGE, "no view \"%s\"; there are %s", view, all.text);
    str_done(&all);
    return err->code;
}

static enum err_code run_play(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    return lesson_open(b, cmd_text(call, "file"), (int)cmd_number(call, "from"),
                       err);
}

#define SCRIPT_DEPTH 8

static enum err_code run_run(struct bench *b, const struct cmd_call *call,
                             struct err *err)
{
    const struct frame *f;
    int depth = 0;

    for (f = b->frame; f != NULL; f = f->up)
        depth += f->script != NULL;
    if (depth == SCRIPT_DEPTH)
        return err_set(err, ERR_USAGE, "scripts run scripts %d deep",
                       SCRIPT_DEPTH);
    return bench_script(b, cmd_text(call, "file"),
                        (int)cmd_number(call, "from"), err);
}

static const struct arg_def text_args[] = {
    {.name = "text",
     .help = "what to say; {accuracy} and other metrics are filled in",
     .type = ARG_TEXT,
     .word = true,
     .required = true,
     .rest = true},
    {0}};

static const struct arg_def expect_args[] = {{.name = "condition",
                                              .help = "a comparison of metrics",
                                              .type = ARG_EXPR,
                                              .source = SOURCE_METRICS,
                                              .word = true,
                                              .required = true,
                                              .rest = true},
                                             {0}};

static const struct arg_def show_args[] = {{.name = "view",
                                            .help = "name of a view",
                                            .type = ARG_TEXT,
                                            .source = SOURCE_VIEWS,
                                            .word = true,
                                            .required = true},
                                           {0}};

static const struct arg_def script_args[] = {
    {.name = "file",
     .help = "a script, a lesson or a journal",
     .type = ARG_FILE,
     .source = SOURCE_FILES,
     .word = true,
     .required = true},
    {.name = "from",
     .help = "line to begin with",
     .type = ARG_INT,
     .least = 1,
     .most = 1e9},
    {0}};

const struct cmd_row teach_commands[] = {
    {.name = "say",
     .usage = "TEXT",
     .help = "show a sentence of narration",
     .more = "Names of metrics in braces are replaced by their values: "
             "{accuracy}, {accuracy of dense - accuracy}.",
     .args = {text_args},
     .flags = CMD_STEERS | CMD_QUIET,
     .run = run_say},
    {.name = "ask",
     .usage = "TEXT",
     .help = "show a question and, in a lesson, wait",
     .args = {text_args},
     .flags = CMD_QUIET,
     .run = run_ask},
    {.name = "reveal",
     .usage = "TEXT",
     .help = "show an answer and, in a lesson, wait",
     .args = {text_args},
     .flags = CMD_QUIET,
     .run = run_ask},
    {.name = "expect",
     .usage = "CONDITION",
     .help = "fail unless a comparison of metrics holds",
     .more = "CONDITION compares two sums of numbers and metrics: accuracy >= "
             "97%, accuracy of dense - accuracy <= 0.5%.  A script whose "
             "expectation fails ends with status 3.",
     .args = {expect_args},
     .run = run_expect},
    {.name = "show",
     .usage = "VIEW",
     .help = "turn the screen to a view",
     .args = {show_args},
     .flags = CMD_STEERS,
     .run = run_show},
    {.name = "play",
     .usage = "FILE [from=LINE]",
     .help = "play a lesson: pause, ask and reveal wait for the user",
     .more = "While it waits, other commands may be tried; going on returns to "
             "the stage where it waited.",
     .args = {script_args},
     .run = run_play},
    {.name = "run",
     .usage = "FILE [from=LINE]",
     .help = "run the commands of a script",
     .args = {script_args},
     .flags = CMD_JOB,
     .run = run_run},
    {0}};
