/*
 * Multi-scale dense networks (Huang et al. 2018) in miniature, as spec text.
 * A grid of features: scales (fine to coarse, each half as wide) by layers.  A
 * layer adds channels to each scale it still has, from that scale and from the
 * finer one, and keeps the old ones before the new; exits look at the coarsest
 * scale only.  Strided windows are padded as Keras pads them ("same").
 */
#include <stdio.h>
#include <string.h>

#include "net/spec.h"
#include "net/zoo.h"

#define SCALES 3
#define START  8  /* channels of scale 0 behind the first layer */
#define GROWTH 4  /* that each layer adds to it */
#define HEAD   32 /* channels within an exit */
#define NAME   32

/* Channels of a scale, and of its bottlenecks, in those of scale 0. */
static const int width_of[SCALES] = {1, 2, 4};

struct lattice {
    struct str *out;
    int interval;          /* layers between two drops of the finest scale */
    int layer;             /* 1 for the first behind the stem */
    int first;             /* finest scale that is left */
    int units;             /* channels of a scale are units * width_of it */
    char at[SCALES][NAME]; /* names of the features so far */
};

static int channels(const struct lattice *g, int scale)
{
    return g->units * width_of[scale];
}

/* Convolution, batch norm, relu; from and *to are names. */
static void add_unit(struct lattice *g, int filters, const char *window,
                     const char *more, const char *name, const char *from,
                     char *to)
{
    str_addf(g->out,
             "conv2d %d %s padding=same use_bias=no%s name=%s from=%s\n"
             "batch_norm name=%s_bn\n"
             "relu name=%s_relu\n",
             filters, window, more, name, from, name, name);
    snprintf(to, NAME, "%.20s_relu", name);
}

static void add_stem(struct lattice *g)
{
    char name[NAME];
    int s;

    for (s = 0; s < SCALES; s++) {
        snprintf(name, sizeof(name), "stem%d", s + 1);
        add_unit(g, channels(g, s), "3x3", s == 0 ? "" : " strides=2", name,
                 s == 0 ? SPEC_INPUT : g->at[s - 1], g->at[s]);
    }
}

/* Bottleneck and 3x3 window on the features of `scale`. */
static void add_branch(struct lattice *g, int scale, int filters, bool down,
                       const char *name, char *to)
{
    int narrow = width_of[scale] * filters, wide = channels(g, scale);
    char part[NAME], half[NAME];

    snprintf(part, sizeof(part), "%.20s_a", name);
    add_unit(g, narrow < wide ? narrow : wide, "1x1", "", part, g->at[scale],
             half);
    snprintf(part, sizeof(part), "%.20s_b", name);
    add_unit(g, filters, "3x3", down ? " strides=2" : "", part, half, to);
}

/* What a layer adds to one scale: from it, and half of it from the finer one
 * where that one was there before. */
static void add_scale(struct lattice *g, int scale, bool split, char *to)
{
    int filters = GROWTH * width_of[scale];
    char name[NAME], down[NAME], normal[NAME];

    if (split) {
        filters /= 2;
        snprintf(name, sizeof(name), "l%ds%d_down", g->layer, scale + 1);
        add_branch(g, scale - 1, filters, true, name, down);
    }
    snprintf(name, sizeof(name), "l%ds%d", g->layer, scale + 1);
    add_branch(g, scale, filters, false, name, normal);
    str_addf(g->out, "concat name=%s from=%s,%s%s%s\n", name, g->at[scale],
             split ? down : "", split ? "," : "", normal);
    snprintf(to, NAME, "%.20s", name);
}

/* Halves the channels of every scale that is left. */
static void add_transition(struct lattice *g)
{
    char name[NAME];
    int s;

    g->units /= 2;
    for (s = g->first; s < SCALES; s++) {
        snprintf(name, sizeof(name), "l%ds%d_half", g->layer, s + 1);
        add_unit(g, channels(g, s), "1x1", "", name, g->at[s], g->at[s]);
    }
}

static void add_layer(struct lattice *g)
{
    char next[SCALES][NAME];
    int before = g->first, s;

    g->layer++;
    g->first = (g->layer - 1) / g->interval;
    for (s = g->first; s < SCALES; s++)
        add_scale(g, s, s > g->first || before < g->first, next[s]);
    for (s = g->first; s < SCALES; s++)
        memcpy(g->at[s], next[s], NAME);
    g->units += GROWTH;
    if (before < g->first)
        add_transition(g);
}

static void add_exit(struct lattice *g, int number)
{
    char name[NAME], half[NAME], end[NAME];

    snprintf(name, sizeof(name), "exit%d_a", number);
    add_unit(g, HEAD, "3x3", " strides=2", name, g->at[SCALES - 1], half);
    snprintf(name, sizeof(name), "exit%d_b", number);
    add_unit(g, HEAD, "3x3", " strides=2", name, half, end);
    str_addf(g->out,
             "average_pool2d 2 name=exit%d_pool\n"
             "flatten name=exit%d_flat\n"
             "dense 10 name=exit%d softmax\n",
             number, number, number);
}

/* steps[i]: layers before exit i + 1. */
static void write_grid(const int *steps, int exits, struct str *out)
{
    struct lattice g = {.out = out, .units = START};
    int layers = 0, i, k;

    for (i = 0; i < exits; i++)
        layers += steps[i];
    g.interval = (layers + SCALES - 1) / SCALES;
    str_add(out, SPEC_INPUT " 28x28x1\n");
    add_stem(&g);
    for (i = 0; i < exits; i++) {
        for (k = 0; k < steps[i]; k++)
            add_layer(&g);
        add_exit(&g, i + 1);
    }
    str_add(out, SPEC_OUTPUT);
    for (i = 0; i < exits; i++)
        str_addf(out, " exit%d", i + 1);
    str_add(out, "\n");
}

void zoo_write_msdnet(struct str *out)
{
    static const int steps[] = {1, 1, 1, 1, 1};

    write_grid(steps, 5, out);
}

void zoo_write_msdnet_grow(struct str *out)
{
    static const int steps[] = {1, 2, 3, 4};

    write_grid(steps, 4, out);
}
