/* A net turned into whole numbers. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "compress/integer_op.h"
#include "net/fake.h"

#define BYTE 8 /* bits */

void integer_factor(double factor, int32_t *m0, int *shift)
{
    int exponent;
    double m = frexp(factor, &exponent);
    int64_t whole = llround(ldexp(m, 31));

    if (whole == (int64_t)1 << 31) {
        whole /= 2;
        exponent++;
    }
    *m0 = (int32_t)whole;
    *shift = 31 - exponent;
    if (*shift > 62) { /* nothing is left of any sum */
        *m0 = 0;
        *shift = 62;
    }
    if (*shift < 1) { /* more than any number holds; the clamp sees to it */
        *m0 = INT32_MAX;
        *shift = 1;
    }
}

/* A kind's attribute by its name in a spec; NULL when it has none. */
static const void *attr_of(const struct node *n, const char *name)
{
    int i;

    for (i = 0; i < n->kind->attr_count; i++) {
        if (strcmp(n->kind->attrs[i].name, name) == 0)
            return n->config + n->kind->attrs[i].offset;
    }
    return NULL;
}

static bool is_kind(const struct node *n, const char *name)
{
    return strcmp(n->kind->name, name) == 0;
}

/* The only node that reads this one, or -1. */
static int only_user(const struct net *net, int node)
{
    int user = -1, i, k;

    for (i = node + 1; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].in_count; k++) {
            if (net->node[i].in[k] != node)
                continue;
            if (user >= 0)
                return -1;
            user = i;
        }
    }
    return user;
}

static const struct shape *shape_of(const struct net *net, int node)
{
    return node == NET_INPUT ? &net->input : &net->node[node].out;
}

static struct window window_of(const struct net *net, const struct node *n)
{
    const int *size = attr_of(n, "kernel_size");
    const enum padding *padding = attr_of(n, "padding");
    const struct shape *in = shape_of(net, n->in[0]);

    if (padding == NULL) /* one window over all */
        return window_make(in,
                           &(struct window_spec){.size = in->dim,
                                                 .stride = (const int[]){1, 1},
                                                 .step = (const int[]){1, 1}});
    return window_make(
        in, &(struct window_spec){
                .size = size != NULL ? size : attr_of(n, "pool_size"),
                .stride = attr_of(n, "strides"),
                .step = attr_of(n, "dilation_rate"),
                .same = *padding == PADDING_SAME});
}

static bool is_norm(const struct node *n)
{
    return is_kind(n, "batch_norm");
}

/* The batch norm whose factors and offsets are done by product `number`, as it
 * is all that reads the product; -1: none. */
static int norm_of(const struct net *net, int number)
{
    int user = only_user(net, number);

    return user >= 0 && is_norm(&net->node[user]) ? user : -1;
}

static enum err_code refuse(const struct node *n, struct err *err)
{
    if (is_norm(n))
        return err_set(err, ERR_UNSUPPORTED,
                       "layer \"%s\" (batch_norm) has no form in whole numbers "
                       "here: it has to stand directly behind a dense layer or "
                       "a convolution that nothing else reads",
                       n->name);
    return err_set(err, ERR_UNSUPPORTED,
                   "layer \"%s\" (%s) has no form in whole numbers here",
                   n->name, n->kind->name);
}

static void set_pad(const struct net *net, const struct node *n, struct op *op)
{
    const int *pads = attr_of(n, "padding");

    op->in_shape = *shape_of(net, n->in[0]);
    op->out_shape = n->out;
    op->top = pads[0];
    op->left = pads[2];
}

