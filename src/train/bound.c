#include "train/bound.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/vec.h"

#define TILE 512 /* floats */

/* Parameters that are moved together: those of one codebook, or one grid. */
struct unit {
    int first; /* its first chunk; the others say so in unit_of */
    const struct codebook *book; /* of the first; NULL: a grid */
    float *grad;                 /* k; of a codebook, as members is */
    size_t *members;
    bool finite;
};

struct bound {
    const struct chunk *chunk;
    int count;
    int *unit_of; /* a chunk; -1: free */
    double **sum; /* a chunk: k + 1 sums of gradients, or NULL */
    struct unit *unit;
    int units;
    float *clipped; /* the largest chunk's count, for each worker */
    size_t largest;
    const float **list; /* for each worker: a list of one gradient */
    const struct bound_step *step;
};

static bool is_bound(const struct param *p)
{
    return p->book != NULL || p->grid != NULL;
}

/* The unit of a chunk whose parameter is bound; made when there is none. */
static int find_unit(struct bound *b, int number)
{
    const struct param *p = b->chunk[number].param;
    int u;

    for (u = 0; u < b->units; u++) {
        const struct param *q = b->chunk[b->unit[u].first].param;

        if (p == q || (p->book != NULL && q->book != NULL &&
                       p->book->group > 0 && p->book->group == q->book->group))
            return u;
    }
    b->unit = mem_grow(b->unit, (size_t)b->units + 1, sizeof(*b->unit));
    b->unit[u] = (struct unit){.first = number, .book = p->book};
    b->units++;
    if (p->book == NULL)
        return u;
    b->unit[u].grad = mem_array((size_t)p->book->k, sizeof(float));
    b->unit[u].members = mem_array((size_t)p->book->k, sizeof(size_t));
    return u;
}

static void count_members(struct unit *u, const struct chunk *c)
{
    const uint16_t *code = c->param->book->code + c->at;
    size_t i;

    for (i = 0; i < c->count; i++) {
        if (code[i] > 0)
            u->members[code[i] - 1]++;
    }
}

enum err_code bound_new(const struct chunk *chunk, int count, int workers,
                        struct bound **out, struct err *err)
{
    struct bound *b = mem_zalloc(sizeof(*b));
    size_t n = (size_t)count;
    int i;

    b->chunk = chunk;
    b->count = count;
    b->unit_of = mem_array(n, sizeof(*b->unit_of));
    b->sum = mem_array(n, sizeof(*b->sum));
    for (i = 0; i < count; i++) {
        const struct param *p = chunk[i].param;

        b->unit_of[i] = is_bound(p) ? find_unit(b, i) : -1;
        if (p->book != NULL) {
            b->sum[i] = mem_array((size_t)p->book->k + 1, sizeof(double));
            count_members(&b->unit[b->unit_of[i]], &chunk[i]);
        }
        if (p->grid != NULL && chunk[i].count > b->largest)
            b->largest = chunk[i].count;
    }
    *out = NULL;
    if (b->units == 0) {
        bound_free(b);
        return ERR_OK;
    }
    b->list = mem_array((size_t)workers, sizeof(const float *));
    b->clipped = mem_block_array(b->largest, (size_t)workers * sizeof(float),
                                 "gradients", err);
    if (b->clipped == NULL) {
        bound_free(b);
        return err->code;
    }
    *out = b;
    return ERR_OK;
}

void bound_free(struct bound *b)
{
    int i;

    if (b == NULL)
        return;
    for (i = 0; i < b->count; i++)
        mem_free(b->sum[i]);
    for (i = 0; i < b->units; i++) {
        mem_free(b->unit[i].grad);
        mem_free(b->unit[i].members);
    }
    mem_free(b->sum);
    mem_free(b->unit_of);
    mem_free(b->unit);
    mem_free(b->list);
    mem_block_free(b->clipped);
    mem_free(b);
}

/* g = sum of the shards' gradients, from element `at` on */
static void add_shards(const struct optim_piece *p, size_t at, size_t n,
                       float *g)
{
    size_t i;
    int s;

    memcpy(g, p->grad[0] + at, n * sizeof(*g));
    for (s = 1; s < p->shards; s++) {
        const float *term = p->grad[s] + at;

        VEC_LOOP
        for (i = 0; i < n; i++)
            g[i] += term[i];
    }
}

