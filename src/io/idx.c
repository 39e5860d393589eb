/*
 * IDX, the format of MNIST and its relatives: two zero bytes, an element type,
 * the rank, the dimensions as big-endian 32-bit numbers, then the elements.
 * Files come plain or through gzip; zlib reads both.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/mem.h"
#include "io/io.h"

#define IDX_UINT8    0x08
#define IDX_RANK_MAX 4
/* Deflate never packs tighter than this: a header that promises more than the
 * file can hold is refused before memory is asked for. */
#define DEFLATE_MAX 1032

struct idx_file {
    int rank;
    long long dim[IDX_RANK_MAX];
    uint8_t *data; /* owned block */
    size_t count;
};

static const char *type_text(int type)
{
    switch (type) {
    case 0x08:
        return "uint8";
    case 0x09:
        return "int8";
    case 0x0b:
        return "int16";
    case 0x0c:
        return "int32";
    case 0x0d:
        return "float32";
    case 0x0e:
        return "float64";
    default:
        return "unknown";
    }
}

static enum err_code read_failed(gzFile in, const char *path, struct err *err)
{
    int code = Z_OK;
    const char *text = gzerror(in, &code);

    if (code == Z_ERRNO)
        return err_set(err, ERR_IO, "\"%s\": %s", path, strerror(errno));
    if (code == Z_BUF_ERROR)
        return err_set(err, ERR_FORMAT,
                       "\"%s\": the gzip data end early; the file was cut off",
                       path);
    return err_set(err, ERR_FORMAT, "\"%s\": damaged gzip data (%s)", path,
                   text);
}

/* Reads exactly n bytes; what names the part. */
static enum err_code read_part(gzFile in, const char *path, const char *what,
                               uint8_t *to, size_t n, struct err *err)
{
    size_t done = 0;

    while (done < n) {
        unsigned ask = n - done < INT_MAX ? (unsigned)(n - done) : INT_MAX;
        int got = gzread(in, to + done, ask);
        int code = Z_OK;

        (void)gzerror(in, &code);
        if (got < 0 || code < 0)
            return read_failed(in, path, err);
        if (got == 0)
            return err_set(err, ERR_FORMAT,
                           "\"%s\" ends after %zu of %zu bytes of its %s", path,
                           done, n, what);
        done += (size_t)got;
    }
    return ERR_OK;
}

static enum err_code read_header(gzFile in, const char *path,
                                 struct idx_file *f, struct err *err)
{
    uint8_t head[4], size[4 * IDX_RANK_MAX];
    size_t i;

    if (read_part(in, path, "header", head, 4, err) != ERR_OK)
        return err->code;
    if (head[0] != 0 || head[1] != 0 || head[3] == 0)
        return err_set(
            err, ERR_FORMAT,
            "\"%s\" is not an IDX file: it starts with %02x %02x %02x"
            " %02x, 00 00 08 and a rank were expected",
            path, head[0], head[1], head[2], head[3]);
    if (head[2] != IDX_UINT8)
        return err_set(err, ERR_UNSUPPORTED,
                       "\"%s\" holds elements of type %s (%02x), uint8 (08) was"
                       " expected",
                       path, type_text(head[2]), head[2]);
    if (head[3] > IDX_RANK_MAX)
        return err_set(err, ERR_UNSUPPORTED,
                       "\"%s\" has %d dimensions, at most %d were expected",
                       path, head[3], IDX_RANK_MAX);
    f->rank = head[3];
    if (read_part(in, path, "header", size, 4 * (size_t)f->rank, err) != ERR_OK)
        return err->code;
    for (i = 0; i < (size_t)f->rank; i++)
        f->dim[i] = (long long)size[4 * i] << 24 | size[4 * i + 1] << 16 |
                    size[4 * i + 2] << 8 | size[4 * i + 3];
    return ERR_OK;
}

/* Elements in all; refuses what overflows, is empty, or cannot be in there. */
static enum err_code count_elements(const char *path, struct idx_file *f,
                                    struct err *err)
{
    struct stat st;
    size_t limit;
    int i;

    if (stat(path, &st) != 0)
        return err_set(err, ERR_IO, "\"%s\": %s", path, strerror(errno));
    limit = ((size_t)st.st_size + 64) * DEFLATE_MAX;
    f->count = 1;
    for (i = 0; i < f->rank; i++) {
        if (f->dim[i] == 0)
            return err_set(err, ERR_FORMAT,
                           "\"%s\" is empty: dimension %d of its header is 0",
                           path, i + 1);
        if (!mem_mul(f->count, (size_t)f->dim[i], &f->count) ||
            f->count > limit)
            return err_set(
                err, ERR_FORMAT,
                "\"%s\" has a header that promises more elements than"
                " its %lld bytes can hold",
                path, (long long)st.st_size);
    }
    return ERR_OK;
}

static enum err_code read_body(gzFile in, const char *path, struct idx_file *f,
                               struct err *err)
{
    uint8_t extra;
    int got;

    if (count_elements(path, f, err) != ERR_OK)
        return err->code;
    f->data = mem_block(f->count, "the elements of an IDX file", err);
    if (f->data == NULL)
        return err->code;
    if (read_part(in, path, "elements", f->data, f->count, err) != ERR_OK)
        return err->code;
    got = gzread(in, &extra, 1);
    if (got < 0)
        return read_failed(in, path, err);
    if (got > 0)
        return err_set(err, ERR_FORMAT,
                       "\"%s\" goes on after the %zu elements its header speaks"
                       " of",
                       path, f->count);
    return ERR_OK;
}

