/*
 * HDF5 in small pieces: handles that close themselves, error text that keeps
 * the innermost reason, attributes and arrays checked before they are read.
 * Only files of this folder include it.  Threads: the job thread only.
 */
#ifndef IO_H5_H
#define IO_H5_H

/* Newer libraries offer the calls of 1.10 under their old names. */
#define H5_USE_110_API
#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "par/progress.h"

#define H5_RANK_MAX 8 /* of what we read; others are refused by their rank */

/* `hid_t H5_AUTO space = H5Dget_space(set);` closes at the end of its block. */
#define H5_AUTO __attribute__((cleanup(h5_close_at)))
void h5_close(hid_t id);
void h5_close_at(const hid_t *id);

/* A library built for threads keeps a switch for each of them: silences its own
 * printing on this one.  Whatever opens or makes a file calls it first. */
void h5_quiet(void);

/* Sets err to "message: HDF5's innermost reason" and clears HDF5's stack. */
enum err_code h5_fail(struct err *err, enum err_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Opens for reading, without locks; -1 on failure.  The file's start was
 * already looked at (detect.h), so a failure here means damage. */
hid_t h5_open(const char *path, struct err *err) MUST_CHECK;
/* The same for bytes in memory, which are copied. */
hid_t h5_open_bytes(const void *bytes, size_t n, const char *what,
                    struct err *err) MUST_CHECK;

/* A file that is made in memory, so that only h5_save touches the disk. */
hid_t h5_create(struct err *err) MUST_CHECK;
/* Writes it to path as file_replace does.  The file stays open. */
enum err_code h5_save(hid_t file, const char *path, struct err *err) MUST_CHECK;

/* A file on the disk from the start, for what is too large to be held twice;
 * path is one of file_beside.  Close it before file_settle. */
hid_t h5_create_at(const char *path, struct err *err) MUST_CHECK;

/* Until h5_watch(NULL, 0): arrays that are read and written are `bytes` in all;
 * large ones go piece by piece, progress is told, and a stop is obeyed. */
void h5_watch(const struct progress *progress, double bytes);
bool h5_stopped(void);
/* All of a dataset from data, or (reading) to it. */
herr_t h5_move(hid_t set, hid_t memory, void *data, bool reading);

/* What a dataset is, before anything of it is read. */
enum h5_class {
    H5_INTEGER, /* also h5py's bool, an enumeration */
    H5_REAL,
    H5_TEXT,
    H5_COMPOUND,
    H5_OTHER
};
struct h5_array {
    hid_t id; /* open dataset */
    enum h5_class class;
    size_t bytes; /* of one element */
    bool is_uint8, is_enum;
    int rank; /* may be over H5_RANK_MAX: then dim holds the first ones */
    hsize_t dim[H5_RANK_MAX];
    size_t count;   /* elements; SIZE_MAX when it does not fit */
    int space_rank; /* dimensions that the dataset itself has */
    char *field;    /* owned: a field of its records; NULL: the dataset */
};
/* Opens group/name, where "table/pixels" may also be the field pixels of the
 * records in table; false, with err set, when it is no readable dataset. */
bool h5_array_open(hid_t group, const char *name, struct h5_array *out,
                   struct err *err) MUST_CHECK;
void h5_array_close(struct h5_array *a);
/* "float32 (60000, 28, 28)" appended. */
void h5_array_text(const struct h5_array *a, struct str *out);
/* "(60000, 28, 28)" appended. */
void h5_dims_text(const struct h5_array *a, struct str *out);
/* "float32" appended. */
void h5_array_type_text(const struct h5_array *a, struct str *out);
/* The type that makes H5Dread give elements of `type`, to be closed. */
hid_t h5_array_memory(const struct h5_array *a, hid_t type);
/* "deflate"; "an unknown method" when it is none of the registered ones. */
const char *h5_filter_name(H5Z_filter_t id);
/* Refuses data that need a filter this program has not, naming it. */
enum err_code h5_array_readable(const struct h5_array *a, const char *name,
                                struct err *err) MUST_CHECK;
/* Refuses what would not fit into this machine, each element taking `each`
 * bytes: a damaged or hostile file may declare any size. */
enum err_code h5_array_fits(const struct h5_array *a, const char *name,
                            size_t each, struct err *err) MUST_CHECK;
/* The whole array as memory type, into room for a->count elements. */
enum err_code h5_array_read(const struct h5_array *a, const char *name,
                            hid_t type, void *to, struct err *err) MUST_CHECK;

/* Attributes.  Text is a scalar or one element, of fixed or variable length;
 * NULL when it is absent or no text.  Returns new (mem_free). */
char *h5_attr_text(hid_t object, const char *name);
bool h5_attr_real(hid_t object, const char *name, double *out);

/* A list of texts. */
struct h5_names {
    char **name;
    size_t count;
};
void h5_names_done(struct h5_names *n);
void h5_names_add(struct h5_names *n, const char *name);
/* Attribute `name`, or name0, name1, … joined, as Keras splits long lists; a
 * list without text elements is empty.  False when there is none. */
bool h5_attr_names(hid_t object, const char *name, struct h5_names *out);
/* A one-dimensional dataset of texts. */
enum err_code h5_array_names(const struct h5_array *a, const char *path,
                             struct h5_names *out, struct err *err) MUST_CHECK;

bool h5_has_attr(hid_t object, const char *name);
/* True when every step of a/b/c is there and the last one can be opened. */
bool h5_has(hid_t group, const char *path);

/* Writing.  All fail only for want of memory or by a bug, so they return
 * success as HDF5 does: negative is failure. */
herr_t h5_put_text(hid_t object, const char *name, const char *text);
herr_t h5_put_int(hid_t object, const char *name, long long value);
herr_t h5_put_real(hid_t object, const char *name, double value);
/* As fixed-length strings, split into name0, name1, … beyond 64 kB. */
herr_t h5_put_names(hid_t object, const char *name, const struct h5_names *n);
/* deflate: 0 stores plainly; shuffle before it for floats. */
struct h5_layout {
    size_t chunk_rows; /* 0: contiguous */
    int deflate;
    bool shuffle;
};
herr_t h5_put_array(hid_t group, const char *name, hid_t disk, hid_t memory,
                    int rank, const hsize_t *dim,
                    const struct h5_layout *layout, const void *data);

#endif
