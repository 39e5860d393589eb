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
