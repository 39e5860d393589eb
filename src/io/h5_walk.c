#include "io/h5_walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define DEPTH_MAX 64
#define ITEM_MAX  200000 /* a group for each of many pictures */
#define FIELD_MAX 100

struct place {
    unsigned long file;
    haddr_t address;
};

struct walk {
    struct h5_list *list;
    char *path; /* of the group being read */
    int depth;
    struct place *seen;
    int seen_count;
};

static bool seen_before(struct walk *w, const H5O_info_t *info)
{
    struct place *p;
    int i;

    /* Objects with one link cannot be met twice. */
    if (info->rc <= 1)
        return false;
    for (i = 0; i < w->seen_count; i++) {
        if (w->seen[i].file == info->fileno && w->seen[i].address == info->addr)
            return true;
    }
    if ((w->seen_count & (w->seen_count - 1)) == 0)
        w->seen =
            mem_grow(w->seen, w->seen_count > 0 ? 2 * (size_t)w->seen_count : 1,
                     sizeof(*w->seen));
    p = &w->seen[w->seen_count++];
    p->file = info->fileno;
    p->address = info->addr;
    return false;
}

static struct h5_item *add_item(struct h5_list *l, const char *path)
{
    struct h5_item *item;

    if ((l->count & (l->count - 1)) == 0)
        l->item = mem_grow(l->item, l->count > 0 ? 2 * (size_t)l->count : 1,
                           sizeof(*l->item));
    item = &l->item[l->count++];
    *item = (struct h5_item){.path = mem_strdup(path)};
    item->facts.id = -1;
    return item;
}

static char *filter_list(hid_t dataset)
{
    hid_t H5_AUTO create = H5Dget_create_plist(dataset);
    int count = H5Pget_nfilters(create), i;
    struct str s = {0};

    for (i = 0; i < count; i++) {
        size_t none = 0;
        H5Z_filter_t id = H5Pget_filter2(create, (unsigned)i, NULL, &none, NULL,
                                         0, NULL, NULL);

        str_addf(&s, "%s%s", i > 0 ? ", " : "", h5_filter_name(id));
    }
    if (H5Pget_layout(create) == H5D_VIRTUAL)
        str_add(&s, "virtual");
    return str_take(&s);
}

/* One dataset, or one field of its records. */
static void add_array(struct walk *w, hid_t group, const char *name,
                      const char *path)
{
    struct h5_array a;
    struct err err;
    struct h5_item *item = add_item(w->list, path);
    struct str type = {0};

    if (!h5_array_open(group, name, &a, &err)) {
        item->link = mem_strdup("is damaged");
        return;
    }
    item->stored = a.field != NULL ? (unsigned long long)a.count * a.bytes
                                   : H5Dget_storage_size(a.id);
    item->filters = filter_list(a.id);
    h5_array_type_text(&a, &type);
    item->type = str_take(&type);
    h5_array_close(&a);
    item->facts = a;
}

static void add_dataset(struct walk *w, hid_t group, const char *name,
                        const char *path)
{
    hid_t H5_AUTO set = H5Dopen2(group, name, H5P_DEFAULT);
    hid_t H5_AUTO type = set >= 0 ? H5Dget_type(set) : -1;
    int count, i;

    add_array(w, group, name, path);
    if (type < 0 || H5Tget_class(type) != H5T_COMPOUND)
        return;
    count = H5Tget_nmembers(type);
    for (i = 0; i < count && i < FIELD_MAX; i++) {
        char *field = H5Tget_member_name(type, (unsigned)i);
        char *inside = mem_printf("%s/%s", name, field);
        char *full = mem_printf("%s/%s", path, field);

        if (strchr(field, '/') == NULL)
            add_array(w, group, inside, full);
        mem_free(inside);
        mem_free(full);
        (void)H5free_memory(field);
    }
}

/* Returns new: what is wrong with a soft or external link. */
static char *link_target(hid_t group, const char *name, const H5L_info_t *info)
{
    const char *file = NULL, *object = NULL;
    char *value, *text;
    unsigned flags;

    if (info->type == H5L_TYPE_HARD)
        return mem_strdup("is damaged");
    value = mem_array(info->u.val_size + 1, 1);
    if (H5Lget_val(group, name, value, info->u.val_size, H5P_DEFAULT) < 0)
        text = mem_strdup("is a damaged link");
    else if (info->type == H5L_TYPE_SOFT)
        text = mem_printf("is a link to \"%s\", which is not there", value);
    else if (H5Lunpack_elink_val(value, info->u.val_size, &flags, &file,
                                 &object) >= 0)
        text =
            mem_printf("is a link to \"%s\" in file \"%s\", which is not there",
                       object, file);
    else
        text = mem_strdup("is a link of unknown type");
    mem_free(value);
    return text;
}

static void walk_group(struct walk *w, hid_t group, const char *path);

static void visit(struct walk *w, hid_t group, const char *name,
                  const char *path, const H5L_info_t *link)
{
    hid_t H5_AUTO object = H5Oopen(group, name, H5P_DEFAULT);
    H5O_info_t info;

    if (object < 0 || H5Oget_info2(object, &info, H5O_INFO_BASIC) < 0) {
        add_item(w->list, path)->link = link_target(group, name, link);
    } else if (info.type == H5O_TYPE_DATASET) {
        add_dataset(w, group, name, path);
    } else if (info.type == H5O_TYPE_GROUP && !seen_before(w, &info)) {
        add_item(w->list, path)->group = true;
        if (w->depth < DEPTH_MAX)
            walk_group(w, object, path);
        else
            w->list->cut = true;
    }
    (void)H5Eclear2(H5E_DEFAULT);
}

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *link,
                         void *arg)
{
    struct walk *w = arg;
    char *path;

    if (w->list->count >= ITEM_MAX) {
        w->list->cut = true;
        return 1;
    }
    path = w->path[0] != '\0' ? mem_printf("%s/%s", w->path, name)
                              : mem_strdup(name);
    visit(w, group, name, path, link);
    mem_free(path);
    return 0;
}

static void walk_group(struct walk *w, hid_t group, const char *path)
{
    char *outer = w->path;

    w->path = mem_strdup(path);
    w->depth++;
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, visit_link, w) < 0)
        w->list->cut = true;
    w->depth--;
    mem_free(w->path);
    w->path = outer;
}

void h5_walk(hid_t file, struct h5_list *out)
{
    struct h5_list list = {0};
    struct walk w = {.list = &list};

    walk_group(&w, file, "");
    mem_free(w.seen);
    (void)H5Eclear2(H5E_DEFAULT);
    *out = list;
}

void h5_list_done(struct h5_list *l)
{
    int i;

    for (i = 0; i < l->count; i++) {
        mem_free(l->item[i].path);
        mem_free(l->item[i].link);
        mem_free(l->item[i].type);
        mem_free(l->item[i].filters);
    }
    mem_free(l->item);
    *l = (struct h5_list){0};
}
