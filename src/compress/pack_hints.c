/*
 * What the coder knows of a plane before it: where its rows lie in a picture or
 * kernel, and how alive the units are that its rows and columns stand for.
 * Writer and reader find it from the graph and the arrays before, alike.
 */
#include "compress/pack_array.h"

enum err_code pack_hints_start(struct packer *k, struct err *err)
{
    size_t n = (size_t)k->net->node_count;

    (void)err;
    k->hint = mem_array(n + 1, sizeof(*k->hint));
    k->units = mem_array(n + 1, sizeof(*k->units));
    return ERR_OK;
}

void pack_hints_done(struct packer *k)
{
    int i;

    for (i = 0; k->hint != NULL && i < k->net->node_count; i++)
        mem_free(k->hint[i]);
    mem_free(k->hint);
    mem_free(k->units);
    k->hint = NULL;
    k->units = NULL;
}

/* The nearest node before, along single inputs, of which something is known;
 * -1: none. */
static int known_before(const struct packer *k, int node)
{
    while (k->net->node[node].in_count == 1) {
        node = k->net->node[node].in[0];
        if (node == NET_INPUT)
            return -1;
        if (k->hint[node] != NULL)
            return node;
    }
    return -1;
}

/* The picture that a dense layer looks at, through layers that keep the number
 * of values; NULL: none. */
static const struct shape *picture_before(const struct net *net, int node)
{
    size_t count = shape_count(&net->node[node].out);
    int from = net->node[node].in[0];

    count = from == NET_INPUT ? shape_count(&net->input)
                              : shape_count(&net->node[from].out);
    while (from != NET_INPUT) {
        const struct node *n = &net->node[from];

        if (shape_count(&n->out) != count)
            return NULL;
        if (n->out.rank == 3)
            return &n->out;
        if (n->in_count != 1 || n->param_count > 0)
            return NULL;
        from = n->in[0];
    }
    return net->input.rank == 3 && shape_count(&net->input) == count
               ? &net->input
               : NULL;
}

static void find_neighbours(const struct packer *k, int node,
                            const struct shape *s, struct plane *plane)
{
    const struct shape *picture;

    if (s->rank == 4) {
        plane->near = s->dim[2];
        plane->far = s->dim[1] * s->dim[2];
    } else if (s->rank == 2) {
        picture = picture_before(k->net, node);
        if (picture == NULL || shape_count(picture) != (size_t)plane->rows)
            return;
        plane->near = picture->dim[2];
        plane->far = picture->dim[1] * picture->dim[2];
    }
}

static void find_row_hints(const struct packer *k, int node,
                           struct plane *plane, uint8_t **row)
{
    int before = known_before(k, node), i;

    if (before < 0 || plane->rows == 1 || plane->rows % k->units[before] != 0)
        return;
    *row = mem_array((size_t)plane->rows, 1);
    for (i = 0; i < plane->rows; i++)
        (*row)[i] = k->hint[before][i % k->units[before]];
    plane->row_hint = *row;
}

void pack_hints_look(const struct packer *k, int node, int param,
                     struct plane *plane, uint8_t **row)
{
    const struct param *p = &k->net->node[node].param[param];
    const struct shape *s = &p->def.shape;
    int own = k->hint[node] != NULL ? node : known_before(k, node);

    *row = NULL;
    *plane = (struct plane){.rows = 1, .cols = (int)p->count};
    if (s->rank >= 2) {
        plane->cols = s->dim[s->rank - 1];
        plane->rows = (int)(p->count / (size_t)plane->cols);
        find_neighbours(k, node, s, plane);
        find_row_hints(k, node, plane, row);
    } else if (own >= 0 && k->units[own] == plane->cols) {
        plane->col_hint = k->hint[own];
    }
}

void pack_hints_learn(struct packer *k, int node, const struct param *p)
{
    uint32_t *count;
    size_t cols, i, j;

    if (k->hint[node] != NULL || p->def.shape.rank < 2)
        return;
    cols = (size_t)p->def.shape.dim[p->def.shape.rank - 1];
    count = mem_array(cols, sizeof(*count));
    for (i = 0; i < p->count; i += cols) {
        for (j = 0; j < cols; j++)
            count[j] += pack_bits(p->value[i + j]) != 0;
    }
    k->hint[node] = mem_array(cols, 1);
    k->units[node] = (int)cols;
    for (i = 0; i < cols; i++)
        k->hint[node][i] = (uint8_t)plane_hint(count[i]);
    mem_free(count);
}
