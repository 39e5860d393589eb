/*
 * The nets that come by name.  One row a net.  The spec of a row is whole by
 * itself; zoo_make fits it to other pictures and class counts.  With several
 * outputs the last is the main classifier, those before it are early exits.
 */
#ifndef NET_ZOO_H
#define NET_ZOO_H

#include <stdbool.h>

#include "base/str.h"
#include "net/net.h"

struct zoo_row {
    const char *name, *help;
    const char *spec;                /* or, where it follows a rule: */
    void (*write)(struct str *spec); /* appends it */
    int classes;                     /* of its spec; 0: 10 */
    bool large; /* hundreds of MB: such rows come last and are not tried by
                   guessing */
};

/* Ends with a row of NULLs. */
extern const struct zoo_row zoo_rows[];
const struct zoo_row *zoo_find(const char *name);
/* Appends the spec of a row. */
void zoo_spec(const struct zoo_row *row, struct str *out);

/* Returns new, finished, values zero.  input NULL and classes 0: as the row
 * says.  An input that the net cannot take is refused by the layer concerned.
 */
struct net *zoo_make(const struct zoo_row *row, const struct shape *input,
                     int classes, struct err *err) MUST_CHECK;

/* Rules of zoo_msdnet.c. */
void zoo_write_msdnet(struct str *out);
void zoo_write_msdnet_grow(struct str *out);

#endif
