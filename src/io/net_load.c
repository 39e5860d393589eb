/* Opening a network.  A file of ours is rebuilt from its spec, exactly; any
 * other, and one whose architecture was changed since, from Keras' JSON. */
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "io/io.h"
#include "io/keras.h"
#include "io/net_quant.h"
#include "net/fake.h"
#include "net/spec.h"
#include "net/zoo.h"

static enum err_code read_range(hid_t own, const char *layer, struct node *n,
                                struct err *err)
{
    enum err_code code = ERR_OK;
    int k;

    for (k = 0; k < n->param_count && code == ERR_OK; k++) {
        char *path = mem_printf(KERAS_RANGES "/%s/%s", layer, n->param[k].name);

        code = keras_read_array(own, path, &n->param[k], H5T_NATIVE_FLOAT,
                                n->param[k].value, err);
        mem_free(path);
    }
    return code;
}

static enum err_code read_own_net(const struct keras_source *s, hid_t own,
                                  struct net **out, struct err *err)
{
    char *spec = h5_attr_text(own, KERAS_SPEC);
    char *name = h5_attr_text(own, "name");
    char **names;
    struct net *net;
    enum err_code code = ERR_OK;
    double real;
    int i;

    net = spec_parse(spec, name != NULL ? name : "net", err);
    mem_free(spec);
    mem_free(name);
    if (net == NULL)
        return err->code;
    if (h5_attr_real(own, "input_scale", &real))
        net->scale = (float)real;
    if (h5_attr_real(own, "input_offset", &real))
        net->offset = (float)real;
    names = keras_names_of(net);
    for (i = 0; i < net->node_count && code == ERR_OK; i++) {
        if (fake_is(&net->node[i]))
            code = read_range(own, names[i], &net->node[i], err);
        else if (net->node[i].param_count > 0)
            code = keras_read_node(s, names[i], &net->node[i], err);
    }
    keras_names_free(net, names);
    if (code == ERR_OK)
        code = fake_check(net, err);
    if (code != ERR_OK) {
        net_free(net);
        return code;
    }
    *out = net;
    return ERR_OK;
}

static enum err_code read_mask(hid_t own, const char *path, struct param *p,
                               struct err *err)
{
    size_t i;

    if (param_need_mask(p, err) != ERR_OK ||
        keras_read_array(own, path, p, H5T_NATIVE_UINT8, p->mask, err) !=
            ERR_OK)
        return err->code;
    for (i = 0; i < p->count; i++) {
        if (p->mask[i] > 1 || (p->mask[i] == 0 && p->value[i] != 0.0f))
            return err_set(err, ERR_FORMAT,
                           "\"%s\" prunes weight %zu, which is not zero", path,
                           i);
    }
    return ERR_OK;
}

static enum err_code read_bound(hid_t own, const char *layer, struct param *p,
                                struct err *err)
{
    char *path = mem_printf("masks/%s/%s", layer, p->name);
    enum err_code code = ERR_OK;

    if (h5_has(own, path))
        code = read_mask(own, path, p, err);
    mem_free(path);
    return code == ERR_OK ? quant_read(own, layer, p, err) : code;
}

static enum err_code read_moments(hid_t own, const char *layer, struct param *p,
                                  struct err *err)
{
    static const char *const group[NET_MOMENT_MAX] = {"moments_1", "moments_2"};
    enum err_code code = ERR_OK;
    int m;

    for (m = 0; m < NET_MOMENT_MAX && code == ERR_OK; m++) {
        char *path = mem_printf("%s/%s/%s", group[m], layer, p->name);

        if (p->book != NULL)
            code = quant_read_moment(own, path, p, m, err);
        else if (p->moment[m] != NULL && h5_has(own, path))
            code = keras_read_array(own, path, p, H5T_NATIVE_FLOAT,
                                    p->moment[m], err);
        mem_free(path);
    }
    return code;
}

/* read for every parameter of net. */
static enum err_code read_each(hid_t own, struct net *net, char *const *names,
                               enum err_code (*read)(hid_t own,
                                                     const char *layer,
                                                     struct param *p,
                                                     struct err *err),
                               struct err *err)
{
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            if (read(own, names[i], &net->node[i].param[k], err) != ERR_OK)
                return err->code;
        }
    }
    return ERR_OK;
}

/* What moments there are room for depends on the codebooks. */
static enum err_code read_extras(hid_t own, struct net *net,
                                 struct net_note *note, struct err *err)
{
    char **names = keras_names_of(net);
    int moments = h5_has(own, "moments_2") ? 2 : h5_has(own, "moments_1");
    enum err_code code = read_each(own, net, names, read_bound, err);

    if (code == ERR_OK)
        code = quant_check_groups(net, err);
    if (code == ERR_OK)
        code = net_need_moments(net, moments, err);
    if (code == ERR_OK)
        code = read_each(own, net, names, read_moments, err);
    keras_names_free(net, names);
    if (code == ERR_OK && note != NULL) {
        char *text = h5_attr_text(own, KERAS_NOTE);

        net_note_done(note);
        if (text != NULL)
            str_add(&note->text, text);
        mem_free(text);
    }
    return code;
}

/* "dir/lenet.h5" -> "lenet"; new. */
static char *name_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    struct str name = {0};

    str_add_bytes(&name, base,
                  dot != NULL && dot > base ? (size_t)(dot - base)
                                            : strlen(base));
    return str_take(&name);
}

