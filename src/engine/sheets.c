#include "engine/sheets.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/lesson.h"
#include "engine/recipe.h"
#include "engine/session.h"
#include "net/fake.h"

/* A wish is served again when this many times its cost has passed. */
#define COST_SHARE   12.0
#define LEAST_PERIOD 0.2

/* A sheet that only a wish makes. */
struct service {
    uint64_t weights; /* of the net it shows */
    unsigned long wish;
    double when, cost;
};

struct sheets {
    bool stale[SHEET_COUNT];
    double published;
    double share;
    char show[16];
    unsigned long show_count;
    struct service layer, book, data, exits;
    struct guesses *guesses;
};

struct sheets *sheets_new(void)
{
    struct sheets *s = mem_zalloc(sizeof(*s));

    s->share = -1;
    s->guesses = guesses_new();
    return s;
}

void sheets_free(struct sheets *s)
{
    if (s == NULL)
        return;
    guesses_free(s->guesses);
    mem_free(s);
}

void sheets_mark(struct sheets *s, enum sheet_kind kind)
{
    s->stale[kind] = true;
}

void sheets_mark_all(struct sheets *s)
{
    sheets_mark(s, SHEET_LAYERS);
    sheets_mark(s, SHEET_CURVE);
    sheets_mark(s, SHEET_HISTORY);
}

void sheets_show(struct bench *b, const char *view)
{
    snprintf(b->sheets->show, sizeof(b->sheets->show), "%s", view);
    b->sheets->show_count++;
}

void sheets_show_log(struct bench *b)
{
    sheets_show(b, "log answer");
}

void sheets_keep_test(struct bench *b, const int32_t *guess,
                      const float *confidence, int n)
{
    guesses_keep(b->sheets->guesses, "test", b->weights, guess, confidence, n);
}

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from == NULL ? "" : from);
}

/* Status. */

static void fill_running(const struct bench *b, struct status_sheet *s)
{
    const struct running *r = b->running;
    double rounds = r->recipe->rounds, total = (double)r->total;
    double done = r->at.round, seconds = clock_now() - r->since, part = 0;
    uint64_t steps = r->at.step - r->since_step;

    copy(s->phase, sizeof(s->phase), r->phase);
    s->loss = r->loss;
    s->lr = r->lr;
    s->step += r->at.step;
    s->eta_seconds = -1;
    if (r->recipe->trains)
        part = total > 0 ? (double)r->at.step / total : 0;
    else if (s->progress > 0)
        part = s->progress; /* of the phase */
    s->progress = (done + part) / rounds;
    if (r->trainer == NULL || steps == 0 || seconds <= 0)
        return;
    s->samples_per_second = (double)steps * r->recipe->train.batch / seconds;
    s->eta_seconds = (total * (rounds - done) - (double)r->at.step) * seconds /
                     (double)steps;
}

static double dense_accuracy(const struct bench *b)
{
    int id = stages_dense(b->history, b->history->current);
    const struct stage *s = stages_at(b->history, id);

    return s != NULL && s->data == b->data_number ? score_accuracy(&s->after)
                                                  : -1;
}

/* The newest accuracy of a stage on its way, else that after pruning. */
static double running_accuracy(const struct running *r)
{
    int i;

    for (i = r->point_count - 1; i >= 0; i--) {
        if (r->point[i].accuracy >= 0)
            return r->point[i].accuracy;
    }
    return score_accuracy(&r->before);
}

static void fill_accuracy(const struct bench *b, const struct stage *stage,
                          struct status_sheet *s)
{
    const struct stage *parent = stages_at(b->history, stage->parent);
    const struct stage *base = parent;
    int n = stage->after.n;

    s->accuracy =
        stage->data == b->data_number ? score_accuracy(&stage->after) : -1;
    if (b->running != NULL && running_accuracy(b->running) >= 0) {
        s->accuracy = running_accuracy(b->running);
        base = stage;
    }
    s->accuracy_change = NAN;
    s->accuracy_low = s->accuracy_high = -1;
    if (s->accuracy < 0)
        return;
    if (b->data != NULL)
        n = b->data->validation_count;
    eval_wilson((int)lround(s->accuracy * n), n, &s->accuracy_low,
                &s->accuracy_high);
    if (base != NULL && base->after.n > 0 && base->data == b->data_number)
        s->accuracy_change = s->accuracy - score_accuracy(&base->after);
}

