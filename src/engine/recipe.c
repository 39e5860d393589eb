#include "engine/recipe.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "engine/session.h"
#include "engine/sheets.h"

#define CHECKPOINT_SECONDS 10.0
#define POINTS_AN_EPOCH    40 /* of the loss curve */
#define LOOKS_AN_EPOCH     4  /* at the validation accuracy */

double clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t epoch_steps(const struct recipe *p, const struct dataset *data)
{
    uint64_t rows = (uint64_t)data->fit_count, batch = (uint64_t)p->train.batch;

    return (rows + batch - 1) / batch;
}

uint64_t recipe_round_steps(const struct recipe *p, const struct dataset *data)
{
    double steps;

    if (!p->trains)
        return 0;
    if (p->steps > 0)
        return p->steps;
    steps = round(p->epochs * (double)epoch_steps(p, data));
    return steps < 1.0 ? 1 : (uint64_t)steps;
}

static void start_round(struct bench *b, struct running *r)
{
    r->before = (struct score){0};
    r->removed = 0;
    r->loss = NAN;
    r->loss_sum = 0;
    r->loss_count = 0;
    r->point_count = 0;
    mem_free(r->point);
    r->point = NULL;
    mem_free(r->threshold);
    r->threshold =
        mem_array((size_t)b->net->node_count, sizeof(r->threshold[0]));
    if (!r->recipe->trains)
        return;
    r->total = recipe_round_steps(r->recipe, b->data);
    r->epoch = epoch_steps(r->recipe, b->data);
}

static bool stop_was_asked(const struct bench *b)
{
    return atomic_load(job_cancel_flag(b->job));
}

/* Has a stop of the command line come?  Stops count from where they are named
 * on: a command that is resumed or replayed meets them too. */
static bool stop_is_due(const struct running *r)
{
    const struct recipe *p = r->recipe;
    int i;

    for (i = 0; i < p->change_count; i++) {
        if (p->change[i].setting == CHANGE_STOP &&
            p->change[i].step <= r->at.before + r->at.step)
            return true;
    }
    return false;
}

static double *rate_of(struct optim_settings *rate, int setting)
{
    switch (setting) {
    case SET_momentum:
        return &rate->momentum;
    case SET_weight_decay:
        return &rate->weight_decay;
    case SET_beta1:
        return &rate->beta1;
    case SET_beta2:
        return &rate->beta2;
    case SET_epsilon:
        return &rate->epsilon;
    default:
        assert(setting == SET_lr);
        return &rate->lr;
    }
}

/* The rates after all changes up to here. */
static struct optim_settings rates_now(const struct running *r)
{
    const struct recipe *p = r->recipe;
    struct optim_settings rate = p->train.rate;
    int i;

    for (i = 0; i < p->change_count; i++) {
        const struct change *c = &p->change[i];

        if (c->setting != CHANGE_STOP && c->step <= r->at.before + r->at.step)
            *rate_of(&rate, c->setting) = c->number;
    }
    return rate;
}

/* Pruning. */

static bool layer_is_chosen(const struct recipe *p, const struct node *node)
{
    return p->layers == NULL || str_match(p->layers, node->name);
}

static double chosen_sparsity(const struct bench *b, const struct recipe *p)
{
    struct size_count sum = {0}, one;
    int i;

    for (i = 0; i < b->net->node_count; i++) {
        if (!layer_is_chosen(p, &b->net->node[i]))
            continue;
        size_of_node(b->net, i, &one);
        sum.prunable += one.prunable;
        sum.alive += one.alive;
    }
    return size_sparsity(&sum);
}

/* Prune, re-estimate, look at what that did. */
static enum err_code prune_phase(struct bench *b, struct running *r,
                                 struct err *err)
{
    const struct recipe *p = r->recipe;
    struct progress progress = bench_progress(b);

