/*
 * The prompt reads any descriptor, so a pipe stands for the terminal here.
 */
#include "support.h"

#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "ui/prompt.h"

static int keyboard = -1, screen = -1;

static void plug_in(const char *history)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    screen = ends[0];
    keyboard = ends[1];
    prompt_start(screen, history);
}

static void unplug(void)
{
    prompt_stop();
    prompt_set_complete(NULL, NULL);
    close(screen);
    close(keyboard);
}

static int setup(void **s)
{
    (void)s;
    plug_in("");
    return 0;
}

static int teardown(void **s)
{
    (void)s;
    unplug();
    return 0;
}

static void type(const char *keys)
{
    assert_int_equal(write(keyboard, keys, strlen(keys)), strlen(keys));
}

/* Feeds until there is a result, or nothing to wait for. */
static enum prompt_result feed(void)
{
    enum prompt_result result = prompt_feed();

    while (result == PROMPT_EDITING && prompt_timeout() >= 0) {
        poll(NULL, 0, prompt_timeout());
        result = prompt_feed();
    }
    return result;
}

static void test_lines_are_edited_as_readline_does(void **s)
{
    static const struct {
        const char *keys;
        enum prompt_result result;
        const char *line;
    } cases[] = {
        {"prune 20%\r", PROMPT_ACCEPTED, "prune 20%"},
        {"größe 漢字\r", PROMPT_ACCEPTED, "größe 漢字"},
        {"größe\033[D\033[D\177x\r", PROMPT_ACCEPTED, "grxße"},
        {"abc def\033bX\r", PROMPT_ACCEPTED, "abc Xdef"},
        {"abc def\027ghi\r", PROMPT_ACCEPTED, "abc ghi"},
        {"\033OD\033OCa\001b\005c\r", PROMPT_ACCEPTED, "bac"},
        {"a\xff\xfe\xc3z\xe6\xbc\r", PROMPT_ACCEPTED, "a???z?"},
        {"abc\003", PROMPT_CANCELLED, ""},
        {"abc\033", PROMPT_CANCELLED, ""},
        {"abc\033\033", PROMPT_CANCELLED, ""},
        {"abc\033\003", PROMPT_CANCELLED, ""},
        {"abc\022\003", PROMPT_CANCELLED, ""},
        {"\004", PROMPT_CANCELLED, ""},
        {"x\004\r", PROMPT_ACCEPTED, "x"},
        {"abc\014", PROMPT_REPAINT, "abc"},
        {"abc\032", PROMPT_SUSPEND, "abc"},
        {"\030", PROMPT_EDITING, ""}, /* Ctrl-X waits for its second key */
        {"\033[200~a\tb\nprune 5%\n\033[201~\r", PROMPT_ACCEPTED,
         "a b; prune 5%"},
        {"\r", PROMPT_ACCEPTED, ""},
    };
    size_t i;

    (void)s;
    for (i = 0; i < LENGTH(cases); i++) {
        enum prompt_result result;

        prompt_open(":", "");
        type(cases[i].keys);
        result = feed();
        if (result != cases[i].result)
            fail_msg("case %zu: result %d", i, (int)result);
        if (result != PROMPT_CANCELLED)
            assert_string_equal(prompt_line(), cases[i].line);
        assert_int_equal(prompt_is_open(), result != PROMPT_ACCEPTED &&
                                               result != PROMPT_CANCELLED);
        prompt_close();
    }
}

static void test_what_follows_an_accepted_line_is_left_alone(void **s)
{
    char rest[8] = "";

    (void)s;
    prompt_open(":", "");
    type("abc\rq");
    assert_int_equal(feed(), PROMPT_ACCEPTED);
    assert_int_equal(read(screen, rest, sizeof(rest) - 1), 1);
    assert_string_equal(rest, "q");
}

static void test_half_a_character_waits_without_blocking(void **s)
{
    (void)s;
    prompt_open(":", "");
    type("gr\xc3");
    assert_int_equal(prompt_feed(), PROMPT_EDITING);
    assert_int_equal(prompt_feed(), PROMPT_EDITING);
    type("\xb6\r");
    assert_int_equal(feed(), PROMPT_ACCEPTED);
    assert_string_equal(prompt_line(), "grö");
}

static void test_a_prompt_opens_with_text_and_the_cursor_behind_it(void **s)
{
    (void)s;
    prompt_open(":", "set lr=");
    assert_string_equal(prompt_line(), "set lr=");
    assert_int_equal(prompt_cursor(), 7);
    type("0.1\r");
    assert_int_equal(feed(), PROMPT_ACCEPTED);
    assert_string_equal(prompt_line(), "set lr=0.1");
}

