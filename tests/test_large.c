/*
 * Nets so large that the history keeps no copies of them in memory: what is
 * held at the worst moment, and that undo, redo and failures go through files.
 * Here the history is given little room; bench_large takes VGG-16.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "tests/support.h"

#include "base/mem.h"
#include "engine/stages.h"
#include "io/io.h"
#include "net/spec.h"
#include "tests/tiny.h"

/* 1,024,000 weights and 1,120 biases, more than HOLD. */
#define LARGE "\"input 1000; dense 1000 name=fc1 relu; dense 24 name=fc2\""
#define BYTES 4100096.0
#define HOLD  1000000

static void begin(struct tiny *t, void *const *state)
{
    *t = (struct tiny){.folder = *state};
    tiny_open(t, (struct engine_options){.seed = 3, .hold = HOLD});
}

static void do_path(struct tiny *t, void *const *state, const char *command,
                    const char *file)
{
    char line[512];

    snprintf(line, sizeof(line), "%s %s", command, support_path(state, file));
    tiny_do(t, line);
}

static struct net *load(void *const *state, const char *file)
{
    struct net *net;
    struct err err;

    assert_ok(net_load(support_path(state, file), &net, NULL, NULL, &err));
    return net;
}

static void assert_same_net(const struct net *a, const struct net *b)
{
    int i, k;

    assert_true(net_same_graph(a, b));
    for (i = 0; i < a->node_count; i++) {
        for (k = 0; k < a->node[i].param_count; k++) {
            const struct param *p = &a->node[i].param[k];
            const struct param *q = &b->node[i].param[k];

            assert_true((p->mask == NULL) == (q->mask == NULL));
            if (p->mask != NULL)
                assert_same_bits(p->mask, q->mask, p->count);
            assert_same_bits(p->value, q->value, p->count * sizeof(float));
        }
    }
}

static void same_files(void *const *state, const char *a, const char *b)
{
    struct net *one = load(state, a), *other = load(state, b);

    assert_same_net(one, other);
    net_free(one);
    net_free(other);
}

static void test_opening_pruning_saving_hold_one_net_and_its_masks(void **state)
{
    struct tiny t;

    begin(&t, state);
    tiny_do(&t, "new " LARGE);
    do_path(&t, state, "save", "dense.h5");
    tiny_close(&t);

    begin(&t, state);
    do_path(&t, state, "net", "dense.h5");
    tiny_do(&t, "prune 80% scope=global");
    do_path(&t, state, "save", "pruned.h5");
    tiny_do(&t, "undo");
    do_path(&t, state, "save", "undone.h5");
    tiny_do(&t, "redo");
    do_path(&t, state, "save", "redone.h5");
    tiny_close(&t);
    /* Floats, a byte a weight for the masks, and small change. */
    assert_true((double)mem_block_peak() > 1.2 * BYTES);
    assert_true((double)mem_block_peak() < 1.3 * BYTES);
    same_files(state, "dense.h5", "undone.h5");
    same_files(state, "pruned.h5", "redone.h5");
}

/* Over 64 MB the file is made on the disk, not in memory. */
static void test_a_large_file_holds_what_a_small_one_would(void **state)
{
    struct err err;
    struct net *net =
        spec_parse("input 4200; dense 4200 relu; dense 3", "n", &err);
    struct stat info;
    size_t before;

    assert_non_null(net);
    net_init(net, 1);
    before = mem_block_bytes();
    assert_ok(net_save(support_path(state, "a.h5"), net, NULL, &err));
    assert_int_equal(mem_block_bytes(), before);
    assert_int_equal(stat(support_path(state, "a.h5"), &info), 0);
    assert_true(info.st_size > 67108864 && info.st_size < 73000000);
    assert_refused(net_save(support_path(state, "no/a.h5"), net, NULL, &err),
                   ERR_MISSING, "no/a.h5");
    {
        struct net *back = load(state, "a.h5");

        assert_same_net(back, net);
        net_free(back);
    }
    net_free(net);
}

static void tell(void *arg, double share)
{
    double *last = arg;

    assert_true(share >= *last && share <= 1.0);
    *last = share;
}

static void test_saving_tells_how_far_it_is_and_can_be_stopped(void **state)
{
    struct err err;
    struct net *net = spec_parse("input 4200; dense 4200", "n", &err);
    double last = 0.0;
    atomic_bool stop = false;
    const struct progress p = {.tell = tell, .arg = &last, .cancel = &stop};
    const char *path = support_path(state, "a.h5");

    assert_non_null(net);
    assert_ok(net_save_told(path, net, NULL, &p, &err));
    assert_close(last, 1.0, 1e-9);
    assert_int_equal(unlink(path), 0);
    stop = true;
    last = 0.0;
    assert_refused(net_save_told(path, net, NULL, &p, &err), ERR_CANCELLED,
                   "stopped");
    assert_int_equal(access(path, F_OK), -1);
    assert_close(last, 0.0, 0.0);
    net_free(net);
}

/* The session's own files are all there is of the stages. */
static void test_a_session_writes_large_stages_once(void **state)
{
    char folder[256];
    struct stat info;
    struct tiny t = {.folder = *state};

    snprintf(folder, sizeof(folder), "%s", support_path(state, "s"));
    tiny_open(&t,
              (struct engine_options){
                  .seed = 3, .hold = HOLD, .session = folder, .keep = true});
    tiny_do(&t, "new " LARGE);
    tiny_do(&t, "prune 50%");
    assert_int_equal(stat(support_path(state, "s/nodes/1.h5"), &info), 0);
    tiny_do(&t, "undo; prune 90%; goto 1");
    do_path(&t, state, "save", "one.h5");
    tiny_close(&t);
    same_files(state, "s/nodes/1.h5", "one.h5");
}

static void test_a_stage_that_is_gone_leaves_the_net(void **state)
{
    char folder[256];
    struct tiny t = {.folder = *state};

    snprintf(folder, sizeof(folder), "%s", support_path(state, "s"));
    tiny_open(&t,
              (struct engine_options){
                  .seed = 3, .hold = HOLD, .session = folder, .keep = true});
    tiny_do(&t, "new " LARGE);
    tiny_do(&t, "prune 50%");
    do_path(&t, state, "save", "before.h5");
    assert_int_equal(unlink(support_path(state, "s/nodes/0.h5")), 0);
    tiny_refuse(&t, "undo", ERR_MISSING, "stage 0");
    do_path(&t, state, "save", "after.h5");
    tiny_close(&t);
    same_files(state, "before.h5", "after.h5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(
            test_opening_pruning_saving_hold_one_net_and_its_masks),
        unit_test_in_folder(test_a_large_file_holds_what_a_small_one_would),
        unit_test_in_folder(test_saving_tells_how_far_it_is_and_can_be_stopped),
        unit_test_in_folder(test_a_session_writes_large_stages_once),
        unit_test_in_folder(test_a_stage_that_is_gone_leaves_the_net),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
