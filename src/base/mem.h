/*
 * Two kinds of memory.  Small bookkeeping cannot fail: mem_alloc and its
 * relatives call the panic hook (which restores the terminal) and abort.  Big
 * blocks, whose size a user's file or command decides, can: mem_block.
 * Threads: every function may be called from any thread.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Called once before the program aborts for want of memory. */
void mem_set_panic(void (*hook)(void));

void *mem_alloc(size_t bytes);
/* Zeroed. */
void *mem_zalloc(size_t bytes);
/* n items of size bytes each, overflow checked, zeroed. */
void *mem_array(size_t n, size_t size);
/* Like realloc for an array; new items are not zeroed. */
void *mem_grow(void *old, size_t n, size_t size);
char *mem_strdup(const char *text);
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Any of the above; NULL is allowed. */
void mem_free(void *p);

/*
 * A zeroed block, aligned to 64 bytes; free with mem_block_free.  NULL and
 * ERR_MEMORY when the system has no room; what says what it was for.
 */
void *mem_block(size_t bytes, const char *what, struct err *err) MUST_CHECK;
/* As mem_block for n items of size bytes; refuses overflow. */
void *mem_block_array(size_t n, size_t size, const char *what,
                      struct err *err) MUST_CHECK;
void mem_block_free(void *p);

/* The larger: of memory that serves one or the other. */
static inline size_t mem_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* a*b into *out; false when it does not fit. */
bool mem_mul(size_t a, size_t b, size_t *out);

/* Bytes in live blocks, and their peak since the last reset. */
size_t mem_block_bytes(void);
size_t mem_block_peak(void);

/* Blocks handed out since the start: a batch must not change it. */
unsigned long mem_block_calls(void);

/* Tests: the n-th mem_block from now fails (0: the next); -1 switches off. */
void mem_fail_after(long n);

#endif
