/* The generated part of espalier-commands(7), in mdoc. */
#include <string.h>

#include "engine/cmd.h"
#include "engine/engine.h"
#include "engine/metrics.h"

#define COLUMNS 76

/* One word: backslashes and what is not ASCII are spelt for roff. */
static size_t put_word(struct str *out, const char *word, size_t n)
{
    size_t before = out->len;
    uint32_t point;
    int bytes;

    for (; n > 0; word += bytes, n -= (size_t)bytes) {
        bytes = str_decode(word, &point);
        if (bytes == 0)
            bytes = 1;
        if (bytes > 1)
            str_addf(out, "\\[u%04X]", point);
        else if (*word == '\\')
            str_add(out, "\\e");
        else
            str_add_bytes(out, word, 1);
    }
    return out->len - before;
}

/* Text in lines that are not too long; none starts with what mdoc would take
 * for a request. */
static void put(struct str *out, const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t n = strcspn(text, " ");

        if (column > 0 && column + n > COLUMNS) {
            str_add(out, "\n");
            column = 0;
        } else if (column > 0) {
            str_add(out, " ");
            column++;
        }
        if (column == 0 && (*text == '.' || *text == '\''))
            str_add(out, "\\&");
        column += put_word(out, text, n);
        text += n + strspn(text + n, " ");
    }
}

/* Sentences start on lines of their own. */
static void put_sentences(struct str *out, const char *text)
{
    const char *end;

    while ((end = strstr(text, ".  ")) != NULL) {
        struct str one = {0};

        str_add_bytes(&one, text, (size_t)(end - text) + 1);
        put(out, one.text);
        str_add(out, "\n");
        str_done(&one);
        text = end + 3;
    }
    put(out, text);
    str_add(out, "\n");
}

static void print_words(struct str *out, enum arg_source source)
{
    const char *word, *help;
    int i;

    if (source >= SOURCE_FIXED || source == SOURCE_METRICS ||
        source == SOURCE_COMMANDS || source == SOURCE_SETTINGS ||
        source == SOURCE_YES_NO || source == SOURCE_NONE)
        return;
    str_add(out, ".Bl -tag -width 12n -compact\n");
    for (i = 0; (word = arg_source_word(source, i, &help)) != NULL; i++) {
        str_addf(out, ".It Cm %s\n", word);
        put(out, help == NULL ? "" : help);
        str_add(out, "\n");
    }
    str_add(out, ".El\n");
}

static void print_argument(struct str *out, const struct arg_def *d)
{
    struct arg_def full = arg_full(d);
    const char *type = arg_type_name(full.type);

    if (full.word)
        str_addf(out, ".It Ar %s\n", full.name);
    else
        str_addf(out, ".It Cm %s Ns = Ns Ar %s\n", full.name, type);
    put(out, full.help);
    if (d->setting != NULL && strcmp(d->setting, full.name) != 0)
        str_addf(out, "; the setting\n.Cm %s\nif it is not given", d->setting);
    str_add(out, "\n");
    if (d->setting == NULL)
        print_words(out, full.source);
}

/* The command that prints this table in full: each one its short tables, the
 * first that has it a long one. */
static const struct cmd_row *owner_of(const struct cmd_row *asks,
                                      const struct arg_def *table)
{
    const struct cmd_row *row;
    int i, t;

    if (table[1].name == NULL || table[2].name == NULL)
        return asks;
    for (i = 0; (row = cmd_row_at(i)) != NULL; i++) {
        for (t = 0; t < CMD_TABLES && row->args[t] != NULL; t++) {
            if (row->args[t] == table)
                return row;
        }
    }
    return asks;
}

static void print_own_arguments(struct str *out, const struct cmd_row *row)
{
    const struct arg_def *d;
    bool open = false;
    int t;

    for (t = 0; t < CMD_TABLES && row->args[t] != NULL; t++) {
        if (owner_of(row, row->args[t]) != row)
            continue;
        if (!open)
            str_add(out, ".Bl -tag -width 12n -compact\n");
        open = true;
        for (d = row->args[t]; d->name != NULL; d++)
            print_argument(out, d);
    }
    if (open)
        str_add(out, ".El\n");
}

static void print_arguments(struct str *out, const struct cmd_row *row)
{
    bool others = false;
    int t;

    print_own_arguments(out, row);
    for (t = 0; t < CMD_TABLES && row->args[t] != NULL; t++) {
        const struct cmd_row *owner = owner_of(row, row->args[t]);

        if (owner == row)
            continue;
        str_addf(out, "%s.Ic %s\n",
                 others ? "and\n" : "Further arguments are those of\n",
                 owner->name);
        others = true;
    }
}

static void print_command(struct str *out, const struct cmd_row *row)
{
    str_addf(out, ".It Ic %s", row->name);
    if (row->usage[0] != '\0') {
        str_add(out, " ");
        put_word(out, row->usage, strlen(row->usage));
    }
    str_add(out, "\n");
    put(out, row->help);
    str_add(out, ".\n");
    if (row->more != NULL)
        put_sentences(out, row->more);
    print_arguments(out, row);
}

static void print_settings(struct str *out)
{
    struct settings usual = settings_usual();
    char text[64];
    int i;

    str_add(out, ".Sh SETTINGS\n.Bl -tag -width 16n\n");
    for (i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &setting_rows[i];

        str_addf(out, ".It Cm %s\n", row->arg.name);
        put(out, row->arg.help);
        str_addf(out, "; %s", settings_text(&usual, i, text, sizeof(text)));
        if (row->live)
            str_add(out, ".\nActs on a training that is going on");
        str_add(out, ".\n");
        if (row->arg.source != SOURCE_YES_NO)
            print_words(out, row->arg.source);
    }
    str_add(out, ".El\n");
}

static void print_metrics(struct str *out)
{
    int i;

    str_add(out, ".Sh METRICS\n.Bl -tag -width 16n -compact\n");
    for (i = 0; metric_rows[i].name != NULL; i++) {
        str_addf(out, ".It Cm %s\n", metric_rows[i].name);
        put(out, metric_rows[i].help);
        str_add(out, "\n");
    }
    str_add(out, ".El\n");
}

void engine_print_man(struct str *out)
{
    const struct cmd_group *g;
    const struct cmd_row *row;

    for (g = cmd_groups; g->name != NULL; g++) {
        str_addf(out, ".Ss %s\n.Bl -tag -width 4n\n", g->title);
        for (row = g->rows; row->name != NULL; row++)
            print_command(out, row);
        str_add(out, ".El\n");
    }
    print_settings(out);
    print_metrics(out);
}
