/* Comparisons of metrics: reading and evaluating. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bench.h"
#include "engine/metrics.h"

struct scan {
    const char *at;
    bool decides;
};

static void skip(struct scan *s)
{
    s->at += strspn(s->at, " \t");
}

/* A run of signs that accept likes, or "". */
static void take_word(struct scan *s, const char *more, char *out, size_t size)
{
    size_t n = 0;

    skip(s);
    while (isalnum((unsigned char)*s->at) ||
           (*s->at != '\0' && strchr(more, *s->at) != NULL)) {
        if (n + 1 < size)
            out[n++] = *s->at;
        s->at++;
    }
    out[n] = '\0';
}

static enum err_code take_number(struct scan *s, struct expr_term *t,
                                 struct err *err)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"%", 0.01}, {"kB", 1e3}, {"MB", 1e6}, {"B", 1},
                 {"k", 1e3},  {"M", 1e6},  {"", 1}};
    char *end, unit[8] = "";
    size_t i, n = 0;

    t->number = strtod(s->at, &end);
    if (end == s->at || !isfinite(t->number))
        return err_set(err, ERR_USAGE,
                       "a metric or a number is expected at \"%s\"", s->at);
    s->at = end + strspn(end, " \t");
    if (*s->at == '%')
        unit[n++] = *s->at++;
    while (isalpha((unsigned char)*s->at) && n + 1 < sizeof(unit))
        unit[n++] = *s->at++;
    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(units[i].unit, unit) == 0) {
            t->number *= units[i].factor;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_USAGE, "unit \"%s\" is none of %%, B, kB, MB, k, M",
                   unit);
}

static enum err_code take_metric(struct scan *s, struct expr_term *t,
                                 struct err *err)
{
    char name[48];
    const char *back;

    take_word(s, "_", name, sizeof(name));
    if (metric_need(name, &t->metric, err) != ERR_OK)
        return err->code;
    if (s->decides && t->metric->test)
        return err_set(err, ERR_USAGE,
                       "%s comes from the test set, which decides nothing;"
                       " use %s",
                       t->metric->name, t->metric->name + strlen("test_"));
    skip(s);
    back = s->at;
    take_word(s, "", name, sizeof(name));
    if (strcmp(name, "of") != 0) {
        s->at = back;
        return ERR_OK;
    }
    take_word(s, "_-.", t->stage, sizeof(t->stage));
    if (t->stage[0] == '\0')
        return err_set(err, ERR_USAGE, "a stage is expected after \"of\"");
    return ERR_OK;
}

static enum err_code take_sum(struct scan *s, struct expr_sum *sum,
                              struct err *err)
{
    int sign = 1;

    for (;;) {
        struct expr_term *t = &sum->term[sum->count];
        enum err_code code;

        if (sum->count == EXPR_TERMS)
            return err_set(err, ERR_USAGE, "more than %d terms", EXPR_TERMS);
        skip(s);
        code = isalpha((unsigned char)*s->at) ? take_metric(s, t, err)
                                              : take_number(s, t, err);
        if (code != ERR_OK)
            return code;
        t->sign = sign;
        sum->count++;
        skip(s);
        if (*s->at != '+' && *s->at != '-')
            return ERR_OK;
        sign = *s->at++ == '+' ? 1 : -1;
    }
}

static enum err_code take_operator(struct scan *s, char op[3], struct err *err)
{
    static const char *const known[] = {"<=", ">=", "==", "!=", "<", ">", "="};
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t n = strlen(known[i]);

        if (strncmp(s->at, known[i], n) == 0) {
            snprintf(op, 3, "%s", strcmp(known[i], "=") == 0 ? "==" : known[i]);
            s->at += n;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_USAGE,
                   "a comparison such as accuracy >= 97%% is expected, no"
                   " < <= > >= == or != at %s%s%s",
                   *s->at == '\0' ? "its end" : "\"", s->at,
                   *s->at == '\0' ? "" : "\"");
}

enum err_code expr_parse(const char *text, bool decides, struct expr *out,
                         struct err *err)
{
    struct scan s = {text, decides};
    struct expr e = {0};

    if (take_sum(&s, &e.left, err) != ERR_OK ||
        take_operator(&s, e.op, err) != ERR_OK ||
        take_sum(&s, &e.right, err) != ERR_OK)
        return err->code;
    if (*s.at != '\0')
        return err_set(err, ERR_USAGE, "\"%s\" is too much in a comparison",
                       s.at);
    *out = e;
    return ERR_OK;
}

static enum err_code term_value(const struct expr_term *t,
                                const struct bench *b, double *out,
                                struct err *err)
{
    int id = b->history->current;

