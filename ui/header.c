#include "ui/header.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/plot.h"
#include "ui/words.h"

/* What goes when there is less room, in this order. */
enum cut {
    CUT_STAGE_TEXT,
    CUT_RATE,
    CUT_RATIO,
    CUT_WORDS,  /* "accuracy" becomes "acc", "masks" goes */
    CUT_BAR,    /* progress is the ground of the job's words then */
    CUT_BLANKS, /* between the pieces */
    CUT_SPARSE, /* "sparse" becomes "sp" */
    CUT_PACKED, /* "packed" goes, bytes of floats go with their name */
    CUT_DATA,
    CUT_ETA,
    CUT_BYTES,
    CUT_CHANGE,
    CUT_NET,
    CUT_SPARSITY,
    CUT_COUNT
};

enum { PIECES = 24, BAR_COLS = 10 };

struct piece {
    char text[TEXT_SIZE + NAME_SIZE];
    enum role role;
    int gap;      /* blanks before it */
    double share; /* >= 0: so much of its ground is filled */
    bool bar;     /* a bar of share instead of text */
};

struct line {
    struct piece piece[PIECES];
    int count, split; /* pieces from split on stand at the right */
    int cuts;         /* how many of the cuts are made */
};

static bool cut(const struct line *l, enum cut c)
{
    return l->cuts > (int)c;
}

static struct piece *add(struct line *l, enum role role, int gap,
                         const char *text)
{
    struct piece *p;

    assert(l->count < PIECES);
    p = &l->piece[l->count++];

    snprintf(p->text, sizeof(p->text), "%s", text);
    p->role = role;
    p->gap = l->count == 1 ? 1 : cut(l, CUT_BLANKS) && gap > 1 ? 1 : gap;
    p->share = -1;
    p->bar = false;
    return p;
}

static void add_names(struct line *l, const struct status_sheet *s)
{
    char text[TEXT_SIZE + 16];

    if (!s->has_net)
        add(l, ROLE_DIM, 1, "no network");
    else if (!cut(l, CUT_NET))
        add(l, ROLE_TITLE, 1, s->net);
    if (s->has_data && !cut(l, CUT_DATA)) {
        snprintf(text, sizeof(text), "%s%s", cut(l, CUT_BLANKS) ? "·" : "· ",
                 s->data);
        add(l, ROLE_NORMAL, cut(l, CUT_BLANKS) ? 0 : 1, text);
    }
    if (!s->has_net)
        return;
    snprintf(text, sizeof(text), "#%d", s->stage);
    add(l, ROLE_ACCENT, 2, text);
    if (*s->stage_text && !cut(l, CUT_STAGE_TEXT))
        add(l, ROLE_DIM, 1, s->stage_text);
}

static const char *job_word(const struct status_sheet *s)
{
    switch (s->job) {
    case JOB_IDLE:
        return "idle";
    case JOB_PAUSED:
        return "paused";
    case JOB_STOPPING:
        return "stopping";
    case JOB_RUNNING:
        break;
    }
    return *s->phase ? s->phase : "working";
}

static void add_job(struct line *l, const struct status_sheet *s)
{
    bool known = s->progress >= 0 && s->progress <= 1;
    char text[TEXT_SIZE], share[WORDS_SIZE] = "", time[WORDS_SIZE] = "";
    struct piece *p;

    if (s->job == JOB_IDLE) {
        add(l, ROLE_DIM, 2, job_word(s));
        return;
    }
    if (known)
        words_percent(s->progress, 0, share);
    if (s->eta_seconds >= 0 && s->job == JOB_RUNNING && !cut(l, CUT_ETA))
        words_time(s->eta_seconds, time);
    if (known && !cut(l, CUT_BAR)) {
        add(l, ROLE_ACCENT, 2, job_word(s));
        p = add(l, ROLE_ACCENT, 1, "");
        p->bar = true;
        p->share = s->progress;
        snprintf(text, sizeof(text), "%s%s%s", share, *time ? " " : "", time);
        add(l, ROLE_NORMAL, 1, text);
    } else {
        snprintf(text, sizeof(text), "%s%s%s%s%s", job_word(s),
                 *share ? " " : "", share, *time ? " " : "", time);
        p = add(l, s->job == JOB_RUNNING ? ROLE_ACCENT : ROLE_WARN, 2, text);
        p->share = known ? s->progress : -1;
    }
    if (s->samples_per_second > 0 && s->job == JOB_RUNNING &&
        !cut(l, CUT_RATE)) {
        snprintf(text, sizeof(text), "%s/s",
                 words_si(s->samples_per_second, share));
        add(l, ROLE_DIM, 1, text);
    }
    if (s->waiting > 0) {
        snprintf(text, sizeof(text), "+%d%s", s->waiting,
                 cut(l, CUT_WORDS) ? ""
                 : s->waiting == 1 ? " waits"
                                   : " wait");
        add(l, ROLE_WARN, 1, text);
    }
}

