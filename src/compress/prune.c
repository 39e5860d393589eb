#include "compress/prune.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "compress/layers.h"
#include "compress/mask.h"
#include "compress/select.h"

#define TELL_BLOCKS 2048 /* progress is told a million weights apart */

/* How many blocks of scores were asked for, of how many it will be. */
struct watch {
    const struct progress *progress;
    bool stops; /* a stop is obeyed */
    long long done, all;
};

/* A weight array that takes part, and what becomes of it. */
struct chosen {
    struct param *p;
    struct score_of of; /* what its scores are made from */
    float *unit;        /* behind of.unit; NULL: none */
    const struct criterion *by;
    struct watch *watch;
    bool new_mask; /* made by us: goes again on failure */
    size_t alive, floor, keep;
    bool floored;
};

struct choice {
    int count;
    struct chosen *item;
    struct watch watch;
    size_t considered, alive, wanted;
};

struct prune_request prune_defaults(void)
{
    return (struct prune_request){.by = criterion_find("magnitude"),
                                  .scope = SCOPE_LAYER,
                                  .rule = PRUNE_SURVIVORS,
                                  .amount = 0.2,
                                  .least_share = 0.01,
                                  .row_floor = true};
}

static enum err_code check_request(const struct prune_request *r,
                                   struct err *err)
{
    assert(r->by != NULL);
    assert(r->curvature != NULL || !r->by->by_curvature);
    if (r->rule == PRUNE_STD && !(r->amount >= 0.0 && r->amount <= 100.0))
        return err_set(err, ERR_VALUE,
                       "a threshold of %g standard deviations, expected 0 to "
                       "100",
                       r->amount);
    if (r->rule != PRUNE_STD && !(r->amount >= 0.0 && r->amount <= 1.0))
        return err_set(err, ERR_VALUE,
                       "%g%% of the weights, expected 0%% to 100%%",
                       r->amount * 100.0);
    if (!(r->least_share >= 0.0 && r->least_share <= 1.0))
        return err_set(err, ERR_VALUE,
                       "a floor of %g%% of a layer, expected 0%% to 100%%",
                       r->least_share * 100.0);
    return ERR_OK;
}

static size_t share_floor(size_t n, double share)
{
    return (size_t)ceil((double)n * share * (1.0 - 1e-15));
}

/* Outputs of a layer: what the last axis of its output counts. */
static size_t rows_of(const struct node *node)
{
    return (size_t)node->out.dim[node->out.rank - 1];
}

static size_t floor_of(const struct prune_request *r, const struct node *node,
                       const struct chosen *c)
{
    size_t least = share_floor(c->p->count, r->least_share);

    if (r->row_floor && rows_of(node) > least)
        least = rows_of(node);
    if (least < 1)
        least = 1;
    return least < c->alive ? least : c->alive;
}

/* Criteria whose weights share the score of their unit have them all at once;
 * every other weight of a unit is `units` further on. */
static void score_units(struct chosen *c, const struct criterion *by)
{
    const struct shape *s = &c->p->def.shape;

    if (by->prepare == NULL)
        return;
    c->of.units = (size_t)s->dim[s->rank - 1];
    c->unit = mem_array(c->of.units, sizeof(*c->unit));
    by->prepare(c->p, c->unit, c->of.units);
    c->of.unit = c->unit;
}

static void choose_param(struct choice *choice, const struct prune_request *r,
                         struct net *net, int node, int param)
{
    struct chosen *c = &choice->item[choice->count++];

    *c = (struct chosen){.p = &net->node[node].param[param]};
    c->of = (struct score_of){.p = c->p,
                              .seed = r->seed,
                              .round = r->round,
                              .node = node,
                              .param = param};
    if (r->by->by_curvature)
        c->of.curvature = curvature_of(r->curvature, node, param);
    score_units(c, r->by);
    c->alive = mask_alive(c->p);
    c->floor = floor_of(r, &net->node[node], c);
    choice->considered += c->p->count;
    choice->alive += c->alive;
}

static enum err_code choose(struct choice *choice,
                            const struct prune_request *r, struct net *net,
                            struct err *err)
{
    int i, k;

    choice->item = mem_array((size_t)net->node_count * LAYER_PARAM_MAX,
                             sizeof(*choice->item));
    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            if (net->node[i].param[k].def.prunable &&
                layers_chosen(net, i, k, r->layers))
                choose_param(choice, r, net, i, k);
        }
    }
    return choice->count > 0 ? ERR_OK : layers_refuse(net, r->layers, err);
}

static void drop_masks(struct choice *c)
{
    int k;

    for (k = 0; k < c->count; k++) {
        if (c->item[k].new_mask) {
            mem_block_free(c->item[k].p->mask);
            c->item[k].p->mask = NULL;
        }
    }
}

static enum err_code make_masks(struct choice *c, struct err *err)
{
    int k;

