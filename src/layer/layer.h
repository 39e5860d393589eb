/*
 * A layer kind is one row: facts, a table of attributes, and functions.  The
 * attribute table serves the spec text, the Keras reader and writer, help and
 * completion, so a kind has no such code of its own.
 *
 * A mini-batch is cut into shards by the problem; the functions below work on
 * one shard.  Activations are (n,H,W,C) or (n,I), kernels HWIO, dense (I,K).
 * Threads: a row is const; functions touch only what their pass points to.
 */
#ifndef LAYER_LAYER_H
#define LAYER_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/args.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "tensor/shape.h"

#define LAYER_CONFIG_MAX 128 /* bytes of any kind's attributes */
#define LAYER_PARAM_MAX  4
#define LAYER_INPUT_MAX  16

enum attr_type {
    ATTR_INT,     /* int, at least 1 */
    ATTR_PAIR,    /* int[2]: "3x3" or "3" */
    ATTR_REAL,    /* float */
    ATTR_BOOL,    /* bool: yes/no */
    ATTR_PADDING, /* enum padding: valid/same */
    ATTR_SHAPE,   /* struct shape: "7x7x64" */
    ATTR_PADS     /* int[4] top bottom left right: "1,1,2,2", "1" */
};

enum padding { PADDING_VALID, PADDING_SAME };

struct layer_attr {
    const char *name;  /* in a spec */
    const char *keras; /* in Keras' JSON; NULL: not written there */
    const char *help;
    enum attr_type type;
    size_t offset; /* into the kind's config struct */
    bool positional, required;
    double usual;       /* default: number, bool, padding; both of a pair */
    const char *copy;   /* may be NULL: default is this other attribute */
    double least, most; /* inclusive range for numbers; equal: unbounded */
};

enum init_kind { INIT_ZERO, INIT_ONE, INIT_GLOROT, INIT_HE };

struct param_def {
    const char *name; /* as Keras writes it: "kernel", "moving_mean" */
    struct shape shape;
    bool trainable; /* false: running statistics */
    bool prunable;
    bool decays; /* weight decay applies (kernels; not biases, gains) */
    enum init_kind init;
    int fan_in, fan_out;
};

/* How the units of the output (its last axis) hang on those of the inputs: what
 * taking a unit away means for the layers around it. */
enum unit_flow {
    UNITS_MIX,  /* every one on all: nothing can be taken away in front */
    UNITS_MAKE, /* param 0 is a kernel (…, inputs, units) when it has as many
                   inputs as come in; others are one value a unit */
    UNITS_EACH, /* unit by unit, value by value; params are one a unit */
    UNITS_SPREAD, /* unit by unit; what is constant stays as it is */
    UNITS_EDGE,   /* unit by unit, with zeros around an image; param 0, if any,
                     has the units on its last axis but one */
    UNITS_FLAT,   /* place by place, in each the units of the input */
    UNITS_JOIN,   /* unit by unit the sum of the inputs' */
    UNITS_STACK   /* those of the inputs one after another */
};

/* Bounds that an activation keeps its output within (relu: 0 and infinity).
 * Its slope is 1 between them, 0 at and beyond them. */
struct clip {
    float least, most;
};

enum pass_mode { PASS_EVAL, PASS_TRAIN };

/* What one call works on.  Pointers are borrowed for the call. */
struct layer_pass {
    const struct layer_kind *kind;
    const void *config;
    enum pass_mode mode;
    int n; /* samples of this shard */
    int in_count;
    const struct shape *in; /* per sample */
    struct shape out;
    const float *const *x; /* x[i] (n, in[i]) */
    float *y;              /* (n, out) */
    const float *dy;       /* (n, out) */
    float *const *dx;      /* overwritten; dx[i] NULL when nobody needs it */
    float *const *param;
    float *const *dparam; /* this shard's slot, overwritten; NULL entries for
                             what is not trainable */
    float *scratch;       /* kind->scratch floats; contents do not survive */
    float *ready;      /* forward: what make_ready made of param; NULL: it was
                          not called */
    float *keep;       /* kind->keep floats of this shard, forward to
                          backward; NULL when no backward can follow */
    float *shared;     /* kind->shared floats of all shards */
    const float *sums; /* forward: (n, late_left) of the first of sum_count > 1
                          parts, sum_apart floats from one to the next, by
                          sum_rows; NULL: nothing is summed yet */
    int sum_count;
    size_t sum_apart;
    float *left;         /* backward: (n, kind->late_left) to be filled, and
                            dparam[0] is NULL; NULL: no gradient is made late */
    uint64_t seed, step; /* dropout: rng_at(seed, RNG_DROPOUT, step, …) */
    int node, first;     /* node number; index of sample 0 in the batch */
    double blend;        /* share of this batch in running statistics; 0: what
                            the layer's momentum says */
    int piece, pieces;   /* forward: only this piece of y; 0 pieces: all */
    const struct clip *clip; /* kind->clips: of the activation that follows and
                                is done with this one; y, dy are its y, dy;
                                NULL: none */
};

/* What `late` and sum_rows work on: some rows of parameter 0 (along its first
 * axis), all samples of a batch. */
struct layer_rows {
    const void *config;
    const struct shape *in; /* per sample */
    struct shape out;
    int n;             /* samples */
    const float *x;    /* (n, in[0]) */
    const float *left; /* (n, late_left), of backward */
    const float *param;
    size_t first, rows;
    float *dparam; /* late: (rows, …), gradient of rows first…, overwritten */
    float *sums;   /* sum_rows: (n, late_left), overwritten */
    float *scratch; /* late_scratch floats */
};

