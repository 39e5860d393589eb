#include "io/detect.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/file.h"

#define HEAD_BYTES 4096

static const char h5_magic[8] = "\x89HDF\r\n\x1a\n";

/* What starts like that, and what its owner can do. */
static const struct magic {
    const char *bytes;
    size_t count, offset;
    const char *is;
} magics[] = {
    {"\x89HDF\n\x1a\n", 7, 0,
     "an HDF5 file damaged on the way: its line ends were changed (CR LF to"
     " LF), as FTP in text mode and git's autocrlf do; fetch it again as"
     " binary"},
    {"\x1f\x8b", 2, 0, "compressed with gzip; unpack it first: gunzip"},
    {"BZh", 3, 0, "compressed with bzip2; unpack it first: bunzip2"},
    {"\xfd"
     "7zXZ",
     5, 0, "compressed with xz; unpack it first: unxz"},
    {"CDF\x01", 4, 0,
     "a netCDF-3 file, which is not HDF5; convert it: nccopy -k nc4"},
    {"CDF\x02", 4, 0,
     "a netCDF-3 file, which is not HDF5; convert it: nccopy -k nc4"},
    {"\x0e\x03\x13\x01", 4, 0,
     "an HDF4 file, which is not HDF5; convert it: h4toh5"},
    {"MATLAB 5.0", 10, 0,
     "a MATLAB file of version 5; save it with -v7.3, which is HDF5"},
    {"\x93NUMPY", 6, 0, "a NumPy array; save it with h5py instead"},
    {"TFL3", 4, 4, "a TensorFlow Lite network; the Keras file is needed"},
    {"\x80\x02", 2, 0, "a Python pickle; HDF5 was expected"},
    {"\x80\x03", 2, 0, "a Python pickle; HDF5 was expected"},
    {"\x80\x04", 2, 0, "a Python pickle; HDF5 was expected"},
    {"\x80\x05", 2, 0, "a Python pickle; HDF5 was expected"},
    {"\x00\x00\x08\x01", 4, 0,
     "an IDX file of labels; turn it into HDF5:"
     " espalier import idx"},
    {"\x00\x00\x08\x03", 4, 0,
     "an IDX file of pictures; turn it into HDF5:"
     " espalier import idx"},
    {"\x89PNG", 4, 0, "a picture (PNG); HDF5 was expected"},
    {"\xff\xd8\xff", 3, 0, "a picture (JPEG); HDF5 was expected"},
    {"Rar!", 4, 0, "a RAR archive; unpack it first"},
};

static bool is_hdf5(const char *path, const char *head, size_t n)
{
    size_t at;
    bool found;

    h5_quiet();
    if (n >= 8 && memcmp(head, h5_magic, 8) == 0)
        return true;
    for (at = 512; at + 8 <= n; at *= 2) {
        if (memcmp(head + at, h5_magic, 8) == 0)
            return true;
    }
    /* A longer block of the user's may stand in front. */
    found = n == HEAD_BYTES && H5Fis_hdf5(path) > 0;
    (void)H5Eclear2(H5E_DEFAULT);
    return found;
}

/* Git LFS leaves a text of three lines in place of a big file. */
static enum err_code lfs_pointer(const char *path, const char *head, size_t n,
                                 struct err *err)
{
    char text[512], size[32];
    const char *line;
    double bytes = 0;

    n = n < sizeof(text) - 1 ? n : sizeof(text) - 1;
    memcpy(text, head, n);
    text[n] = '\0';
    line = strstr(text, "\nsize ");
    if (line != NULL)
        bytes = strtod(line + 6, NULL);
    return err_set(err, ERR_FORMAT,
                   "\"%s\" is a Git LFS pointer to a file of %s, not the file"
                   " itself; fetch it: git lfs pull",
                   path, str_size(bytes, size, sizeof(size)));
}

/* The first character that is no blank or byte order mark. */
static char first_sign(const char *head, size_t n)
{
    size_t i = n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    while (i < n && isspace((unsigned char)head[i]))
        i++;
    return i < n ? head[i] : '\0';
}

static enum err_code say_what(const char *path, const char *head, size_t n,
                              long long size, struct err *err)
{
    char text[32];
    size_t i;

    if (size == 0)
        return err_set(err, ERR_FORMAT, "\"%s\" is empty (0 bytes)", path);
    if (n >= 23 && memcmp(head, "version https://git-lfs", 23) == 0)
        return lfs_pointer(path, head, n, err);
    for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        const struct magic *m = &magics[i];

        if (m->offset + m->count <= n &&
            memcmp(head + m->offset, m->bytes, m->count) == 0)
            return err_set(err, ERR_FORMAT, "\"%s\" is %s", path, m->is);
    }
    if (first_sign(head, n) == '<')
        return err_set(
            err, ERR_FORMAT,
            "\"%s\" is a web page (HTML), not the file that was to be"
            " fetched; use the link to the raw file",
            path);
    if (first_sign(head, n) == '{')
        return err_set(
            err, ERR_FORMAT,
            "\"%s\" is JSON, an architecture without weights at best;"
            " the HDF5 file is needed",
            path);
    return err_set(err, ERR_FORMAT,
                   "\"%s\" is not an HDF5 file (%s, starts with %02x %02x %02x"
                   " %02x)",
                   path, str_size((double)size, text, sizeof(text)),
                   (unsigned char)head[0], n > 1 ? (unsigned char)head[1] : 0,
                   n > 2 ? (unsigned char)head[2] : 0,
                   n > 3 ? (unsigned char)head[3] : 0);
}

