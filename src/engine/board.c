#include "engine/board.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* A sheet's memory: the sheet itself, and a chain of its arrays. */
struct arena {
    atomic_int refs;
    struct piece *pieces;
};
struct piece {
    struct piece *next;
    _Alignas(16) unsigned char bytes[];
};

struct board {
    pthread_mutex_t lock; /* guards all below but fd */
    struct sheet *newest[SHEET_COUNT];
    unsigned long serial[SHEET_COUNT];
    bool woken; /* a byte lies in the pipe */
    struct board_wish wish;
    unsigned long wish_serial;
    void (*tell)(void *arg);
    void *tell_arg;
    int fd[2]; /* pipe: read end, write end; both never block */
};

static const size_t sizes[SHEET_COUNT] = {
    [SHEET_STATUS] = sizeof(struct status_sheet),
    [SHEET_LAYERS] = sizeof(struct layers_sheet),
    [SHEET_CURVE] = sizeof(struct curve_sheet),
    [SHEET_LAYER] = sizeof(struct layer_sheet),
    [SHEET_BOOK] = sizeof(struct book_sheet),
    [SHEET_HISTORY] = sizeof(struct history_sheet),
    [SHEET_COMPARE] = sizeof(struct compare_sheet),
    [SHEET_DATA] = sizeof(struct data_sheet),
    [SHEET_EXITS] = sizeof(struct exits_sheet),
    [SHEET_LOG] = sizeof(struct log_sheet),
    [SHEET_TIMING] = sizeof(struct timing_sheet),
    [SHEET_LEDGER] = sizeof(struct ledger_sheet),
};

void *sheet_array(void *sheet, size_t n, size_t size)
{
    struct arena *arena = ((struct sheet *)sheet)->memory;
    size_t bytes;
    struct piece *p;

    if (!mem_mul(n, size, &bytes))
        bytes = SIZE_MAX - sizeof(*p);
    p = mem_zalloc(sizeof(*p) + bytes);
    p->next = arena->pieces;
    arena->pieces = p;
    return p->bytes;
}

void *sheet_new(enum sheet_kind kind)
{
    struct arena *arena = mem_zalloc(sizeof(*arena));
    struct sheet seed = {.kind = kind, .memory = arena};
    struct sheet *s;

    atomic_init(&arena->refs, 1);
    s = sheet_array(&seed, 1, sizes[kind]);
    s->kind = kind;
    s->memory = arena;
    return s;
}

void sheet_drop(const void *sheet)
{
    struct arena *arena;
    struct piece *p, *next;

    if (sheet == NULL)
        return;
    arena = ((const struct sheet *)sheet)->memory;
    if (atomic_fetch_sub(&arena->refs, 1) != 1)
        return;
    for (p = arena->pieces; p != NULL; p = next) {
        next = p->next;
        mem_free(p);
    }
    mem_free(arena);
}

struct board *board_new(void)
{
    struct board *b = mem_zalloc(sizeof(*b));
    int i;

    if (pipe(b->fd) != 0) {
        mem_free(b);
        return NULL;
    }
    for (i = 0; i < 2; i++) {
        fcntl(b->fd[i], F_SETFL, O_NONBLOCK);
        fcntl(b->fd[i], F_SETFD, FD_CLOEXEC);
    }
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

void board_free(struct board *b)
{
    int i;

    if (b == NULL)
        return;
    for (i = 0; i < SHEET_COUNT; i++)
        sheet_drop(b->newest[i]);
    close(b->fd[0]);
    close(b->fd[1]);
    pthread_mutex_destroy(&b->lock);
    mem_free(b);
}

const void *board_take(struct board *b, enum sheet_kind kind)
{
    struct sheet *s;

    pthread_mutex_lock(&b->lock);
    s = b->newest[kind];
    if (s != NULL)
        atomic_fetch_add(&((struct arena *)s->memory)->refs, 1);
    pthread_mutex_unlock(&b->lock);
    return s;
}

unsigned long board_serial(struct board *b, enum sheet_kind kind)
{
    unsigned long serial;

    pthread_mutex_lock(&b->lock);
    serial = b->serial[kind];
    pthread_mutex_unlock(&b->lock);
    return serial;
}

void board_publish(struct board *b, void *sheet)
{
    struct sheet *s = sheet, *old;

    pthread_mutex_lock(&b->lock);
    old = b->newest[s->kind];
    s->serial = ++b->serial[s->kind];
    b->newest[s->kind] = s;
    /* At most one byte lies in the pipe, so the write cannot block. */
    if (!b->woken)
        b->woken = write(b->fd[1], "", 1) == 1;
    pthread_mutex_unlock(&b->lock);
    sheet_drop(old);
}

int board_fd(struct board *b)
{
    return b->fd[0];
}

void board_rest(struct board *b)
{
    char byte[8];

    pthread_mutex_lock(&b->lock);
    if (b->woken && read(b->fd[0], byte, sizeof(byte)) > 0)
        b->woken = false;
    pthread_mutex_unlock(&b->lock);
}

void board_set_wish(struct board *b, const struct board_wish *wish)
{
    void (*tell)(void *arg) = NULL;
    void *arg = NULL;

    pthread_mutex_lock(&b->lock);
    if (memcmp(&b->wish, wish, sizeof(*wish)) != 0) {
        b->wish = *wish;
        b->wish_serial++;
        tell = b->tell;
        arg = b->tell_arg;
    }
    pthread_mutex_unlock(&b->lock);
    if (tell != NULL)
        tell(arg);
}

unsigned long board_get_wish(struct board *b, struct board_wish *out)
{
    unsigned long serial;

    pthread_mutex_lock(&b->lock);
    *out = b->wish;
    serial = b->wish_serial;
    pthread_mutex_unlock(&b->lock);
    return serial;
}

void board_on_wish(struct board *b, void (*tell)(void *arg), void *arg)
{
    pthread_mutex_lock(&b->lock);
    b->tell = tell;
    b->tell_arg = arg;
    pthread_mutex_unlock(&b->lock);
}
