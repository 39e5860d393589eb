/* What a net holds: copies of it, initial values, and what comes with them:
 * masks, moments, codebooks, grids. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "net/net.h"

/* What a parameter may have besides values: a mask and moments. */
#define EXTRA_COUNT (1 + NET_MOMENT_MAX)

static bool same_node(const struct node *a, const struct node *b)
{
    int i;

    if (a->kind != b->kind || a->in_count != b->in_count ||
        a->param_count != b->param_count || !shape_equal(&a->out, &b->out) ||
        memcmp(a->in, b->in, (size_t)a->in_count * sizeof(a->in[0])) != 0)
        return false;
    for (i = 0; i < a->param_count; i++) {
        if (!shape_equal(&a->param[i].def.shape, &b->param[i].def.shape))
            return false;
    }
    return true;
}

bool net_same_graph(const struct net *a, const struct net *b)
{
    int i;

    if (a->node_count != b->node_count || a->output_count != b->output_count ||
        !shape_equal(&a->input, &b->input) ||
        memcmp(a->output, b->output,
               (size_t)a->output_count * sizeof(a->output[0])) != 0)
        return false;
    for (i = 0; i < a->node_count; i++) {
        if (!same_node(&a->node[i], &b->node[i]))
            return false;
    }
    return true;
}

bool net_copy_settings(struct net *to, const struct net *from)
{
    bool other = false;
    int i;

    assert(net_same_graph(to, from));
    for (i = 0; i < to->node_count; i++) {
        size_t size = to->node[i].kind->config_size;
        void *config = to->node[i].config;

        other = other || memcmp(config, from->node[i].config, size) != 0;
        memcpy(config, from->node[i].config, size);
    }
    return other;
}

/* Extras are addressed 0: mask, 1…: moments. */
static bool has_extra(const struct param *p, int extra)
{
    return extra == 0 ? p->mask != NULL : p->moment[extra - 1] != NULL;
}

static void *get_extra(const struct param *p, int extra)
{
    return extra == 0 ? (void *)p->mask : (void *)p->moment[extra - 1];
}

static void set_extra(struct param *p, int extra, void *block)
{
    if (extra == 0)
        p->mask = block;
    else
        p->moment[extra - 1] = block;
}

static size_t extra_bytes(const struct param *p, int extra)
{
    return p->count * (extra == 0 ? sizeof(p->mask[0]) : sizeof(float));
}

/* The blocks that a net lacks, made before anything is changed, in the order
 * of the walk and of the extras. */
struct spares {
    void **block;
    int count, taken;
};

static void *spares_take(struct spares *s)
{
    return s->block[s->taken++];
}

static enum err_code spares_add(struct spares *s, size_t bytes, struct err *err)
{
    void *block = mem_block(bytes, "masks and moments", err);

    if (block == NULL)
        return err->code;
    s->block = mem_grow(s->block, (size_t)s->count + 1, sizeof(*s->block));
    s->block[s->count++] = block;
    return ERR_OK;
}

/* Frees the list and the blocks nobody has taken. */
static void spares_done(struct spares *s)
{
    while (s->taken < s->count)
        mem_block_free(spares_take(s));
    mem_free(s->block);
}

static enum err_code spares_for_copy(struct spares *s, struct net *to,
                                     const struct net *from, struct err *err)
{
    struct param_walk w;
    struct param *p;
    int e;

    for (p = net_first(to, &w); p != NULL; p = net_next(&w)) {
        const struct param *q = &from->node[w.node].param[w.param];

        for (e = 0; e < EXTRA_COUNT; e++) {
            if (has_extra(q, e) && !has_extra(p, e) &&
                spares_add(s, extra_bytes(p, e), err) != ERR_OK)
                return err->code;
        }
    }
    return ERR_OK;
}

static void copy_extra(struct param *p, const struct param *q, int extra,
                       struct spares *s)
{
    if (!has_extra(q, extra)) {
        mem_block_free(get_extra(p, extra));
        set_extra(p, extra, NULL);
        return;
    }
    if (!has_extra(p, extra))
        set_extra(p, extra, spares_take(s));
    memcpy(get_extra(p, extra), get_extra(q, extra), extra_bytes(p, extra));
}

/* Clones of what from's parameters are bound to, in the order of the walk. */
struct bindings {
    struct codebook **book;
    struct grid **grid;
    int count;
};

