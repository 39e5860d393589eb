/*
 * The values of a net out of a Keras file: which arrays belong to a layer, and
 * what turns them into ours.  Orders of arrays are the same in all versions;
 * names are hints, and within a model in a model they decide.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/keras.h"

struct reading {
    const struct keras_source *s;
    const struct keras_graph *g;
    const struct keras_take *takes;
    struct net *net;
    const char *place; /* the group of the next layer, where names say nothing;
                          else NULL */
    struct err *err;
};

/* ---- one array */

/* Dimensions of one say nothing: (1,1,4) is (4). */
static bool same_dims(const struct h5_array *a, const struct shape *want)
{
    int i = 0, k = 0;

    if (a->rank > H5_RANK_MAX)
        return false;
    for (;;) {
        while (i < a->rank && a->dim[i] == 1)
            i++;
        while (k < want->rank && want->dim[k] == 1)
            k++;
        if (i == a->rank || k == want->rank)
            return i == a->rank && k == want->rank;
        if (a->dim[i++] != (hsize_t)want->dim[k++])
            return false;
    }
}

/* Keras 3 keeps bfloat16 as whole numbers, and says so beside them. */
static bool is_brief(const struct h5_array *a)
{
    char *text = a->bytes == 2 ? h5_attr_text(a->id, "dtype") : NULL;
    bool brief = text != NULL && strcmp(text, "bfloat16") == 0;

    mem_free(text);
    return brief;
}

static enum err_code read_as(hid_t group, const char *name,
                             const struct shape *want, hid_t type, void *to,
                             struct err *err)
{
    struct h5_array a;
    enum err_code code = ERR_OK;
    struct str text = {0};
    char expected[64];

    if (!h5_array_open(group, name, &a, err))
        return err->code;
    if (is_brief(&a)) {
        code = err_set(err, ERR_UNSUPPORTED,
                       "\"%s\" is bfloat16; float32 was expected", name);
    } else if (!same_dims(&a, want) ||
               (a.class != H5_REAL && a.class != H5_INTEGER)) {
        h5_array_text(&a, &text);
        code = err_set(err, ERR_SHAPE, "\"%s\" is %s; %s was expected", name,
                       text.text, shape_text(want, expected, sizeof(expected)));
        str_done(&text);
    }
    if (code == ERR_OK)
        code = h5_array_read(&a, name, type, to, err);
    h5_array_close(&a);
    return code;
}

enum err_code keras_read_array(hid_t group, const char *name,
                               const struct param *p, hid_t type, void *to,
                               struct err *err)
{
    return read_as(group, name, &p->def.shape, type, to, err);
}

/* ---- ours from theirs */

/* Convolutions of Theano run through their kernel from the other end. */
static void turn(struct param *p)
{
    size_t inner = (size_t)p->def.shape.dim[2] * (size_t)p->def.shape.dim[3];
    size_t taps = p->count / inner, i, k;

    for (i = 0; i < taps / 2; i++) {
        float *a = p->value + i * inner;
        float *b = p->value + (taps - 1 - i) * inner;

        for (k = 0; k < inner; k++) {
            float kept = a[k];

            a[k] = b[k];
            b[k] = kept;
        }
    }
}

/* (out,in,h,w) to (h,w,in,out). */
static void from_planes(struct param *p, const float *x)
{
    const int *d = p->def.shape.dim;
    size_t taps = (size_t)d[0] * (size_t)d[1], in = (size_t)d[2];
    size_t out = (size_t)d[3], t, i, o;

    for (t = 0; t < taps; t++) {
        for (i = 0; i < in; i++) {
            for (o = 0; o < out; o++)
                p->value[(t * in + i) * out + o] = x[(o * in + i) * taps + t];
        }
    }
}

/* Rows that count a picture as (C,H,W) to rows that count it as (H,W,C). */
static void turn_rows(struct param *p, const struct shape *from, const float *x)
{
    size_t c = (size_t)from->dim[2], rows = shape_count(from);
    size_t width = p->count / rows, places = rows / c, i, k;

    for (i = 0; i < places; i++) {
        for (k = 0; k < c; k++)
            memcpy(p->value + (i * c + k) * width, x + (k * places + i) * width,
                   width * sizeof(*x));
    }
}

