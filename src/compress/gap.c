#include "compress/gap.h"

static size_t find_next(const struct gap_walk *w, size_t at)
{
    while (at < w->n && w->code[at] == 0)
        at++;
    return at;
}

void gap_start(struct gap_walk *w, const uint16_t *code, size_t n, int bits,
               bool jumps)
{
    *w = (struct gap_walk){code, n, bits, jumps, 0, 0};
    w->next = find_next(w, 0);
}

bool gap_next(struct gap_walk *w, struct gap_entry *out)
{
    size_t most = ((size_t)1 << w->bits) - w->jumps, step;

    if (w->next >= w->n)
        return false;
    step = w->next - w->from + 1;
    if (step > most) {
        *out = (struct gap_entry){(1u << w->bits) - 1, 0, !w->jumps};
        w->from += most;
        return true;
    }
    *out = (struct gap_entry){(unsigned)step - 1, w->code[w->next], true};
    w->from = w->next + 1;
    w->next = find_next(w, w->from);
    return true;
}

bool gap_follow(size_t *from, size_t n, int bits, bool jumps, unsigned gap,
                size_t *at, bool *has_value)
{
    *has_value = !jumps || gap != (1u << bits) - 1;
    if (!*has_value) {
        *from += gap;
        return *from < n;
    }
    if (gap >= n - *from)
        return false;
    *at = *from + gap;
    *from = *at + 1;
    return true;
}
