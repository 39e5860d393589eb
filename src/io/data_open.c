/* Opening a data set: the file, its arrays, their labels, one dataset. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/data_find.h"
#include "io/data_fuel.h"
#include "io/data_read.h"
#include "io/data_stack.h"
#include "io/detect.h"
#include "io/file.h"
#include "io/io.h"

/* A file of pictures and, often the same, a file of labels. */
struct source {
    const char *path;
    hid_t x_file, y_file;
    struct h5_list x, y_own; /* y_own is empty unless labels are apart */
    bool matlab;
};

/* One of train, validation and test on its way into the data set. */
struct part {
    struct data_pair pair;
    struct data_span span; /* rows of the arrays; n 0: all */
    struct data_labels labels;
    struct samples samples;
    struct shape shape;
    float scale;
};

enum { TRAIN, VALIDATION, TEST, PART_COUNT };

struct opening {
    struct source source;
    const struct shape *want;
    struct shape own_shape; /* from the attribute, rank 0 without */
    const struct progress *progress;
    struct data_found found;
    struct part part[PART_COUNT];
    struct h5_names known; /* names of classes */
};

static const struct h5_list *label_list(const struct source *s)
{
    return s->y_file != s->x_file ? &s->y_own : &s->x;
}

/* Words that name pictures and what a file of their labels is called. */
static const char *const partners[][2] = {
    {"_x", "_y"},           {"_X", "_Y"},           {"images", "labels"},
    {"image", "label"},     {"data", "labels"},     {"data", "label"},
    {"features", "labels"}, {"features", "targets"}};

/* Returns new: the name of the file beside path that holds its labels (of: 0)
 * or that holds the pictures of labels (of: 1); or NULL. */
static char *partner_of(const char *path, int of)
{
    const char *base = file_base(path), *at;
    size_t i;

    for (i = 0; i < sizeof(partners) / sizeof(partners[0]); i++) {
        char *name;

        at = strstr(base, partners[i][of]);
        if (at == NULL)
            continue;
        name = mem_printf("%.*s%s%s", (int)(at - path), path,
                          partners[i][1 - of], at + strlen(partners[i][of]));
        if (access(name, R_OK) == 0)
            return name;
        mem_free(name);
    }
    return NULL;
}

static void source_close(struct source *s)
{
    if (s->y_file != s->x_file)
        h5_close(s->y_file);
    h5_close(s->x_file);
    h5_list_done(&s->x);
    h5_list_done(&s->y_own);
}

/* Files that are something else than arrays get told so. */
static enum err_code check_root(const char *path, hid_t file, struct err *err)
{
    enum h5_kind kind = detect_root(file);

    switch (kind) {
    case H5_KERAS:
    case H5_KERAS_WEIGHTS:
    case H5_KERAS3_WEIGHTS:
    case H5_KERAS0:
    case H5_CAFFE:
        return err_set(err, ERR_FORMAT,
                       "\"%s\" holds %s; a data set was expected", path,
                       detect_root_text(kind));
    case H5_PANDAS:
        return err_set(
            err, ERR_UNSUPPORTED,
            "\"%s\" holds tables written by pandas; plain arrays were"
            " expected: write them with h5py as x_train and y_train",
            path);
    case H5_PYTABLES:
    case H5_ARRAYS:
    default:
        return ERR_OK;
    }
}

/* A group for every picture becomes arrays of all. */
static enum err_code gather_groups(struct source *s, struct err *err)
{
    hid_t both;

    if (!data_is_stack(&s->x))
        return ERR_OK;
    both = data_stack(s->x_file, &s->x, err);
    if (both < 0)
        return err->code;
    h5_close(s->x_file);
    h5_list_done(&s->x);
    s->x_file = s->y_file = both;
    h5_walk(both, &s->x);
    return ERR_OK;
}

static enum err_code source_open(const char *path, struct source *s,
                                 struct err *err)
{
    enum file_kind kind;

    *s = (struct source){.path = path, .x_file = -1, .y_file = -1};
    if (detect_file(path, &kind, err) != ERR_OK)
        return err->code;
    if (kind == FILE_PACK)
        return err_set(err, ERR_FORMAT,
                       "'%s' is a packed net; a data set was expected", path);
    if (kind == FILE_ZIP)
        return err_set(err, ERR_FORMAT,
                       "\"%s\" is a zip archive (.keras, .npz); a data set in"
                       " HDF5 was expected",
                       path);
    s->x_file = s->y_file = h5_open(path, err);
    if (s->x_file < 0 || check_root(path, s->x_file, err) != ERR_OK)
        return err->code;
    s->matlab = detect_matlab(path);
    h5_walk(s->x_file, &s->x);
    return gather_groups(s, err);
}

