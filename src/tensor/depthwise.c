/*
 * Depthwise convolution, directly: every place walks its taps, and the inner
 * loop runs over channels, TILE of them in registers.  Small windows go to
 * depthwise_lines.c.
 */
#include "tensor/conv.h"
#include "tensor/depthwise_lines.h"
#include "tensor/vec.h"

#define TILE 32 /* the most; then 16, 8, and what is left */

struct job {
    const struct window *w;
    size_t mult;
    int n;
    const float *x, *k, *dy;
    float *y, *dx, *dk;
};

/* One place of the window: offsets of channel 0 in floats, for x and k at the
 * first tap inside the image, and the way from tap to tap. */
struct place {
    size_t x, k, y;
    int rows, cols; /* taps inside */
    size_t x_row, x_col, k_row, k_col;
};

static struct taps taps_down(const struct window *w, int oy)
{
    return window_taps(oy, w->stride_h, w->step_h, w->top, w->kh, w->h);
}

static struct taps taps_across(const struct window *w, int ox)
{
    return window_taps(ox, w->stride_w, w->step_w, w->left, w->kw, w->w);
}

/* What the places of one output line have in common. */
static struct place line_of(const struct job *j, int line)
{
    const struct window *w = j->w;
    struct taps down = taps_down(w, line % w->out_h);
    size_t c = (size_t)w->c, row = (size_t)w->w * c, cell = c * j->mult;
    size_t image = (size_t)(line / w->out_h) * (size_t)w->h * row;

    return (struct place){.x = image + (size_t)down.at * row,
                          .k = (size_t)(down.first * w->kw) * cell,
                          .y = (size_t)line * (size_t)w->out_w * cell,
                          .rows = down.count,
                          .x_row = (size_t)w->step_h * row,
                          .x_col = (size_t)w->step_w * c,
                          .k_row = (size_t)w->kw * cell,
                          .k_col = cell};
}

static inline struct place place_at(const struct job *j, struct place line,
                                    int ox)
{
    struct taps across = taps_across(j->w, ox);

    line.x += (size_t)across.at * (size_t)j->w->c;
    line.k += (size_t)across.first * line.k_col;
    line.y += (size_t)ox * line.k_col;
    line.cols = across.count;
    return line;
}

static void each_line(const struct job *j,
                      void (*visit)(const struct job *j,
                                    const struct place *line))
{
    int line;

    for (line = 0; line < j->n * j->w->out_h; line++) {
        struct place start = line_of(j, line);

        visit(j, &start);
    }
}

/* y (n) = sum over taps x k from channel `first` on; n is at most TILE. */
static inline void forward_tile(const struct job *j, const struct place *p,
                                size_t first, size_t n)
{
    float sum[TILE] = {0};
    int r, q;
    size_t c;

    for (r = 0; r < p->rows; r++) {
        const float *x = j->x + p->x + (size_t)r * p->x_row + first;
        const float *k = j->k + p->k + (size_t)r * p->k_row + first;

        for (q = 0; q < p->cols; q++, x += p->x_col, k += p->k_col) {
            for (c = 0; c < n; c++)
                sum[c] += x[c] * k[c];
        }
    }
    memcpy(j->y + p->y + first, sum, n * sizeof(float));
}

VEC_CLONES
static void forward_single(const struct job *j, const struct place *line)
{
    size_t channels = (size_t)j->w->c;
    int ox;

    for (ox = 0; ox < j->w->out_w; ox++) {
        const struct place p = place_at(j, *line, ox);
        size_t c = 0;

        for (; c + TILE <= channels; c += TILE)
            forward_tile(j, &p, c, TILE);
        for (; c + 16 <= channels; c += 16)
            forward_tile(j, &p, c, 16);
        for (; c + 8 <= channels; c += 8)
            forward_tile(j, &p, c, 8);
        if (c < channels)
            forward_tile(j, &p, c, channels - c);
    }
}

