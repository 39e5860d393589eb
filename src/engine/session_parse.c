/* The file `state` of a session read back; its rows: session_state.c. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/exits.h"
#include "engine/session_file.h"

/* A row's values are taken by name; one that is missing or no number
 * makes the whole file bad. */

struct row {
    struct args args;
    struct err *err;
    bool bad;
};

static const char *take_text(struct row *r, const char *name)
{
    const char *text = args_value(&r->args, name);

    if (text == NULL && !r->bad) {
        r->bad = true;
        err_set(r->err, ERR_FORMAT, "a row \"%s\" without %s", r->args.word[0],
                name);
    }
    return text == NULL ? "" : text;
}

static double take_number(struct row *r, const char *name)
{
    const char *text = take_text(r, name);
    double value = 0;

    if (!r->bad && str_double(text, name, &value, r->err) != ERR_OK)
        r->bad = true;
    return value;
}

static long long take_whole(struct row *r, const char *name)
{
    const char *text = take_text(r, name);
    long long value = 0;

    if (!r->bad && str_long(text, name, &value, r->err) != ERR_OK)
        r->bad = true;
    return value;
}

/* A whole number in least..most. */
static int take_int(struct row *r, const char *name, long long least,
                    long long most)
{
    long long value = take_whole(r, name);

    if (!r->bad && (value < least || value > most)) {
        r->bad = true;
        err_set(r->err, ERR_FORMAT, "%s is %lld, not in %lld to %lld", name,
                value, least, most);
    }
    return r->bad ? (int)least : (int)value;
}

#define INT_MOST 2147483647LL

static void read_version(struct bench *b, struct row *r, struct state_read *out)
{
    (void)b;
    (void)out;
    take_int(r, "version", 1, 1);
}

static void read_kept(struct bench *b, struct row *r, struct state_read *out)
{
    out->journal = take_whole(r, "journal");
    out->curve = take_whole(r, "curve");
    b->session->commands = (unsigned long)take_whole(r, "commands");
}

static void read_set(struct bench *b, struct row *r, struct state_read *out)
{
    struct arg_value v;
    int i, id;

    (void)out;
    for (i = 0; i < r->args.pair_count; i++) {
        if (settings_need(r->args.name[i], &id, r->err) != ERR_OK ||
            arg_read(&setting_rows[id].arg, r->args.value[i], &v, r->err) !=
                ERR_OK) {
            r->bad = true;
            return;
        }
        if (id == SET_threads)
            continue;
        if (setting_rows[id].arg.type != ARG_WORD)
            v.text = NULL;
        b->set.value[id] = v;
    }
}

static void read_data(struct bench *b, struct row *r, struct state_read *out)
{
    struct seen_data d;

    d.path = mem_strdup(take_text(r, "path"));
    d.validation = take_int(r, "validation", 1, INT_MOST);
    d.seed = (uint64_t)take_whole(r, "seed");
    if (take_int(r, "open", 0, 1) != 0) {
        mem_free(out->data);
        out->data = mem_strdup(d.path);
        out->validation = d.validation;
        out->data_seed = d.seed;
    }
    b->seen = mem_grow(b->seen, (size_t)b->seen_count + 1, sizeof(b->seen[0]));
    b->seen[b->seen_count++] = d;
}

static void read_thresholds(struct stage *s, const char *text)
{
    char *end;
    size_t n = 1;
    const char *p;

    mem_free(s->threshold);
    for (p = text; *p != '\0'; p++)
        n += *p == ',';
    s->threshold = mem_array(n, sizeof(s->threshold[0]));
    s->threshold_count = 0;
    for (p = text; s->threshold_count < (int)n; p = end + 1) {
        s->threshold[s->threshold_count++] = strtof(p, &end);
        if (*end != ',')
            break;
    }
}

static void read_exits(struct row *r, const char *name, struct score *s)
{
    const char *p = args_value(&r->args, name);
    char *end;

    for (; p != NULL && s->exits < NET_OUTPUT_MAX; p = end + 1) {
        s->exit_hits[s->exits++] = (int)strtol(p, &end, 10);
        if (*end != ',')
            break;
    }
}

static void read_size(struct row *r, struct size_count *size)
{
    size->prunable = take_whole(r, "prunable");
    size->alive = take_whole(r, "alive");
    size->params = take_whole(r, "params");
    size->params_alive = take_whole(r, "params_alive");
    size->statistics = take_whole(r, "statistics");
    size->macs = take_number(r, "macs");
    size->macs_alive = take_number(r, "macs_alive");
}

static void read_stage(struct bench *b, struct row *r, struct state_read *out)
{
    struct stages *h = b->history;
    int parent = take_int(r, "parent", -1, h->count - 1);
    const char *text = take_text(r, "text"), *more;
    struct stage *s;

    (void)out;
    take_int(r, "id", h->count, h->count);
    if (r->bad)
        return;
    s = stages_add(h, parent, text, NULL);
    more = args_value(&r->args, "branch");
    mem_free(s->branch);
    s->branch = more == NULL ? NULL : mem_strdup(more);
    s->last_child = take_int(r, "redo", -1, INT_MOST);
    s->step = (uint64_t)take_whole(r, "step");
    s->prunes = take_int(r, "prunes", 0, INT_MOST);
    s->stopped = (uint64_t)take_whole(r, "stopped");
    s->data = take_int(r, "data", -1, b->seen_count - 1);
    s->after.n = take_int(r, "n", 0, INT_MOST);
    s->after.hits = take_int(r, "hits", 0, s->after.n);
    s->after.loss = take_number(r, "loss");
    s->before.n = take_int(r, "before_n", 0, INT_MOST);
    s->before.hits = take_int(r, "before_hits", 0, s->before.n);
    s->before.loss = take_number(r, "before_loss");
    read_exits(r, "exits", &s->after);
    read_exits(r, "before_exits", &s->before);
    read_size(r, &s->size);
    if (args_value(&r->args, "packed") != NULL) /* sessions before lack it */
        s->packed = take_whole(r, "packed");
    s->file_bytes = take_whole(r, "bytes");
    /* Filled from the curve by the caller. */
    s->point_count = take_int(r, "points", 0, INT_MOST);
    more = args_value(&r->args, "thresholds");
    if (more != NULL)
        read_thresholds(s, more);
}

