/* LZF, the packing that h5py calls compression="lzf": reading only. */
#ifndef IO_LZF_H
#define IO_LZF_H

#include <stdbool.h>
#include <stddef.h>

#define LZF_FILTER 32000

/* Unpacks n bytes into at most room bytes; *made says how many there were.
 * False for damaged input or too little room (then *made is room). */
bool lzf_unpack(const unsigned char *from, size_t n, unsigned char *to,
                size_t room, size_t *made);

/* Makes HDF5 use it. */
bool lzf_register(void);

#endif