/* On failure f holds nothing. */
static enum err_code idx_load(const char *path, struct idx_file *f,
                              struct err *err)
{
    gzFile in;
    enum err_code code;

    *f = (struct idx_file){0};
    errno = 0;
    in = gzopen(path, "rb");
    if (in == NULL)
        return err_set(err, errno == ENOENT ? ERR_MISSING : ERR_IO,
                       "open \"%s\": %s", path,
                       errno != 0 ? strerror(errno) : "not enough memory");
    (void)gzbuffer(in, 1 << 17);
    code = read_header(in, path, f, err);
    if (code == ERR_OK)
        code = read_body(in, path, f, err);
    (void)gzclose_r(in);
    if (code != ERR_OK) {
        mem_block_free(f->data);
        *f = (struct idx_file){0};
    }
    return code;
}

static enum err_code check_pair(const char *images, const char *labels,
                                const struct idx_file *x,
                                const struct idx_file *y, struct err *err)
{
    if (x->rank < 2)
        return err_set(
            err, ERR_FORMAT,
            "\"%s\" holds %lld single numbers, pictures (rank 3) were"
            " expected; are the names swapped?",
            images, x->dim[0]);
    if (y->rank != 1)
        return err_set(err, ERR_FORMAT,
                       "\"%s\" has rank %d, labels (rank 1) were expected",
                       labels, y->rank);
    if (x->dim[0] != y->dim[0])
        return err_set(err, ERR_FORMAT,
                       "\"%s\" holds %lld pictures but \"%s\" %lld labels",
                       images, x->dim[0], labels, y->dim[0]);
    if (x->dim[0] > INT_MAX)
        return err_set(err, ERR_UNSUPPORTED, "\"%s\" holds %lld pictures",
                       images, x->dim[0]);
    return ERR_OK;
}

/* Fills one of train and test; the picture's shape goes to *shape. */
static enum err_code load_pair(const char *images, const char *labels,
                               struct samples *s, struct shape *shape,
                               struct err *err)
{
    struct idx_file x = {0}, y = {0};
    long long dim[SHAPE_RANK_MAX];
    int i;

    err->code = ERR_OK;
    if (idx_load(images, &x, err) != ERR_OK ||
        idx_load(labels, &y, err) != ERR_OK ||
        check_pair(images, labels, &x, &y, err) != ERR_OK)
        goto done;
    for (i = 1; i < x.rank; i++)
        dim[i - 1] = x.dim[i];
    if (x.rank == 3)
        dim[2] = 1;
    if (shape_make(shape, x.rank == 3 ? 3 : x.rank - 1, dim, err) != ERR_OK) {
        err_context(err, "\"%s\"", images);
        goto done;
    }
    s->label = mem_block_array(y.count, sizeof(*s->label), "labels", err);
    if (s->label == NULL)
        goto done;
    for (size_t k = 0; k < y.count; k++)
        s->label[k] = y.data[k];
    s->n = (int)x.dim[0];
    s->u8 = x.data;
    x.data = NULL;
done:
    mem_block_free(x.data);
    mem_block_free(y.data);
    return err->code;
}

static int largest_label(const struct samples *s)
{
    int32_t most = 0;
    int i;

    for (i = 0; i < s->n; i++)
        most = s->label[i] > most ? s->label[i] : most;
    return most;
}

/* Classes are what the training labels say; the test may not know more. */
static enum err_code settle_classes(const struct idx_names *names,
                                    struct dataset *d, struct err *err)
{
    int i;

    d->classes = largest_label(&d->train) + 1;
    for (i = 0; i < d->test.n; i++) {
        if (d->test.label[i] >= d->classes)
            return err_set(
                err, ERR_FORMAT,
                "\"%s\": label %d of row %d does not occur in \"%s\","
                " whose labels are 0 to %d",
                names->test_labels, d->test.label[i], i, names->train_labels,
                d->classes - 1);
    }
    return ERR_OK;
}

static enum err_code load_test(const struct idx_names *names, struct dataset *d,
                               struct err *err)
{
    struct shape shape;
    char here[64], there[64];

    if (load_pair(names->test_images, names->test_labels, &d->test, &shape,
                  err) != ERR_OK)
        return err->code;
    if (!shape_equal(&shape, &d->shape))
        return err_set(
            err, ERR_SHAPE, "\"%s\" holds pictures of %s but \"%s\" of %s",
            names->test_images, shape_text(&shape, here, sizeof(here)),
            names->train_images, shape_text(&d->shape, there, sizeof(there)));
    return ERR_OK;
}

enum err_code idx_open(const struct idx_names *names, struct dataset **out,
                       struct err *err)
{
    struct dataset *d;

    if (names->train_images == NULL || names->train_labels == NULL)
        return err_set(err, ERR_USAGE,
                       "training pictures and training labels are needed");
    if ((names->test_images == NULL) != (names->test_labels == NULL))
        return err_set(err, ERR_USAGE,
                       "test pictures and test labels go together; only one was"
                       " named");
    d = mem_zalloc(sizeof(*d));
    d->scale = 1.0f / 255.0f;
    if (load_pair(names->train_images, names->train_labels, &d->train,
                  &d->shape, err) != ERR_OK)
        goto fail;
    if (names->test_images != NULL && load_test(names, d, err) != ERR_OK)
        goto fail;
    if (settle_classes(names, d, err) != ERR_OK)
        goto fail;
    d->path = mem_strdup(names->train_images);
    *out = d;
    return ERR_OK;
fail:
    dataset_free(d);
    return err->code;
}
