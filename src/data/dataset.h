/*
 * Pictures (or vectors) with class labels, in memory.  Pixels stay uint8 as
 * they were stored and are scaled on the way into a mini-batch.
 * Honesty: fit rows train, validation rows decide, test samples are only read
 * by an explicit test evaluation.
 */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include <stdint.h>

#include "base/err.h"
#include "tensor/shape.h"

/* One of train or test.  Exactly one of u8 and f32 is set (when n > 0). */
struct samples {
    int n;
    uint8_t *u8;    /* (n, shape), owned block */
    float *f32;     /* likewise */
    int32_t *label; /* n, in 0..classes-1, owned block */
};

struct dataset {
    char *name, *path, *origin, *licence; /* owned; may be NULL */
    struct shape shape;                   /* (H,W,C), or (I) for vectors */
    int classes;
    char **class_name; /* owned; may be NULL */
    float scale;       /* a stored value times scale is what nets see: 1/255 */
    struct samples train, test;
    int fit_count, validation_count; /* rows of train, both ascending */
    int32_t *fit, *validation;       /* owned */
};

void dataset_free(struct dataset *d);

/* Chooses validation rows: about want of them (at most half of train), the
 * last `want` of train when they hold every class in proportion, and otherwise
 * per class the last rows; ties are cut by rng_at(seed, RNG_SPLIT, …).
 * Replaces an earlier split. */
enum err_code dataset_split(struct dataset *d, int want, uint64_t seed,
                            struct err *err) MUST_CHECK;

/* Writes rows row[0..n-1] of s as floats times scale plus offset: x (n,shape)
 */
void dataset_fill(const struct dataset *d, const struct samples *s,
                  const int32_t *row, int n, float scale, float offset,
                  float *x);

#endif
