/*
 * Places, sixteen weights of a row at a time.  What the row, the columns and
 * the neighbours say of a strip is looked up for all sixteen and joined by the
 * mixer's weights as they were before it; the bits go one by one through the
 * range coder; then all learn from the sixteen at once.  So a strip is a few
 * steps on vectors, and no weight waits for what the one before it taught.
 * Whole numbers only: the same bits on every machine.
 *
 * One core of a fourth EPYC, 784 by 300 weights of which 8 % are there: 12 ns a
 * weight, where the seven opinions of plane_cells.c take 41 for as few bytes.
 */
#include "compress/plane_look.h"

#define STRIP    16
#define HALF     (STRIP / 2)
#define TABLES   2    /* that opinions are looked up in */
#define PRIOR    6    /* times an entry of these counts as met before */
#define TIMES    1000 /* from which on it forgets a half */
#define FIRST    20   /* the same of a row or column */
#define LINE     255  /* and the most */
#define COL_BITS 13   /* of a column's step */
#define MIX_RATE 15   /* the mixer learns by 2^-15 */

/* Vectors lie in memory: functions cannot hand them on where the instruction
 * set has none so wide. */
typedef uint16_t lanes
    __attribute__((vector_size(2 * STRIP), aligned(2), may_alias));
typedef int16_t shorts
    __attribute__((vector_size(2 * HALF), aligned(2), may_alias));
typedef int32_t halves
    __attribute__((vector_size(4 * HALF), aligned(4), may_alias));
#define LANES(from) (*(const lanes *)(from))
#define FULL(from)  ((lanes)(LANES(from) != 0) & 1)
#define WIDE(x)     __builtin_convertvector(x, halves)
#define WIDEN(from) WIDE(*(const shorts *)(from))
/* Eight values that are looked up one by one.  They must not go by way of
 * memory: a wide load that meets narrow stores waits until these are done, and
 * so would the next strip. */
#define EIGHT(f, k)                                                       \
    {                                                                     \
        f(k), f(k + 1), f(k + 2), f(k + 3), f(k + 4), f(k + 5), f(k + 6), \
            f(k + 7)                                                      \
    }

/* How often a context was met in the lower half, and above it how often a
 * weight was there, in 32nds, so that forgetting rounds little.  What it says
 * may be some meetings old. */
struct tally {
    uint32_t met;
    int32_t said;
};
#define MET_ONE (32u << 16)

/* The second table is by what lies in the window, or where there are no
 * neighbours by row and column. */
#define AT_WIDE  (PLANE_HINTS * PLANE_HINTS << BESIDE)
#define AT_JOINT (AT_WIDE + 16 * 4 * LEVELS)
#define AT_END   (AT_JOINT + LEVELS * LEVELS)

struct strips {
    int32_t row_weight, weight[1 + TABLES]; /* of the mixer; 1 is 65536 */
    uint32_t rows;                /* that columns have learnt from, and FIRST */
    uint32_t first;               /* ones that an entry counts as met before */
    int turn;                     /* which of a strip's entries speaks anew */
    int32_t step;                 /* of columns, in this row */
    uint32_t part[TIMES + STRIP]; /* 2^20 over times */
    struct tally table[AT_END];
    /* By column, with room for a strip behind: 22 bits of a probability, what
     * it says, all bits where it is alive. */
    int32_t *col;
    int16_t *said;
    uint16_t *alive, *hint;
    uint8_t *count; /* of columns alive, by strip */
};

/* A strip under way. */
struct strip {
    uint16_t index[TABLES][STRIP];
    int16_t row;
    shorts said[1 + TABLES][2]; /* of the columns and the tables */
    shorts chance[2];           /* the probabilities, for learning */
    uint16_t one[STRIP];        /* and for coding */
    uint32_t bits;              /* of the weights */
};

