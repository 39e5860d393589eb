/* A net in whole numbers at work. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "compress/integer_op.h"
#include "tensor/vec.h"

#define SAMPLES 32 /* a chunk of the pool */

struct integer_work {
    int count;
    uint8_t **q; /* a node; views point to another's */
    uint8_t *input;
    int16_t *row; /* of one product */
};

int32_t integer_scale(int32_t acc, int32_t m0, int shift)
{
    int64_t y = ((int64_t)acc * m0 + ((int64_t)1 << (shift - 1))) >> shift;

    return y > INT32_MAX ? INT32_MAX : y < INT32_MIN ? INT32_MIN : (int32_t)y;
}

struct integer_work *integer_work_new(const struct integer *m)
{
    struct integer_work *w = mem_zalloc(sizeof(*w));
    size_t most = 1;
    int i;

    w->count = m->count;
    w->q = mem_array((size_t)m->count, sizeof(*w->q));
    w->input = mem_array(m->in_count, 1);
    for (i = 0; i < m->count; i++) {
        const struct op *op = &m->op[i];

        if (op->kind != OP_VIEW && !op->logits)
            w->q[i] = mem_array(op->out_count, 1);
        if (op_is_product(op) && (size_t)op->inputs > most)
            most = (size_t)op->inputs;
    }
    w->row = mem_array(most, sizeof(*w->row));
    return w;
}

void integer_work_free(struct integer_work *w)
{
    int i;

    if (w == NULL)
        return;
    for (i = 0; i < w->count; i++)
        mem_free(w->q[i]);
    mem_free(w->q);
    mem_free(w->input);
    mem_free(w->row);
    mem_free(w);
}

/* Through views to where the numbers lie; *node becomes that node. */
static const uint8_t *numbers_of(const struct integer *m,
                                 const struct integer_work *w, int *node)
{
    while (*node != NET_INPUT && m->op[*node].kind == OP_VIEW)
        *node = m->op[*node].in;
    return *node == NET_INPUT ? w->input : w->q[*node];
}

const uint8_t *integer_output(const struct integer *m,
                              const struct integer_work *w, int node)
{
    return m->op[node].kind == OP_VIEW ? NULL : w->q[node];
}

VEC_CLONES
static int32_t dot(const int16_t *x, const int8_t *w, int n)
{
    int32_t sum = 0;
    int i;

    for (i = 0; i < n; i++)
        sum += (int32_t)x[i] * (int32_t)w[i];
    return sum;
}

/* One product as reals: the same numbers times their scales. */
static double real_dot(const struct op *op, const int16_t *x, int unit,
                       double sx)
{
    const int8_t *w = op->weight + (size_t)unit * (size_t)op->inputs;
    double sw = (double)op->scale[unit], sum;
    int i;

    sum = (double)op->bias[unit] * ldexp(sx * sw, -op->lift);
    for (i = 0; i < op->inputs; i++)
        sum += sx * (double)x[i] * (sw * (double)w[i]);
    return sum;
}

struct run {
    const struct integer *m;
    struct integer_work *w;
    bool simulated;
    float *logits;
};

/* The number q above the zero point of l. */
static uint8_t clamped(const struct levels *l, int32_t q)
{
    q = q > l->most ? l->most : q + l->zero; /* no overflow */
    return (uint8_t)(q < 0 ? 0 : q > l->most ? l->most : q);
}

/* w->row, numbers less their zero point, times the weights: units outputs from
 * element `at` of node on. */
static void multiply(const struct run *r, int node, size_t at)
{
    const struct op *op = &r->m->op[node];
    const struct levels *act = &r->m->act[node];
    double sx = (double)levels_in(r->m, op->in)->scale;
    int u;

    for (u = 0; u < op->units; u++) {
        size_t to = at + (size_t)u;
        int32_t acc;

        if (r->simulated) {
            double y = real_dot(op, r->w->row, u, sx);

            if (op->logits)
                r->logits[to] = (float)y;
            else
                r->w->q[node][to] = (uint8_t)levels_code(act, (float)y);
            continue;
        }
        acc = dot(r->w->row, op->weight + (size_t)u * (size_t)op->inputs,
                  op->inputs);
        acc = op->bias[u] + acc * (1 << op->lift);
        if (op->logits) {
            r->logits[to] = (float)ldexp(
                (double)acc * sx * (double)op->scale[u], -op->lift);
            continue;
        }
        r->w->q[node][to] =
            clamped(act, integer_scale(acc, op->m0[u], op->shift[u]));
    }
}

