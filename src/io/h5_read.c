/* Arrays and attributes that are looked at before they are read. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/h5.h"

bool h5_has_attr(hid_t object, const char *name)
{
    bool there = H5Aexists(object, name) > 0;

    (void)H5Eclear2(H5E_DEFAULT);
    return there;
}

bool h5_has(hid_t group, const char *path)
{
    char *part = mem_strdup(path), *at = part;
    bool there = true;

    while (there && at != NULL) {
        at = strchr(at + (*at == '/'), '/');
        if (at != NULL)
            *at = '\0';
        there = part[0] == '\0' || H5Lexists(group, part, H5P_DEFAULT) > 0;
        if (at != NULL)
            *at = '/';
    }
    there = there && H5Oexists_by_name(group, path, H5P_DEFAULT) > 0;
    (void)H5Eclear2(H5E_DEFAULT);
    mem_free(part);
    return there;
}

static enum h5_class class_of(hid_t type)
{
    switch ((int)H5Tget_class(type)) {
    case H5T_INTEGER:
    case H5T_ENUM:
        return H5_INTEGER;
    case H5T_FLOAT:
        return H5_REAL;
    case H5T_STRING:
        return H5_TEXT;
    case H5T_COMPOUND:
        return H5_COMPOUND;
    default:
        return H5_OTHER;
    }
}

static void type_text(hid_t type, struct str *out)
{
    size_t bits = H5Tget_size(type) * 8;

    switch ((int)H5Tget_class(type)) {
    case H5T_INTEGER:
        str_addf(out, "%sint%zu", H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "",
                 bits);
        break;
    case H5T_FLOAT:
        str_addf(out, "float%zu", bits);
        break;
    case H5T_STRING:
        if (H5Tis_variable_str(type) > 0)
            str_add(out, "text");
        else
            str_addf(out, "text of %zu bytes", bits / 8);
        break;
    case H5T_ENUM:
        str_addf(out, "enumeration of %zu bits", bits);
        break;
    case H5T_COMPOUND:
        str_addf(out, "record of %d fields", H5Tget_nmembers(type));
        break;
    case H5T_ARRAY:
        str_add(out, "array type");
        break;
    case H5T_VLEN:
        str_add(out, "lists of varying length");
        break;
    case H5T_BITFIELD:
        str_addf(out, "bit field of %zu bits", bits);
        break;
    case H5T_OPAQUE:
        str_addf(out, "opaque, %zu bytes", bits / 8);
        break;
    case H5T_REFERENCE:
        str_add(out, "references");
        break;
    case H5T_TIME:
        str_add(out, "HDF5 time");
        break;
    default:
        str_add(out, "unknown type");
        break;
    }
}

/* The type of one field of a dataset's records; -1 when there is none. */
static hid_t field_type(hid_t dataset, const char *field)
{
    hid_t H5_AUTO record = H5Dget_type(dataset);
    int at = record >= 0 && H5Tget_class(record) == H5T_COMPOUND
                 ? H5Tget_member_index(record, field)
                 : -1;

    return at >= 0 ? H5Tget_member_type(record, (unsigned)at) : -1;
}

/* The type of one element as it is stored, to be closed. */
static hid_t element_type(const struct h5_array *a)
{
    hid_t type =
        a->field != NULL ? field_type(a->id, a->field) : H5Dget_type(a->id);
    hid_t inner;

    if (a->field == NULL || H5Tget_class(type) != H5T_ARRAY)
        return type;
    inner = H5Tget_super(type);
    h5_close(type);
    return inner;
}

void h5_array_type_text(const struct h5_array *a, struct str *out)
{
    hid_t H5_AUTO type = element_type(a);

    type_text(type, out);
}

hid_t h5_array_memory(const struct h5_array *a, hid_t type)
{
    hid_t H5_AUTO stored = a->field != NULL ? field_type(a->id, a->field) : -1;
    hsize_t dim[H5S_MAX_RANK];
    hid_t element, record;
    int rank;

    if (a->field == NULL)
        return H5Tcopy(type);
    if (H5Tget_class(stored) == H5T_ARRAY) {
        rank = H5Tget_array_dims2(stored, dim);
        element = H5Tarray_create2(type, (unsigned)rank, dim);
    } else {
        element = H5Tcopy(type);
    }
    record = H5Tcreate(H5T_COMPOUND, H5Tget_size(element));
    (void)H5Tinsert(record, a->field, 0, element);
    h5_close(element);
    return record;
}

static void add_dim(struct h5_array *a, hsize_t n)
{
    if (a->rank < H5_RANK_MAX)
        a->dim[a->rank] = n;
    a->rank++;
    if (a->count != SIZE_MAX && !mem_mul(a->count, (size_t)n, &a->count))
        a->count = SIZE_MAX;
}

