#include "support.h"

#include <locale.h>

#include "base/mem.h"
#include "ui/canvas.h"

/* A canvas of blanks for one test; dump and done at the end of it. */
static struct canvas make(int rows, int cols, enum glyphs glyphs)
{
    struct canvas c;

    canvas_init(&c, rows, cols);
    c.glyphs = glyphs;
    return c;
}

static void expect_done(struct canvas *c, const char *want)
{
    struct str got = {0};

    canvas_dump(c, &got);
    assert_string_equal(got.text, want);
    str_done(&got);
    canvas_done(c);
}

static void test_text_is_cut_with_an_ellipsis_at_the_panes_edge(void **s)
{
    static const struct {
        const char *text;
        int col;
        const char *want;
    } cases[] = {
        {"exactly10c", 0, "exactly10c\n"},
        {"eleven chars", 0, "eleven ch…\n"},
        {"abc", 8, "        a…\n"},
        {"abc", 10, "\n"},
        {"abc", 99, "\n"},
        {"abcdef", -3, "def\n"},
        {"abcdefghijklmnop", -3, "defghijkl…\n"},
        {"", 0, "\n"},
    };
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        struct canvas c = make(1, 10, GLYPHS_BRAILLE);

        pane_text(pane_whole(&c), 0, cases[i].col, ROLE_NORMAL, cases[i].text);
        expect_done(&c, cases[i].want);
    }
}

static void test_wide_characters_take_two_columns_and_never_half_of_one(
    void **s)
{
    static const struct {
        const char *text, *want;
        int width;
    } cases[] = {
        {"漢字", "漢字\n", 4},
        {"漢字x", "漢字x\n", 5},
        {"漢字漢", "漢字…\n", 6},
        {"a漢字漢", "a漢…\n", 7},
        {"é\xcc\x81x", "é\xcc\x81x\n", 2},
    };
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        struct canvas c = make(1, 5, GLYPHS_BRAILLE);

        assert_int_equal(canvas_width(&c, cases[i].text), cases[i].width);
        pane_text(pane_whole(&c), 0, 0, ROLE_NORMAL, cases[i].text);
        expect_done(&c, cases[i].want);
    }
}

static void test_writing_on_half_of_a_wide_character_blanks_the_other(void **s)
{
    struct canvas c = make(2, 6, GLYPHS_BRAILLE);
    struct pane p = pane_whole(&c);

    (void)s;
    pane_text(p, 0, 0, ROLE_NORMAL, "漢字漢");
    pane_put(p, 0, 1, ROLE_NORMAL, 'x'); /* a right half */
    pane_put(p, 0, 2, ROLE_NORMAL, 'y'); /* a left half */
    pane_text(p, 1, 0, ROLE_NORMAL, "漢字漢");
    pane_text(p, 1, 1, ROLE_NORMAL, "字"); /* over both */
    expect_done(&c, " xy 漢\n 字 漢\n");
}

static void test_hostile_text_comes_out_as_harmless_signs(void **s)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a\033[31mb", "a^[31mb\n"},
        {"a\xc2\x9b"
         "b",
         "a?b\n"},
        {"a\xe2\x80\xae"
         "b",
         "a?b\n"},
        {"a\xff\xfe"
         "b",
         "a??b\n"},
        {"a\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa"
         "b",
         "a??b\n"},
        {"tab\there", "tab^here\n"},
        {"\xc3", "?\n"},
    };
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        struct canvas c = make(1, 20, GLYPHS_BRAILLE);

        pane_text(pane_whole(&c), 0, 0, ROLE_NORMAL, cases[i].text);
        expect_done(&c, cases[i].want);
    }
}

static void test_the_ascii_tier_writes_nothing_but_ascii(void **s)
{
    struct canvas c = make(4, 16, GLYPHS_ASCII);
    struct pane p = pane_whole(&c);

    (void)s;
    pane_text(pane_box(p, ROLE_NORMAL, "a · b"), 0, 0, ROLE_NORMAL,
              "3×3 → größe漢字");
    pane_text(pane_sub(p, (struct rect){2, 1, 1, 8}), 0, 0, ROLE_NORMAL,
              "µ ± σ ≤ long");
    expect_done(&c, "+- a . b ------+\n"
                    "|3x3 > gr??e?? |\n"
                    "|u + s <~      |\n"
                    "+--------------+\n");
}

