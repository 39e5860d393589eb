/* One layer under the glass: histogram, map, pixels, units. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "compress/prune.h"
#include "engine/sheets.h"

#define MAP_MOST         256 /* cells of a side */
#define ACTIVITY_SAMPLES 500

/* A layer's kernel, seen as filters: the value at index i belongs to filter
 * i % filters, and to place i / (filters * inner). */
struct view {
    const struct node *node;
    int number;
    const struct param *kernel;
    int filters;    /* units of the output */
    int inner;      /* input channels a filter sums over */
    int high, wide; /* of a filter; 0: a dense layer */
};

static const struct param *prunable(const struct node *n)
{
    int i;

    for (i = 0; i < n->param_count; i++) {
        if (n->param[i].def.prunable)
            return &n->param[i];
    }
    return NULL;
}

/* The layer wished for, or the first that has weights. */
static bool find_layer(const struct net *net, const char *name,
                       struct layer_sheet *s, struct view *v)
{
    int i;

    for (i = 0; i < net->node_count; i++) {
        const struct param *kernel = prunable(&net->node[i]);

        if (kernel == NULL)
            continue;
        if (v->kernel == NULL || strcmp(net->node[i].name, name) == 0) {
            v->number = i;
            v->node = &net->node[i];
            v->kernel = kernel;
            s->index = s->count;
        }
        s->count++;
    }
    return v->kernel != NULL;
}

static void see_filters(struct view *v)
{
    const struct shape *k = &v->kernel->def.shape;

    v->filters = v->node->out.dim[v->node->out.rank - 1];
    if (k->rank != 4)
        return;
    v->high = k->dim[0];
    v->wide = k->dim[1];
    v->inner = k->dim[2] * k->dim[3] / v->filters;
}

static bool alive(const struct param *p, size_t i)
{
    return p->mask == NULL ? p->value[i] != 0.0f : p->mask[i] != 0;
}

static void describe(const struct net *net, const struct view *v,
                     struct layer_sheet *s)
{
    const struct node *n = v->node;
    int next = v->number + 1;

    snprintf(s->name, sizeof(s->name), "%s", n->name);
    snprintf(s->kind, sizeof(s->kind), "%s%s%s", n->kind->name,
             next < net->node_count && net->node[next].folded ? " " : "",
             next < net->node_count && net->node[next].folded
                 ? net->node[next].kind->name
                 : "");
    shape_text(&v->kernel->def.shape, s->kernel, sizeof(s->kernel));
    s->weights = (long long)v->kernel->count;
}

static void measure(const struct param *p, struct layer_sheet *s)
{
    double sum = 0, squares = 0;
    size_t i;

    s->least = INFINITY;
    s->most = -INFINITY;
    for (i = 0; i < p->count; i++) {
        double w = (double)p->value[i];

        if (!alive(p, i))
            continue;
        s->alive++;
        sum += w;
        squares += w * w;
        s->least = fmin(s->least, w);
        s->most = fmax(s->most, w);
    }
    if (s->alive == 0) {
        s->least = s->most = 0;
        return;
    }
    s->mean = sum / (double)s->alive;
    s->std = sqrt(fmax(0, squares / (double)s->alive - s->mean * s->mean));
}

static void fill_bins(const struct param *p, struct layer_sheet *s)
{
    size_t i;

    s->range = fmax(fabs(s->least), fabs(s->most));
    s->zeros = s->weights - s->alive;
    if (s->range == 0)
        s->range = 1;
    for (i = 0; i < p->count; i++) {
        int bin;

        if (!alive(p, i))
            continue;
        bin = (int)(((double)p->value[i] / s->range + 1) * (HIST_BINS / 2));
        s->bins[bin < 0 ? 0 : bin >= HIST_BINS ? HIST_BINS - 1 : bin]++;
    }
}

/* Where the weight at index i falls in the map. */
static size_t cell_of(const struct view *v, const struct layer_sheet *s,
                      int across, size_t i)
{
    size_t filter = i % (size_t)v->filters;
    size_t place = i / (size_t)v->filters;
    size_t row, col;

    if (v->high == 0) {
        size_t inputs = v->kernel->count / (size_t)v->filters;

        row = place * (size_t)s->map_rows / inputs;
        col = filter * (size_t)s->map_cols / (size_t)v->filters;
        return row * (size_t)s->map_cols + col;
    }
    place /= (size_t)v->inner;
    row = filter / (size_t)across * (size_t)v->high + place / (size_t)v->wide;
    col = filter % (size_t)across * (size_t)v->wide + place % (size_t)v->wide;
    return row * (size_t)s->map_cols + col;
}

/* Filters tiled in about twice as many columns as rows. */
static int lay_out_map(const struct view *v, struct layer_sheet *s)
{
    int across, inputs;

    if (v->high == 0) {
        inputs = (int)(v->kernel->count / (size_t)v->filters);
        s->map_rows = inputs < MAP_MOST ? inputs : MAP_MOST;
        s->map_cols = v->filters < MAP_MOST ? v->filters : MAP_MOST;
        return 0;
    }
    across = (int)ceil(sqrt(2.0 * v->filters));
    if (across > v->filters)
        across = v->filters;
    s->tile_h = v->high;
    s->tile_w = v->wide;
    s->map_rows = (v->filters + across - 1) / across * v->high;
    s->map_cols = across * v->wide;
    return across;
}

