/* Labels as they are stored, and the classes they stand for. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/data_read.h"

void data_labels_done(struct data_labels *l)
{
    mem_block_free(l->number);
    h5_names_done(&l->text);
    *l = (struct data_labels){0};
}

void data_classes_done(struct data_classes *c)
{
    mem_free(c->number);
    mem_free(c->place);
    h5_names_done(&c->text);
    *c = (struct data_classes){0};
}

bool data_labels_fit(const struct h5_array *a, size_t *rows, bool *one_hot)
{
    int i, wide = 0;
    size_t most = 1;

    if ((a->class != H5_INTEGER && a->class != H5_REAL &&
         a->class != H5_TEXT) ||
        a->rank < 1 || a->rank > 4)
        return false;
    for (i = 0; i < a->rank; i++) {
        wide += a->dim[i] > 1;
        most = a->dim[i] > most ? (size_t)a->dim[i] : most;
    }
    *one_hot = a->rank == 2 && a->dim[1] > 1 && a->dim[0] != 1;
    *rows = *one_hot || a->rank == 1 ? (size_t)a->dim[0] : most;
    return wide <= 1 || (*one_hot && a->class != H5_TEXT);
}

static enum err_code refuse(const struct h5_array *a, const char *name,
                            const char *expected, struct err *err)
{
    struct str text = {0};

    h5_array_text(a, &text);
    err_set(err, ERR_FORMAT, "dataset \"%s\" is %s: %s", name, text.text,
            expected);
    str_done(&text);
    return err->code;
}

/* Each row of numbers (n, classes) has a single 1; it becomes its place. */
static enum err_code from_one_hot(const struct h5_array *a, const char *name,
                                  double *x, struct err *err)
{
    size_t n = (size_t)a->dim[0], width = (size_t)a->dim[1], i, j;

    for (i = 0; i < n; i++) {
        size_t ones = 0, at = 0, zeros = 0;

        for (j = 0; j < width; j++) {
            at = x[i * width + j] == 1 ? j : at;
            ones += x[i * width + j] == 1;
            zeros += x[i * width + j] == 0;
        }
        if (ones != 1 || zeros != width - 1)
            return err_set(
                err, ERR_FORMAT,
                "dataset \"%s\" (%zu, %zu) looks like one-hot labels,"
                " but row %zu has not a single 1 among zeros",
                name, n, width, i);
        x[i] = (double)at;
    }
    return ERR_OK;
}

static enum err_code check_whole(const char *name, const double *x, size_t n,
                                 struct err *err)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (!isfinite(x[i]) || x[i] != floor(x[i]))
            return err_set(err, ERR_FORMAT,
                           "dataset \"%s\" has the label %g in row %zu; whole"
                           " numbers, texts or one-hot rows were expected",
                           name, x[i], i);
    }
    return ERR_OK;
}

enum err_code data_read_labels(const struct h5_array *a, const char *name,
                               struct data_labels *out, struct err *err)
{
    struct data_labels l = {0};
    bool one_hot;
    enum err_code code;

    if (!data_labels_fit(a, &l.n, &one_hot))
        return refuse(a, name,
                      "labels as (n), (n, 1) or one-hot (n, classes) were"
                      " expected",
                      err);
    if (l.n == 0)
        return refuse(a, name, "one row a picture was expected", err);
    if (h5_array_fits(a, name, a->class == H5_TEXT ? 32 : 8, err) != ERR_OK)
        return err->code;
    if (a->class == H5_TEXT) {
        code = h5_array_names(a, name, &l.text, err);
        if (code == ERR_OK)
            *out = l;
        return code;
    }
    l.number = mem_block_array(a->count, sizeof(double), "labels", err);
    if (l.number == NULL)
        return err->code;
    code = h5_array_read(a, name, H5T_NATIVE_DOUBLE, l.number, err);
    if (code == ERR_OK && one_hot)
        code = from_one_hot(a, name, l.number, err);
    else if (code == ERR_OK)
        code = check_whole(name, l.number, l.n, err);
    if (code != ERR_OK) {
        data_labels_done(&l);
        return code;
    }
    *out = l;
    return ERR_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static int compare_texts(const void *a, const void *b)
{
    const char *x, *y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return strcmp(x, y);
}

/* Sorted distinct values into *out (mem_free); returns how many. */
static size_t distinct_numbers(const struct data_labels *const *parts,
                               int part_count, double **out, struct err *err)
{
    size_t n = 0, i, kept = 0;
    double *all;
    int k;

    for (k = 0; k < part_count; k++)
        n += parts[k]->n;
    all = mem_block_array(n, sizeof(*all), "labels", err);
    if (all == NULL)
        return 0;
    for (k = 0, i = 0; k < part_count; k++) {
        memcpy(all + i, parts[k]->number, parts[k]->n * sizeof(*all));
        i += parts[k]->n;
    }
    qsort(all, n, sizeof(*all), compare_numbers);
    for (i = 0; i < n; i++) {
        if (kept == 0 || all[kept - 1] != all[i])
            all[kept++] = all[i];
    }
    *out = mem_array(kept, sizeof(*all));
    memcpy(*out, all, kept * sizeof(*all));
    mem_block_free(all);
    return kept;
}

/* Labels that start at 0 with few gaps are class numbers as they stand: a
 * class may just be missing from the sample. */
static bool are_class_numbers(const double *value, size_t count,
                              const struct h5_names *known)
{
    if (value[0] < 0)
        return false;
    if (known != NULL && known->count > 0)
        return value[count - 1] < (double)known->count;
    return value[0] == 0 && value[count - 1] < 2 * (double)count;
}

/* More classes than this share of the rows are no classes. */
static bool too_many(size_t count, size_t rows)
{
    return count > INT_MAX || (count > 64 && count > rows / 3);
}

static size_t all_rows(const struct data_labels *const *parts, int part_count)
{
    size_t n = 0;
    int k;

    for (k = 0; k < part_count; k++)
        n += parts[k]->n;
    return n;
}

static enum err_code number_classes(const struct data_labels *const *parts,
                                    int part_count,
                                    const struct h5_names *known,
                                    const char *name, struct data_classes *out,
                                    struct err *err)
{
    double *value = NULL;
    size_t count = distinct_numbers(parts, part_count, &value, err);
    size_t n = all_rows(parts, part_count);
    struct data_classes c = {.count = (int)count, .number = value};

