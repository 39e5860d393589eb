/*
 * Nets here have channels last.  Where a file has them first, every tensor is
 * kept in our order, and this says how the file's differs: as a picture, or as
 * the vector that a picture was flattened to.
 */
#ifndef IO_KERAS_VIEW_H
#define IO_KERAS_VIEW_H

#include "io/keras.h"

struct view {
    bool planes;       /* (C,H,W) in the file, (H,W,C) here */
    struct shape from; /* rank 3: a vector, flattened from this (H,W,C), which
                          the file counts as (C,H,W) */
};

/* True for layers that say where channels are. */
bool view_is_spatial(const char *class);

/* Makes v, of the inputs of a layer of that class (today's), that of its
 * output; in is the input here, rank that in the file.  Returns why that cannot
 * be, or NULL. */
const char *view_through(const char *class, const struct keras_layer *l,
                         const struct shape *in, int rank, struct view *v);

#endif
