/*
 * Everything in an HDF5 file as a flat list, in the order of the names.
 * Hostile files hold loops of links, absurd depths and huge counts: an object
 * is visited once, and limits end the walk with a note instead of a failure.
 */
#ifndef IO_H5_WALK_H
#define IO_H5_WALK_H

#include "io/h5.h"

struct h5_item {
    char *path; /* "train/data", owned */
    bool group; /* else a dataset */
    char *link; /* why it cannot be used: "is a link to 'x', which is not
                   there"; else NULL */
    struct h5_array facts;     /* of a dataset; id is -1 */
    char *type;                /* "float32", owned */
    char *filters;             /* "deflate, shuffle", owned; empty without */
    unsigned long long stored; /* bytes in the file */
};

struct h5_list {
    struct h5_item *item;
    int count;
    bool cut; /* limits ended the walk */
};

void h5_walk(hid_t file, struct h5_list *out);
void h5_list_done(struct h5_list *l);

#endif