static enum err_code read_keras(struct keras_source *s,
                                const struct shape *input, struct net **out,
                                struct err *err)
{
    struct keras_graph g;
    struct keras_take *takes = NULL;
    struct net *net = NULL;
    char *name;
    enum err_code code;

    if (keras_flatten(s, &g, err) != ERR_OK)
        return err->code;
    name = name_of_path(s->path);
    code = keras_build(s, &g, name, input, &net, &takes, err);
    mem_free(name);
    if (code == ERR_OK)
        code = keras_read_weights(s, &g, takes, net, err);
    mem_free(takes);
    keras_graph_done(&g);
    if (code != ERR_OK) {
        net_free(net);
        return code;
    }
    *out = net;
    return ERR_OK;
}

/* Whether the architecture is still the one that our group goes with. */
static bool is_ours(const struct keras_source *s, hid_t own)
{
    char *config = own >= 0 ? h5_attr_text(own, KERAS_CONFIG) : NULL;
    bool same = config != NULL && s->config_text != NULL &&
                strcmp(config, s->config_text) == 0 &&
                h5_has_attr(own, KERAS_SPEC);

    mem_free(config);
    return same;
}

/* Takes net; returns it with the file's weights, or NULL. */
static struct net *adopt(const struct keras_source *s, struct net *net)
{
    struct err err;

    if (net != NULL && keras_adopt(s, net, &err) == ERR_OK)
        return net;
    net_free(net);
    return NULL;
}

static struct net *adopt_zoo(struct keras_source *s)
{
    const struct zoo_row *row;
    struct net *net = NULL;
    struct err err;

    for (row = zoo_rows; row->name != NULL && net == NULL; row++) {
        if (!row->large)
            net = adopt(s, zoo_make(row, NULL, 0, &err));
        if (net != NULL)
            str_addf(&s->notes,
                     "only weights: their shapes are those of %s, whose"
                     " architecture is taken\n",
                     row->name);
    }
    return net;
}

/* What activations are rounded to is not among weights. */
static void copy_ranges(struct net *to, const struct net *from)
{
    int i, k;

    for (i = 0; i < to->node_count; i++) {
        for (k = 0; k < to->node[i].param_count && fake_is(&to->node[i]); k++)
            *to->node[i].param[k].value = *from->node[i].param[k].value;
    }
}

/* A fresh net of the same architecture. */
static struct net *adopt_like(struct keras_source *s, const struct net *like)
{
    struct str spec = {0};
    struct err err;
    struct net *net;

    spec_print(like, &spec);
    net = adopt(s, spec_parse(spec.text, like->name, &err));
    str_done(&spec);
    if (net != NULL)
        copy_ranges(net, like);
    if (net != NULL)
        str_addf(&s->notes,
                 "only weights: their shapes are those of %s, whose"
                 " architecture is kept\n",
                 like->name);
    return net;
}

/* Weights alone fit the net that is at hand, or one of the zoo, or none. */
static enum err_code read_weights_only(struct keras_source *s,
                                       const struct net *like, struct net **out,
                                       struct err *err)
{
    struct net *net = like != NULL ? adopt_like(s, like) : NULL;

    if (net == NULL)
        net = adopt_zoo(s);
    if (net == NULL)
        return err_set(err, ERR_UNSUPPORTED,
                       "these are weights saved by Keras without the"
                       " architecture, and their shapes fit neither the open"
                       " net nor one of the zoo; give it as model=FILE.json,"
                       " from model.to_json(), or as another Keras file");
    mem_free(net->name);
    net->name = name_of_path(s->path);
    *out = net;
    return ERR_OK;
}

static enum err_code load(struct keras_source *s, const struct net_hints *hints,
                          struct net **out, struct net_note *note,
                          struct err *err)
{
    hid_t H5_AUTO own = h5_has(s->file, KERAS_OWN_GROUP)
                            ? H5Gopen2(s->file, KERAS_OWN_GROUP, H5P_DEFAULT)
                            : -1;
    struct net *net = NULL;

    if (s->model == NULL)
        return read_weights_only(s, hints->like, out, err);
    if (!is_ours(s, own))
        return read_keras(s, hints->input, out, err);
    if (read_own_net(s, own, &net, err) != ERR_OK)
        return err->code;
    if (read_extras(own, net, note, err) != ERR_OK) {
        net_free(net);
        return err->code;
    }
    *out = net;
    return ERR_OK;
}

enum err_code net_load_with(const char *path, const struct net_hints *hints,
                            struct net **out, struct net_note *note,
                            struct str *warnings, struct err *err)
{
    static const struct net_hints none;
    struct keras_source s;
    struct stat info;
    enum err_code code;
    char size[32];

    hints = hints != NULL ? hints : &none;
    if (keras_open(path, hints->model, &s, err) != ERR_OK)
        return err->code;
    h5_watch(hints->progress,
             stat(path, &info) == 0 ? (double)info.st_size : 0.0);
    code = load(&s, hints, out, note, err);
    h5_watch(NULL, 0);
    if (code == ERR_OK && warnings != NULL && s.notes.text != NULL)
        str_add(warnings, s.notes.text);
    if (code == ERR_OK && warnings != NULL && s.optimizer > 0)
        str_addf(warnings, "optimizer state present (%s), not used\n",
                 str_size(s.optimizer, size, sizeof(size)));
    keras_close(&s);
    return code == ERR_OK ? code : err_context(err, "\"%s\"", path);
}

enum err_code net_load(const char *path, struct net **out,
                       struct net_note *note, struct str *warnings,
                       struct err *err)
{
    return net_load_with(path, NULL, out, note, warnings, err);
}