static void fill_net(const struct bench *b, struct status_sheet *s)
{
    const struct stage *stage = stages_current(b->history);
    struct size_count size;

    size_of_net(b->net, &size);
    s->has_net = true;
    copy(s->net, sizeof(s->net), b->net->name);
    s->stage = stage->id;
    copy(s->stage_text, sizeof(s->stage_text), stage->text);
    s->step = stage->step;
    s->sparsity = size_sparsity(&size);
    s->weights = size.prunable;
    s->weights_alive = size.alive;
    s->packed = stage->packed > 0 ? (double)stage->packed : -1;
    s->dense_bytes = (double)(size.params + size.statistics) * sizeof(float);
    s->macs = size.macs;
    s->macs_alive = size.macs_alive;
    s->leaks = b->leaks;
    fill_accuracy(b, stage, s);
    s->loss = stage->after.n > 0 ? stage->after.loss : (double)NAN;
    s->lr = settings_number(&b->set, SET_lr);
}

static void fill_job(struct bench *b, struct status_sheet *s)
{
    bool busy = b->line[0] != '\0';
    bool stopping = atomic_load(job_cancel_flag(b->job));

    s->job = !busy                ? JOB_IDLE
             : stopping           ? JOB_STOPPING
             : job_paused(b->job) ? JOB_PAUSED
                                  : JOB_RUNNING;
    copy(s->job_text, sizeof(s->job_text), b->line);
    s->waiting = job_waiting(b->job, s->waits_first, s->waits_last,
                             sizeof(s->waits_first));
    s->progress = b->sheets->share;
    s->eta_seconds = -1;
    if (b->running != NULL)
        fill_running(b, s);
}

static void publish_status(struct bench *b)
{
    struct status_sheet *s = sheet_new(SHEET_STATUS);

    s->stage = -1;
    s->accuracy = s->accuracy_low = s->accuracy_high = -1;
    s->accuracy_change = NAN;
    s->packed = s->dense_bytes = -1;
    s->loss = NAN;
    s->dense_accuracy = dense_accuracy(b);
    if (b->net != NULL)
        fill_net(b, s);
    fill_job(b, s);
    s->has_data = b->data != NULL;
    if (b->data != NULL)
        copy(s->data, sizeof(s->data), b->data->name);
    s->threads = pool_threads(b->pool);
    s->seed = (uint64_t)settings_number(&b->set, SET_seed);
    copy(s->session, sizeof(s->session), session_folder(b->session));
    s->test_read = b->test.count > 0;
    s->test_accuracy = b->test.stage == s->stage && s->has_net
                           ? score_accuracy(&b->test.score)
                           : -1;
    lesson_show(b->lesson, s);
    copy(s->show, sizeof(s->show), b->sheets->show);
    s->show_count = b->sheets->show_count;
    s->quit = b->quit;
    board_publish(b->board, s);
}

/* Layers. */

static void fill_row(struct bench *b, int node, struct layer_row *row)
{
    const struct node *n = &b->net->node[node];
    const struct stage *stage = stages_current(b->history);
    struct size_count size;
    int i;

    size_of_node(b->net, node, &size);
    copy(row->name, sizeof(row->name), n->name);
    copy(row->kind, sizeof(row->kind), n->kind->name);
    shape_text(&n->out, row->shape, sizeof(row->shape));
    for (i = 0; i < n->param_count; i++) {
        if (!n->param[i].def.prunable)
            continue;
        shape_text(&n->param[i].def.shape, row->kernel, sizeof(row->kernel));
        row->bits = param_bits(&n->param[i]);
    }
    if (fake_is(n)) {
        struct fake f = fake_of(n, n->in[0]);

        row->bits = f.config.bits;
        snprintf(row->range, sizeof(row->range), "%.3g..%.3g%s", (double)f.low,
                 (double)f.high, f.config.freeze ? " fixed" : "");
    }
    row->weights = size.prunable;
    row->alive = size.alive;
    row->params = size.params;
    row->bytes = (double)(size.params + size.statistics) * sizeof(float);
    row->macs = size.macs;
    row->density =
        size.prunable > 0 ? (double)size.alive / (double)size.prunable : 1.0;
    if (node < stage->threshold_count)
        row->threshold = (double)stage->threshold[node];
    if (b->running != NULL)
        row->threshold =
            fmax(row->threshold, (double)b->running->threshold[node]);
}

