/* Whether a net can be run on a data set, and what its outputs say. */
#ifndef TRAIN_MATCH_H
#define TRAIN_MATCH_H

#include "data/dataset.h"
#include "net/net.h"

/* The net takes the data's pictures (or flattened ones) and every output has
 * one value a class; otherwise a sentence that names both. */
enum err_code match_check(const struct net *net, const struct dataset *data,
                          struct err *err) MUST_CHECK;

#endif
