/*
 * Zip archives, as Keras 3 makes them for .keras: reading one member at a time,
 * stored or deflated.  Sizes are checked before they are believed.
 */
#ifndef IO_ZIP_H
#define IO_ZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct zip {
    const char *path; /* borrowed, for messages */
    char *bytes;      /* the whole archive, owned */
    size_t size;
    size_t directory; /* offset of the first entry of the list */
    unsigned count;
};

/* limit: the largest archive that is read. */
enum err_code zip_open(const char *path, size_t limit, struct zip *out,
                       struct err *err) MUST_CHECK;
void zip_close(struct zip *z);

bool zip_has(const struct zip *z, const char *name);
/* The whole member; *bytes is a block of *size + 1 bytes, the last one 0
 * (mem_block_free).  ERR_MISSING when there is none of that name. */
enum err_code zip_read(const struct zip *z, const char *name, char **bytes,
                       size_t *size, struct err *err) MUST_CHECK;

#endif
