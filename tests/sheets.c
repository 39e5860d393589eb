#include "sheets.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "sheets_exits.h"
#include "sheets_layer.h"
#include "sheets_size.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Text that would steer a terminal, break columns or overrun a buffer. */
static const char hostile[] =
    "\x1b[2J\x1b]0;x\x07\xe2\x80\xae\xc2\x9b"
    "1m\xff\xfe\t\n\xe6\xbc\xa2"
    "\xe5\xad\x97"
    "e\xcc\x81%s%n_________________________________________"
    "______________________________________________________________________"
    "___________________________________________________________________";

static const struct command_help commands[] = {
    {"Open and save", "net", "NAME", "open a network"},
    {"Prune", "prune", "[AMOUNT] [by=CRITERION] [scope=SCOPE] [layers=LAYERS]",
     "take the weights that matter least"},
    {"Prune", "step", "", "prune, re-estimate batch norm, fine-tune"},
    {"Prune", "iterate", "[N] [until=CONDITION]", "step again and again"},
    {"Go back and compare", "undo", "", "back to the stage before"},
    {NULL, NULL, NULL, NULL},
};

static struct status_sheet status;
static struct layers_sheet layers;
static struct layer_row layer_rows[200];
static struct curve_sheet curve;
static struct curve_point points[512];
static struct curve_event events[8];
static struct history_sheet history;
static struct history_row stages[300];
static struct compare_sheet compare;
static struct compare_row compared[3];
static struct data_sheet data;
static struct picture pictures[256];
static uint8_t digit[10][28 * 28];
static int32_t confusion[10 * 10];
static char class_names[10][NAME_SIZE];
static struct log_sheet log_lines;
static struct log_entry entries[40];
static struct view_input input;

/* As much of text as the field holds. */
#define PUT(field, text) put((field), sizeof(field), (text))
static void put(char *to, size_t size, const char *text)
{
    size_t n = strlen(text) < size ? strlen(text) : size - 1;

    memcpy(to, text, n);
    to[n] = '\0';
}

#define SET(field, ...) snprintf(field, sizeof(field), __VA_ARGS__)

static void typical_status(void)
{
    memset(&status, 0, sizeof(status));
    status.has_net = status.has_data = true;
    SET(status.net, "lenet-300-100");
    SET(status.data, "mnist");
    status.stage = 3;
    SET(status.stage_text, "pruned 20%%, fine-tuned 1 epoch");
    status.job = JOB_RUNNING;
    SET(status.job_text, "step");
    SET(status.phase, "fine-tune");
    status.progress = 0.45;
    status.eta_seconds = 23;
    status.samples_per_second = 52300;
    status.accuracy = 0.9784;
    status.accuracy_change = -0.0012;
    status.dense_accuracy = 0.9796;
    status.sparsity = 0.488;
    status.weights = 266200;
    status.weights_alive = 136294;
    status.packed = 545176;
    status.dense_bytes = 1066440;
    status.threads = 2;
}

static void typical_layers(void)
{
    static const char *const names[] = {"flatten", "dense_1", "dense_2",
                                        "dense_3"};
    static const int ins[] = {0, 784, 300, 100}, outs[] = {784, 300, 100, 10};
    int i;

    memset(layer_rows, 0, sizeof(layer_rows));
    for (i = 0; i < 4; i++) {
        struct layer_row *r = &layer_rows[i];

        PUT(r->name, names[i]);
        SET(r->kind, i == 0 ? "flatten" : i == 3 ? "dense" : "dense relu");
        SET(r->shape, "%d", outs[i]);
        if (i > 0)
            SET(r->kernel, "%dx%d", ins[i], outs[i]);
        r->weights = (long long)ins[i] * outs[i];
        r->alive = r->weights * 512 / 1000;
        r->params = r->weights ? r->weights + outs[i] : 0;
        r->bytes = 4.0 * (double)r->params;
        r->macs = (double)r->weights;
        r->macs_share = (double)r->weights / 266200;
        r->density = r->weights ? 0.512 : 1;
        r->bits = i == 0 ? 0 : i == 1 ? 5 : 32;
        r->threshold = 0.03;
    }
    layers = (struct layers_sheet){.count = 4, .row = layer_rows};
    layers.total.weights = 266200;
    layers.total.alive = 136294;
    layers.total.params = 266610;
    layers.total.bytes = 1066440;
    layers.total.macs = 266200;
    layers.total.density = 0.512;
}

