#include "compress/trim.h"

#include <math.h>
#include <string.h>

#include "base/str.h"

int trim_step(double most, int bits)
{
    int exponent;

    (void)frexp(most, &exponent);
    /* What would round up to 2^bits needs the next step. */
    if (rint(ldexp(most, bits - exponent)) >= ldexp(1, bits))
        exponent++;
    return exponent - bits;
}

float trim_round(float x, int step)
{
    return (float)ldexp(rint(ldexp((double)x, -step)), step) + 0.0f;
}

static double largest(const float *x, size_t n)
{
    double most = 0;
    size_t i;

    for (i = 0; i < n; i++)
        most = fabs((double)x[i]) > most ? fabs((double)x[i]) : most;
    return most;
}

static void trim_values(float *x, size_t n, int bits, bool keep_alive,
                        double *error)
{
    double most = largest(x, n);
    int step;
    size_t i;

    if (!(most > 0) || isinf(most))
        return;
    step = trim_step(most, bits);
    for (i = 0; i < n; i++) {
        float y = trim_round(x[i], step);

        if (y == 0.0f && keep_alive)
            y = (float)copysign(ldexp(1, step), (double)x[i]);
        *error = fmax(*error, fabs((double)y - (double)x[i]));
        x[i] = y;
    }
}

static void trim_param(struct param *p, const struct trim_request *r,
                       struct trim_report *out)
{
    bool bias = strcmp(p->name, "bias") == 0 || strcmp(p->name, "beta") == 0;

    if (p->book != NULL && r->codebooks > 0) {
        trim_values(p->book->centroid + 1, (size_t)p->book->k, r->codebooks,
                    true, &out->error);
        codebook_write(p->book, p->value, 0, p->count);
        out->shared += p->book->k;
    } else if (bias && r->biases > 0) {
        trim_values(p->value, p->count, r->biases, false, &out->error);
        out->biases += (long long)p->count;
    }
}

struct trim_report trim_apply(struct net *net, const struct trim_request *r)
{
    struct trim_report out = {0};
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        struct node *n = &net->node[i];

        if (r->layers != NULL && !str_match(r->layers, n->name))
            continue;
        for (k = 0; k < n->param_count; k++)
            trim_param(&n->param[k], r, &out);
    }
    return out;
}
