#include "tests/screen/terminal.h"

#include "tests/support.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/mem.h"

enum { WAIT_MS = 60000, QUIET_MS = 300 };

void terminal_open(struct terminal *t, int rows, int cols,
                   void (*child)(const void *arg), const void *arg)
{
    struct winsize size = {.ws_row = (unsigned short)rows,
                           .ws_col = (unsigned short)cols};

    *t = (struct terminal){.rows = rows, .cols = cols};
    t->child = forkpty(&t->fd, NULL, NULL, &size);
    assert_true(t->child >= 0);
    if (t->child == 0) {
        child(arg);
        _exit(127);
    }
    t->vterm = vterm_new(rows, cols);
    vterm_set_utf8(t->vterm, 1);
    t->cells = vterm_obtain_screen(t->vterm);
    vterm_screen_enable_altscreen(t->cells, 1);
    vterm_screen_reset(t->cells, 1);
}

/* One read; 0 when nothing came for ms or the child's side is closed. */
static size_t take(struct terminal *t, int ms)
{
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    char block[4096];
    ssize_t n;

    if (poll(&p, 1, ms) <= 0)
        return 0;
    n = read(t->fd, block, sizeof(block));
    if (n <= 0)
        return 0;
    str_add_bytes(&t->raw, block, (size_t)n);
    vterm_input_write(t->vterm, block, (size_t)n);
    return (size_t)n;
}

size_t terminal_settle(struct terminal *t)
{
    size_t sum = 0, n = take(t, WAIT_MS);

    for (; n > 0; n = take(t, QUIET_MS))
        sum += n;
    return sum;
}

size_t terminal_pause(struct terminal *t, int ms)
{
    return take(t, ms);
}

static void add_cell(struct str *s, uint32_t c)
{
    char utf8[5] = {0};

    if (c < 0x80) {
        utf8[0] = c < ' ' ? ' ' : (char)c;
    } else if (c < 0x800) {
        utf8[0] = (char)(0xc0 | c >> 6);
        utf8[1] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        utf8[0] = (char)(0xe0 | c >> 12);
        utf8[1] = (char)(0x80 | (c >> 6 & 0x3f));
        utf8[2] = (char)(0x80 | (c & 0x3f));
    } else {
        return; /* the second half of a wide sign, or nothing of ours */
    }
    str_addf(s, "%s", utf8);
}

char *terminal_text(const struct terminal *t)
{
    struct str s = {0};
    int row, col;

    for (row = 0; row < t->rows; row++) {
        for (col = 0; col < t->cols; col++)
            add_cell(&s, terminal_cell(t, row, col).chars[0]);
        str_addf(&s, "\n");
    }
    return str_take(&s);
}

void terminal_wait(struct terminal *t, const char *text, bool there)
{
    bool over = false;

    for (;;) {
        char *seen = terminal_text(t);
        bool is = strstr(seen, text) != NULL;

        if (is != there && over) {
            fputs(seen, stderr); /* more than a message of cmocka holds */
            fail_msg("\"%s\" %s on the screen", text,
                     there ? "is not" : "is still");
        }
        mem_free(seen);
        if (is == there)
            return;
        over = take(t, WAIT_MS) == 0;
    }
}

VTermScreenCell terminal_cell(const struct terminal *t, int row, int col)
{
    VTermScreenCell cell;
    VTermPos at = {row, col};

    memset(&cell, 0, sizeof(cell));
    vterm_screen_get_cell(t->cells, at, &cell);
    return cell;
}

void terminal_press(struct terminal *t, const char *keys)
{
    assert_int_equal(write(t->fd, keys, strlen(keys)), strlen(keys));
}

void terminal_resize(struct terminal *t, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows,
                           .ws_col = (unsigned short)cols};

    if (rows > 0 && cols > 0) {
        t->rows = rows;
        t->cols = cols;
        vterm_set_size(t->vterm, rows, cols);
    }
    assert_int_equal(ioctl(t->fd, TIOCSWINSZ, &size), 0);
}

/* The child's status; a child that lives on is ended and fails the test. */
static int end_of(struct terminal *t)
{
    struct timespec nap = {0, 10000000};
    int status, i;

    for (i = 0; i < WAIT_MS / 10; i++) {
        if (waitpid(t->child, &status, WNOHANG) == t->child)
            return status;
        nanosleep(&nap, NULL);
    }
    kill(t->child, SIGKILL);
    waitpid(t->child, &status, 0);
    fail_msg("the program does not end");
    return status;
}

static int forget(struct terminal *t, int status)
{
    vterm_free(t->vterm);
    str_done(&t->raw);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int terminal_close(struct terminal *t)
{
    while (take(t, WAIT_MS) > 0) {
    }
    return terminal_close_unread(t);
}

int terminal_close_unread(struct terminal *t)
{
    int status = end_of(t);

    close(t->fd);
    return forget(t, status);
}

int terminal_cut(struct terminal *t)
{
    close(t->fd);
    return forget(t, end_of(t));
}
