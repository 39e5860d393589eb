/* Building the smaller net from the units that stay. */
#include "compress/shrink.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* A parameter as (outer, rows, columns); units of `of_row` and `of_column` say
 * which stay, NULL: all. */
struct cut {
    size_t outer, rows, columns;
    const struct unit *of_row, *of_column;
};

static struct cut cut_of(const struct units *u, const struct node *node, int i,
                         int k)
{
    const struct param *p = &node->param[k];
    const struct shape *s = &p->def.shape;
    const struct unit *own = u->unit[i + 1];
    struct cut c = {.outer = 1, .rows = 1, .columns = p->count};

    if (s->rank > 1) {
        c.rows = (size_t)s->dim[s->rank - 2];
        c.columns = (size_t)s->dim[s->rank - 1];
        c.outer = p->count / (c.rows * c.columns);
    }
    if (s->rank == 1)
        c.of_column = p->count == (size_t)u->count[i + 1] ? own : NULL;
    else if (node->kind->units == UNITS_EDGE)
        c.of_row = c.columns == 1 ? own : NULL;
    else if (node->kind->units == UNITS_MAKE) {
        c.of_column = own;
        if (c.rows == (size_t)u->count[node->in[0] + 1])
            c.of_row = u->unit[node->in[0] + 1];
    }
    return c;
}

static bool stays(const struct unit *of, size_t i)
{
    return of == NULL || of[i].keep;
}

/* Copies what stays of n elements of `size` bytes each. */
static size_t copy_cut(const struct cut *c, const void *from, void *to,
                       size_t size)
{
    const char *x = from;
    char *y = to;
    size_t o, r, k, made = 0;

    for (o = 0; o < c->outer; o++) {
        for (r = 0; r < c->rows; r++) {
            for (k = 0; k < c->columns; k++, x += size) {
                if (!stays(c->of_row, r) || !stays(c->of_column, k))
                    continue;
                memcpy(y + made * size, x, size);
                made++;
            }
        }
    }
    return made;
}

/* What the constant units that go gave to this layer, added to its biases. */
static void take_over(const struct units *u, const struct node *node, int i,
                      float *bias)
{
    const struct param *p = &node->param[0];
    const struct unit *in = u->unit[node->in[0] + 1], *own = u->unit[i + 1];
    struct cut c = cut_of(u, node, i, 0);
    size_t k, n, kept = 0;

    for (k = 0; k < c.columns; k++) {
        double sum = 0.0;

        if (!own[k].keep)
            continue;
        for (n = k; n < p->count; n += c.columns) {
            const struct unit *from = &in[n / c.columns % c.rows];

            if (from->constant && !from->keep)
                sum += (double)p->value[n] * (double)from->value;
        }
        bias[kept++] += (float)sum;
    }
}

static enum err_code copy_book(const struct cut *c, const struct codebook *from,
                               struct param *to, struct err *err)
{
    struct codebook *book = codebook_new(from->k, to->count, err);

    if (book == NULL)
        return err->code;
    memcpy(book->centroid, from->centroid,
           ((size_t)from->k + 1) * sizeof(*book->centroid));
    copy_cut(c, from->code, book->code, sizeof(*book->code));
    param_bind(to, book, NULL);
    return ERR_OK;
}

/* Channels are columns, or there is but one. */
static enum err_code copy_grid(const struct cut *c, const struct grid *from,
                               struct param *to, struct err *err)
{
    bool by_column = from->channels > 1;
    size_t columns = c->columns;
    int channels = from->channels;
    struct cut scales = {.outer = 1, .rows = 1, .columns = columns};
    struct grid *grid;

    if (by_column) {
        scales.of_column = c->of_column;
        channels = to->def.shape.dim[to->def.shape.rank - 1];
    } else
        scales.columns = (size_t)channels;
    grid = grid_new(from->kind, from->bits, channels, to->count, err);
    if (grid == NULL)
        return err->code;
    copy_cut(&scales, from->scale, grid->scale, sizeof(*grid->scale));
    copy_cut(&scales, from->zero, grid->zero, sizeof(*grid->zero));
    param_bind(to, NULL, grid);
    return ERR_OK;
}

static enum err_code copy_param(const struct units *u, const struct node *from,
                                int i, int k, struct param *to, struct err *err)
{
    const struct param *p = &from->param[k];
    struct cut c = cut_of(u, from, i, k);
    size_t made = copy_cut(&c, p->value, to->value, sizeof(*p->value));

    assert(made == to->count);
    (void)made;
    if (p->mask != NULL && param_need_mask(to, err) != ERR_OK)
        return err->code;
    if (p->mask != NULL)
        copy_cut(&c, p->mask, to->mask, sizeof(*p->mask));
    if (p->book != NULL)
        return copy_book(&c, p->book, to, err);
    return p->grid != NULL ? copy_grid(&c, p->grid, to, err) : ERR_OK;
}

static bool gathers(const struct units *u, const struct node *node, int i)
{
    return node->kind->units == UNITS_MAKE && node->param_count > 1 &&
           cut_of(u, node, i, 0).of_row != NULL;
}

static enum err_code copy_params(const struct units *u, const struct net *net,
                                 struct net *small, struct err *err)
{
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        const struct node *node = &net->node[i];

        for (k = 0; k < node->param_count; k++) {
            if (copy_param(u, node, i, k, &small->node[i].param[k], err) !=
                ERR_OK)
                return err->code;
        }
        if (gathers(u, node, i))
            take_over(u, node, i, small->node[i].param[1].value);
    }
    return ERR_OK;
}

static enum err_code add_node(const struct units *u, const struct net *net,
                              int i, struct net *small, struct err *err)
{
    const struct node *node = &net->node[i];
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    int kept = units_kept(u, i);

    memcpy(config, node->config, sizeof(config));
    if (node->kind->units == UNITS_MAKE)
        memcpy(config + node->kind->units_at, &kept, sizeof(kept));
    return net_add(small, node->kind, config, node->name, node->in,
                   node->in_count, node->folded, NULL, err);
}

static void count_units(const struct units *u, const struct net *net,
                        const struct net *small, struct shrink_report *report)
{
    const struct net *nets[2] = {net, small};
    long long params[2] = {0};
    int i, k, n;

    *report = (struct shrink_report){0};
    for (i = 0; i < net->node_count; i++) {
        if (net->node[i].kind->units == UNITS_MAKE) {
            report->units_before += u->count[i + 1];
            report->units_after += units_kept(u, i);
        }
        for (n = 0; n < 2; n++) {
            for (k = 0; k < nets[n]->node[i].param_count; k++)
                params[n] += (long long)nets[n]->node[i].param[k].count;
        }
    }
    report->params_before = params[0];
    report->params_after = params[1];
}

static enum err_code build(const struct units *u, const struct net *net,
                           struct net *small, struct err *err)
{
    int i;

    small->scale = net->scale;
    small->offset = net->offset;
    for (i = 0; i < net->node_count; i++) {
        if (add_node(u, net, i, small, err) != ERR_OK)
            return err->code;
    }
    if (net_finish(small, net->output, net->output_count, err) != ERR_OK)
        return err->code;
    return copy_params(u, net, small, err);
}

struct net *shrink_net(const struct net *net, struct shrink_report *report,
                       struct err *err)
{
    struct net *small = net_new(net->name, &net->input);
    struct units u;

    units_find(&u, net);
    if (build(&u, net, small, err) != ERR_OK) {
        net_free(small);
        small = NULL;
    } else
        count_units(&u, net, small, report);
    units_done(&u);
    return small;
}
