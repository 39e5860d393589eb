/*
 * Layers of Keras that are others in other words: a separable convolution is a
 * depthwise one and one of 1x1, a convolution over a line is one over a picture
 * of one row.  Kinds then need no code for them.
 */
#include <string.h>

#include "io/keras.h"

/* Takes value; one that is missing leaves the key alone. */
static void put(json_t *config, const char *key, json_t *value)
{
    if (value != NULL)
        (void)json_object_set_new(config, key, value);
}

static struct keras_step *add(struct keras_steps *s, const char *class,
                              const json_t *config)
{
    struct keras_step *step = &s->step[s->count++];

    step->class = class;
    step->role = NULL;
    step->config = json_deep_copy(config);
    return step;
}

/* n or [n] of one of the keys; fallback when there is none. */
static int along(const json_t *config, const char *const *keys, int fallback)
{
    double n;

    for (; *keys != NULL; keys++) {
        if (keras_number(json_object_get(config, *keys), &n) && n >= 1 &&
            n < 1e6)
            return (int)n;
    }
    return fallback;
}

static int along_window(const json_t *config)
{
    static const char *const keys[] = {"kernel_size", "filter_length",
                                       "pool_size", "pool_length", NULL};

    return along(config, keys, 0);
}

static int along_strides(const json_t *config, int fallback)
{
    static const char *const keys[] = {"strides", "subsample_length", "stride",
                                       NULL};

    return along(config, keys, fallback);
}

static void separable(const struct keras_layer *l, struct keras_steps *out)
{
    struct keras_step *depth = add(out, "DepthwiseConv2D", l->config);
    struct keras_step *point;

    depth->role = "depthwise";
    put(depth->config, "use_bias", json_false());
    put(depth->config, "bias", json_false());
    put(depth->config, "activation", json_string("linear"));
    point = add(out, "Conv2D", l->config);
    put(point->config, "kernel_size", json_pack("[i,i]", 1, 1));
    put(point->config, "strides", json_pack("[i,i]", 1, 1));
    put(point->config, "subsample", json_pack("[i,i]", 1, 1));
    put(point->config, "dilation_rate", json_pack("[i,i]", 1, 1));
}

/* What went before counts: zeros are put in front. */
static bool is_causal(const json_t *config)
{
    const char *padding = keras_text(config, "padding");

    return padding != NULL && strcmp(padding, "causal") == 0;
}

static void conv_line(const struct keras_layer *l, struct keras_steps *out)
{
    static const char *const rates[] = {"dilation_rate", "atrous_rate", NULL};
    int size = along_window(l->config), rate = along(l->config, rates, 1);
    struct keras_step *step;

    if (is_causal(l->config)) {
        step = add(out, "ZeroPadding2D", l->config);
        step->role = "padding";
        put(step->config, "padding",
            json_pack("[[i,i],[i,i]]", 0, 0, (size - 1) * rate, 0));
    }
    step = add(out, "Conv2D", l->config);
    if (is_causal(l->config))
        put(step->config, "padding", json_string("valid"));
    put(step->config, "kernel_size", json_pack("[i,i]", 1, size));
    put(step->config, "strides",
        json_pack("[i,i]", 1, along_strides(l->config, 1)));
    put(step->config, "dilation_rate", json_pack("[i,i]", 1, rate));
}

static void pool_line(const struct keras_layer *l, struct keras_steps *out)
{
    const char *class = keras_class(l->class);
    int size = along_window(l->config);
    struct keras_step *step =
        add(out,
            strcmp(class, "MaxPooling1D") == 0 ? "MaxPooling2D"
                                               : "AveragePooling2D",
            l->config);

    put(step->config, "pool_size", json_pack("[i,i]", 1, size));
    put(step->config, "strides",
        json_pack("[i,i]", 1, along_strides(l->config, size)));
}

/* With keepdims the means stay a picture, of 1x1. */
static void mean(const struct keras_layer *l, struct keras_steps *out)
{
    struct keras_step *step = add(out, "GlobalAveragePooling2D", l->config);

    if (!json_is_true(json_object_get(l->config, "keepdims")))
        return;
    step->role = "mean";
    step = add(out, "Reshape", l->config);
    put(step->config, "target_shape", json_pack("[i,i,i]", 1, 1, -1));
}

static void pad_line(const struct keras_layer *l, struct keras_steps *out)
{
    const json_t *p = json_object_get(l->config, "padding");
    struct keras_step *step = add(out, "ZeroPadding2D", l->config);

    if (p == NULL)
        return;
    if (json_array_size(p) == 2)
        put(step->config, "padding", json_pack("[[i,i],O]", 0, 0, p));
    else
        put(step->config, "padding", json_pack("[[i,i],[O,O]]", 0, 0, p, p));
}

static void reshape_line(const struct keras_layer *l, struct keras_steps *out)
{
    const json_t *to = json_object_get(l->config, "target_shape");
    struct keras_step *step = add(out, "Reshape", l->config);

    if (json_array_size(to) == 2)
        put(step->config, "target_shape",
            json_pack("[i,O,O]", 1, json_array_get(to, 0),
                      json_array_get(to, 1)));
}

static const struct step_row {
    const char *class;
    bool line; /* works on a line of vectors (L,C) */
    void (*make)(const struct keras_layer *l, struct keras_steps *out);
} rows[] = {
    {"SeparableConv2D", false, separable},
    {"GlobalAveragePooling2D", false, mean},
    {"Conv1D", true, conv_line},
    {"MaxPooling1D", true, pool_line},
    {"AveragePooling1D", true, pool_line},
    {"GlobalAveragePooling1D", true, mean},
    {"ZeroPadding1D", true, pad_line},
};

static const struct step_row *find_row(const char *class)
{
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].class, class) == 0)
            return &rows[i];
    }
    return NULL;
}

bool keras_is_replaced(const char *class)
{
    return find_row(class) != NULL;
}

bool keras_is_line(const char *class)
{
    const struct step_row *row = find_row(keras_class(class));

    return row != NULL && row->line;
}

void keras_steps_of(const struct keras_layer *l, bool lines,
                    struct keras_steps *out)
{
    const char *class = keras_class(l->class);
    const struct step_row *row = find_row(class);
    struct keras_steps s = {.count = 0};

    if (row != NULL)
        row->make(l, &s);
    else if (lines && strcmp(class, "Reshape") == 0)
        reshape_line(l, &s);
    else
        (void)add(&s, class, l->config);
    s.replaced =
        row != NULL && (s.count > 1 || strcmp(s.step[0].class, class) != 0);
    *out = s;
}

void keras_steps_done(struct keras_steps *s)
{
    int i;

    for (i = 0; i < s->count; i++)
        json_decref(s->step[i].config);
}
