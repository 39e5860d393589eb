#include "compress/cut.h"

#include <math.h>

#include "base/mem.h"
#include "compress/mask.h"

/* As many inputs as their share asks for; outputs make up the number. */
static void choose_sizes(struct cut *c, int in, int out, size_t weights)
{
    double all = (double)in * (double)out;

    c->in = (int)ceil((double)in * sqrt((double)weights / all));
    c->in = c->in < 1 ? 1 : c->in > in ? in : c->in;
    while ((size_t)c->in * (size_t)out < weights)
        c->in++;
    c->out = (int)((weights + (size_t)c->in - 1) / (size_t)c->in);
    c->out = c->out < 1 ? 1 : c->out;
}

/* Sums of |w| over rows of in, and over columns of out. */
static void add_up(const float *w, int in, int out, float *row, float *column)
{
    int i, o;

    for (i = 0; i < in; i++) {
        for (o = 0; o < out; o++, w++) {
            row[i] += fabsf(*w);
            column[o] += fabsf(*w);
        }
    }
}

/* The `count` numbers of n that have the largest sums. */
static int32_t *strongest(const float *sum, int n, int count)
{
    uint8_t *keep = mem_array((size_t)n, sizeof(*keep));
    int32_t *number = mem_array((size_t)count, sizeof(*number));
    int i, at = 0;

    mask_select(sum, NULL, (size_t)n, (size_t)count, keep);
    for (i = 0; i < n; i++) {
        if (keep[i] != 0)
            number[at++] = i;
    }
    mem_free(keep);
    return number;
}

static void gather(struct cut *c, const float *w, int out)
{
    int i, o;

    for (i = 0; i < c->in; i++) {
        for (o = 0; o < c->out; o++)
            c->w[(size_t)i * (size_t)c->out + (size_t)o] =
                w[(size_t)c->input[i] * (size_t)out + (size_t)c->output[o]];
    }
}

enum err_code cut_make(struct cut *c, const float *w, int in, int out,
                       size_t weights, struct err *err)
{
    float *row, *column;

    *c = (struct cut){0};
    choose_sizes(c, in, out, weights);
    c->w = mem_block_array((size_t)c->in * (size_t)c->out, sizeof(*c->w),
                           "a smaller layer", err);
    if (c->w == NULL)
        return err->code;
    row = mem_array((size_t)in, sizeof(*row));
    column = mem_array((size_t)out, sizeof(*column));
    add_up(w, in, out, row, column);
    c->input = strongest(row, in, c->in);
    c->output = strongest(column, out, c->out);
    gather(c, w, out);
    mem_free(row);
    mem_free(column);
    return ERR_OK;
}

void cut_done(struct cut *c)
{
    mem_free(c->input);
    mem_free(c->output);
    mem_block_free(c->w);
    *c = (struct cut){0};
}
