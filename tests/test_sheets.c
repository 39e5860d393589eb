/* What the screen is shown adds up. */
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "tiny.h"

static void begin(struct tiny *t, void **state)
{
    *t = (struct tiny){0};
    tiny_data(state);
    tiny_open(t, (struct engine_options){.seed = 3});
    tiny_begin(t, state);
}

/* The sheet of that kind once it is newer than serial. */
static const void *newer(struct tiny *t, enum sheet_kind kind,
                         unsigned long serial)
{
    struct timespec nap = {0, 1000000};

    while (board_serial(engine_board(t->engine), kind) <= serial)
        nanosleep(&nap, NULL);
    return board_take(engine_board(t->engine), kind);
}

static const void *wish(struct tiny *t, enum sheet_kind kind,
                        struct board_wish w)
{
    unsigned long serial = board_serial(engine_board(t->engine), kind);

    board_set_wish(engine_board(t->engine), &w);
    return newer(t, kind, serial);
}

static void test_the_status_tells_what_is_open(void **state)
{
    const struct status_sheet *s;
    struct tiny t = {0};

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 3, .threads = 2});
    s = board_take(engine_board(t.engine), SHEET_STATUS);
    assert_false(s->has_net);
    assert_false(s->has_data);
    assert_int_equal(s->job, JOB_IDLE);
    assert_int_equal(s->threads, 2);
    assert_int_equal(s->seed, 3);
    sheet_drop(s);
    tiny_begin(&t, state);
    tiny_do(&t, "train epochs=2; prune to=50%");
    s = board_take(engine_board(t.engine), SHEET_STATUS);
    assert_true(s->has_net && s->has_data);
    assert_string_equal(s->data, "tiny");
    assert_int_equal(s->stage, 2);
    assert_string_equal(s->stage_text, "prune to 50%");
    assert_int_equal(s->weights, 64 * 24 + 24 * 4);
    assert_int_equal(s->weights_alive, s->weights / 2);
    assert_close(s->sparsity, 0.5, 1e-12);
    assert_true(s->accuracy_low < s->accuracy &&
                s->accuracy < s->accuracy_high);
    assert_int_equal(s->leaks, 0);
    /* 300 fit samples in batches of 64: 5 steps an epoch. */
    assert_int_equal(s->step, 10);
    assert_close(s->dense_accuracy + s->accuracy_change, s->accuracy, 1e-12);
    sheet_drop(s);
    tiny_close(&t);
}

static void test_layers_have_rows_that_add_up(void **state)
{
    const struct layers_sheet *s;
    struct tiny t;

    begin(&t, state);
    tiny_do(&t, "prune to=50% scope=layer");
    s = board_take(engine_board(t.engine), SHEET_LAYERS);
    assert_int_equal(s->count, 3);
    assert_string_equal(s->row[1].name, "fc1");
    assert_string_equal(s->row[1].kind, "dense relu");
    assert_string_equal(s->row[1].kernel, "64x24");
    assert_int_equal(s->row[1].weights, 1536);
    assert_int_equal(s->row[1].alive, 768);
    assert_int_equal(s->row[1].params, 1536 + 24);
    assert_close(s->row[1].density, 0.5, 1e-12);
    assert_close(s->row[1].macs, 1536, 0);
    assert_close(s->row[1].macs_share + s->row[2].macs_share, 1, 1e-12);
    assert_int_equal(s->total.weights, 1632);
    assert_int_equal(s->total.alive, 816);
    assert_close(s->total.bytes, 4 * (1632 + 28), 0);
    sheet_drop(s);
    tiny_close(&t);
}

static void test_the_curve_shows_dips_and_events(void **state)
{
    const struct curve_sheet *s;
    struct tiny t;
    int i;

    begin(&t, state);
    tiny_do(&t, "train epochs=2; step 50% epochs=1");
    s = board_take(engine_board(t.engine), SHEET_CURVE);
    assert_int_equal(s->event_count, 1);
    assert_close(s->event[0].step, 10, 0);
    assert_close(s->event[0].sparsity, 0.5, 1e-3);
    assert_string_equal(s->event[0].label, "-50%");
    for (i = 1; i < s->count; i++)
        assert_true(s->point[i].step >= s->point[i - 1].step);
    assert_close(s->point[0].step, 0, 0);
    assert_close(s->point[s->count - 1].step, 15, 0);
    assert_true(s->point[s->count - 1].accuracy >= 0);
    assert_true(s->dense_accuracy >= 0);
    sheet_drop(s);
    tiny_close(&t);
}

