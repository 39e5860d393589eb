/*
 * A stream of runs.  A byte below 32 says that so many plus one literal bytes
 * follow.  Any other byte is a copy: its upper three bits are the length less
 * two (7: one more byte is added to it), its lower five the high bits of the
 * distance less one, whose low bits follow in a byte of their own.
 */
#include "io/lzf.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

bool lzf_unpack(const unsigned char *from, size_t n, unsigned char *to,
                size_t room, size_t *made)
{
    size_t in = 0, out = 0;

    while (in < n) {
        size_t head = from[in++], len = head >> 5, distance;

        if (head < 32) {
            len = head + 1;
            if (len > n - in)
                return false;
            if (len > room - out)
                goto full;
            memcpy(to + out, from + in, len);
            in += len;
            out += len;
            continue;
        }
        if (n - in < (len == 7 ? 2u : 1u))
            return false;
        if (len == 7)
            len += from[in++];
        len += 2;
        distance = ((head & 31) << 8) + from[in++] + 1;
        if (distance > out)
            return false;
        if (len > room - out)
            goto full;
        /* The copy may overlap itself: byte by byte it repeats. */
        for (; len > 0; len--, out++)
            to[out] = to[out - distance];
    }
    *made = out;
    return true;
full:
    *made = room;
    return false;
}

/* A chunk unpacks to more than its declared size only when it is damaged, but
 * writers before h5py 1.2 did not store that size: then room is doubled. */
#define ROOM_MAX ((size_t)1 << 30)

static size_t lzf_filter(unsigned flags, size_t count, const unsigned *values,
                         size_t bytes, size_t *size, void **buf)
{
    size_t room = count >= 3 && values[2] > 0 ? values[2] : 2 * bytes + 64;
    size_t made;

    if (!(flags & H5Z_FLAG_REVERSE))
        return 0; /* packing is not offered */
    for (; room <= ROOM_MAX; room *= 2) {
        unsigned char *to = malloc(room);

        if (to == NULL)
            return 0;
        made = 0;
        if (lzf_unpack(*buf, bytes, to, room, &made)) {
            free(*buf);
            *buf = to;
            *size = room;
            return made;
        }
        free(to);
        if (made != room)
            return 0;
    }
    return 0;
}

bool lzf_register(void)
{
    static const H5Z_class2_t row = {.version = H5Z_CLASS_T_VERS,
                                     .id = LZF_FILTER,
                                     .encoder_present = 0,
                                     .decoder_present = 1,
                                     .name = "lzf",
                                     .filter = lzf_filter};

    return H5Zregister(&row) >= 0;
}