static void array_shape(hid_t space, struct h5_array *a)
{
    hsize_t dim[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_ndims(space), i;

    a->count = H5Sget_simple_extent_type(space) == H5S_NULL ? 0 : 1;
    if (rank < 0 || H5Sget_simple_extent_dims(space, dim, NULL) < 0) {
        rank = 0;
        a->count = 0;
    }
    for (i = 0; i < rank; i++)
        add_dim(a, dim[i]);
    a->space_rank = rank;
}

/* Fields that are arrays have their dimensions behind those of the dataset. */
static void field_shape(struct h5_array *a)
{
    hid_t H5_AUTO type = field_type(a->id, a->field);
    hsize_t dim[H5S_MAX_RANK];
    int rank, i;

    if (H5Tget_class(type) != H5T_ARRAY)
        return;
    rank = H5Tget_array_dims2(type, dim);
    for (i = 0; i < rank; i++)
        add_dim(a, dim[i]);
}

/* The dataset itself, or the one before the last slash and a field of it. */
static hid_t open_dataset(hid_t group, const char *name, char **field)
{
    const char *slash = strrchr(name, '/');
    hid_t id = H5Dopen2(group, name, H5P_DEFAULT), type;
    char *front;

    *field = NULL;
    if (id >= 0 || slash == NULL)
        return id;
    front = mem_printf("%.*s", (int)(slash - name), name);
    id = H5Dopen2(group, front, H5P_DEFAULT);
    mem_free(front);
    if (id < 0)
        return id;
    type = field_type(id, slash + 1);
    if (type < 0) {
        h5_close(id);
        return -1;
    }
    h5_close(type);
    *field = mem_strdup(slash + 1);
    return id;
}

bool h5_array_open(hid_t group, const char *name, struct h5_array *out,
                   struct err *err)
{
    char *field;
    hid_t id = open_dataset(group, name, &field);
    hid_t H5_AUTO space = id >= 0 ? H5Dget_space(id) : -1;
    struct h5_array a = {.id = id, .field = field};
    hid_t H5_AUTO type = id >= 0 ? element_type(&a) : -1;

    if (type < 0 || space < 0) {
        h5_fail(err, ERR_FORMAT, "dataset \"%s\" cannot be opened", name);
        h5_array_close(&a);
        return false;
    }
    a.class = class_of(type);
    a.bytes = H5Tget_size(type);
    a.is_enum = H5Tget_class(type) == H5T_ENUM;
    a.is_uint8 = H5Tget_class(type) == H5T_INTEGER && a.bytes == 1 &&
                 H5Tget_sign(type) == H5T_SGN_NONE;
    array_shape(space, &a);
    if (field != NULL)
        field_shape(&a);
    if (field != NULL && a.is_enum)
        a.class = H5_OTHER; /* HDF5 turns none of a record into numbers */
    (void)H5Eclear2(H5E_DEFAULT);
    *out = a;
    return true;
}

void h5_array_close(struct h5_array *a)
{
    h5_close(a->id);
    mem_free(a->field);
    a->id = -1;
    a->field = NULL;
}

void h5_dims_text(const struct h5_array *a, struct str *out)
{
    int i;

    str_add(out, "(");
    for (i = 0; i < a->rank && i < H5_RANK_MAX; i++)
        str_addf(out, "%s%llu", i > 0 ? ", " : "",
                 (unsigned long long)a->dim[i]);
    str_add(out, a->rank > H5_RANK_MAX ? ", …)" : ")");
}

void h5_array_text(const struct h5_array *a, struct str *out)
{
    h5_array_type_text(a, out);
    str_add(out, " ");
    h5_dims_text(a, out);
}

const char *h5_filter_name(H5Z_filter_t id)
{
    static const struct {
        int id;
        const char *name;
    } known[] = {
        {1, "deflate"},        {2, "shuffle"},      {3, "fletcher32"},
        {5, "nbit"},           {6, "scale-offset"}, {4, "szip"},
        {305, "LZO"},          {306, "UCL"},        {307, "bzip2"},
        {32000, "LZF"},        {32001, "Blosc"},    {32004, "LZ4"},
        {32008, "bitshuffle"}, {32013, "ZFP"},      {32015, "Zstandard"},
        {32026, "Blosc2"}};
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].id == id)
            return known[i].name;
    }
    return "an unknown method";
}

static bool can_decode(H5Z_filter_t id)
{
    unsigned flags = 0;
    bool good = H5Zfilter_avail(id) > 0 &&
                H5Zget_filter_info(id, &flags) >= 0 &&
                (flags & H5Z_FILTER_CONFIG_DECODE_ENABLED) != 0;

    (void)H5Eclear2(H5E_DEFAULT);
    return good;
}