static void fill_map(const struct view *v, struct layer_sheet *s)
{
    const struct param *p = v->kernel;
    int across = lay_out_map(v, s);
    size_t cells = (size_t)s->map_rows * (size_t)s->map_cols, i;
    float *map = sheet_array(s, cells, sizeof(map[0]));
    int *count = mem_array(cells, sizeof(count[0]));

    for (i = 0; i < p->count; i++) {
        size_t cell = cell_of(v, s, across, i);

        if (!alive(p, i))
            continue;
        map[cell] += fabsf(p->value[i]);
        count[cell]++;
    }
    for (i = 0; i < cells; i++) {
        map[i] = count[i] > 0 ? map[i] / (float)count[i] : -1.0f;
        s->map_most = fmax(s->map_most, (double)map[i]);
    }
    mem_free(count);
    s->map = map;
}

/* Does the node see the net's input as it is, at most flattened? */
static bool sees_input(const struct net *net, const struct node *n)
{
    int in = n->in[0];

    while (in != NET_INPUT) {
        const struct node *before = &net->node[in];

        if ((before->param_count > 0 && !before->kind->rounds) ||
            before->kind->activation || before->in_count != 1 ||
            shape_count(&before->out) != shape_count(&net->input))
            return false;
        in = before->in[0];
    }
    return true;
}

static void fill_pixels(const struct bench *b, const struct view *v,
                        struct layer_sheet *s)
{
    const struct shape *in = &b->net->input;
    const struct shape *shape =
        in->rank != 3 && b->data != NULL ? &b->data->shape : in;
    size_t units = (size_t)v->filters, pixels, channels, i;
    float *pixel;

    if (v->high != 0 || shape->rank != 3 || !sees_input(b->net, v->node) ||
        shape_count(shape) * units != v->kernel->count)
        return;
    channels = (size_t)shape->dim[2];
    pixels = (size_t)shape->dim[0] * (size_t)shape->dim[1];
    pixel = sheet_array(s, pixels, sizeof(pixel[0]));
    for (i = 0; i < v->kernel->count; i++)
        pixel[i / units / channels] += alive(v->kernel, i);
    for (i = 0; i < pixels; i++)
        pixel[i] /= (float)(units * channels);
    s->pixel_h = shape->dim[0];
    s->pixel_w = shape->dim[1];
    s->pixel = pixel;
}

/* Inputs none of whose weights is alive: a dense layer's inputs, or the
 * channels of a convolution. */
static void count_silent(const struct view *v, struct layer_sheet *s)
{
    const struct shape *k = &v->kernel->def.shape;
    size_t units = (size_t)k->dim[k->rank - 1];
    size_t inputs = (size_t)k->dim[k->rank - 2], i;
    bool *heard = mem_array(inputs, sizeof(heard[0]));

    for (i = 0; i < v->kernel->count; i++) {
        if (alive(v->kernel, i))
            heard[i / units % inputs] = true;
    }
    for (i = 0; i < inputs; i++)
        s->silent_inputs += !heard[i];
    mem_free(heard);
}

/* The node behind which the layer's activity shows: through batch norm to the
 * activation, where that is all that follows. */
static int activation_of(const struct net *net, int number)
{
    for (;;) {
        int next = -1, users = 0, i, k;

        for (i = number + 1; i < net->node_count; i++) {
            for (k = 0; k < net->node[i].in_count; k++) {
                if (net->node[i].in[k] == number) {
                    next = i;
                    users++;
                }
            }
        }
        if (users != 1)
            return number;
        if (net->node[next].kind->activation)
            return next;
        if (net->node[next].kind->backward_join == NULL)
            return number;
        number = next;
    }
}

static void fill_activity(struct bench *b, const struct view *v,
                          struct layer_sheet *s)
{
    int n = b->data->validation_count, node, i;
    int64_t *count, total;
    float *activity;
    struct err err;

    if (n > ACTIVITY_SAMPLES)
        n = ACTIVITY_SAMPLES;
    node = activation_of(b->net, v->number);
    if (!b->net->node[node].kind->activation || n == 0)
        return;
    count = mem_array((size_t)v->filters, sizeof(count[0]));
    if (eval_activity(b->net, node, b->data, &b->data->train,
                      b->data->validation, n, b->pool, count, &total,
                      &err) == ERR_OK) {
        activity = sheet_array(s, (size_t)v->filters, sizeof(activity[0]));
        for (i = 0; i < v->filters; i++) {
            activity[i] = (float)((double)count[i] / (double)total);
            s->dead_units += count[i] == 0;
        }
        s->activity = activity;
    }
    mem_free(count);
}

struct layer_sheet *sheets_layer(struct bench *b, const struct board_wish *wish)
{
    struct layer_sheet *s = sheet_new(SHEET_LAYER);
    struct view v = {0};
    struct err err;

    if (!find_layer(b->net, wish->layer, s, &v)) {
        sheet_drop(s);
        return NULL;
    }
    see_filters(&v);
    describe(b->net, &v, s);
    measure(v.kernel, s);
    fill_bins(v.kernel, s);
    s->threshold =
        prune_threshold(v.kernel, settings_number(&b->set, SET_amount));
    fill_map(&v, s);
    fill_pixels(b, &v, s);
    count_silent(&v, s);
    s->units = v.filters;
    if (wish->want_activity && bench_fit(b, &err) == ERR_OK)
        fill_activity(b, &v, s);
    return s;
}
