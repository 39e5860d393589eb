/* Running lines: commands one after another, scripts, and what happens between
 * two mini-batches. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/bench.h"
#include "engine/json.h"
#include "engine/lesson.h"
#include "engine/recipe.h"
#include "engine/session.h"
#include "engine/sheets.h"

static enum err_code check_needs(const struct bench *b,
                                 const struct cmd_row *row, struct err *err)
{
    if ((row->flags & CMD_NEEDS_NET) != 0 && b->net == NULL)
        return err_set(err, ERR_STATE, "%s needs a net; `net NAME` opens one",
                       row->name);
    if ((row->flags & CMD_NEEDS_DATA) != 0 && b->data == NULL)
        return err_set(err, ERR_STATE, "%s needs data; `data NAME` opens some",
                       row->name);
    return ERR_OK;
}

/* A file that is read is named by its full path: a replay may start elsewhere.
 */
static void record_word(struct bench *b, const struct cmd_call *call,
                        const char *word)
{
    char *full = NULL;
    int i;

    for (i = 0; i < call->count; i++) {
        if (call->def[i].type == ARG_FILE && call->value[i].text == word)
            full = realpath(word, NULL);
    }
    args_quote(full == NULL ? word : full, &b->record);
    free(full);
}

/* The command as the journal has it: words, then pairs, but for `at`, which
 * record_end adds as it came out. */
static void record_begin(struct bench *b, const struct cmd_call *call)
{
    const struct args *a = &call->args;
    int i;

    str_clear(&b->record);
    for (i = 0; i < a->word_count; i++) {
        if (i > 0)
            str_add(&b->record, " ");
        record_word(b, call, a->word[i]);
    }
    for (i = 0; i < a->pair_count; i++) {
        if (strcmp(a->name[i], "at") == 0)
            continue;
        str_addf(&b->record, " %s=", a->name[i]);
        args_quote(a->value[i], &b->record);
    }
}

static void record_end(struct bench *b)
{
    if (b->at.len > 0)
        str_addf(&b->record, " at=%s", b->at.text);
}

static void run_after(struct bench *b)
{
    char *lines;
    struct err ignored;

    if (b->after.len == 0)
        return;
    lines = str_take(&b->after);
    (void)!bench_line(b, lines, &ignored);
    mem_free(lines);
}

/* Said once, where it happened: a script that ends because of it says no more.
 */
static void say_failure(struct bench *b, const struct err *err)
{
    enum log_kind kind = err->code == ERR_CANCELLED ? LOG_NOTE : LOG_ERROR;
    const struct frame *f = b->frame;

    while (f != NULL && f->script == NULL)
        f = f->up;
    if (f != NULL)
        bench_say(b, kind, "%s:%d: %s", f->script, f->next - 1, err->msg);
    else
        bench_say(b, kind, "%s", err->msg);
    b->said = true;
}

/* A parsed command, to its end. */
static enum err_code run_call(struct bench *b, const struct cmd_call *call,
                              const char *text, struct err *err)
{
    const char *outer = b->line;
    double start = clock_now();
    enum err_code code;

    b->line = text;
    b->partial = false;
    str_clear(&b->results);
    str_clear(&b->at);
    record_begin(b, call);
    sheets_publish(b, (call->row->flags & CMD_JOB) != 0);
    code = check_needs(b, call->row, err);
    if (code == ERR_OK)
        code = call->row->run(b, call, err);
    b->goes = false;
    record_end(b);
    if (code != ERR_OK && !b->said)
        say_failure(b, err);
    if ((call->row->flags & CMD_RECORDED) != 0 &&
        (code == ERR_OK || b->partial))
        session_command(b);
    if (b->json != NULL && (call->row->flags & CMD_QUIET) == 0)
        json_command(b, text, code == ERR_OK ? NULL : err, clock_now() - start);
    b->line = outer;
    sheets_progress(b, -1);
    run_after(b);
    return code;
}

enum err_code bench_command(struct bench *b, const char *text, struct err *err)
{
    struct cmd_call call;
    enum err_code code;

    b->said = false;
    if (cmd_parse(text, &b->set, &call, err) != ERR_OK) {
        bench_say(b, LOG_COMMAND, "%s", text);
        say_failure(b, err);
        if (b->json != NULL)
            json_command(b, text, err, 0);
        return err->code;
    }
    if (call.row == NULL) {
        cmd_done(&call);
        return ERR_OK;
    }
    if ((call.row->flags & CMD_QUIET) == 0)
        bench_say(b, LOG_COMMAND, "%s", text);
    code = run_call(b, &call, text, err);
    cmd_done(&call);
    return code;
}

