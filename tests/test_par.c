#include "tests/support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/rng.h"
#include "par/pool.h"

#define CHUNKS_MAX 257

static const int thread_counts[] = {1, 2, 3, 8};

static struct pool *pool_of(int threads)
{
    struct err err;
    struct pool *p = pool_new(threads, &err);

    if (p == NULL)
        fail_msg("pool of %d: %s", threads, err.msg);
    return p;
}

/* What one run did: how often each chunk, and whether workers were unique. */
struct tally {
    atomic_int times[CHUNKS_MAX];
    atomic_int busy[8];
    atomic_bool clash;
    int threads;
};

static void count_chunk(void *arg, int chunk, int worker)
{
    struct tally *t = arg;

    if (worker < 0 || worker >= t->threads ||
        atomic_fetch_add(&t->busy[worker], 1) != 0)
        atomic_store(&t->clash, true);
    atomic_fetch_add(&t->times[chunk], 1);
    atomic_fetch_sub(&t->busy[worker], 1);
}

static void test_every_chunk_runs_once_under_a_worker_of_its_own(void **state)
{
    static const int chunk_counts[] = {0, 1, 2, 3, 7, 8, 64, CHUNKS_MAX};
    struct tally *t = mem_zalloc(sizeof(*t));
    size_t k, c;
    int i;

    (void)state;
    for (k = 0; k < LENGTH(thread_counts); k++) {
        struct pool *p = pool_of(thread_counts[k]);

        for (c = 0; c < LENGTH(chunk_counts); c++) {
            memset(t, 0, sizeof(*t));
            t->threads = thread_counts[k];
            pool_run(p, count_chunk, t, chunk_counts[c]);
            for (i = 0; i < CHUNKS_MAX; i++)
                assert_int_equal(t->times[i], i < chunk_counts[c]);
            assert_false(t->clash);
        }
        pool_free(p);
    }
    mem_free(t);
}

/* Sums of terms so unlike that any other order gives other bits. */
struct sums {
    float slot[32];
};

static void add_terms(void *arg, int chunk, int worker)
{
    struct sums *s = arg;
    struct rng r = rng_at(1, RNG_TEST, 0, (uint64_t)chunk);
    int i;

    (void)worker;
    s->slot[chunk] = 0.0f;
    for (i = 0; i < 500; i++)
        s->slot[chunk] += ldexpf(rng_float(&r) - 0.5f, i % 40);
}

static float total(struct pool *p)
{
    struct sums s;
    float sum = 0.0f;
    int i;

    pool_run(p, add_terms, &s, 32);
    for (i = 0; i < 32; i++)
        sum += s.slot[i];
    return sum;
}

static void test_sums_have_the_same_bits_at_any_thread_count(void **state)
{
    float first = 0.0f, sum;
    size_t k;

    (void)state;
    for (k = 0; k < LENGTH(thread_counts); k++) {
        struct pool *p = pool_of(thread_counts[k]);

        sum = total(p);
        if (k == 0)
            first = sum;
        assert_same_bits(&sum, &first, sizeof(sum));
        pool_free(p);
    }
}

/* A run writes plain memory which the next run reads through other threads. */
struct ring {
    int cell[2][8];
    int from;
};

static void pass_on(void *arg, int chunk, int worker)
{
    struct ring *r = arg;

    (void)worker;
    r->cell[!r->from][chunk] = r->cell[r->from][(chunk + 1) % 8] + 1;
}

static void test_a_pool_serves_thousands_of_runs_in_order(void **state)
{
    const int runs = 4000;
    size_t k;
    int i;

    (void)state;
    for (k = 0; k < LENGTH(thread_counts); k++) {
        struct pool *p = pool_of(thread_counts[k]);
        struct ring r = {0};

        for (i = 0; i < runs; i++) {
            pool_run(p, pass_on, &r, 1 + 7 * (i % 5 != 0));
            r.from = i % 5 != 0 ? !r.from : r.from;
        }
        /* Every fifth run wrote one cell of the other half only. */
        for (i = 0; i < 8; i++)
            assert_int_equal(r.cell[r.from][i], runs / 5 * 4);
        pool_free(p);
    }
}

/* Loops of which each reads what all chunks of the one before wrote. */
#define LOOPS 9

static const int loop_chunks[LOOPS] = {1, 2, 8, 0, 3, 1, 64, CHUNKS_MAX, 2};

struct chain {
    long cell[LOOPS][CHUNKS_MAX];
    atomic_int times[LOOPS][CHUNKS_MAX], left[LOOPS];
    atomic_bool early;
};

/* A chunk adds up what those of the loop before wrote to plain memory. */
static void add_link(void *arg, int loop, int chunk, int worker)
{
    struct chain *c = arg;
    int before = loop - 1, i;

    (void)worker;
    while (before >= 0 && loop_chunks[before] == 0)
        before--;
    if (before >= 0 && atomic_load(&c->left[before]) != 0)
        atomic_store(&c->early, true);
    atomic_fetch_add(&c->times[loop][chunk], 1);
    c->cell[loop][chunk] = chunk + 1;
    for (i = 0; before >= 0 && i < loop_chunks[before]; i++)
        c->cell[loop][chunk] += c->cell[before][i] % 1000;
    atomic_fetch_sub(&c->left[loop], 1);
}

