/* One JSON object a finished command, for machines that read along. */
#ifndef ENGINE_JSON_H
#define ENGINE_JSON_H

#include "engine/bench.h"

/* failed NULL: it worked. */
void json_command(struct bench *b, const char *command,
                  const struct err *failed, double seconds);

#endif
