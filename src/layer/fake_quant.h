/*
 * Fake quantisation (method card Q4): what an activation is once it was stored
 * in a few bits.  Other folders see its settings and state here.
 */
#ifndef LAYER_FAKE_QUANT_H
#define LAYER_FAKE_QUANT_H

#include "layer/layer.h"
#include "tensor/levels.h"

/* The config of such a node. */
struct fake_quant {
    int bits;
    float momentum;
    bool symmetric, freeze;
};

extern const struct layer_kind fake_quant_layer;

/* Places of its state among the parameters: low <= 0 <= high. */
enum { FAKE_QUANT_LOW, FAKE_QUANT_HIGH, FAKE_QUANT_STATE };

static inline struct levels fake_quant_levels(const struct fake_quant *f,
                                              float low, float high)
{
    return levels_of(f->symmetric, f->bits, low, high);
}

#endif
