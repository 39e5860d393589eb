/*
 * Files in and out.  Only this folder knows HDF5.  Every writer writes to a
 * temporary name beside the target, syncs, and renames: a crash leaves the old
 * file or the new one.  Every reader checks before it allocates and, on
 * failure, leaves *out alone.  Threads: the job thread only.
 */
#ifndef IO_IO_H
#define IO_IO_H

#include "base/str.h"
#include "data/dataset.h"
#include "net/net.h"
#include "par/progress.h"

/* Starts HDF5 and registers our filters; once. */
void io_start(void);

/* Opens a data set; *out is new and not split.  want (may be NULL) is the
 * attached net's input, which settles doubtful layouts. */
enum err_code data_open(const char *path, const struct shape *want,
                        const struct progress *progress, struct dataset **out,
                        struct err *err) MUST_CHECK;
/* Compressed HDF5 that data_open reads back to the same. */
enum err_code data_save(const char *path, const struct dataset *d,
                        struct err *err) MUST_CHECK;

/* Text that travels with a net in our own group: "key" -> "value" lines. */
struct net_note {
    struct str text; /* "key=value\n" lines, keys sorted by first use */
};
void net_note_set(struct net_note *n, const char *key, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Returns new, or NULL when absent. */
char *net_note_get(const struct net_note *n, const char *key);
void net_note_done(struct net_note *n);

/* Keras-compatible HDF5; masks, moments and note go to the group "espalier".
 * note may be NULL. */
enum err_code net_save(const char *path, const struct net *net,
                       const struct net_note *note, struct err *err) MUST_CHECK;
/* The same, telling how far it is; ERR_CANCELLED when it was stopped. */
enum err_code net_save_told(const char *path, const struct net *net,
                            const struct net_note *note,
                            const struct progress *progress,
                            struct err *err) MUST_CHECK;
/* What a file may leave open, and who is told; each may be NULL. */
struct net_hints {
    const struct progress *progress;
    const struct shape *input; /* of a net whose file does not say it */
    const char *model;         /* file with the architecture of weights */
    const struct net *like;    /* a net whose architecture weights may fit */
};
/* *out is new; hints and note may be NULL, note is filled; warnings (may be
 * NULL) gets lines for the user, such as "optimizer state present (3.2 MB), not
 * used". */
enum err_code net_load_with(const char *path, const struct net_hints *hints,
                            struct net **out, struct net_note *note,
                            struct str *warnings, struct err *err) MUST_CHECK;
/* The same without hints. */
enum err_code net_load(const char *path, struct net **out,
                       struct net_note *note, struct str *warnings,
                       struct err *err) MUST_CHECK;

/* Bytes of an HDF5 file with nothing but the net's arrays, each shuffled and
 * gzipped (level 9): what others compress a net to. */
enum err_code net_gzip_bytes(const struct net *net, double *bytes,
                             struct err *err) MUST_CHECK;

/* What a file is and how it would be read, as lines of text. */
enum err_code file_info(const char *path, struct str *out,
                        struct err *err) MUST_CHECK;

/* IDX files, plain or gzip, into a new data set. Names may be NULL for test. */
struct idx_names {
    const char *train_images, *train_labels, *test_images, *test_labels;
};
enum err_code idx_open(const struct idx_names *names, struct dataset **out,
                       struct err *err) MUST_CHECK;

/* Whole files of text; saving is atomic. */
enum err_code text_save(const char *path, const char *text,
                        struct err *err) MUST_CHECK;
enum err_code text_load(const char *path, struct str *out,
                        struct err *err) MUST_CHECK;

#endif
