/* What is in a file, and how it would be read. */
#include "base/mem.h"
#include "io/detect.h"
#include "io/h5_walk.h"
#include "io/io.h"
#include "net/size.h"

static void add_dims(const struct h5_array *a, struct str *out)
{
    int i;

    str_add(out, "(");
    for (i = 0; i < a->rank && i < H5_RANK_MAX; i++)
        str_addf(out, "%s%llu", i > 0 ? ", " : "",
                 (unsigned long long)a->dim[i]);
    str_add(out, ")");
}

static void add_arrays(hid_t file, struct str *out)
{
    struct h5_list list;
    char size[32];
    int i;

    h5_walk(file, &list);
    for (i = 0; i < list.count; i++) {
        const struct h5_item *item = &list.item[i];

        if (item->group)
            continue;
        str_add(out, "  ");
        str_add_safe(out, item->path);
        if (item->link != NULL) {
            str_add(out, "  ");
            str_add_safe(out, item->link);
        } else {
            str_addf(out, "  %s ", item->type);
            add_dims(&item->facts, out);
            str_addf(out, "  %s",
                     str_size((double)item->stored, size, sizeof(size)));
            if (item->filters[0] != '\0')
                str_addf(out, "  %s", item->filters);
        }
        str_add(out, "\n");
    }
    if (list.cut)
        str_add(out, "  … and more\n");
    h5_list_done(&list);
}

static void add_net(const char *path, struct str *out)
{
    struct str warnings = {0};
    struct net *net;
    struct err err;
    int i;

    if (net_load(path, &net, NULL, &warnings, &err) != ERR_OK) {
        str_addf(out, "cannot be opened as a network: %s\n", err.msg);
        str_done(&warnings);
        return;
    }
    str_addf(out, "%-20s %-22s %-12s %12s %12s\n", "layer", "kind", "output",
             "weights", "not zero");
    for (i = 0; i < net->node_count; i++) {
        const struct node *n = &net->node[i];
        struct size_count c;
        char shape[64];

        size_of_node(net, i, &c);
        str_addf(out, "%-20s %-22s %-12s %12lld %12lld\n", n->name,
                 n->kind->name, shape_text(&n->out, shape, sizeof(shape)),
                 c.prunable, c.alive);
    }
    if (warnings.text != NULL)
        str_add(out, warnings.text);
    str_done(&warnings);
    net_free(net);
}

static void add_data(const char *path, struct str *out)
{
    struct dataset *d;
    struct err err;
    char shape[64];

    if (data_open(path, NULL, NULL, &d, &err) != ERR_OK) {
        str_addf(out, "cannot be opened as data: %s\n", err.msg);
        return;
    }
    str_addf(out,
             "opens as data: %d training and %d test samples of %s, %d"
             " classes\n",
             d->train.n, d->test.n, shape_text(&d->shape, shape, sizeof(shape)),
             d->classes);
    dataset_free(d);
}

enum err_code file_info(const char *path, struct str *out, struct err *err)
{
    enum file_kind kind;
    enum h5_kind root;
    hid_t file;

    if (detect_file(path, &kind, err) != ERR_OK)
        return err->code;
    if (kind == FILE_ZIP) {
        str_add(out, "a zip archive, as Keras 3 saves .keras\n");
        return ERR_OK;
    }
    file = h5_open(path, err);
    if (file < 0)
        return err->code;
    root = detect_root(file);
    str_addf(out, "%s\n", detect_root_text(root));
    add_arrays(file, out);
    h5_close(file);
    if (root == H5_KERAS)
        add_net(path, out);
    else if (root == H5_ARRAYS)
        add_data(path, out);
    return ERR_OK;
}
