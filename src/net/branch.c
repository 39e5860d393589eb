#include "net/branch.h"

#include <string.h>

#include "base/mem.h"
#include "net/graft.h"
#include "net/spec.h"

#define NOT_IN_NAMES " \t\n,;=#\"'/" /* nor in a spec or file */
#define POOLED       4 /* rows and columns that a new exit classifies, about */

void branch_nodes(const struct net *net, int output, bool *node)
{
    int i, k;

    memset(node, 0, (size_t)net->node_count * sizeof(*node));
    node[net->output[output]] = true;
    for (i = net->node_count - 1; i >= 0; i--) {
        for (k = 0; node[i] && k < net->node[i].in_count; k++) {
            if (net->node[i].in[k] != NET_INPUT)
                node[net->node[i].in[k]] = true;
        }
    }
}

void branch_heads(const struct net *net, bool *node)
{
    int i;

    branch_nodes(net, net->output_count - 1, node);
    for (i = 0; i < net->node_count; i++)
        node[i] = !node[i];
}

int branch_point(const struct net *net, int output)
{
    size_t count = (size_t)net->node_count;
    bool *mine = mem_array(count, sizeof(*mine));
    bool *head = mem_array(count, sizeof(*head));
    int i;

    branch_nodes(net, output, mine);
    branch_heads(net, head);
    for (i = net->node_count - 1; i >= 0; i--) {
        if (mine[i] && !head[i])
            break;
    }
    mem_free(head);
    mem_free(mine);
    return i < 0 ? NET_INPUT : i;
}

const char *branch_name(const struct net *net, int output)
{
    const struct node *node = &net->node[net->output[output]];

    return node->folded ? net->node[node->in[0]].name : node->name;
}

/* The head as a net of its own. */

static struct net *parse_head(const char *head, const struct shape *shape,
                              const char *name, struct err *err)
{
    struct str text = {0};
    struct net *net;
    char size[64];

    str_addf(&text, SPEC_INPUT " %s\n%s", shape_text(shape, size, sizeof(size)),
             head);
    net = spec_parse(text.text, name, err);
    if (net == NULL)
        err_context(err, "head of \"%s\"", name);
    str_done(&text);
    return net;
}

/* Cells of a map that become one of about POOLED x POOLED. */
static int pool_of(const struct shape *s)
{
    int side = s->dim[0] < s->dim[1] ? s->dim[0] : s->dim[1];

    return s->rank == 3 && side >= 2 * POOLED ? side / POOLED : 1;
}

static bool has_layer(const struct net *net, int i)
{
    return i >= 0 && i < net->node_count;
}

/* Whether the head's own end says one thing a class. */
static bool classifies(const struct net *head, int classes)
{
    const struct node *last = &head->node[head->node_count - 1];

    return last->kind == layer_find("softmax") &&
           shape_count(&last->out) == (size_t)classes;
}

static struct net *make_head(const char *text, const struct shape *shape,
                             int classes, const char *name, struct err *err)
{
    struct net *head = NULL;
    struct str all = {0};
    const struct shape *end = shape;

    if (text != NULL) {
        head = parse_head(text, shape, name, err);
        if (head == NULL ||
            (head->output_count == 1 && classifies(head, classes)))
            return head;
        end = &head->node[head->node_count - 1].out;
        str_addf(&all, "%s\n", text);
    } else if (pool_of(shape) > 1) {
        str_addf(&all, "max_pool2d %d\n", pool_of(shape));
    }
    if (end->rank > 1)
        str_add(&all, "flatten\n");
    str_addf(&all, "dense %d softmax\n", classes);
    net_free(head);
    head = parse_head(all.text, shape, name, err);
    str_done(&all);
    return head;
}

/* "exit1" for the classifier, "exit1_flatten" for others. */
static char *head_name(const struct net *head, int i, const char *name)
{
    int last = head->node_count - 1;

    if (head->node[last].folded && i == head->node[last].in[0])
        return mem_strdup(name);
    if (!head->node[last].folded && i == last)
        return mem_strdup(name);
    return mem_printf("%s_%s", name,
                      i == last ? head->node[i].kind->name
                                : head->node[i].name);
}

/* Puts the head behind node `after` of the new net; *out is its end. */
static bool add_head(struct graft *g, const struct net *head, int after,
                     const char *name, int *out)
{
    int first = g->to->node_count, i, k;

    for (i = 0; i < head->node_count; i++) {
        const struct node *node = &head->node[i];
        int in[LAYER_INPUT_MAX];
        char *own = head_name(head, i, name);
        enum err_code code;

        for (k = 0; k < node->in_count; k++)
            in[k] = node->in[k] == NET_INPUT ? after : first + node->in[k];
        code = net_add(g->to, node->kind, node->config, own, in, node->in_count,
                       node->folded, out, g->err);
        mem_free(own);
        if (code != ERR_OK)
            return false;
    }
    return true;
}