static void check_chain(struct pool *p, struct chain *c)
{
    int loop, i, before = -1;

    memset(c, 0, sizeof(*c));
    for (loop = 0; loop < LOOPS; loop++)
        atomic_store(&c->left[loop], loop_chunks[loop]);
    pool_run_loops(p, add_link, c, loop_chunks, LOOPS);
    assert_false(c->early);
    for (loop = 0; loop < LOOPS; loop++) {
        long sum = 0;

        for (i = 0; before >= 0 && i < loop_chunks[before]; i++)
            sum += c->cell[before][i] % 1000;
        for (i = 0; i < CHUNKS_MAX; i++) {
            assert_int_equal(c->times[loop][i], i < loop_chunks[loop]);
            assert_int_equal(c->cell[loop][i],
                             i < loop_chunks[loop] ? sum + i + 1 : 0);
        }
        before = loop_chunks[loop] > 0 ? loop : before;
    }
}

static void test_a_loop_begins_when_the_one_before_is_done(void **state)
{
    struct chain *c = mem_zalloc(sizeof(*c));
    size_t k;
    int i;

    (void)state;
    for (k = 0; k < LENGTH(thread_counts); k++) {
        struct pool *p = pool_of(thread_counts[k]);
        struct ring r = {0};

        for (i = 0; i < 300; i++) {
            check_chain(p, c);
            if (i % 3 == 0)
                pool_run(p, pass_on, &r, 8);
            if (i % 100 == 0)
                usleep(2000); /* helpers fall asleep */
        }
        pool_free(p);
    }
    mem_free(c);
}

/* The order in which chunks came. */
struct sequence {
    int chunk[8], count;
};

static void note(void *arg, int chunk, int worker)
{
    struct sequence *s = arg;

    (void)worker;
    s->chunk[s->count++] = chunk;
}

static void note_too(void *arg, int chunk, int worker)
{
    note(arg, chunk, worker);
}

static void test_each_body_goes_to_and_fro_whatever_runs_between(void **state)
{
    struct pool *p = pool_of(1);
    struct sequence first = {0}, second = {0};
    int i;

    (void)state;
    pool_run(p, note, &first, 4);
    pool_run(p, note_too, &first, 0);
    pool_run(p, note, &second, 4);
    for (i = 0; i < 4; i++) {
        assert_int_equal(first.chunk[i], i);
        assert_int_equal(second.chunk[i], 3 - i);
    }
    pool_free(p);
}

static void see_mask(void *arg, int chunk, int worker)
{
    static const int numbers[] = {SIGINT,  SIGTERM, SIGHUP,  SIGWINCH, SIGTSTP,
                                  SIGCONT, SIGALRM, SIGCHLD, SIGUSR1,  SIGPIPE};
    sigset_t mask;
    size_t i;

    (void)chunk;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (i = 0; i < LENGTH(numbers); i++)
        if (worker > 0 && !sigismember(&mask, numbers[i]))
            atomic_fetch_add((atomic_int *)arg, 1);
}

static void test_helpers_take_no_signals(void **state)
{
    struct pool *p = pool_of(8);
    sigset_t before, after;
    atomic_int open = 0;
    int i;

    (void)state;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    for (i = 0; i < 100; i++)
        pool_run(p, see_mask, &open, 64);
    assert_int_equal(open, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
    pool_free(p);
}

static void test_pools_come_and_go_without_ever_running(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 50; i++)
        pool_free(pool_of(1 + i % 8));
    pool_free(NULL);
}

static void test_the_thread_count_is_the_cores_or_what_is_asked(void **state)
{
    struct err err;
    struct pool *p = pool_of(0);

    (void)state;
    assert_true(pool_threads(p) >= 1);
    pool_free(p);
    p = pool_of(3);
    assert_int_equal(pool_threads(p), 3);
    pool_free(p);
    assert_null(pool_new(100000, &err));
    assert_int_equal(err.code, ERR_VALUE);
    assert_non_null(strstr(err.msg, "100000"));
}

static void test_a_pool_without_memory_is_refused(void **state)
{
    struct err err;
    long n;

    (void)state;
    for (n = 0; n < 2; n++) {
        size_t before = mem_block_bytes();

        mem_fail_after(n);
        assert_null(pool_new(3, &err));
        mem_fail_after(-1);
        assert_int_equal(err.code, ERR_MEMORY);
        assert_int_equal(mem_block_bytes(), before);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_chunk_runs_once_under_a_worker_of_its_own),
        cmocka_unit_test(test_sums_have_the_same_bits_at_any_thread_count),
        cmocka_unit_test(test_a_pool_serves_thousands_of_runs_in_order),
        cmocka_unit_test(test_a_loop_begins_when_the_one_before_is_done),
        cmocka_unit_test(test_each_body_goes_to_and_fro_whatever_runs_between),
        cmocka_unit_test(test_helpers_take_no_signals),
        cmocka_unit_test(test_pools_come_and_go_without_ever_running),
        cmocka_unit_test(test_the_thread_count_is_the_cores_or_what_is_asked),
        cmocka_unit_test(test_a_pool_without_memory_is_refused),
    };

    return cmocka_run_group_tests_name("par", tests, NULL, NULL);
}
