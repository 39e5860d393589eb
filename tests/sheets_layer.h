/* Sheets of one layer and of its shared values for sheets.c: the first of
 * LeNet-300-100, half pruned, four bits beside zero. */
#ifndef TESTS_SHEETS_LAYER_H
#define TESTS_SHEETS_LAYER_H

#include "engine/board.h"

extern struct layer_sheet sheets_one_layer;
extern struct book_sheet sheets_one_book;

void sheets_layer_typical(void);
void sheets_layer_extreme(const char *hostile);
void sheets_layer_empty(void);

#endif
