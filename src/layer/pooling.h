/* What the two pooling kinds share: attributes, geometry, a walk. */
#ifndef LAYER_POOLING_H
#define LAYER_POOLING_H

#include "layer/layer.h"
#include "tensor/conv.h"

struct pool_config {
    int pool_size[2], strides[2];
    enum padding padding;
};

#define POOL_ATTR_COUNT 3
extern const struct layer_attr pool_attrs[POOL_ATTR_COUNT];

/* One place of the window, in one sample. */
struct pool_place {
    size_t x, y;    /* offset of channel 0: of the first tap inside, of y */
    int rows, cols; /* taps inside the image; at least 1 each */
    size_t row;     /* floats from image row to row */
    size_t c;       /* channels, also floats from tap to tap */
};

enum err_code pool_shape(const char *kind, const void *config,
                         const struct shape *in, struct shape *out,
                         struct err *err) MUST_CHECK;

struct window pool_window(const void *config, const struct shape *in);
/* Visits every place of the shard, in order. */
void pool_each(const struct layer_pass *p,
               void (*visit)(const struct layer_pass *p,
                             const struct pool_place *at));

#endif