enum err_code bench_line(struct bench *b, const char *line, struct err *err)
{
    struct frame frame = {.up = b->frame, .rest = line};
    struct str one = {0};
    enum err_code code = ERR_OK;

    b->frame = &frame;
    while (code == ERR_OK && !b->quit && cmd_split(&frame.rest, &one))
        code = bench_command(b, one.text, err);
    b->frame = frame.up;
    str_done(&one);
    if (b->frame == NULL && !job_quitting(b->job))
        session_moved(b);
    return code;
}

enum err_code bench_script(struct bench *b, const char *path, int from,
                           struct err *err)
{
    struct frame frame = {.up = b->frame, .script = path};
    struct lines lines;
    enum err_code code = ERR_OK;
    int i;

    if (lines_load(path, &lines, err) != ERR_OK)
        return err->code;
    b->frame = &frame;
    for (i = from > 1 ? from - 1 : 0; i < lines.count && !b->quit; i++) {
        frame.next = i + 2;
        code = bench_line(b, lines.line[i], err);
        if (code != ERR_OK) {
            err_context(err, "%s:%d", path, i + 1);
            break;
        }
    }
    b->frame = frame.up;
    lines_done(&lines);
    return code;
}

static enum err_code steer_one(struct bench *b, const char *line,
                               struct err *err)
{
    struct cmd_call call;
    enum err_code code;

    bench_say(b, LOG_COMMAND, "%s", line);
    code = cmd_parse(line, &b->set, &call, err);
    if (code != ERR_OK)
        return code;
    code = check_needs(b, call.row, err);
    if (code == ERR_OK)
        code = call.row->run(b, &call, err);
    cmd_done(&call);
    return code;
}

/* The running command's own results and record stay untouched. */
static void steer(struct bench *b)
{
    unsigned long ticket;
    char *line;

    while ((line = job_next_steering(b->job, &ticket)) != NULL) {
        struct str results = b->results;
        struct err err;

        b->results = (struct str){0};
        if (steer_one(b, line, &err) != ERR_OK)
            say_failure(b, &err);
        else
            err.code = ERR_OK;
        str_done(&b->results);
        b->results = results;
        job_finish(b->job, ticket, &err);
        mem_free(line);
    }
}

void bench_tell_refused(struct bench *b)
{
    bool stopped;
    char *line;

    while ((line = job_next_refused(b->job, &stopped)) != NULL) {
        bench_say(b, LOG_NOTE, stopped ? "not begun: %s" : "taken back: %s",
                  line);
        mem_free(line);
    }
}

/* What may be done between two mini-batches. */
static void attend(struct bench *b)
{
    steer(b);
    bench_tell_refused(b);
}

static void show_paused(struct bench *b)
{
    attend(b);
    sheets_publish(b, true);
}

/* Sleeps as long as the job is paused, after `show`; whether it was.  That time
 * does not count for the speed of a training. */
static bool sleep_paused(struct bench *b, void (*show)(struct bench *b))
{
    const atomic_bool *cancel = job_cancel_flag(b->job);
    double start = clock_now();
    bool paused = false;

    while (job_paused(b->job) && !atomic_load(cancel)) {
        paused = true;
        show(b);
        job_sleep(b->job);
    }
    if (paused && b->running != NULL)
        b->running->since += clock_now() - start;
    return paused;
}

enum err_code bench_boundary(struct bench *b, struct err *err)
{
    bool paused;

    attend(b);
    paused = sleep_paused(b, show_paused);
    if (paused)
        attend(b);
    sheets_publish(b, paused);
    if (atomic_load(job_cancel_flag(b->job)))
        return err_set(err, ERR_CANCELLED, "stopped");
    return ERR_OK;
}

/* In the midst of a command nothing may change but that it waits.  A recipe
 * does that at its next boundary, where it can be steered as well. */
static void tell(void *arg, double share)
{
    struct bench *b = arg;

    sheets_progress(b, share);
    if (b->running == NULL)
        (void)sleep_paused(b, sheets_progress_paused);
}

struct progress bench_progress(struct bench *b)
{
    return (struct progress){
        .tell = tell, .arg = b, .cancel = job_cancel_flag(b->job)};
}
