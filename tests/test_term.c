/*
 * A child has the terminal, a pseudo one; libvterm plays the screen.  Each
 * child draws a frame, then the next one at every key, and ends at 'q'.
 */
#include "support.h"

#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "tests/screen/terminal.h"
#include "ui/palette.h"
#include "ui/term.h"

enum { ROWS = 24, COLS = 80 };

/* What a child does: draws frame number n. */
typedef void painter(struct canvas *c, int n);

static const char *child_term, *child_locale;
static struct term_options child_options;

static void run_child(painter *paint)
{
    struct canvas c;
    struct err err;
    struct key key = {0};
    int n = 0, rows, cols;

    unsetenv("NO_COLOR");
    setenv("TERM", child_term, 1);
    setlocale(LC_CTYPE, child_locale);
    if (term_start(&child_options, &err) != ERR_OK) {
        printf("%s\n", err.msg);
        fflush(stdout);
        _exit(2);
    }
    canvas_init(&c, 0, 0);
    while (key.code != 'q' && !term_lost()) {
        struct pollfd p = {.fd = term_fd(), .events = POLLIN};

        term_size(&rows, &cols);
        canvas_resize(&c, rows, cols);
        c.glyphs = term_glyphs();
        c.colours = term_colours();
        paint(&c, n++);
        term_show(&c);
        do
            poll(&p, 1, -1);
        while (!term_key(&key) && !term_lost());
        term_resize();
    }
    term_stop();
    _exit(0);
}

static void run(const void *arg)
{
    run_child(*(painter *const *)arg);
}

static void open_screen(struct terminal *s, painter *paint)
{
    terminal_open(s, ROWS, COLS, run, &paint);
}

static int setup(void **state)
{
    (void)state;
    child_term = "xterm-256color";
    child_locale = "C.UTF-8";
    child_options = (struct term_options){.colours = -1};
    return 0;
}

static void paint_signs(struct canvas *c, int n)
{
    struct pane p = pane_whole(c);
    int row, col;

    (void)n;
    for (row = 0; row < c->rows; row++)
        for (col = 0; col < c->cols; col++)
            pane_put(p, row, col, ROLE_NORMAL,
                     0x2800u + (uint32_t)(row * 7 + col) % 256);
    for (row = 0; row < c->rows; row++)
        pane_text(p, row, row, ROLE_NORMAL, "漢字é\xcc\x81x");
    pane_text(p, 2, c->cols - 2, ROLE_NORMAL, "字");
    pane_text(p, c->rows - 1, c->cols - 2, ROLE_NORMAL, "字");
}

static void test_every_cell_arrives_up_to_the_last_corner(void **state)
{
    struct canvas want;
    struct terminal s;
    int row, col;

    (void)state;
    canvas_init(&want, ROWS, COLS);
    paint_signs(&want, 0);
    open_screen(&s, paint_signs);
    terminal_settle(&s);
    for (row = 0; row < ROWS; row++)
        for (col = 0; col < COLS; col++) {
            const struct cell *cell = &want.cells[row * COLS + col];
            VTermScreenCell got = terminal_cell(&s, row, col);

            if (cell->width > 0 && (got.chars[0] != cell->point[0] ||
                                    got.chars[1] != cell->point[1]))
                fail_msg("U+%04X at %d,%d instead of U+%04X", got.chars[0], row,
                         col, cell->point[0]);
        }
    terminal_press(&s, "q");
    assert_int_equal(terminal_close(&s), 0);
    canvas_done(&want);
}

static void paint_colours(struct canvas *c, int n)
{
    struct pane p = pane_whole(c);
    int i;

    (void)n;
    for (i = 0; i < GREY_LEVELS * GREY_LEVELS; i++)
        pane_half(p, i / COLS, i % COLS, (enum role)(ROLE_GREY + i / 24),
                  (enum role)(ROLE_GREY + i % 24));
    for (i = 0; i < HEAT_LEVELS * HEAT_LEVELS; i++)
        pane_half(p, 12 + i / COLS, i % COLS, (enum role)(ROLE_HEAT + i / 12),
                  (enum role)(ROLE_HEAT + i % 12));
}

