/*
 * Readline is kept from everything but the line: it reads the terminal one
 * byte at a time through read_byte, and writes to nowhere.  What it leaves
 * open in its callback mode is closed here: a lone Esc (it would wait for the
 * key that Esc is the Meta of), a paste whose end never comes (it would wait
 * for it with the program standing still), half a character (it would keep it
 * for the next line), a cursor in bytes.
 */
#include "ui/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "base/mem.h"
#include "base/str.h"
#include "ui/prompt_bytes.h"
#include "ui/prompt_history.h"
#include "ui/prompt_view.h"

enum {
    ESCAPE_MS = 100,      /* a lone Esc; longer than a slow line's gaps */
    PASTE_MS = 1000,      /* without a byte, then a paste is over */
    HISTORY_LINES = 1000, /* kept */
    HISTORY_BYTES = 1 << 19
};

static struct {
    bool started, open;
    struct bytes bytes;
    FILE *in, *out;
    char *path;    /* of the history; NULL: none */
    bool commands; /* the sign is ":" */
    char *sign;
    char *accepted;           /* the last line */
    enum prompt_result event; /* what a key function wants told */
    int first;                /* first byte of the keys being read; -1 */
    bool pasting;
    int paste_end; /* bytes of the end made up for a paste that broke off */
    long long deadline;
    int scroll; /* columns of the line left of the pane */
    prompt_completer *complete;
    void *complete_arg;
    struct completion list;
    bool listed;
    int chosen; /* candidate that stands in the line; -1: none does */
    char note[64];
    HISTORY_STATE other; /* the history that is not in use */
} prompt = {.chosen = -1};

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What readline reads by. */
static int read_byte(FILE *unused)
{
    static const char end[] = "\033[201~";
    int byte;

    (void)unused;
    if (prompt.bytes.held_len == 0 && prompt.pasting &&
        (prompt.paste_end > 0 || !bytes_readable(&prompt.bytes, PASTE_MS)))
        return end[prompt.paste_end++ % ((int)sizeof(end) - 1)];
    byte = bytes_next(&prompt.bytes);
    if (prompt.first < 0)
        prompt.first = byte;
    return byte;
}

/* Readline looks for more, to insert it at one go, only among what it may
 * have: bytes that come together as a character. */
static int more_held(void)
{
    return prompt.bytes.held_len > 0;
}

static void drop_list(void)
{
    completion_done(&prompt.list);
    prompt.list = (struct completion){0};
    prompt.listed = false;
    prompt.chosen = -1;
}

/* Changes between the history of commands and that of other prompts. */
static void swap_history(void)
{
    HISTORY_STATE *state = history_get_history_state(), now = *state;

    free(state);
    history_set_history_state(&prompt.other);
    prompt.other = now;
}

static void forget_same(const char *line)
{
    int i;

    for (i = history_length - 1; i >= 0; i--) {
        HIST_ENTRY *e = history_get(history_base + i);

        if (e != NULL && strcmp(e->line, line) == 0)
            free_history_entry(remove_history(i));
    }
}

/* Lines that start with a blank are not kept, as in a shell. */
static void remember(const char *line)
{
    if (*line == '\0' || *line == ' ')
        return;
    forget_same(line);
    add_history(line);
    if (prompt.commands && prompt.path != NULL)
        prompt_history_append(prompt.path, line);
}

static void close_line(void)
{
    if (!prompt.open)
        return;
    prompt.open = false;
    rl_callback_sigcleanup(); /* out of a search or half a key sequence */
    rl_callback_handler_remove();
    if (!prompt.commands)
        swap_history();
    drop_list();
}

/* A paste may hold newlines; they part commands. */
static char *one_line(const char *line)
{
    struct str s = {0};
    size_t n = strlen(line), i;

    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    for (i = 0; i < n; i++) {
        bool part = line[i] == '\n' || line[i] == '\r';

        str_add_bytes(&s,
                      part              ? "; "
                      : line[i] == '\t' ? " "
                                        : line + i,
                      part ? 2 : 1);
    }
    return str_take(&s);
}

/* The line is done (NULL: Ctrl-D on an empty one).  The handler has to go
 * here, or a new line would be begun.  At the terminal's end readline takes
 * half a line for a whole one; nobody asked for that command. */
static void on_line(char *line)
{
    mem_free(prompt.accepted);
    prompt.accepted =
        line != NULL && !prompt.bytes.ended ? one_line(line) : NULL;
    free(line);
    prompt.event = prompt.accepted != NULL ? PROMPT_ACCEPTED : PROMPT_CANCELLED;
    if (prompt.accepted != NULL)
        remember(prompt.accepted);
    close_line();
}

/* The handler must not be removed inside a key's function; the loop does. */
static int on_interrupt(int count, int key)
{
    (void)count;
    (void)key;
    prompt.event = PROMPT_CANCELLED;
    return 0;
}

static int on_repaint(int count, int key)
{
    (void)count;
    (void)key;
    prompt.event = PROMPT_REPAINT;
    return 0;
}

static int on_suspend(int count, int key)
{
    (void)count;
    (void)key;
    prompt.event = PROMPT_SUSPEND;
    return 0;
}

