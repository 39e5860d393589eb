#include "io/net_quant.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* A list of n numbers. */
static herr_t put_list(hid_t group, const char *name, hid_t disk, hid_t memory,
                       int n, const void *data)
{
    hsize_t dim = (hsize_t)n;

    return h5_put_array(group, name, disk, memory, 1, &dim, NULL, data);
}

/* An array of p's shape. */
static herr_t put_like(hid_t group, const char *name, const struct param *p,
                       hid_t disk, hid_t memory, const void *data)
{
    hsize_t dim[H5_RANK_MAX];
    int i;

    for (i = 0; i < p->def.shape.rank; i++)
        dim[i] = (hsize_t)p->def.shape.dim[i];
    return h5_put_array(group, name, disk, memory, p->def.shape.rank, dim, NULL,
                        data);
}

static hid_t make_group(hid_t own, const char *what, const char *layer,
                        const struct param *p)
{
    char *path = mem_printf("%s/%s/%s", what, layer, p->name);
    hid_t H5_AUTO link = H5Pcreate(H5P_LINK_CREATE);
    hid_t group;

    (void)H5Pset_create_intermediate_group(link, true);
    group = H5Gcreate2(own, path, link, H5P_DEFAULT, H5P_DEFAULT);
    mem_free(path);
    return group;
}

static herr_t put_book(hid_t own, const char *layer, const struct param *p)
{
    const struct codebook *b = p->book;
    hid_t H5_AUTO group = make_group(own, "codebooks", layer, p);
    herr_t good = group < 0 ? -1 : 0;

    if (good >= 0)
        good = put_list(group, "centroids", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT,
                        b->k, b->centroid + 1);
    if (good >= 0)
        good = h5_put_int(group, "group", b->group);
    if (good >= 0)
        good = put_like(group, "codes", p,
                        b->k < 256 ? H5T_STD_U8LE : H5T_STD_U16LE,
                        H5T_NATIVE_UINT16, b->code);
    return good;
}

static herr_t put_grid(hid_t own, const char *layer, const struct param *p)
{
    const struct grid *g = p->grid;
    hid_t H5_AUTO group = make_group(own, "grids", layer, p);
    herr_t good = group < 0 ? -1 : 0;

    if (good >= 0)
        good = h5_put_text(group, "kind", grid_kind_name(g->kind));
    if (good >= 0)
        good = h5_put_int(group, "bits", g->bits);
    if (good >= 0)
        good = h5_put_int(group, "fixed", g->fixed);
    if (good >= 0 && g->channels > 0)
        good = put_list(group, "scales", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT,
                        g->channels, g->scale);
    if (good >= 0 && g->channels > 0)
        good = put_list(group, "zeros", H5T_STD_I32LE, H5T_NATIVE_INT32,
                        g->channels, g->zero);
    if (good >= 0 && g->latent != NULL)
        good = put_like(group, "latent", p, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT,
                        g->latent);
    return good;
}

herr_t quant_put(hid_t own, const char *layer, const struct param *p)
{
    if (p->book != NULL)
        return put_book(own, layer, p);
    return p->grid != NULL ? put_grid(own, layer, p) : 0;
}

herr_t quant_put_moment(hid_t own, const char *path, const struct param *p,
                        int m)
{
    const struct codebook *b = p->book;

    if (b == NULL || b->moment[m] == NULL)
        return 0;
    return put_list(own, path, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, b->k,
                    b->moment[m] + 1);
}

/* Opens group/name, whose element count must be least..most numbers. */
static enum err_code open_numbers(hid_t group, const char *name, size_t least,
                                  size_t most, struct h5_array *a,
                                  struct err *err)
{
    if (!h5_array_open(group, name, a, err))
        return err->code;
    if ((a->class == H5_REAL || a->class == H5_INTEGER) && a->count >= least &&
        a->count <= most && h5_array_readable(a, name, err) == ERR_OK)
        return ERR_OK;
    if (a->count < least || a->count > most)
        err_set(err, ERR_SHAPE,
                "\"%s\" has %zu elements; %zu to %zu make sense", name,
                a->count, least, most);
    else if (a->class != H5_REAL && a->class != H5_INTEGER)
        err_set(err, ERR_FORMAT, "\"%s\" is no array of numbers", name);
    h5_array_close(a);
    return err->code;
}

