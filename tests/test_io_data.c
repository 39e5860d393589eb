/* Data sets: IDX in, HDF5 out and back, and what is refused. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>

#include "base/mem.h"
#include "io/io.h"

enum { SIDE = 5, TRAIN = 12, TEST = 4 };

/* An IDX file of n pictures or labels with values that tell them apart. */
static const char *write_idx(void *const *state, const char *name, int n,
                             bool pictures)
{
    const char *path = support_path(state, name);
    uint8_t bytes[16 + TRAIN * SIDE * SIDE] = {0, 0, 8};
    int head = pictures ? 16 : 8, each = pictures ? SIDE * SIDE : 1, i;

    bytes[3] = pictures ? 3 : 1;
    bytes[7] = (uint8_t)n;
    if (pictures)
        bytes[11] = bytes[15] = SIDE;
    for (i = 0; i < n * each; i++)
        bytes[head + i] = (uint8_t)(pictures ? i * 7 : i % 3);
    support_write(path, bytes, (size_t)(head + n * each));
    return path;
}

static struct idx_names write_all(void *const *state)
{
    return (struct idx_names){
        write_idx(state, "a", TRAIN, true), write_idx(state, "b", TRAIN, false),
        write_idx(state, "c", TEST, true), write_idx(state, "d", TEST, false)};
}

static void assert_data(const struct dataset *d)
{
    int i;

    assert_int_equal(d->train.n, TRAIN);
    assert_int_equal(d->test.n, TEST);
    assert_int_equal(d->classes, 3);
    assert_int_equal(shape_count(&d->shape), SIDE * SIDE);
    assert_non_null(d->train.u8);
    for (i = 0; i < TRAIN * SIDE * SIDE; i++)
        assert_int_equal(d->train.u8[i], (uint8_t)(i * 7));
    for (i = 0; i < TEST; i++)
        assert_int_equal(d->test.label[i], i % 3);
}

static void test_idx_files_become_hdf5_and_come_back(void **state)
{
    struct idx_names names = write_all(state);
    const char *path = support_path(state, "data.h5");
    struct dataset *d, *back;
    struct err err;

    assert_ok(idx_open(&names, &d, &err));
    assert_data(d);
    assert_ok(data_save(path, d, &err));
    assert_ok(data_open(path, NULL, NULL, &back, &err));
    assert_data(back);
    dataset_free(d);
    dataset_free(back);
}

static void test_idx_files_that_do_not_fit_are_refused(void **state)
{
    struct idx_names names = write_all(state);
    struct dataset *d;
    struct err err;

    names.train_labels = names.test_labels;
    assert_true(idx_open(&names, &d, &err) != ERR_OK);
    assert_true(err.msg[0] != '\0');
    names = write_all(state);
    support_write(names.train_images, "\0\0\x08\x03\0\0", 6);
    assert_true(idx_open(&names, &d, &err) != ERR_OK);
    names.train_images = support_path(state, "none");
    assert_true(idx_open(&names, &d, &err) != ERR_OK);
}

static void *open_missing_dataset(void *path)
{
    struct dataset *d;
    struct err err;

    assert_int_not_equal(data_open(path, NULL, NULL, &d, &err), ERR_OK);
    return NULL;
}

/* HDF5 keeps for every thread whether it prints its errors; over a full screen
 * it would print them into the picture. */
static void test_hdf5_prints_nothing_on_any_thread(void **state)
{
    const char *log = support_path(state, "log");
    const char *path = support_path(state, "half.h5");
    char *bytes = support_read("data/lenet-300-100.h5", NULL);
    int kept = dup(STDERR_FILENO), to = creat(log, 0600);
    pthread_t thread;
    size_t n;

    support_write(path, bytes, 5000);
    mem_free(bytes);
    assert_true(kept >= 0 && to >= 0 && dup2(to, STDERR_FILENO) >= 0);
    assert_int_equal(pthread_create(&thread, NULL, open_missing_dataset,
                                    (void *)(uintptr_t)path),
                     0);
    pthread_join(thread, NULL);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    close(to);
    mem_free(support_read(log, &n));
    assert_int_equal(n, 0);
}

static void test_the_shipped_digits_are_whole(void **state)
{
    struct dataset *d;
    struct err err;

    (void)state;
    assert_ok(data_open("data/mnist.h5", NULL, NULL, &d, &err));
    assert_int_equal(d->train.n, 60000);
    assert_int_equal(d->test.n, 10000);
    assert_int_equal(d->classes, 10);
    /* The first digits of the published files. */
    assert_int_equal(d->train.label[0], 5);
    assert_int_equal(d->train.label[1], 0);
    assert_int_equal(d->test.label[0], 7);
    dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_idx_files_become_hdf5_and_come_back),
        unit_test_in_folder(test_idx_files_that_do_not_fit_are_refused),
        unit_test_in_folder(test_hdf5_prints_nothing_on_any_thread),
        cmocka_unit_test(test_the_shipped_digits_are_whole),
    };

    io_start();
    return cmocka_run_group_tests_name("io_data", tests, NULL, NULL);
}
