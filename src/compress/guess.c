#include "compress/guess.h"

const uint16_t guess_knots[] = {
    1,     1,     2,     2,     3,     4,     5,     6,     8,     10,
    13,    17,    22,    28,    36,    47,    60,    77,    98,    126,
    162,   208,   267,   342,   439,   562,   720,   922,   1179,  1506,
    1921,  2446,  3108,  3938,  4971,  6249,  7812,  9702,  11955, 14595,
    17625, 21025, 24743, 28693, 32768, 36843, 40793, 44511, 47911, 50941,
    53581, 55834, 57724, 59287, 60565, 61598, 62428, 63090, 63615, 64030,
    64357, 64614, 64816, 64974, 65097, 65194, 65269, 65328, 65374, 65410,
    65438, 65459, 65476, 65489, 65500, 65508, 65514, 65519, 65523, 65526,
    65528, 65530, 65531, 65532, 65533, 65534, 65534, 65535, 65535};

void pace_set(struct pace *p, double prior, int limit)
{
    int n;

    p->limit = (uint32_t)limit;
    for (n = 0; n < GUESS_STEPS; n++)
        p->step[n] = (uint32_t)(65536.0 / (n + prior));
}

int16_t guess_stretch[4096];
uint16_t guess_squashed[2 * GUESS_FAR];

/* Squash, and its inverse by going along it; once, before main. */
__attribute__((constructor)) static void fill_tables(void)
{
    int32_t x = -GUESS_FAR, one;
    int p;

    for (p = 0; p < 2 * GUESS_FAR; p++) {
        one = guess_squash(p - GUESS_FAR);
        one = one < 4 ? 4 : one;
        guess_squashed[p] =
            (uint16_t)(one < RANGE_ONE - 4 ? one : RANGE_ONE - 4);
    }
    for (p = 0; p < 4096; p++) {
        while (x < GUESS_FAR - 1 && guess_squash(x) < p * 16 + 8)
            x++;
        guess_stretch[p] = (int16_t)x;
    }
}

void guess_start(struct guess *g, int inputs, int rate)
{
    int s, i;

    *g = (struct guess){.inputs = inputs, .rate = rate};
    for (s = 0; s < GUESS_SETS; s++)
        for (i = 0; i < inputs; i++)
            g->weight[s][i] = 65536 * 5 / (4 * inputs);
}
