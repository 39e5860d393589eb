#include "train/loss.h"

#include <math.h>
#include <stddef.h>

#include "tensor/vec.h"

static int largest(const float *z, int classes)
{
    int best = 0, c;

    for (c = 1; c < classes; c++) {
        if (z[c] > z[best])
            best = c;
    }
    return best;
}

/* Sum of exp(z - top): between 1 and classes when top is the largest. */
static float sum_exp(const float *z, int classes, float top)
{
    float sum = 0.0f;
    int c;

    for (c = 0; c < classes; c++)
        sum += vec_exp(z[c] - top);
    return sum;
}

/* e = exp(z - top); returns the sum of it, in the order of the classes */
VEC_CLONES
static float exps(const float *z, int classes, float top, float *e)
{
    float sum = 0.0f;
    int c;

    VEC_LOOP
    for (c = 0; c < classes; c++)
        e[c] = vec_exp(z[c] - top);
    for (c = 0; c < classes; c++)
        sum += e[c];
    return sum;
}

/* dz, which holds exp(z - top), becomes (softmax(z) - onehot(label)) * weight
 */
static void gradient(int32_t label, int classes, float sum, float weight,
                     float *dz)
{
    float factor = weight / sum;
    int c;

    for (c = 0; c < classes; c++)
        dz[c] *= factor;
    dz[label] -= weight;
}

double loss_cross_entropy(const float *z, const int32_t *label, int n,
                          int classes, float weight, float *dz, int *hits)
{
    double loss = 0.0;
    int right = 0, i;

    for (i = 0; i < n; i++, z += classes) {
        float *slope = dz != NULL ? dz + (size_t)i * (size_t)classes : NULL;
        int best = largest(z, classes);
        float sum = slope != NULL ? exps(z, classes, z[best], slope)
                                  : sum_exp(z, classes, z[best]);

        /* log(sum exp z) - z[label], with the largest taken out of both. */
        loss += log((double)sum) + ((double)z[best] - (double)z[label[i]]);
        right += best == label[i];
        if (slope != NULL)
            gradient(label[i], classes, sum, weight, slope);
    }
    if (hits != NULL)
        *hits = right;
    return loss;
}

int loss_hits(const float *z, const int32_t *label, int n, int classes)
{
    int right = 0, i;

    for (i = 0; i < n; i++, z += classes)
        right += largest(z, classes) == label[i];
    return right;
}

void loss_guess(const float *z, int n, int classes, int32_t *guess,
                float *confidence)
{
    int i;

    for (i = 0; i < n; i++, z += classes) {
        int best = largest(z, classes);

        if (guess != NULL)
            guess[i] = best;
        if (confidence != NULL)
            confidence[i] = 1.0f / sum_exp(z, classes, z[best]);
    }
}
