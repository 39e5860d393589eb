/* Opening a Keras file: what it holds, and its architecture. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/detect.h"
#include "io/file.h"
#include "io/io.h"
#include "io/keras.h"
#include "io/zip.h"

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
                             : name != NULL && strpbrk(name, ":/") == NULL;
    mem_free(backend);
    mem_free(name);
    return theano;
}

/* What is in a zip archive of Keras 3, and how far we read it. */
#define MODEL_LIMIT   ((size_t)4 << 30)
#define ARCHIVE_MODEL "config.json"
#define ARCHIVE_FACTS "metadata.json"

static enum err_code parse_member(const struct zip *z, const char *name,
                                  json_t **out, struct err *err)
{
    char *text;
    size_t n;

    if (zip_read(z, name, &text, &n, err) != ERR_OK)
        return err->code;
    *out = keras_json(text, n, name, err);
    mem_block_free(text);
    return *out != NULL ? ERR_OK : err->code;
}

static enum err_code open_members(const struct zip *z, struct keras_source *s,
                                  struct err *err)
{
    json_t *facts = NULL;
    const char *version;
    char *bytes;
    size_t n;

    if (parse_member(z, ARCHIVE_MODEL, &s->model, err) != ERR_OK ||
        parse_member(z, ARCHIVE_FACTS, &facts, err) != ERR_OK)
        return err->code;
    version = keras_text(facts, "keras_version");
    s->version = version != NULL && version[0] == '2' ? 2 : 3;
    json_decref(facts);
    s->by_vars = true;
    if (zip_read(z, "model.weights.h5", &bytes, &n, err) != ERR_OK)
        return err->code;
    s->file = h5_open_bytes(bytes, n, s->path, err);
    mem_block_free(bytes);
    if (s->file < 0)
        return err->code;
    s->root = H5Gopen2(s->file, "/", H5P_DEFAULT);
    return ERR_OK;
}

static enum err_code open_archive(struct keras_source *s, struct err *err)
{
    struct zip z;
    enum err_code code;

    if (zip_open(s->path, MODEL_LIMIT, &z, err) != ERR_OK)
        return err->code;
    if (zip_has(&z, "coefficients.bin"))
        code = err_set(err, ERR_UNSUPPORTED,
                       "a network of Deeplearning4j; one saved by Keras was"
                       " expected");
    else if (!zip_has(&z, ARCHIVE_MODEL))
        code = err_set(err, ERR_UNSUPPORTED,
                       "a zip archive without %s; one saved by Keras as .keras"
                       " was expected",
                       ARCHIVE_MODEL);
    else
        code = open_members(&z, s, err);
    zip_close(&z);
    return code;
}

/* Bytes of path up to its ending, and up to the word that says weights. */
static int stem_length(const char *path)
{
    static const char *const words[] = {"_weights", ".weights", "-weights"};
    const char *base = file_base(path), *dot = strrchr(base, '.');
    int len = (int)((dot != NULL ? dot : base + strlen(base)) - path), k;

    for (k = 0; k < 3; k++) {
        int n = (int)strlen(words[k]);

        if (len - (int)(base - path) > n &&
            strncmp(path + len - n, words[k], (size_t)n) == 0)
            return len - n;
    }
    return len;
}

/* Returns new: a file beside path that may hold the architecture, the i-th
 * guess; NULL past the last. */
static char *companion(const char *path, int i)
{
    static const char *const endings[] = {".json", "_architecture.json",
                                          "_config.json", "_model.json"};
    static const char *const others[] = {"config.json", "model.json"};

    if (i < 4)
        return mem_printf("%.*s%s", stem_length(path), path, endings[i]);
    if (i < 6)
        return mem_printf("%.*s%s", (int)(file_base(path) - path), path,
                          others[i - 4]);
    return NULL;
}

static enum err_code read_json(const char *path, json_t **out, struct err *err)
{
    struct str text = {0};
    enum err_code code = text_load(path, &text, err);

