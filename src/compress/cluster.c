#include "compress/cluster.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ROUNDS_MAX 1000 /* of Lloyd; tens are usual */

/* Sorting: floats as numbers of 32 bits that ascend as they do, in three
 * passes of 11 bits. */

#define DIGIT_BITS 11
#define DIGITS     (1u << DIGIT_BITS)

static uint32_t key_of(float x)
{
    uint32_t u;

    x += 0.0f; /* -0.0 is +0.0 */
    memcpy(&u, &x, sizeof(u));
    return (u & 0x80000000u) != 0 ? ~u : u | 0x80000000u;
}

static float value_of(uint32_t key)
{
    uint32_t u = (key & 0x80000000u) != 0 ? key & 0x7FFFFFFFu : ~key;
    float x;

    memcpy(&x, &u, sizeof(x));
    return x;
}

/* place: room for DIGITS. */
static void sort_pass(const uint32_t *from, uint32_t *to, size_t n, int shift,
                      size_t *place)
{
    size_t at = 0, i;

    memset(place, 0, DIGITS * sizeof(*place));
    for (i = 0; i < n; i++)
        place[(from[i] >> shift) & (DIGITS - 1)]++;
    for (i = 0; i < DIGITS; i++) {
        size_t count = place[i];

        place[i] = at;
        at += count;
    }
    for (i = 0; i < n; i++)
        to[place[(from[i] >> shift) & (DIGITS - 1)]++] = from[i];
}

static enum err_code sort_values(float *value, size_t n, struct err *err)
{
    uint32_t *a = mem_block_array(n, sizeof(*a), "sorting", err);
    uint32_t *b =
        a == NULL ? NULL : mem_block_array(n, sizeof(*b), "sorting", err);
    size_t *place, i;

    if (b != NULL) {
        place = mem_array(DIGITS, sizeof(*place));
        for (i = 0; i < n; i++)
            a[i] = key_of(value[i]);
        sort_pass(a, b, n, 0, place);
        sort_pass(b, a, n, DIGIT_BITS, place);
        sort_pass(a, b, n, 2 * DIGIT_BITS, place);
        mem_free(place);
        for (i = 0; i < n; i++)
            value[i] = value_of(b[i]);
    }
    mem_block_free(a);
    mem_block_free(b);
    return b != NULL ? ERR_OK : err->code;
}

/* Points. */

static size_t count_distinct(const float *value, size_t count)
{
    size_t n = count > 0, i;

    for (i = 1; i < count; i++)
        n += value[i] != value[i - 1];
    return n;
}

static void take_stock(struct points *p, const float *value, size_t count)
{
    size_t n = 0, first, i;

    p->middle = (double)value[count / 2];
    for (first = 0; first < count; first = i) {
        double off = (double)value[first] - p->middle, many;

        for (i = first; i < count && value[i] == value[first]; i++)
            ;
        many = (double)(i - first);
        p->x[n] = value[first];
        p->count[n + 1] = p->count[n] + many;
        p->sum[n + 1] = p->sum[n] + many * off;
        p->square[n + 1] = p->square[n] + many * off * off;
        n++;
    }
}

enum err_code points_make(struct points *p, float *value, size_t count,
                          struct err *err)
{
    static const char what[] = "the sorted weights";
    size_t n;

    *p = (struct points){0};
    if (sort_values(value, count, err) != ERR_OK)
        return err->code;
    n = count_distinct(value, count);
    p->n = n;
    p->x = mem_block_array(n, sizeof(float), what, err);
    p->count = mem_block_array(n + 1, sizeof(double), what, err);
    p->sum = mem_block_array(n + 1, sizeof(double), what, err);
    p->square = mem_block_array(n + 1, sizeof(double), what, err);
    if (p->x == NULL || p->count == NULL || p->sum == NULL ||
        p->square == NULL) {
        points_done(p);
        return err->code;
    }
    if (count > 0)
        take_stock(p, value, count);
    return ERR_OK;
}

void points_done(struct points *p)
{
    mem_block_free(p->x);
    mem_block_free(p->count);
    mem_block_free(p->sum);
    mem_block_free(p->square);
    *p = (struct points){0};
}

