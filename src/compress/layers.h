/*
 * Which layers a method works on: those with prunable weights whose name fits a
 * pattern, or any array that learns whose "layer/array" does: "fc1" is the
 * kernel of that layer, "fc1/bias" its biases.  Pruning takes kernels only.
 */
#ifndef COMPRESS_LAYERS_H
#define COMPRESS_LAYERS_H

#include <stdbool.h>

#include "net/net.h"

/* pattern NULL: all. */
bool layers_chosen(const struct net *net, int node, int param,
                   const char *pattern);
/* How many parameters are chosen. */
int layers_count(const struct net *net, const char *pattern);
/* What to say when that is none; returns err->code. */
enum err_code layers_refuse(const struct net *net, const char *pattern,
                            struct err *err);
/* A weight of the chosen that is not finite is ERR_DIVERGED. */
enum err_code layers_finite(const struct net *net, const char *pattern,
                            struct err *err) MUST_CHECK;

#endif
