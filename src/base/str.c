#include "base/str.h"

#include <errno.h>
#include <fnmatch.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void reserve(struct str *s, size_t more)
{
    size_t need = s->len + more + 1;

    if (need <= s->cap)
        return;
    s->cap = need * 2 > 64 ? need * 2 : 64;
    s->text = mem_grow(s->text, s->cap, 1);
}

void str_add_bytes(struct str *s, const char *bytes, size_t n)
{
    reserve(s, n);
    memcpy(s->text + s->len, bytes, n);
    s->len += n;
    s->text[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
    str_add_bytes(s, text, strlen(text));
}

void str_addf(struct str *s, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    reserve(s, (size_t)n);
    va_start(ap, fmt);
    vsnprintf(s->text + s->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    s->len += (size_t)n;
}

void str_clear(struct str *s)
{
    s->len = 0;
    if (s->text != NULL)
        s->text[0] = '\0';
}

void str_done(struct str *s)
{
    mem_free(s->text);
    *s = (struct str){0};
}

char *str_take(struct str *s)
{
    char *text = s->text != NULL ? s->text : mem_strdup("");

    *s = (struct str){0};
    return text;
}

bool str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix)
{
    size_t n = strlen(text), k = strlen(suffix);

    return n >= k && strcmp(text + n - k, suffix) == 0;
}

static bool match(const char *patterns, const char *text, int flags)
{
    const char *start = patterns;
    char one[256];

    while (*start != '\0') {
        size_t n = strcspn(start, ",");

        if (n < sizeof(one)) {
            memcpy(one, start, n);
            one[n] = '\0';
            if (fnmatch(one, text, flags) == 0)
                return true;
        }
        start += n + (start[n] == ',');
    }
    return false;
}

bool str_match(const char *patterns, const char *text)
{
    return match(patterns, text, 0);
}

bool str_match_path(const char *patterns, const char *path)
{
    return match(patterns, path, FNM_PATHNAME);
}

/* Levenshtein distance of words shorter than WORD_MAX. */
#define WORD_MAX 64
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], n = strlen(a), m = strlen(b), i, j;

    if (n >= WORD_MAX || m >= WORD_MAX)
        return WORD_MAX;
    for (j = 0; j <= m; j++)
        row[j] = j;
    for (i = 1; i <= n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *str_nearest(const char *text, const char *const *words, int count)
{
    const char *best = NULL;
    size_t len = strlen(text), least = len <= 3 ? 2 : len / 3 + 2;
    int i;

    for (i = 0; i < count; i++) {
        size_t d = distance(text, words[i]);

        if (str_starts(words[i], text) && text[0] != '\0' && d > 1)
            d = 1;
        if (d < least) {
            least = d;
            best = words[i];
        }
    }
    return best;
}

/* strtod that always wants a point: the program sets LC_CTYPE only, so the
 * C library's number locale stays "C". */
static const char *scan_double(const char *text, double *out)
{
    char *end;

    errno = 0;
    *out = strtod(text, &end);
    if (end == text || errno == ERANGE || isnan(*out))
        return NULL;
    return end;
}

enum err_code str_double(const char *text, const char *what, double *out,
                         struct err *err)
{
    double value;
    const char *end = scan_double(text, &value);

    if (end == NULL || *end != '\0' || isinf(value))
        return err_set(err, ERR_VALUE, "%s wants a number, got \"%s\"", what,
                       text);
    *out = value;
    return ERR_OK;
}

enum err_code str_long(const char *text, const char *what, long long *out,
                       struct err *err)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno == ERANGE)
        return err_set(err, ERR_VALUE, "%s wants a whole number, got \"%s\"",
                       what, text);
    *out = value;
    return ERR_OK;
}

enum err_code str_share(const char *text, const char *what, double *out,
                        struct err *err)
{
    double value;
    const char *end = scan_double(text, &value);
    bool percent = end != NULL && strcmp(end, "%") == 0;