static void test_a_terminal_that_goes_accepts_no_half_line(void **s)
{
    (void)s;
    prompt_open(":", "");
    type("prune 9");
    assert_int_equal(prompt_feed(), PROMPT_EDITING);
    close(keyboard);
    assert_int_equal(prompt_feed(), PROMPT_CANCELLED);
    assert_false(prompt_is_open());
    keyboard = dup(screen); /* for the teardown */
}

static void test_a_paste_without_end_ends_by_itself(void **s)
{
    (void)s;
    prompt_open(":", "");
    type("\033[200~abc");
    assert_int_equal(prompt_feed(), PROMPT_EDITING);
    assert_string_equal(prompt_line(), "abc");
    type("d\r");
    assert_int_equal(feed(), PROMPT_ACCEPTED);
    assert_string_equal(prompt_line(), "abcd");
}

static const char *const words[] = {"eval", "expect", "export", "lr=", "größe"};

static void offer(void *arg, const char *line, int cursor,
                  struct completion *out)
{
    size_t i;

    assert_ptr_equal(arg, words);
    out->start = cursor;
    while (out->start > 0 && line[out->start - 1] != ' ')
        out->start--;
    out->text = mem_array(LENGTH(words), sizeof(*out->text));
    out->help = mem_array(LENGTH(words), sizeof(*out->help));
    for (i = 0; i < LENGTH(words); i++)
        if (strncmp(words[i], line + out->start,
                    (size_t)(cursor - out->start)) == 0)
            out->text[out->count++] = mem_strdup(words[i]);
}

static void test_tab_completes_lists_and_goes_round(void **s)
{
    static const struct {
        const char *keys, *line;
        int listed;
    } cases[] = {
        {"ev\t", "eval ", 0},
        {"l\t", "lr=", 0},
        {"ex\t", "exp", 2},
        {"ex\t\t", "expect", 2},
        {"ex\t\t\t", "export", 2},
        {"ex\t\t\t\t", "expect", 2},
        {"ex\t\033[Z", "export", 2},
        {"ex\to", "expo", 1},
        {"ex\tz", "expz", 0},
        {"zz\t", "zz", 0},
        {"eval gr\t", "eval größe ", 0},
        {"\t", "", 5},
        {"ex\t\t x", "expect x", 0},
    };
    size_t i;

    (void)s;
    prompt_set_complete(offer, (void *)(uintptr_t)words);
    for (i = 0; i < LENGTH(cases); i++) {
        prompt_open(":", "");
        type(cases[i].keys);
        assert_int_equal(prompt_feed(), PROMPT_EDITING);
        if (strcmp(prompt_line(), cases[i].line) != 0)
            fail_msg("case %zu: \"%s\"", i, prompt_line());
        assert_int_equal(prompt_list() != NULL ? prompt_list()->count : 0,
                         cases[i].listed);
        prompt_close();
    }
    prompt_open(":", "");
    type("zz\t");
    prompt_feed();
    assert_string_equal(prompt_note(), "no word fits here");
    type("a");
    prompt_feed();
    assert_string_equal(prompt_note(), "");
}

/* What the row of the prompt shows, and where the cursor is. */
static void expect_row(int cols, const char *want, int cursor)
{
    struct str got = {0};
    struct canvas c;

    canvas_init(&c, 1, cols);
    prompt_draw(pane_whole(&c));
    canvas_dump(&c, &got);
    assert_string_equal(got.text, want);
    assert_int_equal(c.cursor_row, 0);
    assert_int_equal(c.cursor_col, cursor);
    str_done(&got);
    canvas_done(&c);
}

static void test_the_cursor_stands_on_columns_not_bytes(void **s)
{
    (void)s;
    prompt_open("λ ", "");
    type("größe 漢字");
    prompt_feed();
    expect_row(40, "λ größe 漢字\n", 12);
    type("\033[D");
    prompt_feed();
    expect_row(40, "λ größe 漢字\n", 10);
    type("\033[D\033[D\033[D");
    prompt_feed();
    expect_row(40, "λ größe 漢字\n", 6);
    type("\026\003");
    prompt_feed();
    expect_row(40, "λ größ^Ce 漢字\n", 8);
}

