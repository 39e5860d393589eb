#include "net/spec.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/args.h"
#include "base/mem.h"

#define INPUT      SPEC_INPUT
#define OUTPUT     SPEC_OUTPUT
#define QUOTED_MAX 60 /* characters of a line that a message repeats */

/* A comma belongs to its word in from=a,b and in 1,1,2,2. */
static bool comma_in_word(const char *at, bool setting)
{
    unsigned char next = (unsigned char)at[1];

    return isdigit(next) ||
           (setting && next != '\0' && !isspace(next) && next != ';');
}

/* Takes the next line off *at, without its comment; false at the end. */
static bool next_line(const char **at, struct str *line)
{
    const char *p = *at;
    bool setting = false, start = true;
    char quote = '\0';

    str_clear(line);
    str_add(line, "");
    if (*p == '\0')
        return false;
    for (; *p != '\0' && *p != '\n'; p++) {
        if (quote == '\0' && start && *p == '#') {
            p += strcspn(p, "\n");
            break;
        }
        if (quote == '\0' &&
            (*p == ';' || (*p == ',' && !comma_in_word(p, setting))))
            break;
        if (quote == '\0' && (*p == '"' || *p == '\''))
            quote = *p;
        else if (quote == *p)
            quote = '\0';
        start = quote == '\0' && isspace((unsigned char)*p);
        setting = !start && (setting || *p == '=');
        str_add_bytes(line, p, 1);
    }
    *at = *p == '\0' ? p : p + 1;
    return true;
}

bool spec_takes_activation(const struct node *node)
{
    return node->param_count > 0 && node->param[0].def.prunable;
}

/* The node behind a name: the activation when one is folded behind it. */
static enum err_code find_source(const struct net *net, const char *name,
                                 int *out, struct err *err)
{
    const char **names, *near;
    int i;

    *out = strcmp(name, INPUT) == 0 ? NET_INPUT : net_find(net, name);
    if (strcmp(name, INPUT) == 0)
        return ERR_OK;
    i = *out + 1;
    if (*out >= 0) {
        if (i < net->node_count && net->node[i].folded &&
            net->node[i].in[0] == *out)
            *out = i;
        return ERR_OK;
    }
    names = mem_array((size_t)net->node_count + 1, sizeof(*names));
    names[0] = INPUT;
    for (i = 0; i < net->node_count; i++)
        names[i + 1] = net->node[i].name;
    near = str_nearest(name, names, net->node_count + 1);
    mem_free(names);
    if (near == NULL)
        return err_set(err, ERR_MISSING, "no layer \"%s\" stands before it",
                       name);
    return err_set(err, ERR_MISSING,
                   "no layer \"%s\" stands before it; did you mean \"%s\"?",
                   name, near);
}

/* The nodes of a comma list. */
static enum err_code find_sources(const struct net *net, const char *list,
                                  int *in, int *count, struct err *err)
{
    char *names = mem_strdup(list), *at = names;
    enum err_code code = ERR_OK;

    *count = 0;
    while (code == ERR_OK && at != NULL) {
        char *comma = strchr(at, ',');

        if (comma != NULL)
            *comma = '\0';
        if (*count == LAYER_INPUT_MAX)
            code =
                err_set(err, ERR_SHAPE, "more than %d inputs", LAYER_INPUT_MAX);
        else
            code = find_source(net, at, &in[(*count)++], err);
        at = comma != NULL ? comma + 1 : NULL;
    }
    mem_free(names);
    return code;
}

static enum err_code find_kind(const char *name, const struct layer_kind **out,
                               struct err *err)
{
    const char *names[64], *near;
    int n;

    *out = layer_find(name);
    if (*out != NULL)
        return ERR_OK;
    for (n = 0; n < 64 && layer_kinds[n] != NULL; n++)
        names[n] = layer_kinds[n]->name;
    near = str_nearest(name, names, n);
    if (near == NULL)
        return err_set(err, ERR_MISSING, "no layer kind \"%s\"", name);
    return err_set(err, ERR_MISSING,
                   "no layer kind \"%s\"; did you mean \"%s\"?", name, near);
}

/* The activation that ends the line, taken off it, or NULL. */
static const struct layer_kind *take_activation(struct args *a)
{
    const struct layer_kind *kind;

    if (a->word_count < 2)
        return NULL;
    kind = layer_find(a->word[a->word_count - 1]);
    if (kind == NULL || !kind->activation)
        return NULL;
    a->word_count--;
    return kind;
}

static enum err_code check_name(const char *name, struct err *err)
{
    if (name == NULL)
        return ERR_OK;
    if (strcmp(name, INPUT) == 0)
        return err_set(err, ERR_VALUE,
                       "the name \"" INPUT "\" means the net's own input");
    if (strchr(name, ',') != NULL)
        return err_set(err, ERR_VALUE,
                       "the name \"%s\" holds a comma; a comma that ends a "
                       "layer needs a blank behind it",
                       name);
    return ERR_OK;
}

static enum err_code add_activation(struct net *net, int node,
                                    const struct layer_kind *kind,
                                    struct err *err)
{
    bool folded = spec_takes_activation(&net->node[node]);
    char *name = mem_printf("%s_%s", net->node[node].name, kind->name);
    enum err_code code =
        net_add(net, kind, NULL, name, &node, 1, folded, NULL, err);

    mem_free(name);
    return code;
}

static enum err_code add_layer(struct net *net, struct args *a, struct err *err)
{
    static const char *const known[] = {"name", "from"};
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    const struct layer_kind *kind, *activation;
    const char *name = args_value(a, "name"), *from = args_value(a, "from");
    int in[LAYER_INPUT_MAX] = {net->node_count - 1}, in_count = 1, node;

