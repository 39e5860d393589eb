/*
 * What every test includes first: cmocka with the headers it wants before it,
 * asserts that say what they saw, and a folder that goes away.  Tests run in
 * the top folder of the sources and read neither clock, home nor terminal.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* call takes &err; prints the message when it fails. */
#define assert_ok(call)                         \
    do {                                        \
        if ((call) != ERR_OK)                   \
            fail_msg("%s: %s", #call, err.msg); \
    } while (0)

/* call fails with that code and a message that holds text. */
#define assert_refused(call, expected, text)                           \
    do {                                                               \
        enum err_code refused_ = (call);                               \
        if (refused_ == ERR_OK)                                        \
            fail_msg("%s was not refused", #call);                     \
        if (refused_ != (expected) || strstr(err.msg, (text)) == NULL) \
            fail_msg("%s: refused with \"%s\" (%s)", #call, err.msg,   \
                     err_kind(refused_));                              \
    } while (0)

#define assert_close(got, want, tolerance)                            \
    do {                                                              \
        double got_ = (double)(got), want_ = (double)(want);          \
        if (!(fabs(got_ - want_) <= (double)(tolerance)))             \
            fail_msg("%s is %.9g, expected %.9g", #got, got_, want_); \
    } while (0)

/*
 * |got[i] - want[i]| <= absolute + relative |want[i]| for all n; equal
 * infinities agree, and so do two NaNs.  A failure names the worst index, both
 * values, and how many are off.
 */
#define assert_all_close(got, want, n, relative, absolute)              \
    support_all_close(#got, (got), (want), (n), (relative), (absolute), \
                      __FILE__, __LINE__)
void support_all_close(const char *what, const float *got, const float *want,
                       size_t n, double relative, double absolute,
                       const char *file, int line);

/* The same bytes; a failure names the first that differs. */
#define assert_same_bits(got, want, bytes) \
    support_same_bits(#got, (got), (want), (bytes), __FILE__, __LINE__)
void support_same_bits(const char *what, const void *got, const void *want,
                       size_t bytes, const char *file, int line);

/*
 * Setup and teardown of a test that writes files: *state is the path of a new
 * folder, which is removed with all that is in it.
 */
int support_folder(void **state);
int support_folder_done(void **state);
#define unit_test_in_folder(f) \
    cmocka_unit_test_setup_teardown(f, support_folder, support_folder_done)

/* "<folder>/<name>", in one of eight buffers used in turn. */
const char *support_path(void *const *state, const char *name);

void support_write(const char *path, const void *bytes, size_t n);
/* The whole file with a '\0' behind it; *n may be NULL; free with mem_free.
 * Fails the test when there is no such file. */
char *support_read(const char *path, size_t *n);

#endif
