/* Training of shared and rounded weights: cards D3, Q4. */
#include "support.h"

#include "base/mem.h"
#include "compress/mask.h"
#include "io/io.h"
#include "learning.h"
#include "shared.h"
#include "train/bound.h"
#include "train/trainer.h"

struct rig {
    struct dataset *data;
    struct pool *pool;
    struct train_settings settings;
    int32_t row[32];
};

static void rig_make(struct rig *r, const char *optim, int threads)
{
    int i;

    r->data = learning_data("6x6x1", 4, 300, 5);
    r->pool = learning_pool(threads);
    r->settings = train_defaults();
    r->settings.optim = optim_find(optim);
    r->settings.rate.lr = 0.01;
    r->settings.batch = 32;
    r->settings.total = 1000;
    r->settings.seed = 4;
    for (i = 0; i < 32; i++)
        r->row[i] = i;
}

static void rig_done(struct rig *r)
{
    dataset_free(r->data);
    pool_free(r->pool);
}

static double steps(struct rig *r, struct net *net, int from, int to)
{
    struct err err;
    struct trainer *t =
        trainer_new(net, r->data, &r->settings, (uint64_t)from, r->pool, &err);
    struct step_report report = {0};

    if (t == NULL)
        fail_msg("%s", err.msg);
    for (; from < to; from++)
        assert_ok(trainer_step(t, &report, &err));
    trainer_free(t);
    return report.loss;
}

/* Loss of the net on the rows, and nothing changed. */
static double loss_of(struct rig *r, const struct net *net)
{
    struct err err;
    struct net *copy = net_clone(net, &err);
    struct trainer *t =
        trainer_new(copy, r->data, &r->settings, 0, r->pool, &err);
    struct step_report report;

    assert_non_null(t);
    assert_ok(trainer_step_rows(t, r->row, 32, &report, &err));
    trainer_free(t);
    net_free(copy);
    return report.loss;
}

static void test_the_gradient_of_a_centroid_is_that_of_the_loss(void **state)
{
    struct net *net = pruned_net(0.4), *after;
    struct param *p = kernel(net, 1);
    struct trainer *t;
    struct step_report report;
    struct rig r;
    struct err err;
    int j;

    (void)state;
    rig_make(&r, "sgd", 2);
    r.settings.rate.lr = 1.0;
    r.settings.sums_shared = true;
    share(net, NULL, 3);
    after = net_clone(net, &err);
    t = trainer_new(after, r.data, &r.settings, 0, r.pool, &err);
    assert_ok(trainer_step_rows(t, r.row, 32, &report, &err));
    for (j = 1; j <= p->book->k; j++) {
        float was = p->book->centroid[j];
        double up, down, slope;
        double got = (double)was - (double)kernel(after, 1)->book->centroid[j];

        p->book->centroid[j] = was + 1e-3f;
        codebook_write(p->book, p->value, 0, p->count);
        up = loss_of(&r, net);
        p->book->centroid[j] = was - 1e-3f;
        codebook_write(p->book, p->value, 0, p->count);
        down = loss_of(&r, net);
        p->book->centroid[j] = was;
        codebook_write(p->book, p->value, 0, p->count);
        slope = (up - down) / 2e-3;
        assert_close(got, slope, 2e-3 + 0.02 * fabs(slope));
    }
    trainer_free(t);
    net_free(after);
    net_free(net);
    rig_done(&r);
}

static void bind_grids(struct net *net, enum grid_kind kind, int bits,
                       bool fixed)
{
    struct err err;
    int i;

    for (i = 0; i < 3; i++) {
        struct param *p = kernel(net, i);
        int channels = kind >= GRID_FP16 ? 0 : i == 1 ? 1 : p->def.shape.dim[1];
        struct grid *g = grid_new(kind, bits, channels, p->count, &err);

        grid_fit(g, p->value);
        g->fixed = fixed;
        if (fixed && channels > 0)
            g->scale[0] *= 0.5f;
        grid_snap(g, p->value, p->value, 0, p->count);
        param_bind(p, NULL, g);
    }
}

