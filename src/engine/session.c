#include "engine/session.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/recipe.h"
#include "engine/session_file.h"
#include "io/io.h"

const char *session_folder(const struct session *s)
{
    return s == NULL || s->folder == NULL ? "" : s->folder;
}

struct session *session_alloc(void)
{
    struct session *s = mem_zalloc(sizeof(*s));

    s->lock = s->journal.fd = s->curve.fd = -1;
    return s;
}

static void growing_done(struct growing *g)
{
    if (g->fd >= 0)
        close(g->fd);
    str_done(&g->pending);
}

void session_close(struct session *s)
{
    if (s == NULL)
        return;
    growing_done(&s->journal);
    growing_done(&s->curve);
    if (s->lock >= 0)
        close(s->lock);
    net_free(s->checkpoint);
    str_done(&s->checkpoint_course);
    mem_free(s->folder);
    mem_free(s);
}

/* Folders. */

static enum err_code make_folder(const char *path, struct err *err)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return ERR_OK;
    return err_set(err, ERR_IO, "folder \"%s\": %s", path, strerror(errno));
}

/* With the folders above it. */
static enum err_code make_folders(const char *path, struct err *err)
{
    char *copy = mem_strdup(path), *p;
    enum err_code code = ERR_OK;

    for (p = strchr(copy + 1, '/'); p != NULL && code == ERR_OK;
         p = strchr(p + 1, '/')) {
        *p = '\0';
        code = make_folder(copy, err);
        *p = '/';
    }
    if (code == ERR_OK)
        code = make_folder(copy, err);
    mem_free(copy);
    return code;
}

/* $XDG_STATE_HOME/espalier/sessions. */
enum err_code session_user_folder(struct str *out, struct err *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (state != NULL && state[0] == '/')
        str_addf(out, "%s/espalier/sessions", state);
    else if (home != NULL && home[0] == '/')
        str_addf(out, "%s/.local/state/espalier/sessions", home);
    else
        return err_set(err, ERR_IO,
                       "neither XDG_STATE_HOME nor HOME says where sessions"
                       " are kept");
    return ERR_OK;
}

/* DATE-N, the first that is free. */
static enum err_code new_folder(struct str *out, struct err *err)
{
    time_t now = time(NULL);
    struct tm day;
    char date[32];
    size_t base;
    int n;

    if (session_user_folder(out, err) != ERR_OK ||
        make_folders(out->text, err) != ERR_OK)
        return err->code;
    localtime_r(&now, &day);
    strftime(date, sizeof(date), "%Y-%m-%d", &day);
    base = out->len;
    for (n = 1; n < 10000; n++) {
        out->len = base;
        str_addf(out, "/%s-%d", date, n);
        if (mkdir(out->text, 0777) == 0)
            return ERR_OK;
        if (errno != EEXIST)
            break;
    }
    return err_set(err, ERR_IO, "folder \"%s\": %s", out->text,
                   strerror(errno));
}

static enum err_code take_lock(struct session *s, struct err *err)
{
    char *path = mem_printf("%s/lock", s->folder);
    char text[32] = "";
    ssize_t n;

    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->lock < 0) {
        err_set(err, ERR_IO, "\"%s\": %s", path, strerror(errno));
        mem_free(path);
        return err->code;
    }
    mem_free(path);
    if (flock(s->lock, LOCK_EX | LOCK_NB) != 0) {
        n = pread(s->lock, text, sizeof(text) - 1, 0);
        text[n < 0 ? 0 : n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return err_set(err, ERR_BUSY,
                       "session \"%s\" is open in another espalier (process"
                       " %s)",
                       s->folder, text[0] == '\0' ? "unknown" : text);
    }
    snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(s->lock, 0) != 0 ||
        pwrite(s->lock, text, strlen(text), 0) != (ssize_t)strlen(text))
        return err_set(err, ERR_IO, "lock of \"%s\": %s", s->folder,
                       strerror(errno));
    return ERR_OK;
}

