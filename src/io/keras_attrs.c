/*
 * A kind's attribute table against a layer's config.  The keys of Keras 1 are
 * other words for the same things; unknown keys are left alone, since every
 * version has its own.
 */
#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "io/keras.h"

static const char *const classes[][2] = {
    {"Convolution2D", "Conv2D"},
    {"AtrousConvolution2D", "Conv2D"},
    {"AtrousConv2D", "Conv2D"},
    {"SeparableConvolution2D", "SeparableConv2D"},
    {"DepthwiseConvolution2D", "DepthwiseConv2D"},
    {"Convolution1D", "Conv1D"},
    {"AtrousConvolution1D", "Conv1D"},
    {"AtrousConv1D", "Conv1D"},
    {"MaxPool1D", "MaxPooling1D"},
    {"AvgPool1D", "AveragePooling1D"},
    {"GlobalAvgPool1D", "GlobalAveragePooling1D"},
    {"MaxPool2D", "MaxPooling2D"},
    {"AvgPool2D", "AveragePooling2D"},
    {"GlobalAvgPool2D", "GlobalAveragePooling2D"},
    {"BatchNormalizationV1", "BatchNormalization"},
    {"BatchNormalizationV2", "BatchNormalization"},
    {"SyncBatchNormalization", "BatchNormalization"},
};

const char *keras_class(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(classes[i][0], name) == 0)
            return classes[i][1];
    }
    return name;
}

/* What today's key was called before, or is called since. */
static const char *const keys[][2] = {
    {"units", "output_dim"},
    {"filters", "nb_filter"},
    {"strides", "subsample"},
    {"padding", "border_mode"},
    {"use_bias", "bias"},
    {"dilation_rate", "atrous_rate"},
    {"rate", "p"},
    {"alpha", "negative_slope"},
    {"pool_size", "pool_length"},
};

static const json_t *find_value(const json_t *config, const char *key)
{
    const json_t *v = json_object_get(config, key);
    size_t i;

    for (i = 0; v == NULL && i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i][0], key) == 0)
            v = json_object_get(config, keys[i][1]);
    }
    return json_is_null(v) ? NULL : v;
}

static bool read_int(const json_t *v, int *out)
{
    double x;

    if (!keras_number(v, &x) || x != floor(x) || fabs(x) > INT_MAX)
        return false;
    *out = (int)x;
    return true;
}

/* n, [n] or [n, m]. */
static bool read_pair(const json_t *v, int *out)
{
    if (json_array_size(v) == 2)
        return read_int(json_array_get(v, 0), &out[0]) &&
               read_int(json_array_get(v, 1), &out[1]);
    if (!read_int(v, &out[0]))
        return false;
    out[1] = out[0];
    return true;
}

/* n, [rows, columns] or [[top, bottom], [left, right]]. */
static bool read_pads(const json_t *v, int *out)
{
    int i;

    if (json_array_size(v) != 2) {
        if (!read_int(v, &out[0]))
            return false;
        out[1] = out[2] = out[3] = out[0];
        return true;
    }
    for (i = 0; i < 2; i++) {
        if (!read_pair(json_array_get(v, (size_t)i), &out[2 * i]))
            return false;
    }
    return true;
}

static bool read_padding(const json_t *v, enum padding *out)
{
    const char *text = json_string_value(v);

    if (text == NULL)
        return false;
    *out = strcmp(text, "same") == 0 ? PADDING_SAME : PADDING_VALID;
    return strcmp(text, "same") == 0 || strcmp(text, "valid") == 0;
}

static bool read_shape(const json_t *v, struct shape *out)
{
    long long dim[SHAPE_RANK_MAX];
    size_t i, rank = json_array_size(v);
    struct err err;

    if (!json_is_array(v) || rank < 1 || rank > SHAPE_RANK_MAX)
        return false;
    for (i = 0; i < rank; i++) {
        int n;

        if (!read_int(json_array_get(v, i), &n))
            return false;
        dim[i] = n;
    }
    return shape_make(out, (int)rank, dim, &err) == ERR_OK;
}

static bool read_value(const struct layer_attr *a, const json_t *v, void *to)
{
    double x;

    switch (a->type) {
    case ATTR_INT:
        return read_int(v, to);
    case ATTR_PAIR:
        return read_pair(v, to);
    case ATTR_REAL:
        if (!keras_number(v, &x))
            return false;
        *(float *)to = (float)x;
        return true;
    case ATTR_BOOL:
        if (!keras_number(v, &x))
            return false;
        *(bool *)to = x != 0;
        return true;
    case ATTR_PADDING:
        return read_padding(v, to);
    case ATTR_SHAPE:
        return read_shape(v, to);
    case ATTR_PADS:
        return read_pads(v, to);
    default:
        return false;
    }
}

