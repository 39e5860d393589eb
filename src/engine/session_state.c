/*
 * The file `state` of a session: one row a line, a word and name=value pairs,
 * as on a command line.  Numbers are written so that they come back bit for
 * bit.  Rows, each at most once unless marked *:
 *
 *   espalier-state version=1
 *   kept journal=BYTES curve=BYTES commands=N
 *   set NAME=VALUE                                    * settings
 *   data path= validation= seed= open=0|1             * data sets seen
 *   stage id= parent= redo= text= branch= step= prunes= stopped= data=
 *         n= hits= loss= before_n= before_hits= before_loss=
 *         prunable= alive= params= params_alive= statistics= macs=
 *         macs_alive= bytes= points= exits=a,b,… before_exits=a,b,…
 *         thresholds=a,b,…                              * ascending id
 *   mark name= stage=                                 *
 *   next branch=
 *   test count= stage= n= hits= loss=
 *   exits by= threshold=a,b,… temperature=a,b,… for=  how samples leave early
 *   at stage=                                         the current one
 *   running line= round= before= from= first=         an unfinished command
 *   then line=                                        * to be run after it
 *   end
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/exits.h"
#include "engine/lesson.h"
#include "engine/recipe.h"
#include "engine/session_file.h"

static void put_text(struct str *out, const char *name, const char *text)
{
    struct str line = {0};
    char *p;

    str_add(&line, text);
    for (p = line.text; *p != '\0'; p++) {
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    }
    str_addf(out, " %s=", name);
    args_quote(line.text, out);
    str_done(&line);
}

/* A figure that is not finite is written as -1: unknown. */
static void put_number(struct str *out, const char *name, double value)
{
    char number[48];

    if (!isfinite(value))
        value = -1;
    str_addf(out, " %s=%s", name,
             arg_number_text(ARG_REAL, value, number, sizeof(number)));
}

static void put_whole(struct str *out, const char *name, long long value)
{
    str_addf(out, " %s=%lld", name, value);
}

static void write_settings(const struct bench *b, struct str *out)
{
    char text[64];
    int i;

    for (i = 0; i < SETTING_COUNT; i++)
        str_addf(out, "set %s=%s\n", setting_rows[i].arg.name,
                 settings_text(&b->set, i, text, sizeof(text)));
}

static void write_data(const struct bench *b, struct str *out)
{
    int i;

    for (i = 0; i < b->seen_count; i++) {
        const struct seen_data *d = &b->seen[i];

        str_add(out, "data");
        put_text(out, "path", d->path);
        put_whole(out, "validation", d->validation);
        put_whole(out, "seed", (long long)d->seed);
        put_whole(out, "open", b->data != NULL && b->data_number == i);
        str_add(out, "\n");
    }
}

static void write_thresholds(const struct stage *s, struct str *out)
{
    char number[48];
    int i;

    for (i = 0; i < s->threshold_count; i++)
        str_addf(out, "%s%s", i == 0 ? " thresholds=" : ",",
                 arg_number_text(ARG_REAL, (double)s->threshold[i], number,
                                 sizeof(number)));
}

/* Hits of each exit, where there are several. */
static void write_exits(const struct score *s, const char *name,
                        struct str *out)
{
    int o;

    for (o = 0; s->exits > 1 && o < s->exits; o++)
        str_addf(out, o == 0 ? " %s=%d" : "%s%d", o == 0 ? name : ",",
                 s->exit_hits[o]);
}

static void write_stage(const struct stage *s, struct str *out)
{
    str_add(out, "stage");
    put_whole(out, "id", s->id);
    put_whole(out, "parent", s->parent);
    put_whole(out, "redo", s->last_child);
    put_text(out, "text", s->text);
    if (s->branch != NULL)
        put_text(out, "branch", s->branch);
    put_whole(out, "step", (long long)s->step);
    put_whole(out, "prunes", s->prunes);
    put_whole(out, "stopped", (long long)s->stopped);
    put_whole(out, "data", s->data);
    put_whole(out, "n", s->after.n);
    put_whole(out, "hits", s->after.hits);
    put_number(out, "loss", s->after.loss);
    put_whole(out, "before_n", s->before.n);
    put_whole(out, "before_hits", s->before.hits);
    put_number(out, "before_loss", s->before.loss);
    put_whole(out, "prunable", s->size.prunable);
    put_whole(out, "alive", s->size.alive);
    put_whole(out, "params", s->size.params);
    put_whole(out, "params_alive", s->size.params_alive);
    put_whole(out, "statistics", s->size.statistics);
    put_number(out, "macs", s->size.macs);
    put_number(out, "macs_alive", s->size.macs_alive);
    put_whole(out, "bytes", s->file_bytes);
    put_whole(out, "packed", s->packed);
    put_whole(out, "points", s->point_count);
    write_exits(&s->after, "exits", out);
    write_exits(&s->before, "before_exits", out);
    write_thresholds(s, out);
    str_add(out, "\n");
}