static int on_paste(int count, int key)
{
    int done;

    prompt.pasting = true;
    prompt.paste_end = 0;
    done = rl_bracketed_paste_begin(count, key);
    prompt.pasting = false;
    return done;
}

/* Puts n bytes of text where the word before the cursor stood. */
static void replace_word(int start, const char *text, size_t n)
{
    char *word = mem_alloc(n + 1);

    memcpy(word, text, n);
    word[n] = '\0';
    rl_begin_undo_group();
    rl_delete_text(start, rl_point);
    rl_point = start;
    rl_insert_text(word);
    rl_end_undo_group();
    mem_free(word);
}

static void find_candidates(void)
{
    completion_done(&prompt.list);
    prompt.list = (struct completion){0};
    prompt.complete(prompt.complete_arg, rl_line_buffer, rl_point,
                    &prompt.list);
    if (prompt.list.start < 0 || prompt.list.start > rl_point)
        prompt.list.start = rl_point;
}

/* The only candidate goes in with a blank after it, unless more belongs to
 * the word: "lr=", "data/". */
static void take_only(void)
{
    const char *text = prompt.list.text[0];
    size_t n = strlen(text);

    replace_word(prompt.list.start, text, n);
    if (n > 0 && text[n - 1] != '=' && text[n - 1] != '/' && rl_point == rl_end)
        rl_insert_text(" ");
    drop_list();
}

static void choose(int step)
{
    int count = prompt.list.count;

    if (prompt.chosen < 0)
        prompt.chosen = step > 0 ? 0 : count - 1;
    else
        prompt.chosen = (prompt.chosen + step + count) % count;
    replace_word(prompt.list.start, prompt.list.text[prompt.chosen],
                 strlen(prompt.list.text[prompt.chosen]));
}

static int complete(int step)
{
    size_t common;

    if (prompt.complete == NULL)
        return 0;
    if (prompt.listed && prompt.chosen >= 0) {
        choose(step);
        return 0;
    }
    find_candidates();
    common = list_common(&prompt.list);
    if (prompt.list.count == 0) {
        snprintf(prompt.note, sizeof(prompt.note), "no word fits here");
        drop_list();
    } else if (prompt.list.count == 1) {
        take_only();
    } else if (common > (size_t)(rl_point - prompt.list.start)) {
        replace_word(prompt.list.start, prompt.list.text[0], common);
        prompt.listed = true;
    } else if (prompt.listed) {
        choose(step);
    }
    prompt.listed = prompt.list.count > 1;
    return 0;
}

static int on_tab(int count, int key)
{
    (void)count;
    (void)key;
    return complete(1);
}

static int on_back_tab(int count, int key)
{
    (void)count;
    (void)key;
    return complete(-1);
}

/* While the list is open it shows what fits now. */
static void refresh_list(bool tab)
{
    if (!prompt.open || !prompt.listed || tab)
        return;
    prompt.chosen = -1;
    find_candidates();
    if (prompt.list.count == 0)
        drop_list();
}

static void no_redisplay(void)
{
}

static void bind_keys(Keymap map)
{
    rl_bind_key_in_map(3, on_interrupt, map);
    rl_bind_key_in_map(12, on_repaint, map);
    rl_bind_key_in_map(26, on_suspend, map);
    rl_bind_key_in_map('\t', on_tab, map);
    /* Esc before them must not swallow them, nor a second Esc the first. */
    rl_bind_keyseq_in_map("\033\003", on_interrupt, map);
    rl_bind_keyseq_in_map("\033\033", on_interrupt, map);
    rl_bind_keyseq_in_map("\033[Z", on_back_tab, map);
    rl_bind_keyseq_in_map("\033[200~", on_paste, map);
}

static void load_history(void)
{
    struct stat about;
    int i;

    if (prompt.path == NULL)
        return;
    if (stat(prompt.path, &about) == 0 && about.st_size > HISTORY_BYTES)
        history_truncate_file(prompt.path, HISTORY_LINES);
    read_history(prompt.path);
    for (i = history_length - 1; i > 0; i--) {
        HIST_ENTRY *e = history_get(history_base + i);
        int k;

        /* The newest of equal lines stays. */
        for (k = i - 1; e != NULL && k >= 0; k--) {
            HIST_ENTRY *old = history_get(history_base + k);

            if (old != NULL && strcmp(old->line, e->line) == 0) {
                free_history_entry(remove_history(k));
                i--;
            }
        }
    }
}

static void set_up_readline(void)
{
    rl_readline_name = "espalier";
    rl_instream = prompt.in;
    rl_outstream = prompt.out;
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0; /* it would set LINES and COLUMNS */
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    rl_redisplay_function = no_redisplay;
    rl_getc_function = read_byte;
    rl_input_available_hook = more_held;
    rl_initialize(); /* reads inputrc; our keys come after it */
    bind_keys(emacs_standard_keymap);
    bind_keys(vi_insertion_keymap);
    bind_keys(vi_movement_keymap);
}

