/* quantize, reassign and what goes with them, as commands. */
#include "tiny.h"

#include "base/mem.h"
#include "engine/cmd.h"

static void begin(struct tiny *t, void **state)
{
    tiny_data(state);
    tiny_open(t, (struct engine_options){.seed = 5});
    tiny_begin(t, state);
    tiny_do(t, "set batch=20; train epochs=12 lr=0.01; prune 50%");
}

static void assert_said(struct tiny *t, const char *text)
{
    if (strstr(t->said.text, text) == NULL)
        fail_msg("\"%s\" is not in:\n%s", text, t->said.text);
}

static void test_layers_are_told_and_undo_frees_them(void **state)
{
    struct tiny t = {0};
    char *before, *after;
    size_t n, m;

    begin(&t, state);
    before = tiny_weights(&t, state, &n);
    tiny_do(&t, "quantize bits=3 layers=fc1");
    assert_said(&t, "fc1  7 values for ");
    tiny_do(&t, "quantize symmetric bits=4 layers=fc2 scale=tensor");
    assert_said(&t, "fc2  symmetric, 4 bits, 1 scale ");
    tiny_refuse(&t, "quantize symmetric", ERR_STATE,
                "layer \"fc1\" shares 7 values");
    tiny_refuse(&t, "quantize bits=2 layers=fc2", ERR_STATE,
                "layer \"fc2\" is on a grid of 4 bits");
    tiny_do(&t, "undo; undo");
    after = tiny_weights(&t, state, &m);
    assert_int_equal(n, m);
    assert_same_bits(after, before, n);
    /* Free again, so they can be rounded. */
    tiny_do(&t, "quantize symmetric; undo");
    mem_free(before);
    mem_free(after);
    tiny_close(&t);
}

static void test_arguments_that_mean_nothing_are_refused(void **state)
{
    struct tiny t = {0};

    begin(&t, state);
    tiny_refuse(&t, "quantize bits=3 values=4", ERR_USAGE,
                "bits and values exclude each other");
    tiny_refuse(&t, "quantize fp16 bits=8", ERR_USAGE,
                "quantize fp16 takes no bits");
    tiny_refuse(&t, "quantize affine by=exact", ERR_USAGE,
                "quantize affine takes no by");
    tiny_refuse(&t, "quantize bits=13", ERR_VALUE, "bits");
    tiny_refuse(&t, "quantize symmetric bits=9", ERR_VALUE, "expected 2 to 8");
    tiny_refuse(&t, "quantize off", ERR_STATE, "no layer is quantised");
    tiny_do(&t, "quantize activations");
    tiny_refuse(&t, "quantize off", ERR_STATE, "`quantize activations off`");
    tiny_refuse(&t, "reassign", ERR_STATE, "no layer shares its weights");
    tiny_refuse(&t, "quantize layers=conv*", ERR_MISSING, "fc1, fc2");
    tiny_close(&t);
}

static void test_fine_tuning_heals_and_keeps_every_promise(void **state)
{
    struct tiny t = {0};

    begin(&t, state);
    tiny_do(&t, "finetune epochs=4; mark free; quantize bits=2;"
                " finetune epochs=6; prune 20%; finetune epochs=2; reassign;"
                " expect accuracy > 80%");
    assert_null(strstr(t.said.text, "none of their values"));
    assert_null(strstr(t.said.text, "pruned weights are not zero"));
    tiny_do(&t, "goto free; quantize symmetric bits=2 range=mse;"
                " finetune epochs=4; expect accuracy > 80%");
    assert_null(strstr(t.said.text, "none of their values"));
    /* New values for all weights: none is bound any more. */
    tiny_do(&t, "init; quantize symmetric bits=4");
    tiny_close(&t);
}

