#include "support.h"

#include "ui/layout.h"

/* Every rectangle of a layout, as a list. */
static int parts(const struct layout *l, struct rect out[8])
{
    const struct rect all[] = {l->header, l->body[0], l->divider, l->body[1],
                               l->strip,  l->message, l->prompt};

    memcpy(out, all, sizeof(all));
    return (int)LENGTH(all);
}

static bool empty(struct rect r)
{
    return r.rows <= 0 || r.cols <= 0;
}

static bool inside(struct rect r, int rows, int cols)
{
    return r.row >= 0 && r.col >= 0 && r.rows >= 0 && r.cols >= 0 &&
           r.row + r.rows <= rows && r.col + r.cols <= cols;
}

static bool overlap(struct rect a, struct rect b)
{
    return !empty(a) && !empty(b) && a.row < b.row + b.rows &&
           b.row < a.row + a.rows && a.col < b.col + b.cols &&
           b.col < a.col + a.cols;
}

static long area(struct rect r)
{
    return (long)r.rows * r.cols;
}

static void check(int rows, int cols, const struct layout_want *want)
{
    struct rect part[8];
    struct layout l;
    long sum = 0;
    int n, i, k;

    layout_make(rows, cols, want, &l);
    n = parts(&l, part);
    for (i = 0; i < n; i++) {
        if (!inside(part[i], rows, cols))
            fail_msg("part %d is outside of %d x %d", i, rows, cols);
        for (k = 0; k < i; k++)
            if (overlap(part[i], part[k]))
                fail_msg("parts %d and %d overlap at %d x %d", k, i, rows,
                         cols);
        sum += area(part[i]);
    }
    if (!inside(l.popup, rows, cols) || overlap(l.popup, l.prompt) ||
        overlap(l.popup, l.message))
        fail_msg("the popup is in the way at %d x %d", rows, cols);
    if (want->prompt && empty(l.prompt))
        fail_msg("no prompt at %d x %d", rows, cols);
    if (l.roomy && sum != (long)rows * cols)
        fail_msg("%ld cells unused at %d x %d", (long)rows * cols - sum, rows,
                 cols);
    if (l.roomy != (rows >= LAYOUT_ROWS && cols >= LAYOUT_COLS))
        fail_msg("roomy is wrong at %d x %d", rows, cols);
}

static void
test_at_every_size_the_parts_are_inside_apart_and_the_prompt_is_seen(void **s)
{
    struct layout_want want = {.popup_cols = 50};
    int rows, cols, panes, k;

    (void)s;
    for (rows = 1; rows <= 120; rows++) {
        for (cols = 1; cols <= 300; cols++) {
            for (panes = 1; panes <= 2; panes++) {
                for (k = 0; k < 3; k++) {
                    want.panes = panes;
                    want.prompt = k > 0;
                    want.popup_rows = k > 1 ? 30 : 0;
                    check(rows, cols, &want);
                }
            }
        }
    }
}

static void test_no_size_at_all_gives_empty_parts(void **s)
{
    static const int sizes[][2] = {{0, 0}, {0, 80}, {24, 0}, {-1, -5}};
    struct layout_want want = {.panes = 2, .prompt = true, .popup_rows = 5};
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(sizes); i++) {
        struct rect part[8];
        struct layout l;
        int n, k;

        layout_make(sizes[i][0], sizes[i][1], &want, &l);
        n = parts(&l, part);
        for (k = 0; k < n; k++)
            assert_true(empty(part[k]));
        assert_false(l.roomy);
    }
}

static void test_the_body_does_not_move_when_the_prompt_opens(void **s)
{
    struct layout_want closed = {.panes = 1};
    struct layout_want open = {
        .panes = 1, .prompt = true, .popup_rows = 6, .popup_cols = 40};
    struct layout a, b;

    (void)s;
    layout_make(24, 80, &closed, &a);
    layout_make(24, 80, &open, &b);
    assert_memory_equal(&a.body[0], &b.body[0], sizeof(a.body[0]));
    assert_int_equal(a.body[0].rows, 21);
    assert_int_equal(a.message.row, 23);
    assert_int_equal(b.prompt.row, 23);
    assert_int_equal(b.message.row, 22);
    assert_int_equal(b.strip.rows, 0);
    assert_int_equal(b.popup.row + b.popup.rows, b.message.row);
}

static void test_two_views_stand_beside_or_above_each_other_where_there_is_room(
    void **s)
{
    static const struct {
        int rows, cols, panes;
        bool beside;
    } cases[] = {
        {24, 80, 1, false}, {24, 119, 1, false}, {24, 120, 2, true},
        {60, 200, 2, true}, {60, 80, 2, false},  {50, 80, 1, false},
        {51, 80, 2, false},
    };
    struct layout_want want = {.panes = 2};
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        struct layout l;

        layout_make(cases[i].rows, cases[i].cols, &want, &l);
        if (l.panes != cases[i].panes)
            fail_msg("%d panes at %d x %d", l.panes, cases[i].rows,
                     cases[i].cols);
        if (l.panes == 2)
            assert_int_equal(l.body[0].row == l.body[1].row, cases[i].beside);
    }
}

static void test_below_the_least_size_only_message_and_prompt_are_left(void **s)
{
    struct layout_want want = {.panes = 2, .prompt = true};
    struct layout l;

    (void)s;
    layout_make(15, 200, &want, &l);
    assert_false(l.roomy);
    assert_int_equal(l.body[0].rows, 0);
    assert_int_equal(l.header.rows, 0);
    assert_int_equal(l.message.rows, 1);
    assert_int_equal(l.prompt.rows, 1);
    layout_make(1, 1, &want, &l);
    assert_int_equal(l.prompt.rows, 1);
    assert_int_equal(l.message.rows, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_at_every_size_the_parts_are_inside_apart_and_the_prompt_is_seen),
        cmocka_unit_test(test_no_size_at_all_gives_empty_parts),
        cmocka_unit_test(test_the_body_does_not_move_when_the_prompt_opens),
        cmocka_unit_test(
            test_two_views_stand_beside_or_above_each_other_where_there_is_room),
        cmocka_unit_test(
            test_below_the_least_size_only_message_and_prompt_are_left),
    };

    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
