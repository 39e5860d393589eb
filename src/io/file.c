#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/io.h"

#define TEXT_LIMIT ((size_t)64 << 20)

uint64_t file_number(const char *at, int bytes)
{
    uint64_t n = 0;
    int i;

    for (i = bytes - 1; i >= 0; i--)
        n = n << 8 | (unsigned char)at[i];
    return n;
}

const char *file_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

char *file_stem(const char *path)
{
    char *name = mem_strdup(file_base(path)), *dot = strrchr(name, '.');

    if (dot != NULL && dot != name)
        *dot = '\0';
    return name;
}

static enum err_code system_error(const char *doing, const char *path,
                                  struct err *err)
{
    int code = errno;

    return err_set(err, code == ENOENT ? ERR_MISSING : ERR_IO, "%s \"%s\": %s",
                   doing, path, strerror(code));
}

static int open_again(const char *path, int flags, mode_t mode)
{
    int fd;

    do
        fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static bool write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, bytes, n < SSIZE_MAX ? n : SSIZE_MAX);

        if (k < 0 && errno != EINTR)
            return false;
        if (k > 0) {
            bytes += k;
            n -= (size_t)k;
        }
    }
    return true;
}

/* Returns the bytes read, at most n, or -1. */
static ssize_t read_all(int fd, char *bytes, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t k = read(fd, bytes + done, n - done);

        if (k < 0 && errno != EINTR)
            return -1;
        if (k == 0)
            break;
        if (k > 0)
            done += (size_t)k;
    }
    return (ssize_t)done;
}

/* Closing can be the first to report a full disk, on network file systems. */
static bool sync_and_close(int fd)
{
    bool good = fsync(fd) == 0;

    return close(fd) == 0 && good;
}

/* The folder entry must be on the disk too; file systems that cannot sync a
 * folder say EINVAL, which is no reason to fail. */
static bool sync_folder_of(const char *path)
{
    char *folder = mem_strdup(path);
    char *slash = strrchr(folder, '/');
    int fd;
    bool good;

    if (slash == NULL)
        strcpy(folder, ".");
    else
        slash[slash == folder] = '\0';
    fd = open_again(folder, O_RDONLY | O_DIRECTORY, 0);
    good = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    if (fd >= 0)
        close(fd);
    mem_free(folder);
    return good;
}

