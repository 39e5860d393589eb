#include "ui/term_modes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_SIZE = 512 };

/* Set before armed is, and not changed while it is. */
static struct {
    int fd; /* opened not to wait: nobody may be reading the terminal */
    struct termios before;
    char text[TEXT_SIZE];
} rescue = {.fd = -1};
static atomic_bool armed;

void modes_arm(int fd, const struct termios *before, const char *text)
{
    const char *name = ttyname(fd);

    modes_disarm();
    /* A description of its own: the flag must not reach the shell's. */
    if (name != NULL)
        rescue.fd = open(name, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (rescue.fd < 0)
        return;
    rescue.before = *before;
    snprintf(rescue.text, sizeof(rescue.text), "%s", text);
    atomic_store(&armed, true);
}

void modes_disarm(void)
{
    atomic_store(&armed, false);
    if (rescue.fd >= 0)
        close(rescue.fd);
    rescue.fd = -1;
}

bool modes_write(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t n = write(fd, text, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        left -= (size_t)n;
    }
    return true;
}

static struct {
    int file, out, err; /* -1: not diverted */
} diverted = {-1, -1, -1};

/* What went to the file, as far as to takes it. */
static void show_file(int to)
{
    char block[1024];
    ssize_t n;

    if (diverted.file < 0 || lseek(diverted.file, 0, SEEK_SET) != 0)
        return;
    while ((n = read(diverted.file, block, sizeof(block) - 1)) > 0) {
        block[n] = '\0';
        if (!modes_write(to, block))
            return;
    }
}

void modes_restore(void)
{
    if (!atomic_exchange(&armed, false))
        return;
    tcflush(rescue.fd, TCOFLUSH);
    modes_write(rescue.fd, rescue.text);
    tcsetattr(rescue.fd, TCSANOW, &rescue.before);
    if (diverted.err < 0)
        return;
    show_file(isatty(diverted.err) ? rescue.fd : diverted.err);
    dup2(diverted.err, STDERR_FILENO);
}

void modes_divert(void)
{
    const char *folder = getenv("TMPDIR");
    char path[256];

    if (diverted.file >= 0)
        return;
    if (folder == NULL || strlen(folder) > 200)
        folder = "/tmp";
    snprintf(path, sizeof(path), "%s/espalier-XXXXXX", folder);
    diverted.file = mkstemp(path);
    if (diverted.file < 0) {
        diverted.file = open("/dev/null", O_RDWR | O_CLOEXEC);
    } else {
        unlink(path);
        fcntl(diverted.file, F_SETFD, FD_CLOEXEC);
    }
    if (diverted.file < 0)
        return;
    fflush(NULL);
    diverted.out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    diverted.err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(diverted.file, STDOUT_FILENO);
    dup2(diverted.file, STDERR_FILENO);
}

void modes_undivert(void)
{
    if (diverted.file < 0)
        return;
    fflush(NULL);
    if (diverted.out >= 0) {
        dup2(diverted.out, STDOUT_FILENO);
        close(diverted.out);
    }
    if (diverted.err >= 0) {
        dup2(diverted.err, STDERR_FILENO);
        close(diverted.err);
    }
    show_file(STDERR_FILENO);
    close(diverted.file);
    diverted.file = diverted.out = diverted.err = -1;
}

double modes_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

uint64_t modes_written(void)
{
    int file = open("/proc/thread-self/io", O_RDONLY | O_CLOEXEC);
    char text[512] = "", *at;
    ssize_t n = file >= 0 ? read(file, text, sizeof(text) - 1) : -1;

    if (file >= 0)
        close(file);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    at = strstr(text, "wchar: ");
    return at != NULL ? strtoull(at + 7, NULL, 10) : 0;
}

static volatile sig_atomic_t continued;

static void on_continue(int sig)
{
    (void)sig;
    continued = 1;
}

void modes_stop_group(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL}, stop, cont;
    struct sigaction note = {.sa_handler = on_continue, .sa_flags = SA_RESTART};
    struct timespec nap = {0, 5000000};
    int i;

    continued = 0;
    sigaction(SIGCONT, &note, &cont);
    sigaction(SIGTSTP, &usual, &stop);
    kill(0, SIGTSTP);
    for (i = 0; i < 60 && !continued; i++)
        nanosleep(&nap, NULL);
    sigaction(SIGTSTP, &stop, NULL);
    sigaction(SIGCONT, &cont, NULL);
}
