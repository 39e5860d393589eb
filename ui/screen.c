#include "ui/screen.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "ui/frame.h"
#include "ui/keys.h"

void screen_init(struct screen *s, const struct screen_hooks *hooks,
                 const struct command_help *commands)
{
    int i;

    memset(s, 0, sizeof(*s));
    s->hooks = *hooks;
    s->in.commands = commands;
    s->beside = VIEW_layer;
    s->shown[0] = s->shown[1] = -1;
    for (i = 0; i < VIEW_COUNT; i++)
        s->state[i] = mem_zalloc(view_kinds[i]->state_size);
}

void screen_done(struct screen *s)
{
    int i;

    for (i = 0; i < VIEW_COUNT; i++) {
        if (view_kinds[i]->done)
            view_kinds[i]->done(s->state[i]);
        mem_free(s->state[i]);
    }
    for (i = 0; i < (int)SHEET_COUNT; i++)
        sheet_drop(s->sheet[i]);
}

void screen_say(struct screen *s, enum role role, const char *text)
{
    size_t line = strcspn(text, "\n");

    if (line >= sizeof(s->note))
        line = sizeof(s->note) - 1;
    memcpy(s->note, text, line);
    s->note[line] = '\0';
    s->note_role = role;
}

/* Points the views' input at the sheets that are held. */
static void spread_sheets(struct screen *s)
{
    s->in.status = s->sheet[SHEET_STATUS];
    s->in.layers = s->sheet[SHEET_LAYERS];
    s->in.curve = s->sheet[SHEET_CURVE];
    s->in.layer = s->sheet[SHEET_LAYER];
    s->in.book = s->sheet[SHEET_BOOK];
    s->in.history = s->sheet[SHEET_HISTORY];
    s->in.compare = s->sheet[SHEET_COMPARE];
    s->in.data = s->sheet[SHEET_DATA];
    s->in.log = s->sheet[SHEET_LOG];
    s->in.exits = s->sheet[SHEET_EXITS];
    s->in.ledger = s->sheet[SHEET_LEDGER];
    s->in.timing = s->sheet[SHEET_TIMING];
}

/* An error, or the question whether to leave, is not talked over: it stays
 * until a key is pressed.  Nor are the hints that a new user needs, by what
 * opening the net says: the header shows that. */
static bool note_stays(const struct screen *s)
{
    return !s->touched ||
           (*s->note && (s->note_role == ROLE_BAD || s->quit_asked));
}

/* What commands said since the last look goes to the message row. */
static void note_log(struct screen *s)
{
    const struct log_sheet *log = s->in.log;
    long long number;
    int i;

    if (!log)
        return;
    for (i = 0; i < log->count; i++) {
        const struct log_entry *e = &log->entry[i];

        number = log->first + i;
        if (number < s->said || !e->text)
            continue;
        if (e->kind == LOG_ERROR)
            screen_say(s, ROLE_BAD, e->text);
        else if (note_stays(s))
            continue;
        else if (e->kind == LOG_RESULT || e->kind == LOG_NOTE)
            screen_say(s, ROLE_NORMAL, e->text);
        else if (e->kind == LOG_SAY && !(s->in.status && s->in.status->lesson))
            screen_say(s, ROLE_ACCENT, e->text);
    }
    if (log->first + log->count > s->said)
        s->said = log->first + log->count;
}

static void obey_status(struct screen *s)
{
    const struct status_sheet *st = s->in.status;

    if (!st)
        return;
    /* What a command said that shows a view is in the view, or the log. */
    if (st->show_count > s->shows && *st->show && screen_show(s, st->show) &&
        !note_stays(s))
        s->note[0] = '\0';
    s->shows = st->show_count;
    if (st->quit)
        s->wants |= SCREEN_QUIT;
}

bool screen_take(struct screen *s, struct board *b)
{
    bool changed = false;
    int i;

    for (i = 0; i < (int)SHEET_COUNT; i++) {
        const struct sheet *old = s->sheet[i];

        if (board_serial(b, (enum sheet_kind)i) == (old ? old->serial : 0))
            continue;
        s->sheet[i] = board_take(b, (enum sheet_kind)i);
        sheet_drop(old);
        changed = true;
    }
    if (!changed)
        return false;
    spread_sheets(s);
    note_log(s);
    obey_status(s);
    return true;
}

