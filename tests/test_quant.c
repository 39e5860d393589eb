/* Codebooks and grids: numbers of cards Q1 and Q5, copies, files. */
#include "support.h"

#include "base/mem.h"
#include "base/rng.h"
#include "io/io.h"
#include "learning.h"
#include "net/quant.h"

static float float_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

static void test_every_half_comes_back_from_a_float(void **state)
{
    uint32_t h;

    (void)state;
    for (h = 0; h < 65536; h++) {
        bool nan16 = (h & 0x7C00) == 0x7C00 && (h & 0x3FF) != 0;
        bool nan_b = (h & 0x7F80) == 0x7F80 && (h & 0x7F) != 0;

        if (nan16)
            assert_true(isnan(fp16_real((uint16_t)h)) &&
                        isnan(fp16_real(fp16_of(fp16_real((uint16_t)h)))));
        else
            assert_int_equal(fp16_of(fp16_real((uint16_t)h)), h);
        if (nan_b)
            assert_true(isnan(bf16_real(bf16_of(bf16_real((uint16_t)h)))));
        else
            assert_int_equal(bf16_of(bf16_real((uint16_t)h)), h);
    }
}

static void test_halves_of_card_q5(void **state)
{
    (void)state;
    assert_int_equal(bf16_of(1.0f / 3.0f), 0x3EAB);
    assert_close(bf16_real(0x3EAB), 0.333984375, 0.0);
    assert_int_equal(fp16_of(1.0f / 3.0f), 0x3555);
    assert_close(fp16_real(0x3555), 0.33325195, 1e-8);
    assert_true(isinf(fp16_real(fp16_of(65520.0f))));
    assert_close(fp16_real(fp16_of(65519.0f)), 65504.0, 0.0);
    assert_true(isnan(bf16_real(bf16_of(float_of(0x7FFFFFFF)))));
    /* Half of the smallest subnormal is a tie and goes to the even zero. */
    assert_int_equal(fp16_of(0x1p-25f), 0);
    assert_int_equal(fp16_of(0x1.000002p-25f), 1);
}

/* No other half is nearer, and of two as near the even one is taken. */
static void test_halves_are_the_nearest(void **state)
{
    struct rng r = rng_at(2, RNG_TEST, 1, 0);
    int i;

    (void)state;
    for (i = 0; i < 20000; i++) {
        float x = float_of((rng_u32(&r) & 0x807FFFFFu) |
                           ((100u + rng_below(&r, 42)) << 23));
        uint16_t h = fp16_of(x);
        double here = fabs((double)fp16_real(h) - (double)x);
        double up = fabs((double)fp16_real((uint16_t)(h + 1)) - (double)x);

        assert_true(here <= up);
        if ((h & 0x7FFF) != 0)
            assert_true(here <=
                        fabs((double)fp16_real((uint16_t)(h - 1)) - (double)x));
        if (here == up)
            assert_int_equal(h & 1, 0);
    }
}

static struct grid *grid_of(enum grid_kind kind, int bits, float scale,
                            int zero)
{
    struct err err;
    struct grid *g = grid_new(kind, bits, 1, 16, &err);

    assert_non_null(g);
    g->scale[0] = scale;
    g->zero[0] = zero;
    return g;
}

static void test_the_affine_numbers_of_card_q1(void **state)
{
    static const float x[] = {-1.0f, -0.31f, 0.0f, 0.71f, 2.0f, 3.0f};
    static const int q[] = {0, 59, 85, 145, 255, 255};
    static const float back[] = {-1.0f, -0.305882f, 0.0f, 0.705882f, 2, 2};
    struct grid *g = grid_of(GRID_AFFINE, 8, 3.0f / 255.0f, 85);
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(x); i++) {
        assert_int_equal(grid_code(g, x[i], 0), q[i]);
        assert_close(grid_real(g, q[i], 0), back[i], 1e-6);
    }
    grid_free(g);
}