static enum err_code choose_kind(const struct integer *m, const struct net *net,
                                 int number, struct op *op, struct err *err)
{
    static const struct {
        const char *name;
        enum op_kind kind;
    } rows[] = {{"dense", OP_DENSE},        {"conv2d", OP_CONV},
                {"max_pool2d", OP_MOST},    {"average_pool2d", OP_MEAN},
                {"flatten", OP_VIEW},       {"reshape", OP_VIEW},
                {"dropout", OP_VIEW},       {"relu", OP_CLAMP},
                {"fake_quant", OP_SCALE},   {"batch_norm", OP_VIEW},
                {"zero_padding2d", OP_PAD}, {"global_average_pool2d", OP_MEAN}};
    const struct node *n = &net->node[number];
    const int *groups = attr_of(n, "groups");
    size_t i;

    op->in = n->in_count > 0 ? n->in[0] : NET_INPUT;
    op->out_count = shape_count(&n->out);
    if (number == net_softmax_of(net, 0)) {
        op->kind = OP_VIEW;
        return ERR_OK;
    }
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (is_kind(n, rows[i].name))
            break;
    }
    if (i == sizeof(rows) / sizeof(rows[0]) || n->in_count != 1 ||
        (groups != NULL && *groups != 1))
        return refuse(n, err);
    if (is_norm(n) && (op->in == NET_INPUT || !op_is_product(&m->op[op->in]) ||
                       norm_of(net, op->in) != number))
        return refuse(n, err);
    op->kind = rows[i].kind;
    if (op->kind == OP_CONV || op->kind == OP_MOST || op->kind == OP_MEAN)
        op->window = window_of(net, n);
    if (op->kind == OP_PAD)
        set_pad(net, n, op);
    return ERR_OK;
}

/* From 0 on, in a byte. */
static struct levels levels_of_range(bool symmetric, int bits,
                                     const struct act_range *r)
{
    struct levels l =
        levels_of(symmetric, bits < BYTE ? bits : BYTE, r->low, r->high);

    l.zero -= l.least;
    l.most -= l.least;
    l.least = 0;
    return l;
}

static struct levels levels_of_quantiser(const struct node *node)
{
    const struct fake_quant *f = (const void *)node->config;
    struct act_range r = {*node->param[FAKE_QUANT_LOW].value,
                          *node->param[FAKE_QUANT_HIGH].value};

    return levels_of_range(f->symmetric, f->bits, &r);
}

/* The quantiser that is all that sees what node gives, but for what can as well
 * be done with its numbers; NULL when there is none. */
static const struct node *quantiser_behind(const struct integer *m,
                                           const struct net *net, int node)
{
    int user = only_user(net, node);

    while (user >= 0 && !fake_is(&net->node[user])) {
        enum op_kind kind = m->op[user].kind;

        if (kind != OP_VIEW && kind != OP_CLAMP && kind != OP_MOST &&
            kind != OP_PAD)
            return NULL;
        user = only_user(net, user);
    }
    return user >= 0 ? &net->node[user] : NULL;
}

/* Of what a product, or the input, gives: those of its quantiser, or for its
 * own range, or that of the batch norm or the relu behind it. */
static struct levels made_levels(const struct integer *m, const struct net *net,
                                 int number, const struct act_range *range)
{
    const struct node *quantiser = quantiser_behind(m, net, number);
    int norm = number == NET_INPUT ? -1 : norm_of(net, number);
    int last = norm >= 0 ? norm : number, user = only_user(net, last);
    const struct act_range *r = &range[last == NET_INPUT ? m->count : last];

    if (quantiser != NULL)
        return levels_of_quantiser(quantiser);
    if (number != NET_INPUT && user >= 0 && m->op[user].kind == OP_CLAMP &&
        !m->op[number].logits)
        r = &range[user];
    return levels_of_range(false, BYTE, r);
}

static bool same_levels(const struct levels *a, const struct levels *b)
{
    return memcmp(&a->scale, &b->scale, sizeof(a->scale)) == 0 &&
           a->zero == b->zero && a->most == b->most;
}

static void set_scale(struct integer *m, const struct net *net, int number)
{
    struct op *op = &m->op[number];
    const struct levels *in = levels_in(m, op->in);
    struct levels *own = &m->act[number];

    *own = levels_of_quantiser(&net->node[number]);
    if (same_levels(in, own)) {
        op->kind = OP_VIEW;
        return;
    }
    op->m0 = mem_array(1, sizeof(*op->m0));
    op->shift = mem_array(1, sizeof(*op->shift));
    integer_factor((double)in->scale / (double)own->scale, op->m0, op->shift);
}

/* The levels of what node gives; of what only moves numbers, those of its
 * input.  Where those begin at 0 they are their own relu. */
