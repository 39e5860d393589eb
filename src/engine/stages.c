#include "engine/stages.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/io.h"

#define HOLD_BYTES (96u << 20)

struct stages *stages_new(void)
{
    struct stages *h = mem_zalloc(sizeof(*h));

    h->current = -1;
    h->limit = HOLD_BYTES;
    return h;
}

void stages_path(const struct stages *h, int id, struct str *out)
{
    str_addf(out, "%s/%d.h5", h->folder, id);
}

enum err_code stages_load(struct stages *h, int id, struct net **out,
                          const struct progress *progress, struct err *err)
{
    const struct net_hints hints = {.progress = progress};
    struct str path = {0};
    enum err_code code;

    if (h->folder == NULL || h->stage[id]->file_bytes == 0)
        return err_set(err, ERR_STATE, "stage %d is not kept anywhere", id);
    stages_path(h, id, &path);
    code = net_load_with(path.text, &hints, out, NULL, NULL, err);
    if (code != ERR_OK)
        err_context(err, "stage %d", id);
    str_done(&path);
    return code;
}

static enum err_code read_back(struct stages *h, struct stage *s,
                               struct err *err)
{
    return stages_load(h, s->id, &s->net, NULL, err);
}

static size_t held_bytes(const struct net *net)
{
    size_t bytes = 0;
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct param *p = &net->node[i].param[k];

            bytes += p->count * (sizeof(float) + (p->mask != NULL) +
                                 (p->book != NULL ? sizeof(uint16_t) : 0));
        }
    }
    return bytes;
}

/* Files go to a temporary folder where there is no session's. */
static bool need_folder(struct stages *h)
{
    const char *tmp = getenv("TMPDIR");
    struct str path = {0};

    if (h->folder != NULL)
        return true;
    str_addf(&path, "%s/espalier-XXXXXX",
             tmp == NULL || tmp[0] == '\0' ? "/tmp" : tmp);
    if (mkdtemp(path.text) == NULL) {
        str_done(&path);
        return false;
    }
    h->folder = str_take(&path);
    h->temporary = true;
    return true;
}

/* A copy that lies in no file yet is written to the temporary folder; the
 * session writes its own files and is not helped here. */
static bool write_out(struct stages *h, struct stage *s)
{
    struct str path = {0};
    struct err ignored;
    bool written;

    if (!need_folder(h) || !h->temporary)
        return false;
    stages_path(h, s->id, &path);
    written = net_save(path.text, s->net, NULL, &ignored) == ERR_OK;
    s->file_bytes = written;
    str_done(&path);
    return written;
}

/* The copy to drop next, or NULL when the limit holds. */
static struct stage *too_much(const struct stages *h)
{
    struct stage *oldest = NULL;
    size_t bytes = 0;
    int i;

    for (i = 0; i < h->count; i++) {
        struct stage *s = h->stage[i];

        if (s->net == NULL)
            continue;
        bytes += held_bytes(s->net);
        if (s->used != h->clock && i != h->current &&
            (oldest == NULL || s->used < oldest->used) &&
            (s->file_bytes > 0 || h->folder == NULL || h->temporary))
            oldest = s;
    }
    return bytes > h->limit ? oldest : NULL;
}

static void trim(struct stages *h)
{
    struct stage *s;

    while ((s = too_much(h)) != NULL) {
        if (s->file_bytes == 0 && !write_out(h, s))
            return;
        net_free(s->net);
        s->net = NULL;
    }
}

static void remove_folder(struct stages *h)
{
    struct str path = {0};
    int i;

    for (i = 0; h->temporary && i < h->count; i++) {
        str_clear(&path);
        stages_path(h, i, &path);
        unlink(path.text);
    }
    if (h->temporary)
        rmdir(h->folder);
    str_done(&path);
    mem_free(h->folder);
    h->folder = NULL;
    h->temporary = false;
}

enum err_code stages_set_folder(struct stages *h, const char *folder,
                                struct err *err)
{
    int i;

    for (i = 0; h->temporary && i < h->count; i++) {
        if (h->stage[i]->net == NULL &&
            read_back(h, h->stage[i], err) != ERR_OK)
            return err->code;
    }
    for (i = 0; h->temporary && i < h->count; i++)
        h->stage[i]->file_bytes = 0;
    remove_folder(h);
    h->folder = mem_strdup(folder);
    return ERR_OK;
}

enum err_code stages_net(struct stages *h, int id, const struct net **out,
                         struct err *err)
{
    struct stage *s = h->stage[id];