static void test_the_symmetric_numbers_of_card_q1(void **state)
{
    static const float w[] = {0.9f, -0.31f, 0.04f, -0.77f};
    static const struct {
        int bits, q[4];
        double error;
    } rows[] = {{8, {127, -44, 6, -109}, 1.6e-5},
                {4, {7, -2, 0, -6}, 0.004396},
                {3, {3, -1, 0, -3}, 0.0186},
                {2, {1, 0, 0, -1}, 0.1146}};
    size_t i, j;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        struct grid *g = grid_of(GRID_SYMMETRIC, rows[i].bits, 1.0f, 0);
        double error = 0.0;

        g->scale[0] = 0.9f / (float)grid_most(g);
        for (j = 0; j < LENGTH(w); j++) {
            int q = grid_code(g, w[j], 0);
            double off = (double)grid_real(g, q, 0) - (double)w[j];

            assert_int_equal(q, rows[i].q[j]);
            error += off * off;
        }
        assert_close(error, rows[i].error, rows[i].error * 0.03);
        grid_free(g);
    }
}

static void test_a_number_of_the_grid_stays_where_it_is(void **state)
{
    struct rng r = rng_at(2, RNG_TEST, 2, 0);
    int bits, i;

    (void)state;
    for (bits = 2; bits <= 8; bits++) {
        struct grid *g = grid_of(GRID_AFFINE, bits, 1.0f, 1);

        for (i = 0; i < 500; i++) {
            int q = (int)rng_below(&r, (uint32_t)grid_most(g) + 1);

            g->scale[0] = expf((float)rng_normal(&r) * 5.0f);
            assert_int_equal(grid_code(g, grid_real(g, q, 0), 0), q);
        }
        /* Ties to even, far values to the ends. */
        g->scale[0] = 1.0f;
        assert_int_equal(grid_code(g, 0.5f, 0), 1);
        assert_int_equal(grid_code(g, 1.5f, 0), 3);
        assert_int_equal(grid_code(g, -1e30f, 0), 0);
        assert_int_equal(grid_code(g, 1e30f, 0), grid_most(g));
        grid_free(g);
    }
}

static void test_channels_have_their_own_scales(void **state)
{
    /* Rows of the card are columns here: (2,3) with three outputs. */
    static const float w[] = {1.0f, 0.01f, -0.45f, -0.008f, 0.25f, 0.004f};
    static const int own[] = {7, 7, -3, -6, 2, 3};
    struct err err;
    struct grid *g = grid_new(GRID_SYMMETRIC, 4, 2, 6, &err);
    float out[6];
    int i;

    (void)state;
    assert_non_null(g);
    g->scale[0] = 1.0f / 7.0f;
    g->scale[1] = 0.01f / 7.0f;
    grid_snap(g, w, out, 0, 3);
    grid_snap(g, w, out, 3, 3);
    for (i = 0; i < 6; i++)
        assert_close(out[i], (double)own[i] * (double)g->scale[i % 2], 1e-7);
    grid_free(g);
}

/* Two dense layers: the first shares k values and has pruned weights, the
 * second is on a grid. */
static struct net *bound_net(int k, enum grid_kind kind)
{
    struct net *net = learning_net("input 7, dense 5 relu, dense 3", 4);
    struct param *p = &net->node[0].param[0], *q;
    struct err err;
    struct codebook *b = codebook_new(k, p->count, &err);
    struct grid *g;
    size_t i;

    q = &net->node[net->node_count - 1].param[0];
    assert_ok(param_need_mask(p, &err));
    for (i = 1; i <= (size_t)k; i++)
        b->centroid[i] = (float)i * 0.1f - 0.15f;
    for (i = 0; i < p->count; i++) {
        p->mask[i] = i % 3 != 0;
        b->code[i] = i % 3 == 0 ? 0 : (uint16_t)(1 + i % (size_t)k);
    }
    codebook_write(b, p->value, 0, p->count);
    param_bind(p, b, NULL);
    g = grid_new(kind, kind >= GRID_FP16 ? 16 : 4, kind >= GRID_FP16 ? 0 : 3,
                 q->count, &err);
    for (i = 0; i < (size_t)g->channels; i++)
        g->scale[i] = 0.1f * (float)(i + 1);
    grid_snap(g, q->value, q->value, 0, q->count);
    param_bind(q, NULL, g);
    return net;
}

