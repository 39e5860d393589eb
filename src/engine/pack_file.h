/*
 * Packed nets on disk (compress/pack.h).  A file is written beside and renamed,
 * read back, and held against the net at once.
 * Threads: the job thread.
 */
#ifndef ENGINE_PACK_FILE_H
#define ENGINE_PACK_FILE_H

#include "compress/pack.h"
#include "par/pool.h"

/* Packs net into path.  What was read back must have every bit of every value,
 * and the same logits on random inputs; else the command fails and path is as
 * it was. */
enum err_code pack_file_save(const char *path, struct net *net,
                             enum pack_coder coder, struct pool *pool,
                             const struct progress *progress,
                             struct pack_ledger *ledger,
                             struct err *err) MUST_CHECK;

/* Is path a packed net, by its first bytes? */
bool pack_file_is(const char *path);
/* *out is new, named after path. */
enum err_code pack_file_load(const char *path, struct net **out,
                             struct err *err) MUST_CHECK;

/* A table of the net's layers and of the bytes of its arrays. */
enum err_code pack_file_info(const char *path, struct str *out,
                             struct err *err) MUST_CHECK;
/* The ledger as lines, with what dense float32 takes beside it. */
void pack_ledger_print(const struct pack_ledger *l, struct str *out);

/* Do both nets give the same bits for the same random inputs?  *same is only
 * set on success. */
enum err_code pack_same_logits(struct net *a, struct net *b, struct pool *pool,
                               bool *same, struct err *err) MUST_CHECK;

#endif