static void start_columns(struct strips *s, const struct look *l)
{
    size_t j;

    for (j = 0; j < (size_t)l->g->cols; j++) {
        s->col[j] = (int32_t)l->usual << 6;
        s->said[j] = guess_stretch[l->usual >> 4];
        s->alive[j] = l->col_alive[j] ? 0xffff : 0;
        s->hint[j] = l->g->col_hint != NULL ? l->g->col_hint[j] : 0;
        s->count[j / STRIP] += l->col_alive[j];
    }
}

struct strips *plane_strips_new(struct look *l, struct err *err)
{
    size_t cols = ((size_t)l->g->cols + STRIP) / STRIP * STRIP + STRIP;
    struct strips *s =
        mem_block(sizeof(*s) + cols * 11, "the context coder", err);
    int k;

    if (s == NULL)
        return NULL;
    s->rows = FIRST;
    s->first = 32 * PRIOR * l->usual >> 16;
    s->col = (int32_t *)(s + 1);
    s->said = (int16_t *)(s->col + cols);
    s->alive = (uint16_t *)(s->said + cols);
    s->hint = s->alive + cols;
    s->count = (uint8_t *)(s->hint + cols);
    s->row_weight = 65536 * 5 / 16;
    for (k = 0; k < 1 + TABLES; k++)
        s->weight[k] = 65536 * 5 / 16;
    for (k = 0; k < TIMES + STRIP; k++)
        s->part[k] = (1u << 20) / (uint32_t)(k + PRIOR);
    for (k = 0; k < AT_END; k++)
        s->table[k].said = guess_stretch[l->usual >> 4];
    start_columns(s, l);
    return s;
}

/* Stretched values in LEVELS steps of 200. */
ALWAYS_INLINE uint16_t level(int16_t said)
{
    int32_t raised = said < -2000 ? 0 : said + 2000;

    raised = (raised >> 3) * 41 >> 10;
    return (uint16_t)(raised < LEVELS - 1 ? raised : LEVELS - 1);
}

/* Which entries of the tables the strip from column j on asks. */
ALWAYS_INLINE void look_near(const struct strips *s, const struct around *a,
                             size_t j, struct strip *p)
{
    lanes seen = FULL(a->beside[0] + j), sum = seen, full, wide;
    int k;

#pragma GCC unroll 8
    for (k = 1; k < BESIDE; k++) {
        full = FULL(a->beside[k] + j);
        seen |= full << k;
        sum += full;
    }
#pragma GCC unroll 8
    for (k = 0; k < WINDOW; k++)
        sum += FULL(a->window[k] + j);
    wide = (uint16_t)(AT_WIDE + level(p->row)) + (sum << 6 | (seen & 3) << 4);
    seen |= LANES(s->hint + j) << (BESIDE + 2) | (uint16_t)a->hints;
    memcpy(p->index[0], &seen, sizeof(seen));
    memcpy(p->index[1], &wide, sizeof(wide));
}

ALWAYS_INLINE void look_alone(const struct strips *s, const struct around *a,
                              size_t j, struct strip *p)
{
    int at = AT_JOINT + level(p->row) * LEVELS, c;

    for (c = 0; c < STRIP; c++) {
        p->index[0][c] = (uint16_t)(a->hints | (unsigned)s->hint[j + (size_t)c]
                                                   << (BESIDE + 2));
        p->index[1][c] = (uint16_t)(at + level(s->said[j + (size_t)c]));
    }
}

