/* The sheet of exits for sheets.c: three exits of B-LeNet's costs. */
#ifndef TESTS_SHEETS_EXITS_H
#define TESTS_SHEETS_EXITS_H

#include "engine/board.h"

extern struct exits_sheet sheets_exits_sheet;

/* pixels: ten pictures of 28x28; borrowed, as is name (10). */
void sheets_exits_typical(const uint8_t *pixels, char (*name)[NAME_SIZE]);
void sheets_exits_extreme(const char *hostile);

#endif
