/* Windows over images, as tests list them, and random numbers to fill them. */
#ifndef TESTS_GEOMETRY_H
#define TESTS_GEOMETRY_H

#include "tests/support.h"

#include <stdlib.h>

#include "base/rng.h"
#include "tensor/conv.h"

/* The caller frees. */
static inline float *random_floats(size_t n, uint64_t index)
{
    struct rng r = rng_at(11, RNG_TEST, 0, index);
    float *x = malloc((n > 0 ? n : 1) * sizeof(*x));
    size_t i;

    assert_non_null(x);
    for (i = 0; i < n; i++)
        x[i] = (float)rng_normal(&r);
    return x;
}

struct geometry {
    int h, w, c, kh, kw, stride, step;
    bool same;
};

static inline struct window window_of(const struct geometry *g)
{
    const int size[2] = {g->kh, g->kw}, stride[2] = {g->stride, g->stride};
    const int step[2] = {g->step, g->step};
    const struct shape image = {.rank = 3, .dim = {g->h, g->w, g->c}};

    return window_make(&image, &(struct window_spec){.size = size,
                                                     .stride = stride,
                                                     .step = step,
                                                     .same = g->same});
}

#endif
