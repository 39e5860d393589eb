/* Networks as Keras 2 has them, with what it has no place for in a group of
 * our own: spec, masks, codebooks, grids, ranges of activations, moments, note.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/file.h"
#include "io/io.h"
#include "io/keras.h"
#include "io/net_quant.h"
#include "net/spec.h"

/* Files of more than that are not held in memory. */
#define LARGE_BYTES 67108864.0

static void dims_of(const struct param *p, hsize_t *dim)
{
    int i;

    for (i = 0; i < p->def.shape.rank; i++)
        dim[i] = (hsize_t)p->def.shape.dim[i];
}

static herr_t put_param(hid_t group, const char *name, const struct param *p,
                        hid_t type, const void *data)
{
    hsize_t dim[H5_RANK_MAX];

    dims_of(p, dim);
    return h5_put_array(
        group, name, type == H5T_NATIVE_UINT8 ? H5T_STD_U8LE : H5T_IEEE_F32LE,
        type, p->def.shape.rank, dim, NULL, data);
}

static herr_t put_node(hid_t root, const struct node *n, const char *name)
{
    hid_t H5_AUTO group =
        H5Gcreate2(root, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    struct h5_names names = {0};
    herr_t good = group < 0 ? -1 : 0;
    int k;

    for (k = 0; k < n->param_count && good >= 0 && !n->kind->rounds; k++) {
        char *path = mem_printf("%s/%s:0", name, n->param[k].name);

        h5_names_add(&names, path);
        good = put_param(group, path, &n->param[k], H5T_NATIVE_FLOAT,
                         n->param[k].value);
        mem_free(path);
    }
    if (good >= 0)
        good = h5_put_names(group, "weight_names", &names);
    h5_names_done(&names);
    return good;
}

static herr_t put_weights(hid_t file, const struct net *net, char *const *names)
{
    hid_t H5_AUTO root = H5Gcreate2(file, "model_weights", H5P_DEFAULT,
                                    H5P_DEFAULT, H5P_DEFAULT);
    struct h5_names list = {0};
    int *order = keras_order_of(net);
    herr_t good = root < 0 ? -1 : 0;
    int i;

    for (i = 0; i < net->node_count && good >= 0; i++) {
        int node = order[i];

        if (keras_is_argument(&net->node[node]))
            continue;
        h5_names_add(&list, names[node]);
        good = put_node(root, &net->node[node], names[node]);
    }
    mem_free(order);
    if (good >= 0)
        good = h5_put_names(root, "layer_names", &list);
    if (good >= 0)
        good = h5_put_text(root, "backend", "tensorflow");
    if (good >= 0)
        good = h5_put_text(root, "keras_version", "2.4.0");
    h5_names_done(&list);
    return good;
}

/* One of a parameter's arrays that travel in our group. */
static herr_t put_own(hid_t own, const char *what, const char *layer,
                      const struct param *p, hid_t type, const void *data)
{
    char *path;
    herr_t good;

    if (data == NULL)
        return 0;
    path = mem_printf("%s/%s/%s", what, layer, p->name);
    good = put_param(own, path, p, type, data);
    mem_free(path);
    return good;
}

static herr_t put_moments(hid_t own, const char *layer, const struct param *p)
{
    static const char *const group[NET_MOMENT_MAX] = {"moments_1", "moments_2"};
    herr_t good = 0;
    int m;

    for (m = 0; m < NET_MOMENT_MAX && good >= 0; m++) {
        char *path = mem_printf("%s/%s/%s", group[m], layer, p->name);

        good = p->book != NULL ? quant_put_moment(own, path, p, m)
                               : put_own(own, group[m], layer, p,
                                         H5T_NATIVE_FLOAT, p->moment[m]);
        mem_free(path);
    }
    return good;
}

static herr_t put_extras(hid_t own, const struct net *net, char *const *names)
{
    herr_t good = 0;
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        const struct node *n = &net->node[i];

        for (k = 0; k < n->param_count && good >= 0; k++) {
            const struct param *p = &n->param[k];

            good = put_own(own, KERAS_RANGES, names[i], p, H5T_NATIVE_FLOAT,
                           n->kind->rounds ? p->value : NULL);
            if (good >= 0)
                good = put_own(own, "masks", names[i], p, H5T_NATIVE_UINT8,
                               p->mask);
            if (good >= 0)
                good = quant_put(own, names[i], p);
            if (good >= 0)
                good = put_moments(own, names[i], p);
        }
    }
    return good;
}

