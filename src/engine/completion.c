#include "base/mem.h"
#include "engine/engine.h"

void completion_done(struct completion *c)
{
    int i;

    for (i = 0; i < c->count; i++) {
        mem_free(c->text[i]);
        mem_free(c->help[i]);
    }
    mem_free(c->text);
    mem_free(c->help);
    *c = (struct completion){0};
}
