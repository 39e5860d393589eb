/*
 * Data sets with a group for every picture: "0/image", "0/label", "1/image" …
 */
#ifndef IO_DATA_STACK_H
#define IO_DATA_STACK_H

#include "io/h5_walk.h"

/* True when l is such a data set. */
bool data_is_stack(const struct h5_list *l);

/* A new file in memory with all pictures as one array, "images", and all labels
 * as another, "labels", in the order of l; -1 on failure. */
hid_t data_stack(hid_t file, const struct h5_list *l,
                 struct err *err) MUST_CHECK;

#endif
