/*
 * Where the prompt's lines are kept between sessions: one a line, appended as
 * they are given, so that two sessions or a crash lose none.
 * Threads: main thread only.
 */
#ifndef UI_PROMPT_HISTORY_H
#define UI_PROMPT_HISTORY_H

/* $XDG_STATE_HOME/espalier/history, or ~/.local/state/…; NULL when there is
 * no home.  Returns new (mem_free). */
char *prompt_history_path(void);
/* Makes the folder, and appends; what cannot be written is not. */
void prompt_history_append(const char *path, const char *line);

#endif