static enum err_code open_growing(struct session *s, const char *name,
                                  struct growing *g, struct err *err)
{
    char *path = mem_printf("%s/%s", s->folder, name);

    g->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (g->fd < 0)
        err_set(err, ERR_IO, "\"%s\": %s", path, strerror(errno));
    mem_free(path);
    return g->fd < 0 ? err->code : ERR_OK;
}

enum err_code session_set_up(struct bench *b, struct err *err)
{
    struct session *s = b->session;
    char *nodes = mem_printf("%s/nodes", s->folder);
    enum err_code code = take_lock(s, err);

    if (code == ERR_OK)
        code = make_folder(nodes, err);
    if (code == ERR_OK)
        code = open_growing(s, "journal.esp", &s->journal, err);
    if (code == ERR_OK)
        code = open_growing(s, "curve.csv", &s->curve, err);
    if (code == ERR_OK)
        code = stages_set_folder(b->history, nodes, err);
    mem_free(nodes);
    return code;
}

bool session_exists(const char *folder)
{
    char *path = mem_printf("%s/state", folder);
    bool found = access(path, F_OK) == 0;

    mem_free(path);
    return found;
}

/* Lines that open a journal: what a replay must know before the first command.
 */
static void begin_journal(struct bench *b)
{
    char text[64];

    str_addf(&b->session->journal.pending,
             "# A session of espalier.  `espalier run` on this file does all of"
             " it again, bit for bit.\nset seed=%s\n",
             settings_text(&b->set, SET_seed, text, sizeof(text)));
    str_add(&b->session->curve.pending, "stage,step,loss,accuracy\n");
}

enum err_code session_new(struct bench *b, const char *folder, struct err *err)
{
    b->session = session_alloc();
    begin_journal(b);
    if (folder == NULL)
        return ERR_OK;
    if (session_exists(folder))
        return err_set(err, ERR_STATE,
                       "\"%s\" holds a session already; `espalier resume %s`"
                       " goes on with it",
                       folder, folder);
    if (make_folders(folder, err) != ERR_OK)
        return err->code;
    b->session->folder = mem_strdup(folder);
    return session_set_up(b, err);
}

/* Writing. */

static enum err_code write_growing(struct growing *g, const char *what,
                                   struct err *err)
{
    size_t done = 0;

