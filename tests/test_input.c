#include "support.h"

#include "ui/term_input.h"

/* What the terminal sends, one code after the other. */
static const uint32_t *queue;

static bool next(uint32_t *code)
{
    if (*queue == 0)
        return false;
    *code = *queue++;
    return true;
}

static void test_characters_and_special_keys_come_through(void **s)
{
    static const struct {
        uint32_t in[6];
        uint32_t code;
        bool alt;
    } cases[] = {
        {{'a'}, 'a', false},
        {{0xF6}, 0xF6, false},
        {{3}, 3, false},
        {{'\r'}, VIEW_KEY_ENTER, false},
        {{'\t'}, VIEW_KEY_TAB, false},
        {{127}, VIEW_KEY_BACKSPACE, false},
        {{27}, VIEW_KEY_ESCAPE, false},
        {{27, 'x'}, 'x', true},
        {{27, VIEW_KEY_UP}, VIEW_KEY_UP, true},
        {{27, 27}, VIEW_KEY_ESCAPE, true},
        {{27, '['}, '[', true},
        {{VIEW_KEY_PAGE_UP}, VIEW_KEY_PAGE_UP, false},
    };
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        struct input in = {0};
        struct key key;

        queue = cases[i].in;
        assert_true(input_key(&in, next, 1, 24, 80, &key));
        if (key.code != cases[i].code || key.alt != cases[i].alt)
            fail_msg("case %zu: key %x, alt %d", i, key.code, key.alt);
        assert_int_equal(key.row, -1);
        assert_false(input_key(&in, next, 1, 24, 80, &key));
    }
}

/* Each is followed by a j, which has to be the next key. */
static void test_what_nobody_knows_is_swallowed_and_no_more(void **s)
{
    static const uint32_t cases[][24] = {
        {27, '[', '9', '9', ';', '7', '~', 'j'},
        {27, 'O', 'P', 'j'},
        {27, '[', '1', ';', '5', 'C', 'j'},
        {INPUT_UNKNOWN, 'j'},
        {INPUT_MOUSE_OLD, ' ', '!', '!', 'j'},
        {INPUT_MOUSE_SGR, '0', ';', 'j'},
        {INPUT_MOUSE_SGR, 'j'},
        {INPUT_MOUSE_SGR, '3', '5', ';', '3', ';', '5', 'M', 'j'},
        {INPUT_MOUSE_SGR, '0', ';', '3', ';', '5', 'm', 'j'},
        {INPUT_MOUSE_SGR, '0', ';', '2', '5', '0', ';', '5', 'M', 'j'},
        {INPUT_MOUSE_SGR, '0', ';', '0', ';', '0', 'M', 'j'},
    };
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        struct input in = {0};
        struct key key;

        queue = cases[i];
        assert_true(input_key(&in, next, 1, 24, 80, &key));
        if (key.code != 'j' || key.alt)
            fail_msg("case %zu: key %x, alt %d", i, key.code, key.alt);
    }
}

static void test_clicks_and_the_wheel_say_where(void **s)
{
    static const struct {
        uint32_t in[16];
        uint32_t code;
        int row, col;
    } cases[] = {
        {{INPUT_MOUSE_SGR, '0', ';', '3', '0', ';', '5', 'M'},
         TERM_KEY_CLICK,
         4,
         29},
        {{INPUT_MOUSE_SGR, '6', '4', ';', '1', ';', '1', 'M'},
         TERM_KEY_WHEEL_UP,
         0,
         0},
        {{INPUT_MOUSE_SGR, '6', '5', ';', '2', '5', '0', ';', '6', '0', 'M'},
         TERM_KEY_WHEEL_DOWN,
         59,
         249},
    };
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        struct input in = {0};
        struct key key;

        queue = cases[i].in;
        assert_true(input_key(&in, next, 1, 60, 250, &key));
        assert_int_equal(key.code, cases[i].code);
        assert_int_equal(key.row, cases[i].row);
        assert_int_equal(key.col, cases[i].col);
    }
}

static void test_a_report_may_come_in_pieces_but_not_too_late(void **s)
{
    static const uint32_t head[] = {INPUT_MOUSE_SGR, '0', ';', '7', 0};
    static const uint32_t tail[] = {';', '4', 'M', 0};
    struct input in = {0};
    struct key key;

    (void)s;
    queue = head;
    assert_false(input_key(&in, next, 1.00, 24, 80, &key));
    queue = tail;
    assert_true(input_key(&in, next, 1.05, 24, 80, &key));
    assert_int_equal(key.code, TERM_KEY_CLICK);
    assert_int_equal(key.col, 6);

    queue = head;
    assert_false(input_key(&in, next, 2.0, 24, 80, &key));
    queue = tail;
    assert_true(input_key(&in, next, 2.5, 24, 80, &key));
    assert_int_equal(key.code, ';'); /* somebody typed it */
}

static void test_a_paste_is_no_keys(void **s)
{
    static const uint32_t paste[] = {
        INPUT_PASTE_START, 'd', 'q', ':', 27, '[', 'A', '\r', VIEW_KEY_UP,
        INPUT_PASTE_END,   'j', 0};
    static const uint32_t open[] = {INPUT_PASTE_START, 'q', 0};
    static const uint32_t later[] = {'q', 0};
    struct input in = {0};
    struct key key;

    (void)s;
    queue = paste;
    assert_true(input_key(&in, next, 1, 24, 80, &key));
    assert_int_equal(key.code, TERM_KEY_PASTE);
    assert_true(input_key(&in, next, 1, 24, 80, &key));
    assert_int_equal(key.code, 'j');

    queue = open; /* its end never comes */
    assert_false(input_key(&in, next, 2.0, 24, 80, &key));
    queue = later;
    assert_false(input_key(&in, next, 3.5, 24, 80, &key));
    queue = later;
    assert_true(input_key(&in, next, 6.0, 24, 80, &key));
    assert_int_equal(key.code, 'q');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters_and_special_keys_come_through),
        cmocka_unit_test(test_what_nobody_knows_is_swallowed_and_no_more),
        cmocka_unit_test(test_clicks_and_the_wheel_say_where),
        cmocka_unit_test(test_a_report_may_come_in_pieces_but_not_too_late),
        cmocka_unit_test(test_a_paste_is_no_keys),
    };

    return cmocka_run_group_tests_name("input", tests, NULL, NULL);
}
