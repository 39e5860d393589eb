#include "compress/round.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "compress/layers.h"

#define TRIALS 100 /* shares of the full range that mse tries */

struct round_request round_defaults(void)
{
    return (struct round_request){.kind = GRID_SYMMETRIC,
                                  .bits = 8,
                                  .by_channel = true,
                                  .range = range_rule_find("max")};
}

/* Range of one channel's values. */
static void ends_of(const struct grid *g, const float *value, int channel,
                    float *low, float *high)
{
    size_t i;

    *low = *high = 0.0f;
    for (i = (size_t)channel; i < g->count; i += (size_t)g->channels) {
        *low = fminf(*low, value[i]);
        *high = fmaxf(*high, value[i]);
    }
}

static double error_of(const struct grid *g, const float *value, int channel)
{
    double sum = 0.0;
    size_t i;

    for (i = (size_t)channel; i < g->count; i += (size_t)g->channels) {
        float on = grid_real(g, grid_code(g, value[i], channel), channel);
        double off = (double)on - (double)value[i];

        sum += off * off;
    }
    return sum;
}

/* The share of the full range with the least squared error: coarse grids do
 * better when they cut the few largest weights off. */
static void fit_mse(struct grid *g, const float *value)
{
    int c, trial;

    for (c = 0; c < g->channels; c++) {
        double best = INFINITY;
        float low, high, share = 1.0f;

        ends_of(g, value, c, &low, &high);
        for (trial = TRIALS; trial > 0; trial--) {
            float s = (float)trial / TRIALS;
            double error;

            grid_range(g, c, low * s, high * s);
            error = error_of(g, value, c);
            if (error < best) {
                best = error;
                share = s;
            }
        }
        grid_range(g, c, low * share, high * share);
    }
}

const struct range_rule range_rules[] = {
    {"max", "up to the largest weight, which it follows in training", false,
     grid_fit},
    {"mse", "the least squared error, which may cut large weights off", true,
     fit_mse},
    {.name = NULL},
};

const struct range_rule *range_rule_find(const char *name)
{
    const struct range_rule *r;

    for (r = range_rules; r->name != NULL; r++) {
        if (strcmp(r->name, name) == 0)
            return r;
    }
    return NULL;
}

static bool is_half(enum grid_kind kind)
{
    return kind == GRID_FP16 || kind == GRID_BF16;
}

static enum err_code check_request(const struct round_request *r,
                                   const struct net *net, struct err *err)
{
    int i, k;

    assert(r->range != NULL);
    if (!is_half(r->kind) && (r->bits < 2 || r->bits > 8))
        return err_set(err, ERR_VALUE,
                       "%d bit%s for a grid of whole numbers, expected 2 to 8",
                       r->bits, r->bits == 1 ? "" : "s");
    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct codebook *b = net->node[i].param[k].book;

            if (layers_chosen(net, i, k, r->layers) && b != NULL)
                return err_set(err, ERR_STATE,
                               "layer \"%s\" shares %d values, which rounding "
                               "would change; `quantize off` frees it first",
                               net->node[i].name, b->k);
        }
    }
    return layers_finite(net, r->layers, err);
}

static struct grid *make_grid(const struct round_request *r,
                              const struct param *p, struct err *err)
{
    const struct shape *s = &p->def.shape;
    int channels = is_half(r->kind) ? 0
                   : r->by_channel  ? s->dim[s->rank - 1]
                                    : 1;
    struct grid *g = grid_new(r->kind, is_half(r->kind) ? 16 : r->bits,
                              channels, p->count, err);

    if (g == NULL || channels == 0)
        return g;
    g->fixed = r->range->fixed;
    r->range->fit(g, p->value);
    return g;
}

static void take_grid(const struct round_request *r, int node, struct param *p,
                      struct grid *g)
{
    double error = 0.0;
    size_t alive = 0, i;

    for (i = 0; i < p->count; i++) {
        float was = p->value[i];

        grid_snap(g, p->value, p->value, i, 1);
        error += ((double)was - (double)p->value[i]) *
                 ((double)was - (double)p->value[i]);
        alive += p->mask == NULL || p->mask[i] != 0;
    }
    param_bind(p, NULL, g);
    if (r->tell != NULL)
        r->tell(r->arg, node, g, alive > 0 ? error / (double)alive : 0.0);
}

/* Calls for every chosen parameter in order: makes its grid, or, when all are
 * made, takes it. */
static enum err_code each(struct net *net, const struct round_request *r,
                          struct grid **grid, bool take, struct err *err)
{
    int i, k, n = 0;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            struct param *p = &net->node[i].param[k];

            if (!layers_chosen(net, i, k, r->layers))
                continue;
            if (take)
                take_grid(r, i, p, grid[n]);
            else if ((grid[n] = make_grid(r, p, err)) == NULL)
                return err->code;
            n++;
        }
    }
    return ERR_OK;
}

enum err_code round_apply(struct net *net, const struct round_request *r,
                          struct err *err)
{
    int count = layers_count(net, r->layers), i;
    enum err_code code;
    struct grid **grid;

    if (count == 0)
        return layers_refuse(net, r->layers, err);
    if (check_request(r, net, err) != ERR_OK)
        return err->code;
    grid = mem_array((size_t)count, sizeof(*grid));
    code = each(net, r, grid, false, err);
    if (code == ERR_OK)
        code = each(net, r, grid, true, err);
    for (i = 0; code != ERR_OK && i < count; i++)
        grid_free(grid[i]);
    mem_free(grid);
    return code;
}

int round_free(struct net *net, const char *layers)
{
    int i, k, count = 0;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            struct param *p = &net->node[i].param[k];

            if (!layers_chosen(net, i, k, layers) ||
                (p->book == NULL && p->grid == NULL))
                continue;
            param_bind(p, NULL, NULL);
            count++;
        }
    }
    return count;
}