static void test_an_opened_file_is_still_quantised(void **state)
{
    struct tiny t = {0};
    struct str line = {0};

    begin(&t, state);
    str_addf(&line, "quantize bits=2; save %s; net %s",
             support_path(state, "q.h5"), support_path(state, "q.h5"));
    tiny_do(&t, line.text);
    tiny_refuse(&t, "quantize symmetric", ERR_STATE, "shares 3 values");
    str_clear(&line);
    str_addf(&line, "export %s; net %s", support_path(state, "e.h5"),
             support_path(state, "e.h5"));
    tiny_do(&t, line.text);
    tiny_do(&t, "quantize symmetric");
    str_done(&line);
    tiny_close(&t);
}

static void test_activations_are_quantised_changed_and_freed(void **state)
{
    struct tiny t = {0};

    begin(&t, state);
    tiny_do(&t, "quantize activations bits=4");
    assert_said(&t, "input_quant  8 bits from 0 to ");
    assert_said(&t, "fc1_quant  4 bits from 0 to ");
    tiny_do(&t, "quantize activations bits=3 by=mse layers=fc1");
    assert_said(&t, ", fixed");
    tiny_do(&t, "finetune epochs=1; quantize activations follow;"
                " finetune epochs=1; quantize activations freeze;"
                " integer");
    assert_said(&t, "its activations rounded in floats: the same guess on ");
    tiny_do(&t, "quantize activations off");
    tiny_refuse(&t, "quantize activations=off", ERR_STATE,
                "no activation is quantised");
    tiny_refuse(&t, "quantize activations freeze layers=fc1", ERR_STATE,
                "no activation of fc1 is quantised");
    tiny_refuse(&t, "quantize activations bits=1", ERR_VALUE, "2 or more");
    tiny_refuse(&t, "quantize activations bits=17", ERR_VALUE, "bits");
    tiny_refuse(&t, "quantize activations by=density", ERR_USAGE,
                "by=density is for shared weights");
    tiny_refuse(&t, "quantize by=kl", ERR_USAGE, "by=kl is for activations");
    tiny_refuse(&t, "quantize activations scale=tensor", ERR_USAGE,
                "takes no scale");
    tiny_refuse(&t, "quantize activations freeze bits=3", ERR_USAGE,
                "freeze takes no bits");
    tiny_refuse(&t, "quantize symmetric off", ERR_USAGE,
                "symmetric takes no activations");
    tiny_refuse(&t, "quantize activations layers=fc2", ERR_MISSING,
                "the outputs of input, fc1");
    tiny_close(&t);
}

static void test_a_number_where_quantize_has_a_word_is_bits(void **state)
{
    static const struct {
        const char *line, *way, *activations; /* NULL: not given */
        double bits;
    } cases[] = {
        {"quantize 5", NULL, NULL, 5},
        {"quantize symmetric 4", "symmetric", NULL, 4},
        {"quantize 4 symmetric", "symmetric", NULL, 4},
        {"quantize activations 3", "activations", NULL, 3},
        {"quantize activations=3", NULL, "on", 3},
        {"quantize activations=freeze", NULL, "freeze", 0},
    };
    struct settings s = settings_usual();
    struct cmd_call call;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++) {
        const char *const texts[][2] = {{"way", cases[i].way},
                                        {"activations", cases[i].activations}};
        int k;

        assert_ok(cmd_parse(cases[i].line, &s, &call, &err));
        for (k = 0; k < 2; k++) {
            assert_int_equal(cmd_given(&call, texts[k][0]),
                             texts[k][1] != NULL);
            if (texts[k][1] != NULL)
                assert_string_equal(cmd_text(&call, texts[k][0]), texts[k][1]);
        }
        assert_close(cmd_number(&call, "bits"), cases[i].bits, 0);
        cmd_done(&call);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_number_where_quantize_has_a_word_is_bits),
        unit_test_in_folder(test_layers_are_told_and_undo_frees_them),
        unit_test_in_folder(test_arguments_that_mean_nothing_are_refused),
        unit_test_in_folder(test_fine_tuning_heals_and_keeps_every_promise),
        unit_test_in_folder(test_an_opened_file_is_still_quantised),
        unit_test_in_folder(test_activations_are_quantised_changed_and_freed),
    };

    return cmocka_run_group_tests_name("quantise", tests, NULL, NULL);
}