static void run_dense(const struct run *r, int node, const uint8_t *x, int zero)
{
    const struct op *op = &r->m->op[node];
    size_t rows = op->out_count / (size_t)op->units, i;
    int k;

    for (i = 0; i < rows; i++) {
        for (k = 0; k < op->inputs; k++)
            r->w->row[k] =
                (int16_t)(x[i * (size_t)op->inputs + (size_t)k] - zero);
        multiply(r, node, i * (size_t)op->units);
    }
}

/* The window at one place as a row: taps outside the picture are zero. */
static void gather(const struct window *w, const uint8_t *x, int oy, int ox,
                   int zero, int16_t *row)
{
    int ky, kx, c;

    for (ky = 0; ky < w->kh; ky++) {
        for (kx = 0; kx < w->kw; kx++) {
            int y = oy * w->stride_h - w->top + ky * w->step_h;
            int z = ox * w->stride_w - w->left + kx * w->step_w;
            bool inside = y >= 0 && y < w->h && z >= 0 && z < w->w;

            for (c = 0; c < w->c; c++)
                *row++ =
                    inside ? (int16_t)(x[(y * w->w + z) * w->c + c] - zero) : 0;
        }
    }
}

static void run_conv(const struct run *r, int node, const uint8_t *x, int zero)
{
    const struct op *op = &r->m->op[node];
    const struct window *w = &op->window;
    int place;

    for (place = 0; place < w->out_h * w->out_w; place++) {
        gather(w, x, place / w->out_w, place % w->out_w, zero, r->w->row);
        multiply(r, node, (size_t)place * (size_t)op->units);
    }
}

/* One channel of one place: the largest number, or the mean, half up. */
static uint8_t pool(const struct op *op, const uint8_t *x, int oy, int ox,
                    int channel)
{
    const struct window *w = &op->window;
    struct taps down =
        window_taps(oy, w->stride_h, w->step_h, w->top, w->kh, w->h);
    struct taps across =
        window_taps(ox, w->stride_w, w->step_w, w->left, w->kw, w->w);
    int most = 0, sum = 0, count = down.count * across.count, i, k;

    for (i = 0; i < down.count; i++) {
        for (k = 0; k < across.count; k++) {
            int q = x[((down.at + i * w->step_h) * w->w + across.at +
                       k * w->step_w) *
                          w->c +
                      channel];

            sum += q;
            most = q > most ? q : most;
        }
    }
    if (op->kind == OP_MOST)
        return (uint8_t)most;
    return (uint8_t)(count > 0 ? (2 * sum + count) / (2 * count) : 0);
}

static void run_pool(const struct run *r, int node, const uint8_t *x)
{
    const struct op *op = &r->m->op[node];
    const struct window *w = &op->window;
    uint8_t *y = r->w->q[node];
    int place, c;

    for (place = 0; place < w->out_h * w->out_w; place++) {
        for (c = 0; c < w->c; c++)
            *y++ = pool(op, x, place / w->out_w, place % w->out_w, c);
    }
}

/* The picture inside lines and columns of zero. */
static void run_pad(const struct run *r, int node, const uint8_t *x, int zero)
{
    const struct op *op = &r->m->op[node];
    size_t line = (size_t)op->in_shape.dim[1] * (size_t)op->in_shape.dim[2];
    size_t out_line =
        (size_t)op->out_shape.dim[1] * (size_t)op->out_shape.dim[2];
    uint8_t *y = r->w->q[node];
    int i;

    memset(y, zero, op->out_count);
    y += (size_t)op->top * out_line +
         (size_t)op->left * (size_t)op->out_shape.dim[2];
    for (i = 0; i < op->in_shape.dim[0]; i++)
        memcpy(y + (size_t)i * out_line, x + (size_t)i * line, line);
}

/* The same values in other levels. */
static void rescale(const struct run *r, int node, const uint8_t *x, int zero)
{
    const struct op *op = &r->m->op[node];
    const struct levels *to = &r->m->act[node];
    float scale = levels_in(r->m, op->in)->scale;
    uint8_t *y = r->w->q[node];
    size_t i;

    for (i = 0; i < op->out_count; i++) {
        int32_t q = x[i] - zero;

        y[i] = r->simulated
                   ? (uint8_t)levels_code(to, (float)q * scale)
                   : clamped(to, integer_scale(q, op->m0[0], op->shift[0]));
    }
}