static void set_levels(struct integer *m, const struct net *net, int number,
                       const struct act_range *range)
{
    struct op *op = &m->op[number];

    if (op_is_product(op)) {
        m->act[number] = made_levels(m, net, number, range);
        return;
    }
    if (op->kind == OP_SCALE) {
        set_scale(m, net, number);
        return;
    }
    m->act[number] = *levels_in(m, op->in);
    if (op->kind == OP_CLAMP && m->act[number].zero == 0)
        op->kind = OP_VIEW;
}

/* One unit's weights as numbers, and their scale. */
static void round_unit(struct op *op, const struct param *p, int unit)
{
    const struct grid *g = p->grid;
    float most = 0.0f, scale;
    int i;

    if (g != NULL && g->kind == GRID_SYMMETRIC) {
        int channel = g->channels > 1 ? unit : 0;

        op->scale[unit] = g->scale[channel];
        for (i = 0; i < op->inputs; i++)
            op->weight[(size_t)unit * (size_t)op->inputs + (size_t)i] =
                (int8_t)grid_code(
                    g, p->value[(size_t)i * (size_t)op->units + (size_t)unit],
                    channel);
        return;
    }
    for (i = 0; i < op->inputs; i++)
        most = fmaxf(
            most,
            fabsf(p->value[(size_t)i * (size_t)op->units + (size_t)unit]));
    scale = most > 0.0f ? most / 127.0f : 1.0f;
    op->scale[unit] = scale;
    for (i = 0; i < op->inputs; i++)
        op->weight[(size_t)unit * (size_t)op->inputs + (size_t)i] =
            (int8_t)nearbyintf(
                p->value[(size_t)i * (size_t)op->units + (size_t)unit] / scale);
}

/* Of codes 0..most. */
static int bits_of(int most)
{
    int bits = 0;

    while (most >> bits != 0)
        bits++;
    return bits;
}

static int lift_of(const struct levels *x, const struct grid *g)
{
    int bits = g != NULL && g->kind == GRID_SYMMETRIC ? g->bits : BYTE;

    return 2 * BYTE - bits_of(x->most) - bits;
}

static int32_t round_bias(double bias, double scale)
{
    double q = nearbyint(bias / scale);

    return q > 1e9 ? 1000000000 : q < -1e9 ? -1000000000 : (int32_t)q;
}

static const float *value_of(const struct node *n, const char *name)
{
    int i;

    for (i = 0; i < n->param_count; i++) {
        if (strcmp(n->param[i].name, name) == 0)
            return n->param[i].value;
    }
    return NULL;
}

/* What a batch norm does to one channel: x * factor + offset (card Q2). */
struct affine {
    double factor, offset;
};

static struct affine affine_of(const struct node *norm, int channel)
{
    const float *gamma = value_of(norm, "gamma");
    const float *beta = value_of(norm, "beta");
    const float *epsilon = attr_of(norm, "epsilon");
    double variance = (double)value_of(norm, "moving_variance")[channel];
    double mean = (double)value_of(norm, "moving_mean")[channel];
    struct affine a = {.factor = gamma != NULL ? (double)gamma[channel] : 1.0};

    a.factor /= sqrt(variance + (epsilon != NULL ? (double)*epsilon : 0.0));
    a.offset = (beta != NULL ? (double)beta[channel] : 0.0) - mean * a.factor;
    return a;
}

/* Its size goes into the scale of the unit, its sign into the numbers, which
 * are symmetric: nothing is rounded again. */
static void scale_unit(struct op *op, int unit, double factor)
{
    int8_t *w = op->weight + (size_t)unit * (size_t)op->inputs;
    float scale = (float)((double)op->scale[unit] * fabs(factor));
    int sign = factor < 0.0 ? -1 : 1, i;

    if (!(scale > 0.0f)) {
        sign = 0;
        scale = 1.0f;
    }
    op->scale[unit] = scale;
    for (i = 0; i < op->inputs; i++)
        w[i] = (int8_t)(sign * w[i]);
}

