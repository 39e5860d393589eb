/* A net out of Keras' layers, without the values. */
#include <string.h>

#include "base/mem.h"
#include "io/keras.h"
#include "io/keras_view.h"
#include "tensor/conv.h"

struct building {
    struct keras_source *s;
    const struct keras_graph *g;
    struct net *net;
    int *node;               /* output node of each layer of the graph */
    struct view *view;       /* of its output */
    struct keras_take *take; /* what takes its arrays */
    bool first;              /* the input has channels first */
    bool lines;              /* some layer works on a line: (L,C) stands as
                                (1,L,C) */
    bool rescaled;           /* the net's factor is settled */
    struct err *err;
};

static const char *class_of(const struct keras_layer *l)
{
    return keras_class(l->class);
}

static const struct shape *shape_of(const struct building *b, int node)
{
    return node == NET_INPUT ? &b->net->input : &b->net->node[node].out;
}

/* Layers that change nothing but training. */
static bool is_left_out(const char *class)
{
    static const char *const list[] = {
        "GaussianNoise",          "GaussianDropout",
        "AlphaDropout",           "SpatialDropout1D",
        "SpatialDropout2D",       "RandomFlip",
        "RandomRotation",         "RandomZoom",
        "RandomContrast",         "RandomTranslation",
        "ActivityRegularization", NULL};
    int i;

    for (i = 0; list[i] != NULL; i++) {
        if (strcmp(list[i], class) == 0)
            return true;
    }
    return false;
}

