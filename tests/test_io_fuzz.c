/*
 * Damaged files: cut short, bits turned, numbers made huge.  Whatever comes, a
 * reader gives a whole net or data set, or a sentence; it takes no room that
 * the file cannot fill.  Runs under the sanitizers too.
 *
 * HDF5 itself believes much of a file, and some damage brings it down whoever
 * calls it.  So each file is read in a process of its own, which tells whether
 * it fell in that library; that may happen, but seldom, and never in our code.
 */
#define _GNU_SOURCE 1 /* dladdr */
#include "support.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#include "base/mem.h"
#include "base/rng.h"
#include "io/io.h"
#include "learning.h"

/* Room that no small file needs. */
#define MOST_BYTES ((size_t)64 << 20)
#define SECONDS    20 /* more is a hang, even on a busy machine */

/* Of all damage, what a slow build tries. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PART 4
#else
#define PART 1
#endif

enum { REFUSED = 10, TOO_MUCH = 20, IN_LIBRARY = 30, IN_OURS = 31 };

static void leave(void)
{
    void *frame[64];
    int count = backtrace(frame, 64), i;

    for (i = 0; i < count; i++) {
        Dl_info info;

        if (dladdr(frame[i], &info) != 0 && info.dli_fname != NULL &&
            strstr(info.dli_fname, "hdf5") != NULL)
            _exit(IN_LIBRARY);
    }
    _exit(IN_OURS);
}

static void on_signal(int number)
{
    (void)number;
    leave();
}

/* One of the ways a file is hurt; the first n bytes are what is left. */
static size_t hurt(char *bytes, size_t n, struct rng *r)
{
    /* Half of all hits are where a file says what it holds. */
    size_t most = rng_below(r, 2) != 0 && n > 4096 ? 4096 : n;
    size_t at = rng_below(r, (uint32_t)most), i;
    uint32_t way = rng_below(r, 8);

    if (way == 0)
        return at;
    if (way <= 3) {
        bytes[at] = (char)(bytes[at] ^ (1 << rng_below(r, 8)));
    } else if (way <= 5) {
        bytes[at] = (char)rng_below(r, 256);
    } else if (way == 6) { /* a length that is too long */
        for (i = at; i < at + 4 && i < n; i++)
            bytes[i] = (char)0xff;
    } else { /* a hole */
        for (i = at; i < at + 64 && i < n; i++)
            bytes[i] = 0;
    }
    return n;
}

static void check_sentence(const struct err *err)
{
    if (strlen(err->msg) < 10 || err->code == ERR_OK)
        _exit(IN_OURS);
}

/* Tries everything that reads files; returns how many readers refused. */
static int read_all(const char *path)
{
    struct str text = {0};
    struct dataset *d;
    struct net *net;
    struct err err;
    int refused = 0;

    err.msg[0] = '\0';
    if (net_load(path, &net, NULL, NULL, &err) == ERR_OK) {
        net_free(net);
    } else {
        check_sentence(&err);
        refused++;
    }
    err.msg[0] = '\0';
    if (data_open(path, NULL, NULL, &d, &err) == ERR_OK) {
        dataset_free(d);
    } else {
        check_sentence(&err);
        refused++;
    }
    err.msg[0] = '\0';
    if (file_info(path, &text, &err) != ERR_OK)
        check_sentence(&err);
    str_done(&text);
    return refused;
}

/* Reads path in a process of its own; REFUSED + how many readers refused, or
 * one of the other results. */
static int read_apart(const char *path)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM};
    pid_t child;
    int status = 0, quiet, refused;
    size_t i;

    fflush(NULL);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        quiet = open("/dev/null", O_WRONLY);
        (void)dup2(quiet, STDOUT_FILENO);
        (void)dup2(quiet, STDERR_FILENO);
        for (i = 0; i < LENGTH(fatal); i++)
            signal(fatal[i], on_signal);
#ifdef __SANITIZE_ADDRESS__
        __sanitizer_set_death_callback(leave);
#endif
        alarm(SECONDS);
        refused = read_all(path);
        _exit(mem_block_peak() > MOST_BYTES ? TOO_MUCH : REFUSED + refused);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : IN_OURS;
}

/* Hurts the file in so many ways; some of them must show. */
static void try_file(void *const *state, const char *from, int times,
                     uint64_t seed)
{
    const char *bad = support_path(state, "bad.h5");
    struct rng r = rng_at(seed, RNG_TEST, 7, 0);
    size_t n;
    char *whole = support_read(from, &n), *bytes = mem_alloc(n);
    int i, refused = 0, fell = 0;

    times /= PART;
    for (i = 0; i < times; i++) {
        int result;

        memcpy(bytes, whole, n);
        support_write(bad, bytes, hurt(bytes, n, &r));
        result = read_apart(bad);
        if (result == TOO_MUCH || result == IN_OURS)
            fail_msg("%s, damage %d: %s", from, i,
                     result == TOO_MUCH ? "took too much memory"
                                        : "brought us down");
        fell += result == IN_LIBRARY;
        refused += result == IN_LIBRARY ? 0 : result - REFUSED;
    }
    mem_free(whole);
    mem_free(bytes);
    /* A net is no data and the other way round. */
    assert_true(refused > times + times / 10);
    if (fell > 0)
        print_message("%s: HDF5 fell %d times of %d\n", from, fell, times);
    assert_true(fell <= 3 + times / 20);
}

static void test_a_damaged_net_does_no_harm(void **state)
{
    const char *path = support_path(state, "net.h5");
    struct net *net = learning_net("input 4x4x1\nconv2d 3 3x3 relu\nflatten\n"
                                   "dense 5 softmax\n",
                                   1);
    struct err err;

    assert_ok(net_save(path, net, NULL, &err));
    net_free(net);
    try_file(state, path, 200, 1);
}

static void test_damaged_files_of_keras_do_no_harm(void **state)
{
    try_file(state, "tests/fixtures/keras/networks/keras2-nested.h5", 150, 2);
    try_file(state, "tests/fixtures/keras/networks/keras2-first.h5", 100, 3);
}

static void test_damaged_archives_do_no_harm(void **state)
{
    try_file(state, "tests/fixtures/keras/networks/keras3-nested.keras", 150,
             4);
    try_file(state, "tests/fixtures/keras/networks/keras3-lines.keras", 100, 5);
}

static void test_damaged_data_do_no_harm(void **state)
{
    const char *path = support_path(state, "data.h5");
    struct dataset *d = learning_data("8x8x1", 3, 60, 1);
    struct err err;

    assert_ok(data_save(path, d, &err));
    dataset_free(d);
    try_file(state, path, 200, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_a_damaged_net_does_no_harm),
        unit_test_in_folder(test_damaged_files_of_keras_do_no_harm),
        unit_test_in_folder(test_damaged_archives_do_no_harm),
        unit_test_in_folder(test_damaged_data_do_no_harm),
    };

    io_start();
    return cmocka_run_group_tests_name("io_fuzz", tests, NULL, NULL);
}
