/* A net back to the text of spec.h. */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "net/spec.h"

static bool is_used(const struct net *net, int node, int except)
{
    int i, k;

    for (i = 0; i < net->output_count; i++) {
        if (net->output[i] == node)
            return true;
    }
    for (i = node + 1; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].in_count && i != except; k++) {
            if (net->node[i].in[k] == node)
                return true;
        }
    }
    return false;
}

/* Does the parser give node i, folded behind node i - 1, a name that is free?
 */
static bool has_free_name(const struct net *net, int i)
{
    char *name =
        mem_printf("%s_%s", net->node[i - 1].name, net->node[i].kind->name);
    int other = net_find(net, name);

    mem_free(name);
    return other < 0 || other == i;
}

/* Is node i written as the last word of the line before? */
static bool is_last_word(const struct net *net, int i)
{
    _Alignas(8) unsigned char usual[LAYER_CONFIG_MAX];
    const struct node *node = &net->node[i];

    if (!node->folded || node->in[0] != i - 1 ||
        !spec_takes_activation(&net->node[i - 1]) || is_used(net, i - 1, i) ||
        !has_free_name(net, i))
        return false;
    layer_defaults(node->kind, usual);
    return memcmp(usual, node->config, node->kind->config_size) == 0;
}

static bool is_taken(char *const *names, int count, const char *name)
{
    int i;

    for (i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return strcmp(name, SPEC_INPUT) == 0;
}

/* Names as a spec can hold them; files may hold stranger ones.  The caller
 * frees them. */
static char **printable_names(const struct net *net)
{
    char **names = mem_array((size_t)net->node_count, sizeof(*names));
    int i;

    for (i = 0; i < net->node_count; i++) {
        char *name = mem_strdup(net->node[i].name), *p;

        for (p = name; *p != '\0'; p++) {
            if (strchr(",\"'", *p) != NULL || iscntrl((unsigned char)*p))
                *p = '_';
        }
        while (is_taken(names, i, name)) {
            char *longer = mem_printf("%s_", name);

            mem_free(name);
            name = longer;
        }
        names[i] = name;
    }
    return names;
}

/* The name under which node i is found again. */
static const char *source_name(const struct net *net, char *const *names, int i)
{
    return i == NET_INPUT ? SPEC_INPUT
                          : names[is_last_word(net, i) ? i - 1 : i];
}

/* One word, in quotes where a blank or the like would break it. */
static void print_word(const char *word, struct str *out)
{
    if (strcspn(word, " #=;") == strlen(word))
        str_add(out, word);
    else
        str_addf(out, "\"%s\"", word);
}

static void print_sources(const struct net *net, char *const *names, int i,
                          struct str *out)
{
    const struct node *node = &net->node[i];
    struct str list = {0};
    int k;

    for (k = 0; k < node->in_count; k++)
        str_addf(&list, "%s%s", k > 0 ? "," : "",
                 source_name(net, names, node->in[k]));
    print_word(list.text, out);
    str_done(&list);
}

static void print_node(const struct net *net, char *const *names, int i,
                       struct str *out)
{
    const struct node *node = &net->node[i];

    layer_print(node->kind, node->config, out);
    if (strcmp(names[i], node->kind->name) != 0) {
        str_add(out, " name=");
        print_word(names[i], out);
    }
    if (node->in_count != 1 || node->in[0] != i - 1) {
        str_add(out, " from=");
        print_sources(net, names, i, out);
    }
}

static void print_input(const struct net *net, struct str *out)
{
    char text[64];

    str_addf(out, SPEC_INPUT " %s",
             shape_text(&net->input, text, sizeof(text)));
    if (net->scale != 1.0f)
        str_addf(out, " scale=%.9g", (double)net->scale);
    if (net->offset != 0.0f)
        str_addf(out, " offset=%.9g", (double)net->offset);
}

void spec_print(const struct net *net, struct str *out)
{
    char **names = printable_names(net);
    int i;

    print_input(net, out);
    for (i = 0; i < net->node_count; i++) {
        if (is_last_word(net, i)) {
            str_addf(out, " %s", net->node[i].kind->name);
        } else {
            str_add(out, "\n");
            print_node(net, names, i, out);
        }
    }
    str_add(out, "\n");
    if (net->output_count > 1 || net->output[0] != net->node_count - 1) {
        str_add(out, SPEC_OUTPUT);
        for (i = 0; i < net->output_count; i++) {
            str_add(out, " ");
            print_word(source_name(net, names, net->output[i]), out);
        }
        str_add(out, "\n");
    }
    for (i = 0; i < net->node_count; i++)
        mem_free(names[i]);
    mem_free(names);
}
