/* Attributes and arrays of the files this program makes. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "io/h5.h"

/* What Keras takes for the most an attribute may hold. */
#define ATTR_BYTES_MAX 64512

static herr_t put_attr(hid_t object, const char *name, hid_t disk, hid_t memory,
                       hid_t space, const void *value)
{
    hid_t H5_AUTO attr =
        H5Acreate2(object, name, disk, space, H5P_DEFAULT, H5P_DEFAULT);

    return attr < 0 ? -1 : H5Awrite(attr, memory, value);
}

herr_t h5_put_text(hid_t object, const char *name, const char *text)
{
    hid_t H5_AUTO space = H5Screate(H5S_SCALAR);
    hid_t H5_AUTO type = H5Tcopy(H5T_C_S1);

    (void)H5Tset_size(type, H5T_VARIABLE);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    return put_attr(object, name, type, type, space, &text);
}

herr_t h5_put_int(hid_t object, const char *name, long long value)
{
    hid_t H5_AUTO space = H5Screate(H5S_SCALAR);

    return put_attr(object, name, H5T_STD_I64LE, H5T_NATIVE_LLONG, space,
                    &value);
}

herr_t h5_put_real(hid_t object, const char *name, double value)
{
    hid_t H5_AUTO space = H5Screate(H5S_SCALAR);

    return put_attr(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, space,
                    &value);
}

/* Names first..first+count-1 as one attribute of cells `width` bytes wide. */
static herr_t put_some(hid_t object, const char *name, const struct h5_names *n,
                       size_t first, size_t count, size_t width)
{
    hsize_t dim = count;
    hid_t H5_AUTO space = H5Screate_simple(1, &dim, NULL);
    hid_t H5_AUTO type = H5Tcopy(H5T_C_S1);
    char *cells = mem_array(count + 1, width);
    herr_t good;
    size_t i;

    for (i = 0; i < count; i++)
        memcpy(cells + i * width, n->name[first + i],
               strlen(n->name[first + i]));
    (void)H5Tset_size(type, width);
    (void)H5Tset_strpad(type, H5T_STR_NULLPAD);
    good = put_attr(object, name, type, type, space, cells);
    mem_free(cells);
    return good;
}

herr_t h5_put_names(hid_t object, const char *name, const struct h5_names *n)
{
    size_t width = 1, each, i, first;
    herr_t good = 0;

    for (i = 0; i < n->count; i++)
        width = strlen(n->name[i]) > width ? strlen(n->name[i]) : width;
    if (width > ATTR_BYTES_MAX)
        return -1;
    each = ATTR_BYTES_MAX / width;
    if (n->count <= each)
        return put_some(object, name, n, 0, n->count, width);
    for (i = 0, first = 0; first < n->count && good >= 0; i++, first += each) {
        size_t left = n->count - first;
        char part[128];

        snprintf(part, sizeof(part), "%s%zu", name, i);
        good =
            put_some(object, part, n, first, left < each ? left : each, width);
    }
    return good;
}

herr_t h5_put_array(hid_t group, const char *name, hid_t disk, hid_t memory,
                    int rank, const hsize_t *dim,
                    const struct h5_layout *layout, const void *data)
{
    hid_t H5_AUTO space = H5Screate_simple(rank, dim, NULL);
    hid_t H5_AUTO create = H5Pcreate(H5P_DATASET_CREATE);
    hid_t H5_AUTO link = H5Pcreate(H5P_LINK_CREATE);
    void *from;
    hid_t id;
    herr_t good;

    memcpy(&from, &data, sizeof(from)); /* it is only read */
    (void)H5Pset_obj_track_times(create, false);
    (void)H5Pset_create_intermediate_group(link, true);
    if (layout != NULL && layout->chunk_rows > 0 && rank > 0 && dim[0] > 0) {
        hsize_t chunk[H5_RANK_MAX];

        memcpy(chunk, dim, (size_t)rank * sizeof(*dim));
        chunk[0] = layout->chunk_rows < dim[0] ? layout->chunk_rows : dim[0];
        (void)H5Pset_chunk(create, rank, chunk);
        if (layout->shuffle)
            (void)H5Pset_shuffle(create);
        if (layout->deflate > 0)
            (void)H5Pset_deflate(create, (unsigned)layout->deflate);
    }
    id = H5Dcreate2(group, name, disk, space, link, create, H5P_DEFAULT);
    if (id < 0)
        return -1;
    good = h5_move(id, memory, from, false);
    h5_close(id);
    return good;
}