static void assert_same_lists(const float *a, const float *b, size_t n)
{
    assert_int_equal(a != NULL, b != NULL);
    if (a != NULL)
        assert_same_bits(a, b, n * sizeof(float));
}

static void assert_same_bound(const struct net *a, const struct net *b)
{
    const struct param *p = &a->node[0].param[0], *q = &b->node[0].param[0];
    const struct grid *g = a->node[a->node_count - 1].param[0].grid;
    const struct grid *h = b->node[b->node_count - 1].param[0].grid;
    int m;

    assert_same_bits(p->value, q->value, p->count * sizeof(float));
    assert_non_null(q->book);
    assert_null(q->grid);
    assert_ptr_not_equal(p->book, q->book);
    assert_int_equal(p->book->k, q->book->k);
    assert_same_lists(p->book->centroid, q->book->centroid,
                      (size_t)p->book->k + 1);
    assert_same_bits(p->book->code, q->book->code, p->count * sizeof(uint16_t));
    for (m = 0; m < NET_MOMENT_MAX; m++) {
        assert_null(q->moment[m]);
        assert_same_lists(p->book->moment[m], q->book->moment[m],
                          (size_t)p->book->k + 1);
    }
    assert_non_null(h);
    assert_int_equal(g->kind, h->kind);
    assert_int_equal(g->bits, h->bits);
    assert_int_equal(g->channels, h->channels);
    assert_same_lists(g->scale, h->scale, (size_t)g->channels);
    assert_same_bits(g->zero, h->zero, (size_t)g->channels * sizeof(int32_t));
    assert_same_lists(g->latent, h->latent, g->count);
}

static void test_bits_tell_values_apart(void **state)
{
    static const int rows[][2] = {{1, 1}, {3, 2}, {4, 3}, {255, 8}, {256, 9}};
    struct net *plain = learning_net("input 7, dense 5", 4);
    size_t i;

    (void)state;
    assert_int_equal(param_bits(&plain->node[0].param[0]), 32);
    for (i = 0; i < LENGTH(rows); i++) {
        /* A third is pruned, so zero has a code as well. */
        struct net *net = bound_net(rows[i][0], GRID_SYMMETRIC);
        struct param *p = &net->node[0].param[0];

        assert_int_equal(param_bits(p), rows[i][1]);
        memset(p->mask, 1, p->count);
        assert_int_equal(param_bits(p),
                         rows[i][1] - ((rows[i][0] & (rows[i][0] - 1)) == 0));
        assert_int_equal(param_bits(&net->node[net->node_count - 1].param[0]),
                         4);
        net_free(net);
    }
    net_free(plain);
}

static void start_training(struct net *net)
{
    struct codebook *b = net->node[0].param[0].book;
    struct err err;
    int i;

    assert_ok(net_need_moments(net, 2, &err));
    assert_ok(net_need_latent(net, &err));
    for (i = 1; i <= b->k; i++)
        b->moment[0][i] = b->moment[1][i] = (float)i;
    net->node[net->node_count - 1].param[0].grid->latent[1] += 0.01f;
}

static void test_copies_hold_codebooks_and_grids(void **state)
{
    struct net *net = bound_net(4, GRID_SYMMETRIC), *copy;
    struct net *plain = learning_net("input 7, dense 5 relu, dense 3", 4);
    struct err err;

    (void)state;
    start_training(net);
    copy = net_clone(net, &err);
    assert_non_null(copy);
    assert_same_bound(net, copy);
    net_drop_training(copy);
    assert_null(copy->node[0].param[0].book->moment[0]);
    assert_null(copy->node[copy->node_count - 1].param[0].grid->latent);
    assert_ok(net_copy_state(copy, net, &err));
    assert_same_bound(net, copy);
    assert_ok(net_copy_state(copy, plain, &err));
    assert_null(copy->node[0].param[0].book);
    assert_null(copy->node[copy->node_count - 1].param[0].grid);
    net_free(net);
    net_free(copy);
    net_free(plain);
}

