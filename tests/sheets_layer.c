#include "sheets_layer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
/* As much of text as the field holds. */
#define PUT(field, text) \
    snprintf(field, sizeof(field), "%.*s", (int)sizeof(field) - 1, text)

struct layer_sheet sheets_one_layer;
struct book_sheet sheets_one_book;

static struct book_value book_values[15];
static float map[64 * 60], pixels[28 * 28], activity[300];

static void typical_layer(void)
{
    int i, row, col;

    memset(&sheets_one_layer, 0, sizeof(sheets_one_layer));
    PUT(sheets_one_layer.name, "dense_1");
    PUT(sheets_one_layer.kind, "dense relu");
    PUT(sheets_one_layer.kernel, "784x300");
    sheets_one_layer.count = 3;
    sheets_one_layer.weights = 235200;
    sheets_one_layer.std = 0.06;
    sheets_one_layer.mean = -0.003;
    sheets_one_layer.least = -0.31;
    sheets_one_layer.most = 0.29;
    sheets_one_layer.range = 0.32;
    sheets_one_layer.threshold = 0.0375;
    for (i = 0; i < HIST_BINS; i++) {
        double w = (i - 63.5) / 64 * 0.32;

        sheets_one_layer.bins[i] =
            fabs(w) < 0.025 ? 0 : (int64_t)(4000 * exp(-w * w / 0.008));
        sheets_one_layer.alive += sheets_one_layer.bins[i];
    }
    sheets_one_layer.zeros = sheets_one_layer.weights - sheets_one_layer.alive;
    for (row = 0; row < 64; row++)
        for (col = 0; col < 60; col++)
            map[row * 60 + col] = (row * 7 + col * 3) % 5 == 0
                                      ? -1.0F
                                      : 0.001F * (float)((row + col) % 90);
    for (row = 0; row < 28; row++)
        for (col = 0; col < 28; col++)
            pixels[row * 28 + col] = (float)exp(
                -((row - 14) * (row - 14) + (col - 14) * (col - 14)) / 60.0);
    for (i = 0; i < 300; i++)
        activity[i] = i % 25 == 0 ? 0 : (float)(i * 37 % 300) / 400.0F;
    sheets_one_layer.map_rows = 64;
    sheets_one_layer.map_cols = 60;
    sheets_one_layer.map = map;
    sheets_one_layer.map_most = 0.09;
    sheets_one_layer.pixel_h = sheets_one_layer.pixel_w = 28;
    sheets_one_layer.pixel = pixels;
    sheets_one_layer.units = 300;
    sheets_one_layer.dead_units = 12;
    sheets_one_layer.activity = activity;
    sheets_one_layer.silent_inputs = 141;
}

/* Four bits beside zero; the last value has no weights. */
static void typical_book(void)
{
    int i;

    memset(&sheets_one_book, 0, sizeof(sheets_one_book));
    PUT(sheets_one_book.name, "dense_1");
    PUT(sheets_one_book.kind, "dense relu");
    PUT(sheets_one_book.kernel, "784x300");
    sheets_one_book.count = 3;
    sheets_one_book.weights = sheets_one_layer.weights;
    sheets_one_book.alive = sheets_one_layer.alive;
    sheets_one_book.zeros = sheets_one_layer.zeros;
    sheets_one_book.range = sheets_one_layer.range;
    memcpy(sheets_one_book.bins, sheets_one_layer.bins,
           sizeof(sheets_one_book.bins));
    sheets_one_book.before = true;
    for (i = 0; i < COUNT(book_values); i++) {
        book_values[i].value = -0.28 + 0.04 * i;
        book_values[i].start = book_values[i].value - 0.001 * (i % 5);
        book_values[i].members = i == 14 ? 0 : 8000 - 900LL * abs(i - 7);
        book_values[i].length = i == 14 ? 0 : 3 + abs(i - 7) / 2;
    }
    sheets_one_book.value = book_values;
    sheets_one_book.value_count = COUNT(book_values);
    sheets_one_book.dead = 1;
    sheets_one_book.fixed = 4;
    sheets_one_book.huffman = 3.71;
    sheets_one_book.entropy = 3.66;
    sheets_one_book.bytes = 55120;
    sheets_one_book.error = 0.0093;
    for (i = 0; i < BOOK_TRIES; i++)
        sheets_one_book.tries[i] =
            (struct book_try){.bits = i + 1,
                              .k = i < 3 ? (2 << i) - 1 : 15,
                              .error = i < 3 ? 0.05 / (i + 1) : 0,
                              .bytes = 14000.0 * (i < 3 ? i + 1 : 4)};
    sheets_one_book.try_count = BOOK_TRIES;
}

static void extreme_layer(const char *hostile)
{
    int i;

    PUT(sheets_one_layer.name, hostile);
    PUT(sheets_one_layer.kind, hostile);
    PUT(sheets_one_layer.kernel, hostile);
    sheets_one_layer.mean = sheets_one_layer.std = (double)NAN;
    sheets_one_layer.least = -(double)INFINITY;
    sheets_one_layer.range = 0;
    sheets_one_layer.threshold = (double)NAN;
    sheets_one_layer.map_most = (double)NAN;
    for (i = 0; i < HIST_BINS; i++)
        sheets_one_layer.bins[i] = INT64_MAX / HIST_BINS;
    for (i = 0; i < COUNT(map); i++)
        map[i] = NAN;
    for (i = 0; i < COUNT(activity); i++)
        activity[i] = i % 2 ? NAN : INFINITY;
    sheets_one_layer.dead_units = -7;
}

static void extreme_book(const char *hostile)
{
    int i;

    PUT(sheets_one_book.name, hostile);
    PUT(sheets_one_book.kind, hostile);
    PUT(sheets_one_book.kernel, hostile);
    PUT(sheets_one_book.grid, hostile);
    sheets_one_book.range = (double)NAN;
    sheets_one_book.fixed = 1e300;
    sheets_one_book.huffman = sheets_one_book.entropy = (double)NAN;
    sheets_one_book.bytes = -1;
    sheets_one_book.dead = -7;
    for (i = 0; i < COUNT(book_values); i++) {
        book_values[i].value = i % 2 ? (double)NAN : 1e300;
        book_values[i].members = INT64_MAX;
        book_values[i].length = -5;
    }
    for (i = 0; i < BOOK_TRIES; i++)
        sheets_one_book.tries[i] =
            (struct book_try){-3, -3, (double)NAN, -1e300};
}

void sheets_layer_typical(void)
{
    typical_layer();
    typical_book();
}

void sheets_layer_extreme(const char *hostile)
{
    extreme_layer(hostile);
    extreme_book(hostile);
}

void sheets_layer_empty(void)
{
    memset(&sheets_one_layer, 0, sizeof(sheets_one_layer));
    memset(&sheets_one_book, 0, sizeof(sheets_one_book));
}
