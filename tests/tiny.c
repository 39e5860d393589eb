#include "tiny.h"

#include "base/mem.h"
#include "base/rng.h"
#include "io/io.h"

#define SIDE    8
#define PIXELS  (SIDE * SIDE)
#define CLASSES 4

/* A bright quarter of the picture tells the class; noise hides it a little. */
static enum err_code fill(struct samples *s, int n, uint64_t stream,
                          struct err *err)
{
    struct rng r = rng_at(7, RNG_TEST, stream, 0);
    int i, p;

    s->n = n;
    s->u8 = mem_block_array((size_t)n, PIXELS, "pictures", err);
    s->label = mem_block_array((size_t)n, sizeof(int32_t), "labels", err);
    if (s->u8 == NULL || s->label == NULL)
        return err->code;
    for (i = 0; i < n; i++) {
        s->label[i] = i % CLASSES;
        for (p = 0; p < PIXELS; p++) {
            int quarter = (p / SIDE >= SIDE / 2) * 2 + (p % SIDE >= SIDE / 2);
            uint32_t base = quarter == s->label[i] ? 60 : 0;

            s->u8[i * PIXELS + p] = (uint8_t)(base + rng_below(&r, 180));
        }
    }
    return ERR_OK;
}

void tiny_data(void *const *state)
{
    struct dataset *d = mem_zalloc(sizeof(*d));
    const long long dims[3] = {SIDE, SIDE, 1};
    struct err err;

    d->name = mem_strdup("tiny");
    d->classes = CLASSES;
    d->scale = 1.0f / 255.0f;
    assert_ok(shape_make(&d->shape, 3, dims, &err));
    assert_ok(fill(&d->train, 400, 1, &err));
    assert_ok(fill(&d->test, 100, 2, &err));
    assert_ok(data_save(support_path(state, "tiny.h5"), d, &err));
    dataset_free(d);
}

static void hear(void *arg, enum log_kind kind, const char *text)
{
    static const char *const heads[] = {
        [LOG_COMMAND] = "> ", [LOG_RESULT] = "  ", [LOG_NOTE] = "- ",
        [LOG_ASIDE] = "- ",   [LOG_ERROR] = "! ",  [LOG_SAY] = "\" "};
    struct tiny *t = arg;

    str_addf(&t->said, "%s%s\n", heads[kind], text);
}

static void read_json(void *arg, const char *object)
{
    struct tiny *t = arg;

    str_addf(&t->json, "%s\n", object);
}

void tiny_open(struct tiny *t, struct engine_options o)
{
    struct err err;

    o.say = hear;
    o.json = read_json;
    o.arg = t;
    if (o.threads == 0)
        o.threads = 2;
    t->engine = engine_new(&o, &err);
    if (t->engine == NULL)
        fail_msg("engine_new: %s", err.msg);
}

void tiny_close(struct tiny *t)
{
    engine_free(t->engine);
    t->engine = NULL;
    str_done(&t->said);
    str_done(&t->json);
}

void tiny_do(struct tiny *t, const char *line)
{
    struct err err;

    if (engine_do(t->engine, line, &err) != ERR_OK)
        fail_msg("%s: %s", line, err.msg);
}

void tiny_refuse(struct tiny *t, const char *line, enum err_code code,
                 const char *text)
{
    struct err err;

    if (engine_do(t->engine, line, &err) == ERR_OK)
        fail_msg("\"%s\" was not refused", line);
    if (err.code != code || strstr(err.msg, text) == NULL)
        fail_msg("\"%s\": refused with \"%s\" (%s)", line, err.msg,
                 err_kind(err.code));
}

void tiny_begin(struct tiny *t, void *const *state)
{
    struct str line = {0};

    str_addf(&line, "data %s validation=100; " TINY_NET,
             support_path(state, "tiny.h5"));
    tiny_do(t, line.text);
    str_done(&line);
}

char *tiny_weights(struct tiny *t, void *const *state, size_t *n)
{
    const char *path = support_path(state, "weights.h5");
    struct str out = {0}, line = {0};
    struct net *net;
    struct param_walk w;
    struct param *p;
    struct err err;

    str_addf(&line, "save %s", path);
    tiny_do(t, line.text);
    assert_ok(net_load(path, &net, NULL, NULL, &err));
    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        str_add_bytes(&out, (const char *)p->value, p->count * sizeof(float));
        if (p->mask != NULL)
            str_add_bytes(&out, (const char *)p->mask, p->count);
    }
    net_free(net);
    str_done(&line);
    *n = out.len;
    return str_take(&out);
}
