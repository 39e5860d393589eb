/* Completion of a command line from the rows of the command table.
 * Threads: any; what is open is read from the board. */
#ifndef ENGINE_COMPLETE_H
#define ENGINE_COMPLETE_H

#include "engine/engine.h"

struct completer {
    struct board *board;
    const char *data_dir;     /* may be NULL */
    const char *const *views; /* may be NULL */
};

void complete_line(const struct completer *c, const char *line, int cursor,
                   struct completion *out);

#endif
