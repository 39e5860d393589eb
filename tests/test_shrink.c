/*
 * Removal of units (method card N4): a net worked by hand, and by property
 * that the smaller net computes what the larger did, whatever the graph.
 */
#include "tests/support.h"

#include "base/mem.h"
#include "base/rng.h"
#include "compress/mask.h"
#include "compress/shrink.h"
#include "net/exec.h"
#include "net/spec.h"
#include "par/pool.h"

#define SAMPLES 5

static struct net *net_of(const char *spec)
{
    struct err err;
    struct net *net = spec_parse(spec, "test", &err);

    if (net == NULL)
        fail_msg("%s: %s", spec, err.msg);
    net_init(net, 3);
    return net;
}

static struct net *shrunk(const struct net *net, struct shrink_report *report)
{
    struct err err;
    struct net *small = shrink_net(net, report, &err);

    if (small == NULL)
        fail_msg("%s", err.msg);
    return small;
}

static struct param *param_of(struct net *net, const char *node, int k)
{
    int i = net_find(net, node);

    assert_true(i >= 0);
    return &net->node[i].param[k];
}

static int units_of(struct net *net, const char *node)
{
    const struct shape *s = &net->node[net_find(net, node)].out;

    return s->dim[s->rank - 1];
}

/* Every value and bias away from zero, so that a slip shows. */
static void fill_values(struct net *net)
{
    struct param_walk w;
    struct param *p;
    size_t i;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        struct rng r = rng_at(8, RNG_TEST, (uint64_t)w.node, (uint64_t)w.param);

        for (i = 0; i < p->count; i++)
            p->value[i] = p->def.trainable && p->def.prunable
                              ? (float)rng_normal(&r) * 0.5f
                              : 0.5f + rng_float(&r);
    }
}

/* Prunes what joins input c to unit k; -1: every input, every unit. */
static void cut(struct net *net, const char *node, int c, int k)
{
    struct param *p = param_of(net, node, 0);
    const struct shape *s = &p->def.shape;
    int units = s->dim[s->rank - 1], inputs = s->dim[s->rank - 2];
    struct err err;
    size_t i;

    assert_ok(param_need_mask(p, &err));
    for (i = 0; i < p->count; i++) {
        int of_k = (int)(i % (size_t)units);
        int of_c = (int)(i / (size_t)units % (size_t)inputs);

        if ((c == -1 || c == of_c) && (k == -1 || k == of_k))
            p->mask[i] = 0;
    }
    mask_apply(p);
}

struct run {
    const struct net *net;
    float *x, *y;
};

static void fill(void *arg, int first, int n, float *x)
{
    const struct run *r = arg;
    size_t width = shape_count(&r->net->input);

    memcpy(x, r->x + (size_t)first * width, (size_t)n * width * sizeof(*x));
}

static double head(void *arg, int shard, int first, int n,
                   const float *const *y, float *const *dy)
{
    const struct run *r = arg;
    size_t width = shape_count(&r->net->node[r->net->output[0]].out);

    (void)shard;
    (void)dy;
    memcpy(r->y + (size_t)first * width, y[0], (size_t)n * width * sizeof(**y));
    return 0.0;
}

/* Outputs of SAMPLES random samples; the caller frees them. */
static float *outputs_of(struct net *net)
{
    size_t width = SAMPLES * shape_count(&net->input), i;
    struct run run = {.net = net, .x = mem_array(width, sizeof(float))};
    struct exec_hooks hooks = {.fill = fill, .head = head, .arg = &run};
    struct rng r = rng_at(5, RNG_TEST, 0, 0);
    struct err err;
    struct pool *pool = pool_new(1, &err);
    struct exec *e = exec_new(net, SAMPLES, EXEC_EVAL, pool, &err);

    if (e == NULL)
        fail_msg("%s", err.msg);
    run.y = mem_array(SAMPLES * shape_count(&net->node[net->output[0]].out),
                      sizeof(float));
    for (i = 0; i < width; i++)
        run.x[i] = (float)rng_normal(&r);
    exec_run(e, PASS_EVAL, false, SAMPLES, 0, 0, &hooks);
    exec_free(e);
    pool_free(pool);
    mem_free(run.x);
    return run.y;
}

static void assert_computes_the_same(struct net *net, struct net *small)
{
    size_t count = SAMPLES * shape_count(&net->node[net->output[0]].out);
    float *want = outputs_of(net), *got = outputs_of(small);

    assert_all_close(got, want, count, 1e-5, 1e-5);
    mem_free(want);
    mem_free(got);
}

/*
 * Worked by hand: of four hidden units the first is alive; the second is read
 * by nobody; nothing leads to the third, which gives relu(0.5) = 0.5; nothing
 * leads to the fourth either, which gives relu(-1) = 0.  One stays, and the
 * third's 0.5 times its weights 2 and -4 goes to the biases.
 */
