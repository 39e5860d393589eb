/* Private to integer_*.c: a net in whole numbers as a list of operations. */
#ifndef COMPRESS_INTEGER_OP_H
#define COMPRESS_INTEGER_OP_H

#include "compress/integer.h"
#include "tensor/conv.h"
#include "tensor/levels.h"

enum op_kind {
    OP_VIEW, /* the same numbers in another shape */
    OP_CLAMP,
    OP_DENSE,
    OP_CONV,
    OP_MOST,
    OP_MEAN,
    OP_PAD,  /* inside zeros */
    OP_SCALE /* to other levels */
};

/* A node; its place in the list is its number. */
struct op {
    enum op_kind kind;
    int in; /* node or NET_INPUT */
    bool logits;
    size_t out_count;
    struct window window;             /* of convolutions and pooling */
    struct shape in_shape, out_shape; /* of OP_PAD, and where the picture */
    int top, left;                    /* lies in it */
    int inputs, units;                /* of a product */
    int8_t *weight;                   /* (units, inputs) */
    int32_t *bias, *m0;               /* OP_SCALE has one factor */
    int *shift;
    int lift;     /* bits that sums are finer than their products */
    float *scale; /* Sw of each unit */
};

struct integer {
    int count;
    struct op *op;
    struct levels *act; /* from 0 on; what node i gives; count: the input */
    size_t in_count;
    int output; /* node of the logits */
    int classes;
};

/* The entry of act for what a node, or NET_INPUT, gives. */
static inline const struct levels *levels_in(const struct integer *m, int node)
{
    return &m->act[node == NET_INPUT ? m->count : node];
}

static inline bool op_is_product(const struct op *op)
{
    return op->kind == OP_DENSE || op->kind == OP_CONV;
}

#endif
