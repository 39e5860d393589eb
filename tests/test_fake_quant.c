/*
 * Quantised activations in nets: their places, training (card Q4), files and
 * whole numbers.  The layer by itself: test_fake_layer.c.
 */
#include "tests/support.h"

#include <hdf5.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "compress/activations.h"
#include "compress/integer.h"
#include "compress/pack.h"
#include "compress/round.h"
#include "io/io.h"
#include "net/branch.h"
#include "net/exec.h"
#include "net/spec.h"
#include "tests/learning.h"
#include "train/eval.h"
#include "train/trainer.h"

#define CLASSES 4

/* Where they go. */
static void test_quantisers_stand_where_layers_with_weights_read(void **state)
{
    static const struct {
        const char *spec, *want;
    } rows[] = {
        {"input 6x6x1; conv2d 2 3x3 name=c; max_pool2d 2; dropout 0.5; flatten;"
         "dense 5 relu name=f; dense 4 softmax name=o",
         "input 6x6x1\nfake_quant name=input_quant\nconv2d 2 3 name=c\n"
         "max_pool2d\nfake_quant name=c_quant\ndropout\nflatten\n"
         "dense 5 name=f relu\nfake_quant name=f_quant\n"
         "dense 4 name=o softmax\n"},
        /* Several readers; pooling to the largest of what is rounded. */
        {"input 6x6x1; conv2d 2 3x3 relu name=c; max_pool2d 2 name=m;"
         "conv2d 2 1x1 name=d; max_pool2d 2 from=c name=n; add from=d,n;"
         "conv2d 2 1x1 name=e from=c; max_pool2d 2 name=k; add from=add,k;"
         "flatten; dense 4 name=o",
         "input 6x6x1\nfake_quant name=input_quant\nconv2d 2 3 name=c relu\n"
         "fake_quant name=c_quant\nmax_pool2d name=m\nconv2d 2 1 name=d\n"
         "max_pool2d name=n from=c_quant\nadd from=d,n\n"
         "conv2d 2 1 name=e from=c_quant\nmax_pool2d name=k\n"
         "add name=add_1 from=add,k\nfake_quant name=add_1_quant\nflatten\n"
         "dense 4 name=o\n"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        struct net *net = learning_net(rows[i].spec, 1), *made, *bare, *again;
        bool *place = mem_array((size_t)net->node_count + 1, sizeof(*place));
        struct fake_list list = {0}, taken = {0};
        struct str text = {0};
        struct err err;
        int k;

        fake_places(net, place);
        for (k = 0; k <= net->node_count; k++) {
            struct fake f = {.behind = k - 1,
                             .config = {.bits = 8, .momentum = 0.99f},
                             .low = -1.0f,
                             .high = (float)k};

            if (place[k])
                fake_list_add(&list, &f);
        }
        made = fake_insert(net, &list, &err);
        assert_non_null(made);
        spec_print(made, &text);
        assert_string_equal(text.text, rows[i].want);
        again = spec_parse(text.text, "again", &err);
        assert_non_null(again);
        assert_true(net_same_graph(made, again));
        bare = fake_strip(made, &taken, &err);
        assert_non_null(bare);
        assert_true(net_same_graph(bare, net));
        assert_int_equal(taken.count, list.count);
        for (k = 0; k < list.count; k++) {
            assert_int_equal(taken.item[k].behind, list.item[k].behind);
            assert_close(taken.item[k].high, list.item[k].high, 0.0);
        }
        assert_same_bits(bare->node[0].param[0].value,
                         net->node[0].param[0].value,
                         net->node[0].param[0].count * sizeof(float));
        fake_list_done(&list);
        fake_list_done(&taken);
        str_done(&text);
        mem_free(place);
        net_free(net);
        net_free(made);
        net_free(bare);
        net_free(again);
    }
}

#define CONV                                                             \
    "input 9x9x1, conv2d 5 3x3 padding=same name=a, relu, max_pool2d 2 " \
    "padding=same, conv2d 6 3x3 relu name=b, average_pool2d 2 name=p, "  \
    "flatten, dense 7 relu name=f, dense 4 softmax name=o"

static struct train_settings settings(double lr)
{
    struct train_settings s = train_defaults();

    s.optim = optim_find("momentum");
    s.rate.lr = lr;
    s.batch = 20;
    s.total = 1000;
    s.seed = 3;
    return s;
}

static void train(struct net *net, const struct dataset *d, int steps,
                  double lr)
{
    struct train_settings s = settings(lr);
    struct pool *pool = learning_pool(2);
    struct step_report report;
    struct err err;
    struct trainer *t = trainer_new(net, d, &s, 0, pool, &err);

    if (t == NULL)
        fail_msg("%s", err.msg);
    while (steps-- > 0)
        assert_ok(trainer_step(t, &report, &err));
    trainer_free(t);
    pool_free(pool);
    net_drop_training(net);
}

/* net with its activations in so many bits. */
static struct net *quantised(const struct net *net, const struct dataset *d,
                             int bits, const char *by, const char *layers)
{
    struct activations_request r = activations_defaults();
    struct pool *pool = learning_pool(1);
    struct net *out = NULL;
    struct err err;

    r.bits = bits;
    r.by = calibrator_find(by);
    r.layers = layers;
    assert_ok(activations_quantise(net, &r, d, pool, NULL, &out, &err));
    pool_free(pool);
    return out;
}

static double accuracy(struct net *net, const struct dataset *d)
{
    struct pool *pool = learning_pool(1);
    struct evaluation e;
    struct err err;
    struct evaluator *v = evaluator_new(net, d, pool, &err);

    assert_non_null(v);
    assert_ok(
        evaluator_run(v, &d->test, NULL, d->test.n, &e, NULL, NULL, &err));
    evaluator_free(v);
    pool_free(pool);
    return (double)e.hits / e.n;
}

static void test_16_bits_train_as_floats_do(void **state)
{
    struct dataset *d = learning_data("9x9x1", CLASSES, 300, 2);
    struct net *plain = learning_net(CONV, 3);
    struct net *fine = quantised(plain, d, 16, "minmax", NULL), *bare;
    struct fake_list list = {0};
    struct err err;
    int i, k;

    (void)state;
    /* The range of the batch itself, so that nothing is cut off. */
    for (i = 0; i < fine->node_count; i++) {
        struct fake_quant *f = (void *)fine->node[i].config;

        if (fake_is(&fine->node[i]))
            f->momentum = 0.0f;
    }
    train(plain, d, 40, 0.01);
    train(fine, d, 40, 0.01);
    bare = fake_strip(fine, &list, &err);
    assert_non_null(bare);
    for (i = 0; i < plain->node_count; i++) {
        for (k = 0; k < plain->node[i].param_count; k++)
            assert_all_close(bare->node[i].param[k].value,
                             plain->node[i].param[k].value,
                             plain->node[i].param[k].count, 0.0, 1e-3);
    }
    fake_list_done(&list);
    net_free(bare);
    net_free(plain);
    net_free(fine);
    dataset_free(d);
}

/* The point of it: what rounding to four levels costs, training gives back. */
static void test_training_heals_what_two_bits_cost(void **state)
{
    struct dataset *d = learning_data("9x9x1", CLASSES, 600, 4);
    struct net *net = learning_net(CONV, 3), *coarse;
    double dense, before, after;

    (void)state;
    train(net, d, 200, 0.02);
    dense = accuracy(net, d);
    coarse = quantised(net, d, 2, "minmax", "input,*");
    before = accuracy(coarse, d);
    train(coarse, d, 200, 0.01);
    after = accuracy(coarse, d);
    if (!(dense > 0.95 && before < dense - 0.05 && after > before + 0.05))
        fail_msg("dense %.3f, rounded %.3f, trained %.3f", dense, before,
                 after);
    net_free(net);
    net_free(coarse);
    dataset_free(d);
}

static void test_requests_change_what_they_name(void **state)
{
    struct dataset *d = learning_data("9x9x1", CLASSES, 300, 2);
    struct net *net = learning_net(CONV, 3), *a, *b, *c = NULL;
    int at;
    struct err err;

    (void)state;
    a = quantised(net, d, 3, "minmax", NULL);
    assert_int_equal(fake_count(a), 4);
    assert_int_equal(fake_of(&a->node[0], 0).config.bits, 8);
    b = quantised(a, d, 5, "mse", "input,b");
    assert_int_equal(fake_count(b), 4);
    assert_int_equal(fake_of(&b->node[0], 0).config.bits, 5);
    at = net_find(b, "a_quant");
    assert_int_equal(fake_of(&b->node[at], 0).config.bits, 3);
    assert_false(fake_of(&b->node[at], 0).config.freeze);
    at = net_find(b, "b_quant");
    assert_int_equal(fake_of(&b->node[at], 0).config.bits, 5);
    assert_true(fake_of(&b->node[at], 0).config.freeze);
    assert_int_equal(activations_freeze(b, "a*", true), 1);
    assert_true(fake_of(&b->node[net_find(b, "a_quant")], 0).config.freeze);
    assert_int_equal(activations_freeze(b, "nothing", true), 0);
    assert_ok(activations_release(b, "b", &c, &err));
    assert_int_equal(fake_count(c), 3);
    assert_refused(activations_release(c, "b", &c, &err), ERR_STATE,
                   "no activation of b is quantised");
    net_free(net);
    net_free(a);
    net_free(b);
    net_free(c);
    dataset_free(d);
}

/* One more reader of what an older one already reads: its name is taken. */
static void test_names_stay_one_of_a_kind(void **state)
{
    struct dataset *d = learning_data("9x9x1", CLASSES, 300, 2);
    struct net *net = learning_net(CONV, 3), *fine, *branched, *again;
    struct err err;

    (void)state;
    fine = quantised(net, d, 3, "minmax", NULL);
    branched = branch_add(fine, net_find(fine, "a"), NULL, "e", 1, &err);
    assert_non_null(branched);
    again = quantised(branched, d, 3, "minmax", NULL);
    assert_int_equal(fake_count(again), 5);
    assert_true(net_find(again, "a_quant") > net_find(again, "a_quant_1"));
    net_free(net);
    net_free(fine);
    net_free(branched);
    net_free(again);
    dataset_free(d);
}

/* Ranges of four levels are chosen for four levels. */
static void test_least_error_depends_on_bits(void **state)
{
    struct act_seen *s = mem_zalloc(sizeof(*s));
    const struct calibrator *mse = calibrator_find("mse");
    float *x = mem_array(20000, sizeof(*x)), two, eight;
    struct rng r = rng_at(6, RNG_TEST, 5, 0);
    int i;

    (void)state;
    for (i = 0; i < 20000; i++)
        x[i] = fabsf((float)rng_normal(&r));
    act_ends(s, x, 20000);
    act_count(s, x, 20000);
    two = act_choose(s, mse, 2).high;
    eight = act_choose(s, mse, 8).high;
    /* Half a normal in four levels, 0 one of them: about 0.96 apart. */
    assert_close(two, 2.3, 0.5);
    assert_true(eight > 1.3f * two && eight <= (float)s->top);
    mem_free(x);
    mem_free(s);
}

static void test_packed_and_saved_nets_come_back(void **state)
{
    struct dataset *d = learning_data("9x9x1", CLASSES, 300, 2);
    struct net *net = learning_net(CONV, 3), *fine, *back, *keras;
    const char *path = support_path(state, "q.h5");
    struct bytes file = {0};
    struct str before = {0}, after = {0};
    struct err err;
    hid_t h5;
    int i;

    fine = quantised(net, d, 5, "mse", "f,input");
    assert_int_equal(fake_count(fine), 2);
    spec_print(fine, &before);
    assert_ok(pack_write(fine, PACK_BEST, &file, NULL, NULL, &err));
    assert_ok(pack_read(file.at, file.len, "q", &back, &err));
    spec_print(back, &after);
    assert_string_equal(after.text, before.text);
    assert_close(accuracy(back, d), accuracy(fine, d), 0.0);
    for (i = 0; i < fine->node_count; i++) {
        if (fake_is(&fine->node[i]))
            assert_same_bits(back->node[i].param[FAKE_QUANT_HIGH].value,
                             fine->node[i].param[FAKE_QUANT_HIGH].value, 4);
    }
    net_free(back);
    assert_ok(net_save(path, fine, NULL, &err));
    assert_ok(net_load(path, &back, NULL, NULL, &err));
    str_clear(&after);
    spec_print(back, &after);
    assert_string_equal(after.text, before.text);
    assert_close(accuracy(back, d), accuracy(fine, d), 0.0);
    /* What Keras sees, and writes again: floats. */
    h5 = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(h5 >= 0 && H5Ldelete(h5, "espalier", H5P_DEFAULT) >= 0);
    H5Fclose(h5);
    assert_ok(net_load(path, &keras, NULL, NULL, &err));
    assert_int_equal(fake_count(keras), 0);
    assert_close(accuracy(keras, d), accuracy(net, d), 0.0);
    bytes_done(&file);
    str_done(&before);
    str_done(&after);
    net_free(net);
    net_free(fine);
    net_free(back);
    net_free(keras);
    dataset_free(d);
}

static void test_a_range_that_is_none_is_refused(void **state)
{
    static const float bad[][2] = {{NAN, 1}, {0, NAN}, {0, INFINITY}, {1, 2}};
    struct net *net = learning_net("input 3; fake_quant; dense 2", 1), *back;
    const char *path = support_path(state, "bad.h5");
    struct err err;
    size_t i;

    for (i = 0; i < LENGTH(bad); i++) {
        struct bytes file = {0};

        *net->node[0].param[FAKE_QUANT_LOW].value = bad[i][0];
        *net->node[0].param[FAKE_QUANT_HIGH].value = bad[i][1];
        assert_ok(net_save(path, net, NULL, &err));
        assert_refused(net_load(path, &back, NULL, NULL, &err), ERR_FORMAT,
                       "no range around 0");
        assert_ok(pack_write(net, PACK_BEST, &file, NULL, NULL, &err));
        assert_refused(pack_read(file.at, file.len, "q", &back, &err),
                       ERR_FORMAT, "no range around 0");
        bytes_done(&file);
    }
    net_free(net);
}

/* What the net gives on the first samples of the test set, in floats. */
struct seen {
    const struct net *net;
    const struct dataset *data;
    int32_t row;
};

static void fill_seen(void *arg, int first, int n, float *x)
{
    const struct seen *s = arg;

    (void)first;
    dataset_fill(s->data, &s->data->test, &s->row, n, s->net->scale,
                 s->net->offset, x);
}

/* The numbers behind a quantiser that only takes what it gets. */
static const uint8_t *numbers_at(const struct net *net, const struct integer *m,
                                 const struct integer_work *w, int node)
{
    while (node != NET_INPUT && integer_output(m, w, node) == NULL)
        node = net->node[node].in[0];
    return node == NET_INPUT ? NULL : integer_output(m, w, node);
}

/* Of the numbers of every quantiser the share that are those of the floats;
 * none is more than one off. */
static double share_alike(struct net *net, const struct integer *m,
                          const struct dataset *d, int n)
{
    struct seen seen = {net, d, 0};
    struct exec_hooks hooks = {.fill = fill_seen, .arg = &seen};
    struct integer_work *w = integer_work_new(m);
    float *x = mem_array(shape_count(&net->input), sizeof(*x));
    float logits[CLASSES];
    struct pool *pool = learning_pool(1);
    struct err err;
    struct exec *e = exec_new(net, 1, EXEC_KEEP, pool, &err);
    double same = 0.0, all = 0.0;
    int node, count;
    size_t k;

    assert_non_null(e);
    for (; seen.row < n; seen.row++) {
        fill_seen(&seen, 0, 1, x);
        integer_run(m, w, x, false, logits);
        exec_run(e, PASS_EVAL, false, 1, 0, 0, &hooks);
        for (node = 0; node < net->node_count; node++) {
            const float *y = exec_activation(e, 0, node, &count);
            const uint8_t *q = numbers_at(net, m, w, node);
            struct fake f;
            struct levels l;

            if (!fake_is(&net->node[node]) || q == NULL)
                continue;
            f = fake_of(&net->node[node], 0);
            l = fake_quant_levels(&f.config, f.low, f.high);
            for (k = 0; k < shape_count(&net->node[node].out); k++) {
                int off = q[k] - (levels_code(&l, y[k]) - l.least);

                assert_true(abs(off) <= 1);
                same += off == 0;
                all += 1.0;
            }
        }
    }
    assert_true(all > 0.0);
    exec_free(e);
    integer_work_free(w);
    pool_free(pool);
    mem_free(x);
    return same / all;
}

static int count_same_guesses(struct net *net, const struct integer *m,
                              const struct dataset *d)
{
    struct eval_details more = {0};
    int32_t whole[300], floats[300];
    struct pool *pool = learning_pool(1);
    struct evaluation e;
    struct err err;
    struct evaluator *v = evaluator_new(net, d, pool, &err);
    int i, same = 0;

    assert_non_null(v);
    assert_ok(integer_evaluate(m, net, d, &d->test, NULL, 300, false, pool,
                               NULL, whole, &err));
    more.guess = floats;
    assert_ok(evaluator_run(v, &d->test, NULL, 300, &e, &more, NULL, &err));
    for (i = 0; i < 300; i++)
        same += whole[i] == floats[i];
    evaluator_free(v);
    pool_free(pool);
    return same;
}

/* Weights in whole numbers, activations of 4 bits: the net in floats is the net
 * in whole numbers, but for values within a rounding error of a tie.  No other
 * range is asked for. */
static void test_whole_numbers_are_what_the_layer_computes(void **state)
{
    static const char *const specs[] = {
        "input 9x9x1, conv2d 5 3x3 padding=same name=a, relu, max_pool2d 2 "
        "padding=same, conv2d 6 3x3 relu name=b, flatten, dense 7 name=f, "
        "dense 4 softmax name=o",
        CONV};
    struct dataset *d = learning_data("9x9x1", CLASSES, 600, 4);
    struct round_request round = round_defaults();
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(specs); i++) {
        struct net *net = learning_net(specs[i], 3), *fine;
        struct act_range range[32] = {{0.0f, 0.0f}};
        struct pool *pool = learning_pool(1);
        struct integer *m;
        struct err err;
        int same;

        train(net, d, 100, 0.02);
        assert_ok(round_apply(net, &round, &err));
        fine = quantised(net, d, 4, "minmax", "input,*");
        /* What is averaged has 8 bits in between. */
        if (i == 1)
            assert_ok(calibrate(fine, d, 300, calibrator_find("minmax"), NULL,
                                pool, NULL, range, &err));
        m = integer_new(fine, range, &err);
        if (m == NULL)
            fail_msg("%s", err.msg);
        assert_true(share_alike(fine, m, d, 20) > (i == 0 ? 0.999 : 0.98));
        same = count_same_guesses(fine, m, d);
        if (same < (i == 0 ? 299 : 294))
            fail_msg("%d of 300 guesses are the same", same);
        pool_free(pool);
        integer_free(m);
        net_free(net);
        net_free(fine);
    }
    dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantisers_stand_where_layers_with_weights_read),
        cmocka_unit_test(test_16_bits_train_as_floats_do),
        cmocka_unit_test(test_training_heals_what_two_bits_cost),
        cmocka_unit_test(test_requests_change_what_they_name),
        cmocka_unit_test(test_names_stay_one_of_a_kind),
        cmocka_unit_test(test_least_error_depends_on_bits),
        unit_test_in_folder(test_packed_and_saved_nets_come_back),
        unit_test_in_folder(test_a_range_that_is_none_is_refused),
        cmocka_unit_test(test_whole_numbers_are_what_the_layer_computes),
    };

    return cmocka_run_group_tests_name("fake quantisation", tests, NULL, NULL);
}
