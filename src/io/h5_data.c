/* A data set into HDF5. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "io/file.h"
#include "io/h5.h"
#include "io/io.h"

#define CHUNK_BYTES ((size_t)256 << 10)
#define DEFLATE     9

/* Pictures of one channel are stored as (n, h, w), as most tools do. */
static int stored_dims(const struct dataset *d, int n, hsize_t *dim)
{
    int rank = d->shape.rank, i;

    if (rank == 3 && d->shape.dim[2] == 1)
        rank = 2;
    dim[0] = (hsize_t)n;
    for (i = 0; i < rank; i++)
        dim[i + 1] = (hsize_t)d->shape.dim[i];
    return rank + 1;
}

static herr_t save_pictures(hid_t file, const char *name,
                            const struct dataset *d, const struct samples *s)
{
    bool bytes = s->u8 != NULL;
    size_t row = shape_count(&d->shape) * (bytes ? 1 : sizeof(float));
    struct h5_layout layout = {CHUNK_BYTES / row + 1, DEFLATE, !bytes};
    hsize_t dim[H5_RANK_MAX];
    int rank = stored_dims(d, s->n, dim);

    return h5_put_array(file, name, bytes ? H5T_STD_U8LE : H5T_IEEE_F32LE,
                        bytes ? H5T_NATIVE_UINT8 : H5T_NATIVE_FLOAT, rank, dim,
                        &layout, bytes ? (void *)s->u8 : s->f32);
}

static herr_t save_samples(hid_t file, const char *x, const char *y,
                           const struct dataset *d, const struct samples *s)
{
    struct h5_layout layout = {CHUNK_BYTES / sizeof(int32_t), DEFLATE, true};
    hsize_t n = (hsize_t)s->n;
    hid_t disk = d->classes <= 256 ? H5T_STD_U8LE : H5T_STD_I32LE;

    if (save_pictures(file, x, d, s) < 0)
        return -1;
    return h5_put_array(file, y, disk, H5T_NATIVE_INT32, 1, &n, &layout,
                        s->label);
}

static herr_t save_class_names(hid_t file, const struct dataset *d)
{
    hid_t H5_AUTO type = H5Tcopy(H5T_C_S1);
    hsize_t n = (hsize_t)d->classes;

    if (d->class_name == NULL)
        return 0;
    (void)H5Tset_size(type, H5T_VARIABLE);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    return h5_put_array(file, "class_names", type, type, 1, &n, NULL,
                        d->class_name);
}

static herr_t save_facts(hid_t file, const char *path, const struct dataset *d)
{
    char *made = d->name == NULL ? file_stem(path) : NULL;
    char text[64];
    herr_t good = h5_put_text(file, "title", made != NULL ? made : d->name);

    mem_free(made);
    if (good >= 0 && d->origin != NULL)
        good = h5_put_text(file, "origin", d->origin);
    if (good >= 0 && d->licence != NULL)
        good = h5_put_text(file, "licence", d->licence);
    if (good >= 0)
        good = h5_put_int(file, "classes", d->classes);
    if (good >= 0)
        good = h5_put_text(file, "shape", shape_text(&d->shape, text, 64));
    if (good >= 0)
        good = h5_put_real(file, "scale", (double)d->scale);
    return good < 0 ? good : save_class_names(file, d);
}

enum err_code data_save(const char *path, const struct dataset *d,
                        struct err *err)
{
    hid_t H5_AUTO file = h5_create(err);

    if (file < 0)
        return err->code;
    if (save_facts(file, path, d) < 0 ||
        save_samples(file, "x_train", "y_train", d, &d->train) < 0 ||
        (d->test.n > 0 &&
         save_samples(file, "x_test", "y_test", d, &d->test) < 0))
        return h5_fail(err, ERR_MEMORY, "write \"%s\"", path);
    return h5_save(file, path, err);
}
