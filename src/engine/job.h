/*
 * Lines that wait for the job thread, their results, and the flags by which
 * other threads reach into a job that is running.
 * Threads: any, but for the functions marked "job thread".
 */
#ifndef ENGINE_JOB_H
#define ENGINE_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct job;

/* steers: lines that may act while a job runs; any thread asks it. */
struct job *job_new(bool (*steers)(const char *line));
void job_free(struct job *j);

/* Queues a copy of line; returns its ticket. */
unsigned long job_post(struct job *j, const char *line);
/* A ticket of something that was done already. */
unsigned long job_answer(struct job *j);
/* Blocks until the ticket's line is done; its result. */
enum err_code job_wait(struct job *j, unsigned long ticket,
                       struct err *err) MUST_CHECK;
/* Something runs or waits to run. */
bool job_busy(struct job *j);

/* Cancels what runs and refuses what waits. */
void job_stop(struct job *j);
/* Lines that wait for the job to end: those that steer it do not.  How many,
 * and copies of the first and the last, cut to size bytes; "" without any. */
int job_waiting(struct job *j, char *first, char *last, size_t size);
/* Refuses the last of them, or all; how many that were. */
int job_take_back(struct job *j, bool all);
/* Does nothing when nothing runs. */
void job_pause(struct job *j, bool on);
bool job_paused(struct job *j);
/* The program ends: the job gives up at the next mini-batch, to be resumed. */
void job_quit(struct job *j);
/* Ends job_sleep. */
void job_poke(struct job *j);

/* Job thread.  The next line, caller frees, or NULL.  From then on, or from
 * job_begin, until job_idle the job is busy, and not cancelled at first. */
char *job_next(struct job *j, unsigned long *ticket);
void job_begin(struct job *j);
void job_idle(struct job *j);
/* The first waiting line that steers, out of turn. */
char *job_next_steering(struct job *j, unsigned long *ticket);
/* A line that was refused and not told of yet, in the order they came: caller
 * frees; or NULL.  *stopped: by job_stop, not by job_take_back. */
char *job_next_refused(struct job *j, bool *stopped);
/* Result of a ticket: code ERR_OK is success. */
void job_finish(struct job *j, unsigned long ticket, const struct err *result);
/* Sleeps until a line is posted or somebody pokes. */
void job_sleep(struct job *j);
bool job_quitting(const struct job *j);
/* What struct progress wants: true after job_stop and job_quit. */
const atomic_bool *job_cancel_flag(const struct job *j);
/* Forgets a stop, so that the stopped command can tidy up. */
void job_clear_cancel(struct job *j);

#endif