    s->used = ++h->clock;
    if (s->net == NULL && h->lent != NULL && h->lent_to == id) {
        *out = h->lent;
        return ERR_OK;
    }
    if (s->net == NULL && read_back(h, s, err) != ERR_OK)
        return err->code;
    trim(h);
    *out = s->net;
    return ERR_OK;
}

static void stage_free(struct stage *s)
{
    mem_free(s->text);
    mem_free(s->branch);
    mem_free(s->threshold);
    mem_free(s->point);
    net_free(s->net);
    mem_free(s);
}

void stages_free(struct stages *h)
{
    int i;

    if (h == NULL)
        return;
    remove_folder(h);
    for (i = 0; i < h->count; i++)
        stage_free(h->stage[i]);
    for (i = 0; i < h->mark_count; i++)
        mem_free(h->mark[i].name);
    mem_free(h->stage);
    mem_free(h->mark);
    mem_free(h->next_branch);
    mem_free(h);
}

static void inherit(struct stage *s, const struct stage *parent)
{
    s->step = parent->step;
    s->prunes = parent->prunes;
    s->data = parent->data;
    if (s->branch == NULL && parent->branch != NULL)
        s->branch = mem_strdup(parent->branch);
    if (parent->threshold_count == 0)
        return;
    s->threshold_count = parent->threshold_count;
    s->threshold =
        mem_array((size_t)s->threshold_count, sizeof(s->threshold[0]));
    memcpy(s->threshold, parent->threshold,
           (size_t)s->threshold_count * sizeof(s->threshold[0]));
}

struct stage *stages_add(struct stages *h, int parent, const char *text,
                         struct net *net)
{
    struct stage *s = mem_zalloc(sizeof(*s));

    s->id = h->count;
    s->parent = parent;
    s->last_child = -1;
    s->text = mem_strdup(text);
    s->net = net;
    s->used = ++h->clock;
    s->branch = h->next_branch;
    h->next_branch = NULL;
    if (parent >= 0)
        inherit(s, h->stage[parent]);
    if (net != NULL)
        size_of_net(net, &s->size);
    h->stage = mem_grow(h->stage, (size_t)h->count + 1, sizeof(h->stage[0]));
    h->stage[h->count++] = s;
    trim(h);
    return s;
}

bool stages_is_large(const struct stages *h, const struct net *net)
{
    return held_bytes(net) > h->limit;
}

bool stages_is_large_at(const struct stages *h, int id)
{
    const struct stage *s = stages_at(h, id);

    return s != NULL && s->net == NULL &&
           (double)s->size.params * sizeof(float) > (double)h->limit;
}

struct stage *stages_add_large(struct stages *h, int parent, const char *text,
                               const struct net *net,
                               const struct progress *progress, struct err *err)
{
    struct str path = {0};
    struct stage *s;
    enum err_code code = ERR_OK;

    if (!need_folder(h)) {
        err_set(err, ERR_IO, "no temporary folder for a copy of the net");
        return NULL;
    }
    stages_path(h, h->count, &path);
    if (h->temporary)
        code = net_save_told(path.text, net, NULL, progress, err);
    str_done(&path);
    if (code != ERR_OK)
        return NULL;
    s = stages_add(h, parent, text, NULL);
    size_of_net(net, &s->size);
    s->file_bytes = h->temporary;
    h->lent = h->temporary ? NULL : net;
    h->lent_to = s->id;
    return s;
}

void stages_take_back(struct stages *h)
{
    h->lent = NULL;
}

const struct net *stages_unwritten(const struct stages *h, int id)
{
    const struct stage *s = h->stage[id];

    return s->net == NULL && h->lent_to == id ? h->lent : s->net;
}

void stages_go(struct stages *h, int id)
{
    int parent = h->stage[id]->parent;

    if (h->current >= 0 && h->stage[h->current]->parent == id)
        h->stage[id]->last_child = h->current;
    if (parent >= 0)
        h->stage[parent]->last_child = id;
    h->current = id;
    h->stage[id]->used = ++h->clock;
}

struct stage *stages_current(const struct stages *h)
{
    return stages_at(h, h->current);
}

struct stage *stages_at(const struct stages *h, int id)
{
    return id >= 0 && id < h->count ? h->stage[id] : NULL;
}

int stages_undo(const struct stages *h)
{
    return h->current < 0 ? -1 : h->stage[h->current]->parent;
}

int stages_redo(const struct stages *h)
{
    return h->current < 0 ? -1 : h->stage[h->current]->last_child;
}