static void typical_curve(void)
{
    int i;

    for (i = 0; i < 200; i++) {
        int since = i % 60;

        points[i].step = i * 12;
        points[i].loss = 0.05 + 0.2 * exp(-since / 15.0);
        points[i].accuracy =
            i % 10 ? (double)NAN : 0.9796 - 0.03 * exp(-since / 12.0);
    }
    for (i = 0; i < 3; i++) {
        events[i].step = (i + 1) * 720;
        events[i].sparsity = 1 - pow(0.8, i + 1);
        SET(events[i].label, "-20%%");
    }
    curve = (struct curve_sheet){.count = 200,
                                 .point = points,
                                 .event_count = 3,
                                 .event = events,
                                 .dense_accuracy = 0.9796,
                                 .steps_per_epoch = 860};
}

static void stage(int row, int parent, int lane, const char *text,
                  double sparsity, double before, double accuracy)
{
    struct history_row *r = &stages[row];

    memset(r, 0, sizeof(*r));
    r->id = row;
    r->parent = parent;
    r->lane = lane;
    PUT(r->text, text);
    r->sparsity = sparsity;
    r->accuracy_before = before;
    r->accuracy = accuracy;
    r->packed = 1066440 * (1 - sparsity);
    r->macs_alive = 266200 * (1 - sparsity);
    r->on_path = lane == 0;
}

static void typical_history(void)
{
    stage(0, -1, 0, "lenet-300-100", 0, -1, 0.9796);
    stage(1, 0, 0, "prune 20%  finetune 1 epoch", 0.2, 0.9790, 0.9798);
    stage(2, 1, 0, "prune 20%  finetune 1 epoch", 0.36, 0.9771, 0.9796);
    stage(3, 2, 0, "prune 20%  finetune 1 epoch", 0.488, 0.9742, 0.9784);
    stage(4, 1, 1, "prune 95%", 0.96, -1, 0.3120);
    stage(5, 4, 1, "finetune 1 epoch", 0.96, -1, 0.9410);
    SET(stages[4].name, "at-once");
    stages[3].current = true;
    history = (struct history_sheet){
        .count = 6, .row = stages, .undo_id = 2, .redo_id = -1};
}

static void typical_compare(void)
{
    static const long long weights[] = {235200, 30000, 1000};
    int i;

    memset(&compare, 0, sizeof(compare));
    compare.a = 3;
    compare.b = 5;
    SET(compare.text_a, "prune 20%%  finetune 1 epoch");
    SET(compare.text_b, "finetune 1 epoch");
    compare.accuracy_a = 0.9784;
    compare.accuracy_b = 0.9410;
    compare.sparsity_a = 0.488;
    compare.sparsity_b = 0.96;
    compare.only_a = 210;
    compare.only_b = 23;
    compare.mcnemar = 148.5;
    compare.count = 3;
    compare.row = compared;
    for (i = 0; i < 3; i++) {
        SET(compared[i].name, "dense_%d", i + 1);
        compared[i].weights = weights[i];
        compared[i].weights_b = weights[i];
        compared[i].same = true;
        compared[i].alive_a = weights[i] * 512 / 1000;
        compared[i].alive_b = weights[i] * 40 / 1000;
        compared[i].both = weights[i] * 38 / 1000;
        compared[i].distance = 0.61;
    }
}

/* Rings and strokes that could pass for digits. */
static void draw_digit(int k)
{
    int row, col;

    for (row = 0; row < 28; row++)
        for (col = 0; col < 28; col++) {
            double y = (row - 13.5) / 9, x = (col - 13.5) / (k % 2 ? 3 : 6);
            double r = fabs(sqrt(x * x + y * y) - 1);

            digit[k][row * 28 + col] = (uint8_t)(r < 0.35 ? 255 - 600 * r : 0);
        }
}

