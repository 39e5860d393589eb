/* The nets that come by name.  One row a net. */
#ifndef NET_ZOO_H
#define NET_ZOO_H

#include "net/net.h"

struct zoo_row {
    const char *name, *help, *spec;
};

/* Ends with a row of NULLs. */
extern const struct zoo_row zoo_rows[];
const struct zoo_row *zoo_find(const char *name);

#endif
