/* The generated part of espalier-commands(7), in mdoc. */
#include <string.h>

#include "engine/cmd.h"
#include "engine/engine.h"
#include "engine/metrics.h"

/* Text that mdoc must not take for its own: backslashes, and a dot or quote at
 * the start of a line. */
static void put(struct str *out, const char *text)
{
    const char *p;

    if (text[0] == '.' || text[0] == '\'')
        str_add(out, "\\&");
    for (p = text; *p != '\0'; p++) {
        if (*p == '\\')
            str_add(out, "\\e");
        else
            str_add_bytes(out, p, 1);
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
        source == SOURCE_COMMANDS || source == SOURCE_YES_NO ||
        source == SOURCE_NONE)
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

static void print_command(struct str *out, const struct cmd_row *row)
{
    const struct arg_def *d;
    int t;

    str_addf(out, ".It Ic %s", row->name);
    if (row->usage[0] != '\0') {
        str_add(out, " ");
        put(out, row->usage);
    }
    str_add(out, "\n");
    put(out, row->help);
    str_add(out, ".\n");
    if (row->more != NULL)
        put_sentences(out, row->more);
    if (row->args[0] == NULL)
        return;
    str_add(out, ".Bl -tag -width 12n -compact\n");
    for (t = 0; t < CMD_TABLES && row->args[t] != NULL; t++) {
        for (d = row->args[t]; d->name != NULL; d++)
            print_argument(out, d);
    }
    str_add(out, ".El\n");
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
