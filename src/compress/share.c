#include "compress/share.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compress/layers.h"
#include "compress/mask.h"

#define BITS_MAX 12 /* 4096 centroids: a table of 16 kB */

/* Layers that get one codebook, and what they get. */
struct work {
    int count;
    int *node;
    struct param **p;
    struct codebook **book; /* made by us: they go again on failure */
    double *error;
    size_t distinct;
};

struct share_request share_defaults(void)
{
    return (struct share_request){.by = cluster_method_find("linear"),
                                  .bits = 5};
}

int share_values(int bits, bool pruned)
{
    return (1 << bits) - (pruned ? 1 : 0);
}

static enum err_code check_request(const struct share_request *r,
                                   const struct net *net, struct err *err)
{
    int i, k;

    assert(r->by != NULL);
    if (r->k == 0 && (r->bits < 1 || r->bits > BITS_MAX))
        return err_set(err, ERR_VALUE,
                       "%d bits for shared weights, expected 1 to %d", r->bits,
                       BITS_MAX);
    if (r->k < 0 || r->k > 1 << BITS_MAX)
        return err_set(err, ERR_VALUE, "%d shared values, expected 1 to %d",
                       r->k, 1 << BITS_MAX);
    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            if (layers_chosen(net, i, k, r->layers) &&
                net->node[i].param[k].grid != NULL)
                return err_set(err, ERR_STATE,
                               "layer \"%s\" is on a grid of %d bits, which "
                               "shared values would leave; `quantize off` "
                               "frees it first",
                               net->node[i].name,
                               net->node[i].param[k].grid->bits);
        }
    }
    return layers_finite(net, r->layers, err);
}

static size_t gather(const struct param *p, float *to)
{
    size_t i, n = 0;

    for (i = 0; i < p->count; i++) {
        if (p->mask == NULL || p->mask[i] != 0)
            to[n++] = p->value[i];
    }
    return n;
}

/* The alive weights of several as points. */
static enum err_code points_of(struct param *const *p, int count,
                               struct points *out, struct err *err)
{
    size_t n = 0, at = 0;
    enum err_code code;
    float *all;
    int i;

    for (i = 0; i < count; i++)
        n += mask_alive(p[i]);
    all = mem_block_array(n, sizeof(*all), "the weights", err);
    if (all == NULL)
        return err->code;
    for (i = 0; i < count; i++)
        at += gather(p[i], all + at);
    code = points_make(out, all, n, err);
    mem_block_free(all);
    return code;
}

enum err_code share_points(const struct param *p, struct points *out,
                           struct err *err)
{
    struct param copy = *p, *one = &copy;

    return points_of(&one, 1, out, err);
}

/* p's codebook out of clusters. */
static struct codebook *book_of(const struct clusters *c,
                                const struct points *points,
                                const struct param *p, struct err *err)
{
    struct codebook *b = codebook_new(c->k, p->count, err);
    size_t i;
    int j;

    if (b == NULL)
        return NULL;
    for (j = 0; j < c->k; j++)
        b->centroid[j + 1] = (float)c->centre[j];
    for (i = 0; i < p->count; i++) {
        if (p->mask == NULL || p->mask[i] != 0)
            b->code[i] = (uint16_t)(1 + clusters_find(c, points, p->value[i]));
    }
    return b;
}

static double change_of(const struct codebook *b, const struct param *p)
{
    double sum = 0.0;
    size_t i, n = 0;

    for (i = 0; i < p->count; i++) {
        double off = (double)b->centroid[b->code[i]] - (double)p->value[i];

        sum += off * off;
        n += b->code[i] != 0;
    }
    return n > 0 ? sum / (double)n : 0.0;
}

static int values_for(const struct work *w, const struct share_request *r)
{
    bool pruned = false;
    int i;

    if (r->k > 0)
        return r->k;
    for (i = 0; i < w->count; i++)
        pruned = pruned || mask_alive(w->p[i]) < w->p[i]->count;
    return share_values(r->bits, pruned);
}

static enum err_code make_books(struct work *w, const struct share_request *r,
                                const struct points *points, struct err *err)
{
    struct rng random =
        rng_at(r->seed, RNG_CLUSTER, r->round, (uint64_t)w->node[0]);
    struct clusters c;
    int i;

    clusters_make(&c, values_for(w, r), points);
    if (r->by->run(&c, points, &random, err) != ERR_OK) {
        clusters_done(&c);
        return err->code;
    }
    for (i = 0; i < w->count; i++) {
        w->book[i] = book_of(&c, points, w->p[i], err);
        if (w->book[i] == NULL)
            break;
        w->error[i] = change_of(w->book[i], w->p[i]);
    }
    clusters_done(&c);
    return i == w->count ? ERR_OK : err->code;
}

/* Clusters the layers of w together. */
static enum err_code cluster(struct work *w, const struct share_request *r,
                             struct err *err)
{
    struct points points;
    enum err_code code = ERR_OK;

    if (points_of(w->p, w->count, &points, err) != ERR_OK)
        return err->code;
    w->distinct = points.n;
    if (points.n > 0)
        code = make_books(w, r, &points, err);
    points_done(&points);
    return code;
}

