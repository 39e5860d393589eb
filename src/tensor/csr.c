#include "tensor/csr.h"

#include <string.h>

#include "base/mem.h"

static size_t count_non_zero(const float *w, size_t n)
{
    size_t count = 0, i;

    for (i = 0; i < n; i++)
        count += w[i] != 0.0f;
    return count;
}

static void fill(struct csr *c, const float *w)
{
    size_t at = 0;
    int i, o;

    for (o = 0; o < c->out; o++) {
        c->start[o] = (uint32_t)at;
        for (i = 0; i < c->in; i++) {
            float value = w[(size_t)i * (size_t)c->out + (size_t)o];

            if (value == 0.0f)
                continue;
            c->index[at] = (uint32_t)i;
            c->value[at++] = value;
        }
    }
    c->start[c->out] = (uint32_t)at;
}

enum err_code csr_make(struct csr *c, const float *w, int in, int out,
                       struct err *err)
{
    size_t n = (size_t)in * (size_t)out;

    *c = (struct csr){.in = in, .out = out, .count = count_non_zero(w, n)};
    if (c->count > UINT32_MAX)
        return err_set(err, ERR_UNSUPPORTED,
                       "%zu weights are more than 32-bit rows can count",
                       c->count);
    c->start = mem_block_array((size_t)out + 1, sizeof(*c->start),
                               "the rows of a sparse matrix", err);
    c->index = mem_block_array(c->count, sizeof(*c->index),
                               "the columns of a sparse matrix", err);
    c->value = mem_block_array(c->count, sizeof(*c->value),
                               "the values of a sparse matrix", err);
    if (c->start == NULL || c->index == NULL || c->value == NULL) {
        csr_done(c);
        return err->code;
    }
    fill(c, w);
    return ERR_OK;
}

void csr_done(struct csr *c)
{
    mem_block_free(c->start);
    mem_block_free(c->index);
    mem_block_free(c->value);
    *c = (struct csr){0};
}

size_t csr_bytes(const struct csr *c)
{
    return c->count * (sizeof(*c->index) + sizeof(*c->value)) +
           ((size_t)c->out + 1) * sizeof(*c->start);
}

void csr_mul(const struct csr *c, const float *x, float *y, int n)
{
    int i, o;

    for (i = 0; i < n; i++, x += c->in, y += c->out) {
        for (o = 0; o < c->out; o++) {
            float sum = 0.0f;
            uint32_t k;

            for (k = c->start[o]; k < c->start[o + 1]; k++)
                sum += c->value[k] * x[c->index[k]];
            y[o] = sum;
        }
    }
}

void csr_unpack(const struct csr *c, float *w)
{
    uint32_t k;
    int o;

    memset(w, 0, (size_t)c->in * (size_t)c->out * sizeof(*w));
    for (o = 0; o < c->out; o++) {
        for (k = c->start[o]; k < c->start[o + 1]; k++)
            w[(size_t)c->index[k] * (size_t)c->out + (size_t)o] = c->value[k];
    }
}