    *out = t->number;
    if (t->metric == NULL)
        return ERR_OK;
    if (t->stage[0] != '\0' &&
        stages_find(b->history, t->stage, &id, err) != ERR_OK)
        return err->code;
    if (id < 0)
        return err_set(err, ERR_STATE, "no net is open, so there is no %s",
                       t->metric->name);
    *out = t->metric->get(b, b->history->stage[id]);
    if (isnan(*out))
        return err_set(err, ERR_STATE, "%s of stage %d is not known%s",
                       t->metric->name, id,
                       t->metric->test
                           ? "; `eval test` or `exits test` reads it"
                       : b->data == NULL ? "; no data are open"
                                         : "");
    return ERR_OK;
}

static enum err_code sum_value(const struct expr_sum *sum,
                               const struct bench *b, double *out,
                               struct err *err)
{
    double value;
    int i;

    *out = 0.0;
    for (i = 0; i < sum->count; i++) {
        if (term_value(&sum->term[i], b, &value, err) != ERR_OK)
            return err->code;
        *out += sum->term[i].sign * value;
    }
    return ERR_OK;
}

/* The unit of the first metric in a or b. */
static enum metric_unit unit_of(const struct expr_sum *a,
                                const struct expr_sum *b)
{
    int i;

    for (i = 0; i < a->count; i++) {
        if (a->term[i].metric != NULL)
            return a->term[i].metric->unit;
    }
    return b != NULL ? unit_of(b, NULL) : UNIT_NUMBER;
}

/* 1.9% is not the double that 1 - 0.981 is: what differs by rounding only is
 * equal. */
static bool compare(double left, const char *op, double right)
{
    bool equal = fabs(left - right) <= 1e-12 * fmax(1.0, fabs(right));

    if (equal)
        return op[1] == '=' && op[0] != '!';
    if (op[0] == '=')
        return false;
    return op[0] == '!' || (op[0] == '<') == (left < right);
}

/* "accuracy ", "accuracy of dense - accuracy = ": whose the value is; "" for a
 * bare number. */
static void name_sum(const struct expr_sum *sum, struct str *out)
{
    char number[48];
    int i;

    str_clear(out);
    for (i = 0; i < sum->count && sum->term[i].metric == NULL; i++) {
    }
    if (i == sum->count)
        return;
    for (i = 0; i < sum->count; i++) {
        const struct expr_term *t = &sum->term[i];

        if (i > 0)
            str_add(out, t->sign > 0 ? "+ " : "- ");
        if (t->metric == NULL)
            str_add(out, metric_text(unit_of(sum, NULL), t->number, number,
                                     sizeof(number)));
        else
            str_addf(out, "%s%s%s", t->metric->name,
                     t->stage[0] == '\0' ? "" : " of ", t->stage);
        str_add(out, " ");
    }
    if (sum->count > 1)
        str_add(out, "= ");
}

static void show(const struct expr *e, double left, double right, char *out,
                 size_t size)
{
    enum metric_unit unit = unit_of(&e->left, &e->right);
    struct str a = {0}, c = {0};
    char x[48], y[48];

    name_sum(&e->left, &a);
    name_sum(&e->right, &c);
    snprintf(out, size, "%s%s %s %s%s", a.text == NULL ? "" : a.text,
             metric_text(unit, left, x, sizeof(x)), e->op,
             c.text == NULL ? "" : c.text,
             metric_text(unit, right, y, sizeof(y)));
    str_done(&a);
    str_done(&c);
}

enum err_code expr_holds(const struct expr *e, const struct bench *b,
                         bool *holds, char *shown, size_t size, struct err *err)
{
    double left, right;

    if (sum_value(&e->left, b, &left, err) != ERR_OK ||
        sum_value(&e->right, b, &right, err) != ERR_OK)
        return err->code;
    *holds = compare(left, e->op, right);
    if (shown != NULL)
        show(e, left, right, shown, size);
    return ERR_OK;
}

enum err_code expr_value_text(const char *text, const struct bench *b,
                              char *buf, size_t size, struct err *err)
{
    struct scan s = {text, false};
    struct expr_sum sum = {0};
    double value;

    if (take_sum(&s, &sum, err) != ERR_OK)
        return err->code;
    if (*s.at != '\0')
        return err_set(err, ERR_USAGE, "\"%s\" is too much in {%s}", s.at,
                       text);
    if (sum_value(&sum, b, &value, err) != ERR_OK)
        return err->code;
    metric_text(unit_of(&sum, NULL), value, buf, size);
    return ERR_OK;
}
