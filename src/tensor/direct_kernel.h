/*
 * The two loops of direct.c.  Included there once for each vector: KERNEL(name)
 * names a function, KERNEL_TARGET says what it is compiled for, VECTOR is the
 * vector, LANES its floats, WHOLE as many whole numbers, SPREAD(f) fills a
 * vector, MADD is a * b + c and MADD4 the same of four lanes, LOW(v) the first
 * four of a vector; VECTORS of them side by side are the most a panel has, and
 * GRID(vectors) the most rows of sums there is room for in registers.
 *
 * A tile is a grid of sums in registers: places (or floats of a run) by vectors
 * of units.  Each step loads the vectors once and meets every row of the grid
 * with one float for all lanes: six rows by four vectors are 24 products to
 * four loads and six broadcasts.
 *
 * With `end`, four lanes more stand behind the whole vectors: one broadcast
 * serves both, and they cost half a vector.  A core that halves wide vectors
 * gives its two multipliers steps by turns, so that those of four lanes come in
 * pairs: with one behind each vector they would all go to the same one.  5x5 on
 * one channel, 20 filters, one core of a Zen 4: 7.7 us instead of 9.9 for two
 * panels, the gradient 6.2 instead of 7.5.
 *
 * A digit is mostly paper: of what tiles of eight places see of its rows, a
 * third is zero throughout, and is left out.
 */

/* Whether n floats are zero, said of four and more only. */
static inline KERNEL_TARGET bool KERNEL(is_blank)(const float *x, size_t n)
{
    whole4 any;
    two_longs both;
    size_t i;

    if (n < 4)
        return false;
    any = *(const whole4 *)(x + n - 4);
    for (i = 0; i + 4 < n; i += 4)
        any |= *(const whole4 *)(x + i);
    both = (two_longs)any;
    return (both[0] | both[1]) == 0;
}

/* Vectors of a panel stand at v * LANES, but the last ends where the panel
 * does. */
#define AT(v) ((v) + 1 < vectors + end ? (size_t)(v)*LANES : last)

ALWAYS_INLINE KERNEL_TARGET void KERNEL(product)(const struct tile *t,
                                                 int places, int vectors,
                                                 int end)
{
    const struct direct *d = t->d;
    size_t x_place = d->x_place, y_place = d->y_place, last = t->last;
    size_t seen = (size_t)(places - 1) * x_place + t->run;
    const float *w = t->w;
    float *y = t->y;
    VECTOR sum[GRID_MOST][VECTORS];
    lanes4 rest[GRID_MOST];
    int i, v, row;
    size_t r;

#pragma GCC unroll 8
    for (i = 0; i < places; i++) {
#pragma GCC unroll 4
        for (v = 0; v < vectors; v++)
            sum[i][v] =
                t->start == NULL
                    ? SPREAD(0.0f)
                    : *(const VECTOR *)(t->start + (size_t)i * t->start_place +
                                        AT(v));
        if (end)
            rest[i] =
                t->start == NULL
                    ? (lanes4){0}
                    : *(const lanes4 *)(t->start + (size_t)i * t->start_place +
                                        AT(v));
    }
    for (row = 0; row < t->rows; row++) {
        const float *x = t->x + (size_t)row * d->x_row;

        if (d->blanks && KERNEL(is_blank)(x, seen)) {
            w += t->run * t->w_row;
            continue;
        }
        for (r = 0; r < t->run; r++, w += t->w_row) {
            VECTOR weight[VECTORS];
            lanes4 weight4 = {0};

#pragma GCC unroll 4
            for (v = 0; v < vectors; v++)
                weight[v] = *(const VECTOR *)(w + AT(v));
            if (end)
                weight4 = *(const lanes4 *)(w + AT(v));
#pragma GCC unroll 8
            for (i = 0; i < places; i++) {
                VECTOR value = SPREAD(x[(size_t)i * x_place + r]);

                if (end && i % 2 == 1)
                    rest[i] = MADD4(LOW(value), weight4, rest[i]);
#pragma GCC unroll 4
                for (v = 0; v < vectors; v++)
                    sum[i][v] = MADD(value, weight[v], sum[i][v]);
                if (end && i % 2 == 0)
                    rest[i] = MADD4(LOW(value), weight4, rest[i]);
            }
        }
    }
#pragma GCC unroll 8
    for (i = 0; i < places; i++, y += y_place) {
#pragma GCC unroll 4
        for (v = 0; v < vectors; v++)
            *(VECTOR *)(y + AT(v)) = sum[i][v];
        if (end)
            *(lanes4 *)(y + AT(v)) = rest[i];
    }
}

/* The sums of a gradient over places that follow one another; vectors v are
 * AT(v) from dy on. */
ALWAYS_INLINE KERNEL_TARGET void KERNEL(meet)(const struct direct *d,
                                              int places, const float *x,
                                              const float *dy, size_t last,
                                              int floats, int vectors, int end,
                                              VECTOR (*sum)[VECTORS],
                                              lanes4 *rest)
{
    int place, i, v;

    for (place = 0; place < places;
         place++, x += d->x_place, dy += d->y_place) {
        VECTOR slope[VECTORS];
        lanes4 slope4 = {0};

#pragma GCC unroll 4
        for (v = 0; v < vectors; v++)
            slope[v] = *(const VECTOR *)(dy + AT(v));
        if (end)
            slope4 = *(const lanes4 *)(dy + AT(v));
#pragma GCC unroll 8
        for (i = 0; i < floats; i++) {
            VECTOR value = SPREAD(x[i]);

            if (end && i % 2 == 1)
                rest[i] = MADD4(LOW(value), slope4, rest[i]);
#pragma GCC unroll 4
            for (v = 0; v < vectors; v++)
                sum[i][v] = MADD(value, slope[v], sum[i][v]);
            if (end && i % 2 == 0)
                rest[i] = MADD4(LOW(value), slope4, rest[i]);
        }
    }
}

