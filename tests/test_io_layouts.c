/* Data sets in many layouts: each opens with every pixel and label in its
 * place, or is refused by name, type and shape. */
#include "support.h"

#include <stdio.h>

#include "base/mem.h"
#include "io/io.h"
#include "layouts.h"

enum { PIXELS = LAYOUT_H * LAYOUT_W };

static const char *make(void *const *state, const char *name)
{
    const char *path = support_path(state, name);

    layout_write(layout_find(name), path);
    return path;
}

static void check_samples(const struct layout *l, const struct dataset *d,
                          const struct samples *s, int n, int first)
{
    int k, i;

    assert_int_equal(s->n, n);
    for (k = 0; k < n; k++) {
        if (s->label[k] != layout_label(first + k))
            fail_msg("%s: label %d is %d", l->name, k, s->label[k]);
        for (i = 0; i < PIXELS; i++) {
            int at = k * PIXELS + i;
            float got = s->u8 != NULL ? (float)s->u8[at] : s->f32[at];
            double want =
                layout_pixel(first + k, i / LAYOUT_W, i % LAYOUT_W) / 255.0;

            if (fabs((double)(got * d->scale) - want) > 1e-3)
                fail_msg("%s: pixel %d of sample %d is %g, not %g", l->name, i,
                         k, (double)(got * d->scale), want);
        }
    }
}

static void check_open(const struct layout *l, const char *path)
{
    const struct shape shape = {3, {LAYOUT_H, LAYOUT_W, 1}};
    struct shape want;
    struct dataset *d;
    struct err err;

    if (l->want_shape != NULL)
        assert_ok(shape_parse(l->want_shape, &want, &err));
    assert_ok(
        data_open(path, l->want_shape != NULL ? &want : NULL, NULL, &d, &err));
    if (!shape_equal(&d->shape, &shape))
        fail_msg("%s: the shape is wrong", l->name);
    assert_int_equal(d->classes, LAYOUT_CLASSES);
    check_samples(l, d, &d->train, LAYOUT_TRAIN, 0);
    check_samples(l, d, &d->test, l->test, LAYOUT_TRAIN);
    assert_int_equal(d->fit_count, l->fit);
    assert_int_equal(d->validation_count,
                     l->fit > 0 ? LAYOUT_TRAIN - l->fit : 0);
    dataset_free(d);
}

static void check_refused(const struct layout *l, const char *path)
{
    struct dataset *d;
    struct err err;
    int i;

    if (data_open(path, NULL, NULL, &d, &err) == ERR_OK)
        fail_msg("%s was not refused", l->name);
    for (i = 0; i < 4 && l->refused[i] != NULL; i++) {
        if (strstr(err.msg, l->refused[i]) == NULL)
            fail_msg("%s: no \"%s\" in \"%s\"", l->name, l->refused[i],
                     err.msg);
    }
}

/* All are made before: some are views of others, or halves. */
static void test_layouts_open_or_are_refused_by_name(void **state)
{
    const struct layout *l;

    for (l = layouts; l->name != NULL; l++)
        (void)make(state, l->name);
    for (l = layouts; l->name != NULL; l++) {
        const char *path = support_path(state, l->name);

        if (l->refused[0] == NULL)
            check_open(l, path);
        else
            check_refused(l, path);
    }
}

static void test_classes_keep_their_names(void **state)
{
    static const struct {
        const char *name, *want[LAYOUT_CLASSES];
    } rows[] = {{"long_texts.h5", {"Ankle boot", "Bag", "Coat"}},
                {"short_texts.h5", {"Ankle bo", "Bag", "Coat"}},
                {"from_one.h5", {"1", "2", "3"}},
                {"with_gaps.h5", {"3", "7", "42"}}};
    size_t i;
    int k;

    for (i = 0; i < LENGTH(rows); i++) {
        struct dataset *d;
        struct err err;

        assert_ok(data_open(make(state, rows[i].name), NULL, NULL, &d, &err));
        for (k = 0; k < LAYOUT_CLASSES; k++)
            assert_string_equal(d->class_name[k], rows[i].want[k]);
        dataset_free(d);
    }
}

/* A file that was hurt on its way here is told what happened to it. */
static void test_files_that_are_something_else_are_named(void **state)
{
    const char *bad = support_path(state, "bad.h5");
    struct dataset *d;
    struct err err;
    size_t n, i, k;
    char *bytes = support_read(make(state, "keras.h5"), &n);

    support_write(bad, bytes, n * 6 / 10);
    assert_refused(data_open(bad, NULL, NULL, &d, &err), ERR_FORMAT, "(60 %)");
    support_write(bad, bytes, 0);
    assert_refused(data_open(bad, NULL, NULL, &d, &err), ERR_FORMAT,
                   "is empty");
    support_write(bad, "\x1f\x8b\x08", 3);
    assert_refused(data_open(bad, NULL, NULL, &d, &err), ERR_FORMAT, "gunzip");
    for (i = k = 0; i < n; i++) {
        if (bytes[i] != '\r' || i + 1 == n || bytes[i + 1] != '\n')
            bytes[k++] = bytes[i];
    }
    support_write(bad, bytes, k);
    assert_refused(data_open(bad, NULL, NULL, &d, &err), ERR_FORMAT, "CR LF");
    mem_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_layouts_open_or_are_refused_by_name),
        unit_test_in_folder(test_classes_keep_their_names),
        unit_test_in_folder(test_files_that_are_something_else_are_named),
    };

    io_start();
    return cmocka_run_group_tests_name("io_layouts", tests, NULL, NULL);
}
