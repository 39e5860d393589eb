/*
 * Texts of variable length lie in heaps, "GCOL".  The library believes their
 * lengths: a length of 0 in a damaged file keeps it busy for ever, a long one
 * leads it out of its memory.  So they are walked once before it opens a file.
 */
#ifndef IO_H5_HEAP_H
#define IO_H5_HEAP_H

#include <stddef.h>

#include "base/err.h"

/* Refuses a file with a heap of wrong lengths.  Files over 256 MB are not
 * looked through. */
enum err_code heap_check_file(const char *path, struct err *err) MUST_CHECK;
/* The same for a file's n bytes; path is for the message. */
enum err_code heap_check_bytes(const char *path, const void *bytes, size_t n,
                               struct err *err) MUST_CHECK;

#endif
