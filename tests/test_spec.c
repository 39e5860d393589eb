#include "tests/support.h"

#include "base/mem.h"
#include "net/spec.h"
#include "net/zoo.h"

static struct net *parse(const char *text)
{
    struct err err;
    struct net *net = spec_parse(text, "test", &err);

    if (net == NULL)
        fail_msg("\"%s\": %s", text, err.msg);
    return net;
}

/* The graph as text: "name:kind(inputs)", folded nodes with a *. */
static void assert_graph(const struct net *net, const char *want)
{
    struct str got = {0};
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        const struct node *node = &net->node[i];

        str_addf(&got, "%s%s%s(", i > 0 ? " " : "", node->name,
                 node->folded ? "*" : "");
        for (k = 0; k < node->in_count; k++)
            str_addf(&got, "%s%d", k > 0 ? "," : "", node->in[k]);
        str_add(&got, ")");
    }
    str_add(&got, " ->");
    for (i = 0; i < net->output_count; i++)
        str_addf(&got, " %d", net->output[i]);
    assert_string_equal(got.text, want);
    str_done(&got);
}

static void test_lines_commas_and_semicolons_read_the_same(void **state)
{
    static const char *const texts[] = {
        "input 28x28x1\nflatten\ndense 30 name=fc1 relu\ndense 10 softmax\n",
        "input 28x28x1, flatten, dense 30 name=fc1 relu, dense 10 softmax",
        "input 28x28x1;flatten;dense 30 name=fc1 relu;dense 10 softmax;",
        "input 28x28x1,flatten,dense 30 name=fc1 relu,dense 10 softmax",
        ("\n# a net, with commas; and more\n  input 28x28x1  # pictures, grey\n"
         "\n\tflatten\r\ndense units=30 name=fc1 relu\ndense 10 softmax"),
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct net *net = parse(texts[i]);

        assert_graph(net, "flatten(-1) fc1(0) fc1_relu*(1) dense(2) "
                          "dense_softmax*(3) -> 4");
        assert_string_equal(net->name, "test");
        assert_int_equal(net->node[1].param[0].count, 784 * 30);
        net_free(net);
    }
}

static void test_a_name_means_the_layer_with_its_activation(void **state)
{
    struct net *net = parse("input 8\n"
                            "dense 4 name=a relu\n"
                            "dense 3 name=b from=a tanh\n"
                            "dense 2 name=c from=a\n"
                            "dense 5 name=d from=input sigmoid\n"
                            "output c d b\n");

    (void)state;
    assert_graph(net, "a(-1) a_relu*(0) b(1) b_tanh*(2) c(1) d(-1) "
                      "d_sigmoid*(5) -> 4 6 3");
    net_free(net);
}

static void test_an_activation_is_folded_only_behind_a_kernel(void **state)
{
    struct net *net = parse("input 4x4x1, flatten relu, relu, dense 3");

    (void)state;
    assert_graph(net, "flatten(-1) flatten_relu(0) relu(1) dense(2) -> 3");
    net_free(net);
}

static void test_the_input_says_what_the_net_wants_of_a_pixel(void **state)
{
    struct net *net = parse("input 4 scale=2 offset=-0.5, dense 3");
    struct str text = {0};

    (void)state;
    assert_true(net->scale == 2.0f && net->offset == -0.5f);
    spec_print(net, &text);
    assert_string_equal(text.text, "input 4 scale=2 offset=-0.5\ndense 3\n");
    str_done(&text);
    net_free(net);
}

static void test_what_is_printed_reads_back_the_same(void **state)
{
    static const char *const texts[] = {
        "input 28x28x1\nflatten\ndense 300 name=fc1 relu\n"
        "dense 10 name=fc2 softmax\n",
        "input 8\ndense 4 name=a relu\ndense 3 name=b\n"
        "dense 2 name=c from=a\noutput b c\n",
        "input 8\ndense 4 use_bias=no name=\"my layer\" relu\n"
        "dense 3\ndense 2 name=\"a=#;\" from=\"my layer\"\n"
        "output \"a=#;\" dense\n",
        "input 8\ndense 4 from=input\ndense 4 name=dense_1 from=input\n"
        "output dense dense_1\n",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct net *net = parse(texts[i]), *again;
        struct str once = {0}, twice = {0};

        spec_print(net, &once);
        again = parse(once.text);
        spec_print(again, &twice);
        assert_true(net_same_graph(net, again));
        assert_string_equal(once.text, twice.text);
        if (strstr(texts[i], "from=input") == NULL)
            assert_string_equal(once.text, texts[i]);
        str_done(&once);
        str_done(&twice);
        net_free(net);
        net_free(again);
    }
}

/* Nets out of files: names and folds that a spec cannot write as they are. */
static struct net *strange_net(const char *dense_name, const char *relu_name,
                               const char *last_name, bool from_dense)
{
    struct shape input = {.rank = 1, .dim = {4}};
    const struct layer_kind *dense = layer_find("dense");
    struct net *net = net_new("strange", &input);
    struct err err;
    int in = NET_INPUT;

    assert_ok(net_add(net, dense, NULL, dense_name, &in, 1, false, &in, &err));
    assert_ok(net_add(net, layer_find("relu"), NULL, relu_name, &in, 1, true,
                      NULL, &err));
    in = from_dense ? 0 : 1;
    assert_ok(net_add(net, dense, NULL, last_name, &in, 1, false, NULL, &err));
    assert_ok(net_finish(net, from_dense ? (const int[]){1, 2} : NULL,
                         from_dense ? 2 : 1, &err));
    return net;
}

