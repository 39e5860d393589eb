/* k-means on a line: the vectors of card D2, the exact optimum, properties. */
#include "support.h"

#include <stdlib.h>

#include "base/mem.h"
#include "compress/cluster.h"

static void make_points(struct points *p, const float *value, size_t n)
{
    float *copy = mem_array(n, sizeof(*copy));
    struct err err;

    memcpy(copy, value, n * sizeof(*copy));
    assert_ok(points_make(p, copy, n, &err));
    mem_free(copy);
}

static double run(const char *method, const struct points *p, int k,
                  struct clusters *c)
{
    struct rng r = rng_at(1, RNG_TEST, 0, (uint64_t)k);
    struct err err;

    clusters_make(c, k, p);
    assert_ok(cluster_method_find(method)->run(c, p, &r, &err));
    return clusters_error(c, p);
}

static const float vector8[] = {-1.0f, -0.5f, -0.45f, -0.4f,
                                0.3f,  0.35f, 0.45f,  1.4f};

static void test_the_starts_of_the_card(void **state)
{
    static const double linear[] = {-1.0, -0.2, 0.6, 1.4};
    static const double density[] = {-0.5, -0.4, 0.35, 1.4};
    static const double want[] = {-1.0, -0.45, 0.366667, 1.4};
    struct points p;
    struct clusters c;
    int j;

    (void)state;
    make_points(&p, vector8, LENGTH(vector8));
    clusters_make(&c, 4, &p);
    memcpy(c.centre, linear, sizeof(linear));
    assert_true(clusters_round(&c, &p));
    for (j = 0; j < 4; j++)
        assert_close(c.centre[j], want[j], 1e-6);
    assert_close(clusters_error(&c, &p), 0.0166667, 1e-7);
    assert_false(clusters_round(&c, &p));
    memset(c.end, 0, 4 * sizeof(*c.end));
    memcpy(c.centre, density, sizeof(density));
    assert_true(clusters_round(&c, &p));
    assert_true(clusters_round(&c, &p));
    for (j = 0; j < 4; j++)
        assert_close(c.centre[j], want[j], 1e-6);
    clusters_done(&c);
    /* And the rows start there. */
    assert_close(run("linear", &p, 4, &c), 0.0166667, 1e-7);
    assert_int_equal(c.rounds, 1);
    clusters_done(&c);
    assert_close(run("density", &p, 4, &c), 0.0166667, 1e-7);
    assert_int_equal(c.rounds, 2);
    clusters_done(&c);
    assert_close(run("exact", &p, 4, &c), 0.0166667, 1e-7);
    clusters_done(&c);
    points_done(&p);
}

/* The linear start leaves the middle cluster without a value. */
static void test_an_empty_cluster_is_used_elsewhere(void **state)
{
    static const float w[] = {-0.10f, -0.09f, -0.08f, -0.07f, 0.07f,
                              0.08f,  0.09f,  0.10f,  1.0f};
    const struct cluster_method *m;
    struct points p;
    struct clusters c;

    (void)state;
    make_points(&p, w, LENGTH(w));
    for (m = cluster_methods; m->name != NULL; m++) {
        double error = run(m->name, &p, 3, &c);

        if (strcmp(m->name, "linear") == 0 || strcmp(m->name, "exact") == 0)
            assert_close(error, 0.0010, 1e-7);
        assert_true(error >= 0.0010 - 1e-7);
        clusters_done(&c);
    }
    points_done(&p);
}

