/*
 * A net of 138 million weights, 553 MB of file: what making it, opening it,
 * pruning it globally, saving it and going back take in time and in memory,
 * against its size.  The program of the first argument runs apart, so that its
 * peak is its own.  Wants 3 GB in TMPDIR for half a minute or more.
 */
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "base/str.h"

#define LIMIT 2.2 /* times the file */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Runs the program; its peak in bytes. */
static double run(const char *program, const char *commands, double *seconds)
{
    double start = now();
    struct rusage use;
    int status;
    pid_t child = fork();

    if (child == 0) {
        if (freopen("/dev/null", "w", stdout) == NULL)
            _exit(127);
        execl(program, program, "--no-session", "-c", commands, (char *)NULL);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &use) != child ||
        !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("%s -c '%s' failed", program, commands);
    *seconds = now() - start;
    return (double)use.ru_maxrss * 1024.0;
}

static double size_of(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        fail_msg("no file '%s'", path);
    return (double)info.st_size;
}

static void report(const char *what, double peak, double file, double seconds)
{
    printf("  %-34s %7.1f s  %7.1f MB at most, %.2f times the file%s\n", what,
           seconds, peak / 1e6, peak / file,
           peak > LIMIT * file ? "  TOO MUCH" : "");
    fflush(stdout);
}

static void measure(const char *program, const char *folder)
{
    struct str line = {0};
    char path[512];
    double peak, seconds, file;

    snprintf(path, sizeof(path), "%s/net.h5", folder);
    str_addf(&line, "new vgg-16; save %s", path);
    peak = run(program, line.text, &seconds);
    file = size_of(path);
    printf("vgg-16, 138,357,544 parameters, a file of %.1f MB\n", file / 1e6);
    report("making, saving", peak, file, seconds);
    str_clear(&line);
    str_addf(&line, "net %s", path);
    peak = run(program, line.text, &seconds);
    report("opening", peak, file, seconds);
    str_addf(&line, "; prune 80%% scope=global; save %s/pruned.h5", folder);
    peak = run(program, line.text, &seconds);
    report("opening, pruning, saving", peak, file, seconds);
    str_add(&line, "; undo; redo");
    peak = run(program, line.text, &seconds);
    report("the same, then undo and redo", peak, file, seconds);
    unlink(path);
    snprintf(path, sizeof(path), "%s/pruned.h5", folder);
    unlink(path);
    str_done(&line);
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    char folder[256];
    struct statvfs disk;

    snprintf(folder, sizeof(folder), "%s/bench-XXXXXX",
             tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    if (mkdtemp(folder) == NULL || statvfs(folder, &disk) != 0) {
        printf("vgg-16 is left out: no folder '%s'\n", folder);
        return 0;
    }
    if ((double)disk.f_bavail * (double)disk.f_frsize < 3e9)
        printf("vgg-16 is left out: '%s' has no 3 GB left\n", folder);
    else
        measure(argc > 1 ? argv[1] : "build/espalier", folder);
    rmdir(folder);
    return 0;
}
