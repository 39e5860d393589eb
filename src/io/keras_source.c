/* Opening a Keras file: what it holds, and its architecture. */
#include <string.h>

#include "base/mem.h"
#include "io/detect.h"
#include "io/keras.h"

static enum err_code check_kind(const char *path, hid_t file, struct err *err)
{
    enum h5_kind kind = detect_root(file);

    if (kind == H5_KERAS)
        return ERR_OK;
    return err_set(err, ERR_UNSUPPORTED,
                   "\"%s\" is %s; a network with its architecture"
                   " (model_config) was expected",
                   path, detect_root_text(kind));
}

/* Bytes of every array below the optimiser's group. */
static double optimizer_bytes(hid_t file)
{
    struct h5_names names;
    double bytes = 0.0;
    size_t i;

    if (!h5_has(file, "optimizer_weights"))
        return 0.0;
    hid_t H5_AUTO group = H5Gopen2(file, "optimizer_weights", H5P_DEFAULT);

    if (group < 0 || !h5_attr_names(group, "weight_names", &names))
        return 0.0;
    for (i = 0; i < names.count; i++) {
        struct h5_array a;
        struct err err;

        if (h5_array_open(group, names.name[i], &a, &err)) {
            bytes += (double)a.count * (double)a.bytes;
            h5_array_close(&a);
        }
    }
    h5_names_done(&names);
    return bytes;
}

static int version_of(hid_t file, hid_t root)
{
    char *text = h5_attr_text(file, "keras_version");
    int version = 1;

    if (text == NULL)
        text = h5_attr_text(root, "keras_version");
    if (text != NULL && text[0] >= '1' && text[0] <= '9')
        version = text[0] - '0';
    mem_free(text);
    return version;
}

/* Names of the weights of one layer. */
static herr_t keep_names(hid_t group, const char *name, const H5L_info_t *link,
                         void *arg)
{
    hid_t H5_AUTO layer = H5Gopen2(group, name, H5P_DEFAULT);
    struct h5_names names = {0};

    (void)link;
    if (layer >= 0 && h5_attr_names(layer, "weight_names", &names) &&
        names.count > 0) {
        *(char **)arg = mem_strdup(names.name[0]);
        h5_names_done(&names);
        return 1;
    }
    h5_names_done(&names);
    return 0;
}

/* Keras 2 says which program computed; in Keras 1 TensorFlow alone put ":0"
 * behind names. */
static bool is_theano(const struct keras_source *s)
{
    char *backend = h5_attr_text(s->file, "backend"), *name = NULL;
    bool theano;

    if (backend == NULL)
        backend = h5_attr_text(s->root, "backend");
    if (backend == NULL && s->version == 1)
        (void)H5Literate(s->root, H5_INDEX_NAME, H5_ITER_INC, NULL, keep_names,
                         &name);
    (void)H5Eclear2(H5E_DEFAULT);
    theano = backend != NULL ? strcmp(backend, "theano") == 0
                             : name != NULL && strchr(name, ':') == NULL;
    mem_free(backend);
    mem_free(name);
    return theano;
}

enum err_code keras_open(const char *path, struct keras_source *s,
                         struct err *err)
{
    enum file_kind kind;
    struct keras_source o = {.path = path, .file = -1, .root = -1};

    if (detect_file(path, &kind, err) != ERR_OK)
        return err->code;
    if (kind != FILE_HDF5)
        return err_set(err, ERR_UNSUPPORTED,
                       "\"%s\" is a zip archive, as Keras 3 saves .keras;"
                       " save it as .h5",
                       path);
    o.file = h5_open(path, err);
    if (o.file < 0)
        return err->code;
    if (check_kind(path, o.file, err) != ERR_OK)
        goto fail;
    o.config_text = h5_attr_text(o.file, "model_config");
    if (o.config_text == NULL) {
        err_set(err, ERR_FORMAT, "\"%s\": model_config is no text", path);
        goto fail;
    }
    o.model =
        keras_json(o.config_text, strlen(o.config_text), "model_config", err);
    if (o.model == NULL)
        goto fail;
    o.root = H5Gopen2(o.file, "model_weights", H5P_DEFAULT);
    if (o.root < 0) {
        (void)h5_fail(err, ERR_FORMAT, "\"%s\": no group model_weights", path);
        goto fail;
    }
    o.version = version_of(o.file, o.root);
    o.theano = is_theano(&o);
    o.optimizer = optimizer_bytes(o.file);
    *s = o;
    return ERR_OK;
fail:
    keras_close(&o);
    return err->code;
}

void keras_close(struct keras_source *s)
{
    json_decref(s->model);
    mem_free(s->config_text);
    str_done(&s->notes);
    if (s->root >= 0)
        h5_close(s->root);
    if (s->file >= 0)
        h5_close(s->file);
}