static void forward_place(const struct job *j, const struct place *p)
{
    size_t c, m, channels = (size_t)j->w->c;
    int r, q;

    vec_zero(j->y + p->y, channels * j->mult);
    for (r = 0; r < p->rows; r++) {
        for (q = 0; q < p->cols; q++) {
            const float *x =
                j->x + p->x + (size_t)r * p->x_row + (size_t)q * p->x_col;
            const float *k =
                j->k + p->k + (size_t)r * p->k_row + (size_t)q * p->k_col;
            float *y = j->y + p->y;

            for (c = 0; c < channels; c++) {
                for (m = 0; m < j->mult; m++)
                    *y++ += x[c] * *k++;
            }
        }
    }
}

static void forward_multiple(const struct job *j, const struct place *line)
{
    int ox;

    for (ox = 0; ox < j->w->out_w; ox++) {
        const struct place p = place_at(j, *line, ox);

        forward_place(j, &p);
    }
}

void conv_depthwise(const struct window *w, int multiplier, int n,
                    const float *x, const float *k, float *y)
{
    struct job j = {
        .w = w, .mult = (size_t)multiplier, .n = n, .x = x, .k = k, .y = y};

    if (multiplier == 1 && depthwise_lines_fit(w)) {
        depthwise_lines(w, n, x, k, y);
        return;
    }
    each_line(&j, multiplier == 1 ? forward_single : forward_multiple);
}

/* dx += k dy at one place, n channels from `first` on; n is at most TILE. */
static inline void input_tile(const struct job *j, const struct place *p,
                              size_t first, size_t n)
{
    float dy[TILE];
    size_t c;
    int r, q;

    memcpy(dy, j->dy + p->y + first, n * sizeof(*dy));
    for (r = 0; r < p->rows; r++) {
        float *restrict dx = j->dx + p->x + (size_t)r * p->x_row + first;
        const float *restrict k = j->k + p->k + (size_t)r * p->k_row + first;

        for (q = 0; q < p->cols; q++, dx += p->x_col, k += p->k_col) {
            for (c = 0; c < n; c++)
                dx[c] += k[c] * dy[c];
        }
    }
}

VEC_CLONES
static void input_single(const struct job *j, const struct place *line)
{
    size_t channels = (size_t)j->w->c;
    int ox;

    for (ox = 0; ox < j->w->out_w; ox++) {
        const struct place p = place_at(j, *line, ox);
        size_t c = 0;

        for (; c + TILE <= channels; c += TILE)
            input_tile(j, &p, c, TILE);
        for (; c + 16 <= channels; c += 16)
            input_tile(j, &p, c, 16);
        for (; c + 8 <= channels; c += 8)
            input_tile(j, &p, c, 8);
        if (c < channels)
            input_tile(j, &p, c, channels - c);
    }
}

static void input_place(const struct job *j, const struct place *p)
{
    size_t c, m, channels = (size_t)j->w->c;
    int r, q;

    for (r = 0; r < p->rows; r++) {
        for (q = 0; q < p->cols; q++) {
            float *dx =
                j->dx + p->x + (size_t)r * p->x_row + (size_t)q * p->x_col;
            const float *k =
                j->k + p->k + (size_t)r * p->k_row + (size_t)q * p->k_col;
            const float *dy = j->dy + p->y;

            for (c = 0; c < channels; c++) {
                for (m = 0; m < j->mult; m++)
                    dx[c] += *k++ * *dy++;
            }
        }
    }
}

static void input_multiple(const struct job *j, const struct place *line)
{
    int ox;

    for (ox = 0; ox < j->w->out_w; ox++) {
        const struct place p = place_at(j, *line, ox);

        input_place(j, &p);
    }
}

void conv_depthwise_input(const struct window *w, int multiplier, int n,
                          const float *k, const float *dy, float *dx)
{
    struct job j = {
        .w = w, .mult = (size_t)multiplier, .n = n, .k = k, .dy = dy, .dx = dx};

    if (multiplier == 1 && depthwise_lines_fit(w)) {
        depthwise_lines_input(w, n, k, dy, dx);
        return;
    }
    vec_zero(dx, (size_t)n * (size_t)w->h * (size_t)w->w * (size_t)w->c);
    each_line(&j, multiplier == 1 ? input_single : input_multiple);
}