    if (g->pending.len == 0)
        return ERR_OK;
    if (ftruncate(g->fd, (off_t)g->kept) != 0)
        return err_set(err, ERR_IO, "%s: %s", what, strerror(errno));
    while (done < g->pending.len) {
        ssize_t n = pwrite(g->fd, g->pending.text + done, g->pending.len - done,
                           (off_t)g->kept + (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(err, ERR_IO, "%s: %s", what,
                           n == 0 ? "nothing written" : strerror(errno));
        done += (size_t)n;
    }
    if (fdatasync(g->fd) != 0)
        return err_set(err, ERR_IO, "%s: %s", what, strerror(errno));
    return ERR_OK;
}

static void note_of(const struct bench *b, const struct stage *s,
                    struct net_note *note)
{
    char seed[48];

    arg_number_text(ARG_INT, settings_number(&b->set, SET_seed), seed,
                    sizeof(seed));
    net_note_set(note, "stage", "%d", s->id);
    net_note_set(note, "parent", "%d", s->parent);
    net_note_set(note, "text", "%s", s->text);
    net_note_set(note, "step", "%llu", (unsigned long long)s->step);
    net_note_set(note, "seed", "%s", seed);
    if (s->after.n > 0)
        net_note_set(note, "validation_accuracy", "%.17g",
                     score_accuracy(&s->after));
}

static enum err_code write_stage(struct bench *b, struct stage *s,
                                 struct err *err)
{
    struct progress progress = bench_progress(b);
    struct net_note note = {0};
    struct str path = {0};
    struct stat info;
    enum err_code code;

    stages_path(b->history, s->id, &path);
    note_of(b, s, &note);
    code = net_save_told(path.text, stages_unwritten(b->history, s->id), &note,
                         &progress, err);
    if (code == ERR_OK)
        s->file_bytes = stat(path.text, &info) == 0 ? (int64_t)info.st_size : 1;
    net_note_done(&note);
    str_done(&path);
    return code;
}

static void put_point(struct str *out, int stage, const struct curve_point *p)
{
    char number[48];

    str_addf(out, "%d,%.0f,", stage, p->step);
    if (isfinite(p->loss))
        str_add(out,
                arg_number_text(ARG_REAL, p->loss, number, sizeof(number)));
    str_add(out, ",");
    if (p->accuracy >= 0)
        str_add(out,
                arg_number_text(ARG_REAL, p->accuracy, number, sizeof(number)));
    str_add(out, "\n");
}

static enum err_code write_stages(struct bench *b, struct err *err)
{
    struct session *s = b->session;
    int i, k;

    for (i = 0; i < b->history->count; i++) {
        struct stage *stage = b->history->stage[i];

        if (stage->file_bytes == 0 && stages_unwritten(b->history, i) != NULL &&
            write_stage(b, stage, err) != ERR_OK)
            return err->code;
    }
    for (i = s->curve_stages; i < b->history->count; i++) {
        const struct stage *stage = b->history->stage[i];

        for (k = 0; k < stage->point_count; k++)
            put_point(&s->curve.pending, i, &stage->point[k]);
    }
    s->curve_stages = b->history->count;
    return ERR_OK;
}

static enum err_code write_all(struct bench *b, struct err *err)
{
    struct session *s = b->session;
    struct str text = {0};
    char *path;
    long long journal, curve;
    enum err_code code;
    bool rest;

    if (write_stages(b, err) != ERR_OK ||
        write_growing(&s->curve, "curve.csv", err) != ERR_OK ||
        write_growing(&s->journal, "journal.esp", err) != ERR_OK)
        return err->code;
    journal = s->journal.kept + (long long)s->journal.pending.len;
    curve = s->curve.kept + (long long)s->curve.pending.len;
    rest = state_write(b, journal, curve, &text);
    path = mem_printf("%s/state", s->folder);
    code = text_save(path, text.text, err);
    mem_free(path);
    str_done(&text);
    if (code != ERR_OK)
        return code;
    s->rest = rest;
    s->journal.kept = journal;
    s->curve.kept = curve;
    str_clear(&s->journal.pending);
    str_clear(&s->curve.pending);
    return ERR_OK;
}

static void say_trouble(struct bench *b, const struct err *err)
{
    if (!b->session->failing)
        bench_say(b, LOG_ERROR,
                  "the session cannot be written (%s); work goes on, and what"
                  " is missing is written as soon as that is possible",
                  err->msg);
    b->session->failing = true;
}

static void say_relief(struct bench *b)
{
    if (b->session->failing)
        bench_say(b, LOG_NOTE, "the session is written again");
    b->session->failing = false;
}

/* A session without a name gets its folder when there is something to lose: a
 * stage that somebody made, or a recipe that starts. */
static bool need_folder(struct bench *b)
{
    struct session *s = b->session;
    struct str path = {0};
    struct err err;
    bool worth = b->running != NULL;
    int i;

    if (s->folder != NULL)
        return true;
    for (i = 0; i < b->history->count; i++)
        worth = worth || b->history->stage[i]->parent >= 0;
    if (!worth || s->hopeless)
        return false;
    if (new_folder(&path, &err) == ERR_OK) {
        s->folder = str_take(&path);
        if (session_set_up(b, &err) == ERR_OK) {
            bench_say(b, LOG_ASIDE, "session: %s", s->folder);
            return true;
        }
        mem_free(s->folder);
        s->folder = NULL;
    }
    str_done(&path);
    s->hopeless = true;
    bench_say(b, LOG_ERROR, "no session is kept: %s", err.msg);
    return false;
}

static void commit(struct bench *b)
{
    struct err err;

    if (b->session == NULL || !need_folder(b))
        return;
    if (write_all(b, &err) != ERR_OK)
        say_trouble(b, &err);
    else
        say_relief(b);
}

void session_running(struct bench *b)
{
    commit(b);
}

void session_stage(struct bench *b)
{
    commit(b);
}

void session_moved(struct bench *b)
{
    struct session *s = b->session;

    if (s != NULL && s->folder != NULL &&
        (s->rest || b->lesson != NULL || b->frame != NULL))
        commit(b);
}

/* What a command said, as comments. */
static void add_comments(const char *text, struct str *out)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");

        str_add(out, "# ");
        str_add_bytes(out, text, n);
        str_add(out, "\n");
        text += n + (text[n] == '\n');
    }
}

