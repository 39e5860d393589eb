#include "net/fake.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "net/graft.h"
#include "net/spec.h"

void fake_list_add(struct fake_list *l, const struct fake *item)
{
    l->item = mem_grow(l->item, (size_t)l->count + 1, sizeof(*l->item));
    l->item[l->count] = *item;
    if (item->name != NULL)
        l->item[l->count].name = mem_strdup(item->name);
    l->count++;
}

struct fake *fake_list_find(const struct fake_list *l, int behind)
{
    int i;

    for (i = 0; i < l->count; i++) {
        if (l->item[i].behind == behind)
            return &l->item[i];
    }
    return NULL;
}

void fake_list_done(struct fake_list *l)
{
    int i;

    for (i = 0; i < l->count; i++)
        mem_free(l->item[i].name);
    mem_free(l->item);
    *l = (struct fake_list){0};
}

int fake_count(const struct net *net)
{
    int i, count = 0;

    for (i = 0; i < net->node_count; i++)
        count += fake_is(&net->node[i]);
    return count;
}

struct fake fake_of(const struct node *node, int behind)
{
    struct fake f = {.behind = behind,
                     .name = node->name,
                     .low = *node->param[FAKE_QUANT_LOW].value,
                     .high = *node->param[FAKE_QUANT_HIGH].value};

    memcpy(&f.config, node->config, sizeof(f.config));
    return f;
}

void fake_describe(const struct fake *f, struct str *out)
{
    str_addf(out, "%d bits from %.4g to %.4g%s", f->config.bits, (double)f->low,
             (double)f->high, f->config.freeze ? ", fixed" : "");
}

struct net *fake_strip(const struct net *net, struct fake_list *list,
                       struct err *err)
{
    int outputs[NET_OUTPUT_MAX], i, o;
    struct graft g;
    bool good = true;

    graft_begin(&g, net, err);
    for (i = 0; good && i < net->node_count; i++) {
        const struct node *node = &net->node[i];
        struct fake f;

        if (!fake_is(node)) {
            good = graft_copy(&g, i);
            continue;
        }
        g.reads[i] =
            node->in[0] == NET_INPUT ? NET_INPUT : g.reads[node->in[0]];
        f = fake_of(node, g.reads[i]);
        if (fake_list_find(list, f.behind) == NULL)
            fake_list_add(list, &f);
    }
    for (o = 0; o < net->output_count; o++)
        outputs[o] = g.reads[net->output[o]];
    good = good && graft_finish(&g, outputs, net->output_count, NULL);
    return graft_end(&g, good);
}

static bool is_taken(const struct graft *g, const struct fake_list *list,
                     const char *name)
{
    int i;

    for (i = 0; i < list->count; i++) {
        if (list->item[i].name != NULL && strcmp(list->item[i].name, name) == 0)
            return true;
    }
    return net_find(g->from, name) >= 0 || net_find(g->to, name) >= 0;
}

/* "fc1_quant", with a number where that is taken. */
static char *free_name(const struct graft *g, const struct fake_list *list,
                       int behind)
{
    const char *of = fake_place_name(g->from, behind);
    char *name = mem_printf("%s_quant", of);
    int k;

    for (k = 1; is_taken(g, list, name); k++) {
        mem_free(name);
        name = mem_printf("%s_quant_%d", of, k);
    }
    return name;
}

/* Puts the quantiser behind a node, if list has one; *reads becomes it. */
static bool add_behind(struct graft *g, const struct fake_list *list,
                       int behind, int *reads)
{
    const struct fake *f = fake_list_find(list, behind);
    enum err_code code;
    char *name;

    if (f == NULL)
        return true;
    name = f->name != NULL ? mem_strdup(f->name) : free_name(g, list, behind);
    code = net_add(g->to, &fake_quant_layer, &f->config, name, reads, 1, false,
                   reads, g->err);
    mem_free(name);
    return code == ERR_OK;
}

static void set_range(struct net *net, int node, const struct fake *f)
{
    *net->node[node].param[FAKE_QUANT_LOW].value = f->low;
    *net->node[node].param[FAKE_QUANT_HIGH].value = f->high;
}

static void set_ranges(const struct graft *g, const struct fake_list *list)
{
    int i;

    for (i = 0; i < list->count; i++) {
        const struct fake *f = &list->item[i];

        set_range(g->to,
                  f->behind == NET_INPUT ? g->input : g->reads[f->behind], f);
    }
}

struct net *fake_insert(const struct net *net, const struct fake_list *list,
                        struct err *err)
{
    int outputs[NET_OUTPUT_MAX], i, o;
    struct graft g;
    bool good;

    graft_begin(&g, net, err);
    good = add_behind(&g, list, NET_INPUT, &g.input);
    for (i = 0; good && i < net->node_count; i++)
        good = graft_copy(&g, i) && add_behind(&g, list, i, &g.reads[i]);
    for (o = 0; o < net->output_count; o++)
        outputs[o] = g.map[net->output[o]];
    good = good && graft_finish(&g, outputs, net->output_count, NULL);
    if (good)
        set_ranges(&g, list);
    return graft_end(&g, good);
}

static bool has_weights(const struct node *node)
{
    return node->param_count > 0 && node->param[0].def.prunable;
}

/* Its values are its input's, zeros apart. */
static bool passes_on(const struct node *node)
{
    return node->kind->view || node->kind->train_only ||
           node->kind == layer_find("zero_padding2d");
}

static int place_of(const struct net *net, int node)
{
    while (node != NET_INPUT && passes_on(&net->node[node]))
        node = net->node[node].in[0];
    return node;
}

/* Behind a layer whose activation is its argument only that can read it. */
static bool is_folded_into(const struct net *net, int node)
{
    int i;

    for (i = node + 1; node != NET_INPUT && i < net->node_count; i++) {
        if (net->node[i].folded && net->node[i].in[0] == node)
            return true;
    }
    return false;
}

void fake_places(const struct net *net, bool *place)
{
    int i;

    memset(place, 0, ((size_t)net->node_count + 1) * sizeof(*place));
    for (i = 0; i < net->node_count; i++) {
        int at;

        if (!has_weights(&net->node[i]))
            continue;
        at = place_of(net, net->node[i].in[0]);
        place[at + 1] = !is_folded_into(net, at);
    }
    for (i = 0; i < net->node_count; i++) {
        if (net->node[i].kind == layer_find("max_pool2d") &&
            place[place_of(net, net->node[i].in[0]) + 1])
            place[i + 1] = false;
    }
}

const char *fake_place_name(const struct net *net, int behind)
{
    while (behind != NET_INPUT && !has_weights(&net->node[behind]) &&
           net->node[behind].in_count == 1)
        behind = net->node[behind].in[0];
    return behind == NET_INPUT ? SPEC_INPUT : net->node[behind].name;
}

enum err_code fake_check(const struct net *net, struct err *err)
{
    int i;

    for (i = 0; i < net->node_count; i++) {
        const struct node *node = &net->node[i];
        float low, high;

        if (!fake_is(node))
            continue;
        low = *node->param[FAKE_QUANT_LOW].value;
        high = *node->param[FAKE_QUANT_HIGH].value;
        if (!(low <= 0.0f && high >= 0.0f && isfinite(low) && isfinite(high)))
            return err_set(err, ERR_FORMAT,
                           "layer \"%s\" rounds from %g to %g, which is no"
                           " range around 0",
                           node->name, (double)low, (double)high);
    }
    return ERR_OK;
}