static void test_strange_names_still_give_the_same_graph(void **state)
{
    static const struct {
        const char *dense, *relu, *last;
        bool from_dense;
    } cases[] = {
        {"a,b", "a\"b", "a'b", false},  {"a", "x", "a_relu", false},
        {"input", "relu", "b", false},  {"a", "a_relu", "b", true},
        {"a\nb", "relu", "a_b", false}, {"output", "relu", "dense", false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct net *net = strange_net(cases[i].dense, cases[i].relu,
                                      cases[i].last, cases[i].from_dense);
        struct str text = {0};
        struct net *again;

        spec_print(net, &text);
        again = parse(text.text);
        assert_true(net_same_graph(net, again));
        str_done(&text);
        net_free(again);
        net_free(net);
    }
}

static void test_a_refusal_names_the_line_and_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "an empty net"},
        {"# nothing", "an empty net"},
        {"input 8", "a net without layers"},
        {"dense 3", "a net starts with its input"},
        {"input 8, input 9, dense 3", "the input is given twice"},
        {"input 8 8, dense 3", "expected one shape"},
        {"input 8xx, dense 3", "8xx"},
        {"input 8 scale=abc, dense 3", "scale"},
        {"input 8 scale=nan, dense 3", "scale"},
        {"input 8 zoom=2, dense 3", "no setting \"zoom\""},
        {"input 8\ndense 3\ndens 4", "line 3 \"dens 4\""},
        {"input 8, dens 4", "did you mean \"dense\"?"},
        {"input 8, foo 4", "no layer kind \"foo\""},
        {"input 8, dense", "units"},
        {"input 8, dense 0", "units"},
        {"input 8, dense 3 4", "\"4\""},
        {"input 8, dense 3 unit=4", "unit"},
        {"input 8, dense 3 name=a, dense 4 name=a", "two layers are named"},
        {"input 8, dense 3 name=a,dense 4", "holds a comma"},
        {"input 8, dense 3 name=input", "the net's own input"},
        {"input 8, dense 3 name=fc1, dense 3 from=fc2", "mean \"fc1\"?"},
        {"input 8, dense 3 name=fc1, dense 3 from=xyz",
         "no layer \"xyz\" stands before it"},
        {"input 8, dense 3 name=a, dense 3 from=a,a", "takes 1 input, got 2"},
        {"input 8, dense 3 from=", "no layer \"\""},
        {"input 8, dense 3 name=a, dense 3 from=input",
         "layer \"a\" leads to no output"},
        {"input 8, dense 3 name=a, output a b", "no layer \"b\""},
        {"input 8, dense 3 name=a, output a a", "output twice"},
        {"input 8, dense 3, output input", "cannot be an output"},
        {"input 8, dense 3 name=a, output", "expected names of layers"},
        {"input 8, dense 3 name=a, output a, dense 3", "behind the outputs"},
        {"input 8, dense 3 name=a, output a, output a", "given twice"},
        {"input 8, dense \"3", "a quote is not closed"},
        {"input 8, units=3", "kind of a layer first"},
        {"input 8, dense 3 name=a name=b", "name"},
        {"input 70000x70000", "2^31"},
    };
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct net *net = spec_parse(cases[i].text, "test", &err);

        if (net != NULL)
            fail_msg("\"%s\" was read", cases[i].text);
        if (strstr(err.msg, cases[i].message) == NULL)
            fail_msg("\"%s\": \"%s\" does not say \"%s\"", cases[i].text,
                     err.msg, cases[i].message);
    }
}

/* Whatever the bytes: a net or a message, never more. */
static void test_broken_texts_are_refused_without_harm(void **state)
{
    static const char good[] =
        "input 28x28x1, flatten, dense 30 name=\"a b\" from=flatten relu, "
        "dense 10 softmax, output \"a b\" dense";
    static const char odd[] = " ,;=#\"'\n\t%09x-,relu";
    struct rng r = rng_at(1, RNG_TEST, 0, 0);
    char text[sizeof(good)];
    struct err err;
    int i, k;

    (void)state;
    for (i = 0; i < 3000; i++) {
        memcpy(text, good, sizeof(good));
        for (k = (int)rng_below(&r, 4); k >= 0; k--)
            text[rng_below(&r, sizeof(good) - 1)] =
                odd[rng_below(&r, sizeof(odd) - 1)];
        if (rng_below(&r, 4) == 0)
            text[rng_below(&r, sizeof(good))] = '\0';
        net_free(spec_parse(text, "test", &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_commas_and_semicolons_read_the_same),
        cmocka_unit_test(test_a_name_means_the_layer_with_its_activation),
        cmocka_unit_test(test_an_activation_is_folded_only_behind_a_kernel),
        cmocka_unit_test(test_the_input_says_what_the_net_wants_of_a_pixel),
        cmocka_unit_test(test_what_is_printed_reads_back_the_same),
        cmocka_unit_test(test_strange_names_still_give_the_same_graph),
        cmocka_unit_test(test_a_refusal_names_the_line_and_what_is_wrong),
        cmocka_unit_test(test_broken_texts_are_refused_without_harm),
    };

    return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
