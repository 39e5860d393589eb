#include "compress/mask.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "compress/select.h"

#define LEAK_BLOCK 4096 /* counted in 32 bits, so that the loop vectorises */

static void clear_under(const uint8_t *mask, float *value, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        value[i] = mask[i] != 0 ? value[i] : 0.0f;
}

void mask_apply(struct param *p)
{
    size_t i;
    int m;

    if (p->mask == NULL)
        return;
    clear_under(p->mask, p->value, p->count);
    for (i = 0; p->book != NULL && i < p->count; i++)
        p->book->code[i] = p->mask[i] != 0 ? p->book->code[i] : 0;
    for (m = 0; m < NET_MOMENT_MAX; m++) {
        if (p->moment[m] != NULL)
            clear_under(p->mask, p->moment[m], p->count);
    }
}

void mask_apply_net(struct net *net)
{
    struct param_walk w;
    struct param *p;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w))
        mask_apply(p);
}

void mask_clear_net(struct net *net)
{
    struct param_walk w;
    struct param *p;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        mem_block_free(p->mask);
        p->mask = NULL;
    }
}

/* By bits: -0.0 is a leak, since it is what a wrong multiplication leaves. */
static long long leaks_under(const uint8_t *mask, const float *value, size_t n)
{
    long long leaks = 0;
    size_t first, i;

    for (first = 0; first < n; first += LEAK_BLOCK) {
        size_t end = first + LEAK_BLOCK < n ? first + LEAK_BLOCK : n;
        uint32_t part = 0;

        for (i = first; i < end; i++) {
            uint32_t bits;

            memcpy(&bits, &value[i], sizeof(bits));
            part += (mask[i] == 0) & (bits != 0);
        }
        leaks += part;
    }
    return leaks;
}

static long long param_leaks(const struct param *p)
{
    long long leaks;
    int m;

    if (p->mask == NULL)
        return 0;
    leaks = leaks_under(p->mask, p->value, p->count);
    for (m = 0; m < NET_MOMENT_MAX; m++) {
        if (p->moment[m] != NULL)
            leaks += leaks_under(p->mask, p->moment[m], p->count);
    }
    return leaks;
}

long long mask_leaks(const struct net *net, const char **where)
{
    long long sum = 0;
    int i, k;

    if (where != NULL)
        *where = NULL;
    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            long long leaks = param_leaks(&net->node[i].param[k]);

            if (leaks > 0 && sum == 0 && where != NULL)
                *where = net->node[i].name;
            sum += leaks;
        }
    }
    return sum;
}

size_t mask_alive(const struct param *p)
{
    const struct select_part part = {.n = p->count, .alive = p->mask};

    return select_alive(&part);
}

static void score_of_array(const void *arg, size_t first, size_t count,
                           float *score)
{
    const float *all = arg;
    size_t i;

    for (i = 0; i < count; i++) {
        assert(!isnan(all[first + i]));
        score[i] = all[first + i];
    }
}

void mask_select(const float *score, const uint8_t *alive, size_t n,
                 size_t count, uint8_t *keep)
{
    const struct select_part part = {
        .n = n, .alive = alive, .score = score_of_array, .arg = score};
    struct select_cut cut = select_cut(&part, 1, count);

    select_mark(&part, &cut, keep);
}
