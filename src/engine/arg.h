/*
 * One argument of a command, or one setting, as a row: its type, range, where
 * its words come from.  Reading, help, completion and man page use the row.
 * Threads: no shared state.
 */
#ifndef ENGINE_ARG_H
#define ENGINE_ARG_H

#include <stdbool.h>

#include "base/err.h"

enum arg_type {
    ARG_TEXT,
    ARG_WORD,   /* one of the words of its source */
    ARG_INT,    /* whole number */
    ARG_REAL,   /* number */
    ARG_SHARE,  /* 20% or 0.2 */
    ARG_BOOL,   /* yes or no */
    ARG_FILE,   /* path of a file */
    ARG_LAYERS, /* pattern over layer names: fc*,conv1 */
    ARG_STAGE,  /* number or name of a stage in the history */
    ARG_EXPR    /* comparison of metrics: accuracy>=97% */
};

/* Where completion finds words.  Up to SOURCE_FIXED the words are known to the
 * program, and an ARG_WORD must be one of them. */
enum arg_source {
    SOURCE_NONE,
    SOURCE_OPTIMISERS,
    SOURCE_LR_SCHEDULES,
    SOURCE_SCHEDULES, /* of sparsity */
    SOURCE_CRITERIA,
    SOURCE_SCOPES,
    SOURCE_QUANTISERS,  /* ways of quantize */
    SOURCE_ACTIVATIONS, /* what quantize does with them */
    SOURCE_SCALES,
    SOURCE_RANGES,
    SOURCE_CALIBRATORS,
    SOURCE_QUANTISE_BY, /* clusters and calibrators */
    SOURCE_SHARED_STEPS,
    SOURCE_SETS, /* validation, test, train */
    SOURCE_MASKS,
    SOURCE_ZOO,
    SOURCE_YES_NO,
    SOURCE_FORMATS, /* of import */
    SOURCE_EXIT_ACTIONS,
    SOURCE_EXIT_LOOKS,
    SOURCE_EXIT_CRITERIA,
    SOURCE_EXIT_CHOICES,
    SOURCE_CODERS, /* of packed nets */
    SOURCE_CANCELS,
    SOURCE_COMMANDS,
    SOURCE_SETTINGS,
    SOURCE_METRICS,
    SOURCE_FIXED, /* counts those above */
    SOURCE_FILES = SOURCE_FIXED,
    SOURCE_NETS, /* shipped ones, and files */
    SOURCE_DATA, /* likewise */
    SOURCE_LAYERS,
    SOURCE_STAGES, /* marks and branches */
    SOURCE_VIEWS
};

struct arg_def {
    const char *name;
    const char *help; /* NULL: the setting's */
    enum arg_type type;
    enum arg_source source;
    double least, most; /* inclusive range of numbers; equal: unbounded */
    bool word;          /* may stand without its name, in order */
    bool required;
    bool rest; /* takes all words that are left, joined by blanks */
    /* The setting that fills it, or NULL.  A row that has a setting and no help
     * takes type, source, range and help from the setting: arg_full. */
    const char *setting;
    /* Of an ARG_WORD whose words are no numbers: the argument of the same row
     * that a number in its place is meant for, or NULL. */
    const char *number;
};
struct arg_def arg_full(const struct arg_def *d);

struct arg_value {
    bool given;       /* on the line, not filled */
    const char *text; /* as written; NULL when not given and not filled; of an
                         ARG_WORD the row's own name, never freed */
    double number;    /* of numbers; 0 or 1 of ARG_BOOL */
};

/* Reads text as the row says; *out->text points to text unless said above. */
enum err_code arg_read(const struct arg_def *d, const char *text,
                       struct arg_value *out, struct err *err) MUST_CHECK;

/* The i-th word of a fixed source, or NULL; help may be NULL. */
const char *arg_source_word(enum arg_source source, int i, const char **help);

/* "NUMBER", "SHARE", … for usage and man page. */
const char *arg_type_name(enum arg_type type);

/* The number as a command line would write it, so that reading it back gives
 * the same bits. */
const char *arg_number_text(enum arg_type type, double number, char *buf,
                            int size);

#endif
