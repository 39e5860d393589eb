#include "tests/layouts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "tests/layout_file.h"

enum {
    H = LAYOUT_H,
    W = LAYOUT_W,
    PIXELS = H * W,
    TRAIN = LAYOUT_TRAIN,
    TEST = LAYOUT_TEST,
    CLASSES = LAYOUT_CLASSES
};

static void keras(const struct layout_file *f)
{
    file_put_split(f, "x_train", "y_train", false);
    file_put_split(f, "x_test", "y_test", true);
}

static void one_hot(const struct layout_file *f)
{
    float y[TRAIN * CLASSES] = {0};
    int k;

    for (k = 0; k < TRAIN; k++)
        y[k * CLASSES + layout_label(k)] = 1;
    file_put_x(f, "X", H5T_IEEE_F32LE, TRAIN, 1 / 255.0, 4,
               (hsize_t[]){TRAIN, H, W, 1});
    file_put(f, "Y", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2,
             (hsize_t[]){TRAIN, CLASSES}, y);
}

static void half_planes(const struct layout_file *f)
{
    hid_t half = H5Tcopy(H5T_IEEE_F32LE);

    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    file_put_x(f, "images", half, TRAIN, 1 / 255.0, 4,
               (hsize_t[]){TRAIN, 1, H, W});
    file_put_y(f, "labels", H5T_STD_U8LE, TRAIN, 1, 0);
    H5Tclose(half);
}

static void flat(const struct layout_file *f)
{
    struct layout_file test = file_part(f, true);

    file_put_x(f, "train/data", H5T_IEEE_F32LE, TRAIN, 1 / 255.0, 2,
               (hsize_t[]){TRAIN, PIXELS});
    file_put_y(f, "train/target", H5T_STD_I32LE, TRAIN, 1, 0);
    file_put_x(&test, "test/data", H5T_IEEE_F32LE, TEST, 1 / 255.0, 2,
               (hsize_t[]){TEST, PIXELS});
    file_put_y(&test, "test/target", H5T_STD_I32LE, TEST, 1, 0);
}

static const char *const names[CLASSES] = {"Ankle boot", "Bag", "Coat"};

static void long_texts(const struct layout_file *f)
{
    hid_t text = H5Tcopy(H5T_C_S1);
    const char *y[TRAIN];
    int k;

    for (k = 0; k < TRAIN; k++)
        y[k] = names[layout_label(k)];
    H5Tset_size(text, H5T_VARIABLE);
    H5Tset_cset(text, H5T_CSET_UTF8);
    file_put_nhw(f, "images", H5T_STD_U8LE, TRAIN, 1);
    file_put(f, "labels", text, text, 1, (hsize_t[]){TRAIN}, y);
    H5Tclose(text);
}

static void short_texts(const struct layout_file *f)
{
    enum { CELL = 8 }; /* "Ankle boot" loses its end */
    hid_t text = H5Tcopy(H5T_C_S1);
    char y[TRAIN][CELL], all[CLASSES][CELL];
    int k;

    for (k = 0; k < CLASSES; k++)
        memcpy(all[k], "\0\0\0\0\0\0\0", CELL),
            memcpy(all[k], names[k],
                   strlen(names[k]) < CELL ? strlen(names[k]) : CELL);
    for (k = 0; k < TRAIN; k++)
        memcpy(y[k], all[layout_label(k)], CELL);
    H5Tset_size(text, CELL);
    H5Tset_strpad(text, H5T_STR_NULLPAD);
    file_put_nhw(f, "x", H5T_STD_U8LE, TRAIN, 1);
    file_put(f, "y", text, text, 1, (hsize_t[]){TRAIN}, y);
    file_put(f, "class_names", text, text, 1, (hsize_t[]){CLASSES}, all);
    H5Tclose(text);
}

static void packed(const struct layout_file *f)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE), set;
    float *x = file_pixels(f, TRAIN, 1);

    H5Pset_chunk(create, 3, (hsize_t[]){5, 3, 3});
    H5Pset_shuffle(create);
    H5Pset_deflate(create, 9);
    H5Pset_fletcher32(create);
    set = file_dataset(f, "x_train", H5T_STD_U8LE, 3, (hsize_t[]){TRAIN, H, W},
                       create);
    assert_true(
        H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    file_put_y(f, "y_train", H5T_STD_I64LE, TRAIN, 1, 0);
    H5Dclose(set);
    H5Pclose(create);
    free(x);
}

