/*
 * Transforms of tiles, LANES channels at a time.  Included by winograd.c once
 * for each vector: KERNEL(name) names a function, KERNEL_TARGET says what it is
 * compiled for, VECTOR is the vector.
 *
 * A tile is transformed column by column, then row by row.  Nothing is fused,
 * so that every processor rounds in the same way here.
 */

/* out = B' of six values */
ALWAYS_INLINE KERNEL_TARGET void KERNEL(before)(const VECTOR *d, VECTOR *out)
{
    VECTOR near_even = d[4] - FAR2 * d[2], near_odd = d[3] - FAR2 * d[1];
    VECTOR far_even = d[4] - NEAR2 * d[2], far_odd = d[3] - NEAR2 * d[1];

    out[0] = NEAR2 * FAR2 * d[0] - (NEAR2 + FAR2) * d[2] + d[4];
    out[1] = near_even + NEAR * near_odd;
    out[2] = near_even - NEAR * near_odd;
    out[3] = far_even + FAR * far_odd;
    out[4] = far_even - FAR * far_odd;
    out[5] = NEAR2 * FAR2 * d[1] - (NEAR2 + FAR2) * d[3] + d[5];
}

/* out = A' of six values: four, or two */
ALWAYS_INLINE KERNEL_TARGET void KERNEL(after)(const VECTOR *m, int outputs,
                                               VECTOR *out)
{
    VECTOR near_even = m[1] + m[2], near_odd = NEAR * (m[1] - m[2]);
    VECTOR far_even = m[3] + m[4], far_odd = FAR * (m[3] - m[4]);

    out[0] = m[0] + near_even + far_even;
    if (outputs == 2) {
        out[1] = near_odd + far_odd + m[5];
        return;
    }
    out[1] = near_odd + far_odd;
    out[2] = NEAR2 * near_even + FAR2 * far_even;
    out[3] = NEAR2 * near_odd + FAR2 * far_odd + m[5];
}

/* v[i] (36, apart floats each) = B' d B of the tile at x */
static KERNEL_TARGET void KERNEL(input)(const float *x, size_t line, size_t c,
                                        float *v, size_t apart)
{
    VECTOR half[SIDE][SIDE], in[SIDE], out[SIDE];
    int i, j;

    for (j = 0; j < SIDE; j++) {
#pragma GCC unroll 6
        for (i = 0; i < SIDE; i++)
            in[i] = *(const VECTOR *)(x + (size_t)i * line + (size_t)j * c);
        KERNEL(before)(in, out);
#pragma GCC unroll 6
        for (i = 0; i < SIDE; i++)
            half[i][j] = out[i];
    }
    for (i = 0; i < SIDE; i++) {
        KERNEL(before)(half[i], out);
#pragma GCC unroll 6
        for (j = 0; j < SIDE; j++)
            *(VECTOR *)(v + (size_t)(i * SIDE + j) * apart) = out[j];
    }
}

ALWAYS_INLINE KERNEL_TARGET void KERNEL(finish)(const struct place *p,
                                                const float *m, size_t apart,
                                                int outputs)
{
    VECTOR half[SIDE][SIDE], in[SIDE], out[SIDE];
    VECTOR bias = {0};
    int i, j;

    if (p->bias != NULL)
        bias = *(const VECTOR *)p->bias;
    for (j = 0; j < SIDE; j++) {
#pragma GCC unroll 6
        for (i = 0; i < SIDE; i++)
            in[i] = *(const VECTOR *)(m + (size_t)(i * SIDE + j) * apart);
        KERNEL(after)(in, outputs, out);
#pragma GCC unroll 4
        for (i = 0; i < outputs; i++)
            half[i][j] = out[i];
    }
    for (i = 0; i < p->high; i++) {
        float *y = p->y + (size_t)i * p->line;

        KERNEL(after)(half[i], outputs, out);
#pragma GCC unroll 4
        for (j = 0; j < outputs; j++) {
            if (j < p->wide)
                *(VECTOR *)(y + (size_t)j * p->step) = out[j] + bias;
        }
    }
}

/* y = A' m A + bias */
static KERNEL_TARGET void KERNEL(output)(const struct place *p, const float *m,
                                         size_t apart, int outputs)
{
    if (outputs == 4)
        KERNEL(finish)(p, m, apart, 4);
    else
        KERNEL(finish)(p, m, apart, 2);
}

/* out = G of three values, or five */
ALWAYS_INLINE KERNEL_TARGET void KERNEL(spread)(const VECTOR *g, int count,
                                                VECTOR *out)
{
    VECTOR even = g[0] + NEAR2 * g[2], odd = g[1];
    VECTOR even2 = g[0] + FAR2 * g[2], odd2 = g[1];

    if (count == 5) {
        even += NEAR2 * NEAR2 * g[4];
        odd += NEAR2 * g[3];
        even2 += FAR2 * FAR2 * g[4];
        odd2 += FAR2 * g[3];
    }
    out[0] = g[0] * (1.0f / (NEAR2 * FAR2));
    out[1] = (even + NEAR * odd) * NEAR_SHARE;
    out[2] = (even - NEAR * odd) * NEAR_SHARE;
    out[3] = (even2 + FAR * odd2) * FAR_SHARE;
    out[4] = (even2 - FAR * odd2) * FAR_SHARE;
    out[5] = g[count - 1];
}

/* u[i] (36, apart floats each) = G g G' of the taps at g, `tap` floats each */
ALWAYS_INLINE KERNEL_TARGET void KERNEL(points)(const float *g, size_t tap,
                                                int size, float *u,
                                                size_t apart)
{
    VECTOR half[SIDE][TAPS_MOST], in[TAPS_MOST], out[SIDE];
    int i, j;

    for (j = 0; j < size; j++) {
#pragma GCC unroll 5
        for (i = 0; i < size; i++)
            in[i] = *(const VECTOR *)(g + (size_t)(i * size + j) * tap);
        KERNEL(spread)(in, size, out);
#pragma GCC unroll 6
        for (i = 0; i < SIDE; i++)
            half[i][j] = out[i];
    }
    for (i = 0; i < SIDE; i++) {
        KERNEL(spread)(half[i], size, out);
#pragma GCC unroll 6
        for (j = 0; j < SIDE; j++)
            *(VECTOR *)(u + (size_t)(i * SIDE + j) * apart) = out[j];
    }
}

static KERNEL_TARGET void KERNEL(kernel)(const float *g, size_t tap, int size,
                                         float *u, size_t apart)
{
    if (size == 3)
        KERNEL(points)(g, tap, 3, u, apart);
    else
        KERNEL(points)(g, tap, 5, u, apart);
}

#undef KERNEL
#undef KERNEL_TARGET
#undef VECTOR
