/*
 * What the view of exits costs with 10,000 samples and five exits: a move of
 * the slider with the whole frame drawn again, against the time between two
 * frames; and the work that is done once when the weights have changed.
 */
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tests/sheets.h"
#include "tests/sheets_exits.h"
#include "train/exits.h"
#include "ui/frame.h"

enum { SAMPLES = 10000, EXITS = 5, CLASSES = 10, POINTS = 512, MOVES = 300 };

static const double FRAME_MS = 1000.0 / 15; /* the setting fps */

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Later exits know more. */
static float *draw_logits(int32_t *label)
{
    size_t n = (size_t)SAMPLES * EXITS * CLASSES;
    float *logits = mem_array(n, sizeof(*logits));
    struct rng r = rng_at(3, RNG_TEST, 0, 0);
    int i, k, c;

    for (i = 0; i < SAMPLES; i++) {
        label[i] = (int32_t)rng_below(&r, CLASSES);
        for (k = 0; k < EXITS; k++) {
            float *z = logits + (i * EXITS + k) * CLASSES;

            for (c = 0; c < CLASSES; c++)
                z[c] = (float)rng_normal(&r);
            z[label[i]] += (float)(2 + k);
        }
    }
    return logits;
}

static void fill_sheet(const struct exit_table *t, struct exits_sheet *s,
                       struct exits_point *to, const double *cost)
{
    struct exit_point *p = mem_array(POINTS, sizeof(*p));
    int i;

    for (i = 0; i < EXITS; i++) {
        s->row[i].cost = cost[i];
        s->row[i].threshold = 0.9;
    }
    s->exits = EXITS;
    s->samples = SAMPLES;
    s->score = t->score;
    s->guess = t->guess;
    s->label = t->label;
    s->point_count = exits_sweep(t, cost, p, POINTS);
    for (i = 0; i < s->point_count; i++)
        to[i] =
            (struct exits_point){p[i].threshold, p[i].accuracy, p[i].cost, NAN};
    s->point = to;
    mem_free(p);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void post(void *arg, const char *line)
{
    (void)arg;
    (void)line;
}

static void pause_job(void *arg, bool on)
{
    (void)arg;
    (void)on;
}

static void print_moves(int rows, int cols)
{
    struct screen_hooks hooks = {NULL, post, nothing, pause_job, nothing};
    struct screen screen;
    struct canvas canvas;
    double ms[MOVES];
    int i;

    screen_init(&screen, &hooks, NULL);
    canvas_init(&canvas, rows, cols);
    canvas.glyphs = GLYPHS_BRAILLE;
    canvas.colours = COLOURS_256;
    screen.in.status = sheets_status();
    screen.in.exits = &sheets_exits_sheet;
    screen_key(&screen, '4');
    for (i = 0; i < MOVES; i++) {
        double start = now_ms();

        screen_key(&screen, i % 100 < 50 ? '[' : ']');
        frame_draw(&screen, &canvas);
        ms[i] = now_ms() - start;
    }
    qsort(ms, MOVES, sizeof(ms[0]), by_size);
    printf("slider to frame at %dx%d, 10,000 samples, 5 exits  median %.2f ms  "
           "worst of %d %.2f ms  (%.3f and %.3f frames)\n",
           cols, rows, ms[MOVES / 2], MOVES, ms[MOVES - 1],
           ms[MOVES / 2] / FRAME_MS, ms[MOVES - 1] / FRAME_MS);
    screen_done(&screen);
    canvas_done(&canvas);
}

int main(void)
{
    static const double cost[EXITS] = {1e5, 3e5, 6e5, 9e5, 1.2e6};
    struct exit_rule rule = exit_rule_make(&exit_criteria[0], 0.9);
    int32_t *label = mem_array(SAMPLES, sizeof(*label));
    struct exits_point *point = mem_array(POINTS, sizeof(*point));
    float *logits = draw_logits(label);
    struct exit_table t;
    double start;

    sheets_get(SHEETS_TYPICAL);
    start = now_ms();
    exit_table_make(&t, logits, label, SAMPLES, EXITS, CLASSES, &rule);
    fill_sheet(&t, &sheets_exits_sheet, point, cost);
    printf("scores and the whole range of thresholds, once  %.1f ms  (%.2f "
           "frames)\n",
           now_ms() - start, (now_ms() - start) / FRAME_MS);
    print_moves(24, 80);
    print_moves(45, 160);
    exit_table_done(&t);
    mem_free(point);
    mem_free(label);
    mem_free(logits);
    return 0;
}
