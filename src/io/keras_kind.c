/* The kind for a layer of Keras.  Kinds are found by their row's class; the few
 * classes whose meaning hangs on their settings stand here. */
#include <string.h>

#include "io/keras.h"

enum err_code keras_refuse(const struct keras_layer *l, const char *why,
                           struct err *err)
{
    struct str name = {0}, class = {0};

    str_add_safe(&name, l->name);
    str_add_safe(&class, l->class);
    err_set(err, ERR_UNSUPPORTED, "layer \"%s\" (%s): %s", name.text,
            class.text != NULL ? class.text : "", why);
    str_done(&name);
    str_done(&class);
    return err->code;
}

bool keras_channels_first(const json_t *config)
{
    const char *format = keras_text(config, "data_format");

    if (format == NULL)
        format = keras_text(config, "dim_ordering");
    return format != NULL &&
           (strcmp(format, "channels_first") == 0 || strcmp(format, "th") == 0);
}

/* ReLU with max_value 6 is relu6, with a slope leaky_relu. */
static enum err_code relu_kind(const struct keras_layer *l,
                               const json_t *config,
                               const struct layer_kind **kind, struct err *err)
{
    double most = 0.0, slope = 0.0, threshold = 0.0;
    bool capped = keras_number(json_object_get(config, "max_value"), &most);

    (void)keras_number(json_object_get(config, "negative_slope"), &slope);
    (void)keras_number(json_object_get(config, "threshold"), &threshold);
    if (threshold != 0.0 || (capped && (most != 6.0 || slope != 0.0)))
        return keras_refuse(l,
                            "ReLU with a threshold, or with another limit than"
                            " 6, is not known here",
                            err);
    *kind = layer_find(capped ? "relu6" : slope != 0.0 ? "leaky_relu" : "relu");
    return ERR_OK;
}

static enum err_code find_kind(const struct keras_layer *l, const char *class,
                               const json_t *config,
                               const struct layer_kind **out, struct err *err)
{
    const struct layer_kind *const *k;

    class = keras_class(class);
    if (strcmp(class, "Softmax") == 0)
        class = "softmax";
    if (strcmp(class, "ReLU") == 0)
        return relu_kind(l, config, out, err);
    for (k = layer_kinds; *k != NULL; k++) {
        if (strcmp((*k)->keras, class) == 0 || strcmp((*k)->name, class) == 0) {
            *out = *k;
            return ERR_OK;
        }
    }
    return keras_refuse(l, "this kind of layer is not known here", err);
}

bool keras_knows(const char *class)
{
    const struct layer_kind *const *k;

    class = keras_class(class);
    if (strcmp(class, "Softmax") == 0 || strcmp(class, "ReLU") == 0 ||
        keras_is_replaced(class))
        return true;
    for (k = layer_kinds; *k != NULL; k++) {
        if (strcmp((*k)->keras, class) == 0 || strcmp((*k)->name, class) == 0)
            return true;
    }
    return false;
}

enum err_code keras_kind_of(const struct keras_source *s,
                            const struct keras_layer *l,
                            const struct keras_step *step,
                            const struct layer_kind **kind, void *config,
                            struct err *err)
{
    (void)s;
    if (find_kind(l, step->class, step->config, kind, err) != ERR_OK)
        return err->code;
    if (keras_read_attrs(*kind, step->config, config, err) != ERR_OK)
        return err_context(err, "layer \"%s\" (%s)", l->own_name, l->class);
    return ERR_OK;
}

/* Functions that are called otherwise here. */
static const struct {
    const char *keras, *name;
} functions[] = {
    {"silu", "swish"},
    {"LeakyReLU", "leaky_relu"},
    {"ELU", "elu"},
};

static bool is_function(const struct layer_kind *kind)
{
    return kind->activation || strcmp(kind->name, "softmax") == 0;
}

/* The kind for the name of a function, NULL when there is none. */
static const struct layer_kind *named_function(const char *name)
{
    const struct layer_kind *kind;
    size_t i;

    for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (strcmp(functions[i].keras, name) == 0)
            name = functions[i].name;
    }
    kind = layer_find(name);
    return kind != NULL && is_function(kind) ? kind : NULL;
}

/* A function given as a layer with settings, as {"class_name": "LeakyReLU",
 * "config": {"alpha": 0.1}}. */
static bool is_layer(const json_t *v)
{
    return json_is_object(json_object_get(v, "config"));
}

enum err_code keras_function_of(const struct keras_source *s,
                                const struct keras_layer *l,
                                const json_t *in_config,
                                const struct layer_kind **kind, void *config,
                                struct err *err)
{
    const json_t *v = json_object_get(in_config, "activation"), *own = NULL;
    const char *name = keras_name(in_config, "activation");
    json_t *usual = NULL;

    *kind = NULL;
    if (name == NULL || strcmp(name, "linear") == 0)
        return ERR_OK;
    if (is_layer(v)) {
        own = json_object_get(v, "config");
        if (find_kind(l, name, own, kind, err) != ERR_OK)
            return err->code;
        if (!is_function(*kind))
            *kind = NULL;
    } else {
        *kind = named_function(name);
    }
    if (*kind == NULL) {
        struct str safe = {0};

        str_add(&safe, "its function '");
        str_add_safe(&safe, name);
        str_add(&safe, "' is not known here");
        (void)keras_refuse(l, safe.text, err);
        str_done(&safe);
        return err->code;
    }
    if (strcmp((*kind)->name, "hard_sigmoid") == 0 && s->version >= 3)
        return keras_refuse(l, "hard_sigmoid of Keras 3 is another function",
                            err);
    /* By name alone its slope is 0.2, as a layer 0.3. */
    if (own == NULL && strcmp((*kind)->name, "leaky_relu") == 0)
        own = usual = json_pack("{s:f}", "alpha", 0.2);
    layer_defaults(*kind, config);
    if (own != NULL && keras_read_attrs(*kind, own, config, err) != ERR_OK)
        err_context(err, "layer \"%s\" (%s)", l->own_name, l->class);
    else
        err->code = ERR_OK;
    json_decref(usual);
    return err->code;
}
