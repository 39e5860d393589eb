/*
 * Shapes.  Letters used in every comment: N samples, H W height and width,
 * C channels, K units or filters, I inputs.  Activations are (N,H,W,C) or
 * (N,I); a shape here is that of one sample, without N.
 */
#ifndef TENSOR_SHAPE_H
#define TENSOR_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define SHAPE_RANK_MAX 4

struct shape {
    int rank;
    int dim[SHAPE_RANK_MAX];
};

/* Elements; 1 for rank 0. Shapes are made by shape_make, so it cannot overflow.
 */
size_t shape_count(const struct shape *s);
bool shape_equal(const struct shape *a, const struct shape *b);
/* "28x28x1" into buf. */
const char *shape_text(const struct shape *s, char *buf, size_t size);
/* Refuses dimensions below 1 and more than 2^31 elements. */
enum err_code shape_make(struct shape *s, int rank, const long long *dim,
                         struct err *err) MUST_CHECK;
/* "28x28x1" into *s. */
enum err_code shape_parse(const char *text, struct shape *s,
                          struct err *err) MUST_CHECK;

#endif