/* The shape that the file has p in. */
static struct shape stored_shape(const struct keras_take *t,
                                 const struct param *p)
{
    const int *d = p->def.shape.dim;

    if (t->planes && p->def.shape.rank == 4)
        return (struct shape){4, {d[3], d[2], d[0], d[1]}};
    return p->def.shape;
}

static bool has_turned_rows(const struct keras_take *t, const struct param *p)
{
    return t->from.rank == 3 &&
           (size_t)p->def.shape.dim[0] == shape_count(&t->from);
}

static enum err_code read_param(const struct reading *r,
                                const struct keras_take *t, hid_t group,
                                const char *name, struct param *p)
{
    struct shape stored = stored_shape(t, p);
    bool planes = t->planes && p->def.shape.rank == 4;
    bool rows = has_turned_rows(t, p);
    float *room = NULL;
    enum err_code code;

    if (planes || rows) {
        room = mem_block_array(p->count, sizeof(*room), "weights", r->err);
        if (room == NULL)
            return r->err->code;
    }
    code = read_as(group, name, &stored, H5T_NATIVE_FLOAT,
                   room != NULL ? room : p->value, r->err);
    if (code == ERR_OK && planes)
        from_planes(p, room);
    else if (code == ERR_OK && rows)
        turn_rows(p, &t->from, room);
    if (code == ERR_OK && t->turned && p->def.shape.rank == 4)
        turn(p);
    mem_block_free(room);
    return code;
}

/* ---- the arrays of a layer */

/* Whether the arrays of path "…/own/kernel:0" are those of layer own. */
static bool belongs(const char *path, const char *own)
{
    const char *last = strrchr(path, '/');
    size_t len = strlen(own), n;

    if (last == NULL)
        return false;
    n = (size_t)(last - path);
    return n >= len && strncmp(last - len, own, len) == 0 &&
           (n == len || last[-(long)len - 1] == '/');
}

/* Those of all that belong to layer own of a model within a model. */
static void pick_names(const struct h5_names *all, const char *own,
                       struct h5_names *out)
{
    size_t i;

    for (i = 0; i < all->count; i++) {
        if (belongs(all->name[i], own))
            h5_names_add(out, all->name[i]);
    }
}

static int by_number(const void *a, const void *b)
{
    char *const *x = a, *const *y = b;

    return atoi(*x) - atoi(*y);
}

static herr_t add_number(hid_t group, const char *name, const H5L_info_t *link,
                         void *arg)
{
    (void)group;
    (void)link;
    if (isdigit((unsigned char)name[0]) && strlen(name) < 6)
        h5_names_add(arg, name);
    return 0;
}

/* "0", "1", … below vars, as numbers order them. */
static void list_vars(hid_t group, struct h5_names *out)
{
    (void)H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_number, out);
    (void)H5Eclear2(H5E_DEFAULT);
    qsort(out->name, out->count, sizeof(*out->name), by_number);
}

static int count_params(const struct reading *r, const struct keras_take *t)
{
    int n = 0, i;

    for (i = 0; i < t->count; i++)
        n += r->net->node[t->node[i]].param_count;
    return n;
}

static enum err_code refuse_count(const struct keras_layer *l, size_t found,
                                  int want, struct err *err)
{
    return err_set(err, ERR_FORMAT,
                   "layer \"%s\" (%s) has %zu arrays of weights in the file;"
                   " %d %s expected",
                   l->name, l->class, found, want, want == 1 ? "was" : "were");
}

static enum err_code read_names(const struct reading *r,
                                const struct keras_take *t, hid_t group,
                                const struct h5_names *names)
{
    size_t at = 0;
    int i, k;

    for (i = 0; i < t->count; i++) {
        struct node *n = &r->net->node[t->node[i]];

        for (k = 0; k < n->param_count; k++) {
            if (read_param(r, t, group, names->name[at++], &n->param[k]) !=
                ERR_OK)
                return r->err->code;
        }
    }
    return ERR_OK;
}

