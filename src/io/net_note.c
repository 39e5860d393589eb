#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "io/io.h"

/* Start of the line "key=…" in text, or NULL. */
static const char *find_line(const struct net_note *n, const char *key)
{
    size_t len = strlen(key);
    const char *line = n->text.text;

    while (line != NULL && *line != '\0') {
        if (strncmp(line, key, len) == 0 && line[len] == '=')
            return line;
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return NULL;
}

void net_note_set(struct net_note *n, const char *key, const char *fmt, ...)
{
    const char *old = find_line(n, key);
    struct str value = {0}, text = {0};
    char buf[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(buf, sizeof(buf), fmt, ap);
    va_end(ap);
    str_addf(&value, "%s=%s\n", key, buf);
    if (old == NULL) {
        str_add(&n->text, value.text);
    } else {
        const char *end = strchr(old, '\n');

        str_add_bytes(&text, n->text.text, (size_t)(old - n->text.text));
        str_add(&text, value.text);
        str_add(&text, end != NULL ? end + 1 : "");
        str_done(&n->text);
        n->text = text;
    }
    str_done(&value);
}

char *net_note_get(const struct net_note *n, const char *key)
{
    const char *line = find_line(n, key);
    struct str value = {0};

    if (line == NULL)
        return NULL;
    line += strlen(key) + 1;
    str_add_bytes(&value, line, strcspn(line, "\n"));
    return str_take(&value);
}

void net_note_done(struct net_note *n)
{
    str_done(&n->text);
}
