#include "engine/json.h"

#include <math.h>
#include <string.h>

#include "engine/metrics.h"

static void add_text(struct str *s, const char *name, const char *text)
{
    struct str safe = {0};
    const char *p;

    str_add(&safe, "");
    str_add_safe(&safe, text);
    str_addf(s, "%s\"%s\": \"", s->len > 1 ? ", " : "", name);
    for (p = safe.text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            str_addf(s, "\\%c", *p);
        else
            str_add_bytes(s, p, 1);
    }
    str_add(s, "\"");
    str_done(&safe);
}

/* Enough digits to come back to the same double; JSON has no NaN. */
static void add_number(struct str *s, const char *name, double value)
{
    char number[48];

    if (!isfinite(value))
        return;
    str_addf(s, "%s\"%s\": %s", s->len > 1 ? ", " : "", name,
             arg_number_text(ARG_REAL, value, number, sizeof(number)));
}

void json_command(struct bench *b, const char *command,
                  const struct err *failed, double seconds)
{
    const struct stage *stage = stages_current(b->history);
    struct str s = {0};
    int i;

    str_add(&s, "{");
    add_text(&s, "command", command);
    str_addf(&s, ", \"ok\": %s", failed == NULL ? "true" : "false");
    if (failed != NULL) {
        add_text(&s, "error", failed->msg);
        add_text(&s, "kind", err_kind(failed->code));
    }
    add_number(&s, "seconds", seconds);
    add_number(&s, "seed", settings_number(&b->set, SET_seed));
    if (stage != NULL) {
        add_number(&s, "parent", stage->parent);
        for (i = 0; metric_rows[i].name != NULL; i++)
            add_number(&s, metric_rows[i].name, metric_rows[i].get(b, stage));
    }
    str_add(&s, "}");
    b->json(b->json_arg, s.text);
    str_done(&s);
}
