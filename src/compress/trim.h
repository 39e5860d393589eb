/*
 * Fewer digits for what is stored beside the weights: biases, and the values of
 * codebooks.  Each becomes the nearest whole multiple of a power of two, so
 * that the largest of its array takes a given number of bits.
 */
#ifndef COMPRESS_TRIM_H
#define COMPRESS_TRIM_H

#include "net/net.h"

#define TRIM_BITS_MOST 16

struct trim_request {
    int biases, codebooks; /* bits, 1 to TRIM_BITS_MOST; 0: left alone */
    const char *layers;    /* pattern; NULL: all */
};

struct trim_report {
    long long biases, shared; /* values that were looked at */
    double error;             /* the largest change of any of them */
};

/* Biases (and the beta of batch norm) and codebooks of the chosen layers.  A
 * shared value never becomes zero.  Weights follow their codebooks.  Cannot
 * fail. */
struct trim_report trim_apply(struct net *net, const struct trim_request *r);

/* x as the nearest multiple of 2^step; ties to even; never -0. */
float trim_round(float x, int step);
/* The step for values up to most in bits bits. */
int trim_step(double most, int bits);

#endif
