#define _GNU_SOURCE 1 /* wide curses with extended pairs */
#include "ui/term.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <curses.h>
#include <term.h>

#include "base/mem.h"
#include "base/str.h"
#include "ui/palette.h"
#include "ui/term_input.h"
#include "ui/term_modes.h"

/* A lone Esc is known as such after so long; an arrow key whose bytes come
 * one by one over a slow line is still one. */
enum { ESC_MS = 100, PAIRS_MOST = 32767 };

/* Sequences no terminal description has; curses' codes for them count up from
 * OWN_KEYS, above all of its own. */
enum { OWN_KEYS = 0x4000 };
static const struct {
    const char *text;
    uint32_t code;
} own_keys[] = {
    {"\033[200~", INPUT_PASTE_START},
    {"\033[201~", INPUT_PASTE_END},
    {"\033[I", INPUT_UNKNOWN}, /* focus came and went */
    {"\033[O", INPUT_UNKNOWN},
    {"\033[<", INPUT_MOUSE_SGR},
    {"\033[M", INPUT_MOUSE_OLD},
    /* Terminals that take no notice of the keypad's mode. */
    {"\033[A", VIEW_KEY_UP},
    {"\033[B", VIEW_KEY_DOWN},
    {"\033[C", VIEW_KEY_RIGHT},
    {"\033[D", VIEW_KEY_LEFT},
    {"\033[H", VIEW_KEY_HOME},
    {"\033[F", VIEW_KEY_END},
    {"\033[1~", VIEW_KEY_HOME},
    {"\033[4~", VIEW_KEY_END},
};

static struct {
    bool on, lost, lent, repaint, modern, utf8;
    bool mouse, light;
    int rows, cols;
    enum glyphs glyphs, most_glyphs;
    enum colours colours, most_colours;
    SCREEN *screen;
    FILE *in, *out;
    WINDOW *keys; /* a pad: reading from it never draws */
    struct pairs pairs;
    cchar_t *line; /* a row on its way to curses */
    struct term_stats stats;
    struct input input;
} term;

static void send(const char *text)
{
    if (!term.lost && !modes_write(fileno(term.out), text))
        term.lost = true;
}

static void set_modes(bool on)
{
    if (!term.modern)
        return;
    send(on ? "\033[?2004h" : "\033[?2004l");
    if (term.mouse)
        send(on && !term.lent ? "\033[?1000h\033[?1006h"
                              : "\033[?1006l\033[?1000l");
}

static const char *capability(const char *name)
{
    const char *text = tigetstr(name);

    return text == NULL || text == (char *)-1 ? "" : text;
}

/* Refuses terminals a full screen cannot be shown on. */
static enum err_code check_terminal(struct err *err)
{
    const char *name = getenv("TERM");
    struct str safe = {0};
    int found = 0;
    bool places = false;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return err_set(err, ERR_UNSUPPORTED,
                       "the screen needs a terminal on standard input and "
                       "output; without one: espalier run SCRIPT, or "
                       "espalier -c 'COMMANDS'");
    if (name == NULL || *name == '\0')
        return err_set(err, ERR_UNSUPPORTED,
                       "TERM is not set, so the terminal's kind is not known; "
                       "try TERM=xterm-256color");
    str_add_safe(&safe, name);
    if (setupterm(NULL, STDOUT_FILENO, &found) == OK) {
        places = *capability("cup") != '\0';
        del_curterm(cur_term);
    }
    if (found != 1)
        err_set(err, ERR_UNSUPPORTED,
                "this system does not know the terminal \"%.40s\" (TERM); try "
                "TERM=xterm-256color, or install the package ncurses-term",
                safe.text);
    else if (!places)
        err_set(err, ERR_UNSUPPORTED,
                "the terminal \"%.40s\" (TERM) cannot place its cursor; use "
                "espalier run SCRIPT, or try TERM=xterm-256color",
                safe.text);
    str_done(&safe);
    return places ? ERR_OK : ERR_UNSUPPORTED;
}

static enum colours count_colours(int colours)
{
    if (!has_colors())
        return COLOURS_MONO;
    return colours >= 256  ? COLOURS_256
           : colours >= 16 ? COLOURS_16
           : colours >= 8  ? COLOURS_8
                           : COLOURS_MONO;
}

