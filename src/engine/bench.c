#include "engine/bench.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "compress/mask.h"
#include "compress/pack.h"
#include "compress/share.h"
#include "engine/engine.h"
#include "engine/exits.h"
#include "engine/lesson.h"
#include "engine/session.h"
#include "engine/sheets.h"

#define COUNTED_MOST 4000000 /* values of a net that is packed unasked */

struct bench *bench_new(const struct engine_options *o, struct job *job,
                        struct board *board, struct err *err)
{
    struct bench *b = mem_zalloc(sizeof(*b));

    b->data_dir = o->data_dir;
    b->views = o->views;
    b->job = job;
    b->board = board;
    b->json = o->json;
    b->json_arg = o->arg;
    b->log = transcript_new(o->say, o->arg);
    b->set = settings_usual();
    b->set.value[SET_seed].number = (double)o->seed;
    b->set.value[SET_threads].number = o->threads > 0 ? o->threads : 0;
    b->history = stages_new();
    if (o->hold > 0)
        b->history->limit = o->hold;
    b->data_number = -1;
    b->test.stage = -1;
    b->line = "";
    b->sheets = sheets_new();
    b->exits = exits_new();
    b->pool = pool_new(o->threads, err);
    if (b->pool == NULL) {
        bench_free(b);
        return NULL;
    }
    return b;
}

void bench_free(struct bench *b)
{
    int i;

    if (b == NULL)
        return;
    lesson_free(b->lesson);
    session_close(b->session);
    sheets_free(b->sheets);
    exits_free(b->exits);
    evaluator_free(b->evaluator);
    net_free(b->net);
    dataset_free(b->data);
    stages_free(b->history);
    transcript_free(b->log);
    pool_free(b->pool);
    for (i = 0; i < b->seen_count; i++)
        mem_free(b->seen[i].path);
    mem_free(b->seen);
    str_done(&b->record);
    str_done(&b->results);
    str_done(&b->after);
    str_done(&b->at);
    mem_free(b->pending);
    mem_free(b);
}

void bench_say(struct bench *b, enum log_kind kind, const char *fmt, ...)
{
    struct str s = {0};
    va_list ap, again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    s.text = mem_alloc((size_t)n + 1);
    vsnprintf(s.text, (size_t)n + 1, fmt, again);
    va_end(again);
    transcript_add(b->log, kind, s.text);
    if (kind == LOG_RESULT)
        str_addf(&b->results, "%s\n", s.text);
    sheets_mark(b->sheets, SHEET_LOG);
    mem_free(s.text);
}

void bench_say_lines(struct bench *b, enum log_kind kind, const char *text)
{
    const char *end;

    for (; text != NULL && *text != '\0'; text = *end == '\0' ? end : end + 1) {
        end = text + strcspn(text, "\n");
        bench_say(b, kind, "%.*s", (int)(end - text), text);
    }
}

uint64_t bench_seed(const struct bench *b, uint64_t step)
{
    uint64_t seed = (uint64_t)settings_number(&b->set, SET_seed);
    uint64_t z = step * 0x9E3779B97F4A7C15u;

    /* The mixing of SplitMix64 (Steele, Lea, Flood 2014), so that no two
     * steps share a stream by accident; step 0 is the seed itself. */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return seed ^ z ^ (z >> 31);
}

void bench_touched(struct bench *b)
{
    stages_take_back(b->history);
    b->weights++;
    sheets_mark(b->sheets, SHEET_LAYERS);
}

void bench_count_leaks(struct bench *b)
{
    const char *where = NULL;
    long long leaks = b->net == NULL ? 0 : mask_leaks(b->net, &where);

    if (leaks > 0 && leaks > b->leaks)
        bench_say(b, LOG_ERROR,
                  "%lld pruned weights are not zero, first in \"%s\"", leaks,
                  where);
    b->leaks = leaks;
    leaks = b->net == NULL ? 0 : share_leaks(b->net, &where);
    if (leaks > 0)
        bench_say(b, LOG_ERROR,
                  "%lld quantised weights are none of their values, first in "
                  "\"%s\"",
                  leaks, where);
    b->leaks += leaks;
}

