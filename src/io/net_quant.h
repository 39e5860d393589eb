/* Codebooks and grids in our own group of a file (espalier-file(5)).  Only the
 * files net_*.c include it. */
#ifndef IO_NET_QUANT_H
#define IO_NET_QUANT_H

#include "io/h5.h"
#include "net/net.h"

/* What p is bound to, below own; nothing when it is free. */
herr_t quant_put(hid_t own, const char *layer, const struct param *p);
/* Its codebook's moment m, when it has one. */
herr_t quant_put_moment(hid_t own, const char *path, const struct param *p,
                        int m);
/* Binds p, whose values and mask were read, as the file says.  Values that are
 * none of the codebook's or grid's are refused. */
enum err_code quant_read(hid_t own, const char *layer, struct param *p,
                         struct err *err) MUST_CHECK;
/* Refuses books of one group that differ; when all are read. */
enum err_code quant_check_groups(const struct net *net,
                                 struct err *err) MUST_CHECK;
enum err_code quant_read_moment(hid_t own, const char *path, struct param *p,
                                int m, struct err *err) MUST_CHECK;

#endif
