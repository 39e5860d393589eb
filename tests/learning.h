/* Small nets and data sets for tests of running and training. */
#ifndef TESTS_LEARNING_H
#define TESTS_LEARNING_H

#include "data/dataset.h"
#include "net/net.h"
#include "par/pool.h"

/* A finished net with initial values; a spec that is refused fails the test. */
struct net *learning_net(const char *spec, uint64_t seed);

/* Classes are noisy copies of random pictures, n of train (a fifth of it for
 * validation) and n / 2 of test. */
struct dataset *learning_data(const char *shape, int classes, int n,
                              uint64_t seed);

/* Vectors as given, x (n,width) and label (n), as train and test alike; all
 * rows of train are fit rows, nothing is scaled. */
struct dataset *learning_rows(const uint8_t *x, const int32_t *label, int n,
                              int width, int classes);

struct pool *learning_pool(int threads);

/* The shipped MNIST, split as usual. */
struct dataset *learning_mnist(void);

#endif
