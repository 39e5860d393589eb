/* What is in a file, and how it would be read; lines fit 80 columns. */
#include <string.h>

#include "base/mem.h"
#include "io/detect.h"
#include "io/h5_walk.h"
#include "io/io.h"
#include "net/fake.h"
#include "net/size.h"

#define COLUMNS      76 /* of a line; the caller may indent it */
#define NAME_CELLS   24
#define PATH_CELLS   33
#define FILTER_CELLS 7   /* more take a line of their own */
#define ARRAYS_MAX   100 /* what nobody reads is counted */

/* Text, broken at blanks, with what follows the first line set in. */
static void add_wrapped(struct str *out, const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t word = strcspn(text, " ");

        if (column > 0 && column + 1 + word > COLUMNS) {
            str_add(out, "\n  ");
            column = 2;
        } else if (column > 0) {
            str_add(out, " ");
            column++;
        }
        str_add_bytes(out, text, word);
        column += word;
        text += word;
        text += *text == ' ';
    }
    str_add(out, "\n");
}

/* The end of a text counts: "…/conv_dw_1_bn/gamma:0".  Padded to cells. */
static void add_cell(struct str *out, const char *text, int cells)
{
    struct str safe = {0};
    int len;

    str_add_safe(&safe, text);
    len = (int)safe.len;
    if (len > cells)
        str_addf(out, "…%s", safe.text + len - cells + 1);
    else
        str_addf(out, "%-*s", cells, safe.text != NULL ? safe.text : "");
    str_done(&safe);
}

static void add_item(const struct h5_item *item, struct str *out)
{
    struct str facts = {0};
    char size[32];

    add_cell(out, item->path, PATH_CELLS);
    str_add(out, " ");
    if (item->link != NULL) {
        str_add_safe(out, item->link);
        str_add(out, "\n");
        return;
    }
    str_addf(&facts, "%s ", item->type);
    h5_dims_text(&item->facts, &facts);
    str_addf(out, "%-23s %9s", facts.text,
             str_size((double)item->stored, size, sizeof(size)));
    if (item->filters[0] != '\0')
        str_addf(out, "%s%s",
                 strlen(item->filters) > FILTER_CELLS ? "\n    " : "  ",
                 item->filters);
    str_add(out, "\n");
    str_done(&facts);
}

static void add_arrays(hid_t file, struct str *out)
{
    struct h5_list list;
    int i, shown = 0, all = 0;

    h5_walk(file, &list);
    for (i = 0; i < list.count; i++) {
        if (list.item[i].group)
            continue;
        if (all++ < ARRAYS_MAX) {
            add_item(&list.item[i], out);
            shown++;
        }
    }
    if (list.cut)
        str_addf(out, "… and more than %d others\n", all - shown);
    else if (all > shown)
        str_addf(out, "… and %d more\n", all - shown);
    h5_list_done(&list);
}

/* What a parameter's values are bound to. */
static void add_values(const struct param *p, struct str *out)
{
    if (p->book != NULL)
        str_addf(out, "  %s: %d shared value%s%s\n", p->name, p->book->k,
                 p->book->k == 1 ? "" : "s",
                 p->book->group > 0 ? ", of several layers" : "");
    else if (p->grid != NULL && p->grid->channels == 0)
        str_addf(out, "  %s: %s\n", p->name, grid_kind_name(p->grid->kind));
    else if (p->grid != NULL)
        str_addf(out, "  %s: %d bits, %s, %d scale%s\n", p->name, p->grid->bits,
                 grid_kind_name(p->grid->kind), p->grid->channels,
                 p->grid->channels == 1 ? "" : "s");
}

static void add_node(const struct net *net, int i, struct str *out)
{
    const struct node *n = &net->node[i];
    struct size_count c;
    char shape[64];
    int k;

    size_of_node(net, i, &c);
    add_cell(out, n->name, NAME_CELLS);
    shape_text(&n->out, shape, sizeof(shape));
    if (n->param_count > 0)
        str_addf(out, " %-21s %-11s %8lld %8lld\n", n->kind->name, shape,
                 c.prunable, c.alive);
    else
        str_addf(out, " %-21s %s\n", n->kind->name, shape);
    if (fake_is(n)) {
        struct fake f = fake_of(n, n->in[0]);

        str_add(out, "  ");
        fake_describe(&f, out);
        str_add(out, "\n");
    }
    for (k = 0; k < n->param_count; k++)
        add_values(&n->param[k], out);
}

static void add_net(const char *path, struct str *out)
{
    struct str warnings = {0}, text = {0};
    struct net *net;
    struct err err;
    int i;

    if (net_load(path, &net, NULL, &warnings, &err) != ERR_OK) {
        str_addf(&text, "cannot be opened as a network: %s", err.msg);
        add_wrapped(out, text.text);
        str_done(&text);
        str_done(&warnings);
        return;
    }
    str_addf(out, "%-*s %-21s %-11s %8s %8s\n", NAME_CELLS, "layer", "kind",
             "output", "weights", "not zero");
    for (i = 0; i < net->node_count; i++)
        add_node(net, i, out);
    if (warnings.text != NULL)
        str_add(out, warnings.text);
    str_done(&warnings);
    net_free(net);
}

static void add_data(const char *path, struct str *out)
{
    struct dataset *d;
    struct err err;
    struct str text = {0};
    char shape[64];

    if (data_open(path, NULL, NULL, &d, &err) != ERR_OK) {
        str_addf(&text, "cannot be opened as data: %s", err.msg);
        add_wrapped(out, text.text);
        str_done(&text);
        return;
    }
    str_addf(out,
             "opens as data: %d training and %d test samples of %s, %d"
             " classes\n",
             d->train.n, d->test.n, shape_text(&d->shape, shape, sizeof(shape)),
             d->classes);
    dataset_free(d);
}

/* The answer comes first, then what is in the file. */
static enum err_code hdf5_info(const char *path, struct str *out,
                               struct err *err)
{
    hid_t file = h5_open(path, err);
    enum h5_kind root;

    if (file < 0)
        return err->code;
    root = detect_root(file);
    str_addf(out, "%s\n", detect_root_text(root));
    if (root == H5_KERAS || root == H5_KERAS_WEIGHTS ||
        root == H5_KERAS3_WEIGHTS)
        add_net(path, out);
    else if (root == H5_ARRAYS || root == H5_PYTABLES)
        add_data(path, out);
    str_add(out, "arrays in the file:\n");
    add_arrays(file, out);
    h5_close(file);
    return ERR_OK;
}

enum err_code file_info(const char *path, struct str *out, struct err *err)
{
    enum file_kind kind;

    if (detect_file(path, &kind, err) != ERR_OK)
        return err->code;
    if (kind == FILE_HDF5)
        return hdf5_info(path, out, err);
    if (kind == FILE_PACK) {
        str_add(out, "a packed net\n");
        return ERR_OK;
    }
    str_add(out, "a zip archive, as Keras 3 saves .keras\n");
    add_net(path, out);
    return ERR_OK;
}
