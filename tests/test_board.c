#include <poll.h>
#include <pthread.h>

#include "engine/board.h"
#include "support.h"

static bool readable(struct board *b)
{
    struct pollfd p = {.fd = board_fd(b), .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static void publish_layers(struct board *b, int count)
{
    struct layers_sheet *s = sheet_new(SHEET_LAYERS);
    struct layer_row *rows = sheet_array(s, (size_t)count, sizeof(rows[0]));
    int i;

    for (i = 0; i < count; i++)
        rows[i].weights = count;
    s->row = rows;
    s->count = count;
    board_publish(b, s);
}

static void test_nothing_is_there_before_something_is_published(void **state)
{
    struct board *b = board_new();

    (void)state;
    assert_null(board_take(b, SHEET_STATUS));
    assert_int_equal(board_serial(b, SHEET_STATUS), 0);
    assert_false(readable(b));
    board_free(b);
}

static void test_a_taken_sheet_stays_when_a_newer_one_comes(void **state)
{
    struct board *b = board_new();
    const struct layers_sheet *old, *new;

    (void)state;
    publish_layers(b, 3);
    old = board_take(b, SHEET_LAYERS);
    publish_layers(b, 5);
    new = board_take(b, SHEET_LAYERS);
    assert_int_equal(old->count, 3);
    assert_int_equal(old->row[2].weights, 3);
    assert_int_equal(new->count, 5);
    assert_true(new->sheet.serial > old->sheet.serial);
    sheet_drop(new);
    board_free(b);
    /* The board is gone, the sheet is not. */
    assert_int_equal(old->row[0].weights, 3);
    sheet_drop(old);
}

static void test_the_descriptor_wakes_once_until_it_is_put_to_rest(void **state)
{
    struct board *b = board_new();
    int i;

    (void)state;
    for (i = 0; i < 100000; i++)
        board_publish(b, sheet_new(SHEET_STATUS));
    assert_true(readable(b));
    board_rest(b);
    assert_false(readable(b));
    board_rest(b);
    board_publish(b, sheet_new(SHEET_STATUS));
    assert_true(readable(b));
    assert_int_equal(board_serial(b, SHEET_STATUS), 100001);
    board_free(b);
}

static int told;

static void tell(void *arg)
{
    assert_ptr_equal(arg, &told);
    told++;
}

static void test_a_wish_is_told_when_it_changes_and_only_then(void **state)
{
    struct board *b = board_new();
    struct board_wish wish = {.layer = "fc1", .want_layer = true}, read;
    unsigned long serial;

    (void)state;
    told = 0;
    board_on_wish(b, tell, &told);
    board_set_wish(b, &wish);
    serial = board_get_wish(b, &read);
    assert_string_equal(read.layer, "fc1");
    assert_true(read.want_layer);
    board_set_wish(b, &wish);
    assert_int_equal(board_get_wish(b, &read), serial);
    assert_int_equal(told, 1);
    wish.want_data = true;
    board_set_wish(b, &wish);
    assert_int_equal(board_get_wish(b, &read), serial + 1);
    assert_int_equal(told, 2);
    board_free(b);
}

static void test_a_sheet_that_is_not_published_is_dropped(void **state)
{
    struct curve_sheet *s = sheet_new(SHEET_CURVE);

    (void)state;
    s->point = sheet_array(s, 1000, sizeof(s->point[0]));
    assert_int_equal(s->point[999].step, 0);
    sheet_drop(s);
    sheet_drop(NULL);
}

/* A sheet's rows all hold its count: a torn one would show. */
static void *reader(void *arg)
{
    struct board *b = arg;
    int seen = 0;

    while (seen < 2000) {
        const struct layers_sheet *s = board_take(b, SHEET_LAYERS);
        int i;

        board_rest(b);
        for (i = 0; s != NULL && i < s->count; i++) {
            if (s->row[i].weights != s->count)
                return arg;
        }
        seen = s == NULL ? 0 : s->count;
        sheet_drop(s);
    }
    return NULL;
}

static void test_sheets_are_whole_whoever_takes_them_when(void **state)
{
    struct board *b = board_new();
    pthread_t thread[2];
    void *torn;
    int i;

    (void)state;
    for (i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, reader, b), 0);
    for (i = 1; i <= 2000; i++)
        publish_layers(b, i);
    for (i = 0; i < 2; i++) {
        pthread_join(thread[i], &torn);
        assert_null(torn);
    }
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_there_before_something_is_published),
        cmocka_unit_test(test_a_taken_sheet_stays_when_a_newer_one_comes),
        cmocka_unit_test(
            test_the_descriptor_wakes_once_until_it_is_put_to_rest),
        cmocka_unit_test(test_a_wish_is_told_when_it_changes_and_only_then),
        cmocka_unit_test(test_a_sheet_that_is_not_published_is_dropped),
        cmocka_unit_test(test_sheets_are_whole_whoever_takes_them_when),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
