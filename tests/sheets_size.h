/* Sheets of bytes and times for sheets.c: LeNet-300-100 packed after six
 * stages, and one layer timed. */
#ifndef TESTS_SHEETS_SIZE_H
#define TESTS_SHEETS_SIZE_H

#include "engine/board.h"

extern struct ledger_sheet sheets_ledger;
extern struct timing_sheet sheets_timing;

void sheets_size_typical(void);
void sheets_size_extreme(const char *hostile);
void sheets_size_empty(void);

#endif
