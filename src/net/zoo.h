/*
 * The nets that come by name.  One row a net.  The spec of a row is whole by
 * itself; zoo_make fits it to other pictures and class counts.
 */
#ifndef NET_ZOO_H
#define NET_ZOO_H

#include "net/net.h"

struct zoo_row {
    const char *name, *help, *spec;
};

/* Ends with a row of NULLs. */
extern const struct zoo_row zoo_rows[];
const struct zoo_row *zoo_find(const char *name);

/* Returns new, finished, values zero.  input NULL and classes 0: as the row
 * says.  An input that the net cannot take is refused by the layer concerned.
 */
struct net *zoo_make(const struct zoo_row *row, const struct shape *input,
                     int classes, struct err *err) MUST_CHECK;

#endif