ALWAYS_INLINE KERNEL_TARGET void KERNEL(gradient)(const struct tile *t,
                                                  int floats, int vectors,
                                                  int end)
{
    const struct direct *d = t->d;
    size_t w_row = d->w_row, last = t->last;
    float *to = t->y;
    VECTOR sum[GRID_MOST][VECTORS];
    lanes4 rest[GRID_MOST];
    int i, v, line, place, next, ahead = d->blanks ? AHEAD : d->places;

#pragma GCC unroll 8
    for (i = 0; i < floats; i++) {
#pragma GCC unroll 4
        for (v = 0; v < vectors; v++)
            sum[i][v] = SPREAD(0.0f);
        rest[i] = (lanes4){0};
    }
    for (line = 0; line < t->rows; line++) {
        const float *x = t->x + (size_t)line * d->x_line;
        const float *dy = t->start + (size_t)line * d->y_line;

        for (place = 0; place < d->places; place = next) {
            size_t at = (size_t)place * d->x_place;

            next = d->places - place < ahead ? d->places : place + ahead;
            if (d->blanks &&
                KERNEL(is_blank)(x + at,
                                 (size_t)(next - place - 1) * d->x_place +
                                     (size_t)floats))
                continue;
            KERNEL(meet)
            (d, next - place, x + at, dy + (size_t)place * d->y_place, last,
             floats, vectors, end, sum, rest);
        }
    }
#pragma GCC unroll 8
    for (i = 0; i < floats; i++, to += w_row) {
        if (!t->add) {
#pragma GCC unroll 4
            for (v = 0; v < vectors; v++)
                *(VECTOR *)(to + AT(v)) = sum[i][v];
            if (end)
                *(lanes4 *)(to + AT(v)) = rest[i];
            continue;
        }
        /* Lanes that the vector before has too are added once, and after that
         * has been written. */
        if (end)
            rest[i] =
                (lanes4)((whole4)rest[i] &
                         *(const whole4 *)(own_lanes + OWN_MIDDLE - t->skip));
        else
            sum[i][vectors - 1] =
                (VECTOR)((WHOLE)sum[i][vectors - 1] &
                         *(const WHOLE *)(own_lanes + OWN_MIDDLE - t->skip));
#pragma GCC unroll 4
        for (v = 0; v < vectors; v++)
            *(VECTOR *)(to + AT(v)) += sum[i][v];
        if (end)
            *(lanes4 *)(to + AT(v)) += rest[i];
    }
}

/* Tiles of a grid of `rows` rows. */
#define TILE(name, rows, vectors, end)           \
    case rows:                                   \
        if (rows <= GRID(vectors + end))         \
            KERNEL(name)(t, rows, vectors, end); \
        break;
#define TILES(name, suffix, vectors, end)                                \
    static KERNEL_TARGET void KERNEL(name##suffix)(const struct tile *t, \
                                                   int rows)             \
    {                                                                    \
        switch (rows) {                                                  \
            TILE(name, 1, vectors, end)                                  \
            TILE(name, 2, vectors, end)                                  \
            TILE(name, 3, vectors, end)                                  \
            TILE(name, 4, vectors, end)                                  \
            TILE(name, 5, vectors, end)                                  \
            TILE(name, 6, vectors, end)                                  \
            TILE(name, 7, vectors, end)                                  \
            TILE(name, 8, vectors, end)                                  \
        default:                                                         \
            break;                                                       \
        }                                                                \
    }

TILES(product, 1, 1, 0)
TILES(gradient, 1, 1, 0)
#if VECTORS >= 2
TILES(product, 2, 2, 0)
TILES(gradient, 2, 2, 0)
#endif
#if VECTORS >= 4
TILES(product, 3, 3, 0)
TILES(gradient, 3, 3, 0)
TILES(product, 4, 4, 0)
TILES(gradient, 4, 4, 0)
#endif
#if LANES > 4
TILES(product, 1_end, 1, 1)
TILES(product, 2_end, 2, 1)
#endif
#if VECTORS >= 4
TILES(product, 3_end, 3, 1)
TILES(gradient, 1_end, 1, 1)
TILES(gradient, 2_end, 2, 1)
TILES(gradient, 3_end, 3, 1)
#endif

static const struct kernel KERNEL(kernel) = {
    .lanes = LANES,
    .vectors = VECTORS,
    .grid = {GRID(1), GRID(2), GRID(3), GRID(4)},
#if VECTORS >= 4
    .product = {KERNEL(product1), KERNEL(product2), KERNEL(product3),
                KERNEL(product4)},
    .gradient = {KERNEL(gradient1), KERNEL(gradient2), KERNEL(gradient3),
                 KERNEL(gradient4)},
    .product_end = {KERNEL(product1_end), KERNEL(product2_end),
                    KERNEL(product3_end)},
    .gradient_end = {KERNEL(gradient1_end), KERNEL(gradient2_end),
                     KERNEL(gradient3_end)},
#elif VECTORS >= 2
    .product = {KERNEL(product1), KERNEL(product2)},
    .gradient = {KERNEL(gradient1), KERNEL(gradient2)},
#if LANES > 4
    .product_end = {KERNEL(product1_end), KERNEL(product2_end)},
#endif
#else
    .product = {KERNEL(product1)},
    .gradient = {KERNEL(gradient1)},
#endif
};

#undef TILES
#undef TILE
#undef AT
#undef KERNEL
#undef KERNEL_TARGET
#undef VECTOR
#undef VECTORS
#undef LANES
#undef WHOLE
#undef SPREAD
#undef MADD
#undef MADD4
#undef LOW
#undef GRID
