#include "ui/loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "ui/frame.h"
#include "ui/prompt.h"
#include "ui/screen.h"
#include "ui/signals.h"

/* Milliseconds between two frames that show news of a job; on a line so slow
 * that a frame takes SLOW_SECONDS to write it doubles, up to the most. */
enum { FRAME_MS = 67, FRAME_MOST_MS = 2000, GRACE_MS = 30000 };
#define SLOW_SECONDS 0.05

struct loop {
    struct engine *engine;
    struct screen screen;
    struct canvas canvas;
    struct board_wish wish;
    bool searching;     /* the open prompt is a search */
    bool urgent, stale; /* draw now; draw when the next frame is due */
    int64_t drawn;      /* ms when the last frame was drawn */
    int frame_ms;
    bool leave;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void post(void *arg, const char *line)
{
    (void)engine_post(arg, line);
}

static void stop(void *arg)
{
    engine_stop(arg);
}

static void pause_job(void *arg, bool on)
{
    engine_pause(arg, on);
}

static void go_on(void *arg)
{
    engine_go_on(arg);
}

static void complete(void *arg, const char *line, int cursor,
                     struct completion *out)
{
    engine_complete(arg, line, cursor, out);
}

static void open_prompt(struct loop *l, const char *sign)
{
    l->searching = *sign == '/';
    l->screen.prompt = true;
    term_lend(true);
    prompt_set_complete(l->searching ? NULL : complete, l->engine);
    prompt_open(sign, "");
}

static void close_prompt(struct loop *l)
{
    l->screen.prompt = false;
    term_lend(false);
}

static void suspend(struct loop *l)
{
    term_suspend();
    if (term_resize())
        l->urgent = true;
    l->urgent = true;
}

/* Does what the screen asked for. */
static void obey(struct loop *l)
{
    unsigned wants = screen_wants(&l->screen);

    if (wants & SCREEN_QUIT)
        l->leave = true;
    if (wants & SCREEN_SUSPEND)
        suspend(l);
    if (wants & SCREEN_REPAINT)
        term_repaint();
    if (wants & SCREEN_PROMPT)
        open_prompt(l, ":");
    else if (wants & SCREEN_SEARCH)
        open_prompt(l, "/");
}

static void feed_prompt(struct loop *l)
{
    l->urgent = true;
    switch (prompt_feed()) {
    case PROMPT_EDITING:
        if (l->searching)
            screen_search(&l->screen, prompt_line());
        break;
    case PROMPT_ACCEPTED:
        close_prompt(l);
        if (l->searching)
            screen_search(&l->screen, prompt_line());
        else
            screen_line(&l->screen, prompt_line());
        break;
    case PROMPT_CANCELLED:
        close_prompt(l);
        if (l->searching)
            screen_search(&l->screen, "");
        break;
    case PROMPT_REPAINT:
        term_repaint();
        break;
    case PROMPT_SUSPEND:
        suspend(l);
        break;
    }
}

static void take_key(struct loop *l, const struct key *k)
{
    switch (k->code) {
    case TERM_KEY_CLICK:
        screen_click(&l->screen, k->row, k->col);
        break;
    case TERM_KEY_WHEEL_UP:
        screen_wheel(&l->screen, k->row, k->col, VIEW_KEY_UP);
        break;
    case TERM_KEY_WHEEL_DOWN:
        screen_wheel(&l->screen, k->row, k->col, VIEW_KEY_DOWN);
        break;
    case TERM_KEY_PASTE:
        screen_say(&l->screen, ROLE_WARN,
                   "pasted text is not taken as keys; press : to paste a "
                   "command");
        break;
    default:
        screen_key(&l->screen, (int)k->code);
        break;
    }
}

/* Everything that was typed; what follows a ":" belongs to the prompt. */
static void take_input(struct loop *l)
{
    struct key key;

    if (l->screen.prompt) {
        feed_prompt(l);
        return;
    }
    while (!l->leave && !l->screen.prompt && term_key(&key)) {
        l->urgent = true;
        if (!key.alt)
            take_key(l, &key);
        obey(l);
    }
}

static void take_signals(struct loop *l)
{
    unsigned got = signals_read();

    if (got & (SIGNALS_END | SIGNALS_HANGUP)) {
        signals_answer(GRACE_MS);
        l->leave = true;
        return;
    }
    if (got & SIGNALS_SUSPEND)
        suspend(l);
    if (got & SIGNALS_CONTINUE)
        term_resume();
    if (got & SIGNALS_INTERRUPT)
        screen_stop(&l->screen);
    if (got & (SIGNALS_RESIZE | SIGNALS_CONTINUE))
        (void)term_resize();
    if (got)
        l->urgent = true;
}

static void fit_canvas(struct loop *l)
{
    int rows, cols;

    term_size(&rows, &cols);
    l->canvas.glyphs = term_glyphs();
    l->canvas.colours = term_colours();
    if (rows != l->canvas.rows || cols != l->canvas.cols)
        canvas_resize(&l->canvas, rows, cols);
}

static void send_wish(struct loop *l)
{
    struct board_wish wish;

    screen_wish(&l->screen, &wish);
    if (memcmp(&wish, &l->wish, sizeof(wish)) == 0)
        return;
    l->wish = wish;
    board_set_wish(engine_board(l->engine), &wish);
}

static void draw(struct loop *l)
{
    struct term_stats stats;

    fit_canvas(l);
    frame_draw(&l->screen, &l->canvas);
    term_show(&l->canvas);
    send_wish(l);
    l->urgent = l->stale = false;
    l->drawn = now_ms();
    stats = term_get_stats();
    if (stats.last_seconds > SLOW_SECONDS)
        l->frame_ms =
            l->frame_ms > FRAME_MOST_MS / 2 ? FRAME_MOST_MS : l->frame_ms * 2;
    else if (l->frame_ms > FRAME_MS)
        l->frame_ms -= (l->frame_ms - FRAME_MS + 7) / 8;
}

/* Milliseconds that poll may sleep; -1: until something happens. */
static int patience(const struct loop *l)
{
    int wait = l->screen.prompt ? prompt_timeout() : -1, frame;
    int64_t due = l->drawn + l->frame_ms - now_ms();

    if (!l->stale)
        return wait;
    frame = due > 0 ? (int)due : 0;
    return wait < 0 || frame < wait ? frame : wait;
}

static void turn(struct loop *l)
{
    struct board *board = engine_board(l->engine);
    /* With news not yet drawn there is no need to hear of more. */
    struct pollfd fd[] = {
        {.fd = term_fd(), .events = POLLIN},
        {.fd = signals_fd(), .events = POLLIN},
        {.fd = l->stale ? -1 : board_fd(board), .events = POLLIN},
    };
    int n = poll(fd, sizeof(fd) / sizeof(fd[0]), patience(l));

    if (n < 0 && errno != EINTR)
        l->leave = true;
    if (n < 0)
        return;
    if (fd[1].revents)
        take_signals(l);
    if (fd[0].revents & POLLIN ||
        (n == 0 && l->screen.prompt && prompt_timeout() == 0))
        take_input(l);
    else if (fd[0].revents)
        l->leave = true;
    if (fd[2].revents)
        l->stale = true;
    if (term_lost())
        l->leave = true;
    if (l->stale && (l->urgent || now_ms() >= l->drawn + l->frame_ms)) {
        board_rest(board);
        (void)screen_take(&l->screen, board);
        obey(l);
        l->urgent = true;
    }
    if (l->urgent && !l->leave)
        draw(l);
}

enum err_code screen_run(struct engine *e, const struct screen_options *o,
                         struct err *err)
{
    const struct signals_hooks signals = {.restore = term_restore};
    const struct screen_hooks hooks = {e, post, stop, pause_job, go_on};
    struct loop l = {
        .engine = e, .stale = true, .urgent = true, .frame_ms = FRAME_MS};

    if (term_start(&o->term, err))
        return err->code;
    if (signals_start(&signals, err)) {
        term_stop();
        return err->code;
    }
    prompt_start(term_fd(), o->history);
    screen_init(&l.screen, &hooks, engine_commands(NULL));
    canvas_init(&l.canvas, 0, 0);
    draw(&l);
    l.stale = true;
    while (!l.leave)
        turn(&l);
    prompt_stop();
    term_stop();
    signals_stop();
    screen_done(&l.screen);
    canvas_done(&l.canvas);
    return ERR_OK;
}
