/* Writing pictures and labels into an HDF5 file, in whatever form. */
#ifndef TESTS_LAYOUT_FILE_H
#define TESTS_LAYOUT_FILE_H

#include <hdf5.h>
#include <stdbool.h>

#include "tests/layouts.h"

struct layout_file {
    hid_t id;
    int first; /* the number of the first sample that is written */
};

/* A new dataset, with the groups that it is in; closed by the caller. */
hid_t file_dataset(const struct layout_file *f, const char *name, hid_t type,
                   int rank, const hsize_t *dim, hid_t create);
void file_put(const struct layout_file *f, const char *name, hid_t disk,
              hid_t memory, int rank, const hsize_t *dim, const void *data);

/* Pixels of n samples times scale; free with free. */
float *file_pixels(const struct layout_file *f, int n, double scale);
void file_put_x(const struct layout_file *f, const char *name, hid_t disk,
                int n, double scale, int rank, const hsize_t *dim);
/* As (n,H,W). */
void file_put_nhw(const struct layout_file *f, const char *name, hid_t disk,
                  int n, double scale);
/* Labels plus `add`, as (n), (n,1) and so on. */
void file_put_y(const struct layout_file *f, const char *name, hid_t disk,
                int n, int rank, int add);

/* The same file at the first sample of test or train. */
struct layout_file file_part(const struct layout_file *f, bool test);
/* uint8 (n,H,W) and int64 (n) of test or train. */
void file_put_split(const struct layout_file *f, const char *x, const char *y,
                    bool test);

#endif