static void test_fields_are_filled_and_aligned(void **s)
{
    struct canvas c = make(5, 12, GLYPHS_BRAILLE);
    struct pane p = pane_whole(&c);
    int i;

    (void)s;
    for (i = 0; i < 5; i++)
        pane_text(p, i, 0, ROLE_NORMAL, "............");
    pane_field(p, 0, 2, 6, ALIGN_LEFT, ROLE_NORMAL, "abc");
    pane_field(p, 1, 2, 6, ALIGN_RIGHT, ROLE_NORMAL, "abc");
    pane_field(p, 2, 2, 6, ALIGN_CENTRE, ROLE_NORMAL, "ab");
    pane_field(p, 3, 2, 6, ALIGN_RIGHT, ROLE_NORMAL, "abcdefgh");
    pane_fieldf(p, 4, 8, 6, ALIGN_RIGHT, ROLE_NORMAL, "%d", 42);
    expect_done(&c, "..abc   ....\n"
                    "..   abc....\n"
                    "..  ab  ....\n"
                    "..abcde…....\n"
                    "........  42\n");
}

static void test_text_that_does_not_fit_whole_is_left_out(void **s)
{
    struct canvas c = make(1, 10, GLYPHS_BRAILLE);
    struct pane p = pane_whole(&c);

    (void)s;
    assert_int_equal(pane_text_whole(p, 0, 1, ROLE_NORMAL, "ten signs!"), 1);
    assert_int_equal(pane_text_whole(p, 0, 1, ROLE_NORMAL, "nine sign"), 10);
    expect_done(&c, " nine sign\n");
}

static void test_text_wraps_at_blanks_and_breaks_words_that_are_too_long(
    void **s)
{
    struct canvas c = make(6, 10, GLYPHS_BRAILLE);

    (void)s;
    assert_int_equal(pane_wrap(pane_whole(&c), 0, ROLE_NORMAL,
                               "prune it, then train\nabcdefghijklmno"),
                     4);
    expect_done(&c, "prune it,\nthen train\nabcdefghij\nklmno\n\n\n");
}

static void test_text_is_measured_without_drawing_and_keeps_per_cents(void **s)
{
    static const char text[] = "half is 50 % of all";
    struct canvas c = make(3, 10, GLYPHS_BRAILLE);

    (void)s;
    assert_int_equal(pane_wrap_rows(pane_whole(&c), text), 3);
    assert_int_equal(pane_wrap_rows(pane_whole(&c), ""), 0);
    assert_int_equal(pane_wrap(pane_whole(&c), 1, ROLE_NORMAL, text), 4);
    expect_done(&c, "\nhalf is\n50 % of\n");
}

/* What is drawn on a pane must leave the cells round it alone. */
static void test_nothing_is_drawn_outside_of_a_pane(void **s)
{
    struct canvas c = make(9, 20, GLYPHS_BRAILLE);
    struct pane p = pane_at(&c, (struct rect){3, 5, 3, 8}), inner;
    int row, col;

    (void)s;
    pane_fill(pane_whole(&c), ROLE_NORMAL);
    for (row = -3; row < 6; row++) {
        for (col = -9; col < 12; col++) {
            pane_text(p, row, col, ROLE_BAR, "some 漢字 text");
            pane_put(p, row, col, ROLE_BAR, 'x');
            pane_half(p, row, col, ROLE_HEAT, ROLE_HEAT);
            pane_field(p, row, col, 5, ALIGN_CENTRE, ROLE_BAR, "field");
        }
        pane_rule(p, row, "title");
        pane_divider(p, row);
    }
    inner = pane_box(p, ROLE_BAR, "a long title");
    pane_restyle(p, ROLE_SELECTED);
    pane_fill(inner, ROLE_SELECTED);
    pane_fill(pane_sub(p, (struct rect){-5, -5, 99, 99}), ROLE_SELECTED);
    pane_wrap(p, -1, ROLE_SELECTED, "many words that go on below the pane");
    pane_add_attr(p, ATTR_UNDERLINE);
    for (row = 0; row < 9; row++) {
        for (col = 0; col < 20; col++) {
            const struct cell *cell = &c.cells[row * 20 + col];
            bool in = row >= 3 && row < 6 && col >= 5 && col < 13;

            if (!in && (cell->point[0] != ' ' || cell->role != ROLE_NORMAL ||
                        cell->ground != ROLE_NORMAL || cell->attr != 0))
                fail_msg("cell %d,%d was changed", row, col);
        }
    }
    canvas_done(&c);
}

