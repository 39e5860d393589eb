#include "engine/transcript.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"

struct transcript {
    void (*listen)(void *arg, enum log_kind kind, const char *text);
    void *arg;
    double start;
    long long total;
    struct log_entry entry[TRANSCRIPT_LINES]; /* ring; text owned */
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct transcript *transcript_new(void (*listen)(void *arg, enum log_kind kind,
                                                 const char *text),
                                  void *arg)
{
    struct transcript *t = mem_zalloc(sizeof(*t));

    t->listen = listen;
    t->arg = arg;
    t->start = now();
    return t;
}

void transcript_free(struct transcript *t)
{
    int i;

    if (t == NULL)
        return;
    for (i = 0; i < TRANSCRIPT_LINES; i++)
        mem_free((void *)(uintptr_t)t->entry[i].text);
    mem_free(t);
}

void transcript_add(struct transcript *t, enum log_kind kind, const char *text)
{
    struct log_entry *e = &t->entry[t->total++ % TRANSCRIPT_LINES];
    struct str safe = {0};

    str_add(&safe, "");
    str_add_safe(&safe, text);
    mem_free((void *)(uintptr_t)e->text);
    e->kind = kind;
    e->seconds = now() - t->start;
    e->text = str_take(&safe);
    if (t->listen != NULL)
        t->listen(t->arg, kind, e->text);
}

struct log_sheet *transcript_sheet(const struct transcript *t)
{
    struct log_sheet *sheet = sheet_new(SHEET_LOG);
    long long first =
        t->total > TRANSCRIPT_LINES ? t->total - TRANSCRIPT_LINES : 0;
    struct log_entry *to;
    int i;

    sheet->first = first;
    sheet->count = (int)(t->total - first);
    to = sheet_array(sheet, (size_t)sheet->count, sizeof(to[0]));
    for (i = 0; i < sheet->count; i++) {
        const struct log_entry *e = &t->entry[(first + i) % TRANSCRIPT_LINES];
        size_t bytes = strlen(e->text) + 1;
        char *text = sheet_array(sheet, bytes, 1);

        memcpy(text, e->text, bytes);
        to[i] = *e;
        to[i].text = text;
    }
    sheet->entry = to;
    return sheet;
}
