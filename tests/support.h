/*
 * What every test includes first: cmocka with the headers it wants before it,
 * and asserts that say what they saw.
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

#include "base/err.h"

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

#endif