static void add_row(const struct layer_row *row, struct layer_row *total)
{
    total->weights += row->weights;
    total->alive += row->alive;
    total->params += row->params;
    total->bytes += row->bytes;
    total->macs += row->macs;
}

static void publish_layers(struct bench *b)
{
    struct layers_sheet *s = sheet_new(SHEET_LAYERS);
    struct layer_row *rows;
    int i;

    if (b->net == NULL) {
        board_publish(b->board, s);
        return;
    }
    rows = sheet_array(s, (size_t)b->net->node_count, sizeof(rows[0]));
    for (i = 0; i < b->net->node_count; i++) {
        const struct node *n = &b->net->node[i];

        if (n->folded && s->count > 0) {
            size_t used = strlen(rows[s->count - 1].kind);

            snprintf(rows[s->count - 1].kind + used, NAME_SIZE - used, " %s",
                     n->kind->name);
            continue;
        }
        fill_row(b, i, &rows[s->count]);
        add_row(&rows[s->count++], &s->total);
    }
    for (i = 0; i < s->count && s->total.macs > 0; i++)
        rows[i].macs_share = rows[i].macs / s->total.macs;
    s->total.macs_share = 1;
    s->total.density = s->total.weights > 0
                           ? (double)s->total.alive / (double)s->total.weights
                           : 1.0;
    copy(s->total.name, sizeof(s->total.name), "total");
    s->row = rows;
    board_publish(b->board, s);
}

/* Curve. */

struct course {
    struct curve_point *point;
    struct curve_event *event;
    int points, events;
};

static void add_course(struct course *c, double step, double loss,
                       double accuracy)
{
    c->point[c->points++] = (struct curve_point){step, loss, accuracy};
}

static void add_event(struct course *c, double step, double share,
                      double sparsity)
{
    struct curve_event *e = &c->event[c->events++];

    e->step = step;
    e->sparsity = sparsity;
    snprintf(e->label, sizeof(e->label), "-%.3g%%", share * 100);
}

static double accuracy_or_nan(const struct bench *b, const struct stage *s,
                              const struct score *score)
{
    return s->data == b->data_number && score->n > 0 ? score_accuracy(score)
                                                     : (double)NAN;
}

/* Pruning shows as an event, and as a point at the step where it was done. */
static void add_stage(const struct bench *b, const struct stage *s,
                      struct course *c)
{
    const struct stage *parent = stages_at(b->history, s->parent);
    int i;

    if (parent == NULL) {
        add_course(c, (double)s->step, NAN, accuracy_or_nan(b, s, &s->after));
        return;
    }
    if (s->prunes > parent->prunes)
        add_event(c, (double)parent->step,
                  1.0 - (double)s->size.alive /
                            fmax(1, (double)parent->size.alive),
                  size_sparsity(&s->size));
    if (s->before.n > 0)
        add_course(c, (double)parent->step, NAN,
                   accuracy_or_nan(b, s, &s->before));
    for (i = 0; i < s->point_count; i++)
        c->point[c->points++] = s->point[i];
    if (s->point_count == 0)
        add_course(c, (double)s->step, NAN, accuracy_or_nan(b, s, &s->after));
}

static void add_running(const struct bench *b, struct course *c)
{
    const struct stage *s = stages_current(b->history);
    const struct running *r = b->running;
    struct size_count size;
    int i;

    if (r->removed > 0) {
        size_of_net(b->net, &size);
        add_event(c, (double)s->step,
                  r->removed / fmax(1, (double)s->size.alive),
                  size_sparsity(&size));
    }
    if (r->before.n > 0)
        add_course(c, (double)s->step, NAN, score_accuracy(&r->before));
    for (i = 0; i < r->point_count; i++)
        c->point[c->points++] = r->point[i];
}

