#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/keras.h"

/* Words that Python writes and JSON does not know. */
static const char *const odd_words[] = {"-Infinity", "Infinity", "NaN"};

/* Replaces them outside texts by null of the same length. */
static void tame(char *text, size_t n)
{
    bool inside = false;
    size_t i, k;

    for (i = 0; i < n; i++) {
        if (inside && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            inside = !inside;
        if (inside || i >= n)
            continue;
        for (k = 0; k < 3; k++) {
            size_t len = strlen(odd_words[k]);

            if (n - i < len || memcmp(text + i, odd_words[k], len) != 0)
                continue;
            if (len == 3) { /* NaN is shorter than null */
                memcpy(text + i, " 0 ", 3);
            } else {
                memset(text + i, ' ', len);
                memcpy(text + i, "null", 4);
            }
        }
    }
}

json_t *keras_json(const char *text, size_t n, const char *what,
                   struct err *err)
{
    char *copy = mem_array(n + 1, 1);
    json_error_t e;
    json_t *o;

    memcpy(copy, text, n);
    tame(copy, n);
    o = json_loadb(copy, n, JSON_ALLOW_NUL, &e);
    mem_free(copy);
    if (o == NULL)
        err_set(err, ERR_FORMAT, "%s is no valid JSON: %s in line %d", what,
                e.text, e.line);
    return o;
}

const char *keras_text(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

const char *keras_name(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    const char *class, *inner;

    if (json_is_string(v))
        return json_string_value(v);
    class = keras_text(v, "class_name");
    inner = keras_text(v, "config");
    /* {"class_name": "function", "config": "relu"} of Keras 2.15 and 3 */
    return inner != NULL ? inner : class;
}

bool keras_number(const json_t *v, double *out)
{
    if (json_is_boolean(v))
        *out = json_boolean_value(v);
    else if (json_is_number(v))
        *out = json_number_value(v);
    else if (json_array_size(v) == 1 && json_is_number(json_array_get(v, 0)))
        *out = json_number_value(json_array_get(v, 0));
    else
        return false;
    return isfinite(*out);
}

const char *keras_show(const json_t *v, char *buf, size_t size)
{
    char *text =
        v != NULL ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    struct str safe = {0};

    str_add_safe(&safe, text != NULL ? text : "nothing");
    if (safe.len >= size)
        memcpy(safe.text + size - 4, "...", 4);
    memcpy(buf, safe.text, safe.len < size ? safe.len + 1 : size);
    str_done(&safe);
    free(text);
    return buf;
}
