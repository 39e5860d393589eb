/*
 * What a parameter's values are bound to, when they are not free: a codebook
 * (weight sharing, method card D2) or a grid (linear quantisation Q1, half
 * floats Q5).  The values stay floats, so a net that is quantised runs like any
 * other; book and grid say which numbers they can be, and a file that is packed
 * needs no more than these.
 * Ownership: whoever holds the pointer; a param owns its own.
 * Threads: functions touch only what they are given.
 */
#ifndef NET_QUANT_H
#define NET_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define QUANT_MOMENT_MAX 2
#define CODEBOOK_MAX     65535 /* shared values beside zero */

/*
 * value[i] == centroid[code[i]], bit for bit.  Code 0 is the zero of pruned
 * weights and of no others: centroid[0] is +0.0, never trained and not counted
 * in k.  Centroids 1..k were ascending when they were made; training may let
 * them cross, or meet.
 */
struct codebook {
    int k;
    float *centroid; /* k + 1 */
    uint16_t *code;  /* a weight */
    size_t count;    /* of weights */
    int group;       /* > 0: books of this number in a net are one, with the
                        same centroids; 0: of its own */
    /* An optimiser's, k + 1 each; NULL until it asks. */
    float *moment[QUANT_MOMENT_MAX];
};

/* All codes and centroids 0. */
struct codebook *codebook_new(int k, size_t count, struct err *err) MUST_CHECK;
struct codebook *codebook_clone(const struct codebook *b,
                                struct err *err) MUST_CHECK;
void codebook_free(struct codebook *b);
/* Writes value[first..first+count-1] from codes and centroids. */
void codebook_write(const struct codebook *b, float *value, size_t first,
                    size_t count);

/*
 * Numbers that a weight may be.  GRID_SYMMETRIC and GRID_AFFINE: scale * (q -
 * zero) with whole q from grid_least to grid_most; a scale and zero for all, or
 * one for every channel (last axis: element i has i % channels).
 */
enum grid_kind { GRID_SYMMETRIC, GRID_AFFINE, GRID_FP16, GRID_BF16 };
#define GRID_KINDS 4

struct grid {
    enum grid_kind kind;
    int bits;      /* 2 to 8; 16 for half floats */
    int channels;  /* 1: one scale for all; 0 for half floats */
    float *scale;  /* channels; > 0 */
    int32_t *zero; /* channels; in least..most; 0 when symmetric */
    bool fixed;    /* scales stay while the net is trained on the grid */
    /* Values before rounding while the net is trained on the grid, count of
     * them; NULL at other times. */
    float *latent;
    size_t count; /* of weights */
};

const char *grid_kind_name(enum grid_kind kind);
struct grid *grid_new(enum grid_kind kind, int bits, int channels, size_t count,
                      struct err *err) MUST_CHECK;
struct grid *grid_clone(const struct grid *g, struct err *err) MUST_CHECK;
void grid_free(struct grid *g);
/* -(2^(bits-1) - 1) to 2^(bits-1) - 1 when symmetric, else 0 to 2^bits - 1. */
int grid_least(const struct grid *g);
int grid_most(const struct grid *g);
/* The whole number nearest to x (ties to even) on channel's part of the grid,
 * and back; not for half floats. */
int grid_code(const struct grid *g, float x, int channel);
float grid_real(const struct grid *g, int q, int channel);
/* Scales and zero points that just hold the range of value (count of them, and
 * 0): the largest |value|, or from the least to the most.  1 for a channel of
 * zeros. */
void grid_fit(struct grid *g, const float *value);
/* Those for values from low to high. */
void grid_range(struct grid *g, int channel, float low, float high);
/* to[i] = the number of the grid nearest to from[i], for elements
 * first..first+count-1 of arrays of g->count (may be the same).  A zero comes
 * out as +0.0. */
void grid_snap(const struct grid *g, const float *from, float *to, size_t first,
               size_t count);
/* Whether x, element i of the array, is a number of the grid, bit for bit. */
bool grid_holds(const struct grid *g, float x, size_t i);

/* IEEE 754 binary16 and bfloat16, to nearest even; NaN stays NaN. */
uint16_t fp16_of(float x);
float fp16_real(uint16_t bits);
uint16_t bf16_of(float x);
float bf16_real(uint16_t bits);

#endif