static void publish_curve(struct bench *b)
{
    struct curve_sheet *s = sheet_new(SHEET_CURVE);
    const struct stages *h = b->history;
    struct course c = {0};
    size_t points = 2, depth = 1;
    int *path, id, n = 0;

    for (id = h->current; id >= 0; id = h->stage[id]->parent) {
        points += (size_t)h->stage[id]->point_count + 2;
        depth++;
    }
    if (b->running != NULL)
        points += (size_t)b->running->point_count;
    c.point = sheet_array(s, points, sizeof(c.point[0]));
    c.event = sheet_array(s, depth, sizeof(c.event[0]));
    path = mem_array(depth, sizeof(path[0]));
    for (id = h->current; id >= 0; id = h->stage[id]->parent)
        path[n++] = id;
    while (n > 0)
        add_stage(b, h->stage[path[--n]], &c);
    mem_free(path);
    if (b->running != NULL)
        add_running(b, &c);
    s->count = c.points;
    s->point = c.point;
    s->event_count = c.events;
    s->event = c.event;
    s->dense_accuracy = dense_accuracy(b);
    if (b->data != NULL)
        s->steps_per_epoch =
            b->data->fit_count / settings_number(&b->set, SET_batch);
    board_publish(b->board, s);
}

/* Publishing. */

static bool is_due(const struct service *s, const struct bench *b,
                   unsigned long wish, bool now)
{
    double period = fmax(LEAST_PERIOD, s->cost * COST_SHARE);

    if (s->wish != wish)
        return true;
    if (s->weights == b->weights)
        return false;
    return now || clock_now() - s->when >= period;
}

static void served(struct service *s, const struct bench *b, unsigned long wish,
                   double start)
{
    s->weights = b->weights;
    s->wish = wish;
    s->when = clock_now();
    s->cost = s->when - start;
}

static void serve_wishes(struct bench *b, bool now)
{
    struct sheets *s = b->sheets;
    struct board_wish wish;
    unsigned long serial = board_get_wish(b->board, &wish);
    double start = clock_now();
    struct err err;
    void *sheet;

    if (wish.want_layer && b->net != NULL &&
        is_due(&s->layer, b, serial, now)) {
        sheet = sheets_layer(b, &wish);
        if (sheet != NULL)
            board_publish(b->board, sheet);
        served(&s->layer, b, serial, start);
    }
    start = clock_now();
    if (wish.want_book && b->net != NULL && is_due(&s->book, b, serial, now)) {
        sheet = sheets_book(b, &wish);
        if (sheet != NULL)
            board_publish(b->board, sheet);
        served(&s->book, b, serial, start);
    }
    start = clock_now();
    if (wish.want_exits && b->net != NULL && bench_fit(b, &err) == ERR_OK &&
        (s->stale[SHEET_EXITS] || is_due(&s->exits, b, serial, now))) {
        sheet = sheets_exits(b);
        if (sheet != NULL)
            board_publish(b->board, sheet);
        served(&s->exits, b, serial, start);
        s->stale[SHEET_EXITS] = false;
    }
    start = clock_now();
    if (wish.want_data && b->data != NULL && is_due(&s->data, b, serial, now)) {
        sheet = sheets_data(b, &wish, s->guesses);
        if (sheet != NULL)
            board_publish(b->board, sheet);
        served(&s->data, b, serial, start);
    }
}

static bool is_time(struct bench *b)
{
    double period = 1.0 / settings_number(&b->set, SET_fps);

    return clock_now() - b->sheets->published >= period;
}

void sheets_publish(struct bench *b, bool now)
{
    struct sheets *s = b->sheets;

    if (!now && !is_time(b))
        return;
    s->published = clock_now();
    if (s->stale[SHEET_LAYERS])
        publish_layers(b);
    if (s->stale[SHEET_CURVE])
        publish_curve(b);
    if (s->stale[SHEET_HISTORY])
        board_publish(b->board, stages_sheet(b->history, b->data_number));
    if (s->stale[SHEET_LOG])
        board_publish(b->board, transcript_sheet(b->log));
    serve_wishes(b, now);
    memset(s->stale, 0, sizeof(s->stale));
    s->share = -1;
    publish_status(b);
}

/* Wishes wait: serving them would use the evaluator that reports. */
void sheets_progress(struct bench *b, double share)
{
    b->sheets->share = share;
    if (is_time(b))
        sheets_progress_paused(b);
}

void sheets_progress_paused(struct bench *b)
{
    b->sheets->published = clock_now();
    publish_status(b);
}