/* Returns new: "layers/dense/vars", with the word that Keras 2.12 and 2.13 had
 * for layers where the file has it. */
static char *vars_path(const struct keras_source *s, const char *vars)
{
    static const char old[] = "_layer_checkpoint_dependencies";
    bool is_old = !h5_has(s->root, "layers") && h5_has(s->root, old);
    struct str path = {0};

    while (*vars != '\0') {
        size_t n = strcspn(vars, "/");

        if (is_old && n == 6 && strncmp(vars, "layers", n) == 0)
            str_add(&path, old);
        else
            str_add_bytes(&path, vars, n);
        str_add(&path, "/");
        vars += n + (vars[n] == '/');
    }
    str_add(&path, "vars");
    return str_take(&path);
}

/* Groups of layers that have weights, in the order of the file. */
static bool next_group(const struct keras_source *s, const struct h5_names *all,
                       size_t *at, hid_t *group, struct h5_names *names)
{
    while (*at < all->count) {
        *names = (struct h5_names){0};
        *group = h5_has(s->root, all->name[*at])
                     ? H5Gopen2(s->root, all->name[*at], H5P_DEFAULT)
                     : -1;
        (*at)++;
        if (*group >= 0 && h5_attr_names(*group, "weight_names", names) &&
            names->count > 0)
            return true;
        h5_names_done(names);
        h5_close(*group);
    }
    return false;
}

/* The place of a layer's arrays: its group, or that of the model it is in. */
static hid_t open_group(const struct reading *r, const struct keras_layer *l)
{
    char *path = r->s->by_vars
                     ? vars_path(r->s, l->vars)
                     : mem_strdup(r->place != NULL ? r->place : l->group);
    hid_t group =
        h5_has(r->s->root, path) ? H5Gopen2(r->s->root, path, H5P_DEFAULT) : -1;

    mem_free(path);
    return group;
}

static enum err_code read_layer(const struct reading *r, int at)
{
    const struct keras_layer *l = &r->g->layer[at];
    const struct keras_take *t = &r->takes[at];
    hid_t H5_AUTO group = open_group(r, l);
    struct h5_names all = {0}, own = {0};
    const struct h5_names *names = l->nested && !r->s->by_vars ? &own : &all;
    int want = count_params(r, t);
    enum err_code code;

    if (group < 0)
        return h5_fail(r->err, ERR_FORMAT,
                       "the file has no weights for layer \"%s\" (%s)", l->name,
                       l->class);
    if (r->s->by_vars)
        list_vars(group, &all);
    else if (h5_attr_names(group, "weight_names", &all) && l->nested)
        pick_names(&all, l->own_name, &own);
    if (names->count == (size_t)want)
        code = read_names(r, t, group, names);
    else
        code = refuse_count(l, names->count, want, r->err);
    h5_names_done(&all);
    h5_names_done(&own);
    return code == ERR_OK ? code : err_context(r->err, "layer \"%s\"", l->name);
}

static bool has_arrays(const struct reading *r, int at)
{
    return r->g->layer[at].needed && count_params(r, &r->takes[at]) > 0;
}

/* Weights alone may come from another making of the same net, whose layers are
 * called otherwise; Keras goes by their order then. */
static bool names_fit(const struct reading *r)
{
    bool fit = true;
    int i;

    for (i = 1; i < r->g->count && fit; i++)
        fit = !has_arrays(r, i) || r->s->by_vars || r->g->layer[i].nested ||
              h5_has(r->s->root, r->g->layer[i].group);
    return fit;
}

/* The groups that have arrays, in the order of the file. */
static void list_groups(const struct keras_source *s, struct h5_names *out)
{
    struct h5_names all = {0}, names;
    hid_t group;
    size_t at = 0;

    (void)h5_attr_names(s->root, "layer_names", &all);
    while (next_group(s, &all, &at, &group, &names)) {
        h5_names_add(out, all.name[at - 1]);
        h5_names_done(&names);
        h5_close(group);
    }
    h5_names_done(&all);
}