/* A tap seen along one line of places: x and dy at the first place where the
 * tap is inside the image, how many such places, floats from one to the next.
 * Summing along the line first keeps rounding small. */
struct run {
    const float *x, *dy;
    float *dk;
    int count;
    size_t x_step, dy_step;
};

static struct run run_of(const struct job *j, int line, int image_row, int ky,
                         int kx)
{
    const struct window *w = j->w;
    int before = w->left - kx * w->step_w; /* x = place * stride - before */
    int first = before > 0 ? (before + w->stride_w - 1) / w->stride_w : 0;
    int room = w->w - 1 + before; /* place * stride may be this at most */
    int last = room < 0 ? -1 : room / w->stride_w;
    size_t c = (size_t)w->c, cell = c * j->mult;
    size_t row = (size_t)(line / w->out_h) * (size_t)w->h + (size_t)image_row;

    if (last > w->out_w - 1)
        last = w->out_w - 1;
    if (last < first)
        return (struct run){.count = 0};
    return (struct run){
        .x = j->x +
             (row * (size_t)w->w + (size_t)(first * w->stride_w - before)) * c,
        .dy = j->dy + ((size_t)line * (size_t)w->out_w + (size_t)first) * cell,
        .dk = j->dk + (size_t)(ky * w->kw + kx) * cell,
        .count = last - first + 1,
        .x_step = (size_t)w->stride_w * c,
        .dy_step = cell};
}

static inline void kernel_tile(const struct run *run, size_t first, size_t n)
{
    float sum[TILE] = {0};
    const float *x = run->x + first, *dy = run->dy + first;
    size_t c;
    int i;

    for (i = 0; i < run->count; i++, x += run->x_step, dy += run->dy_step) {
        for (c = 0; c < n; c++)
            sum[c] += x[c] * dy[c];
    }
    for (c = 0; c < n; c++)
        run->dk[first + c] += sum[c];
}

VEC_CLONES
static void kernel_single(const struct run *run, size_t channels)
{
    size_t c = 0;

    for (; c + TILE <= channels; c += TILE)
        kernel_tile(run, c, TILE);
    for (; c + 16 <= channels; c += 16)
        kernel_tile(run, c, 16);
    for (; c + 8 <= channels; c += 8)
        kernel_tile(run, c, 8);
    if (c < channels)
        kernel_tile(run, c, channels - c);
}

static void kernel_multiple(const struct run *run, size_t channels, size_t mult)
{
    size_t c, m;
    int i;

    for (c = 0; c < channels; c++) {
        for (m = 0; m < mult; m++) {
            const float *x = run->x + c, *dy = run->dy + c * mult + m;
            float sum = 0.0f;

            for (i = 0; i < run->count; i++)
                sum +=
                    x[(size_t)i * run->x_step] * dy[(size_t)i * run->dy_step];
            run->dk[c * mult + m] += sum;
        }
    }
}

void conv_depthwise_kernel(const struct window *w, int multiplier, int n,
                           const float *x, const float *dy, float *dk)
{
    struct job j = {
        .w = w, .mult = (size_t)multiplier, .n = n, .x = x, .dy = dy, .dk = dk};
    size_t channels = (size_t)w->c;
    int line, k, kx;

    if (multiplier == 1 && depthwise_lines_fit(w)) {
        depthwise_lines_kernel(w, n, x, dy, dk);
        return;
    }
    vec_zero(dk, (size_t)(w->kh * w->kw) * channels * j.mult);
    for (line = 0; line < n * w->out_h; line++) {
        struct taps down = taps_down(w, line % w->out_h);

        for (k = 0; k < down.count; k++) {
            for (kx = 0; kx < w->kw; kx++) {
                struct run run = run_of(&j, line, down.at + k * w->step_h,
                                        down.first + k, kx);

                if (run.count == 0)
                    continue;
                if (multiplier == 1)
                    kernel_single(&run, channels);
                else
                    kernel_multiple(&run, channels, j.mult);
            }
        }
    }
}
