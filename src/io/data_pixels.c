/* Pictures out of a stored array into one block, a band of rows at a time. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/data_read.h"

#define BAND_BYTES ((size_t)8 << 20)

/* What a reading pass needs to know. */
struct pixels {
    const struct h5_array *a;
    const char *name;
    const struct data_layout *layout;
    hid_t memory; /* H5T_NATIVE_UINT8 or H5T_NATIVE_FLOAT */
    size_t each;  /* bytes of an element in memory */
    size_t row;   /* elements of a sample */
    size_t first, n;
};

/* Rows at..at+count-1 of an array whose first dimension is the samples. */
static enum err_code read_band(const struct pixels *p, size_t at, size_t count,
                               void *to, struct err *err)
{
    hsize_t start[H5_RANK_MAX] = {at}, size[H5_RANK_MAX];
    hid_t H5_AUTO file = H5Dget_space(p->a->id);
    hid_t H5_AUTO type = h5_array_memory(p->a, p->memory);
    hid_t memory;
    herr_t good;

    memcpy(size, p->a->dim, sizeof(size));
    size[0] = count;
    memory = H5Screate_simple(p->a->space_rank, size, NULL);
    good = H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, size, NULL);
    if (good >= 0)
        good = H5Dread(p->a->id, type, memory, file, H5P_DEFAULT, to);
    h5_close(memory);
    if (good < 0)
        return h5_fail(err, ERR_FORMAT, "dataset \"%s\", rows %zu to %zu",
                       p->name, at, at + count - 1);
    return ERR_OK;
}

/* Copies element by element in the order of the picture; from is the array's
 * sample `base` onwards, or the whole array. */
static void gather(const struct pixels *p, const char *from, size_t base,
                   size_t count, char *to)
{
    const struct data_layout *l = p->layout;
    const int *dim = l->picture.dim;
    int rank = l->picture.rank;
    size_t h = (size_t)dim[0], w = rank > 1 ? (size_t)dim[1] : 1;
    size_t c = rank > 2 ? (size_t)dim[2] : 1, n, i, j, k;
    size_t each = p->each;

    for (n = base; n < base + count; n++) {
        for (i = 0; i < h; i++) {
            for (j = 0; j < w; j++) {
                size_t at = n * l->step_n + i * l->step[0] +
                            (rank > 1 ? j * l->step[1] : 0);

                for (k = 0; k < c; k++, to += each)
                    memcpy(to,
                           from + (at + (rank > 2 ? k * l->step[2] : 0)) * each,
                           each);
            }
        }
    }
}

/* Bands are whole chunks, so that none is unpacked twice. */
static size_t band_rows(const struct pixels *p)
{
    hid_t H5_AUTO create = H5Dget_create_plist(p->a->id);
    hsize_t chunk[H5_RANK_MAX] = {1};
    size_t rows = BAND_BYTES / (p->row * p->each);

    rows = rows > 0 ? rows : 1;
    if (H5Pget_layout(create) == H5D_CHUNKED &&
        H5Pget_chunk(create, p->a->space_rank, chunk) > 0 && chunk[0] < INT_MAX)
        rows =
            (rows + (size_t)chunk[0] - 1) / (size_t)chunk[0] * (size_t)chunk[0];
    return rows < p->n ? rows : p->n;
}

static enum err_code read_by_bands(const struct pixels *p,
                                   const struct progress *progress, char *to,
                                   struct err *err)
{
    size_t rows = band_rows(p), done, bytes = p->row * p->each;
    char *band = NULL;
    enum err_code code = ERR_OK;

    if (!p->layout->straight) {
        band = mem_block_array(rows, bytes, "a band of pictures", err);
        if (band == NULL)
            return err->code;
    }
    for (done = 0; done < p->n && code == ERR_OK; done += rows) {
        size_t left = p->n - done, now = left < rows ? left : rows;
        char *here = to + done * bytes;

        if (progress_cancelled(progress)) {
            code = err_set(err, ERR_CANCELLED, "reading \"%s\" was stopped",
                           p->name);
            break;
        }
        code =
            read_band(p, p->first + done, now, band != NULL ? band : here, err);
        if (code == ERR_OK && band != NULL)
            gather(p, band, 0, now, here);
        progress_tell(progress, (double)(done + now) / (double)p->n);
    }
    mem_block_free(band);
    return code;
}

