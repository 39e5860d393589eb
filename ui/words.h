/*
 * Numbers as the screen writes them.  Each function fills buf and returns it;
 * what is not known is a dash, whatever nonsense the value is.
 */
#ifndef UI_WORDS_H
#define UI_WORDS_H

#include <stddef.h>

enum { WORDS_SIZE = 32 };

/* 0.9783 with 2 digits: "97.83%"; negative or not finite: "-". */
const char *words_percent(double share, int digits, char *buf);
/* 0.0012 as percentage points: "+0.12"; not finite: "". */
const char *words_points(double change, char *buf);
/* "1.07 MB". */
const char *words_size(double bytes, char *buf);
/* "266.2k". */
const char *words_si(double value, char *buf);
/* "266,200". */
const char *words_count(long long value, char *buf);
/* 83 as "1:23", 7500 as "2:05:00"; negative: "-". */
const char *words_time(double seconds, char *buf);
/* Four significant digits. */
const char *words_number(double value, char *buf);

#endif
