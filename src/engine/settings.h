/*
 * What `set` changes and what commands take where a line says nothing.
 * Threads: the job thread only; rows are const.
 */
#ifndef ENGINE_SETTINGS_H
#define ENGINE_SETTINGS_H

#include "engine/arg.h"

enum setting_id {
#define SETTING(name, ...) SET_##name,
#include "engine/settings.def"
#undef SETTING
    SETTING_COUNT
};

struct setting_row {
    struct arg_def arg;
    double usual;
    const char *usual_word;
    bool live;     /* a running training takes it at its next step */
    bool recorded; /* results depend on it */
};
extern const struct setting_row setting_rows[SETTING_COUNT];

struct settings {
    struct arg_value value[SETTING_COUNT];
};

struct settings settings_usual(void);
/* -1 when there is none of that name. */
int settings_find(const char *name);
/* "lr" or, with a hint at the nearest name, an error. */
enum err_code settings_need(const char *name, int *id,
                            struct err *err) MUST_CHECK;

double settings_number(const struct settings *s, enum setting_id id);
const char *settings_word(const struct settings *s, enum setting_id id);

/* The value as a command line would write it. */
const char *settings_text(const struct settings *s, int id, char *buf,
                          int size);

#endif
