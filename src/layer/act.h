/*
 * The passes of an element-wise activation from two formulas.  ACT_FORWARD's
 * may use x; ACT_BACKWARD's, the gradient dx, may use y and dy;
 * ACT_BACKWARD_X's x and dy.  All may use c, the config of kinds that have one.
 */
#ifndef LAYER_ACT_H
#define LAYER_ACT_H

#include "layer/kinds.h"
#include "tensor/vec.h"

struct config;

#define ACT_FORWARD(formula)                        \
    VEC_CLONES                                      \
    static void forward(const struct layer_pass *p) \
    {                                               \
        const struct config *c = p->config;         \
        const float *xs = p->x[0];                  \
        float *ys = p->y;                           \
        size_t i, n = pass_out(p);                  \
                                                    \
        (void)c;                                    \
        VEC_LOOP                                    \
        for (i = 0; i < n; i++) {                   \
            float x = xs[i];                        \
                                                    \
            ys[i] = (formula);                      \
        }                                           \
    }

#define ACT_BACKWARD_OF(name, array, formula)        \
    VEC_CLONES                                       \
    static void backward(const struct layer_pass *p) \
    {                                                \
        const struct config *c = p->config;          \
        const float *from = (array), *dys = p->dy;   \
        float *dxs = p->dx[0];                       \
        size_t i, n = pass_out(p);                   \
                                                     \
        (void)c;                                     \
        if (dxs == NULL)                             \
            return;                                  \
        VEC_LOOP                                     \
        for (i = 0; i < n; i++) {                    \
            float name = from[i], dy = dys[i];       \
                                                     \
            dxs[i] = (formula);                      \
        }                                            \
    }

#define ACT_BACKWARD(formula)   ACT_BACKWARD_OF(y, p->y, formula)
#define ACT_BACKWARD_X(formula) ACT_BACKWARD_OF(x, p->x[0], formula)

/* Fields of a row that all activations share. */
#define ACT_ROW                                      \
    .least_in = 1, .most_in = 1, .activation = true, \
    .shape = layer_same_shape, .forward = forward, .backward = backward

/* Those whose backward sees y. */
#define ACT_ROW_IN_PLACE ACT_ROW, .in_place = true, .ignores_x = true

#endif