enum err_code bench_fit(const struct bench *b, struct err *err)
{
    char net[64], data[64];
    const struct node *last;

    if (b->net == NULL)
        return err_set(err, ERR_STATE, "no net is open; `net NAME` opens one");
    if (b->data == NULL)
        return err_set(err, ERR_STATE,
                       "no data are open; `data NAME` opens some");
    if (shape_count(&b->net->input) != shape_count(&b->data->shape))
        return err_set(err, ERR_SHAPE, "the net takes %s, the data are %s",
                       shape_text(&b->net->input, net, sizeof(net)),
                       shape_text(&b->data->shape, data, sizeof(data)));
    last = &b->net->node[b->net->output[b->net->output_count - 1]];
    if (shape_count(&last->out) != (size_t)b->data->classes)
        return err_set(err, ERR_SHAPE,
                       "the net tells %zu classes apart, the data have %d",
                       shape_count(&last->out), b->data->classes);
    return ERR_OK;
}

static void drop_evaluator(struct bench *b)
{
    evaluator_free(b->evaluator);
    b->evaluator = NULL;
}

enum err_code bench_evaluate(struct bench *b, const struct samples *s,
                             const int32_t *row, int n, struct evaluation *out,
                             struct eval_details *more, struct err *err)
{
    struct progress progress = bench_progress(b);

    if (bench_fit(b, err) != ERR_OK)
        return err->code;
    if (b->evaluator == NULL) {
        b->evaluator = evaluator_new(b->net, b->data, b->pool, err);
        if (b->evaluator == NULL)
            return err->code;
    }
    return evaluator_run(b->evaluator, s, row, n, out, more, &progress, err);
}

enum err_code bench_score(struct bench *b, struct score *out, struct err *err)
{
    struct evaluation e;

    if (bench_fit(b, err) != ERR_OK)
        return err->code;
    if (bench_evaluate(b, &b->data->train, b->data->validation,
                       b->data->validation_count, &e, NULL, err) != ERR_OK)
        return err->code;
    *out = score_of(&e);
    return ERR_OK;
}

/* Scores the current stage if it has no score of the open data.  What cannot
 * be scored stays unknown, which the screen shows. */
static void score_current(struct bench *b)
{
    struct stage *s = stages_current(b->history);
    struct err ignored;

    if (s == NULL || b->data == NULL ||
        (s->data == b->data_number && s->after.n > 0))
        return;
    if (s->data != b->data_number) {
        s->data = b->data_number;
        s->before = s->after = (struct score){0};
    }
    if (bench_score(b, &s->after, &ignored) != ERR_OK)
        s->after = (struct score){0};
    sheets_mark(b->sheets, SHEET_HISTORY);
}

/* There is no room for two: the working net goes before the other comes, and
 * comes back when that cannot be read. */
static enum err_code change_large(struct bench *b, int id, struct err *err)
{
    struct progress progress = bench_progress(b);
    struct err again;
    int old = b->history->current;

    if (b->history->lent != NULL && b->history->lent_to == id)
        return ERR_OK;
    drop_evaluator(b);
    net_free(b->net);
    b->net = NULL;
    if (stages_load(b->history, id, &b->net, &progress, err) == ERR_OK)
        return ERR_OK;
    progress.cancel = NULL;
    if (old >= 0 && old != id &&
        stages_load(b->history, old, &b->net, &progress, &again) != ERR_OK)
        bench_say(b, LOG_ERROR, "the net is lost: %s", again.msg);
    return err->code;
}

static enum err_code change_net(struct bench *b, int id, struct err *err)
{
    const struct net *net;
    struct net *clone;

