/*
 * The loops of depthwise_lines.c.  Included there once for each vector: KERNEL
 * names a function, KERNEL_TARGET says what it is compiled for, VECTOR is the
 * vector and LANES its floats.
 *
 * A vector of channels goes along a line.  The taps, or their sums, stay in
 * registers all the way, also over the places at its ends that see fewer, so
 * that a product costs one load and the memory of each place is touched by its
 * own taps only; neighbouring places are independent and overlap in the
 * processor.  To load and store the sums for each end took a sixth to a third
 * of the time of a gradient, on 16 and on 8 places.
 */

#define AT(place)   (*(VECTOR *)(place))
#define FROM(place) (*(const VECTOR *)(place))

/* Places of one run, which see taps first..first+cols-1 across. */
ALWAYS_INLINE KERNEL_TARGET void KERNEL(product_run)(const struct line *l,
                                                     const struct run *run,
                                                     int rows, int first,
                                                     int cols,
                                                     VECTOR (*tap)[TAPS_MOST])
{
    const float *x = l->x + run->pixel * l->x_col;
    float *y = l->y + run->first * l->y_place;
    const ptrdiff_t place = l->x_place, row = l->x_row, col = l->x_col;
    const ptrdiff_t next = l->y_place;
    int i, r, q;

    for (i = run->count; i > 0; i--, x += place, y += next) {
        VECTOR sum = {0};

#pragma GCC unroll 3
        for (r = 0; r < rows; r++) {
#pragma GCC unroll 3
            for (q = 0; q < cols; q++)
                sum += FROM(x + r * row + q * col) * tap[r][first + q];
        }
        AT(y) = sum;
    }
}

ALWAYS_INLINE KERNEL_TARGET void KERNEL(gradient_run)(const struct line *l,
                                                      const struct run *run,
                                                      int rows, int first,
                                                      int cols,
                                                      VECTOR (*sum)[TAPS_MOST])
{
    const float *x = l->x + run->pixel * l->x_col;
    const float *dy = l->dy + run->first * l->y_place;
    const ptrdiff_t place = l->x_place, row = l->x_row, col = l->x_col;
    const ptrdiff_t next = l->y_place;
    int i, r, q;

    for (i = run->count; i > 0; i--, x += place, dy += next) {
        VECTOR slope = FROM(dy);

#pragma GCC unroll 3
        for (r = 0; r < rows; r++) {
#pragma GCC unroll 3
            for (q = 0; q < cols; q++)
                sum[r][first + q] += FROM(x + r * row + q * col) * slope;
        }
    }
}

/* One case for each part of `cols` taps that the places of a run may see.  Of a
 * line that sees no row they see none. */
#define PART(name, from, some)                               \
    case (from)*TAPS_MOST + (some):                          \
        if ((from) + (some) <= cols)                         \
            KERNEL(name##_run)                               \
        (l, run, (some) > 0 ? rows : 0, from, some, vector); \
        break;
#define PARTS(name)                                                \
    for (i = 0; i < l->runs->count; i++) {                         \
        const struct run *run = &l->runs->run[i];                  \
                                                                   \
        switch (rows > 0 ? run->tap * TAPS_MOST + run->taps : 0) { \
            PART(name, 0, 3)                                       \
            PART(name, 0, 2)                                       \
            PART(name, 1, 2)                                       \
            PART(name, 0, 1)                                       \
            PART(name, 1, 1)                                       \
            PART(name, 2, 1)                                       \
            PART(name, 0, 0)                                       \
        default:                                                   \
            break;                                                 \
        }                                                          \
    }

ALWAYS_INLINE KERNEL_TARGET void KERNEL(product)(const struct line *l, int rows,
                                                 int cols)
{
    VECTOR vector[TAPS_MOST][TAPS_MOST];
    int i, r, q;

#pragma GCC unroll 3
    for (r = 0; r < rows; r++) {
#pragma GCC unroll 3
        for (q = 0; q < cols; q++)
            vector[r][q] = FROM(l->k + r * l->k_row + q * l->k_col);
    }
    PARTS(product)
}

ALWAYS_INLINE KERNEL_TARGET void KERNEL(gradient)(const struct line *l,
                                                  int rows, int cols)
{
    VECTOR vector[TAPS_MOST][TAPS_MOST];
    int i, r, q;

#pragma GCC unroll 3
    for (r = 0; r < rows; r++) {
#pragma GCC unroll 3
        for (q = 0; q < cols; q++)
            vector[r][q] = FROM(l->sum + r * SUM_ROW + q * SUM_COL);
    }
    PARTS(gradient)
#pragma GCC unroll 3
    for (r = 0; r < rows; r++) {
#pragma GCC unroll 3
        for (q = 0; q < cols; q++)
            AT(l->sum + r * SUM_ROW + q * SUM_COL) = vector[r][q];
    }
}

/* By the vectors that will be read: others are slow to come from stores. */
static KERNEL_TARGET void KERNEL(clear)(float *sum)
{
    int i;

    for (i = 0; i < TAPS_MOST * TAPS_MOST; i++)
        AT(sum + i * SUM_COL) = (VECTOR){0};
}

/* Sums of some lines join those of the kernel. */
static KERNEL_TARGET void KERNEL(join)(const struct line *l, int rows, int cols)
{
    int r, q;

    for (r = 0; r < rows; r++) {
        for (q = 0; q < cols; q++)
            AT(l->dk + r * l->k_row + q * l->k_col) +=
                FROM(l->sum + r * SUM_ROW + q * SUM_COL);
    }
}

/* One function a number of taps; those of a line above the image have none. */
#define LOOP(name, rows, cols)                                               \
    static KERNEL_TARGET void KERNEL(name##rows##cols)(const struct line *l) \
    {                                                                        \
        KERNEL(name)(l, rows, cols);                                         \
    }
#define LOOPS(name)  \
    LOOP(name, 0, 0) \
    LOOP(name, 1, 1) \
    LOOP(name, 1, 2) \
    LOOP(name, 1, 3) \
    LOOP(name, 2, 1) \
    LOOP(name, 2, 2) \
    LOOP(name, 2, 3) \
    LOOP(name, 3, 1) \
    LOOP(name, 3, 2) \
    LOOP(name, 3, 3)
#define NONE(name) KERNEL(name##00)
#define TABLE(name)                                          \
    {                                                        \
        {NONE(name), NONE(name), NONE(name), NONE(name)},    \
            {NONE(name), KERNEL(name##11), KERNEL(name##12), \
             KERNEL(name##13)},                              \
            {NONE(name), KERNEL(name##21), KERNEL(name##22), \
             KERNEL(name##23)},                              \
            {NONE(name), KERNEL(name##31), KERNEL(name##32), \
             KERNEL(name##33)},                              \
    }

LOOPS(product)
LOOPS(gradient)

static const struct kernel KERNEL(kernel) = {
    .lanes = LANES,
    .product = TABLE(product),
    .gradient = TABLE(gradient),
    .clear = KERNEL(clear),
    .join = KERNEL(join),
};

#undef TABLE
#undef PARTS
#undef PART
#undef NONE
#undef LOOPS
#undef LOOP
#undef FROM
#undef AT
#undef KERNEL
#undef KERNEL_TARGET
#undef VECTOR
#undef LANES