static int make_pair(int pair, int fg, int bg)
{
    return init_extended_pair(pair, fg, bg) == ERR ? -1 : 0;
}

static void start_colours(int wanted)
{
    const char *no_color = getenv("NO_COLOR");

    start_color();
    term.most_colours =
        use_default_colors() == ERR ? COLOURS_MONO : count_colours(COLORS);
    term.colours = term.most_colours;
    if (wanted < 0 && no_color != NULL && *no_color != '\0')
        term.colours = COLOURS_MONO;
    if (wanted >= 0 && wanted < (int)term.most_colours)
        term.colours = (enum colours)wanted;
    pairs_init(&term.pairs, COLOR_PAIRS < PAIRS_MOST ? COLOR_PAIRS : PAIRS_MOST,
               make_pair);
}

/* Terminals of these names have fonts without braille and blocks. */
static bool plain_font(const char *name)
{
    static const char *const plain[] = {"linux", "vt", "ansi", "cons", "sun"};
    size_t i;

    for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (str_starts(name, plain[i]))
            return true;
    return false;
}

static void choose_glyphs(bool ascii)
{
    term.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    term.most_glyphs = term.utf8 ? GLYPHS_BRAILLE : GLYPHS_ASCII;
    term.glyphs =
        ascii || plain_font(getenv("TERM")) ? GLYPHS_ASCII : term.most_glyphs;
}

static void define_keys(void)
{
    int i;

    for (i = 0; i < (int)(sizeof(own_keys) / sizeof(own_keys[0])); i++)
        define_key(own_keys[i].text, OWN_KEYS + i);
}

static void set_up_keys(void)
{
    raw();
    noecho();
    nonl();
    if (getenv("ESCDELAY") == NULL)
        set_escdelay(ESC_MS);
    term.keys = newpad(1, 1);
    keypad(stdscr, TRUE); /* tells the terminal; the pad's only decodes */
    keypad(term.keys, TRUE);
    nodelay(term.keys, TRUE);
    intrflush(stdscr, FALSE);
    define_keys();
}

/* All that undoes what was done to the terminal, for term_restore. */
static void arm_rescue(const struct termios *before)
{
    struct str text = {0};

    if (term.modern)
        str_add(&text, "\033[?1006l\033[?1000l\033[?2004l");
    str_add(&text, capability("rmkx"));
    str_add(&text, capability("sgr0"));
    str_add(&text, capability("cnorm"));
    str_add(&text, capability("rmcup"));
    str_add(&text, "\r\n");
    modes_arm(fileno(term.out), before, text.text);
    str_done(&text);
}

static bool ask_size(int *rows, int *cols)
{
    struct winsize size;

    if (ioctl(fileno(term.out), TIOCGWINSZ, &size) != 0 || size.ws_row == 0 ||
        size.ws_col == 0)
        return false;
    *rows = size.ws_row;
    *cols = size.ws_col;
    return true;
}

/* What people set by hand counts where the terminal does not tell. */
static int from_environment(const char *name, int usual)
{
    const char *text = getenv(name);
    int n = text != NULL ? atoi(text) : 0;

    return n > 0 && n < 1000 ? n : usual;
}

static void set_size(void)
{
    if (!ask_size(&term.rows, &term.cols)) {
        term.rows = from_environment("LINES", 24);
        term.cols = from_environment("COLUMNS", 80);
    }
    resize_term(term.rows, term.cols);
    mem_free(term.line);
    term.line = mem_array((size_t)term.cols + 1, sizeof(*term.line));
    term.repaint = true;
}

static bool open_screen(void)
{
    int in = dup(STDIN_FILENO), out = dup(STDOUT_FILENO);

    term.in = in >= 0 ? fdopen(in, "r") : NULL;
    term.out = out >= 0 ? fdopen(out, "w") : NULL;
    use_env(FALSE); /* LINES and COLUMNS must not freeze the size */
    use_tioctl(TRUE);
    if (term.in != NULL && term.out != NULL)
        term.screen = newterm(NULL, term.out, term.in);
    if (term.screen != NULL)
        return true;
    if (term.in != NULL)
        fclose(term.in);
    if (term.out != NULL)
        fclose(term.out);
    return false;
}

enum err_code term_start(const struct term_options *o, struct err *err)
{
    static bool registered;
    struct termios before = {0};
    enum err_code code = check_terminal(err);