/* Tries the file beside path that holds the other half: the labels, or when
 * `pictures` the pictures.  err keeps its message when that does not help. */
static bool find_apart(struct opening *o, bool pictures, struct err *err)
{
    struct source *s = &o->source;
    char *partner = partner_of(s->path, pictures);
    hid_t file = partner != NULL ? h5_open(partner, &(struct err){0}) : -1;
    struct err kept = *err;

    mem_free(partner);
    if (file < 0)
        return false;
    s->y_file = file;
    h5_walk(file, &s->y_own);
    if (pictures) {
        struct h5_list own = s->x;

        s->y_file = s->x_file;
        s->x_file = file;
        s->x = s->y_own;
        s->y_own = own;
    }
    if (data_find(&s->x, &s->y_own, &o->found, err) != ERR_OK) {
        *err = kept;
        return false;
    }
    o->found.names = -1;
    return true;
}

/* Looks for labels in the file itself, then in the file of its name; a file of
 * labels looks for its pictures. */
static enum err_code find_parts(struct opening *o, struct err *err)
{
    struct source *s = &o->source;
    enum err_code code = data_find(&s->x, &s->x, &o->found, err);

    if (code == ERR_OK || find_apart(o, code != ERR_MISSING, err))
        return ERR_OK;
    if (err->code == ERR_MISSING)
        err->code = ERR_FORMAT;
    return err->code;
}

static enum err_code read_labels(struct opening *o, struct part *p,
                                 struct err *err)
{
    const struct h5_list *l = label_list(&o->source);
    const char *path = l->item[p->pair.labels].path;
    struct h5_array a;
    enum err_code code;

    if (!h5_array_open(o->source.y_file, path, &a, err))
        return err->code;
    code = data_virtual_ok(&a, o->source.path, path, err);
    if (code == ERR_OK)
        code = data_read_labels(&a, path, &p->labels, err);
    h5_array_close(&a);
    return code;
}

static enum err_code settle_rows(const struct part *p, const char *path,
                                 const struct data_layout *layout,
                                 struct err *err)
{
    if (p->span.first > layout->rows ||
        p->span.n > layout->rows - p->span.first ||
        p->span.first + p->span.n > p->labels.n)
        return err_set(err, ERR_FORMAT,
                       "\"%s\" has %zu rows and %zu labels, but the attribute"
                       " \"split\" speaks of rows %zu to %zu",
                       path, layout->rows, p->labels.n, p->span.first,
                       p->span.first + p->span.n);
    return ERR_OK;
}

static enum err_code read_array(struct opening *o, struct part *p,
                                const struct h5_array *a, const char *path,
                                struct err *err)
{
    const struct shape *want =
        o->want == NULL && o->own_shape.rank > 0 ? &o->own_shape : o->want;
    struct data_layout layout;

    if (data_virtual_ok(a, o->source.path, path, err) != ERR_OK ||
        data_layout(a, path, p->labels.n, want, o->source.matlab, &layout,
                    err) != ERR_OK)
        return err->code;
    if (p->span.n == 0)
        p->span = (struct data_span){0, layout.rows};
    if (settle_rows(p, path, &layout, err) != ERR_OK)
        return err->code;
    p->shape = layout.shape;
    return data_read_pictures(a, path, &layout, p->span.first, p->span.n,
                              o->progress, &p->samples, &p->scale, err);
}

static enum err_code read_part(struct opening *o, struct part *p,
                               struct err *err)
{
    const char *path;
    struct h5_array a;
    enum err_code code;

    if (p->pair.pictures < 0)
        return ERR_OK;
    if (read_labels(o, p, err) != ERR_OK)
        return err->code;
    path = o->source.x.item[p->pair.pictures].path;
    if (!h5_array_open(o->source.x_file, path, &a, err))
        return err->code;
    code = read_array(o, p, &a, path, err);
    h5_array_close(&a);
    return code;
}

static void part_done(struct part *p)
{
    data_labels_done(&p->labels);
    mem_block_free(p->samples.u8);
    mem_block_free(p->samples.f32);
    mem_block_free(p->samples.label);
}

