/*
 * Views and whole frames, drawn onto a canvas as text: at every size with
 * every kind of sheet they stay inside their area, and they show the facts.
 * Keys: test_keys.c.  The pictures in tests/golden are
 * rewritten with GOLDEN_UPDATE=1 in the environment.
 */
#include "support.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "desk.h"
#include "ui/frame.h"
#include "ui/keys.h"
#include "ui/list.h"
#include "ui/table.h"
#include "ui/words.h"

static const int sizes[][2] = {{1, 1},    {5, 20},   {16, 60}, {24, 80},
                               {45, 140}, {80, 250}, {3, 200}, {200, 3}};

static const enum glyphs tiers[] = {GLYPHS_ASCII, GLYPHS_BLOCK, GLYPHS_BRAILLE};

/* Everything outside area is as canvas_clear left it. */
static void assert_inside(const struct canvas *c, const struct canvas *blank,
                          struct rect area, const char *what)
{
    int row, col;

    for (row = 0; row < c->rows; row++)
        for (col = 0; col < c->cols; col++) {
            size_t i = (size_t)row * (size_t)c->cols + (size_t)col;

            if (row >= area.row && row < area.row + area.rows &&
                col >= area.col && col < area.col + area.cols)
                continue;
            if (memcmp(&c->cells[i], &blank->cells[i], sizeof(c->cells[i])))
                fail_msg("%s wrote outside at %d,%d", what, row, col);
        }
}

static void draw_at(int view, const struct view_input *in, int rows, int cols,
                    enum glyphs tier)
{
    const struct view_kind *k = view_kinds[view];
    void *state = mem_zalloc(k->state_size);
    struct rect area = {2, 3, rows, cols};
    struct view_reply reply;
    struct canvas c, blank;
    const struct view_bind *b;
    int i;

    canvas_init(&c, rows + 4, cols + 6);
    canvas_init(&blank, rows + 4, cols + 6);
    c.glyphs = blank.glyphs = tier;
    canvas_clear(&c);
    canvas_clear(&blank);
    k->draw(state, in, &c, area, true);
    assert_inside(&c, &blank, area, k->name);
    /* … and after every key it has. */
    for (b = k->keys; b->press; b++)
        for (i = 0; i < VIEW_BIND_KEYS && b->key[i]; i++) {
            view_press(k, state, in, b->key[i], &reply);
            canvas_clear(&c);
            k->draw(state, in, &c, area, true);
            assert_inside(&c, &blank, area, k->name);
        }
    if (k->search)
        k->search(state, in, "x");
    if (k->click)
        k->click(state, in, rows / 2, cols / 2, &reply);
    canvas_clear(&c);
    k->draw(state, in, &c, area, false);
    assert_inside(&c, &blank, area, k->name);
    if (k->done)
        k->done(state);
    mem_free(state);
    canvas_done(&c);
    canvas_done(&blank);
}

static void test_every_view_stays_inside_at_every_size(void **unused)
{
    size_t size, tier;
    int view, kind;

    (void)unused;
    for (view = 0; view < VIEW_COUNT; view++)
        for (kind = 0; kind < (int)SHEETS_COUNT; kind++)
            for (size = 0; size < LENGTH(sizes); size++)
                for (tier = 0; tier < LENGTH(tiers); tier++)
                    draw_at(view, sheets_get((enum sheets_kind)kind),
                            sizes[size][0], sizes[size][1], tiers[tier]);
}

static void test_every_frame_is_drawn_at_every_size(void **unused)
{
    struct desk d;
    int rows, cols, view, kind;

    (void)unused;
    for (kind = 0; kind < (int)SHEETS_COUNT; kind++) {
        desk_open(&d, 24, 80, (enum sheets_kind)kind);
        for (rows = 0; rows < 70; rows = rows * 3 / 2 + 1)
            for (cols = 0; cols < 200; cols = cols * 3 / 2 + 1)
                for (view = 0; view < VIEW_COUNT; view++) {
                    canvas_resize(&d.canvas, rows, cols);
                    assert_true(screen_show(&d.screen, view_kinds[view]->name));
                    frame_draw(&d.screen, &d.canvas);
                }
        desk_close(&d);
    }
}

