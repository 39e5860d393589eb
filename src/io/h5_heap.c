#define _GNU_SOURCE /* memmem */
#include "io/h5_heap.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "io/file.h"

#define FILE_MOST   ((size_t)256 << 20)
#define HEAD_BYTES  16 /* signature, version, length of the heap */
#define OBJECT_HEAD 16 /* number, uses, length of what follows */

static const char mark[8] = "GCOL\1\0\0\0";

/* Number 0 is what is left over, head included; others are padded to 8. */
static bool is_whole(const char *heap, size_t left)
{
    uint64_t size, at;

    if (left < HEAD_BYTES)
        return true; /* the library sees that itself */
    size = file_number(heap + 8, 8);
    if (size > left)
        return true;
    for (at = HEAD_BYTES; at + OBJECT_HEAD <= size;) {
        uint64_t length = file_number(heap + at + 8, 8), need = length;

        if (length > size)
            return false;
        if (file_number(heap + at, 2) != 0)
            need = OBJECT_HEAD + (length + 7) / 8 * 8;
        if (need == 0 || need > size - at)
            return false;
        at += need;
    }
    return true;
}

enum err_code heap_check_bytes(const char *path, const void *bytes, size_t n,
                               struct err *err)
{
    const char *at = bytes, *end = at + n;

    while ((at = memmem(at, (size_t)(end - at), mark, sizeof(mark))) != NULL) {
        if (!is_whole(at, (size_t)(end - at)))
            return err_set(err, ERR_FORMAT,
                           "\"%s\" is a damaged HDF5 file (the texts at byte"
                           " %zu have lengths that cannot be)",
                           path, (size_t)(at - (const char *)bytes));
        at += sizeof(mark);
    }
    return ERR_OK;
}

enum err_code heap_check_file(const char *path, struct err *err)
{
    char head[8], *bytes;
    size_t got, n;
    long long size;
    enum err_code code = file_head(path, head, sizeof(head), &got, &size, err);

    if (code != ERR_OK || size > (long long)FILE_MOST)
        return code;
    if (file_load(path, FILE_MOST, &bytes, &n, err) != ERR_OK)
        return err->code;
    code = heap_check_bytes(path, bytes, n, err);
    mem_block_free(bytes);
    return code;
}
