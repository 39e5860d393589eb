/*
 * The passes of an element-wise activation from two formulas.  The forward one
 * may use x; the backward one, for dx, may use y and dy, or x and dy with
 * ACT_BACKWARD_X.  The _ALPHA forms also know alpha, the kind's only attribute.
 */
#ifndef LAYER_ACT_H
#define LAYER_ACT_H

#include "layer/kinds.h"
#include "tensor/vec.h"

/* The config of a kind that has the attribute alpha and no other. */
struct act_config {
    float alpha;
};

#define ACT_ALPHA_ROW(text, value)                                             \
    {                                                                          \
        .name = "alpha", .keras = "alpha", .help = text, .type = ATTR_REAL,    \
        .positional = true, .usual = value,                                    \
        .offset = offsetof(struct act_config, alpha), .least = 0, .most = 1000 \
    }

static inline float act_alpha(const struct layer_pass *p)
{
    return ((const struct act_config *)p->config)->alpha;
}

#define ACT_FORWARD(formula)       ACT_FORWARD_OF(0.0f, formula)
#define ACT_FORWARD_ALPHA(formula) ACT_FORWARD_OF(act_alpha(p), formula)

#define ACT_BACKWARD(formula)   ACT_BACKWARD_OF(y, p->y, 0.0f, formula)
#define ACT_BACKWARD_X(formula) ACT_BACKWARD_OF(x, p->x[0], 0.0f, formula)
#define ACT_BACKWARD_ALPHA(formula) \
    ACT_BACKWARD_OF(y, p->y, act_alpha(p), formula)

#define ACT_FORWARD_OF(value, formula)              \
    VEC_CLONES                                      \
    static void forward(const struct layer_pass *p) \
    {                                               \
        const float alpha = (value);                \
        struct stretch s = pass_stretch(p);         \
        const float *xs = p->x[0] + s.first;        \
        float *ys = p->y + s.first;                 \
        size_t i, n = s.count;                      \
                                                    \
        (void)alpha;                                \
        VEC_LOOP                                    \
        for (i = 0; i < n; i++) {                   \
            float x = xs[i];                        \
                                                    \
            ys[i] = (formula);                      \
        }                                           \
    }

#define ACT_BACKWARD_OF(name, array, value, formula)                \
    VEC_CLONES                                                      \
    static void backward(const struct layer_pass *p)                \
    {                                                               \
        const float alpha = (value), *from = (array), *dys = p->dy; \
        float *dxs = p->dx[0];                                      \
        size_t i, n = pass_out(p);                                  \
                                                                    \
        (void)alpha;                                                \
        if (dxs == NULL)                                            \
            return;                                                 \
        VEC_LOOP                                                    \
        for (i = 0; i < n; i++) {                                   \
            float name = from[i], dy = dys[i];                      \
                                                                    \
            dxs[i] = (formula);                                     \
        }                                                           \
    }

/* Fields of a row that all activations share. */
#define ACT_ROW                                                           \
    .least_in = 1, .most_in = 1, .activation = true, .units = UNITS_EACH, \
    .shape = layer_same_shape, .forward = forward, .backward = backward,  \
    .pieces = pieces_of_values

/* Those whose backward sees y. */
#define ACT_ROW_IN_PLACE ACT_ROW, .in_place = true, .ignores_x = true

#endif
