/* Going on with a session: its folder is read and the bench is as it was. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/session_file.h"
#include "io/io.h"

/* The entry of the user's folder whose state is newest. */
static enum err_code newest(const char *folder, struct str *out,
                            struct err *err)
{
    DIR *dir = opendir(folder);
    struct dirent *e;
    struct timespec best = {0};
    struct stat info;

    if (dir == NULL)
        return err_set(err, ERR_MISSING, "there is no session yet in \"%s\"",
                       folder);
    while ((e = readdir(dir)) != NULL) {
        char *path = mem_printf("%s/%s/state", folder, e->d_name);

        if (e->d_name[0] != '.' && stat(path, &info) == 0 &&
            (info.st_mtim.tv_sec > best.tv_sec ||
             (info.st_mtim.tv_sec == best.tv_sec &&
              info.st_mtim.tv_nsec > best.tv_nsec))) {
            best = info.st_mtim;
            str_clear(out);
            str_addf(out, "%s/%s", folder, e->d_name);
        }
        mem_free(path);
    }
    closedir(dir);
    if (out->len == 0)
        return err_set(err, ERR_MISSING, "there is no session yet in \"%s\"",
                       folder);
    return ERR_OK;
}

static enum err_code find_folder(const char *name, struct str *out,
                                 struct err *err)
{
    struct str users = {0};
    enum err_code code;

    if (name != NULL &&
        (strchr(name, '/') != NULL || access(name, F_OK) == 0)) {
        str_add(out, name);
        return ERR_OK;
    }
    code = session_user_folder(&users, err);
    if (code == ERR_OK && name == NULL)
        code = newest(users.text, out, err);
    else if (code == ERR_OK)
        str_addf(out, "%s/%s", users.text, name);
    str_done(&users);
    return code;
}

/* Rows "stage,step,loss,accuracy" up to `kept` bytes; the counts that the state
 * gave say how many a stage has. */
static void read_curve(struct stages *h, const char *text)
{
    int *had = mem_array((size_t)h->count + 1, sizeof(had[0]));
    const char *line = text + strcspn(text, "\n");
    int i;

    for (i = 0; i < h->count; i++)
        h->stage[i]->point = mem_array((size_t)h->stage[i]->point_count + 1,
                                       sizeof(struct curve_point));
    while (*line == '\n' && line[1] != '\0') {
        char *end;
        long id = strtol(line + 1, &end, 10);
        struct curve_point p = {.loss = NAN, .accuracy = NAN};

        if (*end != ',' || id < 0 || id >= h->count ||
            had[id] == h->stage[id]->point_count)
            break;
        p.step = strtod(end + 1, &end);
        if (*end == ',' && end[1] != ',')
            p.loss = strtod(end + 1, &end);
        else
            end++;
        if (*end == ',' && end[1] != '\n')
            p.accuracy = strtod(end + 1, &end);
        else
            end++;
        h->stage[id]->point[had[id]++] = p;
        line = end + strcspn(end, "\n");
    }
    for (i = 0; i < h->count; i++)
        h->stage[i]->point_count = had[i];
    mem_free(had);
}

static enum err_code load_curve(struct bench *b, long long kept,
                                struct err *err)
{
    char *path = mem_printf("%s/curve.csv", b->session->folder);
    struct str text = {0};
    enum err_code code = text_load(path, &text, err);

    if (code == ERR_OK && (long long)text.len < kept)
        code = err_set(err, ERR_FORMAT, "\"%s\" has %zu bytes, %lld were kept",
                       path, text.len, kept);
    if (code == ERR_OK) {
        str_add(&text, "");
        text.text[kept] = '\0';
        read_curve(b->history, text.text);
    }
    str_done(&text);
    mem_free(path);
    return code;
}

static enum err_code open_data(struct bench *b, const struct state_read *s,
                               struct err *err)
{
    double seed = settings_number(&b->set, SET_seed);
    struct dataset *data;
    enum err_code code;

    if (s->data == NULL)
        return ERR_OK;
    if (data_open(s->data, NULL, NULL, &data, err) != ERR_OK)
        return err->code;
    b->set.value[SET_seed].number = (double)s->data_seed;
    code = bench_open_data(b, data, s->validation, err);
    b->set.value[SET_seed].number = seed;
    return code;
}

/* Its checkpoint counts when it is of this command; recipe_run checks the
 * round.  One that cannot be read is none. */
static void open_checkpoint(struct bench *b)
{
    struct session *s = b->session;
    char *path = mem_printf("%s/running.h5", s->folder);
    struct net_note note = {0};
    struct net *net = NULL;
    struct err ignored;
    char *command = NULL, *round = NULL, *step = NULL, *course = NULL;

    if (access(path, R_OK) == 0 &&
        net_load(path, &net, &note, NULL, &ignored) == ERR_OK) {
        command = net_note_get(&note, "command");
        round = net_note_get(&note, "round");
        step = net_note_get(&note, "step");
        course = net_note_get(&note, "course");
    }
    if (command != NULL && round != NULL && step != NULL && course != NULL &&
        strtoul(command, NULL, 10) == s->commands &&
        atoi(round) == b->at_start.round) {
        s->checkpoint = net;
        s->checkpoint_round = atoi(round);
        b->at_start.step = strtoull(step, NULL, 10);
        str_add(&s->checkpoint_course, course);
        net = NULL;
    }
    net_free(net);
    net_note_done(&note);
    mem_free(command);
    mem_free(round);
    mem_free(step);
    mem_free(course);
    mem_free(path);
}

static enum err_code read_state(struct bench *b, struct state_read *out,
                                struct err *err)
{
    char *path = mem_printf("%s/state", b->session->folder);
    struct str text = {0};
    enum err_code code = text_load(path, &text, err);

    str_add(&text, "");
    if (code == ERR_OK)
        code = state_parse(b, text.text, out, err);
    str_done(&text);
    mem_free(path);
    return code;
}

static enum err_code restore(struct bench *b, struct state_read *s,
                             struct err *err)
{
    struct session *session = b->session;
    struct stat info;

    if (fstat(session->journal.fd, &info) != 0 || info.st_size < s->journal)
        return err_set(err, ERR_FORMAT, "the journal has lost its end");
    session->journal.kept = s->journal;
    session->curve.kept = s->curve;
    session->curve_stages = b->history->count;
    if (load_curve(b, s->curve, err) != ERR_OK ||
        open_data(b, s, err) != ERR_OK)
        return err->code;
    if (s->current >= 0 && bench_go(b, s->current, err) != ERR_OK)
        return err->code;
    if (s->interrupted) {
        b->goes = true;
        open_checkpoint(b);
    }
    session->rest = s->pending.len > 0;
    b->pending = str_take(&s->pending);
    return ERR_OK;
}

enum err_code session_resume(struct bench *b, const char *folder,
                             struct err *err)
{
    struct str path = {0};
    struct state_read s;

    b->session = session_alloc();
    if (find_folder(folder, &path, err) != ERR_OK) {
        str_done(&path);
        return err->code;
    }
    b->session->folder = str_take(&path);
    if (!session_exists(b->session->folder))
        return err_set(err, ERR_MISSING, "\"%s\" is not a session",
                       b->session->folder);
    if (session_set_up(b, err) != ERR_OK || read_state(b, &s, err) != ERR_OK)
        return err->code;
    if (restore(b, &s, err) != ERR_OK)
        err_context(err, "session \"%s\"", b->session->folder);
    else
        err->code = ERR_OK;
    state_read_done(&s);
    return err->code;
}