/* LZF may hold runs of at most 32 bytes as they are. */
static size_t pack_lzf(unsigned flags, size_t count, const unsigned values[],
                       size_t n, size_t *size, void **bytes)
{
    enum { RUN = 24 };
    unsigned char *packed = malloc(n / RUN * (RUN + 1)), *to = packed;
    const unsigned char *from = *bytes;
    size_t i;

    (void)flags;
    (void)count;
    (void)values;
    for (i = 0; i < n; i += RUN) {
        *to++ = RUN - 1;
        memcpy(to, from + i, RUN);
        to += RUN;
    }
    free(*bytes);
    *bytes = packed;
    *size = (size_t)(to - packed);
    return *size;
}

/* As h5py's compression="lzf"; the program itself only unpacks. */
static void lzf(const struct layout_file *f)
{
    static const H5Z_class2_t packer = {.version = H5Z_CLASS_T_VERS,
                                        .id = 32000,
                                        .encoder_present = 1,
                                        .decoder_present = 1,
                                        .name = "lzf",
                                        .filter = pack_lzf};
    hid_t create = H5Pcreate(H5P_DATASET_CREATE), set;
    float *x = file_pixels(f, TRAIN, 1);
    unsigned values[3] = {4, 0x0105, TRAIN * PIXELS};

    assert_true(H5Zregister(&packer) >= 0);
    H5Pset_chunk(create, 3, (hsize_t[]){TRAIN, H, W});
    H5Pset_filter(create, 32000, H5Z_FLAG_OPTIONAL, 3, values);
    set = file_dataset(f, "x_train", H5T_STD_U8LE, 3, (hsize_t[]){TRAIN, H, W},
                       create);
    assert_true(
        H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    file_put_y(f, "y_train", H5T_STD_I64LE, TRAIN, 1, 0);
    H5Dclose(set);
    H5Pclose(create);
    free(x);
    H5Fflush(f->id, H5F_SCOPE_GLOBAL);
    io_start();
}

static void big_endian(const struct layout_file *f)
{
    file_put_nhw(f, "x_train", H5T_IEEE_F32BE, TRAIN, 1 / 255.0);
    file_put_y(f, "y_train", H5T_STD_I32BE, TRAIN, 1, 0);
}

static void doubles(const struct layout_file *f)
{
    file_put_nhw(f, "data", H5T_IEEE_F64LE, TRAIN, 1);
    file_put_y(f, "label", H5T_IEEE_F64LE, TRAIN, 2, 0);
}

static void caffe(const struct layout_file *f)
{
    file_put_x(f, "data", H5T_IEEE_F32LE, TRAIN, 1 / 255.0, 4,
               (hsize_t[]){TRAIN, 1, H, W});
    file_put_y(f, "label", H5T_IEEE_F32LE, TRAIN, 1, 0);
}

static void from_one(const struct layout_file *f)
{
    file_put_nhw(f, "X", H5T_STD_U8LE, TRAIN, 1);
    file_put_y(f, "y", H5T_STD_I64LE, TRAIN, 2, 1);
}

/* MATLAB's (H,W,N), stored from the back. */
static void matlab(const struct layout_file *f)
{
    float *x = file_pixels(f, TRAIN, 1),
          *y = malloc(sizeof(*y) * TRAIN * PIXELS);
    double l[TRAIN];
    int n, i, j;

    for (n = 0; n < TRAIN; n++) {
        l[n] = layout_label(n);
        for (i = 0; i < H; i++)
            for (j = 0; j < W; j++)
                y[(j * H + i) * TRAIN + n] = x[(n * H + i) * W + j];
    }
    file_put(f, "train_x", H5T_STD_U8LE, H5T_NATIVE_FLOAT, 3,
             (hsize_t[]){W, H, TRAIN}, y);
    file_put(f, "train_y", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2,
             (hsize_t[]){1, TRAIN}, l);
    free(x);
    free(y);
}

struct fuel_row {
    char split[8], source[12];
    long long start, stop;
};

static void fuel(const struct layout_file *f)
{
    static const struct fuel_row row[] = {
        {"train", "features", 0, TRAIN},
        {"train", "targets", 0, TRAIN},
        {"test", "features", TRAIN, TRAIN + TEST},
        {"test", "targets", TRAIN, TRAIN + TEST}};
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(row[0]));
    hid_t text = H5Tcopy(H5T_C_S1), space, attr;
    int y[TRAIN + TEST], k;

    file_put_x(f, "features", H5T_STD_U8LE, TRAIN + TEST, 1, 4,
               (hsize_t[]){TRAIN + TEST, 1, H, W});
    for (k = 0; k < TRAIN + TEST; k++)
        y[k] = layout_label(k);
    file_put(f, "targets", H5T_STD_U8LE, H5T_NATIVE_INT, 2,
             (hsize_t[]){TRAIN + TEST, 1}, y);
    H5Tset_size(text, sizeof(row[0].split));
    H5Tinsert(type, "split", offsetof(struct fuel_row, split), text);
    H5Tset_size(text, sizeof(row[0].source));
    H5Tinsert(type, "source", offsetof(struct fuel_row, source), text);
    H5Tinsert(type, "start", offsetof(struct fuel_row, start),
              H5T_NATIVE_LLONG);
    H5Tinsert(type, "stop", offsetof(struct fuel_row, stop), H5T_NATIVE_LLONG);
    space = H5Screate_simple(1, (hsize_t[]){4}, NULL);
    attr = H5Acreate2(f->id, "split", type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attr, type, row) >= 0);
    H5Aclose(attr);
    H5Sclose(space);
    H5Tclose(text);
    H5Tclose(type);
}