/* What all say, and the probabilities that follow. */
ALWAYS_INLINE void ask(const struct strips *s, size_t j, struct strip *p)
{
    int32_t by_row = p->row * (s->row_weight >> 4), w0 = s->weight[0] >> 4;
    int32_t w1 = s->weight[1] >> 4, w2 = s->weight[2] >> 4, at[STRIP];
    halves sum, low, high;
    int k, c;

#define FIRST_SAYS(k)  (int16_t) s->table[p->index[0][k]].said
#define SECOND_SAYS(k) (int16_t) s->table[p->index[1][k]].said
#define CHANCE(k)      (int16_t) guess_squashed[at[k]]
#pragma GCC unroll 2
    for (k = 0; k < 2; k++) {
        p->said[0][k] = *(const shorts *)(s->said + j + (size_t)(k * HALF));
        p->said[1][k] = (shorts)EIGHT(FIRST_SAYS, k * HALF);
        p->said[2][k] = (shorts)EIGHT(SECOND_SAYS, k * HALF);
        sum = WIDE(p->said[0][k]) * w0 + WIDE(p->said[1][k]) * w1 +
              WIDE(p->said[2][k]) * w2 + by_row;
        sum >>= 12;
        low = sum < -GUESS_FAR;
        high = sum > GUESS_FAR - 1;
        sum = (sum & ~low & ~high) | (low & -GUESS_FAR) |
              (high & (GUESS_FAR - 1));
        sum += GUESS_FAR;
        memcpy(at + k * HALF, &sum, sizeof(sum));
        p->chance[k] = (shorts)EIGHT(CHANCE, k * HALF);
    }
    for (c = 0; c < STRIP; c++)
        p->one[c] = guess_squashed[at[c]];
}

/* The bits of n cells, those of dead columns left out. */
ALWAYS_INLINE void code(struct range *r, const uint16_t *alive, uint16_t *cell,
                        int n, struct strip *p)
{
    struct range_held h = range_hold(r);
    uint32_t bits = 0;
    int c;

    for (c = 0; c < n; c++) {
        if (alive[c])
            bits |= range_held_bit(r, &h, p->one[c], cell[c] != 0) << c;
    }
    range_release(r, &h);
    for (c = 0; !h.writes && c < n; c++)
        cell[c] = bits >> c & 1;
    p->bits = bits;
}

/* What an entry says from now on. */
ALWAYS_INLINE void speak(const struct strips *s, struct tally *t)
{
    uint32_t times = t->met & 0xffff, ones = t->met >> 16;

    if (times >= TIMES) {
        times /= 2;
        ones /= 2;
        t->met = ones << 16 | times;
    }
    t->said = guess_stretch[(ones + s->first) * s->part[times] >> 13 & 4095];
}

/* Of a strip without a weight every second entry counts, twice.  Anew speak
 * those of weights, and one of the others in turn. */
ALWAYS_INLINE void learn_table(struct strips *s, const uint16_t *index,
                               const uint16_t *alive, uint32_t bits)
{
    uint32_t left;
    int c;

    for (c = s->turn & 1; bits == 0 && c < STRIP; c += 2)
        s->table[index[c]].met += 2 & (uint32_t)alive[c];
    for (c = 0; bits != 0 && c < STRIP; c++)
        s->table[index[c]].met +=
            (1 & (uint32_t)alive[c]) + (MET_ONE & -(bits >> c & 1));
    for (left = bits; left != 0; left &= left - 1)
        speak(s, &s->table[index[__builtin_ctz(left)]]);
    speak(s, &s->table[index[s->turn]]);
}

ALWAYS_INLINE void weigh(int32_t *weight, halves part)
{
    int32_t sum = ((part[0] + part[4]) + (part[1] + part[5])) +
                  ((part[2] + part[6]) + (part[3] + part[7]));

    sum = *weight + (sum >> MIX_RATE);
    sum = sum < -GUESS_TRUST ? -GUESS_TRUST : sum;
    *weight = sum < GUESS_TRUST ? sum : GUESS_TRUST;
}

