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