/* Beyond pair 255 numbers no longer fit into curses' attributes. */
static void test_six_hundred_pairs_of_colours_are_all_exact(void **state)
{
    struct canvas want;
    struct terminal s;
    int i;

    (void)state;
    canvas_init(&want, ROWS, COLS);
    paint_colours(&want, 0);
    open_screen(&s, paint_colours);
    terminal_settle(&s);
    for (i = 0; i < 14 * COLS; i++) {
        const struct cell *cell = &want.cells[i];
        struct look look = palette_look(cell, COLOURS_256, false);
        VTermScreenCell got = terminal_cell(&s, i / COLS, i % COLS);

        if (cell->role == ROLE_NORMAL)
            continue;
        if (!VTERM_COLOR_IS_INDEXED(&got.fg) || got.fg.indexed.idx != look.fg ||
            (look.bg >= 0 && (!VTERM_COLOR_IS_INDEXED(&got.bg) ||
                              got.bg.indexed.idx != look.bg)))
            fail_msg("cell %d: %d on %d instead of %d on %d", i,
                     got.fg.indexed.idx, got.bg.indexed.idx, look.fg, look.bg);
    }
    terminal_press(&s, "q");
    assert_int_equal(terminal_close(&s), 0);
    canvas_done(&want);
}

/* Frames 0 and 1 are the same; in frame 2 one number differs. */
static void paint_twice(struct canvas *c, int n)
{
    struct pane p = pane_whole(c);
    int row;

    for (row = 0; row < c->rows; row++)
        pane_textf(p, row, 0, ROLE_SERIES1, "row %d of the picture", row);
    pane_textf(p, 10, 40, ROLE_GOOD, "step %d", n < 2 ? 7 : 8);
}

static void test_what_does_not_change_does_not_travel(void **state)
{
    struct terminal s;

    (void)state;
    open_screen(&s, paint_twice);
    assert_true(terminal_settle(&s) > 100);
    terminal_press(&s, "nn");
    assert_in_range(terminal_settle(&s), 1, 40);
    terminal_press(&s, "q");
    assert_int_equal(terminal_close(&s), 0);
}

static void paint_size(struct canvas *c, int n)
{
    (void)n;
    pane_textf(pane_whole(c), 0, 0, ROLE_NORMAL, "%dx%d", c->rows, c->cols);
    pane_put(pane_whole(c), c->rows - 1, c->cols - 1, ROLE_NORMAL, '#');
}

static void test_a_new_size_is_found_and_no_size_is_none(void **state)
{
    static const struct {
        unsigned short rows, cols;
        char sign;
    } cases[] = {{10, 40, '#'}, {3, 7, '#'}, {0, 0, '#'}, {24, 80, '#'}};
    int rows = ROWS, cols = COLS;
    struct terminal s;
    size_t i;

    (void)state;
    setenv("LINES", "5", 1); /* must not count */
    setenv("COLUMNS", "9", 1);
    open_screen(&s, paint_size);
    terminal_settle(&s);
    assert_int_equal(terminal_cell(&s, rows - 1, cols - 1).chars[0], '#');
    for (i = 0; i < LENGTH(cases); i++) {
        struct winsize size = {.ws_row = cases[i].rows,
                               .ws_col = cases[i].cols};

        if (size.ws_row > 0) {
            rows = size.ws_row;
            cols = size.ws_col;
        }
        ioctl(s.fd, TIOCSWINSZ, &size);
        vterm_set_size(s.vterm, rows, cols);
        terminal_press(&s, "n");
        if (size.ws_row == 0)
            continue; /* nothing changes; the next size shows it */
        terminal_settle(&s);
        if (terminal_cell(&s, rows - 1, cols - 1).chars[0] != '#')
            fail_msg("the corner of %d x %d is not there", rows, cols);
    }
    terminal_press(&s, "q");
    assert_int_equal(terminal_close(&s), 0);
    unsetenv("LINES");
    unsetenv("COLUMNS");
}

static void test_other_locales_get_nothing_but_ascii(void **state)
{
    static const char *const locales[] = {"C", "POSIX"};
    struct terminal s;
    size_t i, k;

    (void)state;
    for (i = 0; i < LENGTH(locales); i++) {
        child_locale = locales[i];
        open_screen(&s, paint_signs);
        terminal_settle(&s);
        terminal_press(&s, "q");
        terminal_settle(&s);
        for (k = 0; k < s.raw.len; k++)
            assert_in_range((unsigned char)s.raw.text[k], 1, 0x7F);
        assert_int_equal(terminal_close(&s), 0);
    }
}

/* The last of "\033[?<mode>h" and "\033[?<mode>l" that was written; 0: none. */
static char last_mode(const struct terminal *s, const char *mode)
{
    char on[16], off[16], last = 0;
    const char *at = s->raw.text;

    snprintf(on, sizeof(on), "\033[?%sh", mode);
    snprintf(off, sizeof(off), "\033[?%sl", mode);
    for (; *at != '\0'; at++) {
        if (str_starts(at, on))
            last = 'h';
        if (str_starts(at, off))
            last = 'l';
    }
    return last;
}