void bound_sum(struct bound *b, int number, const struct optim_piece *piece)
{
    const struct codebook *book = b->chunk[number].param->book;
    const uint16_t *code = book->code + b->chunk[number].at;
    double *sum = b->sum[number];
    float g[TILE];
    size_t at, i;

    memset(sum, 0, ((size_t)book->k + 1) * sizeof(*sum));
    for (at = 0; at < piece->count; at += TILE) {
        size_t n = piece->count - at < TILE ? piece->count - at : TILE;

        add_shards(piece, at, n, g);
        for (i = 0; i < n; i++)
            sum[code[at + i]] += (double)g[i];
    }
}

/* Gradients of values that lie beyond the ends of the grid are nought. */
static void clip(const struct chunk *c, float *g)
{
    const struct grid *grid = c->param->grid;
    size_t channels = (size_t)grid->channels, i;
    int least = grid_least(grid), most = grid_most(grid);

    for (i = 0; i < c->count; i++) {
        int channel = (int)((c->at + i) % channels);
        float x = grid->latent[c->at + i];

        if (x < grid_real(grid, least, channel) ||
            x > grid_real(grid, most, channel))
            g[i] = 0.0f;
    }
}

void bound_latent(struct bound *b, int number, int worker,
                  struct optim_piece *piece)
{
    const struct chunk *c = &b->chunk[number];
    float *g = b->clipped + (size_t)worker * b->largest;

    piece->value = c->param->grid->latent + c->at;
    if (!c->param->grid->fixed || c->param->grid->channels == 0)
        return;
    add_shards(piece, 0, c->count, g);
    clip(c, g);
    b->list[worker] = g;
    piece->grad = &b->list[worker];
    piece->shards = 1;
}

static bool finite_list(const float *x, int n)
{
    int i;

    for (i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return false;
    }
    return true;
}

/* The others of the group get what the first has. */
static void copy_book(struct codebook *to, const struct codebook *from,
                      int moments)
{
    size_t bytes = ((size_t)from->k + 1) * sizeof(float);
    int m;

    if (to == from)
        return;
    memcpy(to->centroid, from->centroid, bytes);
    for (m = 0; m < moments; m++)
        memcpy(to->moment[m], from->moment[m], bytes);
}

static void gather_sums(const struct bound *b, int number, struct unit *u)
{
    int i, j;

    for (j = 0; j < u->book->k; j++) {
        double sum = 0.0;

        for (i = u->first; i < b->count; i++)
            sum += b->unit_of[i] == number ? b->sum[i][j + 1] : 0.0;
        if (b->step->mean && u->members[j] > 0)
            sum /= (double)u->members[j];
        u->grad[j] = (float)sum;
    }
}

static void move_book(struct bound *b, int number, struct unit *u)
{
    const struct bound_step *step = b->step;
    struct codebook *book = b->chunk[u->first].param->book;
    const float *grad = u->grad;
    struct optim_piece piece = {.value = book->centroid + 1,
                                .grad = &grad,
                                .shards = 1,
                                .count = (size_t)book->k};
    int i, m;

    gather_sums(b, number, u);
    for (m = 0; m < step->optim->moments; m++)
        piece.moment[m] = book->moment[m] + 1;
    u->finite = step->optim->update(step->rate, step->lr, step->step, &piece) &&
                finite_list(book->centroid, book->k + 1);
    for (i = u->first; i < b->count; i++) {
        if (b->unit_of[i] == number)
            copy_book(b->chunk[i].param->book, book, step->optim->moments);
    }
}

static void move_unit(void *arg, int number, int worker)
{
    struct bound *b = arg;
    struct unit *u = &b->unit[number];
    struct grid *g = b->chunk[u->first].param->grid;

    (void)worker;
    u->finite = true;
    if (u->book != NULL)
        move_book(b, number, u);
    else if (!g->fixed)
        grid_fit(g, g->latent);
}

static void write_chunk(void *arg, int number, int worker)
{
    const struct bound *b = arg;
    const struct chunk *c = &b->chunk[number];
    struct param *p = c->param;

    (void)worker;
    if (p->book != NULL)
        codebook_write(p->book, p->value, c->at, c->count);
    else if (p->grid != NULL)
        grid_snap(p->grid, p->grid->latent, p->value, c->at, c->count);
}

int bound_finish(struct bound *b, struct pool *pool,
                 const struct bound_step *step)
{
    int i;

    b->step = step;
    pool_run(pool, move_unit, b, b->units);
    pool_run(pool, write_chunk, b, b->count);
    for (i = 0; i < b->units; i++) {
        if (!b->unit[i].finite)
            return b->unit[i].first;
    }
    return -1;
}
