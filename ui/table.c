#include "ui/table.h"

#include <stdio.h>
#include <string.h>

int table_add(struct table *t, const char *title, int width, int rank,
              enum align align)
{
    struct table_column *c = &t->column[t->count];
    int least = (int)strlen(title);

    c->title = title;
    c->width = width > least ? width : least;
    c->rank = rank;
    c->align = align;
    c->col = -1;
    return t->count++;
}

void table_widen(struct table *t, int i, const struct canvas *c,
                 const char *text, int most)
{
    int width = canvas_width(c, text);

    if (width > most)
        width = most;
    if (t->column[i].width < width)
        t->column[i].width = width;
}

static int table_width(const struct table *t, const bool *shown)
{
    int width = 0, i;

    for (i = 0; i < t->count; i++)
        if (shown[i])
            width += t->column[i].width + (width ? TABLE_GAP : 0);
    return width;
}

/* The shown column of highest rank, the last of equals; -1: none but 0. */
static int table_weakest(const struct table *t, const bool *shown)
{
    int worst = -1, i;

    for (i = 0; i < t->count; i++)
        if (shown[i] && t->column[i].rank > 0 &&
            (worst < 0 || t->column[i].rank >= t->column[worst].rank))
            worst = i;
    return worst;
}

void table_fit(struct table *t, int indent, int cols)
{
    bool shown[TABLE_COLUMNS] = {false};
    int at = indent, i;

    for (i = 0; i < t->count; i++)
        shown[i] = true;
    t->hidden = 0;
    while (indent + table_width(t, shown) > cols) {
        i = table_weakest(t, shown);
        if (i < 0)
            break;
        shown[i] = false;
        t->hidden++;
    }
    for (i = 0; i < t->count; i++) {
        t->column[i].col = shown[i] ? at : -1;
        if (shown[i])
            at += t->column[i].width + TABLE_GAP;
    }
    t->cols = at - TABLE_GAP;
}

void table_cell(const struct table *t, struct pane p, int row, int i,
                enum role role, const char *text)
{
    const struct table_column *c = &t->column[i];

    if (c->col >= 0)
        pane_field(p, row, c->col, c->width, c->align, role, text);
}

void table_head(const struct table *t, struct pane p, int row)
{
    int i;

    for (i = 0; i < t->count; i++)
        table_cell(t, p, row, i, ROLE_DIM, t->column[i].title);
}

const char *table_hidden(const struct table *t, char *buf, size_t size)
{
    size_t len;
    int i, n = 0;

    if (size)
        buf[0] = '\0';
    if (!t->hidden || !size)
        return buf;
    snprintf(buf, size, "hidden:");
    for (i = 0; i < t->count; i++) {
        if (t->column[i].col >= 0)
            continue;
        len = strlen(buf);
        snprintf(buf + len, size - len, "%s %s", n++ ? "," : "",
                 t->column[i].title);
    }
    return buf;
}