/* Whichever block cannot be had, the copy is refused and changes nothing. */
static void test_a_copy_without_memory_changes_nothing(void **state)
{
    struct net *net = bound_net(4, GRID_SYMMETRIC);
    struct net *plain = learning_net("input 7, dense 5 relu, dense 3", 9);
    float first = plain->node[0].param[0].value[0];
    struct err err;
    long n = 0;

    (void)state;
    start_training(net);
    for (;;) {
        enum err_code code;

        mem_fail_after(n++);
        code = net_copy_state(plain, net, &err);
        mem_fail_after(-1);
        if (code == ERR_OK)
            break;
        assert_int_equal(code, ERR_MEMORY);
        assert_null(plain->node[0].param[0].book);
        assert_close(plain->node[0].param[0].value[0], first, 0.0);
    }
    assert_true(n > 8);
    assert_same_bound(net, plain);
    net_free(net);
    net_free(plain);
}

static void test_files_hold_codebooks_and_grids(void **state)
{
    static const int ks[] = {1, 4, 300};
    const char *path = support_path(state, "net.h5");
    enum grid_kind kind;
    struct err err;
    size_t i;

    for (i = 0; i < LENGTH(ks); i++) {
        for (kind = GRID_SYMMETRIC; kind <= GRID_BF16; kind++) {
            struct net *net = bound_net(ks[i], kind), *back;

            if (i == 1)
                start_training(net);
            assert_ok(net_save(path, net, NULL, &err));
            assert_ok(net_load(path, &back, NULL, NULL, &err));
            assert_same_bound(net, back);
            net_free(net);
            net_free(back);
        }
    }
}

static void test_a_file_whose_weights_are_not_bound_is_refused(void **state)
{
    const char *path = support_path(state, "net.h5");
    struct net *net = bound_net(4, GRID_SYMMETRIC), *back;
    struct param *p = &net->node[0].param[0];
    struct param *q = &net->node[net->node_count - 1].param[0];
    float was;
    struct err err;

    was = p->value[1];
    p->value[1] = 3.0f;
    assert_ok(net_save(path, net, NULL, &err));
    assert_refused(net_load(path, &back, NULL, NULL, &err), ERR_FORMAT,
                   "weight 1 is not its centroid");
    p->value[1] = was;
    p->book->code[2] = 9;
    assert_ok(net_save(path, net, NULL, &err));
    assert_refused(net_load(path, &back, NULL, NULL, &err), ERR_FORMAT,
                   "code 9 of 4, at weight 2");
    p->book->code[2] = 0;
    assert_ok(net_save(path, net, NULL, &err));
    assert_refused(net_load(path, &back, NULL, NULL, &err), ERR_FORMAT,
                   "being pruned do not go together at weight 2");
    p->book->code[2] = 3;
    q->value[4] = 0.123f;
    assert_ok(net_save(path, net, NULL, &err));
    assert_refused(net_load(path, &back, NULL, NULL, &err), ERR_FORMAT,
                   "weight 4 is not on its grid");
    grid_snap(q->grid, q->value, q->value, 0, q->count);
    q->grid->scale[1] = -1.0f;
    assert_ok(net_save(path, net, NULL, &err));
    assert_refused(net_load(path, &back, NULL, NULL, &err), ERR_FORMAT,
                   "scale 1 is -1");
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_half_comes_back_from_a_float),
        cmocka_unit_test(test_halves_of_card_q5),
        cmocka_unit_test(test_halves_are_the_nearest),
        cmocka_unit_test(test_the_affine_numbers_of_card_q1),
        cmocka_unit_test(test_the_symmetric_numbers_of_card_q1),
        cmocka_unit_test(test_a_number_of_the_grid_stays_where_it_is),
        cmocka_unit_test(test_channels_have_their_own_scales),
        cmocka_unit_test(test_bits_tell_values_apart),
        cmocka_unit_test(test_copies_hold_codebooks_and_grids),
        cmocka_unit_test(test_a_copy_without_memory_changes_nothing),
        unit_test_in_folder(test_files_hold_codebooks_and_grids),
        unit_test_in_folder(test_a_file_whose_weights_are_not_bound_is_refused),
    };

    io_start();
    return cmocka_run_group_tests_name("quant", tests, NULL, NULL);
}
