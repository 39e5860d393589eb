#include "par/meter.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 512
#define LINE        64 /* bytes; what two threads write shares no cache line */

/* One thread's times; `run` says of which meter_start they are. */
struct slot {
    _Alignas(LINE) long long ns[METER_PHASES];
    long long since;
    enum meter_phase now;
    int run;
};

const char *const meter_names[METER_PHASES] = {
    [METER_OUTSIDE] = "outside",   [METER_DATA] = "data",
    [METER_IM2COL] = "im2col",     [METER_PRODUCTS] = "products",
    [METER_ELEMENTS] = "elements", [METER_REDUCTION] = "reduction",
    [METER_UPDATE] = "update",
};

bool meter_is_on;

static struct slot slots[THREADS_MAX];
static atomic_int slots_taken;
static int run;
static _Thread_local struct slot *mine;

static long long now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void meter_start(void)
{
    run++;
    meter_is_on = true;
}

void meter_stop(void)
{
    meter_is_on = false;
}

/* This thread's slot; NULL where there are more threads than slots. */
static struct slot *own_slot(void)
{
    int number;

    if (mine == NULL) {
        number = atomic_fetch_add(&slots_taken, 1);
        if (number < THREADS_MAX)
            mine = &slots[number];
    }
    return mine;
}

enum meter_phase meter_switch(enum meter_phase next)
{
    struct slot *s = own_slot();
    enum meter_phase left;
    long long now;

    if (s == NULL)
        return METER_OUTSIDE;
    if (s->run != run) {
        memset(s->ns, 0, sizeof(s->ns));
        s->now = METER_OUTSIDE;
        s->run = run;
    }
    now = now_ns();
    left = s->now;
    s->ns[left] += now - s->since;
    s->since = now;
    s->now = next;
    return left;
}

void meter_read(double seconds[METER_PHASES])
{
    int count = atomic_load(&slots_taken), i, p;

    memset(seconds, 0, METER_PHASES * sizeof(*seconds));
    for (i = 0; i < count && i < THREADS_MAX; i++) {
        for (p = METER_OUTSIDE + 1; slots[i].run == run && p < METER_PHASES;
             p++)
            seconds[p] += (double)slots[i].ns[p] * 1e-9;
    }
}
