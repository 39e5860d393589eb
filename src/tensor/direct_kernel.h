/*
 * The two loops of direct.c.  Included there once for each vector: KERNEL(name)
 * names a function, KERNEL_TARGET says what it is compiled for, VECTOR is the
 * vector, LANES its floats, WHOLE as many whole numbers, SPREAD(f) fills a
 * vector, MADD is a * b + c; VECTORS of them side by side are the most a panel
 * has, and GRID(vectors) the most rows of sums there is room for in registers.
 *
 * A tile is a grid of sums in registers: places (or floats of a run) by vectors
 * of units.  Each step loads the vectors once and meets every row of the grid
 * with one float for all lanes: six rows by four vectors are 24 products to
 * four loads and six broadcasts.
 */

/* Vectors of a panel stand at v * LANES, but the last ends where the panel
 * does. */
#define AT(v) ((v) + 1 < vectors ? (size_t)(v)*LANES : t->last)

static inline __attribute__((always_inline)) KERNEL_TARGET void KERNEL(product)(
    const struct tile *t, int places, int vectors)
{
    const struct direct *d = t->d;
    const float *w = t->w;
    VECTOR sum[GRID_MOST][VECTORS];
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
    }
    for (row = 0; row < t->rows; row++) {
        const float *x = t->x + (size_t)row * d->x_row;

        for (r = 0; r < t->run; r++, w += t->w_row) {
            VECTOR weight[VECTORS];

#pragma GCC unroll 4
            for (v = 0; v < vectors; v++)
                weight[v] = *(const VECTOR *)(w + AT(v));
#pragma GCC unroll 8
            for (i = 0; i < places; i++) {
                VECTOR value = SPREAD(x[(size_t)i * d->x_place + r]);

#pragma GCC unroll 4
                for (v = 0; v < vectors; v++)
                    sum[i][v] = MADD(value, weight[v], sum[i][v]);
            }
        }
    }
#pragma GCC unroll 8
    for (i = 0; i < places; i++) {
#pragma GCC unroll 4
        for (v = 0; v < vectors; v++)
            *(VECTOR *)(t->y + (size_t)i * d->y_place + AT(v)) = sum[i][v];
    }
}

static inline __attribute__((always_inline)) KERNEL_TARGET void KERNEL(
    gradient)(const struct tile *t, int floats, int vectors)
{
    const struct direct *d = t->d;
    VECTOR sum[GRID_MOST][VECTORS];
    int i, v, line, place;

#pragma GCC unroll 8
    for (i = 0; i < floats; i++) {
#pragma GCC unroll 4
        for (v = 0; v < vectors; v++)
            sum[i][v] = SPREAD(0.0f);
    }
    for (line = 0; line < t->rows; line++) {
        const float *x = t->x + (size_t)line * d->x_line;
        const float *dy = t->start + (size_t)line * d->y_line;

        for (place = 0; place < d->places;
             place++, x += d->x_place, dy += d->y_place) {
            VECTOR slope[VECTORS];

#pragma GCC unroll 4
            for (v = 0; v < vectors; v++)
                slope[v] = *(const VECTOR *)(dy + AT(v));
#pragma GCC unroll 8
            for (i = 0; i < floats; i++) {
                VECTOR value = SPREAD(x[i]);

#pragma GCC unroll 4
                for (v = 0; v < vectors; v++)
                    sum[i][v] = MADD(value, slope[v], sum[i][v]);
            }
        }
    }
#pragma GCC unroll 8
    for (i = 0; i < floats; i++) {
        float *to = t->y + (size_t)i * d->w_row;

        if (!t->add) {
#pragma GCC unroll 4
            for (v = 0; v < vectors; v++)
                *(VECTOR *)(to + AT(v)) = sum[i][v];
            continue;
        }
        /* Lanes that the vector before has too are added once, and after that
         * has been written. */
        sum[i][vectors - 1] =
            (VECTOR)((WHOLE)sum[i][vectors - 1] &
                     *(const WHOLE *)(own_lanes + OWN_MIDDLE - t->skip));
#pragma GCC unroll 4
        for (v = 0; v < vectors; v++)
            *(VECTOR *)(to + AT(v)) += sum[i][v];
    }
}

/* Tiles of a grid of `rows` rows. */
#define TILE(name, rows, vectors)           \
    case rows:                              \
        if (rows <= GRID(vectors))          \
            KERNEL(name)(t, rows, vectors); \
        break;
#define TILES(name, vectors)                                              \
    static KERNEL_TARGET void KERNEL(name##vectors)(const struct tile *t, \
                                                    int rows)             \
    {                                                                     \
        switch (rows) {                                                   \
            TILE(name, 1, vectors)                                        \
            TILE(name, 2, vectors)                                        \
            TILE(name, 3, vectors)                                        \
            TILE(name, 4, vectors)                                        \
            TILE(name, 5, vectors)                                        \
            TILE(name, 6, vectors)                                        \
            TILE(name, 7, vectors)                                        \
            TILE(name, 8, vectors)                                        \
        default:                                                          \
            break;                                                        \
        }                                                                 \
    }

TILES(product, 1)
TILES(gradient, 1)
#if VECTORS >= 2
TILES(product, 2)
TILES(gradient, 2)
#endif
#if VECTORS >= 4
TILES(product, 3)
TILES(gradient, 3)
TILES(product, 4)
TILES(gradient, 4)
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
#elif VECTORS >= 2
    .product = {KERNEL(product1), KERNEL(product2)},
    .gradient = {KERNEL(gradient1), KERNEL(gradient2)},
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
#undef GRID
