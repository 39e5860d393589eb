#include "base/args.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* Copies one word from *in to out without its quotes; false at an open one.
 * *equals points at the first '=' outside quotes, or is NULL. */
static bool take_word(const char **in, char *out, char **equals)
{
    const char *p = *in;
    char quote = '\0';

    *equals = NULL;
    for (; *p != '\0' && (quote != '\0' || strchr(" \t\r\n", *p) == NULL);
         p++) {
        if (quote != '\0' && *p == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*p == '"' || *p == '\'')) {
            quote = *p;
        } else {
            if (quote == '\0' && *p == '=' && *equals == NULL)
                *equals = out;
            *out++ = *p;
        }
    }
    *out = '\0';
    *in = p;
    return quote == '\0';
}

/* Comparisons such as acc<97.5% or bytes<=9kB hold a '=' but are words. */
static bool is_pair(const char *word, const char *equals)
{
    return equals != NULL && equals != word &&
           strchr("<>!=", equals[-1]) == NULL && equals[1] != '=';
}

static enum err_code add(struct args *a, char *word, char *equals,
                         struct err *err)
{
    if (is_pair(word, equals)) {
        if (a->pair_count == ARGS_MAX)
            return err_set(err, ERR_USAGE, "more than %d settings", ARGS_MAX);
        *equals = '\0';
        a->name[a->pair_count] = word;
        a->value[a->pair_count++] = equals + 1;
        return ERR_OK;
    }
    if (a->word_count == ARGS_MAX)
        return err_set(err, ERR_USAGE, "more than %d words", ARGS_MAX);
    a->word[a->word_count++] = word;
    return ERR_OK;
}

enum err_code args_parse(const char *text, struct args *out, struct err *err)
{
    struct args a = {.store = mem_alloc(strlen(text) * 2 + 2)};
    const char *in = text;
    char *to = a.store;

    for (;;) {
        char *equals;
        enum err_code code;

        in += strspn(in, " \t\r\n");
        if (*in == '\0' || *in == '#')
            break;
        if (!take_word(&in, to, &equals)) {
            args_done(&a);
            return err_set(err, ERR_USAGE, "a quote is not closed");
        }
        code = add(&a, to, equals, err);
        if (code != ERR_OK) {
            args_done(&a);
            return code;
        }
        to += strlen(to) + 1;
        if (equals != NULL && *equals == '\0')
            to = equals + strlen(equals + 1) + 2;
    }
    *out = a;
    return ERR_OK;
}

void args_done(struct args *a)
{
    mem_free(a->store);
    *a = (struct args){0};
}

const char *args_value(struct args *a, const char *name)
{
    int i;

    for (i = 0; i < a->pair_count; i++) {
        if (strcmp(a->name[i], name) == 0) {
            a->used[i] = true;
            return a->value[i];
        }
    }
    return NULL;
}

enum err_code args_all_used(const struct args *a, const char *const *known,
                            int known_count, struct err *err)
{
    int i;

    for (i = 0; i < a->pair_count; i++) {
        const char *near;

        if (a->used[i])
            continue;
        near = str_nearest(a->name[i], known, known_count);
        if (near != NULL)
            return err_set(err, ERR_USAGE,
                           "no setting \"%s\" here; did you"
                           " mean \"%s\"?",
                           a->name[i], near);
        return err_set(err, ERR_USAGE, "no setting \"%s\" here", a->name[i]);
    }
    return ERR_OK;
}

/* A " within is closed, put into single quotes, and opened again. */
void args_quote(const char *text, struct str *out)
{
    const char *p;

    if (text[0] != '\0' && strpbrk(text, " \t\r\n;#'\"=") == NULL) {
        str_add(out, text);
        return;
    }
    str_add(out, "\"");
    for (p = text; *p != '\0'; p++) {
        if (*p == '"')
            str_add(out, "\"'\"'\"");
        else
            str_add_bytes(out, p, 1);
    }
    str_add(out, "\"");
}
