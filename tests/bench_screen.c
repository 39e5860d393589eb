/*
 * What the screen costs and how it feels: time to the first full screen, time
 * from a key to its view while every core trains, memory.  Prints a ratio to
 * the time between two frames, which is what an eye can tell.
 */
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/screen/terminal.h"

enum { KEYS = 200 };

static const double FRAME_MS = 1000.0 / 15; /* the setting fps */

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void run(const void *program)
{
    setenv("TERM", "xterm-256color", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    execl(program, program, "--no-session", "data/lenet-300-100.h5",
          "data/mnist.h5", (char *)NULL);
}

/* Resident set in MB; 0 where the system does not tell. */
static double resident_mb(pid_t pid)
{
    char path[64];
    long pages = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    f = fopen(path, "r");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_keys(struct terminal *t)
{
    double ms[KEYS];
    int i;

    for (i = 0; i < KEYS; i++) {
        double start = now_ms();

        terminal_press(t, i % 2 == 0 ? "2" : "1");
        terminal_wait(t, i % 2 == 0 ? "[2 Layer]" : "[1 Overview]", true);
        ms[i] = now_ms() - start;
    }
    qsort(ms, KEYS, sizeof(ms[0]), by_size);
    printf("key to view, all cores training  median %.1f ms  worst of %d "
           "%.1f ms  (%.2f and %.2f frames)\n",
           ms[KEYS / 2], KEYS, ms[KEYS - 1], ms[KEYS / 2] / FRAME_MS,
           ms[KEYS - 1] / FRAME_MS);
}

int main(int argc, char **argv)
{
    const char *program = argc > 1 ? argv[1] : "build/espalier";
    double start = now_ms();
    struct terminal t;

    terminal_open(&t, 24, 80, run, program);
    terminal_wait(&t, "98.60%", true);
    terminal_wait(&t, "step", true);
    printf("first full screen                %.0f ms  (%.1f frames)\n",
           now_ms() - start, (now_ms() - start) / FRAME_MS);
    terminal_press(&t, ":train epochs=1000\r");
    terminal_wait(&t, "idle", false);
    print_keys(&t);
    printf("resident memory                  %.0f MB\n", resident_mb(t.child));
    terminal_press(&t, "\003");
    terminal_wait(&t, "idle", true);
    terminal_press(&t, "q");
    return terminal_close(&t);
}
