#include "ui/prompt_bytes.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

bool bytes_readable(const struct bytes *b, int ms)
{
    struct pollfd p = {.fd = b->fd, .events = POLLIN};

    return poll(&p, 1, ms) > 0;
}

static int from_terminal(struct bytes *b)
{
    unsigned char byte;
    ssize_t n;

    do
        n = read(b->fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        b->ended = true;
    return n == 1 ? byte : -1;
}

static void question_mark(struct bytes *b)
{
    b->held[0] = '?';
    b->held[1] = '\0';
    b->held_len = 1;
}

/* Bytes of the character that starts like this; 1 for what starts none. */
static int length_of(unsigned char lead)
{
    if (lead < 0xC2 || lead > 0xF4)
        return 1;
    return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

bool bytes_take(struct bytes *b)
{
    int byte = from_terminal(b);
    uint32_t point;

    if (byte < 0)
        return true;
    if (b->held_len > 0 && (byte & 0xC0) != 0x80)
        question_mark(b); /* the last one was never finished */
    b->held[b->held_len++] = (char)byte;
    b->held[b->held_len] = '\0';
    if (MB_CUR_MAX == 1 || byte < 0x80)
        return true;
    if (b->held_len < length_of((unsigned char)b->held[0]))
        return false;
    if (str_decode(b->held, &point) == 0)
        question_mark(b);
    return true;
}

int bytes_next(struct bytes *b)
{
    int byte;

    if (b->held_len == 0)
        return from_terminal(b);
    byte = (unsigned char)b->held[0];
    b->held_len--;
    memmove(b->held, b->held + 1, sizeof(b->held) - 1);
    return byte;
}