static void units_without_use_go_and_constants_move_to_biases(void **state)
{
    struct net *net = net_of("input 2; dense 4 relu name=h; dense 2 name=out"),
               *small;
    const float in[8] = {1, 2, 0, 0, 3, 4, 0, 0}, bias[4] = {0.1f, 0, 0.5f, -1};
    const float out[8] = {5, 6, 0, 0, 2, -4, 7, 8}, last[2] = {10, 20};
    struct shrink_report report;

    (void)state;
    memcpy(param_of(net, "h", 0)->value, in, sizeof(in));
    memcpy(param_of(net, "h", 1)->value, bias, sizeof(bias));
    memcpy(param_of(net, "out", 0)->value, out, sizeof(out));
    memcpy(param_of(net, "out", 1)->value, last, sizeof(last));
    small = shrunk(net, &report);
    assert_int_equal(units_of(small, "h"), 1);
    assert_same_bits(param_of(small, "h", 0)->value, ((float[]){1, 3}), 8);
    assert_same_bits(param_of(small, "out", 0)->value, ((float[]){5, 6}), 8);
    assert_same_bits(param_of(small, "out", 1)->value, ((float[]){11, 18}), 8);
    assert_int_equal(report.units_before, 6);
    assert_int_equal(report.units_after, 3);
    assert_int_equal(report.params_before, 22);
    assert_int_equal(report.params_after, 7);
    net_free(net);
    net_free(small);
}

static void a_convolution_takes_the_rows_of_dense_along(void **state)
{
    struct net *net = net_of("input 6x6x1; conv2d 4 3x3 relu name=c; "
                             "max_pool2d 2x2; flatten; dense 5 relu name=h; "
                             "dense 3 name=out"),
               *small;
    struct shrink_report report;

    (void)state;
    fill_values(net);
    cut(net, "c", -1, 2); /* a constant filter: relu(bias) */
    cut(net, "out", 1, -1);
    small = shrunk(net, &report);
    assert_int_equal(units_of(small, "c"), 3);
    assert_int_equal(units_of(small, "h"), 4);
    assert_int_equal(param_of(small, "h", 0)->def.shape.dim[0], 2 * 2 * 3);
    assert_non_null(param_of(small, "c", 0)->mask);
    assert_computes_the_same(net, small);
    net_free(net);
    net_free(small);
}

/* A constant before zeros around the image is not the same at the border. */
static void a_constant_stays_before_a_padded_convolution(void **state)
{
    struct net *
        net =
           net_of("input 5x5x1; conv2d 3 3x3 name=a; conv2d 2 3x3 padding=same "
                  "name=b; global_average_pool2d; dense 2 name=out"),
       *small;
    struct shrink_report report;

    (void)state;
    fill_values(net);
    cut(net, "a", -1, 1);
    small = shrunk(net, &report);
    assert_int_equal(units_of(small, "a"), 3);
    assert_computes_the_same(net, small);
    net_free(small);
    param_of(net, "a", 1)->value[1] = 0.0f;
    small = shrunk(net, &report);
    assert_int_equal(units_of(small, "a"), 2);
    assert_computes_the_same(net, small);
    net_free(net);
    net_free(small);
}

/* Of units that are added, all go or none; batch norm and a depthwise layer
 * go along; what is concatenated goes by itself. */
static void joins_keep_their_inputs_alike(void **state)
{
    struct net *net = net_of(
                   "input 4x4x2; conv2d 4 1x1 name=a; batch_norm name=n; "
                   "conv2d 4 1x1 name=b from=a; add name=s from=n,b; "
                   "depthwise_conv2d 3x3 padding=same name=d; "
                   "conv2d 3 1x1 name=c; concat from=d,c; "
                   "global_average_pool2d; dense 2 name=out"),
               *small;
    struct shrink_report report;

    (void)state;
    fill_values(net);
    cut(net, "b", -1, 1); /* in the sum, still alive by way of n */
    cut(net, "c", 3, -1);
    cut(net, "out", 3, -1); /* unit 3 of the sum is read by nobody */
    cut(net, "out", 5, -1); /* unit 1 of c */
    cut(net, "b", 3, -1);
    small = shrunk(net, &report);
    assert_int_equal(units_of(small, "s"), 3);
    assert_int_equal(units_of(small, "a"), 3);
    assert_int_equal(units_of(small, "b"), 3);
    assert_int_equal(units_of(small, "c"), 2);
    assert_int_equal(units_of(small, "out"), 2);
    assert_computes_the_same(net, small);
    net_free(net);
    net_free(small);
}

/* Constants are carried over as they are rounded. */
static void quantised_activations_go_along(void **state)
{
    struct net *net = net_of("input 6x6x1; fake_quant name=q; "
                             "conv2d 4 3x3 relu name=c; fake_quant 3 name=r; "
                             "flatten; dense 5 relu name=h; fake_quant 2 "
                             "name=s; dense 3 name=out"),
               *small;
    struct shrink_report report;

    (void)state;
    fill_values(net);
    for (int k = 0; k < 3; k++) {
        const char *name = (const char *const[]){"q", "r", "s"}[k];

        *param_of(net, name, 0)->value = k == 0 ? -2.0f : 0.0f;
        *param_of(net, name, 1)->value = 2.0f + (float)k;
    }
    cut(net, "c", -1, 2); /* a constant filter: relu(bias), rounded */
    cut(net, "h", -1, 3);
    cut(net, "out", 1, -1);
    small = shrunk(net, &report);
    assert_int_equal(units_of(small, "c"), 3);
    assert_int_equal(units_of(small, "r"), 3);
    assert_int_equal(units_of(small, "s"), 3);
    assert_same_bits(param_of(small, "s", 1)->value,
                     param_of(net, "s", 1)->value, sizeof(float));
    assert_computes_the_same(net, small);
    net_free(net);
    net_free(small);
}