static void test_a_layer_is_shown_whole(void **state)
{
    const struct layer_sheet *s;
    struct tiny t;
    int64_t sum = 0;
    double alive = 0;
    int i;

    begin(&t, state);
    tiny_do(&t, "train epochs=2; prune to=75% scope=layer");
    s = wish(&t, SHEET_LAYER,
             (struct board_wish){.want_layer = true, .want_activity = true});
    assert_string_equal(s->name, "fc1");
    assert_string_equal(s->kind, "dense relu");
    assert_int_equal(s->index, 0);
    assert_int_equal(s->count, 2);
    assert_int_equal(s->weights, 1536);
    assert_int_equal(s->alive, 384);
    assert_int_equal(s->zeros, 1536 - 384);
    for (i = 0; i < HIST_BINS; i++)
        sum += s->bins[i];
    assert_int_equal(sum, 384);
    assert_true(s->least >= -s->range && s->most <= s->range);
    assert_true(s->threshold > 0 && s->threshold < s->range);
    /* The map is whole here: a cell a weight. */
    assert_int_equal(s->map_rows, 64);
    assert_int_equal(s->map_cols, 24);
    sum = 0;
    for (i = 0; i < 64 * 24; i++)
        sum += s->map[i] >= 0;
    assert_int_equal(sum, 384);
    assert_int_equal(s->pixel_h, 8);
    assert_int_equal(s->pixel_w, 8);
    for (i = 0; i < 64; i++)
        alive += (double)s->pixel[i] * 24;
    assert_close(alive, 384, 1e-3);
    assert_int_equal(s->units, 24);
    for (i = 0; i < 24; i++)
        assert_true(s->activity[i] >= 0 && s->activity[i] <= 1);
    sheet_drop(s);
    s = wish(&t, SHEET_LAYER,
             (struct board_wish){.want_layer = true, .layer = "fc2"});
    assert_string_equal(s->name, "fc2");
    assert_null(s->pixel);
    assert_null(s->activity);
    sheet_drop(s);
    tiny_close(&t);
}

/* The threshold is where the next prune of the same share cuts. */
static void test_the_threshold_is_what_the_next_prune_does(void **state)
{
    const struct layer_sheet *s;
    struct tiny t;
    double threshold;

    begin(&t, state);
    s = wish(&t, SHEET_LAYER, (struct board_wish){.want_layer = true});
    threshold = s->threshold;
    sheet_drop(s);
    tiny_do(&t, "prune scope=layer");
    s = newer(&t, SHEET_LAYER, 1);
    assert_int_equal(s->zeros, 307);
    sheet_drop(s);
    {
        const struct layers_sheet *rows =
            board_take(engine_board(t.engine), SHEET_LAYERS);

        /* What went was below it, the 307 smallest of 1,536. */
        assert_true(rows->row[1].threshold > 0);
        assert_true(rows->row[1].threshold < threshold);
        sheet_drop(rows);
    }
    tiny_close(&t);
}