/* Arrays with the samples not in front, and enumerations. */
static enum err_code read_whole(const struct pixels *p, char *to,
                                struct err *err)
{
    char *all = mem_block_array(p->a->count, p->each, "an array", err);
    enum err_code code;

    if (all == NULL)
        return err->code;
    code = h5_array_read(p->a, p->name, p->memory, all, err);
    if (code == ERR_OK)
        gather(p, all, p->first, p->n, to);
    mem_block_free(all);
    return code;
}

struct range {
    double least, most;
    bool whole; /* integers only */
};

static enum err_code refuse_values(const struct pixels *p, size_t bad,
                                   size_t row, struct err *err)
{
    struct str text = {0};

    h5_array_text(p->a, &text);
    err_set(err, ERR_FORMAT,
            "dataset \"%s\", %s, has %zu values that are NaN or infinite, the"
            " first in row %zu; finite numbers were expected",
            p->name, text.text, bad, row);
    str_done(&text);
    return err->code;
}

static enum err_code find_range(const struct pixels *p, const float *x,
                                struct range *out, struct err *err)
{
    size_t i, count = p->n * p->row, bad = 0, first_bad = 0;
    struct range r = {INFINITY, -INFINITY, true};

    for (i = 0; i < count; i++) {
        double v = (double)x[i];

        if (!isfinite(v)) {
            first_bad = bad++ == 0 ? i : first_bad;
            continue;
        }
        r.least = v < r.least ? v : r.least;
        r.most = v > r.most ? v : r.most;
        r.whole = r.whole && v == floor(v);
    }
    if (bad > 0)
        return refuse_values(p, bad, p->first + first_bad / p->row, err);
    *out = r;
    return ERR_OK;
}

/* Whole numbers of 0..255 that came as wider integers fit in bytes. */
static enum err_code to_bytes(const struct pixels *p, struct samples *s,
                              struct err *err)
{
    size_t i, count = p->n * p->row;
    uint8_t *u8 = mem_block(count, "pictures", err);

    if (u8 == NULL)
        return err->code;
    for (i = 0; i < count; i++)
        u8[i] = (uint8_t)s->f32[i];
    mem_block_free(s->f32);
    s->f32 = NULL;
    s->u8 = u8;
    return ERR_OK;
}

static bool bytes_reach_over_one(const uint8_t *x, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (x[i] > 1)
            return true;
    }
    return false;
}

/* Values in 0..1 are taken as they are, 0..255 by their 255th. */
static enum err_code settle_range(const struct pixels *p, struct samples *s,
                                  float *scale, struct err *err)
{
    struct range r = {0};

    if (s->u8 != NULL) {
        *scale =
            bytes_reach_over_one(s->u8, p->n * p->row) ? 1.0f / 255.0f : 1.0f;
        return ERR_OK;
    }
    if (find_range(p, s->f32, &r, err) != ERR_OK)
        return err->code;
    *scale = r.least >= 0 && r.most > 1 && r.most <= 255 ? 1.0f / 255.0f : 1.0f;
    if (p->a->class == H5_INTEGER && r.least >= 0 && r.most <= 255)
        return to_bytes(p, s, err);
    return ERR_OK;
}

static double pixel(const struct samples *s, size_t i)
{
    return s->u8 != NULL ? s->u8[i] : (double)s->f32[i];
}

/* Neighbours in a picture are alike: the step at which values change least
 * tells whether colours lie in planes (1) or in triples (3). */
