/* `quantize activations`: the half of that command that is not about weights.
 * Threads: the job thread. */
#ifndef ENGINE_ACTIVATIONS_H
#define ENGINE_ACTIVATIONS_H

#include "engine/cmd.h"

/* What is done with them; the first is the rule. */
extern const struct activations_step {
    const char *name, *help;
} activations_steps[]; /* ends with a NULL name */

/* The command: a new stage, and what it is told of. */
enum err_code activations_command(struct bench *b, const struct cmd_call *call,
                                  struct err *err) MUST_CHECK;

#endif