static void typical_data(void)
{
    int i;

    memset(&data, 0, sizeof(data));
    for (i = 0; i < 10; i++) {
        draw_digit(i);
        SET(class_names[i], "%d", i);
    }
    for (i = 0; i < 100; i++)
        confusion[i] = i % 11 == 0 ? 490 : (i * 7) % 13 == 0 ? 6 : 0;
    for (i = 0; i < COUNT(pictures); i++) {
        pictures[i].index = i;
        pictures[i].label = i % 10;
        pictures[i].guess = i % 7 == 3 ? (i + 4) % 10 : i % 10;
        pictures[i].confidence = i % 7 == 3 ? 0.61F : 0.993F;
        pictures[i].pixel = digit[i % 10];
    }
    SET(data.set, "validation");
    SET(data.filter, "all");
    data.h = data.w = 28;
    data.c = 1;
    data.count = COUNT(pictures);
    data.total = 5000;
    data.picture = pictures;
    data.classes = 10;
    data.class_name = (const char(*)[NAME_SIZE])class_names;
    data.confusion = confusion;
    data.train_n = 55000;
    data.validation_n = 5000;
    data.test_n = 10000;
}

static void typical_log(void)
{
    static const struct log_entry typical[] = {
        {LOG_COMMAND, 0.1, "net lenet-300-100"},
        {LOG_RESULT, 0.4, "lenet-300-100: 266,610 parameters"},
        {LOG_COMMAND, 12.0, "step"},
        {LOG_RESULT, 12.2, "pruned 20%: validation accuracy 97.96% to 97.90%"},
        {LOG_RESULT, 20.9, "fine-tuned 1 epoch: validation accuracy 97.98%"},
        {LOG_SAY, 30.0,
         "Now we take more at once, and see how much of it comes back when "
         "the weights that are left may learn to do without the 50 % that go."},
        {LOG_COMMAND, 30.2, "prun 20%"},
        {LOG_ERROR, 30.2, "there is no command 'prun'; did you mean 'prune'?"},
    };

    memcpy(entries, typical, sizeof(typical));
    log_lines = (struct log_sheet){.count = COUNT(typical), .entry = entries};
}

static void typical(void)
{
    typical_status();
    typical_layers();
    typical_curve();
    sheets_layer_typical();
    typical_history();
    typical_compare();
    typical_data();
    typical_log();
    sheets_exits_typical(digit[0], class_names);
    sheets_size_typical();
}

static void extreme_status(void)
{
    PUT(status.net, hostile);
    PUT(status.data, hostile);
    PUT(status.stage_text, hostile);
    PUT(status.phase, hostile);
    PUT(status.lesson_title, hostile);
    SET(status.lesson_text, "%s\n\n%s", hostile, hostile);
    status.lesson = status.lesson_waits = true;
    status.stage = -2147483647;
    status.progress = (double)NAN;
    status.eta_seconds = 1e300;
    status.samples_per_second = (double)INFINITY;
    status.accuracy = (double)INFINITY;
    status.accuracy_change = (double)NAN;
    status.sparsity = (double)NAN;
    status.packed = 1e300;
    status.dense_bytes = (double)INFINITY;
    status.leaks = 9000000000000000000;
}

static void extreme_layers(void)
{
    int i;

    for (i = 0; i < COUNT(layer_rows); i++) {
        struct layer_row *r = &layer_rows[i];

        PUT(r->name, i % 3 ? hostile : "");
        PUT(r->kind, hostile);
        PUT(r->shape, hostile);
        PUT(r->kernel, hostile);
        r->weights = i % 2 ? 9000000000000000000 : -5;
        r->alive = -1;
        r->params = r->weights;
        r->bytes = r->macs = (double)INFINITY;
        r->macs_share = r->density = i % 5 ? (double)NAN : 1e9;
    }
    layers.count = COUNT(layer_rows);
    layers.total = layer_rows[1];
}