static void add_accuracy(struct line *l, const struct status_sheet *s)
{
    char text[64], share[WORDS_SIZE];

    if (!(s->accuracy >= 0))
        return;
    snprintf(text, sizeof(text), "%s %s",
             cut(l, CUT_WORDS) ? "acc" : "accuracy",
             words_percent(s->accuracy, 2, share));
    add(l, ROLE_TITLE, 2, text);
    words_points(s->accuracy_change, share);
    if (*share && !cut(l, CUT_CHANGE))
        add(l,
            s->accuracy_change > 0.5e-4    ? ROLE_GOOD
            : s->accuracy_change < -0.5e-4 ? ROLE_WARN
                                           : ROLE_DIM,
            1, share);
}

static void add_size(struct line *l, const struct status_sheet *s)
{
    char text[64], number[WORDS_SIZE];

    if (!cut(l, CUT_SPARSITY)) {
        snprintf(text, sizeof(text), "%s %s",
                 cut(l, CUT_SPARSE)  ? "sp"
                 : cut(l, CUT_WORDS) ? "sparse"
                                     : "sparsity",
                 words_percent(s->sparsity, 1, number));
        add(l, ROLE_NORMAL, 2, text);
    }
    if (!(s->dense_bytes >= 0) || cut(l, CUT_BYTES))
        return;
    if (!(s->packed > 0)) {
        snprintf(text, sizeof(text), "%s as floats",
                 words_size(s->dense_bytes, number));
        if (!cut(l, CUT_PACKED))
            add(l, ROLE_NORMAL, 2, text);
        return;
    }
    snprintf(text, sizeof(text), "%s%s", words_size(s->packed, number),
             cut(l, CUT_PACKED) ? "" : " packed");
    add(l, ROLE_NORMAL, 2, text);
    if (s->dense_bytes > s->packed && !cut(l, CUT_RATIO)) {
        snprintf(text, sizeof(text), "%.3gx less", s->dense_bytes / s->packed);
        add(l, ROLE_DIM, 1, text);
    }
}

/* Whether pruned weights have stayed zero: by word and sign, not by colour
 * alone. */
static void add_lamp(struct line *l, const struct status_sheet *s)
{
    char text[64], number[WORDS_SIZE];

    if (s->leaks > 0) {
        snprintf(text, sizeof(text), "✗ %s LEAKS",
                 words_si((double)s->leaks, number));
        add(l, ROLE_BAD, 2, text);
    } else {
        add(l, ROLE_GOOD, 2, cut(l, CUT_WORDS) ? "✓" : "masks ✓");
    }
}

static int line_width(const struct line *l, const struct canvas *c)
{
    int width = 1, i;

    for (i = 0; i < l->count; i++)
        width +=
            l->piece[i].gap +
            (l->piece[i].bar ? BAR_COLS : canvas_width(c, l->piece[i].text));
    return width;
}

static void line_make(struct line *l, const struct status_sheet *s, int cuts)
{
    l->count = 0;
    l->cuts = cuts;
    add_names(l, s);
    add_job(l, s);
    l->split = l->count;
    if (!s->has_net)
        return;
    add_accuracy(l, s);
    add_size(l, s);
    add_lamp(l, s);
}

