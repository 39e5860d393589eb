#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Guards file. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *file;

enum err_code log_open(const char *path, struct err *err)
{
    FILE *opened = NULL;

    if (path != NULL) {
        opened = fopen(path, "ae");
        if (opened == NULL)
            return err_set(err, ERR_IO, "log file \"%s\": %s", path,
                           strerror(errno));
        setvbuf(opened, NULL, _IOLBF, 0);
    }
    pthread_mutex_lock(&lock);
    if (file != NULL)
        fclose(file);
    file = opened;
    pthread_mutex_unlock(&lock);
    return ERR_OK;
}

void log_line(const char *module, const char *fmt, ...)
{
    struct timespec now;
    struct tm part;
    char when[32];
    va_list ap;

    pthread_mutex_lock(&lock);
    if (file != NULL) {
        clock_gettime(CLOCK_REALTIME, &now);
        localtime_r(&now.tv_sec, &part);
        strftime(when, sizeof(when), "%H:%M:%S", &part);
        fprintf(file, "%s.%03ld %s: ", when, now.tv_nsec / 1000000, module);
        va_start(ap, fmt);
        vfprintf(file, fmt, ap);
        va_end(ap);
        fputc('\n', file);
    }
    pthread_mutex_unlock(&lock);
}
