/* The architecture as Keras 2 writes it: a Sequential where the net is a chain,
 * else a Functional. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/keras.h"

#define INPUT_NAME "input_1"

static bool taken(char *const *names, int count, const char *name)
{
    int i;

    for (i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return strcmp(name, INPUT_NAME) == 0;
}

char **keras_names_of(const struct net *net)
{
    char **names = mem_array((size_t)net->node_count + 1, sizeof(*names));
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        char *base = mem_strdup(net->node[i].name), *slash;

        while ((slash = strchr(base, '/')) != NULL)
            *slash = '_';
        names[i] = mem_strdup(base);
        for (k = 1; taken(names, i, names[i]); k++) {
            mem_free(names[i]);
            names[i] = mem_printf("%s_%d", base, k);
        }
        mem_free(base);
    }
    return names;
}

void keras_names_free(const struct net *net, char **names)
{
    int i;

    for (i = 0; i < net->node_count; i++)
        mem_free(names[i]);
    mem_free(names);
}

static json_t *batch_shape(const struct shape *s)
{
    json_t *list = json_pack("[n]");
    int i;

    for (i = 0; i < s->rank; i++)
        (void)json_array_append_new(list, json_integer(s->dim[i]));
    return list;
}

bool keras_is_argument(const struct node *n)
{
    _Alignas(8) unsigned char usual[LAYER_CONFIG_MAX];

    if (!n->folded || strcmp(n->kind->name, "leaky_relu") == 0)
        return false;
    layer_defaults(n->kind, usual);
    return memcmp(usual, n->config, n->kind->config_size) == 0;
}

/* The activation that is an argument of node i, or -1. */
static int argument_of(const struct net *net, int i)
{
    int k;

    for (k = i + 1; k < net->node_count; k++) {
        if (keras_is_argument(&net->node[k]) && net->node[k].in[0] == i)
            return k;
    }
    return -1;
}

static json_t *layer_of(const struct net *net, int i, char *const *names)
{
    const struct node *n = &net->node[i];
    json_t *config = json_pack("{s:s,s:b,s:s}", "name", names[i], "trainable",
                               1, "dtype", "float32");
    int argument = argument_of(net, i);

    keras_write_attrs(n->kind, n->config, config);
    if (n->kind->param != NULL &&
        strcmp(n->kind->keras, "BatchNormalization") != 0)
        (void)json_object_set_new(
            config, "activation",
            json_string(argument >= 0 ? net->node[argument].kind->name
                                      : "linear"));
    if (strcmp(n->kind->keras, "Activation") == 0)
        (void)json_object_set_new(
            config, "activation",
            json_string(n->kind->rounds ? "linear" : n->kind->name));
    return json_pack("{s:s,s:o}", "class_name", n->kind->keras, "config",
                     config);
}

static json_t *input_layer(const struct net *net)
{
    return json_pack("{s:s,s:{s:o,s:s,s:s}}", "class_name", "InputLayer",
                     "config", "batch_input_shape", batch_shape(&net->input),
                     "dtype", "float32", "name", INPUT_NAME);
}

/* What an argument's readers see is the layer it belongs to. */
static int written(const struct net *net, int i)
{
    return i != NET_INPUT && keras_is_argument(&net->node[i])
               ? net->node[i].in[0]
               : i;
}

static json_t *reference(const struct net *net, char *const *names, int i)
{
    i = written(net, i);
    return json_pack("[s,i,i,{}]", i == NET_INPUT ? INPUT_NAME : names[i], 0,
                     0);
}

static json_t *inbound(const struct net *net, char *const *names,
                       const struct node *n)
{
    json_t *call = json_array();
    int k;

    for (k = 0; k < n->in_count; k++)
        (void)json_array_append_new(call, reference(net, names, n->in[k]));
    return json_pack("[o]", call);
}

static json_t *functional(const struct net *net, char *const *names)
{
    json_t *layers = json_array(), *outputs = json_array();
    json_t *first = input_layer(net);
    int i;

    (void)json_object_set_new(first, "name", json_string(INPUT_NAME));
    (void)json_object_set_new(first, "inbound_nodes", json_array());
    (void)json_array_append_new(layers, first);
    for (i = 0; i < net->node_count; i++) {
        json_t *layer;

        if (keras_is_argument(&net->node[i]))
            continue;
        layer = layer_of(net, i, names);
        (void)json_object_set_new(layer, "name", json_string(names[i]));
        (void)json_object_set_new(layer, "inbound_nodes",
                                  inbound(net, names, &net->node[i]));
        (void)json_array_append_new(layers, layer);
    }
    for (i = 0; i < net->output_count; i++)
        (void)json_array_append_new(
            outputs,
            json_pack("[s,i,i]", names[written(net, net->output[i])], 0, 0));
    return json_pack("{s:s,s:{s:s,s:o,s:[[s,i,i]],s:o}}", "class_name",
                     "Functional", "config", "name", "model", "layers", layers,
                     "input_layers", INPUT_NAME, 0, 0, "output_layers",
                     outputs);
}

static bool is_chain(const struct net *net)
{
    int i;

    for (i = 0; i < net->node_count; i++) {
        if (net->node[i].in_count != 1 || net->node[i].in[0] != i - 1)
            return false;
    }
    return net->output_count == 1;
}

json_t *keras_model_of(const struct net *net, char *const *names)
{
    json_t *layers;
    int i;

    if (!is_chain(net))
        return functional(net, names);
    layers = json_pack("[o]", input_layer(net));
    for (i = 0; i < net->node_count; i++) {
        if (!keras_is_argument(&net->node[i]))
            (void)json_array_append_new(layers, layer_of(net, i, names));
    }
    return json_pack("{s:s,s:{s:s,s:o}}", "class_name", "Sequential", "config",
                     "name", "sequential", "layers", layers);
}

/* Where a node stands in Keras' own list of a model's layers. */
struct place {
    int node, depth; /* most steps from here to an output */
    int visit;       /* when a walk from the outputs first met it */
};

static void walk(const struct net *net, struct place *place, int node,
                 int *visits)
{
    int i;

    if (place[node].visit >= 0)
        return;
    place[node].visit = (*visits)++;
    for (i = 0; i < net->node[node].in_count; i++)
        if (net->node[node].in[i] != NET_INPUT)
            walk(net, place, net->node[node].in[i], visits);
}

static int by_keras(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->depth != y->depth)
        return x->depth > y->depth ? -1 : 1;
    if (x->visit != y->visit)
        return x->visit < y->visit ? -1 : 1;
    return x->node - y->node;
}

int *keras_order_of(const struct net *net)
{
    struct place *place = mem_array((size_t)net->node_count, sizeof(*place));
    int *order = mem_array((size_t)net->node_count, sizeof(*order));
    int i, k, visits = 0;

    for (i = 0; i < net->node_count; i++)
        place[i] = (struct place){i, 0, -1};
    for (i = 0; i < net->output_count; i++)
        walk(net, place, net->output[i], &visits);
    for (i = net->node_count - 1; i >= 0; i--) {
        const struct node *n = &net->node[i];
        int depth = place[i].depth + (keras_is_argument(n) ? 0 : 1);

        for (k = 0; k < n->in_count; k++)
            if (n->in[k] != NET_INPUT && place[n->in[k]].depth < depth)
                place[n->in[k]].depth = depth;
    }
    qsort(place, (size_t)net->node_count, sizeof(*place), by_keras);
    for (i = 0; i < net->node_count; i++)
        order[i] = place[i].node;
    mem_free(place);
    return order;
}
