/*
 * What the commands said, for the log view and for whoever listens.
 * Threads: the job thread only; the listener is called on it.
 */
#ifndef ENGINE_TRANSCRIPT_H
#define ENGINE_TRANSCRIPT_H

#include "engine/board.h"

#define TRANSCRIPT_LINES 1000

struct transcript;

struct transcript *transcript_new(void (*listen)(void *arg, enum log_kind kind,
                                                 const char *text),
                                  void *arg);
void transcript_free(struct transcript *t);
void transcript_add(struct transcript *t, enum log_kind kind, const char *text);
struct log_sheet *transcript_sheet(const struct transcript *t);

#endif
