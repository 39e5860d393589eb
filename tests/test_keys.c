/* What keys and the mouse do in the views, without a terminal. */
#include "support.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "desk.h"
#include "ui/keys.h"
#include "ui/words.h"

static void test_space_runs_pauses_and_goes_on(void **unused)
{
    struct desk d;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    desk_type(&d, " ");
    assert_int_equal(d.paused, 1);
    sheets_status()->job = JOB_PAUSED;
    desk_type(&d, " ");
    assert_int_equal(d.resumed, 1);
    assert_shows(&d, "paused");
    assert_shows(&d, "Space go on");
    sheets_status()->job = JOB_IDLE;
    desk_type(&d, " ");
    assert_string_equal(d.posted, "iterate");
    sheets_status()->lesson = sheets_status()->lesson_waits = true;
    snprintf(sheets_status()->lesson_text, 1024, "Look at the accuracy.");
    desk_type(&d, " ");
    assert_int_equal(d.went_on, 1);
    assert_shows(&d, "Look at the accuracy.");
    assert_shows(&d, "Space: go on");
    desk_close(&d);
}

static void test_keys_stand_for_commands(void **unused)
{
    static const struct {
        int key;
        const char *command;
    } rows[] = {{'n', "step"}, {'u', "undo"}, {18, "redo"}};
    struct desk d;
    size_t i;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    for (i = 0; i < LENGTH(rows); i++) {
        desk_key(&d, rows[i].key);
        assert_string_equal(d.posted, rows[i].command);
    }
    desk_key(&d, 3);
    assert_int_equal(d.stopped, 1);
    desk_close(&d);
}

static void test_what_waits_is_shown_and_taken_back(void **unused)
{
    struct status_sheet *s;
    struct desk d;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    s = sheets_status();
    desk_type(&d, "X");
    assert_string_equal(d.posted, "");
    assert_shows(&d, "no command waits");
    s->waiting = 1;
    snprintf(s->waits_first, TEXT_SIZE, "undo");
    snprintf(s->waits_last, TEXT_SIZE, "undo");
    desk_type(&d, "j");
    assert_shows(&d, "waits: undo  X take it back");
    assert_shows(&d, "0:23 +1 ");
    s->waiting = 2;
    snprintf(s->waits_last, TEXT_SIZE, "%0100d", 0);
    desk_type(&d, "j");
    assert_shows(&d, "2 wait: undo, 0000");
    assert_shows(&d, "000…  X take the last back");
    s->waiting = 3;
    snprintf(s->waits_last, TEXT_SIZE, "step");
    desk_type(&d, "j");
    assert_shows(&d, "3 wait: undo, …, step  X take the last back");
    desk_type(&d, "X");
    assert_string_equal(d.posted, "cancel");
    desk_key(&d, 3);
    assert_shows(&d, "what waits is not begun");
    desk_type(&d, "q");
    assert_shows(&d, "kept, what waits is not");
    desk_type(&d, "j");
    s->job = JOB_IDLE;
    desk_type(&d, "j");
    assert_hides(&d, "wait");
    desk_close(&d);
}

static void test_quitting_asks_only_while_a_job_runs(void **unused)
{
    struct desk d;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    desk_type(&d, "q");
    assert_int_equal(screen_wants(&d.screen), 0);
    assert_shows(&d, "q again saves and leaves");
    desk_type(&d, "j");
    assert_hides(&d, "q again");
    desk_type(&d, "q");
    assert_int_equal(screen_wants(&d.screen), 0);
    desk_type(&d, "q");
    assert_int_equal(screen_wants(&d.screen), SCREEN_QUIT);
    sheets_status()->job = JOB_IDLE;
    desk_type(&d, "q");
    assert_int_equal(screen_wants(&d.screen), SCREEN_QUIT);
    desk_close(&d);
}

static void test_enter_on_a_layer_looks_into_it(void **unused)
{
    struct desk d;
    struct board_wish wish;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    desk_type(&d, "jj");
    desk_key(&d, VIEW_KEY_ENTER);
    assert_int_equal(d.screen.at, VIEW_layer);
    screen_wish(&d.screen, &wish);
    assert_true(wish.want_layer);
    assert_string_equal(wish.layer, "dense_2");
    desk_type(&d, "l");
    screen_wish(&d.screen, &wish);
    assert_string_equal(wish.layer, "dense_3");
    desk_key(&d, VIEW_KEY_ESCAPE);
    assert_int_equal(d.screen.at, VIEW_overview);
    desk_close(&d);
}