static enum err_code refuse(const struct layer_attr *a, const json_t *v,
                            struct err *err)
{
    static const char *const expected[] = {
        [ATTR_INT] = "a whole number",
        [ATTR_PAIR] = "one or two whole numbers",
        [ATTR_REAL] = "a number",
        [ATTR_BOOL] = "true or false",
        [ATTR_PADDING] = "\"valid\" or \"same\"",
        [ATTR_SHAPE] = "a list of sizes",
        [ATTR_PADS] = "n, [rows, columns] or [[top, bottom], [left, right]]",
    };
    char text[64];

    return err_set(err, ERR_UNSUPPORTED, "%s is %s; %s was expected", a->keras,
                   keras_show(v, text, sizeof(text)), expected[a->type]);
}

/* Keras 1 had two keys for the window of a convolution. */
static json_t *old_kernel_size(const json_t *config)
{
    const json_t *rows = json_object_get(config, "nb_row");
    const json_t *columns = json_object_get(config, "nb_col");

    if (rows == NULL || columns == NULL)
        return NULL;
    return json_pack("[o,o]", json_deep_copy(rows), json_deep_copy(columns));
}

static size_t attr_bytes(enum attr_type type)
{
    return type == ATTR_PAIR      ? 2 * sizeof(int)
           : type == ATTR_PADS    ? 4 * sizeof(int)
           : type == ATTR_REAL    ? sizeof(float)
           : type == ATTR_BOOL    ? sizeof(bool)
           : type == ATTR_PADDING ? sizeof(enum padding)
           : type == ATTR_SHAPE   ? sizeof(struct shape)
                                  : sizeof(int);
}

/* An absent key means what its copied attribute says: strides of a pool. */
static void copy_other(const struct layer_kind *kind,
                       const struct layer_attr *a, void *attrs)
{
    char *base = attrs;
    int i;

    for (i = 0; i < kind->attr_count && a->copy != NULL; i++) {
        if (strcmp(kind->attrs[i].name, a->copy) == 0)
            memmove(base + a->offset, base + kind->attrs[i].offset,
                    attr_bytes(a->type));
    }
}

enum err_code keras_read_attrs(const struct layer_kind *kind,
                               const json_t *config, void *attrs,
                               struct err *err)
{
    int i;

    layer_defaults(kind, attrs);
    for (i = 0; i < kind->attr_count; i++) {
        const struct layer_attr *a = &kind->attrs[i];
        const json_t *v =
            a->keras != NULL ? find_value(config, a->keras) : NULL;
        json_t *old = NULL;
        bool good = true;

        if (v == NULL && a->keras != NULL &&
            strcmp(a->keras, "kernel_size") == 0)
            v = old = old_kernel_size(config);
        if (v != NULL)
            good = read_value(a, v, (char *)attrs + a->offset);
        else if (a->required)
            good = false;
        else
            copy_other(kind, a, attrs);
        if (!good)
            (void)refuse(a, v, err);
        json_decref(old);
        if (!good)
            return err->code;
    }
    return layer_check(kind, attrs, err);
}

static json_t *pair_of(const int *n)
{
    return json_pack("[i,i]", n[0], n[1]);
}

static json_t *shape_of(const struct shape *s)
{
    json_t *list = json_array();
    int i;

    for (i = 0; i < s->rank; i++)
        (void)json_array_append_new(list, json_integer(s->dim[i]));
    return list;
}

static json_t *value_of(const struct layer_attr *a, const void *at)
{
    const int *n = at;

    switch (a->type) {
    case ATTR_INT:
        return json_integer(*n);
    case ATTR_PAIR:
        return pair_of(n);
    case ATTR_REAL:
        return json_real((double)*(const float *)at);
    case ATTR_BOOL:
        return json_boolean(*(const bool *)at);
    case ATTR_PADDING:
        return json_string(*(const enum padding *)at == PADDING_SAME ? "same"
                                                                     : "valid");
    case ATTR_SHAPE:
        return shape_of(at);
    case ATTR_PADS:
        return json_pack("[o,o]", pair_of(n), pair_of(n + 2));
    default:
        return json_null();
    }
}

/* Keys that Keras before 2.3 does not know stay away while they say what is
 * usual. */
static bool is_recent(const struct layer_attr *a, const void *at)
{
    return strcmp(a->keras, "groups") == 0 && a->type == ATTR_INT &&
           *(const int *)at == (int)a->usual;
}

void keras_write_attrs(const struct layer_kind *kind, const void *attrs,
                       json_t *config)
{
    int i;

    for (i = 0; i < kind->attr_count; i++) {
        const struct layer_attr *a = &kind->attrs[i];
        const void *at = (const char *)attrs + a->offset;

        if (a->keras != NULL && !is_recent(a, at))
            (void)json_object_set_new(config, a->keras, value_of(a, at));
    }
}
