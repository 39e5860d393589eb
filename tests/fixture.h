/*
 * Reading the reference values in tests/fixtures.  What is not there, or not of
 * the kind asked for, fails the test that asked.  Tests run in the top folder.
 */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fixture;

/* A file of tests/fixtures: fixture_open("layers.h5"). */
struct fixture *fixture_open(const char *name);
void fixture_close(struct fixture *f);

/* Is there a group or dataset at path? */
bool fixture_has(const struct fixture *f, const char *path);
/* Name of the i-th member of a group, in alphabetical order, into buf; false
 * past the last. */
bool fixture_member(const struct fixture *f, const char *group, size_t i,
                    char *buf, size_t size);

/* Dimensions of a dataset into dim (8 fit); returns the rank. */
int fixture_shape(const struct fixture *f, const char *path, size_t *dim);

/* All elements of a dataset, converted; the caller frees with free.  *count may
 * be NULL. */
float *fixture_floats(const struct fixture *f, const char *path, size_t *count);
double *fixture_doubles(const struct fixture *f, const char *path,
                        size_t *count);
int32_t *fixture_ints(const struct fixture *f, const char *path, size_t *count);

/* An attribute of a group. */
bool fixture_has_attr(const struct fixture *f, const char *group,
                      const char *name);
double fixture_number(const struct fixture *f, const char *group,
                      const char *name);
const char *fixture_text(const struct fixture *f, const char *group,
                         const char *name, char *buf, size_t size);

#endif