    for (k = 0; k < c->count; k++) {
        struct param *p = c->item[k].p;

        if (p->mask != NULL)
            continue;
        if (param_need_mask(p, err) != ERR_OK)
            break;
        c->item[k].new_mask = true;
    }
    if (k == c->count)
        return ERR_OK;
    drop_masks(c);
    return err->code;
}

/* Scores that nobody will use need not be right. */
static void watched_score(const void *arg, size_t first, size_t count,
                          float *score)
{
    const struct chosen *c = arg;
    struct watch *w = c->watch;

    if (++w->done % TELL_BLOCKS == 0)
        progress_tell(w->progress,
                      w->done < w->all ? (double)w->done / (double)w->all : 1);
    if (w->stops && progress_cancelled(w->progress))
        memset(score, 0, count * sizeof(*score));
    else
        c->by->score(&c->of, first, count, score);
}

static struct select_part part_of(struct chosen *c, struct watch *watch,
                                  const struct criterion *by)
{
    c->by = by;
    c->watch = watch;
    return (struct select_part){.n = c->p->count,
                                .alive = c->p->mask,
                                .score = watched_score,
                                .arg = c};
}

/* What is left of `alive` of n weights; the odd 1e-15 takes back the rounding
 * of 1 - amount, so that 70 % of 10 is 7. */
static size_t count_by_share(const struct prune_request *r, size_t n,
                             size_t alive)
{
    double a = (double)alive;
    size_t left;

    if (r->rule == PRUNE_SURVIVORS)
        return (size_t)fmax(0.0, ceil(a - a * r->amount - a * 1e-15));
    left = n - (size_t)llround(r->amount * (double)n);
    return left < alive ? left : alive;
}

/* Population standard deviation of the alive weights of items. */
static double std_of(const struct chosen *item, int count)
{
    double sum = 0.0, squares = 0.0, mean;
    size_t n = 0, i;
    int k, pass;

    for (pass = 0; pass < 2; pass++) {
        mean = n > 0 ? sum / (double)n : 0.0;
        for (k = 0; k < count; k++) {
            const struct param *p = item[k].p;

            for (i = 0; i < p->count; i++) {
                double off = (double)p->value[i] - mean;

                if (p->mask[i] == 0)
                    continue;
                if (pass == 0)
                    sum += off;
                else
                    squares += off * off;
            }
            n += pass == 0 ? item[k].alive : 0;
        }
    }
    return n > 0 ? sqrt(squares / (double)n) : 0.0;
}

static size_t count_from(const struct param *p, double threshold)
{
    size_t count = 0, i;

    for (i = 0; i < p->count; i++)
        count += p->mask[i] != 0 && fabs((double)p->value[i]) >= threshold;
    return count;
}

/* How many of items 0..count-1 together the rule leaves. */
static size_t count_wanted(const struct prune_request *r,
                           const struct chosen *item, int count)
{
    size_t n = 0, alive = 0, left = 0;
    double threshold;
    int k;

    for (k = 0; k < count; k++) {
        n += item[k].p->count;
        alive += item[k].alive;
    }
    if (r->rule != PRUNE_STD)
        return count_by_share(r, n, alive);
    threshold = r->amount * std_of(item, count);
    for (k = 0; k < count; k++)
        left += count_from(item[k].p, threshold);
    return left;
}

float prune_threshold(const struct param *p, double share)
{
    const struct score_of of = {.p = p};
    const struct select_part part = {.n = p->count,
                                     .alive = p->mask,
                                     .score =
                                         criterion_find("magnitude")->score,
                                     .arg = &of};
    struct prune_request r = {.rule = PRUNE_SURVIVORS, .amount = share};
    size_t alive = select_alive(&part);
    size_t keep = count_by_share(&r, p->count, alive);
    struct select_cut cut = select_cut(&part, 1, keep > 1 ? keep : 1);

    return keep < alive ? select_score(&cut) : 0.0f;
}

static void share_out_by_layer(struct choice *c, const struct prune_request *r)
{
    int k;

    for (k = 0; k < c->count; k++) {
        struct chosen *item = &c->item[k];

        item->keep = count_wanted(r, item, 1);
        c->wanted += item->keep;
        item->floored = item->keep < item->floor;
        if (item->floored)
            item->keep = item->floor;
    }
}

/* Units go whole: all weights stay that score like the last one to stay. */
static struct select_cut cut_for(const struct select_part *part, int parts,
                                 size_t keep, const struct criterion *by)
{
    struct select_cut cut = select_cut(part, parts, keep);

    if (by->prepare != NULL && keep > 0)
        cut.equal = SIZE_MAX;
    return cut;
}