/* Hostile names come out as signs, never as what steers a terminal. */
static void test_nothing_hostile_reaches_the_cells(void **unused)
{
    struct desk d;
    int view, i;

    (void)unused;
    desk_open(&d, 45, 139, SHEETS_EXTREME);
    for (view = 0; view < VIEW_COUNT; view++) {
        assert_true(screen_show(&d.screen, view_kinds[view]->name));
        frame_draw(&d.screen, &d.canvas);
        for (i = 0; i < d.canvas.rows * d.canvas.cols; i++) {
            uint32_t point = d.canvas.cells[i].point[0];

            assert_false((point > 0 && point < 0x20) ||
                         (point >= 0x7F && point < 0xA0) || point == 0x202E);
        }
    }
    desk_close(&d);
}

static void test_frames_of_80x24_are_as_kept(void **unused)
{
    struct desk d;
    char name[64];
    int view;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    for (view = 0; view < VIEW_COUNT; view++) {
        assert_true(screen_show(&d.screen, view_kinds[view]->name));
        frame_draw(&d.screen, &d.canvas);
        snprintf(name, sizeof(name), "80x24-%s", view_kinds[view]->name);
        assert_golden(&d, name);
        d.canvas.glyphs = GLYPHS_ASCII;
        frame_draw(&d.screen, &d.canvas);
        snprintf(name, sizeof(name), "80x24-%s-ascii", view_kinds[view]->name);
        assert_golden(&d, name);
        d.canvas.glyphs = GLYPHS_BRAILLE;
    }
    desk_close(&d);
}

static void test_wide_frames_show_two_views(void **unused)
{
    struct desk d;

    (void)unused;
    desk_open(&d, 45, 140, SHEETS_TYPICAL);
    assert_golden(&d, "140x45-overview");
    assert_shows(&d, "[1 Overview]");
    assert_shows(&d, "[2 Layer]");
    desk_type(&d, "6");
    assert_shows(&d, "[1 Overview]");
    assert_shows(&d, "[6 History]");
    assert_int_equal(d.screen.at, VIEW_history);
    desk_key(&d, VIEW_KEY_TAB);
    assert_int_equal(d.screen.at, VIEW_overview);
    assert_shows(&d, "[6 History]");
    desk_type(&d, "|");
    assert_hides(&d, "[6 History]");
    desk_close(&d);
}

/* Facts of the header that 80 columns must hold, whatever runs. */
static void test_the_header_keeps_the_essentials_at_80_columns(void **unused)
{
    static const char *const facts[] = {
        "lenet-300-100", "mnist",  "#3",    "fine-tune", "45%",
        "0:23",          "97.84%", "-0.12", "48.8%",     "✓"};
    struct desk d;
    size_t i;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    for (i = 0; i < LENGTH(facts); i++)
        assert_shows(&d, facts[i]);
    desk_close(&d);
}

static void test_a_leak_is_a_word_in_the_header_at_any_width(void **unused)
{
    struct desk d;
    int cols;

    (void)unused;
    for (cols = 60; cols < 240; cols += 20) {
        desk_open(&d, 24, cols, SHEETS_TYPICAL);
        sheets_status()->leaks = 12;
        frame_draw(&d.screen, &d.canvas);
        assert_shows(&d, "12 LEAKS");
        desk_close(&d);
    }
}

static void test_a_screen_too_small_says_which_size_it_wants(void **unused)
{
    struct desk d;

    (void)unused;
    desk_open(&d, 10, 50, SHEETS_TYPICAL);
    assert_shows(&d, "50x10 is too small, want 60x16; fine-tune 45%");
    desk_type(&d, "q");
    desk_type(&d, "q");
    assert_int_equal(screen_wants(&d.screen), SCREEN_QUIT);
    desk_close(&d);
}

static void test_hidden_columns_are_named(void **unused)
{
    struct desk d;

    (void)unused;
    desk_open(&d, 24, 60, SHEETS_TYPICAL);
    assert_shows(&d, "hidden:");
    assert_shows(&d, "51.2%");
    desk_close(&d);
}

