#include "io/data_stack.h"

#include <string.h>

#include "base/mem.h"
#include "io/data_find.h"

/* What the groups have in common: the names of a picture and of its label. */
struct stack {
    const struct h5_list *l;
    const char *image, *label; /* behind the last slash; borrowed */
    const struct h5_item *first;
    size_t n;
    size_t label_count;
};

static const char *last_step(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : NULL;
}

static bool is_image(const struct h5_item *item)
{
    return !item->group && item->link == NULL && item->facts.field == NULL &&
           (item->facts.rank == 2 || item->facts.rank == 3) &&
           (item->facts.class == H5_INTEGER || item->facts.class == H5_REAL);
}

static bool is_label(const struct h5_item *item)
{
    return !item->group && item->link == NULL && item->facts.count == 1 &&
           item->facts.rank <= 1 &&
           (item->facts.class == H5_INTEGER || item->facts.class == H5_REAL);
}

static bool is_called(const struct h5_item *item, const char *name)
{
    const char *step = last_step(item->path);

    return step != NULL && name != NULL && strcmp(step, name) == 0;
}

static void look(const struct h5_list *l, struct stack *s)
{
    int i;

    *s = (struct stack){.l = l};
    for (i = 0; i < l->count; i++) {
        const struct h5_item *item = &l->item[i];
        const char *step = last_step(item->path);
        enum data_role role = data_words_of(item->path).role;

        if (step == NULL)
            continue;
        if (s->image == NULL && role == ROLE_PICTURES && is_image(item)) {
            s->image = step;
            s->first = item;
        }
        if (s->label == NULL && role == ROLE_LABELS && is_label(item))
            s->label = step;
        s->n += is_image(item) && is_called(item, s->image);
        s->label_count += is_label(item) && is_called(item, s->label);
    }
}

bool data_is_stack(const struct h5_list *l)
{
    struct stack s;

    look(l, &s);
    return s.n >= 2 && s.label_count == s.n;
}

static bool same_facts(const struct h5_item *a, const struct h5_item *b)
{
    return a->facts.rank == b->facts.rank &&
           memcmp(a->facts.dim, b->facts.dim,
                  (size_t)a->facts.rank * sizeof(a->facts.dim[0])) == 0 &&
           strcmp(a->type, b->type) == 0;
}

static enum err_code refuse_shape(const struct h5_item *a,
                                  const struct h5_item *b, struct err *err)
{
    struct str text = {0};

    str_add(&text, "\"");
    str_add_safe(&text, a->path);
    str_add(&text, "\" is ");
    data_item_text(a, &text);
    str_add(&text, " but \"");
    str_add_safe(&text, b->path);
    str_add(&text, "\" is ");
    data_item_text(b, &text);
    err_set(err, ERR_SHAPE,
            "the pictures differ: %s; one type and shape was expected",
            text.text);
    str_done(&text);
    return err->code;
}

static enum err_code read_item(hid_t file, const struct h5_item *item,
                               hid_t type, void *to, struct err *err)
{
    struct h5_array a;
    enum err_code code;

    if (!h5_array_open(file, item->path, &a, err))
        return err->code;
    code = h5_array_read(&a, item->path, type, to, err);
    h5_array_close(&a);
    return code;
}

/* Pictures into x, labels into y, both in the order of the list. */
static enum err_code gather(hid_t file, const struct stack *s, hid_t type,
                            size_t bytes, char *x, double *y, struct err *err)
{
    int i;

    for (i = 0; i < s->l->count; i++) {
        const struct h5_item *item = &s->l->item[i];

        if (is_image(item) && is_called(item, s->image)) {
            if (!same_facts(item, s->first))
                return refuse_shape(s->first, item, err);
            if (read_item(file, item, type, x, err) != ERR_OK)
                return err->code;
            x += bytes;
        } else if (is_label(item) && is_called(item, s->label)) {
            if (read_item(file, item, H5T_NATIVE_DOUBLE, y++, err) != ERR_OK)
                return err->code;
        }
    }
    return ERR_OK;
}

static hid_t write_both(const struct stack *s, hid_t type, const char *x,
                        const double *y, struct err *err)
{
    hsize_t dim[H5_RANK_MAX] = {s->n};
    int rank = s->first->facts.rank;
    hid_t out = h5_create(err);

    memcpy(dim + 1, s->first->facts.dim, (size_t)rank * sizeof(dim[0]));
    if (out < 0)
        return -1;
    if (h5_put_array(out, "images", type, type, rank + 1, dim, NULL, x) >= 0 &&
        h5_put_array(out, "labels", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, 1,
                     dim, NULL, y) >= 0)
        return out;
    h5_fail(err, ERR_MEMORY, "gathering %zu pictures", s->n);
    h5_close(out);
    return -1;
}

hid_t data_stack(hid_t file, const struct h5_list *l, struct err *err)
{
    struct stack s;
    const struct h5_array *a;
    hid_t type, out = -1;
    size_t each, bytes;
    char *x = NULL;
    double *y = NULL;

    look(l, &s);
    a = &s.first->facts;
    type = a->is_uint8 ? H5T_NATIVE_UINT8 : H5T_NATIVE_FLOAT;
    each = a->is_uint8 ? 1 : sizeof(float);
    if (l->cut || !mem_mul(a->count, each, &bytes)) {
        err_set(err, ERR_UNSUPPORTED,
                "there are more groups than can be gathered; one array of"
                " pictures was expected");
        return -1;
    }
    x = mem_block_array(s.n, bytes, "pictures", err);
    if (x != NULL)
        y = mem_block_array(s.n, sizeof(*y), "labels", err);
    if (y != NULL && gather(file, &s, type, bytes, x, y, err) == ERR_OK)
        out = write_both(&s, type, x, y, err);
    mem_block_free(x);
    mem_block_free(y);
    return out;
}
