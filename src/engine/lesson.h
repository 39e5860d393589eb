/*
 * A lesson that is played: a script whose `pause`, `ask` and `reveal` wait for
 * the user.  While it waits, other lines may be run; going on returns to the
 * stage where it waited.  One is played at a time.
 * Threads: the job thread.  A NULL lesson is none.
 */
#ifndef ENGINE_LESSON_H
#define ENGINE_LESSON_H

#include <stdbool.h>

#include "engine/bench.h"

struct lesson;

/* Becomes b->lesson, in place of one that was; starts at line `from`. */
enum err_code lesson_open(struct bench *b, const char *path, int from,
                          struct err *err) MUST_CHECK;
void lesson_free(struct lesson *l);

/* Has it a line to run now? */
bool lesson_ready(const struct lesson *l);
/* Runs its next line.  A line that fails is said, and the lesson waits; at the
 * end the lesson is gone. */
void lesson_next(struct bench *b);
/* Ends waiting; true when it did wait. */
bool lesson_go_on(struct bench *b);

/* From commands: narration, and a point to wait at. */
void lesson_say(struct lesson *l, const char *text);
void lesson_wait(struct bench *b);

/* Where it is, for the session: path and next line. */
const char *lesson_path(const struct lesson *l, int *next);
void lesson_show(const struct lesson *l, struct status_sheet *s);

/* Lines of a script, owned by the caller: free with lines_done. */
struct lines {
    char *text;
    int count;
    const char **line;
};
enum err_code lines_load(const char *path, struct lines *out,
                         struct err *err) MUST_CHECK;
void lines_done(struct lines *l);

#endif