static void add_note(struct building *b, const struct keras_layer *l,
                     const char *text)
{
    str_add(&b->s->notes, "layer \"");
    str_add_safe(&b->s->notes, l->name);
    str_add(&b->s->notes, "\" (");
    str_add_safe(&b->s->notes, l->class);
    str_addf(&b->s->notes, ") %s\n", text);
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

/* Returns new: a name for what the file has no name for. */
static char *free_name(const struct building *b, const struct keras_layer *l,
                       const char *role)
{
    char *name = mem_printf("%s_%s", l->name, role);

    while (keras_has_layer(b->g, name) || net_find(b->net, name) >= 0) {
        char *longer = mem_printf("%s_", name);

        mem_free(name);
        name = longer;
    }
    return name;
}

/* The function that a config names, behind *node; name NULL: folded. */
static enum err_code add_function(struct building *b,
                                  const struct keras_layer *l,
                                  const json_t *in_config, const char *name,
                                  bool planes, int *node)
{
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    const struct layer_kind *kind;
    char *made;
    enum err_code code;
    int in = *node;

    if (keras_function_of(b->s, l, in_config, &kind, config, b->err) != ERR_OK)
        return b->err->code;
    if (kind == NULL)
        return ERR_OK;
    if (planes && strcmp(kind->name, "softmax") == 0)
        return keras_refuse(l,
                            "its softmax is over another axis than that of the"
                            " channels, which come first",
                            b->err);
    made = name != NULL ? mem_strdup(name) : free_name(b, l, kind->name);
    code = add_node(b, l, kind, config, made, &in, 1, name == NULL, node);
    mem_free(made);
    return code;
}

/* -1 in a target shape is what is left. */
static void settle_target(json_t *config, const struct shape *in)
{
    json_t *list = json_object_get(config, "target_shape");
    json_int_t known = 1, n;
    size_t i, at = json_array_size(list);

    for (i = 0; i < json_array_size(list); i++) {
        n = json_integer_value(json_array_get(list, i));
        if (n == -1)
            at = i;
        else if (n > 0 && n < 1 << 30 && known < 1 << 30)
            known *= n;
    }
    if (at < json_array_size(list))
        (void)json_array_set_new(
            list, at, json_integer((json_int_t)shape_count(in) / known));
}

/* (1,H,W) of a net with channels first is (H,W,1) in the same order. */
static bool turn_target(const struct building *b, json_t *config)
{
    json_t *list = json_object_get(config, "target_shape");

    if (!b->first || json_array_size(list) != 3 ||
        json_integer_value(json_array_get(list, 0)) != 1)
        return false;
    (void)json_array_append(list, json_array_get(list, 0));
    (void)json_array_remove(list, 0);
    return true;
}

/* Theano pads "same" on both sides alike; that is ours for windows of odd size
 * that step by one. */
static bool pads_like_theano(const struct keras_step *step)
{
    const json_t *size = json_object_get(step->config, "kernel_size");
    double n;
    size_t i;

    for (i = 0; i < json_array_size(size); i++) {
        if (!keras_number(json_array_get(size, i), &n) || (int)n % 2 == 0)
            return false;
    }
    size = json_object_get(step->config, "strides");
    if (size == NULL)
        size = json_object_get(step->config, "subsample");
    for (i = 0; i < json_array_size(size); i++) {
        if (!keras_number(json_array_get(size, i), &n) || n != 1)
            return false;
    }
    return json_array_size(json_object_get(step->config, "kernel_size")) > 0 ||
           json_object_get(step->config, "nb_row") != NULL;
}

static enum err_code check_theano(struct building *b,
                                  const struct keras_layer *l,
                                  const struct keras_step *step)
{
    const char *padding = keras_text(step->config, "padding");

    if (padding == NULL)
        padding = keras_text(step->config, "border_mode");
    if (!b->s->theano)
        return ERR_OK;
    if (strcmp(step->class, "DepthwiseConv2D") == 0)
        return keras_refuse(
            l, "how Theano stores this kind of layer is not known here",
            b->err);
    if (padding != NULL && strcmp(padding, "same") == 0 &&
        !pads_like_theano(step))
        return keras_refuse(l,
                            "Theano pads it on both sides alike; for a step of"
                            " more than one that is not known here",
                            b->err);
    return ERR_OK;
}

static enum err_code add_step(struct building *b, const struct keras_layer *l,
                              const struct keras_step *step, const char *name,
                              const int *in, int count, int *node)
{
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    const struct layer_kind *kind;

    if (strcmp(step->class, "Reshape") == 0)
        settle_target(step->config, shape_of(b, in[0]));
    if (check_theano(b, l, step) != ERR_OK ||
        keras_kind_of(b->s, l, step, &kind, config, b->err) != ERR_OK)
        return b->err->code;
    return add_node(b, l, kind, config, name, in, count, false, node);
}

static void take_arrays(struct building *b, int at, const struct view *in,
                        int node)
{
    const struct keras_layer *l = &b->g->layer[at];
    struct keras_take *t = &b->take[at];
    bool conv = strcmp(b->net->node[node].kind->name, "conv2d") == 0;

    if (b->net->node[node].kind->param == NULL)
        return;
    t->node[t->count++] = node;
    t->from = in->from;
    t->turned = conv && b->s->theano;
    t->planes = conv && b->s->version == 1 && keras_channels_first(l->config);
}

/* The steps of layer `at`, in a row. */
static enum err_code add_steps(struct building *b, int at,
                               const struct keras_steps *s,
                               const struct view *view, int *in)
{
    const struct keras_layer *l = &b->g->layer[at];
    const struct keras_step *last = &s->step[s->count - 1];
    int node = in[0], i;

    for (i = 0; i < s->count; i++) {
        char *name = s->step[i].role == NULL ? mem_strdup(l->name)
                                             : free_name(b, l, s->step[i].role);
        enum err_code code =
            add_step(b, l, &s->step[i], name, i == 0 ? in : &node,
                     i == 0 ? l->in_count : 1, &node);

        mem_free(name);
        if (code != ERR_OK)
            return code;
        take_arrays(b, at, view, node);
    }
    b->node[at] = node;
    if (s->replaced)
        add_note(b, l, "is kept in layers of other kinds");
    if (b->net->node[node].kind->param == NULL)
        return ERR_OK;
    return add_function(b, l, last->config, NULL, b->view[at].planes,
                        &b->node[at]);
}

/* The view that a layer's inputs have in common. */
static enum err_code input_view(struct building *b, const struct keras_layer *l,
                                struct view *out)
{
    int i;

    *out = b->view[l->in[0]];
    for (i = 1; i < l->in_count; i++) {
        const struct view *v = &b->view[l->in[i]];

        if (v->planes != out->planes || !shape_equal(&v->from, &out->from))
            return keras_refuse(l, "its inputs have channels first and last",
                                b->err);
    }
    return ERR_OK;
}

static enum err_code through(struct building *b, int at, int node,
                             const struct view *in)
{
    const struct keras_layer *l = &b->g->layer[at];
    const struct shape *shape = shape_of(b, node);
    const char *why;

    b->view[at] = *in;
    why = view_through(class_of(l), l, shape,
                       b->lines && shape->rank == 3 ? 2 : shape->rank,
                       &b->view[at]);
    return why == NULL ? ERR_OK : keras_refuse(l, why, b->err);
}

static int readers_of_input(const struct keras_graph *g)
{
    int i, k, n = 0;

    for (i = 1; i < g->count; i++) {
        for (k = 0; k < g->layer[i].in_count; k++)
            n += g->layer[i].needed && g->layer[i].in[k] == 0;
    }
    return n;
}

/* A factor and an offset right behind the input is what a net wants of its
 * pixels.  Such nets are fed 0 to 255; a pixel here is 0 to 1. */
static enum err_code take_rescaling(struct building *b, int at)
{
    const struct keras_layer *l = &b->g->layer[at];
    double scale, offset = 0;
    const json_t *o = json_object_get(l->config, "offset");

    if (b->node[at] != NET_INPUT || readers_of_input(b->g) > 1)
        return keras_refuse(l, "it is known only right behind the input",
                            b->err);
    if (!keras_number(json_object_get(l->config, "scale"), &scale) ||
        (o != NULL && !keras_number(o, &offset)))
        return keras_refuse(l, "one factor and one offset were expected",
                            b->err);
    if (!b->rescaled)
        b->net->scale = 255.0f;
    b->rescaled = true;
    b->net->scale *= (float)scale;
    b->net->offset = b->net->offset * (float)scale + (float)offset;
    add_note(b, l, "is kept as what the network does to its pixels");
    return ERR_OK;
}

static enum err_code add_layer(struct building *b, int at)
{
    const struct keras_layer *l = &b->g->layer[at];
    struct keras_steps steps;
    struct view view;
    int in[LAYER_INPUT_MAX], i;
    enum err_code code;

    for (i = 0; i < l->in_count; i++)
        in[i] = b->node[l->in[i]];
    if (l->again)
        return keras_refuse(l, "a layer used twice is not known here", b->err);
    if (input_view(b, l, &view) != ERR_OK)
        return b->err->code;
    b->node[at] = in[0];
    b->view[at] = view;
    if (is_left_out(l->class)) {
        add_note(b, l, "is left out: it only changes training");
        return ERR_OK;
    }
    if (strcmp(l->class, "Rescaling") == 0)
        return take_rescaling(b, at);
    if (through(b, at, in[0], &view) != ERR_OK)
        return b->err->code;
    if (strcmp(l->class, "Activation") == 0)
        return add_function(b, l, l->config, l->name, view.planes,
                            &b->node[at]);
    keras_steps_of(l, b->lines, &steps);
    if (strcmp(class_of(l), "Reshape") == 0)
        b->view[at].planes = turn_target(b, steps.step[0].config);
    code = add_steps(b, at, &steps, &view, in);
    keras_steps_done(&steps);
    return code;
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

/* The input as it stands in the file; a model may begin with a model. */
static bool stated_input(const json_t *model, int depth, struct shape *out)
{
    const json_t *config = json_object_get(model, "config");
    const json_t *layers =
        json_is_array(config) ? config : json_object_get(config, "layers");
    const json_t *front = json_array_get(layers, 0);

    return layers != NULL && depth < 8 &&
           (layer_input(front, out) ||
            shape_from(json_object_get(config, "build_input_shape"), out) ||
            stated_input(front, depth + 1, out));
}

/* (C,H,W) and (L,C) in our order. */
static struct shape in_our_order(const struct building *b,
                                 const struct shape *s)
{
    if (b->first && s->rank == 3)
        return (struct shape){3, {s->dim[1], s->dim[2], s->dim[0]}};
    if (b->lines && s->rank == 2)
        return (struct shape){3, {1, s->dim[0], s->dim[1]}};
    return *s;
}

static enum err_code input_shape(const struct building *b,
                                 const struct shape *given, struct shape *out)
{
    if (stated_input(b->s->model, 0, out)) {
        *out = in_our_order(b, out);
        return ERR_OK;
    }
    if (given != NULL) {
        *out = *given;
        return ERR_OK;
    }
    return err_set(b->err, ERR_UNSUPPORTED,
                   "the file does not say the shape of its input; give it, such"
                   " as input=28x28x1, or open the data first");
}

static enum err_code build_all(struct building *b)
{
    int outputs[NET_OUTPUT_MAX], i;

    for (i = 0; i < b->g->count; i++)
        b->node[i] = NET_INPUT;
    b->view[0].planes = b->first && b->net->input.rank == 3;
    for (i = 1; i < b->g->count; i++) {
        if (b->g->layer[i].needed && add_layer(b, i) != ERR_OK)
            return b->err->code;
    }
    for (i = 0; i < b->g->output_count; i++) {
        outputs[i] = b->node[b->g->output[i]];
        if (outputs[i] == NET_INPUT)
            return err_set(b->err, ERR_UNSUPPORTED,
                           "an output is the input itself");
    }
    return net_finish(b->net, outputs, b->g->output_count, b->err);
}

static bool is_known(const struct keras_layer *l)
{
    return strcmp(l->class, "Activation") == 0 ||
           strcmp(l->class, "Rescaling") == 0 || is_left_out(l->class) ||
           keras_knows(l->class);
}

static void add_once(struct h5_names *list, const char *name)
{
    size_t i;

    for (i = 0; i < list->count; i++) {
        if (strcmp(list->name[i], name) == 0)
            return;
    }
    h5_names_add(list, name);
}

/* Names the first layer, and all kinds that are not known. */
static void refuse_kinds(const struct keras_layer *first,
                         const struct h5_names *kinds, struct err *err)
{
    struct str why = {0};
    size_t i;

    str_add(&why, "this kind of layer is not known here");
    for (i = 1; i < kinds->count && i < 6; i++) {
        str_add(&why, i == 1 ? "; nor " : ", ");
        str_add(&why, kinds->count == 2 ? "is " : i == 1 ? "are " : "");
        str_add_safe(&why, kinds->name[i]);
    }
    if (kinds->count > 6)
        str_addf(&why, " and %zu more", kinds->count - 6);
    (void)keras_refuse(first, why.text, err);
    str_done(&why);
}

/* The first layer that says where channels are speaks for the input. */
static enum err_code look_ahead(struct building *b)
{
    struct h5_names unknown = {0};
    const struct keras_layer *first = NULL;
    bool said = false;
    int i;

    for (i = 1; i < b->g->count; i++) {
        const struct keras_layer *l = &b->g->layer[i];

        if (!l->needed)
            continue;
        if (!is_known(l)) {
            first = first != NULL ? first : l;
            add_once(&unknown, l->class);
        }
        b->lines = b->lines || keras_is_line(l->class);
        if (!said && view_is_spatial(class_of(l))) {
            b->first = keras_channels_first(l->config);
            said = true;
        }
    }
    if (first != NULL)
        refuse_kinds(first, &unknown, b->err);
    h5_names_done(&unknown);
    return first == NULL ? ERR_OK : b->err->code;
}

enum err_code keras_build(struct keras_source *s, const struct keras_graph *g,
                          const char *name, const struct shape *shape,
                          struct net **out, struct keras_take **takes,
                          struct err *err)
{
    struct building b = {.s = s, .g = g, .err = err};
    struct shape input;
    enum err_code code;

    if (look_ahead(&b) != ERR_OK || input_shape(&b, shape, &input) != ERR_OK)
        return err->code;
    b.net = net_new(name, &input);
    b.node = mem_array((size_t)g->count, sizeof(*b.node));
    b.view = mem_array((size_t)g->count, sizeof(*b.view));
    b.take = mem_array((size_t)g->count, sizeof(*b.take));
    code = build_all(&b);
    mem_free(b.node);
    mem_free(b.view);
    if (code != ERR_OK) {
        mem_free(b.take);
        net_free(b.net);
        return code;
    }
    *out = b.net;
    *takes = b.take;
    return ERR_OK;
}
