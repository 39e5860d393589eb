#include "engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/bench.h"
#include "engine/complete.h"
#include "engine/lesson.h"
#include "engine/session.h"
#include "engine/sheets.h"
#include "io/io.h"

struct engine {
    struct engine_options options;
    char *data_dir, *session; /* behind options */
    struct job *job;
    struct board *board;
    struct bench *bench; /* the job thread's */
    pthread_t thread;
    bool started;
    unsigned long resumed;
    pthread_mutex_t lock; /* guards ready and failure */
    pthread_cond_t change;
    bool ready;
    struct err failure;
};

/* The job thread. */

static enum err_code start(struct engine *e, struct err *err)
{
    const struct engine_options *o = &e->options;
    struct bench *b = e->bench;

    if (o->resume) {
        if (session_resume(b, o->session, err) != ERR_OK)
            return err->code;
        bench_say(b, LOG_NOTE, "session %s: stage %d of %d",
                  session_folder(b->session), b->history->current,
                  b->history->count);
    } else if (o->keep || o->session != NULL) {
        if (session_new(b, o->session, err) != ERR_OK)
            return err->code;
    }
    sheets_mark_all(b->sheets);
    sheets_publish(b, true);
    return ERR_OK;
}

static void tell_ready(struct engine *e, const struct err *failure)
{
    pthread_mutex_lock(&e->lock);
    e->failure = *failure;
    e->ready = true;
    pthread_cond_signal(&e->change);
    pthread_mutex_unlock(&e->lock);
}

static void run_line(struct engine *e, char *line, unsigned long ticket)
{
    struct err err;

    if (bench_line(e->bench, line, &err) == ERR_OK)
        err = (struct err){.code = ERR_OK};
    job_idle(e->job);
    bench_tell_refused(e->bench);
    sheets_publish(e->bench, true);
    job_finish(e->job, ticket, &err);
    mem_free(line);
}

static void *work(void *arg)
{
    struct engine *e = arg;
    struct bench *b = e->bench;
    struct err err = {.code = ERR_OK};
    unsigned long ticket;
    char *line;

    if (start(e, &err) == ERR_OK)
        err.code = ERR_OK;
    tell_ready(e, &err);
    while (err.code == ERR_OK && !job_quitting(e->job)) {
        line = job_next(e->job, &ticket);
        if (line != NULL) {
            run_line(e, line, ticket);
        } else if (lesson_ready(b->lesson)) {
            job_begin(e->job);
            lesson_next(b);
            job_idle(e->job);
        } else {
            bench_tell_refused(b);
            sheets_publish(b, true);
            job_sleep(e->job);
        }
    }
    return NULL;
}

/* Signals are for the main thread. */
static int start_thread(struct engine *e)
{
    sigset_t all, old;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    failed = pthread_create(&e->thread, NULL, work, e);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed;
}

static void poke(void *arg)
{
    job_poke(arg);
}

static enum err_code set_up(struct engine *e, struct err *err)
{
    int failed;

    e->job = job_new(cmd_steers);
    e->board = board_new();
    if (e->board == NULL)
        return err_set(err, ERR_IO, "no pipe: %s", strerror(errno));
    io_start();
    e->bench = bench_new(&e->options, e->job, e->board, err);
    if (e->bench == NULL)
        return err->code;
    board_on_wish(e->board, poke, e->job);
    failed = start_thread(e);
    if (failed != 0)
        return err_set(err, ERR_MEMORY, "no thread: %s", strerror(failed));
    e->started = true;
    pthread_mutex_lock(&e->lock);
    while (!e->ready)
        pthread_cond_wait(&e->change, &e->lock);
    *err = e->failure;
    pthread_mutex_unlock(&e->lock);
    return err->code;
}

struct engine *engine_new(const struct engine_options *o, struct err *err)
{
    struct engine *e = mem_zalloc(sizeof(*e));

