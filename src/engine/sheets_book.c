/* One layer's codebook: what its values are, how often each is used, how far
 * training has moved them, and what other numbers of bits would come to. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compress/huffman.h"
#include "compress/mask.h"
#include "compress/share.h"
#include "engine/sheets.h"

#define TRY_WEIGHTS 4000000 /* more are not clustered for a picture */

/* The layer that is looked at. */
struct view {
    int node, param;
    const struct param *p;
};

/* The layer wished for, or the first that has weights. */
static bool find_layer(const struct net *net, const char *name,
                       struct book_sheet *s, struct view *v)
{
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        const struct node *n = &net->node[i];

        for (k = 0; k < n->param_count && !n->param[k].def.prunable; k++)
            ;
        if (k == n->param_count)
            continue;
        if (v->p == NULL || strcmp(n->name, name) == 0) {
            *v = (struct view){i, k, &n->param[k]};
            s->index = s->count;
        }
        s->count++;
    }
    return v->p != NULL;
}

static void describe(const struct net *net, const struct view *v,
                     struct book_sheet *s)
{
    const struct node *n = &net->node[v->node];
    bool folds = v->node + 1 < net->node_count && net->node[v->node + 1].folded;
    const struct grid *g = v->p->grid;

    snprintf(s->name, sizeof(s->name), "%s", n->name);
    snprintf(s->kind, sizeof(s->kind), "%s%s%s", n->kind->name,
             folds ? " " : "", folds ? net->node[v->node + 1].kind->name : "");
    shape_text(&v->p->def.shape, s->kernel, sizeof(s->kernel));
    s->weights = (long long)v->p->count;
    s->alive = (long long)mask_alive(v->p);
    if (g != NULL && g->channels > 0)
        snprintf(s->grid, sizeof(s->grid), "%s, %d bits, %d scale%s",
                 grid_kind_name(g->kind), g->bits, g->channels,
                 g->channels == 1 ? "" : "s");
    else if (g != NULL)
        snprintf(s->grid, sizeof(s->grid), "%s", grid_kind_name(g->kind));
}

/* The same layer in the nearest stage above where it was not shared, if that
 * is in memory; else as it is. */
static const struct param *free_weights(const struct bench *b,
                                        const struct view *v)
{
    const struct stage *s = stages_current(b->history);

    for (; s != NULL; s = stages_at(b->history, s->parent)) {
        if (s->net == NULL || !net_same_graph(s->net, b->net))
            break;
        if (s->net->node[v->node].param[v->param].book == NULL)
            return &s->net->node[v->node].param[v->param];
    }
    return v->p;
}

/* A net in which the same codebook still was what it was before the training
 * that goes on, or the last one; or NULL. */
static const struct codebook *book_before(const struct bench *b,
                                          const struct view *v)
{
    const struct stage *s = stages_current(b->history);
    const struct codebook *book;

    if (b->running == NULL && s != NULL)
        s = stages_at(b->history, s->parent);
    if (s == NULL || s->net == NULL || !net_same_graph(s->net, b->net))
        return NULL;
    book = s->net->node[v->node].param[v->param].book;
    return book != NULL && book->k == v->p->book->k ? book : NULL;
}

static bool alive(const struct param *p, size_t i)
{
    return p->mask == NULL || p->mask[i] != 0;
}

/* Of what is drawn, and of the values, so that every tick is inside. */
static double range_of(const struct param *p, const struct codebook *book)
{
    double range = 0.0;
    size_t i;
    int j;

    for (i = 0; i < p->count; i++)
        range = alive(p, i) ? fmax(range, fabs((double)p->value[i])) : range;
    for (j = 1; book != NULL && j <= book->k; j++)
        range = fmax(range, fabs((double)book->centroid[j]));
    return range > 0.0 && isfinite(range) ? range : 1.0;
}

static void fill_bins(const struct param *p, struct book_sheet *s)
{
    size_t i;

    for (i = 0; i < p->count; i++) {
        int bin;

        if (!alive(p, i))
            continue;
        bin = (int)(((double)p->value[i] / s->range + 1) * (HIST_BINS / 2));
        s->bins[bin < 0 ? 0 : bin >= HIST_BINS ? HIST_BINS - 1 : bin]++;
    }
    s->zeros = s->weights - s->alive;
}

/* Against the weights before they were shared; those pruned since are none. */
static double error_against(const struct param *p, const struct param *was)
{
    double sum = 0.0, n = 0.0;
    size_t i;

    for (i = 0; i < p->count; i++) {
        double off = (double)p->value[i] - (double)was->value[i];

        if (!alive(p, i))
            continue;
        sum += off * off;
        n += 1.0;
    }
    return n > 0.0 ? sqrt(sum / n) : 0.0;
}