static void run_op(const struct run *r, int node)
{
    const struct op *op = &r->m->op[node];
    int in = op->in, zero;
    const uint8_t *x = numbers_of(r->m, r->w, &in);
    size_t i;

    zero = levels_in(r->m, in)->zero;
    switch (op->kind) {
    case OP_VIEW:
        break;
    case OP_CLAMP:
        for (i = 0; i < op->out_count; i++)
            r->w->q[node][i] = x[i] > zero ? x[i] : (uint8_t)zero;
        break;
    case OP_SCALE:
        rescale(r, node, x, zero);
        break;
    case OP_DENSE:
        run_dense(r, node, x, zero);
        break;
    case OP_CONV:
        run_conv(r, node, x, zero);
        break;
    case OP_MOST:
    case OP_MEAN:
        run_pool(r, node, x);
        break;
    case OP_PAD:
        run_pad(r, node, x, zero);
        break;
    }
}

void integer_run(const struct integer *m, struct integer_work *w,
                 const float *x, bool simulated, float *logits)
{
    const struct run r = {m, w, simulated, logits};
    size_t i;
    int node;

    for (i = 0; i < m->in_count; i++)
        w->input[i] = (uint8_t)levels_code(levels_in(m, NET_INPUT), x[i]);
    for (node = 0; node <= m->output; node++)
        run_op(&r, node);
}

struct evaluation_job {
    const struct integer *m;
    const struct net *net;
    const struct dataset *data;
    const struct samples *samples;
    const int32_t *row;
    int n;
    bool simulated;
    struct integer_work **work; /* a worker */
    float **x, **logits;        /* likewise */
    int32_t *guess;
    int first; /* chunk */
};

static void run_chunk(void *arg, int chunk, int worker)
{
    const struct evaluation_job *j = arg;
    int from = (j->first + chunk) * SAMPLES, i, c;
    float *x = j->x[worker], *logits = j->logits[worker];

    for (i = from; i < from + SAMPLES && i < j->n; i++) {
        int32_t row = j->row != NULL ? j->row[i] : i;
        int best = 0;

        dataset_fill(j->data, j->samples, &row, 1, j->net->scale,
                     j->net->offset, x);
        integer_run(j->m, j->work[worker], x, j->simulated, logits);
        for (c = 1; c < j->m->classes; c++)
            best = logits[c] > logits[best] ? c : best;
        j->guess[i] = best;
    }
}

/* Rounds of the pool, so that it can be stopped. */
static enum err_code run_chunks(struct evaluation_job *j, struct pool *pool,
                                const struct progress *progress,
                                struct err *err)
{
    int chunks = (j->n + SAMPLES - 1) / SAMPLES, many;

    for (j->first = 0; j->first < chunks; j->first += many) {
        if (progress_cancelled(progress))
            return err_set(err, ERR_CANCELLED, "stopped on request");
        many = chunks - j->first < 8 ? chunks - j->first : 8;
        pool_run(pool, run_chunk, j, many);
        progress_tell(progress, (double)(j->first + many) / chunks);
    }
    return ERR_OK;
}

enum err_code integer_evaluate(const struct integer *m, const struct net *net,
                               const struct dataset *data,
                               const struct samples *s, const int32_t *row,
                               int n, bool simulated, struct pool *pool,
                               const struct progress *progress, int32_t *guess,
                               struct err *err)
{
    struct evaluation_job j = {.m = m,
                               .net = net,
                               .data = data,
                               .samples = s,
                               .row = row,
                               .n = n,
                               .simulated = simulated,
                               .guess = guess};
    size_t workers = (size_t)pool_threads(pool), i;
    enum err_code code;

    j.work = mem_array(workers, sizeof(*j.work));
    j.x = mem_array(workers, sizeof(*j.x));
    j.logits = mem_array(workers, sizeof(*j.logits));
    for (i = 0; i < workers; i++) {
        j.work[i] = integer_work_new(m);
        j.x[i] = mem_array(m->in_count, sizeof(float));
        j.logits[i] = mem_array((size_t)m->classes, sizeof(float));
    }
    code = run_chunks(&j, pool, progress, err);
    for (i = 0; i < workers; i++) {
        integer_work_free(j.work[i]);
        mem_free(j.x[i]);
        mem_free(j.logits[i]);
    }
    mem_free(j.work);
    mem_free(j.x);
    mem_free(j.logits);
    return code;
}