static bool colours_in_planes(const struct samples *s, size_t count)
{
    double one = 0, three = 0;
    size_t i;

    for (i = 0; i + 3 < count; i++) {
        one += fabs(pixel(s, i + 1) - pixel(s, i));
        three += fabs(pixel(s, i + 3) - pixel(s, i));
    }
    return one < three;
}

/* Rows of red, green and blue planes become rows of triples. */
static enum err_code planes_to_triples(const struct pixels *p,
                                       struct samples *s, struct err *err)
{
    char *data = s->u8 != NULL ? (char *)s->u8 : (char *)s->f32;
    size_t each = s->u8 != NULL ? 1 : sizeof(float), plane = p->row / 3, n, i;
    char *row = mem_block_array(p->row, each, "a picture", err);

    if (row == NULL)
        return err->code;
    for (n = 0; n < p->n; n++, data += p->row * each) {
        for (i = 0; i < p->row; i++)
            memcpy(row + i * each, data + (i % 3 * plane + i / 3) * each, each);
        memcpy(data, row, p->row * each);
    }
    mem_block_free(row);
    return ERR_OK;
}

static enum err_code check_kind(const struct h5_array *a, const char *name,
                                size_t first, size_t n, size_t rows,
                                struct err *err)
{
    struct str text = {0};

    if (a->class != H5_INTEGER && a->class != H5_REAL) {
        h5_array_text(a, &text);
        err_set(err, ERR_FORMAT,
                "dataset \"%s\" is %s: numbers were expected for pictures",
                name, text.text);
        str_done(&text);
        return err->code;
    }
    if (n == 0)
        return err_set(err, ERR_FORMAT, "dataset \"%s\" has no rows", name);
    if (n > INT_MAX)
        return err_set(err, ERR_UNSUPPORTED, "dataset \"%s\" has %zu rows",
                       name, n);
    if (first > rows || n > rows - first)
        return err_set(err, ERR_FORMAT,
                       "dataset \"%s\" has %zu rows; rows %zu to %zu were"
                       " expected",
                       name, rows, first, first + n - 1);
    return h5_array_readable(a, name, err);
}

static enum err_code read_into(const struct pixels *p,
                               const struct progress *progress,
                               struct samples *s, float *scale, struct err *err)
{
    char *to = mem_block_array(p->n * p->row, p->each, "pictures", err);
    enum err_code code;

    if (to == NULL)
        return err->code;
    if (p->memory == H5T_NATIVE_UINT8)
        s->u8 = (uint8_t *)to;
    else
        s->f32 = (float *)(void *)to;
    if (p->layout->rows_first && !p->a->is_enum)
        code = read_by_bands(p, progress, to, err);
    else
        code = read_whole(p, to, err);
    if (code == ERR_OK)
        code = settle_range(p, s, scale, err);
    if (code == ERR_OK && p->layout->flat_colours &&
        colours_in_planes(s, p->n < 64 ? p->n * p->row : 64 * p->row))
        code = planes_to_triples(p, s, err);
    return code;
}

enum err_code data_read_pictures(const struct h5_array *a, const char *name,
                                 const struct data_layout *layout, size_t first,
                                 size_t n, const struct progress *progress,
                                 struct samples *s, float *scale,
                                 struct err *err)
{
    struct samples made = {.n = (int)n};
    struct pixels p = {.a = a,
                       .name = name,
                       .layout = layout,
                       .memory =
                           a->is_uint8 ? H5T_NATIVE_UINT8 : H5T_NATIVE_FLOAT,
                       .each = a->is_uint8 ? 1 : sizeof(float),
                       .row = shape_count(&layout->picture),
                       .first = first,
                       .n = n};

    if (check_kind(a, name, first, n, layout->rows, err) != ERR_OK ||
        h5_array_fits(a, name, p.each, err) != ERR_OK)
        return err->code;
    if (read_into(&p, progress, &made, scale, err) != ERR_OK) {
        mem_block_free(made.u8);
        mem_block_free(made.f32);
        return err->code;
    }
    s->n = made.n;
    s->u8 = made.u8;
    s->f32 = made.f32;
    return ERR_OK;
}