/* A step of tied weights by the mean is the mean of their steps when free. */
static void test_the_mean_is_the_step_of_free_weights(void **state)
{
    struct net *net = pruned_net(0.4), *tied, *plain;
    struct param *p, *q;
    struct rig r;
    struct err err;
    size_t i;
    int j;

    (void)state;
    rig_make(&r, "sgd", 2);
    r.settings.rate.lr = 1.0;
    share(net, NULL, 3);
    tied = net_clone(net, &err);
    plain = net_clone(net, &err);
    net_unbind(plain);
    steps(&r, tied, 0, 1);
    steps(&r, plain, 0, 1);
    p = kernel(tied, 1);
    q = kernel(plain, 1);
    for (j = 1; j <= p->book->k; j++) {
        double sum = 0.0, n = 0.0;

        for (i = 0; i < p->count; i++) {
            sum += p->book->code[i] == j ? (double)q->value[i] : 0.0;
            n += p->book->code[i] == j;
        }
        assert_close(p->book->centroid[j], sum / n, 1e-6);
    }
    net_free(net);
    net_free(tied);
    net_free(plain);
    rig_done(&r);
}

/* What a net is bound to in the runs below. */
static struct net *bound_net(int which)
{
    struct net *net = pruned_net(0.5);
    struct share_request r = share_defaults();
    struct err err;

    switch (which) {
    case 0:
        share(net, NULL, 2);
        break;
    case 1:
        r.together = true;
        assert_ok(share_apply(net, &r, &err));
        break;
    case 2:
        bind_grids(net, GRID_SYMMETRIC, 4, false);
        break;
    case 3:
        bind_grids(net, GRID_AFFINE, 3, true);
        break;
    default:
        bind_grids(net, GRID_BF16, 16, false);
    }
    return net;
}
#define BOUND_NETS 5

static void test_no_optimiser_unties_or_revives_a_weight(void **state)
{
    const struct optim_kind *kind;
    int which, decay;

    (void)state;
    for (kind = optim_kinds; kind->name != NULL; kind++) {
        for (which = 0; which < BOUND_NETS; which++) {
            for (decay = 0; decay < 2; decay++) {
                struct net *net = bound_net(which);
                size_t alive = mask_alive(kernel(net, 0));
                struct rig r;

                rig_make(&r, kind->name, 2);
                r.settings.rate.weight_decay = decay * 0.01;
                steps(&r, net, 0, 25);
                assert_int_equal(share_leaks(net, NULL), 0);
                assert_int_equal(mask_leaks(net, NULL), 0);
                assert_int_equal(mask_alive(kernel(net, 0)), alive);
                if (which == 0)
                    assert_true(distinct(kernel(net, 0)) <= 3);
                if (which == 1)
                    assert_same_bits(kernel(net, 0)->book->centroid,
                                     kernel(net, 2)->book->centroid,
                                     32 * sizeof(float));
                net_free(net);
                rig_done(&r);
            }
        }
    }
}

static void test_bound_weights_learn(void **state)
{
    int which;

    (void)state;
    for (which = 0; which < BOUND_NETS; which++) {
        struct net *net = bound_net(which);
        struct rig r;
        double before, after;

        rig_make(&r, "adam", 2);
        before = loss_of(&r, net);
        steps(&r, net, 0, 150);
        after = loss_of(&r, net);
        if (!(after < 0.5 * before))
            fail_msg("net %d: loss %g, then %g", which, before, after);
        net_free(net);
        rig_done(&r);
    }
}

static void test_threads_and_resuming_change_no_bit(void **state)
{
    const char *path = support_path(state, "net.h5");
    int which, i;

    for (which = 0; which < BOUND_NETS; which++) {
        struct net *one = bound_net(which), *three = bound_net(which), *half;
        struct rig r, s;
        struct err err;

        rig_make(&r, "adam", 1);
        rig_make(&s, "adam", 3);
        steps(&r, one, 0, 12);
        steps(&s, three, 0, 7);
        assert_ok(net_save(path, three, NULL, &err));
        net_free(three);
        assert_ok(net_load(path, &half, NULL, NULL, &err));
        steps(&s, half, 7, 12);
        for (i = 0; i < 3; i++) {
            const struct param *p = kernel(one, i), *q = kernel(half, i);

            assert_same_bits(p->value, q->value, p->count * sizeof(float));
            if (p->book != NULL)
                assert_same_bits(p->book->moment[1], q->book->moment[1],
                                 ((size_t)p->book->k + 1) * sizeof(float));
            else
                assert_same_bits(p->grid->latent, q->grid->latent,
                                 p->count * sizeof(float));
        }
        net_free(one);
        net_free(half);
        rig_done(&r);
        rig_done(&s);
    }
}