/* Before it is shared, when it is, and after training has moved it. */
static void test_a_codebook_is_shown_and_tried(void **state)
{
    const struct book_sheet *s;
    struct tiny t;
    double tried;
    long long sum = 0;
    int i, moved = 0;

    begin(&t, state);
    tiny_do(&t, "train epochs=2; prune to=75% scope=layer");
    s = wish(&t, SHEET_BOOK, (struct board_wish){.want_book = true});
    assert_string_equal(s->name, "fc1");
    assert_int_equal(s->value_count, 0);
    assert_int_equal(s->try_count, BOOK_TRIES);
    for (i = 0; i < BOOK_TRIES; i++) {
        assert_int_equal(s->tries[i].bits, i + 1);
        assert_int_equal(s->tries[i].k, i < 7 ? (2 << i) - 1 : 255);
        assert_true(i == 0 || s->tries[i].error < s->tries[i - 1].error);
    }
    tried = s->tries[2].error;
    sheet_drop(s);
    tiny_do(&t, "quantize bits=3 layers=fc1");
    s = newer(&t, SHEET_BOOK, 1);
    assert_int_equal(s->value_count, 7);
    assert_true(s->before);
    /* What was promised for three bits is what came. */
    assert_close(s->error, tried, 1e-7);
    assert_close(s->fixed, 3, 0);
    assert_true(s->entropy <= s->huffman && s->huffman < s->entropy + 1);
    for (i = 0; i < 7; i++) {
        sum += s->value[i].members;
        assert_close(s->value[i].start, s->value[i].value, 0);
    }
    assert_int_equal(sum, 384);
    sheet_drop(s);
    tiny_do(&t, "finetune epochs=2");
    s = newer(&t, SHEET_BOOK, 2);
    for (i = 0; i < 7; i++)
        moved += s->value[i].start != s->value[i].value;
    assert_true(moved > 0);
    sheet_drop(s);
    tiny_close(&t);
}

static void test_filters_are_tiled(void **state)
{
    const struct layer_sheet *s;
    struct tiny t = {0};
    int i, cells = 0;

    (void)state;
    tiny_open(&t, (struct engine_options){.seed = 3});
    tiny_do(&t, "new \"input 8x8x1; conv2d 6 3x3 name=c1; relu; conv2d 5 3x3"
                " name=c2 relu; depthwise_conv2d 3x3 name=d; flatten;"
                " dense 4 softmax\"");
    s = wish(&t, SHEET_LAYER,
             (struct board_wish){.want_layer = true, .layer = "c2"});
    assert_int_equal(s->units, 5);
    assert_int_equal(s->tile_h, 3);
    assert_int_equal(s->tile_w, 3);
    assert_int_equal(s->map_rows % 3, 0);
    assert_int_equal(s->map_cols % 3, 0);
    for (i = 0; i < s->map_rows * s->map_cols; i++)
        cells += s->map[i] >= 0;
    assert_int_equal(cells, 5 * 9);
    assert_null(s->pixel);
    sheet_drop(s);
    s = wish(&t, SHEET_LAYER,
             (struct board_wish){.want_layer = true, .layer = "d"});
    assert_int_equal(s->units, 5);
    cells = 0;
    for (i = 0; i < s->map_rows * s->map_cols; i++)
        cells += s->map[i] >= 0;
    assert_int_equal(cells, 5 * 9);
    sheet_drop(s);
    tiny_close(&t);
}

static void test_pictures_are_filtered_and_counted(void **state)
{
    const struct data_sheet *s;
    struct tiny t;
    int i, right = 0, sum = 0;

    begin(&t, state);
    tiny_do(&t, "train epochs=8");
    s = wish(&t, SHEET_DATA,
             (struct board_wish){.want_data = true, .count = 10});
    assert_string_equal(s->set, "validation");
    assert_int_equal(s->h * 100 + s->w * 10 + s->c, 881);
    assert_int_equal(s->count, 10);
    assert_int_equal(s->total, 100);
    assert_int_equal(s->classes, 4);
    assert_int_equal(s->train_n, 300);
    for (i = 0; i < 16; i++)
        sum += s->confusion[i];
    for (i = 0; i < 4; i++)
        right += s->confusion[i * 5];
    assert_int_equal(sum, 100);
    sheet_drop(s);
    s = wish(&t, SHEET_DATA,
             (struct board_wish){
                 .want_data = true, .count = 100, .filter = "wrong"});
    assert_int_equal(s->total, 100 - right);
    for (i = 0; i < s->count; i++)
        assert_int_not_equal(s->picture[i].guess, s->picture[i].label);
    sheet_drop(s);
    s = wish(
        &t, SHEET_DATA,
        (struct board_wish){
            .want_data = true, .first = 3, .count = 5, .filter = "class 2"});
    assert_int_equal(s->count, 5);
    assert_int_equal(s->first, 3);
    for (i = 0; i < s->count; i++)
        assert_int_equal(s->picture[i].label, 2);
    sheet_drop(s);
    tiny_close(&t);
}

