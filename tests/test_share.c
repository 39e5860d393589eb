/* Shared weights: cards D2, D3. */
#include "support.h"

#include "base/mem.h"
#include "compress/mask.h"
#include "compress/prune.h"
#include "compress/share.h"
#include "io/io.h"
#include "learning.h"
#include "shared.h"
#include "train/bound.h"
#include "train/trainer.h"

static void test_pruned_weights_are_outside_of_the_k(void **state)
{
    struct net *net = pruned_net(0.5);
    struct param *p = kernel(net, 0), *q = kernel(net, 2);
    size_t alive = mask_alive(p), i;

    (void)state;
    share(net, NULL, 3);
    assert_int_equal(p->book->k, 7);
    assert_int_equal(mask_alive(p), alive);
    assert_int_equal(distinct(p), 7);
    for (i = 0; i < p->count; i++)
        assert_int_equal(p->mask[i] == 0, p->book->code[i] == 0);
    assert_int_equal(share_leaks(net, NULL), 0);
    assert_int_equal(mask_leaks(net, NULL), 0);
    /* 24 weights are left in the last: no more values than that. */
    share(net, NULL, 8);
    assert_true(mask_alive(q) < 255);
    assert_true(q->book->k <= (int)mask_alive(q));
    /* Without pruned weights there is no code to spare for zero. */
    net_free(net);
    net = learning_net(SPEC, 3);
    share(net, NULL, 3);
    assert_int_equal(kernel(net, 0)->book->k, 8);
    net_free(net);
}

static void test_more_values_than_weights_change_nothing(void **state)
{
    struct net *net = pruned_net(0.5), *was;
    struct err err;

    (void)state;
    was = net_clone(net, &err);
    share(net, NULL, 12);
    assert_same_bits(kernel(net, 0)->value, kernel(was, 0)->value,
                     kernel(net, 0)->count * sizeof(float));
    net_free(net);
    net_free(was);
}

static void test_layers_can_have_one_codebook(void **state)
{
    const char *path = support_path(state, "net.h5");
    struct net *net = pruned_net(0.3), *back;
    struct share_request r = share_defaults();
    struct codebook *a, *b;
    struct err err;

    r.together = true;
    r.bits = 4;
    assert_ok(share_apply(net, &r, &err));
    a = kernel(net, 0)->book;
    b = kernel(net, 1)->book;
    assert_int_equal(a->group, 1);
    assert_int_equal(b->group, 1);
    assert_int_equal(a->k, 15);
    assert_same_bits(a->centroid, b->centroid, 16 * sizeof(float));
    assert_ok(net_save(path, net, NULL, &err));
    assert_ok(net_load(path, &back, NULL, NULL, &err));
    assert_int_equal(kernel(back, 2)->book->group, 1);
    net_free(back);
    b->centroid[3] = 9.0f;
    codebook_write(b, kernel(net, 1)->value, 0, b->count);
    assert_ok(net_save(path, net, NULL, &err));
    assert_refused(net_load(path, &back, NULL, NULL, &err), ERR_FORMAT,
                   "should have the same centroids");
    net_free(net);
}

static void test_what_would_break_a_promise_is_refused(void **state)
{
    struct net *net = pruned_net(0.5);
    struct share_request r = share_defaults();
    struct param *p = kernel(net, 1);
    struct grid *g;
    struct err err;
    float first = kernel(net, 0)->value[1];

    (void)state;
    r.layers = "conv*";
    assert_refused(share_apply(net, &r, &err), ERR_MISSING,
                   "no layer with weights is called \"conv*\"");
    r.layers = NULL;
    r.bits = 13;
    assert_refused(share_apply(net, &r, &err), ERR_VALUE, "expected 1 to 12");
    r.bits = 2;
    g = grid_new(GRID_SYMMETRIC, 8, 1, p->count, &err);
    grid_fit(g, p->value);
    grid_snap(g, p->value, p->value, 0, p->count);
    param_bind(p, NULL, g);
    assert_refused(share_apply(net, &r, &err), ERR_STATE,
                   "is on a grid of 8 bits");
    assert_null(kernel(net, 0)->book);
    assert_close(kernel(net, 0)->value[1], first, 0.0);
    p->value[3] = NAN;
    param_bind(p, NULL, NULL);
    assert_refused(share_apply(net, &r, &err), ERR_DIVERGED, "weight 3");
    net_free(net);
}

