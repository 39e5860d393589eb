#include "engine/pack_file.h"

#include <unistd.h>

#include "base/rng.h"
#include "io/detect.h"
#include "io/file.h"
#include "net/exec.h"
#include "net/fake.h"

#define FILE_MOST ((size_t)1 << 33)
#define SAMPLES   16
/* Bytes of values up to which a second net is read to compare logits.  Beyond,
 * it would not fit beside the first; and logits are a function of the bits of
 * the graph and values, which are compared in any case. */
#define SECOND_MOST ((size_t)64 << 20)

/* Inputs that are functions of their place, and the outputs of all samples. */
struct probe {
    const struct net *net;
    float *y; /* outputs one after the other, (SAMPLES, output) each */
};

static void probe_fill(void *arg, int first, int n, float *x)
{
    const struct probe *p = arg;
    size_t each = shape_count(&p->net->input), i;
    int s;

    for (s = 0; s < n; s++) {
        struct rng rng = rng_at(7, RNG_TEST, 0, (uint64_t)(first + s));

        for (i = 0; i < each; i++)
            *x++ = rng_float(&rng);
    }
}

static double probe_head(void *arg, int shard, int first, int n,
                         const float *const *y, float *const *dy)
{
    const struct probe *p = arg;
    float *to = p->y;
    int o;

    (void)shard;
    (void)dy;
    for (o = 0; o < p->net->output_count; o++) {
        size_t each = shape_count(&p->net->node[p->net->output[o]].out);

        memcpy(to + (size_t)first * each, y[o], (size_t)n * each * sizeof(*to));
        to += SAMPLES * each;
    }
    return 0;
}

static size_t output_values(const struct net *net)
{
    size_t n = 0;
    int o;

    for (o = 0; o < net->output_count; o++)
        n += SAMPLES * shape_count(&net->node[net->output[o]].out);
    return n;
}

static enum err_code run_probe(struct net *net, struct pool *pool, float *y,
                               struct err *err)
{
    struct probe probe = {net, y};
    struct exec_hooks hooks = {probe_fill, probe_head, &probe};
    struct exec *e = exec_new(net, SAMPLES, EXEC_EVAL, pool, err);

    if (e == NULL)
        return err->code;
    (void)exec_run(e, PASS_EVAL, false, SAMPLES, 0, 0, &hooks);
    exec_free(e);
    return ERR_OK;
}

enum err_code pack_same_logits(struct net *a, struct net *b, struct pool *pool,
                               bool *same, struct err *err)
{
    size_t n = output_values(a);
    float *ya, *yb;
    enum err_code code;

    if (!net_same_graph(a, b)) {
        *same = false;
        return ERR_OK;
    }
    ya = mem_block_array(2 * n, sizeof(*ya), "outputs", err);
    if (ya == NULL)
        return err->code;
    yb = ya + n;
    code = run_probe(a, pool, ya, err);
    if (code == ERR_OK)
        code = run_probe(b, pool, yb, err);
    if (code == ERR_OK)
        *same = memcmp(ya, yb, n * sizeof(*ya)) == 0;
    mem_block_free(ya);
    return code;
}

static enum err_code load_bytes(const char *path, struct bytes *out,
                                struct err *err)
{
    char *at;
    enum err_code code = file_load(path, FILE_MOST, &at, &out->len, err);

    if (code == ERR_OK)
        out->at = (uint8_t *)at;
    return code;
}

/* What lies in the file now against the net that was to go there. */
static enum err_code read_back(const char *path, struct net *net,
                               struct pool *pool, struct err *err)
{
    struct bytes file = {0};
    struct net *back = NULL;
    enum err_code code = load_bytes(path, &file, err);
    bool second = net->value_count * sizeof(float) <= SECOND_MOST;
    bool same = !second;

    if (code != ERR_OK)
        return code;
    code = pack_check(file.at, file.len, net, err);
    if (code == ERR_OK && second)
        code = pack_read(file.at, file.len, net->name, &back, err);
    bytes_done(&file);
    if (code == ERR_OK && second)
        code = pack_same_logits(net, back, pool, &same, err);
    net_free(back);
    if (code == ERR_OK && !same)
        code = err_set(err, ERR_FORMAT, "its logits differ");
    return code == ERR_OK ? code : err_context(err, "reading '%s' back", path);
}

#define TRIAL ".trial"

/* The user asked for the file without that end. */
static void forget_trial(struct err *err)
{
    char *end = strstr(err->msg, TRIAL "\"");

    if (end != NULL)
        memmove(end, end + strlen(TRIAL), strlen(end + strlen(TRIAL)) + 1);
}

/* Under another name first, so that what does not stand the comparison never
 * replaces what was there. */
static enum err_code write_and_compare(const char *path,
                                       const struct bytes *file,
                                       struct net *net, struct pool *pool,
                                       struct err *err)
{
    char *trial = mem_printf("%s" TRIAL, path);
    enum err_code code = file_replace(trial, file->at, file->len, err);

    if (code == ERR_OK) {
        code = read_back(trial, net, pool, err);
        (void)unlink(trial);
    } else {
        forget_trial(err);
    }
    mem_free(trial);
    return code == ERR_OK ? file_replace(path, file->at, file->len, err) : code;
}

