/*
 * Errors are values.  A fallible function returns enum err_code (0 is
 * success) and takes a struct err as its last argument, never NULL; on failure
 * it holds a sentence for the user: lower case, no full stop, names in quotes,
 * saying what is wrong with which values and, where known, what to do.
 * Threads: a struct err belongs to one thread at a time.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_MSG_SIZE 512

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

enum err_code {
    ERR_OK,
#define ERR(name, text) ERR_##name,
#include "base/err.def"
#undef ERR
    ERR_COUNT
};

struct err {
    enum err_code code;
    char msg[ERR_MSG_SIZE];
};

/* Stores code and message, returns code: `return err_set(err, ERR_IO, …)`. */
enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Puts "text: " before the message that is there; returns its code. */
enum err_code err_context(struct err *err, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

/* "a value out of its range" for ERR_VALUE and so on. */
const char *err_kind(enum err_code code);

#endif