void session_command(struct bench *b)
{
    struct session *s = b->session;
    char *path;

    if (s == NULL || s->hopeless)
        return;
    str_addf(&s->journal.pending, "%s\n", b->record.text);
    if (b->results.len > 0)
        add_comments(b->results.text, &s->journal.pending);
    s->commands++;
    commit(b);
    if (s->folder == NULL || s->failing)
        return;
    path = mem_printf("%s/running.h5", s->folder);
    unlink(path);
    mem_free(path);
}

/* Checkpoints. */

static void write_course(const struct running *r, struct str *out)
{
    char a[48], c[48];
    int i;

    str_addf(out, "%s %d", arg_number_text(ARG_REAL, r->loss_sum, a, sizeof(a)),
             r->loss_count);
    for (i = 0; i < r->point_count; i++)
        str_addf(out, " %.0f:%s:%s", r->point[i].step,
                 arg_number_text(ARG_REAL, r->point[i].loss, a, sizeof(a)),
                 arg_number_text(ARG_REAL, r->point[i].accuracy, c, sizeof(c)));
}

static void read_course(struct running *r, const char *text)
{
    char *end;
    struct curve_point p;

    r->loss_sum = strtod(text, &end);
    r->loss_count = (int)strtol(end, &end, 10);
    while (*end == ' ') {
        p.step = strtod(end, &end);
        if (*end != ':')
            return;
        p.loss = strtod(end + 1, &end);
        if (*end != ':')
            return;
        p.accuracy = strtod(end + 1, &end);
        r->point = mem_grow(r->point, (size_t)r->point_count + 1, sizeof(p));
        r->point[r->point_count++] = p;
        r->loss = p.loss;
    }
}

void session_checkpoint(struct bench *b)
{
    const struct running *r = b->running;
    struct net_note note = {0};
    struct str course = {0};
    struct err err;
    char *path;

    if (b->session == NULL || !need_folder(b))
        return;
    write_course(r, &course);
    net_note_set(&note, "command", "%lu", b->session->commands);
    net_note_set(&note, "round", "%d", r->at.round);
    net_note_set(&note, "step", "%llu", (unsigned long long)r->at.step);
    net_note_set(&note, "course", "%s", course.text);
    path = mem_printf("%s/running.h5", b->session->folder);
    if (net_save(path, b->net, &note, &err) != ERR_OK)
        say_trouble(b, &err);
    mem_free(path);
    str_done(&course);
    net_note_done(&note);
}

bool session_take_checkpoint(struct bench *b)
{
    struct session *s = b->session;
    struct err err;
    bool taken;

    if (s == NULL || s->checkpoint == NULL ||
        s->checkpoint_round != b->running->at.round)
        return false;
    taken = net_same_graph(b->net, s->checkpoint) &&
            net_copy_state(b->net, s->checkpoint, &err) == ERR_OK;
    if (taken)
        read_course(b->running, s->checkpoint_course.text);
    net_free(s->checkpoint);
    s->checkpoint = NULL;
    return taken;
}
