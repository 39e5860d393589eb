#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "engine/stages.h"
#include "io/io.h"
#include "net/spec.h"
#include "tiny.h"

struct bits {
    char *bytes;
    size_t n;
};

static struct bits take(struct tiny *t, void **state)
{
    struct bits b;

    b.bytes = tiny_weights(t, state, &b.n);
    return b;
}

static bool same(const struct bits *a, const struct bits *b)
{
    return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
}

static void begin(struct tiny *t, void **state)
{
    *t = (struct tiny){0};
    tiny_data(state);
    tiny_open(t, (struct engine_options){.seed = 3});
    tiny_begin(t, state);
}

static void test_undo_then_redo_is_the_identity(void **state)
{
    static const char *const lines[] = {
        "train epochs=1", "prune 30%",       "finetune epochs=1",
        "step 40%",       "init masks=keep", "iterate 2 20% epochs=1"};
    struct bits at[8], now;
    struct tiny t;
    size_t i;

    begin(&t, state);
    for (i = 0; i < LENGTH(lines); i++) {
        at[i] = take(&t, state);
        tiny_do(&t, lines[i]);
        now = take(&t, state);
        tiny_do(&t, i + 1 == LENGTH(lines) ? "undo; undo" : "undo");
        if (i + 1 == LENGTH(lines))
            tiny_do(&t, "redo; redo");
        else
            tiny_do(&t, "redo");
        at[i + 1] = take(&t, state);
        assert_true(same(&now, &at[i + 1]));
        mem_free(now.bytes);
        mem_free(at[i + 1].bytes);
    }
    /* All the way back, bit for bit. */
    for (i = LENGTH(lines) + 1; i-- > 0;) {
        tiny_do(&t, "undo");
        if (i >= LENGTH(lines))
            continue;
        now = take(&t, state);
        assert_true(same(&now, &at[i]));
        mem_free(now.bytes);
        mem_free(at[i].bytes);
    }
    tiny_refuse(&t, "undo", ERR_STATE, "nothing to undo");
    tiny_close(&t);
}

/* The net's text, out of a file. */
static char *spec_of(struct tiny *t, void **state)
{
    const char *path = support_path(state, "spec.h5");
    struct str line = {0}, text = {0};
    struct net *net;
    struct err err;

    str_addf(&line, "export %s", path);
    tiny_do(t, line.text);
    assert_ok(net_load(path, &net, NULL, NULL, &err));
    spec_print(net, &text);
    net_free(net);
    str_done(&line);
    return str_take(&text);
}

/* Bits are no values, and no part of a graph's shape. */
static void test_undo_takes_back_what_layers_are_set_to(void **state)
{
    static const char *const lines[] = {"quantize activations bits=3",
                                        "quantize activations follow",
                                        "quantize activations bits=5"};
    char *at[LENGTH(lines)], *now;
    struct tiny t;
    size_t i;

    begin(&t, state);
    for (i = 0; i < LENGTH(lines); i++) {
        tiny_do(&t, lines[i]);
        at[i] = spec_of(&t, state);
        assert_true(i == 0 || strcmp(at[i], at[i - 1]) != 0);
    }
    for (i = LENGTH(lines) - 1; i-- > 0;) {
        tiny_do(&t, "undo");
        now = spec_of(&t, state);
        assert_string_equal(now, at[i]);
        mem_free(now);
    }
    tiny_do(&t, "redo; redo");
    now = spec_of(&t, state);
    assert_string_equal(now, at[LENGTH(lines) - 1]);
    mem_free(now);
    for (i = 0; i < LENGTH(lines); i++)
        mem_free(at[i]);
    tiny_close(&t);
}

static void test_the_same_command_from_the_same_stage_gives_the_same(
    void **state)
{
    struct bits first, second, other;
    struct tiny t;

    begin(&t, state);
    tiny_do(&t, "train epochs=1; step 30% epochs=1");
    first = take(&t, state);
    tiny_do(&t, "goto 1; step 60% epochs=1");
    other = take(&t, state);
    tiny_do(&t, "goto 1; step 30% epochs=1");
    second = take(&t, state);
    assert_true(same(&first, &second));
    assert_false(same(&first, &other));
    mem_free(first.bytes);
    mem_free(second.bytes);
    mem_free(other.bytes);
    tiny_close(&t);
}