    if (check_name(name, err) != ERR_OK ||
        find_kind(a->word[0], &kind, err) != ERR_OK)
        return err->code;
    activation = take_activation(a);
    if (layer_parse(kind, a, config, err) != ERR_OK ||
        args_all_used(a, known, 2, err) != ERR_OK)
        return err->code;
    if (from != NULL && find_sources(net, from, in, &in_count, err) != ERR_OK)
        return err->code;
    if (net_add(net, kind, config, name, in, in_count, false, &node, err) !=
        ERR_OK)
        return err->code;
    if (activation == NULL)
        return ERR_OK;
    return add_activation(net, node, activation, err);
}

/* A number of the input line; *out keeps its value when it is not given. */
static enum err_code read_factor(struct args *a, const char *name, float *out,
                                 struct err *err)
{
    const char *text = args_value(a, name);
    double value;

    if (text == NULL)
        return ERR_OK;
    if (str_double(text, name, &value, err) != ERR_OK)
        return err->code;
    if (!isfinite(value) || fabs(value) > 1e30)
        return err_set(err, ERR_VALUE, "%s is \"%s\", expected a number", name,
                       text);
    *out = (float)value;
    return ERR_OK;
}

static enum err_code read_input(struct args *a, const char *net_name,
                                struct net **out, struct err *err)
{
    static const char *const known[] = {"scale", "offset"};
    float scale = 1.0f, offset = 0.0f;
    struct shape shape;

    if (*out != NULL)
        return err_set(err, ERR_USAGE, "the input is given twice");
    if (a->word_count != 2)
        return err_set(err, ERR_USAGE,
                       "expected one shape, such as " INPUT " 28x28x1");
    if (shape_parse(a->word[1], &shape, err) != ERR_OK ||
        read_factor(a, "scale", &scale, err) != ERR_OK ||
        read_factor(a, "offset", &offset, err) != ERR_OK ||
        args_all_used(a, known, 2, err) != ERR_OK)
        return err->code;
    *out = net_new(net_name, &shape);
    (*out)->scale = scale;
    (*out)->offset = offset;
    return ERR_OK;
}

/* Output nodes as they are read. */
struct outputs {
    int count, node[ARGS_MAX];
};

static enum err_code read_outputs(const struct net *net, struct args *a,
                                  struct outputs *out, struct err *err)
{
    int i;

    if (out->count > 0)
        return err_set(err, ERR_USAGE, "the outputs are given twice");
    if (a->word_count < 2)
        return err_set(err, ERR_USAGE, "expected names of layers");
    if (args_all_used(a, NULL, 0, err) != ERR_OK)
        return err->code;
    for (i = 1; i < a->word_count; i++) {
        int *node = &out->node[out->count];

        if (find_source(net, a->word[i], node, err) != ERR_OK)
            return err->code;
        if (*node == NET_INPUT)
            return err_set(err, ERR_VALUE, "the input cannot be an output");
        out->count++;
    }
    return ERR_OK;
}

static enum err_code read_words(struct args *a, const char *net_name,
                                struct net **net, struct outputs *outputs,
                                struct err *err)
{
    if (a->word_count == 0 && a->pair_count == 0)
        return ERR_OK;
    if (a->word_count == 0)
        return err_set(err, ERR_USAGE, "expected the kind of a layer first");
    if (strcmp(a->word[0], INPUT) == 0)
        return read_input(a, net_name, net, err);
    if (*net == NULL)
        return err_set(err, ERR_USAGE,
                       "a net starts with its input, such as " INPUT
                       " 28x28x1");
    if (strcmp(a->word[0], OUTPUT) == 0)
        return read_outputs(*net, a, outputs, err);
    if (outputs->count > 0)
        return err_set(err, ERR_USAGE, "a layer behind the outputs");
    return add_layer(*net, a, err);
}

static enum err_code read_line(const struct str *line, int number,
                               const char *net_name, struct net **net,
                               struct outputs *outputs, struct err *err)
{
    struct args a;
    enum err_code code = args_parse(line->text, &a, err);

    if (code == ERR_OK) {
        code = read_words(&a, net_name, net, outputs, err);
        args_done(&a);
    }
    if (code != ERR_OK) {
        size_t blanks = strspn(line->text, " \t\r");

        err_context(err, "line %d \"%.*s\"", number, QUOTED_MAX,
                    line->text + blanks);
    }
    return code;
}

static enum err_code check_size(struct net *net, size_t most, struct err *err)
{
    struct param_walk w;
    const struct param *p;
    size_t count = 0;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        count += p->count;
        if (p->count > most || count > most)
            return err_set(err, ERR_FORMAT,
                           "more than the %zu values there can be", most);
    }
    return ERR_OK;
}

struct net *spec_parse(const char *text, const char *name, struct err *err)
{
    return spec_parse_within(text, name, SIZE_MAX, err);
}

struct net *spec_parse_within(const char *text, const char *name, size_t most,
                              struct err *err)
{
    struct outputs outputs = {0};
    struct str line = {0};
    struct net *net = NULL;
    enum err_code code = ERR_OK;
    int number = 1;

    for (; code == ERR_OK && next_line(&text, &line); number++)
        code = read_line(&line, number, name, &net, &outputs, err);
    str_done(&line);
    if (code == ERR_OK && net == NULL)
        code = err_set(err, ERR_USAGE, "an empty net");
    if (code == ERR_OK)
        code = check_size(net, most, err);
    if (code == ERR_OK)
        code = net_finish(net, outputs.count > 0 ? outputs.node : NULL,
                          outputs.count, err);
    if (code == ERR_OK)
        return net;
    net_free(net);
    return NULL;
}
