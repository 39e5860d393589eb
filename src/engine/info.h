/* What is in a file, and what the open net takes.  Threads: the job thread. */
#ifndef ENGINE_INFO_H
#define ENGINE_INFO_H

#include "engine/cmd.h"

extern const struct arg_def info_args[];

/* The command: how a file would be read, without opening it; without a file,
 * the memory of the open net and of a training run. */
enum err_code info_run(struct bench *b, const struct cmd_call *call,
                       struct err *err) MUST_CHECK;

#endif