static herr_t put_own_group(hid_t file, const struct net *net,
                            char *const *names, const char *config,
                            const struct net_note *note)
{
    hid_t H5_AUTO own = H5Gcreate2(file, KERAS_OWN_GROUP, H5P_DEFAULT,
                                   H5P_DEFAULT, H5P_DEFAULT);
    struct str spec = {0};
    herr_t good;

    if (own < 0)
        return -1;
    spec_print(net, &spec);
    good = h5_put_int(own, "version", 1);
    if (good >= 0)
        good = h5_put_text(own, "name", net->name);
    if (good >= 0)
        good = h5_put_text(own, KERAS_SPEC, spec.text);
    if (good >= 0)
        good = h5_put_text(own, KERAS_CONFIG, config);
    if (good >= 0)
        good = h5_put_real(own, "input_scale", (double)net->scale);
    if (good >= 0)
        good = h5_put_real(own, "input_offset", (double)net->offset);
    if (good >= 0 && note != NULL && note->text.text != NULL)
        good = h5_put_text(own, KERAS_NOTE, note->text.text);
    str_done(&spec);
    return good < 0 ? good : put_extras(own, net, names);
}

static herr_t put_all(hid_t file, const struct net *net,
                      const struct net_note *note)
{
    char **names = keras_names_of(net);
    json_t *model = keras_model_of(net, names);
    char *config = json_dumps(model, JSON_COMPACT);
    herr_t good = config == NULL ? -1 : 0;

    if (good >= 0)
        good = h5_put_text(file, "model_config", config);
    if (good >= 0)
        good = h5_put_text(file, "keras_version", "2.4.0");
    if (good >= 0)
        good = h5_put_text(file, "backend", "tensorflow");
    if (good >= 0)
        good = put_weights(file, net, names);
    if (good >= 0)
        good = put_own_group(file, net, names, config, note);
    free(config);
    json_decref(model);
    keras_names_free(net, names);
    return good;
}

/* Bytes of the arrays that are written. */
static double bytes_of(const struct net *net)
{
    double bytes = 0.0;
    int i, k, m;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct param *p = &net->node[i].param[k];
            double floats = 1.0;

            for (m = 0; m < NET_MOMENT_MAX; m++)
                floats += p->moment[m] != NULL;
            bytes +=
                (double)p->count * (floats * sizeof(float) + (p->mask != NULL));
        }
    }
    return bytes;
}

static enum err_code fill_file(hid_t file, const char *path,
                               const struct net *net,
                               const struct net_note *note, struct err *err)
{
    if (put_all(file, net, note) >= 0)
        return ERR_OK;
    if (h5_stopped())
        return err_set(err, ERR_CANCELLED, "stopped while writing '%s'", path);
    return h5_fail(err, ERR_IO, "\"%s\" cannot be put together", path);
}

/* A large net goes to the disk as it is put together. */
static enum err_code save_at(const char *path, const struct net *net,
                             const struct net_note *note, struct err *err)
{
    struct err ignored;
    enum err_code code;
    char *beside;
    hid_t file;

    if (file_beside(path, &beside, err) != ERR_OK)
        return err->code;
    file = h5_create_at(beside, err);
    code = file < 0 ? err->code : fill_file(file, path, net, note, err);
    if (file >= 0 && H5Fclose(file) < 0 && code == ERR_OK)
        code = h5_fail(err, ERR_IO, "write '%s'", path);
    if (code == ERR_OK)
        return file_settle(path, beside, true, err);
    (void)!file_settle(path, beside, false, &ignored);
    return code;
}

static enum err_code save_whole(const char *path, const struct net *net,
                                const struct net_note *note, struct err *err)
{
    hid_t file = h5_create(err);
    enum err_code code;

    if (file < 0)
        return err->code;
    code = fill_file(file, path, net, note, err);
    if (code == ERR_OK)
        code = h5_save(file, path, err);
    h5_close(file);
    return code;
}

enum err_code net_save_told(const char *path, const struct net *net,
                            const struct net_note *note,
                            const struct progress *progress, struct err *err)
{
    double bytes = bytes_of(net);
    enum err_code code;

    h5_watch(progress, bytes);
    code = bytes > LARGE_BYTES ? save_at(path, net, note, err)
                               : save_whole(path, net, note, err);
    h5_watch(NULL, 0);
    return code;
}

enum err_code net_save(const char *path, const struct net *net,
                       const struct net_note *note, struct err *err)
{
    return net_save_told(path, net, note, NULL, err);
}