    if (stages_is_large_at(b->history, id))
        return change_large(b, id, err);
    if (stages_net(b->history, id, &net, err) != ERR_OK)
        return err->code;
    if (b->net != NULL && net_same_graph(b->net, net)) {
        if (net_copy_state(b->net, net, err) != ERR_OK)
            return err->code;
        if (net_copy_settings(b->net, net))
            drop_evaluator(b);
        return ERR_OK;
    }
    clone = net_clone(net, err);
    if (clone == NULL)
        return err->code;
    drop_evaluator(b);
    net_free(b->net);
    b->net = clone;
    return ERR_OK;
}

enum err_code bench_go(struct bench *b, int id, struct err *err)
{
    if (change_net(b, id, err) != ERR_OK)
        return err->code;
    stages_go(b->history, id);
    bench_touched(b);
    bench_count_leaks(b);
    score_current(b);
    sheets_mark_all(b->sheets);
    return ERR_OK;
}

void bench_restore(struct bench *b)
{
    struct err err;

    if (b->history->current >= 0 &&
        bench_go(b, b->history->current, &err) != ERR_OK)
        bench_say(b, LOG_ERROR, "going back to stage %d: %s",
                  b->history->current, err.msg);
}

/* A new stage of the tree for the working net, with a copy of it unless it is
 * large.  NULL on failure. */
static struct stage *add_stage(struct bench *b, struct net *net, int parent,
                               const char *text, struct err *err)
{
    struct progress progress = bench_progress(b);
    struct net *clone;

    if (stages_is_large(b->history, net)) {
        net_drop_training(net);
        return stages_add_large(b->history, parent, text, net, &progress, err);
    }
    clone = net_clone(net, err);
    if (clone == NULL)
        return NULL;
    net_drop_training(clone);
    return stages_add(b->history, parent, text, clone);
}

bool bench_counts(const struct bench *b)
{
    struct size_count size;

    size_of_net(b->net, &size);
    return size.params + size.statistics <= COUNTED_MOST &&
           !stages_is_large(b->history, b->net);
}

/* Its bytes as a file. */
static void count_packed(const struct bench *b, struct stage *s)
{
    struct bytes file = {0};
    struct err err;

    if (bench_counts(b) &&
        pack_write(b->net, PACK_BEST, &file, NULL, NULL, &err) == ERR_OK)
        s->packed = (int64_t)file.len;
    bytes_done(&file);
}

struct stage *bench_stage(struct bench *b, const char *text, struct err *err)
{
    struct stage *s;

    bench_touched(b);
    s = add_stage(b, b->net, b->history->current, text, err);
    if (s == NULL)
        return NULL;
    s->data = b->data_number;
    count_packed(b, s);
    stages_go(b->history, s->id);
    bench_count_leaks(b);
    sheets_mark_all(b->sheets);
    return s;
}

/* Thresholds of the nodes of `from` to those of the same name in `to`. */
static void move_thresholds(struct stage *s, const struct net *from,
                            const struct net *to)
{
    size_t count = (size_t)to->node_count;
    float *moved = mem_array(count, sizeof(*moved));
    int i, was;

    for (i = 0; i < to->node_count; i++) {
        was = net_find(from, to->node[i].name);
        if (was >= 0 && was < s->threshold_count)
            moved[i] = s->threshold[was];
    }
    mem_free(s->threshold);
    s->threshold = moved;
    s->threshold_count = to->node_count;
}

struct stage *bench_change_net(struct bench *b, struct net *net,
                               const char *text, struct err *err)
{
    struct net *old = b->net;
    struct stage *s;

    drop_evaluator(b);
    b->net = net;
    s = bench_stage(b, text, err);
    if (s == NULL) {
        b->net = old;
        net_free(net);
        return NULL;
    }
    move_thresholds(s, old, net);
    net_free(old);
    return s;
}

