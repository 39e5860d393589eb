#include "ui/timing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/plot.h"

enum { COLS_EACH = 56, SAYS_ROWS_FROM = 9, EVENTS = TIMING_SHEET_FORMS };

bool timing_shown(const struct timing_sheet *t)
{
    return t && t->batch_count > 0 && t->level_count > 0 && t->done > 0;
}

/* Microseconds, level after level, form after form. */
static double *times_of(const struct timing_sheet *t,
                        const struct timing_batch *b, double *sparsity)
{
    size_t n = (size_t)t->level_count, i, f;
    double *y = mem_array(n * TIMING_SHEET_FORMS, sizeof(*y));

    for (i = 0; i < n; i++) {
        sparsity[i] = b->row[i].sparsity;
        for (f = 0; f < TIMING_SHEET_FORMS; f++)
            y[f * n + i] = b->row[i].median[f] * 1e6;
    }
    return y;
}

static int by_place(const void *a, const void *b)
{
    const struct plot_event *e = a, *f = b;

    return (e->x > f->x) - (e->x < f->x);
}

/* Where a form overtakes the dense one inside the range that was measured. */
static int overtakes(const struct timing_sheet *t, const struct timing_batch *b,
                     struct plot_event events[EVENTS])
{
    int f, n = 0;

    for (f = 0; f < TIMING_SHEET_FORMS; f++) {
        /* Masked products are dense ones. */
        if (f < 2 || !(b->break_even[f] > b->row[0].sparsity))
            continue;
        events[n].x = b->break_even[f];
        events[n++].label = t->form[f];
    }
    qsort(events, (size_t)n, sizeof(events[0]), by_place);
    return n;
}

/* The widest half distance of quartiles, as a share of its median. */
static double worst_spread(const struct timing_sheet *t,
                           const struct timing_batch *b)
{
    double worst = 0;
    int i, f;

    for (i = 0; i < t->level_count; i++) {
        for (f = 0; f < TIMING_SHEET_FORMS; f++) {
            const struct timing_row *r = &b->row[i];
            double half = (r->high[f] - r->low[f]) / 2 / r->median[f];

            worst = half > worst ? half : worst;
        }
    }
    return worst;
}

static void say_break_even(struct pane p, const struct timing_sheet *t,
                           const struct timing_batch *b)
{
    char line[160] = "beats dense from:";
    int f;

    for (f = 2; f < TIMING_SHEET_FORMS; f++) {
        size_t len = strlen(line);
        double from = b->break_even[f];
        const char *comma = f > 2 ? "," : "";

        if (isnan(from))
            snprintf(line + len, sizeof(line) - len, "%s %s never", comma,
                     t->form[f]);
        else
            snprintf(line + len, sizeof(line) - len, "%s %s %.1f%%", comma,
                     t->form[f], from * 100);
    }
    pane_text(p, 0, 0, ROLE_NORMAL, line);
    pane_textf(p, 1, 0, ROLE_DIM, "median of %d, quartiles within %.0f%% of it",
               t->runs, ceil(worst_spread(t, b) * 100 - 1e-6));
}

static bool is_whole(const struct timing_sheet *t, int batch)
{
    return t->done >= (batch + 1) * t->level_count;
}

static void title_of(const struct timing_sheet *t, int batch, int stage,
                     char *to, size_t size)
{
    int n = snprintf(to, size, "%s %s, batch %d, one thread, %s", t->layer,
                     t->kernel, t->batch[batch].samples, t->kernels);

    if (n < 0 || (size_t)n >= size)
        return;
    if (!is_whole(t, batch))
        snprintf(to + n, size - (size_t)n, ", %d of %d", t->done, t->all);
    else if (t->stage != stage)
        snprintf(to + n, size - (size_t)n, ", at stage %d", t->stage);
}

static void batch_draw(struct pane p, const struct timing_sheet *t, int batch,
                       int stage)
{
    const struct timing_batch *b = &t->batch[batch];
    size_t n = (size_t)t->level_count, f;
    double *x = mem_array(n, sizeof(*x)), *y = times_of(t, b, x);
    struct plot_series series[TIMING_SHEET_FORMS];
    struct plot_event events[EVENTS];
    struct plot plot = {.x = {.format = PLOT_PERCENT, .unit = "zeros"},
                        .y = {.format = PLOT_NUMBER, .log = true, .unit = "us"},
                        .series = series,
                        .series_count = TIMING_SHEET_FORMS,
                        .events = events};
    char title[192];

    memset(series, 0, sizeof(series));
    for (f = 0; f < TIMING_SHEET_FORMS; f++)
        series[f] = (struct plot_series){.name = t->form[f],
                                         .x = x,
                                         .y = y + f * n,
                                         .n = n,
                                         .style = PLOT_MARKS};
    title_of(t, batch, stage, title, sizeof(title));
    plot.title = title;
    plot.event_count = overtakes(t, b, events);
    if (is_whole(t, batch) && p.at.rows >= SAYS_ROWS_FROM)
        say_break_even(pane_take_bottom(&p, 2), t, b);
    plot_curves(p, &plot);
    mem_free(x);
    mem_free(y);
}

void timing_draw(struct pane p, const struct timing_sheet *t, int batch,
                 int stage)
{
    int count = t->batch_count, width = p.at.cols / count, i;

    if (width < COLS_EACH) {
        batch_draw(p, t, batch % count, stage);
        return;
    }
    for (i = 0; i < count; i++)
        batch_draw(i + 1 < count ? pane_take_left(&p, width) : p, t, i, stage);
}
