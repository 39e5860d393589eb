#include "net/net.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define VALUE_ALIGN 16 /* floats: every parameter starts on a cache line */

struct net *net_new(const char *name, const struct shape *input)
{
    struct net *net = mem_zalloc(sizeof(*net));

    net->name = mem_strdup(name);
    net->input = *input;
    net->scale = 1.0f;
    return net;
}

static void param_free_extras(struct param *p)
{
    int m;

    codebook_free(p->book);
    grid_free(p->grid);
    mem_block_free(p->mask);
    p->mask = NULL;
    for (m = 0; m < NET_MOMENT_MAX; m++) {
        mem_block_free(p->moment[m]);
        p->moment[m] = NULL;
    }
}

void net_free(struct net *net)
{
    struct param_walk w;
    struct param *p;
    int i;

    if (net == NULL)
        return;
    for (p = net_first(net, &w); p != NULL; p = net_next(&w))
        param_free_extras(p);
    for (i = 0; i < net->node_count; i++)
        mem_free(net->node[i].name);
    mem_block_free(net->values);
    mem_free(net->node);
    mem_free(net->output);
    mem_free(net->name);
    mem_free(net);
}

int net_find(const struct net *net, const char *name)
{
    int i;

    for (i = 0; i < net->node_count; i++) {
        if (strcmp(net->node[i].name, name) == 0)
            return i;
    }
    return -1;
}

/* "dense", then "dense_1", "dense_2", …: as Keras counts. */
static char *made_up_name(const struct net *net, const char *kind)
{
    char *name = mem_strdup(kind);
    int i;

    for (i = 1; net_find(net, name) >= 0; i++) {
        mem_free(name);
        name = mem_printf("%s_%d", kind, i);
    }
    return name;
}

static enum err_code check_inputs(const struct net *net,
                                  const struct node *node, struct err *err)
{
    const struct layer_kind *kind = node->kind;
    int i;

    if (node->in_count < kind->least_in || node->in_count > kind->most_in ||
        node->in_count > LAYER_INPUT_MAX) {
        if (kind->least_in == kind->most_in)
            return err_set(err, ERR_SHAPE, "%s takes %d input%s, got %d",
                           kind->name, kind->least_in,
                           kind->least_in == 1 ? "" : "s", node->in_count);
        return err_set(err, ERR_SHAPE, "%s takes %d to %d inputs, got %d",
                       kind->name, kind->least_in, kind->most_in,
                       node->in_count);
    }
    for (i = 0; i < node->in_count; i++) {
        if (node->in[i] < NET_INPUT || node->in[i] >= net->node_count)
            return err_set(err, ERR_SHAPE,
                           "%s takes input from node %d, but only %d nodes "
                           "stand before it",
                           kind->name, node->in[i], net->node_count);
    }
    return ERR_OK;
}

static void input_shapes(const struct net *net, const struct node *node,
                         struct shape *in)
{
    int i;

    for (i = 0; i < node->in_count; i++)
        in[i] =
            node->in[i] == NET_INPUT ? net->input : net->node[node->in[i]].out;
}

static void describe_params(struct node *node, const struct shape *in)
{
    struct param *p;

    node->param_count = 0;
    if (node->kind->param == NULL)
        return;
    while (node->param_count < LAYER_PARAM_MAX) {
        p = &node->param[node->param_count];
        if (!node->kind->param(node->config, in, node->param_count, &p->def))
            return;
        p->name = p->def.name;
        p->count = shape_count(&p->def.shape);
        node->param_count++;
    }
}

static enum err_code describe_node(const struct net *net, struct node *node,
                                   struct err *err)
{
    struct shape in[LAYER_INPUT_MAX];

    if (check_inputs(net, node, err) != ERR_OK)
        return err->code;
    if (layer_check(node->kind, node->config, err) != ERR_OK)
        return err_context(err, "%s", node->kind->name);
    input_shapes(net, node, in);
    if (node->kind->shape(node->config, in, node->in_count, &node->out, err) !=
        ERR_OK)
        return err->code;
    if (node->folded && (!node->kind->activation || node->in[0] == NET_INPUT))
        return err_set(err, ERR_SHAPE, "%s cannot be folded behind its input",
                       node->kind->name);
    describe_params(node, in);
    return ERR_OK;
}