static enum err_code read_names(struct opening *o, struct err *err)
{
    const char *path;
    struct h5_array a;
    enum err_code code;

    if (o->found.names < 0)
        return ERR_OK;
    path = label_list(&o->source)->item[o->found.names].path;
    if (!h5_array_open(o->source.y_file, path, &a, err))
        return err->code;
    code = h5_array_names(&a, path, &o->known, err);
    h5_array_close(&a);
    return code;
}

/* Class numbers for every part, from the labels of all of them. */
static enum err_code settle_classes(struct opening *o, struct dataset *d,
                                    struct err *err)
{
    const struct data_labels *all[PART_COUNT];
    struct data_classes classes;
    double stated;
    int i, n = 0;
    enum err_code code = ERR_OK;
    const char *path =
        label_list(&o->source)->item[o->part[TRAIN].pair.labels].path;

    for (i = 0; i < PART_COUNT; i++) {
        if (o->part[i].samples.n > 0)
            all[n++] = &o->part[i].labels;
    }
    if (data_classes_of(all, n, &o->known, path, &classes, err) != ERR_OK)
        return err->code;
    if (classes.number == NULL && classes.text.count == 0 &&
        h5_attr_real(o->source.x_file, "classes", &stated) &&
        stated > classes.count && stated < INT_MAX)
        classes.count = (int)stated;
    d->classes = classes.count;
    d->class_name = data_class_names(&classes, &o->known);
    for (i = 0; i < PART_COUNT && code == ERR_OK; i++) {
        struct part *p = &o->part[i];

        if (p->samples.n > 0)
            code =
                data_labels_map(&p->labels, &classes, p->span.first,
                                (size_t)p->samples.n, &p->samples.label, err);
    }
    data_classes_done(&classes);
    return code;
}

static enum err_code same_shape(const struct opening *o, int i, struct err *err)
{
    const struct part *a = &o->part[TRAIN], *b = &o->part[i];
    char here[64], there[64];

    if (b->samples.n == 0 ||
        (shape_equal(&a->shape, &b->shape) &&
         (a->samples.u8 == NULL) == (b->samples.u8 == NULL)))
        return ERR_OK;
    return err_set(err, ERR_SHAPE,
                   "\"%s\" holds samples of %s (%s) but \"%s\" of %s (%s)",
                   o->source.x.item[a->pair.pictures].path,
                   shape_text(&a->shape, here, sizeof(here)),
                   a->samples.u8 != NULL ? "uint8" : "float32",
                   o->source.x.item[b->pair.pictures].path,
                   shape_text(&b->shape, there, sizeof(there)),
                   b->samples.u8 != NULL ? "uint8" : "float32");
}

/* Rows of `from` follow those of `to`, in a new block. */
static enum err_code append_block(void **to, size_t n, const void *from,
                                  size_t more, size_t bytes, struct err *err)
{
    char *both;

    if (from == NULL)
        return ERR_OK;
    both = mem_block_array(n + more, bytes, "samples", err);
    if (both == NULL)
        return err->code;
    memcpy(both, *to, n * bytes);
    memcpy(both + n * bytes, from, more * bytes);
    mem_block_free(*to);
    *to = both;
    return ERR_OK;
}

static enum err_code append_samples(struct samples *to,
                                    const struct samples *from, size_t row,
                                    struct err *err)
{
    size_t n = (size_t)to->n, more = (size_t)from->n;
    void *u8 = to->u8, *f32 = to->f32, *label = to->label;
    enum err_code code;

    if (to->n > INT_MAX - from->n)
        return err_set(err, ERR_UNSUPPORTED, "too many rows");
    code = append_block(&u8, n, from->u8, more, row, err);
    to->u8 = u8;
    if (code == ERR_OK)
        code = append_block(&f32, n, from->f32, more, row * sizeof(float), err);
    to->f32 = f32;
    if (code == ERR_OK)
        code = append_block(&label, n, from->label, more, sizeof(int32_t), err);
    to->label = label;
    if (code == ERR_OK)
        to->n += from->n;
    return code;
}

/* A validation part of the file's own stays what it is: the last rows of
 * train, split off already. */
static enum err_code take_validation(struct opening *o, struct dataset *d,
                                     struct err *err)
{
    const struct samples *v = &o->part[VALIDATION].samples;
    int fit = d->train.n, i;

