/*
 * A small world for tests of the engine: four classes of 8x8 pictures, a net
 * that learns them in a blink, and an engine whose words are kept.
 */
#ifndef TESTS_TINY_H
#define TESTS_TINY_H

#include "base/str.h"
#include "engine/engine.h"
#include "support.h"

#define TINY_NET                                          \
    "new \"input 8x8x1; flatten; dense 24 name=fc1 relu;" \
    " dense 4 name=fc2 softmax\""

struct tiny {
    char *folder;          /* borrowed */
    struct engine *engine; /* NULL: not open */
    struct str said;       /* "> command", "  result", "! error", … */
    struct str json;
};

/* Writes tiny.h5 into the folder: 400 training and 100 test samples. */
void tiny_data(void *const *state);

/* Opens t->engine; o->say, json and arg are filled in. */
void tiny_open(struct tiny *t, struct engine_options o);
void tiny_close(struct tiny *t);

/* Lines that must succeed, with %s for the data file's path at most once. */
void tiny_do(struct tiny *t, const char *line);
/* Must fail with that code and text. */
void tiny_refuse(struct tiny *t, const char *line, enum err_code code,
                 const char *text);
/* "data …/tiny.h5 validation=100" and TINY_NET. */
void tiny_begin(struct tiny *t, void *const *state);

/* The value arrays and masks of the net as bytes; free with mem_free. */
char *tiny_weights(struct tiny *t, void *const *state, size_t *n);

#endif