static void test_two_trainings_in_a_row_see_other_orders(void **state)
{
    struct bits twice, longer;
    struct tiny t;

    begin(&t, state);
    tiny_do(&t, "train epochs=1 optimiser=sgd; train epochs=1 optimiser=sgd");
    twice = take(&t, state);
    tiny_do(&t, "goto 0; train epochs=2 optimiser=sgd");
    longer = take(&t, state);
    assert_false(same(&twice, &longer));
    mem_free(twice.bytes);
    mem_free(longer.bytes);
    tiny_close(&t);
}

static void test_redo_follows_the_branch_that_was_left(void **state)
{
    struct tiny t;

    begin(&t, state);
    tiny_do(&t, "prune 10%; undo; prune 20%; undo; prune 30%");
    tiny_do(&t, "goto 2; undo; redo; expect stage == 2");
    tiny_do(&t, "goto 3; undo; redo; expect stage == 3");
    tiny_do(&t, "goto 1; undo; expect stage == 0; redo; expect stage == 1");
    tiny_refuse(&t, "redo", ERR_STATE, "nothing to redo");
    tiny_close(&t);
}

static void test_stages_have_names(void **state)
{
    struct tiny t;

    begin(&t, state);
    tiny_do(&t, "train epochs=1; mark ready; prune 20%");
    tiny_do(&t, "branch bold; prune 50%; prune 50%");
    tiny_do(&t, "goto ready; branch timid; prune 5%");
    tiny_do(&t, "goto bold; expect stage == 4");
    tiny_do(&t, "goto timid; expect stage == 5");
    tiny_do(&t, "goto dense; expect stage == 1; goto 2; mark ready");
    tiny_do(&t, "goto 0; goto ready; expect stage == 2");
    tiny_do(&t, "expect sparsity of bold > sparsity of timid + 50%");
    tiny_refuse(&t, "goto redy", ERR_MISSING, "did you mean \"ready\"");
    tiny_refuse(&t, "mark bold", ERR_VALUE, "is a branch already");
    tiny_close(&t);
}

static const struct history_row *row_of(const struct history_sheet *s, int id)
{
    int i = 0;

    while (i < s->count && s->row[i].id != id)
        i++;
    if (i == s->count)
        fail_msg("no row of stage %d", id);
    return &s->row[i];
}

static void test_the_tree_is_shown_with_a_lane_a_branch(void **state)
{
    const struct history_sheet *s;
    struct tiny t;

    begin(&t, state);
    tiny_do(&t, "prune 10%; prune 10%; goto 1; prune 20%; goto 0; prune 30%");
    tiny_do(&t, "goto 2; mark here");
    s = board_take(engine_board(t.engine), SHEET_HISTORY);
    assert_int_equal(s->count, 5);
    assert_int_equal(s->row[0].id, 0);
    assert_int_equal(row_of(s, 1)->lane, row_of(s, 0)->lane);
    assert_int_equal(row_of(s, 2)->lane, row_of(s, 0)->lane);
    assert_int_not_equal(row_of(s, 3)->lane, row_of(s, 0)->lane);
    assert_int_not_equal(row_of(s, 4)->lane, row_of(s, 0)->lane);
    assert_int_not_equal(row_of(s, 3)->lane, row_of(s, 4)->lane);
    assert_int_equal(row_of(s, 2)->depth, 2);
    assert_true(row_of(s, 2)->current);
    assert_true(row_of(s, 1)->on_path);
    assert_false(row_of(s, 3)->on_path);
    assert_string_equal(row_of(s, 2)->name, "here");
    assert_int_equal(s->undo_id, 1);
    assert_int_equal(s->redo_id, -1);
    sheet_drop(s);
    tiny_close(&t);
}

