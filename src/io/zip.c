/* The list at the end of an archive says where each member lies; the copy of
 * its facts in front of the member only says how long that copy is. */
#include "io/zip.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "io/file.h"

#define END_BYTES   22 /* of the record that ends the archive */
#define ENTRY_BYTES 46 /* of an entry of the list, without its name */
#define LOCAL_BYTES 30
#define STORED      0
#define DEFLATED    8
/* Deflate makes at most 1032 bytes of one. */
#define MOST_RATIO 1032

static unsigned number(const char *at, int bytes)
{
    return (unsigned)file_number(at, bytes);
}

static enum err_code damaged(const struct zip *z, const char *what,
                             struct err *err)
{
    return err_set(err, ERR_FORMAT, "\"%s\" is a damaged zip archive: %s",
                   z->path, what);
}

/* The record stands at the end, before a comment of at most 64 kB. */
static enum err_code find_directory(struct zip *z, struct err *err)
{
    size_t at, least = z->size > END_BYTES + UINT16_MAX
                           ? z->size - END_BYTES - UINT16_MAX
                           : 0;

    if (z->size < END_BYTES)
        return damaged(z, "it ends before its list of members", err);
    for (at = z->size - END_BYTES + 1; at > least; at--) {
        const char *end = z->bytes + at - 1;

        if (memcmp(end, "PK\x05\x06", 4) != 0)
            continue;
        z->count = number(end + 10, 2);
        z->directory = number(end + 16, 4);
        return ERR_OK;
    }
    return damaged(z, "it ends before its list of members", err);
}

enum err_code zip_open(const char *path, size_t limit, struct zip *out,
                       struct err *err)
{
    struct zip z = {.path = path};

    if (file_load(path, limit, &z.bytes, &z.size, err) != ERR_OK)
        return err->code;
    if (find_directory(&z, err) != ERR_OK) {
        zip_close(&z);
        return err->code;
    }
    *out = z;
    return ERR_OK;
}

void zip_close(struct zip *z)
{
    mem_block_free(z->bytes);
    *z = (struct zip){0};
}

struct member {
    unsigned method, flags;
    size_t packed, size, local; /* local: offset of the copy in front of it */
};

/* False when there is none of that name, or the list is damaged. */
static bool find_member(const struct zip *z, const char *name,
                        struct member *out)
{
    size_t at = z->directory, len = strlen(name);
    unsigned i;

    for (i = 0; i < z->count; i++) {
        const char *e = z->bytes + at;
        size_t name_len, bytes;

        if (at > z->size || z->size - at < ENTRY_BYTES ||
            memcmp(e, "PK\x01\x02", 4) != 0)
            return false;
        name_len = number(e + 28, 2);
        bytes = ENTRY_BYTES + name_len + number(e + 30, 2) + number(e + 32, 2);
        if (z->size - at < bytes)
            return false;
        if (name_len == len && memcmp(e + ENTRY_BYTES, name, len) == 0) {
            *out = (struct member){.flags = number(e + 8, 2),
                                   .method = number(e + 10, 2),
                                   .packed = number(e + 20, 4),
                                   .size = number(e + 24, 4),
                                   .local = number(e + 42, 4)};
            return true;
        }
        at += bytes;
    }
    return false;
}

/* The packed bytes of m, or NULL. */
static const char *data_of(const struct zip *z, const struct member *m)
{
    const char *local = z->bytes + m->local;
    size_t skip;

    if (m->local > z->size || z->size - m->local < LOCAL_BYTES ||
        memcmp(local, "PK\x03\x04", 4) != 0)
        return NULL;
    skip = LOCAL_BYTES + number(local + 26, 2) + number(local + 28, 2);
    if (z->size - m->local < skip || z->size - m->local - skip < m->packed)
        return NULL;
    return local + skip;
}

static bool inflate_into(const char *from, size_t n, char *to, size_t size)
{
    z_stream s = {0};
    bool good;

    if (inflateInit2(&s, -MAX_WBITS) != Z_OK)
        return false;
    memcpy(&s.next_in, &from, sizeof(from));
    s.avail_in = (unsigned)n;
    s.next_out = (unsigned char *)to;
    s.avail_out = (unsigned)size;
    good = inflate(&s, Z_FINISH) == Z_STREAM_END && s.total_out == size;
    (void)inflateEnd(&s);
    return good;
}

bool zip_has(const struct zip *z, const char *name)
{
    struct member m;

    return find_member(z, name, &m);
}

static enum err_code check_member(const struct zip *z, const char *name,
                                  const struct member *m, struct err *err)
{
    if ((m->flags & 1) != 0)
        return err_set(err, ERR_UNSUPPORTED, "\"%s\": %s is encrypted", z->path,
                       name);
    if (m->method != STORED && m->method != DEFLATED)
        return err_set(err, ERR_UNSUPPORTED,
                       "\"%s\": %s is packed with method %u; stored or deflated"
                       " was expected",
                       z->path, name, m->method);
    if ((m->method == STORED && m->packed != m->size) ||
        m->size / MOST_RATIO > m->packed)
        return damaged(z, name, err);
    return ERR_OK;
}

enum err_code zip_read(const struct zip *z, const char *name, char **bytes,
                       size_t *size, struct err *err)
{
    struct member m;
    const char *from;
    char *to;

    if (!find_member(z, name, &m))
        return err_set(err, ERR_MISSING, "\"%s\" is a zip archive without %s",
                       z->path, name);
    if (check_member(z, name, &m, err) != ERR_OK)
        return err->code;
    from = data_of(z, &m);
    if (from == NULL)
        return damaged(z, name, err);
    to = mem_block(m.size + 1, name, err);
    if (to == NULL)
        return err->code;
    if (m.method == STORED) {
        memcpy(to, from, m.size);
    } else if (!inflate_into(from, m.packed, to, m.size)) {
        mem_block_free(to);
        return damaged(z, name, err);
    }
    to[m.size] = '\0';
    *bytes = to;
    *size = m.size;
    return ERR_OK;
}
