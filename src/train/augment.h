/* Random changes of training pictures that keep their class. */
#ifndef TRAIN_AUGMENT_H
#define TRAIN_AUGMENT_H

#include "base/rng.h"
#include "tensor/shape.h"

/* Moves the picture x (H,W,C) down and right by as many pixels (negative: up
 * and left); what comes in from outside is blank. */
void augment_move(float *x, const struct shape *s, int down, int right,
                  float blank);

/* Moves it by -most..most pixels both ways, all equally likely. */
void augment_shift(float *x, const struct shape *s, int most, float blank,
                   struct rng *r);

#endif
