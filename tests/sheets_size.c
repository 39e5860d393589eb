#include "sheets_size.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct ledger_sheet sheets_ledger;
struct timing_sheet sheets_timing;

static struct ledger_row rows[40];
static struct ledger_step steps[40];
static struct ledger_way ways[5];
static struct timing_row times[6];
static struct timing_batch batch;

static const struct ledger_row typical_rows[] = {
    {"fc1", "kernel", "context, quick", 235200, 14778, 8252, 6596, 36, 0, 14884,
     0.506, 0.595},
    {"fc1", "bias", "context, quick", 300, 300, 1, 95, 12, 0, 108, 2.880,
     2.447},
    {"fc2", "kernel", "context, quick", 30000, 5940, 2571, 3272, 35, 0, 5878,
     1.567, 1.588},
    {"fc2", "bias", "list of reals", 100, 100, 0, 50, 0, 0, 50, 4.0, NAN},
    {"fc3", "kernel", "gaps of 2 bits, Huffman", 1000, 578, 125, 349, 38, 9,
     521, 4.168, 3.690},
    {"fc3", "bias", "list of reals", 10, 10, 0, 17, 0, 0, 17, 13.6, NAN},
};

static const struct ledger_step typical_steps[] = {
    {0, "net data/lenet-300-100.h5", 886750, 0.9860, 0},
    {1, "prune to 92%", 79075, 0.8672, 0.92},
    {2, "finetune 1 epoch", 79454, 0.9790, 0.92},
    {3, "quantize 5 bits", 22850, 0.9796, 0.92},
    {4, "quantize 3 bits */bias", 21741, 0.9792, 0.92},
    {5, "trim codebooks=7", 21482, 0.9784, 0.92},
};

static void fill_times(void)
{
    static const double share[] = {0, 0.5, 0.8, 0.9, 0.95, 0.98};
    static const char *const form[] = {"dense", "masked", "csr", "blocks",
                                       "shrunk"};
    int i, f;

    memset(&sheets_timing, 0, sizeof(sheets_timing));
    snprintf(sheets_timing.layer, sizeof(sheets_timing.layer), "fc1");
    snprintf(sheets_timing.kernel, sizeof(sheets_timing.kernel), "784x300");
    snprintf(sheets_timing.kernels, sizeof(sheets_timing.kernels), "avx2");
    sheets_timing.stage = 5;
    sheets_timing.runs = 30;
    sheets_timing.done = sheets_timing.all = 6;
    sheets_timing.level_count = 6;
    sheets_timing.batch_count = 1;
    for (f = 0; f < TIMING_SHEET_FORMS; f++) {
        snprintf(sheets_timing.form[f], sizeof(sheets_timing.form[f]), "%s",
                 form[f]);
        batch.break_even[f] = f < 2 ? (double)NAN : 0.6 + 0.1 * f;
        for (i = 0; i < 6; i++) {
            times[i].sparsity = share[i];
            times[i].median[f] = f < 2 ? 40e-6 : 30e-6 * f * (1.02 - share[i]);
            times[i].low[f] = times[i].median[f] * 0.95;
            times[i].high[f] = times[i].median[f] * 1.05;
        }
    }
    batch.samples = 1;
    batch.row = times;
    sheets_timing.batch = &batch;
}

void sheets_size_typical(void)
{
    static const struct ledger_way stored[] = {
        {"dense float32", 1066440},      {"as HDF5 gzip", 176160},
        {"packed, fixed fields", 27754}, {"packed, Huffman", 24141},
        {"packed, best", 21482},
    };
    struct ledger_sheet *s = &sheets_ledger;

    memset(s, 0, sizeof(*s));
    memcpy(rows, typical_rows, sizeof(typical_rows));
    memcpy(steps, typical_steps, sizeof(typical_steps));
    memcpy(ways, stored, sizeof(stored));
    s->stage = 5;
    s->count = 6;
    s->row = rows;
    s->total = (struct ledger_row){"",    "",  "", 266610, 21706, 10949,
                                   10379, 121, 9,  21458,  0.644, NAN};
    s->architecture = 3;
    s->header = 21;
    s->file = 21482;
    s->dense = 1066440;
    s->pays_rows = 0.501;
    s->pays_short_rows = 0.334;
    s->pays_bitmap = 0.031;
    s->way_count = 5;
    s->way = ways;
    s->step_count = 6;
    s->step = steps;
    fill_times();
}

void sheets_size_extreme(const char *hostile)
{
    int i, f;

    sheets_size_typical();
    for (i = 0; i < 40; i++) {
        rows[i] = typical_rows[i % 6];
        steps[i] = typical_steps[i % 6];
        snprintf(rows[i].layer, NAME_SIZE, "%.60s", hostile);
        snprintf(rows[i].array, NAME_SIZE, "%.60s", hostile);
        snprintf(rows[i].method, sizeof(rows[i].method), "%.40s", hostile);
        snprintf(steps[i].text, TEXT_SIZE, "%.150s", hostile);
        rows[i].bytes = i % 3 ? 1e300 : (double)NAN;
        rows[i].weights = INT64_MAX;
        rows[i].bits = INFINITY;
        steps[i].bytes = i % 3 ? 1e18 : 0;
        steps[i].accuracy = i % 2 ? -1 : (double)NAN;
    }
    sheets_ledger.count = sheets_ledger.step_count = 40;
    sheets_ledger.file = 0;
    sheets_ledger.dense = (double)NAN;
    ways[2].bytes = -5;
    for (f = 0; f < TIMING_SHEET_FORMS; f++)
        times[3].median[f] = (double)NAN;
    snprintf(sheets_timing.layer, NAME_SIZE, "%.60s", hostile);
}

void sheets_size_empty(void)
{
    memset(&sheets_ledger, 0, sizeof(sheets_ledger));
    memset(&sheets_timing, 0, sizeof(sheets_timing));
}