static void test_no_guess_is_made_for_the_test_set_unasked(void **state)
{
    struct board_wish test = {.want_data = true, .count = 5, .set = "test"};
    const struct data_sheet *s;
    const struct status_sheet *status;
    struct tiny t;

    begin(&t, state);
    tiny_do(&t, "train epochs=2");
    s = wish(&t, SHEET_DATA, test);
    assert_int_equal(s->total, 100);
    assert_int_equal(s->picture[0].guess, -1);
    assert_null(s->confusion);
    sheet_drop(s);
    status = board_take(engine_board(t.engine), SHEET_STATUS);
    assert_false(status->test_read);
    sheet_drop(status);
    tiny_do(&t, "eval test");
    test.count = 6;
    s = wish(&t, SHEET_DATA, test);
    assert_true(s->picture[0].guess >= 0);
    assert_non_null(s->confusion);
    sheet_drop(s);
    status = board_take(engine_board(t.engine), SHEET_STATUS);
    assert_true(status->test_read);
    assert_true(status->test_accuracy > 0);
    sheet_drop(status);
    /* Other weights: what was read is not theirs. */
    tiny_do(&t, "prune 50%");
    test.count = 7;
    s = wish(&t, SHEET_DATA, test);
    assert_int_equal(s->picture[0].guess, -1);
    sheet_drop(s);
    tiny_close(&t);
}

/* While a job runs, status, curve, layer and data sheets keep coming, and a
 * view that was wished for before is fed on. */
static void test_wishes_are_served_while_a_job_runs(void **state)
{
    struct tiny t;
    unsigned long ticket, layer, data;
    const struct status_sheet *s;
    struct err err;

    begin(&t, state);
    sheet_drop(wish(&t, SHEET_LAYER,
                    (struct board_wish){.want_layer = true,
                                        .want_activity = true,
                                        .want_data = true,
                                        .count = 20}));
    layer = board_serial(engine_board(t.engine), SHEET_LAYER);
    data = board_serial(engine_board(t.engine), SHEET_DATA);
    ticket = engine_post(t.engine, "set fps=60; train epochs=1000000");
    sheet_drop(newer(&t, SHEET_LAYER, layer + 1));
    sheet_drop(newer(&t, SHEET_DATA, data + 1));
    s = board_take(engine_board(t.engine), SHEET_STATUS);
    assert_int_equal(s->job, JOB_RUNNING);
    assert_string_equal(s->phase, "train");
    assert_string_equal(s->job_text, "train epochs=1000000");
    assert_true(s->progress >= 0 && s->progress < 1);
    assert_true(s->samples_per_second > 0);
    assert_true(s->eta_seconds > 0);
    sheet_drop(s);
    engine_stop(t.engine);
    assert_refused(engine_wait(t.engine, ticket, &err), ERR_CANCELLED,
                   "stopped");
    tiny_close(&t);
}

/* The status once so many commands wait. */
static const struct status_sheet *waiting(struct tiny *t, int count)
{
    const struct status_sheet *s = newer(t, SHEET_STATUS, 0);

    while (s->waiting != count) {
        unsigned long serial = s->sheet.serial;

        sheet_drop(s);
        s = newer(t, SHEET_STATUS, serial);
    }
    return s;
}

static void assert_waits(struct tiny *t, int count, const char *first,
                         const char *last)
{
    const struct status_sheet *s = waiting(t, count);

    assert_string_equal(s->waits_first, first);
    assert_string_equal(s->waits_last, last);
    sheet_drop(s);
}

