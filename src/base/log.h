/*
 * The program's log: a file named on the command line, and nothing else.  What
 * a command says to its user is not logging.  Threads: any.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

/* Opens path for appending; NULL closes the log. */
enum err_code log_open(const char *path, struct err *err) MUST_CHECK;
void log_line(const char *module, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
