/* How large a net is as plain compressed HDF5: a file that stays in memory. */
#include "base/mem.h"
#include "io/h5.h"
#include "io/io.h"

#define BLOCK_BYTES 512 /* by which the file in memory grows */
#define CHUNK_BYTES (1 << 22)
#define LEVEL       9

static herr_t put_param(hid_t file, const struct node *n, const struct param *p)
{
    const struct shape *s = &p->def.shape;
    struct h5_layout layout = {.deflate = LEVEL, .shuffle = true};
    hsize_t dim[SHAPE_RANK_MAX];
    char *name = mem_printf("%s_%s", n->name, p->name);
    herr_t good;
    size_t row = p->count * sizeof(float);
    int i;

    for (i = 0; i < s->rank; i++)
        dim[i] = (hsize_t)s->dim[i];
    if (s->rank > 0)
        row /= (size_t)s->dim[0];
    layout.chunk_rows = row < CHUNK_BYTES ? CHUNK_BYTES / row : 1;
    good = h5_put_array(file, name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, s->rank,
                        dim, &layout, p->value);
    mem_free(name);
    return good;
}

enum err_code net_gzip_bytes(const struct net *net, double *bytes,
                             struct err *err)
{
    hid_t H5_AUTO access = H5Pcreate(H5P_FILE_ACCESS);
    herr_t good = H5Pset_fapl_core(access, BLOCK_BYTES, false);
    hid_t file = H5Fcreate("gzip", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    hsize_t end = 0;
    int i, k;

    if (file < 0)
        return h5_fail(err, ERR_MEMORY, "a file in memory");
    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count && good >= 0; k++)
            good = put_param(file, &net->node[i], &net->node[i].param[k]);
    }
    if (good >= 0)
        good = H5Fflush(file, H5F_SCOPE_LOCAL);
    if (good >= 0)
        good = H5Fget_filesize(file, &end);
    h5_close(file);
    if (good < 0)
        return h5_fail(err, ERR_IO, "compressing a copy in memory");
    *bytes = (double)end;
    return ERR_OK;
}