static void extreme_curve(void)
{
    int i;

    for (i = 0; i < COUNT(points); i++) {
        points[i].step = i < 3 ? -1e9 : i * 1e6;
        points[i].loss = i % 2 ? (double)NAN : (double)INFINITY;
        points[i].accuracy = i % 3 ? (double)NAN : 1e300;
    }
    curve.count = COUNT(points);
    curve.dense_accuracy = (double)NAN;
    for (i = 0; i < COUNT(events); i++) {
        memset(events[i].label, 'x', sizeof(events[i].label) - 1);
        events[i].step = (double)NAN;
    }
    curve.event_count = COUNT(events);
}

static void extreme_history(void)
{
    int i;

    for (i = 0; i < COUNT(stages); i++) {
        stage(i,
              i == 0  ? -1
              : i % 7 ? i - 1
                      : i / 2,
              i % 40, hostile, i % 2 ? (double)NAN : 2, (double)NAN,
              i % 3 ? 1e9 : -1);
        PUT(stages[i].name, hostile);
        stages[i].packed = stages[i].macs_alive = (double)INFINITY;
    }
    stages[COUNT(stages) - 1].parent = 12345; /* names no stage */
    stages[150].current = true;
    history.count = COUNT(stages);
    PUT(compare.text_a, hostile);
    PUT(compare.text_b, hostile);
    compare.only_a = -1;
    compare.mcnemar = (double)NAN;
    for (i = 0; i < 3; i++) {
        PUT(compared[i].name, hostile);
        compared[i].weights = 0;
        compared[i].same = i % 2;
        compared[i].distance = (double)NAN;
    }
}

static void extreme_data(void)
{
    int i;

    for (i = 0; i < 10; i++)
        PUT(class_names[i], hostile);
    for (i = 0; i < COUNT(pictures); i++) {
        pictures[i].label = i % 2 ? -1 : 2147483647;
        pictures[i].guess = 1000;
        pictures[i].confidence = NAN;
        if (i % 4 == 0)
            pictures[i].pixel = NULL;
    }
    for (i = 0; i < 100; i++)
        confusion[i] = i % 3 ? -5 : 2147483647;
    data.total = 2147483647;
    data.first = -3;
}

static void extreme_log(void)
{
    int i;

    for (i = 0; i < COUNT(entries); i++) {
        entries[i].kind = (enum log_kind)(i % 5);
        entries[i].seconds = i % 2 ? (double)NAN : 1e300;
        entries[i].text = i % 3 ? hostile : i % 2 ? "" : NULL;
    }
    log_lines.count = COUNT(entries);
    log_lines.first = 9000000000000000000;
}

static void extreme(void)
{
    typical();
    extreme_status();
    extreme_layers();
    extreme_curve();
    sheets_layer_extreme(hostile);
    extreme_history();
    extreme_data();
    extreme_log();
    sheets_exits_extreme(hostile);
    sheets_size_extreme(hostile);
}

static void empty(void)
{
    memset(&status, 0, sizeof(status));
    memset(&layers, 0, sizeof(layers));
    memset(&curve, 0, sizeof(curve));
    sheets_layer_empty();
    memset(&history, 0, sizeof(history));
    memset(&compare, 0, sizeof(compare));
    memset(&data, 0, sizeof(data));
    memset(&log_lines, 0, sizeof(log_lines));
    memset(&sheets_exits_sheet, 0, sizeof(sheets_exits_sheet));
    sheets_size_empty();
    status.accuracy = status.packed = status.progress = -1;
    history.undo_id = history.redo_id = -1;
}

struct status_sheet *sheets_status(void)
{
    return &status;
}

const struct view_input *sheets_get(enum sheets_kind kind)
{
    static const struct view_input all = {.status = &status,
                                          .layers = &layers,
                                          .curve = &curve,
                                          .layer = &sheets_one_layer,
                                          .book = &sheets_one_book,
                                          .history = &history,
                                          .compare = &compare,
                                          .data = &data,
                                          .log = &log_lines,
                                          .exits = &sheets_exits_sheet,
                                          .ledger = &sheets_ledger,
                                          .timing = &sheets_timing,
                                          .commands = commands};

    memset(&input, 0, sizeof(input));
    if (kind == SHEETS_NONE)
        return &input;
    if (kind == SHEETS_EMPTY)
        empty();
    else if (kind == SHEETS_TYPICAL)
        typical();
    else
        extreme();
    input = all;
    return &input;
}