struct record {
    unsigned char pixels[PIXELS];
    int label;
    char name[8];
};

static void records(const struct layout_file *f)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct record));
    hid_t text = H5Tcopy(H5T_C_S1);
    hid_t bytes = H5Tarray_create2(H5T_NATIVE_UCHAR, 2, (hsize_t[]){H, W});
    struct record r[TRAIN] = {0};
    int n, i;

    H5Tset_size(text, 8);
    H5Tinsert(type, "pixels", offsetof(struct record, pixels), bytes);
    H5Tinsert(type, "label", offsetof(struct record, label), H5T_NATIVE_INT);
    H5Tinsert(type, "name", offsetof(struct record, name), text);
    for (n = 0; n < TRAIN; n++) {
        r[n].label = layout_label(n);
        snprintf(r[n].name, sizeof(r[n].name), "%d", n);
        for (i = 0; i < PIXELS; i++)
            r[n].pixels[i] = (unsigned char)layout_pixel(n, i / W, i % W);
    }
    file_put(f, "table", type, type, 1, (hsize_t[]){TRAIN}, r);
    H5Tclose(bytes);
    H5Tclose(text);
    H5Tclose(type);
}

static void three_ways(const struct layout_file *f)
{
    struct layout_file rest = {f->id, TRAIN - 4};

    file_put_nhw(f, "train_set_x", H5T_STD_U8LE, TRAIN - 4, 1);
    file_put_y(f, "train_set_y", H5T_STD_I64LE, TRAIN - 4, 1, 0);
    file_put_nhw(&rest, "val_set_x", H5T_STD_U8LE, 4, 1);
    file_put_y(&rest, "val_set_y", H5T_STD_I64LE, 4, 1, 0);
    file_put_split(f, "test_set_x", "test_set_y", true);
}

static void deep(const struct layout_file *f)
{
    file_put_split(f, "dataset/images/train", "dataset/labels/train", false);
    file_put_split(f, "dataset/images/test", "dataset/labels/test", true);
}

static void group_each(const struct layout_file *f)
{
    char name[32];
    int k, y;

    for (k = 0; k < TRAIN; k++) {
        struct layout_file one = {f->id, k};

        snprintf(name, sizeof(name), "%02d/image", k);
        file_put_x(&one, name, H5T_STD_U8LE, 1, 1, 2, (hsize_t[]){H, W});
        snprintf(name, sizeof(name), "%02d/label", k);
        y = layout_label(k);
        file_put(&one, name, H5T_STD_I64LE, H5T_NATIVE_INT, 0, NULL, &y);
    }
}

static void enumerated(const struct layout_file *f)
{
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    signed char value[CLASSES] = {0, 1, 2}, y[TRAIN];
    int k;

    for (k = 0; k < CLASSES; k++)
        H5Tenum_insert(type, names[k], &value[k]);
    for (k = 0; k < TRAIN; k++)
        y[k] = (signed char)layout_label(k);
    file_put_nhw(f, "x", H5T_STD_U8LE, TRAIN, 1);
    file_put(f, "y", type, type, 1, (hsize_t[]){TRAIN}, y);
    H5Tclose(type);
}

static void with_gaps(const struct layout_file *f)
{
    static const int value[CLASSES] = {3, 7, 42};
    int y[TRAIN], k;

    for (k = 0; k < TRAIN; k++)
        y[k] = value[layout_label(k)];
    file_put_nhw(f, "x", H5T_STD_U8LE, TRAIN, 1);
    file_put(f, "y", H5T_STD_I64LE, H5T_NATIVE_INT, 1, (hsize_t[]){TRAIN}, y);
}