    if (p->prunes && recipe_prune(b, r, err) != ERR_OK)
        return err->code;
    if (p->reestimate > 0) {
        r->phase = "re-estimate";
        if (train_reestimate(b->net, b->data, p->train.batch, p->reestimate,
                             bench_seed(b, stages_current(b->history)->step),
                             b->pool, &progress, err) != ERR_OK)
            return err->code;
        bench_touched(b);
    }
    if (!p->prunes || !p->trains)
        return ERR_OK;
    r->phase = "evaluate";
    return bench_score(b, &r->before, err);
}

/* Training. */

static void add_point(struct bench *b, struct running *r, double accuracy)
{
    struct curve_point *p;

    r->point = mem_grow(r->point, (size_t)r->point_count + 1, sizeof(*p));
    p = &r->point[r->point_count++];
    p->step = (double)(stages_current(b->history)->step + r->at.step);
    p->loss = r->loss_count > 0 ? r->loss_sum / r->loss_count : (double)NAN;
    p->accuracy = accuracy >= 0 ? accuracy : (double)NAN;
    r->loss = p->loss;
    r->loss_sum = 0;
    r->loss_count = 0;
    sheets_mark(b->sheets, SHEET_CURVE);
}

static uint64_t every(uint64_t epoch, uint64_t times)
{
    return epoch < times ? 1 : (epoch + times - 1) / times;
}

/* Looks happen at steps that only the settings decide, and change nothing. */
static enum err_code look(struct bench *b, struct running *r, struct err *err)
{
    uint64_t looks = (uint64_t)settings_number(&b->set, SET_eval_every);
    uint64_t points = every(r->epoch, POINTS_AN_EPOCH);
    struct score score = {0};

    if (looks == 0)
        looks = every(r->epoch, LOOKS_AN_EPOCH);
    if (r->at.step == r->total)
        return ERR_OK;
    if (r->at.step % looks == 0) {
        bench_count_leaks(b);
        if (bench_score(b, &score, err) != ERR_OK)
            return err->code;
        add_point(b, r, score_accuracy(&score));
    } else if (r->at.step % points == 0) {
        add_point(b, r, NAN);
    }
    return ERR_OK;
}

static void checkpoint_when_due(struct bench *b, struct running *r)
{
    uint64_t steps = (uint64_t)settings_number(&b->set, SET_checkpoint_every);
    double now = clock_now();

    if (steps > 0 ? r->at.step % steps != 0
                  : now - r->checkpoint < CHECKPOINT_SECONDS)
        return;
    session_checkpoint(b);
    r->checkpoint = clock_now();
}

static enum err_code one_step(struct bench *b, struct running *r,
                              struct err *err)
{
    struct step_report report;
    struct optim_settings rate = rates_now(r);

    r->phase = r->recipe->finetunes ? "fine-tune" : "train";
    trainer_set(r->trainer, &rate);
    if (trainer_step(r->trainer, &report, err) != ERR_OK)
        return err->code;
    r->at.step = report.step;
    r->lr = report.lr;
    r->loss_sum += report.loss;
    r->loss_count++;
    if (isnan(r->loss))
        r->loss = report.loss;
    bench_touched(b);
    return ERR_OK;
}

/* A stop that was asked for becomes part of the command. */
static void note_stop(struct bench *b, struct running *r)
{
    recipe_change(b, CHANGE_STOP, 0);
    r->stop = r->asked = true;
    job_clear_cancel(b->job);
}

static enum err_code interrupted(struct bench *b, struct err *err)
{
    if (b->running->at.step > 0)
        session_checkpoint(b);
    return err_set(err, ERR_CANCELLED,
                   "interrupted; `espalier resume` goes on");
}

static enum err_code train_steps(struct bench *b, struct running *r,
                                 struct err *err)
{
    while (r->at.step < r->total) {
        enum err_code code = bench_boundary(b, err);

        if (job_quitting(b->job))
            return interrupted(b, err);
        if (code == ERR_CANCELLED && r->at.step == 0)
            return code;
        if (code == ERR_CANCELLED)
            note_stop(b, r);
        else if (code != ERR_OK)
            return code;
        if (r->at.step > 0 && stop_is_due(r)) {
            r->stop = true;
            return ERR_OK;
        }
        if (one_step(b, r, err) != ERR_OK)
            return err->code;
        code = look(b, r, err);
        if (code != ERR_OK && code != ERR_CANCELLED)
            return code;
        checkpoint_when_due(b, r);
    }
    return ERR_OK;
}