static void test_panes_of_any_size_and_place_stay_on_the_canvas(void **s)
{
    static const struct rect wild[] = {
        {-5, -5, 3, 3}, {0, 0, 0, 0},     {99, 99, 5, 5},
        {2, 2, -4, 7},  {-1, -1, 99, 99}, {3, 9, 1, 99},
    };
    struct canvas c = make(4, 10, GLYPHS_BRAILLE);
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(wild); i++) {
        struct pane p = pane_at(&c, wild[i]);
        struct pane rest = p;

        assert_true(p.at.row >= 0 && p.at.col >= 0 &&
                    p.at.row + p.at.rows <= 4 && p.at.col + p.at.cols <= 10);
        pane_take_top(&rest, 99);
        assert_int_equal(rest.at.rows, 0);
        pane_text(pane_box(p, ROLE_BAR, "t"), 0, 0, ROLE_NORMAL, "text");
        pane_wrap(p, 0, ROLE_NORMAL, "漢 text");
        pane_cursor(p, 0, 0);
    }
    canvas_done(&c);
    canvas_init(&c, 0, 0);
    pane_text(pane_whole(&c), 0, 0, ROLE_NORMAL, "text");
    canvas_done(&c);
}

static void test_taking_strips_leaves_the_rest(void **s)
{
    struct canvas c = make(10, 20, GLYPHS_BRAILLE);
    struct pane p = pane_whole(&c), top = pane_take_top(&p, 2);
    struct pane bottom = pane_take_bottom(&p, 1);
    struct pane left = pane_take_left(&p, 5), right = pane_take_right(&p, 4);
    static const struct rect want[] = {
        {0, 0, 2, 20}, {9, 0, 1, 20}, {2, 0, 7, 5},
        {2, 16, 7, 4}, {2, 5, 7, 11},
    };

    (void)s;
    assert_memory_equal(&top.at, &want[0], sizeof(want[0]));
    assert_memory_equal(&bottom.at, &want[1], sizeof(want[0]));
    assert_memory_equal(&left.at, &want[2], sizeof(want[0]));
    assert_memory_equal(&right.at, &want[3], sizeof(want[0]));
    assert_memory_equal(&p.at, &want[4], sizeof(want[0]));
    canvas_done(&c);
}

static void test_text_keeps_the_ground_it_is_written_on(void **s)
{
    struct canvas c = make(1, 4, GLYPHS_BRAILLE);
    struct pane p = pane_whole(&c);
    struct str roles = {0};

    (void)s;
    pane_fill(p, ROLE_BAR);
    pane_text(p, 0, 1, ROLE_GOOD, "ok");
    assert_int_equal(c.cells[1].role, ROLE_GOOD);
    assert_int_equal(c.cells[1].ground, ROLE_BAR);
    canvas_dump_roles(&c, &roles);
    assert_string_equal(roles.text, "hggh\n");
    pane_restyle(pane_sub(p, (struct rect){0, 0, 1, 2}), ROLE_SELECTED);
    assert_int_equal(c.cells[1].ground, ROLE_SELECTED);
    assert_int_equal(c.cells[2].ground, ROLE_BAR);
    str_done(&roles);
    canvas_done(&c);
}

static void test_the_cursor_is_hidden_outside_of_its_pane(void **s)
{
    struct canvas c = make(4, 10, GLYPHS_BRAILLE);
    struct pane p = pane_at(&c, (struct rect){1, 2, 2, 4});

    (void)s;
    pane_cursor(p, 1, 3);
    assert_int_equal(c.cursor_row, 2);
    assert_int_equal(c.cursor_col, 5);
    pane_cursor(p, 1, 4);
    assert_int_equal(c.cursor_row, -1);
    pane_cursor(p, 0, 0);
    canvas_clear(&c);
    assert_int_equal(c.cursor_col, -1);
    canvas_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_cut_with_an_ellipsis_at_the_panes_edge),
        cmocka_unit_test(
            test_wide_characters_take_two_columns_and_never_half_of_one),
        cmocka_unit_test(
            test_writing_on_half_of_a_wide_character_blanks_the_other),
        cmocka_unit_test(test_hostile_text_comes_out_as_harmless_signs),
        cmocka_unit_test(test_the_ascii_tier_writes_nothing_but_ascii),
        cmocka_unit_test(test_fields_are_filled_and_aligned),
        cmocka_unit_test(test_text_that_does_not_fit_whole_is_left_out),
        cmocka_unit_test(
            test_text_wraps_at_blanks_and_breaks_words_that_are_too_long),
        cmocka_unit_test(
            test_text_is_measured_without_drawing_and_keeps_per_cents),
        cmocka_unit_test(test_nothing_is_drawn_outside_of_a_pane),
        cmocka_unit_test(test_panes_of_any_size_and_place_stay_on_the_canvas),
        cmocka_unit_test(test_taking_strips_leaves_the_rest),
        cmocka_unit_test(test_text_keeps_the_ground_it_is_written_on),
        cmocka_unit_test(test_the_cursor_is_hidden_outside_of_its_pane),
    };

    setlocale(LC_CTYPE, "C.UTF-8"); /* widths of characters */
    return cmocka_run_group_tests_name("canvas", tests, NULL, NULL);
}