static void two_of_each(const struct layout_file *f)
{
    struct layout_file other = {f->id, 3};

    file_put_split(f, "data", "label", false);
    file_put_nhw(&other, "data_aug", H5T_STD_U8LE, TRAIN, 1);
    file_put_y(&other, "label2", H5T_STD_I64LE, TRAIN, 1, 1);
}

static void extendible(const struct layout_file *f)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE), space, set;
    float *x = file_pixels(f, TRAIN, 1);

    H5Pset_chunk(create, 3, (hsize_t[]){5, H, W});
    space = H5Screate_simple(3, (hsize_t[]){TRAIN, H, W},
                             (hsize_t[]){H5S_UNLIMITED, H, W});
    set = H5Dcreate2(f->id, "x", H5T_STD_U8LE, space, H5P_DEFAULT, create,
                     H5P_DEFAULT);
    assert_true(
        H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    file_put_y(f, "y", H5T_STD_I64LE, TRAIN, 1, 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(create);
    free(x);
}

/* "keras.h5" lies beside these. */
static void elsewhere(const struct layout_file *f)
{
    H5Lcreate_external("keras.h5", "/x_train", f->id, "x_train", H5P_DEFAULT,
                       H5P_DEFAULT);
    H5Lcreate_external("keras.h5", "/y_train", f->id, "y_train", H5P_DEFAULT,
                       H5P_DEFAULT);
}

static void nowhere(const struct layout_file *f)
{
    file_put_nhw(f, "x_train", H5T_STD_U8LE, TRAIN, 1);
    H5Lcreate_external("missing.h5", "/y_train", f->id, "y_train", H5P_DEFAULT,
                       H5P_DEFAULT);
}

static void view_of(const struct layout_file *f, const char *source)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(3, (hsize_t[]){TRAIN, H, W}, NULL);

    assert_true(H5Pset_virtual(create, space, source, "x_train", space) >= 0);
    H5Dclose(file_dataset(f, "x", H5T_STD_U8LE, 3, (hsize_t[]){TRAIN, H, W},
                          create));
    file_put_y(f, "y", H5T_STD_I64LE, TRAIN, 1, 0);
    H5Sclose(space);
    H5Pclose(create);
}

static void seen_elsewhere(const struct layout_file *f)
{
    view_of(f, "keras.h5");
}

static void seen_nowhere(const struct layout_file *f)
{
    view_of(f, "missing.h5");
}

/* ---- what cannot be used */

static void too_few_labels(const struct layout_file *f)
{
    file_put_nhw(f, "x_train", H5T_STD_U8LE, TRAIN, 1);
    file_put_y(f, "y_train", H5T_STD_I64LE, TRAIN - 1, 1, 0);
}

static void not_finite(const struct layout_file *f)
{
    float *x = file_pixels(f, TRAIN, 1 / 255.0);

    x[PIXELS * 3 + 2] = NAN;
    x[PIXELS * 5] = INFINITY;
    file_put(f, "x_train", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 3,
             (hsize_t[]){TRAIN, H, W}, x);
    file_put_y(f, "y_train", H5T_STD_I64LE, TRAIN, 1, 0);
    free(x);
}

static void no_rows(const struct layout_file *f)
{
    file_put_nhw(f, "x_train", H5T_STD_U8LE, 0, 1);
    file_put_y(f, "y_train", H5T_STD_I64LE, 0, 1, 0);
}

static void no_labels(const struct layout_file *f)
{
    file_put_nhw(f, "images", H5T_STD_U8LE, TRAIN, 1);
}

static void no_labels_x(const struct layout_file *f)
{
    file_put_nhw(f, "x", H5T_STD_U8LE, TRAIN, 1);
}

/* As PatchCamelyon has them. */
static void labels_only(const struct layout_file *f)
{
    file_put_y(f, "y", H5T_STD_U8LE, TRAIN, 4, 0);
}

static void quantities(const struct layout_file *f)
{
    float y[TRAIN];
    int k;

    for (k = 0; k < TRAIN; k++)
        y[k] = (float)k + 0.5f;
    file_put_nhw(f, "x_train", H5T_STD_U8LE, TRAIN, 1);
    file_put(f, "y_train", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1,
             (hsize_t[]){TRAIN}, y);
}

static void nothing(const struct layout_file *f)
{
    (void)f;
}

static void references(const struct layout_file *f)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);

    H5Dclose(file_dataset(f, "x_train", H5T_STD_REF_OBJ, 2,
                          (hsize_t[]){TRAIN, 4}, create));
    file_put_y(f, "y_train", H5T_STD_I64LE, TRAIN, 1, 0);
    H5Pclose(create);
}

