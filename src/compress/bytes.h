/* A block of bytes that grows.  Threads: no shared state. */
#ifndef COMPRESS_BYTES_H
#define COMPRESS_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

struct bytes {
    uint8_t *at;
    size_t len, cap;
};

/* Room for n more; a half more than asked, so that appending is cheap. */
static inline void bytes_room(struct bytes *b, size_t n)
{
    if (b->cap - b->len >= n)
        return;
    b->cap = b->len + n + (b->len + n) / 2 + 64;
    b->at = mem_grow(b->at, b->cap, 1);
}

static inline void bytes_put(struct bytes *b, unsigned byte)
{
    bytes_room(b, 1);
    b->at[b->len++] = (uint8_t)byte;
}

static inline void bytes_add(struct bytes *b, const void *from, size_t n)
{
    bytes_room(b, n);
    if (n > 0)
        memcpy(b->at + b->len, from, n);
    b->len += n;
}

static inline void bytes_done(struct bytes *b)
{
    mem_free(b->at);
    *b = (struct bytes){0};
}

#endif
