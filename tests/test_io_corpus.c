/*
 * Networks of other people, against what their own arrays give.  With a folder
 * as argument, those in DIR/networks against DIR/golden, as tests/peer/keras.py
 * leaves them: then each difference is printed.
 */
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "fixture.h"
#include "io/io.h"
#include "learning.h"
#include "net/exec.h"

static const char *corpus = "../shared/corpus";
static bool talks; /* prints every difference */

/* A run over the whole batch at once, one shard after the other. */
struct run {
    const struct net *net;
    bool logits;    /* what goes into a last softmax is wanted */
    const float *x; /* (n, input) */
    float *y;       /* (n, last output) */
};

static void fill(void *arg, int first, int n, float *x)
{
    const struct run *r = arg;
    size_t row = shape_count(&r->net->input), i;

    /* What is right behind the input of Keras is done by who feeds a net here:
     * to pixels of 0 to 1. */
    for (i = 0; i < (size_t)n * row; i++) {
        x[i] = r->x[(size_t)first * row + i];
        if (r->net->scale != 1.0f)
            x[i] = x[i] / 255.0f * r->net->scale + r->net->offset;
    }
}

static void softmax(float *y, size_t n)
{
    float most = y[0], sum = 0;
    size_t i;

    for (i = 1; i < n; i++)
        most = y[i] > most ? y[i] : most;
    for (i = 0; i < n; i++)
        sum += y[i] = expf(y[i] - most);
    for (i = 0; i < n; i++)
        y[i] /= sum;
}

static double take(void *arg, int shard, int first, int n,
                   const float *const *y, float *const *dy)
{
    const struct run *r = arg;
    int last = r->net->output_count - 1, k;
    const struct shape *out = &r->net->node[r->net->output[last]].out;
    size_t row = shape_count(out), i;
    float *to = r->y + (size_t)first * row;

    (void)shard;
    (void)dy;
    memcpy(to, y[last], (size_t)n * row * sizeof(*to));
    k = out->dim[out->rank - 1];
    if (r->logits || net_softmax_of(r->net, last) < 0)
        return 0;
    for (i = 0; i < (size_t)n * row; i += (size_t)k)
        softmax(to + i, (size_t)k);
    return 0;
}

/* Returns new (free): what net makes of n samples x. */
static float *outputs_of(struct net *net, const float *x, int n, bool logits)
{
    struct pool *pool = learning_pool(1);
    struct err err;
    struct exec *e = exec_new(net, n, EXEC_EVAL, pool, &err);
    const struct node *out = &net->node[net->output[net->output_count - 1]];
    struct run r = {net, logits, x, NULL};
    struct exec_hooks hooks = {fill, take, &r};

    assert_non_null(e);
    r.y = calloc((size_t)n * shape_count(&out->out), sizeof(*r.y));
    (void)exec_run(e, PASS_EVAL, false, n, 0, 0, &hooks);
    exec_free(e);
    pool_free(pool);
    return r.y;
}

/* Whether net gives the golden outputs; prints the largest difference. */
static bool agrees(struct net *net, const char *name)
{
    char path[512];
    struct fixture *f;
    float *x, *want, *got;
    size_t dim[8], count, i;
    double worst = 0, scale = 0;
    bool logits;

    snprintf(path, sizeof(path), "../../%s/golden/%s.golden.h5", corpus, name);
    f = fixture_open(path);
    fixture_shape(f, "input_0", dim);
    x = fixture_floats(f, "input_0", &count);
    assert_int_equal(count, dim[0] * shape_count(&net->input));
    logits = fixture_has(f, "logits_0");
    snprintf(path, sizeof(path), logits ? "logits_0" : "output_%d",
             net->output_count - 1);
    want = fixture_floats(f, path, &count);
    got = outputs_of(net, x, (int)dim[0], logits);
    assert_int_equal(
        count,
        dim[0] *
            shape_count(&net->node[net->output[net->output_count - 1]].out));
    for (i = 0; i < count; i++) {
        worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
        scale = fmax(scale, fabs((double)want[i]));
    }
    if (talks || !(worst <= 1e-5 + 1e-5 * scale))
        print_message("%-40s off by %9.2e of %.3g\n", name, worst, scale);
    fixture_close(f);
    free(x);
    free(want);
    free(got);
    return worst <= 1e-5 + 1e-5 * scale;
}

/* The evaluator behind the golden outputs turns the kernels of Theano only
 * where the file says Theano, which Keras 1 did not: turns them back. */
static void turn_back(struct net *net)
{
    int i;

    for (i = 0; i < net->node_count; i++) {
        struct param *p = &net->node[i].param[0];
        size_t inner, taps, t, k;

        if (strcmp(net->node[i].kind->name, "conv2d") != 0)
            continue;
        inner = (size_t)p->def.shape.dim[2] * (size_t)p->def.shape.dim[3];
        taps = p->count / inner;
        for (t = 0; t < taps / 2; t++) {
            for (k = 0; k < inner; k++) {
                float *a = &p->value[t * inner + k];
                float *b = &p->value[(taps - 1 - t) * inner + k];
                float kept = *a;

                *a = *b;
                *b = kept;
            }
        }
    }
}

/* A network that does not open is passed over, but for those of the peer. */
static bool try_network(const char *name, int *opened)
{
    char path[512];
    struct net *net;
    struct err err;
    bool good;

    snprintf(path, sizeof(path), "%s/networks/%s", corpus, name);
    if (net_load(path, &net, NULL, NULL, &err) != ERR_OK) {
        if (talks)
            print_message("%-40s %s\n", name, err.msg);
        return !talks;
    }
    ++*opened;
    if (strstr(name, "theano_1") != NULL)
        turn_back(net);
    good = agrees(net, name);
    net_free(net);
    return good;
}

/* Every network that opens and whose outputs are known; returns how many. */
static int try_all(void)
{
    char path[512];
    const struct dirent *entry;
    int opened = 0, wrong = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "%s/golden", corpus);
    dir = opendir(path);
    if (dir == NULL) {
        print_message("skipped: no %s\n", path);
        return -1;
    }
    while ((entry = readdir(dir)) != NULL) {
        char name[256];
        char *end;

        snprintf(name, sizeof(name), "%s", entry->d_name);
        end = strstr(name, ".golden.h5");
        if (end == NULL)
            continue;
        *end = '\0';
        wrong += !try_network(name, &opened);
    }
    closedir(dir);
    assert_int_equal(wrong, 0);
    return opened;
}

static void test_networks_that_open_give_their_outputs(void **state)
{
    int opened = try_all();

    (void)state;
    assert_true(opened < 0 || opened >= (talks ? 1 : 50));
}

/* Made by Keras 2 and 3, with tests/peer/keras.py: models within models, .keras
 * archives, lines, channels first. */
static void test_files_of_keras_give_their_outputs(void **state)
{
    const char *kept = corpus;

    (void)state;
    corpus = "tests/fixtures/keras";
    assert_int_equal(try_all(), 8);
    corpus = kept;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_of_keras_give_their_outputs),
        cmocka_unit_test(test_networks_that_open_give_their_outputs),
    };

    if (argc > 1) {
        corpus = argv[1];
        talks = true;
    }
    io_start();
    return cmocka_run_group_tests_name("io_corpus", tests, NULL, NULL);
}