/* The textbook recurrence: cost[j][i] = min cost[j-1][t] + error(t, i). */
static double least_error(const float *sorted, int n, int k)
{
    double *cost = mem_array((size_t)(k + 1) * (size_t)(n + 1), sizeof(double));
    double answer;
    int i, j, t, q;

    for (i = 1; i <= n; i++)
        cost[i] = INFINITY;
    for (j = 1; j <= k; j++) {
        for (i = 1; i <= n; i++) {
            double best = INFINITY, sum = 0.0, squares = 0.0;

            for (t = i - 1, q = 1; t >= 0; t--, q++) {
                double e, x = (double)sorted[t];

                sum += x;
                squares += x * x;
                e = cost[(j - 1) * (n + 1) + t] + squares - sum * sum / q;
                best = e < best ? e : best;
            }
            cost[j * (n + 1) + i] = best;
        }
        cost[j * (n + 1)] = INFINITY;
    }
    answer = cost[k * (n + 1) + n];
    mem_free(cost);
    return answer;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void random_values(float *w, int n, uint64_t draw)
{
    struct rng r = rng_at(3, RNG_TEST, 1, draw);
    int i;

    /* Every third draw has many equal values. */
    for (i = 0; i < n; i++)
        w[i] = draw % 3 == 0 ? (float)((int)rng_below(&r, 12) - 6) * 0.25f
                             : (float)rng_normal(&r);
}

static void test_exact_is_the_optimum_and_nobody_beats_it(void **state)
{
    const struct cluster_method *m;
    float w[90], sorted[90];
    uint64_t draw;

    (void)state;
    for (draw = 0; draw < 60; draw++) {
        int n = 5 + (int)draw % 80, k = 1 + (int)draw % 9;
        struct points p;
        struct clusters c;
        double least;

        random_values(w, n, draw);
        memcpy(sorted, w, sizeof(w));
        qsort(sorted, (size_t)n, sizeof(*sorted), by_value);
        least = least_error(sorted, n, k < n ? k : n);
        make_points(&p, w, (size_t)n);
        for (m = cluster_methods; m->name != NULL; m++) {
            double error = run(m->name, &p, k, &c);

            if (strcmp(m->name, "exact") == 0)
                assert_close(error, (size_t)k >= p.n ? 0.0 : least, 1e-9);
            assert_true(error >= least - 1e-9);
            clusters_done(&c);
        }
        points_done(&p);
    }
}

static void test_a_round_never_raises_the_error(void **state)
{
    float w[500];
    uint64_t draw;

    (void)state;
    for (draw = 0; draw < 30; draw++) {
        struct rng r = rng_at(4, RNG_TEST, 2, draw);
        struct points p;
        struct clusters c;
        double last = INFINITY;
        int j;

        random_values(w, 500, draw);
        make_points(&p, w, 500);
        clusters_make(&c, 9, &p);
        for (j = 0; j < c.k; j++)
            c.centre[j] = rng_normal(&r);
        for (j = 1; j < c.k; j++) /* ascending */
            c.centre[j] = c.centre[j - 1] + fabs(c.centre[j]);
        while (clusters_round(&c, &p)) {
            double error = clusters_error(&c, &p);

            assert_true(error <= last + 1e-9);
            last = error;
            assert_true(c.rounds < 500);
        }
        clusters_done(&c);
        points_done(&p);
    }
}

static void test_enough_clusters_keep_every_value(void **state)
{
    const struct cluster_method *m;
    float w[64];
    struct points p;
    struct clusters c;
    size_t i;

    (void)state;
    random_values(w, 64, 0);
    make_points(&p, w, 64);
    for (m = cluster_methods; m->name != NULL; m++) {
        assert_close(run(m->name, &p, 64, &c), 0.0, 0.0);
        assert_int_equal(c.k, p.n);
        for (i = 0; i < 64; i++)
            assert_close(c.centre[clusters_find(&c, &p, w[i])], w[i], 1e-15);
        clusters_done(&c);
    }
    points_done(&p);
}

/* Each value's cluster holds it, and is the nearest but for rounding. */
static void test_values_find_their_cluster(void **state)
{
    float w[400];
    struct points p;
    struct clusters c;
    size_t i;
    int j;

    (void)state;
    random_values(w, 400, 1);
    make_points(&p, w, 400);
    run("kmeans++", &p, 13, &c);
    for (i = 0; i < 400; i++) {
        int found = clusters_find(&c, &p, w[i]);
        double off = fabs(c.centre[found] - (double)w[i]);

        for (j = 0; j < c.k; j++)
            assert_true(off <= fabs(c.centre[j] - (double)w[i]) + 1e-12);
    }
    clusters_done(&c);
    points_done(&p);
}

/* Sorting is by value for all signs and sizes, and -0 is 0. */
static void test_points_are_sorted_and_distinct(void **state)
{
    static const float w[] = {0.0f,   -0.0f, 1e-40f, -1e-40f, 3e38f,
                              -3e38f, 1.0f,  1.0f,   -2.5f};
    static const float want[] = {-3e38f, -2.5f, -1e-40f, 0.0f,
                                 1e-40f, 1.0f,  3e38f};
    struct points p;

    (void)state;
    make_points(&p, w, LENGTH(w));
    assert_int_equal(p.n, LENGTH(want));
    assert_same_bits(p.x, want, sizeof(want));
    assert_close(p.count[p.n], LENGTH(w), 0.0);
    points_done(&p);
}

static void test_random_starts_follow_the_seed(void **state)
{
    static const char *const names[] = {"random", "kmeans++"};
    float w[400];
    struct points p;
    size_t i;

    (void)state;
    random_values(w, 400, 1);
    make_points(&p, w, 400);
    for (i = 0; i < LENGTH(names); i++) {
        struct clusters a, b, c;
        struct rng r = rng_at(8, RNG_TEST, 0, 1);
        struct err err;

        run(names[i], &p, 16, &a);
        run(names[i], &p, 16, &b);
        assert_same_bits(a.centre, b.centre, 16 * sizeof(double));
        clusters_make(&c, 16, &p);
        assert_ok(cluster_method_find(names[i])->run(&c, &p, &r, &err));
        assert_memory_not_equal(a.centre, c.centre, 16 * sizeof(double));
        clusters_done(&a);
        clusters_done(&b);
        clusters_done(&c);
    }
    points_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_starts_of_the_card),
        cmocka_unit_test(test_an_empty_cluster_is_used_elsewhere),
        cmocka_unit_test(test_exact_is_the_optimum_and_nobody_beats_it),
        cmocka_unit_test(test_a_round_never_raises_the_error),
        cmocka_unit_test(test_enough_clusters_keep_every_value),
        cmocka_unit_test(test_values_find_their_cluster),
        cmocka_unit_test(test_points_are_sorted_and_distinct),
        cmocka_unit_test(test_random_starts_follow_the_seed),
    };

    return cmocka_run_group_tests_name("cluster", tests, NULL, NULL);
}