enum err_code h5_array_readable(const struct h5_array *a, const char *name,
                                struct err *err)
{
    hid_t H5_AUTO create = H5Dget_create_plist(a->id);
    int count = H5Pget_nfilters(create), i;

    for (i = 0; i < count; i++) {
        size_t none = 0;
        H5Z_filter_t id = H5Pget_filter2(create, (unsigned)i, NULL, &none, NULL,
                                         0, NULL, NULL);

        if (id >= 0 && !can_decode(id))
            return err_set(err, ERR_UNSUPPORTED,
                           "dataset \"%s\" is compressed with %s (HDF5 filter"
                           " %d), which is not built in; where its plugin"
                           " exists, run: h5repack -f NONE IN OUT",
                           name, h5_filter_name(id), id);
    }
    return ERR_OK;
}

enum err_code h5_array_fits(const struct h5_array *a, const char *name,
                            size_t each, struct err *err)
{
    double need = (double)a->count * (double)each;
    double have =
        (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    char here[32], there[32];

    if (a->count != SIZE_MAX && (have <= 0 || need < have))
        return ERR_OK;
    return err_set(err, ERR_MEMORY,
                   "dataset \"%s\" needs %s of memory, this machine has %s",
                   name, str_size(need, here, sizeof(here)),
                   str_size(have, there, sizeof(there)));
}

/* HDF5 converts no enumeration to a number: its integers are read raw. */
static herr_t read_enum(const struct h5_array *a, hid_t type, void *to)
{
    hid_t H5_AUTO file_type = H5Dget_type(a->id);
    hid_t H5_AUTO base = H5Tget_super(file_type);
    size_t from_bytes = H5Tget_size(base), to_bytes = H5Tget_size(type);
    size_t each = from_bytes > to_bytes ? from_bytes : to_bytes, bytes;
    struct err err;
    char *room;
    herr_t good = -1;

    if (!mem_mul(a->count, each, &bytes))
        return -1;
    room = mem_block(bytes + 1, "enumerated values", &err);
    if (room == NULL)
        return -1;
    if (H5Dread(a->id, file_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, room) >= 0 &&
        H5Tconvert(base, type, a->count, room, NULL, H5P_DEFAULT) >= 0) {
        memcpy(to, room, a->count * to_bytes);
        good = 0;
    }
    mem_block_free(room);
    return good;
}

enum err_code h5_array_read(const struct h5_array *a, const char *name,
                            hid_t type, void *to, struct err *err)
{
    hid_t H5_AUTO memory = h5_array_memory(a, type);
    herr_t good;

    if (h5_array_readable(a, name, err) != ERR_OK)
        return err->code;
    if (a->count == 0)
        return ERR_OK;
    if (a->is_enum)
        good = read_enum(a, type, to);
    else
        good = h5_move(a->id, memory, to, true);
    if (good < 0 && h5_stopped())
        return err_set(err, ERR_CANCELLED, "stopped while reading '%s'", name);
    if (good < 0)
        return h5_fail(err, ERR_FORMAT, "dataset \"%s\" cannot be read", name);
    return ERR_OK;
}

void h5_names_done(struct h5_names *n)
{
    size_t i;

    for (i = 0; i < n->count; i++)
        mem_free(n->name[i]);
    mem_free(n->name);
    *n = (struct h5_names){0};
}

void h5_names_add(struct h5_names *n, const char *name)
{
    /* Room doubles at powers of two. */
    if ((n->count & (n->count - 1)) == 0)
        n->name = mem_grow(n->name, n->count > 0 ? 2 * n->count : 1,
                           sizeof(*n->name));
    n->name[n->count++] = mem_strdup(name);
}

/* Texts of a dataset or an attribute arrive as one block. */
struct text_block {
    hid_t memory; /* type */
    size_t each;  /* bytes of one element */
    size_t count;
    bool variable;
    char *bytes; /* owned block */
};

static bool text_block_make(struct text_block *b, hid_t type, size_t count)
{
    struct err err;
    size_t bytes;

    *b = (struct text_block){.memory = -1, .count = count};
    b->variable = H5Tis_variable_str(type) > 0;
    b->memory = H5Tcopy(H5T_C_S1);
    (void)H5Tset_cset(b->memory, H5Tget_cset(type));
    b->each = b->variable ? sizeof(char *) : H5Tget_size(type) + 1;
    if (H5Tset_size(b->memory, b->variable ? H5T_VARIABLE : b->each) < 0 ||
        !mem_mul(count, b->each, &bytes))
        return false;
    b->bytes = mem_block(bytes + 1, "texts", &err);
    return b->bytes != NULL;
}

static const char *text_block_at(const struct text_block *b, size_t i)
{
    const char *text;

    if (!b->variable)
        return b->bytes + i * b->each;
    memcpy(&text, b->bytes + i * b->each, sizeof(text));
    return text != NULL ? text : "";
}

static void text_block_done(struct text_block *b, hid_t space)
{
    if (b->bytes != NULL && b->variable)
        (void)H5Dvlen_reclaim(b->memory, space, H5P_DEFAULT, b->bytes);
    h5_close(b->memory);
    mem_block_free(b->bytes);
}

/* Adds the texts of attribute `name`; false when there is no such attribute.
 * An attribute of numbers adds nothing: h5py writes empty lists like that. */
static bool add_attr_texts(hid_t object, const char *name, struct h5_names *out)
{
    hid_t H5_AUTO attr =
        h5_has_attr(object, name) ? H5Aopen(object, name, H5P_DEFAULT) : -1;
    hid_t H5_AUTO type = attr >= 0 ? H5Aget_type(attr) : -1;
    hid_t H5_AUTO space = attr >= 0 ? H5Aget_space(attr) : -1;
    hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : 0;
    struct text_block b;
    size_t i;

    if (attr < 0 || type < 0)
        return false;
    if (H5Tget_class(type) != H5T_STRING || count <= 0)
        return true;
    if (text_block_make(&b, type, (size_t)count) &&
        H5Aread(attr, b.memory, b.bytes) >= 0) {
        for (i = 0; i < b.count; i++)
            h5_names_add(out, text_block_at(&b, i));
    }
    text_block_done(&b, space);
    (void)H5Eclear2(H5E_DEFAULT);
    return true;
}

char *h5_attr_text(hid_t object, const char *name)
{
    struct h5_names n = {0};
    char *text = NULL;

    if (add_attr_texts(object, name, &n) && n.count == 1) {
        text = n.name[0];
        n.count = 0;
    }
    h5_names_done(&n);
    return text;
}

bool h5_attr_real(hid_t object, const char *name, double *out)
{
    hid_t H5_AUTO attr =
        h5_has_attr(object, name) ? H5Aopen(object, name, H5P_DEFAULT) : -1;
    hid_t H5_AUTO type = attr >= 0 ? H5Aget_type(attr) : -1;
    hid_t H5_AUTO space = attr >= 0 ? H5Aget_space(attr) : -1;
    bool good = false;

    if (space >= 0 && H5Sget_simple_extent_npoints(space) == 1 &&
        (class_of(type) == H5_REAL || H5Tget_class(type) == H5T_INTEGER))
        good = H5Aread(attr, H5T_NATIVE_DOUBLE, out) >= 0;
    (void)H5Eclear2(H5E_DEFAULT);
    return good;
}

bool h5_attr_names(hid_t object, const char *name, struct h5_names *out)
{
    struct h5_names n = {0};
    bool found = add_attr_texts(object, name, &n);
    int i;

    for (i = 0; !found || i > 0; i++) {
        char part[128];

        snprintf(part, sizeof(part), "%s%d", name, i);
        if (!add_attr_texts(object, part, &n))
            break;
        found = true;
    }
    if (!found)
        return false;
    *out = n;
    return true;
}

enum err_code h5_array_names(const struct h5_array *a, const char *path,
                             struct h5_names *out, struct err *err)
{
    hid_t H5_AUTO type = element_type(a);
    hid_t H5_AUTO space = H5Dget_space(a->id);
    hid_t memory;
    struct h5_names n = {0};
    struct text_block b;
    enum err_code code = ERR_OK;
    size_t i;

    if (a->class != H5_TEXT)
        return err_set(err, ERR_FORMAT, "dataset \"%s\" holds no texts", path);
    if (h5_array_readable(a, path, err) != ERR_OK)
        return err->code;
    if (a->count == 0) {
        *out = n;
        return ERR_OK;
    }
    if (!text_block_make(&b, type, a->count)) {
        code = err_set(err, ERR_MEMORY, "no room for the %zu texts of \"%s\"",
                       a->count, path);
    } else {
        memory = h5_array_memory(a, b.memory);
        if (H5Dread(a->id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, b.bytes) < 0)
            code =
                h5_fail(err, ERR_FORMAT, "dataset \"%s\" cannot be read", path);
        h5_close(memory);
    }
    for (i = 0; code == ERR_OK && i < b.count; i++)
        h5_names_add(&n, text_block_at(&b, i));
    text_block_done(&b, space);
    if (code == ERR_OK)
        *out = n;
    return code;
}