static void work_make(struct work *w, int count)
{
    size_t n = (size_t)count;

    *w = (struct work){0};
    w->node = mem_array(n, sizeof(*w->node));
    w->p = mem_array(n, sizeof(struct param *));
    w->book = mem_array(n, sizeof(struct codebook *));
    w->error = mem_array(n, sizeof(*w->error));
}

static void work_done(struct work *w)
{
    int i;

    for (i = 0; i < w->count; i++)
        codebook_free(w->book[i]);
    mem_free(w->node);
    mem_free(w->p);
    mem_free(w->book);
    mem_free(w->error);
}

/* A number that no codebook of the net has. */
static int new_group(const struct net *net)
{
    int i, k, most = 0;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct codebook *b = net->node[i].param[k].book;

            if (b != NULL && b->group > most)
                most = b->group;
        }
    }
    return most + 1;
}

static void take_books(struct work *w, const struct share_request *r, int group)
{
    int i;

    for (i = 0; i < w->count; i++) {
        struct codebook *b = w->book[i];

        if (b == NULL)
            continue;
        b->group = w->count > 1 ? group : 0;
        w->book[i] = NULL;
        param_bind(w->p[i], b, NULL);
        codebook_write(b, w->p[i]->value, 0, b->count);
        if (r->tell != NULL)
            r->tell(r->arg, w->node[i], b, w->distinct, w->error[i]);
    }
}

/* One work for all chosen layers, or one for each. */
static int plan(struct work *work, struct net *net,
                const struct share_request *r, int count)
{
    int i, k, works = 0;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            struct work *w;

            if (!layers_chosen(net, i, k, r->layers))
                continue;
            if (works == 0 || !r->together)
                work_make(&work[works++], r->together ? count : 1);
            w = &work[works - 1];
            w->node[w->count] = i;
            w->p[w->count++] = &net->node[i].param[k];
        }
    }
    return works;
}

enum err_code share_apply(struct net *net, const struct share_request *r,
                          struct err *err)
{
    int count = layers_count(net, r->layers), works, i;
    enum err_code code = ERR_OK;
    struct work *work;

    if (count == 0)
        return layers_refuse(net, r->layers, err);
    if (check_request(r, net, err) != ERR_OK)
        return err->code;
    work = mem_array((size_t)count, sizeof(*work));
    works = plan(work, net, r, count);
    for (i = 0; i < works && code == ERR_OK; i++)
        code = cluster(&work[i], r, err);
    for (i = 0; i < works && code == ERR_OK; i++)
        take_books(&work[i], r, new_group(net));
    for (i = 0; i < works; i++)
        work_done(&work[i]);
    mem_free(work);
    return code;
}

/* A centroid and its code, to be sorted. */
struct place {
    float x;
    uint16_t code;
};

static int by_centroid(const void *a, const void *b)
{
    const struct place *p = a, *q = b;

    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return (int)p->code - (int)q->code;
}

static uint16_t nearest(const struct place *place, int k, float x)
{
    int from = 0, to = k - 1;

    while (from < to) {
        int mid = from + (to - from) / 2;
        double middle = ((double)place[mid].x + (double)place[mid + 1].x) / 2;

        if ((double)x <= middle)
            to = mid;
        else
            from = mid + 1;
    }
    return place[from].code;
}

long long share_reassign(struct param *p, const struct param *old)
{
    struct codebook *b = p->book;
    struct place *place = mem_array((size_t)b->k, sizeof(*place));
    long long changed = 0;
    size_t i;
    int j;

    for (j = 0; j < b->k; j++)
        place[j] = (struct place){b->centroid[j + 1], (uint16_t)(j + 1)};
    qsort(place, (size_t)b->k, sizeof(*place), by_centroid);
    for (i = 0; i < p->count; i++) {
        uint16_t code;

        if (b->code[i] == 0)
            continue;
        code = nearest(place, b->k, old->value[i]);
        changed += code != b->code[i];
        b->code[i] = code;
    }
    mem_free(place);
    codebook_write(b, p->value, 0, p->count);
    return changed;
}

static long long book_leaks(const struct param *p)
{
    const struct codebook *b = p->book;
    long long leaks = 0;
    size_t i;

    for (i = 0; i < p->count; i++)
        leaks +=
            memcmp(&p->value[i], &b->centroid[b->code[i]], sizeof(float)) != 0;
    return leaks;
}

static long long grid_leaks(const struct param *p)
{
    long long leaks = 0;
    size_t i;

    for (i = 0; i < p->count; i++)
        leaks += !grid_holds(p->grid, p->value[i], i);
    return leaks;
}

long long share_leaks(const struct net *net, const char **where)
{
    long long sum = 0;
    int i, k;

    if (where != NULL)
        *where = NULL;
    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct param *p = &net->node[i].param[k];
            long long leaks = p->book != NULL   ? book_leaks(p)
                              : p->grid != NULL ? grid_leaks(p)
                                                : 0;

            if (leaks > 0 && sum == 0 && where != NULL)
                *where = net->node[i].name;
            sum += leaks;
        }
    }
    return sum;
}
