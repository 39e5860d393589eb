#include "engine/cmd.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define GROUP(group, text) extern const struct cmd_row group##_commands[];
#include "engine/groups.def"
#undef GROUP

const struct cmd_group cmd_groups[] = {
#define GROUP(group, text) \
    {.name = #group, .title = text, .rows = group##_commands},
#include "engine/groups.def"
#undef GROUP
    {0}};

const struct cmd_row *cmd_row_at(int i)
{
    const struct cmd_group *g;
    const struct cmd_row *row;

    for (g = cmd_groups; g->name != NULL; g++) {
        for (row = g->rows; row->name != NULL; row++) {
            if (i-- == 0)
                return row;
        }
    }
    return NULL;
}

const struct cmd_row *cmd_find(const char *name)
{
    const struct cmd_row *row;
    int i;

    for (i = 0; (row = cmd_row_at(i)) != NULL; i++) {
        if (strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

enum err_code cmd_need(const char *name, const struct cmd_row **out,
                       struct err *err)
{
    const struct cmd_row *row = cmd_find(name);
    const char *names[128], *near;
    int n = 0;

    if (row != NULL) {
        *out = row;
        return ERR_OK;
    }
    while (n < 128 && (row = cmd_row_at(n)) != NULL)
        names[n++] = row->name;
    near = str_nearest(name, names, n);
    if (near != NULL)
        return err_set(err, ERR_USAGE,
                       "no command \"%s\"; did you mean \"%s\"?", name, near);
    return err_set(err, ERR_USAGE, "no command \"%s\"; `help` lists them",
                   name);
}

static void take_tables(struct cmd_call *c)
{
    const struct arg_def *d;
    int t;

    for (t = 0; t < CMD_TABLES && c->row->args[t] != NULL; t++) {
        for (d = c->row->args[t]; d->name != NULL; d++) {
            assert(c->count < CMD_ARGS_MAX);
            c->def[c->count++] = arg_full(d);
        }
    }
}

static void fill(struct cmd_call *c, const struct settings *s)
{
    int i, id;

    for (i = 0; i < c->count; i++) {
        if (c->value[i].given || c->def[i].setting == NULL)
            continue;
        id = settings_find(c->def[i].setting);
        assert(id >= 0);
        c->value[i] = s->value[id];
        c->value[i].given = false;
    }
}

/* All words from the first-th on, with single blanks. */
static const char *join(struct cmd_call *c, int first)
{
    struct str s = {0};
    int i;

    for (i = first; i < c->args.word_count; i++)
        str_addf(&s, "%s%s", i == first ? "" : " ", c->args.word[i]);
    c->joined = str_take(&s);
    return c->joined;
}

/* A percentage is no count: `iterate 20%` leaves the rounds to their setting.
 */
static bool word_fits(const struct arg_def *d, const char *text)
{
    size_t n = strlen(text);

    return d->word &&
           (d->required || d->type != ARG_INT || n == 0 || text[n - 1] != '%');
}

/* Whom text is for that stands where argument i does: a number may be for
 * another one, as in `quantize activations 4`. */
static int meant_by(const struct cmd_call *c, int i, const char *text)
{
    int k;

    if (c->def[i].number == NULL || !isdigit((unsigned char)text[0]))
        return i;
    for (k = 0; strcmp(c->def[k].name, c->def[i].number) != 0; k++)
        assert(k + 1 < c->count);
    return k;
}

static enum err_code read_one(struct cmd_call *c, int i, const char *text,
                              struct err *err)
{
    if (c->value[i].given)
        return err_set(err, ERR_USAGE, "%s is given twice", c->def[i].name);
    return arg_read(&c->def[i], text, &c->value[i], err);
}

static enum err_code read_words(struct cmd_call *c, struct err *err)
{
    int used = 1, i = 0;

    while (i < c->count && used < c->args.word_count) {
        const char *text = c->args.word[used];
        int to = meant_by(c, i, text);

        if (!word_fits(&c->def[i], text)) {
            i++;
            continue;
        }
        if (c->def[i].rest) {
            text = join(c, used);
            used = c->args.word_count - 1;
        }
        used++;
        if (read_one(c, to, text, err) != ERR_OK)
            return err->code;
        i += to == i;
    }
    if (used == c->args.word_count)
        return ERR_OK;
    if (*c->row->usage == '\0')
        return err_set(err, ERR_USAGE, "%s takes no argument, got \"%s\"",
                       c->row->name, c->args.word[used]);
    return err_set(
        err, ERR_USAGE, "%s does not know what to do with \"%s\"; usage: %s %s",
        c->row->name, c->args.word[used], c->row->name, c->row->usage);
}

/* `activations=4` says both: activations as usual, and 4 bits. */
static enum err_code read_pair(struct cmd_call *c, int i, const char *text,
                               struct err *err)
{
    int to = meant_by(c, i, text);

    if (to != i && read_one(c, i, arg_source_word(c->def[i].source, 0, NULL),
                            err) != ERR_OK)
        return err->code;
    return read_one(c, to, text, err);
}

static enum err_code read_pairs(struct cmd_call *c, struct err *err)
{
    const char *known[CMD_ARGS_MAX];
    int i, n = 0;

    if (c->row->settings)
        return ERR_OK;
    for (i = 0; i < c->count; i++) {
        const char *text;

        known[n++] = c->def[i].name;
        text = args_value(&c->args, c->def[i].name);
        if (text != NULL && read_pair(c, i, text, err) != ERR_OK)
            return err->code;
    }
    return args_all_used(&c->args, known, n, err);
}

/* args_value takes the first of two pairs of one name; the second would be
 * dropped without a word. */
static enum err_code refuse_twice(const struct cmd_call *c, struct err *err)
{
    int i, k;

    for (i = 0; i < c->args.pair_count; i++) {
        for (k = 0; k < i; k++) {
            if (strcmp(c->args.name[i], c->args.name[k]) == 0)
                return err_set(err, ERR_USAGE, "%s is given twice",
                               c->args.name[i]);
        }
    }
    return ERR_OK;
}

static enum err_code refuse_missing(const struct cmd_call *c, struct err *err)
{
    int i;

    for (i = 0; i < c->count; i++) {
        if (c->def[i].required && !c->value[i].given)
            return err_set(err, ERR_USAGE, "%s wants %s; usage: %s %s",
                           c->row->name, c->def[i].name, c->row->name,
                           c->row->usage);
    }
    return ERR_OK;
}

enum err_code cmd_parse(const char *text, const struct settings *s,
                        struct cmd_call *out, struct err *err)
{
    struct cmd_call c = {0};

    if (args_parse(text, &c.args, err) != ERR_OK)
        return err->code;
    if (c.args.word_count == 0 && c.args.pair_count == 0) {
        *out = c;
        return ERR_OK;
    }
    if (c.args.word_count == 0) {
        err_set(err, ERR_USAGE,
                "a line starts with a command; to change a"
                " setting: set %s=%s",
                c.args.name[0], c.args.value[0]);
        goto fail;
    }
    if (cmd_need(c.args.word[0], &c.row, err) != ERR_OK)
        goto fail;
    take_tables(&c);
    if (read_words(&c, err) != ERR_OK || refuse_twice(&c, err) != ERR_OK ||
        read_pairs(&c, err) != ERR_OK || refuse_missing(&c, err) != ERR_OK)
        goto fail;
    fill(&c, s);
    *out = c;
    return ERR_OK;
fail:
    cmd_done(&c);
    return err->code;
}

void cmd_done(struct cmd_call *call)
{
    args_done(&call->args);
    mem_free(call->joined);
    *call = (struct cmd_call){0};
}

const struct arg_value *cmd_value(const struct cmd_call *call, const char *name)
{
    int i;

    for (i = 0; i < call->count; i++) {
        if (strcmp(call->def[i].name, name) == 0)
            return &call->value[i];
    }
    assert(false && "an argument that the row does not have");
    abort();
}

bool cmd_given(const struct cmd_call *call, const char *name)
{
    return cmd_value(call, name)->given;
}

double cmd_number(const struct cmd_call *call, const char *name)
{
    return cmd_value(call, name)->number;
}

const char *cmd_text(const struct cmd_call *call, const char *name)
{
    return cmd_value(call, name)->text;
}

static bool starts_comment(const char *line, const char *p)
{
    return *p == '#' && (p == line || strchr(" \t", p[-1]) != NULL);
}

bool cmd_split(const char **line, struct str *out)
{
    const char *start = *line + strspn(*line, " \t\r\n;"), *p = start, *end;
    char quote = '\0';

    str_clear(out);
    while (*start == '#') {
        start += strcspn(start, "\n");
        start += strspn(start, " \t\r\n;");
        p = start;
    }
    *line = start;
    if (*start == '\0')
        return false;
    for (; *p != '\0' && (quote != '\0' || strchr(";\n", *p) == NULL); p++) {
        if (quote != '\0' && *p == quote)
            quote = '\0';
        else if (quote == '\0' && (*p == '"' || *p == '\''))
            quote = *p;
        else if (quote == '\0' && starts_comment(start, p))
            break;
    }
    end = p;
    if (*p == '#')
        p += strcspn(p, "\n");
    str_add_bytes(out, start, (size_t)(end - start));
    *line = p;
    return true;
}

bool cmd_steers(const char *line)
{
    struct str one = {0};
    struct args a;
    struct err err;
    const struct cmd_row *row = NULL;

    if (cmd_split(&line, &one) && args_parse(one.text, &a, &err) == ERR_OK) {
        if (a.word_count > 0)
            row = cmd_find(a.word[0]);
        args_done(&a);
    }
    line += strspn(line, " \t\r\n;");
    str_done(&one);
    return row != NULL && (row->flags & CMD_STEERS) != 0 &&
           (*line == '\0' || *line == '#');
}
