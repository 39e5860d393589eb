#include "tests/support.h"

#include "base/mem.h"
#include "net/size.h"
#include "net/spec.h"
#include "net/zoo.h"

static struct net *make(const char *name, const struct shape *input,
                        int classes)
{
    const struct zoo_row *row = zoo_find(name);
    struct err err;
    struct net *net;

    assert_non_null(row);
    net = zoo_make(row, input, classes, &err);
    if (net == NULL)
        fail_msg("%s: %s", name, err.msg);
    net_init(net, 1);
    return net;
}

static double macs_of(const struct net *net, const char *node)
{
    struct size_count count;

    assert_true(net_find(net, node) >= 0);
    size_of_node(net, net_find(net, node), &count);
    return count.macs;
}

/* Counts of the literature and, for the residual net, of its layers added up
 * by hand: 144 + 2 * 2304 + 4608 + 9216 + 512 + 18432 + 36864 + 2048 + 640
 * weights, a gain and a shift for 3 * 16 + 3 * 32 + 3 * 64 channels, 10
 * biases.  The separable net: 27 * 32, then 9 a + a b for (a,b) = (32,64),
 * (64,128), (128,128), (128,256), (256,256), then 2560; 1472 channels with a
 * gain and a shift. */
static const struct {
    const char *name;
    long long weights, params, statistics;
    double macs;
} rows[] = {
    {"lenet-300-100", 266200, 266610, 0, 266200},
    {"lenet-5", 430500, 431080, 0, 2293000},
    {"conv-2", 4300992, 4300992 + 64 + 64 + 256 + 256 + 10, 0, 0},
    {"conv-4", 2425024, 2425024 + 2 * 64 + 2 * 128 + 256 + 256 + 10, 0, 0},
    {"conv-6", 2261184, 2261184 + 2 * 64 + 2 * 128 + 2 * 256 + 256 + 256 + 10,
     0, 0},
    {"resnet-mini", 77072, 77072 + 2 * 336 + 10, 2 * 336, 0},
    {"mobilenet-mini", 133824, 133824 + 2 * 1472 + 10, 2 * 1472, 0},
};

static void test_counts_are_those_of_the_literature(void **state)
{
    struct size_count count;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct net *net = make(rows[i].name, NULL, 0);

        size_of_net(net, &count);
        assert_int_equal(count.prunable, rows[i].weights);
        assert_int_equal(count.alive, rows[i].weights);
        assert_int_equal(count.params, rows[i].params);
        assert_int_equal(count.params_alive, rows[i].params);
        assert_int_equal(count.statistics, rows[i].statistics);
        if (rows[i].macs > 0)
            assert_close(count.macs, rows[i].macs, 0);
        assert_close(count.macs_alive, count.macs, 0);
        assert_close(size_sparsity(&count), 0, 0);
        net_free(net);
    }
}

static void test_every_row_is_whole_and_reads_back(void **state)
{
    const struct zoo_row *row;
    struct err err;

    (void)state;
    assert_null(zoo_find("lenet"));
    for (row = zoo_rows; row->name != NULL && !row->large; row++) {
        struct net *net, *again = make(row->name, NULL, 0), *printed;
        struct str spec = {0}, text = {0};

        zoo_spec(row, &spec);
        net = spec_parse(spec.text, row->name, &err);
        str_done(&spec);
        if (net == NULL)
            fail_msg("%s: %s", row->name, err.msg);
        assert_true(net_softmax_of(net, 0) >= 0);
        assert_int_equal(shape_count(&net->node[net->node_count - 1].out), 10);
        assert_true(net_same_graph(net, again));
        spec_print(net, &text);
        printed = spec_parse(text.text, row->name, &err);
        if (printed == NULL)
            fail_msg("%s: %s in\n%s", row->name, err.msg, text.text);
        assert_true(net_same_graph(net, printed));
        str_done(&text);
        net_free(printed);
        net_free(again);
        net_free(net);
    }
}

static void test_a_row_fits_other_pictures_and_classes(void **state)
{
    const struct shape grey = {.rank = 3, .dim = {28, 28, 1}},
                       colour = {.rank = 3, .dim = {32, 32, 3}};
    const struct zoo_row *row;

    (void)state;
    for (row = zoo_rows; row->name != NULL && !row->large; row++) {
        struct net *a = make(row->name, &grey, 26);
        struct net *b = make(row->name, &colour, 100);

        assert_int_equal(shape_count(&a->node[a->node_count - 1].out), 26);
        assert_int_equal(shape_count(&b->node[b->node_count - 1].out), 100);
        net_free(a);
        net_free(b);
    }
}

static void test_a_picture_that_is_too_small_is_refused(void **state)
{
    const struct shape tiny = {.rank = 3, .dim = {4, 4, 1}};
    struct err err;

    (void)state;
    assert_null(zoo_make(zoo_find("lenet-5"), &tiny, 10, &err));
    assert_non_null(strstr(err.msg, "conv1"));
}

static void test_work_is_counted_layer_by_layer(void **state)
{
    struct net *net = make("lenet-5", NULL, 0);

    (void)state;
    assert_close(macs_of(net, "conv1"), 288000, 0);
    assert_close(macs_of(net, "conv2"), 1600000, 0);
    assert_close(macs_of(net, "fc1"), 400000, 0);
    assert_close(macs_of(net, "fc2"), 5000, 0);
    assert_close(macs_of(net, "pool1"), 0, 0);
    net_free(net);
}

static void test_zeros_are_sparsity_and_minus_zero_is_zero(void **state)
{
    struct net *net = make("lenet-5", NULL, 0);
    struct param *kernel = &net->node[net_find(net, "conv1")].param[0];
    struct size_count count;
    size_t i;

    (void)state;
    for (i = 0; i < 125; i++)
        kernel->value[i] = i % 2 == 0 ? 0.0f : -0.0f;
    size_of_node(net, net_find(net, "conv1"), &count);
    assert_int_equal(count.prunable, 500);
    assert_int_equal(count.alive, 375);
    assert_int_equal(count.params, 520);
    assert_int_equal(count.params_alive, 395);
    assert_close(size_sparsity(&count), 0.25, 0);
    assert_close(count.macs_alive, 216000, 0);
    size_of_net(net, &count);
    assert_int_equal(count.alive, 430375);
    assert_close(count.macs_alive, 2293000 - 72000, 0);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_are_those_of_the_literature),
        cmocka_unit_test(test_every_row_is_whole_and_reads_back),
        cmocka_unit_test(test_a_row_fits_other_pictures_and_classes),
        cmocka_unit_test(test_a_picture_that_is_too_small_is_refused),
        cmocka_unit_test(test_work_is_counted_layer_by_layer),
        cmocka_unit_test(test_zeros_are_sparsity_and_minus_zero_is_zero),
    };

    return cmocka_run_group_tests_name("zoo", tests, NULL, NULL);
}