enum err_code net_add(struct net *net, const struct layer_kind *kind,
                      const void *config, const char *name, const int *in,
                      int in_count, bool folded, int *out, struct err *err)
{
    struct node node = {.kind = kind, .in_count = in_count, .folded = folded};

    assert(!net->finished && kind->config_size <= LAYER_CONFIG_MAX);
    if (name != NULL && name[0] == '\0')
        return err_set(err, ERR_VALUE, "a layer needs a name");
    if (name != NULL && net_find(net, name) >= 0)
        return err_set(err, ERR_VALUE, "two layers are named \"%s\"", name);
    if (config == NULL)
        layer_defaults(kind, node.config);
    else
        memcpy(node.config, config, kind->config_size);
    if (in_count > 0 && in_count <= LAYER_INPUT_MAX)
        memcpy(node.in, in, (size_t)in_count * sizeof(*in));
    if (describe_node(net, &node, err) != ERR_OK)
        return err->code;

    node.name = name != NULL ? mem_strdup(name) : made_up_name(net, kind->name);
    net->node = mem_grow(net->node, (size_t)net->node_count + 1, sizeof(node));
    net->node[net->node_count] = node;
    if (out != NULL)
        *out = net->node_count;
    net->node_count++;
    return ERR_OK;
}

/* Every node must lead to an output: one that does not is a slip in a spec and
 * would never learn. */
static enum err_code check_reached(const struct net *net, const int *outputs,
                                   int count, struct err *err)
{
    bool *reached = mem_array((size_t)net->node_count, sizeof(*reached));
    enum err_code code = ERR_OK;
    int i, k;

    for (i = 0; i < count; i++)
        reached[outputs[i]] = true;
    for (i = net->node_count - 1; i >= 0; i--) {
        const struct node *node = &net->node[i];

        if (!reached[i])
            code = err_set(err, ERR_SHAPE, "layer \"%s\" leads to no output",
                           node->name);
        for (k = 0; k < node->in_count; k++) {
            if (node->in[k] != NET_INPUT)
                reached[node->in[k]] = true;
        }
    }
    mem_free(reached);
    return code;
}

static enum err_code check_outputs(const struct net *net, const int *outputs,
                                   int count, struct err *err)
{
    int i, k;

    for (i = 0; i < count; i++) {
        if (outputs[i] < 0 || outputs[i] >= net->node_count)
            return err_set(err, ERR_SHAPE, "output %d is node %d of %d", i,
                           outputs[i], net->node_count);
        for (k = 0; k < i; k++) {
            if (outputs[k] == outputs[i])
                return err_set(err, ERR_SHAPE,
                               "layer \"%s\" is an output twice",
                               net->node[outputs[i]].name);
        }
    }
    return check_reached(net, outputs, count, err);
}

static size_t padded_count(const struct param *p)
{
    return (p->count + VALUE_ALIGN - 1) / VALUE_ALIGN * VALUE_ALIGN;
}

/* The block behind all values; the parameters get their places in it. */
static enum err_code allocate_values(struct net *net, struct err *err)
{
    struct param_walk w;
    struct param *p;
    size_t count = 0, at = 0;
    float *values;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w))
        count += padded_count(p);
    values = mem_block_array(count, sizeof(*values), "the parameters", err);
    if (values == NULL)
        return err->code;
    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        p->value = values + at;
        at += padded_count(p);
    }
    net->values = values;
    net->value_count = count;
    return ERR_OK;
}

enum err_code net_finish(struct net *net, const int *outputs, int count,
                         struct err *err)
{
    int last = net->node_count - 1;

    assert(!net->finished);
    if (net->node_count == 0)
        return err_set(err, ERR_SHAPE, "a net without layers");
    if (outputs == NULL) {
        outputs = &last;
        count = 1;
    }
    if (count < 1 || count > NET_OUTPUT_MAX)
        return err_set(err, ERR_SHAPE, "%d outputs; 1 to %d are possible",
                       count, NET_OUTPUT_MAX);
    if (check_outputs(net, outputs, count, err) != ERR_OK ||
        allocate_values(net, err) != ERR_OK)
        return err->code;
    net->output = mem_array((size_t)count, sizeof(*outputs));
    memcpy(net->output, outputs, (size_t)count * sizeof(*outputs));
    net->output_count = count;
    net->finished = true;
    return ERR_OK;
}

struct param *net_first(struct net *net, struct param_walk *w)
{
    w->net = net;
    w->node = 0;
    w->param = -1;
    return net_next(w);
}

struct param *net_next(struct param_walk *w)
{
    w->param++;
    while (w->node < w->net->node_count) {
        struct node *node = &w->net->node[w->node];

        if (w->param < node->param_count)
            return &node->param[w->param];
        w->node++;
        w->param = 0;
    }
    return NULL;
}

int net_softmax_of(const struct net *net, int output)
{
    int node = net->output[output];

    if (net->node[node].kind != layer_find("softmax") ||
        net->node[node].in[0] == NET_INPUT)
        return -1;
    return node;
}
