#include "engine/lesson.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/session.h"
#include "engine/sheets.h"
#include "io/io.h"

struct lesson {
    char *path;
    struct lines lines;
    int next; /* index of the next line */
    int waits_passed, waits_all;
    bool waits;
    int stage;       /* where it waits */
    bool fresh;      /* the next `say` starts a new text */
    struct str text; /* what it says now */
};

enum err_code lines_load(const char *path, struct lines *out, struct err *err)
{
    struct lines l = {0};
    struct str text = {0};
    char *at, *rest;

    if (text_load(path, &text, err) != ERR_OK)
        return err->code;
    l.text = str_take(&text);
    for (at = l.text; at != NULL; at = rest) {
        rest = strchr(at, '\n');
        if (rest != NULL)
            *rest++ = '\0';
        l.line = mem_grow(l.line, (size_t)l.count + 1, sizeof(l.line[0]));
        l.line[l.count++] = at;
    }
    *out = l;
    return ERR_OK;
}

void lines_done(struct lines *l)
{
    mem_free(l->line);
    mem_free(l->text);
    *l = (struct lines){0};
}

/* Does a line of the script wait for the user? */
static bool is_wait(const char *line)
{
    static const char *const verbs[] = {"pause", "ask", "reveal"};
    size_t i, n;

    line += strspn(line, " \t");
    n = strcspn(line, " \t;#\r");
    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strlen(verbs[i]) == n && strncmp(line, verbs[i], n) == 0)
            return true;
    }
    return false;
}

enum err_code lesson_open(struct bench *b, const char *path, int from,
                          struct err *err)
{
    struct lines lines;
    struct lesson *l;
    int i;

    if (lines_load(path, &lines, err) != ERR_OK)
        return err->code;
    if (from > lines.count) {
        lines_done(&lines);
        return err_set(err, ERR_VALUE, "\"%s\" has no line %d", path, from);
    }
    l = mem_zalloc(sizeof(*l));
    l->path = mem_strdup(path);
    l->lines = lines;
    l->next = from > 1 ? from - 1 : 0;
    l->stage = -1;
    for (i = 0; i < lines.count; i++) {
        l->waits_all += is_wait(lines.line[i]);
        l->waits_passed += i < l->next && is_wait(lines.line[i]);
    }
    lesson_free(b->lesson);
    b->lesson = l;
    return ERR_OK;
}

void lesson_free(struct lesson *l)
{
    if (l == NULL)
        return;
    lines_done(&l->lines);
    str_done(&l->text);
    mem_free(l->path);
    mem_free(l);
}

bool lesson_ready(const struct lesson *l)
{
    return l != NULL && !l->waits;
}

void lesson_wait(struct bench *b)
{
    struct lesson *l = b->lesson;

    if (l == NULL)
        return;
    l->waits = true;
    l->stage = b->history->current;
}

void lesson_next(struct bench *b)
{
    struct lesson *l = b->lesson;
    struct err err;

    if (l->next == l->lines.count) {
        bench_say(b, LOG_NOTE, "end of the lesson");
        b->lesson = NULL;
        lesson_free(l);
        session_moved(b);
        return;
    }
    if (bench_line(b, l->lines.line[l->next++], &err) != ERR_OK &&
        b->lesson == l) {
        bench_say(b, LOG_NOTE, "%s:%d: the lesson waits here", l->path,
                  l->next);
        lesson_wait(b);
    }
    session_moved(b);
}

bool lesson_go_on(struct bench *b)
{
    struct lesson *l = b->lesson;
    struct err err;
    char line[32];

    if (l == NULL || !l->waits)
        return false;
    l->waits = false;
    l->waits_passed++;
    l->fresh = true;
    if (l->stage < 0 || l->stage == b->history->current)
        return true;
    snprintf(line, sizeof(line), "goto %d", l->stage);
    if (bench_line(b, line, &err) != ERR_OK)
        lesson_wait(b);
    return true;
}

void lesson_say(struct lesson *l, const char *text)
{
    if (l == NULL)
        return;
    if (l->fresh)
        str_clear(&l->text);
    l->fresh = false;
    str_addf(&l->text, "%s%s", l->text.len > 0 ? "\n" : "", text);
}

/* While it waits, that is the line that waits: it waits again. */
const char *lesson_path(const struct lesson *l, int *next)
{
    *next = l->waits ? l->next : l->next + 1;
    return l->path;
}

/* The first comment of the script is its title. */
static const char *title(const struct lesson *l)
{
    const char *line = l->lines.line[0];

    return line[0] == '#' ? line + 1 + strspn(line + 1, " \t") : l->path;
}

void lesson_show(const struct lesson *l, struct status_sheet *s)
{
    if (l == NULL)
        return;
    s->lesson = true;
    snprintf(s->lesson_title, sizeof(s->lesson_title), "%s", title(l));
    s->lesson_step = l->waits_passed;
    s->lesson_steps = l->waits_all;
    snprintf(s->lesson_text, sizeof(s->lesson_text), "%s",
             l->text.len > 0 ? l->text.text : "");
    s->lesson_waits = l->waits;
}
