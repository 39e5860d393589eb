/* Channels first: what a layer makes of the order of its input's numbers. */
#include "io/keras_view.h"

#include <string.h>

static bool is_one_of(const char *class, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(*list, class) == 0)
            return true;
    }
    return false;
}

bool view_is_spatial(const char *class)
{
    static const char *const spatial[] = {
        "Conv2D",           "DepthwiseConv2D",
        "SeparableConv2D",  "MaxPooling2D",
        "AveragePooling2D", "GlobalAveragePooling2D",
        "ZeroPadding2D",    NULL};

    return is_one_of(class, spatial);
}

/* Both orders are the same for one channel or one place. */
static bool is_either(const struct shape *s)
{
    return s->rank == 3 && (s->dim[2] == 1 || s->dim[0] * s->dim[1] == 1);
}

static const char *flatten(const struct keras_layer *l, const struct shape *in,
                           struct view *v)
{
    /* With a format of its own it puts channels last before. */
    if (v->planes && !keras_channels_first(l->config) && !is_either(in))
        v->from = *in;
    v->planes = false;
    return NULL;
}

static const char *spatial(const char *class, const struct keras_layer *l,
                           struct view *v)
{
    if (keras_channels_first(l->config) != v->planes)
        return v->planes ? "it wants channels last, but gets them first"
                         : "it wants channels first, but gets them last";
    if (strcmp(class, "GlobalAveragePooling2D") == 0 &&
        !json_is_true(json_object_get(l->config, "keepdims")))
        v->planes = false;
    return NULL;
}

/* The axis as counted in our order, where planes are turned. */
static const char *axis(const struct keras_layer *l, int rank, bool planes)
{
    const json_t *a = json_object_get(l->config, "axis");
    double n = -1.0;

    if (a != NULL && !keras_number(a, &n))
        return "its axis is no number";
    if (planes)
        return n == 1 || n == -3 ? NULL
                                 : "it works on another axis than that of the"
                                   " channels, which come first";
    return n == -1 || n == rank ? NULL
                                : "it works on another axis than the last";
}

static const char *batch_norm(const struct keras_layer *l, int rank,
                              const struct view *v)
{
    double mode = 0;

    (void)keras_number(json_object_get(l->config, "mode"), &mode);
    if (mode != 0)
        return "its mode, of Keras 1, is not known here";
    return axis(l, rank, v->planes);
}

const char *view_through(const char *class, const struct keras_layer *l,
                         const struct shape *in, int rank, struct view *v)
{
    static const char *const numberwise[] = {
        "Activation", "ReLU", "LeakyReLU", "ELU", "Dropout", "Add", NULL};

    if (keras_is_line(class) && keras_channels_first(l->config))
        return "it wants channels first; for a line that is not known here";
    if (view_is_spatial(class))
        return spatial(class, l, v);
    if (strcmp(class, "Flatten") == 0)
        return flatten(l, in, v);
    if (strcmp(class, "Softmax") == 0)
        return axis(l, rank, v->planes);
    if (strcmp(class, "BatchNormalization") == 0)
        return batch_norm(l, rank, v);
    if (strcmp(class, "Concatenate") == 0) {
        if (v->from.rank > 0)
            return "it joins flattened pictures with channels first";
        return axis(l, rank, v->planes);
    }
    if (strcmp(class, "Dense") == 0 && !v->planes) {
        v->from.rank = 0; /* its kernel takes care of it */
        return NULL;
    }
    if ((v->planes || v->from.rank > 0) && !is_one_of(class, numberwise))
        return "what it does with channels first is not known here";
    return NULL;
}
