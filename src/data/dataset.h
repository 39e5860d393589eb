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

/*
 * Chooses validation rows: about want of them (at most half of train).  Each
 * class gives its share, by largest remainder, and keeps at least one sample
 * to learn from.  They are the last `want` samples where those hold every class
 * within one of its share, else the last of each class; only equal remainders
 * are cut by rng_at(seed, RNG_SPLIT, 0, 0).  Replaces an earlier split; leaves
 * it alone on failure.
 */
enum err_code dataset_split(struct dataset *d, int want, uint64_t seed,
                            struct err *err) MUST_CHECK;

/* The usual `want`. */
#define DATASET_VALIDATION 5000

/* Writes rows row[0..n-1] (NULL: the first n) of s as floats to x (n,shape):
 * what was stored times d->scale is a pixel; x is pixel * scale + offset.  Pass
 * the net's scale and offset. */
void dataset_fill(const struct dataset *d, const struct samples *s,
                  const int32_t *row, int n, float scale, float offset,
                  float *x);

#endif
