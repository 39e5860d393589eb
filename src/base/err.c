#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[ERR_COUNT] = {
    "success",
#define ERR(name, text) text,
#include "base/err.def"
#undef ERR
};

enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    err->code = code;
    return code;
}

enum err_code err_context(struct err *err, const char *fmt, ...)
{
    char old[ERR_MSG_SIZE];
    va_list ap;
    size_t len;

    memcpy(old, err->msg, sizeof(old));
    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    len = strlen(err->msg);
    snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", old);
    return err->code;
}

const char *err_kind(enum err_code code)
{
    return code < ERR_COUNT ? kinds[code] : "unknown";
}