void screen_wish(struct screen *s, struct board_wish *wish)
{
    int i;

    memset(wish, 0, sizeof(*wish));
    for (i = 0; i < 2; i++)
        if (s->shown[i] >= 0 && view_kinds[s->shown[i]]->wish)
            view_kinds[s->shown[i]]->wish(s->state[s->shown[i]], &s->in, wish);
}

unsigned screen_wants(struct screen *s)
{
    unsigned wants = s->wants;

    s->wants = 0;
    return wants;
}

int screen_waiting(const struct screen *s)
{
    const struct status_sheet *st = s->in.status;

    return st && st->job != JOB_IDLE ? st->waiting : 0;
}

static void go(struct screen *s, int view)
{
    if (view == s->at)
        return;
    s->before = s->at;
    if (view == VIEW_help)
        s->in.asked = view_kinds[s->at];
    s->at = view;
    if (view != VIEW_overview)
        s->beside = view;
}

bool screen_show(struct screen *s, const char *words)
{
    char name[32];
    size_t n;
    int view;

    words += strspn(words, " ");
    n = strcspn(words, " ");
    snprintf(name, sizeof(name), "%.*s", (int)(n < 31 ? n : 31), words);
    view = view_find(name);
    words += n;
    words += strspn(words, " ");
    if (view < 0) {
        screen_say(s, ROLE_BAD, "there is no such view; ? lists them");
        return false;
    }
    if (*words && (!view_kinds[view]->open ||
                   !view_kinds[view]->open(s->state[view], &s->in, words))) {
        snprintf(s->note, sizeof(s->note), "the %s view cannot show '%s'",
                 view_kinds[view]->name, words);
        s->note_role = ROLE_BAD;
        return false;
    }
    go(s, view);
    return true;
}

static void obey_reply(struct screen *s, const struct view_reply *r)
{
    if (*r->note)
        screen_say(s, ROLE_NORMAL, r->note);
    if (*r->command)
        s->hooks.post(s->hooks.arg, r->command);
    if (*r->go)
        (void)screen_show(s, r->go);
}

/* The digits and letters on the tabs. */
static bool tab_key(struct screen *s, int key)
{
    int i;

    for (i = 0; i < VIEW_COUNT; i++)
        if (view_kinds[i]->key == key && i != VIEW_help) {
            go(s, i);
            return true;
        }
    return false;
}

/* After q while a job runs: q again leaves. */
static bool answer_quit(struct screen *s, int key)
{
    if (!s->quit_asked)
        return false;
    s->quit_asked = false;
    s->note[0] = '\0';
    if (key != 'q' && key != 'y')
        return false;
    s->wants |= SCREEN_QUIT;
    return true;
}

void screen_key(struct screen *s, int key)
{
    const struct key_row *row;
    struct view_reply reply;
    char name[KEY_NAME_SIZE];

    s->touched = true;
    if (answer_quit(s, key))
        return;
    s->note[0] = '\0';
    view_press(view_kinds[s->at], s->state[s->at], &s->in, key, &reply);
    if (reply.used) {
        obey_reply(s, &reply);
        return;
    }
    if (tab_key(s, key))
        return;
    row = key_find(key);
    if (!row) {
        snprintf(s->note, sizeof(s->note),
                 "%s means nothing here; ? lists the keys",
                 key_name(key, name));
        s->note_role = ROLE_DIM;
    } else if (row->command) {
        s->hooks.post(s->hooks.arg, row->command);
    } else {
        row->act(s);
    }
}

/* Which of the areas of the last frame holds the place; -1: none. */
static int area_at(const struct screen *s, int row, int col)
{
    int i;

    for (i = 0; i < 2; i++) {
        const struct rect *r = &s->area[i];

        if (s->shown[i] >= 0 && row >= r->row && row < r->row + r->rows &&
            col >= r->col && col < r->col + r->cols)
            return i;
    }
    return -1;
}

void screen_click(struct screen *s, int row, int col)
{
    struct view_reply reply = {.used = false};
    const struct view_kind *kind;
    int i = frame_tab_at(s, row, col);

    s->touched = true;
    s->note[0] = '\0';
    if (i >= 0) {
        go(s, i);
        return;
    }
    i = area_at(s, row, col);
    if (i < 0)
        return;
    kind = view_kinds[s->shown[i]];
    go(s, s->shown[i]);
    if (kind->click)
        kind->click(s->state[s->shown[i]], &s->in, row - s->area[i].row,
                    col - s->area[i].col, &reply);
    obey_reply(s, &reply);
}