/* Straight through: latent values move by the gradient at the rounded ones,
 * and not at all beyond the end of a fixed grid. */
static void test_gradients_pass_straight_through(void **state)
{
    struct net *net = learning_net(SPEC, 3), *plain;
    struct param *p = kernel(net, 1);
    struct rig r;
    struct err err;
    size_t i, outside = 0;
    float *was = mem_array(p->count, sizeof(*was));

    (void)state;
    rig_make(&r, "sgd", 2);
    r.settings.rate.lr = 0.5;
    bind_grids(net, GRID_SYMMETRIC, 4, true);
    plain = net_clone(net, &err);
    net_unbind(plain);
    assert_ok(net_need_latent(net, &err));
    steps(&r, plain, 0, 1);
    steps(&r, net, 0, 1);
    for (i = 0; i < p->count; i++)
        assert_close(p->grid->latent[i], kernel(plain, 1)->value[i], 0.0);
    /* Now some latent values beyond the ends. */
    for (i = 0; i < p->count; i += 5)
        p->grid->latent[i] = 10.0f;
    memcpy(was, p->grid->latent, p->count * sizeof(*was));
    grid_snap(p->grid, p->grid->latent, p->value, 0, p->count);
    steps(&r, net, 1, 2);
    for (i = 0; i < p->count; i++)
        outside += p->grid->latent[i] == was[i] && was[i] == 10.0f;
    mem_free(was);
    assert_int_equal(outside, (p->count + 4) / 5);
    net_free(net);
    net_free(plain);
    rig_done(&r);
}

/* Eight bits and more stay near the training in floats. */
static void test_fine_grids_train_as_floats_do(void **state)
{
    struct net *a = learning_net(SPEC, 3), *b = learning_net(SPEC, 3);
    struct rig r;
    double x, y;

    (void)state;
    rig_make(&r, "adam", 2);
    bind_grids(b, GRID_FP16, 16, false);
    x = steps(&r, a, 0, 60);
    y = steps(&r, b, 0, 60);
    assert_close(x, y, 1e-3);
    net_free(a);
    net_free(b);
    rig_done(&r);
}

static void test_weights_go_to_the_nearest_trained_value(void **state)
{
    struct net *net = pruned_net(0.5), *was;
    struct param *p = kernel(net, 0);
    struct rig r;
    struct err err;
    size_t i;
    int j;

    (void)state;
    was = net_clone(net, &err);
    rig_make(&r, "adam", 2);
    share(net, NULL, 3);
    assert_int_equal(share_reassign(p, kernel(was, 0)), 0);
    steps(&r, net, 0, 40);
    assert_true(share_reassign(p, kernel(was, 0)) > 0);
    assert_int_equal(share_reassign(p, kernel(was, 0)), 0);
    assert_int_equal(share_leaks(net, NULL), 0);
    for (i = 0; i < p->count; i++) {
        double old = (double)kernel(was, 0)->value[i];

        for (j = 1; j <= p->book->k && p->mask[i] != 0; j++)
            assert_true(fabs((double)p->value[i] - old) <=
                        fabs((double)p->book->centroid[j] - old) + 1e-7);
    }
    net_free(net);
    net_free(was);
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_gradient_of_a_centroid_is_that_of_the_loss),
        cmocka_unit_test(test_the_mean_is_the_step_of_free_weights),
        cmocka_unit_test(test_no_optimiser_unties_or_revives_a_weight),
        cmocka_unit_test(test_bound_weights_learn),
        unit_test_in_folder(test_threads_and_resuming_change_no_bit),
        cmocka_unit_test(test_gradients_pass_straight_through),
        cmocka_unit_test(test_fine_grids_train_as_floats_do),
        cmocka_unit_test(test_weights_go_to_the_nearest_trained_value),
    };

    io_start();
    return cmocka_run_group_tests_name("bound", tests, NULL, NULL);
}