/* A name nobody uses in the folder of path; returns the open file or -1. */
static int open_beside(const char *path, mode_t mode, char **name)
{
    int folder = (int)(file_base(path) - path), i, fd = -1;

    *name = NULL;
    for (i = 0; i < 100 && fd < 0; i++) {
        mem_free(*name);
        *name = mem_printf("%.*s.espalier-%ld-%d.tmp", folder, path,
                           (long)getpid(), i);
        fd = open_again(*name, O_WRONLY | O_CREAT | O_EXCL, mode);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd;
}

enum err_code file_replace(const char *path, const void *bytes, size_t n,
                           struct err *err)
{
    char *real = realpath(path, NULL), *beside = NULL;
    const char *target = real != NULL ? real : path;
    struct stat st;
    bool exists = stat(target, &st) == 0;
    int fd = -1;
    bool good;

    if (exists && !S_ISREG(st.st_mode)) {
        err_set(err, ERR_IO,
                "write \"%s\": it is there and is not a plain file", path);
        goto done;
    }
    err->code = ERR_OK;
    fd = open_beside(target, exists ? st.st_mode & 0777 : 0666, &beside);
    if (fd < 0) {
        system_error("write", path, err);
        goto done;
    }
    good = write_all(fd, bytes, n);
    good = sync_and_close(fd) && good;
    if (!good || rename(beside, target) != 0) {
        system_error("write", path, err);
        unlink(beside);
        goto done;
    }
    if (!sync_folder_of(target))
        system_error("sync the folder of", path, err);
done:
    mem_free(beside);
    free(real);
    return err->code;
}

/* What a link leads to, which may not be there yet; new, free(). */
static char *target_of(const char *path)
{
    char *real = realpath(path, NULL);

    return real != NULL ? real : strdup(path);
}

enum err_code file_beside(const char *path, char **beside, struct err *err)
{
    char *target = target_of(path);
    struct stat st;
    bool exists = stat(target, &st) == 0;
    int fd = -1;

    *beside = NULL;
    err->code = ERR_OK;
    if (exists && !S_ISREG(st.st_mode))
        err_set(err, ERR_IO, "write '%s': it is there and is not a plain file",
                path);
    else
        fd = open_beside(target, exists ? st.st_mode & 0777 : 0666, beside);
    if (fd < 0 && err->code == ERR_OK)
        system_error("write", path, err);
    if (fd >= 0)
        close(fd);
    free(target);
    if (err->code != ERR_OK) {
        mem_free(*beside);
        *beside = NULL;
    }
    return err->code;
}

enum err_code file_settle(const char *path, char *beside, bool good,
                          struct err *err)
{
    char *target = target_of(path);
    int fd = good ? open_again(beside, O_RDWR, 0) : -1;

    err->code = ERR_OK;
    if (good && (fd < 0 || !sync_and_close(fd) || rename(beside, target) != 0))
        system_error("write", path, err);
    if (!good || err->code != ERR_OK)
        unlink(beside);
    else if (!sync_folder_of(target))
        system_error("sync the folder of", path, err);
    mem_free(beside);
    free(target);
    return err->code;
}

enum err_code file_load(const char *path, size_t limit, char **bytes,
                        size_t *size, struct err *err)
{
    int fd = open_again(path, O_RDONLY, 0);
    struct stat st;
    char *block = NULL;
    ssize_t got = 0;
    enum err_code code = ERR_OK;

    if (fd < 0 || fstat(fd, &st) != 0)
        code = system_error("read", path, err);
    else if (!S_ISREG(st.st_mode))
        code = err_set(err, ERR_FORMAT, "read \"%s\": not a plain file", path);
    else if ((unsigned long long)st.st_size > limit)
        code =
            err_set(err, ERR_FORMAT,
                    "read \"%s\": it has %lld bytes, at most %zu were expected",
                    path, (long long)st.st_size, limit);
    if (code == ERR_OK) {
        block = mem_block((size_t)st.st_size + 1, "a file", err);
        code = block == NULL ? err->code : ERR_OK;
    }
    if (code == ERR_OK) {
        got = read_all(fd, block, (size_t)st.st_size);
        code = got < 0 ? system_error("read", path, err) : ERR_OK;
    }
    if (fd >= 0)
        close(fd);
    if (code != ERR_OK) {
        mem_block_free(block);
        return code;
    }
    block[got] = '\0';
    *bytes = block;
    *size = (size_t)got;
    return ERR_OK;
}

enum err_code file_head(const char *path, void *bytes, size_t n, size_t *got,
                        long long *size, struct err *err)
{
    int fd = open_again(path, O_RDONLY, 0);
    struct stat st;
    ssize_t k = -1;
    enum err_code code = ERR_OK;

    if (fd < 0 || fstat(fd, &st) != 0)
        code = system_error("open", path, err);
    else if (S_ISDIR(st.st_mode))
        code = err_set(err, ERR_FORMAT, "\"%s\" is a folder", path);
    else if (!S_ISREG(st.st_mode))
        code = err_set(err, ERR_FORMAT, "\"%s\" is not a plain file", path);
    else if ((k = read_all(fd, bytes, n)) < 0)
        code = system_error("read", path, err);
    if (fd >= 0)
        close(fd);
    if (code != ERR_OK)
        return code;
    *got = (size_t)k;
    if (size != NULL)
        *size = (long long)st.st_size;
    return ERR_OK;
}

enum err_code text_save(const char *path, const char *text, struct err *err)
{
    return file_replace(path, text, strlen(text), err);
}

enum err_code text_load(const char *path, struct str *out, struct err *err)
{
    char *bytes;
    size_t size;
    enum err_code code = ERR_OK;

    if (file_load(path, TEXT_LIMIT, &bytes, &size, err) != ERR_OK)
        return err->code;
    if (memchr(bytes, '\0', size) != NULL)
        code = err_set(err, ERR_FORMAT,
                       "\"%s\" is not text: it holds a zero byte", path);
    else
        str_add_bytes(out, bytes, size);
    mem_block_free(bytes);
    return code;
}