    if (code != ERR_OK)
        return code;
    tcgetattr(STDIN_FILENO, &before);
    if (!open_screen())
        return err_set(err, ERR_UNSUPPORTED, "cannot open the terminal: %s",
                       strerror(errno));
    term.on = true;
    term.lost = term.lent = false;
    term.input = (struct input){0};
    term.mouse = o->mouse;
    term.light = o->light;
    term.modern = *capability("kmous") != '\0';
    term.stats = (struct term_stats){0};
    start_colours(o->colours);
    choose_glyphs(o->ascii);
    set_up_keys();
    set_size();
    arm_rescue(&before);
    modes_divert();
    set_modes(true);
    if (!registered)
        atexit(term_stop);
    registered = true;
    return ERR_OK;
}

void term_stop(void)
{
    if (!term.on)
        return;
    term.on = false;
    if (term.lost) {
        modes_restore(); /* only the line settings can still matter */
    } else {
        set_modes(false);
        curs_set(1);
        endwin();
    }
    modes_disarm();
    delwin(term.keys);
    delscreen(term.screen);
    fclose(term.in);
    fclose(term.out);
    pairs_done(&term.pairs);
    mem_free(term.line);
    term.line = NULL;
    modes_undivert();
}

void term_restore(void)
{
    modes_restore();
}

int term_fd(void)
{
    return fileno(term.in);
}

bool term_lost(void)
{
    return term.lost;
}

enum glyphs term_glyphs(void)
{
    return term.glyphs;
}

enum colours term_colours(void)
{
    return term.colours;
}

void term_set_glyphs(enum glyphs glyphs)
{
    term.glyphs = glyphs < term.most_glyphs ? glyphs : term.most_glyphs;
    term.repaint = true;
}

void term_set_colours(enum colours colours)
{
    term.colours = colours < term.most_colours ? colours : term.most_colours;
    term.repaint = true;
}

void term_set_light(bool light)
{
    term.light = light;
    term.repaint = true;
}

void term_set_mouse(bool on)
{
    if (term.mouse == on)
        return;
    if (term.mouse && term.modern)
        send("\033[?1006l\033[?1000l");
    term.mouse = on;
    set_modes(true);
}

void term_lend(bool on)
{
    term.lent = on;
    term.input = (struct input){0};
    set_modes(true);
}

void term_size(int *rows, int *cols)
{
    *rows = term.rows;
    *cols = term.cols;
}

bool term_resize(void)
{
    int rows = term.rows, cols = term.cols;

    if (!term.on || term.lost || !ask_size(&rows, &cols) ||
        (rows == term.rows && cols == term.cols))
        return false;
    set_size();
    return true;
}

void term_repaint(void)
{
    term.repaint = true;
}

static attr_t attributes(unsigned attr)
{
    return (attr & ATTR_BOLD ? A_BOLD : 0u) |
           (attr & ATTR_REVERSE ? A_REVERSE : 0u) |
           (attr & ATTR_UNDERLINE ? A_UNDERLINE : 0u);
}

static void set_cell(cchar_t *to, const struct cell *cell)
{
    struct look look = palette_look(cell, term.colours, term.light);
    int pair = term.colours == COLOURS_MONO
                   ? 0
                   : pairs_find(&term.pairs, look.fg, look.bg);
    wchar_t text[CELL_POINTS + 1] = {0};
    int i;

    for (i = 0; i < CELL_POINTS && cell->point[i] != 0; i++)
        text[i] =
            term.utf8 || cell->point[i] < 0x80 ? (wchar_t)cell->point[i] : L'?';
    if (text[0] == 0)
        text[0] = L' ';
    setcchar(to, text, attributes(look.attr), (short)pair, &pair);
}

/* Wide characters go in once; curses makes their right halves itself. */
static void put_row(const struct canvas *c, int row, int cols)
{
    const struct cell *cell = &c->cells[(size_t)row * (size_t)c->cols];
    int n = 0, col;

    for (col = 0; col < cols; col++)
        if (cell[col].width > 0 && col + cell[col].width <= cols)
            set_cell(&term.line[n++], &cell[col]);
    mvadd_wchnstr(row, 0, term.line, n);
}