static int draw_piece(struct pane p, int col, const struct piece *piece)
{
    int start = col + piece->gap, end;

    if (piece->bar) {
        plot_bar(p, 0, start, BAR_COLS, piece->role, piece->share);
        return start + BAR_COLS;
    }
    end = pane_text(p, 0, start, piece->role, piece->text);
    if (piece->share >= 0)
        pane_restyle(pane_sub(p, (struct rect){0, start, 1,
                                               (int)lround(piece->share *
                                                           (end - start))}),
                     ROLE_SELECTED);
    return end;
}

void header_draw(struct pane p, const struct status_sheet *status)
{
    struct line l;
    int cuts = 0, col = 0, i;

    pane_fill(p, ROLE_BAR);
    if (!status) {
        pane_text(p, 0, 1, ROLE_TITLE, "espalier");
        return;
    }
    do
        line_make(&l, status, cuts);
    while (line_width(&l, p.canvas) > p.at.cols && ++cuts <= (int)CUT_COUNT);
    for (i = 0; i < l.count; i++) {
        if (i == l.split && line_width(&l, p.canvas) < p.at.cols)
            col += p.at.cols - line_width(&l, p.canvas);
        col = draw_piece(p, col, &l.piece[i]);
    }
}

/* "#2 36.0% 97.70%": stage, sparsity, accuracy; where nothing is pruned the
 * command in place of the sparsity. */
static void stage_text(const struct history_row *r, char *buf, size_t size)
{
    char sparse[WORDS_SIZE], share[WORDS_SIZE];

    if (r->sparsity > 0)
        words_percent(r->sparsity, 1, sparse);
    else if (r->parent < 0)
        snprintf(sparse, sizeof(sparse), "dense");
    else
        snprintf(sparse, sizeof(sparse), "%.*s", (int)strcspn(r->text, " "),
                 r->text);
    snprintf(buf, size, "#%d %s %s", r->id, sparse,
             words_percent(r->accuracy, 2, share));
}

enum { STAGES_MOST = 24, STAGE_GAP = 3 };

/* Columns of all stages of the path, and the gaps between them. */
static int path_width(const struct canvas *c, const struct history_sheet *s)
{
    char text[96];
    int width = 0, i;

    for (i = 0; i < s->count; i++) {
        if (!s->row[i].on_path)
            continue;
        stage_text(&s->row[i], text, sizeof(text));
        width += canvas_width(c, text) + (width > 0 ? STAGE_GAP : 0);
    }
    return width;
}

void header_strip(struct pane p, const struct history_sheet *history)
{
    const struct history_row *path[STAGES_MOST];
    int count = 0, earlier = 0, width = 0, col = 1, signs = 2, i;
    char text[96];

    if (!history)
        return;
    /* A blank and the sign; where not all fit, "99 before ─ " as well. */
    if (path_width(p.canvas, history) + signs > p.at.cols)
        signs += 12;
    /* From the current stage back, as many as there is room for. */
    for (i = history->count - 1; i >= 0; i--) {
        const struct history_row *r = &history->row[i];

        if (!r->on_path)
            continue;
        stage_text(r, text, sizeof(text));
        width += canvas_width(p.canvas, text) + (count ? STAGE_GAP : 0);
        if (earlier || count == STAGES_MOST ||
            (count && width + signs > p.at.cols))
            earlier++;
        else
            path[count++] = r;
    }
    if (earlier)
        col = pane_textf(p, 0, col, ROLE_DIM, "%d before ─ ", earlier);
    for (i = count - 1; i >= 0; i--) {
        stage_text(path[i], text, sizeof(text));
        if (path[i]->current) {
            col = pane_text(p, 0, col, ROLE_ACCENT, "◆");
            col = pane_text(p, 0, col, ROLE_TITLE, text);
        } else {
            col = pane_text(p, 0, col, ROLE_DIM, text);
        }
        if (i > 0)
            col = pane_text(p, 0, col, ROLE_FRAME, " ─ ");
    }
    if (history->redo_id >= 0)
        pane_textf(p, 0, col + 2, ROLE_DIM, "Ctrl-R: #%d", history->redo_id);
}
