/*
 * Text: a growing string, words, patterns, and numbers as people write them.
 * Threads: no shared state.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Grows as needed; text is always terminated once something was added. */
struct str {
    char *text;
    size_t len, cap;
};

void str_addf(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_add(struct str *s, const char *text);
void str_add_bytes(struct str *s, const char *bytes, size_t n);
void str_clear(struct str *s);
void str_done(struct str *s);
/* The text, caller frees with mem_free; s is empty afterwards. */
char *str_take(struct str *s);

bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);
/* Shell pattern with * and ?; also a comma list of such ("conv*,fc1"). */
bool str_match(const char *patterns, const char *text);
/* The same for names with a slash, which * and ? do not stand for. */
bool str_match_path(const char *patterns, const char *path);

/* The word of words (count long) nearest to text, or NULL when none is near:
 * used for "did you mean". */
const char *str_nearest(const char *text, const char *const *words, int count);

/*
 * Numbers.  The whole text must be the number; what names the argument in the
 * message.  Written with '.', whatever the locale.
 */
enum err_code str_double(const char *text, const char *what, double *out,
                         struct err *err) MUST_CHECK;
enum err_code str_long(const char *text, const char *what, long long *out,
                       struct err *err) MUST_CHECK;
/* "20%" is 0.2, "0.2" is 0.2. */
enum err_code str_share(const char *text, const char *what, double *out,
                        struct err *err) MUST_CHECK;
/* "32kB", "1.5MB", "4096": bytes; k = 1000, Ki = 1024. */
enum err_code str_bytes(const char *text, const char *what, double *out,
                        struct err *err) MUST_CHECK;

/* 266200 -> "266.2k", 1.3e8 -> "130.0M": at most 6 characters. */
const char *str_si(double value, char *buf, size_t size);
/* Bytes: "8,512 B", "1.07 MB". */
const char *str_size(double bytes, char *buf, size_t size);
/* 266200 -> "266,200". */
const char *str_commas(long long value, char *buf, size_t size);

/* Length of the valid UTF-8 character at s and its code point, or 0 where
 * there is none. */
int str_decode(const char *s, uint32_t *point);

/* Control, C1, bidirectional and other characters that would steer a
 * terminal or hide in a name. */
bool str_steers(uint32_t point);

/* Appends text with control, C1 and bidirectional characters replaced, so
 * that names out of files cannot steer a terminal.  Invalid UTF-8 becomes ?. */
void str_add_safe(struct str *s, const char *text);

#endif
