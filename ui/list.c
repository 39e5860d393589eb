#include "ui/list.h"

static int inside(int value, int least, int most)
{
    if (value > most)
        value = most;
    return value < least ? least : value;
}

void list_fit(struct list *l, int count, int rows)
{
    l->count = count > 0 ? count : 0;
    l->rows = rows > 0 ? rows : 0;
    l->at = inside(l->at, 0, l->count - 1);
    if (l->top > l->at)
        l->top = l->at;
    if (l->top < l->at - l->rows + 1)
        l->top = l->at - l->rows + 1;
    l->top = inside(l->top, 0, l->count - l->rows);
}

void list_go(struct list *l, int at)
{
    l->at = at;
    list_fit(l, l->count, l->rows);
}

int list_arrow(int key)
{
    switch (key) {
    case 'h':
        return VIEW_KEY_LEFT;
    case 'j':
        return VIEW_KEY_DOWN;
    case 'k':
        return VIEW_KEY_UP;
    case 'l':
        return VIEW_KEY_RIGHT;
    case 'g':
        return VIEW_KEY_HOME;
    case 'G':
        return VIEW_KEY_END;
    default:
        return key;
    }
}

bool list_key(struct list *l, int key)
{
    int page = l->rows > 1 ? l->rows - 1 : 1;

    switch (list_arrow(key)) {
    case VIEW_KEY_DOWN:
        list_go(l, l->at + 1);
        return true;
    case VIEW_KEY_UP:
        list_go(l, l->at - 1);
        return true;
    case VIEW_KEY_PAGE_DOWN:
        list_go(l, l->at + page);
        return true;
    case VIEW_KEY_PAGE_UP:
        list_go(l, l->at - page);
        return true;
    case VIEW_KEY_HOME:
        list_go(l, 0);
        return true;
    case VIEW_KEY_END:
        list_go(l, l->count - 1);
        return true;
    default:
        return false;
    }
}
