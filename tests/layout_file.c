#include "tests/layout_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum {
    H = LAYOUT_H,
    W = LAYOUT_W,
    PIXELS = H * W,
    TRAIN = LAYOUT_TRAIN,
    TEST = LAYOUT_TEST,
    CLASSES = LAYOUT_CLASSES
};

int layout_pixel(int n, int i, int j)
{
    return (n * 31 + i * 17 + j * 7) % 256;
}

int layout_label(int n)
{
    return n % CLASSES;
}

hid_t file_dataset(const struct layout_file *f, const char *name, hid_t type,
                   int rank, const hsize_t *dim, hid_t create)
{
    hid_t space = H5Screate_simple(rank, dim, NULL);
    hid_t link = H5Pcreate(H5P_LINK_CREATE);
    hid_t set;

    H5Pset_create_intermediate_group(link, 1);
    set = H5Dcreate2(f->id, name, type, space, link, create, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Sclose(space);
    H5Pclose(link);
    return set;
}

void file_put(const struct layout_file *f, const char *name, hid_t disk,
              hid_t memory, int rank, const hsize_t *dim, const void *data)
{
    hid_t set = file_dataset(f, name, disk, rank, dim, H5P_DEFAULT);

    assert_true(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >=
                0);
    H5Dclose(set);
}

/* Pixels of n samples; scale 1 or 1/255. */
float *file_pixels(const struct layout_file *f, int n, double scale)
{
    float *x = malloc(sizeof(*x) * (size_t)n * PIXELS);
    int k, i, j;

    for (k = 0; k < n; k++)
        for (i = 0; i < H; i++)
            for (j = 0; j < W; j++)
                x[(k * H + i) * W + j] =
                    (float)(scale * layout_pixel(f->first + k, i, j));
    return x;
}

void file_put_x(const struct layout_file *f, const char *name, hid_t disk,
                int n, double scale, int rank, const hsize_t *dim)
{
    float *x = file_pixels(f, n, scale);

    file_put(f, name, disk, H5T_NATIVE_FLOAT, rank, dim, x);
    free(x);
}

void file_put_nhw(const struct layout_file *f, const char *name, hid_t disk,
                  int n, double scale)
{
    file_put_x(f, name, disk, n, scale, 3, (hsize_t[]){(hsize_t)n, H, W});
}

void file_put_y(const struct layout_file *f, const char *name, hid_t disk,
                int n, int rank, int add)
{
    hsize_t dim[4] = {(hsize_t)n, 1, 1, 1};
    int y[TRAIN], k;

    for (k = 0; k < n; k++)
        y[k] = layout_label(f->first + k) + add;
    file_put(f, name, disk, H5T_NATIVE_INT, rank, dim, y);
}

struct layout_file file_part(const struct layout_file *f, bool test)
{
    return (struct layout_file){f->id, test ? TRAIN : 0};
}

void file_put_split(const struct layout_file *f, const char *x, const char *y,
                    bool test)
{
    struct layout_file p = file_part(f, test);
    int n = test ? TEST : TRAIN;

    file_put_nhw(&p, x, H5T_STD_U8LE, n, 1);
    file_put_y(&p, y, H5T_STD_I64LE, n, 1, 0);
}

const struct layout *layout_find(const char *name)
{
    const struct layout *l = layouts;

    while (l->name != NULL && strcmp(l->name, name) != 0)
        l++;
    assert_non_null(l->name);
    return l;
}
