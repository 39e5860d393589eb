/* A net out of Keras' layers.  Kinds are found by their row's Keras class; the
 * few classes whose meaning hangs on their settings stand here. */
#include <string.h>

#include "base/mem.h"
#include "io/keras.h"

struct building {
    const struct keras_source *s;
    const struct keras_graph *g;
    struct net *net;
    int *node; /* output node of each layer of the graph */
    int *made; /* node that takes its arrays, or -1 */
    struct err *err;
};

static enum err_code refuse(const struct building *b,
                            const struct keras_layer *l, const char *why)
{
    struct str name = {0}, class = {0};

    str_add_safe(&name, l->name);
    str_add_safe(&class, l->class);
    err_set(b->err, ERR_UNSUPPORTED, "layer \"%s\" (%s): %s", name.text,
            class.text != NULL ? class.text : "", why);
    str_done(&name);
    str_done(&class);
    return b->err->code;
}

/* The kind for the name of an activation function, NULL when there is none. */
static const struct layer_kind *activation_kind(const char *name)
{
    const struct layer_kind *kind;

    if (strcmp(name, "silu") == 0)
        name = "swish";
    kind = layer_find(name);
    return kind != NULL && (kind->activation || strcmp(name, "softmax") == 0)
               ? kind
               : NULL;
}

static enum err_code add_node(struct building *b, const struct keras_layer *l,
                              const struct layer_kind *kind, const void *config,
                              const char *name, const int *in, int count,
                              bool folded, int *out)
{
    if (net_add(b->net, kind, config, name, in, count, folded, out, b->err) ==
        ERR_OK)
        return ERR_OK;
    return err_context(b->err, "layer \"%s\"", l->own_name);
}

/* The function that a layer's config names, if it is not the identity. */
static enum err_code add_function(struct building *b,
                                  const struct keras_layer *l, bool folded,
                                  const char *layer_name, int *node)
{
    const char *name = keras_name(l->config, "activation");
    const struct layer_kind *kind;
    char *made;
    enum err_code code;
    int in = *node;

    if (name == NULL || strcmp(name, "linear") == 0)
        return ERR_OK;
    kind = activation_kind(name);
    if (kind == NULL)
        return refuse(b, l, "its activation function is not known here");
    if (strcmp(name, "hard_sigmoid") == 0 && b->s->version >= 3)
        return refuse(b, l, "hard_sigmoid of Keras 3 is another function");
    made = folded ? mem_printf("%s_%s", l->name, kind->name)
                  : mem_strdup(layer_name);
    code = add_node(b, l, kind, NULL, made, &in, 1, folded, node);
    mem_free(made);
    return code;
}

/* ReLU with max_value 6 is relu6, with a slope leaky_relu. */
static enum err_code relu_kind(struct building *b, const struct keras_layer *l,
                               const struct layer_kind **kind)
{
    double most = 0.0, slope = 0.0, threshold = 0.0;
    bool capped = keras_number(json_object_get(l->config, "max_value"), &most);

    (void)keras_number(json_object_get(l->config, "negative_slope"), &slope);
    (void)keras_number(json_object_get(l->config, "threshold"), &threshold);
    if (slope != 0.0 || threshold != 0.0 || (capped && most != 6.0))
        return refuse(b, l, "only plain ReLU and ReLU up to 6 are known");
    *kind = layer_find(capped ? "relu6" : "relu");
    return ERR_OK;
}

static bool channels_first(const json_t *config)
{
    const char *format = keras_text(config, "data_format");

    if (format == NULL)
        format = keras_text(config, "dim_ordering");
    return format != NULL &&
           (strcmp(format, "channels_first") == 0 || strcmp(format, "th") == 0);
}

static enum err_code find_kind(struct building *b, const struct keras_layer *l,
                               const struct layer_kind **out)
{
    const char *class = keras_class(l->class);
    const struct layer_kind *const *k;

    if (strcmp(class, "Softmax") == 0)
        class = "softmax";
    if (strcmp(class, "ReLU") == 0)
        return relu_kind(b, l, out);
    if (channels_first(l->config))
        return refuse(b, l, "channels first; channels last was expected");
    for (k = layer_kinds; *k != NULL; k++) {
        if (strcmp((*k)->keras, class) == 0 || strcmp((*k)->name, class) == 0) {
            *out = *k;
            return ERR_OK;
        }
    }
    return refuse(b, l, "this kind of layer is not known here");
}

/* Batch norm over another axis than the last is another thing. */
static enum err_code check_axis(struct building *b, const struct keras_layer *l,
                                int rank)
{
    const json_t *axis = json_object_get(l->config, "axis");
    double n = -1.0;

    if (json_array_size(axis) == 1)
        axis = json_array_get(axis, 0);
    if (axis != NULL && !keras_number(axis, &n))
        return refuse(b, l, "its axis is no number");
    if (n != -1.0 && (int)n != rank)
        return refuse(b, l, "it works on another axis than the last");
    return ERR_OK;
}