/* One contest of all layers that are not on their floor, for `keep` places. */
static void contest(struct choice *c, const struct criterion *by, size_t keep)
{
    struct select_part *part = mem_array((size_t)c->count, sizeof(*part));
    struct select_cut cut;
    int k, n = 0;

    for (k = 0; k < c->count; k++) {
        if (!c->item[k].floored)
            part[n++] = part_of(&c->item[k], &c->watch, by);
    }
    cut = cut_for(part, n, keep, by);
    for (k = 0, n = 0; k < c->count; k++) {
        if (!c->item[k].floored)
            c->item[k].keep = select_mark(&part[n++], &cut, NULL);
    }
    mem_free(part);
}

/* Layers that would fall below their floor are set on it and leave the contest;
 * the rest compete again for fewer places. */
static void share_out_globally(struct choice *c, const struct prune_request *r,
                               const struct criterion *by)
{
    size_t places;
    bool again = true;
    int k;

    c->wanted = count_wanted(r, c->item, c->count);
    places = c->wanted;
    while (again) {
        again = false;
        contest(c, by, places);
        for (k = 0; k < c->count; k++) {
            struct chosen *item = &c->item[k];

            if (item->floored || item->keep >= item->floor)
                continue;
            item->floored = again = true;
            item->keep = item->floor;
            places -= item->floor < places ? item->floor : places;
        }
    }
}

static void set_counts(struct choice *c, const struct prune_request *r)
{
    const struct criterion *by = r->by;

    if (by->counts_as != NULL)
        by = criterion_find(by->counts_as);
    assert(by != NULL);
    if (r->scope == SCOPE_LAYER)
        share_out_by_layer(c, r);
    else
        share_out_globally(c, r, by);
}

/* The largest |w| that the new mask takes: values are still there. */
static float largest_gone(const struct param *p)
{
    float largest = 0.0f;
    size_t i;

    for (i = 0; i < p->count; i++) {
        float size = p->mask[i] == 0 ? fabsf(p->value[i]) : 0.0f;

        largest = size > largest ? size : largest;
    }
    return largest;
}

static void cut_item(struct chosen *item, struct watch *watch,
                     const struct prune_request *r)
{
    struct select_part part = part_of(item, watch, r->by);
    struct select_cut cut = cut_for(&part, 1, item->keep, r->by);

    item->keep = select_mark(&part, &cut, item->p->mask);
    if (r->tell != NULL)
        r->tell(r->arg, item->of.node, (long long)item->alive,
                (long long)item->keep, largest_gone(item->p));
    mask_apply(item->p);
}

static void cut_all(struct choice *c, const struct prune_request *r,
                    struct prune_report *report)
{
    int k;

    *report = (struct prune_report){.considered = (long long)c->considered,
                                    .alive_before = (long long)c->alive,
                                    .wanted = (long long)c->wanted};
    for (k = 0; k < c->count; k++) {
        cut_item(&c->item[k], &c->watch, r);
        report->alive_after += (long long)c->item[k].keep;
        report->layers_floored += c->item[k].floored;
    }
}

static void adjust_dropout(const struct choice *c, struct net *net,
                           const struct prune_request *r)
{
    size_t count = (size_t)net->node_count;
    long long *before = mem_array(count, sizeof(*before));
    long long *after = mem_array(count, sizeof(*after));
    int k;

    for (k = 0; k < c->count; k++) {
        before[c->item[k].of.node] += (long long)c->item[k].alive;
        after[c->item[k].of.node] += (long long)c->item[k].keep;
    }
    prune_adjust_dropout(net, before, after, r);
    mem_free(before);
    mem_free(after);
}

/* A selection asks three times for where to cut and once to mark; in scope
 * global there is one for all, and then one a layer. */
static void watch_begin(struct choice *c, const struct prune_request *r)
{
    long long passes = r->scope == SCOPE_GLOBAL ? 8 : 4;

    c->watch = (struct watch){
        .progress = r->progress,
        .stops = true,
        .all = passes * (long long)(c->considered / SELECT_BLOCK + 1)};
}

enum err_code prune_apply(struct net *net, const struct prune_request *r,
                          struct prune_report *report, struct err *err)
{
    struct choice c = {0};
    enum err_code code = check_request(r, err);
    int k;

    if (code == ERR_OK)
        code = choose(&c, r, net, err);
    if (code == ERR_OK)
        code = layers_finite(net, r->layers, err);
    if (code == ERR_OK)
        code = make_masks(&c, err);
    if (code == ERR_OK) {
        watch_begin(&c, r);
        set_counts(&c, r);
        if (progress_cancelled(r->progress)) {
            drop_masks(&c);
            code = err_set(err, ERR_CANCELLED, "stopped while pruning");
        } else {
            c.watch.stops = false;
            cut_all(&c, r, report);
            if (r->adjust_dropout)
                adjust_dropout(&c, net, r);
        }
    }
    for (k = 0; k < c.count; k++)
        mem_free(c.item[k].unit);
    mem_free(c.item);
    return code;
}
