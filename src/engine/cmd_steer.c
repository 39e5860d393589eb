/* Settings, and control of what runs. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/lesson.h"
#include "engine/metrics.h"
#include "engine/recipe.h"
#include "engine/session.h"
#include "engine/sheets.h"

/* set */

static enum err_code change_threads(struct bench *b, int threads,
                                    struct err *err)
{
    struct pool *pool = pool_new(threads, err);

    if (pool == NULL)
        return err->code;
    evaluator_free(b->evaluator);
    b->evaluator = NULL;
    pool_free(b->pool);
    b->pool = pool;
    return ERR_OK;
}

static void say_setting(struct bench *b, int id, bool in_list)
{
    char text[64];

    bench_say(b, LOG_RESULT, in_list ? "%-18s %-10s %s" : "%s %s: %s",
              setting_rows[id].arg.name,
              settings_text(&b->set, id, text, sizeof(text)),
              setting_rows[id].arg.help);
}

/* While a recipe runs, its command keeps the settings it began with: what is
 * live becomes a change of the recipe, and all that counts for results is set
 * when the command has ended.  lr is then that of what runs. */
static void set_while_running(struct bench *b, int id,
                              const struct arg_value *v)
{
    const struct position *at = &b->running->at;
    bool finetunes = b->running->recipe->finetunes;
    bool live = setting_rows[id].live && (id != SET_finetune_lr || finetunes);

    if (id == SET_lr && finetunes)
        id = SET_finetune_lr;
    if (live)
        recipe_change(b, id == SET_finetune_lr ? SET_lr : id, v->number);
    str_addf(&b->after, "%sset %s=%s", b->after.len > 0 ? "; " : "",
             setting_rows[id].arg.name, v->text);
    if (live)
        bench_say(b, LOG_RESULT, "%s %s from step %llu on",
                  setting_rows[id].arg.name, v->text,
                  (unsigned long long)(at->before + at->step + 1));
    else
        bench_say(b, LOG_RESULT, "%s %s when this command has ended",
                  setting_rows[id].arg.name, v->text);
    session_running(b);
}

static enum err_code set_one(struct bench *b, int id, const struct arg_value *v,
                             struct err *err)
{
    bool free = !setting_rows[id].recorded && id != SET_threads;

    if (b->running != NULL && !free) {
        set_while_running(b, id, v);
        return ERR_OK;
    }
    if (id == SET_threads && change_threads(b, (int)v->number, err) != ERR_OK)
        return err->code;
    b->set.value[id] = *v;
    if (setting_rows[id].arg.type != ARG_WORD)
        b->set.value[id].text = NULL;
    say_setting(b, id, false);
    sheets_mark_all(b->sheets);
    return ERR_OK;
}

/* All are read before the first is set. */
static enum err_code run_set(struct bench *b, const struct cmd_call *call,
                             struct err *err)
{
    const struct args *a = &call->args;
    struct arg_value value[ARGS_MAX];
    int id[ARGS_MAX], asked[ARGS_MAX], i;

    for (i = 1; i < a->word_count; i++) {
        if (settings_need(a->word[i], &asked[i], err) != ERR_OK)
            return err->code;
    }
    for (i = 0; i < a->pair_count; i++) {
        if (settings_need(a->name[i], &id[i], err) != ERR_OK ||
            arg_read(&setting_rows[id[i]].arg, a->value[i], &value[i], err) !=
                ERR_OK)
            return err->code;
    }
    for (i = 0; i < a->pair_count; i++) {
        if (set_one(b, id[i], &value[i], err) != ERR_OK)
            return err->code;
    }
    for (i = 1; i < a->word_count; i++)
        say_setting(b, asked[i], false);
    if (a->pair_count > 0 || a->word_count > 1)
        return ERR_OK;
    for (i = 0; i < SETTING_COUNT; i++)
        say_setting(b, i, true);
    sheets_show_log(b);
    return ERR_OK;
}

/* stop, pause, cancel, continue: from the prompt they hardly ever come here
 * while a job runs, for engine_post sees to them at once. */

static enum err_code run_stop(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    (void)call;
    (void)err;
    bench_say(b, LOG_NOTE, "nothing is running");
    return ERR_OK;
}

/* Comes here only when nothing waits. */
static enum err_code run_cancel(struct bench *b, const struct cmd_call *call,
                                struct err *err)
{
    (void)call;
    (void)err;
    bench_say(b, LOG_NOTE, "no command waits");
    return ERR_OK;
}

static enum err_code run_pause(struct bench *b, const struct cmd_call *call,
                               struct err *err)
{
    const struct frame *f = b->frame;

    (void)call;
    (void)err;
    while (f != NULL && f->script == NULL)
        f = f->up;
    if (b->lesson == NULL && f == NULL)
        bench_say(b, LOG_NOTE, "nothing is running");
    lesson_wait(b);
    return ERR_OK;
}

