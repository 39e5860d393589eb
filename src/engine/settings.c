#include "engine/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define LIVE       1
#define UNRECORDED 2

const struct setting_row setting_rows[SETTING_COUNT] = {
#define SETTING(setting, kind, words, low, high, number, word, flags, text) \
    [SET_##setting] = {.arg = {.name = #setting,                            \
                               .help = text,                                \
                               .type = kind,                                \
                               .source = words,                             \
                               .least = low,                                \
                               .most = high},                               \
                       .usual = number,                                     \
                       .usual_word = word,                                  \
                       .live = ((flags)&LIVE) != 0,                         \
                       .recorded = ((flags)&UNRECORDED) == 0},
#include "engine/settings.def"
#undef SETTING
};

struct settings settings_usual(void)
{
    struct settings s;
    int i;

    for (i = 0; i < SETTING_COUNT; i++)
        s.value[i] = (struct arg_value){.text = setting_rows[i].usual_word,
                                        .number = setting_rows[i].usual};
    return s;
}

int settings_find(const char *name)
{
    int i;

    for (i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(setting_rows[i].arg.name, name) == 0)
            return i;
    }
    return -1;
}

enum err_code settings_need(const char *name, int *id, struct err *err)
{
    const char *names[SETTING_COUNT], *near;
    int found = settings_find(name), i;

    if (found >= 0) {
        *id = found;
        return ERR_OK;
    }
    for (i = 0; i < SETTING_COUNT; i++)
        names[i] = setting_rows[i].arg.name;
    near = str_nearest(name, names, SETTING_COUNT);
    if (near != NULL)
        return err_set(err, ERR_USAGE,
                       "no setting \"%s\"; did you mean \"%s\"?", name, near);
    return err_set(err, ERR_USAGE,
                   "no setting \"%s\"; `set` alone lists all of them", name);
}

double settings_number(const struct settings *s, enum setting_id id)
{
    return s->value[id].number;
}

const char *settings_word(const struct settings *s, enum setting_id id)
{
    return s->value[id].text;
}

const char *settings_text(const struct settings *s, int id, char *buf, int size)
{
    const struct setting_row *row = &setting_rows[id];

    if (row->arg.type == ARG_WORD)
        snprintf(buf, (size_t)size, "%s", s->value[id].text);
    else
        arg_number_text(row->arg.type, s->value[id].number, buf, size);
    return buf;
}
