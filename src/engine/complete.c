#include "engine/complete.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "engine/cmd.h"

/* What is being completed: the text from start to the cursor. */
struct job_word {
    const struct completer *c;
    struct completion *out;
    char *word; /* owned */
};

static void add_n(struct job_word *w, const char *text, const char *help,
                  const char *after)
{
    struct completion *o = w->out;
    size_t n = (size_t)o->count + 1;

    o->text = mem_grow(o->text, n, sizeof(o->text[0]));
    o->help = mem_grow(o->help, n, sizeof(o->help[0]));
    o->text[o->count] = mem_printf("%s%s", text, after);
    o->help[o->count++] = help == NULL ? NULL : mem_strdup(help);
}

static void offer(struct job_word *w, const char *text, const char *help,
                  const char *after)
{
    if (str_starts(text, w->word))
        add_n(w, text, help, after);
}

/* Files. */

static void offer_file(struct job_word *w, const char *folder, size_t keep,
                       const char *name)
{
    struct str path = {0}, quoted = {0};
    struct stat info;

    str_addf(&path, "%s/%s", folder[0] == '\0' ? "." : folder, name);
    if (stat(path.text, &info) != 0) {
        str_done(&path);
        return;
    }
    str_clear(&path);
    str_add_bytes(&path, w->word, keep);
    str_add(&path, name);
    if (S_ISDIR(info.st_mode))
        str_add(&path, "/");
    args_quote(path.text, &quoted);
    add_n(w, quoted.text, NULL, "");
    str_done(&path);
    str_done(&quoted);
}