static int bits_for(int k)
{
    int bits = 0;

    while (1 << bits < k)
        bits++;
    return bits;
}

/* What k values cost that are used so often: bits a weight by Huffman's
 * lengths, which are filled in, and bytes with the table of lengths (4 bits
 * each) and the values. */
static double cost_of(const uint64_t *count, int k, uint8_t *length,
                      double *bits)
{
    double sum = 0.0, n = 0.0;
    int j;

    if (k <= HUFFMAN_SYMBOLS)
        huffman_lengths(count, k, HUFFMAN_LIMIT, length);
    else
        memset(length, bits_for(k), (size_t)k);
    for (j = 0; j < k; j++) {
        sum += (double)count[j] * length[j];
        n += (double)count[j];
    }
    *bits = n > 0.0 ? sum / n : 0.0;
    return ceil(sum / 8) + ceil(k / 2.0) + 4.0 * k;
}

static void fill_values(const struct bench *b, const struct view *v,
                        struct book_sheet *s)
{
    const struct codebook *book = v->p->book, *was = book_before(b, v);
    struct book_value *value =
        sheet_array(s, (size_t)book->k, sizeof(value[0]));
    uint64_t *count = mem_array((size_t)book->k + 1, sizeof(*count));
    uint8_t *length = mem_array((size_t)book->k, 1);
    size_t i;
    int j;

    for (i = 0; i < book->count; i++)
        count[book->code[i]]++;
    s->bytes = cost_of(count + 1, book->k, length, &s->huffman);
    s->entropy = s->alive > 0
                     ? huffman_entropy(count + 1, book->k) / (double)s->alive
                     : 0.0;
    s->fixed = param_bits(v->p);
    for (j = 0; j < book->k; j++) {
        value[j].value = (double)book->centroid[j + 1];
        value[j].start =
            was == NULL ? value[j].value : (double)was->centroid[j + 1];
        value[j].members = (long long)count[j + 1];
        value[j].length = length[j];
        s->dead += count[j + 1] == 0;
    }
    s->value = value;
    s->value_count = book->k;
    s->group = book->group > 0;
    mem_free(count);
    mem_free(length);
}

/* Sharing the points with that many bits, from a linear start. */
static void try_bits(const struct points *p, int bits, bool pruned,
                     struct book_try *out)
{
    struct rng r = rng_at(0, RNG_CLUSTER, 0, 0);
    struct clusters c;
    uint64_t count[1 << BOOK_TRIES] = {0};
    uint8_t length[1 << BOOK_TRIES];
    struct err ignored;
    double unused;
    size_t from = 0;
    int j;

    clusters_make(&c, share_values(bits, pruned), p);
    *out = (struct book_try){.bits = bits};
    if (share_defaults().by->run(&c, p, &r, &ignored) == ERR_OK) {
        for (j = 0; j < c.k; j++) {
            count[j] = (uint64_t)(p->count[c.end[j]] - p->count[from]);
            from = c.end[j];
        }
        out->k = c.k;
        out->error = sqrt(clusters_error(&c, p) / fmax(1.0, p->count[p->n]));
        out->bytes = cost_of(count, c.k, length, &unused);
    }
    clusters_done(&c);
}

static void fill_tries(const struct view *v, struct book_sheet *s)
{
    struct points points;
    struct err ignored;
    size_t i;
    int bits;

    for (i = 0; i < v->p->count; i++) {
        if (!isfinite(v->p->value[i]))
            return;
    }
    if (s->alive == 0 || s->alive > TRY_WEIGHTS ||
        share_points(v->p, &points, &ignored) != ERR_OK)
        return;
    for (bits = 1; bits <= BOOK_TRIES; bits++)
        try_bits(&points, bits, s->zeros > 0, &s->tries[bits - 1]);
    s->try_count = BOOK_TRIES;
    points_done(&points);
}

struct book_sheet *sheets_book(struct bench *b, const struct board_wish *wish)
{
    struct book_sheet *s = sheet_new(SHEET_BOOK);
    const struct param *was;
    struct view v = {0};

    if (!find_layer(b->net, wish->book, s, &v)) {
        sheet_drop(s);
        return NULL;
    }
    describe(b->net, &v, s);
    was = v.p->book == NULL ? v.p : free_weights(b, &v);
    s->before = was != v.p;
    s->range = range_of(was, v.p->book);
    fill_bins(was, s);
    s->zeros = s->weights - s->alive;
    s->error = s->before ? error_against(v.p, was) : (double)NAN;
    if (v.p->book != NULL)
        fill_values(b, &v, s);
    if (v.p->grid == NULL)
        fill_tries(&v, s);
    return s;
}
