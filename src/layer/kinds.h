/*
 * What the files of this folder share: the rows, and small checks of shapes.
 * Other folders need only layer.h.
 */
#ifndef LAYER_KINDS_H
#define LAYER_KINDS_H

#include "layer/layer.h"

#define LAYER(name) extern const struct layer_kind name##_layer;
#include "layer/kinds.def"
#undef LAYER

#define ATTR_COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))
#define ATTR_AT(field)   offsetof(struct config, field)

/*
 * Attribute rows that several kinds share; struct config has a field of that
 * name.  In a graph a window may step and spread at once; Keras itself allows
 * only one of the two.
 */
#define ATTR_PAIR_ROW(field, text, ...)                                   \
    {                                                                     \
        .name = #field, .keras = #field, .help = text, .type = ATTR_PAIR, \
        .offset = ATTR_AT(field), .least = 1, .most = 10000, __VA_ARGS__  \
    }
#define ATTR_BOOL_ROW(field, text, on)                                    \
    {                                                                     \
        .name = #field, .keras = #field, .help = text, .type = ATTR_BOOL, \
        .offset = ATTR_AT(field), .usual = on                             \
    }
#define ATTR_PADDING_ROW                                                      \
    {                                                                         \
        .name = "padding", .keras = "padding",                                \
        .help = "valid: only whole windows; same: size / stride, padded with" \
                " zeros",                                                     \
        .type = ATTR_PADDING, .offset = ATTR_AT(padding)                      \
    }

/* The output has the shape of the only input. */
enum err_code layer_same_shape(const void *config, const struct shape *in,
                               int in_count, struct shape *out,
                               struct err *err);

/* Refuses what is not an image; kind is the spec name. */
enum err_code layer_want_image(const char *kind, const struct shape *in,
                               struct err *err) MUST_CHECK;

/* Elements of the shard's input i, and of its output. */
size_t pass_in(const struct layer_pass *p, int i);
size_t pass_out(const struct layer_pass *p);
/* Size of the last dimension, which holds channels or units. */
int shape_last(const struct shape *s);

#endif
