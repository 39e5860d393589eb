/*
 * Figures by name: what `expect`, `until=` and {braces} in a lesson's text may
 * ask of a stage.  One row a metric.  Threads: the job thread.
 */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct bench;
struct stage;

enum metric_unit { UNIT_SHARE, UNIT_COUNT, UNIT_BYTES, UNIT_NUMBER };

struct metric {
    const char *name, *help;
    enum metric_unit unit;
    bool test; /* comes from the test set, so it decides nothing */
    /* NAN when it is not known. */
    double (*get)(const struct bench *b, const struct stage *s);
};
extern const struct metric metric_rows[]; /* ends with a NULL name */

/* Also "acc" for accuracy. */
enum err_code metric_need(const char *name, const struct metric **out,
                          struct err *err) MUST_CHECK;
/* "97.96 %", "53,240", … */
const char *metric_text(enum metric_unit unit, double value, char *buf,
                        size_t size);

/*
 * A comparison of two sums: accuracy of dense - accuracy <= 0.5%
 *   sum := term {+|- term}    term := number | metric [of STAGE]
 */
#define EXPR_TERMS 8
#define EXPR_SHOWN 192
struct expr_term {
    const struct metric *metric; /* NULL: the number */
    char stage[32];              /* "": the current one */
    double number;
    int sign;
};
struct expr_sum {
    int count;
    struct expr_term term[EXPR_TERMS];
};
struct expr {
    struct expr_sum left, right;
    char op[3];
};

/* Fails on unknown metrics and on bad grammar; names of stages are looked up
 * by expr_holds.  decides: metrics of the test set are refused. */
enum err_code expr_parse(const char *text, bool decides, struct expr *out,
                         struct err *err) MUST_CHECK;
/* Fails when something in it is not known.  shown (may be NULL) gets the left
 * and the right side, "accuracy 97.96 % >= 97.00 %"; EXPR_SHOWN bytes hold what
 * is usual. */
enum err_code expr_holds(const struct expr *e, const struct bench *b,
                         bool *holds, char *shown, size_t size,
                         struct err *err) MUST_CHECK;

/* One sum's value as text, for {accuracy of dense} in a lesson. */
enum err_code expr_value_text(const char *text, const struct bench *b,
                              char *buf, size_t size,
                              struct err *err) MUST_CHECK;

#endif