static void test_sheets_of_a_board_reach_the_screen(void **unused)
{
    struct board *b = board_new();
    struct status_sheet *st;
    struct log_sheet *log;
    struct log_entry *entry;
    struct desk d;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_NONE);
    assert_false(screen_take(&d.screen, b));
    st = sheet_new(SHEET_STATUS);
    st->has_net = true;
    st->show_count = 1;
    snprintf(st->net, sizeof(st->net), "lenet-5");
    snprintf(st->show, sizeof(st->show), "history");
    board_publish(b, st);
    log = sheet_new(SHEET_LOG);
    entry = sheet_array(log, 1, sizeof(*entry));
    entry->kind = LOG_ERROR;
    entry->text = "no such file";
    log->entry = entry;
    log->count = 1;
    board_publish(b, log);
    assert_true(screen_take(&d.screen, b));
    assert_false(screen_take(&d.screen, b));
    frame_draw(&d.screen, &d.canvas);
    assert_shows(&d, "lenet-5");
    assert_shows(&d, "no such file");
    assert_int_equal(d.screen.at, VIEW_history);
    desk_close(&d);
    board_free(b);
}

static void test_numbers_read_as_people_write_them(void **unused)
{
    char buf[WORDS_SIZE];

    (void)unused;
    assert_string_equal(words_percent(0.97834, 2, buf), "97.83%");
    assert_string_equal(words_percent(-1, 2, buf), "-");
    assert_string_equal(words_percent((double)NAN, 2, buf), "-");
    assert_string_equal(words_points(-0.0012, buf), "-0.12");
    assert_string_equal(words_points(-0.00001, buf), "+0.00");
    assert_string_equal(words_points((double)NAN, buf), "");
    assert_string_equal(words_time(83, buf), "1:23");
    assert_string_equal(words_time(7500, buf), "2:05:00");
    assert_string_equal(words_time(-1, buf), "-");
    assert_string_equal(words_size(1e300, buf), "-");
}

static void test_a_table_drops_columns_by_rank(void **unused)
{
    struct table t = {.count = 0};
    char buf[64];

    (void)unused;
    table_add(&t, "name", 10, 0, ALIGN_LEFT);
    table_add(&t, "kind", 10, 3, ALIGN_LEFT);
    table_add(&t, "bytes", 10, 1, ALIGN_RIGHT);
    table_fit(&t, 2, 36);
    assert_int_equal(t.hidden, 0);
    table_fit(&t, 2, 35);
    assert_string_equal(table_hidden(&t, buf, sizeof(buf)), "hidden: kind");
    assert_int_equal(t.column[2].col, 14);
    table_fit(&t, 2, 3);
    assert_int_equal(t.column[0].col, 2);
    assert_string_equal(table_hidden(&t, buf, sizeof(buf)),
                        "hidden: kind, bytes");
}

static void test_a_list_keeps_its_cursor_on_the_screen(void **unused)
{
    struct list l = {0};

    (void)unused;
    list_fit(&l, 100, 10);
    assert_true(list_key(&l, 'G'));
    assert_int_equal(l.at, 99);
    assert_int_equal(l.top, 90);
    assert_true(list_key(&l, VIEW_KEY_PAGE_UP));
    assert_int_equal(l.at, 90);
    list_fit(&l, 3, 10);
    assert_int_equal(l.at, 2);
    assert_int_equal(l.top, 0);
    list_fit(&l, 0, 10);
    assert_int_equal(l.at, 0);
    assert_false(list_key(&l, 'x'));
}

static void test_an_error_is_shown_whole_and_not_talked_over(void **unused)
{
    struct board *b = board_new();
    struct log_sheet *log = sheet_new(SHEET_LOG);
    struct log_entry *entry = sheet_array(log, 2, sizeof(*entry));
    struct desk d;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    entry[0] =
        (struct log_entry){LOG_ERROR, 1,
                           "\"a/folder/with/a/long/name/network.h5\": layer "
                           "\"lstm_1\" (LSTM): this kind is not known here"};
    entry[1] = (struct log_entry){LOG_RESULT, 2, "the data are open"};
    log->entry = entry;
    log->count = 2;
    board_publish(b, log);
    assert_true(screen_take(&d.screen, b));
    frame_draw(&d.screen, &d.canvas);
    assert_shows(&d, "known here");
    assert_hides(&d, "the data are open");
    desk_type(&d, "9");
    assert_shows(&d, "the data are open");
    desk_close(&d);
    board_free(b);
}

