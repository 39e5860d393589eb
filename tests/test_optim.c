#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tensor/isa.h"
#include "tests/fixture.h"
#include "train/augment.h"
#include "train/loss.h"
#include "train/optim.h"

#define ROUNDING 1e-6 /* of float32 against PyTorch's double */

static void check_loss(const struct fixture *f, const char *group)
{
    char path[96];
    size_t dim[8], count;
    float *z, *want_dz, *dz;
    double *want;
    int32_t *label;
    int n, classes, hits;

    snprintf(path, sizeof(path), "%s/z", group);
    fixture_shape(f, path, dim);
    n = (int)dim[0];
    classes = (int)dim[1];
    z = fixture_floats(f, path, &count);
    snprintf(path, sizeof(path), "%s/t", group);
    label = fixture_ints(f, path, NULL);
    snprintf(path, sizeof(path), "%s/loss", group);
    want = fixture_doubles(f, path, NULL);
    snprintf(path, sizeof(path), "%s/dz", group);
    want_dz = fixture_floats(f, path, NULL);
    dz = mem_array(count, sizeof(*dz));

    assert_close(
        loss_cross_entropy(z, label, n, classes, 1.0f / (float)n, dz, &hits) /
            n,
        want[0], ROUNDING * fabs(want[0]));
    assert_all_close(dz, want_dz, count, 1e-5, 1e-7);
    free(z);
    free(label);
    free(want);
    free(want_dz);
    mem_free(dz);
}

static void test_cross_entropy_agrees_with_the_reference(void **state)
{
    struct fixture *f = fixture_open("layers.h5");

    (void)state;
    check_loss(f, "loss/softmax_cross_entropy");
    check_loss(f, "loss/extreme_logits");
    fixture_close(f);
}

static void test_a_hit_is_the_first_of_equal_logits(void **state)
{
    const float z[] = {1, 1, 0, 0, 2, 2, 3, 3, 3};
    const int32_t first[] = {0, 1, 0}, second[] = {1, 2, 2};
    int32_t guess[3];
    float confidence[3];
    int hits;

    (void)state;
    loss_cross_entropy(z, first, 3, 3, 1.0f, NULL, &hits);
    assert_int_equal(hits, 3);
    loss_cross_entropy(z, second, 3, 3, 1.0f, NULL, &hits);
    assert_int_equal(hits, 0);
    loss_guess(z, 3, 3, guess, confidence);
    assert_same_bits(guess, first, sizeof(guess));
    /* e / (2e + 1), e^2 / (2e^2 + 1), 1/3 */
    assert_close(confidence[0], 0.42231880, 1e-6);
    assert_close(confidence[1], 0.46831053, 1e-6);
    assert_close(confidence[2], 1.0 / 3.0, 1e-6);
}

static void test_a_logit_that_is_not_finite_gives_such_a_loss(void **state)
{
    const float bad[][3] = {{NAN, 0, 1}, {0, 1, NAN}, {0, INFINITY, 1}};
    const int32_t label = 0;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(bad); i++)
        assert_true(!isfinite(
            loss_cross_entropy(bad[i], &label, 1, 3, 1.0f, NULL, NULL)));
}

/* A row of the fixture: five steps with given gradients. */
struct reference {
    const char *group, *kind;
    struct optim_settings settings;
};

static const struct reference references[] = {
    {"sgd", "sgd", {.lr = 0.1}},
    {"momentum", "momentum", {.lr = 0.1, .momentum = 0.9}},
    {"nesterov", "nesterov", {.lr = 0.1, .momentum = 0.9}},
    {"momentum_weight_decay",
     "momentum",
     {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01}},
    {"adam",
     "adam",
     {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8}},
    {"adamw",
     "adamw",
     {.lr = 0.01,
      .beta1 = 0.9,
      .beta2 = 0.999,
      .epsilon = 1e-8,
      .weight_decay = 0.1}},
};

#define STEPS 5
#define WIDTH 6

static float *read_group(const struct fixture *f, const char *group,
                         const char *name)
{
    char path[96];

    snprintf(path, sizeof(path), "optimizer/%s/%s", group, name);
    return fixture_floats(f, path, NULL);
}

