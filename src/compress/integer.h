/*
 * A net in whole numbers (method card Q2): weights int8, symmetric, a scale for
 * each output channel; activations uint8 with a zero point; sums int32.  Only
 * the picture is turned into numbers with a float, and the logits back.
 *
 *   acc = 2^l sum (qx - Zx) qw + qb,  qb = round(b 2^l / (Sx Sw))
 *   qy  = clamp(Zy + round(acc Sx Sw 2^-l / Sy)), the factor as M0 2^-31-n with
 *         M0 a whole number of 31 bits
 *
 * l is how many bits weights and activations have less than 16 together: of few
 * bits their steps are long, and biases would be rounded to those.
 *
 * A batch norm directly behind a product is folded into it: its factor is part
 * of Sw, with its sign in qw, its offset of b.  A relu behind that is the clamp
 * of the product's own range.  Pooling and padding work on the numbers as they
 * are.  Where the net rounds its activations itself
 * (fake_quant), its bits, up to 8, and its range are taken.
 */
#ifndef COMPRESS_INTEGER_H
#define COMPRESS_INTEGER_H

#include <stdbool.h>
#include <stdint.h>

#include "compress/calibrate.h"
#include "net/net.h"
#include "par/pool.h"
#include "par/progress.h"

struct integer;

/* range as calibrate gives it.  Layers on a symmetric grid keep their numbers;
 * others are rounded to 8 bits.  Refuses layers that have no such form, and
 * nets whose last output is not the only one. */
struct integer *integer_new(const struct net *net,
                            const struct act_range *range,
                            struct err *err) MUST_CHECK;
void integer_free(struct integer *m);
/* Bytes of its weights, biases and factors. */
size_t integer_bytes(const struct integer *m);

/* What one thread needs to run it. */
struct integer_work;
struct integer_work *integer_work_new(const struct integer *m);
void integer_work_free(struct integer_work *w);

/* The logits of one sample, x as the net wants it.  simulated: every layer
 * computes with the same numbers as reals instead, which gives the same but
 * for ties in rounding. */
void integer_run(const struct integer *m, struct integer_work *w,
                 const float *x, bool simulated, float *logits);
/* After a run: the numbers of a node's output; NULL when it has none of its
 * own (a view, the logits). */
const uint8_t *integer_output(const struct integer *m,
                              const struct integer_work *w, int node);

/* Guesses for rows row[0..n-1] of s (NULL: the first n). */
enum err_code integer_evaluate(const struct integer *m, const struct net *net,
                               const struct dataset *data,
                               const struct samples *s, const int32_t *row,
                               int n, bool simulated, struct pool *pool,
                               const struct progress *progress, int32_t *guess,
                               struct err *err) MUST_CHECK;

/* factor (> 0) as *m0 * 2^-*shift, m0 in 2^30..2^31-1 or 0. */
void integer_factor(double factor, int32_t *m0, int *shift);
/* acc times that, rounded to nearest, half up. */
int32_t integer_scale(int32_t acc, int32_t m0, int shift);

#endif
