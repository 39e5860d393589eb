#include "ui/view.h"

#include <string.h>

#include "base/str.h"

#define VIEW(name) extern const struct view_kind name##_view;
#include "ui/views.def"
#undef VIEW

const struct view_kind *const view_kinds[] = {
#define VIEW(name) &name##_view,
#include "ui/views.def"
#undef VIEW
    NULL,
};

const char *const view_names[] = {
#define VIEW(name) #name,
#include "ui/views.def"
#undef VIEW
    NULL,
};

int view_find(const char *name)
{
    int found = -1, i;

    if (!*name)
        return -1;
    for (i = 0; view_kinds[i]; i++) {
        if (!str_starts(view_kinds[i]->name, name))
            continue;
        if (strcmp(view_kinds[i]->name, name) == 0)
            return i;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found;
}

void view_press(const struct view_kind *kind, void *state,
                const struct view_input *in, int key, struct view_reply *reply)
{
    const struct view_bind *b;
    int i;

    memset(reply, 0, sizeof(*reply));
    for (b = kind->keys; b->press; b++)
        for (i = 0; i < VIEW_BIND_KEYS && b->key[i]; i++)
            if (b->key[i] == key) {
                b->press(state, in, key, reply);
                return;
            }
}

void view_says(struct pane p, const char *text)
{
    struct rect inside = {1, 2, p.at.rows, p.at.cols - 4};

    pane_wrap(pane_sub(p, inside), 0, ROLE_DIM, text);
}

bool view_layer_find(const struct layers_sheet *s, const char *name)
{
    int i;

    for (i = 0; s && i < s->count; i++)
        if (strcmp(s->row[i].name, name) == 0 && s->row[i].weights > 0)
            return true;
    return false;
}

const char *view_layer_next(const struct layers_sheet *s, const char *now,
                            int by)
{
    int at = 0, i;

    if (!s || s->count <= 0)
        return NULL;
    for (i = 0; i < s->count; i++)
        if (strcmp(s->row[i].name, now) == 0)
            at = i;
    for (i = 0; i < s->count; i++) {
        at = (at + by + s->count) % s->count;
        if (s->row[at].weights > 0)
            return s->row[at].name;
    }
    return NULL;
}
