/* A net in whole numbers, tried out (cards Q2, Q3).  Threads: the job thread.
 */
#ifndef ENGINE_INTEGER_H
#define ENGINE_INTEGER_H

#include "engine/cmd.h"

extern const struct arg_def integer_args[];

/* The command: calibrates on validation samples, runs a set in whole numbers
 * and says what came of it, beside the same with floats and the simulation.
 * The net is not touched. */
enum err_code integer_try(struct bench *b, const struct cmd_call *call,
                          struct err *err) MUST_CHECK;

#endif