static enum err_code read_by_place(struct reading *r)
{
    struct h5_names groups = {0};
    enum err_code code = ERR_OK;
    size_t at = 0;
    int i;

    list_groups(r->s, &groups);
    for (i = 1; i < r->g->count && code == ERR_OK; i++) {
        if (!has_arrays(r, i))
            continue;
        r->place = at < groups.count ? groups.name[at++] : NULL;
        code = read_layer(r, i);
    }
    r->place = NULL;
    if (code == ERR_OK && at < groups.count)
        code =
            err_set(r->err, ERR_SHAPE, "the file has weights of more layers");
    h5_names_done(&groups);
    return code;
}

enum err_code keras_read_weights(struct keras_source *s,
                                 const struct keras_graph *g,
                                 const struct keras_take *takes,
                                 struct net *net, struct err *err)
{
    struct reading r = {s, g, takes, net, NULL, err};
    int i;

    if (!names_fit(&r)) {
        str_add(&s->notes, "the weights' layers have other names; taken in"
                           " their order\n");
        return read_by_place(&r);
    }
    for (i = 1; i < g->count; i++) {
        if (has_arrays(&r, i) && read_layer(&r, i) != ERR_OK)
            return err->code;
    }
    return ERR_OK;
}

/* ---- without an architecture of Keras */

static enum err_code read_named(hid_t group, const struct h5_names *names,
                                struct node *n, struct err *err)
{
    int k;

    if (names->count != (size_t)n->param_count)
        return err_set(err, ERR_FORMAT,
                       "layer \"%s\" has %zu arrays of weights in the file; %d"
                       " were expected",
                       n->name, names->count, n->param_count);
    for (k = 0; k < n->param_count; k++) {
        if (keras_read_array(group, names->name[k], &n->param[k],
                             H5T_NATIVE_FLOAT, n->param[k].value,
                             err) != ERR_OK)
            return err_context(err, "layer \"%s\"", n->name);
    }
    return ERR_OK;
}

enum err_code keras_read_node(const struct keras_source *s, const char *name,
                              struct node *node, struct err *err)
{
    hid_t H5_AUTO group = H5Gopen2(s->root, name, H5P_DEFAULT);
    struct h5_names names = {0};
    enum err_code code;

    if (group < 0)
        return h5_fail(err, ERR_FORMAT,
                       "the file has no weights for layer \"%s\"", name);
    (void)h5_attr_names(group, "weight_names", &names);
    code = read_named(group, &names, node, err);
    h5_names_done(&names);
    return code;
}

static enum err_code adopt_all(const struct keras_source *s,
                               const struct h5_names *all, struct net *net,
                               struct err *err)
{
    int *order = keras_order_of(net), i;
    enum err_code code = ERR_OK;
    struct h5_names names;
    hid_t group;
    size_t at = 0;

    for (i = 0; i < net->node_count && code == ERR_OK; i++) {
        struct node *n = &net->node[order[i]];

        if (n->param_count == 0 || n->kind->rounds)
            continue;
        if (!next_group(s, all, &at, &group, &names)) {
            code = err_set(err, ERR_SHAPE,
                           "the file has no weights for layer \"%s\"", n->name);
            break;
        }
        code = read_named(group, &names, n, err);
        h5_names_done(&names);
        h5_close(group);
    }
    if (code == ERR_OK && next_group(s, all, &at, &group, &names)) {
        code = err_set(err, ERR_SHAPE, "the file has weights of more layers");
        h5_names_done(&names);
        h5_close(group);
    }
    mem_free(order);
    return code;
}

enum err_code keras_adopt(const struct keras_source *s, struct net *net,
                          struct err *err)
{
    struct h5_names all = {0};
    enum err_code code;

    if (s->by_vars || s->theano || !h5_attr_names(s->root, "layer_names", &all))
        return err_set(err, ERR_UNSUPPORTED,
                       "its layers have no order without the architecture");
    code = adopt_all(s, &all, net, err);
    h5_names_done(&all);
    return code;
}