struct layer_kind {
    const char *name;  /* in a spec: "conv2d" */
    const char *keras; /* class_name: "Conv2D" */
    const char *help;
    const struct layer_attr *attrs; /* may be NULL */
    int attr_count;
    size_t config_size;    /* at most LAYER_CONFIG_MAX; 0 without attributes */
    int least_in, most_in; /* inputs; 1 and 1 for most */
    bool in_place;         /* y may be the first x: backward needs y only, not
                              x; and the first dx may be dy */
    bool view;             /* y is x in another shape (flatten): nothing is
                              called when they share memory */
    bool ignores_x;        /* backward does not read x: its memory is reused */
    bool ignores_y;        /* backward does not read y: a layer in place may
                              write over it */
    bool activation;       /* may be folded: "dense 300 relu" */
    bool train_only;       /* identity in PASS_EVAL (dropout) */
    bool rounds;           /* y is x but for rounding; Keras, which has no such
                              layer, is told of the identity */
    const struct clip *clip; /* an activation that does no more than this */
    bool clips;              /* knows pass->clip */
    bool again;              /* forward is cheaper than to keep y for others: it
                                may run once more, from the x that backward of
                                it reads */
    enum unit_flow units;
    size_t units_at; /* UNITS_MAKE: the config's int that counts them */

    /* Shape of the output, or why the inputs do not fit.  Also checks
     * attributes against one another. */
    enum err_code (*shape)(const void *config, const struct shape *in,
                           int in_count, struct shape *out, struct err *err);
    /* The i-th parameter, false when there is none.  NULL: no parameters. */
    bool (*param)(const void *config, const struct shape *in, int i,
                  struct param_def *out);
    /* Floats for a shard of n; NULL: none.  train: backward follows. */
    size_t (*scratch)(const void *config, const struct shape *in,
                      const struct shape *out, int n, bool train);
    size_t (*keep)(const void *config, const struct shape *in,
                   const struct shape *out, int n);
    /* Multiply-accumulates for one sample; NULL: none worth counting. */
    double (*macs)(const void *config, const struct shape *in,
                   const struct shape *out);
    void (*forward)(const struct layer_pass *p);
    void (*backward)(const struct layer_pass *p);
    /* Into how many pieces forward may be cut in PASS_EVAL for a shard of n,
     * for several threads at one layer; the bits are the same, and each piece
     * has scratch memory of its own.  ready: p->ready will be there.  NULL:
     * one. */
    int (*pieces)(const void *config, const struct shape *in,
                  const struct shape *out, int n, bool ready);
    /* What forward makes of the parameters alone in every call, unless it is
     * there already, made once for many calls: floats of it for shards of n or
     * fewer, 0: nothing; and how p->ready is filled, from param, with scratch.
     * NULL: nothing. */
    size_t (*ready_count)(const void *config, const struct shape *in, int n);
    void (*make_ready)(const struct layer_pass *p);

    /*
     * Gradients made late (dense).  The gradient of a kernel that a sample uses
     * once is as large as its products are many: to write one for every shard
     * and read them again for the update costs as much as to make it.  Instead
     * backward leaves late_left floats a sample (of this layer; 0: its gradient
     * is made by backward), and when all shards are there `late` makes some
     * rows of it (along its first axis), the sum over all samples, just before
     * they are used.  Bits may depend on how the rows are cut, nothing else.
     * NULL for other kinds.
     *
     * sum_rows makes what some rows give to the output.  Whoever updates rows
     * can be the one who reads them in the forward pass, too: what one core has
     * read is slow to write for the other.
     */
    size_t (*late_left)(const void *config, const struct shape *in,
                        const struct shape *out);
    size_t (*late_scratch)(const void *config, const struct shape *in, int n,
                           size_t rows);
    void (*late)(const struct layer_rows *r);
    void (*sum_rows)(const struct layer_rows *r);

    /*
     * Kinds whose training pass needs the whole batch (batch norm).  NULL for
     * others.  parts doubles are filled by every shard; when all shards are
     * there, join runs once on one thread, sees parts[shard * part_count + i]
     * in shard order with p->n the whole batch, and writes p->shared (and
     * running statistics, or dparam).  Then forward (backward) runs per shard.
     * join has no x, y, dy, dx; in backward it alone writes dparam (of all
     * shards together), and backward gets NULL entries.
     */
    size_t (*part_count)(const void *config, const struct shape *in);
    size_t (*shared)(const void *config, const struct shape *in);
    void (*forward_part)(const struct layer_pass *p, double *part);
    void (*forward_join)(const struct layer_pass *p, const double *parts,
                         int shards);
    void (*backward_part)(const struct layer_pass *p, double *part);
    void (*backward_join)(const struct layer_pass *p, const double *parts,
                          int shards);
};

/* Every kind, in kinds.def order, NULL at the end. */
extern const struct layer_kind *const layer_kinds[];

/* By spec name; NULL when there is none. */
const struct layer_kind *layer_find(const char *name);

/* Fills config (zeroed to LAYER_CONFIG_MAX bytes first) with the defaults. */
void layer_defaults(const struct layer_kind *kind, void *config);

/* a->word[0] is the kind's name; the other words fill the positional
 * attributes in order and must all be used; pairs name attributes.  Pairs
 * called name or from are left alone for the net. */
enum err_code layer_parse(const struct layer_kind *kind, struct args *a,
                          void *config, struct err *err) MUST_CHECK;

/* Refuses attributes out of their ranges; for a config that was not parsed. */
enum err_code layer_check(const struct layer_kind *kind, const void *config,
                          struct err *err) MUST_CHECK;

/* Appends "conv2d 20 5x5 padding=same": only what differs from defaults. */
void layer_print(const struct layer_kind *kind, const void *config,
                 struct str *out);

#endif