/* Old nodes, and the head behind `after`. */
static bool add_nodes(struct graft *g, const struct net *head, int after,
                      const char *name, int *out)
{
    int i;

    for (i = 0; i < g->from->node_count; i++) {
        if (!graft_copy(g, i))
            return false;
        if (i == after && !add_head(g, head, g->map[i], name, out))
            return false;
    }
    return true;
}

static int place_of(const struct net *net, int after)
{
    int o;

    for (o = 0; o < net->output_count - 1; o++) {
        if (branch_point(net, o) > after)
            break;
    }
    return o;
}

static enum err_code check_point(const struct net *net, int after,
                                 const char *name, struct err *err)
{
    int main = net->output_count - 1, root = net->output[main];
    bool *trunk = mem_array((size_t)net->node_count, sizeof(*trunk));
    enum err_code code = ERR_OK;

    branch_nodes(net, main, trunk);
    if (net_softmax_of(net, main) >= 0)
        root = net->node[root].in[0];
    if (net->output_count == NET_OUTPUT_MAX)
        code = err_set(err, ERR_VALUE, "a net has at most %d outputs",
                       NET_OUTPUT_MAX);
    else if (!trunk[after])
        code = err_set(err, ERR_VALUE,
                       "\"%s\" belongs to an exit; a new one leaves the trunk",
                       net->node[after].name);
    else if (after >= root)
        code = err_set(err, ERR_VALUE,
                       "\"%s\" is the classifier at the end; an exit behind "
                       "it saves nothing",
                       net->node[after].name);
    else if (name[0] == '\0' || strpbrk(name, NOT_IN_NAMES) != NULL ||
             strcmp(name, SPEC_INPUT) == 0 || strcmp(name, SPEC_OUTPUT) == 0)
        code = err_set(err, ERR_VALUE,
                       "\"%s\" cannot be the name of a layer: letters, digits "
                       "and _ can",
                       name);
    else if (net_find(net, name) >= 0)
        code = err_set(err, ERR_VALUE, "there is a layer \"%s\" already", name);
    mem_free(trunk);
    return code;
}

struct net *branch_add(const struct net *net, int after, const char *head,
                       const char *name, uint64_t seed, struct err *err)
{
    int outputs[NET_OUTPUT_MAX], place, out = 0, o, main;
    struct net *own;
    struct graft g;
    bool good;

    if (has_layer(net, after + 1) && net->node[after + 1].folded &&
        net->node[after + 1].in[0] == after)
        after++;
    if (has_layer(net, after + 1) && net->node[after + 1].kind->rounds &&
        net->node[after + 1].in[0] == after)
        after++;
    if (check_point(net, after, name, err) != ERR_OK)
        return NULL;
    main = net->output[net->output_count - 1];
    own = make_head(head, &net->node[after].out,
                    (int)shape_count(&net->node[main].out), name, err);
    if (own == NULL)
        return NULL;
    place = place_of(net, after);
    graft_begin(&g, net, err);
    good = add_nodes(&g, own, after, name, &out);
    for (o = 0; o < net->output_count; o++)
        outputs[o + (o >= place)] = g.map[net->output[o]];
    outputs[place] = out;
    good = good && graft_finish(&g, outputs, net->output_count + 1, &seed);
    net_free(own);
    return graft_end(&g, good);
}

struct net *branch_remove(const struct net *net, const bool *gone,
                          struct err *err)
{
    size_t nodes = (size_t)net->node_count;
    bool *kept = mem_array(nodes, sizeof(*kept));
    bool *one = mem_array(nodes, sizeof(*one));
    int outputs[NET_OUTPUT_MAX], count = 0, o, i;
    struct graft g;
    bool good = true;

    graft_begin(&g, net, err);
    for (o = 0; o < net->output_count; o++) {
        if (gone[o])
            continue;
        outputs[count++] = net->output[o];
        branch_nodes(net, o, one);
        for (i = 0; i < net->node_count; i++)
            kept[i] = kept[i] || one[i];
    }
    for (i = 0; good && i < net->node_count; i++)
        good = !kept[i] || graft_copy(&g, i);
    for (o = 0; good && o < count; o++)
        outputs[o] = g.map[outputs[o]];
    if (count == 0) {
        err_set(err, ERR_VALUE, "a net needs at least one classifier");
        good = false;
    }
    good = good && graft_finish(&g, outputs, count, NULL);
    mem_free(one);
    mem_free(kept);
    return graft_end(&g, good);
}
