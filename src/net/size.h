/*
 * Counting: parameters, survivors, multiply-accumulates.  Definitions of method
 * card M1: sparsity is zeros over prunable weights; MACs count dense and
 * convolution layers only.
 */
#ifndef NET_SIZE_H
#define NET_SIZE_H

#include "net/net.h"

struct size_count {
    long long prunable;     /* weights that pruning may take */
    long long alive;        /* of those, not zero (-0.0 is zero) */
    long long params;       /* weights, biases, gains; no running statistics */
    long long params_alive; /* alive weights and all biases, gains */
    long long statistics;   /* running means and variances */
    double macs;            /* one sample, dense */
    double macs_alive; /* times the density of each layer: an upper bound of
                          what a perfect sparse kernel does */
};

void size_of_node(const struct net *net, int node, struct size_count *out);
/* Multiply-accumulates of one sample (card E9).  in_turn[o]: outputs 0..o are
 * computed one after another, what they share once; alone[o]: only output o.
 * Either may be NULL. */
void size_of_outputs(const struct net *net, double *in_turn, double *alone);
void size_of_net(const struct net *net, struct size_count *out);
/* 1 - alive / prunable; 0 when nothing is prunable. */
double size_sparsity(const struct size_count *c);

#endif
