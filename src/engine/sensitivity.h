/* How much each layer bears on its own (card P4).  Threads: the job thread. */
#ifndef ENGINE_SENSITIVITY_H
#define ENGINE_SENSITIVITY_H

#include "engine/cmd.h"

extern const struct arg_def sensitivity_args[];

/* The command: prunes one layer at a time to each level, in a copy of the net,
 * evaluates without fine-tuning, and says a table.  The net is not touched. */
enum err_code sensitivity_run(struct bench *b, const struct cmd_call *call,
                              struct err *err) MUST_CHECK;

#endif