/* The bins below the threshold are counted by hand here. */
static void test_the_threshold_says_what_it_would_prune(void **unused)
{
    const struct layer_sheet *s = sheets_get(SHEETS_TYPICAL)->layer;
    long long taken = 0;
    char text[128], count[WORDS_SIZE];
    struct desk d;
    int i;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    desk_type(&d, "2]");
    /* 0.0375 lies in the eighth bin of 0.005; ] goes to 0.04 */
    for (i = 0; i < 8; i++)
        taken += s->bins[64 + i] + s->bins[63 - i];
    snprintf(text, sizeof(text), "|w| < 0.04: %s", words_count(taken, count));
    assert_shows(&d, text);
    desk_type(&d, "p");
    snprintf(text, sizeof(text), "prune %.2f%% layers=dense_1",
             100.0 * (double)taken / (double)s->alive);
    assert_string_equal(d.posted, text);
    desk_close(&d);
}

static void test_the_codebook_tries_bits_and_quantises(void **unused)
{
    struct desk d;
    struct board_wish wish;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    desk_type(&d, "3");
    assert_int_equal(d.screen.at, VIEW_codebook);
    screen_wish(&d.screen, &wish);
    assert_true(wish.want_book);
    assert_shows(&d, "15 values, 1 dead  4 bits, Huffman 3.71, least 3.66");
    /* As many bits as there are: nothing to gain. */
    desk_key(&d, VIEW_KEY_ENTER);
    assert_string_equal(d.posted, "");
    assert_shows(&d, "has no more than 15 values");
    desk_type(&d, "[[");
    assert_shows(&d, "> 2       3      0.025   28,000 B");
    desk_key(&d, VIEW_KEY_ENTER);
    assert_string_equal(d.posted, "quantize bits=2 layers=dense_1");
    desk_type(&d, "l");
    screen_wish(&d.screen, &wish);
    assert_string_equal(wish.book, "dense_2");
    desk_close(&d);
}

static void test_history_goes_marks_and_compares(void **unused)
{
    struct desk d;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    desk_type(&d, "6k");
    desk_key(&d, VIEW_KEY_ENTER);
    assert_string_equal(d.posted, "goto 2");
    desk_type(&d, "c");
    assert_string_equal(d.posted, "");
    assert_shows(&d, "mark a stage with m first");
    desk_type(&d, "jm");
    desk_type(&d, "jjc");
    assert_string_equal(d.posted, "compare 3 5");
    assert_shows(&d, "McNemar 148.50, they differ at 5 %");
    assert_golden(&d, "80x24-compare");
    desk_close(&d);
}

static void test_data_filters_become_wishes(void **unused)
{
    struct desk d;
    struct board_wish wish;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    desk_type(&d, "7w");
    screen_wish(&d.screen, &wish);
    assert_true(wish.want_data);
    assert_string_equal(wish.filter, "wrong");
    assert_string_equal(wish.set, "validation");
    assert_true(wish.count >= 8);
    desk_type(&d, "]]");
    screen_wish(&d.screen, &wish);
    assert_string_equal(wish.filter, "class 1");
    desk_type(&d, "as");
    screen_wish(&d.screen, &wish);
    assert_string_equal(wish.filter, "all");
    assert_string_equal(wish.set, "train");
    desk_type(&d, "x");
    assert_shows(&d, "taken for");
    assert_golden(&d, "80x24-matrix");
    desk_close(&d);
}

static void test_help_starts_with_the_keys_of_the_view(void **unused)
{
    struct desk d;
    const struct view_bind *b;
    const struct key_row *r;

    (void)unused;
    desk_open(&d, 100, 100, SHEETS_TYPICAL);
    desk_type(&d, "6?");
    assert_shows(&d, "Keys of the History view");
    for (b = view_kinds[VIEW_history]->keys; b->press; b++)
        if (b->what)
            assert_shows(&d, b->what);
    for (r = key_rows; r->keys; r++)
        assert_shows(&d, r->what);
    assert_shows(&d, ":prune [AMOUNT]");
    screen_search(&d.screen, "UNDO");
    frame_draw(&d.screen, &d.canvas);
    assert_shows(&d, ":undo");
    assert_hides(&d, ":prune");
    desk_close(&d);
}

