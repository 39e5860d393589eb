/*
 * A network as text, one layer a line or separated by commas or semicolons:
 *   input 28x28x1
 *   conv2d 20 5x5 name=conv1 relu
 *   conv2d 8 1x1 name=a from=conv1
 *   add from=a,conv1
 *   output a b
 * from= names inputs (default: the line before); a last word that names an
 * activation kind is folded behind the layer.
 */
#ifndef NET_SPEC_H
#define NET_SPEC_H

#include "net/net.h"

/* Returns new, finished, values zero; the message names the line. */
struct net *spec_parse(const char *text, const char *name,
                       struct err *err) MUST_CHECK;
/* Text from which spec_parse makes the same graph. */
void spec_print(const struct net *net, struct str *out);

#endif
