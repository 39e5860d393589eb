/*
 * What a file is, told from its first bytes, and what is in an HDF5 file, told
 * from its root.  Half of the files called .h5 that fail to open are something
 * else: each of those gets a sentence saying what, and what to do.
 */
#ifndef IO_DETECT_H
#define IO_DETECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "io/h5.h"

enum file_kind {
    FILE_HDF5,
    FILE_ZIP,
    FILE_PACK /* a packed net, see compress/pack.h */
};

/* Succeeds for the kinds that can be read on. */
enum err_code detect_file(const char *path, enum file_kind *out,
                          struct err *err) MUST_CHECK;
/* The file has MATLAB's mark before its HDF5 part: dimensions are reversed. */
bool detect_matlab(const char *path);

enum h5_kind {
    H5_KERAS,         /* architecture and weights */
    H5_KERAS_WEIGHTS, /* save_weights of Keras 1 and 2 */
    H5_KERAS3_WEIGHTS,
    H5_KERAS0,
    H5_CAFFE,
    H5_PANDAS,
    H5_PYTABLES,
    H5_ARRAYS
};

enum h5_kind detect_root(hid_t file);
/* "a network saved by Keras", and so on. */
const char *detect_root_text(enum h5_kind kind);

#endif