static void check_optimiser(const struct fixture *f, const struct reference *r)
{
    const struct optim_kind *kind = optim_find(r->kind);
    float *w = read_group(f, r->group, "w0"), *g = read_group(f, r->group, "g");
    float *want = read_group(f, r->group, "w");
    float m[WIDTH] = {0}, v[WIDTH] = {0};
    uint64_t step;

    assert_non_null(kind);
    for (step = 1; step <= STEPS; step++) {
        const float *grad = g + (step - 1) * WIDTH;
        struct optim_piece p = {.value = w,
                                .moment = {m, v},
                                .grad = &grad,
                                .shards = 1,
                                .count = WIDTH,
                                .decays = true};

        assert_true(kind->update(&r->settings, r->settings.lr, step, &p));
        assert_all_close(w, want + (step - 1) * WIDTH, WIDTH, 2e-6, 2e-7);
    }
    free(w);
    free(g);
    free(want);
}

static void test_optimisers_agree_with_the_reference(void **state)
{
    struct fixture *f = fixture_open("layers.h5");
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(references); i++)
        check_optimiser(f, &references[i]);
    fixture_close(f);
}

#define COUNT  1301 /* not a whole number of tiles or registers */
#define SHARDS 3

static const struct optim_settings usual = {.lr = 0.05,
                                            .momentum = 0.9,
                                            .weight_decay = 0.02,
                                            .beta1 = 0.9,
                                            .beta2 = 0.999,
                                            .epsilon = 1e-8};

struct arrays {
    float w[COUNT], m[COUNT], v[COUNT], sum[COUNT];
    float g[SHARDS][COUNT];
    uint8_t mask[COUNT];
};

/* Weights, mask (two of three are gone, under it all is +0.0) and gradients
 * that are large, small and of both signs. */
static struct arrays *make_arrays(uint64_t seed)
{
    struct arrays *a = mem_zalloc(sizeof(*a));
    struct rng r = rng_at(seed, RNG_TEST, 0, 0);
    int i, s;

    for (i = 0; i < COUNT; i++) {
        a->mask[i] = rng_below(&r, 3) == 0;
        a->w[i] = a->mask[i] ? (float)rng_normal(&r) : 0.0f;
        for (s = 0; s < SHARDS; s++)
            a->g[s][i] = (float)(rng_normal(&r) * pow(10.0, s * 3 - 4));
        a->sum[i] = a->g[0][i] + a->g[1][i] + a->g[2][i];
    }
    return a;
}

static bool update(struct arrays *a, const struct optim_kind *kind, bool summed,
                   bool masked, bool decays, uint64_t step)
{
    const float *parts[SHARDS] = {a->g[0], a->g[1], a->g[2]}, *sum = a->sum;
    struct optim_piece p = {.value = a->w,
                            .mask = masked ? a->mask : NULL,
                            .moment = {a->m, a->v},
                            .grad = summed ? &sum : parts,
                            .shards = summed ? 1 : SHARDS,
                            .count = COUNT,
                            .decays = decays};

    return kind->update(&usual, usual.lr, step, &p);
}

static void test_shards_of_a_gradient_are_added_in_their_order(void **state)
{
    const struct optim_kind *kind;

    (void)state;
    for (kind = optim_kinds; kind->name != NULL; kind++) {
        struct arrays *a = make_arrays(1), *b = make_arrays(1);

        assert_true(update(a, kind, true, false, true, 1));
        assert_true(update(b, kind, false, false, true, 1));
        assert_same_bits(a->w, b->w, sizeof(a->w));
        assert_same_bits(a->m, b->m, sizeof(a->m));
        assert_same_bits(a->v, b->v, sizeof(a->v));
        mem_free(a);
        mem_free(b);
    }
}

/* One step of Adam from weights of 0, so that the new ones are its steps,
 * against the formula in double at the moments it left. */
static void check_adam_step(double lr, uint64_t step)
{
    struct arrays *a = make_arrays(7);
    struct optim_settings s = usual;
    const float *sum = a->sum;
    struct optim_piece p = {.value = a->w,
                            .moment = {a->m, a->v},
                            .grad = &sum,
                            .shards = 1,
                            .count = COUNT};
    double first = 1.0 - pow(s.beta1, (double)step);
    double second = sqrt(1.0 - pow(s.beta2, (double)step));
    int i;

    for (i = 0; i < COUNT; i++) {
        a->w[i] = 0.0f;
        a->m[i] = 0.3f * a->sum[(i + 1) % COUNT];
        a->v[i] = a->m[i] * a->m[(i + 5) % COUNT];
        a->v[i] = i % 9 == 0 ? 0.0f : fabsf(a->v[i]);
        a->sum[i] = i % 18 == 0 ? 0.0f : a->sum[i];
    }
    assert_true(optim_find("adam")->update(&s, lr, step, &p));
    for (i = 0; i < COUNT; i++) {
        double want = -lr / first * (double)a->m[i] /
                      (sqrt((double)a->v[i]) / second + s.epsilon);

        assert_close(a->w[i], want, 3e-7 * fabs(want));
    }
    mem_free(a);
}