    if (v->n == 0)
        return ERR_OK;
    if (append_samples(&d->train, v, shape_count(&d->shape), err) != ERR_OK)
        return err->code;
    d->fit = mem_array((size_t)fit, sizeof(*d->fit));
    d->validation = mem_array((size_t)v->n, sizeof(*d->validation));
    for (i = 0; i < fit; i++)
        d->fit[i] = i;
    for (i = 0; i < v->n; i++)
        d->validation[i] = fit + i;
    d->fit_count = fit;
    d->validation_count = v->n;
    return ERR_OK;
}

static void take_facts(const struct opening *o, struct dataset *d)
{
    hid_t file = o->source.x_file;
    double scale;

    d->path = mem_strdup(o->source.path);
    d->name = h5_attr_text(file, "title");
    if (d->name == NULL)
        d->name = file_stem(o->source.path);
    d->origin = h5_attr_text(file, "origin");
    d->licence = h5_attr_text(file, "licence");
    if (d->licence == NULL)
        d->licence = h5_attr_text(file, "license");
    d->scale = o->part[TRAIN].scale;
    if (h5_attr_real(file, "scale", &scale) && scale > 0 && scale < 1e6)
        d->scale = (float)scale;
}

static enum err_code fill(struct opening *o, struct dataset *d, struct err *err)
{
    if (same_shape(o, VALIDATION, err) != ERR_OK ||
        same_shape(o, TEST, err) != ERR_OK ||
        settle_classes(o, d, err) != ERR_OK)
        return err->code;
    d->shape = o->part[TRAIN].shape;
    d->train = o->part[TRAIN].samples;
    o->part[TRAIN].samples = (struct samples){0};
    d->test = o->part[TEST].samples;
    o->part[TEST].samples = (struct samples){0};
    take_facts(o, d);
    return take_validation(o, d, err);
}

static enum err_code read_parts(struct opening *o, struct err *err)
{
    int i;

    o->part[TRAIN].pair = o->found.train;
    o->part[VALIDATION].pair = o->found.validation;
    o->part[TEST].pair = o->found.test;
    if (o->found.test.pictures < 0) {
        struct data_spans spans = data_fuel_spans(
            o->source.x_file, o->source.x.item[o->found.train.pictures].path);

        o->part[TRAIN].span = spans.train;
        for (i = VALIDATION; i <= TEST && spans.train.n > 0; i++) {
            o->part[i].span = i == TEST ? spans.test : spans.validation;
            if (o->part[i].span.n > 0)
                o->part[i].pair = o->found.train;
        }
    }
    for (i = 0; i < PART_COUNT; i++) {
        if (read_part(o, &o->part[i], err) != ERR_OK)
            return err->code;
    }
    return ERR_OK;
}

static void read_own_shape(struct opening *o)
{
    char *text = h5_attr_text(o->source.x_file, "shape");
    struct err err;

    if (text == NULL || shape_parse(text, &o->own_shape, &err) != ERR_OK)
        o->own_shape.rank = 0;
    mem_free(text);
}

static enum err_code open_all(struct opening *o, const char *path,
                              struct dataset *d, struct err *err)
{
    if (source_open(path, &o->source, err) != ERR_OK)
        return err->code;
    read_own_shape(o);
    if (find_parts(o, err) != ERR_OK || read_names(o, err) != ERR_OK ||
        read_parts(o, err) != ERR_OK || fill(o, d, err) != ERR_OK) {
        /* Detection's messages name the file; these name datasets. */
        if (strstr(err->msg, path) == NULL)
            err_context(err, "\"%s\"", path);
        return err->code;
    }
    return ERR_OK;
}

enum err_code data_open(const char *path, const struct shape *want,
                        const struct progress *progress, struct dataset **out,
                        struct err *err)
{
    struct opening *o = mem_zalloc(sizeof(*o));
    struct dataset *d = mem_zalloc(sizeof(*d));
    enum err_code code;
    int i;

    o->want = want;
    o->progress = progress;
    code = open_all(o, path, d, err);
    for (i = 0; i < PART_COUNT; i++)
        part_done(&o->part[i]);
    h5_names_done(&o->known);
    source_close(&o->source);
    mem_free(o);
    if (code != ERR_OK) {
        dataset_free(d);
        return code;
    }
    *out = d;
    return ERR_OK;
}
