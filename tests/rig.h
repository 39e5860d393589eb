/*
 * One layer on a test bench: a batch cut into shards, run as the executor
 * runs it.  Every buffer has exactly the size the kind asked for, so that a
 * sanitizer sees a step beside it, and what a pass must overwrite holds NaN
 * before.
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "layer/layer.h"

#define RIG_SHARDS 4

struct rig {
    const struct layer_kind *kind;
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    enum pass_mode mode;
    uint64_t seed, step;
    double blend;
    int n, shards;
    int first[RIG_SHARDS + 1]; /* samples first[s]..first[s+1]-1 */
    int in_count, param_count;
    struct shape in[LAYER_INPUT_MAX], out;
    struct param_def def[LAYER_PARAM_MAX];
    size_t x_size[LAYER_INPUT_MAX], y_size, param_size[LAYER_PARAM_MAX];
    float *x[LAYER_INPUT_MAX], *dx[LAYER_INPUT_MAX];
    float *y, *dy;
    float *param[LAYER_PARAM_MAX], *dparam[LAYER_PARAM_MAX];
    float *slot[RIG_SHARDS][LAYER_PARAM_MAX];
    float *scratch, *keep[RIG_SHARDS], *shared;
    double *parts;
    int pieces;   /* forward is cut into so many; 0 at first: it is not */
    float *ready; /* NULL before rig_ready */
};

/* Whether the kind takes these inputs under this spec line; else *err. */
enum err_code rig_shape(const char *spec, const struct shape *in, int in_count,
                        struct shape *out, struct err *err);

/* A new rig for "conv2d 3 2x3 padding=same"; fails the test when refused.
 * Inputs, parameters and dy are zero. */
struct rig *rig_new(const char *spec, const struct shape *in, int in_count,
                    int n, int shards);
void rig_free(struct rig *r);

/* Makes the parameters ready, for the passes that follow. */
void rig_ready(struct rig *r);

/* x and param to y; running statistics move in PASS_TRAIN.  A test may point y
 * at x[0], dx[0] at dy, or clear dx[i] and keep, as an executor may. */
void rig_forward(struct rig *r);
/* dy to dx and dparam, after rig_forward. */
void rig_backward(struct rig *r);

#endif