static void test_no_key_of_a_view_shadows_a_key_of_the_program(void **unused)
{
    /* What moves between views may mean something within one. */
    static const int shared[] = {VIEW_KEY_TAB, VIEW_KEY_BACK_TAB,
                                 VIEW_KEY_ESCAPE};
    const struct view_bind *b;
    int view, i;
    size_t j;

    (void)unused;
    for (view = 0; view < VIEW_COUNT; view++)
        for (b = view_kinds[view]->keys; b->press; b++)
            for (i = 0; i < VIEW_BIND_KEYS && b->key[i]; i++) {
                bool may = false;

                for (j = 0; j < LENGTH(shared); j++)
                    may |= b->key[i] == shared[j];
                if (!may && key_find(b->key[i]))
                    fail_msg("%s takes '%s'", view_kinds[view]->name, b->keys);
            }
}

static void test_log_search_shows_only_lines_that_have_it(void **unused)
{
    struct desk d;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    desk_type(&d, "9");
    assert_shows(&d, "did you mean 'prune'?");
    screen_search(&d.screen, "fine-tuned");
    frame_draw(&d.screen, &d.canvas);
    assert_shows(&d, "fine-tuned 1 epoch");
    assert_hides(&d, "did you mean");
    desk_key(&d, VIEW_KEY_ESCAPE);
    assert_shows(&d, "did you mean");
    desk_close(&d);
}

static void test_tabs_and_rows_can_be_clicked(void **unused)
{
    struct desk d;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    screen_click(&d.screen, 1, 18);
    assert_int_equal(d.screen.at, VIEW_layer);
    screen_click(&d.screen, 1, 3);
    assert_int_equal(d.screen.at, VIEW_overview);
    frame_draw(&d.screen, &d.canvas);
    screen_click(&d.screen, 5, 10); /* the third layer … */
    frame_draw(&d.screen, &d.canvas);
    screen_click(&d.screen, 5, 10); /* … and into it */
    assert_int_equal(d.screen.at, VIEW_layer);
    desk_close(&d);
}

/* However many views there are and however narrow the screen. */
static void test_every_tab_is_seen_and_clicked_at_any_width(void **unused)
{
    int cols, i;

    (void)unused;
    for (cols = LAYOUT_COLS; cols <= 150; cols++) {
        struct desk d;

        desk_open(&d, 24, cols, SHEETS_TYPICAL);
        for (i = 0; i < VIEW_COUNT; i++) {
            const struct cell *row = &d.canvas.cells[cols];
            int col = 0;

            while (col < cols &&
                   row[col].point[0] != (uint32_t)view_kinds[i]->key)
                col++;
            if (col == cols)
                fail_msg("%d columns: no tab %s", cols, view_kinds[i]->name);
            screen_click(&d.screen, 1, col);
            assert_int_equal(d.screen.at, i);
            frame_draw(&d.screen, &d.canvas);
        }
        desk_close(&d);
    }
}

static void test_show_takes_words_and_refuses_what_is_not(void **unused)
{
    struct desk d;

    (void)unused;
    desk_open(&d, 24, 80, SHEETS_TYPICAL);
    screen_line(&d.screen, "show layer dense_3");
    assert_int_equal(d.screen.at, VIEW_layer);
    assert_false(screen_show(&d.screen, "layer dense_9"));
    assert_false(screen_show(&d.screen, "weather"));
    assert_int_equal(d.screen.at, VIEW_layer);
    screen_line(&d.screen, "prune 20%");
    assert_string_equal(d.posted, "prune 20%");
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_space_runs_pauses_and_goes_on),
        cmocka_unit_test(test_keys_stand_for_commands),
        cmocka_unit_test(test_what_waits_is_shown_and_taken_back),
        cmocka_unit_test(test_quitting_asks_only_while_a_job_runs),
        cmocka_unit_test(test_enter_on_a_layer_looks_into_it),
        cmocka_unit_test(test_the_threshold_says_what_it_would_prune),
        cmocka_unit_test(test_the_codebook_tries_bits_and_quantises),
        cmocka_unit_test(test_history_goes_marks_and_compares),
        cmocka_unit_test(test_data_filters_become_wishes),
        cmocka_unit_test(test_help_starts_with_the_keys_of_the_view),
        cmocka_unit_test(test_no_key_of_a_view_shadows_a_key_of_the_program),
        cmocka_unit_test(test_log_search_shows_only_lines_that_have_it),
        cmocka_unit_test(test_tabs_and_rows_can_be_clicked),
        cmocka_unit_test(test_every_tab_is_seen_and_clicked_at_any_width),
        cmocka_unit_test(test_show_takes_words_and_refuses_what_is_not),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
