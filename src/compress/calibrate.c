#include "compress/calibrate.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "net/exec.h"
#include "tensor/levels.h"
#include "train/match.h"

#define BATCH      32
#define PERCENTILE 0.999
#define TRIALS     128 /* ranges that mse tries */

static double clip_most(const struct act_seen *s, int bits)
{
    (void)bits;
    return s->top;
}

static int64_t total_of(const struct act_seen *s)
{
    int64_t sum = 0;
    int i;

    for (i = 0; i < ACT_BINS; i++)
        sum += s->bin[i];
    return sum;
}

/* The upper edge of the bin in which that share of all |x| is reached. */
static double clip_percentile(const struct act_seen *s, int bits)
{
    double want = (double)total_of(s) * PERCENTILE;
    int64_t sum = 0;
    int i;

    (void)bits;
    for (i = 0; i < ACT_BINS - 1; i++) {
        sum += s->bin[i];
        if ((double)sum >= want)
            break;
    }
    return s->top * (i + 1) / ACT_BINS;
}

/* Bins first..last-1 as one level: its mass spread evenly over those of them
 * that are not empty, and what that costs against the reference. */
static double cost_of_level(const double *reference, const int64_t *bin,
                            int first, int last, double all, double kept)
{
    double mass = 0.0, cost = 0.0;
    int full = 0, i;

    for (i = first; i < last; i++) {
        mass += (double)bin[i];
        full += bin[i] > 0;
    }
    for (i = first; i < last; i++) {
        double p = reference[i] / all;
        double q = bin[i] > 0 ? mass / full / kept : 0.0;

        /* What lies beyond the clip is all in the last bin: where that was
         * empty, the odd 1e-4 stands for it. */
        if (p > 0.0)
            cost += p * log(p / fmax(q, 1e-4 / all));
    }
    return cost;
}

/* KL(P || Q): P the first i bins with all beyond in the last of them, Q the
 * same bins merged into levels.  reference: room for ACT_BINS. */
static double divergence(const struct act_seen *s, int i, int levels,
                         double *reference)
{
    double all = 0.0, kept = 0.0, cost = 0.0;
    int b, level;

    for (b = 1; b < i; b++) {
        reference[b] = (double)s->bin[b];
        kept += reference[b];
    }
    all = kept;
    for (b = i; b < ACT_BINS; b++) {
        reference[i - 1] += (double)s->bin[b];
        all += (double)s->bin[b];
    }
    if (kept == 0.0)
        return INFINITY;
    for (level = 0; level < levels; level++) {
        int first = level * i / levels, last = (level + 1) * i / levels;

        if (last > 1)
            cost += cost_of_level(reference, s->bin, first > 0 ? first : 1,
                                  last, all, kept);
    }
    return cost;
}

/* As TensorRT does it, but for bin 0, where the zeros of relu are: they are
 * exact whatever the range.  A range without negative values has twice the
 * levels. */
static double clip_kl(const struct act_seen *s, int bits)
{
    int levels = 1 << (s->low < 0.0f ? bits - 1 : bits), best = ACT_BINS, i;
    double least = INFINITY, *room = mem_array(ACT_BINS, sizeof(*room));

    for (i = levels; i <= ACT_BINS; i++) {
        double d = divergence(s, i, levels, room);

        if (d < least) {
            least = d;
            best = i;
        }
    }
    mem_free(room);
    return s->top * best / ACT_BINS;
}

/* Squared error of |x| in steps of `step` up to clip.  Bin 0, mostly the zeros
 * of relu, has none. */
static double error_of(const struct act_seen *s, double clip, double step)
{
    double width = s->top / ACT_BINS, error = 0.0;
    int i;

    for (i = 1; i < ACT_BINS; i++) {
        double x = (i + 0.5) * width;
        double off = x > clip ? x - clip : x - step * nearbyint(x / step);

        error += (double)s->bin[i] * off * off;
    }
    return error;
}

/* Of TRIALS shares of the whole range that with the least squared error. */
static double clip_mse(const struct act_seen *s, int bits)
{
    double best = s->top, least = INFINITY, levels = (1 << bits) - 1;
    int i;

    for (i = TRIALS; i > 0 && s->top > 0.0; i--) {
        double clip = s->top * i / TRIALS, error;
        double reach = fmin((double)s->high, clip);

        reach += fmin(-(double)s->low, clip);
        error = error_of(s, clip, reach / levels);
        if (error < least) {
            least = error;
            best = clip;
        }
    }
    return best;
}

const struct calibrator calibrators[] = {
    {"minmax", "all that was seen", true, clip_most},
    {"percentile", "all but the largest 0.1 %", false, clip_percentile},
    {"kl", "the least information lost, by Kullback and Leibler", false,
     clip_kl},
    {"mse", "the least squared error", false, clip_mse},
    {.name = NULL},
};

