/*
 * Whole files as bytes, replaced so that a crash at any moment leaves the old
 * file or the new one.
 */
#ifndef IO_FILE_H
#define IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Writes n bytes to a new file beside path, syncs, renames it over path, and
 * syncs the folder.  A link is followed: what it points to is replaced. */
enum err_code file_replace(const char *path, const void *bytes, size_t n,
                           struct err *err) MUST_CHECK;

/* The same in two steps, for what is written by others: makes an empty file
 * beside path, *beside its name, which is new; and puts it in the place of path
 * (good) or removes it.  file_settle frees beside. */
enum err_code file_beside(const char *path, char **beside,
                          struct err *err) MUST_CHECK;
enum err_code file_settle(const char *path, char *beside, bool good,
                          struct err *err) MUST_CHECK;

/* The whole file; *bytes is a block of size + 1 bytes, the last one 0.  Files
 * over limit bytes are refused. */
enum err_code file_load(const char *path, size_t limit, char **bytes,
                        size_t *size, struct err *err) MUST_CHECK;

/* Up to n bytes from the start; *got says how many there were, *size (may be
 * NULL) the length of the file. */
enum err_code file_head(const char *path, void *bytes, size_t n, size_t *got,
                        long long *size, struct err *err) MUST_CHECK;

/* The number of 1 to 8 bytes, the lowest first. */
uint64_t file_number(const char *at, int bytes);

/* The part behind the last slash. */
const char *file_base(const char *path);
/* "mnist" from "data/mnist.h5"; returns new. */
char *file_stem(const char *path);

#endif