void screen_wheel(struct screen *s, int row, int col, int key)
{
    struct view_reply reply;
    int i = area_at(s, row, col), turn;

    if (i < 0)
        return;
    for (turn = 0; turn < 3; turn++)
        view_press(view_kinds[s->shown[i]], s->state[s->shown[i]], &s->in, key,
                   &reply);
}

void screen_line(struct screen *s, const char *line)
{
    line += strspn(line, " ");
    s->note[0] = '\0';
    if (!*line)
        return;
    /* Views with words are the screen's business, not the engine's. */
    if (str_starts(line, "show ") && !strchr(line, ';') &&
        strchr(line + 5 + strspn(line + 5, " "), ' '))
        (void)screen_show(s, line + 5);
    else
        s->hooks.post(s->hooks.arg, line);
}

void screen_search(struct screen *s, const char *text)
{
    const struct view_kind *kind = view_kinds[s->at];

    if (kind->search)
        kind->search(s->state[s->at], &s->in, text);
}

void screen_run_or_pause(struct screen *s)
{
    const struct status_sheet *st = s->in.status;

    if (st && st->lesson_waits)
        s->hooks.go_on(s->hooks.arg);
    else if (st && st->job == JOB_PAUSED)
        s->hooks.pause(s->hooks.arg, false);
    else if (st && st->job != JOB_IDLE)
        s->hooks.pause(s->hooks.arg, true);
    else
        s->hooks.post(s->hooks.arg, "iterate");
}

void screen_stop(struct screen *s)
{
    if (!s->in.status || s->in.status->job == JOB_IDLE) {
        screen_say(s, ROLE_DIM, "nothing runs; q leaves");
        return;
    }
    s->hooks.stop(s->hooks.arg);
    screen_say(s, ROLE_NORMAL,
               screen_waiting(s) > 0
                   ? "stopping at the next mini-batch; what waits is not begun"
                   : "stopping at the next mini-batch");
}

void screen_take_back(struct screen *s)
{
    if (screen_waiting(s) == 0)
        screen_say(s, ROLE_DIM, "no command waits; u takes back a stage");
    else
        s->hooks.post(s->hooks.arg, "cancel");
}

void screen_prompt(struct screen *s)
{
    s->wants |= SCREEN_PROMPT;
}

void screen_search_open(struct screen *s)
{
    if (view_kinds[s->at]->search)
        s->wants |= SCREEN_SEARCH;
    else
        screen_say(s, ROLE_DIM, "nothing to search for in this view");
}

static bool two_shown(const struct screen *s)
{
    return s->shown[0] >= 0 && s->shown[1] >= 0;
}

void screen_next(struct screen *s)
{
    if (two_shown(s))
        go(s, s->at == s->shown[0] ? s->shown[1] : s->shown[0]);
    else
        go(s, (s->at + 1) % VIEW_COUNT);
}

void screen_previous(struct screen *s)
{
    if (two_shown(s))
        screen_next(s);
    else
        go(s, (s->at + VIEW_COUNT - 1) % VIEW_COUNT);
}

void screen_back(struct screen *s)
{
    go(s, s->before);
}

void screen_split(struct screen *s)
{
    s->single = !s->single;
}

void screen_help(struct screen *s)
{
    go(s, s->at == VIEW_help ? s->before : VIEW_help);
}

void screen_repaint(struct screen *s)
{
    s->wants |= SCREEN_REPAINT;
}

void screen_suspend(struct screen *s)
{
    s->wants |= SCREEN_SUSPEND;
}

void screen_quit(struct screen *s)
{
    if (s->in.status && s->in.status->job != JOB_IDLE) {
        s->quit_asked = true;
        screen_say(
            s, ROLE_WARN,
            screen_waiting(s) > 0
                ? "A job runs: q again leaves; the job is kept, what waits is "
                  "not"
                : "A job runs: q again saves and leaves, any other key stays");
        return;
    }
    s->wants |= SCREEN_QUIT;
}