static void grouped_convolutions_and_softmax_keep_what_they_see(void **state)
{
    struct net *net = net_of("input 4x4x2; conv2d 4 1x1 name=a; "
                             "conv2d 4 1x1 groups=2 name=b; "
                             "global_average_pool2d; dense 3 softmax name=o"),
               *small;
    struct shrink_report report;

    (void)state;
    fill_values(net);
    cut(net, "a", -1, 0);
    cut(net, "o", 2, -1);
    cut(net, "o", -1, 1);
    small = shrunk(net, &report);
    assert_int_equal(units_of(small, "a"), 4);
    assert_int_equal(units_of(small, "b"), 4);
    assert_int_equal(units_of(small, "o"), 3);
    assert_int_equal(report.params_before, report.params_after);
    net_free(net);
    net_free(small);
}

static void a_layer_keeps_a_unit_when_nothing_is_left(void **state)
{
    struct net *net = net_of("input 3; dense 4 relu name=h; dense 2 name=out"),
               *small;
    struct shrink_report report;

    (void)state;
    fill_values(net);
    cut(net, "h", -1, -1);
    small = shrunk(net, &report);
    assert_int_equal(units_of(small, "h"), 1);
    assert_computes_the_same(net, small);
    net_free(net);
    net_free(small);
}

/* Codes, or the scales of channels, go with their weights; constants that
 * would change bound biases stay. */
static void codebooks_and_grids_are_cut_along(void **state)
{
    struct net *net = net_of("input 2; dense 3 relu name=h; dense 3 name=out"),
               *small;
    struct shrink_report report;
    struct codebook *book;
    struct grid *grid;
    struct param *p;
    struct err err;
    int i;

    (void)state;
    fill_values(net);
    cut(net, "out", 1, -1);
    book = codebook_new(5, 6, &err);
    assert_non_null(book);
    p = param_of(net, "h", 0);
    for (i = 1; i <= 5; i++)
        book->centroid[i] = (float)i;
    for (i = 0; i < 6; i++)
        book->code[i] = (uint16_t)(i < 5 ? i + 1 : 1);
    codebook_write(book, p->value, 0, 6);
    param_bind(p, book, NULL);
    grid = grid_new(GRID_SYMMETRIC, 8, 3, 9, &err);
    assert_non_null(grid);
    for (i = 0; i < 3; i++)
        grid->scale[i] = 0.25f * (float)(i + 1);
    p = param_of(net, "out", 0);
    for (i = 0; i < 9; i += i == 2 ? 4 : 1)
        p->value[i] = 1.5f; /* rows 0 and 2, on every channel */
    grid_snap(grid, p->value, p->value, 0, 9);
    param_bind(p, NULL, grid);
    cut(net, "h", -1, 2); /* constant, not zero */
    for (i = 0; i < 6; i++)
        book->code[i] = param_of(net, "h", 0)->mask[i] ? book->code[i] : 0;
    small = shrunk(net, &report);
    assert_int_equal(units_of(small, "h"), 1);
    book = param_of(small, "h", 0)->book;
    assert_non_null(book);
    assert_int_equal(book->code[0], 1);
    assert_int_equal(book->code[1], 4);
    grid = param_of(small, "out", 0)->grid;
    assert_non_null(grid);
    assert_int_equal(grid->channels, 3);
    assert_same_bits(grid->scale, ((float[]){0.25f, 0.5f, 0.75f}), 12);
    assert_computes_the_same(net, small);
    net_free(small);

    grid = grid_new(GRID_FP16, 16, 0, 3, &err);
    assert_non_null(grid);
    p = param_of(net, "out", 1);
    grid_snap(grid, p->value, p->value, 0, 3);
    param_bind(p, NULL, grid);
    small = shrunk(net, &report);
    assert_int_equal(units_of(small, "h"), 2);
    assert_computes_the_same(net, small);
    net_free(small);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_without_use_go_and_constants_move_to_biases),
        cmocka_unit_test(a_convolution_takes_the_rows_of_dense_along),
        cmocka_unit_test(a_constant_stays_before_a_padded_convolution),
        cmocka_unit_test(joins_keep_their_inputs_alike),
        cmocka_unit_test(quantised_activations_go_along),
        cmocka_unit_test(grouped_convolutions_and_softmax_keep_what_they_see),
        cmocka_unit_test(codebooks_and_grids_are_cut_along),
        cmocka_unit_test(a_layer_keeps_a_unit_when_nothing_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
