#include "io/data_fuel.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/data_find.h"
#include "io/file.h"

#define TEXT_BYTES 64

/* The fields of an entry that matter here. */
struct entry {
    char split[TEXT_BYTES], source[TEXT_BYTES];
    long long start, stop;
};

/* A type that picks those fields out of the file's record. */
static hid_t entry_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct entry));
    hid_t H5_AUTO text = H5Tcopy(H5T_C_S1);

    (void)H5Tset_size(text, TEXT_BYTES);
    (void)H5Tinsert(type, "split", offsetof(struct entry, split), text);
    (void)H5Tinsert(type, "source", offsetof(struct entry, source), text);
    (void)H5Tinsert(type, "start", offsetof(struct entry, start),
                    H5T_NATIVE_LLONG);
    (void)H5Tinsert(type, "stop", offsetof(struct entry, stop),
                    H5T_NATIVE_LLONG);
    return type;
}

static bool has_field(hid_t type, const char *name, H5T_class_t class)
{
    int i = H5Tget_member_index(type, name);

    return i >= 0 && H5Tget_member_class(type, (unsigned)i) == class;
}

static bool is_split_table(hid_t type)
{
    bool good = type >= 0 && H5Tget_class(type) == H5T_COMPOUND &&
                has_field(type, "split", H5T_STRING) &&
                has_field(type, "source", H5T_STRING) &&
                has_field(type, "start", H5T_INTEGER) &&
                has_field(type, "stop", H5T_INTEGER);

    (void)H5Eclear2(H5E_DEFAULT);
    return good;
}

static void use_entry(const struct entry *e, const char *array,
                      struct data_spans *out)
{
    struct data_words w = data_words_of(e->split);
    struct data_span span;

    if (strcmp(e->source, array) != 0 || e->start < 0 || e->stop <= e->start)
        return;
    span = (struct data_span){(size_t)e->start, (size_t)(e->stop - e->start)};
    if (w.split == SPLIT_TRAIN)
        out->train = span;
    else if (w.split == SPLIT_VALIDATION)
        out->validation = span;
    else if (w.split == SPLIT_TEST)
        out->test = span;
}

struct data_spans data_fuel_spans(hid_t file, const char *array)
{
    hid_t H5_AUTO attr =
        h5_has_attr(file, "split") ? H5Aopen(file, "split", H5P_DEFAULT) : -1;
    hid_t H5_AUTO type = attr >= 0 ? H5Aget_type(attr) : -1;
    hid_t H5_AUTO space = attr >= 0 ? H5Aget_space(attr) : -1;
    hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : 0, i;
    hid_t H5_AUTO memory = entry_type();
    struct data_spans spans = {0};
    struct entry *entry;

    if (!is_split_table(type) || count < 1 || count > 1000)
        return spans;
    entry = mem_array((size_t)count, sizeof(*entry));
    if (H5Aread(attr, memory, entry) >= 0) {
        for (i = 0; i < count; i++)
            use_entry(&entry[i], array, &spans);
    }
    mem_free(entry);
    (void)H5Eclear2(H5E_DEFAULT);
    return spans;
}

/* As it stands, or beside the file that refers to it. */
static bool source_is_there(const char *path, const char *source)
{
    char *beside;
    bool there;

    if (strcmp(source, ".") == 0 || access(source, R_OK) == 0)
        return true;
    beside = mem_printf("%.*s%s", (int)(file_base(path) - path), path,
                        file_base(source));
    there = access(beside, R_OK) == 0;
    mem_free(beside);
    return there;
}

enum err_code data_virtual_ok(const struct h5_array *a, const char *path,
                              const char *name, struct err *err)
{
    hid_t H5_AUTO create = H5Dget_create_plist(a->id);
    size_t count = 0, i;
    char source[1024];

    if (H5Pget_layout(create) != H5D_VIRTUAL ||
        H5Pget_virtual_count(create, &count) < 0)
        return ERR_OK;
    for (i = 0; i < count; i++) {
        if (H5Pget_virtual_filename(create, i, source, sizeof(source)) < 0 ||
            strlen(source) >= sizeof(source) - 1)
            continue;
        if (!source_is_there(path, source))
            return err_set(
                err, ERR_MISSING,
                "dataset \"%s\" is a view of the file \"%s\", which is"
                " not there",
                name, source);
    }
    return ERR_OK;
}
