/*
 * The screen of the program: one poll on keyboard, board, signals and a timer
 * that only runs while there is something to draw.  It never waits for
 * compute: keys are answered at once, news of the job at most 15 times a
 * second and less often on a slow line; with nothing new it sleeps.
 */
#ifndef UI_LOOP_H
#define UI_LOOP_H

#include "base/err.h"
#include "engine/engine.h"
#include "ui/term.h"

struct screen_options {
    struct term_options term;
    const char *history; /* of the prompt, as prompt_start takes it */
};

/*
 * Takes the terminal, shows the engine until the user leaves, the terminal is
 * lost or a signal ends the program, and gives the terminal back.  The engine
 * is left running: engine_free saves.  Fails as term_start does.
 */
enum err_code screen_run(struct engine *e, const struct screen_options *o,
                         struct err *err) MUST_CHECK;

#endif