static void test_what_waits_is_told_and_taken_back(void **state)
{
    static const char *const lines[] = {"undo", "set lr=0.5", "prune 10%",
                                        "eval"};
    unsigned long ticket[4], train;
    struct tiny t;
    struct err err;
    int i;

    begin(&t, state);
    train = engine_post(t.engine, "set fps=60; train epochs=1000000");
    for (i = 0; i < 4; i++)
        ticket[i] = engine_post(t.engine, lines[i]);
    assert_ok(engine_wait(t.engine, ticket[1], &err));
    assert_waits(&t, 3, "undo", "eval");
    assert_ok(engine_do(t.engine, "cancel", &err));
    assert_refused(engine_wait(t.engine, ticket[3], &err), ERR_CANCELLED,
                   "taken back before it began");
    assert_waits(&t, 2, "undo", "prune 10%");
    assert_ok(engine_do(t.engine, " cancel  all ", &err));
    for (i = 0; i < 4; i += 2)
        assert_refused(engine_wait(t.engine, ticket[i], &err), ERR_CANCELLED,
                       "taken back before it began");
    assert_waits(&t, 0, "", "");
    assert_ok(engine_do(t.engine, "cancel", &err));
    ticket[0] = engine_post(t.engine, "step");
    engine_stop(t.engine);
    assert_refused(engine_wait(t.engine, ticket[0], &err), ERR_CANCELLED,
                   "stopped before it began");
    assert_refused(engine_wait(t.engine, train, &err), ERR_CANCELLED,
                   "stopped");
    assert_non_null(strstr(t.said.text, "taken back: eval"));
    assert_non_null(strstr(t.said.text, "taken back: undo"));
    assert_non_null(strstr(t.said.text, "no command waits"));
    assert_non_null(strstr(t.said.text, "not begun: step"));
    tiny_close(&t);
}

/* What knows no mini-batches stands still as well. */
static void test_a_measurement_that_is_paused_stands_still(void **state)
{
    struct timespec nap = {0, 60000000};
    const struct status_sheet *s;
    unsigned long serial, ticket;
    struct tiny t;
    struct err err;
    double share;
    int waits;

    begin(&t, state);
    ticket = engine_post(t.engine, "set fps=60; timing runs=100000");
    do {
        s = newer(&t, SHEET_STATUS, 0);
        share = s->job == JOB_RUNNING ? s->progress : -1;
        sheet_drop(s);
    } while (!(share > 0));
    engine_pause(t.engine, true);
    do {
        s = newer(&t, SHEET_STATUS, 0);
        share = s->job == JOB_PAUSED ? s->progress : -1;
        serial = s->sheet.serial;
        sheet_drop(s);
    } while (share < 0);
    nanosleep(&nap, NULL);
    (void)engine_post(t.engine, "undo"); /* wakes it to show what waits */
    do {
        s = newer(&t, SHEET_STATUS, serial);
        serial = s->sheet.serial;
        assert_int_equal(s->job, JOB_PAUSED);
        assert_close(s->progress, share, 0);
        waits = s->waiting;
        sheet_drop(s);
    } while (waits == 0);
    engine_stop(t.engine);
    assert_refused(engine_wait(t.engine, ticket, &err), ERR_CANCELLED,
                   "stopped");
    tiny_close(&t);
}

static void test_the_log_keeps_what_was_said(void **state)
{
    const struct log_sheet *s;
    struct tiny t;
    int i, found = 0;

    begin(&t, state);
    tiny_do(&t, "say \"hello\x1b[2J\"");
    s = board_take(engine_board(t.engine), SHEET_LOG);
    for (i = 0; i < s->count; i++) {
        if (s->entry[i].kind == LOG_SAY) {
            assert_string_equal(s->entry[i].text, "hello^[2J");
            found++;
        }
    }
    assert_int_equal(found, 1);
    assert_int_equal(s->first, 0);
    sheet_drop(s);
    for (i = 0; i < 40; i++)
        tiny_do(&t, "help");
    s = board_take(engine_board(t.engine), SHEET_LOG);
    assert_int_equal(s->count, 1000);
    assert_true(s->first > 0);
    sheet_drop(s);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_the_status_tells_what_is_open),
        unit_test_in_folder(test_layers_have_rows_that_add_up),
        unit_test_in_folder(test_the_curve_shows_dips_and_events),
        unit_test_in_folder(test_a_layer_is_shown_whole),
        unit_test_in_folder(test_the_threshold_is_what_the_next_prune_does),
        unit_test_in_folder(test_a_codebook_is_shown_and_tried),
        cmocka_unit_test(test_filters_are_tiled),
        unit_test_in_folder(test_pictures_are_filtered_and_counted),
        unit_test_in_folder(test_no_guess_is_made_for_the_test_set_unasked),
        unit_test_in_folder(test_wishes_are_served_while_a_job_runs),
        unit_test_in_folder(test_what_waits_is_told_and_taken_back),
        unit_test_in_folder(test_a_measurement_that_is_paused_stands_still),
        unit_test_in_folder(test_the_log_keeps_what_was_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