static enum err_code detect_bytes(const char *path, const void *bytes, size_t n,
                                  long long size, enum file_kind *out,
                                  struct err *err)
{
    const char *head = bytes;

    if (is_hdf5(path, head, n)) {
        *out = FILE_HDF5;
        return ERR_OK;
    }
    if (n >= 4 && memcmp(head,
                         "\x89"
                         "ESP",
                         4) == 0) {
        *out = FILE_PACK;
        return ERR_OK;
    }
    if (n >= 4 && memcmp(head, "PK\x03\x04", 4) == 0) {
        *out = FILE_ZIP;
        return ERR_OK;
    }
    return say_what(path, head, n, size, err);
}

static bool is_saved_model(const char *path)
{
    char *inside = mem_printf("%s/saved_model.pb", path);
    bool there = access(inside, R_OK) == 0;

    mem_free(inside);
    return there;
}

enum err_code detect_file(const char *path, enum file_kind *out,
                          struct err *err)
{
    char *head = mem_array(HEAD_BYTES, 1);
    size_t got;
    long long size;
    enum err_code code;

    code = file_head(path, head, HEAD_BYTES, &got, &size, err);
    if (code == ERR_FORMAT && is_saved_model(path))
        err_set(err, ERR_UNSUPPORTED,
                "\"%s\" is a TensorFlow SavedModel folder; save the net as a"
                " Keras .h5 file",
                path);
    if (code == ERR_OK)
        code = detect_bytes(path, head, got, size, out, err);
    mem_free(head);
    return code;
}

bool detect_matlab(const char *path)
{
    char head[10];
    size_t got;
    struct err err;

    return file_head(path, head, sizeof(head), &got, NULL, &err) == ERR_OK &&
           got == sizeof(head) && memcmp(head, "MATLAB 7.3", 10) == 0;
}

/* Some link of the group leads to a group with this attribute. */
struct hunt {
    const char *attr;
    bool found;
};

static herr_t has_child_attr(hid_t group, const char *name,
                             const H5L_info_t *link, void *arg)
{
    struct hunt *h = arg;
    hid_t H5_AUTO object = H5Oopen(group, name, H5P_DEFAULT);

    (void)link;
    h->found = object >= 0 && h5_has_attr(object, h->attr);
    return h->found;
}

static bool child_has(hid_t file, const char *attr)
{
    struct hunt h = {attr, false};

    (void)H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, NULL, has_child_attr,
                     &h);
    (void)H5Eclear2(H5E_DEFAULT);
    return h.found;
}

static herr_t is_blob_group(hid_t group, const char *name,
                            const H5L_info_t *link, void *arg)
{
    bool *blobs = arg;
    hid_t H5_AUTO object = H5Gopen2(group, name, H5P_DEFAULT);

    (void)link;
    if (object < 0)
        return -1;
    *blobs = *blobs || h5_has(object, "0");
    return 0;
}

/* Caffe: /data holds only groups, whose arrays are called 0, 1, … */
static bool is_caffe(hid_t file)
{
    hid_t H5_AUTO data =
        h5_has(file, "data") ? H5Gopen2(file, "data", H5P_DEFAULT) : -1;
    bool blobs = false, good;

    good = data >= 0 && H5Literate(data, H5_INDEX_NAME, H5_ITER_INC, NULL,
                                   is_blob_group, &blobs) >= 0;
    (void)H5Eclear2(H5E_DEFAULT);
    return good && blobs;
}

enum h5_kind detect_root(hid_t file)
{
    if (h5_has_attr(file, "model_config"))
        return H5_KERAS;
    if (h5_has_attr(file, "layer_names") || h5_has_attr(file, "layer_names0"))
        return H5_KERAS_WEIGHTS;
    if (h5_has_attr(file, "nb_layers"))
        return H5_KERAS0;
    if (h5_has(file, "layers") ||
        h5_has(file, "_layer_checkpoint_dependencies"))
        return H5_KERAS3_WEIGHTS;
    if (is_caffe(file))
        return H5_CAFFE;
    if (child_has(file, "pandas_type"))
        return H5_PANDAS;
    if (h5_has_attr(file, "PYTABLES_FORMAT_VERSION"))
        return H5_PYTABLES;
    return H5_ARRAYS;
}

const char *detect_root_text(enum h5_kind kind)
{
    switch (kind) {
    case H5_KERAS:
        return "a network saved by Keras";
    case H5_KERAS_WEIGHTS:
        return "weights saved by Keras, without the architecture";
    case H5_KERAS3_WEIGHTS:
        return "weights saved by Keras 3, without the architecture";
    case H5_KERAS0:
        return "weights saved by Keras 0, without the architecture";
    case H5_CAFFE:
        return "weights saved by Caffe, without the architecture";
    case H5_PANDAS:
        return "tables written by pandas";
    case H5_PYTABLES:
        return "arrays written by PyTables";
    case H5_ARRAYS:
    default:
        return "arrays";
    }
}
