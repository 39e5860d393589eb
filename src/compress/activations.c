#include "compress/activations.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/spec.h"

#define PICTURE_BITS 8

const struct calibrator *activations_calibrator(int bits)
{
    return calibrator_find(bits >= PICTURE_BITS ? "minmax" : "mse");
}

struct activations_request activations_defaults(void)
{
    return (struct activations_request){.bits = 8, .samples = 500};
}

/* By the name of what is quantised, or that of the quantiser. */
static bool is_chosen(const char *layers, const char *name, const char *own)
{
    return layers == NULL || str_match(layers, name) ||
           (own != NULL && str_match(layers, own));
}

static bool is_chosen_place(const struct net *net, const char *layers,
                            int behind, const struct fake *f)
{
    return is_chosen(layers, fake_place_name(net, behind),
                     f != NULL ? f->name : NULL);
}

/* A net without quantisers, those it had, and what is wanted of it.  Arrays
 * have an entry a node, [behind + 1]. */
struct plan {
    struct net *net;
    struct fake_list old, list;
    bool *chosen;
    struct act_range *range; /* as calibrate gives it */
};

static void plan_done(struct plan *p)
{
    net_free(p->net);
    fake_list_done(&p->old);
    fake_list_done(&p->list);
    mem_free(p->chosen);
    mem_free(p->range);
}

static enum err_code refuse(const struct plan *p, const char *layers,
                            struct err *err)
{
    bool *place = mem_array((size_t)p->net->node_count + 1, sizeof(*place));
    struct str names = {0};
    int i;

    fake_places(p->net, place);
    for (i = 0; i <= p->net->node_count; i++) {
        if (place[i])
            str_addf(&names, "%s%s", names.len > 0 ? ", " : "",
                     fake_place_name(p->net, i - 1));
    }
    if (names.len == 0)
        err_set(err, ERR_MISSING, "no layer with weights reads anything");
    else
        err_set(err, ERR_MISSING,
                "no layer with weights reads what \"%s\" gives; they read the "
                "outputs of %s",
                layers, names.text);
    str_done(&names);
    mem_free(place);
    return err->code;
}

/* The places, and quantisers that stand elsewhere, as far as layers says. */
static enum err_code choose(struct plan *p, const char *layers, struct err *err)
{
    bool any = false;
    int i;

    p->chosen = mem_array((size_t)p->net->node_count + 1, sizeof(*p->chosen));
    fake_places(p->net, p->chosen);
    for (i = 0; i <= p->net->node_count; i++) {
        const struct fake *f = fake_list_find(&p->old, i - 1);

        p->chosen[i] = (p->chosen[i] || f != NULL) &&
                       is_chosen_place(p->net, layers, i - 1, f);
        any = any || p->chosen[i];
    }
    return any ? ERR_OK : refuse(p, layers, err);
}

static int bits_at(const struct activations_request *r, int behind)
{
    bool named = r->layers != NULL && str_match(r->layers, SPEC_INPUT);

    return behind == NET_INPUT && !named && r->bits < PICTURE_BITS
               ? PICTURE_BITS
               : r->bits;
}

/* Calibrates; the input's entry is last there. */
static enum err_code see_ranges(struct plan *p,
                                const struct activations_request *r,
                                const struct calibrator *by,
                                const struct dataset *data, struct pool *pool,
                                const struct progress *progress,
                                struct err *err)
{
    int count = p->net->node_count, *bits, i;
    enum err_code code;

    bits = mem_array((size_t)count + 1, sizeof(*bits));
    p->range = mem_array((size_t)count + 1, sizeof(*p->range));
    for (i = 0; i <= count; i++)
        bits[i] = bits_at(r, i < count ? i : NET_INPUT);
    code = calibrate(p->net, data, r->samples, by, bits, pool, progress,
                     p->range, err);
    mem_free(bits);
    return code;
}

static struct fake_quant usual_config(void)
{
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    struct fake_quant f;

    layer_defaults(&fake_quant_layer, config);
    memcpy(&f, config, sizeof(f));
    return f;
}

static void make_list(struct plan *p, const struct activations_request *r,
                      const struct calibrator *by)
{
    int count = p->net->node_count, i;

    for (i = 0; i <= count; i++) {
        const struct fake *old = fake_list_find(&p->old, i - 1);
        const struct act_range *range = &p->range[i > 0 ? i - 1 : count];
        struct fake f = {.behind = i - 1, .config = usual_config()};

        if (!p->chosen[i] && old != NULL)
            fake_list_add(&p->list, old);
        if (!p->chosen[i])
            continue;
        if (old != NULL)
            f = *old;
        f.config.bits = bits_at(r, i - 1);
        f.config.freeze = !by->follows;
        f.low = range->low;
        f.high = range->high;
        fake_list_add(&p->list, &f);
    }
}

/* Quantisers stand in the net as in the list. */
static void tell_all(const struct plan *p, const struct activations_request *r,
                     const struct net *net)
{
    int i, k = 0;

    for (i = 0; r->tell != NULL && i < net->node_count; i++) {
        if (!fake_is(&net->node[i]))
            continue;
        if (p->chosen[p->list.item[k].behind + 1])
            r->tell(r->arg, net->node[i].name, &p->list.item[k]);
        k++;
    }
}

enum err_code activations_quantise(const struct net *net,
                                   const struct activations_request *r,
                                   const struct dataset *data,
                                   struct pool *pool,
                                   const struct progress *progress,
                                   struct net **out, struct err *err)
{
    const struct calibrator *by =
        r->by != NULL ? r->by : activations_calibrator(r->bits);
    struct plan p = {0};
    enum err_code code;

    p.net = fake_strip(net, &p.old, err);
    code = p.net == NULL ? err->code : choose(&p, r->layers, err);
    if (code == ERR_OK)
        code = see_ranges(&p, r, by, data, pool, progress, err);
    if (code == ERR_OK) {
        make_list(&p, r, by);
        *out = fake_insert(p.net, &p.list, err);
        code = *out == NULL ? err->code : ERR_OK;
    }
    if (code == ERR_OK)
        tell_all(&p, r, *out);
    plan_done(&p);
    return code;
}

enum err_code activations_release(const struct net *net, const char *layers,
                                  struct net **out, struct err *err)
{
    struct plan p = {0};
    enum err_code code = ERR_OK;
    int i;

    p.net = fake_strip(net, &p.old, err);
    if (p.net == NULL)
        code = err->code;
    for (i = 0; code == ERR_OK && i < p.old.count; i++) {
        const struct fake *f = &p.old.item[i];

        if (!is_chosen_place(p.net, layers, f->behind, f))
            fake_list_add(&p.list, f);
    }
    if (code == ERR_OK && p.list.count == p.old.count)
        code =
            err_set(err, ERR_STATE, "no activation%s%s is quantised",
                    layers == NULL ? "" : " of ", layers == NULL ? "" : layers);
    if (code == ERR_OK) {
        *out = fake_insert(p.net, &p.list, err);
        code = *out == NULL ? err->code : ERR_OK;
    }
    plan_done(&p);
    return code;
}

int activations_freeze(struct net *net, const char *layers, bool freeze)
{
    int i, count = 0;

    for (i = 0; i < net->node_count; i++) {
        struct node *node = &net->node[i];
        struct fake_quant *f = (struct fake_quant *)(void *)node->config;

        if (!fake_is(node) ||
            !is_chosen(layers, fake_place_name(net, i), node->name))
            continue;
        f->freeze = freeze;
        count++;
    }
    return count;
}