static void test_pruning_after_sharing_keeps_the_codes_true(void **state)
{
    struct net *net = learning_net(SPEC, 3);
    struct prune_request r = prune_defaults();
    struct prune_report report;
    struct err err;

    (void)state;
    share(net, NULL, 3);
    r.amount = 0.6;
    assert_ok(prune_apply(net, &r, &report, &err));
    assert_int_equal(share_leaks(net, NULL), 0);
    assert_int_equal(mask_leaks(net, NULL), 0);
    assert_true(distinct(kernel(net, 0)) <= 8);
    net_free(net);
}

/* The lamp: by bits, so that -0 for the zero of a pruned weight counts. */
static void test_a_weight_that_left_its_values_is_seen(void **state)
{
    struct net *net = pruned_net(0.5);
    struct param *p = kernel(net, 0), *q = kernel(net, 1);
    struct grid *g;
    const char *where;
    struct err err;
    size_t pruned = 0;

    (void)state;
    share(net, "dense", 3);
    g = grid_new(GRID_AFFINE, 4, q->def.shape.dim[1], q->count, &err);
    grid_fit(g, q->value);
    grid_snap(g, q->value, q->value, 0, q->count);
    param_bind(q, NULL, g);
    assert_int_equal(share_leaks(net, &where), 0);
    assert_null(where);
    q->value[7] = nextafterf(q->value[7], 9.0f);
    assert_int_equal(share_leaks(net, &where), 1);
    assert_string_equal(where, "dense_1");
    while (p->mask[pruned] != 0)
        pruned++;
    p->value[pruned] = -0.0f;
    p->book->code[pruned + 1] ^= 1;
    assert_int_equal(share_leaks(net, &where), 3);
    assert_string_equal(where, "dense");
    net_free(net);
}

/* The vector of card D3, through the routine that training uses. */
static void test_a_centroid_takes_the_sum_of_its_members(void **state)
{
    static const float g[] = {0.1f, -0.2f, 0.05f, 0.4f, 0.3f, -0.1f};
    static const uint16_t code[] = {1, 2, 2, 3, 1, 2};
    static const double want[] = {-0.54, 0.225, 0.86};
    const struct optim_settings rate = {.lr = 0.1, .weight_decay = 0.5};
    struct net *net = learning_net("input 3, dense 2", 1);
    struct param *p = &net->node[0].param[0];
    struct pool *pool = learning_pool(2);
    struct chunk chunk[] = {{p, 0, 0, 0, 4}, {p, 0, 0, 4, 2}};
    struct bound_step step = {
        .optim = optim_find("sgd"), .rate = &rate, .lr = 0.1, .step = 1};
    struct bound *b;
    struct err err;
    int i;

    (void)state;
    param_bind(p, codebook_new(3, 6, &err), NULL);
    p->book->centroid[1] = -0.5f;
    p->book->centroid[2] = 0.2f;
    p->book->centroid[3] = 0.9f;
    memcpy(p->book->code, code, sizeof(code));
    codebook_write(p->book, p->value, 0, 6);
    assert_ok(bound_new(chunk, 2, 2, &b, &err));
    for (i = 0; i < 2; i++) {
        const float *grad = g + chunk[i].at;
        struct optim_piece piece = {
            .grad = &grad, .shards = 1, .count = chunk[i].count};

        bound_sum(b, i, &piece);
    }
    assert_int_equal(bound_finish(b, pool, &step), -1);
    for (i = 0; i < 3; i++)
        assert_close(p->book->centroid[i + 1], want[i], 1e-6);
    assert_int_equal(share_leaks(net, NULL), 0);
    bound_free(b);
    net_free(net);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pruned_weights_are_outside_of_the_k),
        cmocka_unit_test(test_more_values_than_weights_change_nothing),
        unit_test_in_folder(test_layers_can_have_one_codebook),
        cmocka_unit_test(test_what_would_break_a_promise_is_refused),
        cmocka_unit_test(test_pruning_after_sharing_keeps_the_codes_true),
        cmocka_unit_test(test_a_weight_that_left_its_values_is_seen),
        cmocka_unit_test(test_a_centroid_takes_the_sum_of_its_members),
    };

    io_start();
    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