enum err_code bench_open_net(struct bench *b, struct net *net, const char *text,
                             struct err *err)
{
    struct stage *s;

    bench_touched(b);
    s = add_stage(b, net, -1, text, err);
    if (s == NULL) {
        net_free(net);
        return err->code;
    }
    drop_evaluator(b);
    net_free(b->net);
    b->net = net;
    s->threshold_count = net->node_count;
    s->threshold = mem_array((size_t)net->node_count, sizeof(s->threshold[0]));
    s->data = b->data_number;
    count_packed(b, s);
    stages_go(b->history, s->id);
    bench_count_leaks(b);
    score_current(b);
    sheets_mark_all(b->sheets);
    return ERR_OK;
}

static int number_data(struct bench *b, const char *path, int validation)
{
    uint64_t seed = (uint64_t)settings_number(&b->set, SET_seed);
    struct seen_data *d;
    int i;

    for (i = 0; i < b->seen_count; i++) {
        d = &b->seen[i];
        if (strcmp(d->path, path) == 0 && d->validation == validation &&
            d->seed == seed)
            return i;
    }
    b->seen = mem_grow(b->seen, (size_t)i + 1, sizeof(b->seen[0]));
    b->seen[i] = (struct seen_data){mem_strdup(path), validation, seed};
    b->seen_count++;
    return i;
}

enum err_code bench_open_data(struct bench *b, struct dataset *data,
                              int validation, struct err *err)
{
    uint64_t seed = (uint64_t)settings_number(&b->set, SET_seed);

    /* A validation set of the file's own stays as it is. */
    if (data->validation_count == 0 &&
        dataset_split(data, validation, seed, err) != ERR_OK) {
        dataset_free(data);
        return err->code;
    }
    drop_evaluator(b);
    dataset_free(b->data);
    b->data = data;
    b->data_number = number_data(b, data->path, validation);
    bench_touched(b);
    score_current(b);
    sheets_mark_all(b->sheets);
    return ERR_OK;
}

bool bench_find_file(const struct bench *b, const char *name, struct str *out)
{
    static const char *const kinds[] = {"h5", "pack"};
    size_t i;

    str_clear(out);
    str_add(out, name);
    if (access(name, R_OK) == 0)
        return true;
    if (b->data_dir == NULL || strchr(name, '/') != NULL)
        return false;
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        str_clear(out);
        str_addf(out, "%s/%s.%s", b->data_dir, name, kinds[i]);
        if (access(out->text, R_OK) == 0)
            return true;
    }
    str_clear(out);
    str_add(out, name);
    return false;
}

void bench_say_stage(struct bench *b, const struct stage *s)
{
    const struct stage *parent = stages_at(b->history, s->parent);
    struct str line = {0};
    char alive[32], all[32];

    str_addf(&line, "stage %d", s->id);
    if (s->after.n > 0) {
        double accuracy = score_accuracy(&s->after);

        str_addf(&line, "  accuracy %.2f %%", accuracy * 100);
        if (parent != NULL && parent->after.n > 0 && parent->data == s->data)
            str_addf(&line, " (%+.2f)",
                     (accuracy - score_accuracy(&parent->after)) * 100);
        if (s->before.n > 0)
            str_addf(&line, "  before fine-tuning %.2f %%",
                     score_accuracy(&s->before) * 100);
    }
    if (s->after.exits > 1) {
        int o;

        str_add(&line, "  exits");
        for (o = 0; o < s->after.exits; o++)
            str_addf(&line, " %.2f", score_exit(&s->after, o) * 100);
        str_add(&line, " %");
    }
    str_addf(&line, "  sparsity %.2f %%  alive %s of %s",
             size_sparsity(&s->size) * 100,
             str_commas(s->size.alive, alive, sizeof(alive)),
             str_commas(s->size.prunable, all, sizeof(all)));
    bench_say(b, LOG_RESULT, "%s", line.text);
    str_done(&line);
}
