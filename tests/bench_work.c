/*
 * What the steps around training cost: pruning all weights by magnitude,
 * putting masks on, a step of the history (a copy of the net), and saving it as
 * a session does.  FULL=1 takes a net of 138 million weights, as many as VGG-16
 * has, instead of 14 million.
 */
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "compress/mask.h"
#include "compress/prune.h"
#include "io/io.h"
#include "net/size.h"
#include "tests/learning.h"

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A moment: on the clock, and of processor time, which others on the machine
 * disturb less. */
struct moment {
    double ms, cpu;
};

static struct moment now(void)
{
    return (struct moment){.ms = now_ms(),
                           .cpu = (double)clock() * 1e3 / CLOCKS_PER_SEC};
}

static void tell(const char *what, struct moment start, double bytes)
{
    struct moment end = now();
    double cpu = end.cpu - start.cpu;

    printf("%-32s %8.1f ms  %8.1f ms of processor time, %.2f GB/s of it\n",
           what, end.ms - start.ms, cpu, bytes / cpu * 1e-6);
    fflush(stdout);
}

static void prune_all(struct net *net, double bytes)
{
    struct prune_request r = prune_defaults();
    struct prune_report report;
    struct moment start = now();
    struct err err;

    r.scope = SCOPE_GLOBAL;
    assert_ok(prune_apply(net, &r, &report, &err));
    tell("prune 20 % by magnitude, global", start, bytes);
    start = now();
    mask_apply_net(net);
    tell("masks on all weights", start, bytes);
}

static void copy_and_save(const struct net *net, double bytes)
{
    char folder[] = "/tmp/espalier-bench-XXXXXX", path[64];
    struct err err;
    struct moment start = now();
    struct net *copy = net_clone(net, &err);

    assert_non_null(copy);
    tell("history step: a copy of the net", start, bytes);
    net_free(copy);
    if (mkdtemp(folder) == NULL)
        fail_msg("no folder for a file to be saved in");
    snprintf(path, sizeof(path), "%s/stage.h5", folder);
    start = now();
    assert_ok(net_save(path, net, NULL, &err));
    tell("session save: file on disk", start, bytes);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const char *full = getenv("FULL");
    bool large = full != NULL && *full == '1';
    struct net *net = learning_net(
        large ? "input 25088; dense 4096 relu; dense 8576 relu; dense 10"
              : "input 4096; dense 2560 relu; dense 1280 relu; dense 10",
        1);
    struct size_count size;
    struct rusage usage;
    double bytes;

    io_start();
    size_of_net(net, &size);
    bytes = (double)size.params * sizeof(float);
    printf("%.1f million weights, %.0f MB\n", (double)size.prunable * 1e-6,
           bytes * 1e-6);
    prune_all(net, bytes);
    copy_and_save(net, bytes);
    getrusage(RUSAGE_SELF, &usage);
    printf("peak memory %.0f MB, %.2f times the net\n",
           (double)usage.ru_maxrss / 1024.0,
           (double)usage.ru_maxrss * 1024.0 / bytes);
    net_free(net);
    return 0;
}