const struct calibrator *calibrator_find(const char *name)
{
    const struct calibrator *c;

    for (c = calibrators; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

void act_ends(struct act_seen *s, const float *x, size_t n)
{
    levels_ends(x, n, &s->low, &s->high);
    s->top = (double)fmaxf(-s->low, s->high);
}

void act_count(struct act_seen *s, const float *x, size_t n)
{
    double scale = s->top > 0.0 ? ACT_BINS / s->top : 0.0;
    size_t i;

    for (i = 0; i < n; i++) {
        double at = fabs((double)x[i]) * scale;

        s->bin[at < ACT_BINS ? (int)at : ACT_BINS - 1]++;
    }
}

struct act_range act_choose(const struct act_seen *s,
                            const struct calibrator *by, int bits)
{
    float clip = (float)by->clip(s, bits);

    return (struct act_range){fmaxf(s->low, -clip), fminf(s->high, clip)};
}

struct watch {
    struct net *net;
    const struct dataset *data;
    struct exec *exec;
    const int32_t *row; /* of the batch */
    float *x;           /* the batch as the net sees it */
    struct act_seen *seen;
    void (*take)(struct act_seen *s, const float *x, size_t n);
};

static void fill(void *arg, int first, int n, float *x)
{
    const struct watch *w = arg;
    size_t width = shape_count(&w->net->input);

    dataset_fill(w->data, &w->data->train, w->row + first, n, w->net->scale,
                 w->net->offset, x);
    memcpy(w->x + (size_t)first * width, x, (size_t)n * width * sizeof(*x));
}

/* Softmax at an output is not run: the net ends in logits there. */
static bool is_run(const struct net *net, int node)
{
    int o;

    for (o = 0; o < net->output_count; o++) {
        if (net_softmax_of(net, o) == node)
            return false;
    }
    return true;
}

static void look(struct watch *w, int n)
{
    int shards = exec_shards(w->exec, n), count, i, s;

    w->take(&w->seen[w->net->node_count], w->x,
            (size_t)n * shape_count(&w->net->input));
    for (i = 0; i < w->net->node_count; i++) {
        for (s = 0; s < shards && is_run(w->net, i); s++) {
            const float *y = exec_activation(w->exec, s, i, &count);

            w->take(&w->seen[i], y,
                    (size_t)count * shape_count(&w->net->node[i].out));
        }
    }
}

static enum err_code pass(struct watch *w, const int32_t *row, int n, double at,
                          const struct progress *progress, struct err *err)
{
    struct exec_hooks hooks = {.fill = fill, .arg = w};
    int first;

    for (first = 0; first < n; first += BATCH) {
        int count = n - first < BATCH ? n - first : BATCH;

        if (progress_cancelled(progress))
            return err_set(err, ERR_CANCELLED, "stopped on request");
        progress_tell(progress, at + 0.5 * first / n);
        w->row = row + first;
        exec_run(w->exec, PASS_EVAL, false, count, 0, 0, &hooks);
        look(w, count);
    }
    return ERR_OK;
}

/* n of the rows that are trained on: files may be sorted by class. */
static int32_t *spread_rows(const struct dataset *data, int n)
{
    int32_t *row = mem_array((size_t)n, sizeof(*row));
    int i;

    for (i = 0; i < n; i++)
        row[i] = data->fit[(int64_t)i * data->fit_count / n];
    return row;
}

static enum err_code watch_all(struct watch *w, const int32_t *row, int n,
                               const struct progress *progress, struct err *err)
{
    w->take = act_ends;
    if (pass(w, row, n, 0.0, progress, err) != ERR_OK)
        return err->code;
    w->take = act_count;
    return pass(w, row, n, 0.5, progress, err);
}

enum err_code calibrate(struct net *net, const struct dataset *data, int n,
                        const struct calibrator *by, const int *bits,
                        struct pool *pool, const struct progress *progress,
                        struct act_range *range, struct err *err)
{
    struct watch w = {.net = net, .data = data};
    size_t count = (size_t)net->node_count + 1, i;
    enum err_code code;
    int32_t *row;

    assert(n > 0);
    if (match_check(net, data, err) != ERR_OK)
        return err->code;
    if (data->fit_count < 1)
        return err_set(err, ERR_VALUE, "no samples are left to calibrate with");
    if (n > data->fit_count)
        n = data->fit_count;
    w.exec = exec_new(net, BATCH, EXEC_KEEP, pool, err);
    if (w.exec == NULL)
        return err->code;
    row = spread_rows(data, n);
    w.x = mem_array(BATCH * shape_count(&net->input), sizeof(*w.x));
    w.seen = mem_array(count, sizeof(*w.seen));
    code = watch_all(&w, row, n, progress, err);
    for (i = 0; code == ERR_OK && i < count; i++)
        range[i] = act_choose(&w.seen[i], by, bits != NULL ? bits[i] : 8);
    mem_free(w.seen);
    mem_free(w.x);
    mem_free(row);
    exec_free(w.exec);
    return code;
}