enum err_code pack_file_save(const char *path, struct net *net,
                             enum pack_coder coder, struct pool *pool,
                             const struct progress *progress,
                             struct pack_ledger *ledger, struct err *err)
{
    struct bytes file = {0};
    struct pack_ledger l = {0};
    enum err_code code = pack_write(net, coder, &file, &l, progress, err);

    if (code == ERR_OK)
        code = write_and_compare(path, &file, net, pool, err);
    bytes_done(&file);
    if (code == ERR_OK)
        *ledger = l;
    else
        pack_ledger_done(&l);
    return code;
}

bool pack_file_is(const char *path)
{
    char head[PACK_MAGIC_BYTES];
    size_t got;
    struct err ignored;

    return file_head(path, head, sizeof(head), &got, NULL, &ignored) ==
               ERR_OK &&
           got == sizeof(head) && memcmp(head, PACK_MAGIC, sizeof(head)) == 0;
}

enum err_code pack_file_load(const char *path, struct net **out,
                             struct err *err)
{
    struct bytes file = {0};
    char *name;
    enum err_code code = load_bytes(path, &file, err);

    if (code != ERR_OK)
        return code;
    name = file_stem(path);
    code = pack_read(file.at, file.len, name, out, err);
    mem_free(name);
    bytes_done(&file);
    return code == ERR_OK ? code : err_context(err, "\"%s\"", path);
}

/* A column of n bytes; "-" for none. */
static void print_bytes(struct str *out, int width, size_t n)
{
    char text[32];

    str_addf(out, " %*s", width,
             n == 0 ? "-" : str_commas((long long)n, text, sizeof(text)));
}

static void print_part(const struct pack_part *p, const char *name,
                       struct str *out)
{
    size_t all = pack_part_bytes(p);

    str_addf(out, "%-14.14s", name);
    print_bytes(out, 9, p->alive);
    print_bytes(out, 9, p->places);
    print_bytes(out, 9, p->values);
    print_bytes(out, 6, p->codebook);
    print_bytes(out, 6, p->tables);
    print_bytes(out, 9, all);
    str_addf(out, " %6.3f", 8.0 * (double)all / (double)p->weights);
    if (p->entropy > 0)
        str_addf(out, " %5.3f", p->entropy / (double)p->weights);
    str_add(out, "\n");
}

static void print_rest(struct str *out, const char *what, size_t n)
{
    str_addf(out, "%-56s", what);
    print_bytes(out, 9, n);
    str_add(out, "\n");
}

static char *name_of(const struct pack_part *p)
{
    return mem_printf("%s %s", p->layer, p->name);
}

static void print_methods(const struct pack_ledger *l, struct str *out)
{
    int i;

    for (i = 0; i < l->count; i++) {
        char *name = name_of(&l->part[i]);

        str_addf(out, "%-24s by %s\n", name, l->part[i].method);
        mem_free(name);
    }
}

void pack_ledger_print(const struct pack_ledger *l, struct str *out)
{
    struct pack_part sum = {.layer = "all"};
    double dense = 0;
    char text[32];
    int i;

    str_addf(out, "%-14s %9s %9s %9s %6s %6s %9s %6s %5s\n", "bytes of",
             "not zero", "places", "values", "book", "tables", "all", "bits",
             "bound");
    for (i = 0; i < l->count; i++) {
        const struct pack_part *p = &l->part[i];
        char *name = name_of(p);

        print_part(p, name, out);
        mem_free(name);
        sum.weights += p->weights;
        sum.alive += p->alive;
        sum.places += p->places;
        sum.values += p->values;
        sum.codebook += p->codebook;
        sum.tables += p->tables;
        dense += 4.0 * (double)p->weights;
    }
    if (l->count > 0)
        print_part(&sum, "all arrays", out);
    print_rest(out, "architecture", l->architecture);
    print_rest(out, "header and checksum", l->header);
    print_rest(out, "the file", l->total);
    str_addf(out, "dense float32: %s bytes, %.1f times as much\n",
             str_commas((long long)dense, text, sizeof(text)),
             dense / (double)l->total);
    print_methods(l, out);
}

static void print_layers(const struct net *net, struct str *out)
{
    int i;

    for (i = 0; i < net->node_count; i++) {
        const struct node *n = &net->node[i];
        char shape[64];

        str_addf(out, "%-20s %-22s %-12s\n", n->name, n->kind->name,
                 shape_text(&n->out, shape, sizeof(shape)));
        if (fake_is(n)) {
            struct fake f = fake_of(n, n->in[0]);

            str_add(out, "  ");
            fake_describe(&f, out);
            str_add(out, "\n");
        }
    }
}

enum err_code pack_file_info(const char *path, struct str *out, struct err *err)
{
    struct bytes file = {0};
    struct net *net = NULL;
    struct pack_ledger l = {0};
    enum err_code code = load_bytes(path, &file, err);
    char size[32];

    if (code == ERR_OK)
        code = pack_read_ledger(file.at, file.len, "net", &net, &l, err);
    if (code == ERR_OK) {
        str_addf(out, "a packed net, %s bytes\n",
                 str_commas((long long)file.len, size, sizeof(size)));
        print_layers(net, out);
        pack_ledger_print(&l, out);
    }
    bytes_done(&file);
    pack_ledger_done(&l);
    net_free(net);
    return code == ERR_OK ? code : err_context(err, "\"%s\"", path);
}
