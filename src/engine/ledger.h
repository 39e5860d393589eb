/* The ledger: what each byte of the packed net is for, what else the net could
 * be stored as, and what every stage on the way gave.  Threads: the job thread.
 */
#ifndef ENGINE_LEDGER_H
#define ENGINE_LEDGER_H

#include "engine/cmd.h"
#include "engine/pack_file.h"

struct bench;

/* The command `ledger`. */
enum err_code ledger_run(struct bench *b, const struct cmd_call *call,
                         struct err *err) MUST_CHECK;

/* The working net was written to a file, l being its ledger: keeps the bytes,
 * and makes the sheet unless the net is large. */
void ledger_of_file(struct bench *b, const struct pack_ledger *l);

/* Bytes as float32 of the net that the current stage began as. */
double ledger_began(const struct bench *b);

#endif
