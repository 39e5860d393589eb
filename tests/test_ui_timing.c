/* The curves of `timing`: what they say at every size, whole or half done. */
#include "tests/support.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "ui/timing.h"

enum { LEVELS = 5, BATCHES = 2 };

static struct timing_row rows[BATCHES][LEVELS];
static struct timing_batch batches[BATCHES];

/* CSR crosses at 90 %, sliced at 75 %, smaller at once, masked never. */
static struct timing_sheet sheet_of(int done)
{
    static const char *const form[] = {"dense", "masked", "CSR", "sliced",
                                       "smaller"};
    static const double level[] = {0, 0.5, 0.75, 0.9, 0.98};
    static const double even[] = {NAN, NAN, 0.9, 0.75, 0};
    struct timing_sheet t = {.layer = "fc1",
                             .kernel = "784x300",
                             .kernels = "avx2",
                             .stage = 2,
                             .runs = 30,
                             .done = done,
                             .all = LEVELS * BATCHES,
                             .level_count = LEVELS,
                             .batch_count = BATCHES,
                             .batch = batches};
    int b, i, f;

    for (f = 0; f < TIMING_SHEET_FORMS; f++)
        snprintf(t.form[f], sizeof(t.form[f]), "%s", form[f]);
    for (b = 0; b < BATCHES; b++) {
        batches[b].samples = b == 0 ? 1 : 64;
        batches[b].row = rows[b];
        for (f = 0; f < TIMING_SHEET_FORMS; f++)
            batches[b].break_even[f] =
                done >= (b + 1) * LEVELS ? even[f] : (double)NAN;
        for (i = 0; i < LEVELS; i++) {
            struct timing_row *r = &rows[b][i];
            bool known = b * LEVELS + i < done;

            r->sparsity = level[i];
            for (f = 0; f < TIMING_SHEET_FORMS; f++) {
                double left = (1 - level[i]) / (1 - (f < 2 ? 0 : even[f]));

                r->median[f] = known ? 2e-5 * (f < 2 ? 1 : left) : (double)NAN;
                r->low[f] = r->median[f] * 0.9;
                r->high[f] = r->median[f] * 1.1;
            }
        }
    }
    return t;
}

static char *drawn(const struct timing_sheet *t, int rows_, int cols, int batch,
                   int stage)
{
    struct canvas c;
    struct str out = {0};

    canvas_init(&c, rows_, cols);
    timing_draw(pane_at(&c, (struct rect){0, 0, rows_, cols}), t, batch, stage);
    canvas_dump(&c, &out);
    canvas_done(&c);
    return str_take(&out);
}

static void expect(char *text, const char *const *want, const char * not )
{
    for (; *want != NULL; want++) {
        if (strstr(text, *want) == NULL)
            fail_msg("no \"%s\" in:\n%s", *want, text);
    }
    if (not != NULL && strstr(text, not ) != NULL)
        fail_msg("\"%s\" in:\n%s", not, text);
    mem_free(text);
}

static void test_one_batch_at_a_time_on_a_narrow_screen(void **state)
{
    static const char *const first[] = {
        "fc1 784x300, batch 1, one thread, avx2",
        "[us]",
        "zeros",
        "sliced",
        "masked",
        "beats dense from: CSR 90.0%, sliced 75.0%, smaller 0.0%",
        "median of 30, quartiles within 10% of it",
        NULL};
    static const char *const second[] = {"batch 64", NULL};
    struct timing_sheet t = sheet_of(LEVELS * BATCHES);

    (void)state;
    expect(drawn(&t, 18, 80, 0, 2), first, "batch 64");
    expect(drawn(&t, 18, 80, 1, 2), second, "batch 1,");
    /* Counted round. */
    expect(drawn(&t, 18, 80, 3, 2), second, "batch 1,");
}

static void test_all_batches_on_a_wide_one(void **state)
{
    static const char *const both[] = {"batch 1,", "batch 64,", NULL};
    struct timing_sheet t = sheet_of(LEVELS * BATCHES);

    (void)state;
    expect(drawn(&t, 18, 130, 0, 2), both, NULL);
}

static void test_half_done_and_old_ones_say_so(void **state)
{
    static const char *const half[] = {"batch 1, one thread, avx2, 3 of 10",
                                       NULL};
    static const char *const old[] = {"avx2, at stage 2", NULL};
    struct timing_sheet t = sheet_of(3);

    (void)state;
    expect(drawn(&t, 18, 80, 0, 2), half, "beats dense");
    t = sheet_of(LEVELS * BATCHES);
    expect(drawn(&t, 18, 80, 0, 5), old, NULL);
}

static void test_a_form_that_never_wins_is_told(void **state)
{
    static const char *const never[] = {"CSR never, sliced 75.0%", NULL};
    struct timing_sheet t = sheet_of(LEVELS * BATCHES);

    (void)state;
    batches[0].break_even[2] = (double)NAN;
    expect(drawn(&t, 18, 80, 0, 2), never, NULL);
}

static void test_any_size_is_drawn(void **state)
{
    struct timing_sheet t = sheet_of(LEVELS * BATCHES);
    int r, c;

    (void)state;
    for (r = 1; r < 30; r += 2) {
        for (c = 1; c < 140; c += 3)
            mem_free(drawn(&t, r, c, 0, 2));
    }
    t.done = 0;
    assert_false(timing_shown(&t));
    assert_false(timing_shown(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_batch_at_a_time_on_a_narrow_screen),
        cmocka_unit_test(test_all_batches_on_a_wide_one),
        cmocka_unit_test(test_half_done_and_old_ones_say_so),
        cmocka_unit_test(test_a_form_that_never_wins_is_told),
        cmocka_unit_test(test_any_size_is_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