static void test_a_search_in_the_history_takes_any_character(void **s)
{
    (void)s;
    prompt_open(":", "");
    type("größe 7\r");
    assert_int_equal(feed(), PROMPT_ACCEPTED);
    prompt_open(":", "");
    type("other\r");
    assert_int_equal(feed(), PROMPT_ACCEPTED);
    prompt_open(":", "");
    type("\022öß");
    prompt_feed();
    expect_row(40, "(reverse-i-search)`öß': größe 7\n", 26);
    type("\r");
    assert_int_equal(feed(), PROMPT_ACCEPTED);
    assert_string_equal(prompt_line(), "größe 7");
}

static void test_a_long_line_scrolls_and_the_cursor_stays_inside(void **s)
{
    static const int widths[] = {1, 2, 3, 5, 9, 20};
    char text[121];
    size_t i;
    int k;

    (void)s;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    prompt_open(":", text);
    type("漢字");
    for (k = 0; k < 120; k++) {
        prompt_feed();
        for (i = 0; i < LENGTH(widths); i++) {
            struct canvas c;

            canvas_init(&c, 1, widths[i]);
            prompt_draw(pane_whole(&c));
            assert_in_range(c.cursor_col, 0, widths[i] - 1);
            canvas_done(&c);
        }
        type("\033[D");
    }
    prompt_close();
    prompt_open(":", text);
    expect_row(20, "<xxxxxxxxxxxx\n", 13);
    type("\001");
    prompt_feed();
    expect_row(20, ":xxxxxxxxxxxxxxxxxx>\n", 1);
}

static void enter(const char *line)
{
    prompt_open(":", "");
    type(line);
    type("\r");
    assert_int_equal(feed(), PROMPT_ACCEPTED);
}

static void test_history_is_kept_for_its_owner_and_nobody_else(void **s)
{
    const char *path = support_path(s, "a/b/history");
    struct stat about;
    char *text;

    plug_in(path);
    enter("prune 20%");
    enter(" secret");
    enter("eval");
    enter("");
    enter("prune 20%");
    unplug();
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    text = support_read(path, NULL);
    assert_string_equal(text, "prune 20%\neval\nprune 20%\n");
    mem_free(text);

    plug_in(path);
    prompt_open(":", "");
    type("\033[A\033[A"); /* the older of two equal lines is gone */
    prompt_feed();
    assert_string_equal(prompt_line(), "eval");
    type("\033[A");
    prompt_feed();
    assert_string_equal(prompt_line(), "eval");
    unplug();
}

static void test_another_prompt_has_a_history_of_its_own(void **s)
{
    const char *path = support_path(s, "history");
    char *text;

    plug_in(path);
    enter("prune 20%");
    prompt_open("/", "");
    type("\033[Afc1\r");
    assert_int_equal(feed(), PROMPT_ACCEPTED);
    assert_string_equal(prompt_line(), "fc1");
    prompt_open("/", "");
    type("\033[A\r");
    assert_int_equal(feed(), PROMPT_ACCEPTED);
    assert_string_equal(prompt_line(), "fc1");
    prompt_open(":", "");
    type("\033[A\r");
    assert_int_equal(feed(), PROMPT_ACCEPTED);
    assert_string_equal(prompt_line(), "prune 20%");
    unplug();
    text = support_read(path, NULL);
    assert_string_equal(text, "prune 20%\nprune 20%\n");
    mem_free(text);
}

static void test_a_history_that_cannot_be_written_is_no_error(void **s)
{
    (void)s;
    plug_in("/proc/no/such/place/history");
    enter("prune 20%");
    assert_string_equal(prompt_line(), "prune 20%");
    unplug();
}

int main(void)
{
#define plugged(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        plugged(test_lines_are_edited_as_readline_does),
        plugged(test_what_follows_an_accepted_line_is_left_alone),
        plugged(test_half_a_character_waits_without_blocking),
        plugged(test_a_prompt_opens_with_text_and_the_cursor_behind_it),
        plugged(test_a_terminal_that_goes_accepts_no_half_line),
        plugged(test_a_paste_without_end_ends_by_itself),
        plugged(test_tab_completes_lists_and_goes_round),
        plugged(test_the_cursor_stands_on_columns_not_bytes),
        plugged(test_a_search_in_the_history_takes_any_character),
        plugged(test_a_long_line_scrolls_and_the_cursor_stays_inside),
        unit_test_in_folder(test_history_is_kept_for_its_owner_and_nobody_else),
        unit_test_in_folder(test_another_prompt_has_a_history_of_its_own),
        cmocka_unit_test(test_a_history_that_cannot_be_written_is_no_error),
    };
#undef plugged

    setlocale(LC_CTYPE, "C.UTF-8");
    setenv("INPUTRC", "/dev/null", 1);
    setenv("TERM", "xterm", 1);
    return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
