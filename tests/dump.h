/* A canvas for a chart, and what was drawn on it as text. */
#ifndef TESTS_DUMP_H
#define TESTS_DUMP_H

#include "support.h"

#include "base/str.h"
#include "ui/canvas.h"

static inline struct canvas make(int rows, int cols, enum glyphs glyphs)
{
    struct canvas c;

    canvas_init(&c, rows, cols);
    c.glyphs = glyphs;
    return c;
}

static inline void expect_done(struct canvas *c, const char *want)
{
    struct str got = {0};

    canvas_dump(c, &got);
    assert_string_equal(got.text, want);
    str_done(&got);
    canvas_done(c);
}

/* The dump holds text somewhere. */
static inline void expect_text(const struct canvas *c, const char *text)
{
    struct str got = {0};

    canvas_dump(c, &got);
    if (strstr(got.text, text) == NULL)
        fail_msg("no \"%s\" in:\n%s", text, got.text);
    str_done(&got);
}

static inline uint32_t at(const struct canvas *c, int row, int col)
{
    return c->cells[row * c->cols + col].point[0];
}

#endif