static void test_adam_is_as_exact_with_any_vectors(void **state)
{
    int isa;

    (void)state;
    for (isa = 0; isa < ISA_COUNT; isa++) {
        isa_limit((enum isa)isa);
        check_adam_step(1e-3, 1);
        check_adam_step(0.05, 40);
        check_adam_step(1e-5, 100000);
        check_adam_step(1e-15, 3);
        check_adam_step(0.0, 3);
    }
    isa_limit(ISA_AVX512);
}

/* Bit for bit +0.0 where the mask is 0, bit for bit the unmasked result where
 * it is 1. */
static void check_mask(const struct optim_kind *kind, bool decays)
{
    struct arrays *a = make_arrays(2), *b = make_arrays(2);
    const float zero = 0.0f;
    uint64_t step;
    int i;

    for (step = 1; step <= 50; step++) {
        struct arrays *next = make_arrays(2 + step);

        memcpy(a->g, next->g, sizeof(a->g));
        memcpy(b->g, next->g, sizeof(b->g));
        mem_free(next);
        assert_true(update(a, kind, false, true, decays, step));
        assert_true(update(b, kind, false, false, decays, step));
        for (i = 0; i < COUNT; i++) {
            bool alive = a->mask[i] != 0;

            assert_memory_equal(&a->w[i], alive ? &b->w[i] : &zero, 4);
            assert_memory_equal(&a->m[i], alive ? &b->m[i] : &zero, 4);
            assert_memory_equal(&a->v[i], alive ? &b->v[i] : &zero, 4);
        }
    }
    mem_free(a);
    mem_free(b);
}

static void test_no_optimiser_moves_a_masked_weight_or_its_moments(void **state)
{
    const struct optim_kind *kind;

    (void)state;
    for (kind = optim_kinds; kind->name != NULL; kind++) {
        check_mask(kind, false);
        check_mask(kind, true);
    }
}

/* A mask may come while moments are at work (card P2): the weight must not
 * drift on what was stored. */
static void test_a_new_mask_also_clears_what_the_moments_hold(void **state)
{
    const struct optim_kind *kind;

    (void)state;
    for (kind = optim_kinds; kind->name != NULL; kind++) {
        struct arrays *a = make_arrays(3);
        const float zero = 0.0f;

        a->mask[7] = 1;
        assert_true(update(a, kind, false, false, true, 1));
        assert_true(a->w[7] != 0.0f);
        a->mask[7] = 0;
        assert_true(update(a, kind, false, true, true, 2));
        assert_memory_equal(&a->w[7], &zero, sizeof(zero));
        assert_memory_equal(&a->m[7], &zero, sizeof(zero));
        assert_memory_equal(&a->v[7], &zero, sizeof(zero));
        mem_free(a);
    }
}

static void test_an_update_says_when_a_value_is_not_finite(void **state)
{
    const struct optim_kind *kind;
    const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
    size_t i;

    (void)state;
    for (kind = optim_kinds; kind->name != NULL; kind++) {
        for (i = 0; i < LENGTH(bad); i++) {
            struct arrays *a = make_arrays(4);

            a->g[1][COUNT - 1] = bad[i];
            /* The sum overflows to infinity where no term is. */
            a->g[2][COUNT - 1] = bad[i];
            a->mask[COUNT - 1] = 1;
            assert_false(update(a, kind, false, true, true, 1));
            a->w[COUNT - 1] = a->m[COUNT - 1] = a->v[COUNT - 1] = 1.0f;
            a->mask[COUNT - 1] = 0;
            assert_true(update(a, kind, false, true, true, 2));
            mem_free(a);
        }
    }
}

