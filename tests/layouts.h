/*
 * Data sets in the layouts that people use, made through HDF5 itself.  Pictures
 * are higher than wide, so that no turn goes unseen.
 */
#ifndef TESTS_LAYOUTS_H
#define TESTS_LAYOUTS_H

#include <stdbool.h>

enum {
    LAYOUT_H = 7,
    LAYOUT_W = 6,
    LAYOUT_TRAIN = 12, /* samples 0 to 11 */
    LAYOUT_TEST = 6,   /* samples 12 to 17 */
    LAYOUT_CLASSES = 3
};

/* What sample n holds: 0 to 255, and 0 to CLASSES - 1. */
int layout_pixel(int n, int i, int j);
int layout_label(int n);

/* One layout: how its file is made, and what opening it must give. */
struct layout_file;
struct layout {
    const char *name;
    void (*make)(const struct layout_file *f);
    int fit; /* fit rows of a validation part of its own; 0: none */
    int test;
    bool latest, matlab; /* the newest format; a block of MATLAB's in front */
    const char *want_shape; /* of the net that is open, or NULL */
    const char *refused[4]; /* words of the sentence; else it opens */
};

/* Ends with a row without a name. */
extern const struct layout layouts[];
/* For tests of their own: "long_texts.h5", and so on; fails without one. */
const struct layout *layout_find(const char *name);

/* Writes its file to path. */
void layout_write(const struct layout *l, const char *path);

#endif