static enum err_code run_continue(struct bench *b, const struct cmd_call *call,
                                  struct err *err)
{
    (void)call;
    (void)err;
    if (!lesson_go_on(b))
        bench_say(b, LOG_NOTE, "nothing waits");
    return ERR_OK;
}

static enum err_code run_quit(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    (void)call;
    (void)err;
    b->quit = true;
    return ERR_OK;
}

/* help */

static void help_all(struct bench *b)
{
    const struct cmd_group *g;
    const struct cmd_row *row;

    for (g = cmd_groups; g->name != NULL; g++) {
        bench_say(b, LOG_RESULT, "%s", g->title);
        for (row = g->rows; row->name != NULL; row++)
            bench_say(b, LOG_RESULT, "  %-12s %s", row->name, row->help);
    }
    bench_say(b, LOG_RESULT, "help COMMAND tells more");
}

static void help_argument(struct bench *b, const struct arg_def *d)
{
    struct arg_def full = arg_full(d);
    char usual[64] = "", name[48];
    int id;

    snprintf(name, sizeof(name), full.word ? "%s" : "%s=", full.name);
    id = full.setting == NULL ? -1 : settings_find(full.setting);
    if (id >= 0) {
        char text[48];

        snprintf(usual, sizeof(usual), " (now %s)",
                 settings_text(&b->set, id, text, sizeof(text)));
    }
    bench_say(b, LOG_RESULT, "  %-14s %s%s", name, full.help, usual);
}

static void help_words(struct bench *b, enum arg_source source)
{
    const char *word, *help;
    int i;

    for (i = 0; (word = arg_source_word(source, i, &help)) != NULL; i++)
        bench_say(b, LOG_RESULT, "    %-16s %s", word, help ? help : "");
}

static enum err_code run_help(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    const struct cmd_row *row;
    const struct arg_def *d;
    int t;

    sheets_show_log(b);
    if (!cmd_given(call, "command")) {
        help_all(b);
        return ERR_OK;
    }
    if (cmd_need(cmd_text(call, "command"), &row, err) != ERR_OK)
        return err->code;
    bench_say(b, LOG_RESULT, "%s %s", row->name, row->usage);
    bench_say(b, LOG_RESULT, "  %s", row->help);
    if (row->more != NULL)
        bench_say(b, LOG_RESULT, "  %s", row->more);
    for (t = 0; t < CMD_TABLES && row->args[t] != NULL; t++) {
        for (d = row->args[t]; d->name != NULL; d++) {
            help_argument(b, d);
            if (arg_full(d).source < SOURCE_FIXED &&
                arg_full(d).source != SOURCE_YES_NO)
                help_words(b, arg_full(d).source);
        }
    }
    return ERR_OK;
}

static const struct arg_def set_args[] = {{.name = "names",
                                           .help = "settings to tell",
                                           .type = ARG_TEXT,
                                           .source = SOURCE_SETTINGS,
                                           .word = true,
                                           .rest = true},
                                          {0}};

static const struct arg_def cancel_args[] = {{.name = "which",
                                              .help = "the last one without it",
                                              .type = ARG_WORD,
                                              .source = SOURCE_CANCELS,
                                              .word = true},
                                             {0}};

static const struct arg_def help_args[] = {{.name = "command",
                                            .help = "a command",
                                            .type = ARG_TEXT,
                                            .source = SOURCE_COMMANDS,
                                            .word = true},
                                           {0}};

const struct cmd_row steer_commands[] = {
    {.name = "set",
     .usage = "[NAME=VALUE …] [NAME …]",
     .help = "change settings, or tell them; alone, list all",
     .more = "While a command trains, lr, momentum, weight_decay, beta1, beta2 "
             "and epsilon act from its next step on; that step is written "
             "down, so that a replay does the same.",
     .args = {set_args},
     .settings = true,
     .flags = CMD_STEERS | CMD_RECORDED,
     .run = run_set},
    {.name = "stop",
     .usage = "",
     .help = "stop what runs at the next mini-batch and keep what it reached",
     .more = "Commands that wait for it are not begun.",
     .flags = CMD_STEERS,
     .run = run_stop},
    {.name = "cancel",
     .usage = "[all]",
     .help = "take back the command that waits last for what runs",
     .more = "A command that is given while another one runs waits until that "
             "has ended; the screen says which do.",
     .args = {cancel_args},
     .flags = CMD_STEERS | CMD_QUIET,
     .run = run_cancel},
    {.name = "pause",
     .usage = "",
     .help = "pause what runs; in a lesson, wait for the user",
     .flags = CMD_STEERS | CMD_QUIET,
     .run = run_pause},
    {.name = "continue",
     .usage = "",
     .help = "go on after a pause",
     .flags = CMD_STEERS | CMD_QUIET,
     .run = run_continue},
    {.name = "help",
     .usage = "[COMMAND]",
     .help = "list the commands, or explain one",
     .args = {help_args},
     .flags = CMD_STEERS,
     .run = run_help},
    {.name = "quit",
     .usage = "",
     .help = "leave; nothing is lost",
     .run = run_quit},
    {0}};
