#include "io/h5.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/file.h"
#include "io/h5_heap.h"
#include "io/io.h"
#include "io/lzf.h"

/* In-memory files grow by this. */
#define GROW_BYTES ((size_t)1 << 20)

void io_start(void)
{
    (void)H5open();
    (void)lzf_register();
}

void h5_quiet(void)
{
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void h5_close(hid_t id)
{
    if (id >= 0)
        (void)H5Idec_ref(id);
}

void h5_close_at(const hid_t *id)
{
    h5_close(*id);
}

struct reason {
    char text[256];
};

static herr_t keep_first(unsigned n, const H5E_error2_t *e, void *arg)
{
    struct reason *r = arg;

    if (n == 0 && e->desc != NULL)
        snprintf(r->text, sizeof(r->text), "%s", e->desc);
    return 0;
}

enum err_code h5_fail(struct err *err, enum err_code code, const char *fmt, ...)
{
    struct reason r = {""};
    char text[ERR_MSG_SIZE];
    va_list ap;

    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &r);
    (void)H5Eclear2(H5E_DEFAULT);
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return err_set(err, code, "%s%s%s%s", text, r.text[0] != '\0' ? " (" : "",
                   r.text, r.text[0] != '\0' ? ")" : "");
}

/* What HDF5 says when a file cannot be opened, in words of use to somebody. */
static enum err_code explain_open(const char *path, struct err *err)
{
    struct reason r = {""};
    unsigned long long have, base, want;

    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &r);
    (void)H5Eclear2(H5E_DEFAULT);
    if (sscanf(r.text,
               "truncated file: eof = %llu, sblock->base_addr = %llu,"
               " stored_eof = %llu",
               &have, &base, &want) == 3 &&
        want > 0) {
        char here[32], there[32];

        return err_set(err, ERR_FORMAT,
                       "\"%s\" was cut off: %s of %s are there (%.0f %%);"
                       " fetch or copy it again",
                       path, str_size((double)have, here, sizeof(here)),
                       str_size((double)want, there, sizeof(there)),
                       100.0 * (double)have / (double)want);
    }
    if (strstr(r.text, "already open for write") != NULL ||
        strstr(r.text, "consistency flags") != NULL)
        return err_set(
            err, ERR_FORMAT,
            "\"%s\" was being written when its program stopped; if no"
            " program has it open now, run: h5clear -s '%s'",
            path, path);
    return err_set(err, ERR_FORMAT, "\"%s\" is a damaged HDF5 file%s%s%s", path,
                   r.text[0] != '\0' ? " (" : "", r.text,
                   r.text[0] != '\0' ? ")" : "");
}

hid_t h5_open(const char *path, struct err *err)
{
    hid_t H5_AUTO access = H5Pcreate(H5P_FILE_ACCESS);
    hid_t file;

    h5_quiet();
    if (heap_check_file(path, err) != ERR_OK)
        return -1;
    (void)H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    (void)H5Pset_file_locking(access, false, true);
    file = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (file < 0)
        (void)explain_open(path, err);
    return file;
}

/* Two open files of the core driver are told apart by their names. */
static void unique_name(char *buf, size_t size)
{
    static unsigned long count;

    snprintf(buf, size, "espalier-%lu", count++);
}

static hid_t memory_access(void)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);

    h5_quiet();
    (void)H5Pset_fapl_core(access, GROW_BYTES, false);
    (void)H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    return access;
}

hid_t h5_open_bytes(const void *bytes, size_t n, const char *what,
                    struct err *err)
{
    hid_t H5_AUTO access = memory_access();
    char name[32];
    void *copy;
    hid_t file;

    if (heap_check_bytes(what, bytes, n, err) != ERR_OK)
        return -1;
    /* HDF5 wants to write to the image it is given, and copies it anyway. */
    memcpy(&copy, &bytes, sizeof(copy));
    unique_name(name, sizeof(name));
    if (H5Pset_file_image(access, copy, n) < 0) {
        h5_fail(err, ERR_MEMORY, "%s", what);
        return -1;
    }
    file = H5Fopen(name, H5F_ACC_RDONLY, access);
    if (file < 0)
        (void)explain_open(what, err);
    return file;
}

hid_t h5_create(struct err *err)
{
    hid_t H5_AUTO access = memory_access();
    hid_t H5_AUTO create = H5Pcreate(H5P_FILE_CREATE);
    char name[32];
    hid_t file;

    /* The same content makes the same bytes. */
    (void)H5Pset_obj_track_times(create, false);
    unique_name(name, sizeof(name));
    file = H5Fcreate(name, H5F_ACC_TRUNC, create, access);
    if (file < 0)
        h5_fail(err, ERR_MEMORY, "make an HDF5 file in memory");
    return file;
}

hid_t h5_create_at(const char *path, struct err *err)
{
    hid_t H5_AUTO access = H5Pcreate(H5P_FILE_ACCESS);
    hid_t H5_AUTO create = H5Pcreate(H5P_FILE_CREATE);
    hid_t file;

    h5_quiet();
    (void)H5Pset_obj_track_times(create, false);
    (void)H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    (void)H5Pset_file_locking(access, false, true);
    file = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
    if (file < 0)
        h5_fail(err, ERR_IO, "write '%s'", path);
    return file;
}

enum err_code h5_save(hid_t file, const char *path, struct err *err)
{
    void *handle = NULL;
    ssize_t size;

    if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 ||
        H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0)
        return h5_fail(err, ERR_MEMORY, "write \"%s\"", path);
    size = H5Fget_file_image(file, NULL, 0);
    if (size < 0)
        return h5_fail(err, ERR_MEMORY, "write \"%s\"", path);
    /* The core driver's handle is the address of its pointer to the bytes. */
    return file_replace(path, *(void *const *)handle, (size_t)size, err);
}
