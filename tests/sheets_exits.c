#include "sheets_exits.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/exits_try.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

struct exits_sheet sheets_exits_sheet;
static float exit_score[3 * 400];
static int32_t exit_guess[3 * 400], exit_label[400];
static struct exits_point exit_points[64], exit_before[64];
static struct exits_picture exit_pictures[3][EXITS_PICTURE];

static void put(char *to, size_t size, const char *text)
{
    size_t n = strlen(text) < size ? strlen(text) : size - 1;

    memcpy(to, text, n);
    to[n] = '\0';
}
#define PUT(field, text) put((field), sizeof(field), (text))

/* Three exits, each surer and better than the one before. */
static void exit_samples(void)
{
    int i, k;

    for (i = 0; i < 400; i++) {
        exit_label[i] = i % 10;
        for (k = 0; k < 3; k++) {
            int hard = (i * 37 + i % 10 * 11) % 100, n = k * 400 + i;

            exit_score[n] =
                1 - (float)(hard * hard) / (9000.0f + 9000.0f * (float)k);
            exit_guess[n] = hard > 88 + 4 * k ? (i + 1) % 10 : i % 10;
        }
        if (i % 100 == 7)
            exit_guess[2 * 400 + i] = 3; /* forgets what it knew */
    }
    sheets_exits_sheet.samples = 400;
    sheets_exits_sheet.score = exit_score;
    sheets_exits_sheet.guess = exit_guess;
    sheets_exits_sheet.label = exit_label;
}

static void exit_curve(void)
{
    double threshold[EXITS_MOST];
    struct exits_try got;
    int i, k;

    for (i = 0; i < COUNT(exit_points); i++) {
        for (k = 0; k < EXITS_MOST; k++)
            threshold[k] = i == 0 ? (double)INFINITY : 1 - i / 64.0;
        exits_try(&sheets_exits_sheet, threshold, &got, NULL);
        exit_points[i] =
            (struct exits_point){threshold[0], got.accuracy, got.cost, got.ms};
    }
    sheets_exits_sheet.point = exit_points;
    sheets_exits_sheet.point_count = COUNT(exit_points);
}

static void exit_rows(void)
{
    static const double cost[] = {220150, 640000, 1247720};
    static const double ms[] = {0.031, 0.09, 0.18};
    static const double alone[] = {0.885, 0.925, 0.9575};
    int k, i;

    for (k = 0; k < 3; k++) {
        struct exits_row *r = &sheets_exits_sheet.row[k];

        snprintf(r->name, sizeof(r->name), "exit%d", k + 1);
        r->cost = cost[k];
        r->ms = ms[k];
        r->accuracy = alone[k];
        r->ece = 0.031 - 0.01 * k;
        r->temperature = 1 + 0.2 * k;
        r->threshold = 0.9;
        for (i = 0; i < EXITS_BINS; i++) {
            sheets_exits_sheet.bin_confidence[k][i] =
                i < 4 ? (double)NAN : (i + 0.5) / EXITS_BINS;
            sheets_exits_sheet.bin_accuracy[k][i] =
                i < 4 ? (double)NAN : (i + 0.5 - k) / EXITS_BINS;
        }
    }
}

static void exit_picture_rows(const uint8_t *pixels)
{
    int i, k;

    for (k = 0; k < 3; k++)
        for (i = 0; i < EXITS_PICTURE; i++)
            exit_pictures[k][i] = (struct exits_picture){
                .label = i,
                .exits = 3,
                .guess = {i, k > 0 ? 9 : i, k > 1 ? 9 : i},
                .confidence = {0.9f, 0.8f, 0.7f},
                .pixel = pixels + i * 28 * 28};
    sheets_exits_sheet.h = sheets_exits_sheet.w = 28;
    sheets_exits_sheet.c = 1;
    sheets_exits_sheet.easy_count = sheets_exits_sheet.hard_count =
        sheets_exits_sheet.lost_count = EXITS_PICTURE;
    sheets_exits_sheet.lost_total = 12;
    sheets_exits_sheet.easy = exit_pictures[0];
    sheets_exits_sheet.hard = exit_pictures[1];
    sheets_exits_sheet.lost = exit_pictures[2];
}

void sheets_exits_typical(const uint8_t *pixels, char (*name)[NAME_SIZE])
{
    int i;

    memset(&sheets_exits_sheet, 0, sizeof(sheets_exits_sheet));
    sheets_exits_sheet.exits = 3;
    sheets_exits_sheet.classes = 10;
    sheets_exits_sheet.class_name = (const char(*)[NAME_SIZE])name;
    PUT(sheets_exits_sheet.by, "probability");
    sheets_exits_sheet.alone = 1140070;
    sheets_exits_sheet.alone_ms = 0.17;
    exit_rows();
    exit_samples();
    exit_curve();
    exit_picture_rows(pixels);
    sheets_exits_sheet.cumulative = 0.9675;
    sheets_exits_sheet.destructive = 0.01;
    sheets_exits_sheet.oracle_cost = 260000;
    sheets_exits_sheet.measured_ms = 0.052;
    sheets_exits_sheet.measured_accuracy = 0.95;
    sheets_exits_sheet.measured_cost = 380000;
    for (i = 0; i < COUNT(exit_before); i++) {
        exit_before[i] = exit_points[i];
        exit_before[i].accuracy -= 0.01;
    }
    put(sheets_exits_sheet.before_name, NAME_SIZE, "stage 2");
    sheets_exits_sheet.before = exit_before;
    sheets_exits_sheet.before_count = COUNT(exit_before);
    sheets_exits_sheet.ladder_count = 2;
    PUT(sheets_exits_sheet.ladder_name[0], "small");
    PUT(sheets_exits_sheet.ladder_name[1], "large");
    sheets_exits_sheet.ladder_alone[0] = 300000;
    sheets_exits_sheet.ladder_alone[1] = 1140070;
    sheets_exits_sheet.ladder_accuracy[0] = 0.89;
    sheets_exits_sheet.ladder_accuracy[1] = 0.955;
}

void sheets_exits_extreme(const char *hostile)
{
    int i, k;

    PUT(sheets_exits_sheet.by, hostile);
    sheets_exits_sheet.alone = 0;
    sheets_exits_sheet.alone_ms = (double)NAN;
    sheets_exits_sheet.cumulative = sheets_exits_sheet.destructive =
        (double)NAN;
    sheets_exits_sheet.oracle_cost = (double)INFINITY;
    sheets_exits_sheet.lost_total = -3;
    for (k = 0; k < 3; k++) {
        PUT(sheets_exits_sheet.row[k].name, hostile);
        PUT(sheets_exits_sheet.ladder_name[k], hostile);
        sheets_exits_sheet.row[k].cost = k == 1 ? 1e300 : -1;
        sheets_exits_sheet.row[k].ms = k == 1 ? (double)NAN : 1e300;
        sheets_exits_sheet.row[k].accuracy = (double)NAN;
        sheets_exits_sheet.row[k].threshold =
            k == 1 ? (double)NAN : -(double)INFINITY;
        for (i = 0; i < EXITS_PICTURE; i++) {
            exit_pictures[k][i].label = 1000;
            exit_pictures[k][i].guess[1] = -2147483647;
            if (i % 2)
                exit_pictures[k][i].pixel = NULL;
        }
    }
    for (i = 0; i < 3 * 400; i++)
        exit_score[i] = i % 3 ? NAN : INFINITY;
    for (i = 0; i < COUNT(exit_points); i++) {
        exit_points[i].threshold = i % 2 ? (double)NAN : 1e300;
        exit_points[i].cost = -(double)INFINITY;
    }
}