static enum err_code make_product(struct integer *m, const struct net *net,
                                  int number, struct err *err)
{
    const struct node *n = &net->node[number];
    const struct param *p = &n->param[0];
    struct op *op = &m->op[number];
    int norm = norm_of(net, number), u;
    size_t units;

    op->units = p->def.shape.dim[p->def.shape.rank - 1];
    units = (size_t)op->units;
    op->inputs = (int)(p->count / units);
    op->weight = mem_block_array(p->count, 1, "whole weights", err);
    if (op->weight == NULL)
        return err->code;
    op->bias = mem_array(units, sizeof(*op->bias));
    op->m0 = mem_array(units, sizeof(*op->m0));
    op->shift = mem_array(units, sizeof(*op->shift));
    op->scale = mem_array(units, sizeof(*op->scale));
    op->lift = lift_of(levels_in(m, op->in), p->grid);
    for (u = 0; u < op->units; u++) {
        double sx, sy = (double)m->act[number].scale;
        double bias = n->param_count > 1 ? (double)n->param[1].value[u] : 0.0;

        round_unit(op, p, u);
        if (norm >= 0) {
            struct affine a = affine_of(&net->node[norm], u);

            scale_unit(op, u, a.factor);
            bias = bias * a.factor + a.offset;
        }
        sx = ldexp((double)levels_in(m, op->in)->scale * (double)op->scale[u],
                   -op->lift);
        op->bias[u] = round_bias(bias, sx);
        integer_factor(sx / sy, &op->m0[u], &op->shift[u]);
    }
    return ERR_OK;
}

static enum err_code find_output(struct integer *m, const struct net *net,
                                 struct err *err)
{
    int softmax = net_softmax_of(net, 0);

    if (net->output_count != 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "a net with %d outputs has no form in whole numbers "
                       "here",
                       net->output_count);
    m->output = softmax >= 0 ? net->node[softmax].in[0] : net->output[0];
    if (m->output != NET_INPUT && is_norm(&net->node[m->output]))
        m->output = net->node[m->output].in[0];
    if (m->output == NET_INPUT || !op_is_product(&m->op[m->output]))
        return err_set(err, ERR_UNSUPPORTED,
                       "a net in whole numbers ends in a dense layer or a "
                       "convolution");
    m->op[m->output].logits = true;
    m->classes = (int)m->op[m->output].out_count;
    return ERR_OK;
}

static enum err_code build(struct integer *m, const struct net *net,
                           const struct act_range *range, struct err *err)
{
    int i;

    for (i = 0; i < m->count; i++) {
        if (choose_kind(m, net, i, &m->op[i], err) != ERR_OK)
            return err->code;
    }
    if (find_output(m, net, err) != ERR_OK)
        return err->code;
    m->act[m->count] = made_levels(m, net, NET_INPUT, range);
    for (i = 0; i < m->count; i++) {
        set_levels(m, net, i, range);
        if (op_is_product(&m->op[i]) && make_product(m, net, i, err) != ERR_OK)
            return err->code;
    }
    return ERR_OK;
}

struct integer *integer_new(const struct net *net,
                            const struct act_range *range, struct err *err)
{
    struct integer *m = mem_zalloc(sizeof(*m));

    m->count = net->node_count;
    m->op = mem_array((size_t)m->count, sizeof(*m->op));
    m->in_count = shape_count(&net->input);
    m->act = mem_array((size_t)m->count + 1, sizeof(*m->act));
    if (build(m, net, range, err) != ERR_OK) {
        integer_free(m);
        return NULL;
    }
    return m;
}

void integer_free(struct integer *m)
{
    int i;

    if (m == NULL)
        return;
    for (i = 0; i < m->count; i++) {
        mem_block_free(m->op[i].weight);
        mem_free(m->op[i].bias);
        mem_free(m->op[i].m0);
        mem_free(m->op[i].shift);
        mem_free(m->op[i].scale);
    }
    mem_free(m->act);
    mem_free(m->op);
    mem_free(m);
}

size_t integer_bytes(const struct integer *m)
{
    size_t bytes = 0;
    int i;

    for (i = 0; i < m->count; i++) {
        const struct op *op = &m->op[i];

        if (op_is_product(op))
            bytes +=
                (size_t)op->units * (size_t)op->inputs +
                (size_t)op->units * (sizeof(*op->bias) + sizeof(*op->m0) + 1);
    }
    return bytes;
}
