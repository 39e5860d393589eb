/* Losses on a shard.  z (n,classes) are logits; labels are 0..classes-1. */
#ifndef TRAIN_LOSS_H
#define TRAIN_LOSS_H

#include <stdint.h>

/* Sum over the n samples of softmax cross-entropy; stable for any finite z.
 * dz (may be NULL) gets (softmax - onehot) * weight per sample; hits (may be
 * NULL) gets the number of samples whose largest logit (the first of equals)
 * is the label. */
double loss_cross_entropy(const float *z, const int32_t *label, int n,
                          int classes, float weight, float *dz, int *hits);

/* How many samples have their largest logit at the label. */
int loss_hits(const float *z, const int32_t *label, int n, int classes);

/* Writes each sample's largest logit (the first of equals) to guess and its
 * softmax to confidence; either may be NULL. */
void loss_guess(const float *z, int n, int classes, int32_t *guess,
                float *confidence);

#endif