static enum err_code bindings_of(struct bindings *b, const struct net *from,
                                 struct err *err)
{
    int i, k, n = 0;

    for (i = 0; i < from->node_count; i++)
        n += from->node[i].param_count;
    b->book = mem_array((size_t)n, sizeof(*b->book));
    b->grid = mem_array((size_t)n, sizeof(*b->grid));
    for (i = 0; i < from->node_count; i++) {
        for (k = 0; k < from->node[i].param_count; k++) {
            const struct param *p = &from->node[i].param[k];

            n = b->count++;
            if (p->book != NULL &&
                (b->book[n] = codebook_clone(p->book, err)) == NULL)
                return err->code;
            if (p->grid != NULL &&
                (b->grid[n] = grid_clone(p->grid, err)) == NULL)
                return err->code;
        }
    }
    return ERR_OK;
}

/* Frees what nobody has taken. */
static void bindings_done(struct bindings *b)
{
    while (b->count-- > 0) {
        codebook_free(b->book[b->count]);
        grid_free(b->grid[b->count]);
    }
    mem_free(b->book);
    mem_free(b->grid);
}

static void bind(struct param *p, struct codebook *book, struct grid *grid)
{
    codebook_free(p->book);
    grid_free(p->grid);
    p->book = book;
    p->grid = grid;
}

void param_bind(struct param *p, struct codebook *book, struct grid *grid)
{
    int m;

    assert(book == NULL || grid == NULL);
    bind(p, book, grid);
    for (m = 0; m < NET_MOMENT_MAX; m++) {
        mem_block_free(p->moment[m]);
        p->moment[m] = NULL;
    }
}

int param_bits(const struct param *p)
{
    size_t i = 0;
    int bits = 0, codes;

    if (p->grid != NULL)
        return p->grid->bits;
    if (p->book == NULL)
        return 32;
    while (p->mask != NULL && i < p->count && p->mask[i] != 0)
        i++;
    codes = p->book->k + (p->mask != NULL && i < p->count);
    while (1 << bits < codes)
        bits++;
    return bits;
}

void net_unbind(struct net *net)
{
    struct param_walk w;
    struct param *p;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w))
        param_bind(p, NULL, NULL);
}

static void take_state(struct net *to, const struct net *from,
                       struct spares *spares, struct bindings *bound)
{
    struct param_walk w;
    struct param *p;
    int e, n = 0;

    memcpy(to->values, from->values, to->value_count * sizeof(float));
    for (p = net_first(to, &w); p != NULL; p = net_next(&w), n++) {
        for (e = 0; e < EXTRA_COUNT; e++)
            copy_extra(p, &from->node[w.node].param[w.param], e, spares);
        bind(p, bound->book[n], bound->grid[n]);
        bound->book[n] = NULL;
        bound->grid[n] = NULL;
    }
}

enum err_code net_copy_state(struct net *to, const struct net *from,
                             struct err *err)
{
    struct spares spares = {0};
    struct bindings bound = {0};

    if (!net_same_graph(to, from))
        return err_set(err, ERR_SHAPE, "\"%s\" and \"%s\" are different nets",
                       from->name, to->name);
    if (spares_for_copy(&spares, to, from, err) == ERR_OK &&
        bindings_of(&bound, from, err) == ERR_OK) {
        take_state(to, from, &spares, &bound);
        err->code = ERR_OK;
    }
    bindings_done(&bound);
    spares_done(&spares);
    return err->code;
}

/* The graph with names and settings, without values. */
static struct net *copy_graph(const struct net *net, struct err *err)
{
    struct net *copy = net_new(net->name, &net->input);
    int i;

    copy->scale = net->scale;
    copy->offset = net->offset;
    for (i = 0; i < net->node_count; i++) {
        const struct node *node = &net->node[i];

        if (net_add(copy, node->kind, node->config, node->name, node->in,
                    node->in_count, node->folded, NULL, err) != ERR_OK)
            goto fail;
    }
    if (net_finish(copy, net->output, net->output_count, err) == ERR_OK)
        return copy;
fail:
    net_free(copy);
    return NULL;
}

struct net *net_clone(const struct net *net, struct err *err)
{
    struct net *copy = copy_graph(net, err);

    if (copy != NULL && net_copy_state(copy, net, err) != ERR_OK) {
        net_free(copy);
        return NULL;
    }
    return copy;
}