    if (end == NULL || (*end != '\0' && !percent) || isinf(value))
        return err_set(err, ERR_VALUE,
                       "%s wants a share such as 20%% or 0.2, got \"%s\"", what,
                       text);
    *out = percent ? value / 100.0 : value;
    return ERR_OK;
}

enum err_code str_bytes(const char *text, const char *what, double *out,
                        struct err *err)
{
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {{"", 1},    {"B", 1},      {"kB", 1e3},     {"KB", 1e3},
                 {"k", 1e3}, {"MB", 1e6},   {"M", 1e6},      {"GB", 1e9},
                 {"G", 1e9}, {"KiB", 1024}, {"MiB", 1048576}};
    double value;
    const char *end = scan_double(text, &value);
    size_t i;

    for (i = 0; end != NULL && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].suffix) == 0 && value >= 0 && !isinf(value)) {
            *out = value * units[i].factor;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_VALUE, "%s wants a size such as 32kB, got \"%s\"",
                   what, text);
}

const char *str_si(double value, char *buf, size_t size)
{
    static const char units[] = {' ', 'k', 'M', 'G', 'T'};
    double size_of = fabs(value);
    int u = 0;

    while (size_of >= 999.95 && u < 4) {
        size_of /= 1000.0;
        value /= 1000.0;
        u++;
    }
    if (u == 0)
        snprintf(buf, size, value == floor(value) ? "%.0f" : "%.3g", value);
    else
        snprintf(buf, size, "%.1f%c", value, units[u]);
    return buf;
}

const char *str_size(double bytes, char *buf, size_t size)
{
    char number[32];

    if (bytes < 99999.5)
        snprintf(buf, size, "%s B",
                 str_commas((long long)(bytes + 0.5), number, sizeof(number)));
    else if (bytes < 999.5e3)
        snprintf(buf, size, "%.1f kB", bytes / 1e3);
    else if (bytes < 999.5e6)
        snprintf(buf, size, "%.2f MB", bytes / 1e6);
    else
        snprintf(buf, size, "%.2f GB", bytes / 1e9);
    return buf;
}

const char *str_commas(long long value, char *buf, size_t size)
{
    char digits[32];
    size_t n, i, k = 0;
    const char *d = digits;

    snprintf(digits, sizeof(digits), "%lld", value);
    if (*d == '-' && size > 1) {
        buf[k++] = '-';
        d++;
    }
    n = strlen(d);
    for (i = 0; i < n && k + 2 < size; i++) {
        buf[k++] = d[i];
        if (i + 1 < n && (n - i - 1) % 3 == 0)
            buf[k++] = ',';
    }
    buf[k] = '\0';
    return buf;
}

/* Bytes of the character that starts with byte, 0 for none. */
static int utf8_length(unsigned byte)
{
    if (byte < 0x80)
        return 1;
    if (byte < 0xC2 || byte > 0xF4)
        return 0;
    return byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

int str_decode(const char *text, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)text;
    int n = utf8_length(s[0]), i;
    uint32_t point;

    if (n == 0)
        return 0;
    point = n == 1 ? s[0] : s[0] & (0xFFu >> (n + 1));
    for (i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (s[i] & 0x3Fu);
    }
    if (point < least[n] || point > 0x10FFFF ||
        (point >= 0xD800 && point < 0xE000))
        return 0;
    *out = point;
    return n;
}

bool str_steers(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0) ||
           (point >= 0x200B && point <= 0x200F) ||
           (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2060 && point <= 0x206F) || point == 0xFEFF;
}

void str_add_safe(struct str *s, const char *text)
{
    const char *p = text;

    while (*p != '\0') {
        uint32_t point = 0;
        int n = str_decode(p, &point);

        if (n == 0 || str_steers(point))
            str_add(s, n == 0 || point >= 0x20 ? "?" : "^");
        else
            str_add_bytes(s, p, (size_t)n);
        p += n > 0 ? n : 1;
    }
}