ALWAYS_INLINE void learn(struct strips *s, size_t j, const struct strip *p)
{
    static const halves lane[2] = {
        {1, 2, 4, 8, 16, 32, 64, 128},
        {256, 512, 1024, 2048, 4096, 8192, 16384, 32768}};
    int32_t at[STRIP];
    halves miss[2], bit, col;
    int k, c;

#pragma GCC unroll 2
    for (k = 0; k < 2; k++) {
        size_t from = j + (size_t)(k * HALF);

        bit = ((int32_t)p->bits & lane[k]) != 0;
        miss[k] = (bit & 0xffff) - (WIDE(p->chance[k]) & 0xffff);
        miss[k] = miss[k] >> 2 & WIDEN(s->alive + from);
        memcpy(&col, s->col + from, sizeof(col));
        col += (((bit & 0x3fffff) - col) * s->step) >> COL_BITS;
        memcpy(s->col + from, &col, sizeof(col));
        col >>= 10;
        memcpy(at + k * HALF, &col, sizeof(col));
    }
    for (c = 0; c < STRIP; c++)
        s->said[j + (size_t)c] = guess_stretch[at[c]];
    weigh(&s->row_weight, (miss[0] + miss[1]) * p->row);
#pragma GCC unroll 4
    for (k = 0; k < 1 + TABLES; k++)
        weigh(&s->weight[k],
              miss[0] * WIDE(p->said[k][0]) + miss[1] * WIDE(p->said[k][1]));
    for (k = 0; k < TABLES; k++)
        learn_table(s, p->index[k], s->alive + j, p->bits);
    s->turn = (s->turn + 5) % STRIP;
}

/* The row's counter, from n weights of which some are there. */
static inline void row_learn(struct counter *row, uint32_t n, uint32_t ones)
{
    uint32_t times = (row->state & 1023) + n, one = row->state >> 10;
    int64_t miss = ((int64_t)ones << 22) - (int64_t)n * one;

    times = times < LINE ? times : LINE;
    one = (uint32_t)(one + miss / (int32_t)(times + FIRST));
    one = one < 1u << 22 ? one : (1u << 22) - 1;
    row->state = one << 10 | times;
}

ALWAYS_INLINE void code_row(struct look *l, int i, const struct around *a,
                            bool near)
{
    uint16_t *row = l->g->code + (size_t)i * (size_t)l->g->cols;
    struct strips *s = l->strips;
    int j;

    for (j = 0; j < l->g->cols; j += STRIP) {
        int n = l->g->cols - j < STRIP ? l->g->cols - j : STRIP;
        struct strip p;

        if (s->count[j / STRIP] == 0)
            continue;
        p.row = guess_stretch[counter_one(&l->row[i]) >> 4];
        if (near)
            look_near(s, a, (size_t)j, &p);
        else
            look_alone(s, a, (size_t)j, &p);
        ask(s, (size_t)j, &p);
        code(l->r, s->alive + j, row + j, n, &p);
        learn(s, (size_t)j, &p);
        row_learn(&l->row[i], s->count[j / STRIP],
                  (uint32_t)__builtin_popcount(p.bits));
    }
}

VEC_CLONES static void row_near(struct look *l, int i, const struct around *a)
{
    code_row(l, i, a, true);
}

VEC_CLONES static void row_alone(struct look *l, int i, const struct around *a)
{
    code_row(l, i, a, false);
}

/* Rows above that are shorter than a strip are looked at in copies. */
static void copy_short(const struct look *l, const uint16_t **row, int n,
                       uint16_t (*copy)[STRIP])
{
    int k;

    for (k = 0; k < n; k++) {
        memset(copy[k], 0, sizeof(copy[k]));
        memcpy(copy[k], row[k], (size_t)l->g->cols * sizeof(copy[k][0]));
        row[k] = copy[k];
    }
}

void plane_strips_row(struct look *l, int i)
{
    uint16_t copy[BESIDE + WINDOW][STRIP];
    struct around a;

    plane_around(l, i, &a);
    l->strips->step = (int32_t)((1u << COL_BITS) / l->strips->rows);
    if (l->g->near == 0) {
        row_alone(l, i, &a);
    } else {
        if (l->g->cols < STRIP) {
            copy_short(l, a.beside, BESIDE, copy);
            copy_short(l, a.window, WINDOW, copy + BESIDE);
        }
        row_near(l, i, &a);
    }
    l->strips->rows += l->strips->rows < LINE;
}