static double mean_of(const struct points *p, size_t from, size_t to)
{
    return p->middle +
           (p->sum[to] - p->sum[from]) / (p->count[to] - p->count[from]);
}

double points_error(const struct points *p, size_t from, size_t to)
{
    double many = p->count[to] - p->count[from];
    double sum = p->sum[to] - p->sum[from], error;

    if (to <= from + 1) /* one value: rounding would leave a trace */
        return 0.0;
    error = p->square[to] - p->square[from] - sum * sum / many;
    return error > 0.0 ? error : 0.0;
}

/* The first index in from..to-1 whose value is above limit, or to. */
static size_t first_above(const struct points *p, size_t from, size_t to,
                          double limit)
{
    while (from < to) {
        size_t mid = from + (to - from) / 2;

        if ((double)p->x[mid] <= limit)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

/* Clusters. */

void clusters_make(struct clusters *c, int k, const struct points *p)
{
    if ((size_t)k > p->n)
        k = (int)p->n;
    *c = (struct clusters){.k = k};
    c->centre = mem_array((size_t)k, sizeof(*c->centre));
    c->end = mem_array((size_t)k, sizeof(*c->end));
}

void clusters_done(struct clusters *c)
{
    mem_free(c->centre);
    mem_free(c->end);
    *c = (struct clusters){0};
}

static size_t start_of(const struct clusters *c, int j)
{
    return j == 0 ? 0 : c->end[j - 1];
}

double clusters_error(const struct clusters *c, const struct points *p)
{
    double sum = 0.0;
    int j;

    for (j = 0; j < c->k; j++)
        sum += points_error(p, start_of(c, j), c->end[j]);
    return sum;
}

int clusters_find(const struct clusters *c, const struct points *p, float x)
{
    int from = 0, to = c->k - 1;

    while (from < to) {
        int mid = from + (to - from) / 2;

        if (x <= p->x[c->end[mid] - 1])
            to = mid;
        else
            from = mid + 1;
    }
    return from;
}

/* Whether a value came into another cluster. */
static bool assign(struct clusters *c, const struct points *p)
{
    bool changed = false;
    size_t from = 0;
    int j;

    for (j = 0; j < c->k; j++) {
        size_t end = j == c->k - 1
                         ? p->n
                         : first_above(p, from, p->n,
                                       (c->centre[j] + c->centre[j + 1]) / 2);

        changed = changed || end != c->end[j];
        c->end[j] = from = end;
    }
    return changed;
}

/* An end of a cluster, and how far it lies from the centre. */
struct far {
    double off;
    float x;
};

static int by_distance(const void *a, const void *b)
{
    const struct far *f = a, *g = b;

    if (f->off != g->off)
        return f->off > g->off ? -1 : 1;
    return (f->x > g->x) - (f->x < g->x);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Moves the centres of empty clusters to the farthest values. */
static void fill_empty(struct clusters *c, const struct points *p)
{
    struct far *far = mem_array(2 * (size_t)c->k, sizeof(*far));
    int count = 0, used = 0, j;

    for (j = 0; j < c->k; j++) {
        size_t from = start_of(c, j), to = c->end[j];

        if (to < from + 2)
            continue;
        far[count].x = p->x[from];
        far[count++].off = c->centre[j] - (double)p->x[from];
        far[count].x = p->x[to - 1];
        far[count++].off = (double)p->x[to - 1] - c->centre[j];
    }
    qsort(far, (size_t)count, sizeof(*far), by_distance);
    for (j = 0; j < c->k && used < count; j++) {
        if (start_of(c, j) == c->end[j])
            c->centre[j] = (double)far[used++].x;
    }
    mem_free(far);
    qsort(c->centre, (size_t)c->k, sizeof(*c->centre), by_value);
}

bool clusters_round(struct clusters *c, const struct points *p)
{
    bool empty = false;
    int j;

    if (!assign(c, p))
        return false;
    for (j = 0; j < c->k; j++) {
        if (start_of(c, j) < c->end[j])
            c->centre[j] = mean_of(p, start_of(c, j), c->end[j]);
        else
            empty = true;
    }
    if (empty)
        fill_empty(c, p);
    c->rounds++;
    return true;
}

/* Ends with full clusters that have their means as centres: one that is still
 * empty when there were rounds enough is left out. */
static void lloyd(struct clusters *c, const struct points *p)
{
    size_t from = 0;
    int j, k = 0;

    while (c->rounds < ROUNDS_MAX && clusters_round(c, p))
        ;
    for (j = 0; j < c->k; j++) {
        if (c->end[j] == from)
            continue;
        c->centre[k] = mean_of(p, from, c->end[j]);
        c->end[k++] = from = c->end[j];
    }
    c->k = k;
}

/* Starts. */

static enum err_code run_linear(struct clusters *c, const struct points *p,
                                struct rng *r, struct err *err)
{
    double low = (double)p->x[0], high = (double)p->x[p->n - 1];
    int j;

    (void)r;
    (void)err;
    for (j = 0; j < c->k; j++)
        c->centre[j] =
            c->k == 1 ? (low + high) / 2 : low + (high - low) * j / (c->k - 1);
    lloyd(c, p);
    return ERR_OK;
}

/* The smallest index whose prefix of counts is above many. */
static size_t rank_of(const struct points *p, double many)
{
    size_t from = 0, to = p->n - 1;

    while (from < to) {
        size_t mid = from + (to - from) / 2;

        if (p->count[mid + 1] > many)
            to = mid;
        else
            from = mid + 1;
    }
    return from;
}

static enum err_code run_density(struct clusters *c, const struct points *p,
                                 struct rng *r, struct err *err)
{
    int j;

    (void)r;
    (void)err;
    for (j = 0; j < c->k; j++)
        c->centre[j] =
            (double)p->x[rank_of(p, p->count[p->n] * ((double)j + 0.5) / c->k)];
    lloyd(c, p);
    return ERR_OK;
}

/* Floyd's sample of k different indices (Bentley and Floyd, CACM 1987). */
static enum err_code run_random(struct clusters *c, const struct points *p,
                                struct rng *r, struct err *err)
{
    uint8_t *taken = mem_block(p->n, "the start of clusters", err);
    size_t i;
    int j;

    if (taken == NULL)
        return err->code;
    for (j = 0; j < c->k; j++) {
        size_t last = p->n - (size_t)c->k + (size_t)j;

        i = rng_below(r, (uint32_t)last + 1);
        if (taken[i])
            i = last;
        taken[i] = 1;
    }
    for (i = 0, j = 0; i < p->n; i++) {
        if (taken[i])
            c->centre[j++] = (double)p->x[i];
    }
    mem_block_free(taken);
    lloyd(c, p);
    return ERR_OK;
}

/* Squared distances of x[from..to-1] to a centre, summed. */
static double distance_to(const struct points *p, size_t from, size_t to,
                          double centre)
{
    double off = centre - p->middle;
    double sum = p->square[to] - p->square[from] -
                 2 * off * (p->sum[to] - p->sum[from]) +
                 off * off * (p->count[to] - p->count[from]);

    return sum > 0.0 ? sum : 0.0;
}

/* The value at which the sum of distances from `from` on passes target. */
static size_t pick_within(const struct points *p, size_t from, size_t to,
                          double centre, double target)
{
    size_t low = from, high = to - 1;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (distance_to(p, from, mid + 1, centre) > target)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

/* Draws a value with the odds of its squared distance to the nearest of the
 * first k centres, which are ascending. */
static double draw_far(const struct clusters *c, const struct points *p, int k,
                       struct rng *r)
{
    struct clusters part = {.k = k, .centre = c->centre, .end = c->end};
    double sum = 0.0, target;
    size_t from;
    int j;

    assign(&part, p);
    for (j = 0; j < k; j++)
        sum += distance_to(p, start_of(&part, j), part.end[j], c->centre[j]);
    target = rng_double(r) * sum;
    for (j = 0; j < k - 1; j++) {
        double here =
            distance_to(p, start_of(&part, j), part.end[j], c->centre[j]);

        if (here > target)
            break;
        target -= here;
    }
    from = start_of(&part, j);
    return (double)
        p->x[pick_within(p, from, part.end[j], c->centre[j], target)];
}

/* Arthur and Vassilvitskii 2007. */
static enum err_code run_plus(struct clusters *c, const struct points *p,
                              struct rng *r, struct err *err)
{
    int k;

    (void)err;
    c->centre[0] = (double)p->x[rank_of(p, rng_double(r) * p->count[p->n])];
    for (k = 1; k < c->k; k++) {
        double x = draw_far(c, p, k, r);
        int j = k;

        for (; j > 0 && c->centre[j - 1] > x; j--)
            c->centre[j] = c->centre[j - 1];
        c->centre[j] = x;
    }
    memset(c->end, 0, (size_t)c->k * sizeof(*c->end));
    lloyd(c, p);
    return ERR_OK;
}

/*
 * The best clusters there are, by dynamic programming: the least error of the
 * first i values in j clusters ends with a cluster that starts at `from`, and
 * from grows with i; so half of the range is settled by its middle (Wu 1991;
 * Grønlund et al. 2017).  O(k n log n) time, k n numbers of memory.
 */
struct table {
    const struct points *p;
    double *last, *now; /* n + 1: least error of the first i values */
    uint32_t *from;     /* of this number of clusters: n + 1 */
};

static void settle(const struct table *t, size_t low, size_t high, size_t least,
                   size_t most)
{
    size_t mid, f, best = least;
    double error = INFINITY;

    if (low > high)
        return;
    mid = low + (high - low) / 2;
    for (f = least; f <= most && f < mid; f++) {
        double e = t->last[f] + points_error(t->p, f, mid);

        if (e < error) {
            error = e;
            best = f;
        }
    }
    t->now[mid] = error;
    t->from[mid] = (uint32_t)best;
    if (mid > low)
        settle(t, low, mid - 1, least, best);
    settle(t, mid + 1, high, best, most);
}

#define TABLE_MAX ((size_t)1 << 27) /* numbers */

static enum err_code run_exact(struct clusters *c, const struct points *p,
                               struct rng *r, struct err *err)
{
    size_t rows = p->n + 1, at = p->n, i;
    struct table t = {.p = p};
    uint32_t *from;
    double *swap;
    int j;

    (void)r;
    if (rows > TABLE_MAX / (size_t)c->k)
        return err_set(err, ERR_VALUE,
                       "%d clusters of %zu values are too many for the exact "
                       "method; by=linear comes close",
                       c->k, p->n);
    from = mem_block_array(rows * (size_t)c->k, sizeof(*from), "exact clusters",
                           err);
    if (from == NULL)
        return err->code;
    t.last = mem_array(rows, sizeof(double));
    t.now = mem_array(rows, sizeof(double));
    for (i = 1; i <= p->n; i++)
        t.last[i] = points_error(p, 0, i);
    for (j = 1; j < c->k; j++) {
        t.from = from + (size_t)j * rows;
        settle(&t, (size_t)j + 1, p->n, (size_t)j, p->n - 1);
        swap = t.last;
        t.last = t.now;
        t.now = swap;
    }
    for (j = c->k - 1; j >= 0; j--) {
        c->end[j] = at;
        at = from[(size_t)j * rows + at];
        c->centre[j] = mean_of(p, at, c->end[j]);
    }
    mem_free(t.last);
    mem_free(t.now);
    mem_block_free(from);
    return ERR_OK;
}

const struct cluster_method cluster_methods[] = {
    {"linear", "start evenly between the smallest and the largest weight",
     run_linear},
    {"density", "start at even shares of the weights", run_density},
    {"random", "start at weights drawn at random", run_random},
    {"kmeans++", "start at weights drawn far from one another", run_plus},
    {"exact", "the least squared error there is; slow for large layers",
     run_exact},
    {NULL, NULL, NULL},
};

const struct cluster_method *cluster_method_find(const char *name)
{
    const struct cluster_method *m;

    for (m = cluster_methods; m->name != NULL; m++) {
        if (strcmp(m->name, name) == 0)
            return m;
    }
    return NULL;
}
