/*
 * A session: a folder that keeps everything a bench has done.
 *
 *   journal.esp   each finished command as it would be typed, followed by
 *                 comment lines with what it said; a script that gives the
 *                 same bits again.  Append only.
 *   curve.csv     stage,step,loss,accuracy: the course of every training.
 *                 Append only.
 *   nodes/N.h5    the net of stage N, Keras-compatible.
 *   running.h5    checkpoint of a training that is going on: weights, moments.
 *   state         everything else, as text; see session_state.c.
 *   lock          held while a process has the session open.
 *
 * Only `state` counts: it says how many bytes of the journal and of the curve
 * belong to it, and is replaced by rename, so that whatever was interrupted by
 * a kill or a full disk before that moment has not happened and is done again.
 * Errors of writing are said once and do not stop the work; what could not be
 * written is written with the next stage.
 * Threads: the job thread.  NULL for a session does nothing.
 */
#ifndef ENGINE_SESSION_H
#define ENGINE_SESSION_H

#include <stdbool.h>

#include "engine/bench.h"

struct session;

/* A new session in folder, which must not hold one; NULL: in a new folder
 * under the user's state directory, made when there is something to lose. */
enum err_code session_new(struct bench *b, const char *folder,
                          struct err *err) MUST_CHECK;
/* Goes on with the session in folder; NULL: with the newest of the user's. A
 * bare name is one of the user's.  The bench is as it was; b->pending holds
 * what is still to be run. */
enum err_code session_resume(struct bench *b, const char *folder,
                             struct err *err) MUST_CHECK;
void session_close(struct session *s);
/* The folder, or "". */
const char *session_folder(const struct session *s);

/* A recipe begins, or changed while it runs. */
void session_running(struct bench *b);
/* A stage was finished. */
void session_stage(struct bench *b);
/* A checkpoint of the running recipe. */
void session_checkpoint(struct bench *b);
/* Gives the working net the weights of the checkpoint that was found by
 * session_resume; fills in how far it was.  False when there is none for this
 * round. */
bool session_take_checkpoint(struct bench *b);
/* A recorded command has ended: b->record and b->results go to the journal. */
void session_command(struct bench *b);
/* The line or lesson has moved on, nothing else. */
void session_moved(struct bench *b);

#endif