static void vast(const struct layout_file *f)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);

    H5Pset_chunk(create, 3, (hsize_t[]){1, H, W});
    H5Dclose(file_dataset(f, "x_train", H5T_STD_U8LE, 3,
                          (hsize_t[]){(hsize_t)1 << 50, H, W}, create));
    H5Pset_chunk(create, 1, (hsize_t[]){64});
    H5Dclose(file_dataset(f, "y_train", H5T_STD_U8LE, 1,
                          (hsize_t[]){(hsize_t)1 << 50}, create));
    H5Pclose(create);
}

const struct layout layouts[] = {
    {.name = "keras.h5", .make = keras, .test = TEST},
    {.name = "one_hot.h5", .make = one_hot},
    {.name = "half_planes.h5", .make = half_planes},
    {.name = "flat.h5", .make = flat, .test = TEST, .want_shape = "7x6x1"},
    {.name = "long_texts.h5", .make = long_texts},
    {.name = "short_texts.h5", .make = short_texts},
    {.name = "packed.h5", .make = packed},
    {.name = "lzf.h5", .make = lzf},
    {.name = "big_endian.h5", .make = big_endian},
    {.name = "doubles.h5", .make = doubles},
    {.name = "caffe.h5", .make = caffe},
    {.name = "from_one.h5", .make = from_one},
    {.name = "matlab.h5", .make = matlab, .matlab = true},
    {.name = "fuel.hdf5", .make = fuel, .test = TEST},
    {.name = "records.h5", .make = records},
    {.name = "three_ways.h5",
     .make = three_ways,
     .fit = TRAIN - 4,
     .test = TEST},
    {.name = "deep.h5", .make = deep, .test = TEST},
    {.name = "group_each.h5", .make = group_each},
    {.name = "enumerated.h5", .make = enumerated},
    {.name = "with_gaps.h5", .make = with_gaps},
    {.name = "two_of_each.h5", .make = two_of_each},
    {.name = "extendible.h5", .make = extendible, .latest = true},
    {.name = "elsewhere.h5", .make = elsewhere},
    {.name = "seen_elsewhere.h5", .make = seen_elsewhere},
    {.name = "nowhere.h5",
     .make = nowhere,
     .refused = {"\"y_train\"", "missing.h5", "not there"}},
    {.name = "seen_nowhere.h5",
     .make = seen_nowhere,
     .refused = {"\"x\"", "missing.h5", "not there"}},
    {.name = "too_few_labels.h5",
     .make = too_few_labels,
     .refused = {"\"x_train\" is uint8 (12, 7, 6)", "\"y_train\" is int64 (11)",
                 "was expected"}},
    {.name = "not_finite.h5",
     .make = not_finite,
     .refused = {"\"x_train\", float32 (12, 7, 6)", "2 values", "row 3",
                 "were expected"}},
    {.name = "no_rows.h5",
     .make = no_rows,
     .refused = {"\"y_train\" is int64 (0)", "was expected"}},
    {.name = "no_labels.h5",
     .make = no_labels,
     .refused = {"\"images\" uint8 (12, 7, 6)", "was expected"}},
    {.name = "quantities.h5",
     .make = quantities,
     .refused = {"\"y_train\"", "0.5", "row 0", "were expected"}},
    {.name = "nothing.h5", .make = nothing, .refused = {"no datasets"}},
    {.name = "references.h5",
     .make = references,
     .refused = {"\"x_train\" references (12, 4)", "was expected"}},
    {.name = "vast.h5", .make = vast, .refused = {"\"y_train\"", "memory"}},
    {.name = "valid_x.h5", .make = no_labels_x},
    {.name = "valid_y.h5", .make = labels_only},
    {.name = "alone_y.h5",
     .make = labels_only,
     .refused = {"\"y\" uint8 (12, 1, 1, 1)", "was expected"}},
    {.name = NULL},
};

/* MATLAB says in the block in front what it is. */
static void mark_matlab(const char *path)
{
    static const char mark[128] = "MATLAB 7.3 MAT-file";
    FILE *out = fopen(path, "r+b");

    assert_non_null(out);
    assert_int_equal(fwrite(mark, sizeof(mark), 1, out), 1);
    fclose(out);
}

void layout_write(const struct layout *l, const char *path)
{
    hid_t create = H5Pcreate(H5P_FILE_CREATE);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    struct layout_file f = {-1, 0};

    if (l->matlab)
        H5Pset_userblock(create, 512);
    if (l->latest)
        H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    f.id = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
    assert_true(f.id >= 0);
    l->make(&f);
    H5Fclose(f.id);
    H5Pclose(create);
    H5Pclose(access);
    if (l->matlab)
        mark_matlab(path);
}
