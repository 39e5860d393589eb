/*
 * Two ways in which an array is not what it seems: Fuel (Blocks) keeps all
 * splits in one array and says in an attribute which rows are which, and a
 * virtual array is a view of others, which may be missing.
 */
#ifndef IO_DATA_FUEL_H
#define IO_DATA_FUEL_H

#include "io/h5.h"

struct data_span {
    size_t first, n; /* rows; n 0: none */
};

struct data_spans {
    struct data_span train, validation, test;
};

/* What the attribute "split" says of the array; all empty without it. */
struct data_spans data_fuel_spans(hid_t file, const char *array);

/* Refuses a virtual array whose source file is not there: HDF5 would read
 * zeros.  path is the file's own. */
enum err_code data_virtual_ok(const struct h5_array *a, const char *path,
                              const char *name, struct err *err) MUST_CHECK;

#endif