static void place_cursor(const struct canvas *c)
{
    bool shown = c->cursor_row >= 0 && c->cursor_row < term.rows &&
                 c->cursor_col >= 0 && c->cursor_col < term.cols;

    curs_set(shown ? 1 : 0);
    if (shown)
        move(c->cursor_row, c->cursor_col);
}

void term_show(const struct canvas *c)
{
    int rows = c->rows < term.rows ? c->rows : term.rows;
    int cols = c->cols < term.cols ? c->cols : term.cols;
    uint64_t bytes;
    double start;
    int row;

    if (!term.on || term.lost)
        return;
    bytes = modes_written();
    start = modes_now();
    erase();
    for (row = 0; row < rows; row++)
        put_row(c, row, cols);
    place_cursor(c);
    if (term.repaint)
        clearok(curscr, TRUE);
    term.repaint = false;
    wnoutrefresh(stdscr);
    doupdate();
    term.stats.frames++;
    term.stats.last_seconds = modes_now() - start;
    term.stats.last_bytes = modes_written() - bytes;
    term.stats.bytes += term.stats.last_bytes;
}

struct term_stats term_get_stats(void)
{
    return term.stats;
}

/* Readable, but nothing there: the other end has gone. */
static void check_lost(void)
{
    struct pollfd p = {.fd = fileno(term.in), .events = POLLIN};
    int waiting = 0;

    if (poll(&p, 1, 0) <= 0)
        return;
    if ((p.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ||
        (ioctl(p.fd, FIONREAD, &waiting) == 0 && waiting == 0 &&
         poll(&p, 1, 0) > 0))
        term.lost = true;
}

/* Special keys curses knows. */
static uint32_t from_curses(wint_t ch)
{
    static const struct {
        int curses;
        uint32_t code;
    } keys[] = {
        {KEY_UP, VIEW_KEY_UP},
        {KEY_DOWN, VIEW_KEY_DOWN},
        {KEY_LEFT, VIEW_KEY_LEFT},
        {KEY_RIGHT, VIEW_KEY_RIGHT},
        {KEY_PPAGE, VIEW_KEY_PAGE_UP},
        {KEY_NPAGE, VIEW_KEY_PAGE_DOWN},
        {KEY_HOME, VIEW_KEY_HOME},
        {KEY_END, VIEW_KEY_END},
        {KEY_FIND, VIEW_KEY_HOME},
        {KEY_SELECT, VIEW_KEY_END},
        {KEY_ENTER, VIEW_KEY_ENTER},
        {KEY_BTAB, VIEW_KEY_BACK_TAB},
        {KEY_BACKSPACE, VIEW_KEY_BACKSPACE},
        {KEY_DC, TERM_KEY_DELETE},
        {KEY_IC, TERM_KEY_INSERT},
    };
    size_t i;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (ch == (wint_t)keys[i].curses)
            return keys[i].code;
    if (ch >= KEY_F(1) && ch <= KEY_F(12))
        return TERM_KEY_F1 + (uint32_t)(ch - KEY_F(1));
    for (i = 0; i < sizeof(own_keys) / sizeof(own_keys[0]); i++)
        if (ch == OWN_KEYS + i)
            return own_keys[i].code;
    return INPUT_UNKNOWN;
}

static bool read_code(uint32_t *code)
{
    wint_t ch;
    int got = wget_wch(term.keys, &ch);

    if (got == ERR)
        return false;
    *code = got == KEY_CODE_YES ? from_curses(ch) : (uint32_t)ch;
    return true;
}

bool term_key(struct key *out)
{
    if (!term.on || term.lost || term.lent)
        return false;
    if (input_key(&term.input, read_code, modes_now(), term.rows, term.cols,
                  out))
        return true;
    check_lost();
    return false;
}

/* Takes the terminal again after somebody else had it. */
static void take_again(void)
{
    reset_prog_mode();
    if (!ask_size(&term.rows, &term.cols) || LINES != term.rows ||
        COLS != term.cols)
        set_size();
    term.repaint = true;
    set_modes(true);
}

void term_suspend(void)
{
    if (!term.on || term.lost)
        return;
    set_modes(false);
    def_prog_mode();
    curs_set(1);
    endwin();
    modes_stop_group();
    take_again();
}

void term_resume(void)
{
    if (term.on && !term.lost)
        take_again();
}