static void offer_files(struct job_word *w)
{
    const char *slash = strrchr(w->word, '/');
    size_t keep = slash == NULL ? 0 : (size_t)(slash - w->word) + 1;
    const char *name = w->word + keep;
    struct str folder = {0};
    struct dirent *e;
    DIR *dir;

    str_add_bytes(&folder, w->word, keep);
    dir = opendir(keep == 0 ? "." : folder.text);
    while (dir != NULL && (e = readdir(dir)) != NULL) {
        if (e->d_name[0] == '.' && name[0] != '.')
            continue;
        if (str_starts(e->d_name, name))
            offer_file(w, folder.text, keep, e->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    str_done(&folder);
}

static void offer_shipped(struct job_word *w)
{
    DIR *dir = w->c->data_dir == NULL ? NULL : opendir(w->c->data_dir);
    struct dirent *e;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        if (!str_ends(e->d_name, ".h5"))
            continue;
        e->d_name[strlen(e->d_name) - 3] = '\0';
        offer(w, e->d_name, "comes with the program", "");
    }
    if (dir != NULL)
        closedir(dir);
}

/* What is open. */

static void offer_layers(struct job_word *w)
{
    const struct layers_sheet *s = board_take(w->c->board, SHEET_LAYERS);
    int i;

    for (i = 0; s != NULL && i < s->count; i++) {
        if (s->row[i].weights > 0)
            offer(w, s->row[i].name, s->row[i].kind, "");
    }
    sheet_drop(s);
}

static void offer_stages(struct job_word *w)
{
    const struct history_sheet *s = board_take(w->c->board, SHEET_HISTORY);
    char names[NAME_SIZE], *name, *rest;
    int i;

    offer(w, "dense", "the last stage before pruning", "");
    for (i = 0; s != NULL && i < s->count; i++) {
        memcpy(names, s->row[i].name, sizeof(names));
        for (name = strtok_r(names, ", :", &rest); name != NULL;
             name = strtok_r(NULL, ", :", &rest))
            offer(w, name, s->row[i].text, "");
    }
    sheet_drop(s);
}

static void offer_views(struct job_word *w)
{
    int i;

    for (i = 0; w->c->views != NULL && w->c->views[i] != NULL; i++)
        offer(w, w->c->views[i], NULL, "");
}

static void offer_source(struct job_word *w, enum arg_source source)
{
    const char *word, *help;
    int i;

    for (i = 0; (word = arg_source_word(source, i, &help)) != NULL; i++)
        offer(w, word, help, "");
    if (source == SOURCE_LAYERS)
        offer_layers(w);
    else if (source == SOURCE_STAGES)
        offer_stages(w);
    else if (source == SOURCE_VIEWS)
        offer_views(w);
    if (source == SOURCE_NETS || source == SOURCE_DATA)
        offer_shipped(w);
    if (source == SOURCE_NETS || source == SOURCE_DATA ||
        source == SOURCE_FILES)
        offer_files(w);
}

/* Moves the word's start forward to what is to be completed of it. */
static void advance(struct job_word *w, size_t n)
{
    w->out->start += (int)n;
    memmove(w->word, w->word + n, strlen(w->word + n) + 1);
}

static void offer_value(struct job_word *w, const struct arg_def *d)
{
    const char *p;

    if (d->type == ARG_LAYERS) {
        p = strrchr(w->word, ',');
        if (p != NULL)
            advance(w, (size_t)(p - w->word) + 1);
    } else if (d->type == ARG_EXPR) {
        for (p = w->word + strlen(w->word);
             p > w->word && (isalnum((unsigned char)p[-1]) || p[-1] == '_');)
            p--;
        advance(w, (size_t)(p - w->word));
    }
    offer_source(w, d->source);
}

/* Arguments. */

static void offer_setting(struct job_word *w)
{
    const char *equals = strchr(w->word, '=');
    char name[64];
    int i;

    if (equals == NULL) {
        for (i = 0; i < SETTING_COUNT; i++)
            offer(w, setting_rows[i].arg.name, setting_rows[i].arg.help, "=");
        return;
    }
    if ((size_t)(equals - w->word) >= sizeof(name))
        return;
    memcpy(name, w->word, (size_t)(equals - w->word));
    name[equals - w->word] = '\0';
    i = settings_find(name);
    advance(w, (size_t)(equals - w->word) + 1);
    if (i >= 0)
        offer_value(w, &setting_rows[i].arg);
}

/* position: how many plain words stand before, without the verb. */
static void offer_argument(struct job_word *w, const struct cmd_row *row,
                           int position)
{
    const char *equals = strchr(w->word, '=');
    const struct arg_def *d;
    int t, words = 0;

    for (t = 0; t < CMD_TABLES && row->args[t] != NULL; t++) {
        for (d = row->args[t]; d->name != NULL; d++) {
            struct arg_def full = arg_full(d);
            size_t n = strlen(full.name);

            if (full.word && equals == NULL &&
                (words++ == position || (full.rest && words <= position)))
                offer_value(w, &full);
            else if (!full.word && equals == NULL)
                offer(w, full.name, full.help, "=");
            else if (equals != NULL && (size_t)(equals - w->word) == n &&
                     strncmp(full.name, w->word, n) == 0) {
                advance(w, n + 1);
                offer_value(w, &full);
                return;
            }
        }
    }
}

static void offer_verbs(struct job_word *w)
{
    const struct cmd_row *row;
    int i;

    for (i = 0; (row = cmd_row_at(i)) != NULL; i++)
        offer(w, row->name, row->help, "");
}

/* Where the command that the cursor is in starts, and its last word. */
static void find_word(const char *line, int cursor, int *command, int *word)
{
    char quote = '\0';
    int i;

    *command = *word = 0;
    for (i = 0; i < cursor && line[i] != '\0'; i++) {
        if (quote != '\0') {
            if (line[i] == quote)
                quote = '\0';
        } else if (line[i] == '"' || line[i] == '\'') {
            quote = line[i];
        } else if (line[i] == ';') {
            *command = *word = i + 1;
        } else if (line[i] == ' ' || line[i] == '\t') {
            *word = i + 1;
        }
    }
    while (*command < cursor &&
           (line[*command] == ' ' || line[*command] == '\t'))
        ++*command;
    if (*word < *command)
        *word = *command;
}

static void complete_argument(struct job_word *w, const char *before)
{
    struct args a;
    struct err ignored;
    const struct cmd_row *row;

    if (args_parse(before, &a, &ignored) != ERR_OK)
        return;
    row = a.word_count > 0 ? cmd_find(a.word[0]) : NULL;
    if (row != NULL && row->settings)
        offer_setting(w);
    else if (row != NULL)
        offer_argument(w, row, a.word_count - 1);
    args_done(&a);
}

void complete_line(const struct completer *c, const char *line, int cursor,
                   struct completion *out)
{
    struct job_word w = {.c = c, .out = out};
    int command, word, length = (int)strlen(line);
    char *before;

    *out = (struct completion){0};
    if (cursor > length)
        cursor = length;
    find_word(line, cursor, &command, &word);
    out->start = word;
    w.word = mem_printf("%.*s", cursor - word, line + word);
    /* A quote that is open belongs to the word that will replace it. */
    if (w.word[0] == '"' || w.word[0] == '\'')
        memmove(w.word, w.word + 1, strlen(w.word));
    before = mem_printf("%.*s", word - command, line + command);
    if (word == command)
        offer_verbs(&w);
    else
        complete_argument(&w, before);
    mem_free(before);
    mem_free(w.word);
}