static void test_two_stages_are_compared_layer_by_layer(void **state)
{
    const struct compare_sheet *s;
    struct tiny t;

    begin(&t, state);
    tiny_do(&t, "train epochs=2; prune to=50% scope=layer; compare 1 2");
    s = board_take(engine_board(t.engine), SHEET_COMPARE);
    assert_int_equal(s->count, 2);
    assert_string_equal(s->row[0].name, "fc1");
    assert_int_equal(s->row[0].weights, 1536);
    assert_int_equal(s->row[0].alive_a, 1536);
    assert_int_equal(s->row[0].alive_b, 768);
    assert_int_equal(s->row[0].both, 768);
    /* What is gone is the smaller half: 0 < |a-b| / |a| < sqrt(1/2). */
    assert_true(s->row[0].distance > 0.0 && s->row[0].distance < 0.7072);
    assert_true(s->only_a >= 0 && s->only_b >= 0);
    sheet_drop(s);
    tiny_do(&t, "compare 1 1");
    s = board_take(engine_board(t.engine), SHEET_COMPARE);
    assert_int_equal(s->only_a + s->only_b, 0);
    assert_close(s->row[0].distance, 0, 0);
    sheet_drop(s);
    /* Looking leaves no trace. */
    tiny_do(&t, "expect stage == 2; undo; redo; expect stage == 2");
    /* Units taken out: layers that go with them have other shapes. */
    tiny_do(&t, "prune 50% by=units layers=fc1; shrink; compare 2 4");
    s = board_take(engine_board(t.engine), SHEET_COMPARE);
    assert_int_equal(s->count, 2);
    assert_false(s->row[0].same);
    assert_int_equal(s->row[0].weights, 1536);
    assert_true(s->row[0].weights_b > 0 && s->row[0].weights_b <= 768);
    assert_int_equal(s->row[0].alive_a, 768);
    assert_true(s->row[0].alive_b > 0 && s->row[0].alive_b <= 768);
    sheet_drop(s);
    assert_non_null(strstr(t.said.text, "layers of different shapes"));
    tiny_close(&t);
}

/* A pruned weight's size is the least that the layer's threshold tells. */
static void test_thresholds_are_kept_along_the_path(void **state)
{
    const struct layers_sheet *s;
    struct tiny t;
    double first;

    begin(&t, state);
    tiny_do(&t, "prune 20% scope=layer");
    s = board_take(engine_board(t.engine), SHEET_LAYERS);
    first = s->row[1].threshold;
    assert_true(first > 0);
    sheet_drop(s);
    tiny_do(&t, "prune 20% scope=layer");
    s = board_take(engine_board(t.engine), SHEET_LAYERS);
    assert_true(s->row[1].threshold > first);
    sheet_drop(s);
    tiny_do(&t, "undo; undo");
    s = board_take(engine_board(t.engine), SHEET_LAYERS);
    assert_close(s->row[1].threshold, 0, 0);
    sheet_drop(s);
    tiny_close(&t);
}

static struct net *small_net(uint64_t seed)
{
    struct err err;
    struct net *net =
        spec_parse("input 20\ndense 30 relu\ndense 5", "small", &err);

    if (net == NULL)
        fail_msg("%s", err.msg);
    net_init(net, seed);
    return net;
}

static void test_copies_over_the_limit_come_back_from_a_file(void **state)
{
    struct stages *h = stages_new();
    const struct net *net;
    char *folder;
    struct err err;
    int i, held = 0;

    setenv("TMPDIR", *state, 1);
    h->limit = (size_t)4 * 4000;
    for (i = 0; i < 20; i++) {
        stages_add(h, i - 1, "a stage", small_net((uint64_t)i));
        stages_go(h, i);
    }
    for (i = 0; i < 20; i++)
        held += stages_at(h, i)->net != NULL;
    assert_true(held <= 5);
    for (i = 0; i < 20; i++) {
        struct net *want = small_net((uint64_t)i);

        assert_ok(stages_net(h, i, &net, &err));
        assert_true(net_same_graph(net, want));
        assert_same_bits(net->node[0].param[0].value,
                         want->node[0].param[0].value, 600 * sizeof(float));
        net_free(want);
    }
    folder = mem_strdup(h->folder);
    assert_int_equal(access(folder, F_OK), 0);
    stages_free(h);
    assert_int_not_equal(access(folder, F_OK), 0);
    mem_free(folder);
    unsetenv("TMPDIR");
}

/* A stage may have another graph than the one before; going back and forth
 * changes the working net with it, and training goes on from there. */
static void test_a_shrunk_net_is_a_stage_like_any(void **state)
{
    const struct layers_sheet *s;
    struct tiny t;
    char *small, *again;
    size_t n, m;

    begin(&t, state);
    tiny_refuse(&t, "shrink", ERR_VALUE, "every unit has a use");
    tiny_do(&t, "train epochs=1; prune to=97% row_floor=no floor=0 scope=layer;"
                " eval; shrink; expect accuracy of 2 - accuracy == 0");
    s = board_take(engine_board(t.engine), SHEET_LAYERS);
    assert_true(s->total.weights < 1536 + 96);
    sheet_drop(s);
    small = tiny_weights(&t, state, &n);
    tiny_do(&t, "undo");
    s = board_take(engine_board(t.engine), SHEET_LAYERS);
    assert_int_equal(s->total.weights, 1536 + 96);
    sheet_drop(s);
    tiny_do(&t, "redo; compare 2 3");
    again = tiny_weights(&t, state, &m);
    assert_int_equal(n, m);
    assert_same_bits(again, small, n);
    tiny_do(&t, "finetune epochs=1; expect leaks == 0; goto 1; undo");
    mem_free(small);
    mem_free(again);
    tiny_close(&t);
}