    e->options = *o;
    if (o->data_dir != NULL)
        e->options.data_dir = e->data_dir = mem_strdup(o->data_dir);
    if (o->session != NULL)
        e->options.session = e->session = mem_strdup(o->session);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->change, NULL);
    if (set_up(e, err) != ERR_OK) {
        engine_free(e);
        return NULL;
    }
    if (e->bench->pending != NULL && e->bench->pending[0] != '\0')
        e->resumed = job_post(e->job, e->bench->pending);
    return e;
}

void engine_leave(struct engine *e)
{
    job_quit(e->job);
}

void engine_free(struct engine *e)
{
    if (e == NULL)
        return;
    if (e->started) {
        engine_leave(e);
        pthread_join(e->thread, NULL);
    }
    bench_free(e->bench);
    board_free(e->board);
    job_free(e->job);
    pthread_cond_destroy(&e->change);
    pthread_mutex_destroy(&e->lock);
    mem_free(e->data_dir);
    mem_free(e->session);
    mem_free(e);
}

struct board *engine_board(struct engine *e)
{
    return e->board;
}

unsigned long engine_resumed(struct engine *e)
{
    return e->resumed;
}

/* Lines. */

/* words: with single blanks. */
static bool is_only(const char *line, const char *words)
{
    while (*words != '\0') {
        size_t n = strcspn(words, " ");

        line += strspn(line, " \t");
        if (strncmp(line, words, n) != 0)
            return false;
        line += n;
        words += n;
        if (*words == ' ' && *line != ' ' && *line != '\t')
            return false;
        words += *words == ' ';
    }
    return line[strspn(line, " \t\r\n")] == '\0';
}

/* These cannot wait for a mini-batch to end. */
static bool control(struct engine *e, const char *line)
{
    if (!job_busy(e->job))
        return false;
    if (is_only(line, "stop"))
        job_stop(e->job);
    else if (is_only(line, "pause"))
        job_pause(e->job, true);
    else if (is_only(line, "continue") && job_paused(e->job))
        job_pause(e->job, false);
    else if (is_only(line, "cancel"))
        return job_take_back(e->job, false) > 0;
    else if (is_only(line, "cancel all"))
        return job_take_back(e->job, true) > 0;
    else
        return false;
    return true;
}

unsigned long engine_post(struct engine *e, const char *line)
{
    if (control(e, line))
        return job_answer(e->job);
    return job_post(e->job, line);
}

enum err_code engine_wait(struct engine *e, unsigned long ticket,
                          struct err *err)
{
    return job_wait(e->job, ticket, err);
}

enum err_code engine_do(struct engine *e, const char *line, struct err *err)
{
    return job_wait(e->job, engine_post(e, line), err);
}

void engine_stop(struct engine *e)
{
    job_stop(e->job);
}

void engine_pause(struct engine *e, bool on)
{
    job_pause(e->job, on);
}

bool engine_busy(struct engine *e)
{
    return job_busy(e->job);
}

enum err_code engine_play(struct engine *e, const char *path,
                          bool wait_for_user, struct err *err)
{
    struct str line = {0};
    enum err_code code;

    str_add(&line, wait_for_user ? "play " : "run ");
    args_quote(path, &line);
    code = engine_do(e, line.text, err);
    str_done(&line);
    return code;
}

void engine_go_on(struct engine *e)
{
    engine_post(e, "continue");
}

/* Help. */

void engine_complete(struct engine *e, const char *line, int cursor,
                     struct completion *out)
{
    struct completer c = {.board = e->board,
                          .data_dir = e->options.data_dir,
                          .views = e->options.views};

    complete_line(&c, line, cursor, out);
}

#define COMMANDS_MOST 128

static struct command_help command_rows[COMMANDS_MOST + 1];
static int command_count;

static void list_commands(void)
{
    const struct cmd_group *g;
    const struct cmd_row *row;

    for (g = cmd_groups; g->name != NULL; g++) {
        for (row = g->rows; row->name != NULL; row++) {
            assert(command_count < COMMANDS_MOST);
            command_rows[command_count++] = (struct command_help){
                g->title, row->name, row->usage, row->help};
        }
    }
}

const struct command_help *engine_commands(int *count)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, list_commands);
    if (count != NULL)
        *count = command_count;
    return command_rows;
}
