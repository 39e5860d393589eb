/* The tree of stages as rows to draw: depth first, a lane a branch. */
#include <string.h>

#include "base/mem.h"
#include "engine/stages.h"

/* The tree as links; -1 ends a chain. */
struct links {
    int *child, *sibling; /* first child, next sibling, oldest first */
    bool *on_path;
};

static void link_up(const struct stages *h, struct links *l)
{
    int i;

    for (i = 0; i < h->count; i++)
        l->child[i] = l->sibling[i] = -1;
    for (i = h->count - 1; i >= 0; i--) {
        int parent = h->stage[i]->parent;

        if (parent < 0)
            continue;
        l->sibling[i] = l->child[parent];
        l->child[parent] = i;
    }
    for (i = h->current; i >= 0; i = h->stage[i]->parent)
        l->on_path[i] = true;
}

static double known_accuracy(const struct stage *s, int data,
                             const struct score *score)
{
    return s->data == data ? score_accuracy(score) : -1;
}

static void fill(const struct stages *h, int id, int data,
                 struct history_row *row)
{
    const struct stage *s = h->stage[id];
    struct str names = {0};

    row->id = id;
    row->parent = s->parent;
    stages_names(h, id, &names);
    strncpy(row->name, names.text, sizeof(row->name) - 1);
    str_done(&names);
    strncpy(row->text, s->text, sizeof(row->text) - 1);
    row->sparsity = size_sparsity(&s->size);
    row->accuracy_before = known_accuracy(s, data, &s->before);
    row->accuracy = known_accuracy(s, data, &s->after);
    row->packed = s->packed > 0 ? (double)s->packed : -1;
    row->macs_alive = s->size.macs_alive;
    row->step = s->step;
    row->current = id == h->current;
}

struct walk {
    const struct stages *h;
    const struct links *links;
    struct history_row *row;
    int count, lanes, data;
};

/* The oldest child goes on in its parent's lane; each other opens one.  The
 * stack holds stages to visit: a chain of first children needs no depth. */
static void walk_from(struct walk *w, int root)
{
    int *stack = mem_array((size_t)w->h->count, sizeof(stack[0])), top = 0;
    int *place = mem_array((size_t)w->h->count, sizeof(place[0]));

    stack[top++] = root;
    while (top > 0) {
        int id = stack[--top], parent = w->h->stage[id]->parent, child;
        struct history_row *row = &w->row[w->count];
        const struct history_row *up =
            parent < 0 ? NULL : &w->row[place[parent]];
        int first = top;

        fill(w->h, id, w->data, row);
        row->on_path = w->links->on_path[id];
        row->depth = up == NULL ? 0 : up->depth + 1;
        row->lane =
            up != NULL && w->links->child[parent] == id ? up->lane : w->lanes++;
        place[id] = w->count++;
        for (child = w->links->child[id]; child >= 0;
             child = w->links->sibling[child])
            stack[top++] = child;
        /* Oldest on top. */
        for (int a = first, b = top - 1; a < b; a++, b--) {
            int swap = stack[a];

            stack[a] = stack[b];
            stack[b] = swap;
        }
    }
    mem_free(place);
    mem_free(stack);
}

struct history_sheet *stages_sheet(const struct stages *h, int data)
{
    struct history_sheet *s = sheet_new(SHEET_HISTORY);
    size_t n = (size_t)h->count;
    struct links l = {mem_array(n + 1, sizeof(int)),
                      mem_array(n + 1, sizeof(int)),
                      mem_array(n + 1, sizeof(bool))};
    struct walk w = {.h = h,
                     .links = &l,
                     .row = sheet_array(s, n, sizeof(w.row[0])),
                     .data = data};
    int i;

    link_up(h, &l);
    for (i = 0; i < h->count; i++) {
        if (h->stage[i]->parent < 0)
            walk_from(&w, i);
    }
    s->count = w.count;
    s->row = w.row;
    s->undo_id = stages_undo(h);
    s->redo_id = stages_redo(h);
    mem_free(l.child);
    mem_free(l.sibling);
    mem_free(l.on_path);
    return s;
}
