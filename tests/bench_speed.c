/*
 * How fast nets train and answer, against what the machine's matrix product
 * could do, measured in the same run on the same threads.  For each net, use
 * and batch: samples a second, share of that limit, gain of all threads over
 * one, where the time of the threads goes, and the plan's memory.
 *
 *   bench_speed                      a table; FULL=1 takes ten times as long
 *   bench_speed one NET USE BATCH THREADS SECONDS [OPTIMISER [DATA]]
 *                                    one rate and its phases, as JSON
 *   bench_speed spec NET             the net's text
 *   bench_speed floor [NET]          microseconds a sample of training that
 *                                    products and memory take at the least
 * USE is train or infer, DATA digits or noise.  ISA=plain or avx2 keeps our
 * products to narrower vectors than the processor has; OpenBLAS has its own
 * OPENBLAS_CORETYPE.
 */
#include "tests/support.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sys/resource.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/exec.h"
#include "net/size.h"
#include "net/zoo.h"
#include "par/meter.h"
#include "tensor/gemm.h"
#include "tensor/isa.h"
#include "tests/learning.h"
#include "tests/machine.h"
#include "train/eval.h"
#include "train/loss.h"
#include "train/trainer.h"

static const char *const nets[] = {"lenet-300-100", "lenet-5", "conv-4",
                                   "resnet-mini", "mobilenet-mini"};

#define CLASSES 10
#define NOISE_N 1536

struct job {
    const char *name;
    bool trains;
    int batch, threads;
    double seconds;
    const char *optimiser;
    bool noise; /* dense random pictures where digits would do */
};

struct result {
    double rate_cpu;            /* samples a second of processor time */
    double rate;                /* samples a second */
    double phase[METER_PHASES]; /* share of all threads' time */
    double gflops;              /* what the products needed */
    double bytes;               /* of the plan */
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct net *net_of(const char *name)
{
    const struct zoo_row *row = zoo_find(name);
    struct err err;
    struct net *net;

    if (row == NULL)
        fail_msg("no net \"%s\"", name);
    net = zoo_make(row, NULL, CLASSES, &err);
    if (net == NULL)
        fail_msg("%s: %s", name, err.msg);
    net_init(net, 1);
    return net;
}

/* The shipped digits where they fit, noise elsewhere; one of each is kept. */
static struct dataset *data_for(const struct net *net, bool noise)
{
    static struct dataset *digits, *random[2];
    char shape[64];
    struct dataset **kept = &random[net->input.dim[0] == 28];

    if (net->input.dim[0] == 28 && !noise) {
        if (digits == NULL)
            digits = learning_mnist();
        return digits;
    }
    if (*kept == NULL)
        *kept = learning_data(shape_text(&net->input, shape, sizeof(shape)),
                              CLASSES, NOISE_N, 1);
    return *kept;
}

/* Floating-point operations of a sample's products: forward, the kernel's
 * gradient, and the input's where something before it learns. */
static double flops_of(const struct net *net, bool trains)
{
    bool *learns = mem_array((size_t)net->node_count, sizeof(*learns));
    double flops = 0.0;
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        const struct node *n = &net->node[i];
        struct size_count count;
        bool before = false;

        for (k = 0; k < n->in_count; k++)
            before = before || (n->in[k] != NET_INPUT && learns[n->in[k]]);
        learns[i] = before || n->param_count > 0;
        size_of_node(net, i, &count);
        flops += 2.0 * count.macs * (trains ? 2.0 + before : 1.0);
    }
    mem_free(learns);
    return flops;
}

/* What `infer` works on: rows of the test set, one batch after the other. */
struct reader {
    const struct dataset *data;
    const struct net *net;
    int at;
    int32_t guess[256]; /* of the batch */
};

static void fill(void *arg, int first, int n, float *x)
{
    const struct reader *r = arg;
    int32_t row[256];
    int i;

    for (i = 0; i < n; i++)
        row[i] = (r->at + first + i) % r->data->test.n;
    dataset_fill(r->data, &r->data->test, row, n, r->net->scale, r->net->offset,
                 x);
}

static double head(void *arg, int shard, int first, int n,
                   const float *const *y, float *const *dy)
{
    struct reader *r = arg;

    (void)shard;
    (void)dy;
    loss_guess(y[0], n, CLASSES, r->guess + first, NULL);
    return 0.0;
}

