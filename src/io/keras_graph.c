/*
 * The layers of Sequential and Functional models, however nested, as one flat
 * graph of calls in an order in which they can be computed.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "io/keras.h"

#define LAYER_LIMIT 20000
#define DEPTH_LIMIT 16

/* Outputs of models are few; a layer's inputs too. */
struct ids {
    int count;
    int id[LAYER_INPUT_MAX];
};

struct flat {
    struct keras_graph *g;
    struct err *err;
};

/* A model on its way into the graph. */
struct model {
    const json_t *json;
    const char *prefix; /* of names: "" or "outer/" */
    const char *group;  /* top-level layer, or NULL at the top */
    const char *vars;   /* "" or "layers/functional/" */
    bool again;
    int depth;
};

static enum err_code flatten_model(struct flat *f, const struct model *m,
                                   const struct ids *in, struct ids *out);

static bool is_model(const char *class, const json_t *config)
{
    return (strcmp(class, "Sequential") == 0 ||
            strcmp(class, "Functional") == 0 || strcmp(class, "Model") == 0) &&
           (json_is_array(config) ||
            json_is_array(json_object_get(config, "layers")));
}

static const json_t *layers_of(const json_t *config)
{
    return json_is_array(config) ? config : json_object_get(config, "layers");
}

/* The name stands in the layer or in its config; Keras 1 has models without. */
static const char *name_of(const json_t *layer)
{
    const char *name = keras_text(layer, "name");

    if (name == NULL)
        name = keras_text(json_object_get(layer, "config"), "name");
    return name != NULL ? name : layer == NULL ? "input" : "unnamed";
}

/* "conv2d" for Conv2D, "batch_normalization" for BatchNormalization, "p_re_lu"
 * for PReLU: as Keras 3 names groups.  Returns new. */
static char *snake(const char *class)
{
    struct str s = {0};
    size_t i;

    str_add(&s, "");
    for (i = 0; class[i] != '\0'; i++) {
        char c = class[i], before = i > 0 ? class[i - 1] : '\0';
        bool up = isupper((unsigned char)c) != 0, low_next;

        if (!isalnum((unsigned char)c) && c != '_')
            continue;
        low_next = islower((unsigned char)class[i + 1]) != 0;
        if (i > 0 && up && (low_next || islower((unsigned char)before)) &&
            before != '_')
            str_add(&s, "_");
        c = (char)tolower((unsigned char)c);
        str_add_bytes(&s, &c, 1);
    }
    return str_take(&s);
}

/* Keras 3 counts layers by class, within a model, in the order of the list. */
static char *vars_path(const struct model *m, const json_t *layers, size_t at)
{
    const char *class = keras_text(json_array_get(layers, at), "class_name");
    char *base, *path;
    size_t i, before = 0;

    if (class == NULL)
        class = "";
    for (i = 0; i < at; i++) {
        const char *other = keras_text(json_array_get(layers, i), "class_name");

        before += other != NULL && strcmp(other, class) == 0;
    }
    base = snake(class);
    path = before > 0 ? mem_printf("%slayers/%s_%zu", m->vars, base, before)
                      : mem_printf("%slayers/%s", m->vars, base);
    mem_free(base);
    return path;
}

