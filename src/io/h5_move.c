/* Arrays between file and memory, told about as they go. */
#include <string.h>

#include "io/h5.h"

#define PIECE_BYTES ((size_t)8 << 20)

/* What is watched; job thread only, like all of HDF5. */
static const struct progress *watcher;
static double bytes_all, bytes_done;

void h5_watch(const struct progress *progress, double bytes)
{
    watcher = progress;
    bytes_all = bytes;
    bytes_done = 0.0;
}

bool h5_stopped(void)
{
    return progress_cancelled(watcher);
}

static void moved(size_t bytes)
{
    bytes_done += (double)bytes;
    if (bytes_all > 0.0)
        progress_tell(watcher,
                      bytes_done < bytes_all ? bytes_done / bytes_all : 1.0);
}

static herr_t move_some(hid_t set, hid_t memory, hid_t from, hid_t to,
                        void *data, bool reading)
{
    return reading ? H5Dread(set, memory, from, to, H5P_DEFAULT, data)
                   : H5Dwrite(set, memory, from, to, H5P_DEFAULT, data);
}

/* Compressed chunks would be opened again for every piece. */
static bool lies_in_a_row(hid_t set)
{
    hid_t H5_AUTO made = H5Dget_create_plist(set);

    return made >= 0 && H5Pget_layout(made) == H5D_CONTIGUOUS;
}

/* Rows of the first dimension, as many at a time as make a piece. */
static herr_t move_pieces(hid_t set, hid_t memory, char *data, size_t row,
                          int rank, const hsize_t *dim, bool reading)
{
    hid_t H5_AUTO there = H5Dget_space(set);
    hsize_t rows = row < PIECE_BYTES ? PIECE_BYTES / row : 1, first;
    hsize_t start[H5_RANK_MAX] = {0}, count[H5_RANK_MAX];

    memcpy(count, dim, (size_t)rank * sizeof(*dim));
    for (first = 0; first < dim[0]; first += rows) {
        hid_t here;
        herr_t good;

        start[0] = first;
        count[0] = dim[0] - first < rows ? dim[0] - first : rows;
        here = H5Screate_simple(rank, count, NULL);
        good = H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, count,
                                   NULL);
        if (good >= 0)
            good = move_some(set, memory, here, there, data + first * row,
                             reading);
        h5_close(here);
        if (good < 0 || h5_stopped())
            return -1;
        moved(count[0] * row);
    }
    return 0;
}

herr_t h5_move(hid_t set, hid_t memory, void *data, bool reading)
{
    hid_t H5_AUTO space = H5Dget_space(set);
    int rank = H5Sget_simple_extent_ndims(space);
    hsize_t dim[H5_RANK_MAX];
    size_t bytes = H5Tget_size(memory);
    herr_t good;
    int i;

    if (rank >= 0 && rank <= H5_RANK_MAX)
        (void)H5Sget_simple_extent_dims(space, dim, NULL);
    for (i = 0; i < rank && rank <= H5_RANK_MAX; i++)
        bytes *= dim[i];
    if (watcher != NULL && rank > 0 && rank <= H5_RANK_MAX &&
        bytes > PIECE_BYTES && lies_in_a_row(set))
        return move_pieces(set, memory, data, bytes / dim[0], rank, dim,
                           reading);
    good = move_some(set, memory, H5S_ALL, H5S_ALL, data, reading);
    moved(bytes);
    return good;
}