static enum err_code train_phase(struct bench *b, struct running *r,
                                 struct err *err)
{
    struct train_settings settings = r->recipe->train;
    enum err_code code;

    settings.total = r->total;
    settings.seed = bench_seed(b, stages_current(b->history)->step);
    if (r->at.step > 0 && !session_take_checkpoint(b))
        r->at.step = 0;
    r->trainer =
        trainer_new(b->net, b->data, &settings, r->at.step, b->pool, err);
    if (r->trainer == NULL)
        return err->code;
    r->checkpoint = r->since = clock_now();
    r->since_step = r->at.step;
    code = train_steps(b, r, err);
    trainer_free(r->trainer);
    r->trainer = NULL;
    if (code == ERR_OK)
        bench_count_leaks(b);
    return code;
}

/* Stages. */

static void describe(const struct running *r, struct str *out)
{
    const struct recipe *p = r->recipe;
    const struct prune_request *q = &p->prune;

    if (p->prunes) {
        str_add(out, "prune ");
        if (p->schedule != NULL)
            str_addf(out, "to %.4g%%",
                     sparsity_at(p->schedule, r->at.from, p->to,
                                 r->at.round + 1, p->rounds) *
                         100);
        else if (q->rule == PRUNE_STD)
            str_addf(out, "std %.4g", q->amount);
        else
            str_addf(out, "%s%.4g%%", q->rule == PRUNE_TO ? "to " : "",
                     q->amount * 100);
        if (strcmp(q->by->name, "magnitude") != 0)
            str_addf(out, " %s", q->by->name);
        if (p->layers != NULL)
            str_addf(out, " %s", p->layers);
    }
    if (!p->trains)
        return;
    str_addf(out, "%s%s ", p->prunes ? "  " : "",
             p->finetunes ? "finetune" : "train");
    if (p->steps > 0)
        str_addf(out, "%llu steps", (unsigned long long)p->steps);
    else
        str_addf(out, "%.4g epoch%s", p->epochs, p->epochs == 1 ? "" : "s");
    if (r->at.step < r->total)
        str_addf(out, "  stopped at step %llu", (unsigned long long)r->at.step);
}

static void fill_stage(struct bench *b, struct running *r, struct stage *s,
                       const struct score *after)
{
    int i;

    s->before = r->before;
    s->after = *after;
    s->step += r->at.step;
    s->prunes += r->recipe->prunes;
    s->stopped = r->recipe->trains && r->at.step < r->total ? r->at.step : 0;
    for (i = 0; i < s->threshold_count && i < b->net->node_count; i++)
        s->threshold[i] = fmaxf(s->threshold[i], r->threshold[i]);
    s->point = r->point;
    s->point_count = r->point_count;
    r->point = NULL;
    r->point_count = 0;
}

static enum err_code finish_round(struct bench *b, struct running *r,
                                  struct err *err)
{
    struct score after = {0};
    struct str text = {0};
    struct stage *s;

    r->phase = "evaluate";
    if (stop_was_asked(b) && !job_quitting(b->job))
        note_stop(b, r);
    /* Without data, or stopped again, the score stays unknown. */
    if (bench_score(b, &after, err) == ERR_CANCELLED && job_quitting(b->job))
        return interrupted(b, err);
    if (r->recipe->trains)
        add_point(b, r, score_accuracy(&after));
    describe(r, &text);
    r->phase = "keep";
    s = bench_stage(b, text.text, err);
    str_done(&text);
    if (s == NULL)
        return err->code;
    fill_stage(b, r, s, &after);
    bench_say_stage(b, s);
    if (r->at.first < 0)
        r->at.first = s->id;
    r->at.before += r->at.step;
    r->at.step = 0;
    r->at.round++;
    session_stage(b);
    return ERR_OK;
}

