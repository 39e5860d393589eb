/*
 * What the screen is shown: sheets made out of the bench and put on the board,
 * at most so often a second, and no oftener than the work can afford.
 * Threads: the job thread.
 */
#ifndef ENGINE_SHEETS_H
#define ENGINE_SHEETS_H

#include <stdbool.h>

#include "engine/bench.h"
#include "engine/board.h"

struct sheets;

struct sheets *sheets_new(void);
void sheets_free(struct sheets *s);

/* The sheet of that kind is out of date. */
void sheets_mark(struct sheets *s, enum sheet_kind kind);
void sheets_mark_all(struct sheets *s);

/* Publishes what is out of date, and what the screen wishes for.  Unless now
 * is set, only when it is time again. */
void sheets_publish(struct bench *b, bool now);

/* Share of the work that runs inside evaluations and loads, when no recipe
 * knows better; <0 unknown. */
void sheets_progress(struct bench *b, double share);
/* That again, though it is not time: the job is paused now. */
void sheets_progress_paused(struct bench *b);
/* `show VIEW` */
void sheets_show(struct bench *b, const char *view);
/* For commands whose answer is longer than the row of messages. */
void sheets_show_log(struct bench *b);

/* Guesses that `eval test` read at the current weights, for the data view;
 * copies. */
void sheets_keep_test(struct bench *b, const int32_t *guess,
                      const float *confidence, int n);

/* One wish of the screen each, made anew; NULL when it cannot be. */
struct layer_sheet *sheets_layer(struct bench *b,
                                 const struct board_wish *wish);
struct guesses;
struct data_sheet *sheets_data(struct bench *b, const struct board_wish *wish,
                               struct guesses *cache);
struct book_sheet *sheets_book(struct bench *b, const struct board_wish *wish);
struct exits_sheet *sheets_exits(struct bench *b);
/* A picture of those samples, and the names of the classes, in s's arena. */
const uint8_t *sheets_pixels(void *s, const struct dataset *d,
                             const struct samples *from, int sample);
const char (*sheets_classes(void *s, const struct dataset *d))[NAME_SIZE];
struct guesses *guesses_new(void);
void guesses_free(struct guesses *g);
void guesses_keep(struct guesses *g, const char *set, unsigned long weights,
                  const int32_t *guess, const float *confidence, int n);

#endif
