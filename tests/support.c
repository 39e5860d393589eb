#include "tests/support.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define PATHS 8

/* How far got is off, in units of what is allowed: fine up to 1. */
static double excess(double got, double want, double relative, double absolute)
{
    double allowed = absolute + relative * fabs(want);
    double off = fabs(got - want);

    if (got == want || (isnan(got) && isnan(want)))
        return 0.0;
    if (!(off <= allowed))
        return isfinite(off) && allowed > 0.0 ? off / allowed : HUGE_VAL;
    return 1.0;
}

void support_all_close(const char *what, const float *got, const float *want,
                       size_t n, double relative, double absolute,
                       const char *file, int line)
{
    double worst = 1.0, e;
    size_t i, at = 0, wrong = 0;

    for (i = 0; i < n; i++) {
        e = excess((double)got[i], (double)want[i], relative, absolute);
        wrong += e > 1.0;
        if (e > worst) {
            worst = e;
            at = i;
        }
    }
    if (wrong == 0)
        return;
    print_error("%s: %zu of %zu differ; worst [%zu]: %.9g, expected %.9g\n",
                what, wrong, n, at, (double)got[at], (double)want[at]);
    _fail(file, line);
}

void support_same_bits(const char *what, const void *got, const void *want,
                       size_t bytes, const char *file, int line)
{
    const unsigned char *a = got, *b = want;
    size_t i;

    for (i = 0; i < bytes && a[i] == b[i]; i++)
        ;
    if (i == bytes)
        return;
    print_error("%s: byte %zu of %zu is %02x, expected %02x\n", what, i, bytes,
                a[i], b[i]);
    _fail(file, line);
}

int support_folder(void **state)
{
    const char *top = getenv("TMPDIR");
    char *path = mem_printf("%s/espalier-test-XXXXXX",
                            top != NULL && *top != '\0' ? top : "/tmp");

    *state = path;
    if (mkdtemp(path) != NULL)
        return 0;
    print_error("no folder %s: %s\n", path, strerror(errno));
    return -1;
}

static int remove_one(const char *path, const struct stat *about, int type,
                      struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

int support_folder_done(void **state)
{
    int failed = nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);

    mem_free(*state);
    return failed;
}

const char *support_path(void *const *state, const char *name)
{
    static char paths[PATHS][256];
    static int next;
    char *path = paths[next++ % PATHS];
    int n =
        snprintf(path, sizeof(paths[0]), "%s/%s", (const char *)*state, name);

    if (n < 0 || (size_t)n >= sizeof(paths[0]))
        fail_msg("the path of %s is too long", name);
    return path;
}

void support_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");

    if (f == NULL)
        fail_msg("cannot write %s: %s", path, strerror(errno));
    if (fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
        fail_msg("cannot write %s: %s", path, strerror(errno));
}

char *support_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    size_t cap = 4096, len = 0, got;
    char *text;

    if (f == NULL)
        fail_msg("cannot read %s: %s", path, strerror(errno));
    text = mem_alloc(cap);
    while ((got = fread(text + len, 1, cap - len - 1, f)) > 0) {
        len += got;
        cap *= 2;
        text = mem_grow(text, cap, 1);
    }
    fclose(f);
    text[len] = '\0';
    if (n != NULL)
        *n = len;
    return text;
}