static void test_expectations_name_what_they_compare(void **state)
{
    struct tiny t = {0};

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 3});
    tiny_begin(&t, state);
    tiny_do(&t, "prune 50% scope=layer; expect sparsity > 40%");
    assert_non_null(
        strstr(t.said.text, "expected: sparsity 50.00 % > 40.00 %"));
    tiny_do(&t, "expect sparsity - sparsity of 0 >= 1% + 2%");
    assert_non_null(strstr(t.said.text, "expected: sparsity - sparsity of 0 = "
                                        "50.00 % >= 3.00 %"));
    tiny_refuse(&t, "expect 1% > sparsity", ERR_EXPECT,
                "not so: 1.00 % > sparsity 50.00 %");
    tiny_close(&t);
}

static void test_a_net_of_other_data_is_told(void **state)
{
    const char *path = support_path(state, "other.h5");
    struct net_note note = {0};
    struct tiny t = {0};
    struct net *net;
    struct str line = {0};
    struct err err;

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 3});
    tiny_begin(&t, state);
    net = spec_parse("input 8x8x1; flatten; dense 4 softmax", "other", &err);
    assert_non_null(net);
    net_note_set(&note, "validation_accuracy", "0.2");
    assert_ok(net_save(path, net, &note, &err));
    str_addf(&line, "net %s", path);
    tiny_do(&t, line.text);
    assert_null(strstr(t.said.text, "may be other data"));
    net_note_set(&note, "validation_accuracy", "0.99");
    assert_ok(net_save(path, net, &note, &err));
    tiny_do(&t, line.text);
    assert_non_null(strstr(t.said.text, "its file says 99.00 % of"));
    net_note_done(&note);
    str_done(&line);
    net_free(net);
    tiny_close(&t);
}

/* The rate belongs to the stage: undo, and going on from there, know it. */
static void test_dropout_made_milder_is_undone_with_the_pruning(void **state)
{
    struct tiny t = {0};

    tiny_data(state);
    tiny_open(&t, (struct engine_options){.seed = 3});
    tiny_begin(&t, state);
    tiny_do(&t, "new \"input 8x8x1; flatten; dense 24 relu; dropout 0.5 "
                "name=d; dense 4 softmax\"");
    tiny_do(&t, "prune 75% scope=layer");
    assert_non_null(strstr(t.said.text, "fewer weights: d 0.5 to 0.25"));
    tiny_do(&t, "prune 75% scope=layer");
    assert_non_null(strstr(t.said.text, "fewer weights: d 0.25 to 0.125"));
    tiny_do(&t, "undo; prune 36% scope=layer");
    assert_non_null(strstr(t.said.text, "fewer weights: d 0.25 to 0.2"));
    tiny_do(&t, "undo; prune 19% scope=layer adjust_dropout=no");
    assert_null(strstr(t.said.text, "fewer weights: d 0.25 to 0.225"));
    tiny_do(&t, "prune 19% scope=layer");
    assert_non_null(strstr(t.said.text, "fewer weights: d 0.25 to 0.225"));
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_undo_then_redo_is_the_identity),
        unit_test_in_folder(test_undo_takes_back_what_layers_are_set_to),
        unit_test_in_folder(
            test_the_same_command_from_the_same_stage_gives_the_same),
        unit_test_in_folder(test_two_trainings_in_a_row_see_other_orders),
        unit_test_in_folder(test_redo_follows_the_branch_that_was_left),
        unit_test_in_folder(test_stages_have_names),
        unit_test_in_folder(test_the_tree_is_shown_with_a_lane_a_branch),
        unit_test_in_folder(test_two_stages_are_compared_layer_by_layer),
        unit_test_in_folder(test_thresholds_are_kept_along_the_path),
        unit_test_in_folder(test_a_shrunk_net_is_a_stage_like_any),
        unit_test_in_folder(test_copies_over_the_limit_come_back_from_a_file),
        unit_test_in_folder(test_expectations_name_what_they_compare),
        unit_test_in_folder(test_a_net_of_other_data_is_told),
        unit_test_in_folder(
            test_dropout_made_milder_is_undone_with_the_pruning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