/* Reads n numbers. */
static enum err_code read_numbers(hid_t group, const char *name, size_t n,
                                  hid_t type, void *to, struct err *err)
{
    struct h5_array a;
    enum err_code code;

    if (open_numbers(group, name, n, n, &a, err) != ERR_OK)
        return err->code;
    code = h5_array_read(&a, name, type, to, err);
    h5_array_close(&a);
    return code;
}

/* How many numbers group/name has, least..most. */
static enum err_code count_numbers(hid_t group, const char *name, size_t least,
                                   size_t most, int *count, struct err *err)
{
    struct h5_array a;

    if (open_numbers(group, name, least, most, &a, err) != ERR_OK)
        return err->code;
    *count = (int)a.count;
    h5_array_close(&a);
    return ERR_OK;
}

static bool finite_list(const float *x, int n)
{
    int i;

    for (i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return false;
    }
    return true;
}

static bool same_bits(const float *a, const float *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Codes point to centroids that are the weights; code 0 is a pruned one. */
static enum err_code check_book(const struct codebook *b, const struct param *p,
                                struct err *err)
{
    size_t i;

    if (!finite_list(b->centroid, b->k + 1))
        return err_set(err, ERR_FORMAT, "a centroid is not finite");
    for (i = 0; i < p->count; i++) {
        bool pruned = p->mask != NULL && p->mask[i] == 0;

        if (b->code[i] > b->k)
            return err_set(err, ERR_FORMAT, "code %u of %d, at weight %zu",
                           b->code[i], b->k, i);
        if ((b->code[i] == 0) != pruned)
            return err_set(err, ERR_FORMAT,
                           "code 0 and being pruned do not go together at "
                           "weight %zu",
                           i);
        if (!same_bits(&b->centroid[b->code[i]], &p->value[i]))
            return err_set(err, ERR_FORMAT, "weight %zu is not its centroid",
                           i);
    }
    return ERR_OK;
}

static enum err_code read_book(hid_t group, struct param *p, struct err *err)
{
    struct codebook *b;
    double number = 0.0;
    int k = 0;

    if (count_numbers(group, "centroids", 1, CODEBOOK_MAX, &k, err) != ERR_OK)
        return err->code;
    b = codebook_new(k, p->count, err);
    if (b == NULL)
        return err->code;
    if (h5_attr_real(group, "group", &number) && number >= 0.0 &&
        number <= (double)CODEBOOK_MAX)
        b->group = (int)number;
    if (read_numbers(group, "centroids", (size_t)k, H5T_NATIVE_FLOAT,
                     b->centroid + 1, err) != ERR_OK ||
        read_numbers(group, "codes", p->count, H5T_NATIVE_UINT16, b->code,
                     err) != ERR_OK ||
        check_book(b, p, err) != ERR_OK) {
        codebook_free(b);
        return err->code;
    }
    param_bind(p, b, NULL);
    return ERR_OK;
}

static enum err_code check_scales(const struct grid *g, struct err *err)
{
    int c;

    for (c = 0; c < g->channels; c++) {
        if (!(isfinite(g->scale[c]) && g->scale[c] > 0.0f))
            return err_set(err, ERR_FORMAT, "scale %d is %g", c,
                           (double)g->scale[c]);
        if (g->zero[c] < grid_least(g) || g->zero[c] > grid_most(g) ||
            (g->kind == GRID_SYMMETRIC && g->zero[c] != 0))
            return err_set(err, ERR_FORMAT, "zero point %d is %d", c,
                           (int)g->zero[c]);
    }
    return ERR_OK;
}

static enum err_code check_values(const struct grid *g, const struct param *p,
                                  struct err *err)
{
    size_t i;

    for (i = 0; i < p->count; i++) {
        if (!grid_holds(g, p->value[i], i))
            return err_set(err, ERR_FORMAT, "weight %zu is not on its grid", i);
    }
    return ERR_OK;
}

/* Kind, bits and number of scales fit one another; the grid is still empty. */
static struct grid *make_grid(hid_t group, const struct param *p,
                              struct err *err)
{
    char *name = h5_attr_text(group, "kind");
    int last = p->def.shape.dim[p->def.shape.rank - 1];
    int kind = 0, channels = 0;
    double bits = 0.0;
    bool half;

    while (name != NULL && kind < GRID_KINDS &&
           strcmp(name, grid_kind_name((enum grid_kind)kind)) != 0)
        kind++;
    half = kind >= GRID_FP16;
    if (name == NULL || kind == GRID_KINDS ||
        !h5_attr_real(group, "bits", &bits) || bits != floor(bits) ||
        (half ? bits != 16.0 : !(bits >= 2.0 && bits <= 8.0))) {
        err_set(err, ERR_FORMAT, "a grid \"%s\" of %g bits",
                name == NULL ? "" : name, bits);
        mem_free(name);
        return NULL;
    }
    mem_free(name);
    if (!half && count_numbers(group, "scales", 1, (size_t)last, &channels,
                               err) != ERR_OK)
        return NULL;
    if (channels > 1 && channels != last) {
        err_set(err, ERR_SHAPE, "%d scales for %d channels", channels, last);
        return NULL;
    }
    return grid_new((enum grid_kind)kind, (int)bits, channels, p->count, err);
}

static enum err_code fill_grid(hid_t group, struct grid *g,
                               const struct param *p, struct err *err)
{
    size_t n = (size_t)g->channels;
    double fixed = 0.0;

    g->fixed = h5_attr_real(group, "fixed", &fixed) && fixed != 0.0;
    if (n > 0 && (read_numbers(group, "scales", n, H5T_NATIVE_FLOAT, g->scale,
                               err) != ERR_OK ||
                  read_numbers(group, "zeros", n, H5T_NATIVE_INT32, g->zero,
                               err) != ERR_OK))
        return err->code;
    if (check_scales(g, err) != ERR_OK || check_values(g, p, err) != ERR_OK)
        return err->code;
    if (!h5_has(group, "latent"))
        return ERR_OK;
    g->latent = mem_block_array(p->count, sizeof(float), "latent weights", err);
    if (g->latent == NULL)
        return err->code;
    return read_numbers(group, "latent", p->count, H5T_NATIVE_FLOAT, g->latent,
                        err);
}

static enum err_code read_grid(hid_t group, struct param *p, struct err *err)
{
    struct grid *g = make_grid(group, p, err);

    if (g == NULL)
        return err->code;
    if (fill_grid(group, g, p, err) != ERR_OK) {
        grid_free(g);
        return err->code;
    }
    param_bind(p, NULL, g);
    return ERR_OK;
}

enum err_code quant_read(hid_t own, const char *layer, struct param *p,
                         struct err *err)
{
    char *book = mem_printf("codebooks/%s/%s", layer, p->name);
    char *grid = mem_printf("grids/%s/%s", layer, p->name);
    bool has_book = h5_has(own, book), has_grid = h5_has(own, grid);
    const char *path = has_book ? book : grid;
    enum err_code code = ERR_OK;

    if (has_book && has_grid)
        code = err_set(err, ERR_FORMAT, "both a codebook and a grid");
    else if (has_book || has_grid) {
        hid_t H5_AUTO group = H5Gopen2(own, path, H5P_DEFAULT);

        if (group < 0)
            code = h5_fail(err, ERR_FORMAT, "no group");
        else
            code =
                has_book ? read_book(group, p, err) : read_grid(group, p, err);
    }
    if (code != ERR_OK)
        code = err_context(err, "\"%s\"", path);
    mem_free(book);
    mem_free(grid);
    return code;
}

/* Against the first of its group. */
static enum err_code check_group(const struct net *net, const struct node *node,
                                 const struct codebook *b, struct err *err)
{
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct codebook *a = net->node[i].param[k].book;

            if (a == NULL || a->group != b->group)
                continue;
            if (a->k == b->k && memcmp(a->centroid, b->centroid,
                                       ((size_t)b->k + 1) * sizeof(float)) == 0)
                return ERR_OK;
            return err_set(err, ERR_FORMAT,
                           "layers \"%s\" and \"%s\" should have the same "
                           "centroids",
                           net->node[i].name, node->name);
        }
    }
    return ERR_OK;
}

enum err_code quant_check_groups(const struct net *net, struct err *err)
{
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct codebook *b = net->node[i].param[k].book;

            if (b != NULL && b->group > 0 &&
                check_group(net, &net->node[i], b, err) != ERR_OK)
                return err->code;
        }
    }
    return ERR_OK;
}

enum err_code quant_read_moment(hid_t own, const char *path, struct param *p,
                                int m, struct err *err)
{
    struct codebook *b = p->book;

    if (b == NULL || b->moment[m] == NULL || !h5_has(own, path))
        return ERR_OK;
    return read_numbers(own, path, (size_t)b->k, H5T_NATIVE_FLOAT,
                        b->moment[m] + 1, err);
}
