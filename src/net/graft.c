#include "net/graft.h"

#include <string.h>

#include "base/mem.h"

void graft_begin(struct graft *g, const struct net *from, struct err *err)
{
    int i;

    *g = (struct graft){.from = from, .err = err};
    g->to = net_new(from->name, &from->input);
    g->to->scale = from->scale;
    g->to->offset = from->offset;
    g->map = mem_array((size_t)from->node_count, sizeof(*g->map));
    g->reads = mem_array((size_t)from->node_count, sizeof(*g->reads));
    g->input = NET_INPUT;
    for (i = 0; i < from->node_count; i++)
        g->map[i] = g->reads[i] = -1;
}

bool graft_copy(struct graft *g, int i)
{
    const struct node *node = &g->from->node[i];
    int in[LAYER_INPUT_MAX], k;

    for (k = 0; k < node->in_count; k++)
        in[k] = node->in[k] == NET_INPUT ? g->input : g->reads[node->in[k]];
    if (net_add(g->to, node->kind, node->config, node->name, in, node->in_count,
                node->folded, &g->map[i], g->err) != ERR_OK)
        return false;
    g->reads[i] = g->map[i];
    return true;
}

/* Values, mask and what it is bound to. */
static bool copy_param(struct param *to, const struct param *from,
                       struct err *err)
{
    struct codebook *book = NULL;
    struct grid *grid = NULL;

    memcpy(to->value, from->value, from->count * sizeof(float));
    if (from->mask != NULL) {
        if (param_need_mask(to, err) != ERR_OK)
            return false;
        memcpy(to->mask, from->mask, from->count);
    }
    if (from->book != NULL && (book = codebook_clone(from->book, err)) == NULL)
        return false;
    if (from->grid != NULL && (grid = grid_clone(from->grid, err)) == NULL)
        return false;
    param_bind(to, book, grid);
    return true;
}

static bool copy_params(struct graft *g)
{
    int i, k;

    for (i = 0; i < g->from->node_count; i++) {
        const struct node *node = &g->from->node[i];

        for (k = 0; g->map[i] >= 0 && k < node->param_count; k++) {
            if (!copy_param(&g->to->node[g->map[i]].param[k], &node->param[k],
                            g->err))
                return false;
        }
    }
    return true;
}

/* Initial values of the whole net go first: those of a head depend on where it
 * stands, as everywhere. */
bool graft_finish(struct graft *g, const int *outputs, int count,
                  const uint64_t *seed)
{
    if (net_finish(g->to, outputs, count, g->err) != ERR_OK)
        return false;
    if (seed != NULL)
        net_init(g->to, *seed);
    return copy_params(g);
}

struct net *graft_end(struct graft *g, bool good)
{
    mem_free(g->map);
    mem_free(g->reads);
    if (good)
        return g->to;
    net_free(g->to);
    return NULL;
}