static void test_every_mode_that_was_set_is_taken_back(void **state)
{
    static const char *const modes[] = {"1049", "2004", "1000", "1006"};
    struct terminal s;
    size_t i;

    (void)state;
    child_options.mouse = true;
    open_screen(&s, paint_twice);
    terminal_settle(&s);
    for (i = 0; i < LENGTH(modes); i++)
        assert_int_equal(last_mode(&s, modes[i]), 'h');
    terminal_press(&s, "q");
    terminal_settle(&s);
    for (i = 0; i < LENGTH(modes); i++)
        assert_int_equal(last_mode(&s, modes[i]), 'l');
    assert_int_equal(last_mode(&s, "25"), 'h'); /* the cursor */
    assert_int_equal(terminal_close(&s), 0);
}

static void paint_noise(struct canvas *c, int n)
{
    paint_twice(c, n);
    fprintf(stderr, "a library complains\n");
}

static void test_foreign_output_is_kept_from_the_screen_until_the_end(
    void **state)
{
    struct terminal s;

    (void)state;
    open_screen(&s, paint_noise);
    terminal_settle(&s);
    assert_null(strstr(s.raw.text, "complains"));
    terminal_press(&s, "q");
    terminal_settle(&s);
    assert_non_null(strstr(s.raw.text, "complains"));
    assert_int_equal(terminal_close(&s), 0);
}

static void test_a_terminal_that_cannot_do_it_is_refused_with_advice(
    void **state)
{
    static const struct {
        const char *term, *says;
    } cases[] = {
        {"dumb", "cannot place its cursor"},
        {"bogus", "does not know the terminal \"bogus\""},
        {"", "TERM is not set"},
        {"x\033[31m", "\"x^[31m\""},
    };
    struct terminal s;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++) {
        child_term = cases[i].term;
        open_screen(&s, paint_signs);
        terminal_settle(&s);
        if (strstr(s.raw.text, cases[i].says) == NULL)
            fail_msg("TERM=%s: %s", cases[i].term, s.raw.text);
        assert_non_null(strstr(s.raw.text, "xterm-256color"));
        assert_null(strchr(s.raw.text, '\033'));
        assert_int_equal(terminal_close(&s), 2);
    }
}

static void paint_few(struct canvas *c, int n)
{
    (void)n;
    pane_fill(pane_whole(c), ROLE_BAR);
    pane_text(pane_whole(c), 0, 0, ROLE_BAD, "bad");
    pane_textf(pane_whole(c), 1, 0, ROLE_NORMAL, "%d", (int)c->colours);
}

static void test_the_terminal_decides_how_many_colours_there_are(void **state)
{
    static const struct {
        const char *term;
        int wanted;
        uint32_t colours; /* as a digit */
    } cases[] = {
        {"vt100", -1, '0' + COLOURS_MONO},
        {"xterm", -1, '0' + COLOURS_8},
        {"xterm-256color", -1, '0' + COLOURS_256},
        {"xterm-256color", COLOURS_16, '0' + COLOURS_16},
        {"xterm-256color", COLOURS_MONO, '0' + COLOURS_MONO},
        {"xterm", COLOURS_256, '0' + COLOURS_8},
    };
    struct terminal s;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++) {
        child_term = cases[i].term;
        child_options.colours = cases[i].wanted;
        open_screen(&s, paint_few);
        terminal_settle(&s);
        if (terminal_cell(&s, 1, 0).chars[0] != cases[i].colours)
            fail_msg("case %zu: tier %c", i,
                     (int)terminal_cell(&s, 1, 0).chars[0]);
        terminal_press(&s, "q");
        assert_int_equal(terminal_close(&s), 0);
    }
}

static void test_a_terminal_that_goes_ends_the_loop(void **state)
{
    struct terminal s;
    int status = 0;

    (void)state;
    signal(SIGHUP, SIG_IGN); /* the child has only its eyes */
    open_screen(&s, paint_twice);
    signal(SIGHUP, SIG_DFL);
    terminal_settle(&s);
    close(s.fd);
    assert_int_equal(waitpid(s.child, &status, 0), s.child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    vterm_free(s.vterm);
    str_done(&s.raw);
}

int main(void)
{
#define on_screen(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        on_screen(test_every_cell_arrives_up_to_the_last_corner),
        on_screen(test_six_hundred_pairs_of_colours_are_all_exact),
        on_screen(test_what_does_not_change_does_not_travel),
        on_screen(test_a_new_size_is_found_and_no_size_is_none),
        on_screen(test_other_locales_get_nothing_but_ascii),
        on_screen(test_every_mode_that_was_set_is_taken_back),
        on_screen(test_foreign_output_is_kept_from_the_screen_until_the_end),
        on_screen(test_a_terminal_that_cannot_do_it_is_refused_with_advice),
        on_screen(test_the_terminal_decides_how_many_colours_there_are),
        on_screen(test_a_terminal_that_goes_ends_the_loop),
    };
#undef on_screen

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests_name("term", tests, NULL, NULL);
}
