/*
 * Packed nets as commands: the file and what is said of it, reading it like any
 * other net, the ledger and its sheet, what is refused.
 */
#include "tests/support.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "engine/board.h"
#include "tests/tiny.h"

/* verb, the path of a file of the test's folder, and what follows. */
static void do_with(struct tiny *t, void *const *state, const char *verb,
                    const char *name, const char *rest)
{
    char *path = mem_strdup(support_path(state, name));
    char line[600];

    snprintf(line, sizeof(line), "%s %s%s", verb, path, rest);
    tiny_do(t, line);
    mem_free(path);
}

static void begin(struct tiny *t, void *const *state)
{
    tiny_data(state);
    tiny_open(t, (struct engine_options){.seed = 3});
    tiny_begin(t, state);
    tiny_do(t, "train epochs=2");
    tiny_do(t, "prune to=80%");
    tiny_do(t, "quantize shared bits=3");
}

static long long file_size(void *const *state, const char *name)
{
    struct stat info;

    assert_int_equal(stat(support_path(state, name), &info), 0);
    return (long long)info.st_size;
}

static void test_a_net_packs_opens_and_unpacks(void **state)
{
    struct tiny t = {0};
    char *before, *after, line[64];
    size_t n, m;

    begin(&t, state);
    before = tiny_weights(&t, state, &n);
    do_with(&t, state, "pack", "a.pack", "");
    snprintf(line, sizeof(line), "expect packed = %lld",
             file_size(state, "a.pack"));
    tiny_do(&t, line);
    do_with(&t, state, "pack", "b.pack", " coder=fixed");
    tiny_do(&t, "expect written>packed");
    do_with(&t, state, "info", "a.pack", "");
    assert_non_null(strstr(t.said.text, "a packed net"));
    assert_non_null(strstr(t.said.text, "header and checksum"));
    do_with(&t, state, "net", "a.pack", "");
    after = tiny_weights(&t, state, &m);
    assert_int_equal(n, m);
    assert_memory_equal(before, after, n);
    mem_free(after);
    do_with(&t, state, "pack", "c.pack", "");
    assert_int_equal(file_size(state, "c.pack"), file_size(state, "a.pack"));
    mem_free(before);
    tiny_close(&t);
}

static void test_unpacking_writes_a_file_of_keras(void **state)
{
    struct tiny t = {0};
    char *from, *to, line[1100];

    begin(&t, state);
    do_with(&t, state, "pack", "a.pack", "");
    from = mem_strdup(support_path(state, "a.pack"));
    to = mem_strdup(support_path(state, "back.h5"));
    snprintf(line, sizeof(line), "unpack %s %s", from, to);
    tiny_do(&t, line);
    do_with(&t, state, "net", "back.h5", "");
    tiny_do(&t, "expect accuracy = accuracy of 3");
    mem_free(from);
    mem_free(to);
    tiny_close(&t);
}

static void test_the_ledger_adds_up_to_the_file(void **state)
{
    const struct ledger_sheet *s;
    struct tiny t = {0};
    double sum;
    int i;

    begin(&t, state);
    tiny_do(&t, "trim biases=5 codebooks=6");
    do_with(&t, state, "pack", "a.pack", "");
    s = board_take(engine_board(t.engine), SHEET_LEDGER);
    assert_non_null(s);
    sum = s->architecture + s->header;
    for (i = 0; i < s->count; i++)
        sum += s->row[i].bytes;
    assert_close(sum, s->file, 0);
    assert_close(s->file, (double)file_size(state, "a.pack"), 0);
    assert_int_equal(s->count, 4);
    assert_string_equal(s->row[0].layer, "fc1");
    assert_close(s->dense, (64 * 24 + 24 + 24 * 4 + 4) * 4, 0);
    assert_int_equal(s->step_count, 5);
    assert_close(s->step[4].bytes, s->file, 0);
    assert_true(s->step[4].bytes < s->step[3].bytes);
    assert_true(s->step[0].bytes > s->step[4].bytes);
    /* 32 (2 a + R + 1) = 32 N at a = (N - R - 1) / 2, in both layers. */
    assert_close(s->pays_rows, 1 - (1632.0 - 30) / 2 / 1632, 1e-12);
    assert_close(s->way[0].bytes, s->dense, 0);
    assert_true(s->way[1].bytes > s->file);
    sheet_drop(s);
    tiny_close(&t);
}

static void test_what_cannot_be_is_refused(void **state)
{
    struct tiny t = {0};
    char *path, line[600];
    FILE *f;

    begin(&t, state);
    tiny_refuse(&t, "pack /nowhere/at/all.pack", ERR_MISSING, "/nowhere");
    tiny_refuse(&t, "pack x coder=zip", ERR_VALUE, "coder");
    tiny_refuse(&t, "trim", ERR_USAGE, "biases=BITS");
    tiny_refuse(&t, "trim codebooks=5 layers=nothing", ERR_STATE,
                "nothing to trim");
    do_with(&t, state, "pack", "a.pack", "");
    path = mem_strdup(support_path(state, "a.pack"));
    f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, 20, SEEK_SET), 0);
    fputc(0x55, f);
    fputc(0xaa, f);
    fclose(f);
    snprintf(line, sizeof(line), "net %s", path);
    tiny_refuse(&t, line, ERR_FORMAT, "damaged");
    snprintf(line, sizeof(line), "info %s", path);
    tiny_refuse(&t, line, ERR_FORMAT, "damaged");
    snprintf(line, sizeof(line), "data %s", path);
    tiny_refuse(&t, line, ERR_FORMAT, "a packed net");
    mem_free(path);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_a_net_packs_opens_and_unpacks),
        unit_test_in_folder(test_unpacking_writes_a_file_of_keras),
        unit_test_in_folder(test_the_ledger_adds_up_to_the_file),
        unit_test_in_folder(test_what_cannot_be_is_refused),
    };

    return cmocka_run_group_tests_name("pack_cmd", tests, NULL, NULL);
}
