/*
 * A network as text, one layer a line or separated by commas or semicolons:
 *   input 28x28x1
 *   conv2d 20 5x5 name=conv1 relu
 *   conv2d 8 1x1 name=a from=conv1     # the output of conv1's relu
 *   add from=a,conv1
 *   output a b
 * The input comes first; scale= and offset= say what the net wants of a pixel.
 * from= names inputs (default: the line before; "input" is the net's own).  A
 * last word that names an activation kind stands behind the layer as a node of
 * its own, named "conv1_relu", and is folded when the layer has a kernel.
 * output names the outputs, the main one last (default: the last layer).
 * A comma inside a word (from=a,conv1 or 1,1,2,2) does not end a line.
 */
#ifndef NET_SPEC_H
#define NET_SPEC_H

#include "net/net.h"

#define SPEC_INPUT  "input"
#define SPEC_OUTPUT "output"

/* Returns new, finished, values zero; the message names the line. */
struct net *spec_parse(const char *text, const char *name,
                       struct err *err) MUST_CHECK;

/* The same, but refuses nets of more than `most` values in their arrays before
 * it allocates them: for specs out of files. */
struct net *spec_parse_within(const char *text, const char *name, size_t most,
                              struct err *err) MUST_CHECK;

/* Text from which spec_parse makes the same graph, with the same names but for
 * characters that a spec cannot hold and folded activations. */
void spec_print(const struct net *net, struct str *out);

/* Whether an activation may be folded behind node: those with a kernel, to
 * which Keras gives an "activation" argument. */
bool spec_takes_activation(const struct node *node);

#endif