/* One more line of the log, as the engine says it. */
static void say(struct desk *d, struct board *b, long long number,
                enum log_kind kind, const char *text)
{
    struct log_sheet *log = sheet_new(SHEET_LOG);
    struct log_entry *entry = sheet_array(log, 1, sizeof(*entry));

    entry[0] = (struct log_entry){kind, 1, text};
    log->entry = entry;
    log->count = 1;
    log->first = number;
    board_publish(b, log);
    assert_true(screen_take(&d->screen, b));
    frame_draw(&d->screen, &d->canvas);
}

/* Hints at first, results once somebody is there; asides in the log alone. */
static void test_results_stand_in_the_message_row_when_they_answer(
    void **unused)
{
    struct board *b = board_new();
    struct desk d;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    say(&d, b, 0, LOG_RESULT, "stage 0 is open");
    assert_hides(&d, "stage 0 is open");
    assert_shows(&d, "n step");
    desk_type(&d, "j");
    say(&d, b, 1, LOG_RESULT, "stage 1 is made");
    assert_shows(&d, "stage 1 is made");
    say(&d, b, 2, LOG_ASIDE, "a folder is made");
    assert_hides(&d, "a folder is made");
    assert_shows(&d, "stage 1 is made");
    desk_type(&d, "9");
    assert_shows(&d, "1.0 · a folder is made");
    desk_close(&d);
    board_free(b);
}

/* 40 lines behind a command: the command is on top, and G goes to the end. */
static void test_a_long_answer_is_read_from_its_beginning(void **unused)
{
    struct log_sheet *log = sheet_new(SHEET_LOG);
    struct log_entry *entry = sheet_array(log, 50, sizeof(*entry));
    struct board *b = board_new();
    struct desk d;
    int i;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    for (i = 0; i < 50; i++)
        entry[i] = (struct log_entry){LOG_RESULT, i, "one more line"};
    entry[9] = (struct log_entry){LOG_COMMAND, 9, "help everything"};
    entry[10] = (struct log_entry){LOG_RESULT, 10, "begins"};
    entry[49] = (struct log_entry){LOG_RESULT, 49, "ends"};
    log->entry = entry;
    log->count = 50;
    board_publish(b, log);
    assert_true(screen_take(&d.screen, b));
    assert_true(screen_show(&d.screen, "log answer"));
    frame_draw(&d.screen, &d.canvas);
    assert_shows(&d, "\n     9.0 : help everything\n    10.0   begins");
    assert_shows(&d, "newer lines below");
    assert_hides(&d, "ends");
    desk_type(&d, "G");
    assert_shows(&d, "49.0   ends");
    desk_close(&d);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_view_stays_inside_at_every_size),
        cmocka_unit_test(test_every_frame_is_drawn_at_every_size),
        cmocka_unit_test(test_nothing_hostile_reaches_the_cells),
        cmocka_unit_test(test_frames_of_80x24_are_as_kept),
        cmocka_unit_test(test_wide_frames_show_two_views),
        cmocka_unit_test(test_the_header_keeps_the_essentials_at_80_columns),
        cmocka_unit_test(test_a_leak_is_a_word_in_the_header_at_any_width),
        cmocka_unit_test(test_a_screen_too_small_says_which_size_it_wants),
        cmocka_unit_test(test_hidden_columns_are_named),
        cmocka_unit_test(test_sheets_of_a_board_reach_the_screen),
        cmocka_unit_test(test_an_error_is_shown_whole_and_not_talked_over),
        cmocka_unit_test(
            test_results_stand_in_the_message_row_when_they_answer),
        cmocka_unit_test(test_a_long_answer_is_read_from_its_beginning),
        cmocka_unit_test(test_numbers_read_as_people_write_them),
        cmocka_unit_test(test_a_table_drops_columns_by_rank),
        cmocka_unit_test(test_a_list_keeps_its_cursor_on_the_screen),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