int stages_dense(const struct stages *h, int id)
{
    while (id >= 0) {
        const struct stage *s = h->stage[id];

        if (s->size.alive == s->size.prunable || s->parent < 0)
            return id;
        id = s->parent;
    }
    return -1;
}

static int find_mark(const struct stages *h, const char *name)
{
    int i;

    for (i = 0; i < h->mark_count; i++) {
        if (strcmp(h->mark[i].name, name) == 0)
            return i;
    }
    return -1;
}

static int find_branch(const struct stages *h, const char *name)
{
    int i;

    for (i = h->count - 1; i >= 0; i--) {
        if (h->stage[i]->branch != NULL &&
            strcmp(h->stage[i]->branch, name) == 0)
            return i;
    }
    return -1;
}

static enum err_code unknown(const struct stages *h, const char *name,
                             struct err *err)
{
    const char *names[64], *near;
    int n = 0, i;

    for (i = 0; i < h->mark_count && n < 64; i++)
        names[n++] = h->mark[i].name;
    near = str_nearest(name, names, n);
    if (near != NULL)
        return err_set(err, ERR_MISSING,
                       "no stage is called \"%s\"; did you mean \"%s\"?", name,
                       near);
    if (h->count == 1)
        return err_set(err, ERR_MISSING,
                       "no stage \"%s\"; there is only 0 so far", name);
    return err_set(err, ERR_MISSING,
                   "no stage \"%s\"; there are 0 to %d, and names given with"
                   " mark and branch",
                   name, h->count - 1);
}

enum err_code stages_find(const struct stages *h, const char *name, int *id,
                          struct err *err)
{
    int found = find_mark(h, name);
    char *end;
    long number;

    if (h->count == 0)
        return err_set(err, ERR_STATE, "no net is open yet");
    if (found >= 0) {
        *id = h->mark[found].stage;
        return ERR_OK;
    }
    found = find_branch(h, name);
    number = strtol(name, &end, 10);
    if (found < 0 && *end == '\0' && end != name && number >= 0 &&
        number < h->count)
        found = (int)number;
    if (found < 0 && strcmp(name, "dense") == 0)
        found = stages_dense(h, h->current);
    if (found < 0)
        return unknown(h, name, err);
    *id = found;
    return ERR_OK;
}

enum err_code stages_name(const struct stages *h, const char *name,
                          struct err *err)
{
    const char *p;

    if (!isalpha((unsigned char)name[0]) || strlen(name) >= 32)
        return err_set(err, ERR_VALUE,
                       "a name starts with a letter and has up to 31 signs,"
                       " got \"%s\"",
                       name);
    for (p = name; *p != '\0'; p++) {
        if (!isalnum((unsigned char)*p) && strchr("_-.", *p) == NULL)
            return err_set(err, ERR_VALUE,
                           "a name is of letters, digits, _ - and ., got"
                           " \"%s\"",
                           name);
    }
    if (find_branch(h, name) >= 0)
        return err_set(err, ERR_VALUE, "\"%s\" is a branch already", name);
    return ERR_OK;
}

void stages_mark(struct stages *h, const char *name, int id)
{
    int i = find_mark(h, name);

    if (i < 0) {
        i = h->mark_count++;
        h->mark = mem_grow(h->mark, (size_t)h->mark_count, sizeof(h->mark[0]));
        h->mark[i].name = mem_strdup(name);
    }
    h->mark[i].stage = id;
}

void stages_names(const struct stages *h, int id, struct str *out)
{
    const struct stage *s = h->stage[id];
    const struct stage *parent = stages_at(h, s->parent);
    int i;

    str_add(out, "");
    for (i = 0; i < h->mark_count; i++) {
        if (h->mark[i].stage == id)
            str_addf(out, "%s%s", out->len > 0 ? ", " : "", h->mark[i].name);
    }
    if (s->branch != NULL && (parent == NULL || parent->branch == NULL ||
                              strcmp(parent->branch, s->branch) != 0))
        str_addf(out, "%s%s:", out->len > 0 ? ", " : "", s->branch);
}

struct score score_of(const struct evaluation *e)
{
    struct score s = {
        .n = e->n, .hits = e->hits, .loss = e->loss, .exits = e->exits};

    memcpy(s.exit_hits, e->exit_hits, sizeof(s.exit_hits));
    return s;
}

double score_exit(const struct score *s, int at)
{
    return s->n > 0 && at < s->exits ? (double)s->exit_hits[at] / s->n : -1.0;
}

double score_accuracy(const struct score *s)
{
    return s->n > 0 ? (double)s->hits / s->n : -1.0;
}