static void read_mark(struct bench *b, struct row *r, struct state_read *out)
{
    const char *name = take_text(r, "name");
    int stage = take_int(r, "stage", 0, b->history->count - 1);

    (void)out;
    if (!r->bad)
        stages_mark(b->history, name, stage);
}

static void read_next(struct bench *b, struct row *r, struct state_read *out)
{
    (void)out;
    mem_free(b->history->next_branch);
    b->history->next_branch = mem_strdup(take_text(r, "branch"));
}

static void read_test(struct bench *b, struct row *r, struct state_read *out)
{
    (void)out;
    b->test.count = take_int(r, "count", 0, INT_MOST);
    b->test.stage = take_int(r, "stage", -1, INT_MOST);
    b->test.score.n = take_int(r, "n", 0, INT_MOST);
    b->test.score.hits = take_int(r, "hits", 0, b->test.score.n);
    b->test.score.loss = take_number(r, "loss");
}

static void read_exit_rule(struct bench *b, struct row *r,
                           struct state_read *out)
{
    const char *by = take_text(r, "by");
    const char *threshold = take_text(r, "threshold");
    const char *temperature = take_text(r, "temperature");
    int made_for = take_int(r, "for", 0, EXIT_MAX);

    (void)out;
    if (!r->bad && exits_read_rule(b, by, threshold, temperature, made_for,
                                   r->err) != ERR_OK)
        r->bad = true;
}

static void read_at(struct bench *b, struct row *r, struct state_read *out)
{
    out->current = take_int(r, "stage", -1, b->history->count - 1);
}

static void read_running(struct bench *b, struct row *r, struct state_read *out)
{
    struct position *at = &b->at_start;

    str_clear(&out->pending);
    str_add(&out->pending, take_text(r, "line"));
    at->round = take_int(r, "round", 0, INT_MOST);
    at->before = (uint64_t)take_whole(r, "before");
    at->from = take_number(r, "from");
    at->first = take_int(r, "first", -1, b->history->count - 1);
    at->step = 0;
    out->interrupted = true;
}

static void read_then(struct bench *b, struct row *r, struct state_read *out)
{
    (void)b;
    str_addf(&out->pending, "%s%s", out->pending.len > 0 ? "\n" : "",
             take_text(r, "line"));
}

static const struct {
    const char *word;
    void (*read)(struct bench *b, struct row *r, struct state_read *out);
} readers[] = {
    {"espalier-state", read_version},
    {"kept", read_kept},
    {"set", read_set},
    {"data", read_data},
    {"stage", read_stage},
    {"mark", read_mark},
    {"next", read_next},
    {"test", read_test},
    {"exits", read_exit_rule},
    {"at", read_at},
    {"running", read_running},
    {"then", read_then},
};

static enum err_code read_row(struct bench *b, const char *line,
                              struct state_read *out, bool *end,
                              struct err *err)
{
    struct row r = {.err = err};
    size_t i;

    if (args_parse(line, &r.args, err) != ERR_OK)
        return err->code;
    *end = r.args.word_count == 1 && strcmp(r.args.word[0], "end") == 0;
    if (r.args.word_count != 1)
        r.bad = true;
    for (i = 0; !*end && i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (!r.bad && strcmp(readers[i].word, r.args.word[0]) == 0)
            break;
    }
    if (r.bad || (!*end && i == sizeof(readers) / sizeof(readers[0]))) {
        r.bad = true;
        err_set(err, ERR_FORMAT, "a row that is not known: %.80s", line);
    } else if (!*end) {
        readers[i].read(b, &r, out);
    }
    args_done(&r.args);
    return r.bad ? err->code : ERR_OK;
}

enum err_code state_parse(struct bench *b, const char *text,
                          struct state_read *out, struct err *err)
{
    struct state_read s = {.current = -1};
    struct str line = {0};
    bool end = false;
    enum err_code code = ERR_OK;
    int number = 0;

    while (code == ERR_OK && !end && *text != '\0') {
        size_t n = strcspn(text, "\n");

        str_clear(&line);
        str_add_bytes(&line, text, n);
        text += n + (text[n] == '\n');
        code = read_row(b, line.text, &s, &end, err);
        number++;
    }
    str_done(&line);
    if (code == ERR_OK && !end)
        code = err_set(err, ERR_FORMAT, "the last row is missing");
    if (code != ERR_OK) {
        err_context(err, "state, line %d", number);
        state_read_done(&s);
        return code;
    }
    *out = s;
    return ERR_OK;
}

void state_read_done(struct state_read *s)
{
    mem_free(s->data);
    str_done(&s->pending);
    *s = (struct state_read){0};
}