static int rank_of(const struct building *b, int node)
{
    return node == NET_INPUT ? b->net->input.rank : b->net->node[node].out.rank;
}

static enum err_code add_layer(struct building *b, int at)
{
    const struct keras_layer *l = &b->g->layer[at];
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    const struct layer_kind *kind = NULL;
    int in[LAYER_INPUT_MAX], i, node;

    for (i = 0; i < l->in_count; i++)
        in[i] = b->node[l->in[i]];
    if (l->again)
        return refuse(b, l, "a layer used twice is not known here");
    if (strcmp(l->class, "Activation") == 0) {
        b->node[at] = in[0];
        return add_function(b, l, false, l->name, &b->node[at]);
    }
    if (find_kind(b, l, &kind) != ERR_OK)
        return b->err->code;
    if (keras_read_attrs(kind, l->config, config, b->err) != ERR_OK)
        return err_context(b->err, "layer \"%s\"", l->own_name);
    if (strcmp(kind->name, "batch_norm") == 0 ||
        strcmp(kind->name, "concat") == 0) {
        if (check_axis(b, l, rank_of(b, in[0])) != ERR_OK)
            return b->err->code;
    }
    if (add_node(b, l, kind, config, l->name, in, l->in_count, false, &node) !=
        ERR_OK)
        return b->err->code;
    b->node[at] = node;
    b->made[at] = node;
    if (kind->param == NULL)
        return ERR_OK;
    return add_function(b, l, true, NULL, &b->node[at]);
}

/* [null, 28, 28, 1] without its first entry. */
static bool shape_from(const json_t *list, struct shape *out)
{
    long long dim[SHAPE_RANK_MAX];
    size_t i, rank = json_array_size(list);
    struct err err;

    if (rank < 2 || rank > SHAPE_RANK_MAX + 1)
        return false;
    for (i = 1; i < rank; i++)
        dim[i - 1] = json_integer_value(json_array_get(list, i));
    return shape_make(out, (int)rank - 1, dim, &err) == ERR_OK;
}

static bool layer_input(const json_t *layer, struct shape *out)
{
    const json_t *config = json_object_get(layer, "config");
    long long dim = json_integer_value(json_object_get(config, "input_dim"));
    struct err err;

    return shape_from(json_object_get(config, "batch_input_shape"), out) ||
           shape_from(json_object_get(config, "batch_shape"), out) ||
           shape_from(json_object_get(json_object_get(layer, "build_config"),
                                      "input_shape"),
                      out) ||
           (dim > 0 && shape_make(out, 1, &dim, &err) == ERR_OK);
}

static enum err_code input_shape(const struct keras_source *s,
                                 struct shape *out, struct err *err)
{
    const json_t *config = json_object_get(s->model, "config");
    const json_t *layers =
        json_is_array(config) ? config : json_object_get(config, "layers");

    if (layer_input(json_array_get(layers, 0), out) ||
        shape_from(json_object_get(config, "build_input_shape"), out))
        return ERR_OK;
    return err_set(err, ERR_UNSUPPORTED,
                   "\"%s\" does not say the shape of its input", s->path);
}

static enum err_code build_all(struct building *b)
{
    int outputs[NET_OUTPUT_MAX], i;

    for (i = 0; i < b->g->count; i++) {
        b->node[i] = NET_INPUT;
        b->made[i] = -1;
    }
    for (i = 1; i < b->g->count; i++) {
        if (b->g->layer[i].needed && add_layer(b, i) != ERR_OK)
            return b->err->code;
    }
    for (i = 0; i < b->g->output_count; i++)
        outputs[i] = b->node[b->g->output[i]];
    return net_finish(b->net, outputs, b->g->output_count, b->err);
}

enum err_code keras_build(const struct keras_source *s,
                          const struct keras_graph *g, const char *name,
                          struct net **out, int **made, struct err *err)
{
    struct building b = {.s = s, .g = g, .err = err};
    struct shape input;
    enum err_code code;

    if (input_shape(s, &input, err) != ERR_OK)
        return err->code;
    b.net = net_new(name, &input);
    b.node = mem_array((size_t)g->count, sizeof(int));
    b.made = mem_array((size_t)g->count, sizeof(int));
    code = build_all(&b);
    mem_free(b.node);
    if (code != ERR_OK) {
        mem_free(b.made);
        net_free(b.net);
        return code;
    }
    *out = b.net;
    *made = b.made;
    return ERR_OK;
}
