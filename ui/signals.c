/*
 * Two pipes.  Every handler writes the signal's number into the first, which
 * the loop polls; those that end the program write it into the second as well,
 * where the guard thread sleeps:
 *
 *     sleeping --END, HANGUP--> waiting --deadline--> save, restore, _exit
 *                                  |  ^
 *                    signals_answer|  |the grace is the new deadline
 *                                  +--+
 * and signals_stop ends it in either state.
 */
#include "ui/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DEADLINE_MS = 1000,
    SAVE_SECONDS = 20, /* a save that hangs is given up */
    QUIT = 0,          /* bytes of the guard's pipe besides signal numbers */
    ANSWER = 255
};

static const struct {
    int number;
    unsigned bit;
} handled[] = {
    {SIGWINCH, SIGNALS_RESIZE},  {SIGTSTP, SIGNALS_SUSPEND},
    {SIGCONT, SIGNALS_CONTINUE}, {SIGINT, SIGNALS_INTERRUPT},
    {SIGTERM, SIGNALS_END},      {SIGQUIT, SIGNALS_END},
    {SIGHUP, SIGNALS_HANGUP},
};
enum { HANDLED = sizeof(handled) / sizeof(handled[0]) };
static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { FATAL = sizeof(fatal) / sizeof(fatal[0]) };

static struct {
    bool on;
    int loop[2], guard[2]; /* read, write ends */
    struct signals_hooks hooks;
    struct sigaction before[HANDLED], before_fatal[FATAL], before_pipe;
    pthread_t thread;
} state;
static atomic_int grace;

static void send(int fd, int what)
{
    unsigned char byte = (unsigned char)what;
    ssize_t n = write(fd, &byte, 1);

    (void)n; /* a full pipe wakes its reader as well */
}

static void on_signal(int number)
{
    int saved = errno;

    send(state.loop[1], number);
    if (number == SIGTERM || number == SIGQUIT || number == SIGHUP)
        send(state.guard[1], number);
    errno = saved;
}

/* The handler is gone already (SA_RESETHAND): raising ends the process, with
 * a core where the system keeps them. */
static void on_crash(int number)
{
    if (state.hooks.restore != NULL)
        state.hooks.restore();
    raise(number);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for the guard's pipe; its byte, or -1 when the time is over. */
static int wait_byte(int64_t until)
{
    struct pollfd p = {.fd = state.guard[0], .events = POLLIN};
    unsigned char byte;

    for (;;) {
        int64_t left = until - now_ms();

        if (until >= 0 && left <= 0)
            return -1;
        if (poll(&p, 1, until < 0 ? -1 : (int)left) > 0 &&
            read(p.fd, &byte, 1) == 1)
            return byte;
    }
}

static void end_process(int number)
{
    signal(SIGALRM, SIG_DFL);
    alarm(SAVE_SECONDS);
    if (state.hooks.save != NULL)
        state.hooks.save();
    if (state.hooks.restore != NULL)
        state.hooks.restore();
    _exit(128 + number);
}

static void *guard(void *unused)
{
    int64_t until = -1;
    int number = 0;

    (void)unused;
    for (;;) {
        int byte = wait_byte(until);

        if (byte == QUIT)
            return NULL;
        if (byte < 0)
            end_process(number);
        if (byte == ANSWER && number != 0) {
            until = now_ms() + atomic_load(&grace);
        } else if (byte != ANSWER && number == 0) {
            number = byte;
            until = now_ms() + state.hooks.deadline_ms;
        }
    }
}

static bool open_pipes(void)
{
    if (pipe(state.loop) != 0)
        return false;
    if (pipe(state.guard) != 0) {
        close(state.loop[0]);
        close(state.loop[1]);
        return false;
    }
    /* Handlers must never wait, the loop neither; the guard sleeps in poll. */
    fcntl(state.loop[0], F_SETFL, O_NONBLOCK);
    fcntl(state.loop[1], F_SETFL, O_NONBLOCK);
    fcntl(state.guard[1], F_SETFL, O_NONBLOCK);
    fcntl(state.loop[0], F_SETFD, FD_CLOEXEC);
    fcntl(state.loop[1], F_SETFD, FD_CLOEXEC);
    fcntl(state.guard[0], F_SETFD, FD_CLOEXEC);
    fcntl(state.guard[1], F_SETFD, FD_CLOEXEC);
    return true;
}

static void close_pipes(void)
{
    close(state.loop[0]);
    close(state.loop[1]);
    close(state.guard[0]);
    close(state.guard[1]);
}

/* The guard takes no signals itself, so that it can watch over all threads
 * that do. */
static bool start_guard(void)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&state.thread, NULL, guard, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void install(void)
{
    static char stack[65536]; /* a crash may be one of the stack */
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    int i;

    sigfillset(&a.sa_mask);
    for (i = 0; i < HANDLED; i++)
        sigaction(handled[i].number, &a, &state.before[i]);
    sigaltstack(&alternate, NULL);
    a.sa_handler = on_crash;
    a.sa_flags = (int)((unsigned)SA_RESETHAND | SA_ONSTACK | SA_NODEFER);
    sigemptyset(&a.sa_mask);
    for (i = 0; i < FATAL; i++)
        sigaction(fatal[i], &a, &state.before_fatal[i]);
    a.sa_handler = SIG_IGN;
    a.sa_flags = 0;
    sigaction(SIGPIPE, &a, &state.before_pipe);
}

enum err_code signals_start(const struct signals_hooks *hooks, struct err *err)
{
    if (state.on)
        return ERR_OK;
    state.hooks = *hooks;
    if (state.hooks.deadline_ms <= 0)
        state.hooks.deadline_ms = DEADLINE_MS;
    if (!open_pipes())
        return err_set(err, ERR_IO, "cannot watch for signals: %s",
                       strerror(errno));
    if (!start_guard()) {
        close_pipes();
        return err_set(err, ERR_IO, "cannot start a thread to watch signals");
    }
    install();
    state.on = true;
    return ERR_OK;
}

void signals_stop(void)
{
    int i;

    if (!state.on)
        return;
    for (i = 0; i < HANDLED; i++)
        sigaction(handled[i].number, &state.before[i], NULL);
    for (i = 0; i < FATAL; i++)
        sigaction(fatal[i], &state.before_fatal[i], NULL);
    sigaction(SIGPIPE, &state.before_pipe, NULL);
    send(state.guard[1], QUIT);
    pthread_join(state.thread, NULL);
    close_pipes();
    state.on = false;
}

int signals_fd(void)
{
    return state.loop[0];
}

unsigned signals_read(void)
{
    unsigned char byte[64];
    unsigned bits = 0;
    ssize_t n, i;
    int k;

    while ((n = read(state.loop[0], byte, sizeof(byte))) > 0)
        for (i = 0; i < n; i++)
            for (k = 0; k < HANDLED; k++)
                if (byte[i] == handled[k].number)
                    bits |= handled[k].bit;
    return bits;
}

void signals_answer(int grace_ms)
{
    atomic_store(&grace, grace_ms > 0 ? grace_ms : 0);
    send(state.guard[1], ANSWER);
}