bool keras_has_layer(const struct keras_graph *g, const char *name)
{
    int i;

    for (i = 0; i < g->count; i++) {
        if (strcmp(g->layer[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Unique: a second call, or a second layer of that name, gets a number. */
static char *unique_name(const struct keras_graph *g, const char *prefix,
                         const char *name)
{
    char *full = mem_printf("%s%s", prefix, name);
    int i;

    for (i = 1; keras_has_layer(g, full); i++) {
        mem_free(full);
        full = mem_printf("%s%s_%d", prefix, name, i);
    }
    return full;
}

/* Takes vars.  The input is the only layer without JSON. */
static enum err_code add_layer(struct flat *f, const struct model *m,
                               const json_t *layer, const char *class,
                               char *vars, const struct ids *in, bool again,
                               int *id)
{
    struct keras_graph *g = f->g;
    struct keras_layer *l;

    if (g->count >= LAYER_LIMIT) {
        mem_free(vars);
        return err_set(f->err, ERR_UNSUPPORTED, "more than %d layers",
                       LAYER_LIMIT);
    }
    if ((g->count & (g->count - 1)) == 0)
        g->layer = mem_grow(g->layer, g->count > 0 ? 2 * (size_t)g->count : 1,
                            sizeof(*g->layer));
    l = &g->layer[g->count];
    *l = (struct keras_layer){.own_name = name_of(layer),
                              .class = class,
                              .config = json_object_get(layer, "config"),
                              .in_count = in->count,
                              .nested = m->group != NULL,
                              .vars = vars,
                              .again = again || m->again};
    l->group = m->group != NULL ? m->group : l->own_name;
    memcpy(l->in, in->id, sizeof(l->in));
    l->name = unique_name(g, m->prefix, l->own_name);
    *id = g->count++;
    return ERR_OK;
}

/* One call of layers[at] with those inputs; a model is put in its place. */
static enum err_code call_layer(struct flat *f, const struct model *m,
                                const json_t *layers, size_t at,
                                const struct ids *in, bool again,
                                struct ids *out)
{
    const json_t *layer = json_array_get(layers, at);
    const char *class = keras_text(layer, "class_name");
    char *vars = vars_path(m, layers, at), *prefix, *inner_vars;
    struct model inner;
    enum err_code code;

    if (class == NULL) {
        mem_free(vars);
        return err_set(f->err, ERR_FORMAT, "layer %zu has no class_name", at);
    }
    out->count = 1;
    if (!is_model(class, json_object_get(layer, "config")))
        return add_layer(f, m, layer, class, vars, in, again, &out->id[0]);
    prefix = mem_printf("%s%s/", m->prefix, name_of(layer));
    inner_vars = mem_printf("%s/", vars);
    inner =
        (struct model){.json = layer,
                       .prefix = prefix,
                       .group = m->group != NULL ? m->group : name_of(layer),
                       .vars = inner_vars,
                       .again = again || m->again,
                       .depth = m->depth + 1};
    code = flatten_model(f, &inner, in, out);
    mem_free(vars);
    mem_free(prefix);
    mem_free(inner_vars);
    return code;
}

static enum err_code flatten_sequence(struct flat *f, const struct model *m,
                                      const json_t *layers,
                                      const struct ids *in, struct ids *out)
{
    struct ids now = *in;
    size_t i;

    for (i = 0; i < json_array_size(layers); i++) {
        const char *class = keras_text(json_array_get(layers, i), "class_name");

        if (class != NULL && strcmp(class, "InputLayer") == 0)
            continue;
        if (call_layer(f, m, layers, i, &now, false, out) != ERR_OK)
            return f->err->code;
        now = *out;
    }
    *out = now;
    return ERR_OK;
}

/* ---- Functional: tensors are named by layer, node and number */

struct call {
    size_t layer, node;
    const json_t *inbound;
    bool done;
};

struct graph_reading {
    struct flat *f;
    const struct model *m;
    const json_t *layers;
    json_t *values; /* "layer\nnode\ntensor" -> id */
    struct call *call;
    size_t call_count;
};

/* jansson keys are texts; a line feed is unlikely in a layer's name. */
static char *value_key(const char *layer, long long node, long long tensor)
{
    return mem_printf("%s\n%lld\n%lld", layer, node, tensor);
}

static void set_value(struct graph_reading *r, const char *layer,
                      long long node, long long tensor, int id)
{
    char *key = value_key(layer, node, tensor);

    (void)json_object_set_new(r->values, key, json_integer(id));
    mem_free(key);
}

static bool get_value(const struct graph_reading *r, const json_t *ref, int *id)
{
    const char *layer = json_string_value(json_array_get(ref, 0));
    char *key;
    const json_t *v;

    if (layer == NULL)
        return false;
    key = value_key(layer, json_integer_value(json_array_get(ref, 1)),
                    json_integer_value(json_array_get(ref, 2)));
    v = json_object_get(r->values, key);
    mem_free(key);
    *id = (int)json_integer_value(v);
    return v != NULL;
}

/* Adds v when it is ["layer", node, tensor, …]. */
static bool is_reference(const json_t *v)
{
    return json_array_size(v) >= 3 && json_is_string(json_array_get(v, 0)) &&
           json_is_integer(json_array_get(v, 1)) &&
           json_is_integer(json_array_get(v, 2));
}

/* References in the order of the arguments, in any of the forms: Keras 2's
 * lists and Keras 3's "__keras_tensor__" objects.  Sets *ready to false when
 * one is not known yet; false for too many. */
static bool collect(const struct graph_reading *r, const json_t *v, int depth,
                    struct ids *out, bool *ready)
{
    const char *key;
    json_t *item;
    size_t i;

    if (depth > DEPTH_LIMIT)
        return false;
    if (is_reference(v)) {
        if (out->count == LAYER_INPUT_MAX)
            return false;
        *ready = get_value(r, v, &out->id[out->count++]) && *ready;
        return true;
    }
    json_array_foreach(v, i, item)
    {
        if (!collect(r, item, depth + 1, out, ready))
            return false;
    }
    item = json_object_get(json_object_get(v, "config"), "keras_history");
    if (item != NULL)
        return collect(r, item, depth + 1, out, ready);
    json_object_foreach((json_t *)(uintptr_t)v, key, item)
    {
        if (strcmp(key, "mask") != 0 &&
            !collect(r, item, depth + 1, out, ready))
            return false;
    }
    return true;
}

static bool is_input_layer(const json_t *layer)
{
    const char *class = keras_text(layer, "class_name");

    return class != NULL && strcmp(class, "InputLayer") == 0;
}

/* Every call of every layer but the inputs. */
static void list_calls(struct graph_reading *r)
{
    size_t i, k, room = 0;

    for (i = 0; i < json_array_size(r->layers); i++)
        room += json_array_size(
            json_object_get(json_array_get(r->layers, i), "inbound_nodes"));
    r->call = mem_array(room + 1, sizeof(*r->call));
    for (i = 0; i < json_array_size(r->layers); i++) {
        const json_t *layer = json_array_get(r->layers, i);
        const json_t *nodes = json_object_get(layer, "inbound_nodes");

        if (is_input_layer(layer))
            continue;
        for (k = 0; k < json_array_size(nodes); k++)
            r->call[r->call_count++] =
                (struct call){i, k, json_array_get(nodes, k), false};
    }
}

static enum err_code try_call(struct graph_reading *r, struct call *c,
                              bool *progress)
{
    const json_t *layer = json_array_get(r->layers, c->layer);
    const char *name = name_of(layer), *class;
    struct ids in = {0}, out;
    bool ready = true;
    int k;

    if (!collect(r, c->inbound, 0, &in, &ready))
        return err_set(r->f->err, ERR_UNSUPPORTED,
                       "layer \"%s\" takes more than %d inputs", name,
                       LAYER_INPUT_MAX);
    if (!ready)
        return ERR_OK;
    if (call_layer(r->f, r->m, r->layers, c->layer, &in, c->node > 0, &out) !=
        ERR_OK)
        return r->f->err->code;
    class = keras_text(layer, "class_name");
    for (k = 0; k < out.count; k++) {
        set_value(r, name, (long long)c->node, k, out.id[k]);
        /* A model has a node of its own, so its first call may be node 1. */
        if (is_model(class, json_object_get(layer, "config")))
            set_value(r, name, (long long)c->node + 1, k, out.id[k]);
    }
    c->done = true;
    *progress = true;
    return ERR_OK;
}

static enum err_code run_calls(struct graph_reading *r)
{
    const struct call *stuck = NULL;
    bool progress = true;
    size_t i;

    while (progress) {
        progress = false;
        stuck = NULL;
        for (i = 0; i < r->call_count; i++) {
            if (r->call[i].done)
                continue;
            if (try_call(r, &r->call[i], &progress) != ERR_OK)
                return r->f->err->code;
            if (!r->call[i].done && stuck == NULL)
                stuck = &r->call[i];
        }
    }
    if (stuck == NULL)
        return ERR_OK;
    return err_set(r->f->err, ERR_FORMAT,
                   "the inputs of layer \"%s\" are not there, or depend on it",
                   name_of(json_array_get(r->layers, stuck->layer)));
}

/* input_layers and output_layers: a list of references, one reference, or an
 * object of them. */
static enum err_code references(const struct graph_reading *r, const char *key,
                                struct ids *out)
{
    const json_t *config = json_object_get(r->m->json, "config");
    bool ready = true;

    out->count = 0;
    if (!collect(r, json_object_get(config, key), 0, out, &ready) || !ready ||
        out->count == 0)
        return err_set(r->f->err, ERR_FORMAT,
                       "%s names layers that are not there, or too many", key);
    return ERR_OK;
}

/* Gives the model's inputs their ids, in the order of input_layers. */
static enum err_code bind_inputs(struct graph_reading *r, const struct ids *in)
{
    struct ids order;
    size_t i;
    int k, count = 0;
    const char *names[LAYER_INPUT_MAX];

    for (i = 0; i < json_array_size(r->layers); i++) {
        const json_t *layer = json_array_get(r->layers, i);

        if (!is_input_layer(layer))
            continue;
        if (count == LAYER_INPUT_MAX)
            break;
        names[count] = name_of(layer);
        set_value(r, names[count], 0, 0, count);
        count++;
    }
    if (references(r, "input_layers", &order) != ERR_OK)
        return r->f->err->code;
    if (order.count != in->count)
        return err_set(r->f->err, ERR_UNSUPPORTED,
                       "the model \"%s\" has %d inputs; %d %s expected",
                       name_of(r->m->json), order.count, in->count,
                       in->count == 1 ? "was" : "were");
    for (k = 0; k < order.count; k++)
        set_value(r, names[order.id[k]], 0, 0, in->id[k]);
    return ERR_OK;
}

static enum err_code flatten_graph(struct flat *f, const struct model *m,
                                   const json_t *layers, const struct ids *in,
                                   struct ids *out)
{
    struct graph_reading r = {
        .f = f, .m = m, .layers = layers, .values = json_object()};
    enum err_code code = bind_inputs(&r, in);

    list_calls(&r);
    if (code == ERR_OK)
        code = run_calls(&r);
    if (code == ERR_OK)
        code = references(&r, "output_layers", out);
    json_decref(r.values);
    mem_free(r.call);
    return code;
}

static enum err_code flatten_model(struct flat *f, const struct model *m,
                                   const struct ids *in, struct ids *out)
{
    const json_t *config = json_object_get(m->json, "config");
    const char *class = keras_text(m->json, "class_name");

    if (m->depth > DEPTH_LIMIT)
        return err_set(f->err, ERR_UNSUPPORTED,
                       "models are nested more than %d deep", DEPTH_LIMIT);
    if (class == NULL || !is_model(class, config))
        return err_set(f->err, ERR_UNSUPPORTED,
                       "the model's class \"%s\" is Python code of its own;"
                       " Sequential or Functional was expected",
                       class != NULL ? class : "(none)");
    if (strcmp(class, "Sequential") == 0 && in->count == 1)
        return flatten_sequence(f, m, layers_of(config), in, out);
    return flatten_graph(f, m, layers_of(config), in, out);
}

static void mark_needed(struct keras_graph *g)
{
    int i, k;

    for (i = 0; i < g->output_count; i++)
        g->layer[g->output[i]].needed = true;
    for (i = g->count - 1; i >= 0; i--) {
        for (k = 0; k < g->layer[i].in_count && g->layer[i].needed; k++)
            g->layer[g->layer[i].in[k]].needed = true;
    }
}

enum err_code keras_flatten(const struct keras_source *s,
                            struct keras_graph *out, struct err *err)
{
    struct keras_graph g = {0};
    struct flat f = {&g, err};
    struct model top = {.json = s->model, .prefix = "", .vars = ""};
    struct ids none = {0}, input = {1, {0}}, outputs = {0};
    int id;

    if (add_layer(&f, &top, NULL, "InputLayer", mem_strdup(""), &none, false,
                  &id) != ERR_OK ||
        flatten_model(&f, &top, &input, &outputs) != ERR_OK) {
        keras_graph_done(&g);
        return err->code;
    }
    _Static_assert(sizeof(g.output) == sizeof(outputs.id), "same limits");
    g.output_count = outputs.count;
    memcpy(g.output, outputs.id, sizeof(g.output));
    mark_needed(&g);
    *out = g;
    return ERR_OK;
}

void keras_graph_done(struct keras_graph *g)
{
    int i;

    for (i = 0; i < g->count; i++) {
        mem_free(g->layer[i].name);
        mem_free(g->layer[i].vars);
    }
    mem_free(g->layer);
    *g = (struct keras_graph){0};
}