/* Glorot and Bengio 2010, eq. 16; He et al. 2015, eq. 10. */
static float init_value(const struct param_def *def, struct rng *r)
{
    switch (def->init) {
    case INIT_ONE:
        return 1.0f;
    case INIT_GLOROT:
        return (float)((2.0 * rng_double(r) - 1.0) *
                       sqrt(6.0 / (def->fan_in + def->fan_out)));
    case INIT_HE:
        return (float)(rng_normal(r) * sqrt(2.0 / def->fan_in));
    case INIT_ZERO:
        break;
    }
    return 0.0f;
}

void net_init(struct net *net, uint64_t seed)
{
    struct param_walk w;
    struct param *p;
    size_t i;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        struct rng r =
            rng_at(seed, RNG_INIT, (uint64_t)w.node, (uint64_t)w.param);

        for (i = 0; i < p->count; i++) {
            float value = init_value(&p->def, &r);

            p->value[i] = p->mask != NULL && p->mask[i] == 0 ? 0.0f : value;
        }
    }
}

enum err_code param_need_mask(struct param *p, struct err *err)
{
    if (p->mask != NULL)
        return ERR_OK;
    p->mask = mem_block_array(p->count, sizeof(*p->mask), "a mask", err);
    if (p->mask == NULL)
        return err->code;
    memset(p->mask, 1, p->count * sizeof(*p->mask));
    return ERR_OK;
}

/* Where p's moment m lies, and its size: tied weights share one. */
static float **moment_at(struct param *p, int m, size_t *bytes)
{
    if (p->book == NULL) {
        *bytes = p->count * sizeof(float);
        return &p->moment[m];
    }
    *bytes = ((size_t)p->book->k + 1) * sizeof(float);
    return &p->book->moment[m];
}

static enum err_code spares_for_moments(struct spares *s, struct net *net,
                                        int count, struct err *err)
{
    struct param_walk w;
    struct param *p;
    size_t bytes;
    int m;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        for (m = 0; m < count && p->def.trainable; m++) {
            if (*moment_at(p, m, &bytes) == NULL &&
                spares_add(s, bytes, err) != ERR_OK)
                return err->code;
        }
    }
    return ERR_OK;
}

static void reset_moments(struct param *p, int count, struct spares *s)
{
    size_t bytes;
    int m;

    for (m = 0; m < NET_MOMENT_MAX; m++) {
        float **moment = moment_at(p, m, &bytes);

        if (m >= count || !p->def.trainable) {
            mem_block_free(*moment);
            *moment = NULL;
        } else if (*moment == NULL) {
            *moment = spares_take(s);
        } else {
            memset(*moment, 0, bytes);
        }
    }
}

enum err_code net_need_moments(struct net *net, int count, struct err *err)
{
    struct spares spares = {0};
    struct param_walk w;
    struct param *p;

    assert(count >= 0 && count <= NET_MOMENT_MAX);
    err->code = ERR_OK;
    if (spares_for_moments(&spares, net, count, err) == ERR_OK) {
        for (p = net_first(net, &w); p != NULL; p = net_next(&w))
            reset_moments(p, count, &spares);
    }
    spares_done(&spares);
    return err->code;
}

static bool needs_latent(const struct param *p)
{
    return p->grid != NULL && p->def.trainable;
}

enum err_code net_need_latent(struct net *net, struct err *err)
{
    struct spares spares = {0};
    struct param_walk w;
    struct param *p;

    err->code = ERR_OK;
    for (p = net_first(net, &w); p != NULL && err->code == ERR_OK;
         p = net_next(&w)) {
        if (needs_latent(p) && p->grid->latent == NULL)
            err->code = spares_add(&spares, p->count * sizeof(float), err);
    }
    for (p = net_first(net, &w); p != NULL && err->code == ERR_OK;
         p = net_next(&w)) {
        if (!needs_latent(p))
            continue;
        if (p->grid->latent == NULL)
            p->grid->latent = spares_take(&spares);
        memcpy(p->grid->latent, p->value, p->count * sizeof(float));
    }
    spares_done(&spares);
    return err->code;
}

void net_drop_training(struct net *net)
{
    struct param_walk w;
    struct param *p;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        reset_moments(p, 0, NULL);
        if (p->grid == NULL)
            continue;
        mem_block_free(p->grid->latent);
        p->grid->latent = NULL;
    }
}