static void write_history(const struct bench *b, struct str *out)
{
    const struct stages *h = b->history;
    int i;

    for (i = 0; i < h->count; i++)
        write_stage(h->stage[i], out);
    for (i = 0; i < h->mark_count; i++) {
        str_add(out, "mark");
        put_text(out, "name", h->mark[i].name);
        put_whole(out, "stage", h->mark[i].stage);
        str_add(out, "\n");
    }
    if (h->next_branch != NULL) {
        str_add(out, "next");
        put_text(out, "branch", h->next_branch);
        str_add(out, "\n");
    }
    str_addf(out, "at stage=%d\n", h->current);
}

/* A row a line of the text. */
static void write_then(const char *text, struct str *out)
{
    struct str line = {0};

    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, "\n");

        str_clear(&line);
        str_add_bytes(&line, text, n);
        text += n + (text[n] == '\n');
        if (line.text[strspn(line.text, " \t\r;")] == '\0')
            continue;
        str_add(out, "then");
        put_text(out, "line", line.text);
        str_add(out, "\n");
    }
    str_done(&line);
}

/* "run FILE from=LINE", by full path. */
static void write_script(const char *verb, const char *path, int next,
                         struct str *out)
{
    char *full = realpath(path, NULL);
    struct str line = {0};

    str_addf(&line, "%s ", verb);
    args_quote(full == NULL ? path : full, &line);
    str_addf(&line, " from=%d", next);
    write_then(line.text, out);
    str_done(&line);
    free(full);
}

/* What is still to be done, innermost first. */
static void write_rest(const struct bench *b, struct str *out)
{
    const struct frame *f;
    const char *path;
    int next;

    write_then(b->after.len > 0 ? b->after.text : NULL, out);
    for (f = b->frame; f != NULL; f = f->up) {
        if (f->script != NULL)
            write_script("run", f->script, f->next, out);
        else
            write_then(f->rest, out);
    }
    if (b->lesson != NULL) {
        path = lesson_path(b->lesson, &next);
        write_script("play", path, next, out);
    }
}

static void write_running(const struct bench *b, struct str *out)
{
    const struct running *r = b->running;
    struct str line = {0};

    str_add(&line, b->record.text);
    if (r->recipe->change_count > 0) {
        str_add(&line, " at=");
        recipe_print_changes(r->recipe, &line);
    }
    str_add(out, "running");
    put_text(out, "line", line.text);
    put_whole(out, "round", r->at.round);
    put_whole(out, "before", (long long)r->at.before);
    put_number(out, "from", r->at.from);
    put_whole(out, "first", r->at.first);
    str_add(out, "\n");
    str_done(&line);
}

bool state_write(const struct bench *b, long long journal, long long curve,
                 struct str *out)
{
    size_t before;
    bool rest;

    str_add(out, "espalier-state version=1\n");
    str_addf(out, "kept journal=%lld curve=%lld commands=%lu\n", journal, curve,
             b->session->commands);
    write_settings(b, out);
    write_data(b, out);
    write_history(b, out);
    str_addf(out, "test count=%d stage=%d n=%d hits=%d", b->test.count,
             b->test.stage, b->test.score.n, b->test.score.hits);
    put_number(out, "loss", b->test.score.loss);
    str_add(out, "\nexits ");
    exits_print_rule(b->exits, out);
    str_addf(out, " for=%d\n", b->exits->made_for);
    before = out->len;
    if (b->running != NULL)
        write_running(b, out);
    write_rest(b, out);
    rest = out->len > before;
    str_add(out, "end\n");
    return rest;
}