    if (code == ERR_OK) {
        *out =
            keras_json(text.text != NULL ? text.text : "", text.len, path, err);
        code = *out != NULL ? ERR_OK : err->code;
    }
    str_done(&text);
    return code;
}

/* The architecture of a whole Keras file, given for the weights of another. */
static enum err_code read_model_of(const char *path, json_t **out,
                                   struct err *err)
{
    struct keras_source other;

    if (keras_open(path, NULL, &other, err) != ERR_OK)
        return err->code;
    *out = json_incref(other.model);
    keras_close(&other);
    if (*out == NULL)
        return err_set(err, ERR_UNSUPPORTED,
                       "\"%s\" holds no architecture either", path);
    return ERR_OK;
}

static bool is_json(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot != NULL && strcmp(dot, ".json") == 0;
}

static enum err_code find_model(struct keras_source *s, const char *model,
                                struct err *err)
{
    enum err_code code = ERR_OK;
    char *path;
    int i;

    if (model != NULL)
        return is_json(model) ? read_json(model, &s->model, err)
                              : read_model_of(model, &s->model, err);
    for (i = 0; s->model == NULL && code == ERR_OK; i++) {
        path = companion(s->path, i);
        if (path == NULL)
            break;
        if (access(path, R_OK) == 0) {
            code = read_json(path, &s->model, err);
            str_addf(&s->notes, "architecture from \"%s\"\n", path);
        }
        mem_free(path);
    }
    return code;
}

static enum err_code open_whole(struct keras_source *s, struct err *err)
{
    s->config_text = h5_attr_text(s->file, "model_config");
    if (s->config_text == NULL)
        return err_set(err, ERR_FORMAT, "model_config is no text");
    s->model =
        keras_json(s->config_text, strlen(s->config_text), "model_config", err);
    if (s->model == NULL)
        return err->code;
    s->root = h5_has(s->file, "model_weights")
                  ? H5Gopen2(s->file, "model_weights", H5P_DEFAULT)
                  : -1;
    if (s->root < 0)
        return err_set(err, ERR_FORMAT,
                       "it has an architecture but no weights: there is no"
                       " group model_weights");
    return ERR_OK;
}

static enum err_code open_hdf5(struct keras_source *s, const char *model,
                               struct err *err)
{
    enum h5_kind kind;

    s->file = h5_open(s->path, err);
    if (s->file < 0)
        return err->code;
    kind = detect_root(s->file);
    if (kind == H5_KERAS) {
        if (open_whole(s, err) != ERR_OK)
            return err->code;
    } else if (kind == H5_KERAS_WEIGHTS || kind == H5_KERAS3_WEIGHTS) {
        s->root = H5Gopen2(s->file, "/", H5P_DEFAULT);
        s->by_vars = kind == H5_KERAS3_WEIGHTS;
        if (find_model(s, model, err) != ERR_OK)
            return err->code;
    } else {
        return err_set(err, ERR_UNSUPPORTED,
                       "it is %s; a network with its architecture"
                       " (model_config) was expected",
                       detect_root_text(kind));
    }
    s->version = s->by_vars ? 3 : version_of(s->file, s->root);
    s->theano = !s->by_vars && is_theano(s);
    if (s->theano)
        str_add(&s->notes, "saved with Theano: kernels are turned round\n");
    s->optimizer = optimizer_bytes(s->file);
    return ERR_OK;
}

enum err_code keras_open(const char *path, const char *model,
                         struct keras_source *s, struct err *err)
{
    enum file_kind kind;
    struct keras_source o = {.path = path, .file = -1, .root = -1};
    enum err_code code = detect_file(path, &kind, err);

    if (code == ERR_OK && kind == FILE_PACK)
        code = err_set(err, ERR_FORMAT,
                       "a packed net, where a Keras file was expected");
    if (code == ERR_OK)
        code = kind == FILE_ZIP ? open_archive(&o, err)
                                : open_hdf5(&o, model, err);
    if (code != ERR_OK) {
        keras_close(&o);
        if (strstr(err->msg, path) == NULL)
            err_context(err, "\"%s\"", path);
        return err->code;
    }
    *s = o;
    return ERR_OK;
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