static enum err_code run_round(struct bench *b, struct running *r,
                               struct err *err)
{
    start_round(b, r);
    if (prune_phase(b, r, err) != ERR_OK)
        return err->code;
    if (r->recipe->trains && train_phase(b, r, err) != ERR_OK)
        return err->code;
    return finish_round(b, r, err);
}

/* Is this the last round, though more were asked for? */
static enum err_code check_end(struct bench *b, struct running *r, bool *end,
                               struct err *err)
{
    const struct recipe *p = r->recipe;
    char shown[EXPR_SHOWN];
    bool holds;

    *end = true;
    if (p->has_until) {
        if (expr_holds(&p->until, b, &holds, shown, sizeof(shown), err) !=
            ERR_OK)
            return err->code;
        if (holds) {
            bench_say(b, LOG_RESULT, "reached: %s", shown);
            return ERR_OK;
        }
    }
    if (p->has_hold) {
        if (expr_holds(&p->hold, b, &holds, shown, sizeof(shown), err) !=
            ERR_OK)
            return err->code;
        if (!holds) {
            bench_say(b, LOG_RESULT,
                      "not any more: %s; back at the stage before, `redo` "
                      "shows this one",
                      shown);
            return bench_go(b, stages_undo(b->history), err);
        }
    }
    if (p->prunes && p->rounds > 1 && p->schedule == NULL && r->removed == 0) {
        bench_say(b, LOG_RESULT, "nothing is left to prune above the floors");
        return ERR_OK;
    }
    *end = false;
    return ERR_OK;
}

static enum err_code run_rounds(struct bench *b, struct running *r,
                                struct err *err)
{
    bool end = false;

    while (r->at.round < r->recipe->rounds && !r->stop && !end) {
        if (stop_is_due(r)) {
            r->stop = true;
            break;
        }
        if (bench_boundary(b, err) != ERR_OK || run_round(b, r, err) != ERR_OK)
            return err->code;
        if (check_end(b, r, &end, err) != ERR_OK)
            return err->code;
    }
    return ERR_OK;
}

/* What an unfinished round leaves: the stage before it.  What was done before
 * stays, and is recorded as a command that stops there. */
static enum err_code give_up(struct bench *b, struct running *r,
                             struct err *err)
{
    struct err why = *err;

    r->phase = "go back";
    r->at.step = 0;
    job_clear_cancel(b->job);
    bench_restore(b);
    recipe_change(b, CHANGE_STOP, 0);
    *err = why;
    return err->code;
}

/* The stages that were finished before an interruption are said again, so that
 * the journal has them. */
static void say_again(struct bench *b, const struct running *r)
{
    int id;

    for (id = r->at.first; id >= 0 && id < b->history->count; id++)
        bench_say_stage(b, b->history->stage[id]);
}

static struct running begin(struct bench *b, struct recipe *p)
{
    struct running r = {.recipe = p, .phase = "", .loss = NAN};

    if (b->goes) {
        r.at = b->at_start;
        b->goes = false;
    } else {
        r.at.first = -1;
        r.at.from = p->prunes ? chosen_sparsity(b, p) : 0;
    }
    r.since = clock_now();
    return r;
}

enum err_code recipe_run(struct bench *b, struct recipe *p, struct err *err)
{
    struct running r = begin(b, p);
    enum err_code code;

    if (p->trains && bench_fit(b, err) != ERR_OK)
        return err->code;
    b->running = &r;
    say_again(b, &r);
    if (p->trains)
        session_running(b);
    code = run_rounds(b, &r, err);
    if (code != ERR_OK && !job_quitting(b->job))
        code = give_up(b, &r, err);
    if (code == ERR_OK && r.asked)
        code =
            err_set(err, ERR_CANCELLED, "stopped; what was reached is stage %d",
                    b->history->current);
    b->partial = code != ERR_OK && r.at.first >= 0 && !job_quitting(b->job);
    recipe_print_changes(p, &b->at);
    b->running = NULL;
    mem_free(r.point);
    mem_free(r.threshold);
    return code;
}