/* One thing that is done again and again. */
struct work {
    struct trainer *trainer;
    struct exec *exec;
    struct reader reader;
    int batch;
};

static void once(struct work *w)
{
    struct exec_hooks hooks = {.fill = fill, .head = head, .arg = &w->reader};
    struct step_report report;
    struct err err;

    if (w->trainer != NULL) {
        assert_ok(trainer_step(w->trainer, &report, &err));
        return;
    }
    exec_run(w->exec, PASS_EVAL, false, w->batch, 0, 0, &hooks);
    w->reader.at = (w->reader.at + w->batch) % w->reader.data->test.n;
}

static double cpu_now(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec * 1e-6 +
           (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec * 1e-6;
}

/* Samples a second over about that time; also of processor time, which others
 * on the machine disturb less (cpu may be NULL). */
static double rate_over(struct work *w, double seconds, double *cpu)
{
    double start = now(), cpu_start = cpu_now(), spent;
    long count = 0;

    do {
        once(w);
        count++;
        spent = now() - start;
    } while (spent < seconds);
    if (cpu != NULL)
        *cpu = (double)count * w->batch / (cpu_now() - cpu_start);
    return (double)count * w->batch / spent;
}

static void work_open(struct work *w, const struct job *job, struct net *net,
                      struct pool *pool)
{
    struct train_settings s = train_defaults();
    struct err err;

    memset(w, 0, sizeof(*w));
    w->batch = job->batch;
    w->reader.data = data_for(net, job->noise);
    w->reader.net = net;
    s.batch = job->batch;
    s.optim = optim_find(job->optimiser);
    s.rate.lr = job->trains ? 1e-4 : 0.0;
    if (s.optim == NULL)
        fail_msg("no optimiser \"%s\"", job->optimiser);
    if (job->trains)
        w->trainer = trainer_new(net, w->reader.data, &s, 0, pool, &err);
    else
        w->exec = exec_new(net, job->batch, EXEC_EVAL, pool, &err);
    if (w->trainer == NULL && w->exec == NULL)
        fail_msg("%s: %s", job->name, err.msg);
    if (w->exec != NULL)
        exec_hold(w->exec, true);
}

static void work_close(struct work *w)
{
    trainer_free(w->trainer);
    exec_free(w->exec);
}

/* Phases are metered apart, so that the meter costs the rate nothing. */
static void measure_phases(struct work *w, const struct job *job,
                           struct result *out)
{
    double start = now(), spent;
    int p;

    meter_start();
    rate_over(w, job->seconds / 2, NULL);
    meter_stop();
    spent = (now() - start) * job->threads;
    meter_read(out->phase);
    out->phase[METER_OUTSIDE] = 1.0;
    for (p = METER_OUTSIDE + 1; p < METER_PHASES; p++) {
        out->phase[p] /= spent;
        out->phase[METER_OUTSIDE] -= out->phase[p];
    }
}

static struct result measure(const struct job *job, bool phases)
{
    struct pool *pool = learning_pool(job->threads);
    struct net *net = net_of(job->name);
    struct result r = {0};
    struct work w;

    work_open(&w, job, net, pool);
    rate_over(&w, job->seconds / 8, NULL);
    r.rate = rate_over(&w, job->seconds, &r.rate_cpu);
    r.gflops = r.rate * flops_of(net, job->trains) * 1e-9;
    r.bytes =
        (double)(job->trains ? trainer_bytes(w.trainer) : exec_bytes(w.exec));
    if (phases)
        measure_phases(&w, job, &r);
    work_close(&w);
    net_free(net);
    pool_free(pool);
    return r;
}

static int all_threads(void)
{
    struct pool *pool = learning_pool(0);
    int threads = pool_threads(pool);

    pool_free(pool);
    return threads;
}

/* Every thread waits for all the others: a loop of it lasts until the last has
 * woken. */
struct meeting {
    atomic_int present;
    int threads;
};

static void meet(void *arg, int chunk, int worker)
{
    struct meeting *m = arg;

    (void)chunk;
    (void)worker;
    atomic_fetch_add(&m->present, 1);
    while (atomic_load(&m->present) < m->threads)
        ;
}

/* The best of some such loops, each after a pause of so many microseconds. */
static double wake_after(struct pool *pool, unsigned pause, int rounds)
{
    struct meeting m = {.threads = pool_threads(pool)};
    double best = 1.0;

    while (rounds-- > 0) {
        double start, spent;

        if (pause > 0)
            usleep(pause);
        atomic_store(&m.present, 0);
        start = now();
        pool_run(pool, meet, &m, m.threads);
        spent = now() - start;
        best = spent < best ? spent : best;
    }
    return best;
}

/* Helpers spin between loops that follow one another, and sleep otherwise. */
static void print_pool(int threads)
{
    struct pool *pool = learning_pool(threads);

    printf(
        "all of %d threads are at work after %.1f us, after a rest %.1f us\n",
        threads, wake_after(pool, 0, 1000) * 1e6,
        wake_after(pool, 1000, 100) * 1e6);
    pool_free(pool);
}

/* So long does it take to see the accuracy on the test set: the best of some.
 */
static void print_evaluation(int threads)
{
    struct pool *pool = learning_pool(threads);
    struct net *net = net_of("lenet-300-100");
    struct dataset *data = data_for(net, false);
    struct err err;
    struct evaluator *e = evaluator_new(net, data, pool, &err);
    struct evaluation out;
    double best = 1e9, best_cpu = 1e9;
    int i;

    assert_non_null(e);
    for (i = 0; i < 5; i++) {
        double start = now(), cpu = cpu_now(), spent;

        assert_ok(evaluator_run(e, &data->test, NULL, data->test.n, &out, NULL,
                                NULL, &err));
        spent = now() - start;
        best = spent < best ? spent : best;
        cpu = cpu_now() - cpu;
        best_cpu = cpu < best_cpu ? cpu : best_cpu;
    }
    printf("evaluation of %d digits, lenet-300-100: %.0f ms, %.0f ms of "
           "processor time\n",
           data->test.n, best * 1e3, best_cpu * 1e3);
    evaluator_free(e);
    net_free(net);
    pool_free(pool);
}

static void print_row(const struct job *job, double limit)
{
    struct job alone = *job;
    struct result r = measure(job, true), one;
    int p;

    alone.threads = 1;
    one = measure(&alone, false);
    printf("%-14s %-5s %4d %9.0f %5.0f%% %5.2fx  ", job->name,
           job->trains ? "train" : "infer", job->batch, r.rate,
           100.0 * r.gflops / limit, r.rate / one.rate);
    for (p = METER_OUTSIDE + 1; p < METER_PHASES; p++)
        printf("%5.0f%%", 100.0 * r.phase[p]);
    printf("%5.0f%%  %6.1f\n", 100.0 * r.phase[METER_OUTSIDE], r.bytes * 1e-6);
    fflush(stdout);
}

static void print_table(double seconds)
{
    static const int batches[] = {1, 64, 256};
    struct rusage usage;
    int threads = all_threads(), trains, p;
    double limit = machine_gflops(threads);
    size_t i, k;

    printf("sgemm limit: %.1f Gflop/s on %d threads, %.1f on 1\n", limit,
           threads, machine_gflops(1));
    print_pool(threads);
    print_evaluation(threads);
    printf("%-14s %-5s %4s %9s %6s %6s  ", "net", "use", "n", "samples/s",
           "limit", "gain");
    for (p = METER_OUTSIDE + 1; p < METER_PHASES; p++)
        printf("%6.5s", meter_names[p]);
    printf("%6s  %6s\n", "idle", "MB");
    for (i = 0; i < LENGTH(nets); i++) {
        for (trains = 1; trains >= 0; trains--) {
            for (k = 0; k < LENGTH(batches); k++)
                print_row(&(struct job){.name = nets[i],
                                        .trains = trains != 0,
                                        .batch = batches[k],
                                        .threads = threads,
                                        .seconds = seconds,
                                        .optimiser = "adam"},
                          limit);
        }
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("peak memory of all this: %.0f MB\n",
           (double)usage.ru_maxrss / 1024.0);
}

static int print_one(int argc, char **argv)
{
    struct job job = {.name = argv[2],
                      .trains = strcmp(argv[3], "train") == 0,
                      .batch = atoi(argv[4]),
                      .threads = atoi(argv[5]),
                      .seconds = atof(argv[6]),
                      .optimiser = argc > 7 ? argv[7] : "adam",
                      .noise = argc > 8 && strcmp(argv[8], "noise") == 0};
    struct result r = measure(&job, true);
    int p;

    printf("{\"samples_per_second\": %.1f, \"per_cpu_second\": %.1f", r.rate,
           r.rate_cpu);
    for (p = METER_OUTSIDE; p < METER_PHASES; p++)
        printf(", \"%s\": %.3f", meter_names[p], r.phase[p]);
    printf("}\n");
    return 0;
}

/* Bytes that adam has to move to and from memory for a batch, where weights,
 * moments and gradients do not stay in the cache: four are read, three written.
 */
static void optimiser_bytes(const struct net *net, double cache, double *reads,
                            double *writes)
{
    double each = (double)net->value_count * sizeof(float);

    *reads = 4.0 * each > cache ? 4.0 * each : 0.0;
    *writes = 4.0 * each > cache ? 3.0 * each : 0.0;
}

/* Seconds for what must go to memory and back in a training batch. */
static double memory_time(const struct job *job, double reads, double writes)
{
    struct pool *pool = learning_pool(job->threads);
    struct net *net = net_of(job->name);
    struct err err;
    struct exec *e =
        exec_new(net, job->batch, EXEC_TRAIN | EXEC_LATE, pool, &err);
    double in, out, spilled;

    assert_non_null(e);
    spilled = exec_spilled(e, machine_cache());
    optimiser_bytes(net, machine_cache(), &in, &out);
    in += spilled;
    out += spilled;
    printf("%-14s %7.0f", job->name, (in + out) * 1e-6);
    exec_free(e);
    net_free(net);
    pool_free(pool);
    return 1e-9 * (in / reads + out / writes);
}

static double best_rate(const struct job *job, int rounds)
{
    double best = 0.0;

    while (rounds-- > 0) {
        double rate = measure(job, false).rate;

        best = rate > best ? rate : best;
    }
    return best;
}

/*
 * The least time training could take if every product ran at the speed of large
 * ones, all that no cache holds went through at the speed of memory, one after
 * the other, and nothing else took any.  Products are counted as the definition
 * has them: tiles and lists of what is not zero need fewer.
 */
static void print_floor_row(const struct job *job, double limit, double reads,
                            double writes)
{
    struct net *net = net_of(job->name);
    double products = flops_of(net, true) / limit * 1e-3;
    double memory = memory_time(job, reads, writes) / job->batch * 1e6;
    double ours = 1e6 / best_rate(job, 3);

    printf(" %9.1f %9.1f %9.1f %9.1f %6.2fx\n", products, memory,
           products + memory, ours, ours / (products + memory));
    fflush(stdout);
    net_free(net);
}

static void print_floor(const char *only, double seconds)
{
    double reads, writes, limit;
    int threads = all_threads();
    size_t i;

    limit = machine_gflops(threads);
    machine_memory(threads, &reads, &writes);
    printf("%d threads: products %.1f Gflop/s, memory read %.1f GB/s, written "
           "%.1f GB/s, cache %.0f MB\n",
           threads, limit, reads, writes, machine_cache() / (1 << 20));
    printf("%-14s %7s %9s %9s %9s %9s %7s\n", "train, 64", "MB/batch",
           "products", "memory", "floor", "ours", "ours");
    for (i = 0; i < LENGTH(nets); i++) {
        if (only != NULL && strcmp(only, nets[i]) != 0)
            continue;
        print_floor_row(&(struct job){.name = nets[i],
                                      .trains = true,
                                      .batch = 64,
                                      .threads = threads,
                                      .seconds = seconds,
                                      .optimiser = "adam"},
                        limit, reads, writes);
    }
}

static void limit_isa(void)
{
    const char *wanted = getenv("ISA");
    int isa;

    for (isa = 0; wanted != NULL && isa < ISA_COUNT; isa++) {
        if (strcmp(wanted, isa_name((enum isa)isa)) == 0)
            isa_limit((enum isa)isa);
    }
}

int main(int argc, char **argv)
{
    const char *full = getenv("FULL");

    limit_isa();
    if (argc >= 7 && strcmp(argv[1], "one") == 0)
        return print_one(argc, argv);
    if (argc == 3 && strcmp(argv[1], "spec") == 0) {
        if (zoo_find(argv[2]) == NULL)
            return 2;
        printf("%s", zoo_find(argv[2])->spec);
        return 0;
    }
    if (argc >= 2 && strcmp(argv[1], "floor") == 0) {
        print_floor(argc > 2 ? argv[2] : NULL, 0.5);
        return 0;
    }
    print_table(full != NULL && *full == '1' ? 2.0 : 0.2);
    return 0;
}
