#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hdf5.h>

#define RANK_MAX 8

struct fixture {
    hid_t file;
    char name[64];
};

struct fixture *fixture_open(const char *name)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char path[512];

    if (f == NULL)
        fail_msg("no memory");
    snprintf(path, sizeof(path), "tests/fixtures/%s", name);
    snprintf(f->name, sizeof(f->name), "%s", name);
    f->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (f->file < 0)
        fail_msg("cannot open %s; tests run in the top folder", path);
    return f;
}

void fixture_close(struct fixture *f)
{
    if (f == NULL)
        return;
    H5Fclose(f->file);
    free(f);
}

bool fixture_has(const struct fixture *f, const char *path)
{
    char part[256];
    size_t i;

    /* The library wants every group on the way to be asked for. */
    for (i = 1; i <= strlen(path) && i < sizeof(part); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (H5Lexists(f->file, part, H5P_DEFAULT) <= 0)
            return false;
    }
    return true;
}

bool fixture_member(const struct fixture *f, const char *group, size_t i,
                    char *buf, size_t size)
{
    H5G_info_t info;

    if (H5Gget_info_by_name(f->file, group, &info, H5P_DEFAULT) < 0)
        fail_msg("%s has no group %s", f->name, group);
    if (i >= info.nlinks)
        return false;
    return H5Lget_name_by_idx(f->file, group, H5_INDEX_NAME, H5_ITER_INC, i,
                              buf, size, H5P_DEFAULT) > 0;
}

static hid_t dataset_open(const struct fixture *f, const char *path)
{
    hid_t dataset = -1;

    if (fixture_has(f, path))
        dataset = H5Dopen2(f->file, path, H5P_DEFAULT);
    if (dataset < 0)
        fail_msg("%s has no dataset %s", f->name, path);
    return dataset;
}

int fixture_shape(const struct fixture *f, const char *path, size_t *dim)
{
    hid_t dataset = dataset_open(f, path), space = H5Dget_space(dataset);
    hsize_t got[RANK_MAX];
    int i, rank = H5Sget_simple_extent_ndims(space);

    if (rank < 0 || rank > RANK_MAX)
        fail_msg("%s has rank %d", path, rank);
    H5Sget_simple_extent_dims(space, got, NULL);
    for (i = 0; i < rank; i++)
        dim[i] = (size_t)got[i];
    H5Sclose(space);
    H5Dclose(dataset);
    return rank;
}

static void *read_all(const struct fixture *f, const char *path, hid_t type,
                      size_t *count)
{
    size_t dim[RANK_MAX], n = 1;
    int i, rank = fixture_shape(f, path, dim);
    hid_t dataset = dataset_open(f, path);
    void *values;

    for (i = 0; i < rank; i++)
        n *= dim[i];
    values = calloc(n > 0 ? n : 1, H5Tget_size(type));
    if (values == NULL ||
        H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        fail_msg("cannot read %s", path);
    H5Dclose(dataset);
    if (count != NULL)
        *count = n;
    return values;
}

float *fixture_floats(const struct fixture *f, const char *path, size_t *count)
{
    return read_all(f, path, H5T_NATIVE_FLOAT, count);
}

double *fixture_doubles(const struct fixture *f, const char *path,
                        size_t *count)
{
    return read_all(f, path, H5T_NATIVE_DOUBLE, count);
}

int32_t *fixture_ints(const struct fixture *f, const char *path, size_t *count)
{
    return read_all(f, path, H5T_NATIVE_INT32, count);
}

bool fixture_has_attr(const struct fixture *f, const char *group,
                      const char *name)
{
    return H5Aexists_by_name(f->file, group, name, H5P_DEFAULT) > 0;
}

static hid_t attr_open(const struct fixture *f, const char *group,
                       const char *name)
{
    hid_t attr = -1;

    if (fixture_has_attr(f, group, name))
        attr = H5Aopen_by_name(f->file, group, name, H5P_DEFAULT, H5P_DEFAULT);
    if (attr < 0)
        fail_msg("%s: %s has no attribute %s", f->name, group, name);
    return attr;
}

double fixture_number(const struct fixture *f, const char *group,
                      const char *name)
{
    hid_t attr = attr_open(f, group, name);
    double value = 0.0;

    if (H5Aread(attr, H5T_NATIVE_DOUBLE, &value) < 0)
        fail_msg("%s: attribute %s is no number", group, name);
    H5Aclose(attr);
    return value;
}

const char *fixture_text(const struct fixture *f, const char *group,
                         const char *name, char *buf, size_t size)
{
    hid_t attr = attr_open(f, group, name), type = H5Aget_type(attr);
    char *text = NULL;

    if (H5Tis_variable_str(type) <= 0 || H5Aread(attr, type, &text) < 0)
        fail_msg("%s: attribute %s is no text", group, name);
    snprintf(buf, size, "%s", text != NULL ? text : "");
    H5free_memory(text);
    H5Tclose(type);
    H5Aclose(attr);
    return buf;
}