static void test_learning_rates_follow_their_curves(void **state)
{
    const struct {
        const char *name;
        double at[5]; /* positions 0, 0.15, 0.3, 0.65, 1 */
    } rows[] = {
        {"constant", {1, 1, 1, 1, 1}},
        {"step", {1, 1, 1, 0.1, 0.01}},
        {"linear", {1, 0.85, 0.7, 0.35, 0}},
        {"cosine",
         {1, 0.9455032620941839, 0.7938926261462366, 0.2730047501302266, 0}},
        {"one-cycle", {0.04, 0.52, 1, 0.5, 0}},
    };
    const double position[] = {0, 0.15, 0.3, 0.65, 1};
    size_t i, k, count = 0;

    (void)state;
    while (lr_schedules[count].name != NULL)
        count++;
    assert_true(count == LENGTH(rows));
    for (i = 0; i < LENGTH(rows); i++) {
        const struct lr_schedule *s = lr_schedule_find(rows[i].name);

        assert_non_null(s);
        for (k = 0; k < LENGTH(position); k++)
            assert_close(s->factor(position[k]), rows[i].at[k], 1e-12);
    }
    assert_null(lr_schedule_find("no such"));
    assert_null(optim_find("no such"));
}

static void test_a_moved_picture_is_blank_where_nothing_came_in(void **state)
{
    const struct shape s = {.rank = 3, .dim = {3, 3, 2}};
    const float from[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,
                          10, 11, 12, 13, 14, 15, 16, 17, 18};
    const struct {
        int down, right;
        float want[18];
    } rows[] = {
        {0, 0, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}},
        {1, 0, {0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
        {-2, 0, {13, 14, 15, 16, 17, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
        {0, 1, {0, 0, 1, 2, 3, 4, 0, 0, 7, 8, 9, 10, 0, 0, 13, 14, 15, 16}},
        {0, -2, {5, 6, 0, 0, 0, 0, 11, 12, 0, 0, 0, 0, 17, 18, 0, 0, 0, 0}},
        {1, -1, {0, 0, 0, 0, 0, 0, 3, 4, 5, 6, 0, 0, 9, 10, 11, 12, 0, 0}},
        {-1, 2, {0, 0, 0, 0, 7, 8, 0, 0, 0, 0, 13, 14, 0, 0, 0, 0, 0, 0}},
        {5, -7, {0}},
    };
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        float x[18];

        memcpy(x, from, sizeof(x));
        augment_move(x, &s, rows[i].down, rows[i].right, 0.0f);
        assert_same_bits(x, rows[i].want, sizeof(x));
    }
}

static void test_random_shifts_reach_every_place_and_no_further(void **state)
{
    const struct shape s = {.rank = 3, .dim = {7, 7, 1}};
    int seen[49] = {0}, i, k;

    (void)state;
    for (i = 0; i < 2500; i++) {
        struct rng r = rng_at(1, RNG_AUGMENT, 0, (uint64_t)i);
        float x[49];

        for (k = 0; k < 49; k++)
            x[k] = k == 24 ? 1.0f : -1.0f;
        augment_shift(x, &s, 2, -1.0f, &r);
        for (k = 0; k < 49; k++)
            seen[k] += x[k] == 1.0f;
    }
    /* 25 places, 100 times each; 6 deviations either way. */
    for (k = 0; k < 49; k++) {
        bool within = abs(k / 7 - 3) <= 2 && abs(k % 7 - 3) <= 2;

        assert_in_range(seen[k], within ? 40 : 0, within ? 160 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cross_entropy_agrees_with_the_reference),
        cmocka_unit_test(test_a_hit_is_the_first_of_equal_logits),
        cmocka_unit_test(test_a_logit_that_is_not_finite_gives_such_a_loss),
        cmocka_unit_test(test_optimisers_agree_with_the_reference),
        cmocka_unit_test(test_shards_of_a_gradient_are_added_in_their_order),
        cmocka_unit_test(test_adam_is_as_exact_with_any_vectors),
        cmocka_unit_test(
            test_no_optimiser_moves_a_masked_weight_or_its_moments),
        cmocka_unit_test(test_a_new_mask_also_clears_what_the_moments_hold),
        cmocka_unit_test(test_an_update_says_when_a_value_is_not_finite),
        cmocka_unit_test(test_learning_rates_follow_their_curves),
        cmocka_unit_test(test_a_moved_picture_is_blank_where_nothing_came_in),
        cmocka_unit_test(test_random_shifts_reach_every_place_and_no_further),
    };

    return cmocka_run_group_tests_name("optim", tests, NULL, NULL);
}
