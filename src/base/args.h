/*
 * The words of one line: plain words and name=value pairs, split at blanks,
 * with "double" or 'single' quotes.  Layer specs and commands share it.
 */
#ifndef BASE_ARGS_H
#define BASE_ARGS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define ARGS_MAX 48

struct args {
    char *store; /* owned; the pointers below point into it */
    int word_count;
    const char *word[ARGS_MAX]; /* word[0] is the verb or kind */
    int pair_count;
    const char *name[ARGS_MAX], *value[ARGS_MAX];
    bool used[ARGS_MAX]; /* pairs that somebody has asked for */
};

/* Splits text, up to a # outside quotes; no words is not an error. */
enum err_code args_parse(const char *text, struct args *out,
                         struct err *err) MUST_CHECK;
void args_done(struct args *a);

/* Appends text so that args_parse reads it as one word. */
void args_quote(const char *text, struct str *out);

/* The value of name, marked as used, or NULL. */
const char *args_value(struct args *a, const char *name);

/* Refuses the first pair nobody asked for, naming the nearest of known. */
enum err_code args_all_used(const struct args *a, const char *const *known,
                            int known_count, struct err *err) MUST_CHECK;

#endif