    if (count == 0)
        return err->code;
    if (too_many(count, n)) {
        mem_free(value);
        return err_set(err, ERR_FORMAT,
                       "dataset \"%s\" has %zu different values in %zu rows:"
                       " quantities, it seems; class labels were expected",
                       name, count, n);
    }
    if (are_class_numbers(value, count, known)) {
        c.count = (int)value[count - 1] + 1;
        if (known != NULL && known->count > (size_t)c.count)
            c.count = (int)known->count;
        c.number = NULL;
        mem_free(value);
    }
    *out = c;
    return ERR_OK;
}

static long place_of(const struct h5_names *n, const char *text)
{
    size_t i;

    for (i = 0; i < n->count; i++) {
        if (strcmp(n->name[i], text) == 0)
            return (long)i;
    }
    return -1;
}

/* Numbers of the sorted texts: as the file's own list has them when it has
 * all of them, else alphabetically. */
static void number_texts(const struct h5_names *known, struct data_classes *c)
{
    size_t i, count = c->text.count;
    bool all = known != NULL;

    c->place = mem_array(count + 1, sizeof(*c->place));
    for (i = 0; i < count; i++) {
        long at = all ? place_of(known, c->text.name[i]) : -1;

        all = all && at >= 0;
        c->place[i] = (int)at;
    }
    c->count = all ? (int)known->count : (int)count;
    for (i = 0; i < count && !all; i++)
        c->place[i] = (int)i;
}

static enum err_code text_classes(const struct data_labels *const *parts,
                                  int part_count, const struct h5_names *known,
                                  const char *name, struct data_classes *out,
                                  struct err *err)
{
    struct data_classes c = {0};
    size_t i, n = all_rows(parts, part_count), at = 0;
    char **all = mem_array(n + 1, sizeof(*all));
    int k;

    for (k = 0; k < part_count; k++) {
        for (i = 0; i < parts[k]->n; i++)
            all[at++] = parts[k]->text.name[i];
    }
    qsort(all, n, sizeof(*all), compare_texts);
    for (i = 0; i < n; i++) {
        if (i == 0 || strcmp(all[i - 1], all[i]) != 0)
            h5_names_add(&c.text, all[i]);
    }
    mem_free(all);
    if (too_many(c.text.count, n)) {
        err_set(
            err, ERR_FORMAT,
            "dataset \"%s\" has %zu different texts in %zu rows; the names of"
            " classes were expected",
            name, c.text.count, n);
        data_classes_done(&c);
        return err->code;
    }
    number_texts(known, &c);
    *out = c;
    return ERR_OK;
}

enum err_code data_classes_of(const struct data_labels *const *parts,
                              int part_count, const struct h5_names *known,
                              const char *name, struct data_classes *out,
                              struct err *err)
{
    bool numbers = parts[0]->number != NULL;
    int k;

    for (k = 1; k < part_count; k++) {
        if ((parts[k]->number != NULL) != numbers)
            return err_set(err, ERR_FORMAT,
                           "some labels are numbers and some are texts");
    }
    if (numbers)
        return number_classes(parts, part_count, known, name, out, err);
    return text_classes(parts, part_count, known, name, out, err);
}

static int32_t class_of_number(const struct data_classes *c, double x)
{
    const double *found;

    if (c->number == NULL)
        return (int32_t)x;
    found =
        bsearch(&x, c->number, (size_t)c->count, sizeof(x), compare_numbers);
    return (int32_t)(found - c->number);
}

static int32_t class_of_text(const struct data_classes *c, const char *text)
{
    char **found = bsearch(&text, c->text.name, c->text.count,
                           sizeof(*c->text.name), compare_texts);

    return c->place[found - c->text.name];
}

enum err_code data_labels_map(const struct data_labels *l,
                              const struct data_classes *c, size_t first,
                              size_t n, int32_t **out, struct err *err)
{
    int32_t *label = mem_block_array(n, sizeof(*label), "labels", err);
    size_t i;

    if (label == NULL)
        return err->code;
    for (i = 0; i < n; i++)
        label[i] = l->number != NULL
                       ? class_of_number(c, l->number[first + i])
                       : class_of_text(c, l->text.name[first + i]);
    *out = label;
    return ERR_OK;
}

char **data_class_names(const struct data_classes *c,
                        const struct h5_names *known)
{
    bool listed =
        known != NULL && known->count >= (size_t)c->count && c->number == NULL;
    char **name;
    size_t i;

    if (!listed && c->number == NULL && c->text.count == 0)
        return NULL;
    name = mem_array((size_t)c->count, sizeof(*name));
    for (i = 0; i < (size_t)c->count; i++) {
        struct str s = {0};

        if (listed)
            str_add_safe(&s, known->name[i]);
        else if (c->number != NULL)
            str_addf(&s, "%.0f", c->number[i]);
        else
            str_add_safe(&s, c->text.name[i]);
        name[i] = str_take(&s);
    }
    return name;
}
