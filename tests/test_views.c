/*
 * Views and whole frames, drawn onto a canvas as text: at every size with
 * every kind of sheet they stay inside their area, they show the facts, and
 * keys become the commands they stand for.  The pictures in tests/golden are
 * rewritten with GOLDEN_UPDATE=1 in the environment.
 */
#include "support.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "sheets.h"
#include "ui/frame.h"
#include "ui/keys.h"
#include "ui/list.h"
#include "ui/table.h"
#include "ui/words.h"

static const int sizes[][2] = {{1, 1},    {5, 20},   {16, 60}, {24, 80},
                               {45, 140}, {80, 250}, {3, 200}, {200, 3}};

static const enum glyphs tiers[] = {GLYPHS_ASCII, GLYPHS_BLOCK, GLYPHS_BRAILLE};

/* A screen without a terminal, and what it posted. */
struct desk {
    struct screen screen;
    struct canvas canvas;
    char posted[256];
    int stopped, paused, resumed, went_on;
};

static void desk_post(void *arg, const char *line)
{
    struct desk *d = arg;

    snprintf(d->posted, sizeof(d->posted), "%s", line);
}

static void desk_stop(void *arg)
{
    ((struct desk *)arg)->stopped++;
}

static void desk_pause(void *arg, bool on)
{
    struct desk *d = arg;

    d->paused += on;
    d->resumed += !on;
}

static void desk_go_on(void *arg)
{
    ((struct desk *)arg)->went_on++;
}

static void desk_sheets(struct desk *d, enum sheets_kind kind)
{
    const struct view_kind *asked = d->screen.in.asked;

    d->screen.in = *sheets_get(kind);
    d->screen.in.asked = asked;
}

static void desk_open(struct desk *d, int rows, int cols, enum sheets_kind kind)
{
    struct screen_hooks hooks = {d, desk_post, desk_stop, desk_pause,
                                 desk_go_on};

    memset(d, 0, sizeof(*d));
    screen_init(&d->screen, &hooks, NULL);
    canvas_init(&d->canvas, rows, cols);
    d->canvas.glyphs = GLYPHS_BRAILLE;
    d->canvas.colours = COLOURS_256;
    desk_sheets(d, kind);
    frame_draw(&d->screen, &d->canvas);
}

static void desk_close(struct desk *d)
{
    screen_done(&d->screen);
    canvas_done(&d->canvas);
}

/* Presses the keys of a text, one by one, and draws. */
static void desk_type(struct desk *d, const char *keys)
{
    d->posted[0] = '\0';
    for (; *keys; keys++)
        screen_key(&d->screen, (unsigned char)*keys);
    frame_draw(&d->screen, &d->canvas);
}

static void desk_key(struct desk *d, int key)
{
    d->posted[0] = '\0';
    screen_key(&d->screen, key);
    frame_draw(&d->screen, &d->canvas);
}

static void assert_shows(struct desk *d, const char *text)
{
    struct str dump = {0};

    canvas_dump(&d->canvas, &dump);
    if (!strstr(dump.text ? dump.text : "", text))
        fail_msg("\"%s\" is not on this screen:\n%s", text, dump.text);
    str_done(&dump);
}

static void assert_hides(struct desk *d, const char *text)
{
    struct str dump = {0};

    canvas_dump(&d->canvas, &dump);
    if (strstr(dump.text ? dump.text : "", text))
        fail_msg("\"%s\" is on this screen:\n%s", text, dump.text);
    str_done(&dump);
}

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

static void golden_path(const char *name, char *path, size_t size)
{
    snprintf(path, size, "tests/golden/%s.txt", name);
}

/* Holds the frame against tests/golden/NAME.txt. */
static void assert_golden(struct desk *d, const char *name)
{
    struct str dump = {0}, want = {0};
    char path[128], buf[4096];
    FILE *f;
    size_t n;

    golden_path(name, path, sizeof(path));
    canvas_dump(&d->canvas, &dump);
    if (getenv("GOLDEN_UPDATE")) {
        f = fopen(path, "w");
        assert_non_null(f);
        fputs(dump.text, f);
        fclose(f);
    }
    f = fopen(path, "r");
    if (!f)
        fail_msg("%s is missing", path);
    while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
        str_add_bytes(&want, buf, n);
    fclose(f);
    if (strcmp(want.text, dump.text) != 0)
        fail_msg("%s expects\n%s\nthe screen is\n%s", path, want.text,
                 dump.text);
    str_done(&dump);
    str_done(&want);
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
        cmocka_unit_test(test_space_runs_pauses_and_goes_on),
        cmocka_unit_test(test_keys_stand_for_commands),
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
        cmocka_unit_test(test_sheets_of_a_board_reach_the_screen),
        cmocka_unit_test(test_an_error_is_shown_whole_and_not_talked_over),
        cmocka_unit_test(test_numbers_read_as_people_write_them),
        cmocka_unit_test(test_a_table_drops_columns_by_rank),
        cmocka_unit_test(test_a_list_keeps_its_cursor_on_the_screen),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