void prompt_start(int fd, const char *history)
{
    static bool set_up;

    if (prompt.started)
        return;
    prompt.started = true;
    prompt.bytes = (struct bytes){.fd = fd};
    prompt.in = fdopen(dup(fd), "r");
    prompt.out = fopen("/dev/null", "w");
    if (history == NULL)
        prompt.path = prompt_history_path();
    else if (*history != '\0')
        prompt.path = mem_strdup(history);
    rl_instream = prompt.in;
    rl_outstream = prompt.out;
    if (!set_up)
        set_up_readline();
    set_up = true;
    using_history();
    stifle_history(HISTORY_LINES);
    load_history();
}

void prompt_stop(void)
{
    if (!prompt.started)
        return;
    close_line();
    clear_history();
    swap_history();
    clear_history();
    rl_instream = rl_outstream = NULL;
    if (prompt.in != NULL)
        fclose(prompt.in);
    if (prompt.out != NULL)
        fclose(prompt.out);
    mem_free(prompt.path);
    mem_free(prompt.sign);
    mem_free(prompt.accepted);
    prompt.path = prompt.sign = prompt.accepted = NULL;
    prompt.started = false;
}

void prompt_set_complete(prompt_completer *fn, void *arg)
{
    prompt.complete = fn;
    prompt.complete_arg = arg;
}

void prompt_open(const char *sign, const char *text)
{
    if (!prompt.started || prompt.open)
        return;
    mem_free(prompt.sign);
    prompt.sign = mem_strdup(sign);
    prompt.commands = strcmp(sign, ":") == 0;
    if (!prompt.commands)
        swap_history();
    using_history(); /* Up begins at the newest line */
    prompt.open = true;
    prompt.bytes.ended = false;
    prompt.bytes.held_len = 0;
    prompt.first = -1;
    prompt.scroll = 0;
    prompt.deadline = 0;
    prompt.note[0] = '\0';
    rl_callback_handler_install(prompt.sign, on_line);
    rl_insert_text(text);
}

void prompt_close(void)
{
    close_line();
}

bool prompt_is_open(void)
{
    return prompt.open;
}

/* In the middle of keys that began with Esc. */
static bool escape_pending(void)
{
    return RL_ISSTATE(RL_STATE_MULTIKEY) && prompt.first == 27;
}

/* Esc and nothing after it: out of vi's insert mode, or out of the prompt. */
static enum prompt_result lone_escape(void)
{
    prompt.deadline = 0;
    rl_callback_sigcleanup();
    if (rl_editing_mode == 0 && rl_get_keymap() == vi_insertion_keymap) {
        rl_vi_movement_mode(1, 27);
        return PROMPT_EDITING;
    }
    close_line();
    return PROMPT_CANCELLED;
}

static void read_key(void)
{
    bool tab;

    if (!RL_ISSTATE(RL_STATE_MULTIKEY))
        prompt.first = -1;
    prompt.note[0] = '\0';
    rl_callback_read_char();
    tab = rl_last_func == on_tab || rl_last_func == on_back_tab;
    refresh_list(tab);
}

enum prompt_result prompt_feed(void)
{
    if (!prompt.open)
        return PROMPT_CANCELLED;
    prompt.event = PROMPT_EDITING;
    if (prompt.deadline != 0 && now_ms() >= prompt.deadline &&
        !bytes_readable(&prompt.bytes, 0))
        return lone_escape();
    /* One call may take several bytes: ask before each. */
    while (prompt.event == PROMPT_EDITING && bytes_readable(&prompt.bytes, 0)) {
        if (!bytes_take(&prompt.bytes))
            continue;
        do
            read_key();
        while (prompt.event == PROMPT_EDITING && prompt.bytes.held_len > 0);
    }
    if (prompt.event == PROMPT_CANCELLED)
        close_line();
    prompt.deadline =
        prompt.open && escape_pending() ? now_ms() + ESCAPE_MS : 0;
    return prompt.event;
}

int prompt_timeout(void)
{
    long long left;

    if (!prompt.open || prompt.deadline == 0)
        return -1;
    left = prompt.deadline - now_ms();
    return left > 0 ? (int)left : 0;
}

const char *prompt_line(void)
{
    if (prompt.open)
        return rl_line_buffer;
    return prompt.accepted != NULL ? prompt.accepted : "";
}

int prompt_cursor(void)
{
    return prompt.open ? rl_point : 0;
}

const struct completion *prompt_list(void)
{
    return prompt.open && prompt.listed ? &prompt.list : NULL;
}

const char *prompt_note(void)
{
    return prompt.note;
}

int prompt_list_rows(int cols)
{
    return prompt_list() != NULL ? list_rows(&prompt.list, cols) : 0;
}

void prompt_draw_list(struct pane p)
{
    if (prompt_list() != NULL)
        list_draw(&prompt.list, prompt.chosen, p);
}

void prompt_draw(struct pane p)
{
    const struct line_view view = {
        .sign = rl_display_prompt != NULL ? rl_display_prompt : "",
        .text = rl_line_buffer,
        .cursor = (size_t)rl_point,
    };

    if (prompt.open)
        prompt.scroll = line_draw(&view, prompt.scroll, p);
}
