/*
 * Which arrays of a file are pictures and which are labels, from their names,
 * shapes and row counts.
 */
#ifndef IO_DATA_FIND_H
#define IO_DATA_FIND_H

#include "io/h5_walk.h"

enum data_split { SPLIT_NONE, SPLIT_TRAIN, SPLIT_VALIDATION, SPLIT_TEST };
enum data_role { ROLE_NONE, ROLE_PICTURES, ROLE_LABELS, ROLE_NAMES };

/* What the words of a path tell.  extra counts the words that tell nothing, so
 * that "data" is preferred to "data_augmented". */
struct data_words {
    enum data_role role;
    enum data_split split;
    int extra;
};
struct data_words data_words_of(const char *path);

/* Items of a list, or -1. */
struct data_pair {
    int pictures, labels;
};
struct data_found {
    struct data_pair train, validation, test;
    int names; /* texts, one a class */
};

/* y is the list the labels are looked for in: usually x itself, but the two
 * may be files of their own.  Fails with a sentence on what is there instead;
 * labels that are not there at all give ERR_MISSING. */
enum err_code data_find(const struct h5_list *x, const struct h5_list *y,
                        struct data_found *out, struct err *err) MUST_CHECK;

/* "'images' float16 (300, 1, 28, 28), 'labels' uint8 (300)" appended, as many
 * as fit in a sentence. */
void data_list_text(const struct h5_list *l, struct str *out);
/* "float16 (300, 1, 28, 28)" appended. */
void data_item_text(const struct h5_item *item, struct str *out);

#endif
